"""登录 Signing in: links, password with a dynamic code, passkeys; proving it again; one's own account."""

from typing import Any
from uuid import UUID

import segno
from cryptography.exceptions import InvalidTag
from flask import Flask, Response, flash, g, request
from flask_babel import gettext as _
from markupsafe import Markup

from gongxin.accounts import passkeys, queries, rules, sessions, sign_in
from gongxin.accounts.models import Account
from gongxin.errors import Invalid, NotFound, Unauthenticated
from gongxin.sealed import seal, unseal

from .. import languages
from ..face import Door, as_registry, page
from ..formats import moment

METHODS = {
    "password": ("密码与动态口令", "password and code"),
    "passkey": ("通行密钥", "passkey"),
    "link": ("一次性链接", "one-time link"),
    "single_sign_on": ("单点登录", "single sign-on"),
}
OUTCOMES = {"signed_in": ("登录", "signed in"), "proven": ("再次确认", "confirmed"), "refused": ("被拒", "refused")}


def register(app: Flask) -> None:
    face = app.name.removeprefix("gongxin_")
    wrong = Unauthenticated(
        "sign_in_refused",
        zh="登录名、密码或动态口令不对",
        en="The login, the password or the code is not right",
        fix_zh="三项中任何一项不对都会这样提示；动态口令每个只能用一次。",
        fix_en="Any of the three may be wrong; each dynamic code works once.",
        pointer="/login",
    )

    @page(app, f"{face}.sign_in", "/sign-in", ("GET", "POST"))
    def form(door: Door) -> Response:
        if door.account is not None:
            return door.go("home")
        if request.method == "GET":
            return door.render("sign_in.html", form={}, next=request.args.get("next", ""))
        with door.attempting() as tried:
            account = _by_password(door, request.form.get("login", ""), "signed_in")
        if tried.error is None and account is not None and belongs(door, account):
            door.sign_in(account, "password")
            return door.to(door.safe_next())
        typed = {"login": request.form.get("login", "")[:40]}
        return door.render("sign_in.html", error=tried.error or wrong, form=typed, next=request.form.get("next", ""))

    @page(app, f"{face}.passkey_options", "/passkey-options")
    def options(door: Door) -> Response:
        purpose = "prove" if request.args.get("purpose") == "prove" else "sign_in"
        return Response(passkeys.request_options(door.session, door.config, purpose), mimetype="application/json")

    @page(app, f"{face}.sign_in_passkey", "/sign-in/passkey", ("POST",))
    def by_passkey(door: Door) -> Response:
        account = passkeys.sign_in(door.session, door.config, credential=request.form.get("credential", ""), face=face)
        if account is None or not belongs(door, account):
            return door.render("sign_in.html", error=_passkey_refused(), form={}, next=request.args.get("next", ""))
        door.sign_in(account, "passkey")
        return door.to(door.safe_next())

    @page(app, f"{face}.link", "/link/<token>", ("GET", "POST"))
    def link(door: Door, token: str) -> Response:
        account = sign_in.by_link(door.session, door.config, token=token, face=face)
        if not belongs(door, account):
            raise _other_face()
        door.sign_in(account, "link")
        return door.go("home")

    @page(app, f"{face}.set_up", "/set-up/<token>", ("GET", "POST"))
    def set_up(door: Door, token: str) -> Response:
        account = sign_in.find_link(door.session, token, "set_up")
        if not belongs(door, account):
            raise _other_face()
        secret = _opened(door, account) if request.method == "POST" else sign_in.new_secret()
        if request.method == "POST":
            with door.attempting() as tried:
                codes = sign_in.set_password(
                    door.session, door.config, account, password=request.form.get("password", ""),
                    secret=secret, code=request.form.get("code", ""),
                )  # fmt: skip
            if tried.error is None:
                sign_in.use_link(door.session, token, "set_up")
                sessions.end_all(door.session, account)
                door.sign_in(account, "link")
                return door.render("recovery.html", codes=codes)
            return _set_up_page(door, account, token, secret, tried.error)
        return _set_up_page(door, account, token, secret, None)

    @page(app, f"{face}.set_up_passkey", "/set-up/<token>/passkey", ("GET", "POST"))
    def set_up_passkey(door: Door, token: str) -> Response:
        account = sign_in.find_link(door.session, token, "set_up")
        if not belongs(door, account):
            raise _other_face()
        if request.method == "GET":
            made = passkeys.creation_options(door.session, door.config, account)
            return Response(made, mimetype="application/json")
        with door.attempting() as tried:
            passkeys.add(
                door.session,
                door.config,
                account,
                credential=request.form.get("credential", ""),
                name=_("首个通行密钥"),
            )
        if tried.error is not None:
            return _set_up_page(door, account, token, sign_in.new_secret(), tried.error)
        sign_in.use_link(door.session, token, "set_up")
        sessions.end_all(door.session, account)
        door.sign_in(account, "passkey")
        return door.go("home")

    @page(app, f"{face}.sign_out", "/sign-out", ("POST",))
    def out(door: Door) -> Response:
        with as_registry(door):
            assert door.kept is not None
            sessions.end(door.session, door.me, door.kept.id)
        g.new_token = None
        return door.go("sign_in")

    @page(app, f"{face}.prove", "/prove", ("GET", "POST"))
    def prove(door: Door) -> Response:
        if request.method == "GET":
            return door.render("prove.html", next=door.safe_next())
        with as_registry(door), door.attempting() as tried:
            account = _by_password(door, door.me.login, "proven")
        return _proven(door, account if tried.error is None else None, tried.error or wrong)

    @page(app, f"{face}.prove_passkey", "/prove/passkey", ("POST",))
    def prove_by_passkey(door: Door) -> Response:
        with as_registry(door):
            account = passkeys.sign_in(
                door.session, door.config, credential=request.form.get("credential", ""), face=face,
                purpose="prove", only=door.me,
            )  # fmt: skip
        return _proven(door, account, _passkey_refused())

    @page(app, f"{face}.own_account", "/account")
    def own(door: Door) -> Response:
        with as_registry(door):
            keys = [
                [key.name, moment(key.created_at), moment(key.used_at)]
                for key in queries.passkeys(door.session, door.me.id)
            ]
            records = [
                [moment(record.at), languages.both(*METHODS[record.method]), languages.both(*OUTCOMES[record.outcome])]
                for record in queries.sign_ins(door.session, door.me.id)
            ]
            sessions = queries.live_sessions(door.session, door.me.id)
        roles = [languages.both(*rules.ROLES[role][1:]) for role in door.me.roles]
        return door.render("own_account.html", keys=keys, records=records, sessions=sessions, roles=roles)

    @page(app, f"{face}.end_session", "/account/sessions/end", ("POST",))
    def end_session(door: Door) -> Response:
        try:
            wanted = UUID(request.form.get("session_id", ""))
        except ValueError:
            raise NotFound("session_not_found", zh="没有这个会话", en="There is no such session") from None
        with as_registry(door):
            sessions.end(door.session, door.me, wanted)
        flash(_("会话已结束。"), "good")
        return door.go("own_account")

    @page(app, f"{face}.language", "/language/<code>")
    def language(door: Door, code: str) -> Response:
        if code not in languages.CODES:
            raise NotFound("no_such_language", zh="没有这种语言", en="There is no such language")
        g.new_language = code
        if door.account is not None:
            from gongxin.accounts import service

            service.change_language(door.session, door.account.id, code)
        return door.to(door.safe_next("home" if door.account else "sign_in"))


def _by_password(door: Door, login: str, purpose: str) -> Account | None:
    return sign_in.by_password(
        door.session, door.config, login=login[:64],
        password=request.form.get("password", "")[: rules.MAX_PASSWORD + 1], code=request.form.get("code", "")[:32],
        face=door.face.name, purpose=purpose,
    )  # fmt: skip


def belongs(door: Door, account: Account) -> bool:
    """The association's and regulators' people enter at /admin, the members' at /portal."""
    from gongxin.members import queries as members

    overseeing = members.get_member(door.session, account.member_id).kind in rules.OVERSIGHT
    return overseeing == (door.face.name == "admin")


def _proven(door: Door, account: Account | None, wrong: Any) -> Response:
    if account is None or door.kept is None:
        return door.render("prove.html", error=wrong, next=door.safe_next())
    with as_registry(door):
        sessions.prove(door.session, door.kept)
    flash(_("身份已确认；十分钟内可以作出决定。"), "good")
    return door.to(door.safe_next())


def _set_up_page(door: Door, account: Account, token: str, secret: str, error: Any) -> Response:
    uri = sign_in.totp_uri(secret, account, "Gongxin")
    code = segno.make(uri, error="m").svg_inline(scale=4, border=2, svgclass=None, lineclass=None)
    sealed = seal(door.config.master_key, f"set-up:{account.id}", secret.encode()).hex()
    return door.render(
        "set_up.html",
        account=account,
        token=token,
        secret=secret,
        sealed=sealed,
        qr=Markup(code),  # noqa: S704
        error=error,
    )


def _opened(door: Door, account: Account) -> str:
    """The secret the page was made with; whoever changes it is refused."""
    try:
        sealed = bytes.fromhex(request.form.get("sealed", ""))
        return unseal(door.config.master_key, f"set-up:{account.id}", sealed).decode()
    except (ValueError, InvalidTag):
        raise Invalid(
            "form_expired", zh="表单已失效", en="The form is no longer valid",
            fix_zh="请重新打开链接。", fix_en="Open the link again.",
        ) from None  # fmt: skip


def _passkey_refused() -> Unauthenticated:
    return Unauthenticated(
        "passkey_refused",
        zh="通行密钥未通过验证",
        en="The passkey did not verify",
        fix_zh="重新载入页面再试，或改用密码。",
        fix_en="Reload the page and try again, or use the password.",
    )


def _other_face() -> NotFound:
    return NotFound(
        "other_face",
        zh="此链接不属于这里",
        en="This link does not belong here",
        fix_zh="协会与监管人员使用 /admin，会员机构人员使用 /portal。",
        fix_en="The association's and regulators' people use /admin, members' people /portal.",
    )
