"""What must never happen to a claim, tried as the web role in plain SQL: the database refuses each."""

import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin.config import Config
from gongxin.db import transaction
from gongxin.fund.bank import service as bank
from gongxin.fund.claims import queries, rules
from gongxin.fund.claims.models import Claim
from gongxin.fund.ledger import service as ledger
from gongxin.subjects import service as subjects
from tests.services.claims_world import Claims, payee
from tests.services.disclosure_world import World, build, subject, token
from tests.services.members_world import named

APPROVE = (
    "insert into fund_claim_approvals (claim_id, officer, content_hash, member_id, unrelated, approved_at)"
    " values (:c, :o, :h, :m, :u, now())"
)
HOLD = (
    "update fund_claims set state = 'held', hold_id = :h, held_on = :on, acted_member = :m, acted_officer = 'WANG02',"
    " acted_at = :at where id = :c"
)


@pytest.fixture
def world(owner_engine: Engine, engine: Engine, config: Config) -> Iterator[World]:
    with transaction(engine) as session:
        subjects.ensure_epochs(session, config)
    yield from build(owner_engine, config)


@pytest.fixture
def claims(session: Session, config: Config, world: World) -> Claims:
    found = Claims(session, config, world)
    found.give(60_000_000)
    return found


def refused(claims: Claims, statement: str, **values: Any) -> str:
    """The constraint, or the state of SQL where a right is missing."""
    with pytest.raises(DBAPIError) as caught, claims.session.begin_nested():
        claims.session.execute(text(statement), values)
    return "42501" if getattr(caught.value.orig, "sqlstate", "") == "42501" else named(caught.value)


def held(claims: Claims, amount: int) -> uuid.UUID:
    lin = claims.actor(claims.association, "LIN01")
    return ledger.hold(claims.session, actor=lin, account="1002-RELIEF", amount_fen=amount, reason="救助").id


def hold_values(claims: Claims, claim: Claim, amount: int | None = None, **change: Any) -> dict[str, Any]:
    claims.become(claims.association)
    given = {"c": claim.id, "h": held(claims, amount or claim.granted_fen or 0), "on": claims.today}
    return given | {"m": claims.association.member_id, "at": _now(claims)} | change


def _now(claims: Claims) -> Any:
    return claims.session.scalar(text("select clock_timestamp()"))


def test_a_party_to_the_case_neither_files_nor_reviews_nor_is_paid(claims: Claims) -> None:
    claim = claims.file()
    row = claims.session.scalar(text("select to_jsonb(c)::text from fund_claims c where id = :c"), {"c": claim.id})
    insert = (
        "insert into fund_claims select (jsonb_populate_record(null::fund_claims, cast(:row as jsonb)"
        " || jsonb_build_object('id', gen_random_uuid(), 'number', 'n', 'filed_by', cast(:by as text),"
        " 'acted_member', cast(:by as text)))).*"
    )
    claims.become(claims.agency)
    assert refused(claims, insert, row=row, by=str(claims.agency.member_id)) == "fund_claims_party"
    stranger = claims.world.member("agency")
    assert refused(claims, insert, row=row, by=str(stranger.member_id)) in {"42501", "fund_claims_actor"}
    claims.become(claims.association)
    assess = (
        "update fund_claims set state = 'assessed', granted_fen = 5, lines = '{}', assessor_member = :m,"
        " assessor_officer = 'LIN01', reviewer_id = :r, payee_member = :p, acted_member = :m, acted_officer = 'LIN01'"
        " where id = :c"
    )
    given = {"c": claim.id, "m": claims.association.member_id, "r": claims.court.member_id, "p": None}
    for party in (claims.agency.member_id, claims.bank.member_id):
        assert refused(claims, assess, **(given | {"r": party})) == "fund_claims_party"
        assert refused(claims, assess, **(given | {"p": party})) == "fund_claims_party"
    for related in (claims.mediator.member_id, claims.court.member_id, claims.association.member_id):
        assert refused(claims, assess, **(given | {"p": related})) == "fund_claims_related"
    for reviewer in (claims.mediator.member_id, claims.association.member_id):
        assert refused(claims, assess, **(given | {"r": reviewer})) == "fund_claims_assessor"
    claims.session.execute(text(assess), given)


def test_two_people_of_two_institutions_approve_the_very_content(claims: Claims) -> None:
    claim = claims.assess(claims.file())
    given = {"c": claim.id, "h": claim.content_hash, "m": claims.association.member_id, "u": True}
    assert refused(claims, APPROVE, o="LIN01", **given) == "fund_claim_approvals_maker"
    assert refused(claims, APPROVE, o="TIAO01", **given) == "fund_claim_approvals_maker"
    assert refused(claims, APPROVE, o="WANG02", **(given | {"h": bytes(32)})) == "fund_claim_approvals_content"
    assert refused(claims, APPROVE, o="WANG02", **(given | {"u": False})) == "ck_fund_claim_approvals_unrelated"
    assert refused(claims, APPROVE, o="WANG02", **(given | {"m": claims.court.member_id})) == "42501"
    for officer in ("WANG02", "ZHAO03"):
        claims.session.execute(text(APPROVE), given | {"o": officer})
    assert refused(claims, APPROVE, o="WANG02", **given) == "pk_fund_claim_approvals"
    by_hand = "update fund_claims set state = 'approved', acted_member = :m where id = :c"
    values = {"c": claim.id, "m": claims.association.member_id}
    assert refused(claims, by_hand, **values) == "fund_claims_approved", "two people, and one institution"
    claims.become(claims.mediator)
    mine = given | {"m": claims.mediator.member_id, "o": "TIAO09"}
    assert refused(claims, APPROVE, **mine) == "fund_claim_approvals_member"
    claims.become(claims.court)
    claims.session.execute(text(APPROVE), given | {"m": claims.court.member_id, "o": "FAGUAN01"})
    claims.become(claims.association)
    assert queries.get_claim(claims.session, claim.id).state == "approved"


def test_what_was_approved_is_what_is_held(claims: Claims) -> None:
    claim = claims.approved(claims.assess(claims.file()))
    given = hold_values(claims, claim)
    for change in ("granted_fen = 5", "payee_kind = 'person'", "reviewer_id = assessor_member", "lines = '{ }'"):
        assert refused(claims, HOLD.replace("set ", f"set {change}, "), **given) == "fund_claims_content", change
    other = bank.register_payee(
        claims.session, claims.config, actor=claims.actor(claims.association, "LIN01"), **payee()
    )
    swap = HOLD.replace("set ", "set payee_id = :p, account_key = :k, ")
    assert refused(claims, swap, p=other.id, k=other.account_key, **given) == "fund_claims_content"
    half = HOLD.replace("set ", "set payee_id = :p, ")
    assert refused(claims, half, p=other.id, **given) == "fund_claims_payee"
    assert refused(claims, HOLD, **(given | {"h": held(claims, 5)})) == "fund_claims_hold"
    assert refused(claims, HOLD, **(given | {"h": uuid.uuid4()})) == "fund_claims_hold"
    for column in ("asked_fen = 1", "subject_keys = null", "content_hash = null", "unrelated = true", "filed_by = id"):
        assert refused(claims, f"update fund_claims set {column} where id = :c", c=claim.id) == "42501"
    claims.session.execute(text(HOLD), given)
    early = "update fund_claims set state = 'instructed', acted_officer = 'WANG02' where id = :c"
    assert refused(claims, early, c=claim.id) == "fund_claims_instruction"


def test_the_payee_of_the_instruction_is_the_payee_that_was_approved(claims: Claims) -> None:
    claim = claims.approved(claims.assess(claims.file()))
    given = hold_values(claims, claim)
    claims.session.execute(text(HOLD), given)
    wang = claims.actor(claims.association, "WANG02")
    other = bank.register_payee(claims.session, claims.config, actor=wang, **payee())
    instruct = (
        "insert into fund_instructions (id, reference, purpose, source_id, fund, amount_fen, payee_id, hold_id,"
        " maker_member, maker_officer, instructed_at, changed_at) values (gen_random_uuid(), :r, 'relief', :c,"
        " 'RELIEF', :n, :p, :h, :m, 'WANG02', now(), now())"
    )
    values = {"r": bank.new_reference(), "c": claim.id, "n": claim.granted_fen, "m": wang.member_id}
    assert refused(claims, instruct, **values, p=other.id, h=given["h"]) == "fund_instructions_claim"
    assert refused(claims, instruct, **values, p=claim.payee_id, h=None) == "fund_instructions_claim"
    claims.session.execute(text(instruct), values | {"p": claim.payee_id, "h": given["h"]})
    move = "update fund_claims set state = 'instructed', acted_officer = 'WANG02' where id = :c"
    claims.session.execute(text(move), {"c": claim.id})


def test_relief_is_not_instructed_without_a_claim_whose_money_is_held(claims: Claims) -> None:
    approved = claims.approved(claims.assess(claims.file()))
    claims.become(claims.association)
    wang, amount = claims.actor(claims.association, "WANG02"), approved.granted_fen or 0
    hold_id = held(claims, amount)
    for source in (approved.id, uuid.uuid4()):
        with pytest.raises(DBAPIError) as caught, claims.session.begin_nested():
            bank.instruct(
                claims.session, purpose="relief", source_id=source, fund="RELIEF", amount_fen=amount,
                payee_id=approved.payee_id, hold_id=hold_id, maker=wang,
            )  # fmt: skip
        assert named(caught.value) == "fund_instructions_claim"


def test_the_year_of_a_cap_is_that_of_the_day_in_china(claims: Claims) -> None:
    """31 December 16:00 UTC is the new year in Shanghai: the claim counts there, whatever the server's clock says."""
    claim = claims.approved(claims.assess(claims.file()))
    given = hold_values(claims, claim, at="2026-12-31T16:00:00Z", on=date(2026, 12, 31))
    assert refused(claims, HOLD, **given) == "fund_claims_held_on"
    before = given | {"at": "2026-12-31T15:59:59Z", "on": date(2027, 1, 1)}
    assert refused(claims, HOLD, **before) == "fund_claims_held_on"
    claims.session.execute(text(HOLD), given | {"on": date(2027, 1, 1)})
    assert queries.spent(claims.session, queries.get_claim(claims.session, claim.id), 2027) == (0, 0)
    other = claims.file()
    claims.become(claims.association)
    assert queries.spent(claims.session, other, 2027)[0] == 800_000
    assert queries.spent(claims.session, other, 2026)[0] == 0


def test_caps_hold_whoever_asks(claims: Claims) -> None:
    caps = rules.pack()["caps"]["unemployment"]
    claim = claims.assess(claims.file(cause="unemployment", asked_fen=900_000), 600_000)
    raise_ = (
        "update fund_claims set state = 'assessed', granted_fen = :n, acted_officer = 'LIN01',"
        " acted_member = assessor_member where id = :c"
    )
    claims.session.execute(text(raise_), {"n": caps["per_claim_fen"] + 1, "c": claim.id})
    claims.session.expire_all()
    over = claims.approved(queries.get_claim(claims.session, claim.id))
    assert refused(claims, HOLD, **hold_values(claims, over)) == "fund_claims_cap"
    year = date(2031, 6, 1)
    for n in range(2):
        found = claims.approved(claims.assess(claims.file(cause="unemployment", asked_fen=600_000), 600_000))
        claims.session.execute(text(HOLD), hold_values(claims, found, on=year + timedelta(n), at=f"2031-06-0{n + 1}"))
    last = claims.approved(claims.assess(claims.file(cause="unemployment", asked_fen=100), 100))
    values = hold_values(claims, last, on=year, at="2031-06-01")
    assert refused(claims, HOLD, **values) == "fund_claims_cap", "the person's year"
    claims.session.execute(text(HOLD), values | {"on": date(2032, 1, 1), "at": "2032-01-01"})


def test_one_persons_account_serves_no_other_person(claims: Claims) -> None:
    account = payee()
    claims.assess(claims.file(payee=account, payee_kind="person"))
    other = claims.file(payee=account, payee_kind="person", subject=subject(token()))
    with pytest.raises(DBAPIError) as caught, claims.session.begin_nested():
        claims.assess(other)
    assert named(caught.value) == "fund_claims_related"


def test_the_filer_changes_nothing_that_the_association_decided(claims: Claims) -> None:
    claim = claims.assess(claims.file())
    claims.become(claims.mediator)
    for change in ("granted_fen = asked_fen - 1, state = 'assessed'", "state = 'returned', reason = 'x'",
                   "reviewer_id = filed_by, state = 'assessed'", "state = 'paid'", "state = 'held'"):  # fmt: skip
        move = f"update fund_claims set {change}, acted_member = :m, acted_officer = 'TIAO01' where id = :c"
        assert refused(claims, move, c=claim.id, m=claims.mediator.member_id) in {
            "fund_claims_office", "fund_claims_transition",
        }, change  # fmt: skip
    approved = "update fund_claims set state = 'approved', acted_member = :m where id = :c"
    assert refused(claims, approved, c=claim.id, m=claims.mediator.member_id) == "fund_claims_approved"


def test_a_refusal_gives_its_reason_and_an_appeal_has_its_day(claims: Claims) -> None:
    claim = claims.file()
    claims.become(claims.association)
    back = "update fund_claims set state = 'returned', acted_member = :m, acted_officer = 'LIN01' where id = :c"
    assert refused(claims, back, c=claim.id, m=claims.association.member_id) == "fund_claims_reasoned"
    back = back.replace("set ", "set reason = 'x', returned_officer = 'LIN01', appeal_by = current_date - 2, ")
    claims.session.execute(text(back), {"c": claim.id, "m": claims.association.member_id})
    claims.become(claims.mediator)
    appeal = (
        "update fund_claims set state = 'appealed', reason = 'y', acted_member = :m, acted_officer = 'TIAO01',"
        " acted_at = now() where id = :c"
    )
    assert refused(claims, appeal, c=claim.id, m=claims.mediator.member_id) == "fund_claims_appeal"


def test_who_returned_a_claim_does_not_decide_its_appeal(claims: Claims) -> None:
    claim = claims.file()
    claims.become(claims.association)
    member = claims.association.member_id
    back = (
        "update fund_claims set state = 'returned', reason = 'x', returned_officer = 'LIN01', acted_member = :m,"
        " acted_officer = 'LIN01', appeal_by = current_date + 9 where id = :c"
    )
    claims.session.execute(text(back), {"c": claim.id, "m": member})
    claims.become(claims.mediator)
    appeal = (
        "update fund_claims set state = 'appealed', reason = 'y', acted_member = :m, acted_officer = 'TIAO01',"
        " acted_at = now() where id = :c"
    )
    claims.session.execute(text(appeal), {"c": claim.id, "m": claims.mediator.member_id})
    claims.become(claims.association)
    end = "update fund_claims set state = 'rejected', reason = 'z', acted_member = :m, acted_officer = :o where id = :c"
    assert refused(claims, end, c=claim.id, m=member, o="LIN01") == "fund_claims_appeal_officer"
    claims.session.execute(text(end), {"c": claim.id, "m": member, "o": "ZHAO03"})


def test_nobody_else_sees_a_claim_and_history_stays(claims: Claims) -> None:
    claim = claims.assess(claims.file())
    for stranger in (claims.agency, claims.bank, claims.world.member("mediator")):
        claims.become(stranger)
        assert claims.session.scalar(text("select count(*) from fund_claims")) == 0
        assert claims.session.scalar(text("select count(*) from fund_claim_flags")) == 0
    claims.become(claims.court)
    assert claims.session.scalar(text("select count(*) from fund_claims")) == 1
    assert claims.session.scalar(text("select count(*) from fund_payee_details")) == 0, "payers only"
    claims.become(claims.association)
    for statement in (
        "delete from fund_claims",
        "delete from fund_claim_steps",
        "insert into fund_claim_steps values (:c, 9, 'paid', :c, 'X', null, now())",
        "update fund_claim_approvals set officer = 'X'",
        "update fund_claim_caps set per_claim_fen = 9",
        "delete from fund_claim_flags",
    ):
        values = {"c": claim.id} if ":c" in statement else {}
        assert refused(claims, statement, **values) == "42501"
