"""Agencies' filings, and standing watches on agents.

One filing in force an agency; it moves by its history alone. A watch only on somebody whom its member checked, on the
same ground, and to an end."""

from alembic import op

revision = "0023"
down_revision = "0022"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_KIND = "(select gongxin_kind())"
_OVERSIGHT = f"{_KIND} in ('association', 'regulator', 'registry')"
_OWN = "(select gongxin_caller())"
_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CHINA = "at time zone 'Asia/Shanghai')::date"
_STATES = "'draft', 'submitted', 'accepted', 'returned', 'suspended', 'withdrawn', 'revoked', 'superseded'"

# action, from, to, by: `rules_filings.MOVES` is the same table, held to this one by a test.
_MOVES = [
    ("file", "draft", "submitted", "agency"),
    ("return", "submitted", "returned", "association registry"),
    ("accept", "submitted", "accepted", "association registry"),
    ("suspend", "accepted", "suspended", "association registry"),
    ("reinstate", "suspended", "accepted", "association registry"),
    ("revoke", "accepted suspended", "revoked", "association registry"),
    ("withdraw", "submitted accepted suspended", "withdrawn", "agency"),
    ("supersede", "accepted suspended", "superseded", "association registry"),
]


def upgrade() -> None:
    _filings()
    _watches()


def _filings() -> None:
    op.execute(
        f"""
        create table agency_filings (
            id uuid not null,
            agency_id uuid not null,
            number text not null,
            state text not null,
            scope jsonb not null,
            officers integer not null,
            sealed_key bytea not null,
            sealed bytea not null,
            key_id text not null,
            version integer not null,
            filed_at timestamptz not null,
            changed_at timestamptz not null,
            constraint pk_agency_filings primary key (id),
            constraint uq_agency_filings_number unique (number),
            constraint fk_agency_filings_agency_id foreign key (agency_id) references members (id),
            constraint ck_agency_filings_number check (number ~ '^GA[{_ALPHABET}]{{10}}[0-9A-Z]$'),
            constraint ck_agency_filings_state check (state in ({_STATES})),
            constraint ck_agency_filings_scope check (jsonb_array_length(scope) between 1 and 8),
            constraint ck_agency_filings_officers check (officers between 2 and 10),
            constraint ck_agency_filings_key_id check (key_id ~ '^[0-9a-f]{{16}}$'),
            constraint ck_agency_filings_sealed check (
                octet_length(sealed_key) = 60 and octet_length(sealed) between 29 and 4096
            ),
            constraint ck_agency_filings_version check ((version = 0) = (state = 'draft'))
        )
        """
    )
    op.execute(
        "create unique index ix_agency_filings_one on agency_filings (agency_id)"
        " where state in ('accepted', 'suspended')"
    )
    op.execute("create index ix_agency_filings_agency_id_id on agency_filings (agency_id, id)")
    op.execute("create index ix_agency_filings_key_id_id on agency_filings (key_id, id)")
    op.execute(
        f"""
        create table agency_filing_changes (
            id uuid not null,
            filing_id uuid not null,
            version integer not null,
            action text not null,
            previous text not null,
            state text not null,
            reason text not null,
            changed_by text not null,
            changed_at timestamptz not null,
            constraint pk_agency_filing_changes primary key (id),
            constraint uq_agency_filing_changes_filing_id_version unique (filing_id, version),
            constraint fk_agency_filing_changes_filing_id foreign key (filing_id) references agency_filings (id),
            constraint ck_agency_filing_changes_state check (state in ({_STATES}) and state <> 'draft'),
            constraint ck_agency_filing_changes_reason check (char_length(reason) between 1 and 200),
            constraint ck_agency_filing_changes_changed_by check (char_length(changed_by) between 1 and 128)
        )
        """
    )
    _append_only("agency_filing_changes")
    _trigger(
        "agency_filings_guard",
        "before update or delete on agency_filings",
        """
        if tg_op = 'DELETE' or (new.id, new.agency_id, new.number, new.scope, new.officers, new.filed_at)
            is distinct from (old.id, old.agency_id, old.number, old.scope, old.officers, old.filed_at)
            or (new.state, new.version, new.changed_at) is distinct from (old.state, old.version, old.changed_at)
            and new.version <> old.version + 1
        then
            raise exception 'a filing stays as it was filed'
                using errcode = 'integrity_constraint_violation', constraint = 'agency_filings_identity';
        end if;
        """,
    )
    moves = ", ".join(
        f"('{action}', '{start}', '{end}', '{kind}')"
        for action, starts, end, kinds in _MOVES
        for start in starts.split()
        for kind in kinds.split()
    )
    _trigger(
        "agency_filing_changes_apply",
        "before insert on agency_filing_changes",
        f"""
        select * into f from agency_filings where id = new.filing_id for update;
        if not found or f.version <> new.version - 1 or f.state <> new.previous then
            raise exception 'the filing is no longer as this change supposes'
                using errcode = 'integrity_constraint_violation', constraint = 'agency_filing_changes_previous';
        elsif (new.action, new.previous, new.state, gongxin_kind()) not in ({moves})
            or gongxin_kind() = 'agency' and f.agency_id <> gongxin_caller()
        then
            raise exception 'this does not follow, or is not for the caller to do'
                using errcode = 'integrity_constraint_violation', constraint = 'agency_filing_changes_transition';
        end if;
        update agency_filings set state = new.state, version = new.version,
            changed_at = greatest(new.changed_at, f.changed_at)
        where id = f.id;
        """,
        declare="f agency_filings;",
    )
    op.execute("alter table agency_filings enable row level security")
    op.execute(
        f"create policy roll on agency_filings for select to gongxin_web using (agency_id = {_OWN} or {_OVERSIGHT})"
    )
    op.execute(
        "create policy file on agency_filings for insert to gongxin_web"
        f" with check (agency_id = {_OWN} and {_KIND} = 'agency' and state = 'draft' and version = 0)"
    )
    op.execute(
        "create policy seal on agency_filings for update to gongxin_web"
        f" using ({_KIND} = 'registry') with check ({_KIND} = 'registry')"
    )
    op.execute("grant select, insert, update (sealed_key, sealed, key_id) on agency_filings to gongxin_web")
    op.execute("alter table agency_filing_changes enable row level security")
    op.execute(
        "create policy own on agency_filing_changes for select to gongxin_web"
        " using (exists (select from agency_filings f where f.id = filing_id))"
    )
    op.execute(
        "create policy add on agency_filing_changes for insert to gongxin_web"
        f" with check ({_KIND} in ('agency', 'association', 'registry')"
        " and exists (select from agency_filings f where f.id = filing_id))"
    )
    op.execute("grant select, insert on agency_filing_changes to gongxin_web")


def _watches() -> None:
    op.execute(
        f"""
        create table agent_watches (
            id uuid not null,
            member_id uuid not null,
            agent_id uuid not null,
            licence_no text not null,
            check_id uuid not null,
            purpose text not null,
            consent text,
            began_at timestamptz not null,
            ends_on date not null,
            ended_at timestamptz,
            constraint pk_agent_watches primary key (id),
            constraint fk_agent_watches_member_id foreign key (member_id) references members (id),
            constraint fk_agent_watches_agent_id foreign key (agent_id) references agents (id),
            constraint fk_agent_watches_check_id foreign key (check_id) references agent_checks (id),
            constraint ck_agent_watches_purpose check (purpose in ('placement', 'hiring', 'supervision')),
            constraint ck_agent_watches_consent check ((purpose = 'hiring') = (consent is not null)),
            constraint ck_agent_watches_ends_on check (
                ends_on between (began_at {_CHINA} and (began_at {_CHINA} + 366
            ),
            constraint ck_agent_watches_ended_at check (ended_at >= began_at)
        )
        """
    )
    op.execute(
        "create unique index ix_agent_watches_one on agent_watches (member_id, agent_id, purpose)"
        " where ended_at is null"
    )
    op.execute("create index ix_agent_watches_agent_id on agent_watches (agent_id) where ended_at is null")
    op.execute("create index ix_agent_watches_member_id_id on agent_watches (member_id, id)")
    op.execute("create index ix_agent_watches_ends_on on agent_watches (ends_on) where ended_at is null")
    _trigger(
        "agent_watches_ground",
        "before insert or update or delete on agent_watches",
        """
        if tg_op = 'INSERT' then
            if not exists (
                select from agent_checks c, jsonb_array_elements(c.items) i
                where c.id = new.check_id and c.member_id = new.member_id and c.purpose = new.purpose
                and c.asked_at > new.began_at - interval '30 days' and i->>'agent_id' = new.agent_id::text
                and i->>'consent' is not distinct from new.consent
            ) or not exists (
                select from agents a where a.id = new.agent_id and a.licence_no = new.licence_no
            ) then
                raise exception 'one watches whom one checked, on the same ground'
                    using errcode = 'integrity_constraint_violation', constraint = 'agent_watches_ground';
            end if;
        elsif tg_op = 'DELETE' or old.ended_at is not null
            or to_jsonb(new) - 'ended_at' is distinct from to_jsonb(old) - 'ended_at'
        then
            raise exception 'a watch ends once, and is not otherwise changed'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_watches_ended';
        end if;
        """,
    )
    op.execute("alter table agent_watches enable row level security")
    for name, verb in (("own", "select"), ("stop", "update")):
        using = f"using (member_id = {_OWN} or {_KIND} = 'registry')"
        op.execute(f"create policy {name} on agent_watches for {verb} to gongxin_web {using}")
    op.execute(f"create policy add on agent_watches for insert to gongxin_web with check (member_id = {_OWN})")
    op.execute("grant select, insert, update (ended_at) on agent_watches to gongxin_web")
    # Who is to be told, whoever makes the change: nothing of it but to deliver.
    op.execute(
        f"""
        create function agent_watchers(p_agent uuid, p_today date)
        returns table (watch_id uuid, member_id uuid, purpose text) language sql stable {_SAFE} as $$
            select w.id, w.member_id, w.purpose from agent_watches w
            where w.agent_id = p_agent and w.ended_at is null and w.ends_on >= p_today order by w.member_id, w.purpose
        $$
        """
    )
    _for_web("agent_watchers")


def _append_only(table: str) -> None:
    op.execute(
        f"create trigger append_only before update or delete on {table} for each row execute function refuse_change()"
    )


def _trigger(name: str, when: str, body: str, *, declare: str = "") -> None:
    declared = f"declare {declare}" if declare else ""
    op.execute(
        f"create function {name}() returns trigger language plpgsql {_SAFE} as $$ {declared} begin {body}"
        " return new; end $$"
    )
    op.execute(f"create trigger {name} {when} for each row execute function {name}()")


def _for_web(function: str) -> None:
    op.execute(f"revoke execute on function {function} from public")
    op.execute(f"grant execute on function {function} to gongxin_web")


def downgrade() -> None:
    op.execute("drop function agent_watchers")
    for table in ("agent_watches", "agency_filing_changes", "agency_filings"):
        op.execute(f"drop table {table}")
    for function in ("agent_watches_ground", "agency_filing_changes_apply", "agency_filings_guard"):
        op.execute(f"drop function {function}()")
