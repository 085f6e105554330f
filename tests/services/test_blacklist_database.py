"""What the database refuses by itself about the blacklist, each constraint violated once and named."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock, ids, migrate
from gongxin.blacklist import pack, rules, voting
from gongxin.config import Config
from gongxin.db import name_caller, transaction
from gongxin.subjects import service as subjects
from tests.services.agents_world import Office
from tests.services.blacklist_world import PROOF, Bench
from tests.services.disclosure_world import build
from tests.services.members_world import refused_by


@pytest.fixture
def bench(engine: Engine, owner_engine: Engine, config: Config) -> Iterator[Bench]:
    """As the owner of the tables, past grants and row-level security: triggers and constraints hold all the same."""
    with transaction(engine) as opened:
        subjects.ensure_epochs(opened, config)
    for world in build(owner_engine, config):
        with owner_engine.connect() as connection:
            outer = connection.begin()
            with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
                name_caller(session, None, "registry")
                yield Bench(Office(session, config, world))
            outer.rollback()


_ACT = (
    "insert into blacklist_acts (id, matter_id, version, action, previous, state, party, officer, said, due_on,"
    " details, at) select gen_random_uuid(), m.id, m.version + 1, :action, m.state, :state, :party, :officer, :said,"
    " null, cast(:details as jsonb), now() + cast(:later as interval) from blacklist_matters m where m.id = :id"
)
_SERVED = f'{{"served_on": "2026-01-05", "channel": "agency", "proof": "{PROOF}"}}'


def refused(bench: Bench, matter: Any, action: str, state: str, **change: Any) -> str:
    values = {"party": "office", "officer": "A1", "said": "x", "details": "{}", "later": "0 days"} | change
    bench.association_acts()
    if values["party"] == "clock":
        bench.office.become(None)
    return refused_by(bench.session, _ACT, id=matter.id, action=action, state=state, **values)


def test_the_migration_holds_the_same_table_of_moves_and_the_same_limits() -> None:
    scripts = ScriptDirectory(str(migrate.scripts()))
    module = next(s.module for s in scripts.walk_revisions() if s.path.endswith("_blacklist.py"))
    moves = {a: (tuple(starts.split()), None if e == "." else e, tuple(by.split()), t)
             for a, starts, e, by, t in module._MOVES}  # fmt: skip
    assert moves == {name: (m.starts, m.end, m.by, m.timely) for name, m in rules.MOVES.items()}
    assert set(rules.STATES) == set(module._STATES.replace("'", "").split(", "))
    assert pack.pack()["quorum"] == 3
    assert pack.pack()["reports"]["a_day"] == 20
    assert pack.pack()["interim_days"] == 30
    assert pack.pack()["clocks"]["appeal"]["days"] == 15
    assert pack.pack()["terms_months"] == {"L1": 60, "L2": 36, "L3": 12, "watch": 12}


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"subject_kind": "'debtor'"}, "ck_blacklist_matters_subject"),
        ({"agent_id": "null"}, "ck_blacklist_matters_subject"),
        ({"agent_id": "gen_random_uuid()"}, "fk_blacklist_matters_agent_id"),
        ({"number": "'GL'"}, "ck_blacklist_matters_number"),
        ({"severity": "'S4'"}, "ck_blacklist_matters_severity"),
        ({"article": "'x'"}, "ck_blacklist_matters_article"),
        ({"conduct": "''"}, "ck_blacklist_matters_words"),
        ({"occurred_until": "current_date + 9"}, "ck_blacklist_matters_days"),
        ({"evidence": "'{}'"}, "ck_blacklist_matters_evidence"),
        ({"state": "'standing'"}, "blacklist_matters_begin"),
        ({"version": "1"}, "ck_blacklist_matters_version"),
        ({"subject_kind": "'member'", "agent_id": "null", "agency_id": "null", "member_id": "reporter_id"},
         "ck_blacklist_matters_reporter"),
        ({"committee_id": ":first", "appeal_committee_id": ":first"}, "ck_blacklist_matters_committees"),
    ],
)  # fmt: skip
def test_a_matter_is_whole_and_a_debtor_is_never_its_subject(
    bench: Bench, columns: dict[str, str], constraint: str
) -> None:
    matter = bench.report()
    kept = {name: name for name in (
        "subject_kind", "agent_id", "member_id", "agency_id", "reporter_id", "article", "severity", "place",
        "occurred_from", "occurred_until", "conduct", "evidence", "rules_version", "created_at", "changed_at",
        "committee_id", "appeal_committee_id",
    )} | {"id": "gen_random_uuid()", "number": "'GL7K4M2P9QWAC'", "state": "'draft'", "version": "0"}  # fmt: skip
    kept |= columns
    sql = f"insert into blacklist_matters ({', '.join(kept)}) select {', '.join(kept.values())} from blacklist_matters"
    assert refused_by(bench.session, sql + " where id = :id", id=matter.id, first=bench.first.id) == constraint


def test_the_twenty_first_report_of_a_day_is_refused(bench: Bench) -> None:
    matter = bench.report()
    for at in range(21):
        sql = (
            "insert into blacklist_matters select (jsonb_populate_record(m, jsonb_build_object('id', :id, 'number',"
            " cast(:number as text), 'state', 'draft', 'version', 0, 'due_on', null))).* from blacklist_matters m"
            " where m.id = :of"
        )
        values = {"id": ids.new_id(), "number": f"GL7K4M2P9Q{at:03d}", "of": matter.id}
        if at < 19:
            bench.session.execute(text(sql), values)
    assert refused_by(bench.session, sql, **values) == "blacklist_matters_limit"


def test_not_even_the_owner_of_the_tables_goes_around_the_acts(bench: Bench) -> None:
    matter = bench.listed()
    for sql, constraint in (
        ("update blacklist_matters set state = 'withdrawn' where id = :id", "blacklist_matters_acts"),
        ("delete from blacklist_matters where id = :id", "blacklist_matters_acts"),
        ("update blacklist_listings set ends_on = ends_on + 900 where matter_id = :id", "blacklist_listings_acts"),
        ("delete from blacklist_listings where matter_id = :id", "blacklist_listings_acts"),
        ("insert into blacklist_listings select * from blacklist_listings where matter_id = :id",
         "blacklist_listings_acts"),
        ("update blacklist_acts set said = 'x' where matter_id = :id", "append_only_blacklist_acts"),
        ("delete from blacklist_votes where matter_id = :id", "append_only_blacklist_votes"),
        ("delete from blacklist_told where matter_id = :id", "append_only_blacklist_told"),
        ("delete from blacklist_corrections where matter_id = :id", "blacklist_corrections_kept"),
        ("update blacklist_corrections set due_on = due_on + 1 where matter_id = :id", "blacklist_corrections_kept"),
        ("update blacklist_corrections set did = 'x', acknowledged_at = now() where matter_id = :id",
         "ck_blacklist_corrections_did"),
    ):  # fmt: skip
        assert refused_by(bench.session, sql, id=matter.id) == constraint, sql


def test_every_step_around_the_process_is_refused(bench: Bench) -> None:
    matter = bench.report()
    assert refused(bench, matter, "serve", "standing", details=_SERVED) == "blacklist_acts_transition"
    assert refused(bench, matter, "accept", "noticed") == "blacklist_acts_transition"
    assert refused(bench, matter, "accept", "accepted", party="reported") == "blacklist_acts_transition"
    assert refused(bench, matter, "accept", "accepted", later="30 days") == "blacklist_acts_clock"
    assert refused(bench, matter, "accept", "accepted", officer=None) == "ck_blacklist_acts_officer"
    assert refused(bench, matter, "refuse", "refused", said=None) == "ck_blacklist_acts_reasons"
    assert refused(bench, matter, "lapse", "lapsed", party="clock", officer=None) == "blacklist_acts_early"
    bench.act(matter, "accept")
    assert refused(bench, matter, "notice", "noticed") == "ck_blacklist_acts_served"
    assert refused(bench, matter, "order_stop", "accepted", officer="C1") == "blacklist_acts_stop"
    bench.act(matter, "notice")
    assert refused(bench, matter, "close_reply", "deliberation") == "blacklist_acts_early"
    bench.office.become(bench.office.world.member("agency"))
    party = {"party": "reported", "officer": None, "said": "x", "details": "{}", "later": "0 days"}
    assert refused_by(bench.session, _ACT, id=matter.id, action="reply", state="deliberation", **party) == (
        "blacklist_acts_party"
    )
    bench.act(matter, "reply", None, bench.office.agency, said="未联系")
    assert refused(bench, matter, "decide", "decided") == "blacklist_acts_drafted"
    assert refused(bench, matter, "draft", "deliberation", details='{"act": "vary", "level": "L3"}') == (
        "blacklist_acts_draft"
    )
    bench.act(matter, "extend")
    assert refused(bench, matter, "extend", "deliberation") == "blacklist_acts_once"


def test_quorum_seat_majority_and_two_pairs_of_eyes_hold_in_the_database(bench: Bench) -> None:
    matter = bench.deliberating()
    bench.act(matter, "draft", "A4", act="decide", level="L3", months=3)
    bench.vote(matter, "A1", "A2")
    assert refused(bench, matter, "decide", "decided") == "blacklist_acts_quorum"
    assert refused(bench, matter, "decide", "decided", officer="A4") == "blacklist_acts_maker"
    assert refused(bench, matter, "decide", "decided", officer="Z9") == "blacklist_acts_seat"
    vote = (
        "insert into blacklist_votes select draft_id, :officer, id, :vote, :said, now() + cast(:later as interval)"
        " from blacklist_matters where id = :id"
    )
    base = {"id": matter.id, "vote": True, "said": "x", "later": "0 days"}
    assert refused_by(bench.session, vote, officer="A4", **base) == "blacklist_votes_maker"
    assert refused_by(bench.session, vote, officer="Z9", **base) == "blacklist_votes_seat"
    assert refused_by(bench.session, vote, officer="A1", **base) == "pk_blacklist_votes"
    assert refused_by(bench.session, vote, officer="A3", **base | {"later": "99 days"}) == "blacklist_votes_clock"
    assert refused_by(bench.session, vote, officer="A3", **base | {"vote": False, "said": None}) == (
        "ck_blacklist_votes_dissent"
    )
    other = vote.replace("draft_id, :officer", "gen_random_uuid(), :officer")
    assert refused_by(bench.session, other, officer="A3", **base) == "blacklist_votes_draft"
    bench.act(matter, "draft", "C1", act="decide", level="L3", months=3)
    bench.vote(matter, "A1", "A2", against=("A3", "A4"))
    assert refused(bench, matter, "decide", "decided") == "blacklist_acts_carried"


def test_what_was_decided_is_served_and_the_appeal_is_heard_by_others_in_time(bench: Bench) -> None:
    matter = bench.decided()
    assert refused(bench, matter, "dismiss", "dismissed", details=_SERVED) == "blacklist_acts_outcome"
    bench.act(matter, "serve")
    late = {"party": "reported", "officer": None, "later": "17 days"}
    assert refused(bench, matter, "appeal", "appealed", **late) == "blacklist_acts_appeal"
    assert refused(bench, matter, "expire", "expired", party="clock", officer=None) == "blacklist_acts_early"
    bench.act(matter, "appeal", None, bench.office.agency, said="过重")
    bench.association_acts()
    bench.session.execute(
        text("insert into blacklist_seats values (:committee, 'A1', now())"), {"committee": bench.second.id}
    )
    bench.act(matter, "assign")
    bench.act(matter, "draft", "D1", act="uphold")
    vote = (
        "insert into blacklist_votes select draft_id, 'A1', id, true, 'x', now() from blacklist_matters where id = :id"
    )
    assert refused_by(bench.session, vote, id=matter.id) == "blacklist_votes_other_committee"


def test_an_act_on_a_matter_that_moved_meanwhile_is_refused(bench: Bench) -> None:
    matter = bench.report()
    again = _ACT.replace("m.version + 1", "m.version")
    values = {"party": "office", "officer": "A1", "said": "x", "details": "{}", "later": "0 days"}
    bench.association_acts()
    assert refused_by(bench.session, again, id=matter.id, action="accept", state="accepted", **values) == (
        "blacklist_acts_previous"
    )


def test_an_objection_is_answered_once_and_a_screening_is_whole(bench: Bench) -> None:
    matter = bench.listed()
    made = voting.object_to(
        bench.session, matter.id, caller=bench.association_acts(), kind="objection", said="有异议"
    )  # fmt: skip
    voting.answer_objection(bench.session, matter.id, made.id, officer="A1", outcome="rejected", answer="不成立")
    again = "update blacklist_objections set answer = 'y' where id = :id"
    assert refused_by(bench.session, again, id=made.id) == "blacklist_objections_answered"
    half = "insert into blacklist_objections select gen_random_uuid(), matter_id, kind, said, said_by, said_at, due_on,"
    assert refused_by(bench.session, half + " 'rejected', null, null, null from blacklist_objections where id = :id",
                      id=made.id) == "ck_blacklist_objections_answered"  # fmt: skip
    screen = "insert into blacklist_screenings values (gen_random_uuid(), now(), :member, null, {}, {}, {}, '{{}}')"
    member = bench.bank.member_id
    for purpose, consent, lines, constraint in (
        ("'fun'", "'C-1'", "1", "purpose"), ("'hire'", "'同意'", "1", "consent"), ("'hire'", "'C-1'", "10001", "lines"),
    ):  # fmt: skip
        found = refused_by(bench.session, screen.format(purpose, consent, lines), member=member)
        assert found == f"ck_blacklist_screenings_{constraint}"


def test_nobody_on_l1_is_licensed_whoever_writes(bench: Bench) -> None:
    bench.listed("L1", 12, article="A01")
    sql = (
        "insert into agent_changes (id, agent_id, version, action, previous, state, agency_id, valid_until, reason,"
        " changed_by, changed_at) select gen_random_uuid(), id, version + 1, 'reinstate', state, 'granted', agency_id,"
        " valid_until, 'x', 'x', now() from agents where id = :id"
    )
    assert refused_by(bench.session, sql, id=bench.agent.id) == "agent_changes_listed"


def test_the_clocks_are_working_days_and_a_term_ends_the_day_before(bench: Bench) -> None:
    today = clock.today_in_china()
    assert pack.due("reply", today) >= today + timedelta(days=13)
    matter = bench.listed("L3", 6)
    assert matter.begins_on is not None
    assert matter.ends_on == pack.term_end(matter.begins_on, 6)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("insert into blacklist_turns (ran, ran_at, fresh_until) values (false, now(), now() + interval '1 day')",
         "ck_blacklist_turns_one"),
        ("update blacklist_turns set fresh_until = ran_at", "ck_blacklist_turns_days"),
        ("update blacklist_turns set fresh_until = ran_at + interval '8 days'", "ck_blacklist_turns_days"),
    ],
)  # fmt: skip
def test_the_clocks_turn_is_one_row_and_good_for_days_not_for_ever(
    owner_engine: Engine, statement: str, constraint: str
) -> None:
    with owner_engine.connect() as connection, pytest.raises(DBAPIError, match=constraint):
        connection.execute(text(statement))


@pytest.mark.parametrize("kind", ["bank", "association", "regulator"])
def test_no_member_says_that_the_clocks_have_run(session: Session, kind: str) -> None:
    name_caller(session, ids.new_id(), kind)
    changed = session.execute(text("update blacklist_turns set fresh_until = now() + interval '2 days'"))
    assert changed.rowcount == 0  # type: ignore[attr-defined]
