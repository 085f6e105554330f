"""Claims on the fund at the portal: filed, read by their own, appealed, withdrawn; a charge line by line."""

import json
import re
import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from gongxin.config import Config
from gongxin.db import transaction
from gongxin.fund.claims import paying
from gongxin.fund.claims.models import Claim
from gongxin.fund.income import rules
from gongxin.members import queries as members
from gongxin.subjects import service as subjects
from gongxin.web.caller import Caller
from gongxin_admin.formats import yuan
from gongxin_admin.views.portal import calculation
from tests.services.claims_world import EVIDENCE, MEANS, payee
from tests.services.disclosure_world import subject, token

from .conftest import Browser, Town
from .fund_room import Treasury, treasury

NEW = "/portal/claims/new"


@pytest.fixture
def fund(town: Town, engine: Engine, owner_engine: Engine, config: Config) -> Iterator[Treasury]:
    with transaction(engine) as session:
        subjects.ensure_epochs(session, config)
    with treasury(town, engine, owner_engine, config) as found:
        yield found


def of(fund: Treasury, caller: Caller, *roles: str) -> Browser:
    with fund.session() as session:
        assert caller.member_id is not None
        member = members.get_member(session, caller.member_id)
    return fund.town.browser("portal", fund.town.person(member, *(roles or ("clerk",))))


def typed(**change: str) -> dict[str, str]:
    return {
        "fund": "RELIEF", "cause": "medical", "region": "990102", "asked_fen": "8,000.00", "term_days": "90",
        "payee_kind": "hospital", "unrelated": "yes", "means_sha256": MEANS.hex(), "evidence_sha256": EVIDENCE.hex(),
        "subject": json.dumps(subject(token())), **payee(), **change,
    }  # fmt: skip


def test_relief_is_filed_by_a_mediator_and_the_account_is_never_shown(fund: Treasury) -> None:
    with fund.claims() as world:
        mediator = world.mediator
    clerk = of(fund, mediator)
    form = typed()
    done = clerk.post(NEW, form)
    assert done.status_code == 303
    page = clerk.get(done.location).text
    assert "¥8,000.00" in page
    assert form["account"] not in page
    assert form["account"] not in clerk.get("/portal/claims").text
    assert done.location.rpartition("/")[2] in clerk.get("/portal/claims").text
    stranger = fund.town.browser("portal", fund.town.person(fund.town.house("mediator"), "clerk"))
    assert stranger.get(done.location).status_code == 404
    sent = stranger.post(f"{done.location}/acts", {"verb": "withdraw", "reason": "误提"}, NEW)
    assert sent.status_code == 404
    asked = {"verb": "withdraw", "reason": "误提<b>"}
    assert clerk.post(f"{done.location}/acts", asked, done.location).status_code == 303
    assert "误提&lt;b&gt;" in clerk.get(done.location).text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"asked_fen": "8000.123"}, "asked_fen"),
        ({"asked_fen": ""}, "asked_fen"),
        ({"cause": "injury"}, "cause"),
        ({"region": "110101"}, "region"),
        ({"account": "12"}, "account"),
        ({"bank_code": "x"}, "bank_code"),
        ({"payee_kind": "friend"}, "payee_kind"),
        ({"unrelated": ""}, "unrelated"),
        ({"means_sha256": "xyz"}, "means_sha256"),
        ({"subject": ""}, "number"),
        ({"subject": "[]"}, "number"),
        ({"term_days": "999"}, "term_days"),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_the_rest_is_kept(
    fund: Treasury, change: dict[str, str], field: str
) -> None:  # fmt: skip
    clerk = fund.town.browser("portal", fund.town.person(fund.town.house("mediator"), "clerk"))
    refused = clerk.post(NEW, typed(**change))
    assert 400 <= refused.status_code < 500
    assert f'href="#f-{field}"' in refused.text
    assert re.search(r'value="测试医院"', refused.text)


def test_staff_protection_is_claimed_by_the_agents_own_agency(fund: Treasury) -> None:
    with fund.claims() as world:
        agency, agent_id = world.agency, world.agent()
    clerk = of(fund, agency)
    assert str(agent_id) in clerk.get(f"{NEW}?fund=STAFF").text
    form = typed(fund="STAFF", cause="injury", agent_id=str(agent_id))
    assert clerk.post(NEW, form).status_code == 303
    other = fund.town.browser("portal", fund.town.person(fund.town.house("agency"), "clerk"))
    assert other.post(NEW, form).status_code == 404


def test_a_returned_claim_is_appealed_by_its_filer(fund: Treasury) -> None:
    with fund.claims() as world:
        claim: Claim = world.file()
        world.become(world.association)
        paying.give_back(
            world.session, claim.id, actor=world.actor(world.association, "LIN01"), reason="材料不全"
        )  # fmt: skip
        mediator = world.mediator
    address = f"/portal/claims/{claim.id}"
    clerk = of(fund, mediator)
    assert "材料不全" in clerk.get(address).text
    bare = clerk.post(f"{address}/acts", {"verb": "appeal", "reason": ""}, address)
    assert bare.status_code == 422
    assert clerk.post(f"{address}/acts", {"verb": "appeal", "reason": "已补材料"}, address).status_code == 303
    assert "申诉中" in clerk.get(address).text


def test_a_bank_reads_and_does_not_file(town: Town) -> None:
    clerk = town.browser("portal", town.person(town.house("bank"), "clerk"))
    assert clerk.get(NEW).status_code == 403
    assert NEW not in clerk.get("/portal/claims").text


def test_a_levy_is_told_line_by_line_and_adds_up(faces: Any) -> None:
    seen = [rules.Violation(str(uuid.uuid4()), "serious", "confirmed", rules.last_day("2026-09"))]
    found = rules.coefficient(seen, rules.last_day("2026-10"))
    lines = rules.levy([rules.Month("2026-10", 12_500_000, 0, 2_500_000)], found)
    with faces["portal"].test_request_context("/portal/fund"):
        told = calculation.of(SimpleNamespace(lines=json.dumps(lines)))
        plain = calculation.of(SimpleNamespace(lines=json.dumps({"reason": "捐赠"})))
    assert told["months"] == [["2026-10", "¥125,000.00", "¥0.00", "¥25,000.00", "¥100,000.00"]]
    assert told["steps"][0][2] == "¥100,000.00"
    assert told["steps"][2][2] == yuan(lines["amount_fen"])
    assert len(told["coefficient"]) == len(found["lines"])
    assert plain == {"reason": "捐赠"}
