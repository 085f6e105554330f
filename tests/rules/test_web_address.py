"""Who asks, by address: a proxy's word counts only where the proxy is trusted."""

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from gongxin.web.address import client_address, is_trusted, rate_key

PROXY = ("10.0.0.0/8", "2001:db8::/64")


def asked(peer: str, forwarded: str | None = None) -> Request:
    headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
    return Request(EnvironBuilder(headers=headers, environ_base={"REMOTE_ADDR": peer}).get_environ())


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "found"),
    [
        ("198.51.100.7", "203.0.113.1", (), "198.51.100.7"),
        ("198.51.100.7", "203.0.113.1", PROXY, "198.51.100.7"),
        ("10.0.0.1", "203.0.113.1", PROXY, "203.0.113.1"),
        ("10.0.0.1", "192.0.2.66, 203.0.113.1", PROXY, "203.0.113.1"),
        ("10.0.0.1", "192.0.2.66, 203.0.113.1, 10.0.0.2", PROXY, "203.0.113.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", PROXY, "10.0.0.3"),
        ("10.0.0.1", None, PROXY, "10.0.0.1"),
        ("10.0.0.1", "", PROXY, "10.0.0.1"),
        ("10.0.0.1", "203.0.113.1, nonsense", PROXY, "10.0.0.1"),
        ("10.0.0.1", "<script>", PROXY, "10.0.0.1"),
        ("10.0.0.1", "2001:db8:1::5", PROXY, "2001:db8:1::5"),
        ("", "203.0.113.1", ("unix",), "203.0.113.1"),
        ("", "203.0.113.1", PROXY, ""),
    ],
)
def test_the_last_address_no_trusted_proxy_stands_behind(
    peer: str, forwarded: str | None, trusted: tuple[str, ...], found: str
) -> None:
    assert client_address(asked(peer, forwarded), trusted) == found


def test_trust_is_by_network_and_never_by_default() -> None:
    assert is_trusted("10.1.2.3", PROXY)
    assert is_trusted("2001:db8::9", PROXY)
    assert not is_trusted("11.0.0.1", PROXY)
    assert not is_trusted("name.example", PROXY)
    assert not is_trusted(None, ())
    assert not is_trusted("10.1.2.3", ("unix",))


def test_an_ipv6_subscriber_counts_as_one() -> None:
    assert rate_key("2001:db8:1:2:aaaa::1") == rate_key("2001:db8:1:2::ffff") == "2001:db8:1:2::/64"
    assert rate_key("2001:db8:1:3::1") != rate_key("2001:db8:1:2::1")
    assert rate_key("203.0.113.1") == "203.0.113.1"
    assert rate_key("") == ""
