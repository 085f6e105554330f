"""The verbs on bases, runs and charges. Verbs flush, never commit; the database checks again whatever they let through.

A run: `preview_levies`, `penalty`, `donation` or `credit` shows it; two officers `approve` its hash; `issue`
invoices it. Money that comes is in `receiving.py`, objections and reminders in `answering.py`."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.errors import Conflict, Forbidden, Invalid
from gongxin.members import queries as members
from gongxin.pii import refuse_pii
from gongxin.transparency import service as transparency
from gongxin_wire.canonical import canonical

from .. import chart
from ..bank import service as bank
from ..ledger import rules as ledger
from ..ledger.rules import Actor
from . import queries, rules, writes
from .models import Charge, LevyBase, Run, RunApproval

EXPECTED = "charge"

# --- bases ------------------------------------------------------------------------------------------------------------


def report_base(
    session: Session,
    *,
    member_id: uuid.UUID,
    month: str,
    base_fen: int,
    source: str,
    source_id: uuid.UUID,
    evidence_sha256: bytes | None = None,
    reported_by: uuid.UUID | None = None,
) -> LevyBase:
    """Commission of a month. The same source again supersedes what it said before; the same figure changes nothing."""
    rules.check_month(month)
    if base_fen != 0:
        ledger.check_fen(base_fen, "/base_fen")
    before = queries.find_base(session, member_id, month, source, source_id)
    if before is not None and (before.base_fen, before.evidence_sha256) == (base_fen, evidence_sha256):
        return before
    now = clock.now()
    base = LevyBase(
        id=ids.new_id(),
        member_id=member_id,
        month=month,
        base_fen=base_fen,
        source=source,
        source_id=source_id,
        evidence_sha256=evidence_sha256,
        supersedes=None if before is None else before.id,
        reported_by=reported_by or member_id,
        reported_at=now,
    )
    session.add(base)
    session.flush()
    record = {
        "base_fen": base_fen,
        "evidence_sha256": None if evidence_sha256 is None else evidence_sha256.hex(),
        "member_id": str(member_id),
        "month": month,
        "reported_at": transparency.moment(now),
        "source": source,
        "source_id": str(source_id),
        "supersedes": None if before is None else str(before.id),
        "v": 1,
    }
    transparency.append(session, kind="fund_base", record=record, leaf_id=base.id, owner=member_id)
    return base


def state_base(
    session: Session, *, member_id: uuid.UUID, month: str, base_fen: int, evidence_sha256: bytes
) -> LevyBase:
    """A member's own statement of a month that is over, with the fingerprint of what shows it."""
    rules.check_month(month)
    if month >= clock.today_in_china().strftime("%Y-%m"):
        raise Invalid(
            "month_not_over",
            zh="该月尚未结束",
            en="The month is not over",
            fix_zh="按中国时间，月份结束后再申报。",
            fix_en="State a month once it is over in China.",
            pointer="/month",
        )
    return report_base(
        session,
        member_id=member_id,
        month=month,
        base_fen=base_fen,
        source="statement",
        source_id=member_id,
        evidence_sha256=evidence_sha256,
    )


# --- runs: shown ------------------------------------------------------------------------------------------------------


def preview_levies(session: Session, *, actor: Actor, rhythm: str, last_month: str) -> Run:
    """The levies of every member with a base up to that month that was not charged before. Raises Conflict while
    another levy run is open, and where nothing is to be charged."""
    first, last = rules.months_of(rhythm, last_month, clock.today_in_china())
    if queries.has_open_levy_run(session):
        raise Conflict(
            "levy_run_open",
            zh="另一会费批次尚未了结",
            en="Another levy run is open",
            fix_zh="先开票或撤回该批次。",
            fix_en="Issue or withdraw it first.",
        )
    rows = [_row(lines["amount_fen"], lines, member_id=member) for member, lines in _levies(session, last)]
    if not rows:
        raise Conflict(
            "nothing_to_charge",
            zh="没有可计费的基数",
            en="There is no base to charge",
            fix_zh="先由机构申报或由合同确认当月佣金。",
            fix_en="A month's commission is stated or agreed first.",
        )
    return _show(session, actor, "levy", f"会费 {first} – {last}", rows, months=(first, last))


def penalty(session: Session, *, actor: Actor, member_id: uuid.UUID, amount_fen: int, reason: str) -> Run:
    """A penalty on a member, into RELIEF."""
    ledger.check_fen(amount_fen, "/amount_fen")
    members.get_member(session, member_id)
    row = _row(amount_fen, _plain(amount_fen, reason), member_id=member_id, fund="RELIEF")
    return _show(session, actor, "penalty", reason, [row])


def donation(
    session: Session,
    *,
    actor: Actor,
    amount_fen: int,
    reason: str,
    fund: str = "RELIEF",
    restriction: str | None = None,
    member_id: uuid.UUID | None = None,
) -> Run:
    """A gift that was promised, of a member or of somebody outside; `restriction`: what alone it may be spent on."""
    ledger.check_fen(amount_fen, "/amount_fen")
    ledger.check_choice(fund, rules.GIFT_FUNDS, "/fund")
    if restriction is not None:
        ledger.check_choice(restriction, chart.restrictions() if fund == "RELIEF" else (), "/restriction")
    if member_id is not None:
        members.get_member(session, member_id)
    lines = _plain(amount_fen, reason)
    row = _row(amount_fen, lines, member_id=member_id, fund=fund, restriction=restriction)
    return _show(session, actor, "donation", reason, [row])


def credit(session: Session, *, actor: Actor, charge_id: uuid.UUID, amount_fen: int, reason: str) -> Run:
    """A credit note against an issued charge; what is issued is never changed."""
    ledger.check_fen(amount_fen, "/amount_fen")
    charge = queries.get_charge(session, charge_id)
    if charge.credits is not None or charge.state == "preview" or charge.credited_fen + amount_fen > charge.amount_fen:
        raise Conflict(
            "not_creditable",
            zh="贷项超过账单余额，或该账单不能冲减",
            en="It is more than the charge, or the charge takes no credit note",
            fix_zh="冲减额与已冲减额之和不得超过账单金额。",
            fix_en="All credit notes of a charge together are no more than it.",
            pointer="/amount_fen",
        )
    row = _row(amount_fen, _plain(amount_fen, reason), member_id=charge.member_id, credits=charge_id)
    return _show(session, actor, "credit", reason, [row])


def _levies(session: Session, last_month: str) -> list[tuple[uuid.UUID, dict[str, Any]]]:
    day = rules.last_day(last_month)
    conduct: dict[uuid.UUID, list[rules.Violation]] = defaultdict(list)
    for row in queries.violations(session, day):
        conduct[row.agency_id].append(rules.Violation(str(row.id), row.severity, row.certainty, row.occurred_on))
    due: dict[uuid.UUID, list[rules.Month]] = defaultdict(list)
    for row in queries.months_due(session, last_month):
        due[row.member_id].append(rules.Month(row.month, row.agreed_fen, row.stated_fen, row.charged_fen))
    clean = rules.coefficient((), day)
    found = []
    for member_id, months in due.items():
        violations = conduct.get(member_id)
        lines = rules.levy(months, clean if violations is None else rules.coefficient(violations, day))
        if lines["amount_fen"]:
            found.append((member_id, lines))
    return found


def _plain(amount_fen: int, reason: str) -> dict[str, Any]:
    return {"pack_version": rules.pack()["version"], "amount_fen": amount_fen, "reason": reason}


def _row(amount_fen: int, lines: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    ledger.check_fen(amount_fen, "/amount_fen")
    kept = {name: None if value is None else str(value) for name, value in more.items()}
    return {"id": str(ids.new_id()), "amount_fen": amount_fen, "lines": canonical(lines).decode()} | kept


def _show(
    session: Session,
    actor: Actor,
    kind: str,
    reason: str,
    rows: Sequence[Mapping[str, Any]],
    months: tuple[str, str] | None = None,
) -> Run:
    ledger.check_words(reason, ledger.MAX_WORDS, "/reason")
    refuse_pii(reason, "/reason")
    run = Run(
        id=ids.new_id(),
        kind=kind,
        first_month=None if months is None else months[0],
        last_month=None if months is None else months[1],
        pack_version=rules.pack()["version"],
        reason=reason,
        state="draft",
        maker_member=actor.member_id,
        maker_officer=actor.officer,
        created_at=clock.now(),
    )
    session.add(run)
    session.flush()
    writes.insert_charges(session, run.id, rows)
    run.state = "preview"
    session.flush()
    return queries.get_run(session, run.id)


# --- runs: approved, issued -------------------------------------------------------------------------------------------


def approve(session: Session, run_id: uuid.UUID, *, actor: Actor, content_hash: bytes) -> Run:
    """An officer's yes to what the run shows. The second makes it approved."""
    run = queries.get_run(session, run_id, lock=True)
    if any(found.officer == actor.officer for found in queries.approvals(session, run_id)):
        raise Conflict(
            "run_approved_before",
            zh="该人员已批准过此批次",
            en="This person has approved the run already",
            fix_zh="由另一名复核人批准。",
            fix_en="Another approver is needed.",
            pointer="/officer",
        )
    rules.check_step(run.state, "approved")
    if actor.officer == run.maker_officer:
        raise Forbidden(
            "run_maker",
            zh="经办人不得批准自己的批次",
            en="The maker does not approve their own run",
            fix_zh="由另外两人批准；换账号、换写法仍是同一人。",
            fix_en="Two others approve it; another account or spelling is the same person.",
            pointer="/officer",
        )
    if content_hash != run.content_hash:
        raise _changed()
    session.add(
        RunApproval(
            run_id=run_id,
            officer=actor.officer,
            content_hash=content_hash,
            member_id=actor.member_id,
            client_id=actor.client_id,
            approved_at=clock.now(),
        )
    )
    session.flush()
    return queries.get_run(session, run_id)


def withdraw(session: Session, run_id: uuid.UUID) -> Run:
    """A run that is not issued charges nobody."""
    run = queries.get_run(session, run_id, lock=True)
    rules.check_step(run.state, "withdrawn")
    run.state = "withdrawn"
    session.flush()
    return run


def issue(session: Session, run_id: uuid.UUID) -> Run:
    """Invoices what was approved: references, due days, a leaf each. Raises Conflict where bases or conduct have
    changed since it was shown: then it is withdrawn and made anew."""
    run = queries.get_run(session, run_id, lock=True)
    rules.check_step(run.state, "issued")
    charges = queries.run_charges(session, run_id)
    if run.kind == "levy" and run.last_month is not None:
        anew = {member: canonical(lines).decode() for member, lines in _levies(session, run.last_month)}
        if anew != {charge.member_id: charge.lines for charge in charges}:
            raise _changed()
    now = clock.now()
    run.state, run.issued_at = "issued", now
    session.flush()
    due_on = clock.today_in_china() + timedelta(days=rules.pack()["clocks"]["due_days"])
    given = {charge.id: bank.new_reference() for charge in charges}
    writes.issue_charges(session, given, due_on)
    for charge in charges:
        if charge.credits is None:
            bank.expect(
                session,
                source_kind=EXPECTED,
                source_id=charge.id,
                reference=given[charge.id],
                amount_fen=charge.amount_fen,
                due_on=due_on,
                payer_id=charge.member_id,
            )
    _prove(session, run, charges, given, due_on)
    return queries.get_run(session, run_id)


def _prove(session: Session, run: Run, charges: Sequence[Charge], given: Mapping[uuid.UUID, str], due_on: date) -> None:
    assert run.content_hash is not None
    assert run.issued_at is not None
    approved = [f"{found.member_id}/{found.officer}" for found in queries.approvals(session, run.id)]
    record = {
        "approvals": sorted(approved),
        "charges": len(charges),
        "content": run.content_hash.hex(),
        "issued_at": transparency.moment(run.issued_at),
        "kind": run.kind,
        "run_id": str(run.id),
        "v": 1,
    }
    transparency.append(session, kind="fund_run", record=record, leaf_id=run.id, owner=run.maker_member)
    by_owner: dict[uuid.UUID, list[Charge]] = defaultdict(list)
    for charge in charges:
        by_owner[charge.member_id or run.maker_member].append(charge)
    for owner, theirs in by_owner.items():
        records = [
            {
                "amount_fen": charge.amount_fen,
                "charge_id": str(charge.id),
                "credits": None if charge.credits is None else str(charge.credits),
                "due_on": None if charge.credits is not None else due_on.isoformat(),
                "reference": given[charge.id],
                "run_id": str(run.id),
                "v": 1,
            }
            for charge in theirs
        ]
        transparency.append_many(
            session, kind="fund_charge", records=records, leaf_ids=[charge.id for charge in theirs], owner=owner
        )


def _changed() -> Conflict:
    return Conflict(
        "run_content_changed",
        zh="批次内容与所展示的不同",
        en="The run is not what was shown",
        fix_zh="基数或信用记录已变；撤回后重新试算、批准。",
        fix_en="Bases or conduct have changed; withdraw it, show it anew and approve that.",
        pointer="/content_hash",
    )
