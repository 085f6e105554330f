"""Member institutions, the history of their states, their agreements. A state changes only by a row of the history;
`left` is final; an agreement is superseded, never changed; test institutions and real ones never share a database."""

from alembic import op

revision = "0002"
down_revision = "0001"

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
# The triggers run as the owner: the web role may neither update nor lock a member.
_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_ADMINISTRATORS = "(select gongxin_kind()) in ('association', 'registry')"
_OWN = f"member_id = (select gongxin_caller()) or {_ADMINISTRATORS}"


def upgrade() -> None:
    _members()
    _history()
    _agreements()


def _members() -> None:
    # GB 32100-2015: the weighted sum of all 18 characters is a multiple of 31.
    op.execute(
        f"""
        create function uscc_is_valid(code text) returns boolean language sql immutable strict
        return code ~ '^[{_ALPHABET}]{{2}}[0-9]{{6}}[{_ALPHABET}]{{10}}$' and (
            select sum(
                (strpos('{_ALPHABET}', substr(code, i, 1)) - 1)
                * (array[1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28, 1])[i]
            ) % 31 = 0
            from generate_series(1, 18) as i
        )
        """
    )
    op.execute(
        """
        create table members (
            id uuid not null,
            kind text not null,
            name_zh text not null,
            name_en text,
            uscc text not null,
            state text not null default 'applied',
            court_code text,
            created_at timestamptz not null default now(),
            changed_at timestamptz not null default now(),
            constraint pk_members primary key (id),
            constraint uq_members_uscc unique (uscc),
            constraint ck_members_kind check (
                kind in ('bank', 'court', 'agency', 'mediator', 'regulator', 'association')
            ),
            constraint ck_members_state check (state in ('applied', 'active', 'suspended', 'left')),
            constraint ck_members_names check (
                char_length(name_zh) between 1 and 120 and char_length(name_en) between 1 and 200
            ),
            constraint ck_members_uscc check (uscc_is_valid(uscc)),
            constraint ck_members_court_code check (
                (kind = 'court') = (court_code is not null) and char_length(court_code) between 1 and 8
            )
        )
        """
    )
    op.execute("create unique index ix_members_court_code on members (court_code) where state <> 'left'")
    # Checked as the transaction commits, so that the lock that makes two first members wait is held but a moment.
    _trigger(
        "members_one_world",
        "after insert on members deferrable initially deferred",
        """
        perform pg_advisory_xact_lock(hashtextextended('members_one_world', 3210));
        if exists (select from members m where (substr(m.uscc, 3, 2) = '99') <> (substr(new.uscc, 3, 2) = '99')) then
            raise exception 'test institutions and real ones never share a registry'
                using errcode = 'integrity_constraint_violation', constraint = 'members_one_world';
        end if;
        """,
        kind="constraint trigger",
    )
    _trigger(
        "members_transition",
        "before update or delete on members",
        """
        if tg_op = 'DELETE' or (new.id, new.kind, new.uscc, new.court_code, new.created_at)
            is distinct from (old.id, old.kind, old.uscc, old.court_code, old.created_at)
        then
            raise exception 'a member stays what it is, and stays on record'
                using errcode = 'integrity_constraint_violation', constraint = 'members_identity';
        elsif new.state <> old.state and (old.state, new.state) not in (
            ('applied', 'active'), ('applied', 'left'), ('active', 'suspended'), ('active', 'left'),
            ('suspended', 'active'), ('suspended', 'left')
        ) then
            raise exception 'this state does not follow that one'
                using errcode = 'integrity_constraint_violation', constraint = 'members_transition';
        end if;
        """,
    )
    op.execute("alter table members enable row level security")
    op.execute("create policy directory on members for select to gongxin_web using (true)")
    op.execute(
        f"create policy apply on members for insert to gongxin_web with check ({_ADMINISTRATORS} and state = 'applied')"
    )
    op.execute("grant select, insert on members to gongxin_web")


def _history() -> None:
    op.execute(
        """
        create table member_changes (
            id uuid not null,
            member_id uuid not null,
            previous text not null,
            state text not null,
            reason text not null,
            changed_by text not null,
            changed_at timestamptz not null,
            constraint pk_member_changes primary key (id),
            constraint fk_member_changes_member_id foreign key (member_id) references members (id),
            constraint ck_member_changes_moves check (state <> previous),
            constraint ck_member_changes_reason check (char_length(reason) between 1 and 200),
            constraint ck_member_changes_changed_by check (char_length(changed_by) between 1 and 128)
        )
        """
    )
    op.execute("create index ix_member_changes_member_id_id on member_changes (member_id, id)")
    _append_only("member_changes")
    _trigger(
        "member_changes_apply",
        "before insert on member_changes",
        """
        update members set state = new.state, changed_at = new.changed_at
        where id = new.member_id and state = new.previous;
        if not found then
            raise exception 'the member''s state is no longer the one this change begins from'
                using errcode = 'integrity_constraint_violation', constraint = 'member_changes_previous';
        end if;
        """,
    )
    op.execute("alter table member_changes enable row level security")
    op.execute(f"create policy own on member_changes for select to gongxin_web using ({_OWN})")
    op.execute(f"create policy add on member_changes for insert to gongxin_web with check ({_ADMINISTRATORS})")
    op.execute("grant select, insert on member_changes to gongxin_web")


def _agreements() -> None:
    op.execute(
        """
        create table agreements (
            id uuid not null,
            member_id uuid not null,
            version integer not null,
            purposes jsonb not null,
            data_types jsonb not null,
            budgets jsonb not null,
            contacts jsonb not null,
            effective_from timestamptz not null,
            created_at timestamptz not null default now(),
            constraint pk_agreements primary key (id),
            constraint fk_agreements_member_id foreign key (member_id) references members (id),
            constraint uq_agreements_member_id_version unique (member_id, version),
            constraint ck_agreements_terms check (
                jsonb_typeof(purposes) = 'array' and jsonb_typeof(data_types) = 'array'
                and jsonb_typeof(budgets) = 'object' and jsonb_typeof(contacts) = 'object'
            ),
            constraint ck_agreements_budgets check (
                not jsonb_path_exists(budgets, '$.* ? (@.type() != "number" || @ < 0 || @ != @.floor())')
            )
        )
        """
    )
    _append_only("agreements")
    _trigger(
        "agreements_in_order",
        "before insert on agreements",
        """
        perform from members m where m.id = new.member_id and m.state = 'left' for share;
        if found then
            raise exception 'a member that left has no new agreement'
                using errcode = 'integrity_constraint_violation', constraint = 'agreements_member_left';
        end if;
        select coalesce(max(a.version), 0) + 1 as version, max(a.effective_from) as after into expected
        from agreements a where a.member_id = new.member_id;
        if new.version <> expected.version then
            raise exception 'versions of an agreement follow one another without a gap'
                using errcode = 'integrity_constraint_violation', constraint = 'agreements_version';
        elsif new.effective_from < expected.after then
            raise exception 'a version does not take effect before the one it supersedes'
                using errcode = 'integrity_constraint_violation', constraint = 'agreements_order';
        elsif exists (
            select from jsonb_object_keys(new.budgets) as b(purpose)
            where not new.purposes ? b.purpose and b.purpose <> 'evaluation'
        ) then
            raise exception 'a budget is for a purpose of the agreement'
                using errcode = 'integrity_constraint_violation', constraint = 'agreements_budget_purposes';
        end if;
        """,
        declare="expected record;",
    )
    op.execute("alter table agreements enable row level security")
    op.execute(f"create policy own on agreements for select to gongxin_web using ({_OWN})")
    op.execute(f"create policy add on agreements for insert to gongxin_web with check ({_ADMINISTRATORS})")
    op.execute("grant select, insert on agreements to gongxin_web")


def _append_only(table: str) -> None:
    op.execute(
        f"create trigger append_only before update or delete on {table} for each row execute function refuse_change()"
    )


def _trigger(name: str, when: str, body: str, *, declare: str = "", kind: str = "trigger") -> None:
    declared = f"declare {declare}" if declare else ""
    op.execute(
        f"create function {name}() returns trigger language plpgsql {_SAFE} as $$ {declared} begin {body}"
        " return new; end $$"
    )
    op.execute(f"create {kind} {name} {when} for each row execute function {name}()")


def downgrade() -> None:
    for table in ("agreements", "member_changes", "members"):
        op.execute(f"drop table {table}")
    for function in ("agreements_in_order", "member_changes_apply", "members_transition", "members_one_world"):
        op.execute(f"drop function {function}()")
    op.execute("drop function uscc_is_valid(text)")
