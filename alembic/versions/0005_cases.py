"""Cases, their subject keys and references, what was asserted of them, and what courts asserted by 案号. What was
asserted stays; the state of a case is its projection, which the registry alone writes."""

from alembic import op

revision = "0005"
down_revision = "0004"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_REGISTRY = "(select gongxin_kind()) = 'registry'"
_CALLER = "(select gongxin_caller())"
_HELD = "('assigned', 'accepted', 'held_over')"
_PARTY = f"""
    creditor_id = {_CALLER}
    or (agency_id = {_CALLER} and placement in {_HELD})
    or ((select gongxin_kind()) = 'mediator' and mediates_case(id))
    or {_REGISTRY}
"""
_SEEN = "exists (select from cases c where c.id = case_id)"
_FORWARD = "(recorded_at at time zone 'Asia/Shanghai')::date + 366"


def upgrade() -> None:
    _cases()
    _keys_and_references()
    _court_events()
    _events()
    _policies()


def _cases() -> None:
    op.execute(
        """
        create table cases (
            id uuid not null,
            creditor_id uuid not null,
            creditor_ref text not null,
            agency_id uuid,
            placement text not null default 'draft',
            opened_on date not null,
            closed boolean not null default false,
            stop_mask integer not null default 0,
            legal_class integer not null default 0,
            contested boolean not null default false,
            mandate_until date,
            due_on date,
            version integer not null default 1,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            constraint pk_cases primary key (id),
            constraint fk_cases_creditor_id foreign key (creditor_id) references members (id),
            constraint fk_cases_agency_id foreign key (agency_id) references members (id),
            constraint uq_cases_creditor_id_creditor_ref unique (creditor_id, creditor_ref),
            constraint ck_cases_creditor_ref check (char_length(creditor_ref) between 1 and 64),
            constraint ck_cases_placement check (placement in (
                'draft', 'assigned', 'accepted', 'declined', 'returned', 'held_over', 'recalled', 'mandate_expired',
                'claim_assigned'
            )),
            constraint ck_cases_held check (
                placement not in ('assigned', 'accepted', 'held_over') or agency_id is not null
            ),
            constraint ck_cases_opened_on check (opened_on >= '1980-01-01'),
            constraint ck_cases_stop_mask check (stop_mask between 0 and 65535),
            constraint ck_cases_legal_class check (legal_class between 0 and 6),
            constraint ck_cases_version check (version >= 1)
        )
        """
    )
    # Lists are read in the order of ids, which is that of registration.
    op.execute("create index ix_cases_creditor_id_id on cases (creditor_id, id)")
    op.execute("create index ix_cases_agency_id_id on cases (agency_id, id) where agency_id is not null")
    op.execute(
        "create index ix_cases_mandate_until on cases (mandate_until)"
        " where placement in ('assigned', 'accepted', 'held_over')"
    )
    op.execute("create index ix_cases_due_on on cases (due_on) where due_on is not null")
    _trigger(
        "cases_identity",
        "before update on cases",
        """
        if (new.id, new.creditor_id, new.creditor_ref, new.opened_on, new.created_at)
            is distinct from (old.id, old.creditor_id, old.creditor_ref, old.opened_on, old.created_at)
        then
            raise exception 'a case stays whose and what it is'
                using errcode = 'integrity_constraint_violation', constraint = 'cases_identity';
        elsif new.version not in (old.version, old.version + 1) then
            raise exception 'versions follow one another'
                using errcode = 'integrity_constraint_violation', constraint = 'cases_version';
        end if;
        """,
    )
    _trigger(
        "cases_agency",
        "before insert or update of agency_id on cases",
        """
        perform from members m where m.id = new.agency_id and m.kind = 'agency';
        if not found then
            raise exception 'a case is placed with an agency'
                using errcode = 'integrity_constraint_violation', constraint = 'cases_agency';
        end if;
        """,
        only="when (new.agency_id is not null)",
    )


def _keys_and_references() -> None:
    op.execute(
        """
        create table case_keys (
            case_id uuid not null,
            epoch integer not null,
            subject_key bytea not null,
            constraint pk_case_keys primary key (case_id, epoch),
            constraint fk_case_keys_case_id foreign key (case_id) references cases (id),
            constraint ck_case_keys_epoch check (epoch between 1 and 32767),
            constraint ck_case_keys_subject_key check (octet_length(subject_key) = 32)
        )
        """
    )
    op.execute("create index ix_case_keys_subject_key on case_keys (subject_key)")
    op.execute(
        """
        create table case_references (
            case_id uuid not null,
            kind text not null,
            reference text not null,
            member_id uuid,
            linked_at timestamptz not null default now(),
            ended_at timestamptz,
            ended_by uuid,
            constraint pk_case_references primary key (case_id, kind, reference, linked_at),
            constraint fk_case_references_case_id foreign key (case_id) references cases (id),
            constraint fk_case_references_member_id foreign key (member_id) references members (id),
            constraint fk_case_references_ended_by foreign key (ended_by) references members (id),
            constraint ck_case_references_kind check (kind in ('court_case', 'mediation_file')),
            constraint ck_case_references_reference check (char_length(reference) between 1 and 64),
            constraint ck_case_references_mediator check ((kind = 'mediation_file') = (member_id is not null)),
            constraint ck_case_references_ended check (
                (ended_at is null) = (ended_by is null) and ended_at >= linked_at
            )
        )
        """
    )
    op.execute("create index ix_case_references_reference_kind on case_references (reference, kind)")
    op.execute(
        "create index ix_case_references_member_id_case_id on case_references (member_id, case_id)"
        " where member_id is not null"
    )
    op.execute(
        "create unique index ix_case_references_once on case_references (case_id, kind, reference)"
        " where ended_at is null"
    )
    _append_only("case_keys")
    _trigger(
        "case_references_end",
        "before update or delete on case_references",
        """
        if tg_op = 'DELETE' or old.ended_at is not null or new.ended_at is null
            or (new.case_id, new.kind, new.reference, new.member_id, new.linked_at)
                is distinct from (old.case_id, old.kind, old.reference, old.member_id, old.linked_at)
        then
            raise exception 'a reference ends, once, and stays on record'
                using errcode = 'integrity_constraint_violation', constraint = 'case_references_end';
        end if;
        """,
    )


def _court_events() -> None:
    # A later version of an event is by the same court, of the same case number and axis: the key of `supersedes`.
    op.execute(
        f"""
        create table court_events (
            id uuid not null,
            court_id uuid not null,
            court_code text not null,
            reference text not null,
            axis text not null,
            status text not null,
            effective_on date not null,
            basis text,
            supersedes uuid,
            withdrawn boolean not null default false,
            recorded_at timestamptz not null,
            constraint pk_court_events primary key (id),
            constraint fk_court_events_court_id foreign key (court_id) references members (id),
            constraint uq_court_events_supersedes unique (supersedes),
            constraint uq_court_events_id_court_id_reference_axis unique (id, court_id, reference, axis),
            constraint fk_court_events_supersedes_court_id_reference_axis
                foreign key (supersedes, court_id, reference, axis)
                references court_events (id, court_id, reference, axis),
            constraint ck_court_events_own_number check (
                substr(reference, 7, char_length(court_code)) = court_code
                and substr(reference, 7 + char_length(court_code), 1) !~ '[0-9]'
            ),
            constraint ck_court_events_status check ({_statuses(_COURT_STATUSES)}),
            constraint ck_court_events_effective_on check (effective_on between '1980-01-01' and {_FORWARD}),
            constraint ck_court_events_basis check (char_length(basis) between 1 and 200),
            constraint ck_court_events_withdrawn check (not withdrawn or supersedes is not null)
        )
        """
    )
    op.execute("create index ix_court_events_reference on court_events (reference)")
    op.execute("create index ix_court_events_court_id_id on court_events (court_id, id)")
    _append_only("court_events")


def _events() -> None:
    op.execute(
        f"""
        create table case_events (
            id uuid not null,
            case_id uuid not null,
            axis text not null,
            status text not null,
            effective_on date not null,
            source text not null,
            asserted_by uuid,
            claimed boolean not null default false,
            court_case_number text,
            basis text,
            agency_id uuid,
            mandate_until date,
            supersedes uuid,
            withdrawn boolean not null default false,
            recorded_at timestamptz not null,
            constraint pk_case_events primary key (id),
            constraint fk_case_events_case_id foreign key (case_id) references cases (id),
            constraint fk_case_events_asserted_by foreign key (asserted_by) references members (id),
            constraint fk_case_events_agency_id foreign key (agency_id) references members (id),
            constraint uq_case_events_supersedes unique (supersedes),
            constraint uq_case_events_id_case_id_axis_asserted_by unique (id, case_id, axis, asserted_by),
            constraint fk_case_events_supersedes_case_id_axis_asserted_by
                foreign key (supersedes, case_id, axis, asserted_by)
                references case_events (id, case_id, axis, asserted_by),
            constraint ck_case_events_status check ({_statuses(_STATUSES)}),
            constraint ck_case_events_source check (source in (
                'bankruptcy_office', 'regulator', 'creditor', 'mediator', 'registrar', 'agency', 'debtor', 'registry'
            )),
            constraint ck_case_events_asserted_by check ((source = 'registry') = (asserted_by is null)),
            constraint ck_case_events_claimed check (not claimed or court_case_number is not null),
            constraint ck_case_events_effective_on check (effective_on between '1980-01-01' and {_FORWARD}),
            constraint ck_case_events_basis check (char_length(basis) between 1 and 200),
            constraint ck_case_events_withdrawn check (not withdrawn or supersedes is not null),
            constraint ck_case_events_placement check (axis <> 'placement' or supersedes is null)
        )
        """
    )
    op.execute("create index ix_case_events_case_id on case_events (case_id)")
    _append_only("case_events")


_STATUSES = {
    "placement": "draft assigned accepted declined returned held_over recalled mandate_expired claim_assigned",
    "collection": "in_progress promise_to_pay instalment partial_paid settled paid_off written_off closed suspended",
    "dispute": "objected not_my_debt identity_fraud complaint_open complaint_upheld complaint_rejected",
    "legal": (
        "pre_mediation mediated judicially_confirmed payment_order filed judged appealed effective enforcing"
        " enforcement_settled enforcement_terminated_round enforcement_resumed enforcement_completed dishonest_listed"
        " bankruptcy_filed bankruptcy_stay bankruptcy_accepted bankruptcy_reorganisation bankruptcy_composition"
        " bankruptcy_declared bankruptcy_discharge_period bankruptcy_discharged bankruptcy_dismissed bankruptcy_lifted"
        " bankruptcy_terminated"
    ),
    "person": "deceased incapacitated lost_contact hardship vulnerable represented do_not_contact",
}
_COURT_STATUSES = {"collection": "suspended", "legal": _STATUSES["legal"], "person": _STATUSES["person"]}


def _statuses(vocabulary: dict[str, str]) -> str:
    return " or ".join(
        f"(axis = '{axis}' and status in ({', '.join(repr(word) for word in words.split())}))"
        for axis, words in vocabulary.items()
    )


def _policies() -> None:
    # The policies of cases and of case_references would ask one another without end; this function breaks the ring.
    op.execute(
        f"""
        create function mediates_case(p_case uuid) returns boolean language sql stable {_SAFE} as $$
            select exists (
                select from case_references r
                where r.case_id = p_case and r.kind = 'mediation_file' and r.member_id = gongxin_caller()
                    and r.ended_at is null
            )
        $$
        """
    )
    op.execute("revoke execute on function mediates_case(uuid) from public")
    op.execute("grant execute on function mediates_case(uuid) to gongxin_web")
    for table in ("cases", "case_keys", "case_references", "case_events", "court_events"):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"grant select, insert on {table} to gongxin_web")
    op.execute(f"create policy party on cases for select to gongxin_web using ({_PARTY})")
    op.execute(
        f"create policy register on cases for insert to gongxin_web with check ("
        f"creditor_id = {_CALLER} and (select gongxin_kind()) = 'bank' and placement = 'draft' and stop_mask = 0"
        " and legal_class = 0 and not closed and not contested and version = 1)"
    )
    # A party may lock its case; only the registry writes the projection.
    op.execute(f"create policy project on cases for update to gongxin_web using ({_PARTY}) with check ({_REGISTRY})")
    op.execute(
        "grant update (agency_id, placement, closed, stop_mask, legal_class, contested, mandate_until, due_on, version,"
        " updated_at) on cases to gongxin_web"
    )
    own_case = f"exists (select from cases c where c.id = case_id and c.creditor_id = {_CALLER})"
    op.execute(f"create policy own on case_keys for select to gongxin_web using ({own_case} or {_REGISTRY})")
    op.execute(f"create policy add on case_keys for insert to gongxin_web with check ({own_case})")
    op.execute(
        f"create policy seen on case_references for select to gongxin_web using"
        f" (member_id = {_CALLER} or {_REGISTRY} or {_SEEN})"
    )
    op.execute(
        f"create policy add on case_references for insert to gongxin_web"
        f" with check ((select gongxin_kind()) in ('bank', 'agency') and {_SEEN})"
    )
    op.execute(
        f"create policy remove on case_references for update to gongxin_web"
        f" using ((select gongxin_kind()) in ('bank', 'agency') and {_SEEN}) with check (ended_by = {_CALLER})"
    )
    op.execute("grant update (ended_at, ended_by) on case_references to gongxin_web")
    op.execute(
        f"create policy seen on case_events for select to gongxin_web using"
        f" (asserted_by = {_CALLER} or {_REGISTRY} or {_SEEN})"
    )
    op.execute(
        f"create policy add on case_events for insert to gongxin_web with check ("
        f"(asserted_by = {_CALLER} and (supersedes is not null"
        f" or (select gongxin_kind()) in ('association', 'regulator') or {_SEEN}))"
        f" or (asserted_by is null and {_REGISTRY}))"
    )
    op.execute(
        f"create policy seen on court_events for select to gongxin_web using (court_id = {_CALLER} or {_REGISTRY}"
        " or exists (select from case_references r where r.kind = 'court_case' and r.reference = court_events.reference"
        " and (select gongxin_kind()) in ('bank', 'agency', 'mediator')))"
    )
    op.execute(
        f"create policy add on court_events for insert to gongxin_web with check (court_id = {_CALLER}"
        " and court_code = (select m.court_code from members m where m.id = court_id))"
    )


def _append_only(table: str) -> None:
    op.execute(
        f"create trigger append_only before update or delete on {table} for each row execute function refuse_change()"
    )


def _trigger(name: str, when: str, body: str, only: str = "") -> None:
    op.execute(
        f"create function {name}() returns trigger language plpgsql {_SAFE} as $$ begin {body} return new; end $$"
    )
    op.execute(f"create trigger {name} {when} for each row {only} execute function {name}()")


def downgrade() -> None:
    for table in ("court_events", "case_events", "case_references", "case_keys", "cases"):
        op.execute(f"drop table {table}")
    for function in ("mediates_case(uuid)", "case_references_end()", "cases_agency()", "cases_identity()"):
        op.execute(f"drop function {function}")
