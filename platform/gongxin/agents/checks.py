"""The check: up to a thousand people in one signed answer, recorded with its leaf."""

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.disclosure import receipts
from gongxin.errors import Forbidden, Invalid, bad_field
from gongxin.subjects import service as subjects
from gongxin.transparency import service as transparency
from gongxin.web.caller import Caller
from gongxin.web.runtime import Runtime
from gongxin_wire.canonical import b64u, canonical

from . import queries, rules
from .models import AgentCheck

DATA_SET = "agent"
# What the blacklist says of these people to this asker, by agent; set as the application is put together. While nobody
# set it the answer is `not_available`, and so it is for whom it leaves out.
# Whoever is told has a row of the blacklist's own that says so, under the check's id.
BlacklistReader = Callable[..., Mapping[uuid.UUID, Mapping[str, Any]]]
blacklist_reader: BlacklistReader | None = None


def check(
    runtime: Runtime, session: Session, caller: Caller, *, purpose: str, items: Sequence[dict[str, Any]], body: Any
) -> dict[str, Any]:
    """The answer to a member, signed. `body` is the request as it came, which the receipt binds. Raises Forbidden where
    the purpose is not the caller's."""
    if caller.member_id is None:
        raise Forbidden
    fields = rules.check_purpose(purpose, caller.kind)
    asked: list[tuple[int, str | None, int | None, bytes | None]] = []
    for at, item in enumerate(items):
        asked += _asked(runtime, at, item, purpose)
    check_id, now, today = ids.new_id(), clock.now(), clock.today_in_china()
    found = queries.standing(session, asked)
    credit = queries.credit(session, {row["agent_id"] for row in found.values()})
    people = {row["agent_id"] for row in found.values()}
    listed: Mapping[uuid.UUID, Mapping[str, Any]] = {}
    if blacklist_reader is not None and people:
        listed = blacklist_reader(session, people, source_id=check_id, at=now, today=today)
    answers = [
        rules.answer(
            found.get(at),
            fields,
            today,
            credit.get(found[at]["agent_id"], ()) if at in found else (),
            listed.get(found[at]["agent_id"]) if at in found else None,
        )
        for at in range(len(items))
    ]
    session.add(
        AgentCheck(
            id=check_id,
            asked_at=now,
            member_id=caller.member_id,
            client_id=caller.client_id,
            purpose=purpose,
            items=[_recorded(found.get(at), item) for at, item in enumerate(items)],
            fields=list(fields),
        )
    )
    session.flush()
    question, answer = hashlib.sha256(canonical(body)).digest(), receipts.canonical(answers)
    return {
        "answers": answers,
        "as_of": receipts.moment(now),
        "check_id": str(check_id),
        "fresh_until": receipts.moment(now + timedelta(seconds=runtime.config.answer_max_age_seconds)),
        "purpose": purpose,
        "rules_version": rules.pack()["version"],
        "receipt": _sign(runtime, session, caller.member_id, check_id, purpose, question, answer, now),
    }


def _asked(
    runtime: Runtime, at: int, item: dict[str, Any], purpose: str
) -> list[tuple[int, str | None, int | None, bytes | None]]:
    """The item's rows of the question. Raises Invalid at its place."""
    pointer = f"/items/{at}"
    if ("licence" in item) == ("subject" in item):
        raise bad_field(pointer, "licence 与 subject 恰给其一", "Give exactly one of licence and subject")
    if (purpose == "hiring") != ("consent" in item):
        raise Invalid(
            "consent_reference",
            zh="招用核验须有本人同意书编号，其他用途不填",
            en="A check before hiring names the applicant's consent; other checks name none",
            fix_zh="consent 填写本机构保存的同意书编号。",
            fix_en="consent is the reference of the consent you keep.",
            pointer=f"{pointer}/consent",
        )
    if "licence" in item:
        return [(at, rules.check_licence(item["licence"], f"{pointer}/licence"), None, None)]
    keys = subjects.parse_subject(runtime.config, runtime, item["subject"], DATA_SET, pointer=f"{pointer}/subject")
    return [(at, None, epoch, key) for epoch, key in keys]


def _recorded(row: Any, item: dict[str, Any]) -> dict[str, Any]:
    """The agent asked about, where there is one; never a token."""
    told = {"agent_id": str(row["agent_id"]) if row else None}
    return told | ({"consent": item["consent"]} if "consent" in item else {})


def _sign(
    runtime: Runtime,
    session: Session,
    member_id: uuid.UUID,
    check_id: uuid.UUID,
    purpose: str,
    question: bytes,
    answer: bytes,
    now: Any,
) -> str:
    leaf = transparency.append(
        session,
        kind="agent_check",
        record={
            "answer": b64u(hashlib.sha256(answer).digest()),
            "asked_at": receipts.moment(now),
            "check_id": str(check_id),
            "member_id": str(member_id),
            "purpose": purpose,
            "question": b64u(question),
        },
        leaf_id=check_id,
        owner=member_id,
    )
    return receipts.sign(
        runtime,
        member_id=member_id,
        lookup_id=check_id,
        purpose=f"agent_{purpose}",
        question=question,
        answer=answer,
        asked_at=now,
        fresh_until=now + timedelta(seconds=runtime.config.answer_max_age_seconds),
        policy_version=rules.pack()["version"],
        leaf=leaf,
    )
