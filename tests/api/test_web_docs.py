"""The documentation as a page: whole, escaped, local, readable without a script."""

import re
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from gongxin.web import catalogue, pages
from gongxin.web.permissions import PERMISSIONS, SCOPES
from gongxin_client.cli import main


class Page(HTMLParser):
    """Tags in order, with what a browser would fetch and where links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def attributes(self, name: str) -> list[str]:
        return [value for _, attrs in self.tags if (value := attrs.get(name)) is not None]


@pytest.fixture
def page(http: FlaskClient) -> Page:
    return Page(http.get("/docs").text)


def test_the_page_is_html_under_a_policy_that_its_own_parts_obey(http: FlaskClient) -> None:
    answer = http.get("/docs")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert "style-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    page = Page(answer.text)
    assert not [tag for tag, _ in page.tags if tag in {"script", "style", "iframe", "object"}]
    assert not page.attributes("style")
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert page.attributes("src") == []
    assert [link for link in page.attributes("href") if not link.startswith(("#", "/"))] == []
    sheet = http.get("/static/docs.css")
    assert (sheet.status_code, sheet.headers["Cache-Control"]) == (200, "public, max-age=3600")
    assert "url(" not in sheet.text
    assert "@import" not in sheet.text


def test_every_link_within_the_page_leads_somewhere_and_no_anchor_is_double(page: Page) -> None:
    anchors = page.attributes("id")
    assert len(anchors) == len(set(anchors))
    assert {link[1:] for link in page.attributes("href") if link.startswith("#")} <= set(anchors)


def test_every_operation_and_every_error_stands_on_the_page(http: FlaskClient, page: Page) -> None:
    served = {
        rule["operationId"] for item in http.get("/openapi.json").json["paths"].values() for rule in item.values()
    }
    assert served <= set(page.attributes("id"))
    assert {f"/problems/{code}" for code in catalogue.problems()} <= set(page.attributes("href"))


def test_the_page_is_in_chinese_and_marks_what_is_english(http: FlaskClient, page: Page) -> None:
    assert page.tags[0] == ("html", {"lang": "zh-Hans"}) or ("html", {"lang": "zh-Hans"}) in page.tags
    assert page.attributes("lang").count("en") > 100
    assert "SHA-256" in http.get("/docs").text


def test_the_examples_of_start_here_name_scopes_and_addresses_that_exist(http: FlaskClient) -> None:
    text = http.get("/docs").text
    start = text[text.index('id="start"') : text.index('id="rules"')]
    scopes = re.search(r"scope=([a-z_. ]+)", start)
    assert scopes
    assert set(scopes[1].split()) <= set(SCOPES)
    paths = http.get("/openapi.json").json["paths"]
    for path in re.findall(r"POST (/[a-z0-9/_-]+)", start):
        assert path in paths, path


def test_the_commands_of_start_here_are_those_the_member_has(http: FlaskClient) -> None:
    text = http.get("/docs").text
    commands = re.findall(r"gongxin-member ([a-z ]+?) ([a-z.]+\.(?:json|pem))", text)
    assert {name for name, _ in commands} == {"keys new", "verify"}
    for name, file in commands:
        answer = CliRunner().invoke(main, [*name.split(), file, "--help"])
        assert answer.exit_code == 0, answer.output
        assert "FILE" in answer.output


def test_each_problem_has_a_page_and_an_unknown_one_has_none(http: FlaskClient) -> None:
    for code, entry in catalogue.problems().items():
        answer = http.get(f"/problems/{code}")
        assert answer.status_code == 200
        assert answer.mimetype == "text/html"
        assert f"<h1>{entry.zh.replace('<', '&lt;')}" in answer.text.replace("&#39;", "'").replace("&#34;", '"')
    missing = http.get("/problems/<script>alert(1)</script>")
    assert (missing.status_code, missing.mimetype) == (404, "application/problem+json")


def test_what_the_document_says_is_escaped() -> None:
    assert pages.ticks("a <b> `c<d`") == "a &lt;b&gt; <code>c&lt;d</code>"


def test_both_languages_are_told_apart() -> None:
    assert pages._languages("查询一个主体 Ask about one subject.") == ("查询一个主体", "Ask about one subject.")
    assert pages._languages("OAuth 2 令牌 OAuth 2 tokens") == ("OAuth 2 令牌", "OAuth 2 tokens")
    assert pages._languages("只有中文") == ("只有中文", "")


def test_a_schema_that_holds_itself_ends() -> None:
    schema = {"type": "object", "properties": {"inner": {"$ref": "#/node"}, "all": {"type": "array", "items": {}}}}
    found = pages.rows({"node": schema}, schema)
    assert max(row.depth for row in found) <= 8
    assert len(found) < 40


def test_the_table_of_permissions_names_every_documented_operation(http: FlaskClient) -> None:
    anchors = {row.anchor for row in PERMISSIONS.values()}
    for item in http.get("/openapi.json").json["paths"].values():
        for operation in item.values():
            assert operation["operationId"] in anchors
