"""The check: up to a thousand people in one signed answer, recorded with its leaf before it leaves (ADR 0004)."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import orjson

from gongxin import clock, ids
from gongxin.disclosure import receipts
from gongxin.errors import Forbidden
from gongxin.transparency.service import Promise
from gongxin.web.caller import Admission, Caller
from gongxin.web.runtime import Runtime
from gongxin_wire.canonical import b64u
from gongxin_wire.commitments import SALT_BYTES, commit_bytes

from . import queries_checks, rules
from .questions import Question

# What the blacklist says of one person: a function of their entries in force as the database told them to this asker,
# of the last day of an interim stop, and of whether its clocks still run (else `stale`); set as the application is put
# together. While nobody set it the answer is `not_available`. Whoever is told has a row of the blacklist's own that
# says so, under the check's id.
BlacklistState = Callable[[Sequence[Mapping[str, Any]], str | None, bool], Mapping[str, Any]]
blacklist_state: BlacklistState | None = None


def check(runtime: Runtime, caller: Caller, question: Question, admission: Admission | None = None) -> bytes:
    """The answer's body, signed. Commits by itself: the record is durable before the answer leaves. `admission`: what
    the first statement has still to ask of the caller."""
    if caller.member_id is None:
        raise Forbidden
    member_id = caller.member_id
    check_id, now, today = ids.new_id(), clock.now(), clock.today_in_china()
    facts = queries_checks.facts(
        runtime.engine,
        admission,
        (
            check_id, now, today.isoformat(), member_id, caller.kind, question.places,
            f"{{{','.join(question.numbers)}}}", question.key_places, question.epochs, question.keys,
        ),
    )  # fmt: skip
    people = {row[0]: row for row in facts["people"] or ()}
    answers = receipts.canonical(answer_all(question, people, facts, today))
    digest, version = b64u(hashlib.sha256(answers).digest()), rules.pack()["version"]
    salt, asked_at, fresh_until = os.urandom(SALT_BYTES), receipts.moment(now), now + _fresh(runtime)
    record = (
        f'{{"answer":"{digest}","asked_at":"{asked_at}","check_id":"{check_id}","member_id":"{member_id}",'
        f'"purpose":"{question.purpose}","question":"{b64u(question.digest)}"}}'
    )
    queries_checks.record(
        runtime.engine,
        (
            check_id, now, member_id, caller.client_id, question.purpose, _items(question, people),
            orjson.dumps(question.fields).decode(), salt, record,
        ),
    )  # fmt: skip
    receipt = receipts.sign(
        runtime,
        member_id=member_id,
        lookup_id=check_id,
        purpose=f"agent_{question.purpose}",
        question=question.digest,
        answer=answers,
        asked_at=now,
        fresh_until=fresh_until,
        policy_version=version,
        leaf=Promise(check_id, commit_bytes(salt, record.encode())),
    )
    return (
        b'{"answers":%s,"as_of":"%s","check_id":"%s","fresh_until":"%s","purpose":"%s","receipt":"%s","rules_version":%d}'
        % (
            answers, asked_at.encode(), str(check_id).encode(), receipts.moment(fresh_until).encode(),
            question.purpose.encode(), receipt.encode(), version,
        )
    )  # fmt: skip


def _fresh(runtime: Runtime) -> timedelta:
    return timedelta(seconds=runtime.config.answer_max_age_seconds)


def answer_all(
    question: Question, people: Mapping[int, Sequence[Any]], facts: Mapping[str, Any], today: date
) -> list[dict[str, Any]]:
    """An answer for each item, in its order."""
    credit: dict[str, list[Any]] = {}
    for entry in facts["credit"] or ():
        credit.setdefault(entry[0], []).append(entry)
    entries: dict[str, list[Any]] = {}
    for entry in facts["entries"] or ():
        entries.setdefault(entry["agent_id"], []).append(entry)
    stops, agencies = facts["stops"] or {}, facts["agencies"] or {}
    unlisted = blacklist_state and blacklist_state((), None, facts["fresh"])
    nobody = rules.answer(None, question.fields, today, blacklist=unlisted)
    answers = []
    for at in range(question.count):
        row = people.get(at)
        if row is None:
            answers.append(nobody)
            continue
        agent_id = row[1]
        listed = blacklist_state and blacklist_state(entries.get(agent_id, ()), stops.get(agent_id), facts["fresh"])
        standing = _standing(row, agencies[row[8]])
        answers.append(
            rules.answer(standing, question.fields, today, map(_entry, credit.get(agent_id, ())), listed)
        )  # fmt: skip
    return answers


def _standing(row: Sequence[Any], agency: Sequence[Any]) -> dict[str, Any]:
    return {
        "licence_no": row[2],
        "state": row[3],
        "released": row[4],
        "valid_from": _day(row[5]),
        "valid_until": _day(row[6]),
        "barred_until": _day(row[7]),
        "agency_id": row[8],
        "agency_zh": agency[0],
        "agency_en": agency[1],
        "agency_state": agency[2],
        "certificates": [{"level": c[0], "issued_on": c[1], "valid_until": c[2]} for c in row[9] or ()],
    }


def _entry(row: Sequence[Any]) -> dict[str, Any]:
    return {
        "id": row[1],
        "severity": row[2],
        "certainty": row[3],
        "occurred_on": date.fromisoformat(row[4]),
        "contested": row[5],
        "objection": row[6],
        "reply": row[7],
    }


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _items(question: Question, people: Mapping[int, Sequence[Any]]) -> str:
    """The agent asked about, where there is one, and the consent; never a token."""
    told = [{"agent_id": people[at][1] if at in people else None} for at in range(question.count)]
    for item, consent in zip(told, question.consents, strict=False):
        item["consent"] = consent
    return orjson.dumps(told).decode()
