"""`gongxin fund bank` and `gongxin fund report`: an account registered, a payment filed, released and written, the
statement taken, the day told, the quarter disclosed."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text

from gongxin import clock
from gongxin.cli import main
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.fund.bank import service
from tests.services.bank_world import HEAD, number, yuan
from tests.services.fund_world import Fund, open_fund


@pytest.fixture
def run(web_url: str, owner_url: str) -> Any:
    env = {"GONGXIN_DATABASE_URL": web_url, "GONGXIN_MIGRATION_DATABASE_URL": owner_url}

    def ask(*arguments: str, code: int = 0) -> Any:
        result = CliRunner().invoke(main, [*arguments, "--json"], env=env)
        assert result.exit_code == code, result.output
        return json.loads(result.stdout) if code == 0 else result.output

    return ask


@pytest.fixture
def fund(engine: Engine) -> Fund:
    with transaction(engine) as session:
        found = open_fund(session)
        found.posted(9_000)
    return found


def by(fund: Fund, officer: str) -> tuple[str, ...]:
    return ("--member", str(fund.member_id), "--officer", officer)


def registered(run: Any, fund: Fund, folder: Path) -> tuple[str, str]:
    """The code of the bank account and its number, which is never typed."""
    code, account = f"B-{uuid.uuid4().hex[:10]}", number()
    details = folder / "details.txt"
    details.write_text(f"示范协会互助基金\n{account}\n103100000018\n示范银行\n", encoding="utf-8")
    day = fund.today.isoformat()
    given = ("--books", fund.codes["cash"], "--details", str(details), "--from", day, "--opening-fen", "9000")
    assert run("fund", "bank", "account", code, *given, *by(fund, "LIN01")) == {"code": code}
    return code, account


def test_a_payment_typed_from_its_file_to_the_banks_statement(
    run: Any, fund: Fund, engine: Engine, config: Config, tmp_path: Path
) -> None:
    code, account = registered(run, fund, tmp_path)
    with transaction(engine) as session:
        fund.session = session
        payee = service.register_payee(
            session, config, actor=fund.lin, holder="测试医院", account=number(), bank_code="103100000026",
            bank_name="示范银行",
        )  # fmt: skip
        owed = fund.posted(700, "levies", "owed").id
        paid = service.instruct(
            session, purpose="refund", source_id=owed, fund="RELIEF", amount_fen=700, payee_id=payee.id, hold_id=None,
            maker=fund.lin,
        ).reference  # fmt: skip
    day = fund.today.isoformat()
    made = run("fund", "bank", "file", code, "--format", "csv", "--on", day, *by(fund, "LIN01"))
    file_id, sha256 = made["file_id"], made["sha256"]
    refused = run("fund", "bank", "release", file_id, "--sha256", sha256, *by(fund, "ＬＩＮ 01"), code=2)
    assert "own_file" in refused or "maker" in refused
    assert run("fund", "bank", "release", file_id, "--sha256", sha256, *by(fund, "WANG02"))["state"] == "released"
    written = [Path(run("fund", "bank", "write", file_id, "--into", str(tmp_path))["path"]) for _ in range(2)]
    assert paid.encode() in written[0].read_bytes()
    assert (written[0], written[0].stat().st_mode & 0o777) == (written[1], 0o600)
    statement = tmp_path / "statement.csv"
    row = f"{account},{day},,{yuan(700)},{yuan(8_300)},R{uuid.uuid4().hex[:9]},{paid},某某"
    statement.write_bytes("\r\n".join([HEAD, row]).encode("gb18030"))
    taken = run("fund", "bank", "take", code, str(statement), *by(fund, "LIN01"))
    assert (taken["closing_fen"], taken["settled"]) == (8_300, 1)
    assert "statement_twice" in run("fund", "bank", "take", code, str(statement), *by(fund, "LIN01"), code=2)
    early = run("fund", "bank", "day", code, "--on", day, *by(fund, "WANG02"))
    assert (early["difference_fen"], early["agrees"], early["lines"]) == (0, True, [])
    told = run("fund", "bank", "day", code, "--on", day, "--reconcile", *by(fund, "WANG02"))
    assert told["booked_fen"] == 8_300
    with transaction(engine) as session:
        assert (
            session.scalar(
                text(
                    "select count(*) from fund_days d join fund_bank_accounts b"
                    " on b.id = d.bank_account_id where b.code = :c"
                ),
                {"c": code},
            )
            == 1
        )


def test_a_day_with_a_line_that_nothing_explains_is_shown_and_not_reconciled(
    run: Any, fund: Fund, tmp_path: Path
) -> None:
    code, account = registered(run, fund, tmp_path)
    day, statement = fund.today.isoformat(), tmp_path / "statement.csv"
    row = f"{account},{day},{yuan(5)},,{yuan(9_005)},R{uuid.uuid4().hex[:9]},附言,某某"
    statement.write_bytes("\r\n".join([HEAD, row]).encode("gb18030"))
    assert run("fund", "bank", "take", code, str(statement), *by(fund, "LIN01"))["settled"] == 0
    told = run("fund", "bank", "day", code, "--on", day, *by(fund, "WANG02"))
    assert (told["agrees"], [line["open_fen"] for line in told["lines"]]) == (False, [5])
    refused = run("fund", "bank", "day", code, "--on", day, "--reconcile", *by(fund, "WANG02"), code=2)
    assert "day_not_reconciled" in refused


def test_the_forms_of_an_account_are_changed_by_a_file(run: Any, fund: Fund, tmp_path: Path) -> None:
    code, _ = registered(run, fund, tmp_path)
    forms = tmp_path / "forms.json"
    forms.write_text('{"statements": 5}', encoding="utf-8")
    assert "--forms" in run("fund", "bank", "change", code, "--forms", str(forms), code=2)
    shown = run("fund", "bank", "change", code, "--add-books", fund.codes["reserve"])
    assert set(shown["ledger_accounts"]) == {fund.codes["cash"], fund.codes["reserve"]}


def test_the_quarter_is_disclosed_into_files_and_not_before_its_end(run: Any, fund: Fund, tmp_path: Path) -> None:
    today = clock.today_in_china()
    year, quarter = (today.year, (today.month - 1) // 3) if today.month > 3 else (today.year - 1, 4)
    csv, pdf = tmp_path / "q.csv", tmp_path / "q.pdf"
    given = ("--csv", str(csv), "--pdf", str(pdf), "--language", "en")
    made = run("fund", "report", str(year), str(quarter), *given, *by(fund, "LIN01"))
    assert made["figures"]["quarter"] == f"{year}Q{quarter}"
    assert csv.read_bytes().startswith("\ufeff".encode())
    assert pdf.read_bytes().startswith(b"%PDF-")
    again = run("fund", "report", str(year), str(quarter), *by(fund, "WANG02"))
    assert again["report_id"] == made["report_id"]
    assert "quarter_not_over" in run("fund", "report", str(today.year + 1), "1", *by(fund, "LIN01"), code=2)
