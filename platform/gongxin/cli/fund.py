"""`gongxin fund`: the mutual-aid fund's books for an operator: accounts, periods, entries, export, audit."""

import getpass
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import click
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gongxin.access import service as access
from gongxin.app import database_urls
from gongxin.config import Config, load
from gongxin.db import make_engine, transaction
from gongxin.errors import Invalid
from gongxin.fund.ledger import audit as auditing
from gongxin.fund.ledger import export as exporting
from gongxin.fund.ledger import periods, queries, rules, schemas, service
from gongxin.fund.ledger.models import Account, Entry
from gongxin.fund.ledger.rules import Actor, Draft, NewLeg
from gongxin.web.limits import RateLimiter
from gongxin.web.runtime import Runtime

from .common import REFUSED, Group, json_option, member_named, opened, tell

_DAY = click.DateTime(formats=["%Y-%m-%d"])
_MEMBER = click.option("--member", required=True, metavar="ID|USCC", help="协会 the association, as a member")
_OFFICER = click.option("--officer", default=getpass.getuser, show_default="本机用户 this user", help="经办人 who acts")


@click.group(cls=Group)
def fund() -> None:
    """互助基金账目 The mutual-aid fund's books."""


@fund.group(cls=Group)
def accounts() -> None:
    """科目 Accounts."""


@accounts.command("list")
@json_option
def list_accounts() -> None:
    """列出科目与余额 Lists accounts and what is on them."""
    with opened() as (session, _):
        found = queries.balances(session)
        body = [schemas.balance_out(row) | {"minimum_fen": row.minimum_fen} for row in found]
        lines = [
            f"{exporting.name_of(row.type, row.fund, row.code)}  "
            f"{exporting.amount(rules.normal(row.normal_side, row.balance_fen))}  {row.name_zh} {row.name_en}"
            for row in found
        ]
    tell(body, *lines)


@accounts.command("open")
@json_option
@click.argument("code")
@click.option("--name-zh", required=True, help="中文名称 Chinese name")
@click.option("--name-en", required=True, help="英文名称 English name")
@click.option("--type", "kind", required=True, type=click.Choice(rules.TYPES))
@click.option("--fund", "of", required=True, type=click.Choice(rules.FUNDS))
@click.option("--restriction", help="限定用途 what it is restricted to")
@click.option("--minimum-fen", type=click.IntRange(0), help="余额下限，分 least balance in fen")
def open_account(
    code: str, name_zh: str, name_en: str, kind: str, of: str, restriction: str | None, minimum_fen: int | None
) -> None:
    """开设科目 Opens an account."""
    with opened() as (session, _):
        account = service.open_account(
            session,
            code=code,
            name_zh=name_zh,
            name_en=name_en,
            type=kind,
            fund=of,
            restriction=restriction,
            minimum_fen=minimum_fen,
        )
        body, line = schemas.account_out(account), _account_line(account)
    tell(body, line)


@accounts.command("close")
@json_option
@click.argument("code")
def close_account(code: str) -> None:
    """关闭科目 Closes an account that holds nothing."""
    with opened() as (session, _):
        account = service.close_account(session, code)
        body, line = schemas.account_out(account), _account_line(account)
    tell(body, line)


def _account_line(account: Account) -> str:
    state = "有效 open" if account.closed_at is None else "已关闭 closed"
    return f"{exporting.name_of(account.type, account.fund, account.code)}  {state}  {account.name_zh}"


# --- periods --------------------------------------------------------------------------------------------------------


@fund.command("period")
@json_option
@click.option("--from", "first_day", type=_DAY, help="首个期间的起始日 first day, of the first period only")
@click.option("--to", "last_day", type=_DAY, required=True, help="末日 last day")
def open_period(first_day: Any, last_day: Any) -> None:
    """开设会计期间 Opens the next period."""
    with opened() as (session, _):
        period = periods.open_period(
            session, first_day=None if first_day is None else first_day.date(), last_day=last_day.date()
        )
        body = schemas.period_out(period)
    tell(body, f"{body['period']}  {body['first_day']} – {body['last_day']}  {body['state']}")


@fund.command()
@json_option
@click.argument("period", type=click.IntRange(1))
@_MEMBER
@_OFFICER
def close(period: int, member: str, officer: str) -> None:
    """关闭会计期间 Closes a period for good: carries it forward and signs the trial balance."""
    with opened() as (session, config):
        actor = _actor(session, member, officer)
        found = periods.close(session, _runtime(session, config), period, actor=actor)
        body = schemas.period_out(found) | {"trial_balance": found.trial_balance}
    tell(body, f"{body['period']}  {body['first_day']} – {body['last_day']}  {body['state']}", str(found.trial_balance))


def _runtime(session: Session, config: Config) -> Runtime:
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    return Runtime(config, engine, RateLimiter(config), access.authenticate)


def _actor(session: Session, member: str, officer: str) -> Actor:
    found = member_named(session, member)
    if found.kind != "association":
        raise Invalid(
            "not_the_association",
            zh="基金由协会管理",
            en="The fund is the association's",
            fix_zh="以协会的机构编号办理。",
            fix_en="Act as the association.",
            pointer="/member",
        )
    return Actor(found.id, rules.officer_key(officer))


# --- entries --------------------------------------------------------------------------------------------------------


@fund.command()
@json_option
@click.argument("description")
@click.option("--key", required=True, help="幂等键 the entry's key")
@click.option("--on", "booked_on", type=_DAY, required=True, help="记账日 day it is booked on")
@click.option("--debit", multiple=True, metavar="CODE=FEN", help="借方，可重复 again for each")
@click.option("--credit", multiple=True, metavar="CODE=FEN", help="贷方，可重复 again for each")
@click.option("--reference", help="凭证号 reference")
@_MEMBER
@_OFFICER
def entry(
    description: str,
    key: str,
    booked_on: Any,
    debit: Sequence[str],
    credit: Sequence[str],
    reference: str | None,
    member: str,
    officer: str,
) -> None:
    """起草并提交分录 Drafts an entry and submits it; others approve it."""
    with opened() as (session, _):
        known = {account.code: account.fund for account in queries.accounts(session)}
        legs = (*_legs(debit, "debit", known), *_legs(credit, "credit", known))
        day: date = booked_on.date()
        new = Draft(key, day, description, legs, reference=reference)
        found, _created = service.draft(session, actor=_actor(session, member, officer), new=new, submit=True)
        body, line = _entry(session, found)
    tell(body, line)


@fund.command()
@json_option
@click.argument("entry_id", metavar="ENTRY", type=click.UUID)
@click.option("--content", "content_hash", required=True, help="所核对内容的摘要 digest of what was checked")
@_MEMBER
@_OFFICER
def approve(entry_id: Any, content_hash: str, member: str, officer: str) -> None:
    """批准分录 Approves an entry's content."""
    with opened() as (session, _):
        rules.check_code(content_hash, "^[0-9a-f]{64}$", "/content")
        actor = _actor(session, member, officer)
        found = service.approve(session, entry_id, actor=actor, content_hash=bytes.fromhex(content_hash))
        body, line = _entry(session, found)
    tell(body, line)


@fund.command()
@json_option
@click.argument("entry_id", metavar="ENTRY", type=click.UUID)
@_MEMBER
@_OFFICER
def post(entry_id: Any, member: str, officer: str) -> None:
    """过账 Posts an approved entry."""
    with opened() as (session, _):
        found = service.post(session, entry_id, actor=_actor(session, member, officer))
        body, line = _entry(session, found)
    tell(body, line)


def _legs(given: Sequence[str], side: str, known: dict[str, str]) -> list[NewLeg]:
    legs = []
    for text in given:
        code, equals, fen = text.partition("=")
        if not equals or not fen.isascii() or not fen.isdigit():
            raise click.BadParameter("应为 科目=分 Give CODE=FEN, a whole number")
        legs.append(NewLeg(code, known.get(code, rules.FUNDS[0]), side, int(fen)))
    return legs


def _entry(session: Session, found: Entry) -> tuple[dict[str, Any], str]:
    legs = [(leg, account) for leg, account in queries.legs(session, [found.id])]
    body = schemas.entry_out(found, legs, queries.approvals(session, [found.id]))
    return body, f"{found.id}  {found.state}  {found.booked_on}  {found.description}  {body['content_hash']}"


# --- export and audit -----------------------------------------------------------------------------------------------


@contextmanager
def _frozen() -> Iterator[Session]:
    """All of it as it stands at one moment, whatever is posted meanwhile."""
    engine = make_engine(database_urls(load())[0], pool_size=1)
    try:
        with transaction(engine.execution_options(isolation_level="REPEATABLE READ")) as session:
            yield session
    finally:
        engine.dispose()


@fund.command("export")
@click.option("--format", "form", default="hledger", show_default=True, type=click.Choice(exporting.FORMATS))
def export_(form: str) -> None:
    """以纯文本账本导出 Prints the books for hledger, Ledger or beancount."""
    with _frozen() as session:
        for line in exporting.lines(session, form):
            sys.stdout.write(line + "\n")


@fund.command()
@json_option
def audit() -> None:
    """核对全部账目 Derives every balance anew and compares it with what is kept, the leaves and the trial balances."""
    with _frozen() as session:
        report = auditing.audit(session)
    body = dict(vars(report))
    counts = "  ".join(f"{name} {value:,}" for name, value in body.items() if name != "differences")
    verdict = "✗ 账目不符 the books differ" if report.differences else "✓ 账目相符 the books agree"
    tell(body, counts, *report.differences, verdict)
    if report.differences:
        click.get_current_context().exit(REFUSED)
