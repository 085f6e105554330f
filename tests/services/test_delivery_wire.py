"""One call of an endpoint that is slow, huge, lying, or pointed at us."""

import threading
import time

import pytest

from gongxin.delivery import wire
from tests.services.delivery_receivers import LOOPBACK, receiving, saying

METADATA = "169.254.169.254"


def call(url: str, networks: tuple[str, ...] = LOOPBACK, seconds: float = 2.0, **more: object) -> wire.Heard:
    return wire.post(url, headers={"X": "y"}, body=b"{}", networks=networks, seconds=seconds, **more)  # type: ignore[arg-type]


def test_what_the_endpoint_answers_is_heard() -> None:
    with receiving(answers=lambda _: 503, headers={"Retry-After": "120"}) as receiver:
        heard = wire.post(receiver.url, headers={}, body=b'{"type": "x"}', networks=LOOPBACK)
    assert (heard.outcome, heard.status, heard.retry_after) == ("failed", 503, 120)


def test_an_answer_that_comes_too_late_was_not_given() -> None:
    with receiving(seconds=25) as receiver:
        began = time.monotonic()
        assert call(receiver.url, seconds=0.4).outcome == "timeout"
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("parts", [(b"HTTP/1.1 200 OK\r\nX: ", b"a"), (b"H",), (b"HTTP/1.1 200 OK\r\n\r\n", b"a")])
def test_an_answer_that_drips_ends_at_the_deadline_however_often_something_comes(parts: tuple[bytes, ...]) -> None:
    with saying(*parts, pause=0.1, repeat=10_000) as (url, _):
        began = time.monotonic()
        assert call(url, seconds=0.7).outcome == "timeout"
    assert time.monotonic() - began < 3


def test_of_a_gigabyte_only_the_beginning_is_read() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
    with saying(head, b"x" * 1_000_000, repeat=1000) as (url, sent):
        heard = call(url)
        time.sleep(0.1)
        assert (heard.outcome, len(heard.body)) == ("delivered", wire.MAX_BODY)
        assert sent[0] < 20_000_000


def test_headers_without_end_are_no_answer() -> None:
    with saying(b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"y" * 8000 + b"\r\n") * 100) as (url, _):
        assert call(url).outcome == "unreadable"
    with saying(b"HTTP/1.1 200 " + b"y" * 70_000) as (url, _):
        assert call(url).outcome == "unreadable"


def test_a_redirect_is_not_followed() -> None:
    followed = []
    with receiving(answers=lambda body: followed.append(body) or 200) as inside:  # type: ignore[func-returns-value]
        for to in (inside.url, f"http://{METADATA}/latest/meta-data/"):
            with receiving(answers=lambda _: 301, headers={"Location": to}) as receiver:
                heard = wire.post(receiver.url, headers={}, body=b'{"type": "x"}', networks=LOOPBACK)
                assert (heard.outcome, heard.status) == ("refused", 301)
    assert followed == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", METADATA, "0.0.0.0", "0.1.2.3",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", f"::ffff:{METADATA}",
        "::7f00:1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1", "2002:a9fe:a9fe::", "2001:db8::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_no_address_inside_is_called(address: str) -> None:
    heard = call("https://hooks.example/x", networks=(), resolve=lambda _host, _port: [address])
    assert heard == wire.Heard("private_address")


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:127.0.0.1]", "localhost"])
def test_an_address_is_judged_as_it_is_understood_however_it_is_written(host: str) -> None:
    assert call(f"https://{host}/x", networks=()).outcome == "private_address"


def test_a_name_with_one_foot_inside_is_not_called() -> None:
    heard = call("https://hooks.example/x", networks=(), resolve=lambda _h, _p: ["93.184.216.34", "10.0.0.1"])
    assert heard == wire.Heard("private_address")


def test_a_name_that_changes_its_mind_after_it_was_judged_changes_nothing() -> None:
    """DNS rebinding: it is asked once, and the socket goes to what was judged."""
    with receiving() as public, receiving() as inside:
        answers = iter([["127.0.0.1"], ["10.0.0.1"]])
        port = int(public.url.split(":")[2].split("/")[0])
        url = f"http://hooks.example:{port}/hook"
        heard = wire.post(
            url, headers={}, body=b'{"type": "x"}', networks=("127.0.0.0/8",), resolve=lambda _h, _p: next(answers)
        )
        assert heard.outcome == "delivered"
        assert public.raw[0][0]["host"] == f"hooks.example:{port}"
        assert next(answers) == ["10.0.0.1"]  # it was never asked again
        assert inside.got == []


def test_plain_http_goes_only_where_the_operator_said() -> None:
    assert call("http://hooks.example/x", networks=(), resolve=lambda _h, _p: ["93.184.216.34"]).outcome == "not_https"


def test_a_resolver_that_hangs_is_not_waited_for() -> None:
    hanging = threading.Event()
    began = time.monotonic()
    heard = call("https://hooks.example/", seconds=0.3, resolve=lambda _h, _p: [str(hanging.wait(20))])
    hanging.set()
    assert heard.outcome == "timeout"
    assert time.monotonic() - began < 3


def test_a_name_without_an_address_and_a_closed_port_are_told_apart() -> None:
    assert call("https://hooks.example/", resolve=lambda _h, _p: []).outcome == "no_address"
    assert call("http://127.0.0.1:1/").outcome == "unreachable"
