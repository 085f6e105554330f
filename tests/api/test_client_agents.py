"""The SDK's agents against a registry that runs."""

from collections.abc import Iterator
from typing import Any

import pytest

from gongxin_client import Identifier, Refused, Registry
from gongxin_client.errors import BadInput, VerificationFailed
from gongxin_wire.identifiers import synthetic_cn_id
from tests import live as living
from tests.services.agents_world import FILING, YESTERDAY

live = living.live
Live = living.Live
PERSON = Identifier("cn_id", synthetic_cn_id(7_204_411))


@pytest.fixture
def agency(live: Live) -> Iterator[Registry]:
    with live.registry(live.member("agency")) as registry:
        yield registry


@pytest.fixture
def association(live: Live) -> Iterator[Registry]:
    with live.registry(live.member("association")) as registry:
        yield registry


def filed(agency: Registry, association: Registry) -> None:
    """Where the agency has none in force yet."""
    if not any(agency.filings(state="accepted")):
        made = agency.file_agency(scope=FILING["scope"], officers=FILING["officers"])
        association.move_filing(made["filing_id"], "accept", version=1, reason="材料齐全")


def licensed(agency: Registry, association: Registry, person: Identifier) -> dict[str, Any]:
    made = agency.apply_for_agent(
        person, name="测试员甲", education="college", photo_sha256="ab" * 32, adult_as_of=YESTERDAY,
        declared_on=YESTERDAY,
    )  # fmt: skip
    on, agent = YESTERDAY.isoformat(), made["agent_id"]
    hours = "".join(
        f'{{"agent_id":"{agent}","course":"{course}","hours":{count},"completed_on":"{on}"}}\n'
        for course, count in (("law", 16), ("privacy", 8), ("talk", 16))
    )
    exam = (
        f'{{"agent_id":"{agent}","level":"basic","sat_on":"{on}","score":90,'
        f'"examiner_id":"{association.member_id()}","examiner_ref":"K-1"}}\n'
    )
    for path, body in (("training", hours), ("examinations", exam)):
        answer = association.connection.call("POST", f"/v1/agents/{path}", scope="agents.write", ndjson=body.encode())
        assert "refused" not in answer.text, answer.text
    association.move_agent(agent, "check", version=1, reason="受理")
    filed(agency, association)
    return association.move_agent(agent, "grant", version=2, reason="审核通过")


def test_from_application_to_check_and_transfer(live: Live, agency: Registry, association: Registry) -> None:
    agent = licensed(agency, association, PERSON)
    assert agent["may_work"] is True
    assert [row["agent_id"] for row in agency.agents(state="granted")] == [agent["agent_id"]]
    assert list(agency.agents(expiring_days=60)) == []
    assert agency.public_check(agent["licence"].lower())["state"] == "granted"
    assert agency.agent_record(agent["agent_id"], as_of=YESTERDAY)["grade"] == "A"
    stranger = Identifier("cn_id", synthetic_cn_id(7_204_412))
    with live.registry(live.member("bank")) as bank:
        told = bank.check_agents([agent["licence"], PERSON, stranger], purpose="placement")
        assert [(each.found, each.may_work, each.blacklist) for each in told] == [
            (True, True, "not_listed"), (True, True, "not_listed"), (False, False, None),
        ]  # fmt: skip
        with pytest.raises(Refused) as refused:
            bank.check_agents([agent["licence"]], purpose="hiring", consents=["TY-1"])
        assert refused.value.code == "purpose_not_yours"
    with live.registry(live.member("agency")) as other:
        (told_one,) = other.check_agents([PERSON], purpose="hiring", consents=["TY-2026-7"])
        assert told_one.told["transfer"] == {"released": False}
        agency.move_agent(agent["agent_id"], "release", version=3, reason="离职")
        filed(other, association)
        assert other.claim_agent(agent["licence"])["agency_id"] == other.member_id()
    assert list(agency.agents()) == []


def test_a_number_off_by_one_is_found_before_anything_is_asked(agency: Registry) -> None:
    for ask in (
        lambda: agency.public_check("GX7K4M2P9QWAD"),
        lambda: agency.claim_agent("GX7K4M2P9QWAD"),
        lambda: agency.check_agents(["GX7K4M2P9QWAD"], purpose="hiring", consents=["TY-1"]),
    ):
        with pytest.raises(BadInput) as caught:
            ask()
        assert caught.value.code == "licence_check"
    for whom, consents in (([], None), (["GX7K4M2P9QWAC"] * 1001, None), (["GX7K4M2P9QWAC"], [])):
        with pytest.raises(BadInput):
            agency.check_agents(whom, purpose="hiring", consents=consents)


def test_an_answer_that_was_altered_is_not_handed_out(agency: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = agency.connection.read

    def altered(method: str, path: str, **given: Any) -> dict[str, Any]:
        reply = whole(method, path, **given)
        if path.endswith("/checks"):
            reply["answers"] = [{"found": True, "may_work": True}]
        return reply

    monkeypatch.setattr(agency.connection, "read", altered)
    with pytest.raises(VerificationFailed) as caught:
        agency.check_agents(["GX7K4M2P9QWAC"], purpose="hiring", consents=["TY-1"])
    assert caught.value.code == "other_answer"
