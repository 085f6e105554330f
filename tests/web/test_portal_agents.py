"""The portal's people: candidates checked with their consent, own agents and badges, reports and answers to notices."""

from typing import Any

import pytest

from gongxin.access import service as access
from gongxin.blacklist import queries
from gongxin.db import transaction
from gongxin.members import queries as members
from gongxin.web.caller import Caller
from tests.services.blacklist_world import PROOF

from .agents_town import Opened, office, world
from .conftest import Browser, Town

__all__ = ["office", "world"]


@pytest.fixture(autouse=True)
def _keys(town: Town) -> None:
    with transaction(town.engine) as session:
        access.ensure_registry_keys(session, town.config)


def of(town: Town, caller: Caller, *roles: str) -> Browser:
    """Somebody of this member's house."""
    assert caller.member_id is not None
    with transaction(town.engine) as session:
        member = members.get_member(session, caller.member_id)
    return town.browser("portal", town.person(member, *(roles or ("clerk", "compliance"))))


def test_a_bank_checks_before_placing_and_keeps_a_receipt(town: Town, office: Opened) -> None:
    with office() as at:
        licence, bank = at.licensed().licence_no, at.world.member("bank")
    clerk = of(town, bank)
    answer = clerk.post("/portal/screen", {"licence": licence})
    assert answer.status_code == 200
    assert licence in answer.text
    assert "base64," in answer.text
    unknown = clerk.post("/portal/screen", {"licence": "GX7K4M2P9QWAC"}).text
    assert "可以从事催收" not in unknown


def test_a_candidate_is_checked_only_with_consent(town: Town, office: Opened) -> None:
    with office() as at:
        licence, agency = at.licensed().licence_no, at.world.member("agency")
    clerk = of(town, agency)
    refused = clerk.post("/portal/screen", {"licence": licence})
    assert refused.status_code == 422
    assert f'value="{licence}"' in refused.text
    assert "同意书编号" in refused.text
    assert "原机构已放行" in clerk.post("/portal/screen", {"licence": licence, "consent": "TY-2026-001"}).text
    assert clerk.post("/portal/screen", {"consent": "TY-1"}).status_code == 422
    assert clerk.post("/portal/screen", {"consent": "TY-1", "subject": "[1]"}).status_code == 422


def test_own_agents_have_their_badges_and_others_are_not_there(town: Town, office: Opened) -> None:
    with office() as at:
        agent, agency, other = at.licensed(), at.agency, at.world.member("agency")
        agent_id, licence = agent.id, agent.licence_no
    clerk = of(town, agency)
    assert licence in clerk.get("/portal/agents").text
    assert licence not in of(town, other).get("/portal/agents").text
    path = f"/portal/agents/{agent_id}"
    assert of(town, other).get(path).status_code == 404
    assert "测试员甲" in clerk.get(path).text
    assert clerk.post(f"{path}/badges", {}, path).status_code == 303
    shown = clerk.get(path).text
    badge = shown.split("/badges/")[1].split("/")[0]
    card = clerk.get(f"{path}/badges/{badge}/card")
    assert card.data.startswith(b"%PDF")
    assert clerk.post(f"{path}/badges/{badge}/withdrawal", {"reason": ""}, path).status_code == 422
    assert clerk.post(f"{path}/badges/{badge}/withdrawal", {"reason": "lost"}, path).status_code == 303
    assert "已失效" in clerk.get(path).text
    assert of(town, other).post(f"{path}/badges", {}, "/portal/screen").status_code == 404


REPORT: dict[str, Any] = {
    "subject_kind": "agent", "article": "B01", "place": "电话", "occurred_from": "2026-11-20",
    "occurred_until": "2026-11-20", "conduct": "向债务人同事披露欠款", "evidence": PROOF, "evidence_kind": "recording",
}  # fmt: skip


def test_a_report_is_filed_with_fingerprints_and_nothing_personal(town: Town, office: Opened) -> None:
    with office() as at:
        licence, bank = at.licensed().licence_no, at.world.member("bank")
    clerk = of(town, bank)
    refused = clerk.post("/portal/matters/report", {**REPORT, "licence": licence, "conduct": "债务人 13800138000 被扰"})
    assert refused.status_code == 422
    assert "13800138000" in refused.text, "what was typed stays in the form of whoever typed it"
    assert clerk.post("/portal/matters/report", {**REPORT, "licence": licence, "evidence": "abc"}).status_code == 422
    sent = clerk.post("/portal/matters/report", {**REPORT, "licence": licence})
    assert sent.status_code == 303
    assert "待受理" in clerk.get(sent.location).text
    assert sent.location.rsplit("/", 1)[-1] in clerk.get("/portal/matters?side=reported").text
    assert of(town, bank, "clerk").get(f"{sent.location}/file").status_code == 403


def test_a_notice_waits_with_its_clock_and_is_answered_once(town: Town, office: Opened) -> None:
    from gongxin import clock
    from gongxin.blacklist import service

    with office() as at:
        agent, agency, bank = at.licensed(), at.agency, at.world.member("bank")
        at.become(bank)
        matter = service.report(
            at.session, caller=bank, subject_kind="agent", licence=agent.licence_no, article="B01", place="电话",
            occurred_from=clock.today_in_china(), occurred_until=clock.today_in_china(), conduct="<b>披露</b>欠款",
            evidence=[{"sha256": PROOF, "kind": "recording"}],
        )  # fmt: skip
        at.become(at.association)
        committee = service.found_committee(at.session, name_zh="惩戒委员会", officers=["A1", "A2", "A3"])
        for action, more in (
            ("accept", {"committee_id": committee.id}),
            ("notice", {"served_on": clock.today_in_china(), "channel": "agency", "proof": PROOF}),
        ):
            service.act(
                at.session, matter.id, caller=at.association, action=action, officer="C1", said="理由充分", **more
            )
        matter_id, number = matter.id, matter.number
    compliance, clerk = of(town, agency, "compliance"), of(town, agency, "clerk")
    assert number in compliance.get("/portal").text
    path = f"/portal/matters/{matter_id}"
    page = compliance.get(path).text
    assert "&lt;b&gt;披露" in page
    assert compliance.get(f"{path}/file").data.startswith(b"%PDF")
    assert "提交申辩" not in clerk.get(path).text
    assert clerk.post(f"{path}/statements", {"action": "reply", "said": "无"}, "/portal/screen").status_code == 403
    assert compliance.post(f"{path}/statements", {"action": "reply", "said": ""}, path).status_code == 422
    assert compliance.post(f"{path}/statements", {"action": "serve", "said": "x"}, path).status_code == 422
    answered = {"action": "reply", "said": "当日未联系该债务人", "version": "99"}
    stale = compliance.post(f"{path}/statements", answered, path)
    assert stale.status_code == 409
    assert "当日未联系该债务人" in stale.text
    with transaction(town.engine) as session:
        version = str(queries.get_matter(session, matter_id).version)
    assert compliance.post(f"{path}/statements", {**answered, "version": version}, path).status_code == 303
    assert "当日未联系该债务人" in compliance.get(path).text
    assert number not in compliance.get("/portal").text
    assert of(town, bank).get(path).status_code == 200
