"""The house: schema rights, the helpers that row-level security and append-only tables use, remembered answers."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("revoke create on schema public from public")
    op.execute("grant usage on schema public to gongxin_web")
    op.execute("grant select on alembic_version to gongxin_web")
    op.execute(
        """
        create function gongxin_caller() returns uuid language sql stable
        return (select current_setting('gongxin.member')::uuid)
        """
    )
    op.execute(
        """
        create function gongxin_kind() returns text language sql stable
        return (select current_setting('gongxin.kind'))
        """
    )
    op.execute(
        """
        create function refuse_change() returns trigger language plpgsql as $$
        begin
            raise exception 'records of % are never changed or deleted', tg_table_name
                using errcode = 'integrity_constraint_violation', constraint = 'append_only_' || tg_table_name;
        end $$
        """
    )
    op.execute(
        """
        create table idempotency_keys (
            member_id uuid not null,
            key varchar(128) not null,
            operation varchar(64) not null,
            body_digest bytea not null,
            status integer not null,
            headers jsonb not null,
            answer bytea not null,
            created_at timestamptz not null default now(),
            constraint pk_idempotency_keys primary key (member_id, key),
            constraint ck_idempotency_keys_digest check (octet_length(body_digest) = 32)
        )
        """
    )
    op.execute("alter table idempotency_keys enable row level security")
    op.execute(
        """
        create policy own on idempotency_keys to gongxin_web
        using (member_id = (select gongxin_caller()) or (select gongxin_kind()) = 'registry')
        """
    )
    op.execute("grant select, insert, delete on idempotency_keys to gongxin_web")


def downgrade() -> None:
    op.execute("drop table idempotency_keys")
    op.execute("drop function refuse_change()")
    op.execute("drop function gongxin_kind()")
    op.execute("drop function gongxin_caller()")
    op.execute("revoke select on alembic_version from gongxin_web")
    op.execute("revoke usage on schema public from gongxin_web")
