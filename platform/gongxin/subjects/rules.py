"""Decisions on epochs and tokens: pure."""

import re
from binascii import a2b_base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gongxin.errors import Conflict, Invalid, bad_field
from gongxin_wire.voprf import sodium

DATA_SETS = ("debtor", "agent")
SUITE = "ristretto255-SHA512"
MODE = "VOPRF"
STATES = ("next", "live", "retiring", "retired")
OPEN = frozenset({"next", "live", "retiring"})
MAX_ELEMENTS = 1000
MAX_EPOCHS = 2

# 43 characters of base64url hold 258 bits: the last must leave its two spare bits zero, or two texts were one token.
TOKEN = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_TOKENS = re.compile(rf"(?:{TOKEN.pattern}A)+")
_STANDARD = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class Epoch:
    """One key's life as everybody may see it."""

    data_set: str
    epoch: int
    state: str
    public_key: bytes


def required(epochs: Iterable[Epoch]) -> frozenset[int]:
    """Epochs that a stored record needs a token of, so that a question in any open epoch finds it."""
    return frozenset(epoch.epoch for epoch in epochs if epoch.state in {"live", "retiring"})


def accepted(epochs: Iterable[Epoch]) -> frozenset[int]:
    """Epochs that a token may be of."""
    return frozenset(epoch.epoch for epoch in epochs if epoch.state in OPEN)


def decode_token(text: str) -> bytes:
    """32 bytes from a text that TOKEN has matched."""
    return a2b_base64(text.replace("-", "+").replace("_", "/") + "=")


def decode_tokens(texts: Sequence[str]) -> list[bytes] | None:
    """The same for many at once, by one regular expression and one decoding; None where one is no token. Raises
    TypeError for what is no text."""
    joined = "A".join(texts) + "A"
    if set(map(len, texts)) != {43} or _TOKENS.fullmatch(joined) is None:
        return None
    # Each token and an "A" are 44 characters, so 33 bytes of which the last is zero.
    raw = a2b_base64(joined.translate(_STANDARD))
    return [raw[at : at + 32] for at in range(0, len(raw), 33)]


def check_subject(subject: Any, accepted: frozenset[int], pointer: str = "/subject") -> list[tuple[int, bytes]]:
    """(epoch, token) pairs of a `subject` field. Raises Invalid at the exact place."""
    if not isinstance(subject, list) or not 1 <= len(subject) <= MAX_EPOCHS:
        raise Invalid(
            "bad_subject",
            zh="subject 应为一至两个 {epoch, token}",
            en="subject must be one or two of {epoch, token}",
            fix_zh="每个开放的密钥期给出一个令牌。",
            fix_en="Give one token for each open epoch.",
            pointer=pointer,
        )
    found: list[tuple[int, bytes]] = []
    for index, entry in enumerate(subject):
        found.append(_check_entry(entry, accepted, f"{pointer}/{index}"))
    if len({epoch for epoch, _ in found}) != len(found):
        raise Invalid(
            "epoch_repeated",
            zh="同一密钥期出现两次",
            en="An epoch is given twice",
            fix_zh="每个密钥期只给一个令牌。",
            fix_en="Give one token for each epoch.",
            pointer=f"{pointer}/1/epoch",
        )
    return found


def _check_entry(entry: Any, accepted: frozenset[int], pointer: str) -> tuple[int, bytes]:
    if not isinstance(entry, Mapping) or entry.keys() != {"epoch", "token"}:
        raise Invalid(
            "bad_subject",
            zh="每项应恰有 epoch 和 token",
            en="Each entry has exactly epoch and token",
            fix_zh='给出 {"epoch": 1, "token": "…"}。',
            fix_en='Give {"epoch": 1, "token": "…"}.',
            pointer=pointer,
        )
    epoch, token = entry["epoch"], entry["token"]
    if type(epoch) is not int or epoch not in accepted:
        raise Invalid(
            "epoch_not_open",
            zh="该密钥期未开放",
            en="This epoch is not open",
            fix_zh="按 GET /v1/subjects/keys 所列密钥期重新求值。",
            fix_en="Evaluate again under an epoch of GET /v1/subjects/keys.",
            pointer=f"{pointer}/epoch",
            extra={"open_epochs": sorted(accepted)},
        )
    if not isinstance(token, str) or TOKEN.fullmatch(token) is None:
        raise Invalid(
            "bad_token",
            zh="令牌应为 43 个 base64url 字符",
            en="The token must be 43 base64url characters",
            fix_zh="使用 SDK 生成的盲化令牌；不要提交证件号码。",
            fix_en="Send the blind token the SDK makes; never an ID number.",
            pointer=f"{pointer}/token",
        )
    return epoch, decode_token(token)


def check_complete(given: Iterable[int], required: frozenset[int], pointer: str = "/subject") -> None:
    """A stored record carries every open epoch, or a question in the other one would miss it."""
    missing = sorted(required - set(given))
    if missing:
        raise Invalid(
            "epoch_missing",
            zh="缺少某个开放密钥期的令牌",
            en="The token of an open epoch is missing",
            fix_zh="密钥轮换期间，每个开放的密钥期各给一个令牌。",
            fix_en="While keys rotate, give a token of each open epoch.",
            pointer=pointer,
            extra={"missing_epochs": missing},
        )


def check_retire(state: str, unmoved: int) -> None:
    """An epoch retires from `retiring`, and only when no open case is known by it alone."""
    if state != "retiring":
        raise Conflict(
            "epoch_not_retiring",
            zh="只有轮换后的旧密钥期可以停用",
            en="Only an epoch that has been rotated out can be retired",
            fix_zh="先执行轮换。",
            fix_en="Rotate first.",
            extra={"state": state},
        )
    if unmoved:
        raise Conflict(
            "epoch_in_use",
            zh="仍有案件只登记在旧密钥期",
            en="Cases are still known by the old epoch alone",
            fix_zh="请会员以 POST /v1/cases/keys 补登新密钥期的令牌。",
            fix_en="Have members add tokens of the new epoch by POST /v1/cases/keys.",
            extra={"cases": unmoved},
        )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A request for blind evaluation; `elements` are 32 bytes each, canonical in form."""

    data_set: str
    epoch: int
    elements: list[bytes]


def check_evaluation(body: Any) -> Evaluation:
    """The body of POST /v1/subjects/evaluations, read by hand. Raises Invalid naming the field."""
    if not isinstance(body, dict) or body.keys() != {"data_set", "epoch", "elements"}:
        raise bad_field("", "应恰有 data_set、epoch、elements", "Give exactly data_set, epoch and elements")
    data_set, epoch, elements = body["data_set"], body["epoch"], body["elements"]
    if data_set not in DATA_SETS:
        raise bad_field("/data_set", "未知的数据集", "data_set must be debtor or agent")
    if type(epoch) is not int or not 1 <= epoch <= 32767:
        raise bad_field("/epoch", "密钥期应为正整数", "epoch must be a positive whole number")
    if not isinstance(elements, list) or not 1 <= len(elements) <= MAX_ELEMENTS:
        raise bad_field("/elements", "应有 1 至 1000 个元素", "elements must hold 1 to 1000 elements")
    return Evaluation(data_set, epoch, [_element(text, index) for index, text in enumerate(elements)])


def _element(text: Any, index: int) -> bytes:
    if not isinstance(text, str) or TOKEN.fullmatch(text) is None:
        raise bad_element(index)
    return decode_token(text)


def check_elements(elements: Iterable[bytes]) -> None:
    """Each a canonical ristretto255 element (RFC 9496 section 4.3.1), never the identity (RFC 9497 section 4.1)."""
    group = sodium.provider().group
    for index, element in enumerate(elements):
        # The top bit is checked here too: libsodium ignores it, and one element would have two spellings.
        if not any(element) or element[31] & 0x80 or not group.is_element(element):
            raise bad_element(index)


def bad_element(index: int) -> Invalid:
    """One element is not acceptable."""
    return Invalid(
        "bad_element",
        zh="不是规范的 ristretto255 元素",
        en="Not a canonical ristretto255 element",
        fix_zh="每个元素为 SDK 盲化所得 32 字节的 base64url，无填充；不要提交证件号码。",
        fix_en="Each element is the 32 bytes the SDK's blinding gives, base64url without padding; never an ID number.",
        pointer=f"/elements/{index}",
    )
