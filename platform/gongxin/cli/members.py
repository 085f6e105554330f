"""`gongxin members`: institutions, their states and agreements, from the registry's own command line."""

import getpass
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import click

from gongxin import clock
from gongxin.errors import Conflict
from gongxin.members import queries, rules, schemas, service
from gongxin.members.models import Agreement, Member

from .common import Group, Moment, json_option, member_named, opened, tell

_STATE_WORDS = {"applied": "已申请", "active": "有效", "suspended": "暂停", "left": "已退出"}
_MEMBER = click.argument("member", metavar="ID|USCC")


@click.group(cls=Group)
def members() -> None:
    """会员机构 Member institutions, their states and agreements."""


@members.command()
@json_option
@click.option("--kind", required=True, type=click.Choice(rules.KINDS), help="机构类别 kind")
@click.option("--name-zh", required=True, help="中文名称 Chinese name")
@click.option("--name-en", help="英文名称 English name")
@click.option("--uscc", required=True, help="统一社会信用代码 credit code, 18 characters")
@click.option("--court-code", help="法院代字，仅法院 court code, courts only (沪0115)")
def apply(kind: str, name_zh: str, name_en: str | None, uscc: str, court_code: str | None) -> None:
    """登记入会申请 Records an institution's application."""
    with opened() as (session, config):
        member = service.apply(
            session,
            kind=kind,
            name_zh=name_zh,
            name_en=name_en,
            uscc=uscc,
            court_code=court_code,
            synthetic=config.synthetic,
        )
        body, line = schemas.member_out(member), _line(member)
    tell(body, line)


@members.command("list")
@json_option
@click.option("--kind", type=click.Choice(rules.KINDS), help="机构类别 kind")
@click.option("--state", type=click.Choice(rules.STATES), help="状态 state")
def list_(kind: str | None, state: str | None) -> None:
    """列出机构 Lists members."""
    with opened() as (session, _):
        found = queries.directory(session, kind=kind, state=state)
        body, lines = [schemas.member_out(member) for member in found], [_line(member) for member in found]
    tell(body, *lines)


@members.command()
@json_option
@_MEMBER
def show(member: str) -> None:
    """显示机构及其各版协议 Shows a member and every version of its agreement."""
    with opened() as (session, _):
        found = member_named(session, member)
        agreements, now = queries.agreements(session, found.id), clock.now()
        force = queries.agreement_in_force(session, found.id, now)
        body = schemas.member_out(found) | {
            "agreements": [schemas.agreement_out(agreement, in_force=agreement is force) for agreement in agreements]
        }
        lines = [_line(found), *(_agreement_line(agreement, agreement is force) for agreement in agreements)]
    tell(body, *lines)


@members.command()
@json_option
@_MEMBER
def history(member: str) -> None:
    """显示状态变更记录 Shows how the member's state has changed."""
    with opened() as (session, _):
        found = member_named(session, member)
        changes = queries.history(session, found.id)
        body = [schemas.change_out(change) for change in changes]
        lines = [f"{found.created_at:%Y-%m-%d %H:%M}Z  applied"]
        lines += [
            f"{change.changed_at:%Y-%m-%d %H:%M}Z  {change.previous} → {change.state}  {change.reason}"
            f"  ({change.changed_by})"
            for change in changes
        ]
    tell(body, *lines)


def _mover(name: str, state: str, doc: str, *, only_from: str | None = None) -> None:
    @members.command(name, help=doc)
    @json_option
    @_MEMBER
    @click.option("--reason", required=True, help="理由，留存于记录 why; kept on record")
    @click.option("--by", default=getpass.getuser, show_default="本机用户 this user", help="经办人 who decides")
    def move(member: str, reason: str, by: str) -> None:
        with opened() as (session, _):
            found = member_named(session, member)
            if only_from is not None and found.state != only_from:
                raise Conflict(
                    "other_member_command",
                    zh="机构当前状态不适用此命令",
                    en="This command is not for the member's state",
                    fix_zh="activate 用于已申请的机构，reinstate 用于暂停的机构。",
                    fix_en="activate is for a member that applied, reinstate for one that is suspended.",
                    extra={"state": found.state},
                )
            moved = service.change_state(session, found.id, state=state, reason=reason, changed_by=f"operator:{by}")
            body, line = schemas.member_out(moved), _line(moved)
        tell(body, line)


_mover("activate", "active", "批准入会 Admits a member that has applied.", only_from="applied")
_mover("suspend", "suspended", "暂停，令牌即刻失效 Suspends a member and its tokens.")
_mover("reinstate", "active", "恢复 Ends a suspension.", only_from="suspended")
_mover("leave", "left", "退出，不可撤销 Records that a member has left, for good.")


def _pairs(kind: Callable[[str], Any]) -> Callable[[click.Context, click.Parameter, Iterable[str]], dict[str, Any]]:
    def read(ctx: click.Context, parameter: click.Parameter, values: Iterable[str]) -> dict[str, Any]:
        found = {}
        for value in values:
            name, equals, given = value.partition("=")
            try:
                if not equals or name in found:
                    raise ValueError
                found[name] = kind(given)
            except ValueError:
                raise click.BadParameter("应为 名称=值，不重复 Give NAME=VALUE, once each", ctx, parameter) from None
        return found

    return read


@members.command()
@json_option
@_MEMBER
@click.option("--purpose", "budgets", multiple=True, metavar="PURPOSE=N", callback=_pairs(int),
              help=f"用途与每日额度 purpose and look-ups a day: {', '.join(rules.PURPOSES)}")  # fmt: skip
@click.option("--evaluations", type=click.IntRange(0), help="每日盲化求值次数 blind evaluations a day")
@click.option("--data-type", "data_types", multiple=True, type=click.Choice(rules.DATA_TYPES),
              help="数据类型 data type; without any: all")  # fmt: skip
@click.option("--contact", "contacts", multiple=True, metavar="OFFICE=EMAIL", callback=_pairs(str),
              help=f"岗位邮箱 office and its e-mail: {', '.join(rules.OFFICES)}")  # fmt: skip
@click.option("--from", "effective_from", type=Moment(), help="生效时间，默认现在 takes effect; now by default")
def agree(
    member: str,
    budgets: dict[str, int],
    evaluations: int | None,
    data_types: tuple[str, ...],
    contacts: dict[str, str],
    effective_from: datetime | None,
) -> None:
    """订立新版协议 Adds the next version of the member's agreement."""
    counted = {rules.EVALUATION: evaluations} if evaluations is not None else {}
    with opened() as (session, _):
        found = member_named(session, member)
        agreement = service.agree(
            session,
            found.id,
            purposes=list(budgets),
            data_types=data_types or rules.DATA_TYPES,
            budgets=budgets | counted,
            contacts=contacts,
            effective_from=effective_from or clock.now(),
        )
        begun = agreement.effective_from <= clock.now()
        body, line = schemas.agreement_out(agreement, in_force=begun), _agreement_line(agreement, begun)
    tell(body, line)


def _line(member: Member) -> str:
    state = f"{_STATE_WORDS[member.state]} {member.state}"
    names = f"{member.name_zh} {member.name_en or ''}".rstrip()
    return "  ".join(filter(None, (str(member.id), state, member.kind, member.uscc, member.court_code, names)))


def _agreement_line(agreement: Agreement, in_force: bool) -> str:
    budgets = ", ".join(f"{purpose}={budget}" for purpose, budget in agreement.budgets.items())
    contacts = ", ".join(f"{office}={email}" for office, email in agreement.contacts.items())
    mark = "●" if in_force else "○"
    return f"{mark} v{agreement.version}  {agreement.effective_from:%Y-%m-%d %H:%M}Z  {budgets}  {contacts}"
