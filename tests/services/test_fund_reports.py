"""The quarter disclosed: figures from the books, their leaf, the same as CSV and PDF."""

import uuid
from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.errors import Conflict
from gongxin.fund.reports import queries, service
from gongxin.transparency import service as log
from tests.services.fund_world import open_fund

NOW = clock.now


def test_the_quarter_is_told_once_it_is_over_with_its_leaf_and_again_where_it_changed(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund = open_fund(session)
    fund.posted(12_345)
    today = fund.today
    year, quarter = today.year, (today.month + 2) // 3
    with pytest.raises(Conflict, match="quarter_not_over"):
        service.figures(session, year=year, quarter=quarter, today=today)
    later = today + timedelta(days=100)
    monkeypatch.setattr(clock, "now", lambda: NOW() + timedelta(days=100))
    kept = service.publish(session, year=year, quarter=quarter, today=later, actor=fund.lin)
    made = service.shown(session, kept)
    told = made["figures"]
    ours = [row for row in told["accounts"] if row["code"] == fund.codes["levies"]]
    assert [row["amount_fen"] for row in ours] == [12_345]
    assert told["income_fen"]["RELIEF"] >= 12_345
    assert log.is_appended(session, uuid.UUID(made["leaf"]["leaf_id"]))
    assert service.publish(session, year=year, quarter=quarter, today=later, actor=fund.wang) is kept
    assert made["content"] in service.as_csv(made)
    for language in ("zh", "en"):
        first = service.as_pdf(made, language=language, made_at=clock.now().replace(microsecond=0))
        assert first.startswith(b"%PDF")
    fund.posted(1)
    second = service.publish(session, year=year, quarter=quarter, today=later, actor=fund.lin)
    assert (second.version, second.content == kept.content) == (kept.version + 1, False)
    assert queries.find_last_report(session, year, quarter) is second
    assert queries.get_report(session, kept.id).figures == kept.figures


def test_a_day_is_of_one_quarter() -> None:
    assert date(2026, 12, 31) <= service.rules.quarter(2026, 4)[1]
