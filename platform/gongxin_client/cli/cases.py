"""register, place, status, event, court-event."""

from datetime import UTC, datetime
from typing import Any

import click

from ..errors import BadInput
from ..models import Case, Event, Reference
from ..registry import Registry
from .base import DAY, ID_FILE, KIND, Output, command, plain, read_identifier

ACTIONS = ("assign", "accept", "decline", "return", "hold_over", "recall", "claim_assign")
CASE = click.argument("case")
BY_REF = click.option("--ref", "by_ref", is_flag=True, help="CASE 是本机构编号 CASE is our own reference.")


@command("register")
@click.option("--ref", "creditor_ref", required=True, help="本机构编号（借据号等） Our own reference.")
@click.option("--opened-on", type=DAY, required=True, help="立案日期 Opened on.")
@click.option("--court-case", help="案号 Court case number.")
@click.option("--mediation-file", help="调解案卷号 Mediation file.")
@click.option("--mediator", help="调解机构的会员编号 The mediator's member id.")
@KIND
@ID_FILE
def register(
    out: Output,
    creditor_ref: str,
    opened_on: datetime,
    court_case: str | None,
    mediation_file: str | None,
    mediator: str | None,
    kind: str,
    id_file: Any,
) -> None:
    """登记一个案件 Register one case."""
    references = [Reference("court_case", court_case)] if court_case else []
    if mediation_file:
        references.append(Reference("mediation_file", mediation_file, mediator))
    subject = read_identifier(kind, id_file)
    with out.registry() as registry:
        case = registry.register_case(creditor_ref, subject, opened_on=opened_on.date(), references=references)
    show_case(out, case)


@command("place")
@CASE
@click.argument("action", type=click.Choice(ACTIONS))
@BY_REF
@click.option("--agency", "agency_id", help="受托机构编号 The agency's id (assign).")
@click.option("--until", type=DAY, help="委托期限 Mandate until.")
@click.option("--reason", help="原因 Reason.")
def place(
    out: Output, case: str, action: str, by_ref: bool, agency_id: str | None, until: datetime | None, reason: str | None
) -> None:
    """委托的一步：指派、接受、退回等 One step of placement."""
    with out.registry() as registry:
        known = find(registry, case, by_ref)
        changed = registry.place(
            known, action, agency_id=agency_id, mandate_until=until.date() if until else None, reason=reason
        )
    show_case(out, changed)


@command("status")
@CASE
@BY_REF
@click.option("--as-of", help="某一时刻的状态（RFC 3339） As of an instant (RFC 3339).")
@click.option("--history", is_flag=True, help="连同历史 With the history.")
def status(out: Output, case: str, by_ref: bool, as_of: str | None, history: bool) -> None:
    """案件状态 The status of a case."""
    moment = _instant(as_of)
    with out.registry() as registry:
        known = find(registry, case, by_ref)
        found = registry.status_of(known.case_id, as_of=moment)
        events = list(registry.history(known.case_id)) if history else []
    value = {"case": plain(known), "status": plain(found), **({"history": plain(events)} if history else {})}
    lines = [*case_lines(known), f"截至 As of: {found.as_of.isoformat()}"]
    for axis, state in found.axes.items():
        marks = "".join(f" [{word}]" for word in ("contested", "claimed") if state.get(word))
        lines.append(f"  {axis}: {state.get('status')} ({state.get('effective_on')}, {state.get('source')}){marks}")
    lines += [event_line(event) for event in events]
    out.show(value, lines)


@command("event")
@CASE
@BY_REF
@click.option("--axis", type=click.Choice(["collection", "dispute", "legal", "person"]), required=True, help="轴 Axis.")
@click.option("--status", "state", required=True, help="状态 Status.")
@click.option("--on", type=DAY, required=True, help="生效日 Effective on.")
@click.option("--basis", help="依据 Basis (≤ 200).")
@click.option("--court-case", help="案号 Court case number.")
@click.option("--corrects", help="更正哪个事件 The event it corrects.")
def event(
    out: Output, case: str, by_ref: bool, axis: str, state: str, on: datetime, basis: str | None,
    court_case: str | None, corrects: str | None,
) -> None:  # fmt: skip
    """登记案件状态事件 Assert what happened in a case."""
    with out.registry() as registry:
        day = on.date()
        if corrects:
            found = registry.correct_event(
                corrects, axis, state, effective_on=day, basis=basis, court_case_number=court_case
            )
        else:
            known = find(registry, case, by_ref)
            found = registry.assert_event(
                known.case_id, axis, state, effective_on=day, basis=basis, court_case_number=court_case
            )
    out.show(plain(found), [event_line(found)])


@command("withdraw-event")
@click.argument("event_id")
@click.option("--reason", required=True, help="原因 Reason.")
def withdraw_event(out: Output, event_id: str, reason: str) -> None:
    """撤回本机构的事件 Withdraw an event of one's own."""
    with out.registry() as registry:
        found = registry.withdraw_event(event_id, reason)
    out.show(plain(found), [event_line(found)])


@command("court-event")
@click.argument("court_case")
@click.option("--axis", type=click.Choice(["legal", "person", "collection"]), default="legal", show_default=True)
@click.option("--status", "state", required=True, help="状态 Status.")
@click.option("--on", type=DAY, required=True, help="生效日 Effective on.")
@click.option("--basis", help="依据 Basis (≤ 200).")
@click.option("--corrects", help="更正哪个事件 The court event it corrects.")
def court_event(
    out: Output, court_case: str, axis: str, state: str, on: datetime, basis: str | None, corrects: str | None
) -> None:
    """法院按案号登记状态 A court asserts by its case number."""
    with out.registry() as registry:
        if corrects:
            found = registry.correct_court_event(
                corrects, court_case, axis, state, effective_on=on.date(), basis=basis
            )  # fmt: skip
        else:
            found = registry.court_event(court_case, axis, state, effective_on=on.date(), basis=basis)
    line = f"{found.court_case_number} {found.axis}: {found.status} ({found.effective_on}) {found.court_event_id}"
    out.show(plain(found), [line])


def find(registry: Registry, case: str, by_ref: bool) -> Case:
    """The case of an id, or of our own reference. Raises BadInput where we have no such reference."""
    if not by_ref:
        return registry.case(case)
    found = registry.find_case(case)
    if found is None:
        raise BadInput("no_such_reference", "没有这个编号的案件", "There is no case with this reference")
    return found


def show_case(out: Output, case: Case) -> None:
    out.show(plain(case), case_lines(case))


def case_lines(case: Case) -> list[str]:
    """A case for people."""
    closed = " [已结 closed]" if case.closed else ""
    until = f"，至 until {case.mandate_until}" if case.mandate_until else ""
    return [
        f"案件 Case: {case.case_id} ({case.creditor_ref}){closed}",
        f"委托 Placement: {case.placement} → {case.agency_id or '—'}{until}，版本 version {case.version}",
        f"停催标记 Stop flags: {', '.join(case.stop_flags) or '—'}；司法 Legal: {case.legal_class}"
        + ("；有争议 contested" if case.contested else ""),
        *(f"{entry.kind}: {entry.reference}" for entry in case.references),
    ]


def event_line(event: Event) -> str:
    """An event for people, on one line."""
    marks = [word for word in ("prevails", "contested", "claimed", "withdrawn") if getattr(event, word)]
    what = f"{event.axis}: {event.status} ({event.effective_on}, {event.source})"
    return " ".join([event.recorded_at.isoformat(), what, *marks, event.event_id])


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as fault:
        raise BadInput(
            "bad_instant", "时刻应为 RFC 3339", "An instant is RFC 3339", "例如 2026-11-24T10:00:00+08:00。", ""
        ) from fault
    return found if found.tzinfo else found.replace(tzinfo=UTC)


COMMANDS = (register, place, status, event, withdraw_event, court_event)
