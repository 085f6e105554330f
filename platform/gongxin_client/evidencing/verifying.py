"""A proof verified step by step, pure: each step says what it shows, how it stands, and how to repeat it without us.

A step stands `proven`; or `stated`, where all fits but rests on a key or certificate that came with the file and was
compared with nothing; or `failed`; or `absent`, where the file has nothing to show. What failed is named by `fault`.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from gongxin_wire import commitments, merkle, notes
from gongxin_wire.canonical import canonical, unb64u
from gongxin_wire.evidence import CUSTODY_FIELDS, BrokenChain, batch_leaf, check_chain

from .hashing import Fingerprint

PROVEN, STATED, FAILED, ABSENT = "proven", "stated", "failed", "absent"
_HEX = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `code` names it for programs; `fault` what failed; `bytes` what a reader needs to repeat it."""

    code: str
    standing: str
    zh: str
    en: str
    fault: str | None = None
    fault_zh: str = ""
    fault_en: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trust:
    """What the verifier knows for sure: keys and certificates it compared itself."""

    log: tuple[notes.VerifierKey, ...] = ()
    witnesses: tuple[notes.VerifierKey, ...] = ()
    certificates: tuple[x509.Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """All steps. `holds`: none failed; `at_latest`: the earliest moment by which it is proven to have been registered;
    `if_right`: the same, should what is only stated prove right."""

    steps: tuple[Step, ...]
    record: Mapping[str, Any]
    at_latest: datetime | None
    if_right: datetime | None

    @property
    def holds(self) -> bool:
        return all(step.standing != FAILED for step in self.steps)


class Fault(Exception):
    """What fails in a step."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(code)
        self.code, self.zh, self.en = code, zh, en


def verify(body: Mapping[str, Any], file: Fingerprint | None, trust: Trust) -> Verdict:
    """Every step of a proof whose shape `proofs.read` checked. `file`: the fingerprint of the file at hand, computed
    now; None where there is none. Raises nothing for a proof that does not hold: its steps say so."""
    record: Mapping[str, Any] = {}
    first = body["leaves"][0] if body["leaves"] and isinstance(body["leaves"][0], dict) else {}
    if isinstance(first.get("record"), dict):
        record = first["record"]
    steps = [_file(body, record, file), *_batch(body, record), _opening(body, first, record)]
    logged, note, index = _logged(body, first, trust)
    steps += [logged, *_witnessed(body, note, trust)]
    stamped = list(_stamped(body, first, index, trust))
    steps += [*stamped, *_custody(body, record, trust)]
    told = [(step.data["time"], step.standing) for step in steps if "time" in step.data]
    return Verdict(
        tuple(steps),
        record,
        min((time for time, standing in told if standing == PROVEN), default=None),
        min((time for time, standing in told if standing == STATED), default=None),
    )


def _run(code: str, zh: str, en: str, check: Any, **data: Any) -> Step:
    """The step as its check leaves it: a Fault fails it, an answer is how it stands (and what it adds to the data)."""
    try:
        standing, more = check()
    except Fault as fault:
        return Step(code, FAILED, zh, en, fault.code, fault.zh, fault.en, data)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError):
        return Step(code, FAILED, zh, en, "unreadable", "证明文件此处无法读取", "The proof cannot be read here", data)
    return Step(code, standing, zh, en, data=data | more)


# --- the file, the batch, the record ----------------------------------------------------------------------------------


def _file(body: Mapping[str, Any], record: Mapping[str, Any], file: Fingerprint | None) -> Step:
    told = body["file"]
    expected = record.get("sha256") if body.get("batch") is None else told.get("sha256")

    def check() -> tuple[str, dict[str, Any]]:
        if not isinstance(expected, str) or _HEX.fullmatch(expected) is None:
            raise Fault("no_fingerprint", "证明中没有指纹", "The proof holds no fingerprint")
        if told.get("sha256") != expected:
            raise Fault(
                "file_differs", "证明所附指纹与登记的不同", "The proof states another fingerprint than registered"
            )
        if file is None:
            return ABSENT, {}
        if file.sha256 != expected:
            raise Fault("file_differs", "文件的 SHA-256 与登记的不同：不是同一文件，或已被改动",
                        "The file's SHA-256 is not the one registered: another file, or altered")  # fmt: skip
        if body.get("batch") is None and file.size != record.get("size"):
            raise Fault("size_differs", "文件大小与登记的不同", "The file's size is not the one registered")
        if file.sm3 is not None and record.get("sm3") is not None and file.sm3 != record["sm3"]:
            raise Fault("sm3_differs", "文件的 SM3 与登记的不同", "The file's SM3 is not the one registered")
        return PROVEN, {}

    return _run(
        "file", "手中文件的指纹与登记的一致", "The file at hand has the fingerprint that was registered", check,
        sha256=expected, sm3=record.get("sm3"), size=told.get("size"), name=told.get("name"),
    )  # fmt: skip


def _batch(body: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[Step]:
    batch = body.get("batch")
    if batch is None:
        return

    def check() -> tuple[str, dict[str, Any]]:
        if batch["count"] != record.get("count"):
            raise Fault("batch_count", "批次的文件数与登记的不同", "The batch has another count than registered")
        leaf = bytes.fromhex(body["file"]["sha256"])
        try:
            merkle.verify_inclusion(
                batch_leaf(leaf), batch["index"], batch["count"], [bytes.fromhex(each) for each in batch["path"]],
                bytes.fromhex(record["root"]),
            )  # fmt: skip
        except merkle.ProofError as fault:
            raise Fault(
                "batch_path", "指纹不在登记的批次之中", "The fingerprint is not in the batch registered"
            ) from fault
        return PROVEN, {}

    yield _run(
        "batch", "该指纹属于登记的批次", "The fingerprint belongs to the batch that was registered", check,
        sha256=body["file"].get("sha256"), index=batch.get("index"), count=batch.get("count"), path=batch.get("path"),
        root=record.get("root"),
    )  # fmt: skip


def _opening(body: Mapping[str, Any], leaf: Mapping[str, Any], record: Mapping[str, Any]) -> Step:
    def check() -> tuple[str, dict[str, Any]]:
        wanted = "evidence" if body.get("batch") is None else "evidence_batch"
        if leaf["kind"] != wanted:
            raise Fault("other_kind", "这一叶不是证据登记", "The leaf is of another kind")
        told = record.get("evidence_id" if wanted == "evidence" else "batch_id")
        if leaf["id"] != told:
            raise Fault("other_leaf", "这一叶属于另一登记", "The leaf belongs to another registration")
        if record.get("member_id") != body["member"].get("member_id"):
            raise Fault("other_member", "登记的机构与所述不同", "Another member registered it than stated")
        opened = _open(leaf)
        return PROVEN, {"opened": opened}

    return _run(
        "record", "登记内容与日志中的承诺一致", "What was registered is what the log is committed to", check,
        commitment=leaf.get("commitment"),
    )  # fmt: skip


def _open(leaf: Mapping[str, Any]) -> bytes:
    """The bytes whose SHA-256 is the commitment."""
    opened = commitments.DOMAIN + unb64u(leaf["salt"]) + canonical(leaf["record"])
    if len(unb64u(leaf["salt"])) != commitments.SALT_BYTES:
        raise Fault("salt_altered", "盐值长度不对", "The salt is of another length")
    if hashlib.sha256(opened).digest() != unb64u(leaf["commitment"]):
        raise Fault("record_altered", "登记内容或盐值与承诺不符，其中之一被改动",
                    "Record and salt do not give the commitment: one of them was altered")  # fmt: skip
    return opened


# --- the log ----------------------------------------------------------------------------------------------------------


def _keys(body: Mapping[str, Any], trust: Trust) -> list[tuple[notes.VerifierKey, bool]]:
    """The log's keys that may verify, with whether each is trusted: those of the verifier, else those of the file."""
    if trust.log:
        return [(key, True) for key in trust.log]
    return [(notes.parse_vkey(each), False) for each in body["keys"]["log"]]


def _logged(
    body: Mapping[str, Any], leaf: Mapping[str, Any], trust: Trust
) -> tuple[Step, notes.Note | None, int | None]:
    kept: dict[str, Any] = {}

    def check() -> tuple[str, dict[str, Any]]:
        found = _in_log(body, leaf, leaf["proof"], trust)
        kept.update(found)
        return (PROVEN if found["trusted"] else STATED), found

    step = _run(
        "log", "登记在透明日志中，位置确定，日志由登记处签名",
        "The registration stands in the transparency log at a fixed place, under the registry's signature", check,
    )  # fmt: skip
    return step, kept.get("note"), kept.get("index")


def _in_log(body: Mapping[str, Any], leaf: Mapping[str, Any], text: str, trust: Trust) -> dict[str, Any]:
    """Place, checkpoint and key under which the leaf is proven. Raises Fault."""
    entry = commitments.entry(leaf["id"], leaf["kind"], unb64u(leaf["commitment"]))
    try:
        proof = notes.parse_proof(text)
    except notes.NoteError as fault:
        raise Fault("log_proof_unreadable", "日志证明无法读取", "The proof from the log cannot be read") from fault
    opened, failed = None, None
    for key, trusted in _keys(body, trust):
        try:
            checkpoint, note = notes.open_checkpoint(proof.checkpoint, key)
            opened = checkpoint, note, key, trusted
            break
        except notes.NoteError as fault:
            failed = fault
    if opened is None:
        raise Fault(
            "checkpoint_signature", "检查点不是由可信的日志公钥签名，或已被改动",
            "The checkpoint is not signed by a key of the log that is trusted, or was altered",
        ) from failed  # fmt: skip
    checkpoint, note, key, trusted = opened
    leaf_hash = merkle.leaf_hash(entry)
    try:
        merkle.verify_inclusion(leaf_hash, proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    except merkle.ProofError as fault:
        raise Fault("log_path", "这一叶不在该检查点的树中", "The leaf is not in the tree of this checkpoint") from fault
    return {
        "index": proof.index, "size": checkpoint.size, "root": checkpoint.root.hex(), "origin": checkpoint.origin,
        "path": [each.hex() for each in proof.hashes], "entry": entry, "leaf_hash": leaf_hash.hex(), "key": key,
        "note": note, "trusted": trusted, "proof": text,
    }  # fmt: skip


def _witnessed(body: Mapping[str, Any], note: notes.Note | None, trust: Trust) -> Iterator[Step]:
    """A step for each witness that is known and signed; one that says so where none did."""
    zh, en = "独立见证方对日志作了联署", "Independent witnesses cosigned the log"
    try:
        told = [notes.parse_vkey(each["vkey"]) for each in body["keys"].get("witnesses", [])]
        owners = {each["vkey"]: each.get("member_id") for each in body["keys"].get("witnesses", [])}
    except (KeyError, TypeError, AttributeError, notes.NoteError):
        yield Step("witness", FAILED, zh, en, "unreadable", "见证方公钥无法读取", "A witness's key cannot be read")
        return
    known = {str(key): (key, False) for key in told} | {str(key): (key, True) for key in trust.witnesses}
    seen = 0
    note = note or notes.Note("", ())
    for vkey, (key, trusted) in known.items():
        if not any((line.name, line.key_id) == (key.name, key.key_id) for line in note.signatures):
            continue
        seen += 1

        def check(
            note: notes.Note = note, key: notes.VerifierKey = key, trusted: bool = trusted
        ) -> tuple[str, dict[str, Any]]:
            try:
                at = notes.verify(note, key) or 0
            except notes.NoteError as fault:
                raise Fault("cosignature", "见证联署不成立", "A witness's cosignature does not hold") from fault
            return (PROVEN if trusted else STATED), {"time": datetime.fromtimestamp(at, UTC)}

        yield _run(
            "witness", f"见证方 {key.name} 对该检查点作了联署", f"The witness {key.name} cosigned this checkpoint",
            check, key=key, note=note, member_id=owners.get(vkey), trusted=trusted,
        )  # fmt: skip
    if not seen:
        yield Step("witness", ABSENT, zh, en)


def _stamped(body: Mapping[str, Any], leaf: Mapping[str, Any], index: int | None, trust: Trust) -> Iterator[Step]:
    """A step for each time stamp; one that says so where there is none."""
    zh, en = "时间戳机构证明日志在该时刻已经存在", "A time-stamping authority attests that the log stood by then"
    for each in body["stamps"]:

        def check(each: Any = each) -> tuple[str, dict[str, Any]]:
            found = _in_log(body, leaf, each["proof"], trust)
            if found["index"] != index:
                raise Fault(
                    "stamp_other_place", "时间戳所盖的日志中这一叶在别处", "Under the stamp the leaf stands elsewhere"
                )
            checkpoint, reply = each["checkpoint"].encode(), unb64u(each["reply"])
            # What is stamped is the note with the log's signature, before any witness's.
            if _text_of(each["checkpoint"], found["key"]) != found["note"].text:
                raise Fault("stamp_of_other_bytes", "时间戳盖的是另一检查点", "The stamp is over another checkpoint")
            time, authority = _stamp(reply, checkpoint, trust)
            more = {"time": time, "authority": authority, "checkpoint": checkpoint, "reply": reply}
            return (PROVEN if trust.certificates else STATED), found | more

        yield _run("stamp", zh, en, check)
    if not body["stamps"]:
        yield Step("stamp", ABSENT, zh, en)


def _text_of(checkpoint: str, key: notes.VerifierKey) -> str | None:
    """The text of a note that the log signed; None where it is none."""
    try:
        return notes.open_checkpoint(checkpoint, key)[1].text
    except notes.NoteError:
        return None


def _stamp(reply: bytes, checkpoint: bytes, trust: Trust) -> tuple[datetime, str]:
    """(time, authority) of a stamp that holds. Without a certificate that is trusted, all but its signature is looked
    at. Raises Fault."""
    from rfc3161_client import decode_timestamp_response  # loaded where there is a stamp alone

    from gongxin_wire import stamps

    try:
        found = stamps.check(reply, checkpoint, trust.certificates)
        return found.time, found.authority
    except stamps.StampFault as fault:
        if trust.certificates or fault.code not in {"stamp_signature", "stamp_certificate"}:
            raise Fault(fault.code, fault.zh, fault.en) from fault
    answer = decode_timestamp_response(reply)
    signers = [x509.load_der_x509_certificate(raw) for raw in answer.signed_data.certificates]
    time = answer.tst_info.gen_time
    return time.replace(tzinfo=time.tzinfo or UTC), signers[0].subject.rfc4514_string() if signers else "—"


# --- custody ----------------------------------------------------------------------------------------------------------


def _custody(body: Mapping[str, Any], record: Mapping[str, Any], trust: Trust) -> Iterator[Step]:
    events: Sequence[Any] = body["custody"]
    if not events:
        return

    def check() -> tuple[str, dict[str, Any]]:
        try:
            check_chain(events, record["evidence_id"], record["member_id"], record["sha256"])
        except BrokenChain as fault:
            raise Fault(
                f"custody_{fault.fault}", f"保管链在第 {fault.position} 个事件处断开",
                f"The chain of custody breaks at event {fault.position}",
            ) from fault  # fmt: skip
        if record.get("custody") != events[0]["digest"]:
            raise Fault(
                "custody_begins_elsewhere", "保管链的起点与登记的不同", "The chain begins otherwise than registered"
            )
        logged = {leaf["record"]["position"]: leaf for leaf in body["leaves"][1:]}
        for event in events[1:]:
            leaf = logged.get(event["position"])
            if leaf is None:
                continue  # its opening was erased: the chain holds it all the same
            _open(leaf)
            _in_log(body, leaf, leaf["proof"], trust)
            same = all(leaf["record"][name] == event[name] for name in CUSTODY_FIELDS)
            if not same or leaf["id"] != event["leaf"]["id"]:
                raise Fault("custody_leaf", "保管事件与日志中的不同", "An event of custody is another in the log")
        return PROVEN, {}

    yield _run(
        "custody", "保管链完整，自指纹起逐环相接",
        "The chain of custody is whole, link by link from the fingerprint on", check, events=events,
    )  # fmt: skip
