"""What the project stands on: locked by digest, from nowhere in particular, each with its reason."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("requirements.lock", "requirements-dev.lock")
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)( ; [^\\]+)? \\$")
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=~! ;]", requirement)[0].lower().replace("_", "-")


def locked(name: str) -> dict[str, str]:
    return {m[1]: m[2] for line in (ROOT / name).read_text().splitlines() if (m := _PIN.match(line))}


def declared(*groups: str) -> list[str]:
    found = [*PROJECT["project"]["dependencies"]]
    for group in groups:
        found += [entry for entry in PROJECT["dependency-groups"][group] if isinstance(entry, str)]
    return [name_of(entry) for entry in found]


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_is_a_pinned_version_or_its_digest(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert [line for line in lines if line.strip() and not _PIN.match(line) and not _HASH.match(line)] == []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if _PIN.match(line):
            assert _HASH.match(following), f"{line}: no digest"


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_place_to_fetch_from(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "index" not in re.sub(r"^[a-z0-9-]*index[a-z0-9-]*==.*$", "", text, flags=re.MULTILINE)


def test_what_is_declared_is_locked_and_both_locks_agree() -> None:
    run, dev = (locked(name) for name in LOCKS)
    assert set(declared("build")) <= run.keys()
    assert set(declared("build", "dev")) <= dev.keys()
    assert {name: version for name, version in run.items() if dev.get(name) != version} == {}


def test_every_declared_dependency_has_its_reason() -> None:
    reasons = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    optional = [name_of(entry) for group in PROJECT["project"]["optional-dependencies"].values() for entry in group]
    cells = {
        name_of(name.strip())
        for line in reasons.splitlines()
        if line.startswith("|")
        for name in line.split("|")[1].split(",")
    }
    assert sorted({*declared("build", "dev"), *optional} - cells) == []
