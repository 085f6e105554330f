"""公开查验 The public check: is this collector licensed, by whom, until when. No cookie; nothing is kept."""

from typing import Any

from flask import Flask, Response, request, url_for
from flask_babel import gettext as _

from gongxin.agents import public
from gongxin.errors import GongxinError, NotFound
from gongxin_wire.identifiers import IdentifierError
from gongxin_wire.licences import check_licence

from .. import languages
from ..face import Door, page

CACHE = "public, max-age=60"
LEVELS = {
    "basic": ("上岗", "basic"),
    "senior": ("高级", "senior"),
    "debt_counsellor": ("债务咨询师", "debt counsellor"),
}
# State of a licence -> (mood, 中文, English, advice 中文, advice English).
VERDICTS: dict[str, tuple[str, str, str, str, str]] = {
    "granted": (
        "good", "有效：此人持有执业资格", "In force: this person is licensed",
        "请核对照片与姓名；即使持证，也须遵守下列行为规则。",
        "Compare photograph and name; licensed or not, the rules of conduct below hold.",
    ),
    "suspended": (
        "bad", "已暂停：此人目前不得催收", "Suspended: this person may not collect now",
        "请勿向其付款或提供资料，并可向协会举报。", "Pay nothing, hand over nothing, and report it to the association.",
    ),
    "revoked": (
        "bad", "已吊销：此人不得催收", "Revoked: this person may not collect",
        "请勿向其付款或提供资料，并可向协会举报。", "Pay nothing, hand over nothing, and report it to the association.",
    ),
    "expired": (
        "bad", "已过期：执照不再有效", "Expired: the licence is no longer in force",
        "请要求对方出示有效执照；不能出示的可举报。", "Ask for a licence in force; who shows none can be reported.",
    ),
    "surrendered": (
        "bad", "已交回：执照不再有效", "Surrendered: the licence is no longer in force",
        "请要求对方出示有效执照；不能出示的可举报。", "Ask for a licence in force; who shows none can be reported.",
    ),
}  # fmt: skip


def register(app: Flask) -> None:
    @page(app, "check.form", "")
    def form(door: Door) -> Response:
        return _cached(door.render("check.html", number=""))

    @page(app, "check.find", "/find")
    def find(door: Door) -> Response:
        number = "".join(request.args.get("licence", "").split()).upper()[:40]
        try:
            return door.to(url_for("check.result", licence=check_licence(number), lang=request.args.get("lang")))
        except IdentifierError:
            return door.render("check.html", number=number, error=_misread())

    @page(app, "check.result", "/<licence>")
    def result(door: Door, licence: str) -> Response:
        with door.attempting() as tried:
            told = public.licence(door.session, licence)
        if tried.error is not None:
            return door.render("check_unknown.html", error=tried.error)
        return _cached(door.render("check_result.html", told=told, verdict=VERDICTS[told["state"]], lines=_lines(told)))


def _lines(told: dict[str, Any]) -> list[tuple[str, Any]]:
    level = told["certificate"]
    return [
        (_("执照号"), told["licence"]),
        (_("所属机构"), languages.both(told["agency_zh"], told["agency_en"] or told["agency_zh"])),
        (_("有效期自"), told["valid_from"]),
        (_("有效期至"), told["valid_until"]),
        (_("证书等级"), languages.both(*LEVELS[level]) if level else None),
    ]


def _cached(response: Response) -> Response:
    response.headers["Cache-Control"] = CACHE
    return response


def _misread() -> GongxinError:
    return NotFound(
        "licence_misread",
        zh="执照号不完整或有误",
        en="The licence number is incomplete or misread",
        fix_zh="逐字核对证件上的执照号；末位是校验字符。",
        fix_en="Compare it with the card character by character; the last one is a check character.",
        pointer="/licence",
    )
