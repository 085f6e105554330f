"""`gongxin fund bank` and `gongxin fund report`: files of payments, statements, days; the quarter disclosed."""

import json
import os
from pathlib import Path
from typing import Any

import click
from marshmallow import ValidationError

from gongxin import clock
from gongxin.errors import Conflict
from gongxin.fund.bank import accounts, days, files, matching, payees, schemas, statements
from gongxin.fund.bank import queries_statements as found
from gongxin.fund.reports import service as reports

from .common import Group, json_option, opened, read_old_key, tell
from .fund import _DAY, _MEMBER, _OFFICER, _actor, fund

_FORMS = click.option(
    "--forms", type=click.File("r", encoding="utf-8"),
    help="JSON 文件：payments、statements a JSON file: how the bank reads payments and writes statements",
)  # fmt: skip


@fund.group("bank", cls=Group)
def bank() -> None:
    """银行收付 Payments out, statements in."""


@bank.command("account")
@json_option
@click.argument("code")
@click.option("--books", required=True, multiple=True, help="对应科目，可多个 accounts of the books, one or more")
@click.option("--details", type=click.File("r", encoding="utf-8"), required=True,
              help="户名、账号、联行号、行名，各一行 holder, account, bank code, bank name, a line each")  # fmt: skip
@click.option("--from", "opened_on", type=_DAY, required=True)
@click.option("--opening-fen", type=click.IntRange(0), default=0)
@_FORMS
@_MEMBER
@_OFFICER
def account(
    code: str, books: tuple[str, ...], details: Any, opened_on: Any, opening_fen: int, forms: Any, member: str,
    officer: str,
) -> None:  # fmt: skip
    """登记银行账户 Registers an account of the fund; its details come from a file, never from the command line."""
    names = ("holder", "account", "bank_code", "bank_name")
    given = dict(zip(names, [line.strip() for line in details.read().splitlines()][:4], strict=True))
    with opened() as (session, config):
        accounts.open_account(
            session, config, actor=_actor(session, member, officer), code=code, ledger_accounts=books,
            opened_on=opened_on.date(), opening_fen=opening_fen, **given, **_forms(forms),
        )  # fmt: skip
    tell({"code": code}, f"{code}  ✓")


def _forms(given: Any) -> dict[str, Any]:
    """The file's `payments` and `statements`, in the form the API takes."""
    if given is None:
        return {}
    try:
        found = schemas.BankFormsIn().load(json.load(given))
    except (ValueError, ValidationError) as fault:
        raise click.BadParameter(f"格式有误 not of this form: {fault}", param_hint="--forms") from fault
    if "payments" in found:
        found["payments"] = schemas.layout_in(found["payments"])
    return dict(found)


@bank.command()
@json_option
@click.argument("code")
@_FORMS
@click.option("--add-books", help="增加对应科目 one more account of the books")
def change(code: str, forms: Any, add_books: str | None) -> None:
    """更改格式或对应科目 Changes what its bank reads and writes, or adds an account of the books; shows the account."""
    with opened() as (session, _):
        if forms is not None:
            accounts.set_forms(session, bank_account=code, **_forms(forms))
        if add_books is not None:
            accounts.add_books(session, bank_account=code, ledger_account=add_books)
        held = found.get_bank_account(session, code)
        body = schemas.account_out(held, found.books(session, [held.id]))
    tell(body, f"{code}  {', '.join(body['ledger_accounts'])}")


@bank.command()
@json_option
@click.option(
    "--old-key-file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="旧主密钥文件 a file with the old master key, base64url",
)  # fmt: skip
def reseal(old_key_file: Path) -> None:
    """更换主密钥后重新封存 Seals payees, bank accounts and lines under the present master key; can run twice."""
    old_key, done = read_old_key(old_key_file), 0
    while True:
        with opened() as (session, config):
            if old_key == config.master_key:
                break
            new_key = config.master_key
            count = payees.reseal(session, old_key=old_key, new_key=new_key)
            count += accounts.reseal(session, old_key=old_key, new_key=new_key)
        done += count
        if not count:
            break
    tell({"resealed": done}, f"已重新封存 {done} 份 Sealed anew: {done}")


@bank.command("file")
@json_option
@click.argument("account")
@click.option("--format", "form", type=click.Choice(files.FORMATS), default="pain001", show_default=True)
@click.option("--on", "execute_on", type=_DAY, required=True, help="付款日 day of payment")
@_MEMBER
@_OFFICER
def make_file(account: str, form: str, execute_on: Any, member: str, officer: str) -> None:
    """生成付款文件 Makes a file of what waits to be paid; another releases it."""
    with opened() as (session, config):
        made = files.generate(
            session, config, actor=_actor(session, member, officer), bank_account=account, format=form,
            execute_on=execute_on.date(),
        )  # fmt: skip
        body = schemas.file_out(made)
    tell(body, f"{body['file_id']}  {body['payments']}  {body['total_fen']}  {body['sha256']}")


@bank.command()
@json_option
@click.argument("file_id", type=click.UUID)
@click.option("--sha256", required=True, help="所核对文件的摘要 digest of what was checked")
@_MEMBER
@_OFFICER
def release(file_id: Any, sha256: str, member: str, officer: str) -> None:
    """放行付款文件 Releases a file that another made."""
    with opened() as (session, _):
        made = files.release(session, file_id, actor=_actor(session, member, officer), sha256=bytes.fromhex(sha256))
        body = schemas.file_out(made)
    tell(body, f"{body['file_id']}  {body['state']}")


@bank.command()
@json_option
@click.argument("file_id", type=click.UUID)
@click.option("--into", type=click.Path(file_okay=False, exists=True, path_type=Path), required=True)
def write(file_id: Any, into: Path) -> None:
    """写出付款文件 Writes a released file; again it writes the same octets under the same name, and nothing twice."""
    with opened() as (session, config):
        made, content = files.content(session, config, file_id)
        target = into / files.name(made)
        _keep(target, content)
        body = schemas.file_out(made)
    tell(body | {"path": str(target)}, str(target))


def _keep(target: Path, content: bytes) -> None:
    """Whole or not at all, for the owner alone; what is there already must be the same."""
    if target.exists():
        if target.read_bytes() != content:
            raise Conflict("payment_file_differs", zh="已有同名而内容不同的文件", en="Another file has this name")
        return
    part = target.with_suffix(".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    os.replace(part, target)


@bank.command()
@json_option
@click.argument("account")
@click.argument("statement", type=click.File("rb"))
@_MEMBER
@_OFFICER
def take(account: str, statement: Any, member: str, officer: str) -> None:
    """导入对账单并核销 Takes a statement and settles what is certain."""
    with opened() as (session, config):
        actor = _actor(session, member, officer)
        made = statements.take(session, config, actor=actor, bank_account=account, data=statement.read())
        settled = matching.match_certain(session, actor=actor, bank_account=account)
        body = schemas.statement_out(made) | {"settled": len(settled)}
    tell(body, f"{body['day']}  {body['lines']}  {body['closing_fen']}  settled {body['settled']}")


@bank.command()
@json_option
@click.argument("account")
@click.option("--on", "day", type=_DAY, required=True)
@click.option("--reconcile", is_flag=True, help="对平 reconcile it")
@_MEMBER
@_OFFICER
def day(account: str, day: Any, reconcile: bool, member: str, officer: str) -> None:
    """日终对账 How bank and books stand at the end of a day, and what is missing."""
    with opened() as (session, _):
        if reconcile:
            days.reconcile(session, actor=_actor(session, member, officer), bank_account=account, day=day.date())
        held = found.get_bank_account(session, account)
        body = schemas.standing_out(days.standing(session, held, day.date()))
    tell(
        body,
        f"{body['day']}  bank {body['closing_fen']}  books {body['booked_fen']}  Δ {body['difference_fen']}",
        *(f"  ? {line['line_id']}  {line['booked_on']}  {line['open_fen']}" for line in body["lines"]),
        *(f"  … {one['reference']}  {one['amount_fen']}" for one in body["under_way"]),
    )


@fund.command()
@json_option
@click.argument("year", type=int)
@click.argument("quarter", type=click.IntRange(1, 4))
@click.option("--csv", "csv_path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--pdf", "pdf_path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--language", type=click.Choice(("zh", "en")), default="zh", show_default=True)
@_MEMBER
@_OFFICER
def report(
    year: int, quarter: int, csv_path: Path | None, pdf_path: Path | None, language: str, member: str, officer: str
) -> None:
    """季度披露 The quarter disclosed, with its leaf of the log; as JSON, and where named as CSV and PDF."""
    with opened() as (session, _):
        kept = reports.publish(
            session, year=year, quarter=quarter, today=clock.today_in_china(), actor=_actor(session, member, officer)
        )
        made = reports.shown(session, kept)
        if csv_path is not None:
            csv_path.write_text(reports.as_csv(made), encoding="utf-8-sig", newline="")
        if pdf_path is not None:
            pdf_path.write_bytes(reports.as_pdf(made, language=language, made_at=kept.published_at))
    tell(made, f"{made['figures']['quarter']}  {made['content']}  {made['proof']}")
