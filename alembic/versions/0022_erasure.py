"""Erasure of the record itself, with the opening of its leaf: one function does both and leaves a tombstone and a leaf.

A row of a table of records goes only where a tombstone names its leaf; a tombstone comes only with the erasure leaf.
What may be erased, on which ground, and what refuses it: docs/evidence.md section 7."""

from alembic import op

revision = "0022"
down_revision = "0021"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_KINDS = (
    "'case_event', 'court_event', 'lookup', 'subject_access', 'agent_check', 'evidence', 'evidence_batch', 'custody'"
)
_SIGNATURE = "erase_record(uuid, uuid, bytea, text, text, text, timestamptz)"
_CHINA = "at time zone 'Asia/Shanghai')::date"
# Table → the columns that name its leaf.
_TABLES = {
    "lookups": ("id",),
    "lookup_subjects": ("lookup_id",),
    "case_events": ("id",),
    "court_events": ("id",),
    "agent_checks": ("id",),
    "evidence": ("id",),
    "evidence_custody": ("id", "evidence_id"),
    "evidence_batches": ("id",),
}


def upgrade() -> None:
    op.execute("alter table retention_rules drop constraint ck_retention_rules_record")
    op.execute(
        "alter table retention_rules add constraint ck_retention_rules_record check (record in ('recording', 'letter',"
        " 'photograph', 'contract', 'other', 'complaint', 'lookup'))"
    )
    op.execute(
        "insert into retention_rules (pack, record, version, min_months, default_months, authority, article,"
        " source_status, effective_from) values ('cn', 'lookup', 1, 60, 60, '待核',"
        " '查询记录至少保存五年；依据待核', 'unverified', '2026-01-01')"
    )
    _tombstones()
    for table, columns in _TABLES.items():
        named = ", ".join(f"'{column}'" for column in columns)
        op.execute(f"drop trigger append_only on {table}")
        op.execute(
            f"create trigger append_only before update or delete on {table}"
            f" for each row execute function refuse_but_erasure({named})"
        )
    _limits()
    _erase()
    op.execute("revoke execute on function log_erase(uuid, uuid, bytea, text) from gongxin_web")


def _tombstones() -> None:
    op.execute(
        f"""
        create table erasures (
            leaf_id uuid not null,
            kind text not null,
            owner_id uuid,
            because text not null,
            ground text not null,
            erasure_id uuid not null,
            erased_at timestamptz not null,
            erased_by uuid not null,
            constraint pk_erasures primary key (leaf_id),
            constraint uq_erasures_erasure_id unique (erasure_id),
            constraint ck_erasures_kind check (kind in ({_KINDS})),
            constraint ck_erasures_because check (
                because in ('purpose_ended', 'consent_withdrawn', 'unlawful', 'ordered')
            ),
            constraint ck_erasures_ground check (char_length(ground) between 1 and 200)
        )
        """
    )
    op.execute(
        "create trigger append_only before update or delete on erasures for each row execute function refuse_change()"
    )
    op.execute("alter table erasures enable row level security")
    op.execute(
        "create policy own on erasures for select to gongxin_web using (owner_id = (select gongxin_caller())"
        " or (select gongxin_kind()) in ('registry', 'association'))"
    )
    op.execute("grant select on erasures to gongxin_web")
    op.execute(
        f"""
        create function refuse_but_erasure() returns trigger language plpgsql {_SAFE} as $$
        declare
            name text;
        begin
            if tg_op = 'DELETE' then
                foreach name in array tg_argv loop
                    if exists (select from erasures e where e.leaf_id = (to_jsonb(old) ->> name)::uuid) then
                        return old;
                    end if;
                end loop;
            end if;
            raise exception 'records of % are never changed, and deleted by erasure alone', tg_table_name
                using errcode = 'integrity_constraint_violation', constraint = 'append_only_' || tg_table_name;
        end $$
        """
    )


def _limits() -> None:
    # Until when the law keeps a record; null where nothing does.
    op.execute(
        f"""
        create function erasure_kept_until(p_kind text, p_leaf uuid) returns date language sql stable {_SAFE} as $$
            select case
                when p_kind in ('lookup', 'subject_access') then (
                    select (d.day + make_interval(months => least_retention('lookup', false, d.day)))::date
                    from log_openings o join lookups l on l.member_id = o.owner_id and l.id = o.leaf_id
                    cross join lateral (select (l.asked_at {_CHINA} as day) d where o.leaf_id = p_leaf)
                when p_kind = 'agent_check' then (
                    select (d.day + make_interval(months => least_retention('lookup', false, d.day)))::date
                    from agent_checks c cross join lateral (select (c.asked_at {_CHINA} as day) d where c.id = p_leaf)
                when p_kind = 'evidence' then (select keep_at_least_until from evidence where id = p_leaf)
                when p_kind = 'custody' then (
                    select e.keep_at_least_until from evidence_custody c join evidence e on e.id = c.evidence_id
                    where c.id = p_leaf)
                when p_kind = 'evidence_batch' then (
                    select keep_at_least_until from evidence_batches where id = p_leaf)
            end
        $$
        """
    )
    # A hold on evidence keeps it, and what is recorded of the case it concerns.
    op.execute(
        f"""
        create function erasure_held(p_kind text, p_leaf uuid) returns boolean language plpgsql {_SAFE} as $$
        declare
            evidence_of uuid;
        begin
            if p_kind in ('evidence', 'custody') then
                select coalesce((select c.evidence_id from evidence_custody c where c.id = p_leaf), p_leaf)
                into evidence_of;
                return coalesce(
                    (select s.held from evidence_states s where s.evidence_id = evidence_of for update), false);
            end if;
            return exists (
                select from evidence e join evidence_states s on s.evidence_id = e.id
                where s.held and e.case_id in (
                    select v.case_id from case_events v where p_kind = 'case_event' and v.id = p_leaf
                    union all
                    select r.case_id from court_events v join case_references r on r.reference = v.reference
                    where p_kind = 'court_event' and v.id = p_leaf
                    union all
                    select g.ground::uuid from log_openings o
                    join lookups l on l.member_id = o.owner_id and l.id = o.leaf_id
                    cross join jsonb_array_elements_text(l.grounds) as g(ground)
                    where p_kind = 'lookup' and o.leaf_id = p_leaf and l.purpose in ('placement', 'contact')
                    union all
                    select b.case_id from evidence_batches b where p_kind = 'evidence_batch' and b.id = p_leaf
                )
            );
        end $$
        """
    )
    for function in ("erasure_kept_until(text, uuid)", "erasure_held(text, uuid)"):
        op.execute(f"revoke execute on function {function} from public")


def _refuse(test: str, words: str, name: str) -> str:
    return f"""
            if {test} then
                raise exception '{words}' using errcode = 'integrity_constraint_violation', constraint = '{name}';
            end if;"""


def _erase() -> None:
    refusals = "".join(
        (
            _refuse("gongxin_kind() not in ('registry', 'association')", "the registry erases", "erasure_by"),
            _refuse("not found", "there is no such opening", "log_erase_present"),
            _refuse("leaf_kind = 'erasure'", "an erasure is not erased", "log_erase_of_erasure"),
            _refuse(
                f"leaf_kind not in ({_KINDS}) or leaf_kind = 'case_event'"
                " and exists (select from case_events where id = p_leaf and axis = 'placement')",
                "records of this kind hold no person or are kept by law",
                "erasure_kind",
            ),
            _refuse("erasure_held(leaf_kind, p_leaf)", "it is under a legal hold", "erasure_held"),
            _refuse(
                f"p_because <> 'ordered' and (p_at {_CHINA} < erasure_kept_until(leaf_kind, p_leaf)",
                "the law still keeps it",
                "erasure_clock",
            ),
            _refuse(
                "p_because = 'purpose_ended' and (exists (select from case_events v join cases c on c.id = v.case_id"
                " where v.id = p_leaf and not c.closed) or exists (select from court_events v"
                " join case_references r on r.reference = v.reference join cases c on c.id = r.case_id"
                " where v.id = p_leaf and not c.closed))",
                "the case is not closed",
                "erasure_case_open",
            ),
        )
    )
    # The job that files look-ups by subject holds the pending row while it does: it is waited for.
    op.execute(
        f"""
        create function erase_record(
            p_leaf uuid, p_id uuid, p_salt bytea, p_record text, p_because text, p_ground text, p_at timestamptz
        ) returns void language plpgsql {_SAFE} as $$
        declare
            leaf_kind text := coalesce(
                (select kind from log_leaves where leaf_id = p_leaf),
                (select kind from log_waiting where leaf_id = p_leaf));
            owner uuid;
        begin
            select o.owner_id into owner from log_openings o where o.leaf_id = p_leaf for update;
            {refusals}
            insert into erasures (leaf_id, kind, owner_id, because, ground, erasure_id, erased_at, erased_by)
            values (p_leaf, leaf_kind, owner, p_because, p_ground, p_id, p_at, gongxin_caller());
            perform log_erase(p_leaf, p_id, p_salt, p_record);
            if leaf_kind in ('lookup', 'subject_access') then
                perform from lookups_pending where lookup_id = p_leaf for update;
                delete from lookups_pending where lookup_id = p_leaf;
                delete from lookup_subjects s using lookups l, generate_series(0, 2000) n
                where l.member_id = owner and l.id = p_leaf and n < octet_length(l.subject_keys) / 32
                    and s.subject_key = substr(l.subject_keys, n * 32 + 1, 32) and s.lookup_id = p_leaf;
                delete from lookups where member_id = owner and id = p_leaf;
            elsif leaf_kind = 'case_event' then
                delete from case_events where id = p_leaf;
            elsif leaf_kind = 'court_event' then
                delete from court_events where id = p_leaf;
            elsif leaf_kind = 'agent_check' then
                delete from agent_checks where id = p_leaf;
            elsif leaf_kind = 'custody' then
                delete from evidence_custody where id = p_leaf;
            elsif leaf_kind = 'evidence' then
                delete from evidence_custody where evidence_id = p_leaf and position = 1;
                delete from evidence_states where evidence_id = p_leaf;
                delete from evidence where id = p_leaf;
            else
                delete from evidence_batches where id = p_leaf;
            end if;
            -- An answer remembered for a repeated request is not said again, nor the work done again.
            update idempotency_keys set answer = '', headers = '[]',
                body_digest = sha256(convert_to(p_salt::text, 'UTF8'))
            where position(convert_to(p_leaf::text, 'UTF8') in answer) > 0;
        end $$
        """
    )
    op.execute(f"revoke execute on function {_SIGNATURE} from public")
    op.execute(f"grant execute on function {_SIGNATURE} to gongxin_web")
    # Custody goes with its evidence, never by itself.
    op.execute(
        f"""
        create function custody_erased_whole() returns trigger language plpgsql {_SAFE} as $$
        begin
            if exists (select from evidence where id = old.evidence_id) then
                raise exception 'custody is erased with its evidence'
                    using errcode = 'integrity_constraint_violation', constraint = 'custody_erased_whole';
            end if;
            return null;
        end $$
        """
    )
    op.execute(
        "create constraint trigger erased_whole after delete on evidence_custody deferrable initially deferred"
        " for each row execute function custody_erased_whole()"
    )


def downgrade() -> None:
    op.execute("grant execute on function log_erase(uuid, uuid, bytea, text) to gongxin_web")
    op.execute("drop trigger erased_whole on evidence_custody")
    for function in (
        "custody_erased_whole()", _SIGNATURE, "erasure_held(text, uuid)", "erasure_kept_until(text, uuid)",
    ):  # fmt: skip
        op.execute(f"drop function {function}")
    for table in _TABLES:
        op.execute(f"drop trigger append_only on {table}")
        op.execute(
            f"create trigger append_only before update or delete on {table}"
            " for each row execute function refuse_change()"
        )
    op.execute("drop function refuse_but_erasure()")
    op.execute("drop table erasures")
    op.execute("alter table retention_rules disable trigger append_only")
    op.execute("delete from retention_rules where record = 'lookup'")
    op.execute("alter table retention_rules enable trigger append_only")
    op.execute("alter table retention_rules drop constraint ck_retention_rules_record")
    op.execute(
        "alter table retention_rules add constraint ck_retention_rules_record check (record in ('recording', 'letter',"
        " 'photograph', 'contract', 'other', 'complaint'))"
    )
