"""An agency whose filing is not in force has nobody who may work; and moves that cross each other, in threads."""

import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin.agents import filings, queries, queries_filings, service, watches
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import GongxinError
from gongxin.subjects import service as subjects
from gongxin.web.caller import Caller
from tests.services.agents_world import TODAY, Office, committed
from tests.services.disclosure_world import World, build
from tests.services.members_world import named
from tests.services.test_agents_further import checked


@pytest.fixture
def world(owner_engine: Engine, engine: Engine, config: Config) -> Iterator[World]:
    with transaction(engine) as session:
        subjects.ensure_epochs(session, config)
    yield from build(owner_engine, config)


@pytest.fixture
def office(session: Session, config: Config, world: World) -> Office:
    return Office(session, config, world)


def decide(office: Office, action: str) -> None:
    filing = office.filed(office.agency)
    filings.move(office.session, filing.id, caller=office.association, action=action, reason="整改")


@pytest.mark.parametrize(("action", "shown"), [("suspend", "filing_suspended"), ("revoke", "no_filing")])
def test_nobody_of_an_agency_whose_filing_is_not_in_force_may_work(office: Office, action: str, shown: str) -> None:
    agent, bank = office.licensed(), office.world.member("bank")
    told = office.told(agent, bank, "placement")
    assert (told["may_work"], told["agency"]["state"]) == (True, "active")
    decide(office, action)
    told = office.told(agent, bank, "placement")
    assert (told["may_work"], told["agency"]["state"], told["licence"]["state"]) == (False, shown, "granted")
    assert queries.standing(office.session, [(0, agent.licence_no, None, None)])[0]["agency_state"] == shown


def test_a_reinstated_filing_lets_them_work_again_and_who_watches_is_told_of_both(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, bank = office.licensed(), office.world.member("bank")
    check_id = checked(office, agent, bank)
    watches.begin(office.session, caller=bank, check_id=check_id, licence=agent.licence_no, ends_on=TODAY)
    heard: list[list[str]] = []
    monkeypatch.setattr(watches.delivery, "emit", lambda _session, *, data, **_: heard.append(data["what"]))
    decide(office, "suspend")
    decide(office, "reinstate")
    assert heard == [["agency"], ["agency"]]
    assert office.told(agent, bank, "placement")["may_work"] is True


# --- at one moment --------------------------------------------------------------------------------------------------


def at_once(engine: Engine, *acts: tuple[str, Caller, Callable[[Session], object]]) -> dict[str, str]:
    """What became of each: its own name where it was done, else what refused it."""
    gate, outcomes = threading.Barrier(len(acts)), {}

    def run(name: str, by: Caller, act: Callable[[Session], object]) -> None:
        gate.wait()
        try:
            with transaction(engine, by.member_id, by.kind) as session:
                act(session)
            outcomes[name] = "done"
        except DBAPIError as error:
            outcomes[name] = named(error)
        except GongxinError as error:
            outcomes[name] = error.code

    threads = [threading.Thread(target=run, args=each) for each in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.parametrize("turn", range(4))
def test_a_transfer_that_crosses_a_suspension_leaves_one_agency_and_no_release(
    engine: Engine, config: Config, world: World, turn: int
) -> None:
    other = world.member("agency")
    with committed(engine, config, world) as office:
        agent = office.licensed()
        office.move(agent, "release", office.agency)
        office.filed(other)
    by = office.association

    def suspend(session: Session) -> None:
        service.move(session, agent.id, caller=by, action="suspend", reason="核查")

    def claim(session: Session) -> None:
        service.claim(session, caller=other, licence=agent.licence_no)

    outcomes = at_once(engine, ("suspend", by, suspend), ("claim", other, claim))
    assert "done" in outcomes.values(), outcomes
    assert set(outcomes.values()) <= {"done", "agent_changes_previous", "agent_state", "agent_not_released"}
    with transaction(engine) as session:
        found = queries.get_agent(session, agent.id)
        (spell,) = [each for each in queries.engagements(session, agent.id) if each.ended_at is None]
    assert spell.agency_id == found.agency_id == (other if outcomes["claim"] == "done" else office.agency).member_id
    assert found.state == ("suspended" if outcomes["suspend"] == "done" else "granted")
    assert not found.released


@pytest.mark.parametrize("turn", range(4))
def test_a_claim_that_crosses_the_suspension_of_the_filing_brings_nobody_who_may_work(
    engine: Engine, config: Config, world: World, turn: int
) -> None:
    other = world.member("agency")
    with committed(engine, config, world) as office:
        agent = office.licensed()
        office.move(agent, "release", office.agency)
        filing = office.filed(other)
    by = office.association

    def suspend(session: Session) -> None:
        filings.move(session, filing.id, caller=by, action="suspend", reason="整改")

    def claim(session: Session) -> None:
        service.claim(session, caller=other, licence=agent.licence_no)

    outcomes = at_once(engine, ("suspend", by, suspend), ("claim", other, claim))
    assert outcomes["suspend"] == "done", outcomes
    assert outcomes["claim"] in {"done", "agency_not_filed", "agent_changes_filing"}
    with transaction(engine) as session:
        found = queries.get_agent(session, agent.id)
        states = queries_filings.agency_states(session, [found.agency_id])
    assert states[found.agency_id] == ("filing_suspended" if outcomes["claim"] == "done" else "active")
    assert found.released == (outcomes["claim"] != "done")
