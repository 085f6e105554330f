"""Who looked, under which policy. Asking and recording are one function: the web role cannot do the one without the
other, and reads other members' cases in no other way."""

from alembic import op

revision = "0006"
down_revision = "0005"

_FIELDS = '["contested", "legal_class", "result", "stop_flags"]'
_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"

# domain.md section 2; design.md section 4, table "no case, no answer".
_POLICY = [
    ("bank", "creditor", "placement", _FIELDS),
    ("bank", "creditor", "contact", _FIELDS),
    ("agency", "holder", "contact", _FIELDS),
    ("court", "seised", "judicial", _FIELDS),
    ("mediator", "mediator", "mediation", _FIELDS),
    ("association", "oversight", "supervision", _FIELDS),
    ("regulator", "oversight", "supervision", _FIELDS),
    (
        "association",
        "for_the_subject",
        "subject_access",
        '["asked_at", "fields", "ground", "member", "outcome", "purpose"]',
    ),
]


def upgrade() -> None:
    _policies()
    _lookups()
    _ask()
    _subject_access()


def _policies() -> None:
    op.execute(
        """
        create table disclosure_policies (
            version integer not null,
            effective_from timestamptz not null,
            rows jsonb not null,
            created_at timestamptz not null default now(),
            constraint pk_disclosure_policies primary key (version),
            constraint ck_disclosure_policies_version check (version >= 1),
            constraint ck_disclosure_policies_rows check (jsonb_typeof(rows) = 'array')
        )
        """
    )
    _append_only("disclosure_policies")
    op.execute("alter table disclosure_policies enable row level security")
    op.execute("create policy read on disclosure_policies for select to gongxin_web using (true)")
    op.execute(
        "create policy add on disclosure_policies for insert to gongxin_web"
        " with check ((select gongxin_kind()) = 'registry')"
    )
    op.execute("grant select, insert on disclosure_policies to gongxin_web")
    rows = ", ".join(
        f'{{"asker": "{asker}", "relation": "{relation}", "purpose": "{purpose}", "fields": {fields}}}'
        for asker, relation, purpose, fields in _POLICY
    )
    op.get_bind().exec_driver_sql(
        "insert into disclosure_policies (version, effective_from, rows)"
        " values (1, '2026-01-01T00:00:00Z', %s::text::jsonb)",
        (f"[{rows}]",),
    )


def _append_only(table: str) -> None:
    op.execute(
        f"create trigger append_only before update or delete on {table} for each row execute function refuse_change()"
    )


def _lookups() -> None:
    # grounds: one text an item. subject_keys: width × 32 bytes an item, in the order of grounds; a packed bytea
    # crosses the wire three times faster than an array. No outcome where the question was refused.
    op.execute(
        """
        create table lookups (
            id uuid not null,
            asked_at timestamptz not null,
            fresh_until timestamptz not null,
            member_id uuid not null,
            client_id uuid,
            purpose text not null,
            grounds jsonb not null,
            officer text,
            subject_keys bytea not null,
            width integer not null,
            outcomes integer[] not null,
            fields jsonb not null,
            policy_version integer not null,
            refusal text,
            constraint pk_lookups primary key (member_id, id),
            constraint ck_lookups_width check (width in (1, 2)),
            constraint ck_lookups_aligned check (octet_length(subject_keys) % (32 * width) = 0),
            constraint ck_lookups_refusal check (refusal is null or cardinality(outcomes) = 0)
        )
        """
    )
    # Keys and identifiers hardly shrink: compressing them would cost a batch a tenth of its time.
    op.execute("alter table lookups alter column subject_keys set storage external")
    op.execute("alter table lookups alter column grounds set storage external")
    op.execute("create table lookups_pending (lookup_id uuid not null, member_id uuid not null)")
    op.execute("alter table lookups_pending add constraint pk_lookups_pending primary key (lookup_id)")
    op.execute(
        """
        create table lookup_subjects (
            subject_key bytea not null,
            lookup_id uuid not null,
            item integer not null,
            member_id uuid not null,
            asked_at timestamptz not null,
            constraint pk_lookup_subjects primary key (subject_key, lookup_id, item),
            constraint ck_lookup_subjects_key check (octet_length(subject_key) = 32)
        )
        """
    )
    for table in ("lookups", "lookup_subjects"):
        _append_only(table)
    op.execute("alter table lookups enable row level security")
    op.execute(
        """
        create policy own on lookups for select to gongxin_web
        using (member_id = (select gongxin_caller()) or (select gongxin_kind()) = 'registry')
        """
    )
    op.execute(
        """
        create policy refused on lookups for insert to gongxin_web
        with check (member_id = (select gongxin_caller()) and refusal is not null)
        """
    )
    op.execute("grant select, insert on lookups to gongxin_web")
    op.execute("alter table lookups_pending enable row level security")
    op.execute("create policy job on lookups_pending to gongxin_web using ((select gongxin_kind()) = 'registry')")
    op.execute(
        """
        create policy refused on lookups_pending for insert to gongxin_web
        with check (member_id = (select gongxin_caller()))
        """
    )
    # `update` only so that the job can lock the rows it takes.
    op.execute("grant select, insert, update, delete on lookups_pending to gongxin_web")
    op.execute("alter table lookup_subjects enable row level security")
    op.execute("create policy job on lookup_subjects to gongxin_web using ((select gongxin_kind()) = 'registry')")
    op.execute("grant select, insert on lookup_subjects to gongxin_web")


# What one case adds to an answer, as bits, so that one bit_or gathers an item: stop flags 0–15, contested 20, legal
# class one-hot by weight 24–30, ground 40, another party's record 41. A closed case weighs less than anything still
# running, so that it cannot hide another in court.
_CASE_BITS = """
    c.stop_mask::bigint
    | case when c.contested then 1::bigint << 20 else 0 end
    | (1::bigint << (array[24, 26, 27, 28, 29, 25, 30])[c.legal_class + 1])
"""
# The packed outcome (disclosure/rules.py `pack`): stop flags, legal class << 16, contested << 20, result << 21.
# 0 is no_ground.
_OUTCOME = """
    (s.bits & 65535)::integer
    | case
        when s.bits >> 30 & 1 = 1 then 6 << 16
        when s.bits >> 29 & 1 = 1 then 4 << 16
        when s.bits >> 28 & 1 = 1 then 3 << 16
        when s.bits >> 27 & 1 = 1 then 2 << 16
        when s.bits >> 26 & 1 = 1 then 1 << 16
        when s.bits >> 25 & 1 = 1 then 5 << 16
        else 0
    end
    | ((s.bits >> 20 & 1)::integer << 20)
    | ((1 + (s.bits >> 41 & 1)::integer) << 21)
"""
# Every item, with each case that is on its subject.
_ITEMS = """
    from jsonb_array_elements_text(p_grounds) with ordinality as g(ground, item)
    cross join generate_series(1, p_width) as n
    left join case_keys k
        on k.subject_key = substr(p_keys, (((g.item - 1) * p_width + n - 1) * 32 + 1)::integer, 32)
    left join cases c on c.id = k.case_id
    group by g.item
"""


def _gather(bits: str, alone: str = "0") -> str:
    """The outcomes in the order of the items. `bits`: what a case is to the ground; `alone`: what none is."""
    return f"""
        select array_agg(case when s.bits >> 40 & 1 = 1 then {_OUTCOME} else 0 end order by s.item) into found
        from (select g.item, coalesce(bit_or({_CASE_BITS} | ({bits})), {alone}) as bits {_ITEMS}) s;
    """


_BY_CASE = """
    case
        when c.id = g.ground::uuid then
            case when not c.closed and case p_purpose
                when 'placement' then c.creditor_id = p_member
                    and c.placement in ('draft', 'declined', 'returned', 'recalled', 'mandate_expired')
                else c.creditor_id = p_member and c.placement <> 'claim_assigned'
                    or c.agency_id = p_member and c.placement in ('accepted', 'held_over')
            end then 1::bigint << 40 else 0 end
        when c.creditor_id = p_member then 0
        when c.agency_id = p_member and c.placement in ('accepted', 'held_over') then 0
        else 1::bigint << 41
    end
"""
_BY_REFERENCE = """
    case
        when not exists (
            select from case_references r
            where r.case_id = c.id and r.reference = g.ground and r.ended_at is null
                and case p_purpose
                    when 'judicial' then r.kind = 'court_case'
                    else r.kind = 'mediation_file' and r.member_id = p_member
                end
        ) then 1::bigint << 41
        when g.item = any(p_void) then 0
        else 1::bigint << 40
    end
"""
# Its ground is the file number and the named officer, so an item without any case is answered too.
_OVERSIGHT = "3::bigint << 40"


def _ask() -> None:
    # Nested loops whatever the tables' statistics say: the cost of a look-up must not jump as the registry grows. And
    # one plan for all: left to itself PostgreSQL plans each call anew, which takes three times as long as running it.
    op.execute(
        f"""
        create function look_up(
            p_id uuid, p_asked_at timestamptz, p_fresh_until timestamptz, p_member uuid, p_client uuid, p_purpose text,
            p_grounds jsonb, p_keys bytea, p_width integer, p_void integer[], p_officer text, p_fields jsonb,
            p_policy integer
        ) returns integer[] language plpgsql {_SAFE}
        set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
        set plan_cache_mode = force_generic_plan set jit = off as $$
        declare
            found integer[];
        begin
            if p_purpose in ('placement', 'contact') then
                {_gather(_BY_CASE)}
            elsif p_purpose in ('judicial', 'mediation') then
                {_gather(_BY_REFERENCE)}
            elsif p_purpose = 'supervision' then
                {_gather(_OVERSIGHT, alone="1::bigint << 40")}
            else
                raise exception 'not a purpose of look-ups'
                    using errcode = 'check_violation', constraint = 'lookups_purpose';
            end if;
            insert into lookups (
                id, asked_at, fresh_until, member_id, client_id, purpose, grounds, officer, subject_keys, width,
                outcomes, fields, policy_version
            ) values (
                p_id, p_asked_at, p_fresh_until, p_member, p_client, p_purpose, p_grounds, p_officer, p_keys, p_width,
                found, p_fields, p_policy
            );
            insert into lookups_pending (lookup_id, member_id) values (p_id, p_member);
            return found;
        end $$
        """
    )
    op.execute(
        f"""
        create function cases_known_only_by(p_epoch integer) returns bigint language sql stable {_SAFE} as $$
            select count(*) from case_keys k join cases c on c.id = k.case_id
            where k.epoch = p_epoch and not c.closed
                and not exists (select from case_keys o where o.case_id = k.case_id and o.epoch > p_epoch)
        $$
        """
    )
    for signature in (
        "look_up(uuid, timestamptz, timestamptz, uuid, uuid, text, jsonb, bytea, integer, integer[], text, jsonb,"
        " integer)",
        "cases_known_only_by(integer)",
    ):
        op.execute(f"revoke execute on function {signature} from public")
        op.execute(f"grant execute on function {signature} to gongxin_web")


def _subject_access() -> None:
    # Unpacked and pending questions in one statement, so that none is between the two while the job runs.
    op.execute(
        f"""
        create function asked_about(
            p_id uuid, p_asked_at timestamptz, p_fresh_until timestamptz, p_member uuid, p_client uuid, p_request text,
            p_keys bytea, p_width integer, p_fields jsonb, p_policy integer
        ) returns table (
            asked_at timestamptz, name_zh text, name_en text, kind text, purpose text, ground text, outcome integer,
            fields jsonb, refusal text
        ) language plpgsql {_SAFE} as $$
        begin
            if gongxin_kind() not in ('association', 'registry') then
                raise exception 'subject access is given by the association'
                    using errcode = 'check_violation', constraint = 'subject_access_kind';
            end if;
            insert into lookups (
                id, asked_at, fresh_until, member_id, client_id, purpose, grounds, subject_keys, width, outcomes,
                fields, policy_version
            ) values (
                p_id, p_asked_at, p_fresh_until, p_member, p_client, 'subject_access', jsonb_build_array(p_request),
                p_keys, p_width, '{{}}', p_fields, p_policy
            );
            insert into lookups_pending (lookup_id, member_id) values (p_id, p_member);
            return query
            with wanted as (
                select distinct substr(p_keys, n * 32 + 1, 32) as key from generate_series(0, p_width - 1) n
            ),
            hits as (
                select s.member_id, s.lookup_id, s.item from wanted w join lookup_subjects s on s.subject_key = w.key
                union
                select p.member_id, p.lookup_id, n / l.width + 1
                from lookups_pending p
                join lookups l on l.member_id = p.member_id and l.id = p.lookup_id
                cross join generate_series(0, octet_length(l.subject_keys) / 32 - 1) n
                join wanted w on w.key = substr(l.subject_keys, n * 32 + 1, 32)
                where p.lookup_id <> p_id and position(w.key in l.subject_keys) > 0
            )
            select l.asked_at, m.name_zh::text, m.name_en::text, m.kind::text, l.purpose, l.grounds ->> (h.item - 1),
                l.outcomes[h.item], l.fields, l.refusal
            from hits h
            join lookups l on l.member_id = h.member_id and l.id = h.lookup_id
            join members m on m.id = h.member_id
            order by l.asked_at, l.id, h.item;
        end $$
        """
    )
    signature = "asked_about(uuid, timestamptz, timestamptz, uuid, uuid, text, bytea, integer, jsonb, integer)"
    op.execute(f"revoke execute on function {signature} from public")
    op.execute(f"grant execute on function {signature} to gongxin_web")


def downgrade() -> None:
    for function in ("asked_about", "cases_known_only_by", "look_up"):
        op.execute(f"drop function {function}")
    for table in ("lookup_subjects", "lookups_pending", "lookups", "disclosure_policies"):
        op.execute(f"drop table {table}")
