"""When to try again, what an answer means, what an endpoint may be."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin.delivery import rules
from gongxin.errors import Conflict, Invalid

NOW = datetime(2026, 11, 25, tzinfo=UTC)


@given(st.integers(1, 200), st.floats(0, 1, exclude_max=True))
def test_a_pause_never_shrinks_below_half_its_step_and_never_exceeds_ten_hours(attempts: int, chance: float) -> None:
    assert timedelta(seconds=2.5) <= rules.pause(attempts, chance) <= timedelta(hours=10)
    assert rules.pause(attempts, 0) <= rules.pause(attempts, chance)


def test_an_event_is_tried_at_least_ten_times_in_seventy_two_hours() -> None:
    at, attempts = NOW, 1
    while not rules.is_over(NOW, at):
        at += rules.pause(attempts, 0.99)
        attempts += 1
    assert attempts >= 10
    assert at - NOW < rules.GIVE_UP + timedelta(hours=10)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (200, "delivered"), (204, "delivered"), (299, "delivered"), (300, "refused"), (301, "refused"),
        (307, "refused"), (400, "refused"), (404, "refused"), (408, "failed"), (410, "gone"), (429, "failed"),
        (500, "failed"), (503, "failed"),
    ],
)  # fmt: skip
def test_what_a_status_means(status: int, meaning: str) -> None:
    assert rules.outcome(status) == meaning


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/", "ftp://hooks.example/", "https://", "https:///x", "https://u@hooks.example/",
        "https://u:p@hooks.example/", "https://hooks.example/#x", "https://hooks.example:0/",
        "https://hooks.example:99999/", "https://hooks.example\\@10.0.0.1/", "https://hooks.example/ x",
        "https://钩子.example/", "https://hooks.example/" + "x" * 500, "https://[::1", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_called_safely_is_refused_at_its_field(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.check_url(url, ())
    assert (refused.value.code, refused.value.pointer) == ("endpoint_url", "/url")


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "10.1.2.3:8443"])
def test_a_literal_address_inside_is_refused_as_it_is_registered(host: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.check_url(f"https://{host}/x", ())
    assert refused.value.code == "endpoint_private"


def test_what_the_operator_named_may_be_called() -> None:
    assert rules.check_url("http://10.1.2.3/x", ("10.0.0.0/8",))
    assert rules.may_call("10.1.2.3", ("10.0.0.0/8",))
    assert not rules.may_call("192.168.1.1", ("10.0.0.0/8",))
    assert rules.may_call("::1", ("::1/128",))


@pytest.mark.parametrize(
    ("state", "legal"),
    [
        ("unverified", {"removed"}), ("active", {"paused", "removed"}), ("paused", {"active", "removed"}),
        ("removed", set()),
    ],
)  # fmt: skip
def test_what_an_endpoint_may_become(state: str, legal: set[str]) -> None:
    for wanted in ("unverified", "active", "paused", "removed"):
        if wanted in legal:
            rules.check_move(state, wanted)
        else:
            with pytest.raises(Conflict):
                rules.check_move(state, wanted)
