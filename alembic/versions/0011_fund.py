"""The mutual-aid fund's ledger: accounts, periods, entries, legs, approvals, holds, balances.

The web role adds drafts, approvals and holds, and moves states; balances, postings and history it only reads. What
guards all of it, and posts, is the migration after this one."""

from alembic import op

revision = "0011"
down_revision = "0010"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_KIND = "(select gongxin_kind())"
_READ = f"{_KIND} in ('registry', 'association', 'regulator')"
_WRITE = f"{_KIND} in ('registry', 'association')"
_OWN = f"{_KIND} = 'registry' or {_KIND} = 'association' and {{0}} = (select gongxin_caller())"
_FUNDS = "('RELIEF', 'STAFF', 'ADMIN')"
_FEN = "9007199254740991"
_OFFICER = "~ '^[0-9A-Z一-鿿]{1,64}$'"
_LEAVES = ("member_state", "agreement", "client_key", "policy", "case_event", "court_event", "lookup", "subject_access",
           "epoch", "erasure", "evidence", "evidence_batch", "custody")  # fmt: skip
_OURS = ("fund_entry", "fund_period")
_TABLES = ("fund_steps", "fund_postings", "fund_balances", "fund_totals", "fund_approvals", "fund_legs", "fund_entries",
           "fund_holds", "fund_periods", "fund_accounts")  # fmt: skip


def _run(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement)


def _leaf_kinds(kinds: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    for table in ("log_waiting", "log_leaves"):
        _run(f"alter table {table} drop constraint ck_{table}_kind")
        _run(f"alter table {table} add constraint ck_{table}_kind check (kind in ({listed}))")


def upgrade() -> None:
    _leaf_kinds(_LEAVES + _OURS)
    _tables()
    _kept_tables()
    _policies()


def _tables() -> None:
    _run(
        f"""
        create table fund_accounts (
            id uuid not null, code text not null, name_zh text not null, name_en text not null, type text not null,
            fund text not null, restriction text, currency text not null default 'CNY', normal_side text not null,
            minimum_fen bigint, created_at timestamptz not null, closed_at timestamptz,
            constraint pk_fund_accounts primary key (id),
            constraint uq_fund_accounts_code unique (code),
            constraint uq_fund_accounts_id_fund unique (id, fund),
            constraint ck_fund_accounts_code check (code ~ '^[A-Z0-9][A-Za-z0-9-]{{0,30}}$'),
            constraint ck_fund_accounts_names check (
                char_length(name_zh) between 1 and 120 and char_length(name_en) between 1 and 120
            ),
            constraint ck_fund_accounts_type check (type in ('asset', 'liability', 'equity', 'income', 'expense')),
            constraint ck_fund_accounts_fund check (fund in {_FUNDS}),
            constraint ck_fund_accounts_restriction check (restriction ~ '^[a-z][a-z0-9_]{{0,31}}$'),
            constraint ck_fund_accounts_currency check (currency = 'CNY'),
            constraint ck_fund_accounts_normal_side check (
                normal_side = case when type in ('asset', 'expense') then 'debit' else 'credit' end
            ),
            constraint ck_fund_accounts_minimum check (minimum_fen between 0 and {_FEN})
        )
        """
    )
    _run(
        """
        create table fund_periods (
            number integer not null, first_day date not null, last_day date not null,
            state text not null default 'open', opened_at timestamptz not null, closed_at timestamptz,
            trial_balance text, content_hash bytea, leaf_id uuid,
            constraint pk_fund_periods primary key (number),
            constraint ck_fund_periods_days check (last_day >= first_day and first_day >= '2000-01-01'),
            constraint ck_fund_periods_state check (state in ('open', 'closing', 'closed')),
            constraint ck_fund_periods_closed check (
                (state = 'closed') = (closed_at is not null and trial_balance is not null and content_hash is not null
                    and leaf_id is not null)
                and octet_length(content_hash) = 32
            )
        )
        """
    )
    _run(
        f"""
        create table fund_holds (
            id uuid not null, account_id uuid not null, amount_fen bigint not null, reason text not null,
            state text not null default 'held', member_id uuid not null, officer text not null,
            placed_at timestamptz not null, ended_at timestamptz,
            constraint pk_fund_holds primary key (id),
            constraint fk_fund_holds_account_id foreign key (account_id) references fund_accounts (id),
            constraint fk_fund_holds_member_id foreign key (member_id) references members (id),
            constraint ck_fund_holds_amount check (amount_fen between 1 and {_FEN}),
            constraint ck_fund_holds_reason check (char_length(reason) between 1 and 200),
            constraint ck_fund_holds_state check (state in ('held', 'released', 'used')),
            constraint ck_fund_holds_ended check ((state = 'held') = (ended_at is null)),
            constraint ck_fund_holds_officer check (officer {_OFFICER})
        )
        """
    )
    _run(
        f"""
        create table fund_entries (
            id uuid not null, key text not null, key_hash bytea not null, period integer not null,
            booked_on date not null, description text not null, reference text, reverses uuid, hold_id uuid,
            maker_member uuid not null, maker_officer text not null, approvals_needed integer not null default 2,
            state text not null default 'draft', version integer not null default 1, content_hash bytea,
            acted_member uuid not null, acted_officer text not null, acted_at timestamptz not null, reason text,
            created_at timestamptz not null, posted_at timestamptz,
            constraint pk_fund_entries primary key (id),
            constraint uq_fund_entries_key unique (key),
            constraint fk_fund_entries_period foreign key (period) references fund_periods (number),
            constraint fk_fund_entries_reverses foreign key (reverses) references fund_entries (id),
            constraint fk_fund_entries_hold_id foreign key (hold_id) references fund_holds (id),
            constraint fk_fund_entries_maker_member foreign key (maker_member) references members (id),
            constraint ck_fund_entries_key check (key ~ '^[A-Za-z0-9_.:-]{{1,128}}$' and octet_length(key_hash) = 32),
            constraint ck_fund_entries_words check (
                char_length(description) between 1 and 200 and char_length(reference) between 1 and 64
                and char_length(reason) between 1 and 200
            ),
            constraint ck_fund_entries_officers check (maker_officer {_OFFICER} and acted_officer {_OFFICER}),
            constraint ck_fund_entries_approvals check (approvals_needed between 2 and 5),
            constraint ck_fund_entries_state check (
                state in ('draft', 'submitted', 'approved', 'posted', 'rejected', 'withdrawn', 'expired')
            ),
            constraint ck_fund_entries_hash check (
                octet_length(content_hash) = 32
                and (content_hash is not null or state in ('draft', 'withdrawn', 'expired'))
            ),
            constraint ck_fund_entries_posted check ((state = 'posted') = (posted_at is not null))
        )
        """
    )
    _run(
        "create unique index ix_fund_entries_one_reversal on fund_entries (reverses)"
        " where state not in ('rejected', 'withdrawn', 'expired')"
    )
    _run(
        "create unique index ix_fund_entries_one_use on fund_entries (hold_id)"
        " where state not in ('rejected', 'withdrawn', 'expired')"
    )
    _run(
        "create index ix_fund_entries_period_pending on fund_entries (period)"
        " where state in ('draft', 'submitted', 'approved')"
    )
    _run(
        f"""
        create table fund_legs (
            entry_id uuid not null, position integer not null, account_id uuid not null, fund text not null,
            side text not null, amount_fen bigint not null,
            constraint pk_fund_legs primary key (entry_id, position),
            constraint fk_fund_legs_entry_id foreign key (entry_id) references fund_entries (id),
            constraint fk_fund_legs_account_id_fund foreign key (account_id, fund) references fund_accounts (id, fund),
            constraint ck_fund_legs_position check (position between 1 and 200),
            constraint ck_fund_legs_side check (side in ('debit', 'credit')),
            constraint ck_fund_legs_amount check (amount_fen between 1 and {_FEN})
        )
        """
    )
    _run(
        f"""
        create table fund_approvals (
            entry_id uuid not null, officer text not null, content_hash bytea not null, member_id uuid not null,
            client_id uuid, approved_at timestamptz not null,
            constraint pk_fund_approvals primary key (entry_id, officer, content_hash),
            constraint fk_fund_approvals_entry_id foreign key (entry_id) references fund_entries (id),
            constraint fk_fund_approvals_member_id foreign key (member_id) references members (id),
            constraint ck_fund_approvals_officer check (officer {_OFFICER}),
            constraint ck_fund_approvals_hash check (octet_length(content_hash) = 32)
        )
        """
    )


def _kept_tables() -> None:
    """What triggers write and nobody else."""
    _run(
        """
        create table fund_totals (
            account_id uuid not null, balance_fen bigint not null default 0, held_fen bigint not null default 0,
            postings bigint not null default 0, last_at timestamptz not null default '1970-01-01T00:00:00Z',
            constraint pk_fund_totals primary key (account_id),
            constraint fk_fund_totals_account_id foreign key (account_id) references fund_accounts (id),
            constraint ck_fund_totals_held check (held_fen >= 0),
            constraint ck_fund_totals_balance check (balance_fen between -9007199254740991 and 9007199254740991)
        )
        """
    )
    _run(
        """
        create table fund_balances (
            account_id uuid not null, period integer not null, opening_fen bigint not null default 0,
            debit_fen bigint not null default 0, credit_fen bigint not null default 0,
            constraint pk_fund_balances primary key (account_id, period),
            constraint ck_fund_balances_sides check (debit_fen >= 0 and credit_fen >= 0)
        )
        """
    )
    _run(
        """
        create table fund_postings (
            account_id uuid not null, number bigint not null, entry_id uuid not null, position integer not null,
            period integer not null, amount_fen bigint not null, balance_fen bigint not null, at timestamptz not null,
            constraint pk_fund_postings primary key (account_id, number),
            constraint ck_fund_postings_amount check (amount_fen <> 0)
        )
        """
    )
    _run("create index ix_fund_postings_account_id_at_number on fund_postings (account_id, at, number)")
    _run(
        """
        create table fund_steps (
            entry_id uuid not null, version integer not null, state text not null, member_id uuid not null,
            officer text not null, reason text, at timestamptz not null,
            constraint pk_fund_steps primary key (entry_id, version)
        )
        """
    )
    for table in ("fund_approvals", "fund_postings", "fund_steps"):
        _run(
            f"create trigger append_only before update or delete on {table}"
            " for each row execute function refuse_change()"
        )


def _policies() -> None:
    for table in _TABLES:
        _run(f"alter table {table} enable row level security")
        _run(f"create policy read on {table} for select to gongxin_web using ({_READ})")
        _run(f"grant select on {table} to gongxin_web")
    for table in ("fund_accounts", "fund_periods", "fund_legs"):
        _run(f"create policy add on {table} for insert to gongxin_web with check ({_WRITE})")
    for table, column in (
        ("fund_holds", "member_id"),
        ("fund_approvals", "member_id"),
        ("fund_entries", "maker_member"),
    ):
        _run(f"create policy add on {table} for insert to gongxin_web with check ({_OWN.format(column)})")
    for table in ("fund_accounts", "fund_periods", "fund_holds", "fund_entries"):
        _run(f"create policy move on {table} for update to gongxin_web using ({_WRITE}) with check ({_WRITE})")
    _run(f"create policy take_out on fund_legs for delete to gongxin_web using ({_WRITE})")
    for table in ("fund_accounts", "fund_periods", "fund_legs", "fund_holds", "fund_approvals", "fund_entries"):
        _run(f"grant insert on {table} to gongxin_web")
    _run("grant update (closed_at) on fund_accounts to gongxin_web")
    _run("grant update (state, closed_at, trial_balance, content_hash, leaf_id) on fund_periods to gongxin_web")
    _run("grant update (state, ended_at) on fund_holds to gongxin_web")
    _run(
        "grant update (state, period, booked_on, description, reference, hold_id, acted_member, acted_officer,"
        " acted_at, reason, posted_at) on fund_entries to gongxin_web"
    )
    _run("grant delete on fund_legs to gongxin_web")


def downgrade() -> None:
    for table in _TABLES:
        op.execute(f"drop table {table}")
    _leaf_kinds(_LEAVES)
