"""Clients of members and their public keys, the registry's own signing keys, what was used once, what was revoked.
A key never changes and never changes hands; a revocation is never taken back. The web role sees none of the replay and
revocation tables: `admit`, `spend`, `revoke_token` are the only ways in."""

from alembic import op

revision = "0003"
down_revision = "0002"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_ADMINISTRATORS = "(select gongxin_kind()) in ('association', 'registry')"


def upgrade() -> None:
    _clients()
    _client_keys()
    _registry_keys()
    _uses()
    _authentication()
    _admission()


def _clients() -> None:
    op.execute(
        """
        create table clients (
            id uuid not null,
            member_id uuid not null,
            name text not null,
            auth_method text not null,
            scopes jsonb not null,
            secret_digest bytea,
            created_at timestamptz not null default now(),
            revoked_at timestamptz,
            constraint pk_clients primary key (id),
            constraint fk_clients_member_id foreign key (member_id) references members (id),
            constraint ck_clients_name check (char_length(name) between 1 and 100),
            constraint ck_clients_auth_method check (auth_method in (
                'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth', 'client_secret_basic'
            )),
            constraint ck_clients_scopes check (jsonb_typeof(scopes) = 'array' and scopes <> '[]'),
            constraint ck_clients_secret check (
                (auth_method = 'client_secret_basic') = (secret_digest is not null) and octet_length(secret_digest) = 32
            ),
            constraint ck_clients_low_risk check (
                auth_method <> 'client_secret_basic' or scopes <@ '["members.read", "keys.read"]'
            )
        )
        """
    )
    op.execute("create index ix_clients_member_id on clients (member_id, id)")
    op.execute(
        """
        create function clients_change() returns trigger language plpgsql as $$
        begin
            if tg_op = 'DELETE' or old.revoked_at is not null
                or (new.id, new.member_id, new.name, new.auth_method, new.scopes, new.secret_digest, new.created_at)
                    is distinct from (
                        old.id, old.member_id, old.name, old.auth_method, old.scopes, old.secret_digest, old.created_at
                    )
            then
                raise exception 'a client is only ever revoked, once'
                    using errcode = 'integrity_constraint_violation', constraint = 'clients_change';
            end if;
            return new;
        end $$
        """
    )
    op.execute(
        "create trigger clients_change before update or delete on clients"
        " for each row execute function clients_change()"
    )
    op.execute("alter table clients enable row level security")
    op.execute(
        "create policy read on clients for select to gongxin_web"
        f" using (member_id = (select gongxin_caller()) or {_ADMINISTRATORS})"
    )
    op.execute(f"create policy add on clients for insert to gongxin_web with check ({_ADMINISTRATORS})")
    op.execute(f"create policy revoke on clients for update to gongxin_web using ({_ADMINISTRATORS})")
    op.execute(
        "grant select (id, member_id, name, auth_method, scopes, created_at, revoked_at),"
        " insert, update (revoked_at) on clients to gongxin_web"
    )


def _client_keys() -> None:
    # kid: RFC 7638 thumbprint of the public key, or SHA-256 of the certificate (x5t#S256), where public_jwk is null.
    # It is the primary key, so no two clients share a key. Two slots, so no client has three live ones.
    op.execute(
        """
        create table client_keys (
            kid text not null,
            client_id uuid not null,
            public_jwk jsonb,
            slot integer not null,
            created_at timestamptz not null default now(),
            expires_at timestamptz not null,
            retired_at timestamptz,
            constraint pk_client_keys primary key (kid),
            constraint fk_client_keys_client_id foreign key (client_id) references clients (id),
            constraint ck_client_keys_kid check (kid ~ '^[A-Za-z0-9_-]{43}$'),
            constraint ck_client_keys_slot check (slot in (1, 2)),
            constraint ck_client_keys_public check (not public_jwk ?| array['d', 'k', 'p', 'q']),
            constraint ck_client_keys_expires_at check (expires_at > created_at)
        )
        """
    )
    op.execute("create unique index ix_client_keys_slot on client_keys (client_id, slot) where retired_at is null")
    op.execute("create index ix_client_keys_client_id on client_keys (client_id)")
    op.execute(
        """
        create function client_keys_change() returns trigger language plpgsql as $$
        begin
            if tg_op = 'INSERT' then
                if exists (select from clients c where c.id = new.client_id and c.revoked_at is not null) then
                    raise exception 'a revoked client takes no keys'
                        using errcode = 'integrity_constraint_violation', constraint = 'client_keys_revoked';
                end if;
            elsif tg_op = 'DELETE' or old.retired_at is not null
                or (new.kid, new.client_id, new.public_jwk, new.slot, new.created_at, new.expires_at)
                    is distinct from
                    (old.kid, old.client_id, old.public_jwk, old.slot, old.created_at, old.expires_at)
            then
                raise exception 'a key is only ever retired, once'
                    using errcode = 'integrity_constraint_violation', constraint = 'client_keys_change';
            end if;
            return new;
        end $$
        """
    )
    op.execute(
        "create trigger client_keys_change before insert or update or delete on client_keys"
        " for each row execute function client_keys_change()"
    )
    op.execute("alter table client_keys enable row level security")
    # The subquery is under the policy of clients: one's own, or all for the association and the registry.
    op.execute("create policy own on client_keys to gongxin_web using (client_id in (select c.id from clients c))")
    op.execute("grant select, insert, update (retired_at) on client_keys to gongxin_web")


def _registry_keys() -> None:
    op.execute(
        """
        create table registry_keys (
            kid text not null,
            use text not null,
            alg text not null,
            public_jwk jsonb not null,
            sealed_private bytea not null,
            created_at timestamptz not null default now(),
            retired_at timestamptz,
            published_until timestamptz,
            constraint pk_registry_keys primary key (kid),
            constraint ck_registry_keys_kid check (kid ~ '^[A-Za-z0-9_-]{43}$'),
            constraint ck_registry_keys_use check (
                (use, alg) in (('token', 'ES256'), ('receipt', 'EdDSA'))
            ),
            constraint ck_registry_keys_public check (not public_jwk ? 'd'),
            constraint ck_registry_keys_published_until check (
                published_until is null or use = 'token' and retired_at is not null
            )
        )
        """
    )
    op.execute("create unique index ix_registry_keys_one_live on registry_keys (use) where retired_at is null")
    op.execute(
        """
        create function registry_keys_change() returns trigger language plpgsql as $$
        begin
            if tg_op = 'DELETE'
                or (new.kid, new.use, new.alg, new.public_jwk, new.sealed_private, new.created_at) is distinct from
                    (old.kid, old.use, old.alg, old.public_jwk, old.sealed_private, old.created_at)
                or old.retired_at is not null and (
                    new.retired_at is distinct from old.retired_at
                    or new.published_until is null and old.published_until is not null
                    or new.published_until > old.published_until
                )
            then
                raise exception 'a registry key is retired once and never comes back'
                    using errcode = 'integrity_constraint_violation', constraint = 'registry_keys_change';
            end if;
            return new;
        end $$
        """
    )
    op.execute(
        "create trigger registry_keys_change before update or delete on registry_keys"
        " for each row execute function registry_keys_change()"
    )
    op.execute("alter table registry_keys enable row level security")
    op.execute("create policy read on registry_keys for select to gongxin_web using (true)")
    op.execute(
        "create policy add on registry_keys for insert to gongxin_web with check ((select gongxin_kind()) = 'registry')"
    )
    op.execute(
        "create policy retire on registry_keys for update to gongxin_web using ((select gongxin_kind()) = 'registry')"
    )
    op.execute("grant select, insert, update (retired_at, published_until) on registry_keys to gongxin_web")


def _uses() -> None:
    # proof_uses is unlogged: a proof lives a minute, and a commit that writes nothing else waits for no disk.
    for table, kind in (("proof_uses", "unlogged table"), ("assertion_uses", "table")):
        op.execute(
            f"""
            create {kind} {table} (
                digest bytea not null,
                expires_at timestamptz not null,
                constraint pk_{table} primary key (digest),
                constraint ck_{table}_digest check (octet_length(digest) = 32)
            )
            """
        )
    op.execute(
        """
        create table revoked_tokens (
            token_id uuid not null,
            client_id uuid not null,
            expires_at timestamptz not null,
            revoked_at timestamptz not null default now(),
            constraint pk_revoked_tokens primary key (token_id)
        )
        """
    )


def _authentication() -> None:
    # plpgsql throughout: it keeps its plans, which sql functions do not before PostgreSQL 18.
    op.execute(
        f"""
        create function client_to_authenticate(p_client uuid) returns table (
            member_id uuid, kind text, state text, court_code text, auth_method text, scopes jsonb,
            secret_digest bytea, revoked boolean, keys jsonb
        ) language plpgsql stable {_SAFE} as $$
        #variable_conflict use_column
        begin
            return query
            select c.member_id, m.kind::text, m.state::text, m.court_code::text, c.auth_method, c.scopes,
                c.secret_digest, c.revoked_at is not null, (
                    select coalesce(jsonb_agg(jsonb_build_object('kid', k.kid, 'jwk', k.public_jwk)), '[]')
                    from client_keys k
                    where k.client_id = c.id and k.retired_at is null and k.expires_at > now()
                )
            from clients c join members m on m.id = c.member_id
            where c.id = p_client;
        end $$
        """
    )
    # 0: neither was used before and both are now; 1: the assertion was; 2: the proof was (the assertion is spent).
    # The commit need not wait for the disk: who saw the answer can only replay against a crash of the same instant.
    op.execute(
        f"""
        create function spend(
            p_assertion bytea, p_assertion_expires timestamptz, p_proof bytea, p_proof_expires timestamptz
        ) returns integer language plpgsql {_SAFE} as $$
        begin
            perform set_config('synchronous_commit', 'off', true);
            if p_assertion is not null then
                insert into assertion_uses values (p_assertion, p_assertion_expires) on conflict do nothing;
                if not found then
                    return 1;
                end if;
            end if;
            if p_proof is not null then
                insert into proof_uses values (p_proof, p_proof_expires) on conflict do nothing;
                if not found then
                    return 2;
                end if;
            end if;
            return 0;
        end $$
        """
    )
    op.execute(
        f"""
        create function revoke_token(p_token uuid, p_client uuid, p_expires timestamptz) returns void
        language sql {_SAFE} as $$
            insert into revoked_tokens (token_id, client_id, expires_at) values (p_token, p_client, p_expires)
            on conflict do nothing
        $$
        """
    )
    op.execute(
        f"""
        create function forget_expired(p_now timestamptz) returns bigint language plpgsql {_SAFE} as $$
        declare
            gone bigint;
            total bigint := 0;
        begin
            delete from proof_uses where expires_at < p_now;
            get diagnostics gone = row_count;
            total := total + gone;
            delete from assertion_uses where expires_at < p_now;
            get diagnostics gone = row_count;
            total := total + gone;
            delete from revoked_tokens where expires_at < p_now;
            get diagnostics gone = row_count;
            return total + gone;
        end $$
        """
    )
    for signature in (
        "client_to_authenticate(uuid)",
        "spend(bytea, timestamptz, bytea, timestamptz)",
        "revoke_token(uuid, uuid, timestamptz)",
        "forget_expired(timestamptz)",
    ):
        _only_web(signature)


def _admission() -> None:
    # 0 admitted, 1 proof used before, 2 token revoked, 3 client revoked or unknown, 4 member not active.
    op.execute(
        f"""
        create function admit(p_client uuid, p_token uuid, p_proof bytea, p_expires timestamptz) returns integer
        language plpgsql {_SAFE} as $$
        declare
            verdict integer;
        begin
            select case
                when c.revoked_at is not null then 3
                when m.state <> 'active' then 4
                when exists (select from revoked_tokens r where r.token_id = p_token) then 2
                else 0
            end into verdict
            from clients c join members m on m.id = c.member_id
            where c.id = p_client;
            if verdict is distinct from 0 then
                return coalesce(verdict, 3);
            end if;
            if p_proof is not null then
                insert into proof_uses values (p_proof, p_expires) on conflict do nothing;
                if not found then
                    return 1;
                end if;
            end if;
            return 0;
        end $$
        """
    )
    _only_web("admit(uuid, uuid, bytea, timestamptz)")


def _only_web(signature: str) -> None:
    op.execute(f"revoke execute on function {signature} from public")
    op.execute(f"grant execute on function {signature} to gongxin_web")


def downgrade() -> None:
    for function in ("admit", "forget_expired", "revoke_token", "spend", "client_to_authenticate"):
        op.execute(f"drop function {function}")
    for table in ("revoked_tokens", "assertion_uses", "proof_uses", "registry_keys", "client_keys", "clients"):
        op.execute(f"drop table {table}")
    for function in ("registry_keys_change", "client_keys_change", "clients_change"):
        op.execute(f"drop function {function}()")
