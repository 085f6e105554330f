"""docs/cases.md says what the vocabulary says: its tables are made from it, and this test holds them together."""

from pathlib import Path

from gongxin.cases import vocabulary as words

DOC = Path(__file__).resolve().parents[2] / "docs" / "cases.md"


def code(values: object) -> str:
    return ", ".join(f"`{value}`" for value in values)  # type: ignore[attr-defined]


def statuses() -> list[str]:
    """Who may assert each status, and what it does to an answer."""
    rows = []
    for axis in words.EVENT_AXES:
        for status in words.STATUSES[axis]:
            who = [source for source in words.SOURCES if status in words.ASSERTABLE.get(source, {}).get(axis, ())]
            flag, released_by = words.FLAGS.get((axis, status), ("", ()))
            effects = [f"sets `{flag}`" + (f" until {code(released_by)}" if released_by else "")] if flag else []
            effects += [f"class `{words.LEGAL_CLASS[status]}`"] if axis == "legal" else []
            effects += ["closes the case"] if axis == "collection" and status in words.CLOSES else []
            follows = words.FOLLOWS[axis].get(status)
            after = "any" if follows is None else code(follows) or "—"
            rows.append(f"| {axis} | `{status}` | {', '.join(who)} | {'; '.join(effects) or '—'} | {after} |")
    return rows


def actions() -> list[str]:
    return [
        f"| `{action}` | {who} | {code(origins)} | `{target}` |"
        for action, (who, origins, target) in words.ACTIONS.items()
    ]


def test_the_tables_of_the_document_are_the_vocabulary() -> None:
    rows = [line for line in DOC.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "`" in line]
    assert rows == [*actions(), *statuses()]


def test_the_document_names_the_order_of_sources() -> None:
    assert " > ".join(words.SOURCES) in DOC.read_text(encoding="utf-8")
