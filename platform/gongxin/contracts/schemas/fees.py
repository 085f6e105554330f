"""Fee models, caps and verdicts over the wire."""

from typing import Any

from marshmallow import Schema, fields, validate

from ..caps import rules as cap_rules
from ..caps.models import FeeCap
from ..fees import model as fees_model
from .shared import (
    RFC3339,
    Day,
    Identifier,
    Whole,
    a_day,
    a_moment,
    a_number,
    a_text,
    an_id,
    free,
    items_of,
    listed,
    number,
    pattern,
    text,
    word,
)

STATES = ("within", "above", "unknown")


class FeesIn(Schema):
    fee_model = free(required=True)
    jurisdiction = pattern(cap_rules.JURISDICTION_PATTERN, load_default="cn")
    age = word(fees_model.AGES, load_default="M1")
    round = number(1, fees_model.MAX_ROUND, load_default=1)


class CapIn(Schema):
    jurisdiction = pattern(cap_rules.JURISDICTION_PATTERN, required=True)
    member_kind = word(cap_rules.MEMBER_KINDS, load_default="agency")
    age = word(fees_model.AGES, required=True)
    rate_bp_max = Whole(required=True, allow_none=True, metadata={"type": "integer"})
    authority = text(120, required=True)
    citation = text(200, required=True)
    source_status = word(cap_rules.SOURCES, required=True)
    effective_from = Day(required=True)
    effective_until = Day(load_default=None, allow_none=True)
    supersedes = Identifier(load_default=None, allow_none=True)


class CapsIn(Schema):
    caps = fields.List(fields.Nested(CapIn), required=True, validate=validate.Length(1, 100))


class CapsAskIn(Schema):
    jurisdiction = pattern(cap_rules.JURISDICTION_PATTERN, load_default="cn")
    member_kind = word(cap_rules.MEMBER_KINDS, load_default="agency")
    on = Day()
    known_at = fields.AwareDateTime(format="iso", metadata=RFC3339)


class CapOut(Schema):
    cap_id = an_id()
    jurisdiction = a_text()
    member_kind = word(cap_rules.MEMBER_KINDS, required=True)
    age = word(fees_model.AGES, required=True)
    rate_bp_max = a_number(allow_none=True)
    authority = a_text()
    citation = a_text()
    source_status = word(cap_rules.SOURCES, required=True)
    effective_from = a_day()
    effective_until = a_day(allow_none=True)
    recorded_at = a_moment()
    superseded_at = a_moment(allow_none=True)
    supersedes = an_id(allow_none=True)


CapsOut = items_of("FeeCapsOut", CapOut)


class ExcessOut(Schema):
    age = word(fees_model.AGES, required=True)
    tier = a_number(allow_none=True)
    rate_bp = a_number()
    cap_bp = a_number()
    by_bp = a_number()
    cap_id = an_id(allow_none=True)


class VerdictOut(Schema):
    verdict = word(STATES, required=True)
    above = listed(fields.Nested(ExcessOut))
    informational = listed(fields.Nested(ExcessOut))


class TierOut(Schema):
    tier = a_number()
    age_from = word(fees_model.AGES, required=True)
    age_to = word(fees_model.AGES, required=True)
    round_from = a_number()
    round_to = a_number(allow_none=True)
    from_fen = a_number()
    to_fen = a_number(allow_none=True)
    rate_bp = a_number()
    min_fee_fen = a_number(allow_none=True)
    max_fee_fen = a_number(allow_none=True)


class PointOut(Schema):
    amount_fen = a_number()
    fee_fen = a_number()
    commission_fen = a_number()
    effective_bp = a_number()
    cap_bp = a_number(allow_none=True)


class FeesOut(VerdictOut):
    table = listed(fields.Nested(TierOut))
    curve = listed(fields.Nested(PointOut))


def cap_out(cap: FeeCap) -> dict[str, Any]:
    return {
        "cap_id": cap.id, "jurisdiction": cap.jurisdiction, "member_kind": cap.member_kind,
        "age": fees_model.AGES[cap.bucket - 1], "rate_bp_max": cap.rate_bp_max, "authority": cap.authority,
        "citation": cap.citation, "source_status": cap.source_status, "effective_from": cap.effective_from,
        "effective_until": cap.effective_until, "recorded_at": cap.recorded_at, "superseded_at": cap.superseded_at,
        "supersedes": cap.supersedes,
    }  # fmt: skip


def verdict_out(found: cap_rules.Verdict) -> dict[str, Any]:
    return {
        "verdict": found.state,
        "above": [cap_rules.told(each) for each in found.above],
        "informational": [cap_rules.told(each) for each in found.informed],
    }
