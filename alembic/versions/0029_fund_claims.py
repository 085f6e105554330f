"""Claims on the fund: relief and protection of staff.

A claim moves only as told here: never filed by, reviewed by or paid to a creditor or agency on the person's cases; two
people of two institutions approve the very content that is paid; caps of person, year and kind hold whoever asks."""

from alembic import op

revision = "0029"
down_revision = "0028"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_KIND = "(select gongxin_kind())"
_CALLER = "(select gongxin_caller())"
_OVERSIGHT = f"{_KIND} in ('registry', 'association', 'regulator')"
_OFFICE = f"{_KIND} in ('registry', 'association')"
_OFFICER = "~ '^[0-9A-Z一-鿿]{1,64}$'"
_FEN = "9007199254740991"
_TABLES = ("fund_claim_flags", "fund_claim_steps", "fund_claim_approvals", "fund_claims", "fund_claim_caps")
# The figures of `fund/claims/data/claims.json`, version 1; a test holds the two together.
_CAPS = (
    ("medical", "RELIEF", 2_000_000, 3_000_000, 200_000_000),
    ("unemployment", "RELIEF", 600_000, 1_200_000, 100_000_000),
    ("disaster", "RELIEF", 1_000_000, 1_000_000, 100_000_000),
    ("minors", "RELIEF", 800_000, 1_600_000, 100_000_000),
    ("injury", "STAFF", 3_000_000, 3_000_000, 100_000_000),
    ("assault", "STAFF", 2_000_000, 2_000_000, 50_000_000),
    ("legal_aid", "STAFF", 1_000_000, 1_000_000, 50_000_000),
    ("counselling", "STAFF", 300_000, 600_000, 20_000_000),
)
_STATES = ("filed", "assessed", "approved", "held", "instructed", "paid", "returned", "appealed", "rejected",
           "withdrawn")  # fmt: skip
STEPS = {
    "filed": ("filed", "assessed", "returned", "withdrawn"),
    "assessed": ("assessed", "approved", "returned", "withdrawn"),
    "approved": ("assessed", "held", "returned", "withdrawn"),
    "held": ("instructed", "returned"),
    "instructed": ("paid", "returned"),
    "paid": ("returned",),
    "returned": ("appealed",),
    "appealed": ("assessed", "rejected"),
}


def _run(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement)


def _refuse(test: str, name: str, words: str) -> str:
    return (
        f"if ({test}) then raise exception '{words}'"
        f" using errcode = 'integrity_constraint_violation', constraint = '{name}'; end if;"
    )


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def upgrade() -> None:
    _tables()
    _checks()
    _moves()
    _approving()
    _policies()


def _tables() -> None:
    _run(
        """
        create table fund_claim_caps (
            cause text not null, fund text not null, per_claim_fen bigint not null,
            per_person_year_fen bigint not null, per_year_fen bigint not null,
            constraint pk_fund_claim_caps primary key (cause)
        )
        """
    )
    for row in _CAPS:
        _run(f"insert into fund_claim_caps values {row!r}")
    relief = _listed(tuple(cap[0] for cap in _CAPS if cap[1] == "RELIEF"))
    staff = _listed(tuple(cap[0] for cap in _CAPS if cap[1] == "STAFF"))
    _run(
        f"""
        create table fund_claims (
            id uuid not null, number text not null, fund text not null, cause text not null, filed_by uuid not null,
            filed_officer text not null, filed_at timestamptz not null, agent_id uuid, epochs integer[],
            subject_keys bytea[], asked_fen bigint not null, term_days integer not null, payee_id uuid not null,
            account_key bytea not null, payee_kind text not null, payee_member uuid, unrelated boolean not null,
            means_sha256 bytea not null, evidence_sha256 bytea not null, state text not null default 'filed',
            version integer not null default 1, granted_fen bigint, restriction text, lines text, content_hash bytea,
            assessor_member uuid, assessor_officer text, reviewer_id uuid, hold_id uuid, held_on date, entry_id uuid,
            returned_officer text, appeal_by date, reason text, acted_member uuid not null, acted_officer text not null,
            acted_at timestamptz not null,
            constraint pk_fund_claims primary key (id),
            constraint uq_fund_claims_number unique (number),
            constraint uq_fund_claims_hold_id unique (hold_id),
            constraint fk_fund_claims_filed_by foreign key (filed_by) references members (id),
            constraint fk_fund_claims_agent_id foreign key (agent_id) references agents (id),
            constraint fk_fund_claims_payee_id foreign key (payee_id) references fund_payees (id),
            constraint fk_fund_claims_payee_member foreign key (payee_member) references members (id),
            constraint fk_fund_claims_reviewer_id foreign key (reviewer_id) references members (id),
            constraint fk_fund_claims_hold_id foreign key (hold_id) references fund_holds (id),
            constraint fk_fund_claims_entry_id foreign key (entry_id) references fund_entries (id),
            constraint ck_fund_claims_person check (
                fund = 'RELIEF' and cause in ({relief}) and agent_id is null and epochs is not null
                    and subject_keys is not null and cardinality(epochs) between 1 and 2
                    and cardinality(epochs) = cardinality(subject_keys)
                or fund = 'STAFF' and cause in ({staff}) and agent_id is not null and subject_keys is null
            ),
            constraint ck_fund_claims_unrelated check (unrelated),
            constraint ck_fund_claims_asked check (asked_fen between 1 and {_FEN}),
            constraint ck_fund_claims_granted check (granted_fen between 1 and asked_fen),
            constraint ck_fund_claims_term check (term_days between 1 and 180),
            constraint ck_fund_claims_payee_kind check (
                payee_kind in ('hospital', 'school', 'landlord', 'person', 'lawyer', 'counsellor')
            ),
            constraint ck_fund_claims_state check (state in ({_listed(_STATES)})),
            constraint ck_fund_claims_evidence check (
                octet_length(evidence_sha256) = 32 and octet_length(means_sha256) = 32
            ),
            constraint ck_fund_claims_hash check (octet_length(content_hash) = 32),
            constraint ck_fund_claims_officers check (
                filed_officer {_OFFICER} and acted_officer {_OFFICER} and assessor_officer {_OFFICER}
            ),
            constraint ck_fund_claims_reason check (char_length(reason) between 1 and 500)
        )
        """
    )
    _run("create index ix_fund_claims_subject_keys on fund_claims using gin (subject_keys)")
    _run("create index ix_fund_claims_agent_id on fund_claims (agent_id) where agent_id is not null")
    _run("create index ix_fund_claims_account_key on fund_claims (account_key)")
    _run("create index ix_fund_claims_filed_by_id on fund_claims (filed_by, id)")
    _run("create index ix_fund_claims_held_on_cause on fund_claims (held_on, cause) where held_on is not null")
    _run(
        f"""
        create table fund_claim_approvals (
            claim_id uuid not null, officer text not null, content_hash bytea not null, member_id uuid not null,
            client_id uuid, unrelated boolean not null, approved_at timestamptz not null,
            constraint pk_fund_claim_approvals primary key (claim_id, officer, content_hash),
            constraint fk_fund_claim_approvals_claim_id foreign key (claim_id) references fund_claims (id),
            constraint fk_fund_claim_approvals_member_id foreign key (member_id) references members (id),
            constraint ck_fund_claim_approvals_unrelated check (unrelated),
            constraint ck_fund_claim_approvals_officer check (officer {_OFFICER})
        )
        """
    )
    _run(
        """
        create table fund_claim_steps (
            claim_id uuid not null, version integer not null, state text not null, member_id uuid not null,
            officer text not null, reason text, at timestamptz not null,
            constraint pk_fund_claim_steps primary key (claim_id, version)
        )
        """
    )
    _run(
        """
        create table fund_claim_flags (
            event_id uuid not null, claim_id uuid not null, member_id uuid not null, until date not null,
            lifted_at timestamptz,
            constraint pk_fund_claim_flags primary key (event_id),
            constraint fk_fund_claim_flags_claim_id foreign key (claim_id) references fund_claims (id),
            constraint fk_fund_claim_flags_event_id foreign key (event_id) references case_events (id)
        )
        """
    )
    _run("create index ix_fund_claim_flags_until on fund_claim_flags (until) where lifted_at is null")
    _run("create index ix_fund_claim_flags_claim_id on fund_claim_flags (claim_id)")
    for table in ("fund_claim_approvals", "fund_claim_steps"):
        _run(
            f"create trigger append_only before update or delete on {table}"
            " for each row execute function refuse_change()"
        )
    _run("create trigger stays before delete on fund_claims for each row execute function fund_stays()")


def _checks() -> None:
    _run(
        """
        create function fund_claim_hash(c fund_claims) returns bytea language sql stable return (
            select sha256(convert_to(concat_ws('|', 'gongxin fund claim 1', c.id, c.fund, c.cause, c.filed_by,
                coalesce(c.agent_id::text, '-'), coalesce(c.subject_keys::text, '-'), c.asked_fen, c.term_days,
                c.payee_id, encode(c.account_key, 'hex'), c.payee_kind, coalesce(c.payee_member::text, '-'),
                encode(c.means_sha256, 'hex'), encode(c.evidence_sha256, 'hex'), c.granted_fen,
                coalesce(c.restriction, '-'), encode(sha256(convert_to(c.lines, 'UTF8')), 'hex'), c.assessor_member,
                c.assessor_officer, c.reviewer_id), 'UTF8'))
        )
        """
    )
    # Who is a creditor or agency on any case of the claim's person. Told to nobody: asked by the trigger alone.
    _run(
        f"""
        create function fund_claim_party(c fund_claims, p_member uuid) returns boolean language sql stable {_SAFE} as $$
            select exists (
                select from unnest(c.epochs, c.subject_keys) as k (epoch, subject_key)
                join case_keys x on x.epoch = k.epoch and x.subject_key = k.subject_key
                join cases s on s.id = x.case_id where p_member in (s.creditor_id, s.agency_id)
            )
        $$
        """
    )
    _run(
        f"""
        create function fund_claim_related(c fund_claims) returns boolean language sql stable {_SAFE} as $$
            select c.payee_member in (c.filed_by, c.assessor_member, c.reviewer_id)
                or exists (
                    select from fund_claims o where o.account_key = c.account_key and o.id <> c.id
                    and o.state not in ('rejected', 'withdrawn')
                    and ((c.payee_kind = 'person' or o.payee_kind = 'person')
                        and (o.agent_id = c.agent_id or o.subject_keys && c.subject_keys) is not true
                        or o.payee_member is not null and fund_claim_party(c, o.payee_member))
                )
        $$
        """
    )
    spent = "o.id <> c.id and o.held_on between make_date(y, 1, 1) and make_date(y, 12, 31)"
    _run(
        f"""
        create function fund_claim_spent(c fund_claims, y integer, of_person boolean) returns bigint
        language sql stable {_SAFE} as $$
            select coalesce(sum(o.granted_fen), 0)::bigint from fund_claims o
            where {spent} and o.cause = c.cause and o.state in ('held', 'instructed', 'paid')
            and (not of_person or o.agent_id = c.agent_id or o.subject_keys && c.subject_keys)
        $$
        """
    )
    # Triggers ask them, as the owner; to whoever else could, they would tell who has a case on a person.
    for function in (
        "fund_claim_hash(fund_claims)",
        "fund_claim_party(fund_claims, uuid)",
        "fund_claim_related(fund_claims)",
        "fund_claim_spent(fund_claims, integer, boolean)",
    ):
        _run(f"revoke execute on function {function} from public")


def _moves() -> None:
    legal = ", ".join(f"('{state}', '{to}')" for state, follow in STEPS.items() for to in follow)
    fixed = ("id", "number", "fund", "cause", "filed_by", "filed_officer", "filed_at", "agent_id", "epochs",
             "subject_keys", "asked_fen", "term_days", "means_sha256", "evidence_sha256", "version")  # fmt: skip
    changed = f"({', '.join('new.' + n for n in fixed)}) is distinct from ({', '.join('old.' + n for n in fixed)})"
    office = ("granted_fen", "restriction", "lines", "assessor_member", "assessor_officer", "reviewer_id", "hold_id",
              "held_on", "entry_id", "returned_officer", "appeal_by")  # fmt: skip
    theirs = f"({', '.join('new.' + n for n in office)}) is distinct from ({', '.join('old.' + n for n in office)})"
    of_hash = "from fund_claim_approvals a where a.claim_id = new.id and a.content_hash = new.content_hash"
    _run(
        f"""
        create function fund_claims_move() returns trigger language plpgsql {_SAFE} as $$
        declare cap fund_claim_caps; y integer;
        begin
            {
            _refuse(
                "gongxin_kind() <> 'registry' and new.acted_member <> gongxin_caller()",
                "fund_claims_actor",
                "whoever acts is of the member that asks",
            )
        }
            {
            _refuse(
                "not exists (select from fund_payees p where p.id = new.payee_id and p.account_key = new.account_key)",
                "fund_claims_payee",
                "the account is the payee''s",
            )
        }
            if tg_op = 'INSERT' then
                {
            _refuse(
                "new.state <> 'filed' or new.version <> 1 or new.granted_fen is not null or new.hold_id is not null"
                " or new.content_hash is not null or new.acted_member <> new.filed_by",
                "fund_claims_begin",
                "a claim begins as filed",
            )
        }
                {
            _refuse(
                "fund_claim_party(new, new.filed_by)",
                "fund_claims_party",
                "no creditor or agency on the case files for the person",
            )
        }
                return new;
            end if;
            {_refuse(f"(old.state, new.state) not in ({legal})", "fund_claims_transition", "this does not follow")}
            {_refuse(changed, "fund_claims_fixed", "what was filed stays")}
            {
            _refuse(
                "gongxin_kind() not in ('registry', 'association') and not (gongxin_caller() = old.filed_by"
                " and (new.state in ('withdrawn', 'appealed') or new.payee_id <> old.payee_id"
                " and new.state in ('filed', 'assessed'))) and new.state <> 'approved'",
                "fund_claims_office",
                "the association moves claims",
            )
        }
            {
            _refuse(
                f"gongxin_kind() not in ('registry', 'association') and new.state <> 'approved' and {theirs}",
                "fund_claims_office",
                "what the association decided the filer does not change",
            )
        }
            {
            _refuse(
                "new.state in ('returned', 'rejected', 'appealed') and new.reason is null",
                "fund_claims_reasoned",
                "a refusal gives its reason, and so does an appeal",
            )
        }
            {
            _refuse(
                "new.state = 'appealed' and (old.appeal_by is null"
                " or (new.acted_at at time zone 'Asia/Shanghai')::date > old.appeal_by)",
                "fund_claims_appeal",
                "the day to appeal has passed",
            )
        }
            {
            _refuse(
                "old.state = 'appealed' and new.acted_officer = old.returned_officer",
                "fund_claims_appeal_officer",
                "whoever returned it does not decide the appeal",
            )
        }
            if new.state = 'assessed' then
                {
            _refuse(
                "new.granted_fen is null or new.assessor_member is null or new.assessor_officer is null"
                " or new.reviewer_id is null or new.lines is null",
                "fund_claims_assessed",
                "an assessment says what is granted and who reviews it",
            )
        }
                {
            _refuse(
                "new.assessor_officer = new.filed_officer or new.reviewer_id in (new.filed_by, new.assessor_member)",
                "fund_claims_assessor",
                "who files neither assesses nor reviews",
            )
        }
                {
            _refuse(
                "fund_claim_party(new, new.reviewer_id) or fund_claim_party(new, new.payee_member)",
                "fund_claims_party",
                "no creditor or agency on the case reviews or is paid",
            )
        }
                {_refuse("fund_claim_related(new)", "fund_claims_related", "a related beneficiary")}
                new.content_hash := fund_claim_hash(new);
            elsif new.state in ('approved', 'held', 'instructed', 'paid') then
                {
            _refuse(
                "new.content_hash is distinct from old.content_hash"
                " or new.content_hash is distinct from fund_claim_hash(new)",
                "fund_claims_content",
                "the content is not what was approved",
            )
        }
                {
            _refuse(
                f"(select count(distinct a.officer) {of_hash}) < 2"
                f" or (select count(distinct a.member_id) {of_hash}) < 2",
                "fund_claims_approved",
                "two people of two institutions approve",
            )
        }
            end if;
            if new.state = 'held' then
                {
            _refuse(
                "not exists (select from fund_holds h where h.id = new.hold_id and h.state = 'held'"
                " and h.amount_fen = new.granted_fen)",
                "fund_claims_hold",
                "what is granted is held",
            )
        }
                {
            _refuse(
                "new.held_on is distinct from (new.acted_at at time zone 'Asia/Shanghai')::date",
                "fund_claims_held_on",
                "the year is that of the day in China",
            )
        }
                {
            _refuse(
                "fund_claim_party(new, new.filed_by) or fund_claim_party(new, new.reviewer_id)"
                " or fund_claim_party(new, new.payee_member)",
                "fund_claims_party",
                "no creditor or agency on the case files, reviews or is paid",
            )
        }
                {_refuse("fund_claim_related(new)", "fund_claims_related", "a related beneficiary")}
                y := extract(year from new.held_on)::integer;
                perform pg_advisory_xact_lock(7210, y);
                select * into cap from fund_claim_caps k where k.cause = new.cause;
                {
            _refuse(
                "new.granted_fen > cap.per_claim_fen"
                " or new.granted_fen + fund_claim_spent(new, y, true) > cap.per_person_year_fen"
                " or new.granted_fen + fund_claim_spent(new, y, false) > cap.per_year_fen",
                "fund_claims_cap",
                "over a cap of the claim, the person or the year",
            )
        }
            elsif new.state in ('instructed', 'paid') then
                {
            _refuse(
                "(new.hold_id, new.held_on) is distinct from (old.hold_id, old.held_on)"
                " or not exists (select from fund_instructions i where i.source_id = new.id"
                " and i.purpose = lower(new.fund) and i.payee_id = new.payee_id and i.amount_fen = new.granted_fen"
                " and i.hold_id = new.hold_id and i.state not in ('returned', 'cancelled'))",
                "fund_claims_instruction",
                "the bank pays what was approved, to whom it was approved",
            )
        }
                {
            _refuse(
                "new.state = 'paid' and not exists (select from fund_entries e where e.id = new.entry_id"
                " and e.state = 'posted' and e.hold_id = new.hold_id)",
                "fund_claims_paid",
                "what is paid is posted",
            )
        }
            end if;
            new.version := old.version + 1;
            return new;
        end $$
        """
    )
    _run("create trigger moves before insert or update on fund_claims for each row execute function fund_claims_move()")
    _run(
        f"""
        create function fund_claims_step() returns trigger language plpgsql {_SAFE} as $$
        begin
            insert into fund_claim_steps values
                (new.id, new.version, new.state, new.acted_member, new.acted_officer, new.reason, new.acted_at);
            return null;
        end $$
        """
    )
    _run("create trigger kept after insert or update on fund_claims for each row execute function fund_claims_step()")


def _approving() -> None:
    _run(
        f"""
        create function fund_claim_approvals_count() returns trigger language plpgsql {_SAFE} as $$
        declare c fund_claims;
        begin
            select * into c from fund_claims x where x.id = new.claim_id for update;
            {_refuse("c.state <> 'assessed'", "fund_claim_approvals_state", "only what is assessed is approved")}
            {
            _refuse(
                "new.content_hash <> c.content_hash", "fund_claim_approvals_content", "the approval is of other content"
            )
        }
            {
            _refuse(
                "new.officer in (c.filed_officer, c.assessor_officer)",
                "fund_claim_approvals_maker",
                "who filed or assessed it does not approve",
            )
        }
            {
            _refuse(
                "new.member_id not in (c.assessor_member, c.reviewer_id)",
                "fund_claim_approvals_member",
                "the association and the reviewer approve",
            )
        }
            if (select count(distinct a.officer) >= 2 and count(distinct a.member_id) >= 2 from fund_claim_approvals a
                where a.claim_id = new.claim_id and a.content_hash = c.content_hash) then
                update fund_claims set state = 'approved', acted_member = new.member_id, acted_officer = new.officer,
                    acted_at = new.approved_at, reason = null where id = new.claim_id;
            end if;
            return null;
        end $$
        """
    )
    _run(
        "create trigger counted after insert on fund_claim_approvals"
        " for each row execute function fund_claim_approvals_count()"
    )


def _policies() -> None:
    for table in _TABLES:
        _run(f"alter table {table} enable row level security")
        _run(f"grant select on {table} to gongxin_web")
    _run("create policy read on fund_claim_caps for select to gongxin_web using (true)")
    _run("grant insert on fund_claims, fund_claim_approvals, fund_claim_flags to gongxin_web")
    _run(
        "grant update (state, payee_id, account_key, payee_kind, payee_member, granted_fen, restriction, lines,"
        " assessor_member, assessor_officer, reviewer_id, hold_id, held_on, entry_id, returned_officer, appeal_by,"
        " reason, acted_member, acted_officer, acted_at) on fund_claims to gongxin_web"
    )
    _run("grant update (lifted_at) on fund_claim_flags to gongxin_web")
    _run(
        "create policy read on fund_claims for select to gongxin_web"
        f" using ({_OVERSIGHT} or filed_by = {_CALLER} or reviewer_id = {_CALLER})"
    )
    _run(
        "create policy file on fund_claims for insert to gongxin_web with check (filed_by = "
        f"{_CALLER} and {_KIND} in ('association', 'agency', 'court', 'mediator'))"
    )
    mine = f"{_OFFICE} or filed_by = {_CALLER}"
    _run(f"create policy move on fund_claims for update to gongxin_web using ({mine}) with check ({mine})")
    seen = "exists (select from fund_claims c where c.id = claim_id)"
    for table in ("fund_claim_approvals", "fund_claim_steps"):
        _run(f"create policy read on {table} for select to gongxin_web using ({seen})")
    _run(
        "create policy approve on fund_claim_approvals for insert to gongxin_web"
        f" with check (member_id = {_CALLER} and {seen})"
    )
    _run(f"create policy office on fund_claim_flags to gongxin_web using ({_OFFICE}) with check ({_OFFICE})")


def downgrade() -> None:
    op.execute("drop function fund_claim_hash(fund_claims)")
    for function in ("fund_claim_related(fund_claims)", "fund_claim_spent(fund_claims, integer, boolean)"):
        op.execute(f"drop function {function}")
    op.execute("drop trigger moves on fund_claims")
    op.execute("drop function fund_claims_move()")
    op.execute("drop function fund_claim_party(fund_claims, uuid)")
    for table in _TABLES:
        op.execute(f"drop table {table}")
    op.execute("drop function fund_claims_step()")
    op.execute("drop function fund_claim_approvals_count()")
