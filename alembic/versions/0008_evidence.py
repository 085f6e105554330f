"""Evidence by its fingerprint, its custody as a chain, batches under one root, how long all of it is kept.

What was registered stays as it was; its leaf of the log bears its own id. The state of evidence (held, destroyed, the
head of its chain) is written by the trigger that takes an event of custody, and by nothing else."""

from alembic import op

revision = "0008"
down_revision = "0007"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_CALLER = "(select gongxin_caller())"
_OWN = f"member_id = {_CALLER} or (select gongxin_kind()) = 'registry'"
_KINDS = "('recording', 'letter', 'photograph', 'contract', 'other')"
_WORD = "char_length({0}) between 1 and 64 and {0} = btrim({0})"
_CHINA = "at time zone 'Asia/Shanghai')::date"

# domain.md section 8. What no authority was checked for says so.
_RETENTION = [
    ("recording", 24, 60, "中国互联网金融协会", "催收录音至少保存两年；条文待核"),
    ("letter", 36, 60, "中华人民共和国民法典", "第 188 条，按三年诉讼时效推定；待核"),
    ("photograph", 36, 60, "中华人民共和国民法典", "第 188 条，按三年诉讼时效推定；待核"),
    ("contract", 36, 60, "中华人民共和国民法典", "第 188 条，按三年诉讼时效推定；待核"),
    ("other", 36, 60, "中华人民共和国民法典", "第 188 条，按三年诉讼时效推定；待核"),
    ("complaint", 36, 60, "待核", "投诉材料至少保存三年；依据待核"),
]


def upgrade() -> None:
    _retention()
    _evidence()
    _custody()
    _chain()
    _batches()
    _policies()
    _of_case()


def _append_only(table: str) -> None:
    op.execute(
        f"create trigger append_only before update or delete on {table} for each row execute function refuse_change()"
    )


def _retention() -> None:
    op.execute(
        """
        create table retention_rules (
            pack text not null,
            record text not null,
            version integer not null,
            min_months integer not null,
            default_months integer not null,
            authority text not null,
            article text not null,
            source_status text not null,
            effective_from date not null,
            created_at timestamptz not null default now(),
            constraint pk_retention_rules primary key (pack, record, version),
            constraint ck_retention_rules_pack check (pack ~ '^[a-z]{2}$'),
            constraint ck_retention_rules_record check (
                record in ('recording', 'letter', 'photograph', 'contract', 'other', 'complaint')
            ),
            constraint ck_retention_rules_months check (
                min_months between 1 and 1200 and default_months between min_months and 1200
            ),
            constraint ck_retention_rules_source check (
                source_status in ('verified', 'unverified') and char_length(authority) between 1 and 200
                and char_length(article) between 1 and 400
            ),
            constraint ck_retention_rules_version check (version >= 1)
        )
        """
    )
    _append_only("retention_rules")
    for record, least, usual, authority, article in _RETENTION:
        op.get_bind().exec_driver_sql(
            "insert into retention_rules (pack, record, version, min_months, default_months, authority, article,"
            " source_status, effective_from) values ('cn', %s, 1, %s, %s, %s, %s, 'unverified', '2026-01-01')",
            (record, least, usual, authority, article),
        )
    # The rule in force on a day: of those that have begun, the newest.
    op.execute(
        f"""
        create function least_retention(p_kind text, p_complaint boolean, p_on date) returns integer
        language sql stable {_SAFE} as $$
            select max(r.min_months) from (
                select distinct on (record) record, min_months from retention_rules
                where pack = 'cn' and effective_from <= p_on
                    and (record = p_kind or p_complaint and record = 'complaint')
                order by record, version desc
            ) r
        $$
        """
    )
    op.execute("revoke execute on function least_retention(text, boolean, date) from public")


def _evidence() -> None:
    op.execute(
        f"""
        create table evidence (
            id uuid not null,
            member_id uuid not null,
            kind text not null,
            sha256 bytea not null,
            sm3 bytea,
            size bigint not null,
            media_type text not null,
            case_id uuid,
            agent_licence text,
            complaint text,
            made_by text,
            device text,
            made_at timestamptz,
            registered_at timestamptz not null,
            keep_at_least_until date not null,
            keep_until date not null,
            commitment bytea not null,
            constraint pk_evidence primary key (id),
            constraint fk_evidence_member_id foreign key (member_id) references members (id),
            constraint fk_evidence_case_id foreign key (case_id) references cases (id),
            constraint uq_evidence_id_member_id unique (id, member_id),
            constraint uq_evidence_member_id_sha256_case_id_agent_licence_complaint
                unique nulls not distinct (member_id, sha256, case_id, agent_licence, complaint),
            constraint ck_evidence_kind check (kind in {_KINDS}),
            constraint ck_evidence_fingerprint check (
                octet_length(sha256) = 32 and octet_length(sm3) = 32 and size between 0 and 9007199254740991
            ),
            constraint ck_evidence_media_type check (
                media_type ~ '^[a-z0-9][a-z0-9!#$&^_.+-]{{0,63}}/[a-z0-9][a-z0-9!#$&^_.+-]{{0,63}}$'
            ),
            constraint ck_evidence_concerns check (
                case_id is not null or agent_licence is not null or complaint is not null
            ),
            constraint ck_evidence_words check (
                {_WORD.format("agent_licence")} and {_WORD.format("complaint")}
                and {_WORD.format("made_by")} and {_WORD.format("device")}
            ),
            constraint ck_evidence_made_at check (
                made_at between '1980-01-01T00:00:00Z' and registered_at + interval '10 minutes'
            ),
            constraint ck_evidence_keep_until check (keep_until >= keep_at_least_until),
            constraint ck_evidence_commitment check (octet_length(commitment) = 32)
        )
        """
    )
    op.execute("create index ix_evidence_member_id_id on evidence (member_id, id)")
    op.execute("create index ix_evidence_case_id_id on evidence (case_id, id) where case_id is not null")
    _append_only("evidence")
    op.execute(
        f"""
        create function evidence_retention() returns trigger language plpgsql {_SAFE} as $$
        declare
            day date := (new.registered_at {_CHINA};
            months integer := least_retention(new.kind, new.complaint is not null, day);
        begin
            if months is null or new.keep_at_least_until < (day + make_interval(months => months))::date then
                raise exception 'kept for less than the least retention'
                    using errcode = 'integrity_constraint_violation', constraint = 'evidence_retention';
            end if;
            return new;
        end $$
        """
    )
    op.execute("create trigger retention after insert on evidence for each row execute function evidence_retention()")


def _custody() -> None:
    op.execute(
        """
        create table evidence_custody (
            id uuid not null,
            evidence_id uuid not null,
            member_id uuid not null,
            position integer not null,
            event text not null,
            at timestamptz not null,
            recipient text,
            basis text,
            previous bytea not null,
            digest bytea not null,
            recorded_at timestamptz not null,
            commitment bytea not null,
            constraint pk_evidence_custody primary key (id),
            constraint uq_evidence_custody_evidence_id_position unique (evidence_id, position),
            constraint fk_evidence_custody_evidence_id_member_id
                foreign key (evidence_id, member_id) references evidence (id, member_id),
            constraint ck_evidence_custody_event check (
                event in ('created', 'moved', 'disclosed', 'destroyed', 'held', 'released')
            ),
            constraint ck_evidence_custody_created check ((event = 'created') = (position = 1)),
            constraint ck_evidence_custody_recipient check (
                (event in ('moved', 'disclosed')) = (recipient is not null)
                and char_length(recipient) between 1 and 120
            ),
            constraint ck_evidence_custody_basis check (char_length(basis) between 1 and 200),
            constraint ck_evidence_custody_at check (
                at between '1980-01-01T00:00:00Z' and recorded_at + interval '10 minutes'
            ),
            constraint ck_evidence_custody_digest check (
                octet_length(previous) = 32 and octet_length(digest) = 32 and octet_length(commitment) = 32
            )
        )
        """
    )
    _append_only("evidence_custody")
    op.execute(
        """
        create table evidence_states (
            evidence_id uuid not null,
            member_id uuid not null,
            version integer not null,
            head bytea not null,
            held boolean not null default false,
            destroyed_at timestamptz,
            constraint pk_evidence_states primary key (evidence_id),
            constraint fk_evidence_states_evidence_id foreign key (evidence_id) references evidence (id)
        )
        """
    )


def _chain() -> None:
    # gongxin_wire.evidence.custody_digest, to the byte; a test holds the two together.
    op.execute(
        """
        create function custody_digest(
            p_at timestamptz, p_basis text, p_event text, p_evidence uuid, p_member uuid, p_position integer,
            p_previous bytea, p_recorded_at timestamptz, p_to text
        ) returns bytea language sql stable
        return sha256(convert_to(
            'gongxin custody 1' || chr(10)
            || '{"at":"' || to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            || '","basis":' || coalesce(to_json(p_basis)::text, 'null')
            || ',"event":"' || p_event || '","evidence_id":"' || p_evidence || '","member_id":"' || p_member
            || '","position":' || p_position || ',"previous":"' || encode(p_previous, 'hex')
            || '","recorded_at":"' || to_char(p_recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            || '","to":' || coalesce(to_json(p_to)::text, 'null') || ',"v"\\:1}', 'UTF8'))
        """
    )
    op.execute("revoke execute on function custody_digest(timestamptz, text, text, uuid, uuid, integer, bytea,"
               " timestamptz, text) from public")  # fmt: skip
    refusals = [
        ("custody_destroyed", "nothing follows destruction", "state.destroyed_at is not null"),
        ("custody_position", "events follow one another", "new.position <> state.version + 1"),
        ("custody_previous", "an event holds the digest of the one before", "new.previous <> state.head"),
        (
            "custody_digest",
            "the digest is of another event",
            "new.digest <> custody_digest(new.at, new.basis, new.event, new.evidence_id, new.member_id, new.position,"
            " new.previous, new.recorded_at, new.recipient)",
        ),
        ("custody_held", "evidence under a legal hold is kept", "new.event = 'destroyed' and state.held"),
        (
            "custody_retention",
            "the least retention is not over",
            f"new.event = 'destroyed' and (new.recorded_at {_CHINA} < kept",
        ),
        (
            "custody_hold",
            "a hold is placed where there is none and released where there is one",
            "new.event = 'held' and state.held or new.event = 'released' and not state.held",
        ),
    ]
    tests = "".join(
        f"""
            if {test} then
                raise exception '{words}'
                    using errcode = 'integrity_constraint_violation', constraint = '{name}';
            end if;
        """
        for name, words, test in refusals
    )
    op.execute(
        f"""
        create function evidence_custody_chain() returns trigger language plpgsql {_SAFE} as $$
        declare
            state evidence_states;
            kept date;
        begin
            select * into state from evidence_states s where s.evidence_id = new.evidence_id for update;
            if not found then
                select e.id, e.member_id, 0, e.sha256, false, null::timestamptz into state
                from evidence e where e.id = new.evidence_id;
            end if;
            select e.keep_at_least_until into kept from evidence e where e.id = new.evidence_id;
            {tests}
            insert into evidence_states (evidence_id, member_id, version, head, held, destroyed_at)
            values (new.evidence_id, new.member_id, 1, new.digest, false, null)
            on conflict (evidence_id) do update set version = new.position, head = new.digest,
                held = case new.event when 'held' then true when 'released' then false else state.held end,
                destroyed_at = case when new.event = 'destroyed' then new.at end;
            return new;
        end $$
        """
    )
    # After the row: its foreign key has found the evidence then, or there is none to follow.
    op.execute(
        "create trigger chain after insert on evidence_custody for each row execute function evidence_custody_chain()"
    )
    op.execute(
        f"""
        create function evidence_created() returns trigger language plpgsql {_SAFE} as $$
        begin
            if not exists (select from evidence_states s where s.evidence_id = new.id) then
                raise exception 'evidence begins with its creation'
                    using errcode = 'integrity_constraint_violation', constraint = 'evidence_created';
            end if;
            return null;
        end $$
        """
    )
    op.execute(
        "create constraint trigger created after insert on evidence deferrable initially deferred"
        " for each row execute function evidence_created()"
    )


def _batches() -> None:
    op.execute(
        f"""
        create table evidence_batches (
            id uuid not null,
            member_id uuid not null,
            kind text not null,
            root bytea not null,
            count integer not null,
            label text,
            made_from date,
            made_to date,
            case_id uuid,
            agent_licence text,
            complaint text,
            registered_at timestamptz not null,
            keep_at_least_until date not null,
            keep_until date not null,
            commitment bytea not null,
            constraint pk_evidence_batches primary key (id),
            constraint fk_evidence_batches_member_id foreign key (member_id) references members (id),
            constraint fk_evidence_batches_case_id foreign key (case_id) references cases (id),
            constraint uq_evidence_batches_member_id_root unique (member_id, root),
            constraint ck_evidence_batches_kind check (kind in {_KINDS}),
            constraint ck_evidence_batches_root check (octet_length(root) = 32 and octet_length(commitment) = 32),
            constraint ck_evidence_batches_count check (count between 1 and 100000),
            constraint ck_evidence_batches_words check (
                {_WORD.format("label")} and {_WORD.format("agent_licence")} and {_WORD.format("complaint")}
            ),
            constraint ck_evidence_batches_made check (
                made_from >= '1980-01-01' and made_to >= '1980-01-01' and made_to >= made_from
                and greatest(made_from, made_to) <= (registered_at {_CHINA} + 1
            ),
            constraint ck_evidence_batches_keep_until check (keep_until >= keep_at_least_until)
        )
        """
    )
    op.execute("create index ix_evidence_batches_member_id_id on evidence_batches (member_id, id)")
    _append_only("evidence_batches")
    op.execute(
        "create trigger retention after insert on evidence_batches for each row execute function evidence_retention()"
    )


def _policies() -> None:
    for table in ("retention_rules", "evidence", "evidence_custody", "evidence_states", "evidence_batches"):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"grant select on {table} to gongxin_web")
    op.execute("create policy read on retention_rules for select to gongxin_web using (true)")
    op.execute(
        "create policy add on retention_rules for insert to gongxin_web"
        " with check ((select gongxin_kind()) = 'registry')"
    )
    op.execute("grant insert on retention_rules to gongxin_web")
    for table in ("evidence", "evidence_custody", "evidence_states", "evidence_batches"):
        op.execute(f"create policy own on {table} for select to gongxin_web using ({_OWN})")
    # A case is named by whoever sees it: the policy of cases decides.
    seen = "(case_id is null or exists (select from cases c where c.id = case_id))"
    for table in ("evidence", "evidence_batches"):
        op.execute(
            f"create policy add on {table} for insert to gongxin_web with check (member_id = {_CALLER} and {seen})"
        )
    op.execute(f"create policy add on evidence_custody for insert to gongxin_web with check (member_id = {_CALLER})")
    for table in ("evidence", "evidence_custody", "evidence_batches"):
        op.execute(f"grant insert on {table} to gongxin_web")


def _of_case() -> None:
    # What the parties of a case learn of each other's evidence: that it exists. Parties as in the policy of cases.
    op.execute(
        f"""
        create function evidence_of_case(p_case uuid, p_after uuid, p_limit integer)
        returns table (id uuid, own boolean, kind text, sha256 bytea, registered_at timestamptz)
        language sql stable {_SAFE} as $$
            select e.id, e.member_id = gongxin_caller(), e.kind, e.sha256, e.registered_at
            from evidence e join cases c on c.id = e.case_id
            where e.case_id = p_case and (p_after is null or e.id > p_after)
                and (c.creditor_id = gongxin_caller()
                    or c.agency_id = gongxin_caller() and c.placement in ('assigned', 'accepted', 'held_over')
                    or gongxin_kind() = 'mediator' and mediates_case(c.id))
            order by e.id limit p_limit
        $$
        """
    )
    op.execute("revoke execute on function evidence_of_case(uuid, uuid, integer) from public")
    op.execute("grant execute on function evidence_of_case(uuid, uuid, integer) to gongxin_web")


def downgrade() -> None:
    op.execute("drop function evidence_of_case(uuid, uuid, integer)")
    for table in ("evidence_batches", "evidence_states", "evidence_custody", "evidence", "retention_rules"):
        op.execute(f"drop table {table}")
    for function in (
        "evidence_created()",
        "evidence_custody_chain()",
        "custody_digest(timestamptz, text, text, uuid, uuid, integer, bytea, timestamptz, text)",
        "evidence_retention()",
        "least_retention(text, boolean, date)",
    ):
        op.execute(f"drop function {function}")
