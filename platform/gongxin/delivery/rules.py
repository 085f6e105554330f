"""Pure decisions: which address may be called, what an answer means, when to try again, what an endpoint may become."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from gongxin.errors import Conflict, Invalid

GIVE_UP = timedelta(hours=72)
# Seconds before the next attempt after so many; the last goes on until GIVE_UP. The schedule of Standard Webhooks.
_STEPS = (5, 60, 300, 1800, 7200, 18_000, 36_000)
_THROTTLED = {408, 425, 429}
MAX_URL = 500

# Networks that hold an IPv4 address inside an IPv6 one: (network, bits to shift right).
_EMBEDDED = (
    (IPv6Network("64:ff9b::/96"), 0),  # RFC 6052
    (IPv6Network("64:ff9b:1::/48"), 0),  # RFC 8215
    (IPv6Network("2002::/16"), 80),  # RFC 3056, 6to4
    (IPv6Network("::/96"), 0),  # RFC 4291 section 2.5.5.1
)

_MOVES = {
    "unverified": {"removed"},
    "active": {"paused", "removed"},
    "paused": {"active", "removed"},
    "removed": set(),
}


def may_call(address: str, networks: Sequence[str]) -> bool:
    """Whether an endpoint may live at this address: a public one, or one of the networks the operator named. Whatever
    holds another address inside (mapped, translated, tunnelled) is judged by that one too."""
    found = ip_address(address.partition("%")[0])
    return is_named(address, networks) or all(
        each.is_global and not each.is_multicast and not each.is_reserved for each in (found, *_inside(found))
    )


def _inside(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    if isinstance(address, IPv4Address):
        return []
    found = [IPv4Address(int(address) >> shift & 0xFFFFFFFF) for network, shift in _EMBEDDED if address in network]
    if address.ipv4_mapped is not None:
        found.append(address.ipv4_mapped)
    if address.teredo is not None:
        found += address.teredo
    return found


def is_named(address: str, networks: Sequence[str]) -> bool:
    """Whether the operator named a network with this address: there plain http is good enough."""
    return any(ip_address(address.partition("%")[0]) in ip_network(network) for network in networks)


def check_url(url: str, networks: Sequence[str]) -> str:
    """The endpoint's address, as it will be called. Raises Invalid at /url: what the name resolves to is judged at each
    call, a literal address here already."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as fault:
        raise _bad_url() from fault
    plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url and len(url) <= MAX_URL
    schemes = {"https", "http"} if networks else {"https"}
    if (
        parts.scheme not in schemes
        or not host
        or not plain
        or parts.username is not None
        or parts.fragment
        or port == 0
    ):
        raise _bad_url()
    try:
        literal = str(ip_address(host))
    except ValueError:
        return url
    if not may_call(literal, networks):
        raise _private()
    return url


def _bad_url() -> Invalid:
    return Invalid(
        "endpoint_url",
        zh="回调地址不可用",
        en="The endpoint's address cannot be used",
        fix_zh=f"使用 https 地址，无用户名、无片段，至多 {MAX_URL} 个 ASCII 字符。",
        fix_en=f"Give an https address without user or fragment, of at most {MAX_URL} ASCII characters.",
        pointer="/url",
    )


def _private() -> Invalid:
    return Invalid(
        "endpoint_private",
        zh="回调地址不是公网地址",
        en="The endpoint's address is not a public one",
        fix_zh="使用公网可达的地址；内网地址须由登记处运营者先行配置。",
        fix_en="Give an address of the public internet; the operator must name a private network first.",
        pointer="/url",
    )


def check_move(state: str, wanted: str) -> None:
    """Raises Conflict where an endpoint in this state cannot become `wanted`."""
    if wanted not in _MOVES[state]:
        raise Conflict(
            "endpoint_state",
            zh="端点当前状态不允许此操作",
            en="The endpoint's state does not allow it",
            fix_zh="未验证的端点须先验证；已移除的端点请重新登记。",
            fix_en="An unverified endpoint is verified first; a removed one is registered anew.",
            extra={"state": state, "legal": sorted(_MOVES[state])},
        )


def pause(attempts: int, chance: float) -> timedelta:
    """How long to wait after so many attempts; `chance` in [0, 1) spreads it over the upper half."""
    step = _STEPS[min(attempts, len(_STEPS)) - 1]
    return timedelta(seconds=step * (0.5 + chance / 2))


def is_over(first_at: datetime, now: datetime) -> bool:
    """Whether an event has been tried for as long as it is."""
    return now - first_at >= GIVE_UP


def outcome(status: int) -> str:
    """What an answer's status means: delivered, gone (410: the endpoint wants no more), refused (this event is not
    taken), failed (the endpoint cannot now). A redirect is never followed, and is a refusal."""
    if 200 <= status < 300:
        return "delivered"
    if status == 410:
        return "gone"
    return "failed" if status >= 500 or status in _THROTTLED else "refused"
