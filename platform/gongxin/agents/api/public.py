"""The public check: parse, call, return. No token; counted by address; nothing personal, and no list."""

from typing import Any

from gongxin.errors import NotFound
from gongxin.web.blueprint import Answer, Blueprint, Call

from .. import examples, public
from ..schemas import public as schemas

blp = Blueprint("public_check", url_prefix="/check", description="公开核验 The public check of a licence or badge")
BLUEPRINTS = (blp,)
_NEVER_KEPT = {"Cache-Control": "no-store"}


@blp.operation("agents.public_check", "GET", "/<licence>", answer=schemas.PublicOut, example=examples.PUBLIC)
def public_check(call: Call, licence: str) -> Answer:
    """公开核验 What anyone may know of a licence: its state, agency, validity, certificate. Nothing else, and no list.

    A number that is ill written, unknown or not granted answers alike."""
    if len(licence) > 64:
        raise NotFound("licence_not_found")
    return Answer(public.licence(call.session, licence), headers=_NEVER_KEPT)


@blp.operation(
    "agents.check_badge",
    "POST",
    "/badge",
    body=schemas.CodeIn,
    answer=schemas.BadgeCheckedOut,
    walk=False,
    body_example={"code": examples.BADGE["code"]},
    example=examples.BADGE_CHECKED,
)
def check_badge(call: Call, body: dict[str, Any]) -> Answer:
    """核验工牌 A scanned badge against the registry as it stands: only `valid` is to be relied on.

    A code that is cut, doubled, altered or signed by somebody else is refused, each with its own code."""
    told = public.badge(call.session, call.runtime.config.issuer, body["code"])
    return Answer(told, headers=_NEVER_KEPT)


@blp.operation(
    "agents.check_photo",
    "POST",
    "/photo",
    body=schemas.PhotoIn,
    answer=schemas.PhotoOut,
    statuses=(404,),
    walk=False,
    body_example={"licence": examples.LICENCE, "photo_sha256": "ab" * 32},
    example={"licence": examples.LICENCE, "matches": True, "as_of": "2026-11-24T04:00:00.000Z"},
)
def check_photo(call: Call, body: dict[str, Any]) -> Answer:
    """核对照片 Whether the photograph shown is the one on file, by its SHA-256: yes or no."""
    told = public.photo(call.session, body["licence"], bytes.fromhex(body["photo_sha256"]))
    return Answer(told, headers=_NEVER_KEPT)
