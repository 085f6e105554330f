"""Proofs from the log, kept beside what they prove and checked years later without a network.

One text file, a C2SP tlog-proof: the leaf's place, the path to the root, the checkpoint with the lines of log and
witnesses. Its `extra` line carries what C2SP has no place for: the leaf's kind, its opening (salt and record) where it
is ours, and the time stamp of the checkpoint. Nothing in the file is believed for being there: keys come from outside.

    leaf → entry → place in the tree → signed checkpoint → witnesses → time stamp

`check` goes that way and names the first thing that fails.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gongxin_wire import commitments, merkle, notes, splits
from gongxin_wire.canonical import b64u, canonical, digest, unb64u

from . import clock, files, receipts
from .errors import BadInput, Refused, VerificationFailed
from .log import Log
from .receipts import Receipt, Verdict

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from gongxin_wire.stamps import Stamp

EXTRA_VERSION = 1
WAIT_SECONDS = 10.0
_EXTRA = frozenset({"kind", "opening", "stamp", "v"})


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom the verifier believes: keys of the log, of witnesses (`quorum` of them must have signed, of different
    members), certificates of time-stamping authorities (without any, stamps are not looked at)."""

    log: Sequence[notes.VerifierKey]
    witnesses: Sequence[notes.VerifierKey] = ()
    quorum: int = 0
    authorities: "Sequence[Certificate]" = ()


@dataclass(frozen=True, slots=True)
class Leaf:
    """What must stand in the log."""

    leaf_id: str
    kind: str
    commitment: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """What a proof that holds shows. `witnessed`: POSIX seconds by name; `claimed`: names of lines that nobody was
    trusted to check; `record`: what the leaf commits to, None where the proof does not open it."""

    index: int
    size: int
    origin: str
    witnessed: Mapping[str, int]
    claimed: tuple[str, ...]
    stamp: "Stamp | None"
    record: Mapping[str, Any] | None
    proven: tuple[tuple[str, str], ...] = field(default=())
    not_proven: tuple[tuple[str, str], ...] = field(default=())


# --- making ----------------------------------------------------------------------------------------------------------


def fetch(log: Log, leaf: Leaf, *, wait_seconds: float = WAIT_SECONDS) -> str:
    """The proof of a leaf as text: under the first stamped checkpoint that covers it, else the newest with a quorum of
    witnesses, else the newest; with the opening where it is ours. Raises VerificationFailed where it does not hold
    against the pinned keys, and where the log does not keep its promise within `wait_seconds`."""
    index = _placed(log, leaf, wait_seconds)
    extra: dict[str, Any] = {"kind": leaf.kind, "v": EXTRA_VERSION}
    stamp = next(iter(log.stamps(from_size=index + 1)), None)
    if stamp is not None:
        extra["stamp"] = b64u(stamp.reply)
    try:
        salt, record = log.opening(leaf.leaf_id)
        extra["opening"] = {"record": record, "salt": b64u(salt)}
    except Refused as refused:
        if refused.status not in {403, 404} and refused.extra.get("error") is None:
            raise
    found = log.proof(leaf.leaf_id, size=stamp.size if stamp is not None else _witnessed(log, index))
    proof = str(notes.Proof(found.index, found.hashes, found.checkpoint, canonical(extra)))
    head = log.open_head(found.checkpoint)
    check(proof, leaf, Trust(log.log_keys()))
    if stamp is not None and head.size != stamp.size:
        raise _fault(
            "proof_of_other_size", "证明对应另一检查点", "The proof is under another checkpoint than asked for"
        )
    return proof


def _placed(log: Log, leaf: Leaf, wait_seconds: float) -> int:
    """Where the leaf stands, once it stands there."""
    until = clock.monotonic() + wait_seconds
    while True:
        try:
            index = log.leaf_index(leaf.leaf_id)
        except Refused as refused:
            if refused.status != 404:
                raise
            index = None
        if index is not None and index < log.head().size:
            return index
        if clock.monotonic() >= until:
            raise _fault(
                "promise_not_kept", "日志没有兑现承诺：该叶不在其中",
                "The log has not kept its promise: the leaf is not in it",
                "稍后再试；若仍如此，请将回执交给协会。",
                "Try again later; if it stays so, show the receipt to the association.",
            )  # fmt: skip
        clock.sleep(0.2)


def _witnessed(log: Log, index: int) -> int | None:
    size = log.quorum_size()
    return size if size is not None and size > index else None


def keep(log: Log, file: Path, output: Path | None = None) -> Path:
    """Fetches the proof of a saved receipt and keeps it beside it, as `<name>.proof.txt`; one that is there is replaced
    only by one that holds. Raises BadInput, VerificationFailed."""
    profile = log.connection.profile
    verdict = receipts.verify_offline(file, keys=profile.pins.receipts, issuer=profile.registry)
    proof = fetch(log, leaf_of(verdict.receipt))
    target = output or file.with_suffix(".proof.txt")
    try:
        files.replace(target, proof.encode())
    except OSError as fault:
        raise BadInput("not_saved", f"无法写入 {target}", f"{target} cannot be written") from fault
    return target


def leaf_of(receipt: Receipt) -> Leaf:
    """The leaf that a receipt promises."""
    kind = "subject_access" if receipt.purpose == "subject_access" else "lookup"
    return Leaf(receipt.leaf_id, kind, unb64u(receipt.commitment))


# --- checking --------------------------------------------------------------------------------------------------------


def check(text: str, leaf: Leaf, trust: Trust) -> Found:
    """What the proof shows of the leaf. Pure. Raises VerificationFailed, its code naming the first thing that fails."""
    try:
        proof = notes.parse_proof(text)
    except notes.NoteError as fault:
        raise _fault("proof_unreadable", "证明文件无法读取", f"The proof cannot be read ({fault})") from fault
    extra = _extra(proof.extra)
    checkpoint, note = _checkpoint(proof.checkpoint, trust.log)
    _check_inclusion(proof, leaf, checkpoint)
    if extra.get("kind", leaf.kind) != leaf.kind:
        raise _fault("proof_of_another_kind", "证明写的是另一类叶", "The proof says that it is of another kind of leaf")
    witnessed = _check_witnesses(note, trust)
    stamp = _check_stamp(note, trust, extra.get("stamp"))
    record = _check_opening(leaf, extra)
    known = {(key.name, key.key_id) for key in (*trust.log, *trust.witnesses)}
    claimed = tuple(dict.fromkeys(s.name for s in note.signatures if (s.name, s.key_id) not in known))
    found = Found(proof.index, checkpoint.size, checkpoint.origin, witnessed, claimed, stamp, record)
    proven, not_proven = _words(found, leaf, trust, "stamp" in extra)
    return Found(
        found.index, found.size, found.origin, witnessed, claimed, stamp, record, tuple(proven), tuple(not_proven)
    )


def _extra(raw: bytes | None) -> dict[str, Any]:
    try:
        extra = json.loads(raw) if raw is not None else {"v": EXTRA_VERSION}
        if not isinstance(extra, dict) or extra.get("v") != EXTRA_VERSION or not extra.keys() <= _EXTRA:
            raise ValueError
    except (ValueError, RecursionError) as fault:
        raise _fault("extra_unreadable", "证明的附加行无法读取", "The proof's extra line cannot be read") from fault
    return extra


def _checkpoint(text: str, log: Sequence[notes.VerifierKey]) -> tuple[notes.Checkpoint, notes.Note]:
    try:
        return splits.open_head(text, log), notes.parse_note(text)
    except notes.NoteError as fault:
        raise _fault(
            "checkpoint_not_signed", "检查点没有该日志的有效签名", f"The checkpoint is not signed by the log ({fault})"
        ) from fault


def _check_inclusion(proof: notes.Proof, leaf: Leaf, checkpoint: notes.Checkpoint) -> None:
    try:
        entry = commitments.entry(leaf.leaf_id, leaf.kind, leaf.commitment)
        merkle.verify_inclusion(merkle.leaf_hash(entry), proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    except ValueError as fault:
        raise _fault(
            "leaf_not_included", "证明不成立：该叶不在此检查点之下", f"The leaf is not under this checkpoint ({fault})"
        ) from fault


def _check_witnesses(note: notes.Note, trust: Trust) -> dict[str, int]:
    try:
        witnessed = notes.witnesses(note, trust.witnesses)
    except notes.NoteError as fault:
        raise _fault("bad_cosignature", "见证签名不成立", f"A cosignature does not hold ({fault})") from fault
    members = {name.rsplit("/", 1)[-1] for name in witnessed}  # a name ends in its member's id
    if len(members) < trust.quorum:
        raise _fault(
            "too_few_witnesses", f"见证方不足：{len(members)} / {trust.quorum}",
            f"Too few witnesses signed: {len(members)} of {trust.quorum}",
        )  # fmt: skip
    return witnessed


def _check_stamp(note: notes.Note, trust: Trust, reply: Any) -> "Stamp | None":
    """The stamp is over the note as the log signed it, without the witnesses' lines."""
    if not trust.authorities or reply is None:
        return None
    from gongxin_wire import stamps

    own = {(key.name, key.key_id) for key in trust.log}
    signed = notes.Note(note.text, tuple(s for s in note.signatures if (s.name, s.key_id) in own))
    try:
        return stamps.check(unb64u(reply), str(signed).encode(), trust.authorities)
    except stamps.StampFault as fault:
        raise _fault(fault.code, fault.zh, fault.en) from fault
    except (ValueError, TypeError) as fault:
        raise _fault("stamp_unreadable", "时间戳无法读取", "The stamp cannot be read") from fault


def _check_opening(leaf: Leaf, extra: Mapping[str, Any]) -> Mapping[str, Any] | None:
    opening = extra.get("opening")
    if opening is None:
        return None
    try:
        record, salt = opening["record"], unb64u(opening["salt"])
        holds = isinstance(record, dict) and commitments.opens(leaf.commitment, salt, record)
    except (KeyError, TypeError, ValueError):
        holds = False
    if not holds:
        raise _fault(
            "opening_does_not_hold", "揭示不成立：盐与记录不对应该叶的承诺",
            "The opening does not hold: salt and record are not what the leaf commits to",
        )  # fmt: skip
    found: Mapping[str, Any] = record
    return found


def verify_receipt(
    file: Path,
    proof: Path,
    *,
    keys: Mapping[str, str],
    trust: Trust,
    issuer: str | None = None,
    member_id: str | None = None,
) -> tuple[Verdict, Found]:
    """Receipt → leaf → log → witnesses → stamp, with nothing but the two files and the keys. Raises BadInput,
    VerificationFailed."""
    verdict = receipts.verify_offline(file, keys=keys, issuer=issuer, member_id=member_id)
    try:
        text = proof.read_text("utf-8")
    except (OSError, ValueError) as fault:
        raise BadInput("proof_not_read", "证明文件无法打开", "The proof's file cannot be opened") from fault
    found = check(text, leaf_of(verdict.receipt), trust)
    if found.record is not None:
        _check_record(found.record, verdict, receipts.read_file(file)["question"])
    return verdict, found


def _check_record(record: Mapping[str, Any], verdict: Verdict, question: Any) -> None:
    """What the log holds of the answer is this receipt's answer."""
    receipt = verdict.receipt
    told = {
        "lookup_id": receipt.lookup_id, "member_id": receipt.member_id, "policy_version": receipt.policy_version,
        "question": b64u(digest(question)), "asked_at": verdict.reply.get("as_of"),
    }  # fmt: skip
    if receipt.purpose != "subject_access":
        told["purpose"] = receipt.purpose
    differs = sorted(name for name, value in told.items() if record.get(name) != value)
    if differs:
        raise _fault(
            "record_of_another", f"日志中的记录与回执不符：{'、'.join(differs)}",
            f"The record in the log is not this receipt's: {', '.join(differs)} differ",
        )  # fmt: skip


def _words(
    found: Found, leaf: Leaf, trust: Trust, stamped: bool
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    proven = [
        (f"日志 {found.origin} 第 {found.index} 叶（类别 {leaf.kind}）",
         f"Leaf {found.index} of the log {found.origin} (kind {leaf.kind})"),
        (f"检查点大小 {found.size}，由日志签名", f"Under the checkpoint of {found.size} leaves that the log signed"),
    ]  # fmt: skip
    not_proven = [
        ("不证明记录内容为真，只证明当时这样记录且此后未改",
         "Not that the record is true: only that it was recorded so and has not been changed since"),
    ]  # fmt: skip
    for name, seconds in found.witnessed.items():
        when = datetime.fromtimestamp(seconds, UTC).isoformat()
        proven.append((f"见证方 {name} 于 {when} 签名", f"Witness {name} cosigned it at {when}"))
    if found.record is not None:
        proven.append(("揭示与承诺相符：记录即文件中所存", "The opening holds: the record is the one in the file"))
    if found.stamp is not None:
        when = found.stamp.time.isoformat()
        proven.append((f"不晚于 {when}：{found.stamp.authority} 的时间戳（RFC 3161）",
                       f"No later than {when}: time stamp (RFC 3161) of {found.stamp.authority}"))  # fmt: skip
    elif stamped:
        not_proven.append(("时间戳未核对：未给出机构证书", "The time stamp was not checked: no certificate was given"))
    else:
        not_proven.append(("没有时间戳", "There is no time stamp"))
    if found.claimed:
        names = ", ".join(found.claimed)
        not_proven.append((f"未核对的见证签名：{names}", f"Cosignatures not checked, for want of their keys: {names}"))
    if not found.witnessed and not found.claimed:
        not_proven.append(("没有见证方签名", "No witness has signed this checkpoint"))
    return proven, not_proven


def read_trust(
    log: Sequence[str], witnesses: Sequence[str] = (), quorum: int = 0, authorities: bytes | None = None
) -> Trust:
    """Trust from vkeys and a PEM file's bytes. Raises BadInput."""
    try:
        trusted = [notes.parse_vkey(vkey) for vkey in log]
        cosigners = [notes.parse_vkey(vkey) for vkey in witnesses]
        if any(key.kind != notes.ED25519 for key in trusted) or any(k.kind != notes.COSIGNATURE for k in cosigners):
            raise notes.NoteError("another kind of key")
    except notes.NoteError as fault:
        raise BadInput(
            "bad_vkey", "公钥（vkey）无法识别", "A vkey cannot be read",
            "日志公钥见 GET /v1/log，见证公钥见 GET /v1/log/witnesses。",
            "The log's stand at GET /v1/log, those of witnesses at GET /v1/log/witnesses.",
        ) from fault  # fmt: skip
    certificates: Sequence[Certificate] = ()
    if authorities is not None:
        from gongxin_wire import stamps

        try:
            certificates = stamps.certificates(authorities)
        except stamps.StampFault as fault:
            raise BadInput(fault.code, fault.zh, fault.en) from fault
    return Trust(trusted, cosigners, quorum, certificates)


def _fault(code: str, zh: str, en: str, fix_zh: str = "", fix_en: str = "") -> VerificationFailed:
    return VerificationFailed(
        code, zh, en, fix_zh or "不要依赖这份证明；请联系登记处与协会。",
        fix_en or "Do not rely on this proof; call the registry and the association.",
    )  # fmt: skip
