"""Contracts in the SDK and on the command line: what is signed was read and hashed here; documents land where told."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from gongxin_client import Profile, Registry, VerificationFailed, clock, keys
from gongxin_client.cli import main
from gongxin_client.contracts import detached_signature
from gongxin_wire.canonical import canonical, unb64u

from .client_fake import CLIENT, ISSUER, FakeRegistry, problem

ID = "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"
CONTENT = {"v": 1, "number": "HT1", "clauses": [{"number": "1", "title": {"zh": "定义", "en": "Definitions"}}]}
WRITTEN = canonical(CONTENT).decode()
HASH = hashlib.sha256(WRITTEN.encode()).hexdigest()
DIFFERENCE = {
    "clause_id": "levy", "number": "13", "locked": True, "language": "zh", "what": "changed", "expected": "甲",
    "found": "乙",
}  # fmt: skip
RECOVERY = {
    "reference": "R-1", "state": "confirmed", "recovery_id": ID, "amount_fen": 5, "commission_fen": 1,
    "steps": [{"code": "commission", "amount_fen": 1, "facts": {}}],
}  # fmt: skip
STATEMENT = {
    "statement_id": ID, "month": "2026-11", "state": "agreed", "total_fen": 1, "agreed_fen": 1,
    "lines": [{"position": 1, "reference": "R-1", "kind": "commission", "amount_fen": 1, "state": "open"}],
}  # fmt: skip
Run = Callable[..., Result]


class Office:
    """What the registry answers on contracts, and what it was sent."""

    def __init__(self) -> None:
        self.sent: list[httpx.Request] = []
        self.canonical, self.differences = WRITTEN, [DIFFERENCE]

    def __call__(self, request: httpx.Request) -> httpx.Response | None:
        path = request.url.path
        if not path.startswith(("/v1/contract", "/v1/recover", "/v1/statement", "/v1/fee")):
            return None
        self.sent.append(request)
        name = path.rpartition("/")[2]
        if name.startswith(("document.", "redline.")):
            return httpx.Response(200, content=name.encode())
        if name == "content":
            value = {"content_hash": HASH, "content": CONTENT, "canonical": self.canonical}
            return httpx.Response(200, json=value)
        if name == "comparison":
            found = {"same": not self.differences, "count": len(self.differences), "differences": self.differences}
            return httpx.Response(200, json=found)
        if name == "bulk":
            told = [
                {"line": 1, "status": "created", "reference": "R-1", "recovery_id": ID},
                {"line": 2, "status": "refused", "problem": {"code": "x", "title": "不接受", "pointer": "/age"}},
            ]
            return httpx.Response(200, content=b"".join(json.dumps(line).encode() + b"\n" for line in told))
        if path.startswith("/v1/contract-checks/"):
            return httpx.Response(200, json={"content_hash": name, "members": 2, "signed_on": "2026-11-25"})
        if path.startswith("/v1/recoveries"):
            listed = request.method == "GET"
            return httpx.Response(200, json={"items": [RECOVERY], "next_cursor": None} if listed else RECOVERY)
        if path.startswith("/v1/statements"):
            listed = request.method == "GET" and path == "/v1/statements"
            return httpx.Response(200, json={"items": [STATEMENT], "next_cursor": None} if listed else STATEMENT)
        if path == "/v1/contracts" and request.method == "GET":
            return httpx.Response(200, json={"items": [self.contract()], "next_cursor": None})
        return httpx.Response(200, json=self.contract())

    @staticmethod
    def contract() -> dict[str, Any]:
        return {
            "contract_id": ID, "number": "HT1", "version": 1, "state": "live", "content_hash": HASH,
            "begins_on": "2026-11-25", "ends_on": "2027-11-24",
        }  # fmt: skip


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def fake(office: Office, monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    fake = FakeRegistry()
    fake.hooks.append(office)
    for module in ("gongxin_client.cli.base", "gongxin_client.cli.setup"):
        monkeypatch.setattr(
            f"{module}.Registry", lambda profile, **more: Registry(profile, transport=fake.transport(), **more)
        )
    monkeypatch.setattr(clock, "sleep", lambda seconds: None)
    return fake


@pytest.fixture
def registry(fake: FakeRegistry) -> Registry:
    return Registry(Profile(ISSUER, CLIENT, keys.generate()), transport=fake.transport())


@pytest.fixture
def run(fake: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for name in ("GONGXIN_MEMBER_PROFILE", "GONGXIN_MEMBER_KEY_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    keys.save(keys.generate(), tmp_path / "bank.pem")

    def call(*args: str) -> Result:
        return CliRunner().invoke(main, args)

    made = call("profile", "init", "--registry", ISSUER, "--client-id", CLIENT, "--key", "bank.pem")
    assert made.exit_code == 0, made.output
    return call


def test_what_is_signed_is_what_was_read_here(registry: Registry, office: Office) -> None:
    registry.sign_contract(ID, content_hash=HASH)
    sent = json.loads(office.sent[-1].content)
    assert sent["content_hash"] == HASH
    header = json.loads(unb64u(sent["jws"].split(".")[0]))
    assert header["typ"] == "gongxin-contract+jws"
    assert sent["jws"].count(".") == 2
    assert sent["jws"].split(".")[1] == ""


def test_another_content_than_the_one_checked_is_never_signed(registry: Registry, office: Office) -> None:
    with pytest.raises(VerificationFailed):
        registry.sign_contract(ID, content_hash="00" * 32)
    office.canonical = WRITTEN.replace("HT1", "HT2")
    with pytest.raises(VerificationFailed):
        registry.sign_contract(ID)
    assert not [request for request in office.sent if request.method == "POST"]


def test_one_key_signs_one_payload() -> None:
    key = keys.generate()
    assert detached_signature(key, ID, HASH).split("..")[0] == detached_signature(key, ID, "00" * 32).split("..")[0]


def test_documents_are_fetched_as_they_are(registry: Registry, office: Office) -> None:
    assert registry.contract_document(ID) == b"document.pdf"
    assert registry.contract_document(ID, "docx") == b"document.docx"
    assert registry.contract_redline(ID, before=ID) == b"redline.html"
    assert office.sent[-1].url.params["before"] == ID
    assert registry.template_redline(ID, ID, "pdf") == b"redline.pdf"
    assert registry.statement_document(ID) == b"document.pdf"
    assert office.sent[-1].url.path == f"/v1/statements/{ID}/document.pdf"


def test_a_file_is_sent_as_octets_and_a_check_needs_no_token(registry: Registry, office: Office) -> None:
    assert registry.compare_contract(ID, b"%PDF-1.7")["count"] == 1
    assert (office.sent[-1].content, office.sent[-1].headers["Content-Type"]) == (
        b"%PDF-1.7", "application/octet-stream",
    )  # fmt: skip
    assert registry.check_contract(HASH)["members"] == 2
    assert "Authorization" not in office.sent[-1].headers


def test_many_recoveries_go_as_lines_with_one_key(registry: Registry, office: Office) -> None:
    told = registry.report_recoveries([{"reference": "R-1"}, {"reference": "R-2"}])
    assert [line["status"] for line in told] == ["created", "refused"]
    assert office.sent[-1].content.count(b"\n") == 2
    assert office.sent[-1].headers["Idempotency-Key"]


def test_commands_write_documents_where_they_are_told(run: Run, tmp_path: Path) -> None:
    for words, name, held in (
        (("pdf", ID), f"{ID}.pdf", b"document.pdf"), (("docx", ID, "--to", "c.docx"), "c.docx", b"document.docx"),
        (("redline", ID), f"{ID}-redline.html", b"redline.html"),
        (("redline", ID, "--pdf", "--to", "r.pdf"), "r.pdf", b"redline.pdf"),
    ):  # fmt: skip
        done = run("contracts", *words)
        assert done.exit_code == 0, done.output
        assert (tmp_path / name).read_bytes() == held
        assert hashlib.sha256(held).hexdigest() in done.output
    assert run("statements", "pdf", ID, "--to", "s.pdf").exit_code == 0
    assert (tmp_path / "s.pdf").read_bytes() == b"document.pdf"


def test_a_comparison_that_finds_something_ends_with_1(run: Run, office: Office, tmp_path: Path) -> None:
    (tmp_path / "signed.docx").write_bytes(b"PK")
    done = run("contracts", "compare", ID, "signed.docx")
    assert done.exit_code == 1
    assert "13 levy changed !" in done.output
    office.differences = []
    assert run("contracts", "compare", ID, "signed.docx").exit_code == 0
    assert run("contracts", "compare", ID, "missing.docx").exit_code == 2


def test_recoveries_in_lines_end_with_1_where_one_was_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "r.ndjson").write_text('{"reference": "R-1"}\n{"reference": "R-2"}\n')
    done = run("recoveries", "report-many", "r.ndjson")
    assert done.exit_code == 1
    assert "不接受" in done.output
    (tmp_path / "bad.ndjson").write_text("[]\n")
    assert run("recoveries", "report-many", "bad.ndjson").exit_code == 2


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("contracts", "list"), "HT1 v1  live"), (("contracts", "content", ID), f"content_hash {HASH}"),
        (("contracts", "sign", ID, "--content", HASH), HASH), (("recoveries", "list", "--state", "confirmed"), "R-1"),
        (("recoveries", "confirm", ID), "commission"), (("statements", "list"), "2026-11  agreed"),
        (("statements", "make", ID, "2026-11"), "2026-11"), (("statements", "show", ID), "R-1  commission"),
        (("statements", "agree", ID), "agreed"), (("statements", "dispute", ID, "1", "金额有误"), "2026-11"),
    ],
)  # fmt: skip
def test_each_command_says_what_was_done(run: Run, words: tuple[str, ...], shown: str) -> None:
    done = run(*words)
    assert done.exit_code == 0, done.output
    assert shown in done.output
    assert json.loads(run(*words, "--json").output)


@pytest.mark.parametrize("command", ["draft", "report"])
def test_files_of_another_form_are_refused_before_anything_is_sent(
    run: Run, office: Office, tmp_path: Path, command: str
) -> None:
    for held in ("{", "[1]"):
        (tmp_path / "b.json").write_text(held)
        group = "contracts" if command == "draft" else "recoveries"
        assert run(group, command, "b.json").exit_code == 2
    (tmp_path / "b.json").write_text("{}")
    assert run(group, command, "b.json").exit_code == 0
    assert len(office.sent) == 1


def test_a_refusal_is_said_with_its_code(run: Run, fake: FakeRegistry) -> None:
    fake.hooks.insert(0, lambda request: problem(404, "contract_not_found") if "document" in request.url.path else None)
    done = run("contracts", "pdf", ID)
    assert done.exit_code == 3
    assert "contract_not_found" in done.output
