"""The verbs: append, sequence; `erasing` has a file of its own. Verbs flush, never commit; a leaf is as durable as what
it is about."""

import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.errors import NotFound
from gongxin_wire import commitments, notes
from gongxin_wire.canonical import b64u, canonical

from . import keys, queries
from .models import LogCheckpoint, LogOpening
from .models_erasing import Erasure

PORTION = 5000
_EMPTY_AT: dict[str, datetime] = {}  # database → when this process last saw nothing waiting there


@dataclass(frozen=True, slots=True)
class Promise:
    """What a caller may rely on before the leaf has its place: within the merge delay it stands in the log."""

    leaf_id: uuid.UUID
    commitment: bytes

    def as_json(self) -> dict[str, str]:
        """As a receipt carries it."""
        return {"id": str(self.leaf_id), "commitment": b64u(self.commitment)}


def append(
    session: Session,
    *,
    kind: str,
    record: Mapping[str, Any],
    leaf_id: uuid.UUID | None = None,
    owner: uuid.UUID | None = None,
) -> Promise:
    """A leaf for a record, in the caller's transaction: no lock, no tree work. `leaf_id`: the record's own identifier
    where it has one; `owner`: the member that may read the opening beside the registry. `record` names its `kind`'s
    facts and no person."""
    return append_many(
        session, kind=kind, records=[record], leaf_ids=None if leaf_id is None else [leaf_id], owner=owner
    )[0]


def append_many(
    session: Session,
    *,
    kind: str,
    records: Sequence[Mapping[str, Any]],
    leaf_ids: Sequence[uuid.UUID] | None = None,
    owner: uuid.UUID | None = None,
) -> list[Promise]:
    """A leaf for each record, in their order."""
    if kind not in commitments.KINDS:
        raise ValueError(f"{kind} is no kind of leaf")
    chosen = [ids.new_id() for _ in records] if leaf_ids is None else list(leaf_ids)
    promises: list[Promise] = []
    for at in range(0, len(records), PORTION):
        some = chosen[at : at + PORTION]
        salts = os.urandom(commitments.SALT_BYTES * len(some))
        texts = [canonical_text(record) for record in records[at : at + PORTION]]
        queries.append(
            session, ids=some, kind=kind, salts=salts, records=[text.decode() for text in texts], owner=owner
        )
        promises += [
            Promise(leaf_id, commitments.commit_bytes(salts[32 * n : 32 * n + 32], text))
            for n, (leaf_id, text) in enumerate(zip(some, texts, strict=True))
        ]
    return promises


def is_appended(session: Session, leaf_id: uuid.UUID) -> bool:
    """Whether there is a leaf of this identifier, waiting or in its place."""
    return (queries.find_leaf(session, leaf_id) or queries.find_waiting(session, leaf_id)) is not None


def canonical_text(record: Mapping[str, Any]) -> bytes:
    """RFC 8785. Names in ASCII and values without fractions orjson writes alike, forty times as fast."""
    if all(name.isascii() for name in record) and all(map(_is_plain, record.values())):
        try:
            return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError as fault:
            raise ValueError("not representable in canonical JSON") from fault
    return canonical(record)


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind is int:
        return bool(-(2**53) < value < 2**53)
    return kind is str or kind is bool or value is None or (kind is list and all(type(each) is str for each in value))


def opening(session: Session, leaf_id: uuid.UUID) -> LogOpening:
    """Salt and record of a leaf, for the registry and the leaf's owner. Raises NotFound: erased, unknown, another's."""
    found = queries.find_opening(session, leaf_id)
    if found is None:
        raise no_opening(queries.find_erasure(session, leaf_id))
    return found


def moment(at: datetime) -> str:
    """RFC 3339 in UTC to the millisecond, as records carry it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sequence(session: Session, config: Config, limit: int = PORTION) -> int:
    """Gives waiting leaves their places and signs a checkpoint over them; how many. A job: can run in many processes
    at once, for the database lets one at a time and takes no checkpoint that is not of the log as it stands."""
    found = queries.integrate(session, limit, _EMPTY_AT.get(config.database_url))
    if found is None:
        return 0
    size, added, looked_at = found
    if not added:
        _EMPTY_AT[config.database_url] = looked_at
    if not added and queries.checkpoint_of(session, size) is not None:
        return 0
    key = keys.ensure(session, config)
    root = queries.root(session)
    text = notes.Checkpoint(key.origin, size, root).text
    signed = notes.Note(text, (notes.sign(text, key.origin, keys.private_key(config, key)),))
    session.add(LogCheckpoint(size=size, root=root, note=str(signed), key_id=key.id, signed_at=clock.now()))
    session.flush()
    return added


def start(session: Session, config: Config) -> None:
    """The log's key and its first checkpoint, where there are none. Can run twice."""
    keys.ensure(session, config)
    if queries.newest_checkpoint(session) is None:
        sequence(session, config)


def opened_record(found: LogOpening) -> dict[str, Any]:
    """The record of an opening, as it was given."""
    record: dict[str, Any] = orjson.loads(found.record)
    return record


def no_opening(erasure: Erasure | None) -> NotFound:
    """There is no opening that the caller may read; where its record was erased, on which ground and when."""
    told = erasure and {
        "because": erasure.because,
        "erased_at": moment(erasure.erased_at),
        "erasure_leaf": str(erasure.erasure_id),
        "ground": erasure.ground,
    }
    return NotFound(
        "no_opening",
        zh="没有可用的揭示",
        en="There is no opening of this leaf",
        fix_zh="该叶未知、已擦除或属于其他机构；日志中的位置仍可证明。",
        fix_en="It is unknown, erased or another's; its place in the log can still be proven.",
        extra={"erased": told} if told else {},
    )
