"""The contract as DOCX: our own template only, filled in a sandbox; the same content gives the same octets.

The template stands as its parts under `templates/contract_docx`, so that a change of it can be read."""

import zipfile
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import segno
from docxtpl.template import DocxTemplate
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from . import paper

_TEMPLATE = Path(__file__).with_name("templates") / "contract_docx"
_FIRST: Final = "[Content_Types].xml"
_PICTURE: Final = "word/media/code.png"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def docx(page: Mapping[str, Any]) -> bytes:
    """The paper as an Office Open XML document."""
    environment = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
    template = DocxTemplate(BytesIO(_template(page["check"])))
    template.render(dict(page) | {"headings": paper.HEADINGS}, environment, autoescape=True)
    made = BytesIO()
    template.save(made)
    with zipfile.ZipFile(made) as parts:
        return pack({name: parts.read(name) for name in parts.namelist()})


def _template(check: str) -> bytes:
    picture = BytesIO()
    segno.make(check, error="m", micro=False, boost_error=False).save(picture, kind="png", scale=8, border=4)
    return pack(_parts() | {_PICTURE: picture.getvalue()})


@cache
def _parts() -> dict[str, bytes]:
    return {
        str(found.relative_to(_TEMPLATE)): found.read_bytes() for found in _TEMPLATE.rglob("*") if found.is_file()
    }  # fmt: skip


def pack(parts: Mapping[str, bytes]) -> bytes:
    """A package with its parts in a fixed order, at a fixed time, with fixed attributes."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(parts, key=lambda name: (name != _FIRST, name)):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o600 << 16
            archive.writestr(entry, parts[name], compresslevel=9)
    return made.getvalue()
