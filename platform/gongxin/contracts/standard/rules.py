"""What a template must hold, what follows what, and how two versions differ. Pure."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from gongxin.errors import Conflict, Forbidden, Invalid, bad_field
from gongxin.members.officers import officer_key as officer_key
from gongxin_wire.canonical import canonical

from . import numerals

# domain.md section 6: clauses every contract needs, locked.
MANDATORY = (
    "conduct", "recording", "data_minimisation", "no_subcontracting", "stop_flag", "complaints", "audit", "clawback",
    "levy", "termination", "evidence_handover",
)  # fmt: skip
COVER = ("parties", "scope", "fee_model", "term", "bank", "contacts")
STATES = ("draft", "consulted", "adopted", "withdrawn")
STEPS: dict[str, tuple[str, ...]] = {
    "draft": ("consulted", "withdrawn"),
    "consulted": ("draft", "adopted", "withdrawn"),
    "adopted": (),
    "withdrawn": (),
}
SOURCES = ("verified", "unverified")
APPROVALS = 2
MAX_CLAUSES, MAX_PARAGRAPHS, MAX_TEXT, MAX_COMMENT = 100, 40, 4000, 1000
CODE_PATTERN = "^[a-z][a-z0-9_-]{0,31}$"
OFFICER_PATTERN = "^[0-9A-Z一-鿿]{1,64}$"
_CODE = re.compile(CODE_PATTERN[1:-1])
_NUMBER = re.compile(r"\d{1,2}(\.\d{1,2})?")


def check_content(content: Any, pointer: str = "/content") -> None:
    """Raises Invalid at the first thing that is not as it must be: shape, mandatory clauses, numbers of both
    languages."""
    _shape(content, {"title", "clauses", "cover", "source"}, pointer)
    _both(content["title"], pointer + "/title")
    _source(content["source"], f"{pointer}/source")
    if not isinstance(content["cover"], list) or tuple(content["cover"]) != COVER:
        raise bad_field(f"{pointer}/cover", f"封面应列：{'、'.join(COVER)}", f"The cover lists: {', '.join(COVER)}")
    clauses = content["clauses"]
    if not isinstance(clauses, list) or not 1 <= len(clauses) <= MAX_CLAUSES:
        raise bad_field(f"{pointer}/clauses", "应为 1 至 100 条", "It must be 1 to 100 clauses")
    seen: set[str] = set()
    for at, clause in enumerate(clauses):
        _clause(clause, seen, at + 1, f"{pointer}/clauses/{at}")
    locked = {clause["id"] for clause in clauses if clause["locked"]}
    missing = [clause_id for clause_id in MANDATORY if clause_id not in locked]
    if missing:
        raise Invalid(
            "clause_missing",
            zh="缺少必备条款，或必备条款未锁定",
            en="A mandatory clause is missing or not locked",
            fix_zh="补上 missing 所列条款并锁定。",
            fix_en="Add the clauses listed in missing, locked.",
            pointer=f"{pointer}/clauses",
            extra={"missing": missing},
        )


def _clause(clause: Any, seen: set[str], number: int, pointer: str) -> None:
    _shape(clause, {"id", "number", "title", "locked", "text"}, pointer)
    if not isinstance(clause["id"], str) or not _CODE.fullmatch(clause["id"]) or clause["id"] in seen:
        raise bad_field(f"{pointer}/id", "条款代码无效或重复", "The clause id is not acceptable, or repeated")
    seen.add(clause["id"])
    if clause["number"] != str(number):
        raise bad_field(f"{pointer}/number", "条款号须依次编排", "Clauses are numbered one after another")
    if type(clause["locked"]) is not bool:
        raise bad_field(f"{pointer}/locked", "应为 true 或 false", "It must be true or false")
    _both(clause["title"], f"{pointer}/title")
    check_text(clause["text"], f"{pointer}/text")


def check_text(text: Any, pointer: str) -> None:
    """Paragraphs of a clause: each in both languages, with the same numbers."""
    if not isinstance(text, list) or not 1 <= len(text) <= MAX_PARAGRAPHS:
        raise bad_field(pointer, "应为 1 至 40 段", "It must be 1 to 40 paragraphs")
    for at, paragraph in enumerate(text):
        _both(paragraph, f"{pointer}/{at}")
        only_zh, only_en = numerals.differ(paragraph["zh"], paragraph["en"])
        if only_zh or only_en:
            raise Invalid(
                "numbers_differ",
                zh="中英文的数字、日期或百分比不一致",
                en="Numbers, dates or percentages differ between the languages",
                fix_zh="使两种文字的数字逐一相同。",
                fix_en="Make both languages state the same numbers.",
                pointer=f"{pointer}/{at}",
                extra={"only_zh": only_zh, "only_en": only_en},
            )


def _shape(value: Any, names: set[str], pointer: str) -> None:
    if not isinstance(value, dict) or set(value) != names:
        listed = sorted(names)
        raise bad_field(pointer, f"应恰有字段：{'、'.join(listed)}", f"Exactly these fields: {', '.join(listed)}")


def _both(value: Any, pointer: str) -> None:
    _shape(value, {"zh", "en"}, pointer)
    for language, text in value.items():
        if (
            not isinstance(text, str)
            or not 1 <= len(text) <= MAX_TEXT
            or text != text.strip()
            or not text.isprintable()
        ):
            raise bad_field(
                f"{pointer}/{language}", "文本为空、过长或含不可见字符", "The text is empty, too long or unprintable"
            )


def _source(value: Any, pointer: str) -> None:
    _shape(value, {"status", "note"}, pointer)
    if value["status"] not in SOURCES:
        raise bad_field(f"{pointer}/status", "应为 verified 或 unverified", "It is verified or unverified")
    _both(value["note"], f"{pointer}/note")


def content_hash(content: Mapping[str, Any]) -> bytes:
    """SHA-256 over canonical JSON (RFC 8785)."""
    return hashlib.sha256(canonical(content)).digest()


# --- its life -------------------------------------------------------------------------------------------------------


def check_step(state: str, to: str) -> None:
    if to not in STEPS[state]:
        raise Conflict(
            "template_state",
            zh="范本当前状态不允许此操作",
            en="The template's state does not allow this",
            fix_zh="legal 列出可转入的状态；已通过的文本另立新版本。",
            fix_en="legal lists what may follow; adopted text is followed by a new version.",
            pointer="/state",
            extra={"state": state, "legal": list(STEPS[state])},
        )


def check_approval(maker: str, officer: str, content: bytes, approved: bytes, already: Sequence[str]) -> None:
    if officer == maker:
        raise Forbidden(
            "maker_is_not_checker",
            zh="起草人不得批准自己的范本",
            en="The maker does not approve their own template",
            fix_zh="由另一人批准。",
            fix_en="Another person approves it.",
            pointer="/officer",
        )
    if approved != content:
        raise Conflict(
            "content_changed",
            zh="范本内容与所批准的不同",
            en="The content is not what is approved",
            fix_zh="重新读取后以其 content_hash 批准。",
            fix_en="Read it again and approve its content_hash.",
            pointer="/content_hash",
        )
    if officer in already:
        raise Conflict("already_approved", zh="该人员已批准", en="This person has approved it", pointer="/officer")


def check_effective(effective_on: date | None, before: date | None, today: date) -> date:
    """The day of effect: not past, and after that of the version it supersedes."""
    if effective_on is None or effective_on < today or (before is not None and effective_on <= before):
        raise bad_field(
            "/effective_on",
            "生效日须不早于今天且晚于上一版",
            "It takes effect no earlier than today and after the version before",
        )
    return effective_on


def shown_state(state: str, superseded_on: date | None, today: date) -> str:
    """`superseded` once the next version's day has come."""
    return "superseded" if superseded_on is not None and superseded_on <= today else state


# --- what changed ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One clause in two versions; `what`: added, removed, changed, moved (only its number), same."""

    clause_id: str
    what: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Clause by clause, in the order of the later version; what was removed stands last."""
    old = {clause["id"]: clause for clause in before["clauses"]}
    found = [_change(old.get(clause["id"]), clause) for clause in after["clauses"]]
    kept = {clause["id"] for clause in after["clauses"]}
    return found + [
        Change(clause_id, "removed", clause, None) for clause_id, clause in old.items() if clause_id not in kept
    ]


def _change(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Change:
    if old is None:
        return Change(new["id"], "added", None, new)
    if all(old[name] == new[name] for name in ("title", "text", "locked")):
        return Change(new["id"], "same" if old["number"] == new["number"] else "moved", old, new)
    return Change(new["id"], "changed", old, new)
