"""The verbs on claims up to their approval; paying, returning and stop flags are in `paying.py`. Verbs flush, never
commit; the database checks again whatever they let through."""

import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.errors import Conflict, Forbidden, NotFound, bad_field
from gongxin.members import queries as members
from gongxin.pii import refuse_pii
from gongxin.subjects import service as subjects
from gongxin.transparency import service as transparency
from gongxin.web.caller import Caller
from gongxin_wire.canonical import canonical

from .. import chart, references, standing
from ..bank import service as bank
from ..ledger.rules import Actor, check_choice, check_fen, check_words
from . import queries, rules
from .models import Claim, ClaimApproval


def file(
    session: Session,
    config: Config,
    *,
    caller: Caller,
    officer: str,
    fund: str,
    cause: str,
    region: str,
    asked_fen: int,
    payee: Mapping[str, str],
    payee_kind: str,
    unrelated: bool,
    means_sha256: bytes,
    evidence_sha256: bytes,
    term_days: int = 90,
    subject: Any = None,
    agent_id: uuid.UUID | None = None,
    payee_member: uuid.UUID | None = None,
) -> Claim:
    """A claim for a person: RELIEF by blind token, STAFF by an agent of the filer's. Raises Forbidden where the filer
    is creditor or agency on a case of the person."""
    assert caller.member_id is not None
    rules.check_cause(fund, cause)
    rules.check_region(region, synthetic=config.synthetic)
    check_fen(asked_fen, "/asked_fen")
    check_choice(payee_kind, rules.PAYEE_KINDS, "/payee_kind")
    rules.check_unrelated(unrelated)
    if (fund == "RELIEF") != (subject is not None) or (fund == "STAFF") != (agent_id is not None):
        raise bad_field("/subject", "救助须给 subject，保障须给 agent_id", "RELIEF names a subject, STAFF an agent_id")
    if not 1 <= term_days <= rules.MAX_TERM:
        raise bad_field("/term_days", f"1 至 {rules.MAX_TERM} 天", f"1 to {rules.MAX_TERM} days")
    if agent_id is not None:
        employer = queries.agency_of(session, agent_id)
        if employer is None or (caller.kind != "association" and employer.agency_id != caller.member_id):
            raise NotFound("agent_not_found", zh="没有这个催收员", en="There is no such agent")
    if payee_member is not None:
        members.get_member(session, payee_member)
    keys = None if subject is None else subjects.parse_subject(config, session, subject, complete=True)
    actor, now = Actor(caller.member_id, officer, caller.client_id), clock.now()
    with standing.acting(session):
        paid_to = bank.register_payee(session, config, actor=actor, **payee)
    claim = Claim(
        id=ids.new_id(),
        number=references.draw(references.CLAIM, secrets.randbelow),
        fund=fund,
        cause=cause,
        region=region,
        filed_by=caller.member_id,
        filed_officer=officer,
        filed_at=now,
        agent_id=agent_id,
        epochs=None if keys is None else [epoch for epoch, _ in keys],
        subject_keys=None if keys is None else [key for _, key in keys],
        asked_fen=asked_fen,
        term_days=term_days,
        payee_id=paid_to.id,
        account_key=paid_to.account_key,
        payee_kind=payee_kind,
        payee_member=payee_member,
        unrelated=unrelated,
        means_sha256=means_sha256,
        evidence_sha256=evidence_sha256,
        state="filed",
        acted_member=caller.member_id,
        acted_officer=officer,
        acted_at=now,
    )
    with standing.acting(session):
        involved = queries.is_party(session, claim, caller.member_id)
    if involved:
        raise rules.party()
    session.add(claim)
    session.flush()
    return proven(session, claim.id)


def change_payee(
    session: Session,
    config: Config,
    claim_id: uuid.UUID,
    *,
    actor: Actor,
    payee: Mapping[str, str],
    payee_kind: str,
    payee_member: uuid.UUID | None = None,
) -> Claim:
    """Another payee, by the filer, before money is held. What was approved is approved no more."""
    check_choice(payee_kind, rules.PAYEE_KINDS, "/payee_kind")
    claim = queries.get_claim(session, claim_id)
    if claim.filed_by != actor.member_id:
        raise NotFound("claim_not_found", zh="没有这个申请", en="There is no such claim")
    if claim.state not in rules.PAYEE_CHANGES:
        rules.check_step(claim.state, "assessed")
        raise not_now(claim.state)
    with standing.acting(session):
        paid_to = bank.register_payee(session, config, actor=actor, **payee)
    claim.payee_id, claim.account_key, claim.payee_kind = paid_to.id, paid_to.account_key, payee_kind
    claim.payee_member = payee_member
    return move(session, claim, "filed" if claim.state == "filed" else "assessed", actor)


def assess(session: Session, claim_id: uuid.UUID, *, actor: Actor, proposed_fen: int, reviewer_id: uuid.UUID) -> Claim:
    """What is granted, with a line for each cap that cut it, and which institution reviews it. Again after a change or
    an appeal; then by another officer than who returned it."""
    check_fen(proposed_fen, "/proposed_fen")
    claim = queries.get_claim(session, claim_id, lock=True)
    rules.check_step(claim.state, "assessed")
    if actor.officer in (claim.filed_officer, claim.returned_officer if claim.state == "appealed" else None):
        raise _own_claim()
    reviewer = members.get_member(session, reviewer_id)
    if reviewer.state != "active" or reviewer_id in (claim.filed_by, actor.member_id):
        raise bad_field("/reviewer_id", "须为另一有效机构，非申请方与协会", "It is another active institution")
    with standing.acting(session):
        involved = [queries.is_party(session, claim, member) for member in (reviewer_id, claim.payee_member)]
    if any(involved):
        raise rules.party()
    claim.granted_fen, claim.lines, claim.restriction = _grant(session, claim, proposed_fen)
    claim.assessor_member, claim.assessor_officer, claim.reviewer_id = actor.member_id, actor.officer, reviewer_id
    return move(session, claim, "assessed", actor)


def _grant(session: Session, claim: Claim, proposed_fen: int) -> tuple[int, str, str | None]:
    """Money given for this very purpose is used first, where it is enough."""
    caps = rules.pack()["caps"][claim.cause]
    person, year = queries.spent(session, claim, clock.today_in_china().year)

    def room(restriction: str | None) -> rules.Room:
        account = chart.code("bank", claim.fund, restriction)
        return rules.Room(
            caps["per_person_year_fen"] - person,
            caps["per_year_fen"] - year,
            queries.available(session, account),
        )

    purpose = claim.cause if claim.fund == "RELIEF" and claim.cause in chart.restrictions() else None
    if purpose is not None and room(purpose).available_fen >= min(proposed_fen, caps["per_claim_fen"]):
        granted, lines = rules.assess(claim.cause, claim.asked_fen, proposed_fen, room(purpose))
    else:
        purpose = None
        granted, lines = rules.assess(claim.cause, claim.asked_fen, proposed_fen, room(None))
    return granted, canonical(lines).decode(), purpose


def approve(session: Session, claim_id: uuid.UUID, *, actor: Actor, content_hash: bytes, unrelated: bool) -> Claim:
    """An officer's yes to the assessed content. Approved once two people of two institutions have said it."""
    rules.check_unrelated(unrelated)
    claim = queries.get_claim(session, claim_id)
    if any(
        found.officer == actor.officer and found.content_hash == content_hash
        for found in queries.approvals(session, claim_id)
    ):
        raise Conflict(
            "claim_approved_before",
            zh="该人员已批准过此申请",
            en="This person has approved the claim already",
            fix_zh="由另一机构的另一人批准；换账号仍是同一人。",
            fix_en="Another person of another institution approves; another account is the same person.",
            pointer="/officer",
        )
    rules.check_step(claim.state, "approved")
    if actor.officer in (claim.filed_officer, claim.assessor_officer):
        raise _own_claim()
    if actor.member_id not in (claim.assessor_member, claim.reviewer_id):
        raise Forbidden(
            "not_the_reviewer",
            zh="仅协会与指定的复核机构可批准",
            en="The association and the reviewer named approve it",
            fix_zh="由 reviewer_id 所示机构批准。",
            fix_en="The institution in reviewer_id does it.",
        )
    if content_hash != claim.content_hash:
        raise Conflict(
            "claim_content_changed",
            zh="申请内容与所批准的不同",
            en="The claim is not what is approved",
            fix_zh="重新读取申请，核对后以其 content_hash 批准。",
            fix_en="Read the claim again, check it, and approve its content_hash.",
            pointer="/content_hash",
        )
    session.add(
        ClaimApproval(
            claim_id=claim_id,
            officer=actor.officer,
            content_hash=content_hash,
            member_id=actor.member_id,
            client_id=actor.client_id,
            unrelated=unrelated,
            approved_at=clock.now(),
        )
    )
    session.flush()
    return proven(session, claim_id, approver=actor)


def withdraw(session: Session, claim_id: uuid.UUID, *, actor: Actor, reason: str) -> Claim:
    """By whoever filed it, before money is held."""
    check_reason(reason)
    claim = queries.get_claim(session, claim_id)
    if claim.filed_by != actor.member_id:
        raise NotFound("claim_not_found", zh="没有这个申请", en="There is no such claim")
    rules.check_step(claim.state, "withdrawn")
    return move(session, claim, "withdrawn", actor, reason)


def appeal(session: Session, claim_id: uuid.UUID, *, actor: Actor, reason: str) -> Claim:
    """Against a return, by whoever filed it, inside its working days."""
    check_reason(reason)
    claim = queries.get_claim(session, claim_id)
    if claim.filed_by != actor.member_id:
        raise NotFound("claim_not_found", zh="没有这个申请", en="There is no such claim")
    rules.check_step(claim.state, "appealed")
    if claim.appeal_by is None or clock.today_in_china() > claim.appeal_by:
        raise Conflict(
            "appeal_too_late",
            zh="申诉期限已过",
            en="The day to appeal has passed",
            fix_zh="以新的证据另行申请。",
            fix_en="File a new claim with new evidence.",
        )
    return move(session, claim, "appealed", actor, reason)


def reject(session: Session, claim_id: uuid.UUID, *, actor: Actor, reason: str) -> Claim:
    """The end of an appeal, by another officer than who returned the claim."""
    check_reason(reason)
    claim = queries.get_claim(session, claim_id, lock=True)
    rules.check_step(claim.state, "rejected")
    if actor.officer in (claim.filed_officer, claim.returned_officer):
        raise _own_claim()
    return move(session, claim, "rejected", actor, reason)


def move(session: Session, claim: Claim, state: str, actor: Actor, reason: str | None = None) -> Claim:
    """One step and its leaf; the database checks it."""
    claim.state, claim.reason = state, reason
    claim.acted_member, claim.acted_officer, claim.acted_at = actor.member_id, actor.officer, clock.now()
    session.flush()
    return proven(session, claim.id)


def proven(session: Session, claim_id: uuid.UUID, approver: Actor | None = None) -> Claim:
    """The claim as it stands, with a leaf of that. Nothing in it names the person, the payee or an amount."""
    claim = queries.get_claim(session, claim_id)
    by = approver or Actor(claim.acted_member, claim.acted_officer)
    record = {
        "act": claim.state if approver is None else "approval",
        "actor": f"{by.member_id}/{by.officer}",
        "at": transparency.moment(claim.acted_at if approver is None else clock.now()),
        "claim_id": str(claim.id),
        "content": None if claim.content_hash is None else claim.content_hash.hex(),
        "number": claim.number,
        "v": 1,
        "version": claim.version,
    }
    transparency.append(session, kind="fund_claim", record=record, owner=claim.filed_by)
    return claim


def check_reason(reason: str) -> None:
    check_words(reason, rules.MAX_REASON, "/reason")
    refuse_pii(reason, "/reason")


def _own_claim() -> Forbidden:
    return Forbidden(
        "own_claim",
        zh="经办过此申请的人员不得再作此决定",
        en="Who filed, assessed or returned it does not decide this",
        fix_zh="由另一人办理；换账号、换写法仍是同一人。",
        fix_en="Another person does it; another account or spelling is the same person.",
        pointer="/officer",
    )


def not_now(state: str) -> Conflict:
    return Conflict(
        "payee_fixed",
        zh="此时不能更换收款人",
        en="The payee is not changed now",
        fix_zh="资金冻结之前方可更换；否则先退回。",
        fix_en="It is changed before money is held; else the claim is returned first.",
        extra={"state": state},
    )
