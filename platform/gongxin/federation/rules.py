"""Pure decisions about peers: what a description must say, which state follows which, what two administrators do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from gongxin.errors import Conflict, Invalid

STATES: dict[str, tuple[str, ...]] = {
    "proposed": ("active", "removed"),
    "active": ("paused", "removed"),
    "paused": ("active", "removed"),
    "removed": (),
}
APPROVALS = 2
DESCRIPTION_DAYS = 30
MAX_SKEW = timedelta(seconds=60)
MAX_DESCRIPTION_BYTES = 64 * 1024
MAX_REASON = 200
OFFICER = re.compile(r"[a-z][a-z0-9]{2,39}", re.ASCII)
_NEEDED: dict[str, type] = {
    "issuer": str, "name": str, "serial": int, "issued_at": int, "expires_at": int, "keys": list, "epochs": list,
    "log": dict, "endpoints": dict, "policy": dict, "software": str,
}  # fmt: skip


@dataclass(frozen=True)
class Description:
    """What a peer says of itself, as it was signed."""

    issuer: str
    name: str
    serial: int
    issued_at: datetime
    expires_at: datetime
    keys: tuple[dict[str, str], ...]
    endpoints: dict[str, str]
    body: dict[str, Any]


def check_address(address: str, *, production: bool) -> str:
    """A registry's address: https, no path of a query, user or fragment; http for demonstrations. Raises Invalid."""
    parts = urlsplit(address)
    plain = not (parts.query or parts.fragment or parts.username or address.endswith("/")) and address.isascii()
    if parts.scheme not in ({"https"} if production else {"https", "http"}) or not parts.hostname or not plain:
        raise Invalid(
            "bad_peer_address",
            zh="登记处地址不符合要求",
            en="The address of the registry is not acceptable",
            fix_zh="写对方公布的 https 地址，末尾不带斜线。",
            fix_en="Give the https address that it publishes, without a slash at its end.",
            pointer="/address",
        )
    return address


def check_description(body: Any, *, address: str, now: datetime, after: int = 0) -> Description:
    """Of a description whose signature holds: whole, about this address, in time, not older than the one at hand
    (`after`: its serial). Raises Invalid at the member that is wrong."""
    if not isinstance(body, dict):
        raise _wrong("", "自述不是 JSON 对象", "The description is no JSON object")
    for name, kind in _NEEDED.items():
        if type(body.get(name)) is not kind:
            raise _wrong(f"/{name}", "自述缺少成员或类型不对", "A member is missing or of another type")
    if body["issuer"] != address:
        raise _wrong("/issuer", "自述属于另一登记处", "It describes another registry")
    if not 1 <= len(body["name"]) <= 200 or len(body["software"]) > 100:
        raise _wrong("/name", "名称过长或为空", "The name is empty or too long")
    if body["serial"] <= after:
        raise _wrong("/serial", "自述比手中的旧", "It is older than the one at hand")
    try:
        issued, expires = (datetime.fromtimestamp(body[name], UTC) for name in ("issued_at", "expires_at"))
    except (ValueError, OverflowError) as fault:
        raise _wrong("/issued_at", "时间超出范围", "A time is out of range") from fault
    if issued > now + MAX_SKEW:
        raise _wrong("/issued_at", "自述来自将来；请核对双方时钟", "It comes from the future; compare the clocks")
    if expires <= now - MAX_SKEW or expires > issued + timedelta(days=2 * DESCRIPTION_DAYS):
        raise _wrong("/expires_at", "自述已过期或期限过长", "It has expired, or lasts too long")
    if not 1 <= len(body["keys"]) <= 4 or not all(_is_key(key) for key in body["keys"]):
        raise _wrong("/keys", "密钥须为 1–4 个 Ed25519 公钥", "The keys are one to four Ed25519 public keys")
    endpoints = body["endpoints"]
    if not all(isinstance(v, str) and v.startswith(f"{address}/") for v in endpoints.values()) or not endpoints:
        raise _wrong("/endpoints", "端点须在该登记处地址之下", "Endpoints stand below the registry's own address")
    return Description(
        body["issuer"], body["name"], body["serial"], issued, expires, tuple(body["keys"]), dict(endpoints), body
    )


def check_state(state: str, wanted: str) -> None:
    """Raises Conflict where the peer does not become that from here."""
    if wanted not in STATES[state]:
        raise Conflict(
            "illegal_peer_state",
            zh="对等登记处不能这样变更状态",
            en="The peer's state does not allow this",
            fix_zh="已移除的登记处须重新添加并由两人核对指纹。",
            fix_en="A removed peer is added anew, its fingerprint compared by two people.",
            extra={"legal": list(STATES[state])},
        )


def check_officer(officer: str) -> str:
    """The login of the administrator who acts. Raises Invalid."""
    if not OFFICER.fullmatch(officer):
        raise Invalid(
            "bad_officer",
            zh="经办人须为登录名",
            en="The officer is named by a login",
            fix_zh="3–40 位小写字母或数字，以字母开头。",
            fix_en="3 to 40 of a–z and 0–9, beginning with a letter.",
            pointer="/officer",
        )
    return officer


def check_reason(reason: str) -> str:
    """1 to 200 characters. Raises Invalid."""
    if not 1 <= len(reason.strip()) <= MAX_REASON:
        raise Invalid(
            "bad_reason",
            zh="请写明理由",
            en="Say why",
            fix_zh="1–200 字。",
            fix_en="1 to 200 characters.",
            pointer="/reason",
        )
    return reason.strip()


def check_fingerprint(given: str, pinned: str) -> None:
    """Whether what the administrator heard from the other side is the key at hand; blanks and case do not count.
    Raises Invalid without telling the right one: it must come from the other side."""
    if re.sub(r"[\s:-]", "", given).lower() != pinned.replace(" ", ""):
        raise Invalid(
            "fingerprint_differs",
            zh="指纹不一致",
            en="The fingerprint is not that of the key at hand",
            fix_zh="请对方管理员当面或电话读出其指纹；不一致时不要批准，并查明是谁在冒充。",
            fix_en="Have the other side read out its own; if they differ approve nothing: somebody poses as them.",
            pointer="/fingerprint",
        )


def fingerprint(thumbprint: bytes) -> str:
    """32 octets as sixteen groups of four hexadecimal digits, to be read out."""
    digits = thumbprint.hex()
    return " ".join(digits[at : at + 4] for at in range(0, 64, 4))


def check_terms(purposes: Mapping[str, int], data_types: list[str]) -> None:
    """Purposes with look-ups a day, and data types, of a peer agreement. Raises Invalid."""
    good = all(
        type(n) is int and 0 <= n <= 10_000_000 and re.fullmatch(r"[a-z_]{1,40}", p) for p, n in purposes.items()
    )
    if not good or not data_types or not all(re.fullmatch(r"[a-z_]{1,40}", each) for each in data_types):
        raise Invalid(
            "bad_terms",
            zh="对等协议的用途、限额或数据类型不符合要求",
            en="Purposes, budgets or data types of the agreement are not acceptable",
            fix_zh="用途=每日次数，例如 contact=1000；数据类型例如 case_status。",
            fix_en="purpose=look-ups a day, such as contact=1000; data types such as case_status.",
        )


def _is_key(key: Any) -> bool:
    return (
        isinstance(key, dict)
        and set(key) == {"kty", "crv", "x", "kid"}
        and (key["kty"], key["crv"]) == ("OKP", "Ed25519")
        and all(isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value) for value in key.values())
    )


def _wrong(pointer: str, zh: str, en: str) -> Invalid:
    return Invalid(
        "bad_description",
        zh=zh,
        en=en,
        fix_zh="请对方登记处检查其自述。",
        fix_en="The other registry mends its description.",
        pointer=pointer,
    )
