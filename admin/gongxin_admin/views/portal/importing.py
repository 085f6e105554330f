"""批量登记 Register and place cases from a spreadsheet. The file is read in the browser; what comes here is lines with
tokens in the place of numbers. A dry run goes the whole way and is taken back; nothing stays before 确认.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from flask import Flask, Response, request
from flask_babel import gettext as _

from gongxin.cases import service
from gongxin.errors import Invalid
from gongxin.members import queries as members
from gongxin.web import guards

from ... import languages
from ...face import Door
from .asking import KINDS
from .common import act, fault, in_json

MAX_LINES = 1000
_LINE = {"row", "creditor_ref", "subject", "opened_on"}
_OPTIONAL = {"court_case", "agency", "mandate_until"}


def register(app: Flask) -> None:
    @act(app, "portal.imports", "/imports", ("GET",))
    def imports(door: Door) -> Response:
        kinds = [(kind, languages.both(zh, en)) for kind, zh, en in KINDS]
        return door.render("portal/import.html", kinds=kinds, columns=_columns())

    @act(app, "portal.import_lines", "/imports/lines")
    def lines(door: Door) -> Response:
        return in_json(door, lambda: _lines(door))


def _columns() -> list[tuple[str, str, str, bool]]:
    """(field, label, hint, needed)."""
    return [
        ("creditor_ref", _("债权人编号"), _("借据号、合同号等；同号同内容重复登记无妨。"), True),
        ("id_number", _("证件号码"), _("只在本机转成令牌，不发送。"), True),
        ("id_kind", _("证件类型"), _("没有此列时按下方默认。"), False),
        ("opened_on", _("立案日"), _("如 2025-03-04、2025/3/4、2025年3月4日。"), True),
        ("court_case", _("案号"), "", False),
        ("agency", _("受托机构"), _("填统一社会信用代码或全称；有此列即同时委托。"), False),
        ("mandate_until", _("委托期限"), "", False),
    ]


def _lines(door: Door) -> dict[str, Any]:
    # The lines are read as strictly as the API's; an agency's code, which may look like a card's number, is never kept.
    body = guards.read_json(request, door.config.max_body_bytes, door.config.max_json_depth, walk=False)
    if not isinstance(body, dict) or body.keys() != {"confirmed", "lines"} or type(body["confirmed"]) is not bool:
        raise _bad("")
    given = body["lines"]
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_LINES:
        raise _bad("/lines")
    for at, line in enumerate(given):
        if not isinstance(line, dict) or not _LINE <= line.keys() <= _LINE | _OPTIONAL or type(line["row"]) is not int:
            raise _bad(f"/lines/{at}")
    trial = door.session.begin_nested()
    found = _register(door, given)
    if body["confirmed"]:
        trial.commit()
    else:
        trial.rollback()
    return {"confirmed": body["confirmed"], "lines": found}


def _register(door: Door, given: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    bodies = [orjson.dumps(_case(line)) for line in given]
    done = service.register_bulk(door.session, config=door.config, caller=door.caller, bodies=bodies)
    found = [
        {"row": line["row"], "status": "refused", "problem": fault(outcome.refusal)}
        if outcome.refusal is not None
        else {"row": line["row"], "status": "created" if outcome.created else "exists", "case_id": outcome.case_id}
        for line, (_ref, outcome) in zip(given, done, strict=True)
    ]
    _place(door, given, found)
    return found


def _place(door: Door, given: Sequence[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    """Newly registered cases go to the agency their line names; what cannot be placed is registered and says so."""
    known = _agencies(door) if any(line.get("agency") for line in given) else {}
    wanted: list[tuple[int, bytes]] = []
    for at, (line, outcome) in enumerate(zip(given, found, strict=True)):
        if not line.get("agency") or outcome["status"] != "created":
            continue
        agency = known.get(str(line["agency"]).strip())
        move = {"case_id": str(outcome["case_id"]), "action": "assign", "agency_id": str(agency)}
        if agency is None:
            outcome["placement_problem"] = fault(_no_agency())
        else:
            if line.get("mandate_until"):
                move["mandate_until"] = line["mandate_until"]
            wanted.append((at, orjson.dumps(move)))
    if not wanted:
        return
    moved = service.place_bulk(
        door.session, caller=door.caller, bodies=[body for _at, body in wanted], max_depth=door.config.max_json_depth
    )
    for (at, _body), (_case_id, _version, refusal) in zip(wanted, moved, strict=True):
        if refusal is None:
            found[at]["placed"] = True
        else:
            found[at]["placement_problem"] = fault(refusal)


def _case(line: dict[str, Any]) -> dict[str, Any]:
    case = {name: line[name] for name in ("creditor_ref", "subject", "opened_on")}
    if line.get("court_case"):
        case["references"] = [{"kind": "court_case", "reference": line["court_case"]}]
    return case


def _agencies(door: Door) -> dict[str, UUID]:
    """By code and by full name; a name that two have is nobody's."""
    found = members.directory(door.session, kind="agency", state="active")
    names = [m.name_zh for m in found]
    return {m.name_zh: m.id for m in found if names.count(m.name_zh) == 1} | {m.uscc: m.id for m in found}


def _no_agency() -> Invalid:
    return Invalid(
        "agency_not_found",
        zh="没有这家在册的受托机构",
        en="There is no such active agency",
        fix_zh="填写其统一社会信用代码或登记的全称；案件已登记，可在案件页委托。",
        fix_en="Give its USCC or full name as registered; the case is registered and can be placed on its page.",
        pointer="/agency",
    )


def _bad(pointer: str) -> Invalid:
    return Invalid(
        "bad_import",
        zh="导入内容不符合要求",
        en="The lines are not as this page sends them",
        fix_zh="请重新载入页面后再试。",
        fix_en="Reload the page and try again.",
        pointer=pointer,
    )
