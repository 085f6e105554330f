"""Agents, the keys they are known by, their history, training and checks. What guards them stands in migration 0013."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gongxin.db import Base
from gongxin_wire.licences import LICENCE_PATTERN

_STATES = "'draft', 'applied', 'checking', 'granted', 'refused', 'suspended', 'revoked', 'expired', 'surrendered'"
_LEVELS = "level in ('basic', 'senior', 'debt_counsellor')"
_MOMENT = DateTime(timezone=True)
_IN_CHINA = "at time zone 'Asia/Shanghai')::date"


class Agent(Base):
    """One person. Moved by the database alone, as an `AgentChange` is recorded; `agency_id` the present or last one."""

    __tablename__ = "agents"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("licence_no"),
        ForeignKeyConstraint(["agency_id"], ["members.id"]),
        ForeignKeyConstraint(["released_to"], ["members.id"]),
        CheckConstraint(f"licence_no ~ '{LICENCE_PATTERN}'", name="licence_no"),
        CheckConstraint(f"state in ({_STATES})", name="state"),
        CheckConstraint("octet_length(photo_sha256) = 32", name="photo"),
        CheckConstraint("education in ('secondary', 'college', 'bachelor', 'postgraduate')", name="education"),
        CheckConstraint(
            "(not released or state = 'granted') and (released_to is null or released)"
            " and released_to is distinct from agency_id",
            name="released",
        ),
        CheckConstraint(
            "state not in ('granted', 'suspended') or (valid_from is not null and valid_until >= valid_from)",
            name="licence",
        ),
        CheckConstraint("(version = 0) = (state = 'draft')", name="version"),
        Index("ix_agents_agency_id_id", "agency_id", "id"),
        Index("ix_agents_suspended", "id", postgresql_where=text("state = 'suspended'")),
        Index("ix_agents_valid_until", "valid_until", "id", postgresql_where=text("state in ('granted', 'suspended')")),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    licence_no: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    agency_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    released: Mapped[bool] = mapped_column(Boolean)
    released_to: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    photo_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    adult_as_of: Mapped[date] = mapped_column(Date)
    declared_on: Mapped[date] = mapped_column(Date)
    education: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    barred_until: Mapped[date | None] = mapped_column(Date)
    version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(_MOMENT)
    changed_at: Mapped[datetime] = mapped_column(_MOMENT)


class AgentKey(Base):
    """The key under which an epoch knows the person; one person is one agent."""

    __tablename__ = "agent_keys"
    __table_args__ = (
        PrimaryKeyConstraint("agent_id", "epoch"),
        UniqueConstraint("epoch", "subject_key", name="uq_agent_keys_epoch_subject_key"),
        ForeignKeyConstraint(["agent_id"], ["agents.id"]),
        CheckConstraint("octet_length(subject_key) = 32", name="subject_key"),
        CheckConstraint("epoch between 1 and 32767", name="epoch"),
    )
    agent_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    epoch: Mapped[int] = mapped_column(Integer)
    subject_key: Mapped[bytes] = mapped_column(LargeBinary)


class AgentEngagement(Base):
    """A spell at an agency; written by the trigger that takes a change, and by nothing else."""

    __tablename__ = "agent_engagements"
    __table_args__ = (
        PrimaryKeyConstraint("agent_id", "began_at"),
        ForeignKeyConstraint(["agent_id"], ["agents.id"]),
        ForeignKeyConstraint(["agency_id"], ["members.id"]),
        CheckConstraint("ended_at >= began_at", name="order"),
        Index("ix_agent_engagements_one", "agent_id", unique=True, postgresql_where=text("ended_at is null")),
    )
    agent_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    agency_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    began_at: Mapped[datetime] = mapped_column(_MOMENT)
    ended_at: Mapped[datetime | None] = mapped_column(_MOMENT)


class AgentIdentity(Base):
    """The name, sealed under a key of its own, which lies sealed under the master key that `key_id` names."""

    __tablename__ = "agent_identities"
    __table_args__ = (
        PrimaryKeyConstraint("agent_id"),
        ForeignKeyConstraint(["agent_id"], ["agents.id"]),
        CheckConstraint("key_id ~ '^[0-9a-f]{16}$'", name="key_id"),
        CheckConstraint("octet_length(sealed_key) = 60 and octet_length(sealed) between 29 and 4096", name="sealed"),
        Index("ix_agent_identities_key_id_agent_id", "key_id", "agent_id"),
    )
    agent_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    sealed_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[str] = mapped_column(Text)


class AgentChange(Base):
    """One move; recording it makes it so. An application brings its own declaration and photograph."""

    __tablename__ = "agent_changes"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("agent_id", "version"),
        ForeignKeyConstraint(["agent_id"], ["agents.id"]),
        ForeignKeyConstraint(["agency_id"], ["members.id"]),
        CheckConstraint(f"state in ({_STATES}) and state <> 'draft'", name="state"),
        CheckConstraint("char_length(reason) between 1 and 200", name="reason"),
        CheckConstraint("char_length(changed_by) between 1 and 128", name="changed_by"),
        CheckConstraint(
            "num_nonnulls(education, photo_sha256, adult_as_of, declared_on) = case when action = 'apply' then 4 else 0"
            " end and octet_length(photo_sha256) = 32",
            name="application",
        ),
        CheckConstraint("(action in ('refuse', 'revoke')) = (barred_until is not null)", name="bar"),
        CheckConstraint("(action in ('grant', 'renew', 'reinstate')) = (valid_until is not null)", name="term"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    agent_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    version: Mapped[int] = mapped_column(Integer)
    action: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    agency_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    released_to: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    valid_until: Mapped[date | None] = mapped_column(Date)
    barred_until: Mapped[date | None] = mapped_column(Date)
    reason: Mapped[str] = mapped_column(Text)
    changed_by: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(_MOMENT)
    education: Mapped[str | None] = mapped_column(Text)
    photo_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    adult_as_of: Mapped[date | None] = mapped_column(Date)
    declared_on: Mapped[date | None] = mapped_column(Date)


class TrainingHours(Base):
    """Hours of one course on one day."""

    __tablename__ = "training_hours"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("agent_id", "course", "completed_on", name="uq_training_hours_agent_id_course_completed_on"),
        ForeignKeyConstraint(["agent_id"], ["agents.id"]),
        CheckConstraint("course ~ '^[a-z_]{1,32}$'", name="course"),
        CheckConstraint("hours between 1 and 24", name="hours"),
        CheckConstraint(f"completed_on <= (recorded_at {_IN_CHINA}", name="completed_on"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    agent_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    course: Mapped[str] = mapped_column(Text)
    hours: Mapped[int] = mapped_column(Integer)
    completed_on: Mapped[date] = mapped_column(Date)
    recorded_at: Mapped[datetime] = mapped_column(_MOMENT)


class Examination(Base):
    """One sitting, with the mark to pass then; the examiner's institution is never the agent's own agency."""

    __tablename__ = "examinations"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("agent_id", "level", "sat_on", name="uq_examinations_agent_id_level_sat_on"),
        ForeignKeyConstraint(["agent_id"], ["agents.id"]),
        ForeignKeyConstraint(["examiner_id"], ["members.id"]),
        CheckConstraint(_LEVELS, name="level"),
        CheckConstraint("score between 0 and 100 and pass_mark between 1 and 100", name="score"),
        CheckConstraint("examiner_ref ~ '^[0-9A-Za-z-]{1,32}$'", name="examiner_ref"),
        CheckConstraint(f"sat_on <= (recorded_at {_IN_CHINA}", name="sat_on"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    agent_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    level: Mapped[str] = mapped_column(Text)
    sat_on: Mapped[date] = mapped_column(Date)
    score: Mapped[int] = mapped_column(Integer)
    pass_mark: Mapped[int] = mapped_column(Integer)
    examiner_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    examiner_ref: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(_MOMENT)


class Certificate(Base):
    """What a passed examination and the hours gave; a later one of the same level prolongs it."""

    __tablename__ = "certificates"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("examination_id"),
        ForeignKeyConstraint(["agent_id"], ["agents.id"]),
        ForeignKeyConstraint(["examination_id"], ["examinations.id"]),
        CheckConstraint(_LEVELS, name="level"),
        CheckConstraint("valid_until > issued_on", name="valid_until"),
        Index("ix_certificates_agent_id_level_valid_until", "agent_id", "level", "valid_until"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    agent_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    level: Mapped[str] = mapped_column(Text)
    examination_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    issued_on: Mapped[date] = mapped_column(Date)
    valid_until: Mapped[date] = mapped_column(Date)
    rules_version: Mapped[int] = mapped_column(Integer)
    issued_at: Mapped[datetime] = mapped_column(_MOMENT)


class CertificateWithdrawal(Base):
    """A certificate that counts no more; it stays on record. A licence that rests on it does not stay in force."""

    __tablename__ = "certificate_withdrawals"
    __table_args__ = (
        PrimaryKeyConstraint("certificate_id"),
        ForeignKeyConstraint(["certificate_id"], ["certificates.id"]),
        ForeignKeyConstraint(["agent_id"], ["agents.id"]),
        ForeignKeyConstraint(["withdrawn_by"], ["members.id"]),
        CheckConstraint("char_length(reason) between 1 and 200", name="reason"),
        Index("ix_certificate_withdrawals_agent_id", "agent_id"),
    )
    certificate_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    agent_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    reason: Mapped[str] = mapped_column(Text)
    withdrawn_by: Mapped[uuid.UUID] = mapped_column(Uuid)
    withdrawn_at: Mapped[datetime] = mapped_column(_MOMENT)


class AgentCheck(Base):
    """Who checked whom, and why. `items`: {agent_id, consent} in their order."""

    __tablename__ = "agent_checks"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["member_id"], ["members.id"]),
        CheckConstraint("purpose in ('placement', 'hiring', 'supervision')", name="purpose"),
        CheckConstraint("jsonb_array_length(items) between 1 and 1000", name="items"),
        CheckConstraint(
            "purpose <> 'hiring' or not jsonb_path_exists(items, '$[*] ? (!exists (@.consent))')", name="consent"
        ),
        Index("ix_agent_checks_member_id_id", "member_id", "id"),
        Index("ix_agent_checks_items", "items", postgresql_using="gin", postgresql_ops={"items": "jsonb_path_ops"}),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    asked_at: Mapped[datetime] = mapped_column(_MOMENT)
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    client_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    purpose: Mapped[str] = mapped_column(Text)
    items: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    fields: Mapped[list[str]]


class AgentRecord(Base):
    """One entry of a credit record, or what supersedes one; never changed. `recorded_by`: who stands for it."""

    __tablename__ = "agent_records"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("agent_id", "id", name="uq_agent_records_agent_id_id"),
        UniqueConstraint("supersedes"),
        ForeignKeyConstraint(["agent_id"], ["agents.id"]),
        ForeignKeyConstraint(
            ["agent_id", "supersedes"],
            ["agent_records.agent_id", "agent_records.id"],
            name="fk_agent_records_agent_id_supersedes",
        ),
        ForeignKeyConstraint(["recorded_by"], ["members.id"]),
        CheckConstraint(
            "case kind when 'violation' then severity in ('S1', 'S2', 'S3') and severity is not null"
            " and certainty in ('proven', 'established', 'alleged') and certainty is not null"
            " when 'commendation' then severity is null and certainty is null else false end",
            name="kind",
        ),
        CheckConstraint("char_length(basis) between 1 and 200", name="basis"),
        CheckConstraint(f"occurred_on <= (recorded_at {_IN_CHINA}", name="occurred_on"),
        CheckConstraint("not withdrawn or supersedes is not null", name="withdrawn"),
        Index("ix_agent_records_agent_id_id", "agent_id", "id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    agent_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(Text)
    severity: Mapped[str | None] = mapped_column(Text)
    certainty: Mapped[str | None] = mapped_column(Text)
    occurred_on: Mapped[date] = mapped_column(Date)
    basis: Mapped[str] = mapped_column(Text)
    withdrawn: Mapped[bool] = mapped_column(Boolean)
    supersedes: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    recorded_by: Mapped[uuid.UUID] = mapped_column(Uuid)
    recorded_at: Mapped[datetime] = mapped_column(_MOMENT)


class AgentResponse(Base):
    """What the person says to an entry, or what was decided on it."""

    __tablename__ = "agent_responses"
    __table_args__ = (
        PrimaryKeyConstraint("id"),
        UniqueConstraint("record_id", "id", name="uq_agent_responses_record_id_id"),
        UniqueConstraint("answers"),
        ForeignKeyConstraint(
            ["agent_id", "record_id"],
            ["agent_records.agent_id", "agent_records.id"],
            name="fk_agent_responses_agent_id_record_id",
        ),
        ForeignKeyConstraint(
            ["record_id", "answers"],
            ["agent_responses.record_id", "agent_responses.id"],
            name="fk_agent_responses_record_id_answers",
        ),
        ForeignKeyConstraint(["said_by"], ["members.id"]),
        CheckConstraint("kind in ('reply', 'objection', 'correction_request', 'decision')", name="kind"),
        CheckConstraint(
            "(kind = 'decision') = (answers is not null and outcome is not null)"
            " and (answers is null) = (outcome is null)",
            name="decision",
        ),
        CheckConstraint("outcome in ('upheld', 'rejected')", name="outcome"),
        CheckConstraint("(kind in ('objection', 'correction_request')) = (due_on is not null)", name="due_on"),
        CheckConstraint("char_length(said) between 1 and 500", name="said"),
        Index("ix_agent_responses_agent_id_id", "agent_id", "id"),
    )
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    agent_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    record_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(Text)
    answers: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    outcome: Mapped[str | None] = mapped_column(Text)
    said: Mapped[str] = mapped_column(Text)
    due_on: Mapped[date | None] = mapped_column(Date)
    said_by: Mapped[uuid.UUID] = mapped_column(Uuid)
    said_at: Mapped[datetime] = mapped_column(_MOMENT)
