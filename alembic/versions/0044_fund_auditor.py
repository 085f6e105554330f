"""An auditor of the fund: a role of the database that reads all its books and changes nothing.

Where the operator made no such role, nothing is done; made later, it is given its rights by `fund_auditor()`, called as
the owner. It reads what is sealed of nobody: payees' details, statements' holders and private keys stay as they are."""

from alembic import op

revision = "0044"
down_revision = "0043"

_ROLE = "gongxin_auditor"
_LOG = "('log_leaves', 'log_waiting', 'log_checkpoints', 'log_tiles', 'log_cosignatures', 'log_witnesses')"


def _run(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement.replace("%", "%%"))


def upgrade() -> None:
    _run(
        f"""
        create function fund_auditor() returns void language plpgsql set search_path = pg_catalog, public, pg_temp as $$
        declare t record;
        begin
            if not exists (select from pg_roles where rolname = '{_ROLE}') then
                return;
            end if;
            grant usage on schema public to {_ROLE};
            for t in
                select c.relname as name, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
                from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
                and (starts_with(c.relname, 'fund_') and c.relname <> 'fund_payee_details' or c.relname in {_LOG}
                    or c.relname = 'log_openings')
                and a.attname not in ('sealed', 'key_id') group by c.relname
            loop
                execute format('drop policy if exists audit on %I', t.name);
                execute format('create policy audit on %I for select to {_ROLE} using (%s)', t.name,
                    case t.name when 'log_openings'
                    then 'leaf_id in (select id from fund_entries) or leaf_id in (select leaf_id from fund_periods)'
                    else 'true' end);
                execute format('grant select (%s) on %I to {_ROLE}', t.columns, t.name);
            end loop;
        end $$
        """
    )
    _run("revoke execute on function fund_auditor() from public")
    _run("select fund_auditor()")


def downgrade() -> None:
    _run(
        f"""
        do $$
        declare t record;
        begin
            for t in select tablename from pg_policies where schemaname = 'public' and policyname = 'audit' loop
                execute format('drop policy audit on %I', t.tablename);
            end loop;
            if exists (select from pg_roles where rolname = '{_ROLE}') then
                revoke all on all tables in schema public from {_ROLE};
                revoke usage on schema public from {_ROLE};
            end if;
        end $$
        """
    )
    op.execute("drop function fund_auditor()")
