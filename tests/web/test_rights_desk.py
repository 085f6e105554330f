"""Credentials and rights at the desk: keys retired, clients revoked, agreements compared; who asked and who checked,
on a file number and on the record; erasure on a ground, refused where the law keeps."""

import uuid
from datetime import timedelta

from gongxin import clock
from gongxin.access import queries as access_queries
from gongxin.access import service as access
from gongxin.db import transaction
from gongxin.members import queries as members
from gongxin.members.models import Member
from gongxin.transparency import queries as log
from tests.services.cases_world import Acts
from tests.services.disclosure_world import World, token
from tests.services.members_world import agree
from tests.services.test_access import a_client
from tests.services.test_agents_further import checked

from .agents_town import Opened, office, world
from .conftest import Browser, Town

__all__ = ["office", "world"]


def desk(town: Town, *roles: str, house: Member | None = None) -> Browser:
    return town.browser("admin", town.person(house or town.house(), *(roles or ("officer",))))


def supervised(town: Town, world: World) -> Member:
    """An association whose agreement allows subject access, and the keys that sign its answers."""
    made = world.member("association").member_id
    assert made is not None
    with transaction(town.engine) as session:
        access.ensure_registry_keys(session, town.config)
        return members.get_member(session, made)


def test_a_key_is_retired_and_a_client_revoked_and_both_are_said_beforehand(town: Town, world: World) -> None:
    with transaction(town.engine) as session:
        client = a_client(session, world, name="<b>核心</b>")
        kid = access_queries.keys_of(session, client.id)[0].kid
    browser, address = desk(town), f"/admin/members/{client.member_id}/clients/{client.id}"
    member = browser.get(f"/admin/members/{client.member_id}").text
    assert address in member
    assert "&lt;b&gt;核心" in member
    assert "吊销不可恢复" in browser.get(address).text
    assert browser.post(f"{address}/keys/{kid}/retire", {}, address).status_code == 303
    assert "已停用" in browser.get(address).text
    assert browser.post(f"{address}/keys/{'A' * 43}/retire", {}, address).status_code == 404
    assert browser.post(f"{address}/revoke", {}, address).status_code == 303
    page = browser.get(address).text
    assert "吊销此凭证" not in page
    with transaction(town.engine) as session:
        assert access_queries.get_client(session, client.id).revoked_at is not None


def test_a_client_is_not_found_under_another_member(town: Town, world: World) -> None:
    with transaction(town.engine) as session:
        client = a_client(session, world)
    other = town.house("bank")
    browser = desk(town)
    assert browser.get(f"/admin/members/{other.id}/clients/{client.id}").status_code == 404
    assert browser.post(f"/admin/members/{other.id}/clients/{client.id}/revoke", {}, "/admin").status_code == 404
    assert "吊销此凭证" not in desk(town, "auditor").get(f"/admin/members/{client.member_id}/clients/{client.id}").text


def test_keys_that_expire_soon_are_work(town: Town, world: World) -> None:
    from tests.services.test_access import SigningKey

    with transaction(town.engine) as session:
        client = a_client(session, world, name="快到期")
        access.add_key(session, client.id, SigningKey().jwk, expires_at=clock.now() + timedelta(days=5))
    browser = desk(town)
    assert str(client.id) in browser.get("/admin/members/keys").text
    assert str(client.id) in browser.get("/admin").text


def test_an_agreement_stands_beside_the_one_before_it(town: Town) -> None:
    member = town.house("bank")
    with transaction(town.engine) as session:
        agree(session, member)
        agree(session, member, budgets={"contact": 250})
    page = desk(town).get(f"/admin/members/{member.id}/agreements").text
    assert "<del>contact 100</del>" in page
    assert "<ins>contact 250</ins>" in page
    assert desk(town).get(f"/admin/members/{uuid.uuid4()}/agreements").status_code == 404


def test_an_agent_learns_who_checked_them_on_a_file_number(town: Town, office: Opened) -> None:
    with office() as at:
        held, bank = at.licensed(), at.world.member("bank")
        checked(at, held, bank)
    browser = desk(town)
    told = browser.post("/admin/rights/checked", {"licence": held.licence_no, "request_reference": "查阅2026-7"},
                        "/admin/rights")  # fmt: skip
    assert told.status_code == 200
    assert "委案前核验" in told.text
    assert f"机构{bank.member_id.hex[-6:]}" in told.text  # type: ignore[union-attr]
    for form in ({"licence": "GX000", "request_reference": "查阅2026-7"}, {"licence": held.licence_no}):
        assert browser.post("/admin/rights/checked", form, "/admin/rights").status_code == 422


def test_a_debtor_learns_who_asked_by_token_and_a_number_is_no_token(town: Town, world: World) -> None:
    house = supervised(town, world)
    browser, mine = desk(town, house=house), token()
    form = {"tokens": f"1 {mine}", "request_reference": "查阅2026-8"}
    first = browser.post("/admin/rights/asked", form, "/admin/rights")
    assert first.status_code == 200
    assert "没有任何机构问过此人" in first.text
    for tokens in ("", "11010119900101123X", "1 short"):
        bad = browser.post("/admin/rights/asked", form | {"tokens": tokens}, "/admin/rights")
        assert bad.status_code == 422
    assert "查阅2026-8" in bad.text


def test_a_record_is_erased_on_a_ground_and_another_time_there_is_none(town: Town, world: World) -> None:
    acts = Acts(town.engine, town.config, world)
    bank = acts.member("bank")
    said = acts.say(bank, acts.case(bank), "person", "deceased", basis="死亡证明")
    browser = desk(town)
    form = {"leaf": said["event_id"], "because": "unlawful", "ground": "协会决定 2026-9"}
    for wrong in ({"ground": ""}, {"because": "whim"}, {"leaf": "x"}):
        refused = browser.post("/admin/rights/erase", form | wrong, "/admin/rights")
        assert refused.status_code == 422
    assert "协会决定 2026-9</textarea>" in refused.text
    assert "已擦除" in browser.post("/admin/rights/erase", form, "/admin/rights").text
    assert browser.post("/admin/rights/erase", form, "/admin/rights").status_code == 404
    with transaction(town.engine) as session:
        tomb = log.find_erasure(session, uuid.UUID(said["event_id"]))
    assert tomb is not None
    assert tomb.ground == "协会决定 2026-9"
    assert "协会决定 2026-9" in browser.get(f"/admin/log/leaves/{said['event_id']}").text


def test_rights_are_the_associations_officers_alone(town: Town) -> None:
    assert desk(town, "auditor").get("/admin/rights").status_code == 403
    assert desk(town, "officer", house=town.house("regulator")).get("/admin/rights").status_code == 403
