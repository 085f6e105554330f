"""Entity tags of records with a version: `"3"` (RFC 9110 sections 8.8.3 and 13.1)."""

import re

from gongxin.errors import PreconditionRequired, Stale

_TAG = re.compile(r'"(\d{1,9})"')


def tag(version: int) -> str:
    return f'"{version}"'


def versions(header: str | None) -> set[int] | None:
    """The versions a header names; None for `*`. A weak or foreign tag names none."""
    if header is None:
        return set()
    if header.strip() == "*":
        return None
    return {int(found[1]) for part in header.split(",") if (found := _TAG.fullmatch(part.strip()))}


def check(header: str | None, version: int) -> None:
    """If-Match against the version as it stands. Raises PreconditionRequired without one, Stale for another's."""
    if header is None:
        raise PreconditionRequired
    named = versions(header)
    if named is not None and version not in named:
        raise Stale


def unchanged(header: str | None, version: int) -> bool:
    """Whether If-None-Match names the version as it stands."""
    return version in (versions(header) or ())
