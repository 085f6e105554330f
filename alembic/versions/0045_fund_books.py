"""A bank account is the money of one or more accounts of the books; what is reconciled stays so; what is paid has its
claim, or the entry that owes it.

One account at a bank holds the money of several funds: a levy received is split over three accounts of the books and
came in on one. `fund_bank_books` says which accounts of the books are the money of a bank account, and bank and books
are compared by their sum. An account of the books is of one bank account only."""

from alembic import op

revision = "0045"
down_revision = "0044"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_KIND = "(select gongxin_kind())"
_READ = f"{_KIND} in ('registry', 'association', 'regulator')"
_WRITE = f"{_KIND} in ('registry', 'association')"

# (function, as 0021 has it, as it is from here on)
_CHANGES = (
    (
        "fund_payment_items_filed()",
        "fund_bank_accounts b on b.id = f.bank_account_id join fund_accounts l on l.id = b.ledger_account_id"
        " where i.state <> 'instructed' or f.state <> 'generated' or l.fund <> i.fund)",
        "fund_bank_accounts b on b.id = f.bank_account_id"
        " where i.state <> 'instructed' or f.state <> 'generated' or not fund_instruction_of(i, b.id))",
    ),
    (
        "fund_days_agree()",
        "fund_booked(account.ledger_account_id, new.day)",
        "fund_bank_booked(account.id, new.day)",
    ),
    (
        # Whoever posts holds the totals: what is posted before the day is reconciled is counted, what comes after is
        # refused.
        "fund_days_agree()",
        "select * into said from fund_statements s",
        "perform from fund_totals t join fund_bank_books k on k.ledger_account_id = t.account_id"
        " where k.bank_account_id = account.id order by t.account_id for update of t;"
        " select * into said from fund_statements s",
    ),
    (
        "fund_matches_settle()",
        "p.account_id = account.ledger_account_id)",
        "p.account_id in (select k.ledger_account_id from fund_bank_books k where k.bank_account_id = account.id))",
    ),
)


def _run(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement)


def _refuse(test: str, name: str, words: str) -> str:
    return (
        f"if ({test}) then raise exception '{words}'"
        f" using errcode = 'integrity_constraint_violation', constraint = '{name}'; end if;"
    )


def _replace(function: str, old: str, new: str) -> None:
    connection = op.get_bind()
    (source,) = connection.exec_driver_sql(f"select pg_get_functiondef('{function}'::regprocedure)").one()
    if old not in source:
        raise ValueError(f"not the {function} of 0021")
    connection.exec_driver_sql(source.replace(old, new))


def upgrade() -> None:
    _books()
    for function, old, new in _CHANGES:
        _replace(function, old, new)
    _accounts_change()
    _payments_owed()
    _days_stay()


def _books() -> None:
    _run(
        """
        create table fund_bank_books (
            ledger_account_id uuid not null, bank_account_id uuid not null,
            constraint pk_fund_bank_books primary key (ledger_account_id),
            constraint fk_fund_bank_books_ledger_account_id foreign key (ledger_account_id)
                references fund_accounts (id),
            constraint fk_fund_bank_books_bank_account_id foreign key (bank_account_id)
                references fund_bank_accounts (id)
        )
        """
    )
    _run("create index ix_fund_bank_books_bank_account_id on fund_bank_books (bank_account_id)")
    _run("insert into fund_bank_books select b.ledger_account_id, b.id from fund_bank_accounts b")
    _run(
        """
        create function fund_bank_booked(p_bank_account uuid, p_day date) returns bigint language sql stable return (
            select coalesce(sum(fund_booked(k.ledger_account_id, p_day)), 0)::bigint from fund_bank_books k
            where k.bank_account_id = p_bank_account
        )
        """
    )
    # Of which bank account a payment goes out: of that which is the money it is held on, else of one of its fund.
    _run(
        """
        create function fund_instruction_of(i fund_instructions, p_bank_account uuid) returns boolean
        language sql stable return exists (
            select from fund_bank_books k join fund_accounts a on a.id = k.ledger_account_id
            left join fund_holds h on h.id = i.hold_id
            where k.bank_account_id = p_bank_account and a.fund = i.fund
            and (h.id is null or h.account_id = a.id)
        )
        """
    )
    for function in ("fund_bank_booked(uuid, date)", "fund_instruction_of(fund_instructions, uuid)"):
        _run(f"revoke execute on function {function} from public")
        _run(f"grant execute on function {function} to gongxin_web")
    _run(
        f"""
        create function fund_bank_books_fit() returns trigger language plpgsql {_SAFE} as $$
        declare last date;
        begin
            perform from fund_bank_accounts b where b.id = new.bank_account_id for update;
            {
            _refuse(
                "not exists (select from fund_accounts a where a.id = new.ledger_account_id and a.type = 'asset')",
                "fund_bank_books_asset",
                "money at a bank is an asset",
            )
        }
            select max(d.day) into last from fund_days d where d.bank_account_id = new.bank_account_id;
            perform from fund_totals t where t.account_id = new.ledger_account_id for update;
            {
            _refuse(
                "last is not null and fund_booked(new.ledger_account_id, last) <> 0",
                "fund_bank_books_late",
                "days that are reconciled would agree no more",
            )
        }
            return new;
        end $$
        """
    )
    _run("create trigger fits before insert on fund_bank_books for each row execute function fund_bank_books_fit()")
    _run(
        f"""
        create function fund_bank_accounts_booked() returns trigger language plpgsql {_SAFE} as $$
        begin
            insert into fund_bank_books (ledger_account_id, bank_account_id) values (new.ledger_account_id, new.id);
            return null;
        end $$
        """
    )
    _run(
        "create trigger booked after insert on fund_bank_accounts"
        " for each row execute function fund_bank_accounts_booked()"
    )
    _run(
        "create trigger append_only before update or delete on fund_bank_books"
        " for each row execute function refuse_change()"
    )
    _run("alter table fund_bank_books enable row level security")
    _run(f"create policy read on fund_bank_books for select to gongxin_web using ({_READ})")
    _run(f"create policy add on fund_bank_books for insert to gongxin_web with check ({_WRITE})")
    _run("grant select, insert on fund_bank_books to gongxin_web")


def _accounts_change() -> None:
    """Of a bank account change the seal (with the master key) and the forms its bank reads and writes; no more."""
    _run(
        f"""
        create function fund_bank_accounts_kept() returns trigger language plpgsql {_SAFE} as $$
        begin
            {
            _refuse(
                "to_jsonb(new) - array['sealed', 'key_id', 'payments', 'statements']"
                " <> to_jsonb(old) - array['sealed', 'key_id', 'payments', 'statements']",
                "fund_bank_accounts_fixed",
                "an account at a bank stays",
            )
        }
            {
            _refuse(
                "new.payments <> old.payments and exists (select from fund_payment_files f"
                " where f.bank_account_id = new.id and f.format = 'csv' and f.state in ('generated', 'released'))",
                "fund_bank_accounts_layout",
                "a file of payments in this layout is not sent yet",
            )
        }
            return new;
        end $$
        """
    )
    _run(
        "create trigger kept before update on fund_bank_accounts"
        " for each row execute function fund_bank_accounts_kept()"
    )
    _run(f"create policy change on fund_bank_accounts for update to gongxin_web using ({_WRITE}) with check ({_WRITE})")
    _run(
        f"create policy reseal on fund_bank_lines for update to gongxin_web using ({_KIND} = 'registry')"
        f" with check ({_KIND} = 'registry')"
    )
    _run("grant update (sealed, key_id, payments, statements) on fund_bank_accounts to gongxin_web")
    _run("grant update (sealed, key_id) on fund_bank_lines to gongxin_web")


def _payments_owed() -> None:
    """Relief and protection are paid on a claim whose money is held; a refund is what a posted entry says is owed."""
    owed = (
        "(select coalesce(-sum(p.amount_fen), 0) from fund_postings p join fund_accounts a on a.id = p.account_id"
        " where p.entry_id = new.source_id and a.type = 'liability')"
    )
    _run(
        f"""
        create function fund_instructions_owed() returns trigger language plpgsql {_SAFE} as $$
        begin
            {
            _refuse(
                "new.purpose in ('relief', 'staff') and not exists (select from fund_claims c"
                " where c.id = new.source_id and c.state = 'held' and c.hold_id = new.hold_id"
                " and c.payee_id = new.payee_id and c.granted_fen = new.amount_fen and c.fund = new.fund"
                " and lower(c.fund) = new.purpose)",
                "fund_instructions_claim",
                "it is paid on a claim whose money is held",
            )
        }
            {
            _refuse(
                f"new.purpose = 'refund' and (new.amount_fen <> {owed} or not exists (select from fund_entries e"
                " join fund_legs l on l.entry_id = e.id join fund_accounts a on a.id = l.account_id"
                " where e.id = new.source_id and e.state = 'posted' and a.type = 'liability' and a.fund = new.fund)"
                " or exists (select from fund_entries r where r.reverses = new.source_id and r.state = 'posted'))",
                "fund_instructions_refund",
                "what goes back is what a posted entry owes",
            )
        }
            return null;
        end $$
        """
    )
    _run("create trigger owed after insert on fund_instructions for each row execute function fund_instructions_owed()")


def _days_stay() -> None:
    """Nothing is posted into a day on which bank and books agreed. The totals are locked as whoever reconciles locks
    them, so that neither misses the other."""
    _run(
        f"""
        create function fund_entries_reconciled() returns trigger language plpgsql {_SAFE} as $$
        begin
            if not exists (
                select from changed e join before o on o.id = e.id and o.state <> 'posted'
                join fund_legs l on l.entry_id = e.id join fund_bank_books k on k.ledger_account_id = l.account_id
                where e.state = 'posted'
            ) then
                return null;
            end if;
            perform from fund_totals t where t.account_id in (
                select l.account_id from changed e join fund_legs l on l.entry_id = e.id where e.state = 'posted')
            order by t.account_id for update;
            {
            _refuse(
                "exists (select from changed e join before o on o.id = e.id and o.state <> 'posted'"
                " join fund_legs l on l.entry_id = e.id join fund_bank_books k on k.ledger_account_id = l.account_id"
                " where e.state = 'posted' and exists (select from fund_days d"
                " where d.bank_account_id = k.bank_account_id and d.day >= e.booked_on)"
                " group by e.id, k.bank_account_id"
                " having sum(case l.side when 'debit' then l.amount_fen else -l.amount_fen end) <> 0)",
                "fund_entries_reconciled",
                "the day is reconciled with the bank",
            )
        }
            return null;
        end $$
        """
    )
    _run(
        "create trigger reconciled after update on fund_entries referencing new table as changed old table as before"
        " for each statement execute function fund_entries_reconciled()"
    )


def downgrade() -> None:
    op.execute("drop trigger reconciled on fund_entries")
    op.execute("drop trigger owed on fund_instructions")
    op.execute("revoke update (sealed, key_id) on fund_bank_lines from gongxin_web")
    op.execute("revoke update (sealed, key_id, payments, statements) on fund_bank_accounts from gongxin_web")
    op.execute("drop policy reseal on fund_bank_lines")
    op.execute("drop policy change on fund_bank_accounts")
    op.execute("drop trigger kept on fund_bank_accounts")
    op.execute("drop trigger booked on fund_bank_accounts")
    for function, old, new in reversed(_CHANGES):
        _replace(function, new, old)
    op.execute("drop function fund_bank_booked(uuid, date)")
    op.execute("drop function fund_instruction_of(fund_instructions, uuid)")
    op.execute("drop table fund_bank_books")
    for function in (
        "fund_entries_reconciled()", "fund_instructions_owed()", "fund_bank_accounts_kept()",
        "fund_bank_accounts_booked()", "fund_bank_books_fit()",
    ):  # fmt: skip
        op.execute(f"drop function {function}")
