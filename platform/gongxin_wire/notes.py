"""Signed notes, checkpoints, cosignatures and proofs as text: C2SP signed-note, tlog-checkpoint, tlog-cosignature/v1
and tlog-proof. Parsers are strict: what they take is exactly what the formatters write."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from . import merkle

ED25519 = 1
COSIGNATURE = 4
MAX_SIGNATURES = 100
MAX_NOTE_BYTES = 1_000_000
PROOF_HEADER = "c2sp.org/tlog-proof@v1"

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_VKEY = re.compile(r"([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
_SIGNATURE_BYTES = {ED25519: 64, COSIGNATURE: 72}


class NoteError(ValueError):
    """Not a note of this form, or not signed by the key asked for; the message says which."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One line: who signed (name and key id) and the bytes, not yet verified."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        return f"— {self.name} {_b64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text, ending in a newline, and its signatures; nothing is verified by parsing."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(each.line for each in self.signatures)}"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Whose signature counts. `kind`: ED25519 (a log's own) or COSIGNATURE (a witness's)."""

    name: str
    public: bytes
    kind: int = ED25519

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.kind not in _SIGNATURE_BYTES or len(self.public) != 32:
            raise NoteError("not an Ed25519 verifier key")

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        """The vkey: name+id+base64(kind || public key)."""
        return f"{self.name}+{self.key_id.hex()}+{_b64(bytes([self.kind]) + self.public)}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: its first `size` entries have this root."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in (self.origin, self.size, _b64(self.root), *self.extensions))


@dataclass(frozen=True, slots=True)
class Proof:
    """A tlog-proof: offline, with the log's and the witnesses' keys. `extra` is not authenticated."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def __str__(self) -> str:
        head = [PROOF_HEADER]
        if self.extra is not None:
            head.append(f"extra {_b64(self.extra)}")
        lines = [*head, f"index {self.index}", *map(_b64, self.hashes)]
        return "\n".join(lines) + "\n\n" + self.checkpoint


def check_name(name: str) -> None:
    """Raises NoteError for a key name that C2SP does not allow: empty, with a space, plus or control character."""
    if not name or "+" in name or any(c.isspace() or ord(c) < 32 for c in name) or not _utf8(name):
        raise NoteError("a key name is empty or has a space or a plus")


def parse_vkey(text: str) -> VerifierKey:
    """A verifier key as text. Raises NoteError."""
    found = _VKEY.fullmatch(text)
    if found is None:
        raise NoteError("not a verifier key")
    body = _unb64(found[3], "the verifier key")
    key = VerifierKey(found[1], body[1:], body[0]) if body else None
    if key is None or key.key_id.hex() != found[2]:
        raise NoteError("the verifier key's id is not that of its key")
    return key


def parse_note(data: str | bytes) -> Note:
    """The text before the last empty line and the signature lines after it. Raises NoteError."""
    text = _text(data)
    if any(ord(c) < 32 and c != "\n" for c in text):
        raise NoteError("a note has a control character")
    at = text.rfind("\n\n")
    if at < 0 or not text.endswith("\n") or at + 2 == len(text):
        raise NoteError("a note has no signature lines")
    lines = text[at + 2 : -1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteError("a note has too many signatures")
    return Note(text[: at + 1], tuple(map(parse_signature, lines)))


def parse_signature(line: str) -> Signature:
    """One signature line without its newline. Raises NoteError."""
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—":
        raise NoteError("not a signature line")
    check_name(parts[1])
    body = _unb64(parts[2], "a signature")
    if len(body) < 5:
        raise NoteError("a signature is too short")
    return Signature(parts[1], body[:4], body[4:])


def sign(text: str, name: str, private: Ed25519PrivateKey) -> Signature:
    """The log's own signature over a note's text."""
    if not text.endswith("\n"):
        raise NoteError("a note's text ends with a newline")
    return Signature(name, VerifierKey(name, _raw(private)).key_id, private.sign(text.encode()))


def cosign(text: str, name: str, private: Ed25519PrivateKey, timestamp: int) -> Signature:
    """A witness's cosignature/v1 over a checkpoint's text, as of `timestamp` (POSIX seconds)."""
    if not 0 <= timestamp <= merkle.MAX_SIZE:
        raise NoteError("a cosignature's time is out of range")
    key = VerifierKey(name, _raw(private), COSIGNATURE)
    signed = private.sign(_cosigned(text, timestamp))
    return Signature(name, key.key_id, timestamp.to_bytes(8) + signed)


def verify(note: Note, key: VerifierKey) -> int | None:
    """The time of the key's cosignature, None where the key is a log's own. Raises NoteError unless the key signed this
    note, and where any signature that claims to be the key's is not."""
    mine = [each for each in note.signatures if each.name == key.name and each.key_id == key.key_id]
    if not mine:
        raise NoteError(f"the note is not signed by {key.name}")
    public, times = Ed25519PublicKey.from_public_bytes(key.public), []
    for each in mine:
        if len(each.signature) != _SIGNATURE_BYTES[key.kind]:
            raise NoteError(f"a signature of {key.name} has another length")
        message = note.text.encode()
        if key.kind == COSIGNATURE:
            times.append(int.from_bytes(each.signature[:8]))
            if times[-1] > merkle.MAX_SIZE:
                raise NoteError("a cosignature's time is out of range")
            message = _cosigned(note.text, times[-1])
        try:
            public.verify(each.signature[-64:], message)
        except InvalidSignature as fault:
            raise NoteError(f"a signature of {key.name} does not verify") from fault
    return max(times, default=None)


def parse_checkpoint(text: str) -> Checkpoint:
    """The text of a checkpoint's note. Raises NoteError."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "" or "" in lines:
        raise NoteError("a checkpoint has at least three lines, none empty")
    root = _unb64(lines[2], "the root hash")
    if len(root) != merkle.HASH_BYTES:
        raise NoteError("the root hash is not of 32 bytes")
    return Checkpoint(lines[0], _decimal(lines[1], "the tree size"), root, tuple(lines[3:]))


def open_checkpoint(data: str | bytes, key: VerifierKey) -> tuple[Checkpoint, Note]:
    """A checkpoint signed by the log with this key, whose name is the log's origin. Raises NoteError."""
    note = parse_note(data)
    verify(note, key)
    found = parse_checkpoint(note.text)
    if found.origin != key.name:
        raise NoteError(f"the checkpoint is of another log than {key.name}")
    return found, note


def parse_proof(data: str | bytes) -> Proof:
    """A tlog-proof; its checkpoint is kept verbatim and not verified. Raises NoteError."""
    head, gap, checkpoint = _text(data).partition("\n\n")
    lines = head.split("\n")
    if lines.pop(0) != PROOF_HEADER or not gap or not checkpoint:
        raise NoteError(f"a proof begins with {PROOF_HEADER} and ends with a checkpoint")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = _unb64(lines.pop(0)[6:], "the extra data")
    if not lines or not lines[0].startswith("index "):
        raise NoteError("a proof has no index line")
    index = _decimal(lines.pop(0)[6:], "the index")
    hashes = tuple(_unb64(line, "a hash of the proof") for line in lines)
    if len(hashes) > 63 or any(len(each) != merkle.HASH_BYTES for each in hashes):
        raise NoteError("a proof has at most 63 hashes, of 32 bytes each")
    return Proof(index, hashes, checkpoint, extra)


def verify_proof(proof: Proof, leaf_hash: bytes, log: VerifierKey) -> tuple[Checkpoint, Note]:
    """That the leaf stands in the log at the proof's index. Raises NoteError or ProofError. Witnesses are verified on
    the note returned."""
    found, note = open_checkpoint(proof.checkpoint, log)
    merkle.verify_inclusion(leaf_hash, proof.index, found.size, proof.hashes, found.root)
    return found, note


def with_signatures(note: Note, further: Iterable[Signature]) -> Note:
    """The same text with further lines; none twice."""
    return Note(note.text, tuple(dict.fromkeys([*note.signatures, *further])))


def witnesses(note: Note, keys: Sequence[VerifierKey]) -> dict[str, int]:
    """The time at which each of these witnesses cosigned; those that did not are absent. Raises as `verify`."""
    present = {(each.name, each.key_id) for each in note.signatures}
    return {key.name: verify(note, key) or 0 for key in keys if (key.name, key.key_id) in present}


def _cosigned(text: str, timestamp: int) -> bytes:
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def _raw(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes_raw()


def _decimal(text: str, what: str) -> int:
    if _DECIMAL.fullmatch(text) is None or int(text) > merkle.MAX_SIZE:
        raise NoteError(f"{what} is not a decimal without leading zeroes")
    return int(text)


def _text(data: str | bytes) -> str:
    try:
        text = data.decode() if isinstance(data, bytes) else data
        raw = text.encode()
    except UnicodeError as fault:
        raise NoteError("not UTF-8") from fault
    if len(raw) > MAX_NOTE_BYTES:
        raise NoteError("too long")
    return text


def _utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeError:
        return False
    return True


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unb64(text: str, what: str) -> bytes:
    """RFC 4648 section 4, strict: padded, no foreign character, one text for one value."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as fault:
        raise NoteError(f"{what} is not base64") from fault
    if _b64(data) != text:
        raise NoteError(f"{what} is not canonical base64")
    return data
