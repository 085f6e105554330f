"""单点登录 Single sign-on at a member's own OpenID provider: to sign in, and to confirm before a decision."""

from flask import Flask, Response, flash, request, session, url_for
from flask_babel import gettext as _

from gongxin.accounts import sessions, sign_in, single_sign_on
from gongxin.accounts.single_sign_on import Provider
from gongxin.errors import NotFound

from ..face import Door, as_registry, page
from .sign_in import belongs

_KEPT = "single_sign_on"


def register(app: Flask) -> None:
    face = app.name.removeprefix("gongxin_")

    @page(app, f"{face}.single", "/single/<provider>")
    def go(door: Door, provider: str) -> Response:
        # A link, not a form: the policy lets no form lead to another site, not even by a redirect.
        found = _provider(door, provider)
        begun = single_sign_on.begin(found, redirect_uri=_back(door, face, found), fresh=door.account is not None)
        session[_KEPT] = {**begun.kept, "next": door.safe_next()}
        return door.to(begun.address)

    @page(app, f"{face}.single_back", "/single/<provider>/back")
    def back(door: Door, provider: str) -> Response:
        found, kept = _provider(door, provider), session.pop(_KEPT, {})
        with as_registry(door), door.attempting() as tried:
            if kept.get("provider") != found.name:
                raise single_sign_on.refused()
            account = single_sign_on.finish(
                door.session, found, kept, state=request.args.get("state", ""), code=request.args.get("code", ""),
                redirect_uri=_back(door, face, found),
            )  # fmt: skip
            if not belongs(door, account) or (door.account is not None and door.account.id != account.id):
                raise single_sign_on.refused()
        if tried.error is not None:
            template = "sign_in.html" if door.account is None else "prove.html"
            return door.render(template, error=tried.error, form={}, next=kept.get("next", ""))
        sign_in.by_provider(door.session, door.config, account, proven=door.account is not None, face=face)
        if door.kept is not None:
            with as_registry(door):
                sessions.prove(door.session, door.kept)
            flash(_("身份已确认；十分钟内可以作出决定。"), "good")
        else:
            door.sign_in(account, "single_sign_on")
        return door.to(kept["next"])


def _back(door: Door, face: str, provider: Provider) -> str:
    return door.config.pages_at + url_for(f"{face}.single_back", provider=provider.name)


def _provider(door: Door, name: str) -> Provider:
    for each in single_sign_on.providers(door.config.single_sign_on):
        if each.name == name:
            return each
    raise NotFound("provider_not_found", zh="没有这个单点登录服务", en="There is no such single sign-on service")
