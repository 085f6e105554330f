"""`gongxin-member`: exit codes, --json, two languages, and no identifier on the command line or in the output."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from click.testing import CliRunner, Result

from gongxin_client import Registry, clock, keys
from gongxin_client.cli import base, main
from gongxin_wire.identifiers import synthetic_cn_id

from .client_fake import CLEAR, CLIENT, ISSUER, MEMBER, NO_GROUND, STOPPED, FakeRegistry, problem

CASE = "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"
NUMBER = synthetic_cn_id(7)
Run = Callable[..., Result]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    fake = FakeRegistry()
    for module in ("gongxin_client.cli.base", "gongxin_client.cli.setup"):
        monkeypatch.setattr(
            f"{module}.Registry", lambda profile, **more: Registry(profile, transport=fake.transport(), **more)
        )
    monkeypatch.setattr(clock, "sleep", lambda seconds: None)
    return fake


@pytest.fixture
def run(fake: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in an empty folder with a key and a profile."""
    monkeypatch.chdir(tmp_path)
    for name in ("GONGXIN_MEMBER_PROFILE", "GONGXIN_MEMBER_KEY_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    keys.save(keys.generate(), tmp_path / "bank.pem")

    def call(*args: str, stdin: str = "") -> Result:
        return CliRunner().invoke(main, args, input=stdin)

    made = call("profile", "init", "--registry", ISSUER, "--client-id", CLIENT, "--key", "bank.pem")
    assert made.exit_code == 0, made.output
    return call


def test_a_key_is_made_and_its_public_part_shown(run: Run, tmp_path: Path) -> None:
    made = run("keys", "new", "second.pem", "--alg", "EdDSA", "--json")
    body = json.loads(made.stdout)
    assert body["jwk"]["crv"] == "Ed25519"
    assert "d" not in body["jwk"]
    assert (tmp_path / "second.pem").stat().st_mode & 0o777 == 0o600
    assert json.loads(run("keys", "show", "second.pem", "--json").stdout)["kid"] == body["kid"]
    assert run("keys", "new", "second.pem").exit_code == 2


def test_a_profile_is_made_with_the_registry_s_keys_pinned(run: Run) -> None:
    body = json.loads(run("profile", "show", "--json").stdout)
    assert (body["registry"], body["client_id"], body["member_id"]) == (ISSUER, CLIENT, MEMBER)
    assert set(body["pins"]["receipts"]) == {"receipt-1"}
    assert set(body["pins"]["subjects"]) == {"debtor/1"}
    assert json.loads(run("whoami", "--json").stdout)["member_id"] == MEMBER


def test_a_profile_is_written_only_once_the_registry_has_answered(run: Run, fake: FakeRegistry) -> None:
    fake.hooks.append(lambda request: problem(403, "forbidden") if request.url.path == "/v1/members/me" else None)
    again = (
        "profile",
        "init",
        "--registry",
        ISSUER,
        "--client-id",
        CLIENT,
        "--key",
        "bank.pem",
        "--profile",
        "two.toml",
    )
    assert run(*again).exit_code == 3
    assert not Path("two.toml").exists()
    assert run(*again, "--offline").exit_code == 0
    assert run(*again, "--offline").exit_code == 2, "never overwritten"


@pytest.mark.parametrize(
    ("answer", "code", "word"), [(CLEAR, 0, "not_forbidden"), (STOPPED, 0, "forbidden"), (NO_GROUND, 1, "unknown")]
)
def test_a_look_up_says_in_a_word_whether_contact_is_forbidden(
    run: Run, fake: FakeRegistry, answer: dict[str, Any], code: int, word: str
) -> None:
    fake.answer = answer
    told = run("lookup", CASE, "--purpose", "contact", "--json", stdin=NUMBER + "\n")
    assert told.exit_code == code
    body = json.loads(told.stdout)
    assert (body["contact"], body["result"]) == (word, answer["result"])
    plain = run("lookup", CASE, "--purpose", "contact", stdin=NUMBER + "\n")
    assert "联系 Contact" in plain.stdout
    assert NUMBER not in told.output + plain.output


def test_an_answer_is_saved_and_verified_offline(run: Run, fake: FakeRegistry) -> None:
    assert run("lookup", CASE, "--purpose", "contact", "--save", "r.json", stdin=NUMBER).exit_code == 0
    sent = len(fake.requests)
    held = run("verify", "r.json")
    assert held.exit_code == 0, held.output
    assert "回执成立" in held.stdout
    assert "不证明" in held.stdout
    assert len(fake.requests) == sent, "offline"
    keys_file = Path("keys.json")
    keys_file.write_text(json.dumps(fake.receipt_keys(None).json()))  # type: ignore[arg-type]
    assert run("verify", "r.json", "--keys", "keys.json", "--profile", "none.toml").exit_code == 0
    assert run("verify", "r.json", "--profile", "none.toml").exit_code == 2, "no keys to trust"
    assert run("verify", "r.json", "--member", "someone").exit_code == 5
    body = json.loads(Path("r.json").read_text())
    body["reply"]["answers"][0]["legal_class"] = "judged"
    Path("r.json").write_text(json.dumps(body))
    refused = run("verify", "r.json", "--json")
    assert refused.exit_code == 5
    assert json.loads(refused.stdout)["error"]["code"] == "other_answer"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (problem(403, "purpose_not_granted"), 3),
        (problem(404, "not_found"), 3),
        (httpx.Response(500, text="x"), 4),
        (httpx.Response(200, text="x"), 4),
        (httpx.ReadTimeout("x"), 4),
    ],
)
def test_each_kind_of_failure_has_its_exit_code(run: Run, fake: FakeRegistry, answer: Any, code: int) -> None:
    def hook(request: httpx.Request) -> httpx.Response | None:
        if request.url.path != "/v1/lookups":
            return None
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content)

    fake.hooks.append(hook)
    told = run("lookup", CASE, "--purpose", "contact", stdin=NUMBER)
    assert told.exit_code == code
    assert "错误 Error" in told.stderr
    assert told.stdout == ""
    as_json = run("lookup", CASE, "--purpose", "contact", "--json", stdin=NUMBER)
    assert as_json.exit_code == code
    assert json.loads(as_json.stdout).keys() == {"error"}


def test_a_tampered_answer_exits_5_and_prints_no_answer(run: Run, fake: FakeRegistry) -> None:
    fake.answer = STOPPED
    fake.spoil = lambda reply: reply["answers"].__setitem__(0, dict(CLEAR))
    told = run("lookup", CASE, "--purpose", "contact", stdin=NUMBER)
    assert told.exit_code == 5
    assert "not_forbidden" not in told.output
    assert "Contact" not in told.output


@pytest.mark.parametrize("number", ["", "123", NUMBER[:-1] + ("0" if NUMBER[-1] != "0" else "1")])
def test_a_wrong_identifier_is_refused_here_and_not_repeated(run: Run, fake: FakeRegistry, number: str) -> None:
    sent = len(fake.requests)
    told = run("lookup", CASE, "--purpose", "contact", stdin=number + "\n")
    assert told.exit_code == 2
    assert len(fake.requests) == sent
    assert not number or number not in told.output


def test_an_identifier_is_no_argument_anywhere() -> None:
    """Shell histories and process lists keep arguments."""

    def walk(command: click.Command) -> list[str]:
        found = [p.name or "" for p in command.params]
        return found + [n for c in getattr(command, "commands", {}).values() for n in walk(c)]

    assert not {"id", "number", "id_number", "identifier"} & set(walk(main))


def test_a_case_is_registered_from_a_file_with_the_number(run: Run, fake: FakeRegistry) -> None:
    Path("id.txt").write_text(NUMBER + "\n")
    told = run("register", "--ref", "JJ1", "--opened-on", "2026-03-04", "--id-file", "id.txt", "--json",
               "--court-case", "（2025）沪0115民初1号")  # fmt: skip
    assert told.exit_code == 0, told.output
    [reference] = json.loads(told.stdout)["references"]
    assert (reference["kind"], reference["reference"]) == ("court_case", "（2025）沪0115民初1号")
    assert fake.cases["JJ1"][1]["opened_on"] == "2026-03-04"


def test_an_import_reports_totals_and_exits_1_where_rows_were_refused(run: Run, fake: FakeRegistry) -> None:
    lines = [f"JJ{n},{synthetic_cn_id(n)},20250304" for n in range(3)]
    Path("c.csv").write_text("借据号,身份证号,放款日期\n" + "\n".join([*lines, "JJ9,1,20250304"]) + "\n", "gb18030")
    dry = run("import", "c.csv", "--dry-run", "--json")
    assert (dry.exit_code, json.loads(dry.stdout)["refused"]) == (1, 1)
    assert not fake.cases
    told = run("import", "c.csv", "--json")
    body = json.loads(told.stdout)
    assert (told.exit_code, body["created"], body["exists"], body["refused"], body["encoding"]) == (
        1,
        3,
        0,
        1,
        "gb18030",
    )
    assert "5," in Path(body["refused_file"]).read_text("utf-8-sig")
    assert run("import", "none.csv").exit_code == 2
    Path("bad.csv").write_bytes(b"\xff\xff")
    assert run("import", "bad.csv").exit_code == 2


def test_a_file_is_asked_about_and_the_output_holds_no_number(run: Run, fake: FakeRegistry) -> None:
    fake.answer = STOPPED
    text = f"案件登记编号,证件号码\n{CASE},{NUMBER}\n{CASE},123\n"
    Path("q.csv").write_text(text, "utf-8")
    told = run("lookup-file", "q.csv", "out.csv", "--purpose", "contact", "--json")
    assert told.exit_code == 1, told.exception
    assert json.loads(told.stdout) == {"forbidden": 1, "not_forbidden": 0, "unknown": 1}
    out = Path("out.csv").read_text("utf-8-sig")
    assert NUMBER not in out
    assert [line.split(",")[2] for line in out.splitlines()[1:]] == ["forbidden", "unknown"]


def test_every_command_has_json_and_both_languages() -> None:
    def walk(command: click.Command) -> list[click.Command]:
        inner = getattr(command, "commands", {})
        return [c for name in inner for c in walk(inner[name])] if inner else [command]

    for command in walk(main):
        assert {"as_json", "profile"} <= {p.name for p in command.params}, command.name
        text = command.help or ""
        assert any("\u4e00" <= c <= "\u9fff" for c in text), command.name
        assert any(c.isascii() and c.isalpha() for c in text), command.name


def test_usage_errors_exit_2(run: Run) -> None:
    assert run("lookup", CASE).exit_code == 2
    assert run("nonsense").exit_code == 2
    assert run("lookup", CASE, "--purpose", "marketing").exit_code == 2
    assert run("whoami", "--profile", "none.toml").exit_code == 2
    assert base.PARTLY == 1
