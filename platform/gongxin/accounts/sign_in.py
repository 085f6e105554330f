"""Who signs in and how: a link, a password with a dynamic code, a member's own provider (`passkeys.py` has passkeys).

Whatever is refused is recorded, so a refusal here is a return value: whoever calls commits, then answers. Everything in
this module runs as the registry (`name_caller(session, None, "registry")`), before anybody is known.
"""

import hmac
import secrets
from datetime import timedelta
from functools import cache

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.config import Config
from gongxin.errors import Invalid, NotFound
from gongxin.sealed import seal, unseal

from . import attempts, queries, rules, service
from .models import Account, Password, RecoveryCode

TOTP_SECONDS = 30


# --- links ----------------------------------------------------------------------------------------------------------


def find_link(session: Session, token: str, purpose: str) -> Account:
    """The account a link is for. Raises NotFound where it is unknown, used, run out, or its account closed."""
    invitation = queries.find_invitation(session, service.digest(token))
    dead = (
        invitation is None
        or invitation.purpose != purpose
        or invitation.used_at
        or invitation.expires_at <= clock.now()
    )
    account = None if invitation is None or dead else queries.get_account(session, invitation.account_id)
    if account is None or account.state not in {"invited", "active"}:
        raise NotFound(
            "link_not_valid",
            zh="链接无效或已使用",
            en="The link is not valid, or was used",
            fix_zh="请本机构管理员或协会重新发送。",
            fix_en="Ask your administrator or the association for a new one.",
        )
    return account


def use_link(session: Session, token: str, purpose: str) -> Account:
    """As `find_link`; from now on the link is used and the account active."""
    account = find_link(session, token, purpose)
    invitation = queries.find_invitation(session, service.digest(token))
    assert invitation is not None
    invitation.used_at = clock.now()
    if account.state == "invited":
        account.state = "active"
    session.flush()
    return account


def new_secret() -> str:
    """A secret of dynamic codes, base32 (RFC 6238: 160 bits)."""
    return pyotp.random_base32()


def totp_uri(secret: str, account: Account, registry_name: str) -> str:
    """What an authenticator application scans."""
    return pyotp.TOTP(secret).provisioning_uri(name=account.login, issuer_name=registry_name)


def set_password(
    session: Session, config: Config, account: Account, *, password: str, secret: str, code: str
) -> tuple[str, ...]:
    """Password and dynamic codes, both anew, and ten recovery codes, told once. Raises Invalid where the password is
    weak or `code` is not what `secret` gives now."""
    rules.check_password(password, account.login)
    step = _step_of(secret, code, 0)
    if step is None:
        raise Invalid(
            "wrong_code",
            zh="动态口令不对",
            en="The dynamic code is not right",
            fix_zh="核对手机时间，输入应用当前显示的 6 位数字。",
            fix_en="Check the phone's clock and type the six digits it shows now.",
            pointer="/code",
        )
    sealed = seal(config.master_key, f"totp:{account.id}", secret.encode())
    now = clock.now()
    found = queries.find_password(session, account.id)
    if found is None:
        session.add(
            Password(
                account_id=account.id, hash=_hasher().hash(password), sealed_totp=sealed, last_step=step, changed_at=now
            )
        )
    else:
        found.hash, found.sealed_totp, found.last_step, found.changed_at = _hasher().hash(password), sealed, step, now
    for old in queries.recovery_codes(session, account.id):
        session.delete(old)
    session.flush()
    codes = tuple(f"{secrets.token_hex(3)}-{secrets.token_hex(3)}" for _ in range(rules.RECOVERY_CODES))
    session.add_all(RecoveryCode(account_id=account.id, digest=service.digest(code)) for code in codes)
    attempts.note(session, account, "password and dynamic codes set")
    return codes


# --- password -------------------------------------------------------------------------------------------------------


def by_password(
    session: Session, config: Config, *, login: str, password: str, code: str, face: str, purpose: str = "signed_in"
) -> Account | None:
    """The account, or None after recording the refusal. An unknown login costs the same time as a wrong password.
    Raises TooMany while guesses must wait."""
    key = attempts.login_digest(config, login)
    now = clock.now()
    count, newest = queries.failures(session, key, now - timedelta(minutes=rules.WINDOW_MINUTES))
    rules.check_guesses(count, newest, now)
    account = queries.find_account(session, login)
    kept = queries.find_password(session, account.id) if account is not None else None
    known = _matches(kept.hash if kept is not None else _nobodys(), password[: rules.MAX_PASSWORD])
    if account is not None and kept is not None and known and account.state == "active":
        step = _step_of(
            unseal(config.master_key, f"totp:{account.id}", kept.sealed_totp).decode(), code, kept.last_step
        )
        if step is not None:
            kept.last_step = step
            return attempts.record(session, account, key, "password", purpose, face)
        recovery = queries.find_recovery_code(session, account.id, service.digest(code.strip().lower()))
        if recovery is not None:
            recovery.used_at = now
            attempts.note(session, account, "a recovery code was used")
            return attempts.record(session, account, key, "password", purpose, face)
    return attempts.record(session, None, key, "password", "refused", face, account)


def _matches(kept: str, password: str) -> bool:
    try:
        return _hasher().verify(kept, password)
    except Argon2Error:
        return False


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()  # RFC 9106's second recommended choice: 64 MiB, three passes


@cache
def _nobodys() -> str:
    return _hasher().hash(secrets.token_urlsafe(24))


def _step_of(secret: str, code: str, after: int) -> int | None:
    """The time step a code belongs to (now, or the one beside, RFC 6238 section 5.2), later than `after`."""
    now = clock.epoch_seconds() // TOTP_SECONDS
    totp = pyotp.TOTP(secret)
    for step in (now, now - 1, now + 1):
        if step > after and hmac.compare_digest(totp.at(step * TOTP_SECONDS), "".join(code.split()).zfill(6)[:64]):
            return step
    return None


# --- others ---------------------------------------------------------------------------------------------------------


def by_link(session: Session, config: Config, *, token: str, face: str) -> Account:
    """Signs in by a link for demonstrations. Raises NotFound as `find_link`, and always in production."""
    if config.production:
        raise NotFound("link_not_valid", zh="链接无效或已使用", en="The link is not valid, or was used")
    account = use_link(session, token, "sign_in")
    attempts.record(session, account, attempts.login_digest(config, account.login), "link", "signed_in", face)
    return account


def by_provider(session: Session, config: Config, account: Account, *, proven: bool, face: str) -> None:
    """Records that a single sign-on let this person in, or confirmed who they are."""
    outcome = "proven" if proven else "signed_in"
    attempts.record(session, account, attempts.login_digest(config, account.login), "single_sign_on", outcome, face)
