"""What anyone may know: a licence by its number, a scanned badge, whether a photograph is the one on file. For the API
and for the public page alike; each refusal reads the same whatever lies behind it, and there is no list."""

from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.disclosure import receipts
from gongxin.errors import Invalid, NotFound
from gongxin_wire import badges as wire
from gongxin_wire.badges import LISTS_PATH
from gongxin_wire.identifiers import IdentifierError
from gongxin_wire.licences import check_licence

from . import badge_lists, queries, rules
from . import queries_badges as found

_STATES = {0: "valid", 1: "invalid", 2: "suspended"}


def licence(session: Session, number: str) -> dict[str, Any]:
    """State, agency, validity, certificate. Raises the same NotFound for ill written, unknown, not granted."""
    told = rules.public(queries.standing(session, [(0, _normal(number), None, None)]).get(0), clock.today_in_china())
    if told is None:
        raise NotFound(
            "licence_not_found",
            zh="没有这个执照",
            en="There is no such licence",
            fix_zh="逐字核对执照号；对方不能出示有效执照的，可向协会举报。",
            fix_en="Compare it character by character; who shows no valid licence can be reported to the association.",
        )
    return told | {"as_of": receipts.moment(clock.now())}


def photo(session: Session, number: str, photo_sha256: bytes) -> dict[str, Any]:
    """Whether the photograph shown is, octet for octet, the one on file; yes or no. Raises as `licence` does."""
    known = licence(session, number)
    matches = found.photo_matches(session, known["licence"], photo_sha256)
    return {"licence": known["licence"], "matches": matches, "as_of": known["as_of"]}


def badge(session: Session, issuer: str, code: str) -> dict[str, Any]:
    """A scanned code against the registry as it stands this instant: what it says and whether it holds. Raises Invalid
    for what is no badge of this registry."""
    try:
        shown = wire.decode(code, badge_lists.keys(session, issuer))
    except wire.BadgeError as fault:
        raise Invalid(
            fault.code, zh=fault.zh, en=fault.en, fix_zh=fault.fix_zh, fix_en=fault.fix_en, pointer="/code"
        ) from fault
    number = shown.uri.removeprefix(issuer + LISTS_PATH)
    row = found.standing(session, int(number), shown.index, clock.today_in_china()) if number.isdecimal() else None
    if row is None or row.licence_no != shown.licence:
        state = "unknown"
    elif clock.epoch_seconds() >= shown.expires_at:
        state = "expired"
    else:
        state = _STATES[row.status]
    return {
        "state": state,
        "licence": shown.licence,
        "agency_zh": shown.agency,
        "certificate": shown.level,
        "issued_at": receipts.moment(clock.from_epoch(shown.issued_at)),
        "expires_at": receipts.moment(clock.from_epoch(shown.expires_at)),
        "as_of": receipts.moment(clock.now()),
    }


def _normal(number: str) -> str:
    try:
        return check_licence(number)
    except IdentifierError:
        return ""
