"""Badges: parse, call, return. The lists and keys are public and may be cached."""

import uuid
from typing import Any

from flask import request

from gongxin.web.blueprint import Answer, Blueprint, Call
from gongxin.web.problems import CONSTRAINTS
from gongxin_wire import cose, status_lists

from .. import badge_lists, badges, examples, queries
from .. import queries_badges as found
from ..schemas import badges as schemas

blp = Blueprint("badges", url_prefix="/v1/agents", description="电子工牌 Badges of agents")
lists_blp = Blueprint("badge_lists", url_prefix="/badges", description="状态清单 Status lists of badges")
keys_blp = Blueprint("badge_keys", url_prefix="/.well-known", description="公开密钥 Published keys of badges")
BLUEPRINTS = (blp, lists_blp, keys_blp)

# What a race can reach past the rules.
CONSTRAINTS.update(
    {
        "ix_badges_one_in_force": ("badge_meanwhile", "另一工牌刚刚签发", "Another badge was issued meanwhile"),
        "uq_badges_list_no_idx": ("badge_meanwhile", "另一工牌刚刚签发", "Another badge was issued meanwhile"),
        "badges_licensed": ("no_licence_in_force", "没有有效执照", "There is no licence in force"),
        "badges_guard": ("badge_ended", "该工牌已失效", "The badge has ended already"),
    }
)
_LIST_HEADERS = {"Cache-Control": "public, max-age=5", "Vary": "Accept"}
_KEY_HEADERS = {"Cache-Control": "public, max-age=300"}
_CWT_MEDIA = "application/statuslist+cwt"
_JWT_MEDIA = "application/statuslist+jwt"
_BINARY: dict[str, Any] = {"type": "string", "format": "binary"}


@blp.operation(
    "badges.issue",
    "POST",
    "/<uuid:agent_id>/badges",
    answer=schemas.BadgeOut,
    status=201,
    example=examples.BADGE,
)
def issue(call: Call, agent_id: uuid.UUID) -> dict[str, Any]:
    """签发工牌 A badge for a licence in force: a signed code for a QR, until its last day. The one before ends."""
    made = badges.issue(call.session, runtime=call.runtime, caller=call.caller, agent_id=agent_id)
    return schemas.badge_out(made, "granted")


@blp.operation(
    "badges.withdraw",
    "POST",
    "/<uuid:agent_id>/badges/<uuid:badge_id>/withdrawal",
    body=schemas.BadgeWithdrawalIn,
    answer=schemas.BadgeOut,
    body_example={"reason": "lost"},
    example=examples.BADGE | {"state": "ended", "ended_at": "2026-11-24T05:00:00Z", "ended_as": "withdrawn"},
)
def withdraw(call: Call, agent_id: uuid.UUID, badge_id: uuid.UUID, body: dict[str, Any]) -> dict[str, Any]:
    """收回工牌 Withdraw a badge that is lost, stolen, damaged or wrong; for good."""
    ended = badges.withdraw(call.session, caller=call.caller, agent_id=agent_id, badge_id=badge_id, **body)
    return schemas.badge_out(ended, "granted")


@blp.operation(
    "badges.of_agent",
    "GET",
    "/<uuid:agent_id>/badges",
    answer=schemas.BadgesOut,
    example={"items": [examples.BADGE]},
)
def of_agent(call: Call, agent_id: uuid.UUID) -> dict[str, Any]:
    """工牌 An agent's badges, the newest first."""
    state = queries.get_agent(call.session, agent_id).state
    return {"items": [schemas.badge_out(each, state) for each in found.badges(call.session, agent_id)]}


@blp.operation(
    "badges.card",
    "GET",
    "/<uuid:agent_id>/badges/<uuid:badge_id>/card",
    query=schemas.CardIn,
    answer=_BINARY,
    media="application/pdf",
    statuses=(409,),
)
def card(call: Call, agent_id: uuid.UUID, badge_id: uuid.UUID, query: dict[str, Any]) -> Answer:
    """打印工牌 The card to print (PDF/A), with the person's name and the QR; `language` zh or en."""
    made = badges.card(call.session, runtime=call.runtime, agent_id=agent_id, badge_id=badge_id, **query)
    return Answer(raw=made, mimetype="application/pdf")


@lists_blp.operation(
    "badges.lists",
    "GET",
    "/lists",
    answer=schemas.ListsOut,
    example={"status_lists": ["https://registry.example/badges/lists/1"]},
)
def lists(call: Call) -> Answer:
    """状态清单目录 Where the status lists are (Token Status List, aggregation)."""
    issuer = call.runtime.config.issuer
    uris = [badge_lists.uri(issuer, number) for number in found.list_numbers(call.session)]
    return Answer({"status_lists": uris}, headers=_KEY_HEADERS)


@lists_blp.operation(
    "badges.list",
    "GET",
    "/lists/<int:number>",
    answer={"type": "string"},
    media=_JWT_MEDIA,
    example="eyJhbGciOiJFZERTQSIs…",
)
def status_list(call: Call, number: int) -> Answer:
    """状态清单 A status list, signed: which badges no longer hold. As CWT where `Accept` asks for it alone.

    Fetch it anew after `ttl`; past `exp` it tells nothing, and a badge is then `unknown`, never `valid`."""
    signed = badge_lists.published(call.session, call.runtime, min(number, 10_000))
    if _CWT_MEDIA in request.headers.get("Accept", ""):
        return Answer(raw=signed.as_cwt, mimetype=status_lists.CWT_TYPE, headers=_LIST_HEADERS)
    return Answer(raw=(signed.as_jwt or "").encode(), mimetype=_JWT_MEDIA, headers=_LIST_HEADERS)


@keys_blp.operation("badges.jwks", "GET", "/gongxin-badge-jwks", answer=schemas.JwksOut, example=examples.BADGE_KEYS)
def jwks(call: Call) -> Answer:
    """工牌公钥 The keys that badges and status lists are signed by, as a JWK Set, with the issuer."""
    return Answer(badge_lists.jwks(call.session, call.runtime.config.issuer), headers=_KEY_HEADERS)


@keys_blp.operation(
    "badges.cose_keys", "GET", "/gongxin-badge-cose-keys", answer=_BINARY, media="application/cose-key-set"
)
def cose_keys(call: Call) -> Answer:
    """工牌公钥（COSE） The same keys as a COSE_KeySet (RFC 9052); `kid` is the first 8 octets of the JWK thumbprint."""
    made = cose.key_set(badge_lists.jwks(call.session, call.runtime.config.issuer)["keys"])
    return Answer(raw=made, mimetype="application/cose-key-set", headers=_KEY_HEADERS)
