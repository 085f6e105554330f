"""Credit records of agents: violations, commendations, what was corrected, what the person says to it.

Entries are superseded, never changed; nobody but the association and regulators makes one. A reply or objection has its
day to be answered by, in working days."""

from alembic import op

revision = "0014"
down_revision = "0013"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_KIND = "(select gongxin_kind())"
_OF_VISIBLE = "exists (select from agents a where a.id = agent_id)"
_CHINA = "at time zone 'Asia/Shanghai')::date"
_OLD_KINDS = (
    "'member_state', 'agreement', 'client_key', 'policy', 'case_event', 'court_event', 'lookup', 'subject_access',"
    " 'epoch', 'erasure', 'evidence', 'evidence_batch', 'custody', 'fund_entry', 'fund_period', 'agent_state',"
    " 'certificate', 'agent_check'"
)


def upgrade() -> None:
    for table in ("log_waiting", "log_leaves"):
        _leaf_kinds(table, f"{_OLD_KINDS}, 'agent_record'")
    op.execute(
        f"""
        create table agent_records (
            id uuid not null,
            agent_id uuid not null,
            kind text not null,
            severity text,
            certainty text,
            occurred_on date not null,
            basis text not null,
            withdrawn boolean not null,
            supersedes uuid,
            recorded_by uuid not null,
            recorded_at timestamptz not null,
            constraint pk_agent_records primary key (id),
            constraint uq_agent_records_agent_id_id unique (agent_id, id),
            constraint uq_agent_records_supersedes unique (supersedes),
            constraint fk_agent_records_agent_id foreign key (agent_id) references agents (id),
            constraint fk_agent_records_agent_id_supersedes foreign key (agent_id, supersedes)
                references agent_records (agent_id, id),
            constraint fk_agent_records_recorded_by foreign key (recorded_by) references members (id),
            constraint ck_agent_records_kind check (
                case kind
                    when 'violation' then severity in ('S1', 'S2', 'S3') and severity is not null
                        and certainty in ('proven', 'established', 'alleged') and certainty is not null
                    when 'commendation' then severity is null and certainty is null
                    else false
                end
            ),
            constraint ck_agent_records_basis check (char_length(basis) between 1 and 200),
            constraint ck_agent_records_occurred_on check (occurred_on <= (recorded_at {_CHINA}),
            constraint ck_agent_records_withdrawn check (not withdrawn or supersedes is not null)
        )
        """
    )
    op.execute(
        """
        create table agent_responses (
            id uuid not null,
            agent_id uuid not null,
            record_id uuid not null,
            kind text not null,
            answers uuid,
            outcome text,
            said text not null,
            due_on date,
            said_by uuid not null,
            said_at timestamptz not null,
            constraint pk_agent_responses primary key (id),
            constraint uq_agent_responses_record_id_id unique (record_id, id),
            constraint uq_agent_responses_answers unique (answers),
            constraint fk_agent_responses_agent_id_record_id foreign key (agent_id, record_id)
                references agent_records (agent_id, id),
            constraint fk_agent_responses_record_id_answers foreign key (record_id, answers)
                references agent_responses (record_id, id),
            constraint fk_agent_responses_said_by foreign key (said_by) references members (id),
            constraint ck_agent_responses_kind check (kind in ('reply', 'objection', 'correction_request', 'decision')),
            constraint ck_agent_responses_decision check (
                (kind = 'decision') = (answers is not null and outcome is not null)
                and (answers is null) = (outcome is null)
            ),
            constraint ck_agent_responses_outcome check (outcome in ('upheld', 'rejected')),
            constraint ck_agent_responses_due_on check (
                (kind in ('objection', 'correction_request')) = (due_on is not null)
            ),
            constraint ck_agent_responses_said check (char_length(said) between 1 and 500)
        )
        """
    )
    for table in ("agent_records", "agent_responses"):
        op.execute(f"create index ix_{table}_agent_id_id on {table} (agent_id, id)")
        op.execute(
            f"create trigger append_only before update or delete on {table}"
            " for each row execute function refuse_change()"
        )
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy own on {table} for select to gongxin_web using ({_OF_VISIBLE})")
        op.execute(f"grant select, insert on {table} to gongxin_web")
    op.execute(
        "create policy add on agent_records for insert to gongxin_web"
        f" with check ({_KIND} in ('association', 'regulator') and recorded_by = (select gongxin_caller()))"
    )
    op.execute(
        "create policy add on agent_responses for insert to gongxin_web"
        f" with check (said_by = (select gongxin_caller()) and {_OF_VISIBLE}"
        f" and ({_KIND} = 'association' or {_KIND} = 'agency' and kind <> 'decision'))"
    )
    # What a check may tell of a record, whoever employs the agent: entries as they stand, and whether one is contested.
    op.execute(
        f"""
        create function agent_credit(p_agents uuid[])
        returns table (agent_id uuid, id uuid, severity text, certainty text, occurred_on date, contested boolean)
        language sql stable {_SAFE} as $$
            select r.agent_id, r.id, r.severity, r.certainty, r.occurred_on, exists (
                select from agent_responses o where o.record_id = r.id and o.kind = 'objection'
                and not exists (select from agent_responses d where d.answers = o.id)
            )
            from agent_records r
            where r.agent_id = any (p_agents) and not r.withdrawn
            and not exists (select from agent_records s where s.supersedes = r.id)
        $$
        """
    )
    op.execute("revoke execute on function agent_credit from public")
    op.execute("grant execute on function agent_credit to gongxin_web")


def _leaf_kinds(table: str, kinds: str) -> None:
    op.execute(f"alter table {table} drop constraint ck_{table}_kind")
    op.execute(f"alter table {table} add constraint ck_{table}_kind check (kind in ({kinds}))")


def downgrade() -> None:
    op.execute("drop function agent_credit")
    op.execute("drop table agent_responses")
    op.execute("drop table agent_records")
    for table in ("log_waiting", "log_leaves"):
        _leaf_kinds(table, _OLD_KINDS)
