"""The record of who tried to sign in and what came of it, and of what a person changed in their own account."""

import hashlib
import hmac

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config

from .models import Account, AccountChange, SignIn


def login_digest(config: Config, login: str) -> bytes:
    """Keyed, so that what was typed by mistake is not kept, and unknown logins count like known ones."""
    return hmac.new(config.pepper, b"sign-in:" + login.encode("utf-8", "replace"), hashlib.sha256).digest()


def record(
    session: Session,
    account: Account | None,
    key: bytes,
    method: str,
    outcome: str,
    face: str,
    tried: Account | None = None,
) -> Account | None:
    """Records the attempt and returns the account; `tried` is whose it would have been."""
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


def note(session: Session, account: Account, what: str) -> None:
    session.add(
        AccountChange(
            id=ids.new_id(), account_id=account.id, what=what, reason="", actor=account.login, changed_at=clock.now()
        )
    )
    session.flush()
