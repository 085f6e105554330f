"""Key epochs rotate while members work: nothing that was registered is lost to a question, and the old key retires."""

import time
from collections.abc import Iterator
from datetime import date

import pytest

from gongxin.db import transaction
from gongxin.errors import Conflict
from gongxin.subjects import service as subjects
from gongxin_client import Identifier, NewCase, Registry
from gongxin_demo import province
from tests.stories.houses import House, house

pytestmark = [pytest.mark.story, pytest.mark.xdist_group("story_rotation")]
PEOPLE = 40


@pytest.fixture
def town() -> Iterator[House]:
    with house("yunshan", "baifan", "chenyu") as found:
        yield found


def someone(number: int) -> Identifier:
    return Identifier("cn_id", province.person(number))


def register(bank: Registry, prefix: str, first: int = 0) -> dict[str, Identifier]:
    """A case on each of PEOPLE people; case id → person."""
    people = [someone(number) for number in range(first, first + PEOPLE)]
    cases = [NewCase(f"{prefix}-{index}", person, date(2025, 3, 4)) for index, person in enumerate(people)]
    results = list(bank.register_many(cases))
    assert [result.status for result in results] == ["created"] * PEOPLE
    return {result.case_id or "": person for result, person in zip(results, people, strict=True)}


def epochs_used(town: House) -> dict[int, int]:
    return dict(town.rows("select epoch, count(*) from case_keys group by epoch"))


def states(town: House) -> dict[int, str]:
    return dict(town.rows("select epoch, state from subject_epochs where data_set = 'debtor'"))


def test_records_of_one_epoch_are_found_under_the_next_once_their_members_added_its_tokens(town: House) -> None:
    with town.software("yunshan") as spruce, town.software("baifan") as sail, town.software("chenyu") as agency:
        old = register(spruce, "old")
        others = register(sail, "other", PEOPLE // 2)
        assert epochs_used(town) == {1: 2 * PEOPLE}
        case_id, person = next(iter(old.items()))
        late_id, shared = list(old.items())[-1]
        for each in (case_id, late_id):
            spruce.assign(each, town.members["chenyu"].member_id)
            agency.accept(each)
        assert agency.lookup(shared, purpose="contact", case_id=late_id).result == "match"

        with town.engine() as engine, transaction(engine) as session:
            subjects.rotate(session, town.config, "debtor")
        assert states(town) == {1: "retiring", 2: "live"}

        # A question asked with tokens of both epochs still finds what is known by the old one alone.
        heard_everywhere()
        assert [epoch.epoch for epoch in agency.subjects.needed(refresh=True)] == [1, 2]
        assert agency.lookup(shared, purpose="contact", case_id=late_id).result == "match"
        assert agency.lookup(person, purpose="contact", case_id=case_id).result == "none"

        # What is registered from now on is known by both, even by software that has not heard of the rotation.
        register(spruce, "new", 1000)
        assert epochs_used(town) == {1: 3 * PEOPLE, 2: PEOPLE}

        with town.engine() as engine, pytest.raises(Conflict) as refused, transaction(engine) as session:
            subjects.retire(session, town.config, "debtor", 1)
        assert refused.value.code == "epoch_in_use"
        assert refused.value.extra["cases"] == 2 * PEOPLE

        for bank, cases in ((spruce, old), (sail, others)):
            bank.subjects.epochs(refresh=True)
            for _ in range(2):  # can be repeated after a break
                assert {result.status for result in bank.add_case_keys(cases.items())} == {"done"}
        assert epochs_used(town) == {1: 3 * PEOPLE, 2: 3 * PEOPLE}

        with town.engine() as engine, transaction(engine) as session:
            subjects.retire(session, town.config, "debtor", 1)
        assert states(town) == {1: "retired", 2: "live", 3: "next"}

        # Questions of the new epoch alone find the old records.
        heard_everywhere()
        assert [epoch.epoch for epoch in agency.subjects.needed(refresh=True)] == [2]
        assert agency.lookup(shared, purpose="contact", case_id=late_id).result == "match"
        assert agency.lookup(person, purpose="contact", case_id=case_id).result == "none"
        answer = agency.lookup(someone(5000), purpose="contact", case_id=case_id)
        assert answer.result == "no_ground"
        assert [entry["epoch"] for entry in answer.evidence.question["subject"]] == [2]


def test_software_that_has_not_heard_of_a_rotation_asks_again_by_itself(town: House) -> None:
    with town.software("yunshan") as spruce, town.software("yunshan") as stale, town.engine() as engine:
        cases = register(spruce, "case")
        assert [epoch.epoch for epoch in stale.subjects.needed()] == [1]
        with transaction(engine) as session:
            subjects.rotate(session, town.config, "debtor")
        heard_everywhere()
        spruce.subjects.epochs(refresh=True)
        assert {result.status for result in spruce.add_case_keys(cases.items())} == {"done"}
        with transaction(engine) as session:
            subjects.retire(session, town.config, "debtor", 1)
        heard_everywhere()
        case_id, person = next(iter(cases.items()))
        # Its tokens are of an epoch that is no more: refused, so that it fetches the keys and asks once more.
        assert [epoch.epoch for epoch in stale.subjects.needed()] == [1]
        assert stale.lookup(person, purpose="placement", case_id=case_id).result == "none"
        assert [epoch.epoch for epoch in stale.subjects.needed()] == [2]


def heard_everywhere() -> None:
    """Each process of the registry reads its epochs anew after two seconds."""
    time.sleep(2.2)
