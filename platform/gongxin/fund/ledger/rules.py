"""What may be done with the fund's money, and how an entry reads. Pure: no database, no clock."""

import hashlib
import re
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import orjson

from gongxin.errors import Conflict, Invalid, bad_field
from gongxin.members.officers import officer_key as officer_key
from gongxin_wire.canonical import canonical

TYPES = ("asset", "liability", "equity", "income", "expense")
FUNDS = ("RELIEF", "STAFF", "ADMIN")
SIDES = ("debit", "credit")
NORMAL_SIDE = {"asset": "debit", "expense": "debit", "liability": "credit", "equity": "credit", "income": "credit"}
MAX_FEN = 2**53 - 1
MAX_LEGS = 200
MAX_WORDS = 200
MAX_REFERENCE = 64
APPROVALS = 2
CODE_PATTERN = "^[A-Z0-9][A-Za-z0-9-]{0,30}$"
RESTRICTION_PATTERN = "^[a-z][a-z0-9_]{0,31}$"
KEY_PATTERN = "^[A-Za-z0-9_.:-]{1,128}$"
PERIOD_STATES = ("open", "closing", "closed")
STATES = ("draft", "submitted", "approved", "posted", "rejected", "withdrawn", "expired")
# state → what may follow. Approved follows by the last approval, posted by posting, expired as the period closes.
STEPS: dict[str, tuple[str, ...]] = {
    "draft": ("submitted", "withdrawn", "expired"),
    "submitted": ("draft", "approved", "rejected", "withdrawn", "expired"),
    "approved": ("draft", "posted", "rejected", "withdrawn", "expired"),
    "posted": (),
    "rejected": (),
    "withdrawn": (),
    "expired": (),
}
REASONED = frozenset({"rejected", "withdrawn", "expired"})


@dataclass(frozen=True, slots=True)
class Actor:
    """A person of a member who acts: `officer` in its one spelling, see `officer_key`. A person is the same person by
    whatever member and client they come."""

    member_id: uuid.UUID
    officer: str
    client_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class NewLeg:
    """A leg as it is asked for: account by its code, with the fund the caller takes it to be of."""

    account: str
    fund: str
    side: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry as it is asked for."""

    key: str
    booked_on: date
    description: str
    legs: tuple[NewLeg, ...]
    reference: str | None = None
    hold_id: uuid.UUID | None = None
    reverses: uuid.UUID | None = None

    def key_hash(self, member_id: uuid.UUID) -> bytes:
        """What the key was used for: the same key with another hash is refused."""
        used_for = {
            "booked_on": self.booked_on.isoformat(),
            "description": self.description,
            "hold_id": None if self.hold_id is None else str(self.hold_id),
            "legs": [[leg.account, leg.fund, leg.side, leg.amount_fen] for leg in self.legs],
            "member_id": str(member_id),
            "reference": self.reference,
            "reverses": None if self.reverses is None else str(self.reverses),
        }
        # As RFC 8785 writes it: names in ASCII, whole numbers. A thirtieth of the time `canonical` takes.
        return hashlib.sha256(orjson.dumps(used_for, option=orjson.OPT_SORT_KEYS)).digest()


class AccountLike(Protocol):
    code: str
    fund: str
    restriction: str | None
    closed_at: datetime | None


def check_fen(amount: Any, pointer: str) -> int:
    """An amount is a whole number of fen: not a fraction, not negative, not beyond what JSON carries exactly."""
    if type(amount) is not int or not 1 <= amount <= MAX_FEN:
        raise bad_field(
            pointer,
            "金额应为正整数分，不超过 2^53-1",
            "An amount is a positive integer in fen, at most 2^53-1",
        )
    return amount


def check_code(value: str, pattern: str, pointer: str) -> None:
    if re.fullmatch(pattern, value) is None:
        raise bad_field(pointer, "不符合规定格式", "It is not of its form")


def check_words(value: str | None, longest: int, pointer: str) -> None:
    if value is not None and not (1 <= len(value) <= longest and value == value.strip() and value.isprintable()):
        raise bad_field(
            pointer,
            f"1 至 {longest} 字，无首尾空白与控制字符",
            f"1 to {longest} characters, no space around, no control character",
        )


def check_choice(value: str, choices: Sequence[str], pointer: str) -> None:
    if value not in choices:
        raise bad_field(pointer, f"应为 {'、'.join(choices)} 之一", f"It is one of {', '.join(choices)}")


def check_draft(draft: Draft) -> None:
    """The form of an entry. Whether it balances is asked as it is submitted."""
    check_code(draft.key, KEY_PATTERN, "/key")
    check_words(draft.description, MAX_WORDS, "/description")
    check_words(draft.reference, MAX_REFERENCE, "/reference")
    if len(draft.legs) > MAX_LEGS:
        raise bad_field("/legs", f"至多 {MAX_LEGS} 条", f"At most {MAX_LEGS} legs")
    for at, leg in enumerate(draft.legs):
        check_choice(leg.side, SIDES, f"/legs/{at}/side")
        check_choice(leg.fund, FUNDS, f"/legs/{at}/fund")
        check_fen(leg.amount_fen, f"/legs/{at}/amount_fen")


def check_accounts(legs: Iterable[NewLeg], accounts: Mapping[str, AccountLike]) -> None:
    """Each leg's account exists, is open, and is of the fund the leg says."""
    for at, leg in enumerate(legs):
        account = accounts.get(leg.account)
        if account is None:
            raise bad_field(f"/legs/{at}/account", "没有这个科目", "There is no such account")
        if account.fund != leg.fund:
            raise bad_field(f"/legs/{at}/fund", "该科目属于另一基金", "The account is of another fund")
        if account.closed_at is not None:
            raise bad_field(f"/legs/{at}/account", "该科目已关闭", "The account is closed")


def check_balanced(legs: Iterable[tuple[str, str | None, int]]) -> None:
    """(fund, restriction, signed amount) each: zero in every fund, and in every restriction of it."""
    funds: dict[str, int] = defaultdict(int)
    purposes: dict[tuple[str, str | None], int] = defaultdict(int)
    count = 0
    for fund, restriction, amount in legs:
        funds[fund] += amount
        purposes[fund, restriction] += amount
        count += 1
    if count < 2 or any(funds.values()):
        raise Invalid(
            "entry_unbalanced",
            zh="借贷不平",
            en="The entry does not balance",
            fix_zh="每个基金内借方合计须等于贷方合计。",
            fix_en="In each fund the debits equal the credits.",
            pointer="/legs",
        )
    if any(purposes.values()):
        raise Invalid(
            "restricted_money",
            zh="限定用途的资金不得移作他用",
            en="Restricted money stays with its purpose",
            fix_zh="借贷双方使用同一限定用途的科目。",
            fix_en="Use accounts of the same restriction on both sides.",
            pointer="/legs",
        )


def check_step(state: str, to: str) -> None:
    """Raises Conflict with what may follow instead."""
    if to not in STEPS[state]:
        raise Conflict(
            "illegal_transition",
            zh="分录当前状态不允许此操作",
            en="The entry's state does not allow this",
            fix_zh="legal 列出可转入的状态。",
            fix_en="legal lists the states that may follow.",
            extra={"state": state, "legal": list(STEPS[state])},
        )


def check_reason(to: str, reason: str | None) -> None:
    if to in REASONED and reason is None:
        raise bad_field("/reason", "须说明理由", "It needs a reason")
    check_words(reason, MAX_WORDS, "/reason")


def signed(side: str, amount_fen: int) -> int:
    """Debit positive."""
    return amount_fen if side == "debit" else -amount_fen


def other(side: str) -> str:
    return "credit" if side == "debit" else "debit"


def normal(normal_side: str, balance_fen: int) -> int:
    """A balance as people read it: positive on the account's normal side."""
    return balance_fen if normal_side == "debit" else -balance_fen


def content(entry: Any, legs: Iterable[Any]) -> bytes:
    """What approvals are bound to, as canonical JSON; `fund_content` of the database writes the same bytes."""
    return canonical(
        {
            "booked_on": entry.booked_on.isoformat(),
            "description": entry.description,
            "hold_id": None if entry.hold_id is None else str(entry.hold_id),
            "id": str(entry.id),
            "legs": [
                {
                    "account_id": str(leg.account_id),
                    "amount_fen": leg.amount_fen,
                    "fund": leg.fund,
                    "side": leg.side,
                }
                for leg in legs
            ],
            "maker_member": str(entry.maker_member),
            "maker_officer": entry.maker_officer,
            "period": entry.period,
            "reference": entry.reference,
            "reverses": None if entry.reverses is None else str(entry.reverses),
            "v": 1,
        }
    )


def content_hash(entry: Any, legs: Iterable[Any]) -> bytes:
    return hashlib.sha256(content(entry, legs)).digest()


def leaf_record(entry: Any, approvals: Iterable[tuple[Any, str]]) -> dict[str, Any]:
    """The record of a posted entry's leaf, approvals inside it; the database writes the same as it posts. `approvals`:
    member and officer each."""
    return {
        "approvals": [f"{member}/{officer}" for member, officer in sorted(approvals, key=lambda found: found[1])],
        "content": entry.content_hash.hex(),
        "entry_id": str(entry.id),
        "period": entry.period,
        "posted_at": entry.posted_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "poster": f"{entry.acted_member}/{entry.acted_officer}",
        "v": 1,
    }
