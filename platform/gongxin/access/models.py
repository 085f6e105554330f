"""Clients and their public keys; the registry's signing keys; what was used once; what was revoked."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from gongxin.db import Base

_KID = "kid ~ '^[A-Za-z0-9_-]{43}$'"


class Client(Base):
    """A program of a member that asks for tokens. Never changed; revoked once. The web role cannot read the digest."""

    __tablename__ = "clients"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        CheckConstraint("char_length(name) between 1 and 100", name="name"),
        CheckConstraint(
            "auth_method in ('private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth',"
            " 'client_secret_basic')",
            name="auth_method",
        ),
        CheckConstraint("jsonb_typeof(scopes) = 'array' and scopes <> '[]'", name="scopes"),
        CheckConstraint(
            "(auth_method = 'client_secret_basic') = (secret_digest is not null) and octet_length(secret_digest) = 32",
            name="secret",
        ),
        CheckConstraint(
            """auth_method <> 'client_secret_basic' or scopes <@ '["members.read", "keys.read"]'""", name="low_risk"
        ),
        Index("ix_clients_member_id", "member_id", "id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    name: Mapped[str] = mapped_column(Text)
    auth_method: Mapped[str] = mapped_column(Text)
    scopes: Mapped[list[str]]
    secret_digest: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True, deferred_raiseload=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ClientKey(Base):
    """A public key (`kid`: RFC 7638 thumbprint) or, where `public_jwk` is null, a certificate (`kid`: x5t#S256)."""

    __tablename__ = "client_keys"
    __table_args__ = (
        PrimaryKeyConstraint("kid"),
        ForeignKeyConstraint(["client_id"], ["clients.id"]),
        CheckConstraint(_KID, name="kid"),
        CheckConstraint("slot in (1, 2)", name="slot"),
        CheckConstraint("not public_jwk ?| array['d', 'k', 'p', 'q']", name="public"),
        CheckConstraint("expires_at > created_at", name="expires_at"),
        Index("ix_client_keys_slot", "client_id", "slot", unique=True, postgresql_where=text("retired_at is null")),
        Index("ix_client_keys_client_id", "client_id"),
    )
    kid: Mapped[str] = mapped_column(Text)
    client_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    public_jwk: Mapped[dict[str, Any] | None]
    slot: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    retired_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class RegistryKey(Base):
    """What the registry signs with: tokens (ES256), receipts or badges (EdDSA). One live a use; keys of receipts and
    badges stay published, tokens' until `published_until`."""

    __tablename__ = "registry_keys"
    __table_args__ = (
        PrimaryKeyConstraint("kid"),
        CheckConstraint(_KID, name="kid"),
        CheckConstraint(
            "(use, alg) in (('token', 'ES256'), ('receipt', 'EdDSA'), ('badge', 'EdDSA'), ('federation', 'EdDSA'))",
            name="use",
        ),
        CheckConstraint("not public_jwk ? 'd'", name="public"),
        CheckConstraint(
            "published_until is null or use in ('token', 'badge', 'federation') and retired_at is not null",
            name="published_until",
        ),
        Index("ix_registry_keys_one_live", "use", unique=True, postgresql_where=text("retired_at is null")),
    )
    kid: Mapped[str] = mapped_column(Text)
    use: Mapped[str] = mapped_column(Text)
    alg: Mapped[str] = mapped_column(Text)
    public_jwk: Mapped[dict[str, Any]]
    sealed_private: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    retired_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    published_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ProofUse(Base):
    """A DPoP proof that was accepted (SHA-256 over key and jti), kept while it could be replayed. Unlogged."""

    __tablename__ = "proof_uses"
    __table_args__ = (
        PrimaryKeyConstraint("digest"),
        CheckConstraint("octet_length(digest) = 32", name="digest"),
        {"prefixes": ["UNLOGGED"]},
    )
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class AssertionUse(Base):
    """A client assertion that was accepted (SHA-256 over client and jti), kept until it expires."""

    __tablename__ = "assertion_uses"
    __table_args__ = (
        PrimaryKeyConstraint("digest"),
        CheckConstraint("octet_length(digest) = 32", name="digest"),
    )
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class RevokedToken(Base):
    """A token given up before its time (RFC 7009), kept until it expires."""

    __tablename__ = "revoked_tokens"
    __table_args__ = (PrimaryKeyConstraint("token_id"),)
    token_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    client_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
