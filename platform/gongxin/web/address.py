"""Where a request came from. `request.remote_addr` stays the peer; what a proxy says counts only if it is trusted.

`GONGXIN_TRUSTED_PROXIES` lists addresses or networks, and `unix` for a proxy that comes in by a unix socket.
"""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from flask import Request

UNIX = "unix"


@lru_cache(maxsize=8)
def _networks(trusted: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(entry, strict=False) for entry in trusted if entry != UNIX)


@lru_cache(maxsize=4096)
def is_trusted(address: str | None, trusted: tuple[str, ...]) -> bool:
    """Whether this peer is a proxy whose word counts. A peer without an address came by a unix socket."""
    if not trusted:
        return False
    if not address:
        return UNIX in trusted
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in _networks(trusted))


def client_address(request: Request, trusted: tuple[str, ...]) -> str:
    """The last address in X-Forwarded-For that no trusted proxy stands behind; the peer where it is none of ours.

    Read from the right, so that what a client writes into the header itself is never reached.
    """
    peer = request.remote_addr or ""
    if not is_trusted(peer, trusted):
        return peer
    found = peer
    for entry in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        try:
            found = str(ip_address(entry.strip()))
        except ValueError:
            break
        if not is_trusted(found, trusted):
            break
    return found


def rate_key(address: str) -> str:
    """Whom a limit by address counts as one: an IPv4 address, or the /64 that one IPv6 subscriber holds."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(ip_network((int(found) >> 64 << 64, 64)))
    return str(found)
