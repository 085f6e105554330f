"""The people of members: accounts and their history, invitations, what proves a person, sessions of the pages, and the
record of who signed in. Roles fit the kind of member and the auditor has no other; a link, a challenge, a recovery code
and a dynamic code each work once; a session ends once. The web role sees secrets only as the registry itself."""

from alembic import op

revision = "0027"
down_revision = "0026"

_REGISTRY = "(select gongxin_kind()) = 'registry'"
_HOUSE = "member_id = (select gongxin_caller()) or (select gongxin_kind()) in ('association', 'registry')"
_ACCOUNTS = "account_id in (select id from accounts)"
TABLES = (
    "sign_ins", "page_sessions", "account_challenges", "account_passkeys", "account_recovery_codes",
    "account_passwords", "account_invitations", "account_changes", "accounts",
)  # fmt: skip


def upgrade() -> None:
    _accounts()
    _proofs()
    _sessions()


def _accounts() -> None:
    op.execute(
        """
        create table accounts (
            id uuid not null,
            member_id uuid not null,
            login text not null,
            display_name text not null,
            roles jsonb not null,
            language text not null default 'zh',
            state text not null default 'invited',
            created_at timestamptz not null,
            constraint pk_accounts primary key (id),
            constraint fk_accounts_member_id foreign key (member_id) references members (id),
            constraint uq_accounts_login unique (login),
            constraint ck_accounts_login check (login ~ '^[a-z][a-z0-9]{2,39}$'),
            constraint ck_accounts_display_name check (char_length(display_name) between 1 and 60),
            constraint ck_accounts_roles check (
                jsonb_typeof(roles) = 'array' and roles <> '[]'
                and roles <@ '["officer", "committee", "treasurer", "approver", "auditor", "support",
                    "administrator", "clerk", "compliance"]'
                and (not roles ? 'auditor' or roles = '["auditor"]')
            ),
            constraint ck_accounts_language check (language in ('zh', 'en')),
            constraint ck_accounts_state check (state in ('invited', 'active', 'locked', 'closed'))
        )
        """
    )
    op.execute("create index ix_accounts_member_id_id on accounts (member_id, id)")
    op.execute(
        """
        create function accounts_change() returns trigger language plpgsql
        security definer set search_path = pg_catalog, public, pg_temp as $$
        declare house text;
        begin
            if tg_op = 'DELETE' or tg_op = 'UPDATE' and (
                (new.id, new.member_id, new.login, new.created_at)
                    is distinct from (old.id, old.member_id, old.login, old.created_at)
                or old.state = 'closed'
                or old.state <> new.state and new.state = 'invited'
                or old.state = 'invited' and new.state = 'locked'
            ) then
                raise exception 'an account stays the same person''s, and a closed one stays closed'
                    using errcode = 'integrity_constraint_violation', constraint = 'accounts_change';
            end if;
            select kind into house from members where id = new.member_id;
            if new.roles ?| (case when house in ('association', 'regulator') then array['clerk', 'compliance']
                else array['officer', 'committee', 'treasurer', 'approver', 'auditor', 'support'] end)
            then
                raise exception 'this kind of member has no such role'
                    using errcode = 'integrity_constraint_violation', constraint = 'accounts_roles_of_kind';
            end if;
            return new;
        end $$
        """
    )
    op.execute(
        "create trigger accounts_change before insert or update or delete on accounts"
        " for each row execute function accounts_change()"
    )
    _fence("accounts", _HOUSE, "select, insert, update (display_name, roles, language, state)")
    op.execute(
        """
        create table account_changes (
            id uuid not null,
            account_id uuid not null,
            what text not null,
            reason text not null,
            actor text not null,
            changed_at timestamptz not null,
            constraint pk_account_changes primary key (id),
            constraint fk_account_changes_account_id foreign key (account_id) references accounts (id),
            constraint ck_account_changes_what check (char_length(what) between 1 and 200),
            constraint ck_account_changes_reason check (char_length(reason) between 0 and 200)
        )
        """
    )
    op.execute("create index ix_account_changes_account_id_id on account_changes (account_id, id)")
    op.execute(
        "create trigger append_only before update or delete on account_changes"
        " for each row execute function refuse_change()"
    )
    _fence("account_changes", _ACCOUNTS, "select, insert")


def _proofs() -> None:
    op.execute(
        """
        create table account_invitations (
            token_digest bytea not null,
            account_id uuid not null,
            purpose text not null,
            expires_at timestamptz not null,
            used_at timestamptz,
            constraint pk_account_invitations primary key (token_digest),
            constraint fk_account_invitations_account_id foreign key (account_id) references accounts (id),
            constraint ck_account_invitations_digest check (octet_length(token_digest) = 32),
            constraint ck_account_invitations_purpose check (purpose in ('set_up', 'sign_in'))
        )
        """
    )
    op.execute(
        """
        create table account_passwords (
            account_id uuid not null,
            hash text not null,
            sealed_totp bytea not null,
            last_step bigint not null default 0,
            changed_at timestamptz not null,
            constraint pk_account_passwords primary key (account_id),
            constraint fk_account_passwords_account_id foreign key (account_id) references accounts (id)
        )
        """
    )
    op.execute(
        """
        create table account_recovery_codes (
            account_id uuid not null,
            digest bytea not null,
            used_at timestamptz,
            constraint pk_account_recovery_codes primary key (account_id, digest),
            constraint fk_account_recovery_codes_account_id foreign key (account_id) references accounts (id),
            constraint ck_account_recovery_codes_digest check (octet_length(digest) = 32)
        )
        """
    )
    op.execute(
        """
        create table account_passkeys (
            credential_id bytea not null,
            account_id uuid not null,
            public_key bytea not null,
            sign_count bigint not null,
            name text not null,
            created_at timestamptz not null,
            used_at timestamptz,
            removed_at timestamptz,
            constraint pk_account_passkeys primary key (credential_id),
            constraint fk_account_passkeys_account_id foreign key (account_id) references accounts (id),
            constraint ck_account_passkeys_credential_id check (octet_length(credential_id) between 16 and 1023),
            constraint ck_account_passkeys_name check (char_length(name) between 1 and 60)
        )
        """
    )
    op.execute("create index ix_account_passkeys_account_id on account_passkeys (account_id)")
    op.execute(
        """
        create table account_challenges (
            challenge bytea not null,
            purpose text not null,
            expires_at timestamptz not null,
            constraint pk_account_challenges primary key (challenge),
            constraint ck_account_challenges_length check (octet_length(challenge) = 32),
            constraint ck_account_challenges_purpose check (purpose in ('register', 'sign_in', 'prove'))
        )
        """
    )
    op.execute(
        """
        create function account_used_once() returns trigger language plpgsql as $$
        begin
            if old.used_at is not null then
                raise exception 'what works once has been used'
                    using errcode = 'integrity_constraint_violation', constraint = 'account_used_once';
            end if;
            return new;
        end $$
        """
    )
    for table in ("account_invitations", "account_recovery_codes"):
        op.execute(
            f"create trigger used_once before update on {table} for each row execute function account_used_once()"
        )
    op.execute(
        """
        create function account_passwords_step() returns trigger language plpgsql as $$
        begin
            if new.hash = old.hash and new.last_step <= old.last_step then
                raise exception 'a dynamic code works once'
                    using errcode = 'integrity_constraint_violation', constraint = 'account_passwords_step';
            end if;
            return new;
        end $$
        """
    )
    op.execute(
        "create trigger account_passwords_step before update on account_passwords"
        " for each row execute function account_passwords_step()"
    )
    _fence("account_invitations", _REGISTRY, "select, insert, update (used_at)")
    _fence("account_passwords", _REGISTRY, "select, insert, update (hash, sealed_totp, last_step, changed_at)")
    _fence("account_recovery_codes", _REGISTRY, "select, insert, update (used_at), delete")
    _fence("account_passkeys", _REGISTRY, "select, insert, update (sign_count, used_at, removed_at)")
    _fence("account_challenges", _REGISTRY, "select, insert, delete")


def _sessions() -> None:
    op.execute(
        """
        create table page_sessions (
            id uuid not null,
            account_id uuid not null,
            token_digest bytea not null,
            face text not null,
            method text not null,
            device text not null,
            began_at timestamptz not null,
            seen_at timestamptz not null,
            proven_at timestamptz not null,
            ended_at timestamptz,
            constraint pk_page_sessions primary key (id),
            constraint fk_page_sessions_account_id foreign key (account_id) references accounts (id),
            constraint uq_page_sessions_token_digest unique (token_digest),
            constraint ck_page_sessions_digest check (octet_length(token_digest) = 32),
            constraint ck_page_sessions_face check (face in ('admin', 'portal')),
            constraint ck_page_sessions_device check (char_length(device) between 1 and 80)
        )
        """
    )
    op.execute("create index ix_page_sessions_account_id_id on page_sessions (account_id, id)")
    op.execute(
        """
        create function page_sessions_change() returns trigger language plpgsql as $$
        begin
            if old.ended_at is not null then
                raise exception 'a session that has ended stays ended'
                    using errcode = 'integrity_constraint_violation', constraint = 'page_sessions_change';
            end if;
            return new;
        end $$
        """
    )
    op.execute(
        "create trigger page_sessions_change before update on page_sessions"
        " for each row execute function page_sessions_change()"
    )
    _fence("page_sessions", _REGISTRY, "select, insert, update (seen_at, proven_at, ended_at)")
    op.execute(
        """
        create table sign_ins (
            id uuid not null,
            account_id uuid,
            login_digest bytea not null,
            method text not null,
            outcome text not null,
            face text not null,
            at timestamptz not null,
            constraint pk_sign_ins primary key (id),
            constraint fk_sign_ins_account_id foreign key (account_id) references accounts (id),
            constraint ck_sign_ins_digest check (octet_length(login_digest) = 32),
            constraint ck_sign_ins_method check (method in ('password', 'passkey', 'link', 'single_sign_on')),
            constraint ck_sign_ins_outcome check (outcome in ('signed_in', 'proven', 'refused'))
        )
        """
    )
    op.execute("create index ix_sign_ins_login_digest_at on sign_ins (login_digest, at)")
    op.execute("create index ix_sign_ins_account_id_at on sign_ins (account_id, at) where account_id is not null")
    op.execute(
        "create trigger append_only before update or delete on sign_ins for each row execute function refuse_change()"
    )
    _fence("sign_ins", f"{_REGISTRY} or {_ACCOUNTS}", "select, insert")


def _fence(table: str, using: str, grants: str) -> None:
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"create policy own on {table} to gongxin_web using ({using})")
    op.execute(f"grant {grants} on {table} to gongxin_web")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"drop table {table}")
    for function in ("page_sessions_change", "account_passwords_step", "account_used_once", "accounts_change"):
        op.execute(f"drop function {function}()")
