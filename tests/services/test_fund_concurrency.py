"""Two actors on the ledger at once, each a connection of its own, in a database of their own: whatever they do in
whatever order, the books stay true. `GONGXIN_TEST_HISTORIES=2000` tries as many histories as that."""

import os
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import embedded
from gongxin.db import WEB_ROLE, make_engine, name_caller, transaction
from gongxin.errors import GongxinError
from gongxin.fund.ledger import queries, rules, service
from tests.conftest import drop_database, make_database
from tests.services.fund_world import Fund, open_fund
from tests.services.members_world import named


@pytest.fixture(scope="module")
def own(server: str, worker_id: str) -> Iterator[Engine]:
    name = f"gongxin_fund_{worker_id}"
    make_database(server, name)
    engine = make_engine(embedded.dsn(server, WEB_ROLE, name), pool_size=6)
    yield engine
    engine.dispose()
    drop_database(server, name)


def together(*calls: Callable[[], Any]) -> list[Any]:
    """What each gave, or the exception it raised; all begin at once."""
    barrier, found = threading.Barrier(len(calls)), [None] * len(calls)

    def run(at: int) -> None:
        barrier.wait()
        try:
            found[at] = calls[at]()
        except (GongxinError, DBAPIError) as fault:
            found[at] = fault  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return found


def fund_of(engine: Engine) -> Fund:
    with transaction(engine) as session:
        return open_fund(session)


def on(fund: Fund, session: Session) -> Fund:
    return Fund(session, fund.member_id, fund.period, fund.codes)


def test_of_two_posts_at_once_one_is_made(own: Engine) -> None:
    fund = fund_of(own)
    with transaction(own) as session:
        entry = on(fund, session).approved(700)

    def post() -> Any:
        with transaction(own) as session:
            return service.post(session, entry.id, actor=fund.wang)

    found = together(post, post)
    refused = [each for each in found if isinstance(each, GongxinError)]
    assert [each.code for each in refused] == ["illegal_transition"]
    with transaction(own) as session:
        assert on(fund, session).balance("cash") == 700


def test_of_two_payments_that_only_together_break_the_floor_one_is_made(own: Engine) -> None:
    fund = fund_of(own)
    with transaction(own) as session:
        on(fund, session).posted(1_000)
        entries = [on(fund, session).approved(600, "relief", "cash") for _ in range(2)]

    def post(at: int) -> Callable[[], Any]:
        def run() -> Any:
            with transaction(own) as session:
                return service.post(session, entries[at].id, actor=fund.wang)

        return run

    found = together(post(0), post(1))
    assert [named(each) for each in found if isinstance(each, DBAPIError)] == ["fund_entries_minimum"]
    with transaction(own) as session:
        assert on(fund, session).balance("cash") == 400


def test_of_the_same_key_sent_twice_at_once_one_entry_is_made(own: Engine) -> None:
    fund = fund_of(own)
    new = fund.new(5)

    def draft() -> Any:
        with transaction(own) as session:
            return service.draft(session, actor=fund.lin, new=new)[0].id

    found = together(draft, draft)
    ids = {each for each in found if isinstance(each, uuid.UUID)}
    assert len(ids) == 1
    assert all(named(each) == "uq_fund_entries_key" for each in found if isinstance(each, DBAPIError))


CHECKS = {
    "the sum is zero in each fund": (
        "select a.fund from fund_totals t join fund_accounts a on a.id = t.account_id group by 1"
        " having sum(t.balance_fen) <> 0"
    ),
    "each account is the sum of its postings": (
        "select t.account_id from fund_totals t left join fund_postings p using (account_id)"
        " group by t.account_id, t.balance_fen, t.postings"
        " having t.balance_fen <> coalesce(sum(p.amount_fen), 0) or t.postings <> count(p.number)"
    ),
    "each posting follows the one before": (
        "select 1 from (select balance_fen - amount_fen as before, lag(balance_fen, 1, 0) over w as last,"
        " number, row_number() over w as n, at, lag(at, 1, at) over w as last_at from fund_postings"
        " window w as (partition by account_id order by number)) x where before <> last or n <> number or at < last_at"
    ),
    "each period is the sum of its postings": (
        "select 1 from fund_balances b left join fund_postings p using (account_id, period)"
        " group by b.account_id, b.period, b.debit_fen, b.credit_fen"
        " having b.debit_fen - b.credit_fen <> coalesce(sum(p.amount_fen), 0)"
    ),
    "no balance is below its floor less what is held": (
        "select a.code from fund_totals t join fund_accounts a on a.id = t.account_id"
        " where a.minimum_fen = 0 and t.balance_fen - t.held_fen < 0"
    ),
    "holds agree with what is held": (
        "select 1 from fund_totals t left join fund_holds h on h.account_id = t.account_id and h.state = 'held'"
        " group by t.account_id, t.held_fen having t.held_fen <> coalesce(sum(h.amount_fen), 0)"
    ),
    "nothing is posted without two approvers who did not make it": (
        "select 1 from fund_entries e where e.state = 'posted' and (select count(distinct a.officer)"
        " from fund_approvals a where a.entry_id = e.id and a.content_hash = e.content_hash"
        " and a.officer <> e.maker_officer) < 2"
    ),
    "what is posted has its postings, and nothing else has": (
        "select 1 from fund_entries e where (e.state = 'posted') <> exists"
        " (select from fund_postings p where p.entry_id = e.id) and exists"
        " (select from fund_legs l where l.entry_id = e.id)"
    ),
    "what is posted is a leaf, and nothing else is": (
        "select 1 from fund_entries e where (e.state = 'posted') <>"
        " (exists (select from log_waiting w where w.leaf_id = e.id)"
        " or exists (select from log_leaves w where w.leaf_id = e.id))"
    ),
    "an entry is reversed once": (
        "select reverses from fund_entries where state = 'posted' and reverses is not null"
        " group by 1 having count(*) > 1"
    ),
}


def faults(session: Session) -> list[str]:
    return [words for words, query in CHECKS.items() if session.execute(text(query)).first() is not None]


def machine(engine: Engine, fund: Fund) -> type[RuleBasedStateMachine]:
    """Two actors, each with a transaction that stays open over several rules; what would wait for the other is given
    up after a moment, as a request is."""

    class Ledger(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.sessions = [Session(engine, expire_on_commit=False) for _ in range(2)]
            self.entries: list[uuid.UUID] = []
            self.holds: list[uuid.UUID] = []
            for session in self.sessions:
                self.begin(session)

        def begin(self, session: Session) -> None:
            name_caller(session, fund.member_id, "association")
            session.execute(text("set local lock_timeout = 60"))

        def act(self, who: int, call: Callable[[Fund, Session], Any]) -> Any:
            session = self.sessions[who]
            try:
                with session.begin_nested():
                    return call(on(fund, session), session)
            except (GongxinError, DBAPIError):
                session.expunge_all()
                return None

        @initialize()
        def money(self) -> None:
            self.act(0, lambda fund, _: fund.posted(2_000))
            self.commit(0)

        @rule(
            who=st.integers(0, 1),
            amount=st.integers(1, 1_500),
            way=st.sampled_from(
                [("cash", "levies"), ("relief", "cash"), ("staff_cash", "staff_levies"), ("relief", "staff_cash")]
            ),
            hold=st.integers(-4, 3),
        )
        def draft(self, who: int, amount: int, way: tuple[str, str], hold: int) -> None:
            held = self.holds[hold] if 0 <= hold < len(self.holds) else None
            made = self.act(who, lambda fund, _: fund.submitted(amount, *way, hold_id=held))
            if made is not None:
                self.entries.append(made.id)

        @rule(who=st.integers(0, 1), amount=st.integers(1, 1_500), out=st.booleans(), alone=st.booleans())
        def book(self, who: int, amount: int, out: bool, alone: bool) -> None:
            """A whole life in one statement; by one approver, or by the maker, never."""

            def call(fund: Fund, session: Session) -> uuid.UUID:
                way = ("relief", "cash") if out else ("cash", "levies")
                approvers = (fund.wang, fund.lin if alone else fund.zhao)
                return service.book(session, maker=fund.lin, approvers=approvers, new=fund.new(amount, *way)).id

            made = self.act(who, call)
            assert made is None or not alone
            if made is not None:
                self.entries.append(made)

        @rule(who=st.integers(0, 1), at=st.integers(0, 30), officers=st.sampled_from(["WANG02", "LIN01", "both"]))
        def approve(self, who: int, at: int, officers: str) -> None:
            def call(_: Fund, session: Session) -> None:
                entry = queries.get_entry(session, self.entries[at % len(self.entries)])
                for officer in ["WANG02", "ZHAO03"] if officers == "both" else [officers]:
                    actor = rules.Actor(fund.member_id, officer)
                    service.approve(session, entry.id, actor=actor, content_hash=entry.content_hash or b"")

            if self.entries:
                self.act(who, call)

        @rule(who=st.integers(0, 1), at=st.integers(0, 30))
        def post(self, who: int, at: int) -> None:
            if self.entries:
                entry_id = self.entries[at % len(self.entries)]
                self.act(who, lambda fund, session: service.post(session, entry_id, actor=fund.zhao))

        @rule(who=st.integers(0, 1), at=st.integers(0, 30), state=st.sampled_from(["draft", "submitted", "withdrawn"]))
        def move(self, who: int, at: int, state: str) -> None:
            if self.entries:
                entry_id = self.entries[at % len(self.entries)]
                self.act(
                    who,
                    lambda fund, session: service.move(session, entry_id, actor=fund.lin, state=state, reason="改正"),
                )

        @rule(who=st.integers(0, 1), at=st.integers(0, 30))
        def reverse(self, who: int, at: int) -> None:
            if not self.entries:
                return
            entry_id = self.entries[at % len(self.entries)]
            new = fund.new()
            made = self.act(
                who,
                lambda fund, session: service.reverse(
                    session, entry_id, actor=fund.lin, key=new.key, booked_on=fund.today, description="冲销"
                ),
            )
            if made is not None:
                self.entries.append(made[0].id)

        @rule(who=st.integers(0, 1), amount=st.integers(1, 1_500))
        def hold(self, who: int, amount: int) -> None:
            made = self.act(
                who,
                lambda fund, session: service.hold(
                    session, actor=fund.lin, account=fund.codes["cash"], amount_fen=amount, reason="救助"
                ),
            )
            if made is not None:
                self.holds.append(made.id)

        @rule(who=st.integers(0, 1), at=st.integers(0, 5))
        def release(self, who: int, at: int) -> None:
            if self.holds:
                self.act(who, lambda _, session: service.release(session, self.holds[at % len(self.holds)]))

        @rule(who=st.integers(0, 1))
        def commit(self, who: int) -> None:
            try:
                self.sessions[who].commit()
            except DBAPIError:
                self.sessions[who].rollback()
            self.begin(self.sessions[who])

        @rule(who=st.integers(0, 1))
        def give_up(self, who: int) -> None:
            self.sessions[who].rollback()
            self.sessions[who].expunge_all()
            self.begin(self.sessions[who])

        @invariant()
        def true(self) -> None:
            """At what is committed, and as each actor sees it from within."""
            for session in self.sessions:
                assert faults(session) == []

        def teardown(self) -> None:
            for session in self.sessions:
                session.commit()
                session.close()
            with transaction(engine) as session:
                assert faults(session) == []

    return Ledger


def test_the_books_stay_true_whatever_two_actors_do(own: Engine) -> None:
    count = int(os.environ.get("GONGXIN_TEST_HISTORIES", "60"))
    run_state_machine_as_test(
        machine(own, fund_of(own)),
        settings=settings(
            max_examples=count,
            stateful_step_count=25,
            deadline=None,
            derandomize=False,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    with transaction(own) as session:
        posted = session.scalar(text("select count(*) from fund_entries where state = 'posted'"))
    assert posted is not None
    assert posted > count // 2
