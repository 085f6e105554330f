"""`gongxin members`: what an operator types, sees, and gets back as an exit code."""

import itertools
import json
import re
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gongxin.cli import main
from gongxin_wire.identifiers import synthetic_uscc

_NUMBERS = itertools.count(200_000_000)


class Operator:
    """Types commands against the test database; each commits, so each test makes members of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.runner, self.environment = CliRunner(), environment

    def types(self, *words: str, exit_code: int = 0) -> Result:
        result = self.runner.invoke(main, ["members", *words], env=self.environment)
        assert result.exit_code == exit_code, (result.output, result.stderr, result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    def reads(self, *words: str) -> Any:
        return json.loads(self.types(*words, "--json").stdout)

    def member(self, *states: str, kind: str = "bank") -> str:
        number = next(_NUMBERS)
        made = self.reads(
            "apply", "--kind", kind, "--name-zh", f"机构{number % 1000}", "--uscc", synthetic_uscc(number)
        )
        for command in states:
            self.types(command, made["member_id"], "--reason", "按决定")
        return str(made["member_id"])

    def refused(self, *words: str) -> Any:
        result = self.types(*words, "--json", exit_code=2)
        assert result.stdout == ""
        return json.loads(result.stderr)


@pytest.fixture
def operator(web_url: str, owner_url: str, monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.delenv("GONGXIN_SYNTHETIC", raising=False)
    return Operator({"GONGXIN_DATABASE_URL": _plain(web_url), "GONGXIN_MIGRATION_DATABASE_URL": _plain(owner_url)})


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def test_an_institution_goes_from_application_to_leaving(operator: Operator) -> None:
    code = synthetic_uscc(next(_NUMBERS))
    applied = operator.types("apply", "--kind", "agency", "--name-zh", "示范催收", "--name-en", "Demo", "--uscc", code)
    assert "已申请 applied" in applied.stdout
    assert "示范催收 Demo" in applied.stdout
    for command, state in (
        ("activate", "active"), ("suspend", "suspended"), ("reinstate", "active"), ("leave", "left"),
    ):  # fmt: skip
        assert state in operator.types(command, code, "--reason", "按决定", "--by", "lin").stdout
    lines = operator.types("history", code).stdout.splitlines()
    assert [line.split("Z  ")[1] for line in lines] == [
        "applied",
        "applied → active  按决定  (operator:lin)",
        "active → suspended  按决定  (operator:lin)",
        "suspended → active  按决定  (operator:lin)",
        "active → left  按决定  (operator:lin)",
    ]
    assert [change["state"] for change in operator.reads("history", code)] == ["active", "suspended", "active", "left"]


def test_a_member_is_named_by_its_identifier_or_its_code(operator: Operator) -> None:
    member = operator.member("activate")
    shown = operator.reads("show", member)
    assert operator.reads("show", shown["uscc"]) == shown
    assert (shown["state"], shown["agreements"]) == ("active", [])
    for unknown in (synthetic_uscc(1), "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f", "nobody"):
        assert operator.refused("show", unknown)["code"] == "member_not_found"


def test_the_list_is_by_kind_and_state(operator: Operator) -> None:
    bank, agency = operator.member("activate"), operator.member(kind="agency")
    active = {member["member_id"] for member in operator.reads("list", "--kind", "bank", "--state", "active")}
    assert bank in active
    assert agency not in active
    everyone = operator.types("list").stdout
    assert bank in everyone
    assert agency in everyone


def test_agreements_are_added_one_version_after_another(operator: Operator) -> None:
    member = operator.member("activate")
    common = ("--contact", "security=security@bank.example", "--contact", "operations=ops@bank.example")
    first = operator.reads("agree", member, "--purpose", "placement=100", "--evaluations", "5000", *common)
    assert (first["version"], first["in_force"]) == (1, True)
    assert first["budgets"] == {"placement": 100, "evaluation": 5000}
    assert first["data_types"] == ["case_status"]
    second = operator.reads("agree", member, "--purpose", "contact=7", "--from", "2032-01-31", *common)
    assert (second["version"], second["in_force"]) == (2, False)
    assert second["effective_from"] == "2032-01-30T16:00:00+00:00"
    shown = operator.types("show", member).stdout.splitlines()
    assert re.match(r"○ v2  2032-01-30 16:00Z  contact=7  security=", shown[1])
    assert shown[2].startswith("● v1")
    assert "placement=100, evaluation=5000" in shown[2]
    early = operator.refused("agree", member, "--purpose", "contact=7", "--from", "2031-01-31T09:00:00+08:00", *common)
    assert early["code"] == "agreement_out_of_order"


def test_a_refusal_says_what_is_wrong_and_what_to_do_in_both_languages(operator: Operator) -> None:
    member = operator.member()
    result = operator.types("suspend", member, "--reason", "年检", exit_code=2)
    assert result.stdout == ""
    assert "机构当前状态不能这样变更 The member's state does not allow this change" in result.stderr
    assert "→ 按 legal 所列状态变更" in result.stderr
    assert "legal: active, left" in result.stderr
    refused = operator.refused("suspend", member, "--reason", "年检")
    assert refused["code"] == "illegal_member_state"
    assert refused["legal"] == ["active", "left"]
    assert refused["fix_en"]
    assert operator.reads("history", member) == []


@pytest.mark.parametrize(
    ("states", "command"), [(("activate", "suspend"), "activate"), ((), "reinstate"), (("activate",), "reinstate")]
)
def test_admitting_and_reinstating_are_not_the_same(operator: Operator, states: tuple[str, ...], command: str) -> None:
    member = operator.member(*states)
    assert operator.refused(command, member, "--reason", "按决定")["code"] == "other_member_command"


@pytest.mark.parametrize(
    "words",
    [
        ("apply", "--kind", "debtor", "--name-zh", "名", "--uscc", "x"),
        ("apply", "--kind", "bank", "--uscc", "x"),
        ("suspend", "x"),
        ("agree", "x", "--purpose", "contact"),
        ("agree", "x", "--purpose", "contact=many"),
        ("agree", "x", "--purpose", "contact=1", "--purpose", "contact=2"),
        ("agree", "x", "--from", "tomorrow"),
        ("agree", "x", "--from", "2026-01-31T09:00:00"),
    ],
)
def test_a_command_typed_wrongly_changes_nothing(operator: Operator, words: tuple[str, ...]) -> None:
    result = operator.types(*words, exit_code=2)
    assert result.stderr.startswith("Usage:")


def test_a_refusal_by_the_registry_names_the_field(operator: Operator) -> None:
    words = ("apply", "--kind", "bank", "--name-zh", "机构", "--uscc", synthetic_uscc(7)[:17] + "I")
    assert operator.refused(*words)["pointer"] == "/uscc"
    assert "[/uscc]" in operator.types(*words, exit_code=2).stderr
    member = operator.member()
    contactless = operator.refused("agree", member, "--purpose", "contact=1")
    assert (contactless["code"], contactless["pointer"]) == ("bad_offices", "/contacts")


def test_where_the_registry_cannot_work_the_exit_code_is_another(operator: Operator) -> None:
    operator.environment["GONGXIN_DATABASE_URL"] = "postgresql://gongxin_web@/nowhere?host=/nonexistent"
    away = operator.types("list", "--json", exit_code=1)
    assert json.loads(away.stderr)["code"] == "database_unreachable"
    operator.environment["GONGXIN_MODE"] = "production"
    unsafe = operator.types("list", exit_code=1)
    assert "GONGXIN_MASTER_KEY" in unsafe.stderr
