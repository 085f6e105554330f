"""Statistics by agency, pure: dimensions side by side, small cells kept back, never a ranking by one figure."""

from collections.abc import Iterable, Mapping
from typing import Any

# What may be counted of an agency, in the order it is shown. A word that is missing is counted as none.
DIMENSIONS: dict[str, tuple[str, ...]] = {
    "licences": ("applied", "checking", "granted", "suspended", "refused", "revoked", "expired", "surrendered"),
    "certificates": ("basic", "senior", "debt_counsellor"),
    "grades": ("A", "B", "C", "D"),
    "entries": ("S1", "S2", "S3", "commendation"),
    "objections": ("open", "overdue"),
}
LEAST_CELL = 5


def by_agency(rows: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Rows of (agency, name, name, dimension, word, count) as one entry an agency, in the order of their names."""
    agencies: dict[Any, dict[str, Any]] = {}
    for agency_id, name_zh, name_en, dimension, word, count in rows:
        entry = agencies.setdefault(agency_id, {"names": (name_zh, name_en), "cells": {}})
        entry["cells"].setdefault(dimension, {})[word] = int(count)
    told = [
        {"agency_id": agency_id, "name_zh": entry["names"][0], "name_en": entry["names"][1]}
        | {name: kept_back(entry["cells"].get(name, {}), words) for name, words in DIMENSIONS.items()}
        for agency_id, entry in agencies.items()
    ]
    return sorted(told, key=lambda each: (each["name_zh"], str(each["agency_id"])))


def kept_back(cells: Mapping[str, int], words: Iterable[str]) -> dict[str, int | None]:
    """Counts from 1 to 4 are None: who so few are would be known. Where one alone is kept back, the next smallest is
    too, so that it does not follow from a sum told elsewhere."""
    counts = {word: cells.get(word, 0) for word in words}
    hidden = {word for word, count in counts.items() if 0 < count < LEAST_CELL}
    if len(hidden) == 1:
        others = [word for word, count in counts.items() if word not in hidden and count]
        hidden.update(sorted(others, key=lambda word: counts[word])[:1])
    return {word: None if word in hidden else count for word, count in counts.items()}
