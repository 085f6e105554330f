"""Delivery at the desk: endpoints with what they are owed, dead letters chosen and sent again, nothing of an address
that may be a secret."""

import uuid

from gongxin.db import transaction
from gongxin.delivery import queries

from .conftest import Browser, Town
from .delivery_town import Endpoints, endpoints

__all__ = ["endpoints"]


def desk(town: Town, *roles: str) -> Browser:
    return town.browser("admin", town.person(town.house(), *(roles or ("officer",))))


def states(town: Town, endpoint_id: uuid.UUID) -> dict[int, str]:
    with transaction(town.engine) as session:
        return {send.position: send.state for send in queries.sends(session, endpoint_id, None, None, 100)}


def test_an_endpoint_is_listed_with_what_it_is_owed_and_without_its_secret_path(
    town: Town, endpoints: Endpoints
) -> None:
    made = endpoints(dead=2, waiting=3, failures=4)
    browser = desk(town, "auditor")
    row = next(r for r in browser.get("/admin/delivery?state=failing").text.split("<tr>") if str(made.endpoint_id) in r)
    assert "https://hooks.member.example/in/…" in row
    assert "失败中" in row
    assert '<td data-label="待投" class="end">3</td>' in row
    assert '<td data-label="死信" class="end">2</td>' in row
    page = browser.get(f"/admin/delivery/{made.endpoint_id}").text
    assert "s3cret" not in page
    assert 'name="position"' not in page


def test_the_chosen_dead_letters_go_out_again_and_the_others_stay(town: Town, endpoints: Endpoints) -> None:
    made = endpoints(dead=3, waiting=0)
    browser, address = desk(town), f"/admin/delivery/{made.endpoint_id}"
    assert address in browser.get("/admin").text
    nothing = browser.post(f"{address}/replay", {}, address)
    assert nothing.status_code == 422
    assert 'id="f-position"' in nothing.text
    assert browser.post(f"{address}/replay", {"position": [made.positions[0]]}, address).status_code == 303
    assert [states(town, made.endpoint_id)[at] for at in made.positions] == ["waiting", "dead", "dead"]
    assert browser.post(f"{address}/replay", {"which": "all"}, address).status_code == 303
    assert set(states(town, made.endpoint_id).values()) == {"waiting"}
    assert browser.post(f"{address}/replay", {"which": "all"}, "/admin").status_code in (404, 422)


def test_dead_letters_of_all_endpoints_are_listed_page_by_page(town: Town, endpoints: Endpoints) -> None:
    made = endpoints(dead=2)
    browser = desk(town)
    listed = browser.get("/admin/delivery/dead").text
    assert listed.count(f"/admin/delivery/{made.endpoint_id}?state=dead") == 2
    assert f"{made.positions[0]}," in browser.get("/admin/delivery/dead?csv=1").text
    for cursor in ("!", "WyJ4IiwieSJd"):
        assert browser.get(f"/admin/delivery/dead?cursor={cursor}").status_code == 422


def test_a_paused_endpoint_is_not_sent_to_and_the_page_says_why(town: Town, endpoints: Endpoints) -> None:
    made = endpoints(state="paused")
    page = desk(town).get(f"/admin/delivery/{made.endpoint_id}").text
    assert "待机构恢复后才能重发" in page


def test_a_regulator_does_not_see_members_endpoints(town: Town, endpoints: Endpoints) -> None:
    made = endpoints()
    browser = town.browser("admin", town.person(town.house("regulator"), "officer"))
    for path in ("", "/dead", f"/{made.endpoint_id}"):
        assert browser.get(f"/admin/delivery{path}").status_code == 403
    assert browser.post(f"/admin/delivery/{made.endpoint_id}/replay", {"which": "all"}, "/admin").status_code == 403
    assert desk(town).get(f"/admin/delivery/{uuid.uuid4()}").status_code == 404
