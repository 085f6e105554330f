"""An uploaded DOCX as text. It comes from outside: size, parts, links, macros and entities are refused before a word of
it is read; nothing of it is run, resolved or kept."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from . import refusals

MAX_PART_BYTES: Final = 16 * 1024 * 1024
MAX_RATIO: Final = 100
MAX_TEXT: Final = 1_000_000
_SMALL = 100_000  # what is small may be repetitive: a ratio says nothing of it
_BODY = "word/document.xml"
_TYPES = "[Content_Types].xml"
_BESIDE = re.compile(r"word/(?:header|footer|footnotes|endnotes|comments)\d*\.xml")
_ACTIVE = re.compile(r"vbaproject|vbadata|macroenabled|activex|oleobject|/embeddings/|afchunk|customui", re.IGNORECASE)
_TEMPLATE_SIGNS = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")
_FETCHING = re.compile(
    r"\b(?:(?:DDE|DDEAUTO|INCLUDETEXT|INCLUDEPICTURE|IMPORT|LINK|RD|DATABASE|AUTOTEXT)\b|HYPERLINK\s+\")", re.IGNORECASE
)
_PAGE = re.compile(r"\s*(?:PAGE|NUMPAGES)\b")
_ENDS_LINE = {"p", "br", "cr", "tr"}


def text(upload: bytes) -> str:
    """Every text that its reader sees: body, then headers, footers, notes and comments. Raises Invalid."""
    parts = _parts(upload)
    for name, content in parts.items():
        if name.endswith(".rels"):
            _check_links(content)
    if _BODY not in parts or _TYPES not in parts:
        raise refusals.of("not_a_document")
    if _ACTIVE.search(parts[_TYPES].decode("utf-8", "replace")):
        raise refusals.of("document_active")
    names = [_BODY, *sorted(name for name in parts if _BESIDE.fullmatch(name))]
    told = "\n".join("".join(_words(_parsed(parts[name]))) for name in names)
    if len(told) > MAX_TEXT:
        raise refusals.of("document_too_large")
    if _TEMPLATE_SIGNS.search(told):
        raise refusals.of("document_template")
    return told


def _parts(upload: bytes) -> dict[str, bytes]:
    """Every part, none larger than allowed: what the directory says of sizes is checked while it is unpacked."""
    try:
        with zipfile.ZipFile(BytesIO(upload)) as archive:
            entries = archive.infolist()
            if len(entries) > refusals.MAX_PARTS or sum(entry.file_size for entry in entries) > refusals.MAX_ALL_BYTES:
                raise refusals.of("document_too_large")
            found: dict[str, bytes] = {}
            for entry in entries:
                _check_entry(entry, found)
                with archive.open(entry) as part:
                    found[entry.filename] = part.read(MAX_PART_BYTES + 1)
                if len(found[entry.filename]) > MAX_PART_BYTES:
                    raise refusals.of("document_too_large")
            return found
    except (
        zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, KeyError
    ) as fault:  # fmt: skip
        raise refusals.of("not_a_document") from fault


def _check_entry(entry: zipfile.ZipInfo, found: dict[str, bytes]) -> None:
    packed = entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if entry.filename in found or not packed or entry.flag_bits & 1 or ".." in entry.filename.split("/"):
        raise refusals.of("not_a_document")
    if entry.file_size > MAX_PART_BYTES or (
        entry.file_size > _SMALL and entry.file_size > MAX_RATIO * max(1, entry.compress_size)
    ):
        raise refusals.of("document_too_large")
    if _ACTIVE.search(entry.filename):
        raise refusals.of("document_active")


def _check_links(content: bytes) -> None:
    for link in _parsed(content):
        if _ACTIVE.search(f"{link.get('Type', '')} {link.get('Target', '')}"):
            raise refusals.of("document_active")
        if link.get("TargetMode", "").lower() == "external":
            raise refusals.of("document_links")


def _parsed(content: bytes) -> Any:
    try:
        return fromstring(content, forbid_dtd=True)
    except DefusedXmlException as fault:
        raise refusals.of("document_entities") from fault
    except (ParseError, ValueError, LookupError) as fault:
        raise refusals.of("not_a_document") from fault


def _words(root: Any) -> Iterator[str]:
    """Runs in the order of the document. Deleted text is not there; of alternatives, the first."""
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
            continue
        name = str(node.tag).rpartition("}")[2]
        if name in ("del", "moveFrom", "Fallback") or (name == "fldSimple" and _is_page(node)):
            continue
        if name == "instrText" and _FETCHING.search(node.text or ""):
            raise refusals.of("document_links")
        if name == "t":
            yield node.text or ""
        elif name in ("tab", "noBreakHyphen"):
            yield " " if name == "tab" else "-"
        if name in _ENDS_LINE:
            stack.append("\n")
        stack.extend(reversed(node))


def _is_page(field: Any) -> bool:
    told = next((value for name, value in field.attrib.items() if name.endswith("}instr")), "")
    if _FETCHING.search(told):
        raise refusals.of("document_links")
    return _PAGE.match(told) is not None
