"""The steps, votes and declarations that people send from a matter's page."""

from typing import Any
from uuid import UUID

from flask import Flask, Response, flash, request
from flask_babel import gettext as _

from gongxin.blacklist import pack, queries, queries_desk, rules, service, voting
from gongxin.errors import GongxinError, Invalid

from ... import reading
from ...face import Door, page
from . import wording
from .matter import COMMITTEE_STEPS, OFFICER_STEPS, PARTY_STEPS, show

# What a step needs beside its reasons: read from the form, each at its field.
SERVICE = {"notice", "serve", "dismiss"}


def register(app: Flask) -> None:
    @page(app, "admin.matter_act", "/blacklist/<uuid:matter_id>/acts", ("POST",))
    def act(door: Door, matter_id: UUID) -> Response:
        return _step(door, matter_id, OFFICER_STEPS + PARTY_STEPS)

    @page(app, "admin.matter_decide", "/blacklist/<uuid:matter_id>/decisions", ("POST",))
    def decide(door: Door, matter_id: UUID) -> Response:
        return _step(door, matter_id, COMMITTEE_STEPS)

    @page(app, "admin.matter_vote", "/blacklist/<uuid:matter_id>/votes", ("POST",))
    def vote(door: Door, matter_id: UUID) -> Response:
        with door.attempting() as tried:
            matter = queries.get_matter(door.session, matter_id)
            if reading.text("draft_id") != str(matter.draft_id):
                raise service.meanwhile()
            chosen = _need("vote", reading.chosen("vote", ("for", "against")))
            voting.vote(
                door.session, matter_id, officer=door.me.officer, vote=chosen == "for", said=reading.text("said")
            )
        return _after(door, matter_id, tried.error, "vote", _("您的一票已入卷，不得更改。"))

    @page(app, "admin.matter_recuse", "/blacklist/<uuid:matter_id>/recusals", ("POST",))
    def recuse(door: Door, matter_id: UUID) -> Response:
        with door.attempting() as tried:
            said = _need("said", reading.text("said"))
            voting.recuse(door.session, matter_id, officer=door.me.officer, said=said)
        return _after(door, matter_id, tried.error, "recuse", _("已申报回避；您在本件的票不再计数。"))

    @page(app, "admin.matter_object", "/blacklist/<uuid:matter_id>/objections", ("POST",))
    def object_to(door: Door, matter_id: UUID) -> Response:
        with door.attempting() as tried:
            kind = _need("kind", reading.chosen("kind", wording.OBJECTIONS))
            said = _need("said", reading.text("said"))
            voting.object_to(door.session, matter_id, caller=door.caller, kind=kind, said=said)
        return _after(door, matter_id, tried.error, "object", _("异议已入卷；答复前条目显示有争议。"))

    @page(app, "admin.matter_answer", "/blacklist/<uuid:matter_id>/objections/<uuid:objection_id>/answers", ("POST",))
    def answer(door: Door, matter_id: UUID, objection_id: UUID) -> Response:
        with door.attempting() as tried:
            outcome = _need("outcome", reading.chosen("outcome", wording.OUTCOMES))
            said = _need("answer", reading.text("answer"))
            voting.answer_objection(
                door.session, matter_id, objection_id, officer=door.me.officer, outcome=outcome, answer=said
            )
        return _after(door, matter_id, tried.error, f"answer-{objection_id}", _("答复已入卷。"))


def _step(door: Door, matter_id: UUID, allowed: tuple[str, ...]) -> Response:
    name = request.form.get("action", "")
    with door.attempting() as tried:
        queries.get_matter(door.session, matter_id)
        name = _need("action", reading.chosen("action", allowed))
        service.act(
            door.session, matter_id, caller=door.caller, action=name, said=reading.text("said"),
            officer=None if name in PARTY_STEPS else door.me.officer, version=reading.whole("version"),
            **_details(name),
        )  # fmt: skip
    return _after(door, matter_id, tried.error, name, _("已记录，并写入透明日志。"))


def _details(name: str) -> dict[str, Any]:
    """What the form adds for this step."""
    if name in SERVICE:
        return {
            "served_on": _need("served_on", reading.day("served_on")),
            "channel": _need("channel", reading.chosen("channel", rules.CHANNELS)),
            "proof": _need("proof", reading.fingerprint("proof")),
        }
    if name in {"accept", "assign"}:
        return {"committee_id": _need("committee_id", reading.identifier("committee_id"))}
    if name == "join":
        return {"joined_to": _need("joined_to", reading.identifier("joined_to"))}
    if name == "order_stop":
        return {"until": _need("until", reading.day("until"))}
    if name == "draft":
        return {
            "act": _need("act", reading.chosen("act", rules.DRAFTABLE)),
            "severity": reading.chosen("severity", pack.SEVERITIES),
            "level": reading.chosen("level", pack.OUTCOMES),
            "months": reading.whole("months"),
            "major_harm": reading.text("major_harm") == "yes",
        }
    return {}


def _need(name: str, found: Any) -> Any:
    if found is None:
        raise Invalid("missing_field", zh="此项须填写", en="This is needed", pointer=f"/{name}",
                      fix_zh="填写后再提交；已填内容保留在页上。",
                      fix_en="Fill it in and send again; what you wrote is kept.")  # fmt: skip
    return found


def _after(door: Door, matter_id: UUID, error: GongxinError | None, tried: str, words: str) -> Response:
    if error is not None:
        queries.get_matter(door.session, matter_id)
        return show(door, matter_id, error, tried, request.form)
    flash(words, "good")
    if request.form.get("next"):
        waits = _next(door, matter_id)
        return door.go("matter", matter_id=waits) if waits is not None else door.go("blacklist")
    return door.go("matter", matter_id=matter_id)


def _next(door: Door, matter_id: UUID) -> UUID | None:
    """The next matter at the same stage as this one was, by the clock; else None."""
    at = request.form.get("at", "")
    states = next((row[2] for row in wording.TABS.values() if at in row[2]), ())
    if not states:
        return None
    rows = queries_desk.by_clock(door.session, states=states, limit=2)
    return next((row.Matter.id for row in rows if row.Matter.id != matter_id), None)
