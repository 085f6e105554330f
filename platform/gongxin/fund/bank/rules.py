"""How payees, references and instructions look, and what may follow what. Pure: no database, no clock, no chance."""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from gongxin.errors import Conflict, bad_field
from gongxin_wire.identifiers import USCC_ALPHABET
from gongxin_wire.licences import check_character
from gongxin_wire.pii import find_pii

from ..ledger.rules import check_words

PURPOSES = ("relief", "staff", "refund")
PREFIX = "GXP"
BODY = 10
REFERENCE_PATTERN = "^[A-Z0-9-]{6,35}$"
KIND_PATTERN = "^[a-z][a-z_]{0,31}$"
ACCOUNT_PATTERN = r"^[0-9]{6,34}$"
BANK_CODE_PATTERN = r"^([0-9]{12}|[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?)$"
MAX_HOLDER = 70
MAX_BANK_NAME = 70
STATES = ("instructed", "filed", "sent", "confirmed", "returned", "cancelled")
# state → what may follow. Filed follows by a file, sent as the file goes, confirmed and returned by a bank line.
STEPS: dict[str, tuple[str, ...]] = {
    "instructed": ("filed", "cancelled"),
    "filed": ("instructed", "sent"),
    "sent": ("confirmed", "returned"),
    "confirmed": ("returned",),
    "returned": (),
    "cancelled": (),
}
EXPECTED_STATES = ("open", "met", "withdrawn")

_OWN = re.compile(f"{PREFIX}[{USCC_ALPHABET}]{{{BODY}}}[0-9A-Z]")
_SPACING = re.compile(r"[\s-]+")


def fold_account(given: str) -> str:
    """One spelling for one account: half width, no spaces or hyphens."""
    folded = _SPACING.sub("", unicodedata.normalize("NFKC", given))
    if re.fullmatch(ACCOUNT_PATTERN, folded) is None:
        raise bad_field("/account", "账号为 6 至 34 位数字", "An account number has 6 to 34 digits")
    return folded


def fold_bank_code(given: str) -> str:
    """A 联行号 of 12 digits, or a BIC (ISO 9362)."""
    folded = _SPACING.sub("", unicodedata.normalize("NFKC", given)).upper()
    if re.fullmatch(BANK_CODE_PATTERN, folded) is None:
        raise bad_field("/bank_code", "应为 12 位联行号或 BIC", "It is a bank code of 12 digits, or a BIC")
    return folded


def details(*, holder: str, account: str, bank_code: str, bank_name: str) -> dict[str, str]:
    """A payee's details in their one spelling. Raises Invalid by field."""
    check_words(holder, MAX_HOLDER, "/holder")
    check_words(bank_name, MAX_BANK_NAME, "/bank_name")
    return {
        "account": fold_account(account),
        "bank_code": fold_bank_code(bank_code),
        "bank_name": bank_name,
        "holder": holder,
    }


def account_key(pepper: bytes, account: str) -> bytes:
    """Equal for equal accounts, whatever the holder's spelling or the bank's code; tells nothing without the pepper."""
    return hmac.digest(pepper, b"gongxin payee account 1\n" + fold_account(account).encode(), hashlib.sha256)


def draw_reference(below: Callable[[int], int]) -> str:
    """A reference with its check character (ISO 7064, MOD 37-2); `below(n)` draws a whole number under n."""
    while True:
        body = PREFIX + "".join(USCC_ALPHABET[below(len(USCC_ALPHABET))] for _ in range(BODY))
        reference = body + check_character(body)
        if reference[-1] != "*" and find_pii(reference) is None:
            return reference


def is_own_reference(reference: str) -> bool:
    """Whether the registry could have drawn it: its form and its check character."""
    return _OWN.fullmatch(reference) is not None and check_character(reference[:-1]) == reference[-1]


def check_reference(reference: str) -> None:
    if re.fullmatch(REFERENCE_PATTERN, reference) is None:
        raise bad_field("/reference", "6 至 35 位大写字母、数字或连字符", "6 to 35 capitals, digits or hyphens")


def check_step(state: str, to: str) -> None:
    """Raises Conflict with what may follow instead."""
    if to not in STEPS[state]:
        raise Conflict(
            "illegal_transition",
            zh="付款指令当前状态不允许此操作",
            en="The instruction's state does not allow this",
            fix_zh="legal 列出可转入的状态。",
            fix_en="legal lists the states that may follow.",
            extra={"state": state, "legal": list(STEPS[state])},
        )


def same_request(found: Any, *, fund: str, amount_fen: int, payee_id: Any, hold_id: Any) -> bool:
    """Whether an instruction is what is asked for again."""
    return bool((found.fund, found.amount_fen, found.payee_id, found.hold_id) == (fund, amount_fen, payee_id, hold_id))
