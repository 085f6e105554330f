"""The log and delivery at the desk in a real browser: every page in both languages, wide and narrow, one dark."""

import pytest

from tests.services.log_world import OwnLog
from tests.services.test_witnesses import cosign
from tests.web.delivery_town import Endpoints, endpoints
from tests.web.test_log_desk import log, size_of

from .conftest import Windows

__all__ = ["endpoints", "log"]
LOOKS = [("zh", 1280, False), ("en", 1280, False), ("zh", 375, False), ("en", 375, False), ("en", 1280, True)]


@pytest.mark.parametrize(("language", "width", "dark"), LOOKS)
def test_the_pages_of_log_and_delivery_hold(
    windows: Windows, log: OwnLog, endpoints: Endpoints, language: str, width: int, dark: bool
) -> None:
    cosign(log, size_of(log), 2)
    (leaf,), made, town = log.fill(1), endpoints(failures=2), windows.town
    desk = windows.window(town.person(town.house(), "officer"), language=language, width=width, dark=dark)
    for name, path in (
        ("log", "/log"), ("log-checkpoints", "/log/checkpoints"), ("log-leaf", f"/log/leaves/{leaf.leaf_id}"),
        ("log-checkpoint", f"/log/checkpoints/{size_of(log)}"), ("log-stamps", "/log/stamps"),
        ("log-reports", "/log/reports"), ("delivery", "/delivery"), ("delivery-dead", "/delivery/dead"),
        ("endpoint", f"/delivery/{made.endpoint_id}"),
    ):  # fmt: skip
        desk.go(f"/admin{path}")
        desk.check(f"{name}-{language}-{width}{'-dark' if dark else ''}")


def test_a_dead_letter_is_chosen_and_sent_again(windows: Windows, endpoints: Endpoints) -> None:
    made, town = endpoints(dead=2, waiting=0), windows.town
    page = windows.window(town.person(town.house(), "officer")).go(f"/admin/delivery/{made.endpoint_id}")
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="重发所选").click()
    page.get_by_text("已重新排队 1 件").wait_for()
    page.get_by_role("link", name="死信", exact=True).click()
    assert page.locator("tbody tr").count() == 1
