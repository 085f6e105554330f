"""A member as a witness of the log: it signs a head only where that head continues everything it saw before.

    witness = Witness(registry, keys.load("witness.pem"), Store(Path("witness.json")))
    witness.register()
    witness.once()

One round: both what witnesses are asked to sign (`/log/round`: the same for all within a minute) and what everyone is
shown (`/log/checkpoint`) are looked at; the head goes to the disk; then it is signed, and the cosignature handed in.
Cut off anywhere, the next round goes on from there. Against a split view nothing is signed: the evidence is kept beside
the memory, reported, and no further head is signed until a person has looked (`resume`).
"""

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gongxin_wire import notes, splits
from gongxin_wire.canonical import unb64u

from . import clock, files
from .errors import BadInput, ClientError, VerificationFailed
from .heads import Head, Memory, SplitView, Store, look, may_sign
from .keys import SigningKey
from .log import parse_vkey, split_body
from .registry import Registry
from .shapes import text, texts

FORMAT = "gongxin-split-1"
POSSESSION = "gongxin witness 1"


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did. `outcome`: signed, or nothing_new; `quorum`: how many witnesses the registry wants."""

    outcome: str
    size: int
    cosigned_by: tuple[str, ...] = ()
    quorum: int | None = None


class Witness:
    """One witness with its key and its memory."""

    def __init__(self, registry: Registry, key: SigningKey, store: Store) -> None:
        if not isinstance(key.private, Ed25519PrivateKey):
            raise BadInput(
                "witness_key_kind", "见证密钥应为 Ed25519", "A witness's key is Ed25519",
                "用 gongxin-member witness key 生成。", "Make one with gongxin-member witness key.",
            )  # fmt: skip
        self.registry, self.store = registry, store
        self._private: Ed25519PrivateKey = key.private

    def vkey(self, name: str) -> notes.VerifierKey:
        """What others verify our cosignatures with."""
        return notes.VerifierKey(name, self._private.public_key().public_bytes_raw(), notes.COSIGNATURE)

    def default_name(self) -> str:
        """The registry's host and our member id: no other member can use it."""
        return f"{urlsplit(self.registry.profile.registry).netloc}/witness/{self.registry.member_id()}"

    def register(self, name: str | None = None, *, adopt: bool = False) -> notes.VerifierKey:
        """Registers the key and begins a memory where there is none. A key that has signed before gets its last head
        back from the registry only with `adopt`: for a person who knows why the memory was lost."""
        log = self.registry.head().checkpoint.origin
        with self.store.opened() as store:
            try:
                memory = store.read()
            except BadInput as fault:
                if fault.code != "witness_unknown" and not adopt:
                    raise
                store.path.unlink(missing_ok=True)
                memory = Memory(log, name or self.default_name())
            key = self.vkey(memory.name)
            message = possession(self.registry.profile.registry, self.registry.member_id(), str(key))
            self.registry.register_witness(str(key), self._private.sign(message))
            last = self._last(key)
            if last is not None and (memory.signed is None or last.size > memory.signed.size):
                if not adopt:
                    raise _rolled_back()
                memory = replace(look(memory, last, self.registry.reader), signed=last, posted=last.size)
            store.write(memory)
        return key

    def once(self) -> Round:
        """One round. Raises SplitView, VerificationFailed; Unavailable, NotConnected where it is to be tried again."""
        with self.store.opened() as store:
            memory = store.read()
            if memory.halted is not None:
                raise _halted(memory.halted)
            key = self.vkey(memory.name)
            last = self._last(key)
            if last is not None and (memory.signed is None or last.size > memory.signed.size):
                raise _rolled_back()
            head, seen = self.registry.head("/log/round"), memory
            try:
                for shown in (head, self.registry.head()):
                    _check_log(memory, shown)
                    seen = look(seen, shown, self.registry.reader)
            except SplitView as split:
                self._refuse(store, memory, split)
                raise
            if not may_sign(seen, head):
                if seen != memory:
                    store.write(seen)
                return Round("nothing_new", head.size)
            memory = store.write(replace(seen, signed=head))
            note = notes.parse_note(head.note)
            mine = notes.cosign(note.text, memory.name, self._private, clock.epoch_seconds())
            answer = self.registry.post_cosignature(str(notes.with_signatures(note, [mine])))
            store.write(replace(memory, posted=head.size))
        names, quorum = answer.get("cosigned_by"), answer.get("quorum")
        return Round(
            "signed", head.size, tuple(map(str, names)) if isinstance(names, list) else (),
            quorum if isinstance(quorum, int) else None,
        )  # fmt: skip

    def resume(self) -> Memory:
        """Signs again after a person has looked at the evidence; the heads stay as they are."""
        with self.store.opened() as store:
            return store.write(replace(store.read(), halted=None))

    def _last(self, key: notes.VerifierKey) -> Head | None:
        """The newest head that this key signed, as the registry holds it: both signatures are checked."""
        entry = next((each for each in self.registry.witnesses() if each.vkey == str(key)), None)
        return None if entry is None or entry.last_note is None else last_signed(self.registry, entry.last_note, key)

    def _refuse(self, store: Store, memory: Memory, split: SplitView) -> None:
        """Evidence first, then the halt, then the report: a cut between them loses none of it."""
        keys = [str(key) for key in self.registry.log_keys()]
        path = save_evidence(split.split, store.path.parent, self.registry.profile.registry, keys)
        if split.split.kind == splits.FORK:
            store.write(replace(memory, halted=path.name))
        split.evidence = path
        with contextlib.suppress(ClientError):
            self.registry.report_split(split.split)
            split.reported = True


def possession(registry: str, member_id: str, vkey: str) -> bytes:
    """What a key signs to be registered: that its holder is this member."""
    return f"{POSSESSION}\n{registry}\n{member_id}\n{vkey}\n".encode()


def last_signed(registry: Registry, note: str, key: notes.VerifierKey) -> Head:
    """The head of a note that log and witness both signed. Raises VerificationFailed."""
    head = registry.open_head(note)
    try:
        notes.verify(notes.parse_note(note), key)
    except notes.NoteError as fault:
        raise VerificationFailed(
            "bad_cosignature", "登记处所示的见证签名不成立", "A cosignature that the registry shows does not hold"
        ) from fault
    return head


def _check_log(memory: Memory, shown: Head) -> None:
    if shown.checkpoint.origin != memory.log:
        raise VerificationFailed("another_log", "这是另一份日志", "This is another log than the one witnessed")


def save_evidence(split: splits.Split, folder: Path, registry: str, log: Sequence[str]) -> Path:
    """Keeps a split view as a file of its own: both signed heads, the proof, the log's keys."""
    body = {"format": FORMAT, "registry": registry, "log": list(log), **split_body(split)}
    data = json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"
    path = folder / f"split-{split.kind}-{hashlib.sha256(data).hexdigest()[:16]}.json"
    files.replace(path, data)
    return path


def check_evidence(path: Path, log: Sequence[str]) -> splits.Split:
    """What an evidence file proves against these keys of the log. Raises BadInput, VerificationFailed."""
    try:
        body = json.loads(path.read_text("utf-8"))
        if not isinstance(body, dict) or body.get("format") != FORMAT:
            raise ValueError(FORMAT)
        split = splits.Split(
            text(body, "kind"), text(body, "earlier"), text(body, "later"), unb64u(text(body, "claimed")),
            tuple(map(unb64u, texts(body, "path"))),
        )  # fmt: skip
    except (OSError, ValueError, ClientError) as fault:
        raise BadInput("not_evidence", "这不是分叉证据文件", "This is no file of evidence of a split view") from fault
    try:
        splits.check(split, [parse_vkey(vkey) for vkey in log])
    except ValueError as fault:
        raise VerificationFailed(
            "evidence_does_not_hold", "证据不成立", f"The evidence does not hold ({fault})"
        ) from fault
    return split


def _halted(name: str) -> VerificationFailed:
    return VerificationFailed(
        "witness_halted", f"因日志分叉已停止见证，证据见 {name}", f"Witnessing was stopped by a split view; see {name}",
        "查明之后由负责人执行 gongxin-member witness resume。",
        "Once it is settled, whoever is responsible runs gongxin-member witness resume.",
    )  # fmt: skip


def _rolled_back() -> VerificationFailed:
    return VerificationFailed(
        "witness_rolled_back", "见证记录早于本机构已签的检查点", "The memory is older than what we have signed",
        "查明原因（恢复了旧备份？），再执行 gongxin-member witness key --adopt。",
        "Find out why (an old backup?), then run gongxin-member witness key --adopt.",
    )  # fmt: skip
