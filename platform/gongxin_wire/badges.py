"""The badge (电子工牌): CWT claims (RFC 8392) in a COSE_Sign1 by EdDSA, in base45 (RFC 9285) behind `GXB1:`; a QR code
of version 12 at level M holds the longest. Anybody verifies it offline with the published keys and a status list.

| claim | what |
|---|---|
| 2 sub | the licence number |
| 4 exp, 6 iat | until when, since when |
| 65535 status | `{"status_list": {"idx", "uri"}}`: where in which list (Token Status List) |
| -65537 | `{1: the agency's Chinese name, 2: level of the certificate}` |

The issuer is not repeated: the list's URI stands below it. No name of the person, no number but the licence's.
"""

from dataclasses import dataclass
from typing import Any, Final

import cbor2

from . import base45s, cose
from .cose import Keys, SignedError
from .identifiers import IdentifierError
from .licences import check_licence
from .status_lists import INVALID, SUSPENDED, VALID, StatusList

PREFIX: Final = "GXB1:"
# A QR code of version 12 at level M holds 419 alphanumeric characters (ISO/IEC 18004 table 7).
MAX_CHARACTERS: Final = 419
MAX_OCTETS: Final = (MAX_CHARACTERS - len(PREFIX)) * 2 // 3
LEVELS: Final = ("basic", "senior", "debt_counsellor")
LEAST_NAME_OCTETS: Final = 24
LISTS_PATH: Final = "/badges/lists/"
SKEW_SECONDS: Final = 300

_SUB, _EXP, _IAT, _STATUS, _OURS = 2, 4, 6, 65535, -65537
_AGENCY, _LEVEL = 1, 2
_ELLIPSIS = "…"


class BadgeError(SignedError):
    """Why a code was not taken."""


@dataclass(frozen=True, slots=True)
class Badge:
    """What a badge says. Times in seconds since 1970; `agency` is cut with … where the code had no more room."""

    licence: str
    agency: str
    level: str
    issued_at: int
    expires_at: int
    uri: str
    index: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state`: valid, suspended, invalid, expired, or unknown where no list of acceptable age tells. Only `valid` lets
    anybody rely on the badge. `why` is a stable word; `list_issued_at` of the list that told."""

    state: str
    why: str
    list_issued_at: int | None = None


def encode(badge: Badge, key: Any) -> str:
    """The code, signed; the agency's name is cut to what there is room for. Raises BadgeError where the registry's
    address leaves none."""
    name = badge.agency
    while True:
        data = cose.sign(cbor2.dumps(_claims(badge, name)), key)
        if len(data) <= MAX_OCTETS:
            return PREFIX + base45s.encode(data)
        octets = len(name.removesuffix(_ELLIPSIS).encode()) - max(1, len(data) - MAX_OCTETS)
        if octets < LEAST_NAME_OCTETS:
            raise BadgeError(
                "badge_too_large", "登记处地址过长，二维码放不下", "The registry's address is too long for the QR code",
                "为登记处使用较短的域名。", "Give the registry a shorter domain.",
            )  # fmt: skip
        if not name.endswith(_ELLIPSIS):
            octets -= len(_ELLIPSIS.encode())
        name = name.encode()[:octets].decode("utf-8", "ignore") + _ELLIPSIS


def _claims(badge: Badge, name: str) -> dict[int, Any]:
    return {
        _SUB: badge.licence,
        _EXP: badge.expires_at,
        _IAT: badge.issued_at,
        _STATUS: {"status_list": {"idx": badge.index, "uri": badge.uri}},
        _OURS: {_AGENCY: name, _LEVEL: LEVELS.index(badge.level) + 1},
    }


def decode(code: str, keys: Keys) -> Badge:
    """What the badge says, its signature verified; nothing about whether it still holds (`judge`). Raises BadgeError
    for a code that is cut, doubled, altered, signed anew, or another's."""
    data = _octets(code)
    try:
        tagged = cose.decode(data)
        payload = cose.open_sign1(tagged, keys)
        badge = None if payload is None else _read(payload)
    except EOFError as fault:
        raise _cut() from fault
    except PermissionError as fault:
        raise BadgeError(
            "badge_signature",
            "签名不成立：内容被改动，或由他人重新签发",
            "The signature does not hold: altered, or signed by somebody else",
            "不要信任此工牌；可凭执照号在公开核验页查询并举报。",
            "Do not trust this badge; look the licence up on the public check and report it.",
        ) from fault  # fmt: skip
    except ValueError as fault:
        raise _form() from fault
    if badge is None:
        raise BadgeError(
            "badge_key_unknown",
            "签发密钥不在公布的密钥中",
            "It is signed by a key that is not among the published ones",
            "更新公钥后重试；仍然如此则不要信任此工牌。",
            "Fetch the keys anew; if it stays so, do not trust this badge.",
        )  # fmt: skip
    if keys.issuer is not None and not badge.uri.startswith(keys.issuer + LISTS_PATH):
        raise BadgeError(
            "badge_issuer", "工牌指向另一登记处的状态清单", "The badge names another registry's status list",
            "使用签发登记处的公钥核验。", "Verify it with the keys of the registry that issued it.",
        )  # fmt: skip
    return badge


def _octets(code: str) -> bytes:
    text = code.strip("\r\n\t ")
    if not text.startswith(PREFIX):
        raise BadgeError(
            "badge_prefix", "不是共信工牌二维码", "Not the code of a Gongxin badge",
            f"工牌内容以 {PREFIX} 开头；请重新扫描。", f"It begins with {PREFIX}; scan it again.",
        )  # fmt: skip
    if len(text) > MAX_CHARACTERS or text.count(PREFIX) > 1:
        half = len(text) // 2
        if text[:half] == text[half:] or text.count(PREFIX) > 1:
            raise BadgeError(
                "badge_doubled",
                "内容重复：扫描了两次或两个工牌",
                "The content is there twice: two scans or two badges",
                "一次只核验一个工牌。", "Verify one badge at a time.",
            )  # fmt: skip
        raise BadgeError(
            "badge_too_long", "内容过长，不是一个工牌", "Too long for a badge",
            "请重新扫描。", "Scan it again.",
        )  # fmt: skip
    try:
        return base45s.decode(text[len(PREFIX) :])
    except EOFError as fault:
        raise _cut() from fault
    except ValueError as fault:
        raise BadgeError(
            "badge_alphabet", "含有二维码中不会出现的字符", "It has characters or groups that no badge has",
            "原样粘贴扫描结果，不改大小写与空格。", "Paste the scan as it is: no change of case or spaces.",
        ) from fault  # fmt: skip


def _read(payload: bytes) -> Badge:
    """Raises ValueError where the claims are not those of a badge, in the one form they have."""
    try:
        claims = cbor2.loads(payload)
        status, ours = claims[_STATUS]["status_list"], claims[_OURS]
        badge = Badge(
            check_licence(claims[_SUB]), ours[_AGENCY], LEVELS[ours[_LEVEL] - 1], claims[_IAT], claims[_EXP],
            status["uri"], status["idx"],
        )  # fmt: skip
        whole = (badge.issued_at, badge.expires_at, badge.index)
        if (
            any(type(each) is not int or each < 0 for each in whole)
            or not isinstance(badge.agency, str)
            or not isinstance(badge.uri, str)
            or badge.issued_at >= badge.expires_at
            or cbor2.dumps(_claims(badge, badge.agency)) != payload
        ):
            raise ValueError("other claims")
    except (KeyError, IndexError, TypeError, AttributeError, OverflowError, cbor2.CBORError, IdentifierError) as fault:
        raise ValueError("not the claims of a badge") from fault
    return badge


def judge(badge: Badge, known: StatusList | None, now: int, max_age: int | None = None) -> Verdict:
    """Whether a verified badge holds. Without a list, with an old one or another's it is `unknown`, never `valid`."""
    if now >= badge.expires_at:
        return Verdict("expired", "past_expiry")
    if badge.issued_at > now + SKEW_SECONDS:
        return Verdict("unknown", "clock")
    if known is None or known.uri != badge.uri:
        return Verdict("unknown", "no_list")
    at = known.issued_at
    if at > now + SKEW_SECONDS:
        return Verdict("unknown", "clock", at)
    if now >= known.expires_at or (max_age is not None and now - at > max_age):
        return Verdict("unknown", "list_too_old", at)
    if at + SKEW_SECONDS < badge.issued_at:
        return Verdict("unknown", "list_before_badge", at)
    status = known.status(badge.index)
    if status == VALID:
        return Verdict("valid", "listed_valid", at)
    if status == INVALID:
        return Verdict("invalid", "listed_invalid", at)
    return Verdict("suspended", "listed_suspended", at) if status == SUSPENDED else Verdict("unknown", "status", at)


def _cut() -> BadgeError:
    return BadgeError(
        "badge_cut", "内容不完整，被截断", "The content is cut short",
        "请将二维码完整置于取景框内重新扫描。", "Scan it again with the whole code in view.",
    )  # fmt: skip


def _form() -> BadgeError:
    return BadgeError(
        "badge_form", "内容不是工牌的格式", "The content is not of the form of a badge",
        "请重新扫描；仍然如此则不要信任此工牌。", "Scan it again; if it stays so, do not trust this badge.",
    )  # fmt: skip
