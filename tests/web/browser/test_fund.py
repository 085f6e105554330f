"""The fund's pages in a real browser, in both languages; an approval that meets a changed entry, without script too."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from gongxin.config import Config
from gongxin.db import transaction
from gongxin.fund.ledger import service
from gongxin.subjects import service as subjects
from tests.conftest import act_for
from tests.web.fund_room import Treasury, treasury

from .conftest import Windows

LOOKS = [("zh", 1280, False), ("en", 1280, False), ("zh", 375, False), ("en", 375, False), ("zh", 1280, True)]


@pytest.fixture
def fund(windows: Windows, engine: Engine, owner_engine: Engine, config: Config) -> Iterator[Treasury]:
    with transaction(engine) as session:
        act_for(session, None, "registry")
        subjects.ensure_epochs(session, config)
    with treasury(windows.town, engine, owner_engine, config) as found:
        yield found


def resubmitted(fund: Treasury) -> object:
    """An entry that its maker took back and changed."""
    with fund.books() as books:
        entry = books.submitted(10_000, reference="R-1").id
        service.move(books.session, entry, actor=books.lin, state="draft")
        legs = (books.leg("cash", "debit", 77_700), books.leg("levies", "credit", 77_700))
        service.revise(books.session, entry, actor=books.lin, legs=legs)
        service.move(books.session, entry, actor=books.lin, state="submitted")
    return entry


@pytest.mark.parametrize(("language", "width", "dark"), LOOKS)
def test_the_pages_of_the_fund_hold(windows: Windows, fund: Treasury, language: str, width: int, dark: bool) -> None:
    entry = resubmitted(fund)
    with fund.claims() as world:
        world.give(5_000_000)
        claim = world.assess(world.file(), 2_500_000)
    with fund.bank() as bank:
        bank.booked(900)
        bank.take(bank.csv((900, "捐赠"), (120, "利息")))
        code, day, period = bank.code, bank.fund.today.isoformat(), bank.fund.period.number
    look = f"{language}-{width}{'-dark' if dark else ''}"
    window = windows.window(fund.person("treasurer", "approver"), language=language, width=width, dark=dark)
    for name, path in (
        ("fund", ""), ("claims", "/claims"), ("claim", f"/claims/{claim.id}"), ("entries", "/entries?state=submitted"),
        ("entry", f"/entries/{entry}"), ("runs", "/runs"), ("bank", "/bank"), ("bank-day", f"/bank/{code}/{day}"),
        ("periods", "/periods"), ("period", f"/periods/{period}"), ("disclosure", "/disclosure"),
    ):  # fmt: skip
        window.go(f"/admin/fund{path}")
        window.check(f"fund-{name}-{look}")


@pytest.mark.parametrize("script", [True, False])
def test_an_approval_of_what_changed_meanwhile_shows_the_change_and_is_made_anew(
    windows: Windows, fund: Treasury, script: bool
) -> None:
    with fund.books() as books:
        entry, codes = books.submitted(10_000).id, books.codes
    window = windows.window(fund.person("approver"), script=script)
    window.allowed = {409}
    page = window.go(f"/admin/fund/entries/{entry}")
    with fund.books() as books:
        books.codes = codes
        service.move(books.session, entry, actor=books.lin, state="draft")
        legs = (books.leg("cash", "debit", 77_700), books.leg("levies", "credit", 77_700))
        service.revise(books.session, entry, actor=books.lin, legs=legs)
        service.move(books.session, entry, actor=books.lin, state="submitted")
    page.get_by_role("button", name="批准").click()
    page.get_by_role("heading", name="您打开此页后有变更").wait_for()
    if script:
        window.check()
    page.get_by_role("button", name="批准").click()
    page.get_by_text("已记录。").wait_for()
    page.get_by_text("您已批准现内容").wait_for()
