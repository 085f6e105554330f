"""The verbs on caps. Verbs flush, never commit; each row recorded has its leaf."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.errors import Conflict
from gongxin.pii import refuse_pii
from gongxin.transparency import service as transparency

from ..fees.model import FeeModel
from . import queries, rules
from .models import FeeCap


@dataclass(frozen=True, slots=True)
class NewCap:
    """One row to record; `supersedes`: the row it corrects or withdraws (`rate_bp_max` None)."""

    jurisdiction: str
    member_kind: str
    bucket: int
    rate_bp_max: int | None
    authority: str
    citation: str
    source_status: str
    effective_from: date
    effective_until: date | None = None
    supersedes: uuid.UUID | None = None


def record(session: Session, caps: Sequence[NewCap]) -> list[FeeCap]:
    """Records them together: a late one for an earlier day too. Raises Invalid where two overlap; the database refuses
    what overlaps a cap on record that is not superseded."""
    for at, cap in enumerate(caps):
        rules.check_days(cap.effective_from, cap.effective_until, f"/caps/{at}")
        refuse_pii([cap.authority, cap.citation], f"/caps/{at}")
    live = [cap for cap in caps if cap.rate_bp_max is not None]
    rules.check_apart(
        [((cap.jurisdiction, cap.member_kind, cap.bucket), cap.effective_from, cap.effective_until) for cap in live],
        "/caps",
    )
    return [_record(session, cap, clock.now()) for cap in caps]


def _record(session: Session, cap: NewCap, now: datetime) -> FeeCap:
    if cap.supersedes is not None:
        _check_superseded(queries.get_cap(session, cap.supersedes), cap)
    made = FeeCap(
        id=ids.new_id(),
        jurisdiction=cap.jurisdiction,
        member_kind=cap.member_kind,
        bucket=cap.bucket,
        rate_bp_max=cap.rate_bp_max,
        authority=cap.authority,
        citation=cap.citation,
        source_status=cap.source_status,
        effective_from=cap.effective_from,
        effective_until=cap.effective_until,
        supersedes=cap.supersedes,
        recorded_at=now,
    )
    session.add(made)
    session.flush()
    transparency.append(
        session,
        kind="fee_cap",
        record={
            "authority": cap.authority,
            "bucket": cap.bucket,
            "cap_id": str(made.id),
            "citation": cap.citation,
            "effective_from": cap.effective_from.isoformat(),
            "effective_until": cap.effective_until.isoformat() if cap.effective_until else None,
            "jurisdiction": cap.jurisdiction,
            "member_kind": cap.member_kind,
            "rate_bp_max": cap.rate_bp_max,
            "recorded_at": transparency.moment(now),
            "source_status": cap.source_status,
            "supersedes": str(cap.supersedes) if cap.supersedes else None,
        },
        leaf_id=made.id,
    )
    return made


def _check_superseded(before: FeeCap, cap: NewCap) -> None:
    key = (before.jurisdiction, before.member_kind, before.bucket)
    if before.superseded_at is not None or key != (cap.jurisdiction, cap.member_kind, cap.bucket):
        raise Conflict(
            "cap_not_to_supersede",
            zh="该上限已被更正，或属于另一账龄、辖区",
            en="The cap is superseded already, or is of another bucket or jurisdiction",
            fix_zh="以最新一条的编号填写 supersedes。",
            fix_en="Name the newest row of the same bucket in supersedes.",
            pointer="/supersedes",
        )


def snapshot(
    session: Session, *, jurisdiction: str, day: date, known_at: datetime, member_kind: str = "agency"
) -> rules.Snapshot:
    """The caps of a day as they were known at an instant."""
    return rules.snapshot(
        queries.caps_as_of(session, jurisdiction=jurisdiction, member_kind=member_kind, day=day, known_at=known_at)
    )


def verdict(
    session: Session,
    model: FeeModel,
    *,
    jurisdiction: str,
    day: date,
    known_at: datetime,
    member_kind: str = "agency",
) -> rules.Verdict:
    """Within, above or unknown, as of a day by what was known at an instant."""
    return rules.verdict(
        model,
        snapshot(session, jurisdiction=jurisdiction, day=day, known_at=known_at, member_kind=member_kind),
    )
