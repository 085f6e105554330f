"""Blind tokens for identifiers (RFC 9497): blind here, evaluate there, verify against the pinned key, finalise here.

The registry sees blinded group elements and, later, tokens; an identifier never leaves this process.
"""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gongxin_wire.canonical import b64u, unb64u
from gongxin_wire.identifiers import NORMALISATION
from gongxin_wire.voprf import oprf

from . import clock
from .auth import Connection
from .errors import VerificationFailed
from .http import Repeat, unreadable
from .models import Identifier
from .shapes import items, text, whole

SUITE, MODE = "ristretto255-SHA512", "VOPRF"
NEEDED = ("retiring", "live")
_KEYS_SECONDS = 60.0
_MAX_EPOCHS = 2

Entry = dict[str, Any]
"""One entry of a `subject` field: {"epoch": int, "token": 43 characters of base64url}."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One published key: `state` next, live or retiring; `public_key` 32 bytes."""

    data_set: str
    epoch: int
    state: str
    public_key: bytes


class Subjects:
    """Tokens over one connection; safe for many threads. `cache_size` tokens are kept in memory (none by default),
    under a keyed digest of the identifier."""

    def __init__(self, connection: Connection, *, cache_size: int = 0) -> None:
        self._connection, self._cache_size = connection, cache_size
        self._cache: OrderedDict[tuple[str, int, bytes], str] = OrderedDict()
        self._cache_key = os.urandom(32)
        self._epochs: tuple[float, list[Epoch]] | None = None
        self._lock = threading.Lock()

    def epochs(self, data_set: str = "debtor", *, refresh: bool = False) -> list[Epoch]:
        """The published epochs of a data set, at most a minute old. Raises VerificationFailed where a key differs
        from the one pinned, or the registry uses another suite or normalisation than this SDK."""
        held = self._epochs
        if held is None or refresh or held[0] < clock.monotonic():
            body = self._connection.read("GET", "/v1/subjects/keys", scope=None)
            held = self._epochs = (clock.monotonic() + _KEYS_SECONDS, list(self._read(body)))
        return [epoch for epoch in held[1] if epoch.data_set == data_set]

    def needed(self, data_set: str = "debtor", *, refresh: bool = False) -> list[Epoch]:
        """The epochs a record and a question need a token of: the live one and, while keys rotate, the retiring one,
        by which alone older records are known."""
        found = [epoch for epoch in self.epochs(data_set, refresh=refresh) if epoch.state in NEEDED]
        if not found or len(found) > _MAX_EPOCHS:
            raise unreadable()
        return sorted(found, key=lambda epoch: epoch.epoch)

    def of(self, identifiers: Sequence[Identifier], data_set: str = "debtor") -> list[list[Entry]]:
        """For each identifier its `subject` field, in order. Raises VerificationFailed, Refused, Unavailable,
        NotConnected."""
        found: list[list[Entry]] = [[] for _ in identifiers]
        for epoch in self.needed(data_set):
            for entries, token in zip(found, self._tokens(identifiers, epoch), strict=True):
                entries.append({"epoch": epoch.epoch, "token": token})
        return found

    # --- keys -----------------------------------------------------------------------------------------------------

    def _read(self, body: dict[str, Any]) -> Iterable[Epoch]:
        found: list[Epoch] = []
        for data_set in items(body, "data_sets"):
            if (text(data_set, "suite"), text(data_set, "mode"), text(data_set, "normalisation")) != (
                SUITE, MODE, NORMALISATION,
            ):  # fmt: skip
                raise VerificationFailed(
                    "other_normalisation", "登记处使用本版 SDK 不认识的算法或规范形式",
                    "The registry uses a suite or normalisation that this SDK does not know",
                    "升级 gongxin-member。", "Upgrade gongxin-member.",
                )  # fmt: skip
            for entry in items(data_set, "epochs"):
                found.append(
                    Epoch(
                        text(data_set, "data_set"),
                        whole(entry, "epoch"),
                        text(entry, "state"),
                        _bytes(entry, "public_key", 32),
                    )
                )
        profile = self._connection.profile
        for epoch in found:
            pinned = profile.pins.subjects.get(f"{epoch.data_set}/{epoch.epoch}")
            if pinned is None and profile.strict_pins and epoch.state in NEEDED:
                raise VerificationFailed(
                    "key_not_trusted",
                    "登记处启用了尚未信任的盲化密钥",
                    "The registry uses a blinding key that is not trusted yet",
                    "核对后执行 gongxin-member profile trust。", "Compare it, then run gongxin-member profile trust.",
                )  # fmt: skip
            if pinned is not None and pinned != b64u(epoch.public_key):
                raise VerificationFailed(
                    "pinned_key_differs",
                    "登记处公布的盲化密钥与首次所见不同",
                    "The published blinding key differs from the one first seen",
                    "停止使用并联系登记处。", "Stop, and call the registry.",
                )  # fmt: skip
        if not profile.strict_pins:
            profile.remember(subjects={f"{e.data_set}/{e.epoch}": b64u(e.public_key) for e in found})
        return found

    # --- tokens ---------------------------------------------------------------------------------------------------

    def _tokens(self, identifiers: Sequence[Identifier], epoch: Epoch) -> list[str]:
        distinct = list(dict.fromkeys(identifier.octets for identifier in identifiers))
        known = self._cached(distinct, epoch)
        missing = [octets for octets in distinct if octets not in known]
        for start in range(0, len(missing), oprf.MAX_BATCH):
            batch = missing[start : start + oprf.MAX_BATCH]
            fresh = dict(zip(batch, self._evaluate(batch, epoch), strict=True))
            self._keep(fresh, epoch)
            known |= fresh
        return [known[identifier.octets] for identifier in identifiers]

    def _evaluate(self, inputs: list[bytes], epoch: Epoch) -> list[str]:
        blinded = oprf.blind(inputs)
        elements = [entry.element for entry in blinded]
        body = {"data_set": epoch.data_set, "epoch": epoch.epoch, "elements": [b64u(element) for element in elements]}
        # A pure function of its input: asking twice gives the same tokens, at the price of the budget.
        reply = self._connection.read(
            "POST", "/v1/subjects/evaluations", scope="subjects.evaluate", json_body=body, repeat=Repeat.ALWAYS
        )
        texts = reply.get("evaluated")
        if not isinstance(texts, list) or len(texts) != len(inputs):
            raise unreadable()
        try:
            evaluated = [unb64u(entry) for entry in texts]
        except (ValueError, TypeError) as fault:
            raise unreadable() from fault
        proof = _bytes(reply, "proof", 64)
        # The proof is checked against the published key, whatever key the reply names.
        if not oprf.verify(epoch.public_key, elements, evaluated, proof):
            raise VerificationFailed(
                "proof_does_not_hold", "盲化求值的证明不成立", "The proof of blind evaluation does not hold",
                "不使用该结果；联系登记处。", "Nothing of it was used; call the registry.",
            )  # fmt: skip
        return [
            b64u(oprf.token(oprf.finalize(data, entry.blind, element)))
            for data, entry, element in zip(inputs, blinded, evaluated, strict=True)
        ]

    def _cached(self, inputs: Iterable[bytes], epoch: Epoch) -> dict[bytes, str]:
        if not self._cache_size:
            return {}
        found: dict[bytes, str] = {}
        with self._lock:
            for octets in inputs:
                key = self._name(octets, epoch)
                if key in self._cache:
                    self._cache.move_to_end(key)
                    found[octets] = self._cache[key]
        return found

    def _keep(self, fresh: dict[bytes, str], epoch: Epoch) -> None:
        if not self._cache_size:
            return
        with self._lock:
            for octets, token in fresh.items():
                self._cache[self._name(octets, epoch)] = token
            while len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)

    def _name(self, octets: bytes, epoch: Epoch) -> tuple[str, int, bytes]:
        return epoch.data_set, epoch.epoch, hashlib.blake2b(octets, key=self._cache_key, digest_size=32).digest()


def _bytes(body: dict[str, Any], name: str, length: int) -> bytes:
    try:
        found = unb64u(text(body, name))
    except ValueError as fault:
        raise unreadable() from fault
    if len(found) != length:
        raise unreadable()
    return found
