"""What is told, to whom, with a row that says so; and the corrections that reach whoever was told."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.app import create_app
from gongxin.blacklist import answers, clocks, queries, records
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import Conflict, NotFound
from gongxin.subjects import service as subjects
from gongxin.web.caller import Caller
from gongxin.web.runtime import Runtime
from gongxin_wire import merkle, screenings
from gongxin_wire.canonical import unb64u
from tests.services.blacklist_world import Bench, Clock, benches, committed_bench
from tests.services.disclosure_world import build, token


@pytest.fixture
def bench(session: Session, engine: Engine, owner_engine: Engine, config: Config) -> Iterator[Bench]:
    yield from benches(session, engine, owner_engine, config)


@pytest.fixture
def runtime(config: Config, engine: Engine) -> Runtime:
    from gongxin.access import service as access

    with transaction(engine) as opened:
        access.ensure_registry_keys(opened, config)
    found: Runtime = create_app(config, engine).extensions["gongxin"]
    return found


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def ask(bench: Bench, caller: Caller) -> dict[str, Any]:
    """What a check by this caller tells, by the statement that a check runs."""
    facts, agent_id = bench.office.facts(bench.agent, caller), str(bench.agent.id)
    return answers.state_for_check(facts["entries"] or (), (facts["stops"] or {}).get(agent_id), facts["fresh"])


def screen(runtime: Runtime, session: Session, caller: Caller, *lines: Any) -> dict[str, Any]:
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return answers.screen(
        runtime, session, caller, purpose="staff", consent="TY-1", lines=raw, body=b"\n".join(raw)
    )  # fmt: skip


def test_an_entry_is_told_with_level_ground_term_and_what_the_person_said(bench: Bench) -> None:
    assert ask(bench, bench.bank) == {"state": "not_listed"}
    matter = bench.listed()
    told = ask(bench, bench.bank)
    assert told == {
        "state": "listed", "level": "L3", "ground": "S2", "number": matter.number, "contested": False,
        "begins_on": str(matter.begins_on), "ends_on": str(matter.ends_on),
        "statements": [{"kind": "reply", "said": "当日未联系"}],
    }  # fmt: skip
    bench.act(matter, "appeal", None, bench.office.agency, said="处理过重")
    assert ask(bench, bench.bank)["contested"] is True


def test_a_proposal_under_way_is_not_told_but_an_interim_stop_is(bench: Bench) -> None:
    matter = bench.report()
    bench.act(matter, "accept", "C1")
    assert ask(bench, bench.bank) == {"state": "not_listed"}
    until = clock.today_in_china() + timedelta(days=5)
    bench.act(matter, "order_stop", "A1", until=until)
    assert ask(bench, bench.bank) == {"state": "not_listed", "stop_until": until.isoformat()}


def test_a_watch_is_told_to_the_association_and_the_employer_alone(bench: Bench) -> None:
    matter = bench.listed("watch", 6, article="C01")
    assert ask(bench, bench.bank) == {"state": "not_listed"}
    assert ask(bench, bench.office.agency)["state"] == "watch"
    assert ask(bench, bench.office.association)["state"] == "watch"
    told = {each.member_id for each in queries.told(bench.session, matter.id)}
    assert bench.bank.member_id not in told
    assert bench.office.agency.member_id in told


def test_nobody_is_told_past_the_term_whatever_the_job_has_done(bench: Bench, days: Clock) -> None:
    matter = bench.listed("L3", 1)
    assert matter.ends_on is not None
    days.go_to(matter.ends_on)
    bench.clocks_ran()
    assert ask(bench, bench.bank)["state"] == "listed"
    days.pass_days(1)
    bench.clocks_ran()
    assert ask(bench, bench.bank) == {"state": "not_listed"}


def test_while_the_clocks_stand_still_no_answer_reads_clear_or_listed(
    bench: Bench, runtime: Runtime, days: Clock
) -> None:
    listed, other = bench.listed(), bench.office.licensed()
    days.pass_days(2)
    assert ask(bench, bench.bank) == {"state": "stale"}
    told = bench.office.told(other, bench.bank, "placement")
    assert told["blacklist"] == {"state": "stale"}
    bench.office.become(bench.bank)
    lines = [{"licence": bench.agent.licence_no}, {"licence": other.licence_no}, {"licence": "no"}]
    found = screen(runtime, bench.session, bench.bank, *lines)
    assert [each["state"] for each in found["states"]] == ["stale", "stale", "invalid"]
    bench.association_acts()
    assert bench.bank.member_id not in {each.member_id for each in queries.told(bench.session, listed.id)}
    bench.as_registry()
    clocks.run(bench.session, days.today)
    assert ask(bench, bench.bank)["state"] == "listed"


def test_a_turn_that_left_work_makes_no_answer_good(bench: Bench, days: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.report()
    days.pass_days(30)
    bench.as_registry()
    monkeypatch.setattr(clocks, "PORTION", 1)
    assert clocks.run(bench.session, days.today) >= 1
    assert ask(bench, bench.bank) == {"state": "stale"}


def test_whoever_was_told_gets_the_correction_and_says_what_it_did(bench: Bench, days: Clock) -> None:
    matter = bench.listed()
    other = bench.office.world.member("bank")
    ask(bench, bench.bank)
    bench.act(matter, "appeal", None, bench.office.agency, said="处理过重")
    bench.act(matter, "assign")
    bench.settle(matter, "vary", "L3", 2)
    bench.association_acts()
    made = queries.corrections(bench.session, open_only=True, limit=200)
    owed = {(each.member_id, each.cause) for each, entry in made if entry.matter_id == matter.id}
    agency = bench.office.agency.member_id
    assert owed == {(bench.bank.member_id, "varied"), (agency, "varied"), (agency, "listed")}
    bench.office.become(bench.bank)
    ((mine, _),) = queries.corrections(bench.session, member_id=bench.bank.member_id)
    with pytest.raises(NotFound):
        records.acknowledge(bench.session, mine.id, caller=other, did="updated")
    records.acknowledge(bench.session, mine.id, caller=bench.bank, did="updated")
    with pytest.raises(Conflict):
        records.acknowledge(bench.session, mine.id, caller=bench.bank, did="updated")
    days.pass_days(40)
    bench.as_registry()
    assert clocks.chase(bench.session, days.today) >= 2
    bench.association_acts()
    late = queries.corrections(bench.session, overdue_by=days.today, limit=200)
    assert {each.member_id for each, entry in late if entry.matter_id == matter.id} == {agency}


def test_a_screening_answers_each_line_with_one_receipt_and_a_proof_for_each(bench: Bench, runtime: Runtime) -> None:
    matter = bench.listed()
    bench.office.become(bench.bank)
    lines = [{"licence": bench.agent.licence_no}, {"subject": [{"epoch": 1, "token": token()}]}, {"licence": "x"},
             b"not json", {}]  # fmt: skip
    told = screen(runtime, bench.session, bench.bank, *lines)
    assert [each["state"] for each in told["states"]] == ["listed", "not_listed", "invalid", "invalid", "invalid"]
    assert told["states"][0]["number"] == matter.number
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    root, seed = unb64u(told["summary"][0]["root"]), unb64u(told["seed"])
    for at in range(len(raw)):
        proof = screenings.prove(at, seed, raw, told["states"])
        screenings.check(proof, root)
        wrong = screenings.LineProof(at, proof.size, proof.line, {"state": "listed?"}, proof.salt, proof.path)
        with pytest.raises(merkle.ProofError):
            screenings.check(wrong, root)
    bench.association_acts()
    kinds = {each.kind for each in queries.told(bench.session, matter.id) if each.member_id == bench.bank.member_id}
    assert kinds == {"screening"}


def test_a_line_reads_alike_however_its_json_is_written(bench: Bench, runtime: Runtime) -> None:
    sent = token()
    agent = bench.office.licensed(tok=sent)
    bench.listed(licence=agent.licence_no)
    bench.office.become(bench.bank)
    lines = [
        b'{"subject":[{"epoch":1,"token":"%s"}]}' % sent.encode(),
        b' { "subject" : [ { "token" : "%s" , "epoch" : 1 } ] } ' % sent.encode(),
        b'{"subject":[{"epoch":1,"token":"%s"},{"epoch":1,"token":"%s"}]}' % (sent.encode(), sent.encode()),
        b'{"subject":[{"epoch":77,"token":"%s"}]}' % sent.encode(),
        b'{"subject":[{"epoch":1,"token":"%s"}]}' % sent[:-1].encode(),
        b'{"subject":[{"epoch":1,"token":"%s"}],"subject":[]}' % sent.encode(),
    ]
    told = screen(runtime, bench.session, bench.bank, *lines)["states"]
    assert [each["state"] for each in told] == ["listed", "listed", "invalid", "invalid", "invalid", "invalid"]
    assert [each["code"] for each in told[2:5]] == ["epoch_repeated", "epoch_not_open", "bad_token"]


def test_an_interim_stop_is_found_in_a_screening(bench: Bench, runtime: Runtime) -> None:
    matter = bench.report()
    bench.act(matter, "accept", "C1")
    bench.act(matter, "order_stop", "A1", until=clock.today_in_china())
    bench.office.become(bench.bank)
    told = screen(runtime, bench.session, bench.bank, {"licence": bench.agent.licence_no})
    assert told["states"] == [{"state": "not_listed", "stop_until": clock.today_in_china().isoformat()}]


def test_a_listing_withdrawn_while_it_is_screened_is_corrected_or_not_told(
    engine: Engine, owner_engine: Engine, config: Config, runtime: Runtime
) -> None:
    """The withdrawal waits for the screening that has read the entry, and then finds that it was told."""
    with transaction(engine) as opened:
        subjects.ensure_epochs(opened, config)
    worlds = build(owner_engine, config)
    world = next(worlds)
    with committed_bench(engine, config, world) as bench:
        matter = bench.listed()
        bench.act(matter, "draft", "D1", act="withdraw")
        bench.vote(matter, *bench.officers[:3])
        licence, bank, association = bench.agent.licence_no, bench.bank, bench.office.association
    done = threading.Event()

    def withdraw() -> None:
        from gongxin.blacklist import service

        with transaction(engine, association.member_id, "association") as session:
            service.act(session, matter.id, caller=association, action="withdraw", officer="A1", said="查无实据")
        done.set()

    with transaction(engine, bank.member_id, "bank") as session:
        told = screen(runtime, session, bank, {"licence": licence})
        thread = threading.Thread(target=withdraw, daemon=True)
        thread.start()
        assert not done.wait(0.5)
    thread.join(20)
    assert told["states"][0]["state"] == "listed"
    with transaction(engine, bank.member_id, "bank") as session:
        ((correction, entry),) = queries.corrections(session, member_id=bank.member_id)
        assert (correction.cause, entry.state) == ("withdrawn", "withdrawn")
        assert screen(runtime, session, bank, {"licence": licence})["states"] == [{"state": "not_listed"}]


def test_of_two_members_who_decide_at_once_one_is_told_no(engine: Engine, owner_engine: Engine, config: Config) -> None:
    from gongxin.blacklist import service

    with transaction(engine) as opened:
        subjects.ensure_epochs(opened, config)
    worlds = build(owner_engine, config)
    world = next(worlds)
    with committed_bench(engine, config, world) as bench:
        matter = bench.deliberating()
        bench.act(matter, "draft", "C1", act="decide", level="L3", months=3)
        bench.vote(matter, *bench.officers[:3])
        association = bench.office.association
    gate, outcomes = threading.Barrier(2), []

    def decide(officer: str) -> None:
        try:
            with transaction(engine, association.member_id, "association") as session:
                queries.get_matter(session, matter.id)
                gate.wait(10)
                service.act(session, matter.id, caller=association, action="decide", officer=officer, said="成立")
            outcomes.append("done")
        except Exception as fault:
            outcomes.append(type(fault).__name__)

    threads = [threading.Thread(target=decide, args=(each,), daemon=True) for each in ("A1", "A2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcomes)[1] == "done"
    assert len(outcomes) == 2
    assert outcomes.count("done") == 1


def test_the_listed_partys_file_names_no_officer(bench: Bench) -> None:
    matter = bench.appealed()
    told = records.file_of(bench.session, bench.read(matter))
    said = json.dumps(told, ensure_ascii=False)
    assert "officer 1" in said
    assert not any(f'"{officer}"' in said for officer in (*bench.officers, *bench.others, "C1", "D1"))
    assert [each["action"] for each in told["acts"]][:3] == ["report", "accept", "notice"]
    assert records.print_file(told).startswith(b"%PDF-")


def test_organisations_are_published_with_history_and_people_never(bench: Bench, days: Clock) -> None:
    agency = bench.office.world.member("agency")
    bench.listed()
    matter = bench.report(subject_kind="agency", licence=None, member_id=agency.member_id, article="B04")
    bench.act(matter, "accept")
    bench.act(matter, "notice")
    bench.act(matter, "reply", None, agency, said="已整改")
    bench.act(matter, "draft", "C1", act="decide", level="L3", months=2)
    bench.vote(matter, *bench.officers[:3])
    bench.act(matter, "decide", "A1")
    matter = bench.act(matter, "serve")
    bench.office.become(None)
    (entry,) = (each for each in records.public_list(bench.session, days.today, history=False)
                if each["member_id"] == str(agency.member_id))  # fmt: skip
    assert (entry["level"], entry["statements"]) == ("L3", [{"kind": "reply", "said": "已整改"}])
    table = records.as_csv([entry | {"name_zh": "=1+1"}])
    assert b"'=1+1" in table
    assert matter.number.encode() in records.as_atom([entry], "http://localhost", "2026-11-24T00:00:00.000Z")
    days.pass_days(100)
    assert entry["number"] not in {e["number"] for e in records.public_list(bench.session, days.today, history=False)}
    (old,) = (each for each in records.public_list(bench.session, days.today, history=True)
              if each["number"] == entry["number"])  # fmt: skip
    assert old["state"] == "expired"


def test_statistics_tell_outcomes_times_appeals_and_filing(bench: Bench) -> None:
    bench.settle(bench.appealed(), "withdraw")
    bench.act(bench.decided("none", None), "dismiss")
    bench.listed()
    bench.association_acts()
    told = records.statistics(bench.session)
    assert told["by_state"]["dismissed"] >= 1
    assert told["appeals"]["changed"] >= 1
    assert {"reported", "noticed"} <= told["hours_in_state"].keys()
    (mine,) = (each for each in told["filing"] if each["member_id"] == str(bench.bank.member_id))
    assert (mine["reports"], mine["upheld"]) == (3, 1)
