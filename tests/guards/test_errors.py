"""Every refusal says what was wrong and what to do, in both languages, under a code and a page of its own."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gongxin import errors
from gongxin.web import catalogue
from gongxin_wire import case_numbers

ENTRIES = catalogue.problems()
CLASSES = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, errors.GongxinError)]
_HAN = re.compile(r"[\u4e00-\u9fff]")


def test_the_catalogue_is_whole() -> None:
    assert len(ENTRIES) >= 60
    assert {
        "unauthenticated",
        "forbidden",
        "not_found",
        "personal_data_in_text",
        "bad_token",
        "internal",
    } <= ENTRIES.keys()


@pytest.mark.parametrize("code", ENTRIES)
def test_a_code_is_in_snake_case_and_speaks_both_languages(code: str) -> None:
    entry = ENTRIES[code]
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", code)
    assert 400 <= entry.status <= 599
    for name in ("zh", "fix_zh"):
        assert _HAN.search(getattr(entry, name)), f"{code}: {name}"
    for name in ("en", "fix_en"):
        # An example such as 沪0115 stays as courts write it.
        assert re.search(r"[A-Za-z]{3,}", getattr(entry, name)), f"{code}: {name}"


def test_no_two_codes_say_the_same() -> None:
    said: dict[tuple[str, str], list[str]] = {}
    for code, entry in ENTRIES.items():
        said.setdefault((entry.zh, entry.en), []).append(code)
    # Two codes for one rule that both sides break.
    one_rule = {"secret_digest_expected", "secret_digest_unexpected"}
    # What says only that a field is wrong names the field by its pointer, so that several may share the sentence.
    kinds = {(kind.zh, kind.en) for kind in CLASSES}
    shared = [codes for words, codes in said.items() if len(codes) > 1 and words not in kinds]
    assert [codes for codes in shared if set(codes) != one_rule] == []


def test_the_codes_of_the_wire_package_have_their_entries() -> None:
    assert set(case_numbers.PROBLEMS) - ENTRIES.keys() == set()


def test_every_code_has_a_page_in_both_languages(http: FlaskClient) -> None:
    for code, entry in ENTRIES.items():
        answer = http.get(f"/problems/{code}")
        assert answer.status_code == 200, code
        page = answer.get_data(as_text=True)
        assert code in page
        assert entry.zh.split("…")[0].split("<")[0][:6] in page, code


@pytest.mark.parametrize("code", ["no_such_code", "Bad", "x" * 300, "..%2f..%2fetc", "<script>"])
def test_a_code_that_does_not_exist_has_no_page_and_is_not_repeated(http: FlaskClient, code: str) -> None:
    answer = http.get(f"/problems/{code}")
    assert answer.status_code == 404
    assert code not in answer.get_data(as_text=True)


def test_the_type_of_a_problem_leads_to_its_page(http: FlaskClient, app: Flask) -> None:
    body: dict[str, Any] = http.get("/v1/members").get_json()
    issuer = app.extensions["gongxin"].config.issuer
    assert body["type"] == f"{issuer}/problems/{body['code']}"
    assert http.get(body["type"].removeprefix(issuer)).status_code == 200
    assert {"title", "title_en", "fix", "fix_en"} <= body.keys()


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_of_error_has_words_of_its_own(kind: type[errors.GongxinError]) -> None:
    for name in ("zh", "en", "fix_zh", "fix_en"):
        assert getattr(kind, name)
