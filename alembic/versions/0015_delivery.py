"""Delivery: events that wait, the feed in its one order, who may read what, endpoints and what is sent to them.

An event waits in the transaction of what it tells; one sequencer at a time gives waiting events their positions, the
rows of those who may read them and the calls that endpoints are owed (docs/adr/0009-feed-order.md). No member's request
reads or writes these tables but through the functions here; endpoints alone are rows of their member's own."""

from alembic import op

revision = "0015"
down_revision = "0014"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_CALLER = "(select gongxin_caller())"
_REGISTRY = "(select gongxin_kind()) = 'registry'"
_OWN = f"member_id = {_CALLER} or {_REGISTRY}"
_ALL = "'00000000-0000-0000-0000-000000000000'::uuid"
_FUNCTIONS = (
    "delivery_emit(uuid, text, text, uuid, text, uuid[])",
    "delivery_sequence(integer, timestamptz)",
    "delivery_changes(uuid, bigint, text[], text[], integer)",
    "delivery_erase(uuid)",
    "delivery_forget(timestamptz, integer)",
    "delivery_readable(uuid, uuid)",
)
_TABLES = (
    "delivery_acks", "delivery_sends", "delivery_endpoints", "delivery_audience", "delivery_events", "delivery_waiting",
)  # fmt: skip


def upgrade() -> None:
    _events()
    _endpoints()
    _acknowledgements()
    _emit()
    _sequence()
    _changes()
    _erase()
    for function in _FUNCTIONS:
        op.execute(f"revoke execute on function {function} from public")
        op.execute(f"grant execute on function {function} to gongxin_web")


def _events() -> None:
    op.execute(
        """
        create table delivery_waiting (
            number bigint generated always as identity,
            id uuid not null,
            type text not null,
            scope text not null,
            object_id uuid not null,
            body text not null,
            audience uuid[] not null,
            constraint pk_delivery_waiting primary key (number),
            constraint ck_delivery_waiting_body check (left(body, 2) = '{"' and octet_length(body) <= 16384),
            constraint ck_delivery_waiting_audience check (cardinality(audience) <= 10000)
        )
        """
    )
    op.execute("create index ix_delivery_waiting_object_id on delivery_waiting (object_id)")
    op.execute(
        """
        create table delivery_events (
            position bigint not null,
            id uuid not null,
            type text not null,
            scope text not null,
            object_id uuid not null,
            body text not null,
            placed_at timestamptz not null,
            constraint pk_delivery_events primary key (position),
            constraint uq_delivery_events_id unique (id),
            constraint ck_delivery_events_position check (position >= 1)
        )
        """
    )
    op.execute("create index ix_delivery_events_object_id on delivery_events (object_id, position)")
    op.execute(
        """
        create table delivery_audience (
            member_id uuid not null,
            position bigint not null,
            type text not null,
            scope text not null,
            constraint pk_delivery_audience primary key (member_id, position)
        )
        """
    )
    op.execute("create index ix_delivery_audience_position on delivery_audience (position)")
    for table in ("delivery_waiting", "delivery_events", "delivery_audience"):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy registry on {table} for select to gongxin_web using ({_REGISTRY})")
        op.execute(f"grant select on {table} to gongxin_web")


def _endpoints() -> None:
    op.execute(
        """
        create table delivery_endpoints (
            id uuid not null,
            member_id uuid not null,
            client_id uuid not null,
            url text not null,
            types jsonb not null,
            state text not null,
            reason text,
            sealed_secret bytea not null,
            sealed_previous bytea,
            previous_until timestamptz,
            made_at timestamptz not null,
            verified_at timestamptz,
            failures integer not null default 0,
            hold_until timestamptz,
            due_at timestamptz,
            lease uuid,
            leased_until timestamptz,
            constraint pk_delivery_endpoints primary key (id),
            constraint fk_delivery_endpoints_member_id foreign key (member_id) references members (id),
            constraint fk_delivery_endpoints_client_id foreign key (client_id) references clients (id),
            constraint ck_delivery_endpoints_url check (
                url ~ '^https?://[!-~]+$' and char_length(url) between 10 and 500
            ),
            constraint ck_delivery_endpoints_types check (
                jsonb_typeof(types) = 'array' and jsonb_array_length(types) between 1 and 100
            ),
            constraint ck_delivery_endpoints_state check (
                state in ('unverified', 'active', 'paused', 'removed')
            ),
            constraint ck_delivery_endpoints_verified check (state <> 'active' or verified_at is not null),
            constraint ck_delivery_endpoints_reason check (reason in ('by_member', 'gone', 'not_verified')),
            constraint ck_delivery_endpoints_previous check (
                (sealed_previous is null) = (previous_until is null)
            ),
            constraint ck_delivery_endpoints_lease check ((lease is null) = (leased_until is null))
        )
        """
    )
    op.execute(
        "create unique index ix_delivery_endpoints_one_url on delivery_endpoints (member_id, url)"
        " where state <> 'removed'"
    )
    op.execute("create index ix_delivery_endpoints_due_at on delivery_endpoints (due_at) where due_at is not null")
    op.execute(
        """
        create table delivery_sends (
            endpoint_id uuid not null,
            position bigint not null,
            event_id uuid not null,
            object_id uuid not null,
            state text not null default 'waiting',
            attempts integer not null default 0,
            next_at timestamptz not null,
            first_at timestamptz,
            last_at timestamptz,
            outcome text,
            constraint pk_delivery_sends primary key (endpoint_id, position),
            constraint fk_delivery_sends_endpoint_id foreign key (endpoint_id) references delivery_endpoints (id),
            constraint ck_delivery_sends_state check (state in ('waiting', 'delivered', 'dead', 'dropped')),
            constraint ck_delivery_sends_outcome check (outcome ~ '^[a-z][a-z0-9_]{0,31}$'),
            constraint ck_delivery_sends_attempts check (attempts >= 0 and (attempts = 0) = (first_at is null))
        )
        """
    )
    op.execute(
        "create index ix_delivery_sends_waiting on delivery_sends (endpoint_id, position) where state = 'waiting'"
    )
    op.execute(
        "create index ix_delivery_sends_object on delivery_sends (endpoint_id, object_id, next_at)"
        " where state = 'waiting'"
    )
    op.execute("create index ix_delivery_sends_dead on delivery_sends (endpoint_id, position) where state = 'dead'")
    op.execute("alter table delivery_endpoints enable row level security")
    op.execute(f"create policy own on delivery_endpoints for select to gongxin_web using ({_OWN})")
    op.execute(f"create policy add on delivery_endpoints for insert to gongxin_web with check (member_id = {_CALLER})")
    op.execute(
        f"create policy change on delivery_endpoints for update to gongxin_web using ({_OWN}) with check ({_OWN})"
    )
    op.execute("grant select, insert on delivery_endpoints to gongxin_web")
    op.execute(
        "grant update (types, state, reason, sealed_secret, sealed_previous, previous_until, verified_at, failures,"
        " hold_until, due_at, lease, leased_until, client_id) on delivery_endpoints to gongxin_web"
    )
    op.execute("alter table delivery_sends enable row level security")
    op.execute(
        "create policy own on delivery_sends for select to gongxin_web"
        f" using ({_REGISTRY} or exists (select from delivery_endpoints p where p.id = endpoint_id"
        f" and p.member_id = {_CALLER}))"
    )
    op.execute(
        f"create policy change on delivery_sends for update to gongxin_web using ({_REGISTRY}) with check ({_REGISTRY})"
    )
    op.execute("grant select on delivery_sends to gongxin_web")
    op.execute("grant update (state, attempts, next_at, first_at, last_at, outcome) on delivery_sends to gongxin_web")


def _acknowledgements() -> None:
    op.execute(
        """
        create table delivery_acks (
            event_id uuid not null,
            member_id uuid not null,
            did text not null,
            note text,
            at timestamptz not null,
            constraint pk_delivery_acks primary key (event_id, member_id),
            constraint fk_delivery_acks_member_id foreign key (member_id) references members (id),
            constraint ck_delivery_acks_did check (
                did in ('applied', 'removed', 'acted', 'not_held', 'disputed')
            ),
            constraint ck_delivery_acks_note check (char_length(note) between 1 and 500)
        )
        """
    )
    op.execute(
        "create trigger append_only before update or delete on delivery_acks"
        " for each row execute function refuse_change()"
    )
    op.execute("alter table delivery_acks enable row level security")
    op.execute(
        "create policy own on delivery_acks for select to gongxin_web"
        f" using (member_id = {_CALLER} or (select gongxin_kind()) in ('registry', 'association'))"
    )
    op.execute("grant select, insert on delivery_acks to gongxin_web")


def _emit() -> None:
    op.execute(
        f"""
        create function delivery_emit(
            p_id uuid, p_type text, p_scope text, p_object uuid, p_body text, p_audience uuid[]
        ) returns void language plpgsql {_SAFE} as $$
        begin
            if gongxin_caller() is null then
                raise exception 'an event is emitted for somebody'
                    using errcode = 'check_violation', constraint = 'delivery_emit_caller';
            end if;
            insert into delivery_waiting (id, type, scope, object_id, body, audience)
            values (p_id, p_type, p_scope, p_object, p_body, p_audience);
        end $$
        """
    )
    op.execute(
        f"""
        create function delivery_readable(p_event uuid, p_member uuid) returns boolean language sql stable {_SAFE} as $$
            select exists (
                select from delivery_events e join delivery_audience a on a.position = e.position
                where e.id = p_event and a.member_id in (p_member, {_ALL})
            )
        $$
        """
    )
    op.execute(
        "create policy add on delivery_acks for insert to gongxin_web"
        f" with check (member_id = {_CALLER} and delivery_readable(event_id, member_id))"
    )


def _sequence() -> None:
    # One at a time, as log_integrate; each statement sees what the last holder committed. Positions follow the order of
    # `number`, which a transaction draws after whatever it waited for, so that events of one object keep their order.
    op.execute(
        f"""
        create function delivery_sequence(p_limit integer, p_now timestamptz) returns integer
        language plpgsql {_SAFE} as $$
        declare
            first bigint;
            added integer;
            woken uuid[];
        begin
            if gongxin_kind() <> 'registry' then
                raise exception 'the registry sequences' using errcode = 'check_violation',
                    constraint = 'delivery_sequence_registry';
            end if;
            if not pg_try_advisory_xact_lock(7203495) then
                return 0;
            end if;
            first := coalesce((select max(position) from delivery_events), 0) + 1;
            with taken as (
                delete from delivery_waiting w
                where w.ctid = any (array(select v.ctid from delivery_waiting v order by v.number limit p_limit))
                returning w.*
            ), numbered as (
                select first - 1 + row_number() over (order by t.number) as position, t.* from taken t
            ), placed as (
                insert into delivery_events (position, id, type, scope, object_id, body, placed_at)
                select n.position, n.id, n.type, n.scope, n.object_id,
                    '{{"position"\\:' || n.position || ',' || substr(n.body, 2), p_now
                from numbered n returning position
            ), told as (
                insert into delivery_audience (member_id, position, type, scope)
                select distinct a.member_id, n.position, n.type, n.scope from numbered n
                cross join lateral unnest(
                    case when cardinality(n.audience) = 0 then array[{_ALL}] else n.audience end
                ) as a(member_id)
            ), owed as (
                insert into delivery_sends (endpoint_id, position, event_id, object_id, next_at)
                select p.id, n.position, n.id, n.object_id, p_now from numbered n
                join delivery_endpoints p on p.state in ('active', 'paused')
                    and (p.types ? n.type or n.type = 'object.erased')
                    and (cardinality(n.audience) = 0 or p.member_id = any (n.audience))
                join members m on m.id = p.member_id and m.state = 'active'
                join clients c on c.id = p.client_id and c.revoked_at is null and c.scopes ? n.scope
                returning endpoint_id
            )
            select (select count(*) from placed), (select array_agg(distinct o.endpoint_id) from owed o)
            into added, woken;
            if woken is not null then
                update delivery_endpoints set due_at = greatest(p_now, hold_until)
                where id = any (woken) and (due_at is null or due_at > greatest(p_now, hold_until));
            end if;
            return added;
        end $$
        """
    )


def _changes() -> None:
    # One read of the primary key tells that there is nothing new. 'unknown': a position that was never given; 'gone':
    # events after it were forgotten. Else: next position, whether more follow (t or f), the events as one JSON array.
    op.execute(
        f"""
        create function delivery_changes(
            p_member uuid, p_after bigint, p_types text[], p_scopes text[], p_limit integer
        ) returns text language plpgsql stable {_SAFE} as $$
        declare
            head bigint := coalesce((select max(position) from delivery_events), 0);
            found bigint;
            last bigint;
            items text;
        begin
            if p_after = head then
                return head || ' f []';
            elsif p_after > head then
                return 'unknown';
            elsif p_after < (select min(position) from delivery_events) - 1 then
                return 'gone';
            end if;
            select count(*), max(x.position), string_agg(x.body, ',' order by x.position) into found, last, items
            from (
                select y.position, e.body from (
                    (select a.position from delivery_audience a
                    where a.member_id = p_member and a.position > p_after and a.position <= head
                        and (a.type = any (p_types) or a.type = 'object.erased') and a.scope = any (p_scopes)
                    order by a.position limit p_limit)
                    union all
                    (select a.position from delivery_audience a
                    where a.member_id = {_ALL} and a.position > p_after and a.position <= head
                        and (a.type = any (p_types) or a.type = 'object.erased') and a.scope = any (p_scopes)
                    order by a.position limit p_limit)
                    order by position limit p_limit
                ) y join delivery_events e on e.position = y.position
            ) x;
            if found < p_limit then
                return head || ' f [' || coalesce(items, '') || ']';
            end if;
            return last || ' t [' || items || ']';
        end $$
        """
    )


def _erase() -> None:
    # What was told of an object, blanked wherever it still stands; returns who was told, null where nobody was, the
    # member of zeros where everybody was. Position, type and identifiers stay: the order keeps its proof.
    op.execute(
        f"""
        create function delivery_erase(p_object uuid, out scope text, out audience uuid[])
        language plpgsql {_SAFE} as $$
        begin
            if gongxin_kind() not in ('registry', 'association') then
                raise exception 'the registry erases' using errcode = 'check_violation',
                    constraint = 'delivery_erase_registry';
            end if;
            perform pg_advisory_xact_lock(7203495);
            update delivery_waiting w set body = jsonb_set(w.body::jsonb, '{{data}}', '{{"erased"\\: true}}')::text
            where w.object_id = p_object;
            update delivery_events e set body = jsonb_set(e.body::jsonb, '{{data}}', '{{"erased"\\: true}}')::text
            where e.object_id = p_object;
            select x.scope into scope from (
                select 1 as late, w.number as n, w.scope from delivery_waiting w where w.object_id = p_object
                union all
                select 0, e.position, e.scope from delivery_events e where e.object_id = p_object
                order by 1 desc, 2 desc limit 1
            ) x;
            select array_agg(distinct x.member_id) into audience from (
                select a.member_id from delivery_events e join delivery_audience a on a.position = e.position
                where e.object_id = p_object
                union all
                select unnest(case when cardinality(w.audience) = 0 then array[{_ALL}] else w.audience end)
                from delivery_waiting w where w.object_id = p_object
            ) x;
        end $$
        """
    )
    # The newest event always stays: it holds the place that the next one follows.
    op.execute(
        f"""
        create function delivery_forget(p_before timestamptz, p_limit integer) returns integer
        language plpgsql {_SAFE} as $$
        declare
            upto bigint;
            gone integer;
        begin
            if gongxin_kind() <> 'registry' then
                raise exception 'the registry forgets' using errcode = 'check_violation',
                    constraint = 'delivery_forget_registry';
            end if;
            select max(x.position) into upto from (
                select e.position, e.placed_at from delivery_events e order by e.position limit p_limit
            ) x where x.placed_at < p_before and x.position < (select max(position) from delivery_events);
            delete from delivery_sends s where s.position <= upto;
            delete from delivery_audience a where a.position <= upto;
            delete from delivery_events e where e.position <= upto;
            get diagnostics gone = row_count;
            return gone;
        end $$
        """
    )


def downgrade() -> None:
    op.execute("drop policy add on delivery_acks")
    for function in _FUNCTIONS:
        op.execute(f"drop function {function}")
    for table in _TABLES:
        op.execute(f"drop table {table}")
