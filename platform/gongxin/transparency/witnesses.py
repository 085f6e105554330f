"""The verbs on witnesses: a member registers a key, hands in cosignatures, reports a split view."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.errors import Conflict, Invalid, NotFound
from gongxin.logs import log
from gongxin.pii import refuse_pii
from gongxin_wire import notes, splits
from gongxin_wire.merkle import ProofError

from . import keys, queries, rules_witnessing
from . import queries_witnessing as witnessing
from .models_witnessing import Cosignature, SplitReport, Witness


def register(session: Session, config: Config, member_id: uuid.UUID, *, vkey: str, proof: bytes) -> Witness:
    """Makes this key the member's witness key; the one before is retired. `proof`: the key's signature over
    `possession`, so that nobody registers another's. The same key again changes nothing."""
    try:
        key = notes.parse_vkey(vkey)
    except notes.NoteError:
        key = None
    if key is None or key.kind != notes.COSIGNATURE:
        raise Invalid(
            "not_a_witness_key",
            zh="这不是见证公钥",
            en="This is no key of a witness",
            fix_zh="按 C2SP tlog-cosignature：类型 4 的 vkey。",
            fix_en="A vkey of type 4, as C2SP tlog-cosignature has it.",
            pointer="/vkey",
        )
    if not rules_witnessing.name_is_of(key.name, str(member_id)):
        raise Invalid(
            "witness_name",
            zh="见证名称须以 / 加本机构编号结尾",
            en="A witness's name ends in / and its member's id",
            fix_zh="例如 registry.example/witness/<机构编号>；只用小写字母、数字与 . : / _ -。",
            fix_en="Such as registry.example/witness/<member id>; small letters, digits, . : / _ - alone.",
            pointer="/vkey",
        )
    refuse_pii(key.name.removesuffix(str(member_id)), "/vkey")
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(proof, possession(config.issuer, member_id, vkey))
    except (InvalidSignature, ValueError) as fault:
        raise Invalid(
            "possession_not_shown",
            zh="未能证明持有该密钥",
            en="The key's holder has not shown that it holds it",
            fix_zh="以该密钥对约定的文字签名，见接口文档。",
            fix_en="Sign the agreed text with the key; see the documentation.",
            pointer="/proof",
        ) from fault
    found = witnessing.witness_of_key(session, key.public)
    if found is not None:
        if found.member_id != member_id or found.name != key.name or found.retired_at is not None:
            raise Conflict(
                "witness_key_used",
                zh="该密钥已登记过",
                en="This key was registered before",
                fix_zh="生成新的密钥。",
                fix_en="Make a new key.",
                pointer="/vkey",
            )
        return found
    now = clock.now()
    former = witnessing.active_witness(session, member_id)
    if former is not None:
        former.retired_at = now
        session.flush()
    made = Witness(
        id=ids.new_id(), member_id=member_id, name=key.name, public_key=key.public, key_id=key.key_id, registered_at=now
    )
    session.add(made)
    session.flush()
    return made


def possession(issuer: str, member_id: uuid.UUID, vkey: str) -> bytes:
    """What a key signs to be registered."""
    return f"gongxin witness 1\n{issuer}\n{member_id}\n{vkey}\n".encode()


def retire(session: Session, member_id: uuid.UUID, witness_id: uuid.UUID) -> Witness:
    """Ends a witness; its cosignatures stay. Raises NotFound for another's."""
    found = witnessing.witness_of(session, witness_id)
    if found is None or found.member_id != member_id:
        raise NotFound("witness_not_found", zh="没有这个见证方", en="There is no such witness")
    if found.retired_at is None:
        found.retired_at = clock.now()
        session.flush()
    return found


def key_of(witness: Witness) -> notes.VerifierKey:
    return notes.VerifierKey(witness.name, witness.public_key, notes.COSIGNATURE)


def cosign(session: Session, member_id: uuid.UUID, note: str) -> int:
    """Stores the member's cosignature of one of our checkpoints, verified; the same again changes nothing. The size."""
    witness = witnessing.active_witness(session, member_id)
    if witness is None:
        raise Conflict(
            "no_witness_key",
            zh="本机构没有登记见证公钥",
            en="This member has no witness key",
            fix_zh="先登记：gongxin-member witness key。",
            fix_en="Register one first: gongxin-member witness key.",
        )
    parsed, size = _our_checkpoint(session, note)
    try:
        signed_at = notes.verify(parsed, key_of(witness))
    except notes.NoteError as fault:
        raise Invalid(
            "bad_cosignature",
            zh="没有本机构有效的见证签名",
            en="There is no valid cosignature of this member's witness",
            fix_zh="以登记的密钥按 cosignature/v1 签署。",
            fix_en="Sign as cosignature/v1 with the registered key.",
            pointer="/note",
        ) from fault
    if signed_at is None or not rules_witnessing.time_is_plausible(signed_at, clock.epoch_seconds()):
        raise Invalid(
            "cosignature_time",
            zh="见证签名的时间不可能成立",
            en="The cosignature's time is impossible",
            fix_zh="核对本机时钟。",
            fix_en="Check this machine's clock.",
            pointer="/note",
        )
    mine = next(s for s in parsed.signatures if (s.name, s.key_id) == (witness.name, witness.key_id)
                and int.from_bytes(s.signature[:8]) == signed_at)  # fmt: skip
    session.execute(
        insert(Cosignature)
        .values(
            size=size,
            witness_id=witness.id,
            signed_at=signed_at,
            signature=mine.signature[8:],
            received_at=clock.now(),
        )
        .on_conflict_do_nothing()
    )
    return size


def _our_checkpoint(session: Session, note: str) -> tuple[notes.Note, int]:
    """The note and its size, where its text is that of a checkpoint of ours. Raises Invalid, Conflict."""
    try:
        parsed = notes.parse_note(note)
        shown = notes.parse_checkpoint(parsed.text)
    except notes.NoteError as fault:
        raise Invalid(
            "not_a_note",
            zh="这不是检查点",
            en="This is no checkpoint",
            fix_zh="按 C2SP signed-note 与 tlog-checkpoint 书写。",
            fix_en="Write it as C2SP signed-note and tlog-checkpoint have it.",
            pointer="/note",
        ) from fault
    ours = queries.checkpoint_of(session, shown.size)
    if ours is None or notes.parse_note(ours.note).text != parsed.text:
        raise Conflict(
            "checkpoint_not_ours",
            zh="本日志没有签过这份检查点",
            en="This log has no such checkpoint",
            fix_zh="若它有本日志的签名，这就是分叉：请提交 /v1/log/reports 并告知协会。",
            fix_en="If it bears this log's signature, that is a fork: post it to /v1/log/reports.",
            pointer="/note",
        )
    return parsed, shown.size


def round_note(session: Session, config: Config) -> str | None:
    """The checkpoint that witnesses are to sign now, with the lines it has. None before the first."""
    began = rules_witnessing.round_began(clock.epoch_seconds(), config.witness_round_seconds)
    found = witnessing.round_checkpoint(session, datetime.fromtimestamp(began, UTC))
    return None if found is None else queries.shown_note(session, found.size)


def report(session: Session, member_id: uuid.UUID, split: splits.Split) -> SplitReport:
    """Records a split view, where both heads bear this log's signature (and a fork is proven). The same evidence again
    is the same report."""
    try:
        splits.check(split, keys.verifiers(session))
    except (notes.NoteError, ProofError) as fault:
        raise Invalid(
            "evidence_does_not_hold",
            zh="证据不成立",
            en="The evidence does not hold",
            fix_zh="两份检查点都须有本日志的签名，且证明须成立。",
            fix_en="Both heads must bear this log's signature, and the proof must hold.",
            pointer="/earlier",
        ) from fault
    parts = (split.kind.encode(), split.earlier.encode(), split.later.encode(), split.claimed, *split.path)
    digest = hashlib.sha256(b"".join(len(part).to_bytes(4) + part for part in parts)).digest()
    found = witnessing.find_report(session, member_id, digest)
    if found is None:
        found = SplitReport(
            id=ids.new_id(), member_id=member_id, kind=split.kind, earlier=split.earlier, later=split.later,
            claimed=split.claimed, path=b"".join(split.path), digest=digest, reported_at=clock.now(),
        )  # fmt: skip
        session.add(found)
        session.flush()
        log.error("log_split_reported", member=str(member_id), kind=split.kind)
    return found


def unwitnessed_since(session: Session, quorum: int) -> datetime | None:
    """When the first checkpoint beyond the newest that a quorum cosigned was signed; None where there is none."""
    found = witnessing.checkpoint_after(session, _newest(session, quorum))
    return None if found is None else found.signed_at


def _newest(session: Session, quorum: int) -> int:
    found = witnessing.newest_witnessed(session, quorum)
    return 0 if found is None else found


def warn_of_quorum(session: Session, config: Config) -> int:
    """A warning where fewer than the quorum cosigned for a day; how many warnings."""
    if not rules_witnessing.quorum_is_late(unwitnessed_since(session, config.witness_quorum), clock.now()):
        return 0
    log.warning("log_witness_quorum", count=config.witness_quorum)
    return 1


def measures(session: Session, config: Config) -> dict[str, tuple[str, float]]:
    """For /metrics."""
    since, now = unwitnessed_since(session, config.witness_quorum), clock.now()
    waits = (now - since) / timedelta(seconds=1) if since is not None else 0.0
    return {
        "gongxin_log_witness_quorum": (
            "1 where a quorum of witnesses cosigned within 24 hours, else 0",
            0.0 if rules_witnessing.quorum_is_late(since, now) else 1.0,
        ),
        "gongxin_log_unwitnessed_seconds": ("Age of the oldest checkpoint that waits for a quorum", max(0.0, waits)),
        "gongxin_log_split_reports": ("Reports of a split view", float(witnessing.count_reports(session))),
    }
