"""Every page: who may open it, what its answer carries, and that it reads in both languages."""

import re

import pytest
from flask import Flask

from gongxin.accounts.rules import ROLES
from gongxin_admin.permissions import PAGES

from .conftest import Town

KINDS = {"admin": "association", "portal": "agency"}
CASES = [
    (page.name, role)
    for page in PAGES.values()
    if page.roles is not None
    for role in ROLES
    if KINDS[page.face] in ROLES[role][0]
]


def address(faces: dict[str, Flask], name: str) -> tuple[str, str]:
    """The page's address with a made-up object in each place, and a method it takes."""
    app = faces[PAGES[name].face]
    rule = next(rule for rule in app.url_map.iter_rules() if rule.endpoint == name)
    path = re.sub(r"<(?:(\w+):)?\w+>", lambda m: _SAMPLES.get(m[1] or "", "x"), rule.rule)
    return path, "GET" if "GET" in (rule.methods or set()) else "POST"


_SAMPLES = {"uuid": "01900000-0000-7000-8000-000000000000", "int": "1", "": "01900000-0000-7000-8000-000000000000"}


@pytest.fixture(scope="module")
def people(faces: dict[str, Flask], engine, page_config):  # type: ignore[no-untyped-def]
    """One house a face with a person of each role, signed in."""
    town, found = Town(faces, engine, page_config), {}
    for face, kind in KINDS.items():
        member = town.house(kind)
        for role in ROLES:
            if kind in ROLES[role][0]:
                found[face, role] = town.browser(face, town.person(member, role))
    return found


@pytest.mark.parametrize(("name", "role"), CASES)
def test_each_page_opens_for_its_roles_and_for_no_other(  # type: ignore[no-untyped-def]
    faces: dict[str, Flask], people, name: str, role: str
) -> None:
    path, method = address(faces, name)
    browser = people[PAGES[name].face, role]
    if method == "GET":
        answer = browser.get(path)
    elif name.endswith((".sign_out", ".end_session")):
        pytest.skip("ends the session the other cases need; sign-in tests try it")
    else:
        answer = browser.post(path, {}, f"/{PAGES[name].face}")
    if PAGES[name].opens_for({role}, KINDS[PAGES[name].face]):
        assert answer.status_code != 403
        assert answer.status_code < 500
    else:
        assert answer.status_code == 403


@pytest.mark.parametrize("name", sorted(name for name, page in PAGES.items() if page.roles is not None))
def test_no_page_opens_for_a_stranger(faces: dict[str, Flask], town: Town, name: str) -> None:
    path, method = address(faces, name)
    stranger = town.stranger(PAGES[name].face)
    sent = stranger.get(path) if method == "GET" else stranger.post(path, {}, f"/{PAGES[name].face}/sign-in")
    assert sent.status_code == 303
    assert "/sign-in" in sent.location


@pytest.mark.parametrize("language", ["zh-CN,zh;q=0.9,en;q=0.8", "en-GB,en;q=0.9", "fr", ""])
def test_a_page_speaks_what_the_browser_asks_for(town: Town, language: str) -> None:
    page = town.stranger("admin").get("/admin/sign-in", **{"Accept-Language": language})
    assert ('lang="en"' in page.text.split("<head>")[0]) == language.startswith("en")


def test_the_switch_keeps_the_language_and_the_place(town: Town) -> None:
    browser = town.stranger("portal")
    sent = browser.get("/portal/language/en?next=/portal/sign-in")
    assert sent.location == "/portal/sign-in"
    assert "Sign in" in browser.get("/portal/sign-in").text
    assert browser.get("/portal/language/xx").status_code == 404


def test_every_answer_carries_the_policy_that_bars_scripts_and_frames(town: Town) -> None:
    for face, path in (("admin", "/admin/sign-in"), ("portal", "/portal/nowhere"), ("check", "/check")):
        answer = town.stranger(face).get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_the_public_check_sets_no_cookie_is_cacheable_and_small(town: Town) -> None:
    answer = town.stranger("check").get("/check")
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    assert len(answer.data) < 20_000
    assert "<script" not in answer.text


def test_an_unknown_licence_is_unmistakable_and_says_what_to_do(town: Town) -> None:
    answer = town.stranger("check").get("/check/GX00000000")
    assert answer.status_code == 404
    assert "未找到" in answer.text
    assert "请勿付款" in answer.text
    english = town.stranger("check").get("/check/GX00000000?lang=en")
    assert "Not found: the register has no such licence" in english.text
