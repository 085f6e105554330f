"""Accounts, what proves them, their sessions, who signed in. What guards them stands in migration 0027."""

import uuid
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from gongxin.db import Base

_STAMP = DateTime(timezone=True)


class Account(Base):
    """One person of one member. `state` and `roles` are changed with a row of the history beside."""

    __tablename__ = "accounts"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        UniqueConstraint("login"),
        CheckConstraint("login ~ '…'", name="login"),
        CheckConstraint("char_length(display_name) between 1 and 60", name="display_name"),
        CheckConstraint("…", name="roles"),
        CheckConstraint("language in ('zh', 'en')", name="language"),
        CheckConstraint("state in ('invited', 'active', 'locked', 'closed')", name="state"),
        Index("ix_accounts_member_id_id", "member_id", "id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    login: Mapped[str] = mapped_column(Text)
    display_name: Mapped[str] = mapped_column(Text)
    roles: Mapped[list[str]]
    language: Mapped[str] = mapped_column(Text, server_default="zh")
    state: Mapped[str] = mapped_column(Text, server_default="invited")
    created_at: Mapped[datetime] = mapped_column(_STAMP)

    @property
    def officer(self) -> str:
        """How the books name this person."""
        return self.login.upper()


class AccountChange(Base):
    """What was done to an account, by whom, why. `actor` is an account's login, or `registry`."""

    __tablename__ = "account_changes"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        CheckConstraint("char_length(what) between 1 and 200", name="what"),
        CheckConstraint("char_length(reason) between 0 and 200", name="reason"),
        Index("ix_account_changes_account_id_id", "account_id", "id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    what: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(_STAMP)


class Invitation(Base):
    """A link that works once. `purpose`: `set_up` (choose credentials anew) or `sign_in` (demonstrations only)."""

    __tablename__ = "account_invitations"
    __table_args__ = (
        PrimaryKeyConstraint("token_digest"),
        ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        CheckConstraint("octet_length(token_digest) = 32", name="digest"),
        CheckConstraint("purpose in ('set_up', 'sign_in')", name="purpose"),
    )
    token_digest: Mapped[bytes] = mapped_column(LargeBinary)
    account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    purpose: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(_STAMP)
    used_at: Mapped[datetime | None] = mapped_column(_STAMP)


class Password(Base):
    """argon2id, with the sealed secret of the dynamic codes beside it: the one is never enough without the other."""

    __tablename__ = "account_passwords"
    __table_args__ = (PrimaryKeyConstraint("account_id"), ForeignKeyConstraint(["account_id"], ["accounts.id"]))
    account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    hash: Mapped[str] = mapped_column(Text)
    sealed_totp: Mapped[bytes] = mapped_column(LargeBinary)
    last_step: Mapped[int] = mapped_column(BigInteger, server_default="0")
    changed_at: Mapped[datetime] = mapped_column(_STAMP)


class RecoveryCode(Base):
    """One of ten; used in place of the dynamic code, once."""

    __tablename__ = "account_recovery_codes"
    __table_args__ = (
        PrimaryKeyConstraint("account_id", "digest"),
        ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        CheckConstraint("octet_length(digest) = 32", name="digest"),
    )
    account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    used_at: Mapped[datetime | None] = mapped_column(_STAMP)


class Passkey(Base):
    """A WebAuthn credential."""

    __tablename__ = "account_passkeys"
    __table_args__ = (
        PrimaryKeyConstraint("credential_id"),
        ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        CheckConstraint("octet_length(credential_id) between 16 and 1023", name="credential_id"),
        CheckConstraint("char_length(name) between 1 and 60", name="name"),
        Index("ix_account_passkeys_account_id", "account_id"),
    )
    credential_id: Mapped[bytes] = mapped_column(LargeBinary)
    account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(_STAMP)
    used_at: Mapped[datetime | None] = mapped_column(_STAMP)
    removed_at: Mapped[datetime | None] = mapped_column(_STAMP)


class AccountLink(Base):
    """Who an account is at its member's own OpenID provider (`iss`, `sub`)."""

    __tablename__ = "account_links"
    __table_args__ = (
        PrimaryKeyConstraint("issuer", "subject"),
        UniqueConstraint("account_id"),
        ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        CheckConstraint("char_length(subject) between 1 and 255", name="subject"),
    )
    issuer: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    linked_at: Mapped[datetime] = mapped_column(_STAMP)


class Challenge(Base):
    """What a browser is to sign, once, within five minutes."""

    __tablename__ = "account_challenges"
    __table_args__ = (
        PrimaryKeyConstraint("challenge"),
        CheckConstraint("octet_length(challenge) = 32", name="length"),
        CheckConstraint("purpose in ('register', 'sign_in', 'prove')", name="purpose"),
    )
    challenge: Mapped[bytes] = mapped_column(LargeBinary)
    purpose: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(_STAMP)


class PageSession(Base):
    """A sign-in on one device. The cookie holds the token, the row its digest. `face`: `admin` or `portal`."""

    __tablename__ = "page_sessions"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        UniqueConstraint("token_digest"),
        CheckConstraint("octet_length(token_digest) = 32", name="digest"),
        CheckConstraint("face in ('admin', 'portal')", name="face"),
        CheckConstraint("char_length(device) between 1 and 80", name="device"),
        Index("ix_page_sessions_account_id_id", "account_id", "id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    account_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    token_digest: Mapped[bytes] = mapped_column(LargeBinary)
    face: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(Text)
    device: Mapped[str] = mapped_column(Text)
    began_at: Mapped[datetime] = mapped_column(_STAMP)
    seen_at: Mapped[datetime] = mapped_column(_STAMP)
    proven_at: Mapped[datetime] = mapped_column(_STAMP)
    ended_at: Mapped[datetime | None] = mapped_column(_STAMP)


class SignIn(Base):
    """The record of one attempt. `login_digest` is keyed, so that what was typed by mistake is not kept."""

    __tablename__ = "sign_ins"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        CheckConstraint("octet_length(login_digest) = 32", name="digest"),
        CheckConstraint("method in ('password', 'passkey', 'link', 'single_sign_on')", name="method"),
        CheckConstraint("outcome in ('signed_in', 'proven', 'refused')", name="outcome"),
        Index("ix_sign_ins_login_digest_at", "login_digest", "at"),
        Index("ix_sign_ins_account_id_at", "account_id", "at", postgresql_where=text("account_id is not null")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    account_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    login_digest: Mapped[bytes] = mapped_column(LargeBinary)
    method: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    face: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(_STAMP)
