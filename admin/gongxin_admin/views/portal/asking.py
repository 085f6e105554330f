"""联系前查询 Ask before contact: purpose, own case and a blind token; the answer in words nobody can misread, with its
receipt. 查询记录 What the house has asked, by whom, and what it was told."""

import base64
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
from flask import Flask, Response, request
from flask_babel import gettext as _

from gongxin.access import service as access
from gongxin.cases import queries as cases
from gongxin.disclosure import questions, rules, service
from gongxin.errors import GongxinError, Invalid, NotFound
from gongxin.subjects import service as subjects
from gongxin.web.caller import Caller

from ... import languages
from ...face import Door, page
from ...formats import instant
from ...listing import Column, Listing, show
from . import words
from .common import act, blinded, runtime

RECEIPT_FORMAT = "gongxin-receipt-1"
KINDS = (("cn_id", "身份证", "ID card"), ("passport", "护照", "passport"), ("uscc", "统一社会信用代码", "USCC"))
_READS = {"GET", "HEAD"}


def register(app: Flask) -> None:
    @act(app, "portal.ask", "/ask", ("GET", "POST"))
    def ask(door: Door) -> Response:
        if request.method in _READS:
            return _form(door, {"ground": request.args.get("case", "")[:64], "purpose": purposes(door)[0][0]})
        typed = {name: request.form.get(name, "").strip() for name in ("purpose", "ground")}
        reply: dict[str, Any] = {}
        with door.attempting() as tried:
            body = _question(door, **typed)
            asked = questions.read(
                door.config, subjects.open_epochs(runtime(door)), body, door.house.court_code, batch=False
            )
            caller = granted(door.caller, asked.purpose, asked.grounds)
            reply = orjson.loads(service.lookup(runtime(door), caller, asked))
        if tried.error is not None:
            return _form(door, typed, tried.error)
        return _answer(door, body, reply, typed["ground"])

    @page(app, "portal.asked", "/asked")
    def asked(door: Door) -> Response:
        return show(door, _asked(door))


def purposes(door: Door) -> list[tuple[str, str]]:
    """What this kind of member may ask for, with its words."""
    found = [p for kind, p in rules.RELATIONS if kind == door.house.kind and p in rules.LOOKUP_PURPOSES]
    return [(p, words.said(words.PURPOSES, p)) for p in sorted(found)]


def granted(caller: Caller, purpose: str, grounds: list[str]) -> Caller:
    """What a token would be granted for: the purpose the person states on the page, this ground and no other."""
    detail = {
        "type": rules.GRANT_TYPE, "purpose": purpose, "data_types": list(rules.DATA_TYPES), "case_references": grounds,
    }  # fmt: skip
    return replace(caller, grants=(detail,))


def _question(door: Door, purpose: str, ground: str) -> dict[str, Any]:
    """The body that the API would have been sent. Raises Invalid at the field."""
    field = {"reference": ground}
    if purpose in rules.BY_CASE:
        field = {"case_id": str(_own_case(door, ground))}
    return {"purpose": purpose, "subject": blinded(), "ground": field, "officer": door.me.officer}


def _own_case(door: Door, text: str) -> UUID:
    """Our case by its number in our books, or by the registry's. Raises Invalid at the field."""
    try:
        return cases.get_case(door.session, UUID(text)).id
    except (ValueError, NotFound):
        pass
    found = cases.cases_page(
        door.session, door.house.id, door.house.kind, {"creditor_ref": text}, after=None, limit=1
    )  # fmt: skip
    if len(found) == 1:
        return found[0].id
    raise Invalid(
        "case_not_found",
        zh="本机构没有这个编号的案件" if not found else "这个编号对应多家债权人的案件",
        en="We have no case of this number" if not found else "Several creditors have a case of this number",
        fix_zh="从案件页进入查询，或填写登记处给出的案件标识。",
        fix_en="Come here from the case, or give the identifier the registry gave it.",
        pointer="/ground",
    )


def _form(door: Door, typed: dict[str, str], error: GongxinError | None = None) -> Response:
    by_case = any(p in rules.BY_CASE for p, _shown in purposes(door))
    kinds = [(kind, languages.both(zh, en)) for kind, zh, en in KINDS]
    shown = _named_as_theirs(error, by_case)
    return door.render(
        "portal/ask.html", error=shown, typed=typed, purposes=purposes(door), by_case=by_case, kinds=kinds
    )


def _named_as_theirs(error: GongxinError | None, by_case: bool) -> GongxinError | None:
    """The page has one field for the ground, where the API has two."""
    if error is not None and error.pointer and error.pointer.startswith("/ground"):
        error.pointer = "/ground"
    if error is not None and error.pointer and error.pointer.startswith("/subject"):
        error.pointer = "/number"
    return error


def _answer(door: Door, body: dict[str, Any], reply: dict[str, Any], ground: str) -> Response:
    (answer,) = reply["answers"]
    kept = {
        "format": RECEIPT_FORMAT, "registry": door.config.issuer, "question": body, "reply": reply,
        "keys": access.public_jwks(door.session, use="receipt"),
    }  # fmt: skip
    file = json.dumps(kept, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"
    return door.render(
        "portal/answer.html",
        verdict=verdict(answer),
        flags=[words.STOPS[flag] for flag in answer["stop_flags"] or []],
        answer=answer,
        reply=reply,
        purpose=words.said(words.PURPOSES, body["purpose"]),
        result=words.said(words.RESULTS, answer["result"]),
        legal=words.said(words.LEGAL_CLASSES, answer["legal_class"]) if answer["legal_class"] else None,
        ground=ground,
        file="data:application/json;base64," + base64.b64encode(file).decode(),
    )


def verdict(answer: dict[str, Any]) -> tuple[str, str, str]:
    """(mood, what is so, what to do): an answer withheld or missing never reads as clear."""
    if answer["result"] == "no_ground":
        return (
            "wait",
            _("未作答复：没有依据"),
            _("登记处没有回答。这不表示可以联系：请核对案件与证件号码是否属于同一人、案件是否在本机构名下。"),
        )
    if answer["stop_flags"]:
        return "bad", _("停止：不得联系"), _("下列停止事项有效。先按各项要求处理，再决定是否联系。")
    if answer["stop_flags"] is None:
        return "wait", _("未告知停止事项"), _("本用途不告知停止事项。联系前请以联系用途另行查询。")
    if answer["contested"]:
        return "wait", _("有争议：谨慎联系"), _("没有停止事项，但登记的状态有争议。联系前先核实。")
    return "good", _("没有停止事项"), _("截至下列时间，没有登记停止联系的事项。此答复过期后须重新查询。")


def _asked(door: Door) -> Listing:
    def fetch(_values: dict[str, str], after: list[str] | None, limit: int) -> Any:
        return service.own_lookups(door.session, door.house.id, questions.before(after), limit)

    return Listing(
        name="questions",
        title=_("查询记录"),
        rule=_("本机构问过的每一次，包括被拒绝的；页面与接口的都在内。登记处只存主体键，没有姓名与号码。"),
        columns=[
            Column(_("时间"), lambda row: instant(row["asked_at"])),
            Column(_("用途"), lambda row: words.said(words.PURPOSES, row["purpose"])),
            Column(_("经办人"), lambda row: row["officer"] or _("接口程序")),
            Column(_("依据"), lambda row: row["ground"] or _("共 %(n)s 项", n=row["items"])),
            Column(_("结果"), _outcome),
            Column(_("披露规则"), lambda row: row["policy_version"], end=True),
        ],
        fetch=fetch,
        key=lambda row: [row["lookup_id"]],
        empty=_("还没有查询。联系债务人之前，先在“联系前查询”中问一次。"),
    )


def _outcome(row: dict[str, Any]) -> str:
    if row["refusal"]:
        return languages.both(f"被拒绝（{row['refusal']}）", f"refused ({row['refusal']})")
    return "、".join(f"{words.said(words.RESULTS, word)} {n}" for word, n in row["outcomes"].items() if n)
