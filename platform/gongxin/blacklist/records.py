"""What is kept for others to see: acknowledgements, the listed party's own file, statistics, the public list."""

import csv
import io
import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from sqlalchemy.orm import Session

from gongxin import clock, typesetting
from gongxin.errors import Conflict
from gongxin.pii import refuse_pii
from gongxin.transparency import service as transparency
from gongxin.web.caller import Caller

from . import pack, queries, rules
from .models import Act, Correction, Listing, Matter

DID = ("updated", "reinstated", "removed", "suspended", "no_record", "nothing_needed")
TEMPLATE = Path(__file__).with_name("templates") / "file.typ"


def acknowledge(
    session: Session, correction_id: uuid.UUID, *, caller: Caller, did: str, note: str | None = None
) -> Correction:
    """What a member did about what it was told. Raises NotFound for another's, Conflict where it was said before."""
    found = queries.get_correction(session, correction_id, caller.member_id)
    refuse_pii(note, "/note")
    if found.acknowledged_at is not None:
        raise Conflict("acknowledged_already", zh="已确认过", en="It was acknowledged before", fix_zh="无需再次确认。",
                       fix_en="There is nothing left to do.")  # fmt: skip
    found.acknowledged_at, found.did, found.note = clock.now(), did, note
    session.flush()
    transparency.append(
        session,
        kind="blacklist_correction",
        record={"acknowledged_at": transparency.moment(found.acknowledged_at), "correction_id": str(found.id),
                "did": did, "member_id": str(found.member_id)},
        owner=caller.member_id,
    )  # fmt: skip
    return found


# --- the listed party's file ----------------------------------------------------------------------------------------


def file_of(session: Session, matter: Matter) -> dict[str, Any]:
    """The whole file but for other people's data: officers are numbered, not named; the reporter is an institution."""
    acts = queries.acts(session, matter.id)
    numbers: dict[str, str] = {}
    entry = queries.find_listing(session, matter.id)
    return {
        "matter_id": str(matter.id),
        "number": matter.number,
        "subject_kind": matter.subject_kind,
        "article": matter.article,
        "article_zh": pack.pack()["articles"][matter.article]["zh"],
        "article_en": pack.pack()["articles"][matter.article]["en"],
        "severity": matter.severity,
        "state": matter.state,
        "place": matter.place,
        "occurred_from": matter.occurred_from.isoformat(),
        "occurred_until": matter.occurred_until.isoformat(),
        "conduct": matter.conduct,
        "evidence": matter.evidence,
        "level": matter.level,
        "begins_on": _day(matter.begins_on),
        "ends_on": _day(matter.ends_on),
        "appeal_until": _day(matter.appeal_until),
        "contested": entry is not None and entry.contested,
        "acts": [_act(each, numbers) for each in acts],
        "votes": [
            {"draft_id": str(each.draft_id), "officer": _alias(each.officer, numbers), "vote": each.vote,
             "said": each.said, "at": transparency.moment(each.at)}
            for each in queries.votes(session, matter.id)
        ],
        "objections": [
            {"objection_id": str(each.id), "kind": each.kind, "said": each.said, "due_on": each.due_on.isoformat(),
             "outcome": each.outcome, "answer": each.answer}
            for each in queries.objections(session, matter.id)
        ],
        "told": [
            {"member_id": str(each.member_id), "kind": each.kind, "told_at": transparency.moment(each.told_at)}
            for each in queries.told(session, matter.id)
        ],
    }  # fmt: skip


def print_file(told: Mapping[str, Any]) -> bytes:
    """The same on paper (PDF/A)."""
    return typesetting.pdf(TEMPLATE, data=dict(told), made_at=clock.now().replace(microsecond=0))


def _act(each: Act, numbers: dict[str, str]) -> dict[str, Any]:
    return {
        "act_id": str(each.id),
        "action": each.action,
        "state": each.state,
        "party": each.party,
        "officer": _alias(each.officer, numbers),
        "said": each.said,
        "due_on": _day(each.due_on),
        "at": transparency.moment(each.at),
    }


def _alias(officer: str | None, numbers: dict[str, str]) -> str | None:
    return None if officer is None else numbers.setdefault(officer, f"officer {len(numbers) + 1}")


# --- statistics -----------------------------------------------------------------------------------------------------


def statistics(session: Session) -> dict[str, Any]:
    """What a regulator expects: outcomes, days in each state, how appeals end, how each member files."""
    ended = queries.appeals(session)
    decided = sum(ended.values())
    changed = ended.get("varied", 0) + ended.get("withdrawn", 0)
    return {
        "as_of": transparency.moment(clock.now()),
        "by_state": queries.by_state(session),
        "by_level": queries.by_level(session),
        "hours_in_state": queries.hours_in_state(session),
        "appeals": {
            "decided": decided,
            "changed": changed,
            "changed_bp": 10_000 * changed // decided if decided else 0,
        },
        "corrections": queries.correction_counts(session, clock.today_in_china()),
        "filing": [filing_out(each) for each in queries.filing(session)],
    }


def filing_out(row: Mapping[str, Any]) -> dict[str, Any]:
    decided = row["decided"]
    return {
        "member_id": str(row["member_id"]),
        "reports": row["reports"],
        "decided": decided,
        "upheld": row["upheld"],
        "upheld_bp": 10_000 * row["upheld"] // decided if decided else None,
    }


# --- the public list ------------------------------------------------------------------------------------------------


def public_list(session: Session, today: date, *, history: bool) -> list[dict[str, Any]]:
    """Organisations alone, and no watch; with history also what was withdrawn and what expired, and when."""
    return [
        _public(listing, zh, en, uscc, today)
        for listing, zh, en, uscc in queries.organisations(session)
        if history or (listing.state == "in_force" and listing.ends_on >= today)
    ]


def _public(listing: Listing, zh: str, en: str | None, uscc: str, today: date) -> dict[str, Any]:
    lapsed = listing.state == "in_force" and listing.ends_on < today
    return {
        "number": listing.number,
        "member_id": str(listing.member_id),
        "name_zh": zh,
        "name_en": en,
        "uscc": uscc,
        "state": "expired" if lapsed else listing.state,
        "level": listing.level,
        "article": listing.article,
        "ground": listing.severity,
        "begins_on": listing.begins_on.isoformat(),
        "ends_on": listing.ends_on.isoformat(),
        "contested": listing.contested,
        "statements": listing.statements,
        "changed_at": transparency.moment(listing.changed_at),
    }


_COLUMNS = ("number", "name_zh", "name_en", "uscc", "state", "level", "article", "ground", "begins_on", "ends_on",
            "contested", "changed_at")  # fmt: skip


def as_csv(items: Sequence[Mapping[str, Any]]) -> bytes:
    """With the mark that tells spreadsheets it is UTF-8; what a cell could take for a formula is quoted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for item in items:
        writer.writerow([_cell(item[name]) for name in _COLUMNS])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _cell(value: Any) -> str:
    found = "" if value is None else str(value)
    return f"'{found}" if found[:1] in {"=", "+", "-", "@", "\t", "\r"} else found


def as_atom(items: Sequence[Mapping[str, Any]], issuer: str, now: str) -> bytes:
    """RFC 4287."""
    updated = max((item["changed_at"] for item in items), default=now)
    entries = "".join(
        f"<entry><id>{escape(issuer)}/v1/blacklist/public#{item['number']}</id>"
        f"<title>{escape(item['name_zh'])} {item['level']} {item['state']}</title>"
        f"<updated>{item['changed_at']}</updated><summary>{item['article']} {item['begins_on']} – {item['ends_on']}"
        f"{'；有争议 contested' if item['contested'] else ''}</summary></entry>"
        for item in items
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">'
        f"<id>{escape(issuer)}/v1/blacklist/public.atom</id><title>行业风险名单（机构） Listed organisations</title>"
        f"<updated>{updated}</updated><author><name>{escape(issuer)}</name></author>{entries}</feed>"
    ).encode()


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def matter_out(matter: Matter, *, warned: bool | None = None, by: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "matter_id": str(matter.id),
        "number": matter.number,
        "subject_kind": matter.subject_kind,
        "agent_id": None if matter.agent_id is None else str(matter.agent_id),
        "member_id": None if matter.member_id is None else str(matter.member_id),
        "article": matter.article,
        "severity": matter.severity,
        "state": matter.state,
        "level": matter.level,
        "due_on": _day(matter.due_on),
        "begins_on": _day(matter.begins_on),
        "ends_on": _day(matter.ends_on),
        "appeal_until": _day(matter.appeal_until),
        "stop_until": _day(matter.stop_until),
        "version": matter.version,
        "legal": legal(matter, by),
    }
    return told | ({} if warned is None else {"filing_warning": warned})


def legal(matter: Matter, by: str) -> list[str]:
    return [name for name, move in rules.MOVES.items() if matter.state in move.starts and by in move.by]


def correction_out(correction: Correction, listing: Listing, today: date) -> dict[str, Any]:
    return {
        "correction_id": str(correction.id),
        "number": listing.number,
        "cause": correction.cause,
        "agent_id": None if listing.agent_id is None else str(listing.agent_id),
        "member_id": None if listing.member_id is None else str(listing.member_id),
        "told_member_id": str(correction.member_id),
        "state": listing.state,
        "level": listing.level,
        "ends_on": listing.ends_on.isoformat(),
        "made_at": transparency.moment(correction.made_at),
        "due_on": correction.due_on.isoformat(),
        "overdue": correction.acknowledged_at is None and correction.due_on < today,
        "acknowledged_at": transparency.moment(correction.acknowledged_at) if correction.acknowledged_at else None,
        "did": correction.did,
    }
