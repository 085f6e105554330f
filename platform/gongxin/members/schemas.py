"""What goes over the wire."""

from typing import Any

from marshmallow import Schema, fields, validate

from . import rules
from .models import Agreement, Member, MemberChange

_UUID = {"format": "uuid"}
_RFC3339 = {"format": "date-time"}


def _text(longest: int) -> validate.Length:
    return validate.Length(1, longest)


class MemberIn(Schema):
    kind = fields.String(required=True, validate=validate.OneOf(rules.KINDS))
    name_zh = fields.String(required=True, validate=_text(rules.MAX_NAME_ZH))
    name_en = fields.String(allow_none=True, load_default=None, validate=_text(rules.MAX_NAME_EN))
    uscc = fields.String(
        required=True,
        validate=[validate.Length(equal=18), validate.Regexp(rules.USCC_PATTERN)],
        metadata={"description": "统一社会信用代码, GB 32100-2015"},
    )
    court_code = fields.String(
        allow_none=True,
        load_default=None,
        validate=_text(8),
        metadata={"description": "法院代字: required for a court, absent for everyone else"},
    )


class StateIn(Schema):
    state = fields.String(required=True, validate=validate.OneOf(rules.STATES))
    reason = fields.String(required=True, validate=_text(rules.MAX_REASON))


_BUDGET: dict[str, Any] = {"strict": True, "validate": validate.Range(0, rules.MAX_BUDGET)}
BudgetsIn = Schema.from_dict(
    {name: fields.Integer(**_BUDGET) for name in (*rules.PURPOSES, rules.EVALUATION)}, name="BudgetsIn"
)
ContactsIn = Schema.from_dict(
    {
        office: fields.String(
            validate=[validate.Length(max=rules.MAX_EMAIL), validate.Regexp(rules.EMAIL_PATTERN)],
        )
        for office in rules.OFFICES
    },
    name="ContactsIn",
)


class AgreementIn(Schema):
    purposes = fields.List(
        fields.String(validate=validate.OneOf(rules.PURPOSES)),
        required=True,
        validate=validate.Length(max=len(rules.PURPOSES)),
        metadata={"uniqueItems": True},
    )
    data_types = fields.List(
        fields.String(validate=validate.OneOf(rules.DATA_TYPES)),
        required=True,
        validate=validate.Length(max=len(rules.DATA_TYPES)),
        metadata={"uniqueItems": True},
    )
    budgets = fields.Nested(BudgetsIn, required=True)
    contacts = fields.Nested(ContactsIn, required=True, metadata={"minProperties": 1})
    effective_from = fields.AwareDateTime(format="iso", required=True)


class DirectoryIn(Schema):
    kind = fields.String(validate=validate.OneOf(rules.KINDS))
    state = fields.String(validate=validate.OneOf(rules.STATES))
    cursor = fields.String(validate=[validate.Length(1, 512), validate.Regexp("^[A-Za-z0-9_-]+$")])
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class MemberOut(Schema):
    member_id = fields.String(required=True, metadata=_UUID)
    kind = fields.String(required=True, validate=validate.OneOf(rules.KINDS))
    name_zh = fields.String(required=True)
    name_en = fields.String(required=True, allow_none=True)
    uscc = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(rules.STATES))
    court_code = fields.String(required=True, allow_none=True)
    created_at = fields.String(required=True, metadata=_RFC3339)
    changed_at = fields.String(required=True, metadata=_RFC3339)


class DirectoryOut(Schema):
    items = fields.List(fields.Nested(MemberOut), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class AgreementOut(Schema):
    agreement_id = fields.String(required=True, metadata=_UUID)
    member_id = fields.String(required=True, metadata=_UUID)
    version = fields.Integer(required=True)
    purposes = fields.List(fields.String(), required=True)
    data_types = fields.List(fields.String(), required=True)
    budgets = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    contacts = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    effective_from = fields.String(required=True, metadata=_RFC3339)
    created_at = fields.String(required=True, metadata=_RFC3339)
    in_force = fields.Boolean(required=True)


class AgreementsOut(Schema):
    items = fields.List(fields.Nested(AgreementOut), required=True)


def member_out(member: Member) -> dict[str, Any]:
    return {
        "member_id": member.id,
        "kind": member.kind,
        "name_zh": member.name_zh,
        "name_en": member.name_en,
        "uscc": member.uscc,
        "state": member.state,
        "court_code": member.court_code,
        "created_at": member.created_at,
        "changed_at": member.changed_at,
    }


def change_out(change: MemberChange) -> dict[str, Any]:
    return {
        "previous": change.previous,
        "state": change.state,
        "reason": change.reason,
        "changed_by": change.changed_by,
        "changed_at": change.changed_at,
    }


def agreement_out(agreement: Agreement, *, in_force: bool) -> dict[str, Any]:
    return {
        "agreement_id": agreement.id,
        "member_id": agreement.member_id,
        "version": agreement.version,
        "purposes": agreement.purposes,
        "data_types": agreement.data_types,
        "budgets": agreement.budgets,
        "contacts": agreement.contacts,
        "effective_from": agreement.effective_from,
        "created_at": agreement.created_at,
        "in_force": in_force,
    }
