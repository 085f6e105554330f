"""Payees, instructions and what is expected: the verbs, and what the database refuses by itself."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.config import Config
from gongxin.errors import Conflict, Invalid, NotFound
from gongxin.fund.bank import outcomes, payees, queries, rules, service
from gongxin.fund.ledger import service as ledger
from tests.conftest import act_for
from tests.services.fund_world import Fund, open_fund
from tests.services.members_world import named

HOLDER = {"holder": "测试第九医院", "bank_code": "103100000018", "bank_name": "示范银行"}


@pytest.fixture
def fund(session: Session) -> Fund:
    found = open_fund(session)
    found.posted(100_000)
    return found


def number() -> str:
    return "99" + str(uuid.uuid4().int)[:17]


def payee(fund: Fund, config: Config, account: str | None = None, **change: Any) -> Any:
    given = HOLDER | {"account": account or number()} | change
    return service.register_payee(fund.session, config, actor=fund.lin, **given)


def instructed(fund: Fund, config: Config, amount: int = 5_000, **change: Any) -> Any:
    held = ledger.hold(fund.session, actor=fund.lin, account=fund.codes["cash"], amount_fen=amount, reason="救助")
    given: dict[str, Any] = {
        "purpose": "refund", "source_id": fund.posted(amount, "levies", "owed").id, "fund": "RELIEF",
        "amount_fen": amount,
        "payee_id": payee(fund, config).id, "hold_id": held.id, "maker": fund.lin,
    } | change  # fmt: skip
    return service.instruct(fund.session, **given)


def expected(fund: Fund, **change: Any) -> Any:
    given: dict[str, Any] = {
        "source_kind": "levy", "source_id": uuid.uuid4(), "reference": service.new_reference(), "amount_fen": 900,
        "due_on": clock.today_in_china() + timedelta(days=10), "payer_id": fund.member_id,
    } | change  # fmt: skip
    return service.expect(fund.session, **given)


def refused(fund: Fund, statement: str, **values: Any) -> str:
    with pytest.raises(DBAPIError) as caught, fund.session.begin_nested():
        fund.session.execute(text(statement), values)
    return "42501" if getattr(caught.value.orig, "sqlstate", "") == "42501" else named(caught.value)


def test_the_same_details_are_the_same_payee_and_the_same_account_is_known_under_any_spelling(
    fund: Fund, config: Config
) -> None:
    account = number()
    first = payee(fund, config, account)
    assert payee(fund, config, f"{account[:4]} {account[4:9]}-{account[9:]}").id == first.id
    other = payee(fund, config, account, holder="另一户名", bank_code="ABCDCNBJ")
    assert other.id != first.id
    assert other.account_key == first.account_key == service.account_key(config, account)
    assert payee(fund, config).account_key != first.account_key


def test_details_lie_sealed_and_only_payers_read_them(fund: Fund, config: Config) -> None:
    account = number()
    made = payee(fund, config, account)
    held = queries.find_details(fund.session, made.id)
    assert held is not None
    assert account.encode() not in held.sealed
    payee_id = made.id
    assert payees.read(fund.session, config, payee_id)["account"] == account
    for kind in ("bank", "agency", "court", "mediator", "regulator"):
        act_for(fund.session, fund.member_id, kind)
        fund.session.expire_all()
        with pytest.raises(NotFound):
            payees.read(fund.session, config, payee_id)
    act_for(fund.session, fund.member_id, "association")
    assert payees.read(fund.session, config, payee_id)["holder"] == HOLDER["holder"]


def test_details_move_to_another_master_key(fund: Fund, config: Config) -> None:
    made = payee(fund, config)
    new = bytes(range(32))
    while payees.reseal(fund.session, old_key=config.master_key, new_key=new):
        pass
    assert payees.read(fund.session, replace(config, master_key=new), made.id)["holder"] == HOLDER["holder"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"account": "12345"}, "/account"),
        ({"account": "9" * 35}, "/account"),
        ({"account": "6222A2222222"}, "/account"),
        ({"bank_code": "1031"}, "/bank_code"),
        ({"holder": " 名"}, "/holder"),
        ({"holder": ""}, "/holder"),
        ({"bank_name": "行" * 71}, "/bank_name"),
    ],
)
def test_details_of_another_form_are_refused_by_field(
    fund: Fund, config: Config, change: dict[str, str], pointer: str
) -> None:
    with pytest.raises(Invalid) as caught:
        payee(fund, config, **change)
    assert caught.value.pointer == pointer
    assert not any(value and value in str(vars(caught.value)) for value in change.values() if len(value) > 4)


def test_a_reference_finds_a_wrong_character_and_two_exchanged() -> None:
    reference = service.new_reference()
    assert rules.is_own_reference(reference)
    for at in range(3, len(reference)):
        wrong = reference[:at] + ("7" if reference[at] != "7" else "8") + reference[at + 1 :]
        assert not rules.is_own_reference(wrong)
        if at + 1 < len(reference) and reference[at] != reference[at + 1]:
            swapped = reference[:at] + reference[at + 1] + reference[at] + reference[at + 2 :]
            assert not rules.is_own_reference(swapped)


def test_one_source_is_paid_once_and_asking_again_is_the_same(fund: Fund, config: Config) -> None:
    first = instructed(fund, config)
    again = {
        "purpose": "refund", "source_id": first.source_id, "fund": "RELIEF", "amount_fen": first.amount_fen,
        "payee_id": first.payee_id, "hold_id": first.hold_id, "maker": fund.wang,
    }  # fmt: skip
    assert service.instruct(fund.session, **again).id == first.id
    with pytest.raises(Conflict, match="payment_under_way"):
        service.instruct(fund.session, **(again | {"payee_id": payee(fund, config).id}))
    service.cancel(fund.session, first.id, reason="收款人有误")
    assert service.instruct(fund.session, **again).id != first.id


def test_a_payment_is_covered_by_its_hold(fund: Fund, config: Config) -> None:
    with pytest.raises(Invalid, match="invalid_field"):
        instructed(fund, config, amount_fen=4_999)
    first = instructed(fund, config)
    release = "update fund_holds set state = 'released', ended_at = now() where id = :h"
    assert refused(fund, release, h=first.hold_id) == "fund_holds_instructed"
    service.cancel(fund.session, first.id, reason="撤销")
    ledger.release(fund.session, first.hold_id)


def test_what_is_expected_once_is_not_expected_otherwise(fund: Fund) -> None:
    first = expected(fund)
    same = {"source_id": first.source_id, "reference": first.reference}
    assert expected(fund, **same).id == first.id
    for change in ({"amount_fen": 901}, {"source_id": uuid.uuid4()}, {"reference": service.new_reference()}):
        with pytest.raises(Conflict, match="expected_already"):
            expected(fund, **(same | change))
    service.withdraw_expected(fund.session, first.id)
    with pytest.raises(Conflict, match="already_received"):
        service.withdraw_expected(fund.session, first.id)


@pytest.mark.parametrize("amount", [0, -1, 2**53, 1.5, True])
def test_amounts_are_whole_fen(fund: Fund, amount: Any) -> None:
    with pytest.raises(Invalid):
        expected(fund, amount_fen=amount)


def test_whoever_registered_is_told_and_nobody_else(fund: Fund) -> None:
    heard: list[Any] = []
    undo = outcomes.register("levy", lambda session, **told: heard.append(told))
    told = {"source_id": uuid.uuid4(), "outcome": "confirmed", "booked_on": clock.today_in_china(), "amount_fen": 5}
    try:
        assert outcomes.tell(fund.session, "levy", **told)
        assert heard == [told | {"reason": None}]
    finally:
        undo()
    assert not outcomes.tell(fund.session, f"x{uuid.uuid4().hex[:8]}", **told)


# --- the database by itself -------------------------------------------------------------------------------------------

_INSTRUCTION = (
    "insert into fund_instructions (id, reference, purpose, source_id, fund, amount_fen, payee_id, hold_id, state,"
    " reason, maker_member, maker_officer, instructed_at, changed_at) select gen_random_uuid(),"
    " {reference}, {purpose}, {source}, {fund}, {amount}, payee_id, {hold}, {state}, {reason}, maker_member, {officer},"
    " now(), now() from fund_instructions where id = :i"
)
_GOOD = {
    "reference": "'GXP0123456789A'", "purpose": "'refund'", "source": "gen_random_uuid()", "fund": "'RELIEF'",
    "amount": "1", "hold": "null", "state": "'instructed'", "reason": "null", "officer": "'LIN01'",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"reference": "'GXP-1'"}, "ck_fund_instructions_reference"),
        ({"reference": "reference"}, "uq_fund_instructions_reference"),
        ({"purpose": "'gift'"}, "ck_fund_instructions_purpose"),
        ({"fund": "'OTHER'"}, "ck_fund_instructions_fund"),
        ({"amount": "0"}, "ck_fund_instructions_amount"),
        ({"amount": "9007199254740992"}, "ck_fund_instructions_amount"),
        ({"state": "'sent'"}, "fund_instructions_begin"),
        ({"reason": "''"}, "ck_fund_instructions_reason"),
        ({"officer": "'lin 01'"}, "ck_fund_instructions_officer"),
        ({"purpose": "purpose", "source": "source_id"}, "ix_fund_instructions_one_payment"),
        ({"hold": "hold_id", "amount": "amount_fen"}, "ix_fund_instructions_one_hold"),
        ({"hold": "hold_id"}, "fund_instructions_hold"),
        ({"hold": "hold_id", "amount": "amount_fen", "fund": "'STAFF'"}, "fund_instructions_hold"),
    ],
)
def test_what_no_instruction_is(fund: Fund, config: Config, change: dict[str, str], constraint: str) -> None:
    first = instructed(fund, config)
    assert refused(fund, _INSTRUCTION.format(**(_GOOD | change)), i=first.id) == constraint


def test_an_instruction_moves_forward_and_keeps_what_it_pays(fund: Fund, config: Config) -> None:
    first = instructed(fund, config)
    move = "update fund_instructions set state = :s, reason = 'x' where id = :i"
    for state in ("sent", "confirmed", "returned"):
        assert refused(fund, move, i=first.id, s=state) == "fund_instructions_transition"
    other = payee(fund, config)
    change = "update fund_instructions set payee_id = :p where id = :i"
    assert refused(fund, change, i=first.id, p=other.id) == "42501"
    service.cancel(fund.session, first.id, reason="撤销")
    assert refused(fund, move, i=first.id, s="filed") == "fund_instructions_transition"


def test_the_owner_changes_neither_a_payee_nor_what_is_paid(fund: Fund, config: Config, owner_engine: Engine) -> None:
    with owner_engine.connect() as connection:
        found = connection.execute(
            text("select tgrelid::regclass::text, tgname from pg_trigger where tgrelid::regclass::text like 'fund_%'")
        )
        triggers = {(table, name) for table, name in found}
    assert ("fund_payees", "append_only") in triggers
    assert {(table, "stays") for table in ("fund_payee_details", "fund_instructions", "fund_expected")} <= triggers


_EXPECTED = (
    "insert into fund_expected (id, source_kind, source_id, reference, amount_fen, received_fen, due_on, state,"
    " made_at, changed_at) select gen_random_uuid(), {kind}, {source}, {reference}, {amount}, {received}, due_on,"
    " {state}, now(), now() from fund_expected where id = :e"
)
_AWAITED = {
    "kind": "'levy'", "source": "gen_random_uuid()", "reference": "'ABC-1234'", "amount": "5", "received": "0",
    "state": "'open'",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"kind": "'Levy'"}, "ck_fund_expected_source_kind"),
        ({"reference": "'abc'"}, "ck_fund_expected_reference"),
        ({"reference": "reference"}, "uq_fund_expected_reference"),
        ({"kind": "source_kind", "source": "source_id"}, "uq_fund_expected_source_kind_source_id"),
        ({"amount": "0"}, "ck_fund_expected_amount"),
        ({"received": "1"}, "fund_expected_begin"),
        ({"state": "'met'"}, "fund_expected_begin"),
    ],
)
def test_what_is_never_expected(fund: Fund, change: dict[str, str], constraint: str) -> None:
    assert refused(fund, _EXPECTED.format(**(_AWAITED | change)), e=expected(fund).id) == constraint


def test_what_is_received_stays_received(fund: Fund) -> None:
    first = expected(fund)
    receive = "update fund_expected set received_fen = :n, state = :s where id = :e"
    assert refused(fund, receive, e=first.id, n=901, s="open") == "ck_fund_expected_received"
    assert refused(fund, receive, e=first.id, n=5, s="met") == "ck_fund_expected_state"
    assert refused(fund, receive, e=first.id, n=5, s="open") == "fund_expected_received"
    service.withdraw_expected(fund.session, first.id)
    assert refused(fund, receive, e=first.id, n=0, s="open") == "fund_expected_final"
    assert refused(fund, "update fund_expected set amount_fen = 1000 where id = :e", e=first.id) == "42501"


def test_members_see_what_is_expected_of_them_and_nothing_else_of_the_bank(fund: Fund, config: Config) -> None:
    first, other = expected(fund), expected(fund, payer_id=None)
    instructed(fund, config)
    act_for(fund.session, fund.member_id, "bank")
    assert [found.id for found in queries.expected_with(fund.session, [first.reference, other.reference])] == [first.id]
    for table in ("fund_payees", "fund_payee_details", "fund_instructions"):
        assert fund.session.scalar(text(f"select count(*) from {table}")) == 0
    assert refused(fund, _EXPECTED.format(**_AWAITED), e=first.id) == "42501"
    assert refused(
        fund,
        "insert into fund_payees values (gen_random_uuid(), decode(repeat('00', 32), 'hex'), :m, 'LIN01', now())",
        m=fund.member_id,
    ) == "42501"  # fmt: skip


def test_the_web_role_changes_no_payee(fund: Fund) -> None:
    for statement in (
        "update fund_payees set account_key = account_key",
        "delete from fund_payees",
        "delete from fund_payee_details",
        "update fund_payee_details set payee_id = payee_id",
        "delete from fund_instructions",
        "update fund_instructions set amount_fen = 1",
        "delete from fund_expected",
    ):
        assert refused(fund, statement) == "42501"
