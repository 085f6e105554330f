"""Signing in, the frame and the public check, in a real browser, both languages, wide and narrow, light and dark."""

import re

import pytest

from gongxin.accounts import service
from gongxin.db import transaction
from tests.services.accounts_world import PASSWORD, new_login

from .conftest import Windows

LOOKS = [
    ("zh", 1280, False),
    ("en", 1280, False),
    ("zh", 375, False),
    ("en", 375, False),
    ("zh", 1280, True),
    ("en", 375, True),
]


@pytest.mark.parametrize(("language", "width", "dark"), LOOKS)
def test_the_pages_of_the_ground_hold(windows: Windows, language: str, width: int, dark: bool) -> None:
    town = windows.town
    boss = town.person(town.house(), "administrator", "officer")
    look = f"{language}-{width}{'-dark' if dark else ''}"
    stranger = windows.window(language=language, width=width, dark=dark)
    for name, path in (("sign-in", "/admin/sign-in"), ("check", f"/check?lang={language}")):
        stranger.go(path)
        stranger.check(f"{name}-{look}")
    stranger.allowed = {404}
    stranger.go(f"/check/GX00000000?lang={language}")
    stranger.check(f"check-unknown-{look}")
    desk = windows.window(boss, language=language, width=width, dark=dark)
    for name, path in (
        ("home", "/admin"), ("people", "/admin/people"), ("account", "/admin/account"), ("members", "/admin/members"),
    ):  # fmt: skip
        desk.go(path)
        desk.check(f"{name}-{look}")


def test_a_passkey_is_made_from_a_link_and_signs_in(windows: Windows) -> None:
    town = windows.town
    member = town.house("agency")
    with transaction(town.engine) as session:
        _account, token = service.invite(
            session, member_id=member.id, login=new_login(), display_name="新人", roles=["clerk"], actor="registry"
        )
    window = windows.window(face="portal")
    devtools = window.page.context.new_cdp_session(window.page)
    devtools.send("WebAuthn.enable")
    devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
                     "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}},
    )  # fmt: skip
    window.go(f"/portal/set-up/{token}").get_by_role("button", name="添加通行密钥").click()
    window.page.wait_for_url(re.compile(r"/portal$"))
    window.page.get_by_role("button", name="退出").click()
    window.page.wait_for_url(re.compile(r"/sign-in"))
    window.page.get_by_role("button", name="用通行密钥登录").click()
    window.page.wait_for_url(re.compile(r"/portal$"))
    window.go("/portal/prove").get_by_role("button", name="用通行密钥确认").click()
    window.page.wait_for_url(re.compile(r"/portal$"))
    window.page.get_by_text("身份已确认").wait_for()
    window.check()


@pytest.mark.parametrize("script", [True, False])
def test_a_refused_sign_in_leads_to_the_field_with_and_without_script(windows: Windows, script: bool) -> None:
    town = windows.town
    officer = town.person(town.house(), "officer")
    window = windows.window(script=script)
    window.allowed = {401}
    page = window.go("/admin/sign-in")
    page.get_by_label("登录名").fill(officer.login)
    page.get_by_label("密码", exact=True).fill("wrong")
    page.get_by_label("动态口令").fill("000000")
    page.get_by_role("button", name="登录", exact=True).click()
    page.get_by_role("alert").filter(has_text="未能提交").wait_for()
    assert page.title().startswith("错误：")
    assert page.get_by_label("登录名").input_value() == officer.login
    if script:
        assert page.evaluate("document.activeElement.id") == "problem"
    page.get_by_role("link", name="登录名、密码或动态口令不对").click()
    assert page.evaluate("document.activeElement.id || location.hash") in ("f-login", "#f-login") if script else True
    page.get_by_label("密码", exact=True).fill(PASSWORD)
    page.get_by_label("动态口令").fill(officer.code())
    page.get_by_role("button", name="登录", exact=True).click()
    page.wait_for_url(re.compile(r"/admin(#.*)?$"))


def test_a_filter_changes_the_list_and_the_address_and_back_undoes_it(windows: Windows) -> None:
    town = windows.town
    town.house("court")
    desk = windows.window(town.person(town.house(), "officer"))
    page = desk.go("/admin/members")
    page.get_by_label("类别").select_option("court")
    page.get_by_role("button", name="筛选").click()
    page.wait_for_url(re.compile(r"kind=court"))
    page.get_by_role("cell", name="法院").first.wait_for()
    page.go_back()
    page.wait_for_url(re.compile(r"/admin/members$"))
    desk.check()


def test_times_are_beijing_time_wherever_the_browser_is(windows: Windows) -> None:
    town = windows.town
    desk = windows.window(town.person(town.house(), "officer"))
    shown = desk.go("/admin/account").locator("time").first.get_attribute("datetime")
    assert shown is not None
    assert shown.endswith("+08:00")
