"""What must never happen to the fund's money, tried as the web role in plain SQL: the database refuses each."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.fund.ledger import queries, service
from tests.conftest import act_for
from tests.services.fund_world import Fund, open_fund
from tests.services.members_world import named

LEG = "insert into fund_legs (entry_id, position, account_id, fund, side, amount_fen) values (:e, :p, :a, :f, :s, :n)"
POST = "update fund_entries set state = 'posted', posted_at = now(), acted_officer = 'WANG02' where id = :e"


@pytest.fixture(params=["", "checked"], ids=["plainly", "as if a verb had checked"])
def fund(session: Session, request: pytest.FixtureRequest) -> Fund:
    """As the association itself: nothing here is done for the registry. What tells the triggers that a verb has checked
    opens nothing to the web role."""
    found = open_fund(session)
    found.posted(10_000)
    act_for(session, found.member_id, "association")
    pretend(found, request.param)
    return found


def pretend(fund: Fund, books: str) -> None:
    fund.session.info["books"] = books
    fund.session.execute(text("select set_config('gongxin.books', :books, true)"), {"books": books})


def refused(fund: Fund, statement: str, **values: Any) -> str:
    """The constraint, or the state of SQL where a right is missing."""
    pretend(fund, fund.session.info["books"])
    with pytest.raises(DBAPIError) as caught, fund.session.begin_nested():
        fund.session.execute(text(statement), values)
    return "42501" if getattr(caught.value.orig, "sqlstate", "") == "42501" else named(caught.value)


def account(fund: Fund, name: str) -> uuid.UUID:
    return queries.get_account(fund.session, fund.codes[name]).id


def a_draft(fund: Fund, *legs: tuple[str, str, int]) -> uuid.UUID:
    """A draft with these legs, past every rule of the verbs."""
    entry, _ = service.draft(fund.session, actor=fund.lin, new=fund.new(legs=()))
    for position, (name, side, amount) in enumerate(legs, 1):
        of = "STAFF" if name.startswith("staff") else "RELIEF"
        values = {"e": entry.id, "p": position, "a": account(fund, name), "f": of, "s": side, "n": amount}
        fund.session.execute(text(LEG), values)
    return entry.id


def submit(fund: Fund, entry_id: uuid.UUID) -> bytes:
    fund.session.execute(text("update fund_entries set state = 'submitted' where id = :e"), {"e": entry_id})
    found = queries.get_entry(fund.session, entry_id).content_hash
    assert found is not None
    return found


APPROVE = (
    "insert into fund_approvals (entry_id, officer, content_hash, member_id, approved_at)"
    " values (:e, :o, :h, :m, now())"
)


def approve(fund: Fund, entry_id: uuid.UUID, *officers: str) -> None:
    found = queries.get_entry(fund.session, entry_id).content_hash
    for officer in officers:
        values = {"e": entry_id, "o": officer, "h": found, "m": fund.member_id}
        fund.session.execute(text(APPROVE), values)


def ready(fund: Fund, *legs: tuple[str, str, int]) -> uuid.UUID:
    entry_id = a_draft(fund, *legs)
    submit(fund, entry_id)
    approve(fund, entry_id, "WANG02", "ZHAO03")
    return entry_id


def test_the_way_itself_is_open(fund: Fund) -> None:
    """Else every refusal below would prove nothing."""
    entry_id = ready(fund, ("cash", "debit", 5), ("levies", "credit", 5))
    fund.session.execute(text(POST), {"e": entry_id})
    assert fund.balance("cash") == 10_005


@pytest.mark.parametrize(
    ("legs", "constraint"),
    [
        ([("cash", "debit", 5), ("levies", "credit", 4)], "fund_entries_balanced"),
        ([("cash", "debit", 5)], "fund_entries_balanced"),
        ([], "fund_entries_balanced"),
        ([("cash", "debit", 5), ("staff_levies", "credit", 5)], "fund_entries_balanced"),
        ([("relief", "debit", 5), ("medical_cash", "credit", 5)], "fund_entries_restriction"),
        ([("relief", "debit", 10_001), ("cash", "credit", 10_001)], "fund_entries_minimum"),
    ],
)
def test_what_may_not_be_posted(fund: Fund, legs: list[tuple[str, str, int]], constraint: str) -> None:
    entry_id = ready(fund, *legs)
    assert refused(fund, POST, e=entry_id) == constraint


VERB_POST = "select fund_post(:e, :m, 'WANG02', now())"
VERB_APPROVE = "select fund_approve(:e, :h, :m, :o, null, now())"
VERB_DRAFT = (
    "select fund_draft(gen_random_uuid(), :key, :hash, :on, :words, :reference, :reverses, :hold, :accounts, :funds,"
    " :sides, cast(:amounts as bigint[]), :m, :officer, now())"
)


@pytest.mark.parametrize(
    ("legs", "constraint"),
    [
        ([("cash", "debit", 5), ("levies", "credit", 4)], "fund_entries_balanced"),
        ([("cash", "debit", 5)], "fund_entries_balanced"),
        ([], "fund_entries_balanced"),
        ([("cash", "debit", 5), ("staff_levies", "credit", 5)], "fund_entries_balanced"),
        ([("relief", "debit", 5), ("medical_cash", "credit", 5)], "fund_entries_restriction"),
        ([("relief", "debit", 10_001), ("cash", "credit", 10_001)], "fund_entries_minimum"),
        ([("relief", "debit", 10_000), ("cash", "credit", 10_001), ("cash", "debit", 1)], None),
        ([("relief", "debit", 10_001), ("cash", "credit", 10_002), ("cash", "debit", 1)], "fund_entries_minimum"),
    ],
)
def test_what_the_verb_does_not_post(fund: Fund, legs: list[tuple[str, str, int]], constraint: str | None) -> None:
    entry_id = ready(fund, *legs)
    if constraint is None:
        fund.session.execute(text(VERB_POST), {"e": entry_id, "m": fund.member_id})
        assert fund.balance("cash") == 0
    else:
        assert refused(fund, VERB_POST, e=entry_id, m=fund.member_id) == constraint


def test_the_verb_posts_once_and_what_is_approved_alone(fund: Fund) -> None:
    by = {"m": fund.member_id}
    entry_id = a_draft(fund, ("cash", "debit", 5), ("levies", "credit", 5))
    assert refused(fund, VERB_POST, e=entry_id, **by) == "fund_entries_transition"
    submit(fund, entry_id)
    approve(fund, entry_id, "WANG02")
    assert refused(fund, VERB_POST, e=entry_id, **by) == "fund_entries_transition"
    approve(fund, entry_id, "ZHAO03")
    assert refused(fund, VERB_POST.replace("WANG02", "wang02"), e=entry_id, **by) == "ck_fund_entries_officers"
    assert refused(fund, VERB_POST.replace("now()", "now() - interval '3 days'"), e=entry_id, **by) == (
        "fund_entries_future"
    )
    assert refused(fund, VERB_POST, e=entry_id, m=uuid.uuid4()) == "42501"
    fund.session.execute(text(VERB_POST), {"e": entry_id, **by})
    assert refused(fund, VERB_POST, e=entry_id, **by) == "fund_entries_final"


def test_what_the_verb_does_not_approve(fund: Fund) -> None:
    entry_id = a_draft(fund, ("cash", "debit", 5), ("levies", "credit", 5))
    given: dict[str, Any] = {"e": entry_id, "h": bytes(32), "m": fund.member_id, "o": "WANG02"}
    assert refused(fund, VERB_APPROVE, **given) == "fund_approvals_submitted"
    given["h"] = submit(fund, entry_id)
    assert refused(fund, VERB_APPROVE, **(given | {"o": "LIN01"})) == "fund_approvals_maker"
    assert refused(fund, VERB_APPROVE, **(given | {"h": bytes(32)})) == "fund_approvals_content"
    assert refused(fund, VERB_APPROVE, **(given | {"o": "wang02"})) == "ck_fund_approvals_officer"
    assert refused(fund, VERB_APPROVE, **(given | {"e": uuid.uuid4()})) == "fk_fund_approvals_entry_id"
    assert refused(fund, VERB_APPROVE, **(given | {"m": uuid.uuid4()})) == "42501"
    fund.session.execute(text(VERB_APPROVE), given)
    assert refused(fund, VERB_APPROVE, **given) == "pk_fund_approvals"


def test_what_the_verb_does_not_draft(fund: Fund) -> None:
    given: dict[str, Any] = {
        "key": "verb", "hash": bytes(32), "on": fund.today, "words": "收到会费", "reference": None, "reverses": None,
        "hold": None, "accounts": [fund.codes["cash"], fund.codes["levies"]], "funds": ["RELIEF", "RELIEF"],
        "sides": ["debit", "credit"], "amounts": [5, 5], "m": fund.member_id, "officer": "LIN01",
    }  # fmt: skip
    restricted = [fund.codes["cash"], fund.codes["medical_gifts"]]
    for change, constraint in (
        ({"key": "a b"}, "ck_fund_entries_key"),
        ({"hash": b"x"}, "ck_fund_entries_key"),
        ({"words": ""}, "ck_fund_entries_words"),
        ({"reference": "x" * 65}, "ck_fund_entries_words"),
        ({"officer": "lin-01"}, "ck_fund_entries_officers"),
        ({"on": fund.today.replace(year=2001)}, "fund_entries_day"),
        ({"accounts": [fund.codes["cash"], "NONE"]}, "fk_fund_legs_account_id_fund"),
        ({"funds": ["RELIEF", "STAFF"]}, "fk_fund_legs_account_id_fund"),
        ({"amounts": [5, 4]}, "fund_entries_balanced"),
        ({"accounts": [], "funds": [], "sides": [], "amounts": []}, "fund_entries_balanced"),
        ({"sides": ["debit", "kredit"], "amounts": [5, 5]}, "ck_fund_legs_side"),
        ({"amounts": [0, 0]}, "ck_fund_legs_amount"),
        ({"amounts": [-5, -5]}, "ck_fund_legs_amount"),
        ({"accounts": restricted}, "fund_entries_restriction"),
        ({"m": uuid.uuid4()}, "42501"),
    ):
        assert refused(fund, VERB_DRAFT, **(given | change)) == constraint, change
    fund.session.execute(text(VERB_DRAFT), given)
    assert refused(fund, VERB_DRAFT, **(given | {"hash": bytes([1] * 32)})) == "uq_fund_entries_key"
    act_for(fund.session, None, "registry")
    assert refused(fund, VERB_DRAFT, **(given | {"key": "v2", "m": uuid.uuid4()})) == "fk_fund_entries_maker_member"


def test_nobody_but_the_association_calls_the_verbs(fund: Fund) -> None:
    entry_id = ready(fund, ("cash", "debit", 5), ("levies", "credit", 5))
    for kind in ("bank", "court", "agency", "mediator", "regulator"):
        act_for(fund.session, fund.member_id, kind)
        assert refused(fund, VERB_POST, e=entry_id, m=fund.member_id) == "42501"
    for helper in ("fund_actor(gen_random_uuid())", "fund_mirror(gen_random_uuid(), gen_random_uuid())"):
        assert refused(fund, f"select {helper}") == "42501"


def test_a_row_names_what_is_there(fund: Fund) -> None:
    """Under the names the keys had."""
    entry_id = a_draft(fund, ("cash", "debit", 5), ("levies", "credit", 5))
    leg = {"e": uuid.uuid4(), "p": 1, "a": account(fund, "cash"), "f": "RELIEF", "s": "debit", "n": 1}
    assert refused(fund, LEG, **leg) == "fk_fund_legs_entry_id"
    assert refused(fund, LEG, **(leg | {"e": entry_id, "p": 3, "a": uuid.uuid4()})) == "fk_fund_legs_account_id_fund"
    given = {"e": uuid.uuid4(), "h": bytes(32), "m": fund.member_id, "o": "WANG02"}
    assert refused(fund, APPROVE, **given) == "fk_fund_approvals_entry_id"
    entry = (
        "insert into fund_entries (id, key, key_hash, period, booked_on, description, maker_member, maker_officer,"
        " acted_member, acted_officer, acted_at, created_at) values (gen_random_uuid(), 'k3',"
        " decode(repeat('00', 32), 'hex'), :p, :d, 'x', :m, 'LIN01', :m, 'LIN01', now(), now())"
    )
    values: dict[str, Any] = {"p": 99_999, "d": fund.today, "m": fund.member_id}
    assert refused(fund, entry, **values) == "fk_fund_entries_period"
    act_for(fund.session, None, "registry")
    stranger = values | {"p": fund.period.number, "m": uuid.uuid4()}
    assert refused(fund, entry, **stranger) == "fk_fund_entries_maker_member"
    given |= {"e": entry_id, "h": submit(fund, entry_id), "m": uuid.uuid4()}
    assert refused(fund, APPROVE, **given) == "fk_fund_approvals_member_id"


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("key = 'a b'", "42501"),
        ("description = ''", "ck_fund_entries_words"),
        ("reference = repeat('x', 65)", "ck_fund_entries_words"),
        ("acted_officer = 'lin-01'", "ck_fund_entries_officers"),
        ("posted_at = now()", "ck_fund_entries_posted"),
    ],
)
def test_an_entry_keeps_its_form(fund: Fund, change: str, constraint: str) -> None:
    entry_id = a_draft(fund)
    found = refused(fund, f"update fund_entries set {change} where id = :e", e=entry_id)
    assert found in {constraint, "fund_entries_maker"}


def test_nothing_is_posted_that_was_not_approved(fund: Fund) -> None:
    entry_id = a_draft(fund, ("cash", "debit", 5), ("levies", "credit", 5))
    assert refused(fund, POST, e=entry_id) == "fund_entries_transition"
    submit(fund, entry_id)
    assert refused(fund, POST, e=entry_id) == "fund_entries_transition"
    approve(fund, entry_id, "WANG02")
    assert refused(fund, POST, e=entry_id) == "fund_entries_transition"
    by_hand = "update fund_entries set state = 'approved' where id = :e"
    assert refused(fund, by_hand, e=entry_id) == "fund_entries_approved"


def test_an_entry_begins_as_a_draft(fund: Fund) -> None:
    insert = (
        "insert into fund_entries (id, key, key_hash, period, booked_on, description, maker_member, maker_officer,"
        " state, content_hash, acted_member, acted_officer, acted_at, created_at, posted_at, approvals_needed)"
        " values (gen_random_uuid(), 'k', decode(repeat('00', 32), 'hex'), :p, :d, 'x', :m, 'LIN01', :s,"
        " decode(repeat('00', 32), 'hex'), :m, 'LIN01', now(), now(), :at, :n)"
    )
    values: dict[str, Any] = {"p": fund.period.number, "d": fund.today, "m": fund.member_id, "n": 2, "at": None}
    for state in ("submitted", "approved", "rejected"):
        assert refused(fund, insert, s=state, **values) == "fund_entries_begin"
    assert refused(fund, insert, s="posted", **(values | {"at": clock.now()})) == "fund_entries_begin"
    assert refused(fund, insert.replace(", content_hash", "").replace(" decode(repeat('00', 32), 'hex'), :m,", " :m,"),
                   s="draft", **(values | {"n": 1})) == "ck_fund_entries_approvals"  # fmt: skip


def test_the_maker_is_no_approver_and_nobody_approves_twice(fund: Fund) -> None:
    entry_id = a_draft(fund, ("cash", "debit", 5), ("levies", "credit", 5))
    found = submit(fund, entry_id)
    given = {"e": entry_id, "h": found, "m": fund.member_id}
    assert refused(fund, APPROVE, o="LIN01", **given) == "fund_approvals_maker"
    approve(fund, entry_id, "WANG02")
    assert refused(fund, APPROVE, o="WANG02", **given) == "pk_fund_approvals"
    for spelling in ("wang02", "ＷＡＮＧ02", "WANG-02", "WANG02 "):
        assert refused(fund, APPROVE, o=spelling, **given) == "ck_fund_approvals_officer"
    other = given | {"h": bytes(32)}
    assert refused(fund, APPROVE, o="ZHAO03", **other) == "fund_approvals_content"
    assert refused(fund, APPROVE, o="ZHAO03", **(given | {"m": uuid.uuid4()})) == "42501"


def test_a_draft_is_not_approved(fund: Fund) -> None:
    entry_id = a_draft(fund, ("cash", "debit", 5), ("levies", "credit", 5))
    assert refused(fund, APPROVE, e=entry_id, o="WANG02", h=bytes(32), m=fund.member_id) == "fund_approvals_submitted"


@pytest.mark.parametrize("stage", ["submitted", "approved", "posted"])
def test_the_content_stays_once_submitted(fund: Fund, stage: str) -> None:
    entry_id = a_draft(fund, ("cash", "debit", 5), ("levies", "credit", 5))
    submit(fund, entry_id)
    if stage != "submitted":
        approve(fund, entry_id, "WANG02", "ZHAO03")
    if stage == "posted":
        fund.session.execute(text(POST), {"e": entry_id})
    leg = {"e": entry_id, "p": 3, "a": account(fund, "cash"), "f": "RELIEF", "s": "debit", "n": 1}
    assert refused(fund, LEG, **leg) == "fund_legs_draft"
    assert refused(fund, "delete from fund_legs where entry_id = :e", e=entry_id) == "fund_legs_draft"
    assert refused(fund, "update fund_legs set amount_fen = 6 where entry_id = :e", e=entry_id) == "42501"
    expected = {"fund_entries_content", "fund_entries_final", "fund_entries_transition"}
    for change in ("description = 'y'", "reference = 'y'", "booked_on = booked_on - 1"):
        assert refused(fund, f"update fund_entries set {change} where id = :e", e=entry_id) in expected
    assert refused(fund, "update fund_entries set content_hash = null where id = :e", e=entry_id) == "42501"


def test_what_is_posted_is_final(fund: Fund) -> None:
    entry_id = ready(fund, ("cash", "debit", 5), ("levies", "credit", 5))
    fund.session.execute(text(POST), {"e": entry_id})
    assert refused(fund, POST, e=entry_id) == "fund_entries_final"
    for state in ("draft", "approved", "withdrawn", "rejected"):
        move = f"update fund_entries set state = '{state}', posted_at = null, reason = 'x' where id = :e"
        assert refused(fund, move, e=entry_id) == "fund_entries_final"


@pytest.mark.parametrize("amount", [0, -5, 2**53])
def test_an_amount_is_positive_and_below_2_to_the_53(fund: Fund, amount: int) -> None:
    entry_id = a_draft(fund)
    leg = {"e": entry_id, "p": 1, "a": account(fund, "cash"), "f": "RELIEF", "s": "debit", "n": amount}
    assert refused(fund, LEG, **leg) == "ck_fund_legs_amount"


def test_a_leg_names_the_fund_its_account_is_of(fund: Fund) -> None:
    entry_id = a_draft(fund)
    leg = {"e": entry_id, "p": 1, "a": account(fund, "cash"), "f": "STAFF", "s": "debit", "n": 1}
    assert refused(fund, LEG, **leg) == "fk_fund_legs_account_id_fund"


def test_a_reversal_mirrors_its_original_once(fund: Fund) -> None:
    entry_id = ready(fund, ("cash", "debit", 5), ("levies", "credit", 5))
    fund.session.execute(text(POST), {"e": entry_id})
    new = fund.new(legs=(fund.leg("cash", "credit", 4), fund.leg("levies", "debit", 4)), reverses=entry_id)
    other, _ = service.draft(fund.session, actor=fund.lin, new=new)
    move = "update fund_entries set state = 'submitted' where id = :e"
    assert refused(fund, move, e=other.id) == "fund_entries_mirror"
    open_ = a_draft(fund, ("cash", "debit", 5), ("levies", "credit", 5))
    unposted = "insert into fund_entries select * from jsonb_populate_record(null::fund_entries, cast(:row as jsonb))"
    row = fund.session.scalar(
        text(
            "select (to_jsonb(e) || jsonb_build_object('id', gen_random_uuid(), 'key', 'k2', 'reverses', cast(:r as"
            " text)))::text from fund_entries e where e.id = :e"
        ),
        {"e": open_, "r": str(open_)},
    )
    assert refused(fund, unposted, row=row) == "fund_entries_reverses_posted"
    of_reversal = row.replace(f'"reverses": "{open_}"', f'"reverses": "{other.id}"')
    assert refused(fund, unposted, row=of_reversal) == "fund_entries_reversal_of_reversal"


def test_what_the_database_keeps_the_web_role_only_reads(fund: Fund) -> None:
    for statement in (
        "insert into fund_postings values (:a, 9, :a, 1, 1, 1, 1, now())",
        "update fund_postings set amount_fen = 1",
        "delete from fund_postings",
        "update fund_totals set balance_fen = 1",
        "update fund_totals set held_fen = 0",
        "update fund_balances set opening_fen = 1",
        "insert into fund_balances (account_id, period) values (:a, 99)",
        "delete from fund_steps",
        "update fund_approvals set officer = 'LI'",
        "delete from fund_entries",
        "delete from fund_accounts",
        "update fund_accounts set minimum_fen = null",
        "update fund_accounts set restriction = null",
        "delete from fund_holds",
        "update fund_holds set amount_fen = 1",
        "update fund_periods set last_day = last_day - 1",
    ):
        assert refused(fund, statement, **({"a": account(fund, "cash")} if ":a" in statement else {})) == "42501"


def test_holds_end_once_and_only_an_entry_uses_them(fund: Fund) -> None:
    held = service.hold(fund.session, actor=fund.lin, account=fund.codes["cash"], amount_fen=10, reason="救助")
    use = "update fund_holds set state = 'used', ended_at = now() where id = :h"
    assert refused(fund, use, h=held.id) == "fund_holds_used"
    fund.session.execute(
        text("update fund_holds set state = 'released', ended_at = now() where id = :h"), {"h": held.id}
    )
    back = "update fund_holds set state = 'held', ended_at = null where id = :h"
    assert refused(fund, back, h=held.id) == "fund_holds_fixed"


def test_a_period_does_not_close_by_hand_over_undecided_entries(fund: Fund) -> None:
    a_draft(fund)
    close = (
        "update fund_periods set state = 'closed', closed_at = now(), trial_balance = 'x', leaf_id = gen_random_uuid(),"
        " content_hash = decode(repeat('00', 32), 'hex') where number = :n"
    )
    assert refused(fund, close, n=fund.period.number) == "fund_periods_closing"
    closing = text("update fund_periods set state = 'closing' where number = :n")
    fund.session.execute(closing, {"n": fund.period.number})
    assert refused(fund, close, n=fund.period.number) in {"fund_periods_pending", "fund_periods_order"}


@pytest.mark.parametrize("kind", ["bank", "court", "agency", "mediator", "regulator"])
def test_only_the_association_writes_and_members_see_nothing(fund: Fund, kind: str) -> None:
    act_for(fund.session, fund.member_id, kind)
    seen = fund.session.scalar(text("select count(*) from fund_accounts"))
    assert (seen > 0) == (kind == "regulator")
    entry = (
        "insert into fund_entries (id, key, key_hash, period, booked_on, description, maker_member, maker_officer,"
        " acted_member, acted_officer, acted_at, created_at) values (gen_random_uuid(), 'k',"
        " decode(repeat('00', 32), 'hex'), :p, :d, 'x', :m, 'LIN01', :m, 'LIN01', now(), now())"
    )
    assert refused(fund, entry, p=fund.period.number, d=fund.today, m=fund.member_id) == "42501"
    fund.session.execute(text("update fund_entries set description = 'z'"))  # moves none: it sees none to move
    act_for(fund.session, fund.member_id, "association")
    assert fund.session.scalar(text("select count(*) from fund_entries where description = 'z'")) == 0


def test_the_owner_of_the_tables_cannot_rewrite_history_either(owner_engine: Engine, fund: Fund) -> None:
    with owner_engine.connect() as connection:
        triggers = connection.execute(
            text(
                "select tgrelid::regclass::text, tgname from pg_trigger"
                " where tgname in ('append_only', 'stays', 'fixed')"
            )
        ).all()
    guarded: Callable[[str], set[str]] = lambda name: {table for table, found in triggers if found == name}  # noqa: E731
    assert {"fund_postings", "fund_steps", "fund_approvals"} <= guarded("append_only")
    kept = {"fund_entries", "fund_accounts", "fund_periods", "fund_holds", "fund_totals", "fund_balances"}
    assert kept <= guarded("stays")
    assert "fund_legs" in guarded("fixed")
