"""`gongxin accounts …`: the people of members, invited from the registry's own command line."""

import click

from gongxin.accounts import queries, service
from gongxin.members import queries as members

from .common import Group, json_option, member_named, opened, tell


@click.group(cls=Group)
def accounts() -> None:
    """账号 The people who sign in to the pages."""


@accounts.command()
@click.argument("member")
@click.option("--login", required=True, help="登录名 a–z and 0–9")
@click.option("--name", required=True, help="姓名 the person's name as colleagues know it")
@click.option("--role", "roles", required=True, multiple=True, help="角色，可多次 a role; may be repeated")
@click.option("--language", default="zh", type=click.Choice(["zh", "en"]), show_default=True)
@json_option
def invite(member: str, login: str, name: str, roles: tuple[str, ...], language: str) -> None:
    """邀请 Invites a person of MEMBER (identifier or 统一社会信用代码); prints a link, good once within 72 h."""
    with opened() as (session, config):
        house = member_named(session, member)
        account, token = service.invite(
            session,
            member_id=house.id,
            login=login,
            display_name=name,
            roles=roles,
            actor="registry",
            language=language,
        )
        face = "admin" if house.kind in ("association", "regulator") else "portal"
        link = f"{config.pages_at}/{face}/set-up/{token}"
        tell({"account_id": account.id, "link": link}, link)


@accounts.command("list")
@click.option("--member", help="只列一家机构 of one member")
@json_option
def list_accounts(member: str | None) -> None:
    """列出 Lists accounts with their roles and states."""
    with opened() as (session, _config):
        house = member_named(session, member).id if member else None
        rows = queries.accounts(session, house)
        names = {row.id: row.name_zh for row in members.directory(session)}
        tell(
            [{"login": a.login, "member_id": a.member_id, "roles": a.roles, "state": a.state} for a in rows],
            *(f"{a.login:<20} {a.state:<8} {','.join(a.roles):<24} {names.get(a.member_id, '')}" for a in rows),
        )


@accounts.command()
@click.argument("login")
@click.option("--state", required=True, type=click.Choice(["active", "locked", "closed"]))
@click.option("--reason", required=True, help="理由 why")
@json_option
def state(login: str, state: str, reason: str) -> None:
    """锁定、启用或关闭 Locks, unlocks or closes the account LOGIN, at once."""
    with opened() as (session, _config):
        found = queries.get_account_by_login(session, login)
        account = service.change_state(session, found.id, state=state, reason=reason, actor="registry")
        tell({"login": account.login, "state": account.state}, f"{account.login}: {account.state}")


@accounts.command()
@click.argument("login")
@json_option
def link(login: str) -> None:
    """重发链接 A new link for LOGIN to set up credentials anew; the old ones stay until it is used."""
    with opened() as (session, config):
        found = queries.get_account_by_login(session, login)
        kind = members.get_member(session, found.member_id).kind
        face = "admin" if kind in ("association", "regulator") else "portal"
        address = f"{config.pages_at}/{face}/set-up/{service.new_link(session, found.id)}"
        tell({"link": address}, address)
