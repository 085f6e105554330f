"""Peers: other registries, pinned by two administrators; what was done to each; agreements; every exchange with both
its signatures. A peer is active only with two people's word on the key it has; a nonce is heard once; history stays."""

from alembic import op

revision = "0038"
down_revision = "0037"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_REGISTRY = "(select gongxin_kind()) = 'registry'"
_USES = "('token', 'ES256'), ('receipt', 'EdDSA'), ('badge', 'EdDSA')"


def upgrade() -> None:
    _keys(f"{_USES}, ('federation', 'EdDSA')", "use in ('token', 'badge', 'federation')")
    op.execute(
        """
        create table peers (
            id uuid not null,
            address text not null,
            name text not null,
            state text not null default 'proposed',
            kid text not null,
            public_jwk jsonb not null,
            description jsonb not null,
            serial bigint not null,
            seen_at timestamptz not null,
            created_at timestamptz not null,
            constraint pk_peers primary key (id),
            constraint ck_peers_address check (char_length(address) between 8 and 200),
            constraint ck_peers_state check (state in ('proposed', 'active', 'paused', 'removed')),
            constraint ck_peers_kid check (kid ~ '^[A-Za-z0-9_-]{43}$')
        )
        """
    )
    op.execute("create unique index ix_peers_address on peers (address) where state <> 'removed'")
    op.execute("create unique index ix_peers_kid on peers (kid) where state <> 'removed'")
    op.execute(
        """
        create table peer_steps (
            id uuid not null,
            peer_id uuid not null,
            what text not null,
            officer text not null,
            reason text not null,
            kid text not null,
            at timestamptz not null,
            constraint pk_peer_steps primary key (id),
            constraint fk_peer_steps_peer_id foreign key (peer_id) references peers (id),
            constraint ck_peer_steps_what check (
                what in ('proposed', 'approved', 'rekeyed', 'paused', 'resumed', 'removed')
            ),
            constraint ck_peer_steps_reason check (char_length(reason) between 0 and 200)
        )
        """
    )
    op.execute("create index ix_peer_steps_peer_id_id on peer_steps (peer_id, id)")
    op.execute(
        "create unique index ix_peer_steps_one_approval on peer_steps (peer_id, officer, kid) where what = 'approved'"
    )
    op.execute(
        f"""
        create function peers_change() returns trigger language plpgsql {_SAFE} as $$
        begin
            if tg_op = 'DELETE' or (new.id, new.address, new.created_at) is distinct from
                    (old.id, old.address, old.created_at)
                or old.state = 'removed' or new.serial < old.serial
                or (old.state, new.state) not in (
                    ('proposed', 'proposed'), ('active', 'active'), ('paused', 'paused'), ('proposed', 'active'),
                    ('proposed', 'removed'), ('active', 'paused'), ('paused', 'active'), ('active', 'removed'),
                    ('paused', 'removed')
                )
            then
                raise exception 'a peer stays the registry it is, and a removed one stays removed'
                    using errcode = 'integrity_constraint_violation', constraint = 'peers_change';
            elsif old.state = 'proposed' and new.state = 'active' and (
                new.kid <> old.kid or 2 > (
                    select count(distinct s.officer) from peer_steps s
                    where s.peer_id = new.id and s.what = 'approved' and s.kid = new.kid
                )
            ) then
                raise exception 'two people compare the fingerprint before a peer is active'
                    using errcode = 'integrity_constraint_violation', constraint = 'peers_two_people';
            end if;
            return new;
        end $$
        """
    )
    op.execute(
        "create trigger peers_change before update or delete on peers for each row execute function peers_change()"
    )
    op.execute(
        """
        create table peer_agreements (
            peer_id uuid not null,
            version integer not null,
            purposes jsonb not null,
            data_types jsonb not null,
            officer text not null,
            agreed_at timestamptz not null,
            constraint pk_peer_agreements primary key (peer_id, version),
            constraint fk_peer_agreements_peer_id foreign key (peer_id) references peers (id),
            constraint ck_peer_agreements_terms check (
                jsonb_typeof(purposes) = 'object' and jsonb_typeof(data_types) = 'array'
            )
        )
        """
    )
    op.execute(
        """
        create table peer_exchanges (
            id uuid not null,
            peer_id uuid not null,
            direction text not null,
            operation text not null,
            nonce text not null,
            question bytea not null,
            question_signature jsonb not null,
            status integer not null,
            answer bytea not null,
            answer_signature jsonb not null,
            at timestamptz not null,
            constraint pk_peer_exchanges primary key (id),
            constraint fk_peer_exchanges_peer_id foreign key (peer_id) references peers (id),
            constraint uq_peer_exchanges_peer_id_direction_nonce unique (peer_id, direction, nonce),
            constraint ck_peer_exchanges_direction check (direction in ('asked', 'answered')),
            constraint ck_peer_exchanges_nonce check (nonce ~ '^[A-Za-z0-9_-]{22,64}$'),
            constraint ck_peer_exchanges_status check (status between 100 and 599)
        )
        """
    )
    for table in ("peer_steps", "peer_agreements", "peer_exchanges"):
        op.execute(
            f"create trigger append_only before update or delete on {table}"
            " for each row execute function refuse_change()"
        )
    for table, grants in (
        ("peers", "select, insert, update (name, state, kid, public_jwk, description, serial, seen_at)"),
        ("peer_steps", "select, insert"),
        ("peer_agreements", "select, insert"),
        ("peer_exchanges", "select, insert"),
    ):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy own on {table} to gongxin_web using ({_REGISTRY})")
        op.execute(f"grant {grants} on {table} to gongxin_web")


def _keys(uses: str, withdrawn: str) -> None:
    op.execute("alter table registry_keys drop constraint ck_registry_keys_use")
    op.execute(f"alter table registry_keys add constraint ck_registry_keys_use check ((use, alg) in ({uses}))")
    op.execute("alter table registry_keys drop constraint ck_registry_keys_published_until")
    op.execute(
        "alter table registry_keys add constraint ck_registry_keys_published_until"
        f" check (published_until is null or {withdrawn} and retired_at is not null)"
    )


def downgrade() -> None:
    for table in ("peer_exchanges", "peer_agreements", "peer_steps", "peers"):
        op.execute(f"drop table {table}")
    op.execute("drop function peers_change()")
    # What peers knew us by goes with them.
    op.execute("alter table registry_keys disable trigger user")
    op.execute("delete from registry_keys where use = 'federation'")
    op.execute("alter table registry_keys enable trigger user")
    _keys(_USES, "use in ('token', 'badge')")
