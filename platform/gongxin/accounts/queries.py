"""Every SELECT on accounts, what proves them, and their sessions."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gongxin.errors import NotFound

from .models import (
    Account,
    AccountChange,
    AccountLink,
    Invitation,
    PageSession,
    Passkey,
    Password,
    RecoveryCode,
    SignIn,
)


def get_account(session: Session, account_id: uuid.UUID) -> Account:
    """As it stands now. Raises NotFound, also where it is another member's."""
    found = session.get(Account, account_id, populate_existing=True)
    if found is None:
        raise NotFound("account_not_found", zh="没有这个账号", en="There is no such account")
    return found


def find_account(session: Session, login: str) -> Account | None:
    return session.scalars(select(Account).where(Account.login == login)).first()


def get_account_by_login(session: Session, login: str) -> Account:
    """Raises NotFound."""
    found = find_account(session, login)
    if found is None:
        raise NotFound("account_not_found", zh="没有这个账号", en="There is no such account")
    return found


def accounts(session: Session, member_id: uuid.UUID | None = None) -> Sequence[Account]:
    """By login; of one member where named."""
    wanted = select(Account)
    if member_id is not None:
        wanted = wanted.where(Account.member_id == member_id)
    return session.scalars(wanted.order_by(Account.login)).all()


def changes(session: Session, account_id: uuid.UUID) -> Sequence[AccountChange]:
    """Oldest first."""
    return session.scalars(
        select(AccountChange).where(AccountChange.account_id == account_id).order_by(AccountChange.id)
    ).all()


def find_invitation(session: Session, token_digest: bytes) -> Invitation | None:
    return session.scalars(select(Invitation).where(Invitation.token_digest == token_digest).with_for_update()).first()


def find_password(session: Session, account_id: uuid.UUID) -> Password | None:
    """Locked, so that two uses of one dynamic code wait for each other."""
    return session.scalars(select(Password).where(Password.account_id == account_id).with_for_update()).first()


def recovery_codes(session: Session, account_id: uuid.UUID) -> Sequence[RecoveryCode]:
    return session.scalars(
        select(RecoveryCode).where(RecoveryCode.account_id == account_id).order_by(RecoveryCode.digest)
    ).all()


def find_recovery_code(session: Session, account_id: uuid.UUID, digest: bytes) -> RecoveryCode | None:
    """One that has not been used."""
    return session.scalars(
        select(RecoveryCode)
        .where(RecoveryCode.account_id == account_id, RecoveryCode.digest == digest, RecoveryCode.used_at.is_(None))
        .with_for_update()
    ).first()


def find_passkey(session: Session, credential_id: bytes) -> Passkey | None:
    """One that has not been removed."""
    return session.scalars(
        select(Passkey).where(Passkey.credential_id == credential_id, Passkey.removed_at.is_(None)).with_for_update()
    ).first()


def passkeys(session: Session, account_id: uuid.UUID) -> Sequence[Passkey]:
    """Those in use, oldest first."""
    return session.scalars(
        select(Passkey)
        .where(Passkey.account_id == account_id, Passkey.removed_at.is_(None))
        .order_by(Passkey.created_at)
    ).all()


def find_link(session: Session, issuer: str, subject: str) -> Account | None:
    """The account that this person of a provider has."""
    return session.scalars(
        select(Account)
        .join(AccountLink, AccountLink.account_id == Account.id)
        .where(AccountLink.issuer == issuer, AccountLink.subject == subject)
    ).first()


def is_linked(session: Session, account_id: uuid.UUID) -> bool:
    return session.scalars(select(AccountLink).where(AccountLink.account_id == account_id)).first() is not None


def find_session(session: Session, token_digest: bytes) -> tuple[PageSession, Account] | None:
    """A session with its account, whether it is over or not."""
    row = session.execute(
        select(PageSession, Account)
        .join(Account, Account.id == PageSession.account_id)
        .where(PageSession.token_digest == token_digest)
    ).first()
    return (row[0], row[1]) if row is not None else None


def live_sessions(session: Session, account_id: uuid.UUID) -> Sequence[PageSession]:
    """Those not ended, newest first; some may have run out."""
    return session.scalars(
        select(PageSession)
        .where(PageSession.account_id == account_id, PageSession.ended_at.is_(None))
        .order_by(PageSession.id.desc())
    ).all()


def failures(session: Session, login_digest: bytes, since: datetime) -> tuple[int, datetime | None]:
    """How many refused attempts since the last that succeeded, and the newest of them."""
    succeeded = select(func.max(SignIn.at)).where(SignIn.login_digest == login_digest, SignIn.outcome != "refused")
    after = session.scalar(succeeded)
    wanted = select(func.count(), func.max(SignIn.at)).where(
        SignIn.login_digest == login_digest, SignIn.outcome == "refused", SignIn.at > max(since, after or since)
    )
    count, newest = session.execute(wanted).one()
    return count, newest


def sign_ins(session: Session, account_id: uuid.UUID, limit: int = 50) -> Sequence[SignIn]:
    """Newest first."""
    return session.scalars(
        select(SignIn).where(SignIn.account_id == account_id).order_by(SignIn.at.desc()).limit(limit)
    ).all()
