"""Contracts between a creditor and an agency (合同), their content, consents, signatures, scans and openings.

Content stands apart, for the parties alone; the association reads it under a recorded complaint. Two signatures over
the hash of the content as it lies here make a contract; from the first one on nothing of it changes."""

from alembic import op

revision = "0020"
down_revision = "0019"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_KIND = "(select gongxin_kind())"
_CALLER = "(select gongxin_caller())"
_PARTY = f"{_CALLER} in (creditor_id, agency_id)"
_OF_PARTY = f"exists (select from contracts c where c.id = contract_id and {_CALLER} in (c.creditor_id, c.agency_id))"
_OFFICER = "~ '^[0-9A-Z一-鿿]{1,64}$'"
_TABLES = (
    "contract_placement_policies", "contract_cases", "contract_openings", "contract_scans", "contract_signatures",
    "contract_consents", "contract_contents", "contracts",
)  # fmt: skip


def upgrade() -> None:
    _contracts()
    _contents()
    _signing()
    _around()
    _guards()


def _contracts() -> None:
    op.execute(
        """
        create table contracts (
            id uuid not null,
            number text not null,
            version integer not null,
            kind text not null,
            follows uuid,
            creditor_id uuid not null,
            agency_id uuid not null,
            drafted_by uuid not null,
            template_id uuid not null,
            jurisdiction text not null,
            state text not null,
            content_hash bytea not null,
            begins_on date not null,
            ends_on date not null,
            ended_on date,
            end_reason text,
            verdict text,
            created_at timestamptz not null,
            changed_at timestamptz not null,
            signed_at timestamptz,
            constraint pk_contracts primary key (id),
            constraint uq_contracts_number_version unique (number, version),
            constraint fk_contracts_creditor_id foreign key (creditor_id) references members (id),
            constraint fk_contracts_agency_id foreign key (agency_id) references members (id),
            constraint fk_contracts_drafted_by foreign key (drafted_by) references members (id),
            constraint fk_contracts_template_id foreign key (template_id) references contract_templates (id),
            constraint fk_contracts_follows foreign key (follows) references contracts (id),
            constraint ck_contracts_number check (number ~ '^HT[0-9ABCDEFGHJKLMNPQRTUWXY]{10}[0-9A-Z]$'),
            constraint ck_contracts_kind check (
                kind in ('new', 'amendment', 'renewal') and (kind = 'new') = (follows is null)
            ),
            constraint ck_contracts_state check (
                state in ('draft', 'signed', 'superseded', 'terminated', 'withdrawn')
            ),
            constraint ck_contracts_parties check (
                creditor_id <> agency_id and drafted_by in (creditor_id, agency_id)
            ),
            constraint ck_contracts_content_hash check (octet_length(content_hash) = 32),
            constraint ck_contracts_term check (ends_on >= begins_on),
            constraint ck_contracts_signed_at check ((state in ('draft', 'withdrawn')) = (signed_at is null)),
            constraint ck_contracts_ended_on check (
                (state in ('superseded', 'terminated')) = (ended_on is not null)
            ),
            constraint ck_contracts_verdict check (verdict in ('within', 'unknown')),
            constraint ck_contracts_end_reason check (char_length(end_reason) between 1 and 200)
        )
        """
    )
    op.execute("create index ix_contracts_creditor_id_agency_id on contracts (creditor_id, agency_id)")
    op.execute("create index ix_contracts_agency_id on contracts (agency_id)")
    op.execute("create index ix_contracts_ends_on on contracts (ends_on) where state = 'signed'")
    op.execute("alter table contracts enable row level security")
    op.execute(
        "create policy roll on contracts for select to gongxin_web"
        f" using ({_PARTY} or {_KIND} in ('association', 'registry'))"
    )
    op.execute(
        "create policy draft on contracts for insert to gongxin_web"
        f" with check ({_PARTY} and drafted_by = {_CALLER} and state = 'draft')"
    )
    op.execute(
        f"create policy move on contracts for update to gongxin_web using ({_PARTY} or {_KIND} = 'registry')"
        f" with check ({_PARTY} or {_KIND} = 'registry')"
    )
    op.execute(
        "grant select, insert, update (state, content_hash, jurisdiction, begins_on, ends_on, ended_on, end_reason,"
        " verdict, changed_at, signed_at) on contracts to gongxin_web"
    )


def _contents() -> None:
    op.execute(
        """
        create table contract_contents (
            contract_id uuid not null,
            content text not null,
            content_hash bytea not null,
            rates integer[] not null,
            constraint pk_contract_contents primary key (contract_id),
            constraint fk_contract_contents_contract_id foreign key (contract_id) references contracts (id),
            constraint ck_contract_contents_content_hash check (
                content_hash = sha256(convert_to(content, 'UTF8'))
            ),
            constraint ck_contract_contents_rates check (cardinality(rates) = 25)
        )
        """
    )
    op.execute(
        f"""
        create table contract_openings (
            contract_id uuid not null,
            complaint text not null,
            member_id uuid not null,
            officer text not null,
            opened_at timestamptz not null,
            constraint pk_contract_openings primary key (contract_id, complaint),
            constraint fk_contract_openings_contract_id foreign key (contract_id) references contracts (id),
            constraint fk_contract_openings_member_id foreign key (member_id) references members (id),
            constraint ck_contract_openings_complaint check (complaint ~ '^[0-9A-Za-z-]{{1,32}}$'),
            constraint ck_contract_openings_officer check (officer {_OFFICER})
        )
        """
    )
    op.execute("alter table contract_openings enable row level security")
    op.execute(
        "create policy own on contract_openings for select to gongxin_web"
        f" using ({_KIND} in ('association', 'registry') or {_OF_PARTY})"
    )
    op.execute(
        "create policy open on contract_openings for insert to gongxin_web"
        f" with check ({_KIND} = 'association' and member_id = {_CALLER})"
    )
    op.execute("grant select, insert on contract_openings to gongxin_web")
    op.execute("alter table contract_contents enable row level security")
    # Prices: the parties', the registry's own, the association's under a complaint.
    op.execute(
        "create policy own on contract_contents for select to gongxin_web"
        f" using ({_KIND} = 'registry' or {_OF_PARTY} or {_KIND} = 'association' and exists"
        " (select from contract_openings o where o.contract_id = contract_contents.contract_id))"
    )
    op.execute(f"create policy draft on contract_contents for insert to gongxin_web with check ({_OF_PARTY})")
    op.execute(
        "create policy revise on contract_contents for update to gongxin_web"
        f" using ({_OF_PARTY}) with check ({_OF_PARTY})"
    )
    op.execute("grant select, insert, update (content, content_hash, rates) on contract_contents to gongxin_web")


def _signing() -> None:
    op.execute(
        """
        create table contract_consents (
            contract_id uuid not null,
            clause_id text not null,
            content_hash bytea not null,
            member_id uuid not null,
            consented_at timestamptz not null,
            constraint pk_contract_consents primary key (contract_id, clause_id, content_hash),
            constraint fk_contract_consents_contract_id foreign key (contract_id) references contracts (id),
            constraint fk_contract_consents_member_id foreign key (member_id) references members (id)
        )
        """
    )
    op.execute(
        """
        create table contract_signatures (
            id uuid not null,
            contract_id uuid not null,
            member_id uuid not null,
            content_hash bytea not null,
            kid text not null,
            public_jwk jsonb not null,
            jws text not null,
            signed_at timestamptz not null,
            constraint pk_contract_signatures primary key (id),
            constraint uq_contract_signatures_contract_id_member_id unique (contract_id, member_id),
            constraint fk_contract_signatures_contract_id foreign key (contract_id) references contracts (id),
            constraint fk_contract_signatures_member_id foreign key (member_id) references members (id),
            constraint ck_contract_signatures_jws check (char_length(jws) between 1 and 2048)
        )
        """
    )
    op.execute(
        """
        create table contract_scans (
            contract_id uuid not null,
            evidence_id uuid not null,
            member_id uuid not null,
            sha256 bytea not null,
            linked_at timestamptz not null,
            constraint pk_contract_scans primary key (contract_id, evidence_id),
            constraint fk_contract_scans_contract_id foreign key (contract_id) references contracts (id),
            constraint fk_contract_scans_evidence_id foreign key (evidence_id) references evidence (id),
            constraint fk_contract_scans_member_id foreign key (member_id) references members (id),
            constraint ck_contract_scans_sha256 check (octet_length(sha256) = 32)
        )
        """
    )
    for table in ("contract_consents", "contract_signatures", "contract_scans"):
        _append_only(table)
        op.execute(f"alter table {table} enable row level security")
        op.execute(
            f"create policy own on {table} for select to gongxin_web"
            f" using ({_KIND} in ('association', 'registry') or {_OF_PARTY})"
        )
        op.execute(
            f"create policy add on {table} for insert to gongxin_web with check (member_id = {_CALLER} and {_OF_PARTY})"
        )
        op.execute(f"grant select, insert on {table} to gongxin_web")


def _around() -> None:
    op.execute(
        """
        create table contract_cases (
            case_id uuid not null,
            contract_id uuid not null,
            named_at timestamptz not null,
            constraint pk_contract_cases primary key (case_id, contract_id),
            constraint fk_contract_cases_case_id foreign key (case_id) references cases (id),
            constraint fk_contract_cases_contract_id foreign key (contract_id) references contracts (id)
        )
        """
    )
    op.execute("create index ix_contract_cases_contract_id on contract_cases (contract_id)")
    op.execute("alter table contract_cases enable row level security")
    op.execute(
        f"create policy own on contract_cases for select to gongxin_web using ({_KIND} = 'registry' or {_OF_PARTY})"
    )
    op.execute(f"create policy add on contract_cases for insert to gongxin_web with check ({_OF_PARTY})")
    op.execute("grant select, insert on contract_cases to gongxin_web")
    op.execute(
        """
        create table contract_placement_policies (
            id uuid not null,
            policy text not null,
            effective_from date not null,
            recorded_at timestamptz not null,
            constraint pk_contract_placement_policies primary key (id),
            constraint ck_contract_placement_policies_policy check (policy in ('off', 'warn', 'refuse'))
        )
        """
    )
    op.execute("alter table contract_placement_policies enable row level security")
    op.execute(
        f"create policy anyone on contract_placement_policies for select to gongxin_web using ({_KIND} is not null)"
    )
    op.execute(
        "create policy record on contract_placement_policies for insert to gongxin_web"
        f" with check ({_KIND} in ('association', 'registry'))"
    )
    op.execute("grant select, insert on contract_placement_policies to gongxin_web")
    for table in ("contract_openings", "contract_cases", "contract_placement_policies"):
        _append_only(table)


def _guards() -> None:
    _trigger(
        "contracts_guard",
        "before update or delete on contracts",
        """
        if tg_op = 'DELETE' or (new.id, new.number, new.version, new.kind, new.follows, new.creditor_id, new.agency_id,
            new.drafted_by, new.template_id, new.created_at) is distinct from (old.id, old.number, old.version,
            old.kind, old.follows, old.creditor_id, old.agency_id, old.drafted_by, old.template_id, old.created_at)
        then
            raise exception 'a contract stays on record'
                using errcode = 'integrity_constraint_violation', constraint = 'contracts_kept';
        elsif (new.content_hash, new.jurisdiction, new.begins_on, new.ends_on) is distinct from
            (old.content_hash, old.jurisdiction, old.begins_on, old.ends_on) and (old.state <> 'draft'
            or exists (select from contract_signatures s where s.contract_id = old.id)) then
            raise exception 'what a party has signed does not change'
                using errcode = 'integrity_constraint_violation', constraint = 'contracts_content';
        elsif new.state <> old.state and (old.state, new.state) not in (
            ('draft', 'signed'), ('draft', 'withdrawn'), ('signed', 'superseded'), ('signed', 'terminated')
        ) then
            raise exception 'this does not follow'
                using errcode = 'integrity_constraint_violation', constraint = 'contracts_transition';
        elsif new.state = 'signed' and old.state = 'draft' and (
            select count(*) from contract_signatures s
            where s.contract_id = new.id and s.content_hash = new.content_hash
            and s.member_id in (new.creditor_id, new.agency_id)
        ) <> 2 then
            raise exception 'two parties sign one content'
                using errcode = 'integrity_constraint_violation', constraint = 'contracts_signed';
        end if;
        """,
    )
    _trigger(
        "contract_contents_guard",
        "before update or delete on contract_contents",
        """
        if tg_op = 'DELETE' or new.contract_id <> old.contract_id or not exists (
            select from contracts c where c.id = old.contract_id and c.state = 'draft'
            and c.content_hash = new.content_hash
            and not exists (select from contract_signatures s where s.contract_id = c.id)
        ) then
            raise exception 'the content of a contract changes with its hash, while nobody has signed'
                using errcode = 'integrity_constraint_violation', constraint = 'contract_contents_kept';
        end if;
        """,
    )
    _trigger(
        "contract_signatures_guard",
        "before insert on contract_signatures",
        """
        select c.* into found from contracts c join contract_contents k on k.contract_id = c.id
        where c.id = new.contract_id and c.content_hash = new.content_hash and k.content_hash = new.content_hash
        for update of c;
        if found.id is null or found.state <> 'draft' or new.member_id not in (found.creditor_id, found.agency_id) then
            raise exception 'a party signs the content as it lies here'
                using errcode = 'integrity_constraint_violation', constraint = 'contract_signatures_content';
        elsif (
            select count(*) from contract_contents k, jsonb_array_elements(k.content::jsonb -> 'deviations') d
            where k.contract_id = new.contract_id and not exists (
                select from contract_consents n where n.contract_id = new.contract_id
                and n.clause_id = d ->> 'clause_id' and n.content_hash = new.content_hash
                and n.member_id <> found.drafted_by
            )
        ) > 0 then
            raise exception 'every deviation has the consent of the other side'
                using errcode = 'integrity_constraint_violation', constraint = 'contract_signatures_consents';
        end if;
        """,
        declare="found contracts;",
    )


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


def downgrade() -> None:
    op.execute("drop policy own on contract_contents")
    for table in _TABLES:
        op.execute(f"drop table {table}")
    for function in ("contract_signatures_guard", "contract_contents_guard", "contracts_guard"):
        op.execute(f"drop function {function}()")
