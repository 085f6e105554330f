"""What an entry was before its maker took it back is kept by the database, and nobody writes it otherwise."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin.fund.ledger import queries, service
from tests.conftest import act_for

from .fund_world import Fund, open_fund


@pytest.fixture
def fund(session: Session) -> Fund:
    act_for(session, None, "registry")
    return open_fund(session)


def test_an_entry_taken_back_keeps_what_it_was_and_a_straight_one_keeps_nothing(fund: Fund) -> None:
    entry = fund.submitted(10_000)
    assert queries.submissions(fund.session, entry.id) == []
    was = entry.content_hash
    service.move(fund.session, entry.id, actor=fund.lin, state="draft")
    legs = (fund.leg("cash", "debit", 5), fund.leg("levies", "credit", 5))
    service.revise(fund.session, entry.id, actor=fund.lin, legs=legs)
    service.move(fund.session, entry.id, actor=fund.lin, state="submitted")
    kept = queries.submissions(fund.session, entry.id)
    assert [each.content_hash for each in kept] == [was]
    assert [leg["amount_fen"] for leg in kept[0].content["legs"]] == [10_000, 10_000]


@pytest.mark.parametrize(
    "statement",
    [
        "update fund_submissions set version = 9 where entry_id = :id",
        "delete from fund_submissions where entry_id = :id",
        "insert into fund_submissions values (:id, 9, '{}', '\\x00', now())",
    ],
)
def test_nobody_writes_it_but_the_database(fund: Fund, statement: str) -> None:
    entry = fund.submitted()
    service.move(fund.session, entry.id, actor=fund.lin, state="draft")
    with pytest.raises(DBAPIError), fund.session.begin_nested():
        fund.session.execute(text(statement), {"id": entry.id})
