"""Standard text and fee caps (合同范本、佣金上限).

Adopted text is immutable here, whoever writes; it takes two officers who did not draft it. Caps are bitemporal: none is
changed, one supersedes another, and no two in force at once overlap in their days."""

from alembic import op

revision = "0017"
down_revision = "0016"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_KIND = "(select gongxin_kind())"
_OFFICE = f"{_KIND} in ('association', 'registry')"
_OFFICER = "~ '^[0-9A-Z一-鿿]{1,64}$'"
_OLD_KINDS = (
    "'member_state', 'agreement', 'client_key', 'policy', 'case_event', 'court_event', 'lookup', 'subject_access',"
    " 'epoch', 'erasure', 'evidence', 'evidence_batch', 'custody', 'fund_entry', 'fund_period', 'agent_state',"
    " 'certificate', 'agent_check', 'agent_record'"
)


def _leaf_kinds(kinds: str) -> None:
    for table in ("log_waiting", "log_leaves"):
        op.execute(f"alter table {table} drop constraint ck_{table}_kind")
        op.execute(f"alter table {table} add constraint ck_{table}_kind check (kind in ({kinds}))")


def upgrade() -> None:
    _leaf_kinds(f"{_OLD_KINDS}, 'fee_cap', 'contract_template', 'contract', 'recovery', 'statement'")
    _caps()
    _templates()
    _around_templates()


def _caps() -> None:
    op.execute(
        """
        create table fee_caps (
            id uuid not null,
            jurisdiction text not null,
            member_kind text not null,
            bucket integer not null,
            rate_bp_max integer,
            authority text not null,
            citation text not null,
            source_status text not null,
            effective_from date not null,
            effective_until date,
            supersedes uuid,
            recorded_at timestamptz not null,
            superseded_at timestamptz,
            constraint pk_fee_caps primary key (id),
            constraint uq_fee_caps_supersedes unique (supersedes),
            constraint fk_fee_caps_supersedes foreign key (supersedes) references fee_caps (id),
            constraint ck_fee_caps_jurisdiction check (jurisdiction ~ '^[a-z]{2}(-[a-z0-9]{1,8})?$'),
            constraint ck_fee_caps_member_kind check (member_kind in ('agency', 'mediator')),
            constraint ck_fee_caps_bucket check (bucket between 1 and 25),
            constraint ck_fee_caps_rate check (
                rate_bp_max between 0 and 10000 and (rate_bp_max is not null or supersedes is not null)
            ),
            constraint ck_fee_caps_authority check (char_length(authority) between 1 and 120),
            constraint ck_fee_caps_citation check (char_length(citation) between 1 and 200),
            constraint ck_fee_caps_source_status check (source_status in ('verified', 'unverified', 'informational')),
            constraint ck_fee_caps_days check (effective_until >= effective_from)
        )
        """
    )
    op.execute(
        "create index ix_fee_caps_key on fee_caps (jurisdiction, member_kind, bucket, effective_from)"
        " where superseded_at is null"
    )
    _trigger(
        "fee_caps_apart",
        "before insert on fee_caps",
        """
        perform pg_advisory_xact_lock(hashtextextended(concat_ws('/', new.jurisdiction, new.member_kind), 7205));
        if new.supersedes is not null then
            update fee_caps c set superseded_at = new.recorded_at
            where c.id = new.supersedes and c.superseded_at is null and c.recorded_at <= new.recorded_at
            and (c.jurisdiction, c.member_kind, c.bucket) = (new.jurisdiction, new.member_kind, new.bucket);
            if not found then
                raise exception 'a cap supersedes the newest of its own bucket, and none recorded after it'
                    using errcode = 'integrity_constraint_violation', constraint = 'fee_caps_superseded';
            end if;
        end if;
        if new.superseded_at is not null or new.recorded_at > now() + interval '10 minutes' then
            raise exception 'what was known when is not for the writer to choose'
                using errcode = 'integrity_constraint_violation', constraint = 'fee_caps_recorded';
        elsif new.rate_bp_max is not null and exists (
            select from fee_caps c
            where (c.jurisdiction, c.member_kind, c.bucket) = (new.jurisdiction, new.member_kind, new.bucket)
            and c.superseded_at is null and c.rate_bp_max is not null
            and daterange(c.effective_from, c.effective_until, '[]')
                && daterange(new.effective_from, new.effective_until, '[]')
        ) then
            raise exception 'two caps of one bucket overlap'
                using errcode = 'integrity_constraint_violation', constraint = 'fee_caps_apart';
        elsif exists (
            select from fee_caps c
            where (c.jurisdiction, c.member_kind, c.bucket) = (new.jurisdiction, new.member_kind, new.bucket)
            and c.recorded_at > new.recorded_at
        ) then
            raise exception 'nothing is recorded before what is on record already'
                using errcode = 'integrity_constraint_violation', constraint = 'fee_caps_recorded';
        end if;
        """,
    )
    _trigger(
        "fee_caps_guard",
        "before update or delete on fee_caps",
        """
        if tg_op = 'DELETE' or old.superseded_at is not null
            or (to_jsonb(new) - 'superseded_at') <> (to_jsonb(old) - 'superseded_at') then
            raise exception 'a cap on record is superseded, never changed'
                using errcode = 'integrity_constraint_violation', constraint = 'fee_caps_kept';
        end if;
        """,
    )
    op.execute("alter table fee_caps enable row level security")
    op.execute("create policy anyone on fee_caps for select to gongxin_web using (true)")
    op.execute(f"create policy record on fee_caps for insert to gongxin_web with check ({_OFFICE})")
    op.execute("grant select, insert on fee_caps to gongxin_web")


def _templates() -> None:
    op.execute(
        f"""
        create table contract_templates (
            id uuid not null,
            code text not null,
            version integer not null,
            state text not null,
            content jsonb not null,
            content_hash bytea not null,
            member_id uuid not null,
            maker text not null,
            effective_on date,
            superseded_on date,
            created_at timestamptz not null,
            changed_at timestamptz not null,
            constraint pk_contract_templates primary key (id),
            constraint uq_contract_templates_code_version unique (code, version),
            constraint fk_contract_templates_member_id foreign key (member_id) references members (id),
            constraint ck_contract_templates_code check (code ~ '^[a-z][a-z0-9_-]{{0,31}}$'),
            constraint ck_contract_templates_version check (version between 1 and 9999),
            constraint ck_contract_templates_state check (state in ('draft', 'consulted', 'adopted', 'withdrawn')),
            constraint ck_contract_templates_content_hash check (octet_length(content_hash) = 32),
            constraint ck_contract_templates_maker check (maker {_OFFICER}),
            constraint ck_contract_templates_effective_on check ((state = 'adopted') = (effective_on is not null)),
            constraint ck_contract_templates_superseded_on check (superseded_on > effective_on)
        )
        """
    )
    op.execute("alter table contract_templates enable row level security")
    # A draft is the association's; once it is out for consultation every member reads it.
    op.execute(
        "create policy read on contract_templates for select to gongxin_web"
        f" using (state in ('consulted', 'adopted') or {_OFFICE})"
    )
    op.execute(
        "create policy draft on contract_templates for insert to gongxin_web"
        f" with check ({_OFFICE} and state = 'draft' and superseded_on is null)"
    )
    op.execute(f"create policy move on contract_templates for update to gongxin_web using ({_OFFICE})")
    op.execute(
        "grant select, insert, update (state, content, content_hash, effective_on, superseded_on, changed_at)"
        " on contract_templates to gongxin_web"
    )


def _around_templates() -> None:
    op.execute(
        """
        create table contract_template_comments (
            id uuid not null,
            template_id uuid not null,
            member_id uuid not null,
            clause_id text,
            said text not null,
            said_at timestamptz not null,
            constraint pk_contract_template_comments primary key (id),
            constraint fk_contract_template_comments_template_id foreign key (template_id)
                references contract_templates (id),
            constraint fk_contract_template_comments_member_id foreign key (member_id) references members (id),
            constraint ck_contract_template_comments_clause_id check (clause_id ~ '^[a-z][a-z0-9_-]{0,31}$'),
            constraint ck_contract_template_comments_said check (char_length(said) between 1 and 1000)
        )
        """
    )
    op.execute(
        f"""
        create table contract_template_approvals (
            template_id uuid not null,
            officer text not null,
            content_hash bytea not null,
            member_id uuid not null,
            approved_at timestamptz not null,
            constraint pk_contract_template_approvals primary key (template_id, officer, content_hash),
            constraint fk_contract_template_approvals_template_id foreign key (template_id)
                references contract_templates (id),
            constraint fk_contract_template_approvals_member_id foreign key (member_id) references members (id),
            constraint ck_contract_template_approvals_officer check (officer {_OFFICER})
        )
        """
    )
    _trigger(
        "contract_templates_guard",
        "before update or delete on contract_templates",
        """
        if tg_op = 'DELETE' or (new.id, new.code, new.version, new.member_id, new.maker, new.created_at)
            is distinct from (old.id, old.code, old.version, old.member_id, old.maker, old.created_at) then
            raise exception 'a template stays on record'
                using errcode = 'integrity_constraint_violation', constraint = 'contract_templates_kept';
        elsif old.state <> 'draft'
            and (new.content, new.content_hash) is distinct from (old.content, old.content_hash) then
            raise exception 'text that is out does not change'
                using errcode = 'integrity_constraint_violation', constraint = 'contract_templates_text';
        elsif new.state <> old.state and (old.state, new.state) not in (
            ('draft', 'consulted'), ('draft', 'withdrawn'), ('consulted', 'draft'), ('consulted', 'adopted'),
            ('consulted', 'withdrawn')
        ) or old.superseded_on is not null and new.superseded_on is distinct from old.superseded_on
            or old.effective_on is not null and new.effective_on is distinct from old.effective_on then
            raise exception 'this does not follow'
                using errcode = 'integrity_constraint_violation', constraint = 'contract_templates_transition';
        elsif new.state = 'adopted' and old.state <> 'adopted' and (
            select count(*) from contract_template_approvals a
            where a.template_id = new.id and a.content_hash = new.content_hash and a.officer <> new.maker
        ) < 2 then
            raise exception 'two officers approve what is adopted'
                using errcode = 'integrity_constraint_violation', constraint = 'contract_templates_approved';
        end if;
        """,
    )
    _trigger(
        "contract_templates_consulted",
        "before insert on contract_template_comments",
        """
        if not exists (select from contract_templates t where t.id = new.template_id and t.state = 'consulted') then
            raise exception 'comments are taken in the consultation'
                using errcode = 'integrity_constraint_violation', constraint = 'contract_templates_consulted';
        end if;
        """,
    )
    _trigger(
        "contract_template_approvals_guard",
        "before insert on contract_template_approvals",
        """
        if not exists (
            select from contract_templates t where t.id = new.template_id and t.state = 'consulted'
            and t.content_hash = new.content_hash and t.maker <> new.officer
        ) then
            raise exception 'an approval is of the content as it is out, by another than its maker'
                using errcode = 'integrity_constraint_violation', constraint = 'contract_template_approvals_guard';
        end if;
        """,
    )
    for table in ("contract_template_comments", "contract_template_approvals"):
        op.execute(
            f"create trigger append_only before update or delete on {table}"
            " for each row execute function refuse_change()"
        )
        op.execute(f"alter table {table} enable row level security")
    op.execute(
        "create policy own on contract_template_comments for select to gongxin_web"
        f" using (member_id = (select gongxin_caller()) or {_OFFICE})"
    )
    op.execute(
        "create policy say on contract_template_comments for insert to gongxin_web"
        " with check (member_id = (select gongxin_caller()))"
    )
    op.execute(f"create policy office on contract_template_approvals for select to gongxin_web using ({_OFFICE})")
    op.execute(
        "create policy approve on contract_template_approvals for insert to gongxin_web"
        f" with check ({_KIND} = 'registry' or {_KIND} = 'association' and member_id = (select gongxin_caller()))"
    )
    for table in ("contract_template_comments", "contract_template_approvals"):
        op.execute(f"grant select, insert on {table} to gongxin_web")


def _trigger(name: str, when: str, body: str) -> None:
    op.execute(
        f"create function {name}() returns trigger language plpgsql {_SAFE} as $$ begin {body} return new; end $$"
    )
    op.execute(f"create trigger {name} {when} for each row execute function {name}()")


def downgrade() -> None:
    for table in ("contract_template_approvals", "contract_template_comments", "contract_templates", "fee_caps"):
        op.execute(f"drop table {table}")
    for function in (
        "contract_template_approvals_guard", "contract_templates_consulted", "contract_templates_guard",
        "fee_caps_guard", "fee_caps_apart",
    ):  # fmt: skip
        op.execute(f"drop function {function}()")
    _leaf_kinds(_OLD_KINDS)
