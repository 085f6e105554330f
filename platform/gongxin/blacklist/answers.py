"""What members are told of an agent: in the one check, and in a screening; whoever is told has a row that says so."""

import hashlib
import hmac
import os
import re
import uuid
from binascii import a2b_base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.agents import checks
from gongxin.config import Config
from gongxin.disclosure import receipts
from gongxin.errors import Forbidden, GongxinError, bad_field
from gongxin.subjects import rules as subject_rules
from gongxin.subjects import service as subjects
from gongxin.transparency import service as transparency
from gongxin.web import ndjson
from gongxin.web.caller import Caller
from gongxin.web.runtime import Runtime
from gongxin_wire import licences, screenings
from gongxin_wire.canonical import b64u, canonical
from gongxin_wire.identifiers import IdentifierError

from . import pack, queries, queries_answers, rules

PURPOSES = ("hire", "staff")
_NOT_LISTED = {"state": "not_listed"}
_STALE = {"state": "stale"}
_MALFORMED = {"state": "invalid", "code": "bad_line"}
# A line with one token, as the SDK writes it: no space, one name, nothing escaped.
_WRITTEN = re.compile(
    rb'\{"subject":\[\{"epoch":([1-9][0-9]{0,4}),"token":"(' + subject_rules.TOKEN.pattern.encode() + rb')"\}\]\}'
)
_STANDARD = bytes.maketrans(b"-_", b"+/")


def state_for_check(rows: Sequence[Mapping[str, Any]], stop_until: str | None, fresh: bool) -> dict[str, Any]:
    """What a check tells of one agent, from its rows of `blacklist_entries` and the last day of an interim stop as the
    database wrote them; whoever asked has been recorded as told of them. Where the clocks stand still, nothing is told
    but that."""
    if not fresh or not rows:
        return (_NOT_LISTED if fresh else _STALE) | ({"stop_until": stop_until} if stop_until else {})
    read = [
        {**row, "begins_on": date.fromisoformat(row["begins_on"]), "ends_on": date.fromisoformat(row["ends_on"])}
        for row in rows
    ]
    return _answer(strongest(read, "agent_id").get(rows[0]["agent_id"]), stop_until)


def register() -> None:
    """From here on checks of agents answer with the blacklist."""
    checks.blacklist_state = state_for_check


def screen(
    runtime: Runtime,
    session: Session,
    caller: Caller,
    *,
    purpose: str,
    consent: str,
    lines: Sequence[bytes],
    body: bytes,
) -> dict[str, Any]:
    """The answer to a batch: a state for each line in its order, one root, one receipt. A line that cannot be read is
    answered as such and stands in the tree like the others. Where the clocks stand still nobody is looked for, and each
    line reads `stale`."""
    if caller.member_id is None:
        raise Forbidden
    now, today, screening_id = clock.now(), clock.today_in_china(), ids.new_id()
    fresh = queries.get_turn(session).fresh_until >= now
    answers: list[Any] = [_NOT_LISTED if fresh else _STALE] * len(lines)
    asked = _asked(runtime, lines, answers)
    looked_for = asked if fresh else queries_answers.Asked([], [], [], [])
    told = queries_answers.screen(
        session, looked_for, today=today, source_id=screening_id, at=now, client_id=caller.client_id, purpose=purpose,
        consent=consent, lines=len(lines),
    )  # fmt: skip
    stops = queries_answers.screen_stops(session, asked, today)
    found = strongest(told, "place")
    for place in found.keys() | stops.keys():
        answers[place] = _answer(found.get(place), stops.get(place)) if fresh else _STALE | {"stop_until": stops[place]}
    seed = os.urandom(screenings.SEED_BYTES)
    encoded = [screenings.NOT_LISTED if each is _NOT_LISTED else canonical(each) for each in answers]
    root = screenings.root(screenings.hashes(seed, lines, encoded))
    question = {"consent": consent, "lines": _digest(body), "purpose": f"screening_{purpose}"}
    summary = [{"count": len(lines), "root": b64u(root)}]
    return {
        "screening_id": str(screening_id),
        "purpose": f"screening_{purpose}",
        "as_of": receipts.moment(now),
        "fresh_until": receipts.moment(now + timedelta(seconds=runtime.config.answer_max_age_seconds)),
        "rules_version": pack.pack()["version"],
        "question": question,
        "summary": summary,
        "seed": b64u(seed),
        "states": answers,
        "receipt": _sign(runtime, session, caller.member_id, screening_id, question, summary, now),
    }


def strongest(rows: Iterable[Mapping[str, Any]], by: str) -> dict[Any, Mapping[str, Any]]:
    """Of several entries in force the gravest, of equals the one that ends last."""
    found: dict[Any, Mapping[str, Any]] = {}
    for row in rows:
        held = found.get(row[by])
        if row["level"] == "watch" and not row["insider"]:
            continue
        rank = (-pack.LEVELS.index(row["level"]), row["ends_on"])
        if held is None or rank > (-pack.LEVELS.index(held["level"]), held["ends_on"]):
            found[row[by]] = row
    return found


def _answer(row: Mapping[str, Any] | None, stop_until: str | None) -> dict[str, Any]:
    told = rules.answer(row, insider=row is not None and row["insider"])
    return told | ({"stop_until": stop_until} if stop_until else {})


def _asked(runtime: Runtime, lines: Sequence[bytes], answers: list[Any]) -> queries_answers.Asked:
    """The question's columns: place, and licence or epoch and key. A bad line is answered in place. A line as the SDK
    writes it is known by its form; any other is read with all its faults named."""
    config = runtime.config
    accepted = subject_rules.accepted(subjects.open_epochs(runtime, "agent"))
    prefixes = {b"%d" % epoch: (epoch, subjects.key_prefix("agent", epoch)) for epoch in accepted}
    pepper, digest, decode, written = config.pepper, hmac.digest, a2b_base64, _WRITTEN.fullmatch
    asked = queries_answers.Asked([], [], [], [])
    add_place, add_number = asked.places.append, asked.numbers.append
    add_epoch, add_key = asked.epochs.append, asked.keys.append
    for at, line in enumerate(lines):
        found = written(line)
        known = prefixes.get(found[1]) if found is not None else None
        if found is not None and known is not None:
            token = decode(found[2].translate(_STANDARD) + b"=")
            add_place(at)
            add_number(None)
            add_epoch(known[0])
            add_key(digest(pepper, known[1] + token, "sha256"))
            continue
        try:
            for number, epoch, key in _read(config, line, accepted):
                add_place(at)
                add_number(number)
                add_epoch(epoch)
                add_key(key)
        except (GongxinError, IdentifierError) as fault:
            answers[at] = {"state": "invalid", "code": fault.code}
        except KeyError:
            answers[at] = _MALFORMED
    return asked


def _read(config: Config, line: bytes, accepted: frozenset[int]) -> list[tuple[str | None, int | None, bytes | None]]:
    """(licence, epoch, key) of one line. Raises what is wrong with it."""
    value = ndjson.parse(line, config.max_json_depth)
    if type(value) is not dict or len(value) != 1:
        raise bad_field("", "licence 与 subject 恰给其一", "Give exactly one of licence and subject")
    if "subject" not in value:
        return [(licences.check_licence(str(value["licence"])), None, None)]
    return [
        (None, epoch, subjects.subject_key(config, "agent", epoch, token))
        for epoch, token in subject_rules.check_subject(value["subject"], accepted)
    ]


def _digest(body: bytes) -> str:
    return b64u(hashlib.sha256(body).digest())


def _sign(
    runtime: Runtime,
    session: Session,
    member_id: uuid.UUID,
    screening_id: uuid.UUID,
    question: dict[str, Any],
    summary: list[dict[str, Any]],
    now: datetime,
) -> str:
    digest = hashlib.sha256(canonical(question)).digest()
    answer = receipts.canonical(summary)
    leaf = transparency.append(
        session,
        kind="blacklist_screening",
        record={
            "answer": b64u(hashlib.sha256(answer).digest()),
            "asked_at": receipts.moment(now),
            "member_id": str(member_id),
            "purpose": question["purpose"],
            "question": b64u(digest),
            "screening_id": str(screening_id),
        },
        leaf_id=screening_id,
        owner=member_id,
    )
    return receipts.sign(
        runtime,
        member_id=member_id,
        lookup_id=screening_id,
        purpose=question["purpose"],
        question=digest,
        answer=answer,
        asked_at=now,
        fresh_until=now + timedelta(seconds=runtime.config.answer_max_age_seconds),
        policy_version=pack.pack()["version"],
        leaf=leaf,
    )
