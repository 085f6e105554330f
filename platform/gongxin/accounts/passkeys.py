"""通行密钥 Passkeys (WebAuthn Level 3, user verified): made, used to sign in or to prove a person, removed.

Run as the registry, like `sign_in`; a refusal to sign in is recorded and returned, not raised.
"""

import json
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

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

from gongxin import clock
from gongxin.config import Config
from gongxin.errors import Invalid, NotFound

from . import attempts, queries
from .models import Account, Challenge, Passkey

CHALLENGE_MINUTES = 5


def creation_options(session: Session, config: Config, account: Account) -> str:
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


def add(session: Session, config: Config, account: Account, *, credential: str, name: str) -> Passkey:
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
    attempts.note(session, account, "a passkey was added")
    return passkey


def remove(session: Session, account: Account, credential_id: bytes) -> None:
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
    attempts.note(session, account, "a passkey was removed")


def request_options(session: Session, config: Config, purpose: str) -> str:
    """What a browser needs to sign in by any passkey it holds for us (`sign_in`), or to prove its person (`prove`)."""
    return options_to_json(
        generate_authentication_options(
            rp_id=_host(config),
            challenge=_challenge(session, purpose),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )


def sign_in(
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
            key = attempts.login_digest(config, account.login)
            return attempts.record(session, account, key, "passkey", outcome, face)
    except (WebAuthnException, Invalid, ValueError, KeyError, TypeError):
        pass
    name = account.login if account is not None else ""
    return attempts.record(session, None, attempts.login_digest(config, name), "passkey", "refused", face, account)


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
