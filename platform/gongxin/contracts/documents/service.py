"""The verbs on documents: a contract as PDF and DOCX, redlines, an upload compared, a hash checked. Nothing is kept."""

import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy.orm import Session

from gongxin import clock, typesetting
from gongxin.errors import Invalid, NotFound, bad_field
from gongxin.transparency import queries as transparency

from .. import queries as contracts
from ..fees import model as fees
from ..models import Contract, ContractSignature
from ..standard import queries as standard
from . import comparing, curve, paper, pdf_in, queries, redline, refusals, word_in, word_out

TEMPLATE = Path(__file__).with_name("templates") / "contract.typ"
_REDLINE = TEMPLATE.with_name("redline.typ")
_HASH = re.compile("[0-9a-f]{64}")
CHECKS = "/v1/contract-checks"
_RUNNING_HEAD = r"共信Gongxin{number}|第\d*页[，,]共\d*页"


def pdf(session: Session, contract_id: uuid.UUID, *, issuer: str) -> bytes:
    """PDF/A-2b of content and signatures. Raises GlyphMissing with the field whose character the font lacks."""
    content, page, made_at = _page(session, contract_id, issuer)
    refuse_missing_glyphs(content)
    pictures = {"code": typesetting.qr_svg(page["check"])}
    model = fees.read(content["cover"]["fee_model"])
    if model.tiers:
        pictures["curve"] = curve.svg(model)
    data = page | {"headings": paper.HEADINGS, "curve_note": paper.CURVE_NOTE, "legend": curve.legend(model)}
    return typesetting.pdf(TEMPLATE, data=data, made_at=made_at, assets=pictures)


def docx(session: Session, contract_id: uuid.UUID, *, issuer: str) -> bytes:
    """The same words as an Office Open XML document."""
    return word_out.docx(_page(session, contract_id, issuer)[1])


def refuse_missing_glyphs(content: Mapping[str, Any]) -> None:
    """Raises GlyphMissing at the first field of the content that cannot be printed."""
    for pointer, text in _texts(content, ""):
        typesetting.refuse_missing_glyphs(text, pointer)


def _texts(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts(each, f"{pointer}/{name}")
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from _texts(each, f"{pointer}/{at}")


def _page(session: Session, contract_id: uuid.UUID, issuer: str) -> tuple[dict[str, Any], dict[str, Any], datetime]:
    """Content, paper, and the instant written into the file: that of the last signature, or of the draft."""
    contract = contracts.get_contract(session, contract_id)
    found = contracts.get_content(session, contract_id)
    signatures = contracts.signatures(session, contract_id)
    content: dict[str, Any] = orjson.loads(found.content)
    digest = found.content_hash.hex()
    page = paper.paper(content, digest, [_signed(each) for each in signatures], f"{issuer}{CHECKS}/{digest}")
    made_at = max((each.signed_at for each in signatures), default=contract.created_at)
    return content, page, made_at.astimezone(UTC).replace(microsecond=0)


def _signed(signature: ContractSignature) -> paper.Signed:
    day = signature.signed_at.astimezone(clock.SHANGHAI).date()
    return paper.Signed(str(signature.member_id), signature.kid, day, str(signature.id))


# --- redlines -------------------------------------------------------------------------------------------------------


def template_redline(session: Session, before_id: uuid.UUID, after_id: uuid.UUID) -> dict[str, Any]:
    """Two versions of a template. Raises Invalid where they are of two templates."""
    before, after = standard.get_template(session, before_id), standard.get_template(session, after_id)
    if before.code != after.code:
        raise bad_field("/before", "不是同一范本的版本", "It is not a version of the same template")
    title = f"{after.content['title']['zh']} {after.code} v{before.version} → v{after.version}"
    return {"title": title, "parts": redline.between(before.content, after.content)}


def contract_redline(session: Session, contract_id: uuid.UUID, before_id: uuid.UUID | None) -> dict[str, Any]:
    """A contract and the version it follows, or another one of its number. Raises Invalid where there is none."""
    after = contracts.get_contract(session, contract_id)
    chosen = before_id or after.follows
    if chosen is None:
        raise Invalid(
            "nothing_before",
            zh="该合同没有前一版本",
            en="The contract follows no version",
            fix_zh="以 before 指明同一编号的另一版本。",
            fix_en="Name another version of its number in before.",
            pointer="/before",
        )
    before = contracts.get_contract(session, chosen)
    if before.number != after.number:
        raise bad_field("/before", "不是同一合同的版本", "It is not a version of the same contract")
    title = f"{after.number} v{before.version} → v{after.version}"
    old, new = (_content(session, each) for each in (before, after))
    return {"title": title, "parts": redline.between(old, new)}


def _content(session: Session, contract: Contract) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(contracts.get_content(session, contract.id).content)
    return found


def redline_pdf(found: Mapping[str, Any]) -> bytes:
    """The redline as PDF/A-2b; the same redline gives the same octets, so it bears no time of its own."""
    data = dict(found) | {"what": redline.WHAT}
    return typesetting.pdf(_REDLINE, data=data, made_at=datetime(2000, 1, 1, tzinfo=UTC))


# --- an upload against the record -----------------------------------------------------------------------------------


def compare(session: Session, contract_id: uuid.UUID, upload: bytes, *, issuer: str) -> dict[str, Any]:
    """Every difference of an uploaded DOCX or PDF from the words on record, by clause. Raises Invalid for a file that
    is neither, or that carries what is not read."""
    content, page, _ = _page(session, contract_id, issuer)
    is_pdf = upload[:1024].lstrip().startswith(b"%PDF-")
    if not is_pdf and not upload.startswith(b"PK\x03\x04"):
        raise refusals.of("not_a_document")
    text = (pdf_in if is_pdf else word_in).text(upload)
    found = comparing.compare(list(paper.lines(page)), _without_frame(text, page["number"]), folded=is_pdf)
    told = comparing.as_json(found, content["clauses"])
    return {
        "content_hash": page["content_hash"], "format": "pdf" if is_pdf else "docx", "same": not found,
        "locked_changed": any(each["locked"] for each in told), "count": len(found), "differences": told,
    }  # fmt: skip


def _without_frame(text: str, number: str) -> str:
    """Without running heads, page numbers and the curve's caption, which the record does not hold."""
    bare = re.sub(r"\s+", "", text)
    head = _RUNNING_HEAD.format(number=re.escape(re.sub(r"\s+", "", number)))
    caption = re.escape(re.sub(r"\s+", "", paper.CURVE_NOTE)) + curve.LEGEND_PATTERN
    return re.sub(f"{head}|{caption}", "", bare)


# --- anyone's check -------------------------------------------------------------------------------------------------


def check(session: Session, content_hash: str) -> dict[str, Any]:
    """What anyone may know of a hash: two members signed it on a day, and where that stands in the log."""
    found = queries.signed(session, bytes.fromhex(content_hash)) if _HASH.fullmatch(content_hash) else None
    if found is None:
        raise NotFound(
            "content_not_signed",
            zh="没有双方签署的这一内容",
            en="No content of this hash is signed by two members",
            fix_zh="逐字核对哈希；文件所载哈希与登记不符的，不应信赖。",
            fix_en="Compare the hash character by character; a paper whose hash is not on record proves nothing.",
        )
    signed_on, leaves = found
    return {
        "content_hash": content_hash, "members": len(leaves), "signed_on": signed_on,
        "leaves": [{"leaf_id": each, "leaf_index": _index(session, each)} for each in leaves],
    }  # fmt: skip


def _index(session: Session, leaf_id: uuid.UUID) -> int | None:
    found = transparency.find_leaf(session, leaf_id)
    return None if found is None else found.leaf_index
