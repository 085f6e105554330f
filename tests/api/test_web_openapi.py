"""The OpenAPI document and the error catalogue: equal to the files, valid, nothing without example or error."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from gongxin.cli.spec import files, spec
from gongxin.web import catalogue, permissions, samples
from tests.api.web_probe import Probe, probe, probe_config

__all__ = ["probe", "probe_config"]

SPEC = Path(__file__).resolve().parents[2] / "api_spec"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files()["openapi.json"])
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def schema_of(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({"$ref": "#/schema", "schema": schema, "components": document["components"]})


@pytest.mark.parametrize("name", sorted(files()))
def test_the_files_say_what_the_code_says(name: str) -> None:
    assert (SPEC / name).read_text(encoding="utf-8") == files()[name], "run `make spec`"


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_operation_of_the_application_is_documented(app: Flask, document: dict[str, Any]) -> None:
    served = {rule.endpoint.split(".")[1] for rule in app.url_map.iter_rules() if rule.endpoint != "static"}
    assert {operation["operationId"] for _, _, operation in operations(document)} == served


def test_every_operation_has_examples_that_fit_their_schemas(document: dict[str, Any]) -> None:
    faults = []
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        places = [
            (f"{where} request", content) for content in operation.get("requestBody", {}).get("content", {}).values()
        ]
        for parameter in operation["parameters"]:
            places.append((f"{where} {parameter.get('name')}", samples.resolve(document, parameter)))
        for status, response in operation["responses"].items():
            for content in samples.resolve(document, response).get("content", {}).values():
                places.append((f"{where} {status}", content))
        for place, holder in places:
            if "example" not in holder:
                faults.append(f"{place}: no example")
            else:
                fault = next(schema_of(document, holder["schema"]).iter_errors(holder["example"]), None)
                faults.extend([f"{place}: {fault.json_path} {fault.message}"] if fault else [])
    assert not faults, "\n".join(faults)


def test_lines_are_shown_as_lines(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        for holder in (operation.get("requestBody", {}), *operation["responses"].values()):
            for media, content in samples.resolve(document, holder).get("content", {}).items():
                if media == "application/x-ndjson":
                    assert [json.loads(line) for line in content["example"].splitlines()]


def test_every_operation_names_its_errors_and_none_is_left_to_a_default(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        statuses = set(operation["responses"])
        assert "default" not in statuses
        if not path.startswith("/oauth/"):
            assert {"400", "422", "429", "500", "503"} <= statuses, (method, path)
            if operation["security"]:
                assert {"401", "403"} <= statuses, (method, path)
            if "requestBody" in operation:
                assert {"413", "415"} <= statuses, (method, path)


def test_request_bodies_take_no_unknown_member(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            schema = samples.resolve(document, content["schema"])
            if media == "application/json" and "properties" in schema:
                assert schema["additionalProperties"] is False


def test_an_operation_says_scope_and_kinds_and_a_summary_in_two_languages(document: dict[str, Any]) -> None:
    rows = {row.anchor: row for row in permissions.PERMISSIONS.values()}
    for _, _, operation in operations(document):
        row = rows[operation["operationId"]]
        assert operation["security"] == ([{"oauth2": [row.scope]}] if row.scope else [])
        assert operation["x-gongxin"]["kinds"] == (sorted(row.kinds) if row.scope else [])
        assert ("IdempotencyKey" in str(operation["parameters"])) == row.creates
        chinese, _, english = operation["summary"].partition(" ")
        assert not chinese.isascii()
        assert english
        assert not re.search("[\u4e00-\u9fff]", english)


def test_a_deprecated_operation_is_marked(probe: Probe) -> None:
    from gongxin.web import documents

    found = documents.operation(
        permissions.PERMISSIONS["probe.old"], "旧 Old.", method="GET", rule="", query=None, body=None, raw_body=None,
        raw_schema=None, body_example=None, answer=None, media="", status=200, statuses=(), example=None,
        refusals="Problem",
    )  # fmt: skip
    assert (found["deprecated"], found["x-gongxin"]["sunset"]) == (True, "2027-07-01")


def test_nothing_unused_is_published(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    for section in ("responses", "schemas", "headers", "parameters"):
        for name in document["components"].get(section, {}):
            assert f'"#/components/{section}/{name}"' in text


def test_every_code_of_the_catalogue_says_what_to_do_in_two_languages() -> None:
    found = catalogue.problems()
    assert {"bad_cursor", "internal", "no_such_address", "request_in_progress", "id_check"} <= set(found)
    for entry in found.values():
        assert 400 <= entry.status <= 503
        assert not entry.zh.isascii(), entry
        assert not entry.fix_zh.isascii(), entry
        assert entry.en.isascii() or "…" in entry.en or "ē" in entry.en, entry
        assert entry.fix_en, entry


def test_words_are_taken_from_where_they_are_said() -> None:
    found = catalogue.problems()
    assert found["insufficient_scope"].fix_en == "Ask for a token with …."
    assert found["body_too_large"].status == 413
    assert found["purpose_not_granted"].fix_zh.startswith("申请令牌时")


def test_the_command_writes_and_compares(tmp_path: Path) -> None:
    runner = CliRunner()
    first = runner.invoke(spec, ["--to", str(tmp_path)])
    assert first.exit_code == 0, first.output
    assert len(first.output.split()) == 3
    assert runner.invoke(spec, ["--to", str(tmp_path), "--check"]).exit_code == 0
    (tmp_path / "problems.md").write_text("old")
    stale = runner.invoke(spec, ["--to", str(tmp_path), "--check"])
    assert stale.exit_code == 1
    assert "problems.md" in stale.output
    assert (tmp_path / "problems.md").read_text() == "old"
