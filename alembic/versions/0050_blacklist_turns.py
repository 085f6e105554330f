"""The violations list says until when it may be relied upon: the worker's turn over its clocks writes it, and past that
moment neither a check nor a screening reads an entry; the answer is `stale`."""

from alembic import op

revision = "0050"
down_revision = "0049"

_FACTS = "agent_facts(uuid, timestamptz, date, uuid, text, integer[], text[], integer[], integer[], bytea)"
_ENTRIES = "if exists (select from blacklist_listings l where l.agent_id = any (found) and l.state = 'in_force') then"
_TOLD = "'agencies', agencies, 'credit', credit, 'entries', entries,"
_READ = (_ENTRIES, _TOLD)
_READ_WHILE_FRESH = (
    "fresh := exists (select from blacklist_turns t where t.ran and t.fresh_until >= p_at);\n            "
    + _ENTRIES.replace("if exists", "if fresh and exists"),
    f"{_TOLD} 'fresh', fresh,",
)
_DECLARED = ("employers uuid[];",)
_DECLARED_FRESH = ("employers uuid[]; fresh boolean;",)


def upgrade() -> None:
    op.execute(
        """
        create table blacklist_turns (
            ran boolean not null default true, ran_at timestamptz not null, fresh_until timestamptz not null,
            constraint pk_blacklist_turns primary key (ran),
            constraint ck_blacklist_turns_one check (ran),
            constraint ck_blacklist_turns_days check (
                fresh_until > ran_at and fresh_until <= ran_at + interval '7 days')
        )
        """
    )
    op.execute("insert into blacklist_turns (ran_at, fresh_until) values (now(), now() + interval '1 day')")
    op.execute("alter table blacklist_turns enable row level security")
    op.execute("create policy own on blacklist_turns for select to gongxin_web using ((select gongxin_kind()) <> '')")
    op.execute(
        "create policy turn on blacklist_turns for update to gongxin_web"
        " using ((select gongxin_kind()) = 'registry') with check ((select gongxin_kind()) = 'registry')"
    )
    op.execute("grant select, update (ran_at, fresh_until) on blacklist_turns to gongxin_web")
    _replace(_READ + _DECLARED, _READ_WHILE_FRESH + _DECLARED_FRESH)


def _replace(old: tuple[str, ...], new: tuple[str, ...]) -> None:
    connection = op.get_bind()
    (source,) = connection.exec_driver_sql(f"select pg_get_functiondef('{_FACTS}'::regprocedure)").one()
    for before, after in zip(old, new, strict=True):
        if source.count(before) != 1:
            raise ValueError("not the function of 0037")
        source = source.replace(before, after)
    connection.exec_driver_sql(source.replace("%", "%%"))


def downgrade() -> None:
    _replace(_READ_WHILE_FRESH + _DECLARED_FRESH, _READ + _DECLARED)
    op.execute("drop table blacklist_turns")
