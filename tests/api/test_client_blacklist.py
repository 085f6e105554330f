"""The SDK's blacklist against a registry that runs: reports, replies, screening with proofs, corrections."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gongxin import clock
from gongxin_client import Identifier, Registry
from gongxin_client.blacklist import verify_line
from gongxin_client.cli import main
from gongxin_client.errors import BadInput, VerificationFailed
from gongxin_wire.identifiers import synthetic_cn_id
from tests import live as living
from tests.api.test_client_agents import filed, licensed

live = living.live
Live = living.Live
PROOF = "ab" * 32


@pytest.fixture
def registries(live: Live) -> Iterator[dict[str, Registry]]:
    with (
        live.registry(live.member("bank")) as bank,
        live.registry(live.member("agency")) as agency,
        live.registry(live.member("association")) as association,
    ):
        yield {"bank": bank, "agency": agency, "association": association}


def act(association: Registry, matter_id: str, action: str, officer: str = "C1", **more: Any) -> dict[str, Any]:
    if action in {"notice", "serve"}:
        more |= {"served_on": clock.today_in_china().isoformat(), "channel": "agency", "proof": PROOF}
    return association.act_on_matter(matter_id, action, officer=officer, said="理由充分", **more)


def test_report_reply_listing_screening_and_the_correction(registries: dict[str, Registry], tmp_path: Path) -> None:
    bank, agency, association = (registries[kind] for kind in ("bank", "agency", "association"))
    person = Identifier("cn_id", synthetic_cn_id(7_305_511))
    filed(agency, association)
    agent = licensed(agency, association, person)
    first = association.found_committee("惩戒委员会", ["A1", "A2", "A3"])["committee_id"]
    today = clock.today_in_china()
    matter = bank.report_violation(
        subject_kind="agent", licence=agent["licence"], article="B01", place="电话", occurred_from=today,
        occurred_until=today, conduct="向同事披露欠款", evidence=[{"sha256": PROOF, "kind": "recording"}],
    )  # fmt: skip
    found = matter["matter_id"]
    assert found in {each["matter_id"] for each in bank.matters(state="reported")}
    act(association, found, "accept", committee_id=first)
    act(association, found, "notice")
    assert agency.state_on_matter(found, "reply", "当日未联系")["state"] == "deliberation"
    act(association, found, "draft", act="decide", level="L3", months=6)
    for officer in ("A1", "A2", "A3"):
        association.vote_on_matter(found, officer=officer, vote=True)
    act(association, found, "decide", "A1")
    act(association, found, "serve")
    stranger = Identifier("cn_id", synthetic_cn_id(7_305_512))
    screened = bank.screen([agent["licence"], person, stranger], purpose="staff", consent="TY-1")
    now = clock.now()
    assert [screened.state_at(at, now) for at in range(3)] == ["listed", "listed", "not_listed"]
    assert screened.state_at(2, now + timedelta(days=1)) == "stale"
    keys, issuer = dict(bank.profile.pins.receipts), bank.profile.registry
    shown = json.loads(json.dumps(screened.prove(2)))
    assert verify_line(shown, keys=keys, issuer=issuer) == {"state": "not_listed"}
    assert "seed" not in shown["reply"]
    shown["proof"]["answer"] = {"state": "listed"}
    with pytest.raises(VerificationFailed):
        verify_line(shown, keys=keys, issuer=issuer)
    with pytest.raises(VerificationFailed):
        verify_line({}, keys=keys, issuer=issuer)
    with pytest.raises(BadInput):
        bank.screen([], purpose="staff", consent="TY-1")
    assert agency.object_to_listing(found, "事实有误")["kind"] == "objection"
    act(association, found, "draft", "C1", act="withdraw")
    for officer in ("A1", "A2", "A3"):
        association.vote_on_matter(found, officer=officer, vote=True)
    act(association, found, "withdraw", "A1")
    (owed,) = (each for each in bank.corrections() if each["number"] == matter["number"])
    assert owed["cause"] == "withdrawn"
    assert bank.acknowledge_correction(owed["correction_id"], "removed")["did"] == "removed"
    assert agency.matter_file(found)["state"] == "withdrawn"
    assert association.blacklist_statistics()["by_state"]["withdrawn"] >= 1


def test_the_command_line_tells_a_wrong_proof_from_a_right_one(tmp_path: Path) -> None:
    bad = tmp_path / "line.json"
    bad.write_text("nothing", encoding="utf-8")
    told = CliRunner().invoke(main, ["verify-line", str(bad)])
    assert told.exit_code == 2
    assert {"report", "notices", "reply", "screen", "verify-line", "corrections"} <= set(main.commands)
