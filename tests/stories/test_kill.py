"""kill -9 in the middle of work: what was acknowledged is there, nothing is there twice, who looked is on record."""

import csv
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import httpx
import psycopg
import pytest

from gongxin.db import OWNER_ROLE
from gongxin.disclosure import rules
from gongxin_client import Identifier, NewCase, NotConnected, Registry, Unavailable
from gongxin_client.heads import Memory, look
from gongxin_client.importing import Report, import_cases
from gongxin_client.profile import read as read_profile
from gongxin_demo import province
from tests.stories.houses import House, house, until

pytestmark = [pytest.mark.story, pytest.mark.xdist_group("story_kill")]
ROWS, CHUNK = 2_400, 120
ASKERS, PEOPLE = 3, 30
SEQUENCER_KILLS = 3


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK waits for less long, so that it gives up too, and begins again."""
    monkeypatch.setattr("gongxin_client.http.MAX_BACKOFF_SECONDS", 0.4)


# --- an import ------------------------------------------------------------------------------------------------------


def write_export(folder: Path) -> Path:
    path = folder / "export.csv"
    with path.open("w", encoding="gb18030", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["借据号", "证件号码", "委案日期"])
        writer.writerows([f"JJ-{row:05d}", province.person(row), "2025-03-04"] for row in range(ROWS))
    return path


@dataclass
class Import:
    """An import in a thread, begun again by its engineer as often as it breaks off."""

    town: House
    path: Path
    broken_off: Counter[str] = field(default_factory=Counter)
    report: Report | None = None
    fault: BaseException | None = None

    def run(self) -> None:
        try:
            while self.report is None:
                try:
                    with self.town.software("yunshan") as bank:
                        self.report = import_cases(bank, self.path, chunk_rows=CHUNK)
                except (NotConnected, Unavailable) as fault:
                    self.broken_off[fault.code] += 1
                    time.sleep(0.1)
        except BaseException as fault:
            self.fault = fault

    def acknowledged(self) -> dict[int, str]:
        """Row → case id of what the registry has answered for, as the journal on the disk holds it."""
        journal = self.path.with_name(self.path.name + ".journal")
        found = {}
        for line in journal.read_text("utf-8").splitlines() if journal.exists() else ():
            record = json.loads(line.rpartition("\t")[0] or "{}")
            if record.get("is") == "done":
                found |= {row: case_id for row, status, case_id in record["rows"] if status != "refused"}
        return found


def registered(town: House) -> dict[str, str]:
    """The creditor's reference → case id, as the database holds it. Fails where a reference stands twice."""
    rows = town.rows("select creditor_ref, id::text from cases")
    assert len({reference for reference, _ in rows}) == len(rows)
    return dict(rows)


def reference_of(row: int) -> str:
    return f"JJ-{row - 2:05d}"  # the header is row 1


def test_an_import_through_kills_of_web_and_database_loses_and_doubles_nothing() -> None:
    with house("yunshan") as town:
        running = Import(town, write_export(town.folder))
        thread = threading.Thread(target=running.run, daemon=True)
        thread.start()
        for at, kill, start in (
            (0.1, town.kill_web, town.start_web),
            (0.35, town.kill_database, town.start_database),
            (0.6, town.kill_web, town.start_web),
        ):
            until(lambda at=at: running.fault or len(running.acknowledged()) >= at * ROWS, 30, "progress")
            # Anywhere in the next chunk: while it is evaluated, registered or answered.
            time.sleep(random.uniform(0, 0.1))
            kill()
            before = running.acknowledged()
            assert running.fault is None
            assert 0 < len(before) < ROWS, "the kill came too late to mean anything"
            start()
            held = registered(town)
            assert {reference_of(row): case_id for row, case_id in before.items()}.items() <= held.items()
            # A request is one transaction: of its cases all are there or none.
            assert set(Counter(int(reference[3:]) // CHUNK for reference in held).values()) == {CHUNK}
        thread.join(60)
        assert not thread.is_alive()
        assert running.fault is None
        report = running.report
        assert report is not None
        assert (report.rows, report.refused, report.created + report.exists) == (ROWS, 0, ROWS)
        held = registered(town)
        assert len(held) == ROWS
        assert {reference_of(row): case_id for row, case_id in running.acknowledged().items()} == held
        keys = town.rows("select case_id, epoch, count(*) from case_keys group by case_id, epoch")
        assert len(keys) == ROWS
        assert {count for _, _, count in keys} == {1}
        # Each person of the file is known by exactly one key.
        assert town.rows("select count(distinct subject_key) from case_keys") == [(ROWS,)]


# --- look-ups -------------------------------------------------------------------------------------------------------


class Wire(httpx.HTTPTransport):
    """The network, counting what was asked over it and what came back as an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.answered = 0, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/v1/lookups":
            return super().handle_request(request)
        self.asked += 1
        response = super().handle_request(request)
        response.read()
        self.answered += response.status_code == 200
        return response


@dataclass
class Asker:
    """One of the bank's machines, asking about its cases as fast as it can."""

    town: House
    cases: dict[str, Identifier]
    stop: threading.Event
    wire: Wire = field(default_factory=Wire)
    answers: dict[str, tuple[str, str]] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)
    fault: BaseException | None = None

    def run(self) -> None:
        try:
            profile = read_profile(self.town.members["yunshan"].profile, {})
            with Registry(profile, transport=self.wire, token_cache=PEOPLE * 2) as bank:
                while not self.stop.is_set():
                    self._ask(bank, *random.choice(list(self.cases.items())))
        except BaseException as fault:
            self.fault = fault

    def _ask(self, bank: Registry, case_id: str, person: Identifier) -> None:
        try:
            found = bank.lookup(person, purpose="contact", case_id=case_id)
        except (NotConnected, Unavailable) as fault:
            self.failed[fault.code] += 1
        else:
            assert found.lookup_id not in self.answers
            self.answers[found.lookup_id] = (case_id, found.result)


def open_books(town: House) -> dict[str, Identifier]:
    """The bank's cases; another bank has one on every second person, so that answers differ."""
    people = [Identifier("cn_id", province.person(number)) for number in range(PEOPLE)]
    with town.software("yunshan") as spruce, town.software("baifan") as sail:
        results = list(spruce.register_many(NewCase(f"JJ-{n}", who, date(2025, 3, 4)) for n, who in enumerate(people)))
        list(sail.register_many(NewCase(f"HT-{n}", who, date(2025, 3, 4)) for n, who in enumerate(people[::2])))
    return {result.case_id or "": who for result, who in zip(results, people, strict=True)}


def records(town: House) -> dict[str, tuple[str, str]]:
    """Look-up id → (ground, result), as the registry recorded it."""
    rows = town.rows("select id::text, grounds ->> 0, outcomes[1], refusal from lookups where purpose = 'contact'")
    assert {refusal for *_, refusal in rows} == {None}
    return {found: (ground, rules.unpack(code).result) for found, ground, code, _ in rows}


def test_every_answer_given_through_kills_of_web_and_database_has_its_record() -> None:
    with house("yunshan", "baifan", worker=True) as town:
        cases = open_books(town)
        stop = threading.Event()
        askers = [Asker(town, cases, stop) for _ in range(ASKERS)]
        threads = [threading.Thread(target=asker.run, daemon=True) for asker in askers]
        for thread in threads:
            thread.start()

        def answered() -> int:
            assert [asker.fault for asker in askers if asker.fault] == []
            return sum(len(asker.answers) for asker in askers)

        for kill, start in ((town.kill_web, town.start_web), (town.kill_database, town.start_database)):
            target = answered() + 150
            until(lambda target=target: answered() >= target, 20, "answers")
            time.sleep(random.uniform(0, 0.05))
            kill()
            time.sleep(0.2)
            start()
        target = answered() + 150
        until(lambda: answered() >= target, 20, "answers after the last restart")
        stop.set()
        for thread in threads:
            thread.join(30)
        assert answered() >= 450

        given: dict[str, tuple[str, str]] = {}
        for asker in askers:
            given |= asker.answers
        assert {result for _, result in given.values()} == {"none", "match"}
        held = records(town)
        assert given.items() <= held.items()
        unheard = sum(asker.wire.asked - asker.wire.answered for asker in askers)
        assert sum(asker.wire.answered for asker in askers) == len(given)
        assert unheard > 0, "no request was hit by a kill"
        assert len(held) - len(given) <= unheard

        # The job indexes each record once, for the subjects' sake, also what was waiting when the database fell.
        until(lambda: town.rows("select count(*) from lookups_pending") == [(0,)], 20, "the worker's index")
        indexed = town.rows("select lookup_id::text, count(*) from lookup_subjects group by lookup_id")
        assert {found for found, _ in indexed} == set(held)
        assert {count for _, count in indexed} == {1}


# --- the log --------------------------------------------------------------------------------------------------------


@contextmanager
def sight_of_sequencing(town: House) -> Iterator[Callable[[], bool]]:
    """Whether the sequencer is in the middle of a transaction that gives leaves their places."""
    url = town.owner_url.replace(f"+psycopg://{OWNER_ROLE}", "://postgres", 1)
    busy = (
        "select exists (select from pg_stat_activity where pid <> pg_backend_pid() and xact_start is not null"
        " and (query ilike '%log_integrate%' or query ilike '%log_root%' or query ilike '%into log_checkpoints%'))"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        yield lambda: connection.execute(busy).fetchone() == (True,)


def kill_in_the_middle(town: House, sequencing: Callable[[], bool]) -> None:
    """kill -9 of the worker while its sequencer has a transaction open: it is frozen first, so that this is certain."""
    pid = town.worker_pid()

    def frozen() -> bool:
        if not sequencing():
            return False
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.05)
        if sequencing():
            return True
        os.kill(pid, signal.SIGCONT)
        return False

    until(frozen, 15, "the sequencer at work")
    town.kill_worker()


def places(town: House) -> int:
    [(count,)] = town.rows("select count(*) from log_leaves")
    return int(count)


def test_a_log_whose_sequencer_is_killed_under_load_holds_every_answer_and_is_what_was_signed() -> None:
    with house("yunshan", "baifan", worker=True) as town, sight_of_sequencing(town) as sequencing:
        cases, stop = open_books(town), threading.Event()
        asker = Asker(town, cases, stop)
        thread = threading.Thread(target=asker.run, daemon=True)
        thread.start()
        memory = Memory("", "")
        with town.software("yunshan") as witness:
            for _ in range(SEQUENCER_KILLS):
                before = places(town)
                until(lambda before=before: places(town) > before + 10, 15, "places of new leaves")
                memory = look(memory, witness.head(), witness.reader)
                kill_in_the_middle(town, sequencing)
                town.start_worker()
            stop.set()
            thread.join(30)
            assert asker.fault is None
            assert not asker.failed, "a look-up failed for want of a sequencer"
            assert len(asker.answers) > 10 * SEQUENCER_KILLS
            until(lambda: town.rows("select count(*) from log_waiting") == [(0,)], 20, "every promise kept")
            memory = look(memory, witness.head(), witness.reader)
        size = places(town)
        assert memory.seen is not None
        assert memory.seen.size == size
        assert town.rows("select min(leaf_index), max(leaf_index) from log_leaves") == [(0, size - 1)]
        leaves = town.rows("select leaf_id::text from log_leaves where kind = 'lookup'")
        assert asker.answers.keys() <= {leaf_id for (leaf_id,) in leaves}
        verified = town.registry.operate("log", "verify")
        assert (verified["difference"], verified["size"]) == (None, size)
        assert verified["checkpoints"] == town.rows("select count(*) from log_checkpoints")[0][0]
