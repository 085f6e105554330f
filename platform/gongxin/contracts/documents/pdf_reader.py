"""A PDF's text, read by itself: run as a program by `pdf_in.py`, with limits on its own time and memory, importing
nothing of the registry. In: the file. Out: one JSON line, {"text": …} or {"refused": …}."""

import json
import resource
import sys
from io import BytesIO
from typing import Any

SECONDS, MEMORY, PAGES, TEXT = 10, 1024 * 1024 * 1024, 300, 1_000_000
_ACTIVE = ("/JavaScript", "/JS", "/Launch", "/XFA", "/RichMedia", "/EmbeddedFile", "/SubmitForm", "/ImportData")
_LINKS = ("/URI", "/GoToR", "/GoToE")


def read(upload: bytes) -> dict[str, str]:
    import pypdf
    from pypdf.errors import PyPdfError

    try:
        reader = pypdf.PdfReader(BytesIO(upload), strict=False)
        if reader.is_encrypted:
            return {"refused": "not_a_document"}
        if len(reader.pages) > PAGES:
            return {"refused": "document_too_large"}
        if (found := _forbidden(reader)) is not None:
            return {"refused": found}
        told = "\n".join(page.extract_text() for page in reader.pages)
    except (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError,
            AssertionError, NotImplementedError, OSError, EOFError):  # fmt: skip
        return {"refused": "not_a_document"}
    if len(told) > TEXT:
        return {"refused": "document_too_large"}
    return {"text": told} if told.strip() else {"refused": "document_without_text"}


def _forbidden(reader: Any) -> str | None:
    """What runs or loads something: looked for in every object of the file."""
    for number in list(reader.xref.get(0, {})) + list(reader.xref_objStm):
        found = _names(reader.get_object(number), 0)
        if found & set(_ACTIVE):
            return "document_active"
        if found & set(_LINKS):
            return "document_links"
    return None


def _names(value: Any, depth: int) -> set[str]:
    """Names in one object; what it refers to is looked at in its own turn."""
    from pypdf.generic import DictionaryObject

    if depth > 20:
        return set()
    if isinstance(value, DictionaryObject):
        told = {str(key) for key in value} | {
            str(value.raw_get(key)) for key in ("/S", "/Type", "/Subtype") if key in value
        }
        for key in value:
            told |= _names(value.raw_get(key), depth + 1)
        return told
    if isinstance(value, list):
        return set().union(*(_names(each, depth + 1) for each in list.__iter__(value)))
    return set()


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.stdout.write(json.dumps(read(sys.stdin.buffer.read())))


if __name__ == "__main__":
    main()
