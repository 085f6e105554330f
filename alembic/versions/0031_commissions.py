"""Commissions (佣金): recoveries, reversals, statements.

A recovery is confirmed once and never changes after; what goes back never exceeds what came in, nor what was paid."""

from alembic import op

revision = "0031"
down_revision = "0030"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_KIND = "(select gongxin_kind())"
_CALLER = "(select gongxin_caller())"
_SEEN = f"{_CALLER} in (creditor_id, agency_id) or {_KIND} = 'registry'"
_MAX = "10000000000000"
_PARTS = ("principal_fen", "interest_fen", "penalty_fen", "fees_fen", "legal_costs_fen")
_TABLES = ("commission_statement_lines", "commission_statements", "recovery_reversals", "recoveries")


def upgrade() -> None:
    # Who names no caller reads no template either.
    op.execute("drop policy read on contract_templates")
    op.execute(
        f"create policy read on contract_templates for select to gongxin_web using (case {_KIND} when '' then false"
        " when 'association' then true when 'registry' then true else state in ('consulted', 'adopted') end)"
    )
    op.execute("drop policy anyone on contract_placement_policies")
    op.execute(f"create policy anyone on contract_placement_policies for select to gongxin_web using ({_KIND} <> '')")
    _recoveries()
    _statements()
    _guards()


def _recoveries() -> None:
    parts = "".join(f"{part} bigint not null, " for part in _PARTS)
    op.execute(
        f"""
        create table recoveries (
            id uuid not null, contract_id uuid not null, creditor_id uuid not null, agency_id uuid not null,
            case_id uuid, reference text not null, received_on date not null, age integer not null,
            round integer not null, {parts} modifiers jsonb not null, stage text, state text not null,
            reported_at timestamptz not null, confirmed_at timestamptz, bank_line text, dispute_reason text,
            already_fen bigint, cap_bp integer, base_fen bigint, fee_fen bigint, commission_fen bigint,
            constraint pk_recoveries primary key (id),
            constraint uq_recoveries_contract_id_reference unique (contract_id, reference),
            constraint fk_recoveries_contract_id foreign key (contract_id) references contracts (id),
            constraint fk_recoveries_case_id foreign key (case_id) references cases (id),
            constraint ck_recoveries_reference check (reference ~ '^[0-9A-Za-z_.:-]{{1,64}}$'),
            constraint ck_recoveries_bucket check (age between 1 and 25 and round between 1 and 99),
            constraint ck_recoveries_parts check (
                least({", ".join(_PARTS)}) >= 0 and {" + ".join(_PARTS)} between 1 and {_MAX}
            ),
            constraint ck_recoveries_state check (state in ('reported', 'confirmed', 'disputed')),
            constraint ck_recoveries_confirmed check (
                (state = 'confirmed') = (confirmed_at is not null and commission_fen is not null
                    and base_fen is not null and already_fen is not null)
            ),
            constraint ck_recoveries_capped check (
                commission_fen between 0 and {_MAX} and commission_fen <= base_fen * cap_bp / 10000
            ),
            constraint ck_recoveries_disputed check (state <> 'disputed' or dispute_reason is not null),
            constraint ck_recoveries_dispute_reason check (char_length(dispute_reason) between 1 and 200),
            constraint ck_recoveries_bank_line check (bank_line ~ '^[0-9A-Za-z_.:-]{{1,64}}$')
        )
        """
    )
    op.execute("create index ix_recoveries_contract_id_case_id on recoveries (contract_id, case_id)")
    op.execute("create index ix_recoveries_creditor_id_id on recoveries (creditor_id, id)")
    op.execute("create index ix_recoveries_agency_id_id on recoveries (agency_id, id)")
    op.execute(
        """
        create table recovery_reversals (
            id uuid not null, recovery_id uuid not null, amount_fen bigint not null, reversed_on date not null,
            reason text not null, clawback_fen bigint not null, recorded_at timestamptz not null,
            constraint pk_recovery_reversals primary key (id),
            constraint fk_recovery_reversals_recovery_id foreign key (recovery_id) references recoveries (id),
            constraint ck_recovery_reversals_amount check (amount_fen > 0),
            constraint ck_recovery_reversals_clawback check (clawback_fen >= 0),
            constraint ck_recovery_reversals_reason check (char_length(reason) between 1 and 200)
        )
        """
    )
    op.execute("create index ix_recovery_reversals_recovery_id on recovery_reversals (recovery_id)")
    op.execute(
        "create trigger append_only before update or delete on recovery_reversals"
        " for each row execute function refuse_change()"
    )
    op.execute("alter table recoveries enable row level security")
    op.execute(f"create policy own on recoveries for select to gongxin_web using ({_SEEN})")
    op.execute(
        "create policy report on recoveries for insert to gongxin_web"
        f" with check (agency_id = {_CALLER} and state = 'reported')"
    )
    op.execute(
        f"create policy decide on recoveries for update to gongxin_web using (creditor_id = {_CALLER})"
        f" with check (creditor_id = {_CALLER})"
    )
    op.execute(
        "grant select, insert, update (state, confirmed_at, bank_line, dispute_reason, already_fen, cap_bp, base_fen,"
        " fee_fen, commission_fen) on recoveries to gongxin_web"
    )
    op.execute("alter table recovery_reversals enable row level security")
    seen = "exists (select from recoveries r where r.id = recovery_id and {0})"
    op.execute(
        "create policy own on recovery_reversals for select to gongxin_web using"
        f" ({seen.format(f'({_CALLER} in (r.creditor_id, r.agency_id) or {_KIND} = {chr(39)}registry{chr(39)})')})"
    )
    op.execute(
        "create policy add on recovery_reversals for insert to gongxin_web with check"
        f" ({seen.format(f'r.creditor_id = {_CALLER}')})"
    )
    op.execute("grant select, insert on recovery_reversals to gongxin_web")


def _statements() -> None:
    op.execute(
        """
        create table commission_statements (
            id uuid not null, contract_id uuid not null, creditor_id uuid not null, agency_id uuid not null,
            month text not null, state text not null, total_fen bigint not null, agreed_fen bigint, leaf_id uuid,
            levy_base_id uuid, made_at timestamptz not null, decided_at timestamptz,
            constraint pk_commission_statements primary key (id),
            constraint uq_commission_statements_contract_id_month unique (contract_id, month),
            constraint fk_commission_statements_contract_id foreign key (contract_id) references contracts (id),
            constraint ck_commission_statements_month check (month ~ '^20[0-9]{2}-(0[1-9]|1[0-2])$'),
            constraint ck_commission_statements_state check (state in ('open', 'agreed', 'disputed')),
            constraint ck_commission_statements_agreed_fen check ((state = 'open') = (agreed_fen is null))
        )
        """
    )
    op.execute("create index ix_commission_statements_creditor_id_id on commission_statements (creditor_id, id)")
    op.execute("create index ix_commission_statements_agency_id_id on commission_statements (agency_id, id)")
    op.execute(
        """
        create table commission_statement_lines (
            statement_id uuid not null, position integer not null, recovery_id uuid not null, reversal_id uuid,
            amount_fen bigint not null, state text not null, reason text,
            constraint pk_commission_statement_lines primary key (statement_id, position),
            constraint fk_commission_statement_lines_statement_id foreign key (statement_id)
                references commission_statements (id),
            constraint fk_commission_statement_lines_recovery_id foreign key (recovery_id) references recoveries (id),
            constraint fk_commission_statement_lines_reversal_id foreign key (reversal_id)
                references recovery_reversals (id),
            constraint uq_commission_statement_lines_reversal_id unique (reversal_id),
            constraint ck_commission_statement_lines_state check (state in ('open', 'agreed', 'disputed', 'dropped')),
            constraint ck_commission_statement_lines_amount check (
                case when reversal_id is null then amount_fen >= 0 else amount_fen <= 0 end
            ),
            constraint ck_commission_statement_lines_disputed check (state <> 'disputed' or reason is not null),
            constraint ck_commission_statement_lines_reason check (char_length(reason) between 1 and 200)
        )
        """
    )
    op.execute(
        "create unique index ix_commission_statement_lines_recovery_id on commission_statement_lines (recovery_id)"
        " where reversal_id is null"
    )
    op.execute("alter table commission_statements enable row level security")
    op.execute(f"create policy own on commission_statements for select to gongxin_web using ({_SEEN})")
    op.execute(
        f"create policy make on commission_statements for insert to gongxin_web with check (agency_id = {_CALLER})"
    )
    op.execute(
        "create policy decide on commission_statements for update to gongxin_web"
        f" using ({_CALLER} in (creditor_id, agency_id)) with check ({_CALLER} in (creditor_id, agency_id))"
    )
    op.execute(
        "grant select, insert, update (state, agreed_fen, leaf_id, levy_base_id, decided_at)"
        " on commission_statements to gongxin_web"
    )
    op.execute("alter table commission_statement_lines enable row level security")
    seen = (
        "exists (select from commission_statements s where s.id = statement_id and"
        f" ({_CALLER} in (s.creditor_id, s.agency_id) or {_KIND} = 'registry'))"
    )
    op.execute(f"create policy own on commission_statement_lines for select to gongxin_web using ({seen})")
    op.execute(f"create policy make on commission_statement_lines for insert to gongxin_web with check ({seen})")
    op.execute(
        "create policy decide on commission_statement_lines for update to gongxin_web"
        f" using ({seen}) with check ({seen})"
    )
    op.execute("grant select, insert, update (state, reason) on commission_statement_lines to gongxin_web")


def _guards() -> None:
    _trigger(
        "recoveries_guard",
        "before update or delete on recoveries",
        """
        if tg_op = 'DELETE' or old.state = 'confirmed' then
            raise exception 'a recovery is confirmed once, and then stands'
                using errcode = 'integrity_constraint_violation', constraint = 'recoveries_kept';
        end if;
        """,
    )
    _trigger(
        "recovery_reversals_guard",
        "before insert on recovery_reversals",
        f"""
        select * into found from recoveries r where r.id = new.recovery_id for update;
        if found.state <> 'confirmed' or new.amount_fen > {" + ".join(f"found.{part}" for part in _PARTS)} - (
            select coalesce(sum(v.amount_fen), 0) from recovery_reversals v where v.recovery_id = new.recovery_id
        ) then
            raise exception 'no more is reversed than came in'
                using errcode = 'integrity_constraint_violation', constraint = 'recovery_reversals_amount';
        elsif new.clawback_fen > found.commission_fen - (
            select coalesce(sum(v.clawback_fen), 0) from recovery_reversals v where v.recovery_id = new.recovery_id
        ) then
            raise exception 'no more goes back than was paid'
                using errcode = 'integrity_constraint_violation', constraint = 'recovery_reversals_clawback';
        end if;
        """,
        declare="found recoveries;",
    )
    _trigger(
        "commission_statement_lines_guard",
        "before update or delete on commission_statement_lines",
        """
        if tg_op = 'DELETE' or (old.state, new.state) not in (
            ('open', 'open'), ('open', 'agreed'), ('open', 'disputed'), ('disputed', 'agreed'), ('disputed', 'dropped')
        ) then
            raise exception 'a decided line stands'
                using errcode = 'integrity_constraint_violation', constraint = 'commission_statement_lines_kept';
        end if;
        """,
    )
    _trigger(
        "commission_statements_guard",
        "before update or delete on commission_statements",
        """
        if tg_op = 'DELETE' or new.state <> 'open' and (
            exists (select from commission_statement_lines l where l.statement_id = new.id and l.state = 'open')
            or new.agreed_fen <> (
                select coalesce(sum(l.amount_fen), 0) from commission_statement_lines l
                where l.statement_id = new.id and l.state = 'agreed'
            )
        ) then
            raise exception 'a statement says what its lines add up to'
                using errcode = 'integrity_constraint_violation', constraint = 'commission_statements_sum';
        end if;
        """,
    )


def _trigger(name: str, when: str, body: str, *, declare: str = "") -> None:
    declared = f"declare {declare}" if declare else ""
    op.execute(
        f"create function {name}() returns trigger language plpgsql {_SAFE} as $$ {declared} begin {body}"
        " return new; end $$"
    )
    op.execute(f"create trigger {name} {when} for each row execute function {name}()")


def downgrade() -> None:
    op.execute("drop policy anyone on contract_placement_policies")
    op.execute(
        f"create policy anyone on contract_placement_policies for select to gongxin_web using ({_KIND} is not null)"
    )
    op.execute("drop policy read on contract_templates")
    op.execute(
        "create policy read on contract_templates for select to gongxin_web"
        f" using (state in ('consulted', 'adopted') or {_KIND} in ('association', 'registry'))"
    )
    for table in _TABLES:
        op.execute(f"drop table {table}")
    for function in (
        "commission_statements_guard", "commission_statement_lines_guard", "recovery_reversals_guard",
        "recoveries_guard",
    ):  # fmt: skip
        op.execute(f"drop function {function}()")
