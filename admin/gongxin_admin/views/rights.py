"""权利请求 Rights of the people concerned, through the association: who asked about them, and erasure on a ground."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Flask, Response, current_app, request

from gongxin.agents import queries_desk, records
from gongxin.db import name_caller
from gongxin.disclosure import questions, receipts
from gongxin.disclosure import rules as disclosure
from gongxin.disclosure import service as asked
from gongxin.errors import Forbidden, GongxinError, bad_field
from gongxin.logs import log
from gongxin.subjects import service as subjects
from gongxin.transparency import erasing, rules
from gongxin.web.runtime import Runtime
from gongxin_wire import licences
from gongxin_wire.identifiers import IdentifierError

from .. import languages
from ..face import Door, page
from ..formats import moment
from .agents import words
from .common import association_only


def register(app: Flask) -> None:
    @page(app, "admin.rights", "/rights")
    def rights(door: Door) -> Response:
        association_only(door)
        return _page(door)

    @page(app, "admin.who_asked", "/rights/asked", ("POST",))
    def who_asked(door: Door) -> Response:
        association_only(door)
        told: dict[str, Any] = {}
        with door.attempting() as tried:
            told = _who_asked(door)
        return _page(door, tried.error, form="asked", asked=told or None)

    @page(app, "admin.who_checked", "/rights/checked", ("POST",))
    def who_checked(door: Door) -> Response:
        association_only(door)
        told: dict[str, Any] = {}
        with door.attempting() as tried:
            told = records.access(
                door.session, _agent(door), caller=door.caller,
                request_reference=request.form.get("request_reference", ""),
            )  # fmt: skip
        return _page(door, tried.error, form="checked", checked=told or None)

    @page(app, "admin.erase", "/rights/erase", ("POST",))
    def erase(door: Door) -> Response:
        association_only(door)
        promise = None
        name_caller(door.session, door.house.id, "registry")  # the association erases as it runs the registry
        with door.attempting() as tried:
            promise = erasing.erase(
                door.session, _leaf(), ground=request.form.get("ground", ""), because=request.form.get("because", "")
            )
            door.session.flush()
        name_caller(door.session, door.house.id, door.house.kind)
        if promise is not None and tried.error is None:
            log.info("record_erased", leaf=str(promise.leaf_id), by=door.me.officer)
        return _page(door, tried.error, form="erase", erased=promise if tried.error is None else None)


def _page(door: Door, error: GongxinError | None = None, form: str = "", **told: Any) -> Response:
    found, checks = told.get("asked") or {"asked": []}, told.get("checked") or {"checked": []}
    return door.render(
        "rights.html", error=error, form=form, given=request.form,
        because=[(name, languages.both(*pair)) for name, pair in rules.BECAUSE.items()],
        asked_rows=[
            [
                moment(datetime.fromisoformat(row["asked_at"])), _house(row), row["purpose"], row["ground"],
                languages.both(*_OUTCOMES.get(row["outcome"], (row["outcome"],) * 2)), ", ".join(row["fields"]),
            ]
            for row in found["asked"]
        ],
        checked_rows=[
            [moment(row["asked_at"]), _house(row), words.shown(words.PURPOSES, row["purpose"]),
             ", ".join(row["fields"])]
            for row in checks["checked"]
        ],
        **told,
    )  # fmt: skip


def _house(row: dict[str, Any]) -> str:
    return languages.both(row["member_name_zh"], row["member_name_en"] or row["member_name_zh"])


_OUTCOMES: dict[str, tuple[str, str]] = {
    "match": ("有记录，已告知", "a match, told"),
    "none": ("无记录", "nothing found"),
    "no_ground": ("无依据，未答复", "no ground, not answered"),
    "refused": ("已拒绝", "refused"),
    "told": ("本人查阅", "subject access"),
}


def _runtime(door: Door) -> Runtime:
    found: Runtime | None = current_app.extensions.get("gongxin_rights")
    if found is None:
        face = door.face
        found = current_app.extensions["gongxin_rights"] = Runtime(face.config, face.engine, face.limiter, _nobody)
    return found


def _nobody(*_given: Any) -> Any:
    raise Forbidden


def _who_asked(door: Door) -> dict[str, Any]:
    """By the person's blind tokens, each on a line as `epoch token`."""
    given = []
    for line in request.form.get("tokens", "")[:4000].splitlines()[:8]:
        epoch, _space, token = line.strip().partition(" ")
        if epoch.isascii() and epoch.isdigit() and len(epoch) < 6 and token.strip():
            given.append({"epoch": int(epoch), "token": token.strip()})
        elif line.strip():
            raise bad_field("/tokens", "每行一个：密钥期、空格、令牌", "One a line: the epoch, a space, the token")
    if not given:
        raise bad_field("/tokens", "每行一个：密钥期、空格、令牌", "One a line: the epoch, a space, the token")
    reference = disclosure.file_number(request.form.get("request_reference", ""), "/request_reference")
    keys = subjects.parse_subject(door.config, door.session, given, pointer="/tokens")
    body = receipts.canonical({"request_reference": reference, "subject": given})
    question = questions.about_oneself(reference, [key for _epoch, key in keys], body)
    return asked.subject_access(_runtime(door), door.session, door.caller, question)


def _agent(door: Door) -> UUID:
    """Of the licence number that was given. Raises Invalid at the field."""
    try:
        licence = licences.check_licence(request.form.get("licence", ""))
    except IdentifierError as fault:
        raise bad_field("/licence", fault.zh, fault.en) from fault
    found = queries_desk.agents(door.session, licence=licence, limit=1)
    if not found:
        raise bad_field("/licence", "没有这个执照号", "There is no such licence")
    return found[0].id


def _leaf() -> UUID:
    try:
        return UUID(request.form.get("leaf", "").strip())
    except ValueError as fault:
        raise bad_field("/leaf", "应为叶子的编号", "The identifier of a leaf") from fault
