"""人员 The people of one's own house: invited, given roles, locked, closed."""

from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, request, url_for
from flask_babel import gettext as _

from gongxin.accounts import queries, rules, service
from gongxin.errors import GongxinError, NotFound

from .. import languages
from ..face import Door, as_registry, page

STATES = {
    "invited": ("已邀请", "invited", "wait"),
    "active": ("在用", "active", "good"),
    "locked": ("已锁定", "locked", "bad"),
    "closed": ("已关闭", "closed", "over"),
}
MOVES = {"active": ("启用", "Unlock"), "locked": ("锁定", "Lock"), "closed": ("关闭", "Close")}


def register(app: Flask) -> None:
    face = app.name.removeprefix("gongxin_")

    @page(app, f"{face}.people", "/people")
    def people(door: Door) -> Response:
        return _page(door)

    @page(app, f"{face}.invite", "/people/invite", ("POST",))
    def invite(door: Door) -> Response:
        typed = request.form
        with as_registry(door), door.attempting() as tried:
            _account, token = service.invite(
                door.session, member_id=door.house.id, login=typed.get("login", ""),
                display_name=typed.get("display_name", ""), roles=typed.getlist("roles"), actor=door.me.login,
            )  # fmt: skip
        if tried.error is not None:
            kept = {
                "login": typed.get("login"),
                "display_name": typed.get("display_name"),
                "roles": typed.getlist("roles"),
            }
            return _page(door, tried.error, form=kept)
        return _page(door, link=door.config.pages_at + url_for(f"{face}.set_up", token=token))

    @page(app, f"{face}.change_account", "/people/change", ("POST",))
    def change(door: Door) -> Response:
        try:
            account = queries.get_account(door.session, UUID(request.form.get("account_id", "")))
        except ValueError:
            raise NotFound("account_not_found", zh="没有这个账号", en="There is no such account") from None
        if account.member_id != door.house.id:
            raise NotFound("account_not_found", zh="没有这个账号", en="There is no such account")
        with door.attempting() as tried:
            service.change_state(
                door.session, account.id, state=request.form.get("state", ""),
                reason=request.form.get("reason", "")[:200], actor=door.me.login,
            )  # fmt: skip
        if tried.error is not None:
            return _page(door, tried.error)
        flash(_("已变更，立即生效。"), "good")
        return door.go("people")


def _page(door: Door, error: GongxinError | None = None, **words: Any) -> Response:
    people = [
        {
            "id": account.id,
            "display_name": account.display_name,
            "login": account.login,
            "roles": languages.both("、", ", ").join(languages.both(*rules.ROLES[role][1:]) for role in account.roles),
            "state": languages.both(*STATES[account.state][:2]),
            "mood": STATES[account.state][2],
            "next": [(state, languages.both(*MOVES[state])) for state in rules.STATES[account.state] if state in MOVES
                     and (account.state, state) != ("invited", "active")],
        }
        for account in queries.accounts(door.session, door.house.id)
    ]  # fmt: skip
    options = [(role, languages.both(*row[1:])) for role, row in rules.ROLES.items() if door.house.kind in row[0]]
    return door.render(
        "people.html", error=error, people=people, role_options=options, **{"form": {}, "link": "", **words}
    )
