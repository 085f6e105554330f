"""The verbs on epochs and tokens. Verbs flush, never commit."""

import hmac
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import Conflict, Invalid, NotFound
from gongxin.sealed import seal, unseal
from gongxin.transparency import service as transparency
from gongxin.web.caller import Caller
from gongxin.web.runtime import Runtime
from gongxin_wire.canonical import b64u
from gongxin_wire.voprf import oprf

from . import budgets, evaluator, queries, rules
from .models import SubjectEpoch
from .rules import Epoch

_EPOCHS_SECONDS = 2.0
_KEY_LABEL = b"gongxin subject key 1"


# --- epochs ---------------------------------------------------------------------------------------------------------


def ensure_epochs(session: Session, config: Config) -> None:
    """Each data set gets a live epoch and the one after it, where it has none. Can run twice."""
    for data_set in rules.DATA_SETS:
        held = queries.all_epochs_for_update(session, data_set)
        if not held:
            _add(session, config, data_set, 1, "live")
        if not any(epoch.state in {"next", "retiring"} for epoch in held):
            _add(session, config, data_set, max((epoch.epoch for epoch in held), default=1) + 1, "next")


def rotate(session: Session, config: Config, data_set: str) -> list[Epoch]:
    """next → live, live → retiring; both stay open until `retire`. Raises Conflict while an older one is retiring."""
    by_state = {epoch.state: epoch for epoch in _held(session, data_set)}
    if "retiring" in by_state:
        raise Conflict(
            "epoch_still_retiring",
            zh="上一密钥期尚未停用",
            en="The epoch before is still retiring",
            fix_zh="先停用旧密钥期，再轮换。",
            fix_en="Retire the old epoch, then rotate.",
            extra={"epoch": by_state["retiring"].epoch},
        )
    _move(session, by_state["live"], "retiring")
    _move(session, by_state["next"], "live")
    return queries.epochs(session)


def retire(session: Session, config: Config, data_set: str, epoch: int) -> list[Epoch]:
    """retiring → retired, and the next epoch is made. Raises Conflict while open cases are known by this one alone."""
    held = {row.epoch: row for row in _held(session, data_set)}
    if epoch not in held:
        raise _unknown_epoch(data_set, epoch)
    unmoved = queries.count_unmoved(session, data_set, epoch) if held[epoch].state == "retiring" else 0
    rules.check_retire(held[epoch].state, unmoved)
    _move(session, held[epoch], "retired")
    _add(session, config, data_set, max(held) + 1, "next")
    return queries.epochs(session)


def _held(session: Session, data_set: str) -> Sequence[SubjectEpoch]:
    held = queries.all_epochs_for_update(session, data_set)
    if not held:
        raise _unknown_epoch(data_set, None)
    return held


def _add(session: Session, config: Config, data_set: str, epoch: int, state: str) -> None:
    secret, public = oprf.generate_key_pair()
    sealed = seal(config.master_key, _seal_label(data_set, epoch), secret)
    made = SubjectEpoch(data_set=data_set, epoch=epoch, public_key=public, sealed_secret=sealed, state=state)
    session.add(made)
    session.flush()
    _prove(session, made)


def _move(session: Session, epoch: SubjectEpoch, state: str) -> None:
    epoch.state = state
    epoch.changed_at = clock.now()
    session.flush()
    _prove(session, epoch)


def _prove(session: Session, epoch: SubjectEpoch) -> None:
    """A leaf for the state an epoch has from now on."""
    transparency.append(
        session,
        kind="epoch",
        record={
            "changed_at": transparency.moment(clock.now()),
            "data_set": epoch.data_set,
            "epoch": epoch.epoch,
            "public_key": b64u(epoch.public_key),
            "state": epoch.state,
        },
    )


def _seal_label(data_set: str, epoch: int) -> str:
    return f"subject-epoch|{data_set}|{epoch}"


def _unknown_epoch(data_set: str, epoch: int | None) -> NotFound:
    return NotFound(
        "epoch_not_found",
        zh="没有这个密钥期",
        en="There is no such epoch",
        fix_zh="按 GET /v1/subjects/keys 核对。",
        fix_en="See GET /v1/subjects/keys.",
        extra={"data_set": data_set if data_set in rules.DATA_SETS else None, "epoch": epoch},
    )


def open_epochs(source: Session | Runtime, data_set: str = "debtor") -> list[Epoch]:
    """Epochs that are not retired. From a runtime they are up to two seconds old; from a session read once in it."""
    kept: dict[str, Any] = source.caches if isinstance(source, Runtime) else source.info
    held = kept.get("subject_epochs")
    if held is None or held[0] < clock.monotonic():
        if isinstance(source, Runtime):
            with transaction(source.engine) as session:
                found = queries.epochs(session)
        else:
            found = queries.epochs(source)
        held = kept["subject_epochs"] = (clock.monotonic() + _EPOCHS_SECONDS, found)
    return [epoch for epoch in held[1] if epoch.data_set == data_set]


# --- tokens and keys ------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def key_prefix(data_set: str, epoch: int) -> bytes:
    """What stands before the token under the HMAC; no part holds a `|`."""
    return b"%s|%s|%d|" % (_KEY_LABEL, data_set.encode(), epoch)


def subject_key(config: Config, data_set: str, epoch: int, token: bytes) -> bytes:
    """The 32 bytes that are stored: HMAC-SHA256(pepper, label | data set | epoch | token)."""
    return hmac.digest(config.pepper, key_prefix(data_set, epoch) + token, "sha256")


def parse_subject(
    config: Config,
    source: Session | Runtime,
    subject: Any,
    data_set: str = "debtor",
    *,
    complete: bool = False,
    pointer: str = "/subject",
) -> list[tuple[int, bytes]]:
    """(epoch, subject key) pairs of a `subject` field. `complete` demands every epoch that a stored record needs.
    Raises Invalid at the exact place."""
    epochs = open_epochs(source, data_set)
    pairs = rules.check_subject(subject, rules.accepted(epochs), pointer)
    if complete:
        rules.check_complete((epoch for epoch, _ in pairs), rules.required(epochs), pointer)
    return keys_of(config, data_set, pairs)


def keys_of(config: Config, data_set: str, pairs: Iterable[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """(epoch, token) → (epoch, subject key)."""
    return [(epoch, subject_key(config, data_set, epoch, token)) for epoch, token in pairs]


# --- blind evaluation -----------------------------------------------------------------------------------------------


def evaluate(
    runtime: Runtime, caller: Caller, data_set: str, epoch: int, elements: Sequence[bytes]
) -> tuple[list[bytes], bytes, bytes]:
    """(evaluated elements, one proof over all, the epoch's public key); counted against the member's day.
    Raises Invalid where the epoch is not open or an element is no canonical group element."""
    public = next((e.public_key for e in open_epochs(runtime, data_set) if e.epoch == epoch), None)
    if public is None:
        raise Invalid(
            "epoch_not_open",
            zh="该密钥期未开放",
            en="This epoch is not open",
            fix_zh="按 GET /v1/subjects/keys 所列密钥期求值。",
            fix_en="Use an epoch of GET /v1/subjects/keys.",
            pointer="/epoch",
        )
    rules.check_elements(elements)
    budgets.take(runtime, caller, budgets.EVALUATION, len(elements))
    run = runtime.caches.setdefault("evaluator", evaluator.local(lambda name, number: _secret(runtime, name, number)))
    evaluated, proof = run(data_set, epoch, elements)
    return evaluated, proof, public


def _secret(runtime: Runtime, data_set: str, epoch: int) -> tuple[bytes, bytes]:
    kept: dict[tuple[str, int], tuple[bytes, bytes]] = runtime.caches.setdefault("subject_secrets", {})
    if (data_set, epoch) not in kept:
        with transaction(runtime.engine) as session:
            found = queries.find_secret(session, data_set, epoch)
        if found is None:
            raise _unknown_epoch(data_set, epoch)
        secret = unseal(runtime.config.master_key, _seal_label(data_set, epoch), found[0])
        kept[data_set, epoch] = secret, found[1]
    return kept[data_set, epoch]
