"""凭证与协议 Members' clients with their keys, revoked and retired; agreements, version beside version."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, url_for
from flask_babel import gettext as _

from gongxin import clock
from gongxin.access import queries as access
from gongxin.access import service
from gongxin.disclosure import queries as disclosure
from gongxin.errors import GongxinError, NotFound
from gongxin.logs import log
from gongxin.members import queries as members

from .. import languages
from ..face import Door, as_registry, page
from ..formats import moment
from ..menu import WORK, Work
from .common import day_of, is_officer, names

METHODS: dict[str, tuple[str, str]] = {
    "private_key_jwt": ("私钥签名", "private key"),
    "tls_client_auth": ("双向 TLS（机构证书）", "mutual TLS (certified)"),
    "self_signed_tls_client_auth": ("双向 TLS（自签证书）", "mutual TLS (self-signed)"),
    "client_secret_basic": ("口令（仅限低风险）", "secret (low risk only)"),
}
WARN_DAYS = 30


def register(app: Flask) -> None:
    @page(app, "admin.client", "/members/<uuid:member_id>/clients/<uuid:client_id>")
    def client(door: Door, member_id: UUID, client_id: UUID) -> Response:
        return _client(door, member_id, client_id)

    @page(app, "admin.client_revoke", "/members/<uuid:member_id>/clients/<uuid:client_id>/revoke", ("POST",))
    def revoke(door: Door, member_id: UUID, client_id: UUID) -> Response:
        _of(door, member_id, client_id)
        with door.attempting() as tried:
            service.revoke_client(door.session, client_id)
        if tried.error is not None:
            return _client(door, member_id, client_id, tried.error)
        log.info("client_revoked", client=str(client_id), by=door.me.officer)
        flash(_("已吊销；其令牌从此无效。"), "good")
        return door.go("client", member_id=member_id, client_id=client_id)

    @page(app, "admin.key_retire", "/members/<uuid:member_id>/clients/<uuid:client_id>/keys/<kid>/retire", ("POST",))
    def retire(door: Door, member_id: UUID, client_id: UUID, kid: str) -> Response:
        _of(door, member_id, client_id)
        with door.attempting() as tried:
            service.retire_key(door.session, client_id, kid)
        if tried.error is not None:
            return _client(door, member_id, client_id, tried.error)
        log.info("client_key_retired", client=str(client_id), by=door.me.officer)
        flash(_("密钥已停用；已签发的令牌数分钟内自行到期。"), "good")
        return door.go("client", member_id=member_id, client_id=client_id)

    @page(app, "admin.expiring_keys", "/members/keys")
    def expiring(door: Door) -> Response:
        found = service.expiring_keys(door.session, WARN_DAYS)
        houses = names(door, {client.member_id for _key, client in found})
        rows = [
            (houses.get(client.member_id, "—"), client, moment(key.expires_at), _left(key.expires_at))
            for key, client in found
        ]
        return door.render("expiring_keys.html", rows=rows, days=WARN_DAYS)

    @page(app, "admin.agreements", "/members/<uuid:member_id>/agreements")
    def agreements(door: Door, member_id: UUID) -> Response:
        return _agreements(door, member_id)


def _of(door: Door, member_id: UUID, client_id: UUID) -> Any:
    """The client, where it is that member's. Raises NotFound."""
    found = access.get_client(door.session, client_id)
    if found.member_id != member_id:
        raise NotFound
    return found


def _left(expires_at: datetime) -> str:
    days = (day_of(expires_at) - clock.today_in_china()).days
    return _("已过期") if days < 0 else languages.both(f"{days} 天", f"{days} days")


def _client(door: Door, member_id: UUID, client_id: UUID, error: GongxinError | None = None) -> Response:
    found, now = _of(door, member_id, client_id), clock.now()
    house = names(door, {member_id}).get(member_id, "—")
    with as_registry(door):
        asked = disclosure.last_asked(door.session, member_id, client_id) if door.house.kind == "association" else None
    keys = [
        {
            "kid": key.kid,
            "state": _("已停用") if key.retired_at else _("已过期") if key.expires_at <= now else _("在用"),
            "made": key.created_at, "expires": key.expires_at, "left": _left(key.expires_at),
            "live": key.retired_at is None,
        }
        for key in reversed(access.keys_of(door.session, client_id))
    ]  # fmt: skip
    revoked = found.revoked_at is not None
    object_ = {
        "title": found.name,
        "rule": _("凭证由机构自行轮换；协会只在泄露或退出时吊销、停用。"),
        "number": str(found.id),
        "back": url_for("admin.member", member_id=member_id),
        "back_name": house,
        "state": (_("已吊销"), "bad") if revoked else (_("在用"), "good"),
        "facts": [
            (_("机构"), house),
            (_("认证方式"), languages.both(*METHODS[found.auth_method])),
            (_("权限范围"), ", ".join(found.scopes)),
            (_("建立于"), moment(found.created_at)),
            (_("最近一次查询"), moment(asked)),
            (_("吊销于"), moment(found.revoked_at)),
        ],
        "steps": [],
    }  # fmt: skip
    return door.render(
        "client.html", error=error, object=object_, keys=keys, member_id=member_id, client_id=client_id,
        may_act=is_officer(door) and not revoked,
    )  # fmt: skip


def _agreements(door: Door, member_id: UUID) -> Response:
    """The newest first, each beside the one before it."""
    found = members.agreements(door.session, member_id)
    house = names(door, {member_id})
    if member_id not in house:
        raise NotFound
    versions = [
        (each, _compared(found[at + 1] if at + 1 < len(found) else None, each)) for at, each in enumerate(found)
    ]
    return door.render("agreements.html", versions=versions, house=house[member_id], member_id=member_id)


def _compared(before: Any, after: Any) -> list[tuple[str, list[str], list[str], list[str]]]:
    """By field: (what it is, what is gone, what is new, what stays)."""

    def told(each: Any) -> dict[str, list[str]]:
        return {
            _("用途"): [str(p) for p in each.purposes],
            _("数据类别"): [str(d) for d in each.data_types],
            _("每日限额"): [f"{name} {count:,}" for name, count in sorted(each.budgets.items())],
            _("联系方式"): [f"{name} {address}" for name, address in sorted(each.contacts.items())],
            _("生效日"): [str(day_of(each.effective_from))],
        }

    new, old = told(after), told(before) if before is not None else {}
    return [
        (
            name,
            [value for value in old.get(name, []) if value not in values],
            [value for value in values if before is not None and value not in old[name]],
            [value for value in values if before is None or value in old[name]],
        )
        for name, values in new.items()
    ]


def _waiting(door: Door) -> Iterator[Work]:
    if not is_officer(door):
        return
    found = service.expiring_keys(door.session, WARN_DAYS)[:50]
    houses = names(door, {client.member_id for _key, client in found})
    for key, client in found:
        yield Work(
            languages.both("密钥将到期：", "A key expires: ") + f"{houses.get(client.member_id, '—')} {client.name}",
            url_for("admin.client", member_id=client.member_id, client_id=client.id),
            _("提醒机构轮换"), day_of(key.expires_at),
        )  # fmt: skip


WORK["admin"].append(_waiting)
