"""The verbs: ask, list one's own questions, tell the subject who asked. A look-up commits itself (its record must be
durable before the answer leaves); the others flush, never commit."""

import hashlib
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.db import transaction
from gongxin.errors import Conflict, Forbidden, GongxinError, TooMany
from gongxin.subjects import budgets
from gongxin.transparency import service as transparency
from gongxin.web.caller import Caller
from gongxin.web.runtime import Runtime
from gongxin_wire.canonical import b64u
from gongxin_wire.commitments import SALT_BYTES

from . import leaves, queries, receipts, rules
from .models import DisclosurePolicy, Lookup, LookupPending
from .questions import Question

_POLICY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Policy:
    """A version as the hot path wants it."""

    version: int
    fields: dict[tuple[str, str], frozenset[str]]


def policy(runtime: Runtime) -> Policy:
    """The policy in force, remembered for a few seconds."""
    held: tuple[float, Policy] | None = runtime.caches.get("policy")
    if held is None or held[0] < clock.monotonic():
        with transaction(runtime.engine) as session:
            found = queries.policy_in_force(session, clock.now())
        value = Policy(found.version, rules.policy_fields(found.rows))
        held = runtime.caches["policy"] = (clock.monotonic() + _POLICY_SECONDS, value)
    return held[1]


def publish_policy(session: Session, *, effective_from: datetime, rows: list[dict[str, Any]]) -> DisclosurePolicy:
    """The next version of the policy; the ones before stay as they were. Raises Invalid for words that are not ours and
    Conflict where it would begin before the newest one does."""
    rules.check_policy(rows)
    newest = queries.newest_policy(session)
    if effective_from < newest.effective_from:
        raise Conflict(
            "policy_out_of_order",
            zh="新版本不能早于上一版本生效",
            en="A version cannot take effect before the one before it",
            fix_zh="给出更晚的生效时间。",
            fix_en="Give a later time.",
            extra={"after": receipts.moment(newest.effective_from)},
        )
    found = DisclosurePolicy(version=newest.version + 1, effective_from=effective_from, rows=rows)
    session.add(found)
    session.flush()
    _prove(session, found)
    return found


def prove_policy(session: Session) -> None:
    """A leaf for the version that the migration brought, where it has none yet. Can run twice."""
    newest = queries.newest_policy(session)
    if newest.version == 1 and not transparency.is_appended(session, leaves.policy_leaf_id(1)):
        _prove(session, newest)


def _prove(session: Session, found: DisclosurePolicy) -> None:
    transparency.append(
        session,
        kind="policy",
        record={
            "effective_from": transparency.moment(found.effective_from),
            "rows": found.rows,
            "version": found.version,
        },
        leaf_id=leaves.policy_leaf_id(found.version),
    )


# --- look-ups -------------------------------------------------------------------------------------------------------


def lookup(runtime: Runtime, caller: Caller, question: Question) -> bytes:
    """The answer's body. Raises Forbidden outside the grant, agreement or policy and TooMany over budget, each of which
    leaves its own record behind."""
    member_id = _member(caller)
    rule, fields = _permit(runtime, caller, question)
    lookup_id, asked_at = ids.new_id(), clock.now()
    fresh_until = asked_at + timedelta(seconds=runtime.config.answer_max_age_seconds)
    salt, fields_json = os.urandom(SALT_BYTES), _fields_json(fields)
    codes = queries.ask(
        runtime.engine,
        (
            lookup_id, asked_at, fresh_until, member_id, caller.client_id, question.purpose,
            orjson.dumps(question.grounds).decode(), question.keys, question.width, question.void, question.officer,
            fields_json, rule.version, salt, question.digest,
        ),
    )  # fmt: skip
    record = leaves.lookup_record(
        lookup_id=lookup_id,
        asked_at=asked_at,
        member_id=member_id,
        purpose=question.purpose,
        fields_json=fields_json,
        policy_version=rule.version,
        question=question.digest,
        outcomes=codes,
    )
    answers = b"[" + b",".join([rules.answer_of_code(code, fields) for code in codes]) + b"]"
    receipt = receipts.sign(
        runtime,
        member_id=member_id,
        lookup_id=lookup_id,
        purpose=question.purpose,
        question=question.digest,
        answer=answers,
        asked_at=asked_at,
        fresh_until=fresh_until,
        policy_version=rule.version,
        leaf=leaves.promise(lookup_id, salt, record),
    )
    return (
        b'{"answers":%s,"as_of":"%s","fresh_until":"%s","lookup_id":"%s","policy_version":%d,"purpose":"%s","receipt":"%s"}'
        % (
            answers,
            receipts.moment(asked_at).encode(),
            receipts.moment(fresh_until).encode(),
            str(lookup_id).encode(),
            rule.version,
            question.purpose.encode(),
            receipt.encode(),
        )
    )


def _permit(runtime: Runtime, caller: Caller, question: Question) -> tuple[Policy, frozenset[str]]:
    """The policy, and the fields this caller may be told; counted against the day's budget. A refusal is recorded."""
    try:
        rule = policy(runtime)
        fields = rules.fields_for(rule.fields, caller.kind, question.purpose)
        if question.purpose != rules.SUBJECT_ACCESS:
            rules.find_grant(caller.grants, question.purpose, question.grounds)
        rules.check_terms(budgets.terms(runtime, caller).purposes, question.purpose)
        budgets.take(runtime, caller, question.purpose, len(question.grounds))
    except (Forbidden, TooMany) as refusal:
        record_refusal(runtime, caller, question, refusal)
        raise
    return rule, fields


def record_refusal(runtime: Runtime, caller: Caller, question: Question, refusal: GongxinError) -> None:
    """Who asked about whom and was refused, in a transaction of its own: the request's rolls back."""
    now, lookup_id, member_id = clock.now(), ids.new_id(), _member(caller)
    version = policy(runtime).version
    with transaction(runtime.engine, member_id, caller.kind) as session:
        session.add(
            Lookup(
                id=lookup_id,
                asked_at=now,
                fresh_until=now,
                member_id=member_id,
                client_id=caller.client_id,
                purpose=question.purpose,
                grounds=question.grounds,
                officer=question.officer,
                subject_keys=question.keys,
                width=question.width,
                outcomes=[],
                fields=[],
                policy_version=version,
                refusal=refusal.code,
            )
        )
        session.add(LookupPending(lookup_id=lookup_id, member_id=member_id))
        transparency.append(
            session,
            kind="lookup",
            record=leaves.refused_record(
                lookup_id=lookup_id,
                asked_at=now,
                member_id=member_id,
                purpose=question.purpose,
                policy_version=version,
                question=question.digest,
                refusal=refusal.code,
            ),
            leaf_id=lookup_id,
            owner=member_id,
        )


def _fields_json(fields: frozenset[str]) -> str:
    return orjson.dumps(sorted(fields)).decode()


def own_lookups(
    session: Session, member_id: uuid.UUID, before: uuid.UUID | None, limit: int
) -> Sequence[dict[str, Any]]:
    """One's own questions, newest first: what was asked and how it went, never a subject."""
    return [_describe(row) for row in queries.own_lookups(session, member_id, before, limit)]


def _describe(row: Lookup) -> dict[str, Any]:
    return {
        "lookup_id": str(row.id),
        "asked_at": receipts.moment(row.asked_at),
        "fresh_until": receipts.moment(row.fresh_until),
        "client_id": str(row.client_id) if row.client_id else None,
        "purpose": row.purpose,
        "officer": row.officer,
        "items": len(row.grounds),
        "ground": row.grounds[0] if len(row.grounds) == 1 else None,
        "outcomes": rules.tally(row.outcomes),
        "fields": row.fields,
        "policy_version": row.policy_version,
        "refusal": row.refusal,
    }


# --- subject access -------------------------------------------------------------------------------------------------


def subject_access(runtime: Runtime, session: Session, caller: Caller, question: Question) -> dict[str, Any]:
    """Everybody who asked about the subject, why, and which fields were told; refused questions too. The ground is the
    association's file number. Recorded as a look-up of its own; raises as `lookup`."""
    rule, fields = _permit(runtime, caller, question)
    lookup_id, now, member_id = ids.new_id(), clock.now(), _member(caller)
    fresh_until = now + timedelta(seconds=runtime.config.answer_max_age_seconds)
    rows = queries.asked_about(
        session,
        {
            "id": lookup_id,
            "asked_at": now,
            "fresh_until": fresh_until,
            "member": member_id,
            "client": caller.client_id,
            "request": question.grounds[0],
            "keys": question.keys,
            "width": question.width,
            "fields": _fields_json(fields),
            "policy": rule.version,
        },
    )
    asked = [
        {
            "asked_at": receipts.moment(row.asked_at),
            "member_name_zh": row.name_zh,
            "member_name_en": row.name_en,
            "member_kind": row.kind,
            "purpose": row.purpose,
            "ground": row.ground,
            "outcome": rules.outcome_word(row.outcome, row.refusal),
            "fields": rules.fields_told(row.fields, row.outcome),
        }
        for row in rows
    ]
    answer = receipts.canonical(asked)
    leaf = transparency.append(
        session,
        kind="subject_access",
        record={
            "answer": b64u(hashlib.sha256(answer).digest()),
            "asked_at": receipts.moment(now),
            "lookup_id": str(lookup_id),
            "member_id": str(member_id),
            "policy_version": rule.version,
            "question": b64u(question.digest),
        },
        leaf_id=lookup_id,
        owner=member_id,
    )
    receipt = receipts.sign(
        runtime,
        member_id=member_id,
        lookup_id=lookup_id,
        purpose=rules.SUBJECT_ACCESS,
        question=question.digest,
        answer=answer,
        asked_at=now,
        fresh_until=fresh_until,
        policy_version=rule.version,
        leaf=leaf,
    )
    return {
        "lookup_id": str(lookup_id),
        "as_of": receipts.moment(now),
        "fresh_until": receipts.moment(fresh_until),
        "policy_version": rule.version,
        "asked": asked,
        "receipt": receipt,
    }


def unpack_lookups(session: Session, limit: int = 500) -> int:
    """Indexes waiting look-ups by subject; how many. A job: acts as the registry, can run twice, never loses one."""
    return queries.unpack(session, limit)


def _member(caller: Caller) -> uuid.UUID:
    if caller.member_id is None:
        raise Forbidden
    return caller.member_id
