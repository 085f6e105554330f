"""Decisions on members, pure: which state follows which, who is what it says, what an agreement may hold."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gongxin.errors import Conflict, Invalid
from gongxin.pii import refuse_pii
from gongxin_wire import case_numbers, identifiers

KINDS = ("bank", "court", "agency", "mediator", "regulator", "association")
STATES = ("applied", "active", "suspended", "left")
# domain.md section 1; `left` is final. Migration 0002 holds the same table.
TRANSITIONS: dict[str, tuple[str, ...]] = {
    "applied": ("active", "left"),
    "active": ("suspended", "left"),
    "suspended": ("active", "left"),
    "left": (),
}

# What an institution of each kind may agree to ask for at all: design.md section 4, "no case, no answer". `disclosure`
# stands above this package and keeps the same words; a test holds the two together.
PURPOSES_OF: dict[str, tuple[str, ...]] = {
    "bank": ("placement", "contact"),
    "agency": ("contact",),
    "court": ("judicial",),
    "mediator": ("mediation",),
    "regulator": ("supervision",),
    "association": ("supervision", "subject_access"),
}
PURPOSES = ("placement", "contact", "judicial", "mediation", "supervision", "subject_access")
EVALUATION = "evaluation"
DATA_TYPES = ("case_status",)
OFFICES = ("operations", "security", "data_protection", "complaints")

MAX_NAME_ZH, MAX_NAME_EN, MAX_REASON, MAX_BY = 120, 200, 200, 128
MAX_BUDGET = 1_000_000_000
MAX_EMAIL = 254
USCC_PATTERN = f"^[{identifiers.USCC_ALPHABET}]{{18}}$"
EMAIL_PATTERN = r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+$"
_EMAIL = re.compile(EMAIL_PATTERN.removesuffix("$"))
_HORIZON = timedelta(days=3653)


@dataclass(frozen=True, slots=True)
class Terms:
    """What one version of an agreement says. `budgets`: look-ups a day by purpose; `contacts`: e-mail by office."""

    purposes: list[str]
    data_types: list[str]
    budgets: dict[str, int]
    contacts: dict[str, str]
    effective_from: datetime


# --- the institution ------------------------------------------------------------------------------------------------


def check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise Invalid(
            "unknown_member_kind",
            zh="未知的机构类别",
            en="Unknown kind of member",
            pointer="/kind",
            **_usable(KINDS),
        )


def check_names(name_zh: str, name_en: str | None) -> None:
    check_text(name_zh, MAX_NAME_ZH, "/name_zh")
    if name_en is not None:
        check_text(name_en, MAX_NAME_EN, "/name_en")


def check_text(text: str, longest: int, pointer: str) -> None:
    """1 to `longest` printable characters that neither begin nor end with a space, no personal number among them."""
    if not 1 <= len(text) <= longest or text != text.strip() or not text.isprintable():
        raise Invalid(
            "bad_text",
            zh="文本为空、过长或含有不可见字符",
            en="The text is empty, too long or holds invisible characters",
            fix_zh=f"请用 1 至 {longest} 个可见字符，首尾不留空格。",
            fix_en=f"Use 1 to {longest} visible characters, no space at either end.",
            pointer=pointer,
        )
    refuse_pii(text, pointer)


def check_uscc(text: str, *, synthetic: bool) -> str:
    """The normal form of a 统一社会信用代码. A synthetic registry takes synthetic codes and no others, a real one no
    synthetic ones, so that the two never meet (domain.md section 10)."""
    try:
        code = identifiers.check_uscc(text)
    except identifiers.IdentifierError as fault:
        raise Invalid(
            "bad_uscc", zh=fault.zh, en=fault.en, fix_zh=fault.fix_zh, fix_en=fault.fix_en, pointer="/uscc"
        ) from fault
    given = identifiers.is_synthetic(identifiers.NormalisedId("uscc", code))
    if synthetic and not given:
        raise Invalid(
            "uscc_not_synthetic",
            zh="示范登记处只接受测试用信用代码",
            en="A demonstration registry takes synthetic codes only",
            fix_zh="使用第 3、4 位为 99 的测试代码。",
            fix_en="Use a test code, whose characters 3 and 4 are 99.",
            pointer="/uscc",
        )
    if given and not synthetic:
        raise Invalid(
            "uscc_synthetic",
            zh="正式登记处不接受测试用信用代码",
            en="A real registry takes no synthetic codes",
            fix_zh="使用机构自己的信用代码。",
            fix_en="Use the institution's own code.",
            pointer="/uscc",
        )
    return code


def check_court_code(kind: str, court_code: str | None) -> None:
    """A court has the code that its case numbers carry; nobody else has one."""
    if (kind == "court") != (court_code is not None):
        raise Invalid(
            "court_code_of_courts",
            zh="法院须有法院代字，其他机构不得有",
            en="A court has a court code, nobody else has one",
            fix_zh="法院填写其案号中的代字，例如 沪0115；其他机构不填。",
            fix_en="For a court give the code in its case numbers, such as 沪0115; for others leave it out.",
            pointer="/court_code",
        )
    if court_code is not None and not case_numbers.is_court_code(court_code):
        raise Invalid(
            "bad_court_code",
            zh="不是案号中的法院代字",
            en="Not a court code of case numbers",
            fix_zh="按该院案号填写，例如 沪0115。",
            fix_en="Give the code as in the court's case numbers, such as 沪0115.",
            pointer="/court_code",
        )


def check_change(previous: str, state: str, reason: str) -> None:
    """Whether the state may follow. Raises Conflict with the legal ones."""
    if state not in STATES:
        raise Invalid(
            "unknown_member_state",
            zh="未知的机构状态",
            en="Unknown state of a member",
            pointer="/state",
            **_usable(STATES),
        )
    check_text(reason, MAX_REASON, "/reason")
    if state not in TRANSITIONS[previous]:
        raise Conflict(
            "illegal_member_state",
            zh="机构当前状态不能这样变更",
            en="The member's state does not allow this change",
            fix_zh="按 legal 所列状态变更；已退出的机构不能恢复。",
            fix_en="Change to a state listed in legal; a member that left stays so.",
            pointer="/state",
            extra={"state": previous, "legal": list(TRANSITIONS[previous])},
        )


# --- the agreement --------------------------------------------------------------------------------------------------


def check_terms(kind: str, state: str, terms: Terms, newest: datetime | None, now: datetime) -> None:
    """A new version for a member of this kind in this state; `newest`: since when the version before holds."""
    if state == "left":
        raise Conflict(
            "member_left",
            zh="机构已退出，不能再订协议",
            en="The member has left and has no new agreement",
            fix_zh="退出不可撤销。",
            fix_en="Leaving is final.",
        )
    _check_words("/purposes", terms.purposes, PURPOSES)
    _check_words("/data_types", terms.data_types, DATA_TYPES)
    for index, purpose in enumerate(terms.purposes):
        if purpose not in PURPOSES_OF[kind]:
            raise Invalid(
                "purpose_not_for_member_kind",
                zh="该类机构不能约定此用途",
                en="Members of this kind cannot agree on this purpose",
                pointer=f"/purposes/{index}",
                **_usable(PURPOSES_OF[kind]),
            )
    _check_budgets(terms.purposes, terms.budgets)
    _check_contacts(terms.contacts)
    _check_effective(terms.effective_from, newest, now)


def _check_words(pointer: str, words: list[str], known: tuple[str, ...]) -> None:
    for index, word in enumerate(words):
        if word not in known or word in words[:index]:
            raise Invalid(
                "bad_term",
                zh="未知或重复的词",
                en="An unknown or repeated word",
                pointer=f"{pointer}/{index}",
                **_usable(known),
            )


def _check_budgets(purposes: list[str], budgets: Mapping[str, Any]) -> None:
    counted = set(budgets) - {EVALUATION}
    if counted != set(purposes):
        raise Invalid(
            "budgets_not_of_purposes",
            zh="额度与用途不相对应",
            en="Budgets and purposes do not match",
            fix_zh="每个用途一个额度，可另加 evaluation。",
            fix_en="Give one budget for each purpose, and evaluation if wanted.",
            pointer="/budgets",
        )
    for purpose, budget in budgets.items():
        if type(budget) is not int or not 0 <= budget <= MAX_BUDGET:
            raise Invalid(
                "bad_budget",
                zh="额度应为每日次数",
                en="A budget is a number of look-ups a day",
                fix_zh=f"使用 0 至 {MAX_BUDGET} 的整数。",
                fix_en=f"Use a whole number from 0 to {MAX_BUDGET}.",
                pointer=f"/budgets/{purpose}",
            )


def _check_contacts(contacts: Mapping[str, Any]) -> None:
    if not contacts or not contacts.keys() <= set(OFFICES):
        raise Invalid(
            "bad_offices",
            zh="至少需要一个联络岗位，且为已知岗位",
            en="At least one office to contact, and known ones only",
            pointer="/contacts",
            **_usable(OFFICES),
        )
    for office, email in contacts.items():
        if not isinstance(email, str) or len(email) > MAX_EMAIL or _EMAIL.fullmatch(email) is None:
            raise Invalid(
                "bad_email",
                zh="不是电子邮箱",
                en="Not an e-mail address",
                fix_zh="填写岗位的公共邮箱，例如 security@bank.example。",
                fix_en="Give the office's own address, such as security@bank.example.",
                pointer=f"/contacts/{office}",
            )
        refuse_pii(email, f"/contacts/{office}")


def _check_effective(effective_from: datetime, newest: datetime | None, now: datetime) -> None:
    if effective_from.tzinfo is None or abs(effective_from - now) > _HORIZON:
        raise Invalid(
            "bad_effective_from",
            zh="生效时间无时区或相距过远",
            en="The time of effect has no offset or is too far away",
            fix_zh="使用十年之内的 RFC 3339 时间。",
            fix_en="Use an RFC 3339 time within ten years.",
            pointer="/effective_from",
        )
    if newest is not None and effective_from < newest:
        raise Conflict(
            "agreement_out_of_order",
            zh="新版协议不得早于上一版生效",
            en="A version does not take effect before the one it supersedes",
            fix_zh="生效时间不早于上一版的 effective_from。",
            fix_en="Take effect no earlier than effective_from of the version before.",
            pointer="/effective_from",
        )


def may_read_agreements(kind: str, own: bool) -> bool:
    """The member itself, the association, the registry's operators."""
    return own or kind in {"association", "registry"}


def _usable(words: Iterable[str]) -> dict[str, Any]:
    """The fix where only some words will do."""
    listed = ", ".join(words)
    return {"fix_zh": f"可用：{listed}。", "fix_en": f"Usable: {listed}."}
