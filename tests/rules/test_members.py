"""Decisions on members: states, codes, agreements."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin.disclosure import rules as disclosure
from gongxin.errors import Conflict, Invalid
from gongxin.members import rules
from gongxin.members.rules import Terms
from gongxin.subjects import budgets
from gongxin.web.caller import MEMBER_KINDS
from gongxin_wire.identifiers import synthetic_cn_id, synthetic_uscc

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
REAL_USCC = "91310000400000001C"
TERMS = Terms(
    purposes=["placement", "contact"],
    data_types=["case_status"],
    budgets={"placement": 100, "contact": 0, "evaluation": 1000},
    contacts={"security": "security@bank.example"},
    effective_from=NOW,
)


def check_terms(kind: str = "bank", state: str = "active", newest: datetime | None = None, **change: Any) -> None:
    rules.check_terms(kind, state, replace(TERMS, **change), newest, NOW)


# --- words held together --------------------------------------------------------------------------------------------


def test_the_words_are_those_of_callers_and_of_disclosure() -> None:
    assert rules.KINDS == MEMBER_KINDS
    assert rules.PURPOSES == disclosure.PURPOSES
    assert rules.DATA_TYPES == disclosure.DATA_TYPES
    assert rules.EVALUATION == budgets.EVALUATION
    assert set(rules.PURPOSES_OF) == set(rules.KINDS)
    assert {purpose for purposes in rules.PURPOSES_OF.values() for purpose in purposes} == set(rules.PURPOSES)


# --- states ---------------------------------------------------------------------------------------------------------


def test_the_states_of_a_member() -> None:
    drawn = """
    applied    active left
    active     suspended left
    suspended  active left
    left
    """
    assert {
        line.split()[0]: tuple(line.split()[1:]) for line in drawn.strip().splitlines() if line.strip()
    } == rules.TRANSITIONS


@pytest.mark.parametrize(("previous", "state"), list(product(rules.STATES, rules.STATES)))
def test_a_change_that_does_not_follow_is_refused_with_the_legal_ones(previous: str, state: str) -> None:
    if state in rules.TRANSITIONS[previous]:
        rules.check_change(previous, state, "年检未通过")
        return
    with pytest.raises(Conflict) as caught:
        rules.check_change(previous, state, "年检未通过")
    assert caught.value.code == "illegal_member_state"
    assert caught.value.extra == {"state": previous, "legal": list(rules.TRANSITIONS[previous])}


@pytest.mark.parametrize(
    ("state", "reason", "code", "pointer"),
    [
        ("deleted", "x", "unknown_member_state", "/state"),
        ("left", "", "bad_text", "/reason"),
        ("left", " x", "bad_text", "/reason"),
        ("left", "x\n", "bad_text", "/reason"),
        ("left", "x" * 201, "bad_text", "/reason"),
        ("left", f"当事人 {synthetic_cn_id(3)}", "personal_data_in_text", "/reason"),
    ],
)
def test_a_change_needs_a_known_state_and_a_plain_reason(state: str, reason: str, code: str, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        rules.check_change("active", state, reason)
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


# --- the institution ------------------------------------------------------------------------------------------------


@given(st.integers(0, 999_999_999))
def test_test_codes_and_real_codes_never_meet(number: int) -> None:
    code = synthetic_uscc(number)
    assert rules.check_uscc(code, synthetic=True) == code
    with pytest.raises(Invalid) as caught:
        rules.check_uscc(code, synthetic=False)
    assert (caught.value.code, caught.value.pointer) == ("uscc_synthetic", "/uscc")


def test_a_real_code_is_for_a_real_registry() -> None:
    assert rules.check_uscc(f" {REAL_USCC.lower()} ", synthetic=False) == REAL_USCC
    with pytest.raises(Invalid) as caught:
        rules.check_uscc(REAL_USCC, synthetic=True)
    assert (caught.value.code, caught.value.pointer) == ("uscc_not_synthetic", "/uscc")


@given(st.integers(0, 999_999_999), st.integers(0, 17), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_a_mistyped_code_is_refused(number: int, place: int, character: str) -> None:
    code = synthetic_uscc(number)
    typed = code[:place] + character + code[place + 1 :]
    if typed == code:
        return
    with pytest.raises(Invalid) as caught:
        rules.check_uscc(typed, synthetic=True)
    assert caught.value.code == "bad_uscc"
    assert typed not in str(vars(caught.value))


@pytest.mark.parametrize("code", ["沪0115", "沪01", "沪", "最高法", "沪9901"])
def test_a_court_has_the_code_of_its_case_numbers(code: str) -> None:
    rules.check_court_code("court", code)
    with pytest.raises(Invalid) as caught:
        rules.check_court_code("bank", code)
    assert (caught.value.code, caught.value.pointer) == ("court_code_of_courts", "/court_code")


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (None, "court_code_of_courts"),
        ("", "bad_court_code"),
        ("0115", "bad_court_code"),
        ("沪0115民", "bad_court_code"),
        ("沪01155", "bad_court_code"),
        ("沪011", "bad_court_code"),
        ("试0115", "bad_court_code"),
        ("沪0115 ", "bad_court_code"),
        ("沪０１１５", "bad_court_code"),
    ],
)
def test_a_court_without_a_well_formed_code_is_refused(code: str | None, fault: str) -> None:
    with pytest.raises(Invalid) as caught:
        rules.check_court_code("court", code)
    assert (caught.value.code, caught.value.pointer) == (fault, "/court_code")


def test_names_are_plain_text_without_a_number_of_a_person() -> None:
    rules.check_names("示范银行", None)
    rules.check_names("示范银行", "Demonstration Bank")
    for names, pointer in (
        (("", None), "/name_zh"),
        (("示范银行", ""), "/name_en"),
        (("示" * 121, None), "/name_zh"),
        (("示范\u200b银行", None), "/name_zh"),
        (("示范银行", "Bank 13912345678"), "/name_en"),
    ):
        with pytest.raises(Invalid) as caught:
            rules.check_names(*names)
        assert caught.value.pointer == pointer
    with pytest.raises(Invalid) as caught:
        rules.check_kind("debtor")
    assert caught.value.pointer == "/kind"


# --- agreements -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "purpose"), list(product(rules.KINDS, rules.PURPOSES)))
def test_a_member_agrees_only_on_what_its_kind_may_ask(kind: str, purpose: str) -> None:
    if purpose in rules.PURPOSES_OF[kind]:
        check_terms(kind, purposes=[purpose], budgets={purpose: 1})
        return
    with pytest.raises(Invalid) as caught:
        check_terms(kind, purposes=[purpose], budgets={purpose: 1})
    assert (caught.value.code, caught.value.pointer) == ("purpose_not_for_member_kind", "/purposes/0")


def test_an_agreement_may_hold_no_purpose_at_all() -> None:
    check_terms("court", purposes=[], data_types=[], budgets={})


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"purposes": ["contact", "gossip"]}, "bad_term", "/purposes/1"),
        ({"purposes": ["contact", "contact"]}, "bad_term", "/purposes/1"),
        ({"data_types": ["amount"]}, "bad_term", "/data_types/0"),
        ({"budgets": {"placement": 1}}, "budgets_not_of_purposes", "/budgets"),
        ({"budgets": {"placement": 1, "contact": 1, "judicial": 1}}, "budgets_not_of_purposes", "/budgets"),
        ({"budgets": {"placement": 1, "contact": -1}}, "bad_budget", "/budgets/contact"),
        ({"budgets": {"placement": 1, "contact": True}}, "bad_budget", "/budgets/contact"),
        ({"budgets": {"placement": 1, "contact": 1.5}}, "bad_budget", "/budgets/contact"),
        ({"budgets": {"placement": 1, "contact": 1_000_000_001}}, "bad_budget", "/budgets/contact"),
        ({"budgets": {"placement": 1, "contact": 1, "evaluation": -1}}, "bad_budget", "/budgets/evaluation"),
        ({"contacts": {}}, "bad_offices", "/contacts"),
        ({"contacts": {"chairman": "a@bank.example"}}, "bad_offices", "/contacts"),
        ({"contacts": {"security": "bank.example"}}, "bad_email", "/contacts/security"),
        ({"contacts": {"security": "a@bank"}}, "bad_email", "/contacts/security"),
        ({"contacts": {"security": "a@bank.example\n"}}, "bad_email", "/contacts/security"),
        ({"contacts": {"security": "a@" + "b" * 60 + ".c" * 100}}, "bad_email", "/contacts/security"),
        ({"contacts": {"security": "13912345678@bank.example"}}, "personal_data_in_text", "/contacts/security"),
        ({"effective_from": NOW.replace(tzinfo=None)}, "bad_effective_from", "/effective_from"),
        ({"effective_from": NOW + timedelta(days=4000)}, "bad_effective_from", "/effective_from"),
        ({"effective_from": NOW - timedelta(days=4000)}, "bad_effective_from", "/effective_from"),
    ],
)
def test_terms_out_of_form_are_refused_at_their_field(change: dict[str, Any], code: str, pointer: str) -> None:
    check_terms()
    with pytest.raises(Invalid) as caught:
        check_terms(**change)
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


def test_a_version_does_not_take_effect_before_the_one_it_supersedes() -> None:
    check_terms(newest=NOW)
    with pytest.raises(Conflict) as caught:
        check_terms(newest=NOW + timedelta(microseconds=1))
    assert (caught.value.code, caught.value.pointer) == ("agreement_out_of_order", "/effective_from")


@pytest.mark.parametrize("state", rules.STATES)
def test_only_a_member_that_left_has_no_new_agreement(state: str) -> None:
    if state != "left":
        check_terms(state=state)
        return
    with pytest.raises(Conflict) as caught:
        check_terms(state=state)
    assert caught.value.code == "member_left"


@pytest.mark.parametrize("kind", rules.KINDS)
def test_an_agreement_is_read_by_its_member_and_the_association(kind: str) -> None:
    assert rules.may_read_agreements(kind, own=True)
    assert rules.may_read_agreements(kind, own=False) is (kind == "association")
