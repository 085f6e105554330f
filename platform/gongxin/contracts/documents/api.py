"""Documents over HTTP: parse, call, return."""

import uuid
from typing import Any

from flask import request

from gongxin.errors import UnsupportedMediaType
from gongxin.web import guards
from gongxin.web.blueprint import Answer, Blueprint, Call

from .. import examples
from ..schemas import documents as schemas
from . import redline, service

blp = Blueprint("contract_documents", url_prefix="/v1/contracts", description="合同文件 Contracts as PDF and DOCX")
standard_blp = Blueprint(
    "template_redlines", url_prefix="/v1/contract-templates", description="范本修订对照 Redlines of templates"
)
check_blp = Blueprint(
    "contract_checks", url_prefix=service.CHECKS, description="合同核验 Anyone's check of a signed content"
)
BLUEPRINTS: tuple[Blueprint, ...] = (blp, standard_blp, check_blp)

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_PDF, _HTML, _UPLOAD = "application/pdf", "text/html", "application/octet-stream"
_BINARY: dict[str, Any] = {"type": "string", "format": "binary"}
_PAGE: dict[str, Any] = {"type": "string"}


@blp.operation("contracts.pdf", "GET", "/<uuid:contract_id>/document.pdf", answer=_BINARY, media=_PDF)
def pdf(call: Call, contract_id: uuid.UUID) -> Answer:
    """合同 PDF The contract as PDF/A-2b: cover, fees, clauses in both languages, deviations, signatures, a QR.

    The same content and signatures give the same octets. A character our font lacks is refused with its field."""
    made = service.pdf(call.session, contract_id, issuer=call.runtime.config.issuer)
    return Answer(raw=made, mimetype=_PDF)


@blp.operation("contracts.docx", "GET", "/<uuid:contract_id>/document.docx", answer=_BINARY, media=DOCX)
def docx(call: Call, contract_id: uuid.UUID) -> Answer:
    """合同 DOCX The same words as an Office Open XML document, reproducible octet for octet."""
    made = service.docx(call.session, contract_id, issuer=call.runtime.config.issuer)
    return Answer(raw=made, mimetype=DOCX)


@blp.operation("contracts.compare", "POST", "/<uuid:contract_id>/comparison", raw_body=_UPLOAD, raw_schema=_BINARY,
               answer=schemas.ComparisonOut, example=examples.COMPARED)  # fmt: skip
def compare(call: Call, contract_id: uuid.UUID) -> dict[str, Any]:
    """比对上传文件 Every difference of an uploaded DOCX or PDF from the words on record, by clause. Nothing is kept.

    Refused: encrypted or damaged files, archives that unpack too large, macros, embedded objects, links to something
    outside, entities, template expressions, pictures without text."""
    if request.mimetype not in (_UPLOAD, _PDF, DOCX):
        raise UnsupportedMediaType(
            "not_a_document_type",
            zh="请求体应为 DOCX 或 PDF 文件",
            en="The body must be a DOCX or PDF file",
            fix_zh="设置 Content-Type: application/octet-stream。",
            fix_en="Set Content-Type: application/octet-stream.",
        )
    upload = guards.read_body(request, call.runtime.config.max_body_bytes)
    return service.compare(call.session, contract_id, upload, issuer=call.runtime.config.issuer)


@blp.operation("contracts.redline", "GET", "/<uuid:contract_id>/redline", query=schemas.BeforeOrNoneIn,
               answer=schemas.RedlineOut, example=examples.REDLINE)  # fmt: skip
def contract_redline(call: Call, contract_id: uuid.UUID, query: dict[str, Any]) -> dict[str, Any]:
    """合同修订对照 What an amendment takes out and puts in, against the version it follows or `before`."""
    return service.contract_redline(call.session, contract_id, query["before"])


@blp.operation("contracts.redline_html", "GET", "/<uuid:contract_id>/redline.html", query=schemas.BeforeOrNoneIn,
               answer=_PAGE, media=_HTML)  # fmt: skip
def contract_redline_html(call: Call, contract_id: uuid.UUID, query: dict[str, Any]) -> Answer:
    """合同修订对照 HTML The same as a page of its own."""
    return _html(service.contract_redline(call.session, contract_id, query["before"]))


@blp.operation("contracts.redline_pdf", "GET", "/<uuid:contract_id>/redline.pdf", query=schemas.BeforeOrNoneIn,
               answer=_BINARY, media=_PDF)  # fmt: skip
def contract_redline_pdf(call: Call, contract_id: uuid.UUID, query: dict[str, Any]) -> Answer:
    """合同修订对照 PDF The same as PDF/A-2b."""
    found = service.contract_redline(call.session, contract_id, query["before"])
    return Answer(raw=service.redline_pdf(found), mimetype=_PDF)


@standard_blp.operation("templates.redline", "GET", "/<uuid:template_id>/redline", query=schemas.BeforeIn,
                        answer=schemas.RedlineOut, example=examples.REDLINE)  # fmt: skip
def template_redline(call: Call, template_id: uuid.UUID, query: dict[str, Any]) -> dict[str, Any]:
    """范本修订对照 What one version of a template takes out and puts in, against `before`."""
    return service.template_redline(call.session, query["before"], template_id)


@standard_blp.operation("templates.redline_html", "GET", "/<uuid:template_id>/redline.html", query=schemas.BeforeIn,
                        answer=_PAGE, media=_HTML)  # fmt: skip
def template_redline_html(call: Call, template_id: uuid.UUID, query: dict[str, Any]) -> Answer:
    """范本修订对照 HTML The same as a page of its own."""
    return _html(service.template_redline(call.session, query["before"], template_id))


@standard_blp.operation("templates.redline_pdf", "GET", "/<uuid:template_id>/redline.pdf", query=schemas.BeforeIn,
                        answer=_BINARY, media=_PDF)  # fmt: skip
def template_redline_pdf(call: Call, template_id: uuid.UUID, query: dict[str, Any]) -> Answer:
    """范本修订对照 PDF The same as PDF/A-2b."""
    return Answer(
        raw=service.redline_pdf(service.template_redline(call.session, query["before"], template_id)), mimetype=_PDF
    )


@check_blp.operation("contracts.check", "GET", "/<content_hash>", answer=schemas.ContractCheckOut,
                     example=examples.CHECKED)  # fmt: skip
def check(call: Call, content_hash: str) -> Answer:
    """核验合同哈希 What anyone may know of a hash: signed by two members on this day, at these leaves of the log.

    Nothing else is told. A hash that is ill written, unknown or not signed by both answers alike."""
    return Answer(service.check(call.session, content_hash), headers={"Cache-Control": "no-store"})


def _html(found: dict[str, Any]) -> Answer:
    page = redline.as_html(found["parts"], found["title"])
    return Answer(raw=page.encode(), mimetype=_HTML)
