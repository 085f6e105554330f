"""Witnesses, their cosignatures, reports of split views, and RFC 3161 stamps of checkpoints.

Signatures and stamps are verified before they are stored; what a member adds is its own, and stays."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    _witnesses()
    _cosignatures()
    _reports()
    _stamps()


def _append_only(table: str) -> None:
    op.execute(
        f"create trigger append_only before update or delete on {table} for each row execute function refuse_change()"
    )


def _witnesses() -> None:
    # A name ends in its member's id, so that no member can sign as another. key_id: C2SP signed-note, type 4.
    op.execute(
        """
        create table log_witnesses (
            id uuid not null,
            member_id uuid not null,
            name text not null,
            public_key bytea not null,
            key_id bytea not null,
            registered_at timestamptz not null,
            retired_at timestamptz,
            constraint pk_log_witnesses primary key (id),
            constraint fk_log_witnesses_member_id foreign key (member_id) references members (id),
            constraint uq_log_witnesses_public_key unique (public_key),
            constraint ck_log_witnesses_name check (name ~ '^[a-z0-9.:/_-]{1,150}$'
                and right(name, 37) = '/' || member_id::text),
            constraint ck_log_witnesses_public_key check (octet_length(public_key) = 32),
            constraint ck_log_witnesses_key_id check (key_id
                = substr(sha256(convert_to(name, 'UTF8') || '\\x0a04'::bytea || public_key), 1, 4))
        )
        """
    )
    op.execute("create unique index ix_log_witnesses_one_active on log_witnesses (member_id) where retired_at is null")
    op.execute(
        """
        create function log_witnesses_final() returns trigger language plpgsql as $$
        begin
            if tg_op = 'DELETE' or old.retired_at is not null or new.retired_at is null
                or (new.id, new.member_id, new.name, new.public_key, new.registered_at)
                    is distinct from (old.id, old.member_id, old.name, old.public_key, old.registered_at)
            then
                raise exception 'a witness is retired once, and changed in no other way'
                    using errcode = 'integrity_constraint_violation', constraint = 'log_witnesses_final';
            end if;
            return new;
        end $$
        """
    )
    op.execute(
        "create trigger final before update or delete on log_witnesses"
        " for each row execute function log_witnesses_final()"
    )
    op.execute("alter table log_witnesses enable row level security")
    op.execute("create policy read on log_witnesses for select to gongxin_web using (true)")
    op.execute(
        "create policy own on log_witnesses for insert to gongxin_web"
        " with check (member_id = (select gongxin_caller()))"
    )
    op.execute(
        """
        create policy retire on log_witnesses for update to gongxin_web
        using (member_id = (select gongxin_caller()) or (select gongxin_kind()) = 'registry')
        with check (member_id = (select gongxin_caller()) or (select gongxin_kind()) = 'registry')
        """
    )
    op.execute("grant select, insert, update (retired_at) on log_witnesses to gongxin_web")


def _cosignatures() -> None:
    op.execute(
        """
        create table log_cosignatures (
            size bigint not null,
            witness_id uuid not null,
            signed_at bigint not null,
            signature bytea not null,
            received_at timestamptz not null,
            constraint pk_log_cosignatures primary key (size, witness_id),
            constraint fk_log_cosignatures_size foreign key (size) references log_checkpoints (size),
            constraint fk_log_cosignatures_witness_id foreign key (witness_id) references log_witnesses (id),
            constraint ck_log_cosignatures_signature check (octet_length(signature) = 64),
            constraint ck_log_cosignatures_signed_at check (signed_at > 0)
        )
        """
    )
    op.execute("create index ix_log_cosignatures_witness_id_size on log_cosignatures (witness_id, size)")
    _append_only("log_cosignatures")
    op.execute("alter table log_cosignatures enable row level security")
    op.execute("create policy read on log_cosignatures for select to gongxin_web using (true)")
    op.execute(
        """
        create policy own on log_cosignatures for insert to gongxin_web
        with check (exists (select from log_witnesses w where w.id = witness_id and w.retired_at is null
            and w.member_id = (select gongxin_caller())))
        """
    )
    op.execute("grant select, insert on log_cosignatures to gongxin_web")


def _reports() -> None:
    op.execute(
        """
        create table log_split_reports (
            id uuid not null,
            member_id uuid not null,
            kind text not null,
            earlier text not null,
            later text not null,
            claimed bytea not null,
            path bytea not null,
            digest bytea not null,
            reported_at timestamptz not null,
            constraint pk_log_split_reports primary key (id),
            constraint fk_log_split_reports_member_id foreign key (member_id) references members (id),
            constraint uq_log_split_reports_member_id_digest unique (member_id, digest),
            constraint ck_log_split_reports_kind check (kind in ('fork', 'unexplained')),
            constraint ck_log_split_reports_hashes check (octet_length(claimed) = 32
                and octet_length(path) % 32 = 0 and octet_length(digest) = 32)
        )
        """
    )
    _append_only("log_split_reports")
    op.execute("alter table log_split_reports enable row level security")
    op.execute(
        """
        create policy read on log_split_reports for select to gongxin_web
        using (member_id = (select gongxin_caller())
            or (select gongxin_kind()) in ('registry', 'association', 'regulator'))
        """
    )
    op.execute(
        "create policy own on log_split_reports for insert to gongxin_web"
        " with check (member_id = (select gongxin_caller()))"
    )
    op.execute("grant select, insert on log_split_reports to gongxin_web")


def _stamps() -> None:
    # In the order of their numbers, not of any clock.
    op.execute(
        """
        create table log_stamps (
            number bigint generated always as identity,
            size bigint not null,
            reply bytea not null,
            stamped_at timestamptz not null,
            serial text not null,
            policy text not null,
            authority text not null,
            received_at timestamptz not null,
            constraint pk_log_stamps primary key (number),
            constraint fk_log_stamps_size foreign key (size) references log_checkpoints (size),
            constraint ck_log_stamps_reply check (octet_length(reply) between 1 and 65536)
        )
        """
    )
    op.execute("create index ix_log_stamps_size on log_stamps (size)")
    _append_only("log_stamps")
    op.execute("alter table log_stamps enable row level security")
    op.execute("create policy read on log_stamps for select to gongxin_web using (true)")
    op.execute(
        "create policy stamp on log_stamps for insert to gongxin_web with check ((select gongxin_kind()) = 'registry')"
    )
    op.execute("grant select, insert on log_stamps to gongxin_web")


def downgrade() -> None:
    for table in ("log_stamps", "log_split_reports", "log_cosignatures", "log_witnesses"):
        op.execute(f"drop table {table}")
    op.execute("drop function log_witnesses_final()")
