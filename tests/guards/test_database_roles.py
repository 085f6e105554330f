"""What the web role can do to the database: as little as its work needs, whatever the code above it tries."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from gongxin.db import AUDITOR_ROLE, WEB_ROLE
from gongxin.models import metadata

TABLES = sorted(metadata.tables)
VERSIONS = Path(__file__).resolve().parents[2] / "alembic" / "versions"
# Tables without row-level security, each with the reason why every caller may see every row.
OPEN_TO_ALL: dict[str, str] = {
    "alembic_version": "the number of the migration; read by the readiness check",
}
_AGENTS = "follows the agents that the caller may see, by the policy of agents"
# Policies that name no caller, each with the reason why that is right.
_CLAIMS = "follows the claims that the caller may see, by the policy of fund_claims"
_CHARGES = "follows the charges that the caller may see, by the policy of fund_charges"
NAMES_NO_CALLER: dict[str, str] = {
    "fund_reports.read": "what was disclosed of a quarter is for anyone",
    "account_changes.own": "follows the accounts that the caller may see, by the policy of accounts",
    "agent_changes.own": _AGENTS,
    "agent_identities.add": _AGENTS,
    "agent_keys.add": _AGENTS,
    "agent_records.own": _AGENTS,
    "agent_responses.own": _AGENTS,
    "agent_keys.own": _AGENTS,
    "certificate_withdrawals.own": _AGENTS,
    "certificates.own": _AGENTS,
    "examinations.own": _AGENTS,
    "training_hours.own": _AGENTS,
    "fund_claim_approvals.read": _CLAIMS,
    "fund_claim_caps.read": "caps are published with the rule pack",
    "fund_claim_steps.read": _CLAIMS,
    "fund_dunnings.read": _CHARGES,
    "fund_objections.read": _CHARGES,
    "fund_receipts.read": _CHARGES,
    "badge_lists.read": "status lists are published: places in a list, and nothing of anybody",
    "badge_lists.publish": "whoever asks first has it signed anew; a trigger lets it only go forward",
    "fee_caps.anyone": "caps are everybody's to read; only the association records them",
    "agency_filing_changes.own": "follows the filings that the caller may see, by the policy of agency_filings",
    "client_keys.own": "follows the clients that the caller may see, by the policy of clients",
    "disclosure_policies.read": "the policy in force is published",
    "log_checkpoints.read": "what the log signed is public",
    "log_keys.read": "public keys; the private ones are sealed under the master key",
    "log_leaves.read": "the log is public: leaves are salted commitments and say nothing",
    "log_tiles.read": "the log is public",
    "log_merge_delays.read": "how long leaves waited, by the hour: counts and seconds of no leaf in particular",
    "log_waiting.read": "leaves are salted commitments and say nothing, placed or not",
    "log_cosignatures.read": "who witnessed what is public",
    "log_stamps.read": "stamps of checkpoints are public",
    "log_witnesses.read": "public keys of witnesses",
    "members.directory": "the directory is readable by any member; agreements are not",
    "retention_rules.read": "how long evidence is kept is published",
    "registry_keys.read": "public keys; the private ones are sealed under the master key",
    "subject_epochs.read": "public keys; the secrets are sealed under the master key",
}
# Tables whose rows the web role may delete, each with the reason why it is no history.
DELETABLE: dict[str, str] = {
    "account_challenges": "what a browser was to sign; gone once it has, or after five minutes",
    "account_recovery_codes": "the ten of before go when ten new ones are made; the change is on record",
    "fund_legs": "legs of drafts; a trigger refuses once an entry is submitted",
    "idempotency_keys": "remembered answers, kept for a day",
    "lookups_pending": "a queue: the row goes when the job has filed it",
}


@pytest.fixture
def web(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def owner(owner_engine: Engine) -> Iterator[Connection]:
    with owner_engine.connect() as connection:
        yield connection
        connection.rollback()


def column(connection: Connection, query: str) -> list[str]:
    return sorted(str(row[0]) for row in connection.execute(text(query)))


def test_the_tests_run_as_the_web_role_and_it_is_nobody_special(web: Connection) -> None:
    assert web.scalar(text("select current_user")) == WEB_ROLE
    role = web.execute(
        text(
            "select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication from pg_roles where rolname = :r"
        ),
        {"r": WEB_ROLE},
    ).one()
    assert not any(role)
    assert column(web, f"select roleid::regrole from pg_auth_members where member = '{WEB_ROLE}'::regrole") == []


def test_the_web_role_owns_nothing(owner: Connection) -> None:
    for query in (
        f"select relname from pg_class where relowner = '{WEB_ROLE}'::regrole",
        f"select proname from pg_proc where proowner = '{WEB_ROLE}'::regrole",
        f"select nspname from pg_namespace where nspowner = '{WEB_ROLE}'::regrole",
        f"select typname from pg_type where typowner = '{WEB_ROLE}'::regrole",
        f"select datname from pg_database where datdba = '{WEB_ROLE}'::regrole",
    ):
        assert column(owner, query) == []


@pytest.mark.parametrize(
    "statement",
    [
        "create table mine (id integer)",
        "create function mine() returns integer language sql as 'select 1'",
        "create view mine as select 1",
        "create schema mine",
        "create role mine",
        "alter role gongxin_web superuser",
        "alter role gongxin_web bypassrls",
        "set role gongxin_owner",
        "drop schema public cascade",
        "create extension file_fdw",
        "copy (select 1) to program 'true'",
        "grant gongxin_owner to gongxin_web",
    ],
)
def test_the_web_role_cannot_make_or_become_anything(web: Connection, statement: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        web.execute(text(statement))
    assert caught.value.orig is not None
    assert getattr(caught.value.orig, "sqlstate", "") in {"42501", "2BP01", "58P01", "0A000"}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    [
        "alter table {} add column mine integer",
        "drop table {} cascade",
        "truncate {}",
        "alter table {} disable row level security",
        "alter table {} disable trigger all",
        "create policy mine on {} using (true)",
        "create index mine on {} ((1))",
        "create trigger mine before insert on {} for each row execute function refuse_change()",
    ],
)
def test_the_web_role_cannot_change_a_table(web: Connection, table: str, statement: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        web.execute(text(statement.format(table)))
    assert getattr(caught.value.orig, "sqlstate", "") == "42501"


GUARDS = "'refuse_change()'::regprocedure, 'refuse_but_erasure()'::regprocedure"


def append_only(owner: Connection) -> list[str]:
    return column(
        owner,
        f"select tgrelid::regclass from pg_trigger where not tgisinternal and tgfoid in ({GUARDS})",
    )


def test_every_append_only_table_guards_update_and_delete_for_each_row(owner: Connection) -> None:
    assert {"disclosure_policies", "lookups", "lookup_subjects"} <= set(append_only(owner))
    # tgtype: 1 row, 2 before, 8 delete, 16 update
    weak = column(
        owner,
        "select tgrelid::regclass from pg_trigger where not tgisinternal"
        f" and tgfoid in ({GUARDS}) and (tgtype & 27 <> 27 or tgenabled <> 'O')",
    )
    assert weak == []


def test_the_web_role_has_no_right_to_change_what_is_append_only(owner: Connection) -> None:
    held = [
        (table, right)
        for table in append_only(owner)
        for right in ("update", "delete", "truncate")
        if owner.scalar(text(f"select has_table_privilege('{WEB_ROLE}', '{table}', '{right}')"))
    ]
    assert held == []
    columns = [
        table
        for table in append_only(owner)
        if owner.scalar(text(f"select has_any_column_privilege('{WEB_ROLE}', '{table}', 'update')"))
    ]
    assert columns == []


def test_a_check_of_agents_is_recorded_by_its_function_alone(owner: Connection) -> None:
    held = [
        right
        for right in ("insert", "update", "delete", "truncate")
        if owner.scalar(text(f"select has_table_privilege('{WEB_ROLE}', 'agent_checks', '{right}')"))
        or (
            right in {"insert", "update"}
            and owner.scalar(text(f"select has_any_column_privilege('{WEB_ROLE}', 'agent_checks', '{right}')"))
        )
    ]
    assert held == []
    policies = column(owner, "select cmd from pg_policies where tablename = 'agent_checks'")
    assert set(policies) == {"SELECT"}


def test_the_web_role_deletes_only_what_is_no_history(owner: Connection) -> None:
    granted = column(
        owner,
        "select table_name from information_schema.role_table_grants"
        f" where grantee = '{WEB_ROLE}' and privilege_type in ('DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES')",
    )
    assert set(granted) <= DELETABLE.keys(), sorted(set(granted) - DELETABLE.keys())
    assert DELETABLE.keys() <= set(granted), "strike what is no longer so"


def test_no_table_that_the_web_role_reaches_is_without_row_level_security_unless_listed(owner: Connection) -> None:
    reached = " or ".join(
        f"has_any_column_privilege('{WEB_ROLE}', oid, '{right}')" for right in ("select", "insert", "update")
    )
    without = column(
        owner,
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        f" and not relrowsecurity and ({reached} or has_table_privilege('{WEB_ROLE}', oid, 'delete'))",
    )
    assert set(without) == OPEN_TO_ALL.keys()


def test_every_policy_names_its_caller_unless_listed(owner: Connection) -> None:
    nameless = column(
        owner,
        "select tablename || '.' || policyname from pg_policies where schemaname = 'public'"
        f" and roles <> array['{AUDITOR_ROLE}'::name]"  # what it reads: tests/guards/test_fund_auditor.py
        " and (qual !~ 'gongxin_(caller|kind)\\(' or with_check !~ 'gongxin_(caller|kind)\\(')",
    )
    assert set(nameless) == NAMES_NO_CALLER.keys()


def test_row_level_security_without_a_policy_for_what_is_granted_is_a_mistake(owner: Connection) -> None:
    """A granted command that no policy allows always answers as if the table were empty."""
    dead = column(
        owner,
        f"""
        select g.table_name || ' ' || g.privilege_type from information_schema.role_table_grants g
        join pg_class c on c.oid = ('public.' || g.table_name)::regclass and c.relrowsecurity
        where g.grantee = '{WEB_ROLE}' and g.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
        and not exists (select from pg_policies p where p.tablename = g.table_name
            and p.cmd in ('ALL', g.privilege_type) and (p.roles && array['{WEB_ROLE}'::name, 'public'::name]))
        """,
    )
    assert dead == []


def test_nothing_in_the_schema_is_open_to_public(owner: Connection) -> None:
    assert (
        column(
            owner,
            "select table_name from information_schema.role_table_grants"
            " where grantee = 'PUBLIC' and table_schema = 'public'",
        )
        == []
    )
    assert owner.scalar(text("select has_schema_privilege('public', 'public', 'create')")) is False


DEFINER = "from pg_proc where pronamespace = 'public'::regnamespace and prosecdef"


def test_every_definer_function_fixes_its_search_path_with_temporary_tables_last(owner: Connection) -> None:
    loose = [
        (name, settings)
        for name, settings in owner.execute(
            text(f"select oid::regprocedure::text, coalesce(proconfig, '{{}}') {DEFINER}")
        )
        if not any(re.fullmatch(r"search_path=(pg_catalog, )?public, pg_temp", setting) for setting in settings)
    ]
    assert owner.scalar(text(f"select count(*) {DEFINER}")) >= 3
    assert loose == []


def test_no_definer_function_may_be_called_by_public(owner: Connection) -> None:
    """But for those of triggers, which nobody can call, and which only who may create triggers can misuse."""
    callable_ = "prorettype <> 'trigger'::regtype and has_function_privilege('public', oid, 'execute')"
    assert column(owner, f"select oid::regprocedure {DEFINER} and {callable_}") == []


def test_no_definer_function_builds_a_statement_from_text(owner: Connection) -> None:
    assert column(owner, f"select oid::regprocedure {DEFINER} and prosrc ~* '\\mexecute\\M'") == []


def test_without_naming_its_caller_a_transaction_reads_nothing(web: Connection) -> None:
    """It fails, or finds nothing; it never leaks (the policy of each is held above)."""
    policies = (
        "select count(*) from pg_policies where tablename = :t and cmd in ('ALL', 'SELECT') and qual = 'true'"
        f" and roles <> array['{AUDITOR_ROLE}'::name]"
    )
    readable = [
        table
        for table in TABLES
        if web.scalar(text("select has_table_privilege(:t, 'select')"), {"t": table})
        and web.scalar(text(policies), {"t": table}) == 0
    ]
    web.rollback()
    assert {"lookups", "agreements", "cases", "budget_uses"} <= set(readable)
    for table in readable:
        try:
            found, state = web.execute(text(f"select * from {table}")).all(), ""
        except DBAPIError as refusal:
            found, state = [], getattr(refusal.orig, "sqlstate", "")
        web.rollback()
        assert found == [], table
        assert state in {"", "42704", "22P02", "42501"}, table


def test_the_owner_itself_cannot_change_history(owner: Connection) -> None:
    tried = []
    for table in append_only(owner):
        if owner.scalar(text(f"select count(*) from {table}")):
            with pytest.raises(DBAPIError, match="never changed"), owner.begin_nested():
                owner.execute(text(f"delete from {table}"))
            tried.append(table)
    assert "disclosure_policies" in tried
