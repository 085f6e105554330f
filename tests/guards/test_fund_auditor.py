"""The auditor of the fund, in plain SQL: reads all the books, and changes nothing."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from gongxin import embedded
from gongxin.db import AUDITOR_ROLE, make_engine, transaction
from gongxin.fund.ledger import singly
from gongxin.models import metadata
from tests.services.fund_world import Fund, open_fund

BOOKS = sorted(name for name in metadata.tables if name.startswith("fund_") and name != "fund_payee_details")


@pytest.fixture
def fund(engine: Engine) -> Fund:
    with transaction(engine) as session:
        found = open_fund(session)
    singly.book(engine, maker=found.lin, approvers=(found.wang, found.zhao), new=found.new(700))
    return found


@pytest.fixture
def auditor(server: str, database: str, fund: Fund) -> Iterator[Connection]:
    """Names no caller: its rights are its own."""
    engine = make_engine(embedded.dsn(server, AUDITOR_ROLE, database), pool_size=1)
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


def refused(auditor: Connection, statement: str) -> str:
    with pytest.raises(DBAPIError) as caught, auditor.begin_nested():
        auditor.execute(text(statement))
    return str(getattr(caught.value.orig, "sqlstate", ""))


def readable(auditor: Connection, table: str) -> str:
    return str(
        auditor.scalar(
            text(
                "select string_agg(quote_ident(attname), ', ') from pg_attribute where attrelid = cast(:t as regclass)"
                " and attnum > 0 and not attisdropped and has_column_privilege(attrelid, attnum, 'select')"
            ),
            {"t": table},
        )
    )


def test_it_reads_every_row_of_the_books(auditor: Connection, owner_engine: Engine, fund: Fund) -> None:
    with owner_engine.connect() as owner:
        for table in BOOKS:
            all_rows = owner.scalar(text(f"select count(*) from {table}"))
            assert auditor.scalar(text(f"select count(*) from {table}")) == all_rows, table
            auditor.execute(text(f"select {readable(auditor, table)} from {table} limit 1"))
    balance = "select balance_fen from fund_totals t join fund_accounts a on a.id = t.account_id where a.code = :code"
    assert auditor.scalar(text(balance), {"code": fund.codes["cash"]}) == 700


def test_it_reads_the_leaves_of_entries_and_their_openings_alone(auditor: Connection) -> None:
    wrong = (
        "select count(*) from fund_entries e left join log_openings o on o.leaf_id = e.id"
        " where e.state = 'posted' and o.leaf_id is null"
    )
    assert auditor.scalar(text(wrong)) == 0
    others = (
        "select count(*) from log_openings o where not exists (select from fund_entries e where e.id = o.leaf_id)"
        " and not exists (select from fund_periods p where p.leaf_id = o.leaf_id)"
    )
    assert auditor.scalar(text(others)) == 0


def test_it_changes_nothing(auditor: Connection) -> None:
    for table in [*BOOKS, "log_leaves", "log_waiting", "log_openings", "log_checkpoints"]:
        for statement in (f"insert into {table} default values", f"delete from {table}", f"truncate {table}"):
            assert refused(auditor, statement) == "42501", statement
        column = readable(auditor, table).split(", ")[0]
        assert refused(auditor, f"update {table} set {column} = {column}") == "42501", table
    for call in (
        "fund_post(gen_random_uuid(), gen_random_uuid(), 'X', now())",
        "fund_approve(gen_random_uuid(), sha256('x'), gen_random_uuid(), 'X', null, now())",
        "log_integrate(1)",
        "fund_auditor()",
    ):
        assert refused(auditor, f"select {call}") == "42501", call
    assert refused(auditor, "create table mine (a integer)") == "42501"


def test_it_reads_nothing_sealed_and_nothing_of_members_people(auditor: Connection) -> None:
    for statement in (
        "select * from fund_payee_details",
        "select sealed from fund_bank_accounts",
        "select sealed from fund_bank_lines",
        "select * from registry_keys",
        "select * from log_keys",
        "select * from case_keys",
        "select * from accounts",
        "select * from lookups",
    ):
        assert refused(auditor, statement) == "42501", statement
