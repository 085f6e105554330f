"""Signing in at the pages: what is right lets in, all else reads the same, and every attempt is on record."""

import re

import pyotp
import pytest
from sqlalchemy import text

from gongxin.accounts import queries, service
from gongxin.db import transaction
from tests.services.accounts_world import PASSWORD, new_login

from .conftest import Town


def test_nobody_sees_a_page_without_signing_in_and_is_led_back_after(town: Town) -> None:
    browser = town.stranger("admin")
    sent = browser.get("/admin/people?x=1")
    assert sent.status_code == 303
    assert sent.location == "/admin/sign-in?next=/admin/people?x%3D1"
    officer = town.person(town.house(), "administrator")
    entered = browser.post(
        sent.location,
        {"login": officer.login, "password": PASSWORD, "code": officer.code(), "next": "/admin/people?x=1"},
    )
    assert entered.status_code == 303
    assert entered.location == "/admin/people?x=1"
    assert "HttpOnly" in entered.headers["Set-Cookie"]
    assert browser.get("/admin/people").status_code == 200


@pytest.mark.parametrize("wrong", ["password", "code", "login"])
def test_a_wrong_password_a_wrong_code_and_an_unknown_login_read_the_same(town: Town, wrong: str) -> None:
    officer = town.person(town.house(), "officer")
    right = {"login": officer.login, "password": PASSWORD, "code": officer.code()}
    other = {"password": "wrong", "code": "000000", "login": new_login()}
    refused = town.stranger("admin").post("/admin/sign-in", right | {wrong: other[wrong]})
    assert refused.status_code == 401
    shown = re.sub(r'value="[^"]*"', "", re.search(r"<section class=.summary.*?</section>", refused.text, re.S)[0])  # type: ignore[index]
    assert "登录名、密码或动态口令不对" in shown
    assert PASSWORD not in refused.text


def test_a_dynamic_code_works_once(town: Town) -> None:
    officer = town.person(town.house(), "officer")
    form = {"login": officer.login, "password": PASSWORD, "code": officer.code()}
    assert town.stranger("admin").post("/admin/sign-in", form).status_code == 303
    assert town.stranger("admin").post("/admin/sign-in", form).status_code == 401


def test_a_recovery_code_stands_in_once(town: Town) -> None:
    officer = town.person(town.house(), "officer")
    form = {"login": officer.login, "password": PASSWORD, "code": officer.recovery_codes[3]}
    assert town.stranger("admin").post("/admin/sign-in", form).status_code == 303
    assert town.stranger("admin").post("/admin/sign-in", form).status_code == 401


def test_guessing_must_wait_whether_the_login_exists_or_not(town: Town) -> None:
    officer = town.person(town.house(), "officer")
    for login in (officer.login, new_login()):
        answers = [
            town.stranger("admin").post("/admin/sign-in", {"login": login, "password": "x", "code": "1"}).status_code
            for _ in range(6)
        ]
        assert answers == [401] * 5 + [429], login
    right = {"login": officer.login, "password": PASSWORD, "code": officer.code()}
    waiting = town.stranger("admin").post("/admin/sign-in", right)
    assert waiting.status_code == 429
    assert int(waiting.headers["Retry-After"]) <= 60


def test_every_attempt_is_on_record_and_no_login_that_was_typed(town: Town) -> None:
    officer = town.person(town.house(), "officer")
    typed = "wrongpasswordtypedhere"
    town.stranger("admin").post("/admin/sign-in", {"login": typed, "password": "x", "code": "1"})
    town.stranger("admin").post("/admin/sign-in", {"login": officer.login, "password": "x", "code": "1"})
    right = {"login": officer.login, "password": PASSWORD, "code": officer.code()}
    town.stranger("admin").post("/admin/sign-in", right)
    with transaction(town.engine) as session:
        found = queries.sign_ins(session, officer.account.id)
        assert [(record.method, record.outcome) for record in found] == [
            ("password", "signed_in"),
            ("password", "refused"),
        ]
        assert session.scalar(text("select count(*) from sign_ins s where s::text like :x"), {"x": f"%{typed}%"}) == 0


def test_a_cookie_of_the_portal_opens_nothing_at_the_desk(town: Town) -> None:
    clerk = town.person(town.house("agency"), "clerk")
    portal = town.browser("portal", clerk)
    assert portal.get("/portal").status_code == 200
    token = portal.client.get_cookie("gx_portal", domain="localhost", path="/portal")
    assert token is not None
    desk = town.stranger("admin")
    desk.cookie(token.value)
    assert desk.get("/admin").status_code == 303


def test_a_members_person_does_not_enter_the_desk_nor_an_officer_the_portal(town: Town) -> None:
    clerk, officer = town.person(town.house("bank"), "clerk"), town.person(town.house(), "officer")
    for face, who in (("admin", clerk), ("portal", officer)):
        form = {"login": who.login, "password": PASSWORD, "code": who.code()}
        assert town.stranger(face).post(f"/{face}/sign-in", form).status_code == 401


def test_a_form_without_its_token_or_from_elsewhere_is_refused(town: Town) -> None:
    officer = town.person(town.house(), "administrator")
    browser = town.browser("admin", officer)
    assert browser.client.post("/admin/sign-out").status_code == 400
    assert browser.client.post("/admin/sign-out", data={"csrf_token": "x"}).status_code == 400
    assert browser.get("/admin").status_code == 200


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/", "//evil.example/admin/", "/admin/\\evil.example", "/portal", "javascript:alert(1)"],
)
def test_nobody_is_led_to_another_site(town: Town, address: str) -> None:
    officer = town.person(town.house(), "officer")
    form = {"login": officer.login, "password": PASSWORD, "code": officer.code(), "next": address}
    entered = town.stranger("admin").post("/admin/sign-in", form)
    assert entered.location == "/admin"


def test_a_link_sets_an_account_up_once(town: Town) -> None:
    member = town.house("agency")
    with transaction(town.engine) as session:
        account, token = service.invite(
            session, member_id=member.id, login=new_login(), display_name="新人", roles=["clerk"], actor="registry"
        )
    browser = town.stranger("portal")
    page = browser.get(f"/portal/set-up/{token}").text
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", page)[1]  # type: ignore[index]
    sealed = re.search(r'name="sealed" value="([0-9a-f]+)"', page)[1]  # type: ignore[index]
    weak = {"sealed": sealed, "password": "short", "code": pyotp.TOTP(secret).now()}
    assert browser.post(f"/portal/set-up/{token}", weak).status_code == 422
    moved = {**weak, "password": PASSWORD, "sealed": "00" + sealed[2:]}
    assert browser.post(f"/portal/set-up/{token}", moved).status_code == 422
    done = browser.post(f"/portal/set-up/{token}", {**weak, "password": PASSWORD})
    assert done.status_code == 200
    assert len(re.findall(r"<li><code>[0-9a-f]{6}-[0-9a-f]{6}</code></li>", done.text)) == 10
    assert browser.get("/portal").status_code == 200
    assert town.stranger("portal").get(f"/portal/set-up/{token}").status_code == 404
    with transaction(town.engine) as session:
        assert queries.get_account(session, account.id).state == "active"


def test_a_session_that_was_ended_or_whose_account_is_locked_is_over_at_the_next_page(town: Town) -> None:
    member = town.house()
    boss, officer = town.person(member, "administrator"), town.person(member, "officer")
    desk, other = town.browser("admin", officer), town.browser("admin", officer)
    page = desk.get("/admin/account").text
    assert page.count('name="session_id"') == 1
    ended = re.search(r'name="session_id" value="([0-9a-f-]+)"', page)[1]  # type: ignore[index]
    assert desk.post("/admin/account/sessions/end", {"session_id": ended}, "/admin/account").status_code == 303
    assert other.get("/admin").status_code == 303
    lock = {"account_id": str(officer.account.id), "state": "locked", "reason": "离职"}
    assert town.browser("admin", boss).post("/admin/people/change", lock, "/admin/people").status_code == 303
    assert desk.get("/admin").status_code == 303


def test_a_decision_asks_for_proof_again_after_ten_minutes(town: Town) -> None:
    boss = town.person(town.house(), "administrator")
    desk = town.browser("admin", boss)
    with transaction(town.engine) as session:
        session.execute(
            text("update page_sessions set proven_at = proven_at - interval '11 minutes' where account_id = :a"),
            {"a": boss.account.id},
        )
    form = {"login": new_login(), "display_name": "新人", "roles": ["officer"]}
    asked = desk.post("/admin/people/invite", form, "/admin/people")
    assert "再次确认身份" in asked.text
    proven = desk.post("/admin/prove", {"password": PASSWORD, "code": boss.code(), "next": "/admin/people"})
    assert (proven.status_code, proven.location) == (303, "/admin/people")
    made = desk.post("/admin/people/invite", form, "/admin/people")
    assert "/admin/set-up/" in made.text


def test_another_house_is_not_there(town: Town) -> None:
    mine, theirs = town.house("bank"), town.house("bank")
    boss, stranger = town.person(mine, "administrator"), town.person(theirs, "clerk")
    browser = town.browser("portal", boss)
    assert stranger.login not in browser.get("/portal/people").text
    form = {"account_id": str(stranger.account.id), "state": "closed", "reason": "x"}
    assert browser.post("/portal/people/change", form, "/portal/people").status_code == 404
