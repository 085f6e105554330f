"""Who signs in and how: links, password with a dynamic code, passkeys; sessions of the pages.

Whatever is refused is recorded, so a refusal here is a return value: whoever calls commits, then answers. Everything in
this module runs as the registry (`name_caller(session, None, "registry")`), before anybody is known.
"""

import hashlib
import hmac
import json
import secrets
import uuid
from datetime import timedelta
from functools import cache
from urllib.parse import urlsplit

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error
from sqlalchemy import delete
from sqlalchemy.orm import Session
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.errors import Invalid, NotFound
from gongxin.sealed import seal, unseal

from . import queries, rules, service
from .models import Account, AccountChange, Challenge, PageSession, Passkey, Password, RecoveryCode, SignIn

CHALLENGE_MINUTES = 5
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
    _note(session, account, "password and dynamic codes set")
    return codes


# --- password -------------------------------------------------------------------------------------------------------


def by_password(
    session: Session, config: Config, *, login: str, password: str, code: str, face: str, purpose: str = "signed_in"
) -> Account | None:
    """The account, or None after recording the refusal. An unknown login costs the same time as a wrong password.
    Raises TooMany while guesses must wait."""
    key = _login_digest(config, login)
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
            return _told(session, account, key, "password", purpose, face)
        recovery = queries.find_recovery_code(session, account.id, service.digest(code.strip().lower()))
        if recovery is not None:
            recovery.used_at = now
            _note(session, account, "a recovery code was used")
            return _told(session, account, key, "password", purpose, face)
    return _told(session, None, key, "password", "refused", face, account)


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


# --- passkeys -------------------------------------------------------------------------------------------------------


def passkey_options(session: Session, config: Config, account: Account) -> str:
    """What a browser needs to make a passkey for this account (PublicKeyCredentialCreationOptionsJSON)."""
    return options_to_json(
        generate_registration_options(
            rp_id=_host(config),
            rp_name=config.registry_name,
            user_id=account.id.bytes,
            user_name=account.login,
            user_display_name=account.display_name,
            challenge=_challenge(session, "register"),
            exclude_credentials=[
                PublicKeyCredentialDescriptor(id=key.credential_id) for key in queries.passkeys(session, account.id)
            ],
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
        )
    )


def add_passkey(session: Session, config: Config, account: Account, *, credential: str, name: str) -> Passkey:
    """Keeps what the browser made. Raises Invalid where it does not verify."""
    try:
        made = verify_registration_response(
            credential=credential,
            expected_challenge=_spend(session, credential, "register"),
            expected_rp_id=_host(config),
            expected_origin=_origin(config),
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as fault:
        raise _no_passkey() from fault
    passkey = Passkey(
        credential_id=made.credential_id,
        account_id=account.id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        name=(name.strip() or "passkey")[:60],
        created_at=clock.now(),
    )
    session.add(passkey)
    _note(session, account, "a passkey was added")
    return passkey


def remove_passkey(session: Session, account: Account, credential_id: bytes) -> None:
    """Raises NotFound where it is not this account's, Invalid where nothing would be left to sign in with."""
    found = queries.find_passkey(session, credential_id)
    if found is None or found.account_id != account.id:
        raise NotFound("passkey_not_found", zh="没有这个通行密钥", en="There is no such passkey")
    if len(queries.passkeys(session, account.id)) == 1 and queries.find_password(session, account.id) is None:
        raise Invalid(
            "last_credential",
            zh="这是最后一种登录方式",
            en="It is the last way to sign in",
            fix_zh="先添加另一个通行密钥，或设置密码。",
            fix_en="Add another passkey or set a password first.",
        )
    found.removed_at = clock.now()
    _note(session, account, "a passkey was removed")


def ask_options(session: Session, config: Config, purpose: str) -> str:
    """What a browser needs to sign in by any passkey it holds for us (`sign_in`), or to prove its person (`prove`)."""
    return options_to_json(
        generate_authentication_options(
            rp_id=_host(config),
            challenge=_challenge(session, purpose),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )


def by_passkey(
    session: Session,
    config: Config,
    *,
    credential: str,
    face: str,
    purpose: str = "sign_in",
    only: Account | None = None,
) -> Account | None:
    """The account whose passkey signed our challenge, or None after recording the refusal; `only`: nobody else."""
    outcome = "signed_in" if purpose == "sign_in" else "proven"
    account: Account | None = None
    try:
        parsed = parse_authentication_credential_json(credential)
        passkey = queries.find_passkey(session, parsed.raw_id)
        challenge = _spend(session, credential, purpose)
        account = queries.get_account(session, passkey.account_id) if passkey is not None else None
        usable = account is not None and account.state == "active" and (only is None or only.id == account.id)
        if passkey is not None and account is not None and usable:
            proven = verify_authentication_response(
                credential=parsed,
                expected_challenge=challenge,
                expected_rp_id=_host(config),
                expected_origin=_origin(config),
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=True,
            )
            passkey.sign_count, passkey.used_at = proven.new_sign_count, clock.now()
            key = _login_digest(config, account.login)
            return _told(session, account, key, "passkey", outcome, face)
    except (WebAuthnException, Invalid, ValueError, KeyError, TypeError):
        pass
    name = account.login if account is not None else ""
    return _told(session, None, _login_digest(config, name), "passkey", "refused", face, account)


def _challenge(session: Session, purpose: str) -> bytes:
    challenge = secrets.token_bytes(32)
    session.add(
        Challenge(challenge=challenge, purpose=purpose, expires_at=clock.now() + timedelta(minutes=CHALLENGE_MINUTES))
    )
    session.flush()
    return challenge


def _spend(session: Session, credential: str, purpose: str) -> bytes:
    """The challenge this answer is to, deleted, so that it serves once. Raises Invalid."""
    client_data = json.loads(base64url_to_bytes(json.loads(credential)["response"]["clientDataJSON"]))
    spent = session.scalar(
        delete(Challenge)
        .where(
            Challenge.challenge == base64url_to_bytes(client_data["challenge"]),
            Challenge.purpose == purpose,
            Challenge.expires_at > clock.now(),
        )
        .returning(Challenge.challenge)
    )
    if spent is None:
        raise _no_passkey()
    return bytes(spent)


def _host(config: Config) -> str:
    return urlsplit(config.pages_at).hostname or "localhost"


def _origin(config: Config) -> str:
    parts = urlsplit(config.pages_at)
    return f"{parts.scheme}://{parts.netloc}"


def _no_passkey() -> Invalid:
    return Invalid(
        "passkey_refused",
        zh="通行密钥未通过验证",
        en="The passkey did not verify",
        fix_zh="重新载入页面再试。",
        fix_en="Reload the page and try again.",
    )


# --- sessions -------------------------------------------------------------------------------------------------------


def begin(session: Session, account: Account, *, face: str, method: str, device: str) -> str:
    """A new session; its token, which only the cookie holds."""
    token, now = secrets.token_urlsafe(32), clock.now()
    session.add(
        PageSession(
            id=ids.new_id(),
            account_id=account.id,
            token_digest=service.digest(token),
            face=face,
            method=method,
            device=(device.strip() or "?")[:80],
            began_at=now,
            seen_at=now,
            proven_at=now,
        )
    )
    session.flush()
    return token


def by_link(session: Session, config: Config, *, token: str, face: str) -> Account:
    """Signs in by a link for demonstrations. Raises NotFound as `find_link`, and always in production."""
    if config.production:
        raise NotFound("link_not_valid", zh="链接无效或已使用", en="The link is not valid, or was used")
    account = use_link(session, token, "sign_in")
    _told(session, account, _login_digest(config, account.login), "link", "signed_in", face)
    return account


def told(session: Session, config: Config, account: Account, *, proven: bool, face: str) -> None:
    """Records that a single sign-on let this person in, or confirmed who they are."""
    outcome = "proven" if proven else "signed_in"
    _told(session, account, _login_digest(config, account.login), "single_sign_on", outcome, face)


def resume(session: Session, token: str, face: str) -> tuple[PageSession, Account] | None:
    """The live session of this cookie on this face, seen now; None where there is none or it is over."""
    found = queries.find_session(session, service.digest(token))
    if found is None:
        return None
    kept, account = found
    now = clock.now()
    if kept.face != face or account.state != "active" or rules.is_over(_signed(kept), now):
        return None
    if now - kept.seen_at > timedelta(minutes=1):  # a row a page would be a write a page
        kept.seen_at = now
    return kept, account


def must_prove_again(kept: PageSession) -> bool:
    return rules.must_prove_again(_signed(kept), clock.now())


def prove(session: Session, kept: PageSession) -> None:
    kept.proven_at = clock.now()
    session.flush()


def end(session: Session, account: Account, session_id: uuid.UUID) -> None:
    """Ends one of the account's own sessions. Raises NotFound for another's."""
    for kept in queries.live_sessions(session, account.id):
        if kept.id == session_id:
            kept.ended_at = clock.now()
            session.flush()
            return
    raise NotFound("session_not_found", zh="没有这个会话", en="There is no such session")


def end_all(session: Session, account: Account, but: uuid.UUID | None = None) -> int:
    """Ends the account's sessions, all or all but one; how many."""
    ended = [kept for kept in queries.live_sessions(session, account.id) if kept.id != but]
    for kept in ended:
        kept.ended_at = clock.now()
    session.flush()
    return len(ended)


def _signed(kept: PageSession) -> rules.Signed:
    return rules.Signed(kept.began_at, kept.seen_at, kept.proven_at, kept.ended_at)


def _login_digest(config: Config, login: str) -> bytes:
    return hmac.new(config.pepper, b"sign-in:" + login.encode("utf-8", "replace"), hashlib.sha256).digest()


def _told(
    session: Session,
    account: Account | None,
    key: bytes,
    method: str,
    outcome: str,
    face: str,
    tried: Account | None = None,
) -> Account | None:
    """Records the attempt and returns the account."""
    named = account or tried
    session.add(
        SignIn(
            id=ids.new_id(),
            account_id=named.id if named is not None else None,
            login_digest=key,
            method=method,
            outcome=outcome,
            face=face,
            at=clock.now(),
        )
    )
    session.flush()
    return account


def _note(session: Session, account: Account, what: str) -> None:
    session.add(
        AccountChange(
            id=ids.new_id(), account_id=account.id, what=what, reason="", actor=account.login, changed_at=clock.now()
        )
    )
    session.flush()
