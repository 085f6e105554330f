"""The fund's income: bases, runs of charges under two approvals, receipts, dunning, objections; ADMIN's tenth.

What a run charges is frozen as it is shown; approvals are bound to its hash, which the database computes. What was
received and credited is kept by triggers alone."""

import re

from alembic import op

revision = "0019"
down_revision = "0018"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_KIND = "(select gongxin_kind())"
_CALLER = "(select gongxin_caller())"
_OVERSIGHT = f"{_KIND} in ('registry', 'association', 'regulator')"
_OFFICE = f"{_KIND} in ('registry', 'association')"
_OFFICER = "~ '^[0-9A-Z一-鿿]{1,64}$'"
_FEN = "9007199254740991"
_OURS = ("fund_base", "fund_run", "fund_charge", "fund_objection", "fund_dunning", "fund_claim")
_TABLES = ("fund_objections", "fund_dunnings", "fund_receipts", "fund_charges", "fund_run_approvals", "fund_runs",
           "fund_bases")  # fmt: skip
_OPEN_OBJECTION = (
    "exists (select from fund_objections o where o.charge_id = {0} and o.answers is null"
    " and not exists (select from fund_objections d where d.answers = o.id))"
)


def _run(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement)


def _refuse(test: str, name: str, words: str) -> str:
    return (
        f"if ({test}) then raise exception '{words}'"
        f" using errcode = 'integrity_constraint_violation', constraint = '{name}'; end if;"
    )


def _leaf_kinds(add: tuple[str, ...] = (), drop: tuple[str, ...] = ()) -> None:
    """The kinds of leaves that are there, and these, or without these."""
    for table in ("log_waiting", "log_leaves"):
        found = op.get_bind().exec_driver_sql(
            f"select pg_get_constraintdef(oid) from pg_constraint where conname = 'ck_{table}_kind'"
        )
        kinds = [kind for kind in re.findall(r"'([a-z_]+)'", found.scalar_one()) if kind not in drop]
        listed = ", ".join(f"'{kind}'" for kind in [*kinds, *add])
        _run(f"alter table {table} drop constraint ck_{table}_kind")
        _run(f"alter table {table} add constraint ck_{table}_kind check (kind in ({listed}))")


def upgrade() -> None:
    _leaf_kinds(add=_OURS)
    _tables()
    _guards()
    _receiving()
    _admin_share()
    _policies()


def _tables() -> None:
    _run(
        f"""
        create table fund_bases (
            id uuid not null, member_id uuid not null, month text not null, base_fen bigint not null,
            source text not null, source_id uuid not null, evidence_sha256 bytea, supersedes uuid,
            reported_by uuid not null, reported_at timestamptz not null,
            constraint pk_fund_bases primary key (id),
            constraint fk_fund_bases_member_id foreign key (member_id) references members (id),
            constraint fk_fund_bases_supersedes foreign key (supersedes) references fund_bases (id),
            constraint uq_fund_bases_supersedes unique (supersedes),
            constraint ck_fund_bases_month check (month ~ '^20[0-9]{{2}}-(0[1-9]|1[0-2])$'),
            constraint ck_fund_bases_base check (base_fen between 0 and {_FEN}),
            constraint ck_fund_bases_source check (source in ('statement', 'contracts')),
            constraint ck_fund_bases_evidence check ((source = 'statement') = (evidence_sha256 is not null)),
            constraint ck_fund_bases_digest check (octet_length(evidence_sha256) = 32)
        )
        """
    )
    _run(
        "create unique index ix_fund_bases_first on fund_bases (member_id, month, source, source_id)"
        " where supersedes is null"
    )
    _run(
        f"""
        create table fund_runs (
            id uuid not null, kind text not null, first_month text, last_month text, pack_version integer not null,
            reason text not null, state text not null default 'draft', content_hash bytea, maker_member uuid not null,
            maker_officer text not null, created_at timestamptz not null, issued_at timestamptz,
            constraint pk_fund_runs primary key (id),
            constraint fk_fund_runs_maker_member foreign key (maker_member) references members (id),
            constraint ck_fund_runs_kind check (kind in ('levy', 'penalty', 'donation', 'credit')),
            constraint ck_fund_runs_state check (state in ('draft', 'preview', 'approved', 'issued', 'withdrawn')),
            constraint ck_fund_runs_months check (
                (kind = 'levy') = (first_month is not null and last_month is not null and last_month >= first_month)
            ),
            constraint ck_fund_runs_hash check (octet_length(content_hash) = 32),
            constraint ck_fund_runs_frozen check (content_hash is not null or state in ('draft', 'withdrawn')),
            constraint ck_fund_runs_issued check ((state = 'issued') = (issued_at is not null)),
            constraint ck_fund_runs_reason check (char_length(reason) between 1 and 200),
            constraint ck_fund_runs_officer check (maker_officer {_OFFICER})
        )
        """
    )
    _run(
        "create unique index ix_fund_runs_one_levy on fund_runs (kind)"
        " where kind = 'levy' and state in ('draft', 'preview', 'approved')"
    )
    _run(
        f"""
        create table fund_run_approvals (
            run_id uuid not null, officer text not null, content_hash bytea not null, member_id uuid not null,
            client_id uuid, approved_at timestamptz not null,
            constraint pk_fund_run_approvals primary key (run_id, officer),
            constraint fk_fund_run_approvals_run_id foreign key (run_id) references fund_runs (id),
            constraint fk_fund_run_approvals_member_id foreign key (member_id) references members (id),
            constraint ck_fund_run_approvals_officer check (officer {_OFFICER}),
            constraint ck_fund_run_approvals_hash check (octet_length(content_hash) = 32)
        )
        """
    )
    _run(
        f"""
        create table fund_charges (
            id uuid not null, run_id uuid not null, member_id uuid, credits uuid, fund text, restriction text,
            amount_fen bigint not null, lines text not null, state text not null default 'preview', reference text,
            due_on date, received_fen bigint not null default 0, credited_fen bigint not null default 0,
            constraint pk_fund_charges primary key (id),
            constraint uq_fund_charges_reference unique (reference),
            constraint fk_fund_charges_run_id foreign key (run_id) references fund_runs (id),
            constraint fk_fund_charges_member_id foreign key (member_id) references members (id),
            constraint fk_fund_charges_credits foreign key (credits) references fund_charges (id),
            constraint ck_fund_charges_amount check (amount_fen between 1 and {_FEN}),
            constraint ck_fund_charges_state check (state in ('preview', 'issued', 'received', 'cancelled')),
            constraint ck_fund_charges_reference check ((state = 'preview') = (reference is null)),
            constraint ck_fund_charges_due check (state = 'preview' or credits is not null or due_on is not null),
            constraint ck_fund_charges_restriction check (restriction is null or fund = 'RELIEF'),
            constraint ck_fund_charges_fund check (fund in ('RELIEF', 'STAFF')),
            constraint ck_fund_charges_sums check (received_fen >= 0 and credited_fen between 0 and amount_fen)
        )
        """
    )
    _run("create index ix_fund_charges_member_id_id on fund_charges (member_id, id)")
    _run("create index ix_fund_charges_run_id on fund_charges (run_id)")
    _run("create index ix_fund_charges_due_on on fund_charges (due_on) where state = 'issued' and credits is null")
    _run(
        """
        create table fund_receipts (
            id uuid not null, charge_id uuid not null, entry_id uuid not null, booked_on date not null,
            amount_fen bigint not null, at timestamptz not null,
            constraint pk_fund_receipts primary key (id),
            constraint uq_fund_receipts_entry_id unique (entry_id),
            constraint fk_fund_receipts_charge_id foreign key (charge_id) references fund_charges (id),
            constraint fk_fund_receipts_entry_id foreign key (entry_id) references fund_entries (id),
            constraint ck_fund_receipts_amount check (amount_fen >= 1)
        )
        """
    )
    _run("create index ix_fund_receipts_charge_id on fund_receipts (charge_id)")
    _run(
        """
        create table fund_dunnings (
            charge_id uuid not null, step integer not null, owed_fen bigint not null, at timestamptz not null,
            constraint pk_fund_dunnings primary key (charge_id, step),
            constraint fk_fund_dunnings_charge_id foreign key (charge_id) references fund_charges (id),
            constraint ck_fund_dunnings_step check (step between 1 and 9)
        )
        """
    )
    _run(
        """
        create table fund_objections (
            id uuid not null, charge_id uuid not null, answers uuid, upheld boolean, said text not null, due_on date,
            officer text, said_by uuid not null, said_at timestamptz not null,
            constraint pk_fund_objections primary key (id),
            constraint uq_fund_objections_charge_id_id unique (charge_id, id),
            constraint uq_fund_objections_answers unique (answers),
            constraint fk_fund_objections_charge_id foreign key (charge_id) references fund_charges (id),
            constraint fk_fund_objections_charge_id_answers foreign key (charge_id, answers)
                references fund_objections (charge_id, id),
            constraint fk_fund_objections_said_by foreign key (said_by) references members (id),
            constraint ck_fund_objections_decision check (
                (answers is null) = (upheld is null) and (answers is null) = (due_on is not null)
            ),
            constraint ck_fund_objections_said check (char_length(said) between 1 and 500)
        )
        """
    )
    for table in ("fund_bases", "fund_run_approvals", "fund_receipts", "fund_dunnings", "fund_objections"):
        _run(
            f"create trigger append_only before update or delete on {table}"
            " for each row execute function refuse_change()"
        )
    for table in ("fund_runs", "fund_charges"):
        _run(f"create trigger stays before delete on {table} for each row execute function fund_stays()")


def _guards() -> None:
    _run(
        """
        create function fund_run_hash(p_run uuid) returns bytea language sql stable return (
            select sha256(convert_to(concat_ws('|', 'gongxin fund run 1', r.id, r.kind, r.first_month, r.last_month,
                r.pack_version, r.maker_member, r.maker_officer, encode(sha256(convert_to(r.reason, 'UTF8')), 'hex'), (
                    select string_agg(concat_ws('|', c.id, coalesce(c.member_id::text, '-'),
                        coalesce(c.credits::text, '-'), coalesce(c.fund, '-'), coalesce(c.restriction, '-'),
                        c.amount_fen, encode(sha256(convert_to(c.lines, 'UTF8')), 'hex')), chr(10) order by c.id)
                    from fund_charges c where c.run_id = r.id)), 'UTF8'))
            from fund_runs r where r.id = p_run
        )
        """
    )
    _run("revoke execute on function fund_run_hash(uuid) from public")
    _run("grant execute on function fund_run_hash(uuid) to gongxin_web")
    enough = (
        "(select count(distinct a.officer) from fund_run_approvals a where a.run_id = new.id"
        " and a.content_hash = new.content_hash and a.officer <> new.maker_officer) < 2"
    )
    _run(
        f"""
        create function fund_runs_move() returns trigger language plpgsql {_SAFE} as $$
        begin
            if tg_op = 'INSERT' then
                {
            _refuse(
                "new.state <> 'draft' or new.content_hash is not null", "fund_runs_begin", "a run begins as a draft"
            )
        }
                return new;
            end if;
            {
            _refuse(
                "to_jsonb(new) - 'state' - 'issued_at' - 'content_hash'"
                " <> to_jsonb(old) - 'state' - 'issued_at' - 'content_hash'",
                "fund_runs_fixed",
                "what a run is of stays",
            )
        }
            {
            _refuse(
                "(old.state, new.state) not in (('draft', 'preview'), ('preview', 'approved'), ('approved', 'issued'),"
                " ('draft', 'withdrawn'), ('preview', 'withdrawn'), ('approved', 'withdrawn'))",
                "fund_runs_transition",
                "this state does not follow",
            )
        }
            if new.state = 'preview' then
                {
            _refuse(
                "not exists (select from fund_charges c where c.run_id = new.id)",
                "fund_runs_empty",
                "a run charges something",
            )
        }
                new.content_hash := fund_run_hash(new.id);
            elsif new.state in ('approved', 'issued') then
                {
            _refuse(
                "new.content_hash is distinct from old.content_hash"
                " or new.content_hash is distinct from fund_run_hash(new.id)",
                "fund_runs_content",
                "the content is not what was shown",
            )
        }
                {_refuse(enough, "fund_runs_approved", "approvals are missing")}
            end if;
            return new;
        end $$
        """
    )
    _run("create trigger moves before insert or update on fund_runs for each row execute function fund_runs_move()")
    _run(
        f"""
        create function fund_run_approvals_count() returns trigger language plpgsql {_SAFE} as $$
        declare run fund_runs;
        begin
            select * into run from fund_runs r where r.id = new.run_id for update;
            {_refuse("run.state <> 'preview'", "fund_run_approvals_state", "only what is shown is approved")}
            {
            _refuse(
                "new.content_hash <> run.content_hash", "fund_run_approvals_content", "the approval is of other content"
            )
        }
            {_refuse("new.officer = run.maker_officer", "fund_run_approvals_maker", "the maker does not approve")}
            if (select count(distinct a.officer) from fund_run_approvals a where a.run_id = new.run_id
                and a.content_hash = run.content_hash) >= 2 then
                update fund_runs set state = 'approved' where id = new.run_id;
            end if;
            return null;
        end $$
        """
    )
    _run(
        "create trigger counted after insert on fund_run_approvals"
        " for each row execute function fund_run_approvals_count()"
    )


def _receiving() -> None:
    # Not security definer: `current_user` tells whether a trigger of ours moves the charge, or the web role does.
    _run(
        f"""
        create function fund_charges_move() returns trigger language plpgsql as $$
        declare run fund_runs; target fund_charges;
        begin
            select * into run from fund_runs r where r.id = new.run_id;
            if tg_op = 'INSERT' then
                {
            _refuse(
                "run.state is distinct from 'draft' or new.state <> 'preview' or new.received_fen <> 0"
                " or new.credited_fen <> 0",
                "fund_charges_begin",
                "a charge begins in the draft of its run",
            )
        }
                {
            _refuse(
                "(run.kind = 'credit') <> (new.credits is not null) or (run.kind = 'levy') <> (new.credits is null"
                " and new.fund is null) or (new.member_id is null and run.kind <> 'donation')"
                " or (new.restriction is not null and run.kind <> 'donation')",
                "fund_charges_kind",
                "the charge is not of the kind of its run",
            )
        }
                return new;
            end if;
            if current_user = 'gongxin_web' then
                {
            _refuse(
                "old.state <> 'preview' or new.state <> 'issued' or run.state is distinct from 'issued'",
                "fund_charges_issued",
                "a charge is issued with its run; what comes of it the database keeps",
            )
        }
            end if;
            return new;
        end $$
        """
    )
    _run(
        "create trigger moves before insert or update on fund_charges for each row execute function fund_charges_move()"
    )
    settled = (
        "case when c.credited_fen >= c.amount_fen and c.received_fen = 0 then 'cancelled'"
        " when c.received_fen + c.credited_fen >= c.amount_fen then 'received' else 'issued' end"
    )
    _run(
        f"""
        create function fund_charges_credit() returns trigger language plpgsql {_SAFE} as $$
        begin
            {
            _refuse(
                "exists (select from fund_charges c where c.id = new.credits"
                " and (c.state = 'preview' or c.credits is not null or c.member_id <> new.member_id"
                " or c.credited_fen + new.amount_fen > c.amount_fen))",
                "fund_charges_credit",
                "a credit note is of an issued charge, and of no more than it",
            )
        }
            update fund_charges set credited_fen = credited_fen + new.amount_fen where id = new.credits;
            update fund_charges c set state = {settled} where c.id = new.credits;
            return null;
        end $$
        """
    )
    _run(
        "create trigger credited after update on fund_charges for each row"
        " when (old.state = 'preview' and new.state = 'issued' and new.credits is not null)"
        " execute function fund_charges_credit()"
    )
    _run(
        f"""
        create function fund_receipts_count() returns trigger language plpgsql {_SAFE} as $$
        begin
            {
            _refuse(
                "not exists (select from fund_charges c join fund_entries e on e.id = new.entry_id"
                " where c.id = new.charge_id and c.credits is null and c.state <> 'preview' and e.state = 'posted'"
                " and e.reference = c.reference and e.booked_on = new.booked_on and new.amount_fen = (select"
                " sum(l.amount_fen) from fund_legs l where l.entry_id = e.id and l.side = 'debit'))",
                "fund_receipts_entry",
                "a receipt is what a posted entry books for the charge",
            )
        }
            update fund_charges set received_fen = received_fen + new.amount_fen where id = new.charge_id;
            update fund_charges c set state = {settled} where c.id = new.charge_id;
            return null;
        end $$
        """
    )
    _run("create trigger counted after insert on fund_receipts for each row execute function fund_receipts_count()")
    _run(
        f"""
        create function fund_dunnings_check() returns trigger language plpgsql {_SAFE} as $$
        begin
            {
            _refuse(
                "not exists (select from fund_charges c where c.id = new.charge_id and c.state = 'issued'"
                " and c.credits is null and c.due_on < (new.at at time zone 'Asia/Shanghai')::date"
                " and new.owed_fen = c.amount_fen - c.received_fen - c.credited_fen)"
                f" or {_OPEN_OBJECTION.format('new.charge_id')}"
                " or new.step <> 1 + (select count(*) from fund_dunnings d where d.charge_id = new.charge_id)",
                "fund_dunnings_due",
                "nobody is dunned before the day, twice, or while an objection is open",
            )
        }
            return new;
        end $$
        """
    )
    _run("create trigger checked before insert on fund_dunnings for each row execute function fund_dunnings_check()")


def _admin_share() -> None:
    """Of a year's income a tenth may be spent on administration, and not a fen more."""
    _run(
        f"""
        create function fund_admin_share() returns trigger language plpgsql {_SAFE} as $$
        declare spent_year integer; spent numeric; income numeric;
        begin
            for spent_year in
                select distinct extract(year from e.booked_on)::integer from changed e join fund_legs l
                on l.entry_id = e.id join fund_accounts a on a.id = l.account_id
                where e.state = 'posted' and a.fund = 'ADMIN' and a.type = 'expense' and l.side = 'debit' order by 1
            loop
                perform pg_advisory_xact_lock(7209, spent_year);
                select coalesce(sum(p.amount_fen) filter (where a.type = 'expense' and a.fund = 'ADMIN'), 0),
                    coalesce(-sum(p.amount_fen) filter (where a.type = 'income'), 0) into spent, income
                from fund_accounts a join fund_postings p on p.account_id = a.id join fund_entries e
                on e.id = p.entry_id
                where (a.type = 'income' or a.type = 'expense' and a.fund = 'ADMIN')
                and e.booked_on between make_date(spent_year, 1, 1) and make_date(spent_year, 12, 31);
                {_refuse("spent * 10 > income", "fund_admin_share", "administration takes at most a tenth of income")}
            end loop;
            return null;
        end $$
        """
    )
    _run(
        "create trigger spent_update after update on fund_entries referencing new table as changed"
        " for each statement execute function fund_admin_share()"
    )


def _policies() -> None:
    for table in _TABLES:
        _run(f"alter table {table} enable row level security")
        _run(f"grant select, insert on {table} to gongxin_web")
    _run("grant update (state, issued_at) on fund_runs to gongxin_web")
    _run("grant update (state, reference, due_on) on fund_charges to gongxin_web")
    _run(f"create policy read on fund_bases for select to gongxin_web using (member_id = {_CALLER} or {_OVERSIGHT})")
    _run(
        "create policy add on fund_bases for insert to gongxin_web with check"
        f" ({_OFFICE} or source = 'statement' and member_id = {_CALLER} and reported_by = {_CALLER})"
    )
    for table, actor in (("fund_runs", "maker_member"), ("fund_run_approvals", "member_id")):
        _run(f"create policy read on {table} for select to gongxin_web using ({_OVERSIGHT})")
        _run(
            f"create policy add on {table} for insert to gongxin_web"
            f" with check ({_KIND} = 'association' and {actor} = {_CALLER})"
        )
    _run(
        "create policy read on fund_charges for select to gongxin_web"
        f" using ({_OVERSIGHT} or state <> 'preview' and member_id = {_CALLER})"
    )
    _run(f"create policy add on fund_charges for insert to gongxin_web with check ({_KIND} = 'association')")
    for table in ("fund_runs", "fund_charges"):
        _run(
            f"create policy move on {table} for update to gongxin_web"
            f" using ({_KIND} = 'association') with check ({_KIND} = 'association')"
        )
    seen = "exists (select from fund_charges c where c.id = charge_id)"
    for table in ("fund_receipts", "fund_dunnings", "fund_objections"):
        _run(f"create policy read on {table} for select to gongxin_web using ({seen})")
    for table in ("fund_receipts", "fund_dunnings"):
        _run(f"create policy add on {table} for insert to gongxin_web with check ({_KIND} = 'registry')")
    _run(
        "create policy add on fund_objections for insert to gongxin_web"
        f" with check (said_by = {_CALLER} and (answers is null and exists (select from fund_charges c"
        f" where c.id = charge_id and c.member_id = {_CALLER}) or answers is not null and {_KIND} = 'association'))"
    )


def downgrade() -> None:
    op.execute("drop trigger spent_update on fund_entries")
    op.execute("drop function fund_run_hash(uuid)")
    for table in _TABLES:
        op.execute(f"drop table {table}")
    for function in (
        "fund_runs_move()", "fund_run_approvals_count()", "fund_charges_move()",
        "fund_charges_credit()", "fund_receipts_count()", "fund_dunnings_check()", "fund_admin_share()",
    ):  # fmt: skip
        op.execute(f"drop function {function}")
    _leaf_kinds(drop=_OURS)
