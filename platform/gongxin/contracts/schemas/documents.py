"""Documents over the wire: redlines, comparisons, anyone's check."""

from marshmallow import Schema, fields

from ..documents import redline
from .shared import Identifier, a_day, a_hash, a_number, a_text, an_id, listed, word


class BeforeIn(Schema):
    before = Identifier(required=True)


class BeforeOrNoneIn(Schema):
    before = Identifier(load_default=None)


class SegmentOut(Schema):
    op = word(("same", "del", "ins"), required=True)
    text = a_text()


class RedlinePartOut(Schema):
    clause_id = a_text()
    number = a_text()
    title = a_text()
    what = word(tuple(redline.WHAT), required=True)
    paragraphs = listed(fields.List(fields.Nested(SegmentOut)))


class RedlineOut(Schema):
    title = a_text()
    parts = listed(fields.Nested(RedlinePartOut))


class DifferenceOut(Schema):
    clause_id = a_text()
    number = a_text(allow_none=True)
    locked = fields.Boolean(required=True)
    language = word(("zh", "en"), required=True, allow_none=True)
    what = word(("missing", "added", "changed"), required=True)
    expected = a_text()
    found = a_text()


class ComparisonOut(Schema):
    content_hash = a_hash()
    format = word(("docx", "pdf"), required=True)
    same = fields.Boolean(required=True)
    locked_changed = fields.Boolean(required=True)
    count = a_number()
    differences = listed(fields.Nested(DifferenceOut))


class SignatureLeafOut(Schema):
    leaf_id = an_id()
    leaf_index = a_number(allow_none=True)


class ContractCheckOut(Schema):
    content_hash = a_hash()
    members = a_number()
    signed_on = a_day()
    leaves = listed(fields.Nested(SignatureLeafOut))
