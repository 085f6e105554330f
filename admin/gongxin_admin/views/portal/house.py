"""凭证与经办记录 Our own credentials, and who in the house did what: questions, checks and sign-ins by person."""

from typing import Any

from flask import Flask, Response
from flask_babel import gettext as _

from gongxin.access import queries as access
from gongxin.accounts import queries as accounts
from gongxin.members import queries as members

from ... import languages
from ...face import Door, as_registry, page
from ...formats import day, moment

METHODS = {"password": ("密码与动态口令", "password and code"), "passkey": ("通行密钥", "passkey"),
           "link": ("一次性链接", "one-time link"), "single": ("单点登录", "single sign-on")}  # fmt: skip


def register(app: Flask) -> None:
    @page(app, "portal.credentials", "/credentials")
    def credentials(door: Door) -> Response:
        return door.render("portal/credentials.html", clients=_clients(door), terms=_terms(door), people=_people(door))


def _clients(door: Door) -> list[list[Any]]:
    found = []
    for client in access.clients(door.session, member_id=door.house.id, limit=100):
        keys = access.keys_of(door.session, client.id)
        ends = [key.expires_at for key in keys if key.retired_at is None]
        found.append(
            [
                client.name, client.auth_method, ", ".join(client.scopes),
                _("已吊销") if client.revoked_at else _("在用"), moment(min(ends)) if ends else "—",
                moment(client.created_at),
            ]
        )  # fmt: skip
    return found


def _terms(door: Door) -> list[list[Any]]:
    return [
        [
            a.version, "、".join(a.purposes), ", ".join(f"{k} {v:,}" for k, v in a.budgets.items()),
            day(a.effective_from.date()),
        ]
        for a in members.agreements(door.session, door.house.id)
    ]  # fmt: skip


def _people(door: Door) -> list[dict[str, Any]]:
    """Each account with what happened to it, and its last sign-ins, refused ones too."""
    found = []
    with as_registry(door):
        for account in accounts.accounts(door.session, door.house.id):
            seen = accounts.sign_ins(door.session, account.id, limit=10)
            found.append(
                {
                    "name": account.display_name, "login": account.login, "officer": account.officer,
                    "changes": [[c.what, c.actor, c.reason, moment(c.changed_at)]
                                for c in accounts.changes(door.session, account.id)],
                    "sign_ins": [[languages.both(*METHODS.get(s.method, (s.method, s.method))), s.outcome, moment(s.at)]
                                 for s in seen],
                }
            )  # fmt: skip
    return found
