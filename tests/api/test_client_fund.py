"""The SDK's fund and its commands against a registry that runs: levies and claims as members see them."""

import itertools
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gongxin import clock
from gongxin.db import transaction
from gongxin.fund import chart
from gongxin.fund.income import receiving
from gongxin.fund.ledger import periods
from gongxin.fund.ledger import queries as books
from gongxin_client import Identifier, Profile, Refused, Registry, keys
from gongxin_client import profile as profiles
from gongxin_client.cli import main
from gongxin_wire.identifiers import synthetic_cn_id
from tests import live as living
from tests.services.claims_world import payee
from tests.services.income_world import Office, month_before

live = living.live
Live = living.Live
MONTH = month_before(clock.today_in_china())
DIGEST = "ab" * 32
_COURTS = itertools.count(10)
Typed = Callable[..., Any]


@pytest.fixture
def members(live: Live) -> dict[str, Profile]:
    """Members of their own, and a fund with money above its reserve."""
    found = {kind: live.member(kind) for kind in ("association", "agency", "mediator")}
    found["court"] = live.member("court", court_code=f"沪02{next(_COURTS):02d}")
    with transaction(live.engine) as session:
        today = clock.today_in_china()
        if not books.periods(session):
            periods.open_period(session, first_day=today - timedelta(days=5), last_day=today + timedelta(days=1))
        chart.open_chart(session)
        member = uuid.UUID(str(found["association"].member_id))
        office = Office(session, member, member, member)
        office.as_office()
        gift = office.gift(9_000_000)
        receiving.receive(session, gift.id, booked_on=today, amount_fen=gift.amount_fen)
    return found


@pytest.fixture
def by(live: Live, members: dict[str, Profile]) -> Iterator[dict[str, Registry]]:
    found = {kind: live.registry(profile) for kind, profile in members.items()}
    yield found
    for registry in found.values():
        registry.close()


@pytest.fixture
def typed(members: dict[str, Profile], tmp_path: Path) -> Typed:
    """What a member's command answers as JSON, or its exit code where it is refused."""

    def run(kind: str, *arguments: str, stdin: str | None = None) -> Any:
        folder = tmp_path / kind
        folder.mkdir(exist_ok=True)
        if not (folder / "key.pem").exists():
            keys.save(members[kind].key, folder / "key.pem")
            profiles.write(replace(members[kind], key_path=folder / "key.pem"), folder / "member.toml")
        given = [*arguments, "--json", "--profile", str(folder / "member.toml")]
        result = CliRunner().invoke(main, given, input=stdin)
        found = json.loads(result.stdout)
        return found if result.exit_code == 0 else (result.exit_code, found["error"]["code"])

    return run


def issue_levies(association: Registry) -> None:
    office = association.fund_office
    run = office("POST", "/income/runs", "fund.write", {"officer": "lin-01", "rhythm": "monthly", "last_month": MONTH})
    for officer in ("wang-02", "zhao-03"):
        vote = {"officer": officer, "content_hash": run["content_hash"]}
        office("POST", f"/income/runs/{run['run_id']}/approvals", "fund.approve", vote)
    office("POST", f"/income/runs/{run['run_id']}/issue", "fund.approve", {})


def test_an_agency_states_its_base_reads_its_charge_and_objects(by: dict[str, Registry]) -> None:
    agency = by["agency"]
    assert agency.levy_account()["owed_fen"] == 0
    assert agency.state_base(MONTH, 12_500_000, evidence_sha256=DIGEST)["source"] == "statement"
    issue_levies(by["association"])
    (charge,) = agency.charges(state="issued")
    assert agency.levy_account()["owed_fen"] == charge["amount_fen"]
    assert agency.charge(charge["charge_id"])["calculation"]["coefficient"]["lines"]
    assert agency.object_to_charge(charge["charge_id"], "基数含已退佣金")["objection_id"]
    with pytest.raises(Refused):
        by["mediator"].charge(charge["charge_id"])


def test_an_agency_types_its_base_and_objects(by: dict[str, Registry], typed: Typed, tmp_path: Path) -> None:
    evidence = tmp_path / "statement.csv"
    evidence.write_text("2026,1", encoding="utf-8")
    told = typed("agency", "levy-base", MONTH, "8000000", "--evidence", str(evidence))
    assert (told["month"], told["base_fen"]) == (MONTH, 8_000_000)
    assert typed("agency", "levy-base", MONTH, "1", "--evidence", str(tmp_path / "none")) == (2, "not_readable")
    issue_levies(by["association"])
    listed = typed("agency", "levies", "--state", "issued")
    (charge,) = listed["charges"]
    assert listed["account"]["owed_fen"] == charge["amount_fen"]
    assert typed("agency", "levies", "--charge", charge["charge_id"])["reference"] == charge["reference"]
    assert "due_on" in typed("agency", "levy-object", charge["charge_id"], "基数含已退佣金")
    code, refused = typed("mediator", "levies", "--charge", charge["charge_id"])
    assert (code != 0, refused) == (True, "charge_not_found")


def assess(association: Registry, court: Registry, claim_id: str) -> dict[str, Any]:
    given = {"officer": "lin-01", "proposed_fen": 500_000, "reviewer_id": str(court.connection.profile.member_id)}
    return association.fund_office("POST", f"/claims/{claim_id}/assessment", "fund.write", given)


def test_relief_filed_reviewed_by_the_court_and_withdrawn(by: dict[str, Registry]) -> None:
    mediator, court, association = by["mediator"], by["court"], by["association"]
    more = {
        "officer": "tiao-01", "payee": payee(), "payee_kind": "hospital", "unrelated": True, "means_sha256": DIGEST,
        "evidence_sha256": DIGEST,
    }  # fmt: skip
    person = Identifier("cn_id", synthetic_cn_id(8_105_511))
    claim = mediator.claim_relief(person, cause="medical", region="990102", asked_fen=800_000, **more)
    found = claim["claim_id"]
    assert found in {each["claim_id"] for each in mediator.claims(state="filed", fund="RELIEF")}
    with pytest.raises(Refused):
        court.fund_claim(found)
    shown = assess(association, court, found)
    with pytest.raises(Refused):
        court.approve_claim(found, officer="fa-01", content_hash="00" * 32, unrelated=True)
    court.approve_claim(found, officer="fa-01", content_hash=shown["content_hash"], unrelated=True)
    steps = [step["state"] for step in mediator.fund_claim(found)["steps"]]
    assert steps == ["filed", "assessed"]
    assert mediator.withdraw_claim(found, officer="tiao-01", reason="已获其他救助")["state"] == "withdrawn"
    with pytest.raises(Refused):
        mediator.claim_for_staff(str(uuid.uuid4()), cause="injury", region="990102", asked_fen=1_000, **more)


def test_relief_typed_returned_and_appealed(by: dict[str, Registry], typed: Typed, tmp_path: Path) -> None:
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(b"paper")
    to = payee()
    given = [
        "claim-relief", "medical", "600000", "--officer", "tiao-01", "--region", "990102", "--holder", to["holder"],
        "--account", to["account"], "--bank-code", to["bank_code"], "--bank-name", to["bank_name"], "--payee-kind",
        "hospital", "--means", str(paper), "--evidence", str(paper),
    ]  # fmt: skip
    person = synthetic_cn_id(8_105_512)
    assert typed("mediator", *given, stdin=person)[1] == "related_beneficiary", "nothing is declared for the filer"
    claim = typed("mediator", *given, "--unrelated", stdin=person)
    assert (claim["state"], to["account"] in json.dumps(claim), person in json.dumps(claim)) == ("filed", False, False)
    back = {"officer": "lin-01", "reason": "缺少收入证明"}
    by["association"].fund_office("POST", f"/claims/{claim['claim_id']}/return", "fund.write", back)
    appealed = typed("mediator", "claim-appeal", claim["claim_id"], "已补收入证明", "--officer", "tiao-01")
    assert appealed["state"] == "appealed"
    assert claim["claim_id"] in {
        each["claim_id"] for each in typed("mediator", "claims", "--state", "appealed")["claims"]
    }
    shown = typed("mediator", "claims", "--claim", claim["claim_id"])
    assert [step["state"] for step in shown["steps"]] == ["filed", "returned", "appealed"]
