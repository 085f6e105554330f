"""Reading one's own cases."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.errors import Invalid
from gongxin.web.caller import Caller

from .. import answers, queries, rules
from ..models import Case


def get_case(session: Session, case_id: uuid.UUID) -> tuple[Case, dict[str, Any]]:
    """The case and how it reads. Raises NotFound where the caller is no party to it."""
    case = queries.get_case(session, case_id)
    return case, describe(session, case)


def describe(session: Session, case: Case) -> dict[str, Any]:
    return answers.case_out(case, queries.references_of(session, [case.id]).get(case.id, ()))


def list_cases(
    session: Session, *, caller: Caller, filters: Mapping[str, Any], after: uuid.UUID | None, limit: int
) -> Sequence[dict[str, Any]]:
    """One's own cases in the order they were registered, one more than `limit`."""
    assert caller.member_id is not None
    cases = queries.cases_page(session, caller.member_id, caller.kind, filters, after, limit)
    references = queries.references_of(session, [case.id for case in cases])
    return [answers.case_out(case, references.get(case.id, ())) for case in cases]


def history(
    session: Session, *, case_id: uuid.UUID, after: tuple[datetime, uuid.UUID] | None, limit: int
) -> Sequence[dict[str, Any]]:
    """Every event in the order it reached the case, superseded ones too, one more than `limit`."""
    queries.get_case(session, case_id)
    state = rules.project(rules.live(queries.all_events(session, case_id)), clock.today_in_china())
    return [answers.event_out(row, state) for row in queries.history_page(session, case_id, after, limit)]


def status_as_of(session: Session, *, case_id: uuid.UUID, at: datetime | None) -> dict[str, Any]:
    """The case as it was known, and as it took effect, at that moment; now where none is named."""
    now = clock.now()
    case = queries.get_case(session, case_id)
    at = now if at is None else at
    if not case.created_at <= at <= now + timedelta(days=rules.DAYS_AHEAD):
        raise Invalid(
            "as_of_out_of_range",
            zh="as_of 不在案件登记之后至一年以内",
            en="as_of is before the case was registered, or more than a year ahead",
            fix_zh="给出案件登记之后的时间。",
            fix_en="Give a moment after the case was registered.",
            pointer="/as_of",
        )
    events = queries.all_events(session, case_id)
    state = rules.project(rules.live(events, at), at.astimezone(clock.SHANGHAI).date())
    return answers.status_out(case, at, state, case.created_at.astimezone(clock.SHANGHAI).date())
