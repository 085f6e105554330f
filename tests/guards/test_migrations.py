"""Migrations: one line of them, each reversible, and what they build is what the models say."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from gongxin import embedded, migrate
from gongxin.db import OWNER_ROLE, make_engine
from gongxin.models import metadata
from tests.conftest import drop_database, make_database

VERSIONS = migrate.scripts() / "versions"
# What one schema holds, beyond what Alembic compares.
_SCHEMA = """
    select 'table ' || c.relname || ' rls ' || c.relrowsecurity from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    union all select 'column ' || attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod)
        || ' ' || attnotnull || ' ' || coalesce((select pg_get_expr(adbin, adrelid) from pg_attrdef d
        where d.adrelid = a.attrelid and d.adnum = a.attnum), '-')
        from pg_attribute a join pg_class c on c.oid = attrelid
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and attnum > 0 and not attisdropped
    union all select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'public'::regnamespace
    union all select 'index ' || pg_get_indexdef(indexrelid) from pg_index i join pg_class c on c.oid = indexrelid
        where c.relnamespace = 'public'::regnamespace
    union all select 'policy ' || tablename || ' ' || policyname || ' ' || coalesce(qual, '-')
        || coalesce(with_check, '-') from pg_policies where schemaname = 'public'
    union all select 'function ' || oid::regprocedure || md5(prosrc) from pg_proc
        where pronamespace = 'public'::regnamespace
    union all select 'trigger ' || tgrelid::regclass || ' ' || tgname from pg_trigger where not tgisinternal
    union all select 'grant ' || table_name || ' ' || privilege_type from information_schema.role_table_grants
        where grantee = 'gongxin_web' and table_schema = 'public'
    union all select 'type ' || typname from pg_type
        where typnamespace = 'public'::regnamespace and typtype in ('e', 'd')
"""


@pytest.fixture(scope="module")
def fresh(server: str, worker_id: str) -> Iterator[str]:
    """The owner's URL of an empty database."""
    name = f"gongxin_fresh_{worker_id}"
    make_database(server, name, migrated=False)
    yield embedded.dsn(server, OWNER_ROLE, name)
    drop_database(server, name)


def schema(url: str) -> list[str]:
    """What the schema holds, a line each, without Alembic's own table."""
    engine = make_engine(url, pool_size=1)
    try:
        with engine.connect() as connection:
            return sorted(row[0] for row in connection.execute(text(_SCHEMA)) if "alembic_version" not in row[0])
    finally:
        engine.dispose()


def test_the_migrations_are_one_numbered_line() -> None:
    scripts = ScriptDirectory.from_config(migrate.alembic_config("postgresql+psycopg://"))
    line = list(scripts.walk_revisions())[::-1]
    assert [script.revision for script in line] == [f"{number:04d}" for number in range(1, len(line) + 1)]
    assert [script.down_revision for script in line] == [None, *[script.revision for script in line[:-1]]]
    assert len(scripts.get_heads()) == 1
    assert all(Path(script.path).name.startswith(f"{script.revision}_") for script in line)
    assert len(list(VERSIONS.glob("*.py"))) == len(line)


@pytest.mark.parametrize("path", sorted(VERSIONS.glob("*.py")), ids=lambda path: path.stem)
def test_a_migration_says_what_it_is_for_and_can_be_undone(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert re.match(r'"""\S', source)
    body = source.split("def downgrade() -> None:")[1]
    assert "op." in body
    assert "pass" not in body.split()


def test_up_down_and_up_again_leaves_the_same_schema_and_down_leaves_none(fresh: str) -> None:
    migrate.upgrade(fresh)
    first = schema(fresh)
    assert len(first) > 100
    migrate.downgrade(fresh, "base")
    assert schema(fresh) == []
    migrate.upgrade(fresh)
    assert schema(fresh) == first


def test_each_migration_undoes_exactly_what_it_did(fresh: str) -> None:
    migrate.upgrade(fresh)
    migrate.downgrade(fresh, "base")
    numbers = sorted(path.stem[:4] for path in VERSIONS.glob("*.py"))
    before = {"base": schema(fresh)}
    for number in numbers:
        migrate.upgrade(fresh, number)
        before[number] = schema(fresh)
    for number, earlier in zip(numbers[::-1], ["base", *numbers][-2::-1], strict=True):
        migrate.downgrade(fresh, earlier)
        assert schema(fresh) == before[earlier], f"the downgrade of {number}"


def test_the_database_is_what_the_models_say(owner_engine: Engine) -> None:
    with owner_engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "target_metadata": metadata}
        )
        assert compare_metadata(context, metadata) == []


def test_constraints_and_indexes_have_the_names_the_models_give(owner_engine: Engine) -> None:
    """Alembic compares neither check constraints nor names of primary keys; refusals are mapped by name."""
    models = {
        (table.name, str(constraint.name)) for table in metadata.tables.values() for constraint in table.constraints
    } | {(table.name, str(index.name)) for table in metadata.tables.values() for index in table.indexes}
    with owner_engine.connect() as connection:
        database = {
            (table, name)
            for table, name in connection.execute(
                text(
                    "select conrelid::regclass::text, conname from pg_constraint"
                    " where connamespace = 'public'::regnamespace and contype not in ('n', 't')"
                    " and conrelid <> 0 and conparentid = 0"
                    " union select indrelid::regclass::text, c.relname from pg_index"
                    " join pg_class c on c.oid = indexrelid where c.relnamespace = 'public'::regnamespace"
                    " and not exists (select from pg_constraint o where o.conindid = indexrelid)"
                    " and not c.relispartition"
                )
            )
            if table != "alembic_version"
        }
    assert sorted(database - models) == [], "in the database only"
    assert sorted(models - database) == [], "in the models only"


def test_every_constraint_is_named_by_the_convention(owner_engine: Engine) -> None:
    with owner_engine.connect() as connection:
        wrong = connection.execute(
            text(
                "select conname from pg_constraint where connamespace = 'public'::regnamespace"
                " and conrelid <> 0 and conparentid = 0 and conrelid::regclass::text <> 'alembic_version'"
                " and conname !~ ('^' || case contype when 'p' then 'pk' when 'u' then 'uq' when 'f' then 'fk'"
                " when 'c' then 'ck' when 'x' then 'ex' else '' end || '_') and contype not in ('n', 't')"
            )
        ).all()
    assert wrong == []
