"""Accounts at banks, files of payments, statements, matching, days.

A file is released by another than made it and bears each payment once; a statement begins where the one before ended
and is whole; a line is there once and settles no more than it moved; what it settles moves by itself; a day is
reconciled where bank and books agree."""

import re

from alembic import op

revision = "0021"
down_revision = "0020"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_KIND = "(select gongxin_kind())"
_CALLER = "(select gongxin_caller())"
_READ = f"{_KIND} in ('registry', 'association', 'regulator')"
_WRITE = f"{_KIND} in ('registry', 'association')"
_OWN = f"{_KIND} = 'registry' or {_KIND} = 'association' and {{0}} = {_CALLER}"
_FEN = "9007199254740991"
_OFFICER = "~ '^[0-9A-Z一-鿿]{1,64}$'"
_OURS = ("fund_payment_file", "fund_day", "fund_report")
_TABLES = ("fund_days", "fund_matches", "fund_bank_lines", "fund_statements", "fund_payment_items",
           "fund_payment_files", "fund_bank_accounts")  # fmt: skip


def _run(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement)


def _refuse(test: str, name: str, words: str) -> str:
    return (
        f"if ({test}) then raise exception '{words}'"
        f" using errcode = 'integrity_constraint_violation', constraint = '{name}'; end if;"
    )


def _leaf_kinds(add: tuple[str, ...], drop: tuple[str, ...] = ()) -> None:
    """The kinds there are, and ours: whatever other parts have added meanwhile stays."""
    for table in ("log_waiting", "log_leaves"):
        found = op.get_bind().exec_driver_sql(
            f"select pg_get_constraintdef(oid) from pg_constraint where conname = 'ck_{table}_kind'"
        )
        kinds = [kind for kind in re.findall(r"'([a-z_]+)'", str(found.scalar_one())) if kind not in drop]
        listed = ", ".join(f"'{kind}'" for kind in [*kinds, *add])
        _run(f"alter table {table} drop constraint ck_{table}_kind")
        _run(f"alter table {table} add constraint ck_{table}_kind check (kind in ({listed}))")


def upgrade() -> None:
    _leaf_kinds(_OURS)
    _payment_tables()
    _statement_tables()
    _files_move()
    _instructions_stand()
    _statements_follow()
    _matches_settle()
    _days_agree()
    _policies()


def _payment_tables() -> None:
    _run(
        f"""
        create table fund_bank_accounts (
            id uuid not null, code text not null, account_key bytea not null, sealed bytea not null,
            key_id text not null, ledger_account_id uuid not null, opened_on date not null,
            opening_fen bigint not null, payments jsonb not null, statements jsonb not null,
            registered_member uuid not null, registered_officer text not null, registered_at timestamptz not null,
            constraint pk_fund_bank_accounts primary key (id),
            constraint uq_fund_bank_accounts_code unique (code),
            constraint uq_fund_bank_accounts_account_key unique (account_key),
            constraint uq_fund_bank_accounts_ledger_account_id unique (ledger_account_id),
            constraint fk_fund_bank_accounts_ledger_account_id foreign key (ledger_account_id)
                references fund_accounts (id),
            constraint fk_fund_bank_accounts_registered_member foreign key (registered_member) references members (id),
            constraint ck_fund_bank_accounts_code check (code ~ '^[A-Z0-9][A-Za-z0-9-]{{0,30}}$'),
            constraint ck_fund_bank_accounts_account_key check (octet_length(account_key) = 32),
            constraint ck_fund_bank_accounts_sealed check (octet_length(sealed) between 28 and 4096),
            constraint ck_fund_bank_accounts_opening check (opening_fen between 0 and {_FEN})
        )
        """
    )
    _run(
        f"""
        create table fund_payment_files (
            id uuid not null, bank_account_id uuid not null, format text not null, sha256 bytea not null,
            payments integer not null, total_fen bigint not null, execute_on date not null,
            state text not null default 'generated', maker_member uuid not null, maker_officer text not null,
            generated_at timestamptz not null, releaser_member uuid, releaser_officer text, released_at timestamptz,
            sent_at timestamptz,
            constraint pk_fund_payment_files primary key (id),
            constraint fk_fund_payment_files_bank_account_id foreign key (bank_account_id)
                references fund_bank_accounts (id),
            constraint fk_fund_payment_files_maker_member foreign key (maker_member) references members (id),
            constraint fk_fund_payment_files_releaser_member foreign key (releaser_member) references members (id),
            constraint ck_fund_payment_files_format check (format in ('csv', 'pain001')),
            constraint ck_fund_payment_files_sha256 check (octet_length(sha256) = 32),
            constraint ck_fund_payment_files_payments check (payments between 1 and 10000),
            constraint ck_fund_payment_files_total check (total_fen between 1 and {_FEN}),
            constraint ck_fund_payment_files_state check (state in ('generated', 'released', 'sent', 'withdrawn')),
            constraint ck_fund_payment_files_releaser check (
                maker_officer {_OFFICER} and releaser_officer {_OFFICER} and releaser_officer <> maker_officer
            ),
            constraint ck_fund_payment_files_released check (
                (state in ('released', 'sent')) = (released_at is not null)
                and (released_at is null) = (releaser_officer is null)
                and (released_at is null) = (releaser_member is null)
            ),
            constraint ck_fund_payment_files_sent check ((state = 'sent') = (sent_at is not null))
        )
        """
    )
    _run(
        """
        create table fund_payment_items (
            file_id uuid not null, position integer not null, instruction_id uuid not null,
            constraint pk_fund_payment_items primary key (file_id, position),
            constraint fk_fund_payment_items_file_id foreign key (file_id) references fund_payment_files (id),
            constraint fk_fund_payment_items_instruction_id foreign key (instruction_id)
                references fund_instructions (id),
            constraint ck_fund_payment_items_position check (position between 1 and 10000)
        )
        """
    )
    _run("create unique index ix_fund_payment_files_once on fund_payment_files (sha256) where state <> 'withdrawn'")
    _run("create index ix_fund_payment_items_instruction_id on fund_payment_items (instruction_id)")


def _statement_tables() -> None:
    _run(
        """
        create table fund_statements (
            id uuid not null, bank_account_id uuid not null, day date not null, opening_fen bigint not null,
            moved_fen bigint not null, closing_fen bigint not null, lines integer not null, sha256 bytea not null,
            format text not null, imported_member uuid not null, imported_officer text not null,
            imported_at timestamptz not null,
            constraint pk_fund_statements primary key (id),
            constraint uq_fund_statements_bank_account_id_day unique (bank_account_id, day),
            constraint uq_fund_statements_bank_account_id_sha256 unique (bank_account_id, sha256),
            constraint uq_fund_statements_id_bank_account_id unique (id, bank_account_id),
            constraint fk_fund_statements_bank_account_id foreign key (bank_account_id)
                references fund_bank_accounts (id),
            constraint fk_fund_statements_imported_member foreign key (imported_member) references members (id),
            constraint ck_fund_statements_sha256 check (octet_length(sha256) = 32),
            constraint ck_fund_statements_closing check (closing_fen = opening_fen + moved_fen),
            constraint ck_fund_statements_lines check (lines between 0 and 100000),
            constraint ck_fund_statements_format check (format in ('camt053', 'csv'))
        )
        """
    )
    _run(
        r"""
        create table fund_bank_lines (
            id uuid not null, statement_id uuid not null, bank_account_id uuid not null, position integer not null,
            booked_on date not null, value_on date not null, amount_fen bigint not null, bank_ref text not null,
            reference text, returned boolean not null, matched_fen bigint not null default 0, sealed bytea not null,
            key_id text not null,
            constraint pk_fund_bank_lines primary key (id),
            constraint uq_fund_bank_lines_statement_id_position unique (statement_id, position),
            constraint uq_fund_bank_lines_bank_account_id_bank_ref unique (bank_account_id, bank_ref),
            constraint fk_fund_bank_lines_statement_id_bank_account_id foreign key (statement_id, bank_account_id)
                references fund_statements (id, bank_account_id),
            constraint ck_fund_bank_lines_amount check (
                amount_fen <> 0 and amount_fen between -9007199254740991 and 9007199254740991
            ),
            constraint ck_fund_bank_lines_bank_ref check (bank_ref ~ '^[A-Za-z0-9/_.:-]{1,64}$'),
            constraint ck_fund_bank_lines_reference check (reference ~ '^[A-Z0-9-]{6,35}$'),
            constraint ck_fund_bank_lines_matched check (matched_fen between 0 and abs(amount_fen)),
            constraint ck_fund_bank_lines_sealed check (octet_length(sealed) between 28 and 16384)
        )
        """
    )
    _run(
        "create index ix_fund_bank_lines_unmatched on fund_bank_lines (bank_account_id, id)"
        " where matched_fen <> abs(amount_fen)"
    )
    _run(
        f"""
        create table fund_matches (
            id uuid not null, line_id uuid not null, target text not null, target_id uuid not null,
            amount_fen bigint not null, outcome text not null, member_id uuid not null, officer text not null,
            matched_at timestamptz not null,
            constraint pk_fund_matches primary key (id),
            constraint fk_fund_matches_line_id foreign key (line_id) references fund_bank_lines (id),
            constraint fk_fund_matches_member_id foreign key (member_id) references members (id),
            constraint ck_fund_matches_target check (target in ('instruction', 'expected', 'entry')),
            constraint ck_fund_matches_amount check (amount_fen between 1 and {_FEN} and officer {_OFFICER}),
            constraint ck_fund_matches_outcome check (
                outcome in ('confirmed', 'returned') and (target = 'instruction' or outcome = 'confirmed')
            )
        )
        """
    )
    _run("create unique index ix_fund_matches_once on fund_matches (target_id, outcome) where target = 'instruction'")
    _run("create index ix_fund_matches_line_id on fund_matches (line_id)")
    _run("create index ix_fund_matches_target_id on fund_matches (target_id)")
    _run(
        """
        create table fund_days (
            bank_account_id uuid not null, day date not null, closing_fen bigint not null, member_id uuid not null,
            officer text not null, reconciled_at timestamptz not null, leaf_id uuid not null,
            constraint pk_fund_days primary key (bank_account_id, day),
            constraint fk_fund_days_bank_account_id_day foreign key (bank_account_id, day)
                references fund_statements (bank_account_id, day),
            constraint fk_fund_days_member_id foreign key (member_id) references members (id)
        )
        """
    )


def _files_move() -> None:
    _run(
        f"""
        create function fund_payment_files_move() returns trigger language plpgsql {_SAFE} as $$
        begin
            if tg_op = 'INSERT' then
                {_refuse("new.state <> 'generated'", "fund_payment_files_begin", "a file begins generated")}
                return new;
            end if;
            {
            _refuse(
                "to_jsonb(new) - array['state', 'releaser_member', 'releaser_officer', 'released_at', 'sent_at']"
                " <> to_jsonb(old) - array['state', 'releaser_member', 'releaser_officer', 'released_at', 'sent_at']"
                " or old.released_at is not null and (new.releaser_member, new.releaser_officer, new.released_at)"
                " is distinct from (old.releaser_member, old.releaser_officer, old.released_at)",
                "fund_payment_files_fixed",
                "what a file pays stays",
            )
        }
            {
            _refuse(
                "not (old.state = 'generated' and new.state in ('released', 'withdrawn')"
                " or old.state = 'released' and new.state = 'sent')",
                "fund_payment_files_transition",
                "this state does not follow",
            )
        }
            {
            _refuse(
                "new.state = 'released' and gongxin_kind() <> 'registry' and new.releaser_member <> gongxin_caller()",
                "fund_payment_files_actor",
                "whoever releases is of the member that asks",
            )
        }
            {
            _refuse(
                "(select (count(*), coalesce(sum(i.amount_fen), 0)) is distinct from (new.payments, new.total_fen)"
                " from fund_payment_items x join fund_instructions i on i.id = x.instruction_id"
                " where x.file_id = new.id)",
                "fund_payment_files_sum",
                "the file does not say what it pays",
            )
        }
            return new;
        end $$
        """
    )
    _run(
        "create trigger moves before insert or update on fund_payment_files"
        " for each row execute function fund_payment_files_move()"
    )
    _run(
        f"""
        create function fund_payment_files_moved() returns trigger language plpgsql {_SAFE} as $$
        begin
            if new.state in ('sent', 'withdrawn') then
                update fund_instructions i set state = case new.state when 'sent' then 'sent' else 'instructed' end,
                    changed_at = coalesce(new.sent_at, now())
                from fund_payment_items x where x.file_id = new.id and i.id = x.instruction_id;
            end if;
            return null;
        end $$
        """
    )
    _run(
        "create trigger moved after update on fund_payment_files"
        " for each row execute function fund_payment_files_moved()"
    )
    _run(
        f"""
        create function fund_payment_items_filed() returns trigger language plpgsql {_SAFE} as $$
        begin
            perform from fund_instructions i where i.id in (select a.instruction_id from added a)
            order by i.id for update;
            {
            _refuse(
                "exists (select from added a join fund_instructions i on i.id = a.instruction_id join"
                " fund_payment_files f on f.id = a.file_id join fund_bank_accounts b on b.id = f.bank_account_id join"
                " fund_accounts l on l.id = b.ledger_account_id"
                " where i.state <> 'instructed' or f.state <> 'generated' or l.fund <> i.fund)"
                " or exists (select from added a group by a.instruction_id having count(*) > 1)",
                "fund_payment_items_once",
                "a payment stands in one file, of its fund",
            )
        }
            update fund_instructions i set state = 'filed', changed_at = now() from added a
            where i.id = a.instruction_id;
            return null;
        end $$
        """
    )
    _run(
        "create trigger filed after insert on fund_payment_items referencing new table as added"
        " for each statement execute function fund_payment_items_filed()"
    )


def _instructions_stand() -> None:
    """No hand moves an instruction past what its file and the bank's lines say."""
    live = (
        "(select f.state from fund_payment_items x join fund_payment_files f on f.id = x.file_id"
        " where x.instruction_id = new.id and f.state <> 'withdrawn' limit 1)"
    )
    settled = (
        "(select m.amount_fen from fund_matches m where m.target = 'instruction' and m.target_id = new.id"
        " and m.outcome = new.state)"
    )
    _run(
        f"""
        create function fund_instructions_stand() returns trigger language plpgsql {_SAFE} as $$
        begin
            {
            _refuse(
                f"new.state = 'filed' and {live} is distinct from 'generated'"
                f" or new.state = 'instructed' and {live} is not null"
                f" or new.state = 'sent' and {live} is distinct from 'sent'",
                "fund_instructions_filed",
                "the file of the payment says otherwise",
            )
        }
            {
            _refuse(
                f"new.state in ('confirmed', 'returned') and {settled} is distinct from new.amount_fen",
                "fund_instructions_settled",
                "no line of the bank says so",
            )
        }
            return null;
        end $$
        """
    )
    _run(
        "create trigger stands after update on fund_instructions"
        " for each row execute function fund_instructions_stand()"
    )
    _run(
        f"""
        create function fund_expected_received() returns trigger language plpgsql {_SAFE} as $$
        begin
            {
            _refuse(
                "new.received_fen is distinct from (select coalesce(sum(m.amount_fen), 0) from fund_matches m"
                " where m.target = 'expected' and m.target_id = new.id)",
                "fund_expected_received",
                "no line of the bank says so",
            )
        }
            return null;
        end $$
        """
    )
    _run("create trigger received after update on fund_expected for each row execute function fund_expected_received()")


def _statements_follow() -> None:
    _run(
        f"""
        create function fund_statements_follow() returns trigger language plpgsql {_SAFE} as $$
        declare account fund_bank_accounts; previous fund_statements;
        begin
            select * into account from fund_bank_accounts b where b.id = new.bank_account_id for update;
            select * into previous from fund_statements s where s.bank_account_id = new.bank_account_id
            order by s.day desc limit 1;
            {
            _refuse(
                "new.day <= previous.day or new.day < account.opened_on",
                "fund_statements_order",
                "a statement comes after the one before",
            )
        }
            {
            _refuse(
                "new.opening_fen <> coalesce(previous.closing_fen, account.opening_fen)",
                "fund_statements_opening",
                "a statement begins where the one before ended",
            )
        }
            return new;
        end $$
        """
    )
    _run(
        "create trigger follows before insert on fund_statements for each row execute function fund_statements_follow()"
    )
    _run(
        f"""
        create function fund_statements_whole() returns trigger language plpgsql {_SAFE} as $$
        begin
            {
            _refuse(
                "exists (select from fund_statements s where s.id = new.id and (select (count(*),"
                " coalesce(sum(l.amount_fen), 0)) is distinct from (s.lines, s.moved_fen) from fund_bank_lines l"
                " where l.statement_id = s.id))",
                "fund_statements_whole",
                "lines of the statement are missing",
            )
        }
            return null;
        end $$
        """
    )
    _run(
        "create constraint trigger whole after insert on fund_statements deferrable initially deferred"
        " for each row execute function fund_statements_whole()"
    )
    # A statement that stands takes no further line: of a transaction before, that is.
    _run(
        f"""
        create function fund_bank_lines_kept() returns trigger language plpgsql {_SAFE} as $$
        begin
            if tg_op = 'INSERT' then
                {_refuse("new.matched_fen <> 0", "fund_bank_lines_begin", "a line begins unmatched")}
                {
            _refuse(
                "exists (select from fund_statements s where s.id = new.statement_id"
                " and (new.booked_on > s.day or new.position > s.lines))",
                "fund_bank_lines_of",
                "the line is not of this statement",
            )
        }
                return new;
            end if;
            {
            _refuse(
                "to_jsonb(new) - 'matched_fen' - 'sealed' - 'key_id'"
                " <> to_jsonb(old) - 'matched_fen' - 'sealed' - 'key_id' or new.matched_fen < old.matched_fen",
                "fund_bank_lines_fixed",
                "what the bank said stays",
            )
        }
            return new;
        end $$
        """
    )
    _run(
        "create trigger kept before insert or update on fund_bank_lines"
        " for each row execute function fund_bank_lines_kept()"
    )


def _matches_settle() -> None:
    moved_by_entry = (
        "(select coalesce(sum(p.amount_fen), 0) from fund_postings p where p.entry_id = new.target_id"
        " and p.account_id = account.ledger_account_id)"
    )
    _run(
        f"""
        create function fund_matches_settle() returns trigger language plpgsql {_SAFE} as $$
        declare line fund_bank_lines; account fund_bank_accounts; payment fund_instructions; awaited fund_expected;
        begin
            {
            _refuse(
                "gongxin_kind() <> 'registry' and new.member_id <> gongxin_caller()",
                "fund_matches_actor",
                "whoever matches is of the member that asks",
            )
        }
            select * into line from fund_bank_lines l where l.id = new.line_id for update;
            select * into account from fund_bank_accounts b where b.id = line.bank_account_id;
            {
            _refuse(
                "line.matched_fen + new.amount_fen > abs(line.amount_fen)",
                "fund_matches_line",
                "a line settles no more than it moved",
            )
        }
            update fund_bank_lines l set matched_fen = l.matched_fen + new.amount_fen where l.id = line.id;
            if new.target = 'instruction' then
                select * into payment from fund_instructions i where i.id = new.target_id for update;
                {
            _refuse(
                "payment.id is null or new.amount_fen <> payment.amount_fen"
                " or (line.amount_fen < 0) <> (new.outcome = 'confirmed')"
                " or not exists (select from fund_payment_items x join fund_payment_files f on f.id = x.file_id"
                " where x.instruction_id = payment.id and f.bank_account_id = account.id and f.state = 'sent')",
                "fund_matches_payment",
                "the line is not of this payment",
            )
        }
                update fund_instructions i set state = new.outcome, changed_at = new.matched_at,
                    reason = case new.outcome when 'returned' then coalesce(i.reason, '银行退汇 returned by the bank')
                        else i.reason end
                where i.id = payment.id;
            elsif new.target = 'expected' then
                select * into awaited from fund_expected e where e.id = new.target_id for update;
                {
            _refuse(
                "awaited.id is null or line.amount_fen < 0 or awaited.state <> 'open'"
                " or awaited.received_fen + new.amount_fen > awaited.amount_fen",
                "fund_matches_expected",
                "the line brings more than is expected",
            )
        }
                update fund_expected e set received_fen = e.received_fen + new.amount_fen,
                    state = case when e.received_fen + new.amount_fen = e.amount_fen then 'met' else 'open' end,
                    changed_at = new.matched_at
                where e.id = awaited.id;
            else
                perform from fund_entries e where e.id = new.target_id and e.state = 'posted' for no key update;
                {
            _refuse(
                f"not exists (select from fund_entries e where e.id = new.target_id and e.state = 'posted')"
                f" or sign({moved_by_entry}) <> sign(line.amount_fen)"
                f" or abs({moved_by_entry}) < (select coalesce(sum(m.amount_fen), 0) from fund_matches m"
                f" join fund_bank_lines l on l.id = m.line_id where m.target = 'entry' and m.target_id = new.target_id"
                f" and l.bank_account_id = account.id)",
                "fund_matches_entry",
                "no posted entry moves so much on this account",
            )
        }
            end if;
            return null;
        end $$
        """
    )
    _run("create trigger settles after insert on fund_matches for each row execute function fund_matches_settle()")


def _days_agree() -> None:
    # What the books hold on an account by the end of a day: whole periods from their sums, the day's own row by row.
    _run(
        """
        create function fund_booked(p_account uuid, p_day date) returns bigint language sql stable return (
            select coalesce((
                select sum(b.debit_fen - b.credit_fen) from fund_balances b join fund_periods p on p.number = b.period
                where b.account_id = p_account and p.last_day < p_day), 0)::bigint
            + coalesce((
                select sum(x.amount_fen) from fund_postings x join fund_entries e on e.id = x.entry_id
                join fund_periods p on p.number = x.period
                where x.account_id = p_account and p.last_day >= p_day and p.first_day <= p_day
                and e.booked_on <= p_day), 0)::bigint
        )
        """
    )
    _run("revoke execute on function fund_booked(uuid, date) from public")
    _run("grant execute on function fund_booked(uuid, date) to gongxin_web")
    _run(
        f"""
        create function fund_days_agree() returns trigger language plpgsql {_SAFE} as $$
        declare account fund_bank_accounts; said fund_statements;
        begin
            select * into account from fund_bank_accounts b where b.id = new.bank_account_id for update;
            select * into said from fund_statements s where s.bank_account_id = new.bank_account_id
            and s.day = new.day;
            {
            _refuse(
                "exists (select from fund_bank_lines l join fund_statements s on s.id = l.statement_id"
                " where l.bank_account_id = new.bank_account_id and s.day <= new.day"
                " and l.matched_fen <> abs(l.amount_fen))",
                "fund_days_lines",
                "lines of the bank are not accounted for",
            )
        }
            {
            _refuse(
                "said.id is null or new.closing_fen <> said.closing_fen"
                " or said.closing_fen <> fund_booked(account.ledger_account_id, new.day)",
                "fund_days_books",
                "bank and books differ",
            )
        }
            {
            _refuse(
                "exists (select from fund_statements s where s.bank_account_id = new.bank_account_id"
                " and s.day < new.day and not exists (select from fund_days d"
                " where d.bank_account_id = s.bank_account_id and d.day = s.day))",
                "fund_days_order",
                "the day before is reconciled first",
            )
        }
            return new;
        end $$
        """
    )
    _run("create trigger agrees before insert on fund_days for each row execute function fund_days_agree()")


def _policies() -> None:
    for table in ("fund_bank_accounts", "fund_payment_files", "fund_bank_lines"):
        _run(f"create trigger stays before delete on {table} for each row execute function fund_stays()")
    for table in ("fund_payment_items", "fund_statements", "fund_matches", "fund_days"):
        _run(
            f"create trigger append_only before update or delete on {table}"
            " for each row execute function refuse_change()"
        )
    for table in _TABLES:
        _run(f"alter table {table} enable row level security")
        _run(f"create policy read on {table} for select to gongxin_web using ({_READ})")
        _run(f"grant select, insert on {table} to gongxin_web")
    for table in ("fund_payment_items", "fund_bank_lines"):
        _run(f"create policy add on {table} for insert to gongxin_web with check ({_WRITE})")
    for table, column in (
        ("fund_bank_accounts", "registered_member"), ("fund_payment_files", "maker_member"),
        ("fund_statements", "imported_member"), ("fund_matches", "member_id"), ("fund_days", "member_id"),
    ):  # fmt: skip
        _run(f"create policy add on {table} for insert to gongxin_web with check ({_OWN.format(column)})")
    _run(f"create policy move on fund_payment_files for update to gongxin_web using ({_WRITE}) with check ({_WRITE})")
    _run(
        "grant update (state, releaser_member, releaser_officer, released_at, sent_at) on fund_payment_files"
        " to gongxin_web"
    )


def downgrade() -> None:
    op.execute("drop trigger stands on fund_instructions")
    op.execute("drop trigger received on fund_expected")
    for table in _TABLES:
        op.execute(f"drop table {table}")
    for function in (
        "fund_days_agree()", "fund_booked(uuid, date)", "fund_matches_settle()", "fund_bank_lines_kept()",
        "fund_statements_whole()", "fund_statements_follow()", "fund_expected_received()",
        "fund_instructions_stand()", "fund_payment_items_filed()", "fund_payment_files_moved()",
        "fund_payment_files_move()",
    ):  # fmt: skip
        op.execute(f"drop function {function}")
    _leaf_kinds((), _OURS)
