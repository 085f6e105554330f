"""What holds for every page: a row of permissions, its words in both languages, scripts that we vouch for."""

import ast
import base64
import hashlib
import json
import re
from itertools import chain
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from flask import Flask

from gongxin_admin.permissions import PAGES
from tests.web.conftest import faces, page_config

__all__ = ["faces", "page_config"]
ROOT = Path(__file__).resolve().parents[2] / "admin" / "gongxin_admin"
TABLES = re.compile(r"(^|\.)models(_|\.|$)")
# Types of rows that a view is handed, each with the reason why it is named.
NAMED = {"face.py": "the account, its session and its house are what the door holds", "views/sign_in.py": "the account"}


def words() -> set[str]:
    """Every text that templates and views mark for translation."""
    found = extract_from_dir(
        ROOT, [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")], {"**": {}},
        keywords={"_": None, "gettext": None, "ngettext": (1, 2)},
    )  # fmt: skip
    return {part for row in found for part in ([row[2]] if isinstance(row[2], str) else row[2])}


def english() -> list[tuple[str, str, str]]:
    found = []
    for path in sorted((ROOT / "translations").glob("*.po")):
        with open(path, "rb") as file:
            found += [(m.id, m.string, path.name) for m in read_po(file, locale="en") if m.id]
    return found  # type: ignore[return-value]


def test_every_text_of_a_page_has_its_english() -> None:
    assert len(words()) > 90
    told = {zh for zh, en, _ in english() if en}
    assert sorted(words() - told) == []


def test_no_english_is_left_over_and_none_contradicts_another() -> None:
    told: dict[str, str] = {}
    for zh, en, where in english():
        assert told.setdefault(zh, en) == en, f"{where}: two translations of {zh}"
    assert sorted(set(told) - words()) == []


def test_no_chinese_stands_in_a_template_unmarked() -> None:
    for path in sorted((ROOT / "templates").rglob("*.html")):
        bare = re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", "", path.read_text(encoding="utf-8"), flags=re.S)
        assert re.findall(r"[一-鿿]+", bare) == [], path.name


def test_every_view_has_its_row_and_every_row_its_view(faces: dict[str, Flask]) -> None:
    hung = {rule.endpoint for app in faces.values() for rule in app.url_map.iter_rules()} - {"static"}
    assert hung == set(PAGES)


def test_every_page_that_changes_something_takes_a_form_only(faces: dict[str, Flask]) -> None:
    for app in faces.values():
        for rule in app.url_map.iter_rules():
            page = PAGES.get(rule.endpoint)
            if page is not None and page.decides:
                assert "GET" not in (rule.methods or set()), rule.endpoint


def test_scripts_from_elsewhere_are_the_ones_on_the_list() -> None:
    folder = ROOT / "static" / "vendor"
    listed = json.loads((folder / "manifest.json").read_text())
    for entry in listed:
        content = (folder / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["file"]
        digest = base64.b64encode(hashlib.sha384(content).digest()).decode()
        assert entry["integrity"] == f"sha384-{digest}"
        if "rewritten" in entry:  # an address of another package: undone, it is the published file
            published, ours = (part.encode() for part in entry["rewritten"])
            again = content.replace(ours, published)
            assert hashlib.sha256(again).hexdigest() == entry["published_sha256"], entry["file"]
        assert (folder / entry["licence_file"]).exists()
    known = {"manifest.json"} | set(chain.from_iterable((e["file"], e["licence_file"]) for e in listed))
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == known


def test_no_template_carries_script_style_or_an_outside_address() -> None:
    for path in sorted((ROOT / "templates").rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text), path.name
        assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//""", text), path.name


def test_pages_call_services_and_queries_never_the_tables() -> None:
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and TABLES.search(node.module):
                assert name in NAMED, f"{name} imports {node.module}"
