"""Entries of the ledger: what waits for approval, what each account would hold after it, what changed since its maker
submitted it before."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, request, url_for
from flask_babel import gettext as _

from gongxin.errors import GongxinError
from gongxin.fund.ledger import queries, rules, service

from ... import languages, reading
from ...face import Door, page
from ...formats import day, moment, plain, yuan
from ...listing import Column, Filter, Listing, show
from . import wording

VERBS = ("approve", "post", "reject", "submit", "back", "withdraw")
MOVES = {"reject": "rejected", "submit": "submitted", "back": "draft", "withdraw": "withdrawn"}
MAKER, CHECKER = ("submit", "back", "withdraw", "post"), ("approve", "reject", "post")


@dataclass(frozen=True)
class Row:
    entry: Any
    amount_fen: int


def register(app: Flask) -> None:
    @page(app, "admin.entries", "/fund/entries")
    def entries(door: Door) -> Response:
        return show(door, _listing(door), "fund/list.html", here="entries")

    @page(app, "admin.entry", "/fund/entries/<uuid:entry_id>")
    def entry(door: Door, entry_id: UUID) -> Response:
        return _entry(door, entry_id)

    @page(app, "admin.entry_check", "/fund/entries/<uuid:entry_id>/checks", ("POST",))
    def check(door: Door, entry_id: UUID) -> Response:
        return _act(door, entry_id, CHECKER)

    @page(app, "admin.entry_make", "/fund/entries/<uuid:entry_id>/steps", ("POST",))
    def make(door: Door, entry_id: UUID) -> Response:
        return _act(door, entry_id, MAKER)


def _act(door: Door, entry_id: UUID, allowed: Sequence[str]) -> Response:
    with door.attempting() as tried:
        queries.get_entry(door.session, entry_id)
        verb = reading.chosen("verb", allowed)
        if verb is None:
            raise wording.missing("verb")
        who, reason = wording.actor(door), reading.text("reason")
        if verb == "approve":
            seen = bytes.fromhex(reading.fingerprint("content") or "")
            service.approve(door.session, entry_id, actor=who, content_hash=seen)
        elif verb == "post":
            service.post(door.session, entry_id, actor=who)
        else:
            service.move(door.session, entry_id, actor=who, state=MOVES[verb], reason=reason)
    if tried.error is not None:
        queries.get_entry(door.session, entry_id)
        return _entry(door, entry_id, tried.error)
    flash(_("已记录。"), "good")
    following = _next(door, entry_id) if request.form.get("next") else None
    return door.go("entry", entry_id=following or entry_id)


def _next(door: Door, entry_id: UUID) -> UUID | None:
    """The next entry that waits, and not by this person's own hand."""
    found = queries.entries(door.session, state="submitted", limit=20)
    return next((e.id for e in found if e.id != entry_id and e.maker_officer != door.me.officer), None)


def _listing(door: Door) -> Listing:
    def fetch(values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        found = queries.entries(
            door.session, state=values["state"] or None,
            period=int(values["period"]) if values["period"] else None, after=wording.key(after), limit=limit,
        )  # fmt: skip
        sums: dict[UUID, int] = {}
        for leg, _account in queries.legs(door.session, [entry.id for entry in found]):
            if leg.side == "debit":
                sums[leg.entry_id] = sums.get(leg.entry_id, 0) + leg.amount_fen
        return [Row(entry, sums.get(entry.id, 0)) for entry in found]

    return Listing(
        name="entries",
        title=_("分录复核"),
        rule=_("每笔分录须经办人以外的两人批准其内容指纹，方可过账；过账后只可冲销。"),
        columns=[
            Column(_("摘要"), lambda r: plain(r.entry.description), lambda r: r.entry.description),
            Column(_("入账日"), lambda r: day(r.entry.booked_on), lambda r: r.entry.booked_on),
            Column(_("金额"), lambda r: yuan(r.amount_fen), end=True),
            Column(_("经办"), lambda r: r.entry.maker_officer),
            Column(_("状态"), lambda r: wording.tagged(wording.ENTRIES, r.entry.state),
                   lambda r: wording.of(wording.ENTRIES, r.entry.state)),
            Column(_("变更于"), lambda r: moment(r.entry.acted_at)),
        ],
        fetch=fetch,
        key=lambda r: [str(r.entry.id)],
        address=lambda r: url_for("admin.entry", entry_id=r.entry.id),
        filters=[
            Filter("state", _("状态"), wording.options(wording.ENTRIES), True, queries.count_by_state(door.session)),
            Filter("period", _("会计期间"), [(str(p.number), f"{p.number} · {p.first_day} – {p.last_day}")
                                         for p in queries.periods(door.session)[:36]]),
        ],
        empty=_("还没有分录。经办人经接口或命令行起草，会费、理赔的分录由系统起草。"),
    )  # fmt: skip


def _entry(door: Door, entry_id: UUID, error: GongxinError | None = None) -> Response:
    found = queries.get_entry(door.session, entry_id)
    legs = queries.legs(door.session, [entry_id])
    given = queries.approvals(door.session, [entry_id])
    valid = [each for each in given if each.content_hash == found.content_hash]
    seen = request.form.get("seen", "") if error is not None else ""
    return door.render(
        "fund/entry.html",
        error=error, entry=found, object=_object(door, found), reason=request.form.get("reason", ""),
        legs=[[account.code, languages.both(account.name_zh, account.name_en), wording.of(wording.FUNDS, leg.fund),
               *(yuan(leg.amount_fen) if leg.side == side else "" for side in rules.SIDES)]
              for leg, account in legs],
        effects=_effects(door, found, legs), changes=_since_submitted(door, found, legs),
        surprises=_since_seen(seen, found, legs), seen=json.dumps(_shown(found, legs), ensure_ascii=False),
        approvals=[[each.officer, moment(each.approved_at),
                    wording.bound(each, found)] for each in given],
        missing=max(0, found.approvals_needed - len(valid)), can=_can(door, found, valid), bar=_bar(door, found, valid),
        checker="approver" in door.me.roles,
    )  # fmt: skip


def _can(door: Door, found: Any, valid: Sequence[Any]) -> list[str]:
    """What this person can do with the entry as it stands."""
    own, can = found.maker_officer == door.me.officer, []
    if "approver" in door.me.roles and not own and found.state in {"submitted", "approved"}:
        approved = any(each.officer == door.me.officer for each in valid)
        can += ["approve", "reject"] if found.state == "submitted" and not approved else ["reject"]
    if found.state == "approved" and {"approver", "treasurer"}.intersection(door.me.roles):
        can.insert(0, "post")
    if "treasurer" in door.me.roles and own:
        can += {"draft": ["submit", "withdraw"], "submitted": ["back", "withdraw"],
                "approved": ["back", "withdraw"]}.get(found.state, [])  # fmt: skip
    return can


def _bar(door: Door, found: Any, valid: Sequence[Any]) -> str:
    """Why this person does not approve it, said before they try."""
    if found.state != "submitted" or "approver" not in door.me.roles:
        return ""
    if found.maker_officer == door.me.officer:
        return wording.own_bar()
    if any(each.officer == door.me.officer for each in valid):
        return _("您已批准现内容：还须另一名复核人批准。")
    return ""


def _shown(found: Any, legs: Sequence[Any]) -> dict[str, str]:
    """The entry as fields that people compare."""
    told = {
        "description": found.description,
        "booked_on": found.booked_on.isoformat(),
        "reference": found.reference or "",
        "period": str(found.period),
    }
    for leg, account in legs:
        told[f"leg {leg.position}"] = _leg(account.code, leg.side, leg.amount_fen)
    return told


def _leg(code: str, side: str, amount_fen: int) -> str:
    return f"{code} {wording.of(wording.SIDES, side)} {yuan(amount_fen)}"


def _since_submitted(door: Door, found: Any, legs: Sequence[Any]) -> dict[str, Any] | None:
    """What differs from what the maker had submitted before and took back."""
    before = next(iter(queries.submissions(door.session, found.id)), None)
    if before is None:
        return None
    told = before.content
    accounts = queries.accounts_by_id(door.session, [UUID(leg["account_id"]) for leg in told["legs"]])
    then = {name: str(told[name] or "") for name in ("description", "booked_on", "reference", "period")}
    for at, leg in enumerate(told["legs"], 1):
        then[f"leg {at}"] = _leg(accounts[UUID(leg["account_id"])].code, leg["side"], leg["amount_fen"])
    return {"at": before.taken_back_at, "rows": differ(then, _shown(found, legs))}


def _since_seen(seen: str, found: Any, legs: Sequence[Any]) -> list[tuple[str, str, str]]:
    """What differs from what the page showed as it was sent."""
    try:
        then = json.loads(seen) if seen else None
    except ValueError:
        then = None
    if not isinstance(then, dict):
        return []
    return differ({str(k): str(v) for k, v in list(then.items())[:300]}, _shown(found, legs))


def differ(then: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(field, then, now) of each field that is not as it was."""
    names = {"description": _("摘要"), "booked_on": _("入账日"), "reference": _("参考号"), "period": _("会计期间")}
    return [
        (names.get(name, name.replace("leg", _("分录行"))), then.get(name, ""), now.get(name, ""))
        for name in dict.fromkeys([*then, *now])
        if then.get(name, "") != now.get(name, "")
    ]


def _effects(door: Door, found: Any, legs: Sequence[Any]) -> list[tuple[str, str, str]]:
    """(account, on it now, on it once this is posted), as people read a balance."""
    if found.state in {"posted", "rejected", "withdrawn", "expired"}:
        return []
    moved: dict[UUID, int] = {}
    accounts = {}
    for leg, account in legs:
        accounts[account.id] = account
        moved[account.id] = moved.get(account.id, 0) + rules.signed(leg.side, leg.amount_fen)
    rows = []
    for account_id, change in moved.items():
        account, held = accounts[account_id], queries.balance(door.session, account_id)
        before, after = rules.normal(account.normal_side, held), rules.normal(account.normal_side, held + change)
        name = f"{account.code} {languages.both(account.name_zh, account.name_en)}"
        rows.append((name, yuan(before), yuan(after)))
    return rows


def _object(door: Door, found: Any) -> dict[str, Any]:
    return {
        "title": found.description,
        "rule": _("批准的是内容指纹：内容一变，先前的批准即不再有效。"),
        "number": found.key,
        "back": url_for("admin.entries", state="submitted"),
        "back_name": _("分录复核"),
        "state": (wording.of(wording.ENTRIES, found.state), wording.ENTRIES[found.state][2]),
        "facts": [pair for pair in (
            (_("入账日"), day(found.booked_on)),
            (_("会计期间"), found.period),
            (_("参考号"), found.reference),
            (_("经办"), found.maker_officer),
            (_("内容指纹"), found.content_hash.hex() if found.content_hash else "—"),
            (_("冲销"), found.reverses),
            (_("冻结"), found.hold_id),
            (_("理由"), plain(found.reason) if found.reason else None),
        ) if pair[1]],
        "steps": [
            {"what": wording.of(wording.ENTRIES, each.state), "who": each.officer, "why": each.reason, "at": each.at,
             "leaf": found.id if each.state == "posted" else None}
            for each in reversed(queries.steps(door.session, found.id))
        ],
    }  # fmt: skip
