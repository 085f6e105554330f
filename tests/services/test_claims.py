"""Claims from hardship to the bank's word, and everything that must not be paid."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin.cases import service as cases
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import Conflict, Forbidden, GongxinError, Invalid, NotFound
from gongxin.fund import clocks
from gongxin.fund.bank import queries as instructions
from gongxin.fund.claims import api as _api
from gongxin.fund.claims import paying, queries, rules, service
from gongxin.fund.ledger import queries as books
from gongxin.fund.ledger import service as ledger
from gongxin.subjects import service as subjects
from tests.services.claims_world import Claims, payee
from tests.services.disclosure_world import World, build, subject, token
from tests.services.members_world import named

assert _api.BLUEPRINTS, "the bank's word reaches claims as soon as their API is there"


@pytest.fixture
def world(owner_engine: Engine, engine: Engine, config: Config) -> Iterator[World]:
    with transaction(engine) as session:
        subjects.ensure_epochs(session, config)
    yield from build(owner_engine, config)


@pytest.fixture
def claims(session: Session, config: Config, world: World) -> Claims:
    return Claims(session, config, world)


def code(act: Any) -> str:
    with pytest.raises(GongxinError) as caught:
        act()
    return caught.value.code


def stop_flags(claims: Claims) -> int:
    claims.become(None)
    return int(claims.session.scalar(text("select stop_mask from cases where id = :id"), {"id": claims.case_id}) or 0)


def test_relief_from_hardship_to_the_banks_confirmation(claims: Claims) -> None:
    claim = claims.under_way()
    assert claim.state == "instructed"
    assert claim.held_on == claims.today
    assert stop_flags(claims) != 0
    claims.become(claims.association)
    instruction = instructions.find_live_instruction(claims.session, "relief", claim.id)
    assert instruction is not None
    assert (instruction.amount_fen, instruction.payee_id) == (800_000, claim.payee_id)
    before = claims.office.balance("bank", "RELIEF")
    claims.bank_says(claim, "confirmed")
    paid = queries.get_claim(claims.session, claim.id)
    assert paid.state == "paid"
    assert paid.entry_id is not None
    assert before - claims.office.balance("bank", "RELIEF") == 800_000
    assert {found.officer for found in books.approvals(claims.session, [paid.entry_id])} == {"WANG02", "FAGUAN01"}
    assert [step.state for step in queries.steps(claims.session, claim.id)] == [
        "filed", "assessed", "approved", "held", "instructed", "paid",
    ]  # fmt: skip


def test_every_act_on_a_claim_has_its_leaf_and_none_names_person_payee_or_amount(claims: Claims) -> None:
    claim = claims.under_way()
    claims.bank_says(claim, "confirmed")
    claims.become(None)
    records = [
        orjson.loads(row[0])
        for row in claims.session.execute(
            text("select record from log_openings where record like :like"), {"like": f"%{claim.id}%"}
        )
        if b"number" in row[0].encode()
    ]
    acts = sorted(record["act"] for record in records)
    assert acts == sorted(["filed", "assessed", "approval", "approval", "held", "instructed", "paid"])
    assert {name for record in records for name in record} == {
        "act", "actor", "at", "claim_id", "content", "number", "v", "version",
    }  # fmt: skip


def test_the_stop_flag_is_lifted_as_the_term_ends(claims: Claims) -> None:
    claim = claims.under_way(term_days=30)
    claims.become(None)
    until = claims.today + timedelta(days=30)
    while clocks.lift_flags(claims.session, until) == paying.PORTION:
        pass
    assert stop_flags(claims) != 0, "on its last day it stands"
    claims.become(None)
    while clocks.lift_flags(claims.session, until + timedelta(days=1)) == paying.PORTION:
        pass
    assert stop_flags(claims) == 0
    claims.become(claims.association)
    assert queries.flags(claims.session, claim.id) == []


def test_the_flag_is_the_associations_word_as_registrar(claims: Claims) -> None:
    claim = claims.under_way()
    claims.become(claims.bank)
    (event,) = [
        each
        for each in cases.history(claims.session, case_id=claims.case_id, after=None, limit=50)
        if each["status"] == "hardship"
    ]
    assert event["source"] == "registrar"
    assert event["basis"] == claim.number


def test_what_the_bank_returns_frees_the_money_lifts_the_flag_and_may_be_appealed(claims: Claims) -> None:
    claim = claims.under_way()
    claims.bank_says(claim, "returned")
    found = queries.get_claim(claims.session, claim.id)
    assert found.state == "returned"
    assert "银行退" in (found.reason or "")
    assert found.hold_id is not None
    assert books.get_hold(claims.session, found.hold_id).state == "released"
    assert stop_flags(claims) == 0
    claims.become(claims.mediator)
    actor = claims.actor(claims.mediator, "TIAO01")
    assert service.appeal(claims.session, claim.id, actor=actor, reason="更正账户").state == "appealed"


def test_what_the_bank_returns_after_it_was_confirmed_is_reversed(claims: Claims) -> None:
    claim = claims.under_way()
    before = claims.office.balance("bank", "RELIEF")
    claims.bank_says(claim, "confirmed", "returned")
    assert claims.office.balance("bank", "RELIEF") == before
    assert queries.get_claim(claims.session, claim.id).state == "returned"


def test_a_staff_claim_returned_appealed_and_paid(claims: Claims) -> None:
    claims.give(3_000_000, fund="STAFF")
    claim = claims.file(claims.agency, fund="STAFF", cause="injury", agent_id=claims.agent(), officer="CHEN01")
    claims.become(claims.association)
    lin, zhao = claims.actor(claims.association, "LIN01"), claims.actor(claims.association, "ZHAO03")
    claim = paying.give_back(claims.session, claim.id, actor=lin, reason="缺少工伤认定")
    assert claim.appeal_by is not None
    assert claim.appeal_by >= claims.today + timedelta(days=20)
    claims.become(claims.agency)
    chen = claims.actor(claims.agency, "CHEN01")
    service.appeal(claims.session, claim.id, actor=chen, reason="补交工伤认定书")
    claims.become(claims.association)
    assert code(lambda: claims.assess(claim)) == "own_claim", "who returned it does not decide the appeal"
    again = claims.assess(claim, officer="ZHAO03")
    claims.approve(again, claims.association, "WANG02")
    paid = claims.pay(claims.approve(again, claims.court, "FAGUAN01"))
    claims.bank_says(paid, "confirmed")
    assert queries.get_claim(claims.session, claim.id).state == "paid"
    assert zhao.officer == "ZHAO03"


def test_an_appeal_that_fails_is_the_end_and_by_somebody_else(claims: Claims) -> None:
    claim = claims.file()
    claims.become(claims.association)
    lin, zhao = claims.actor(claims.association, "LIN01"), claims.actor(claims.association, "ZHAO03")
    paying.give_back(claims.session, claim.id, actor=lin, reason="证据不足")
    claims.become(claims.mediator)
    service.appeal(claims.session, claim.id, actor=claims.actor(claims.mediator, "TIAO01"), reason="请复核")
    claims.become(claims.association)
    assert code(lambda: service.reject(claims.session, claim.id, actor=lin, reason="维持")) == "own_claim"
    assert service.reject(claims.session, claim.id, actor=zhao, reason="维持").state == "rejected"


@pytest.mark.parametrize("who", ["agency", "bank"])
def test_whoever_works_or_owns_the_case_neither_files_nor_reviews_nor_is_paid(claims: Claims, who: str) -> None:
    party = getattr(claims, who)
    claims.give(5_000_000)
    if who == "agency":
        assert code(lambda: claims.file(party)) == "party_to_the_case"
    claim = claims.file()
    assert code(lambda: claims.assess(claim, reviewer_id=party.member_id)) == "party_to_the_case"
    other = claims.file(payee_member=party.member_id)
    assert code(lambda: claims.assess(other)) == "party_to_the_case"


def test_an_agency_that_is_no_party_may_file(claims: Claims) -> None:
    assert claims.file(claims.world.member("agency")).state == "filed"


def test_one_person_under_two_accounts_approves_once(claims: Claims) -> None:
    claims.give(5_000_000)
    claim = claims.assess(claims.file())
    claims.approve(claim, claims.association, "WANG02")
    assert code(lambda: claims.approve(claim, claims.association, "WANG02")) == "claim_approved_before"
    assert code(lambda: claims.approve(claim, claims.court, "WANG02")) == "claim_approved_before"
    assert code(lambda: claims.approve(claim, claims.association, "LIN01")) == "own_claim"
    assert code(lambda: claims.approve(claim, claims.court, "TIAO01")) == "own_claim"


def test_two_people_of_one_institution_are_not_enough(claims: Claims) -> None:
    claims.give(5_000_000)
    claim = claims.assess(claims.file())
    claims.approve(claim, claims.association, "WANG02")
    assert claims.approve(claim, claims.association, "ZHAO03").state == "assessed"
    assert code(lambda: claims.pay(claim)) == "claim_state"
    assert claims.approve(claim, claims.court, "FAGUAN01").state == "approved"


def test_an_institution_that_was_not_named_does_not_approve(claims: Claims) -> None:
    claims.give(5_000_000)
    claim = claims.assess(claims.file())
    claims.become(claims.association)
    stranger = claims.world.member("regulator")
    with pytest.raises(Forbidden) as caught:
        claims.approve(claim, stranger, "JIAN01")
    assert caught.value.code == "not_the_reviewer"
    claims.become(claims.world.member("mediator"))
    with pytest.raises(NotFound):
        queries.get_claim(claims.session, claim.id)


def test_a_payee_changed_after_approval_undoes_the_approval(claims: Claims) -> None:
    claims.give(5_000_000)
    claim = claims.approved(claims.assess(claims.file()))
    before = claim.content_hash
    claims.become(claims.mediator)
    actor = claims.actor(claims.mediator, "TIAO01")
    changed = service.change_payee(
        claims.session, claims.config, claim.id, actor=actor, payee=payee(), payee_kind="hospital"
    )
    assert changed.state == "assessed"
    assert changed.content_hash != before
    assert code(lambda: claims.pay(changed)) == "claim_state"
    assert code(lambda: claims.approve(changed, claims.court, "FAGUAN02", before)) == "claim_content_changed"
    assert claims.pay(claims.approved(changed)).payee_id == changed.payee_id


def test_once_money_is_held_the_payee_stays(claims: Claims) -> None:
    claim = claims.under_way()
    claims.become(claims.mediator)
    actor = claims.actor(claims.mediator, "TIAO01")
    change = lambda: service.change_payee(  # noqa: E731
        claims.session, claims.config, claim.id, actor=actor, payee=payee(), payee_kind="hospital"
    )
    assert code(change) == "claim_state"


def test_one_account_of_a_person_serves_no_other_person(claims: Claims) -> None:
    claims.give(5_000_000)
    account = payee()
    first = claims.file(payee=account, payee_kind="person")
    claims.assess(first)
    other = claims.file(payee=account, payee_kind="person", subject=subject(token()))
    claims.become(claims.association)
    with pytest.raises(DBAPIError) as caught, claims.session.begin_nested():
        claims.assess(other)
    assert named(caught.value) == "fund_claims_related"


def test_what_caps_and_the_reserve_cut_is_shown(claims: Claims) -> None:
    claims.give(50_000_000)
    claim = claims.assess(claims.file(cause="unemployment", asked_fen=900_000), 900_000)
    assert claim.granted_fen == 600_000
    assert claim.lines is not None
    assert orjson.loads(claim.lines)["lines"][1:] == [{"why": "cap_per_claim", "fen": -300_000, "limit_fen": 600_000}]
    claims.pay(claims.approved(claim))
    second = claims.assess(claims.file(cause="unemployment", asked_fen=600_000), 600_000)
    claims.pay(claims.approved(second))
    third = claims.file(cause="unemployment", asked_fen=100)
    assert code(lambda: claims.assess(third, 100)) == "nothing_left_to_grant"


def test_the_reserve_is_not_spent_and_the_cut_says_so(claims: Claims) -> None:
    claims.give(50_000_000)
    spare = queries.available(claims.session, "1002-RELIEF") - 300_000
    lin = claims.actor(claims.association, "LIN01")
    ledger.hold(claims.session, actor=lin, account="1002-RELIEF", amount_fen=spare, reason="预留")
    claim = claims.assess(claims.file(cause="unemployment", asked_fen=600_000), 600_000)
    assert claim.granted_fen == 300_000
    assert orjson.loads(claim.lines or "{}")["lines"][-1] == {
        "why": "reserve_floor", "fen": -300_000, "limit_fen": 300_000,
    }  # fmt: skip


def test_money_given_for_a_purpose_pays_for_it_first(claims: Claims) -> None:
    claims.give(5_000_000)
    claims.give(900_000, restriction="medical")
    claim = claims.assess(claims.file())
    assert claim.restriction == "medical"
    before = claims.office.balance("bank", "RELIEF", "medical")
    claims.bank_says(claims.pay(claims.approved(claim)), "confirmed")
    assert before - claims.office.balance("bank", "RELIEF", "medical") == 800_000


@pytest.mark.parametrize("asked", [1.5, -1, 0, 2**53, True, "5"])
def test_fen_that_is_no_positive_integer_is_refused(claims: Claims, asked: Any) -> None:
    with pytest.raises(Invalid):
        claims.file(asked_fen=asked)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"cause": "injury"}, "invalid_field"),
        ({"unrelated": False}, "related_beneficiary"),
        ({"subject": None}, "invalid_field"),
        ({"term_days": 0}, "invalid_field"),
        ({"term_days": 181}, "invalid_field"),
        ({"payee_kind": "creditor"}, "invalid_field"),
    ],
)
def test_a_claim_out_of_form_is_refused(claims: Claims, change: dict[str, Any], wanted: str) -> None:
    assert code(lambda: claims.file(**change)) == wanted


def test_an_agency_claims_for_its_own_people_only(claims: Claims) -> None:
    agent = claims.agent()
    stranger = claims.world.member("agency")
    claim = lambda: claims.file(stranger, fund="STAFF", cause="injury", agent_id=agent)  # noqa: E731
    assert code(claim) == "agent_not_found"


def test_whoever_filed_withdraws_before_money_is_held(claims: Claims) -> None:
    claim = claims.file()
    actor = claims.actor(claims.mediator, "TIAO01")
    assert service.withdraw(claims.session, claim.id, actor=actor, reason="已解决").state == "withdrawn"
    with pytest.raises(Conflict):
        service.withdraw(claims.session, claim.id, actor=actor, reason="再次")
    assert uuid.UUID(str(claim.id))


def test_the_figures_of_the_pack_are_the_databases(claims: Claims) -> None:
    rows = claims.session.execute(text("select * from fund_claim_caps")).mappings()
    assert {row["cause"]: {name: row[name] for name in row if name != "cause"} for row in rows} == rules.pack()["caps"]
