"""Payments out, statements in, matching, days: the verbs, and what the database refuses by itself."""

import hashlib
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin.config import Config
from gongxin.errors import Conflict, Forbidden, GongxinError, Invalid
from gongxin.fund.bank import days, files, matching, outcomes, queries, service, statements
from gongxin.fund.bank import queries_statements as found
from gongxin.fund.bank.formats import pain
from gongxin.transparency import service as log
from tests.conftest import act_for
from tests.services.bank_world import HEAD, Bank, camt
from tests.services.members_world import named


@pytest.fixture
def bank(session: Session, config: Config) -> Bank:
    return Bank(session, config)


@pytest.fixture
def heard() -> Iterator[list[Any]]:
    told: list[Any] = []
    undo = [outcomes.register(kind, lambda session, **more: told.append(more)) for kind in ("refund", "levy")]
    yield told
    for each in undo:
        each()


def refused(bank: Bank, statement: str, **values: Any) -> str:
    with pytest.raises(DBAPIError) as caught, bank.session.begin_nested():
        bank.session.execute(text(statement), values)
    return "42501" if getattr(caught.value.orig, "sqlstate", "") == "42501" else named(caught.value)


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", files.FORMATS)
def test_a_file_made_anew_is_the_same_octets_under_the_same_name(bank: Bank, format: str) -> None:
    first, second = bank.instructed(700), bank.instructed(300)
    made, once = bank.sent(first, second, format=format)
    again, twice = files.content(bank.session, bank.config, made.id)
    assert once == twice
    assert hashlib.sha256(once).digest() == made.sha256
    assert files.name(again) == files.name(made)
    assert (made.payments, made.total_fen, made.state) == (2, 1_000, "sent")
    assert {queries.get_instruction(bank.session, each.id).state for each in (first, second)} == {"sent"}
    assert log.is_appended(bank.session, made.id)


def test_a_commit_that_fails_after_the_file_was_written_pays_nobody_twice(bank: Bank) -> None:
    """What was written stays with the bank; the database knows nothing of it; the next attempt is the same file."""
    payment = bank.instructed()
    made = bank.file(payment)
    files.release(bank.session, made.id, actor=bank.fund.wang, sha256=made.sha256)
    savepoint = bank.session.begin_nested()
    _, written = files.content(bank.session, bank.config, made.id)
    name = files.name(made)
    savepoint.rollback()
    bank.session.expire_all()
    assert queries.get_instruction(bank.session, payment.id).state == "filed"
    with pytest.raises(Conflict, match="illegal_transition"):
        bank.file(payment)  # in no other file meanwhile
    with pytest.raises(Conflict, match="nothing_to_pay"):
        bank.file()
    with pytest.raises(Conflict, match="illegal_transition"):
        service.cancel(bank.session, payment.id, reason="撤销")
    again, anew = files.content(bank.session, bank.config, made.id)
    assert (files.name(again), anew) == (name, written)


def test_a_file_that_was_not_committed_cannot_be_released_or_written(bank: Bank) -> None:
    payment = bank.instructed()
    savepoint = bank.session.begin_nested()
    made_id = bank.file(payment).id
    savepoint.rollback()
    bank.session.expire_all()
    with pytest.raises(GongxinError, match="payment_file_not_found"):
        files.content(bank.session, bank.config, made_id)
    assert queries.get_instruction(bank.session, payment.id).state == "instructed"


def test_whoever_made_a_file_does_not_release_it_under_any_spelling(bank: Bank) -> None:
    made = bank.file(bank.instructed())
    with pytest.raises(Forbidden, match="maker_is_not_checker"):
        files.release(bank.session, made.id, actor=bank.fund.lin, sha256=made.sha256)
    with pytest.raises(Conflict, match="content_changed"):
        files.release(bank.session, made.id, actor=bank.fund.wang, sha256=bytes(32))
    with pytest.raises(Conflict, match="illegal_transition"):
        files.content(bank.session, bank.config, made.id)
    by_hand = (
        "update fund_payment_files set state = 'released', releaser_member = maker_member, releaser_officer = :o,"
        " released_at = now() where id = :f"
    )
    assert refused(bank, by_hand, f=made.id, o="LIN01") == "ck_fund_payment_files_releaser"
    files.release(bank.session, made.id, actor=bank.fund.wang, sha256=made.sha256)
    with pytest.raises(Conflict, match="illegal_transition"):
        files.withdraw(bank.session, made.id)


def test_a_withdrawn_file_lets_its_payments_wait_again(bank: Bank) -> None:
    payment = bank.instructed()
    first = bank.file(payment)
    files.withdraw(bank.session, first.id)
    second = bank.file(payment)
    assert second.id != first.id
    assert queries.get_instruction(bank.session, payment.id).state == "filed"


def test_payments_of_another_fund_stay_out_of_the_file(bank: Bank) -> None:
    owed = bank.fund.posted(5, "staff_levies", "staff_owed").id
    other = service.instruct(
        bank.session, purpose="refund", source_id=owed, fund="STAFF", amount_fen=5, payee_id=bank.payee().id,
        hold_id=None, maker=bank.fund.lin,
    )  # fmt: skip
    with pytest.raises(Invalid, match="invalid_field"):
        bank.file(other)


def test_a_pain_file_holds_to_its_structure_and_nothing_else_passes(bank: Bank) -> None:
    _, written = bank.sent(bank.instructed(123_45), format="pain001")
    pain.check(written)
    for good, bad in (
        (b"<CtrlSum>123.45", b"<CtrlSum>123.46"),
        (b"<PmtMtd>TRF", b"<PmtMtd>CHK"),
        (b"<NbOfTxs>1<", b"<NbOfTxs>2<"),
        (b'Ccy="CNY"', b'Ccy="USD"'),
        (b"<BtchBookg>false</BtchBookg>", b""),
        (b"pain.001.001.09", b"pain.001.001.03"),
        (b"</PmtTpInf>", b""),
    ):
        if good in written:
            with pytest.raises(Invalid, match="payment_file_structure"):
                pain.check(written.replace(good, bad))


def test_a_name_that_a_spreadsheet_would_run_is_not_written(bank: Bank) -> None:
    payment = bank.instructed(payee_id=bank.payee(holder="=HYPERLINK").id)
    with pytest.raises(Invalid, match="payment_file_structure"):
        bank.file(payment)


# --- statements -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig"])
def test_a_csv_statement_is_read_in_either_encoding(bank: Bank, encoding: str) -> None:
    awaited = bank.expected(900)
    made = bank.take(bank.csv((900, f"会费 {awaited.reference}"), (-25, "手续费"), encoding=encoding))
    assert (made.lines, made.opening_fen, made.closing_fen) == (2, 100_000, 100_875)
    first, second = bank.lines()
    assert (first.reference, second.reference) == (awaited.reference, None)
    assert statements.words(bank.config, second)["words"] == "手续费"
    assert "手续费".encode() not in second.sealed


@pytest.mark.parametrize("version", ["02", "08"])
def test_a_camt_statement_is_read_in_both_versions(bank: Bank, version: str) -> None:
    today = bank.fund.today
    rows = [
        {"amount": 900, "ref": f"a{uuid.uuid4().hex}", "words": "x"},
        {"amount": 50, "ref": f"b{uuid.uuid4().hex}", "more": "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"},
    ]
    made = bank.take(camt(bank.account_no, today, bank.balance, rows, version=version, counted=2))
    assert (made.format, made.closing_fen) == ("camt053", 100_950)
    assert [line.returned for line in bank.lines()] == [False, True]


def faulty(bank: Bank, data: bytes) -> tuple[str, Any]:
    with pytest.raises(GongxinError) as caught, bank.session.begin_nested():
        statements.take(bank.session, bank.config, actor=bank.fund.lin, bank_account=bank.code, data=data)
    return caught.value.code, caught.value.extra.get("line")


def test_a_statement_is_taken_once_and_in_its_turn(bank: Bank) -> None:
    today = bank.fund.today
    first = bank.csv((900, "x"))
    opening = bank.balance
    bank.take(first)
    assert faulty(bank, first) == ("statement_twice", None)
    assert faulty(bank, first.replace(b"x", b"y")) == ("statement_out_of_order", 2)
    later = bank.csv((5, "x"), day=today + timedelta(days=1), opening=opening)
    assert faulty(bank, later) == ("statement_does_not_follow", 2)
    bank.take(bank.csv((5, "x"), day=today + timedelta(days=1)))


def test_what_a_bank_would_not_write_is_refused_with_its_line(bank: Bank) -> None:
    today = bank.fund.today
    good = bank.csv((100, "a"), (200, "b"), (300, "c")).decode("gb18030")
    head, one, two, three = good.split("\r\n")
    whole = [head, one, two, three]

    def other(*lines: str) -> tuple[str, Any]:
        return faulty(bank, "\r\n".join(lines).encode())

    assert other(head, one, three) == ("statement_cut", 3)
    assert other(head, one, three, two) == ("statement_cut", 3)
    assert other(head, one, two, three.rsplit(",", 2)[0]) == ("statement_cut", 4)
    assert other(head) == ("statement_cut", 1)
    assert other(*whole[:2], two.replace(two.split(",")[5], one.split(",")[5]), three) == ("bank_line_twice", 3)
    assert other(head, one.replace(bank.account_no, "9" * 19), two, three)[0] == "statement_of_another_account"
    assert faulty(bank, good.replace(bank.account_no, "9" * 19).encode()) == ("statement_of_another_account", 0)
    assert other(head, one, two.replace(today.isoformat(), "2026-02-31"), three) == ("statement_unreadable", 3)
    assert other(head, one, two.replace("2.00", "2.005"), three) == ("statement_unreadable", 3)
    assert other(head, one, two.replace(",2.00,", ",x,"), three) == ("statement_unreadable", 3)
    before = (today - timedelta(days=1)).isoformat()
    assert other(head, one, two, three.replace(today.isoformat(), before)) == ("statement_out_of_order", 4)
    assert other(head.replace("余额", "结余"), one) == ("statement_unreadable", 1)
    assert faulty(bank, b"\xff\xff,x") == ("statement_unreadable", 1)
    assert faulty(bank, b"") == ("statement_unreadable", 0)
    bank.take(good.encode())


def test_what_a_camt_may_not_be(bank: Bank) -> None:
    today, account = bank.fund.today, bank.account_no
    row = {"amount": 900, "ref": "R1"}
    good = camt(account, today, bank.balance, [row])
    assert faulty(bank, good[:-20])[0] == "statement_unreadable"
    assert faulty(bank, camt(account, today, bank.balance, [row], closing=1))[0] == "statement_cut"
    assert faulty(bank, camt(account, today, bank.balance, [row], counted=2)) == ("statement_cut", 1)
    assert faulty(bank, camt(account, today, bank.balance, [row, row])) == ("bank_line_twice", 2)
    assert faulty(bank, camt("9" * 19, today, bank.balance, [row]))[0] == "statement_of_another_account"
    assert faulty(bank, camt(account, today, bank.balance + 1, [row])) == ("statement_does_not_follow", 1)
    assert faulty(bank, camt(account, today, bank.balance, [row], version="03"))[0] == "statement_unreadable"
    entity = good.replace(
        b'<?xml version="1.0" encoding="UTF-8"?>',
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    )
    assert faulty(bank, entity)[0] == "statement_unreadable"
    early = camt(account, today, bank.balance, [row | {"day": today - timedelta(days=400)}])
    assert faulty(bank, early) == ("statement_out_of_order", 1)


def test_a_line_of_the_bank_is_never_there_twice(bank: Bank) -> None:
    today = bank.fund.today
    row = {"amount": 900, "ref": f"R{uuid.uuid4().hex}"}
    bank.take(camt(bank.account_no, today, bank.balance, [row]))
    again = camt(bank.account_no, today + timedelta(days=1), bank.balance, [row | {"day": today}])
    assert faulty(bank, again) == ("bank_line_twice", 1)
    twice = (
        "insert into fund_bank_lines select (jsonb_populate_record(l, jsonb_build_object('id', gen_random_uuid(),"
        " 'position', 0))).* from fund_bank_lines l where l.bank_account_id = :b"
    )
    assert refused(bank, twice, b=bank.account.id) == "uq_fund_bank_lines_bank_account_id_bank_ref"


def test_the_last_day_of_a_year_and_the_first_of_the_next_are_two_statements(bank: Bank) -> None:
    end = date(bank.fund.today.year, 12, 31)
    bank.take(bank.csv((5, "x"), day=end))
    over = camt(bank.account_no, end + timedelta(days=1), bank.balance, [{"amount": 7, "ref": uuid.uuid4().hex}])
    made = bank.take(over)
    assert (made.day.month, made.day.day, made.opening_fen) == (1, 1, 100_005)


# --- matching ---------------------------------------------------------------------------------------------------------


def test_a_payment_out_and_back_tells_whoever_asked_for_it(bank: Bank, heard: list[Any]) -> None:
    payment = bank.instructed(5_000)
    bank.sent(payment)
    bank.take(bank.csv((-5_000, f"{payment.reference}")))
    (made,) = matching.match_certain(bank.session, actor=bank.fund.wang, bank_account=bank.code)
    assert (made.target, made.outcome) == ("instruction", "confirmed")
    assert queries.get_instruction(bank.session, payment.id).state == "confirmed"
    bank.take(bank.csv((5_000, f"退汇 {payment.reference}"), day=bank.fund.today + timedelta(days=1)))
    (back,) = matching.match_certain(bank.session, actor=bank.fund.wang, bank_account=bank.code)
    assert back.outcome == "returned"
    assert queries.get_instruction(bank.session, payment.id).state == "returned"
    assert [(told["source_id"], told["outcome"], told["amount_fen"]) for told in heard] == [
        (payment.source_id, "confirmed", 5_000),
        (payment.source_id, "returned", 5_000),
    ]
    assert heard[1]["reason"]


def test_a_payment_the_bank_takes_twice_is_settled_once(bank: Bank, heard: list[Any]) -> None:
    payment = bank.instructed(5_000)
    bank.sent(payment)
    bank.take(bank.csv((-5_000, payment.reference), (-5_000, payment.reference)))
    matching.match_certain(bank.session, actor=bank.fund.wang, bank_account=bank.code)
    (left,) = bank.lines()
    insert = (
        "insert into fund_matches values (gen_random_uuid(), :l, 'instruction', :i, 5000, 'confirmed', :m, 'WANG02',"
        " now())"
    )
    assert refused(bank, insert, l=left.id, i=payment.id, m=bank.fund.member_id) == "ix_fund_matches_once"
    assert how_open(bank) == [left.id]
    assert len(heard) == 1
    assert matching.match_certain(bank.session, actor=bank.fund.wang, bank_account=bank.code) == []


def how_open(bank: Bank) -> list[uuid.UUID]:
    return [line.id for line in days.standing(bank.session, bank.account, bank.fund.today).lines]


def test_many_lines_meet_one_expectation_and_one_line_many(bank: Bank, heard: list[Any]) -> None:
    whole, one, two = bank.expected(900), bank.expected(300), bank.expected(200)
    bank.take(bank.csv((400, whole.reference), (500, whole.reference), (500, "两笔合并")))
    matching.match_certain(bank.session, actor=bank.fund.wang, bank_account=bank.code)
    assert queries.get_expected(bank.session, whole.id).state == "met"
    (line,) = bank.lines()
    parts = [matching.Part("expected", one.id, 300), matching.Part("expected", two.id, 200)]
    matching.match(bank.session, line.id, actor=bank.fund.wang, parts=parts)
    assert bank.lines() == []
    assert sorted(told["amount_fen"] for told in heard) == [200, 300, 400, 500]
    with pytest.raises(Conflict, match="line_settled"):
        bank.match(line, "expected", bank.expected(5).id, 5)


def test_suggestions_tell_what_agrees(bank: Bank) -> None:
    today = bank.fund.today
    near, far = bank.expected(900), bank.expected(900, due_on=today + timedelta(days=60))
    part = bank.expected(50)
    bank.take(bank.csv((900, "无附言"), (70, part.reference)))
    first, second = bank.lines()
    made = matching.suggestions(bank.session, bank.account)
    told = {(each.line_id, each.target_id): (each.confidence, each.why) for each in made}
    assert told[first.id, near.id] == ("likely", ("amount", "date"))
    assert told[first.id, far.id] == ("possible", ("amount",))
    assert told[second.id, part.id] == ("likely", ("reference", "date"))
    assert matching.match_certain(bank.session, actor=bank.fund.wang, bank_account=bank.code) == []


def test_a_difference_is_settled_by_a_posted_entry_and_no_other_way(bank: Bank) -> None:
    bank.take(bank.csv((-25, "手续费")))
    (line,) = bank.lines()
    insert = (
        "insert into fund_matches values (gen_random_uuid(), :l, 'entry', :e, 25, 'confirmed', :m, 'WANG02', now())"
    )
    draft = bank.fund.submitted(25, "relief", "cash")
    wrong_way, other = bank.booked(25), bank.fund.posted(25, "staff_cash", "staff_levies")
    for entry in (draft, wrong_way, other):
        assert refused(bank, insert, l=line.id, e=entry.id, m=bank.fund.member_id) == "fund_matches_entry"
    fee = bank.booked(-25)
    bank.match(line, "entry", fee.id, 25)
    assert bank.lines() == []
    bank.take(bank.csv((-25, "手续费"), day=bank.fund.today + timedelta(days=1)))
    (second,) = bank.lines()
    assert refused(bank, insert, l=second.id, e=fee.id, m=bank.fund.member_id) == "fund_matches_entry"


def test_what_no_match_is(bank: Bank) -> None:
    payment, awaited = bank.instructed(500), bank.expected(500)
    bank.sent(payment)
    unsent = bank.instructed(500)
    bank.take(bank.csv((-500, "x"), (500, "y")))
    out, into = bank.lines()
    insert = "insert into fund_matches values (gen_random_uuid(), :l, :t, :i, :n, :o, :m, 'WANG02', now())"
    good: dict[str, Any] = {"l": out.id, "t": "instruction", "i": payment.id, "n": 500, "o": "confirmed"}
    for change, constraint in (
        ({"n": 499}, "fund_matches_payment"),
        ({"l": into.id}, "fund_matches_payment"),
        ({"i": unsent.id}, "fund_matches_payment"),
        ({"i": uuid.uuid4()}, "fund_matches_payment"),
        ({"n": 501}, "fund_matches_line"),
        ({"t": "gift"}, "ck_fund_matches_target"),
        ({"o": "lost"}, "ck_fund_matches_outcome"),
        ({"n": 0}, "ck_fund_matches_amount"),
        ({"t": "expected", "i": awaited.id}, "fund_matches_expected"),
        ({"t": "expected", "i": awaited.id, "l": into.id, "o": "returned"}, "ck_fund_matches_outcome"),
    ):
        assert refused(bank, insert, **(good | change | {"m": bank.fund.member_id})) == constraint
    assert refused(bank, insert, **(good | {"m": uuid.uuid4()})) in ("fk_fund_matches_member_id", "42501")


def test_no_hand_settles_what_no_line_of_the_bank_bears(bank: Bank) -> None:
    payment, awaited, waiting = bank.instructed(500), bank.expected(500), bank.instructed(50)
    bank.sent(payment)
    by_hand = "update fund_instructions set state = :s, reason = 'x' where id = :i"
    assert refused(bank, by_hand, i=payment.id, s="confirmed") == "fund_instructions_settled"
    assert refused(bank, by_hand, i=waiting.id, s="filed") == "fund_instructions_filed"
    received = "update fund_expected set received_fen = 500, state = 'met' where id = :e"
    assert refused(bank, received, e=awaited.id) == "fund_expected_received"


# --- days -------------------------------------------------------------------------------------------------------------


def test_a_day_is_reconciled_or_shows_what_is_missing(bank: Bank) -> None:
    today = bank.fund.today
    awaited = bank.expected(900)
    bank.take(bank.csv((900, awaited.reference), (-25, "手续费")))
    with pytest.raises(Conflict, match="day_not_reconciled") as caught:
        days.reconcile(bank.session, actor=bank.fund.wang, bank_account=bank.code, day=today)
    assert caught.value.extra["difference_fen"] == 875
    assert len(caught.value.extra["lines"]) == 2
    by_hand = "insert into fund_days values (:b, :d, :c, :m, 'WANG02', now(), gen_random_uuid())"
    values = {"b": bank.account.id, "d": today, "c": bank.balance, "m": bank.fund.member_id}
    assert refused(bank, by_hand, **values) == "fund_days_lines"
    matching.match_certain(bank.session, actor=bank.fund.wang, bank_account=bank.code)
    fee = bank.booked(-25)
    bank.match(bank.lines()[0], "entry", fee.id, 25)
    how = days.standing(bank.session, bank.account, today)
    assert (how.difference_fen, how.lines) == (900, ())
    assert refused(bank, by_hand, **values) == "fund_days_books"
    bank.booked(900)
    made = days.reconcile(bank.session, actor=bank.fund.wang, bank_account=bank.code, day=today)
    assert days.reconcile(bank.session, actor=bank.fund.lin, bank_account=bank.code, day=today) is made
    assert log.is_appended(bank.session, made.leaf_id)


def test_days_are_reconciled_in_their_order(bank: Bank) -> None:
    today = bank.fund.today
    bank.take(bank.csv((900, "x")))
    entry = bank.booked(900)
    bank.match(bank.lines()[0], "entry", entry.id, 900)
    tomorrow = today + timedelta(days=1)
    bank.take(camt(bank.account_no, tomorrow, bank.balance, []))
    with pytest.raises(Conflict) as caught:
        days.reconcile(bank.session, actor=bank.fund.wang, bank_account=bank.code, day=tomorrow)
    assert caught.value.extra["earlier"] == [today.isoformat()]
    by_hand = "insert into fund_days values (:b, :d, :c, :m, 'WANG02', now(), gen_random_uuid())"
    values = {"b": bank.account.id, "d": tomorrow, "c": bank.balance, "m": bank.fund.member_id}
    assert refused(bank, by_hand, **values) == "fund_days_order"
    for day in (today, tomorrow):
        days.reconcile(bank.session, actor=bank.fund.wang, bank_account=bank.code, day=day)


# --- the database by itself -------------------------------------------------------------------------------------------


def test_a_statement_cut_by_hand_is_refused_as_it_commits(bank: Bank) -> None:
    insert = (
        "insert into fund_statements values (gen_random_uuid(), :b, :d, 100000, 5, 100005, 1,"
        " decode(repeat('00', 32), 'hex'), 'csv', :m, 'LIN01', now())"
    )
    values = {"b": bank.account.id, "d": bank.fund.today, "m": bank.fund.member_id}
    bank.session.execute(text("set constraints all immediate"))
    assert refused(bank, insert, **values) == "fund_statements_whole"
    assert refused(bank, insert.replace("100005", "100006"), **values) == "ck_fund_statements_closing"
    other = insert.replace("100000, 5, 100005", "100001, 5, 100006")
    assert refused(bank, other, **values) == "fund_statements_opening"
    assert refused(bank, insert, **(values | {"d": date(2001, 1, 1)})) == "fund_statements_order"


def test_a_payment_stands_in_one_file_whatever_is_tried(bank: Bank) -> None:
    payment, other = bank.instructed(), bank.instructed()
    made, second = bank.file(payment), bank.file(other)
    add = "insert into fund_payment_items values (:f, 2, :i)"
    assert refused(bank, add, f=second.id, i=payment.id) == "fund_payment_items_once"
    waiting = bank.instructed(5)
    savepoint = bank.session.begin_nested()
    bank.session.execute(text(add), {"f": second.id, "i": waiting.id})
    by_hand = (
        "update fund_payment_files set state = 'released', releaser_member = maker_member, releaser_officer = 'WANG02',"
        " released_at = now() where id = :f"
    )
    assert refused(bank, by_hand, f=second.id) == "fund_payment_files_sum"
    savepoint.rollback()
    files.release(bank.session, made.id, actor=bank.fund.wang, sha256=made.sha256)
    assert refused(bank, add, f=made.id, i=waiting.id) == "fund_payment_items_once"
    back = "update fund_payment_files set state = 'withdrawn', released_at = null where id = :f"
    assert refused(bank, back, f=made.id) in ("fund_payment_files_fixed", "fund_payment_files_transition")


def test_the_web_role_changes_nothing_the_bank_said(bank: Bank) -> None:
    for statement in (
        "update fund_bank_lines set matched_fen = 1",
        "update fund_bank_lines set amount_fen = 1",
        "update fund_statements set closing_fen = 1",
        "update fund_matches set amount_fen = 1",
        "update fund_payment_files set sha256 = decode(repeat('00', 32), 'hex')",
        "update fund_payment_items set position = 9",
        "update fund_bank_accounts set opening_fen = 1",
        "update fund_days set closing_fen = 1",
        *(
            f"delete from {table}"
            for table in (
                "fund_bank_lines",
                "fund_statements",
                "fund_matches",
                "fund_payment_files",
                "fund_payment_items",
                "fund_bank_accounts",
                "fund_days",
            )
        ),
    ):
        assert refused(bank, statement) == "42501"


@pytest.mark.parametrize("kind", ["bank", "court", "agency", "mediator"])
def test_members_see_nothing_of_the_bank(bank: Bank, kind: str) -> None:
    bank.sent(bank.instructed())
    bank.take(bank.csv((5, "x")))
    act_for(bank.session, bank.fund.member_id, kind)
    for table in ("fund_bank_accounts", "fund_payment_files", "fund_payment_items", "fund_statements",
                  "fund_bank_lines", "fund_matches", "fund_days"):  # fmt: skip
        assert bank.session.scalar(text(f"select count(*) from {table}")) == 0


def test_the_head_of_a_csv_is_what_the_mapping_names(bank: Bank) -> None:
    assert set(HEAD.split(",")) <= set(bank.account.statements.values())
    assert found.get_bank_account(bank.session, bank.code).id == bank.account.id
