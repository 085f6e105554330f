"""Whom the fund pays, what it pays, and what it waits for.

Payees are never changed and their details lie sealed in a table of their own; an instruction moves only forward, bears
the amount of its hold, and one source is paid once."""

from alembic import op

revision = "0016"
down_revision = "0015"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_KIND = "(select gongxin_kind())"
_CALLER = "(select gongxin_caller())"
_READ = f"{_KIND} in ('registry', 'association', 'regulator')"
_WRITE = f"{_KIND} in ('registry', 'association')"
_OWN = f"{_KIND} = 'registry' or {_KIND} = 'association' and {{0}} = {_CALLER}"
_FEN = "9007199254740991"
_OFFICER = "~ '^[0-9A-Z一-鿿]{1,64}$'"
_TABLES = ("fund_expected", "fund_instructions", "fund_payee_details", "fund_payees")


def _run(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement)


def _refuse(test: str, name: str, words: str) -> str:
    return (
        f"if ({test}) then raise exception '{words}'"
        f" using errcode = 'integrity_constraint_violation', constraint = '{name}'; end if;"
    )


def upgrade() -> None:
    _tables()
    _instructions_move()
    _expected_moves()
    _policies()


def _tables() -> None:
    _run(
        f"""
        create table fund_payees (
            id uuid not null, account_key bytea not null, registered_member uuid not null,
            registered_officer text not null, registered_at timestamptz not null,
            constraint pk_fund_payees primary key (id),
            constraint fk_fund_payees_registered_member foreign key (registered_member) references members (id),
            constraint ck_fund_payees_account_key check (octet_length(account_key) = 32),
            constraint ck_fund_payees_officer check (registered_officer {_OFFICER})
        )
        """
    )
    _run("create index ix_fund_payees_account_key on fund_payees (account_key)")
    _run(
        """
        create table fund_payee_details (
            payee_id uuid not null, sealed bytea not null, key_id text not null,
            constraint pk_fund_payee_details primary key (payee_id),
            constraint fk_fund_payee_details_payee_id foreign key (payee_id) references fund_payees (id),
            constraint ck_fund_payee_details_sealed check (octet_length(sealed) between 28 and 4096),
            constraint ck_fund_payee_details_key_id check (key_id ~ '^[0-9a-f]{16}$')
        )
        """
    )
    _run(
        f"""
        create table fund_instructions (
            id uuid not null, reference text not null, purpose text not null, source_id uuid not null,
            fund text not null, amount_fen bigint not null, payee_id uuid not null, hold_id uuid,
            state text not null default 'instructed', reason text, maker_member uuid not null,
            maker_officer text not null, instructed_at timestamptz not null, changed_at timestamptz not null,
            constraint pk_fund_instructions primary key (id),
            constraint uq_fund_instructions_reference unique (reference),
            constraint fk_fund_instructions_payee_id foreign key (payee_id) references fund_payees (id),
            constraint fk_fund_instructions_hold_id foreign key (hold_id) references fund_holds (id),
            constraint fk_fund_instructions_maker_member foreign key (maker_member) references members (id),
            constraint ck_fund_instructions_reference check (reference ~ '^GXP[0-9A-HJ-NP-RTUW-Y]{{10}}[0-9A-Z]$'),
            constraint ck_fund_instructions_purpose check (purpose in ('relief', 'staff', 'refund')),
            constraint ck_fund_instructions_fund check (fund in ('RELIEF', 'STAFF', 'ADMIN')),
            constraint ck_fund_instructions_amount check (amount_fen between 1 and {_FEN}),
            constraint ck_fund_instructions_state check (
                state in ('instructed', 'filed', 'sent', 'confirmed', 'returned', 'cancelled')
            ),
            constraint ck_fund_instructions_officer check (maker_officer {_OFFICER}),
            constraint ck_fund_instructions_reason check (
                char_length(reason) between 1 and 200 and (state not in ('returned', 'cancelled') or reason is not null)
            )
        )
        """
    )
    for name, column in (("payment", "purpose, source_id"), ("hold", "hold_id")):
        _run(
            f"create unique index ix_fund_instructions_one_{name} on fund_instructions ({column})"
            " where state not in ('returned', 'cancelled')"
        )
    _run("create index ix_fund_instructions_state_id on fund_instructions (state, id)")
    _run(
        f"""
        create table fund_expected (
            id uuid not null, source_kind text not null, source_id uuid not null, reference text not null,
            amount_fen bigint not null, received_fen bigint not null default 0, due_on date not null, payer_id uuid,
            state text not null default 'open', made_at timestamptz not null, changed_at timestamptz not null,
            constraint pk_fund_expected primary key (id),
            constraint uq_fund_expected_reference unique (reference),
            constraint uq_fund_expected_source_kind_source_id unique (source_kind, source_id),
            constraint fk_fund_expected_payer_id foreign key (payer_id) references members (id),
            constraint ck_fund_expected_source_kind check (source_kind ~ '^[a-z][a-z_]{{0,31}}$'),
            constraint ck_fund_expected_reference check (reference ~ '^[A-Z0-9-]{{6,35}}$'),
            constraint ck_fund_expected_amount check (amount_fen between 1 and {_FEN}),
            constraint ck_fund_expected_received check (received_fen between 0 and amount_fen),
            constraint ck_fund_expected_state check (
                state in ('open', 'met', 'withdrawn') and (state = 'met') = (received_fen = amount_fen)
            )
        )
        """
    )
    _run("create index ix_fund_expected_payer_id_due_on on fund_expected (payer_id, due_on)")


def _instructions_move() -> None:
    steps = {
        "instructed": ("filed", "cancelled"),
        "filed": ("instructed", "sent"),
        "sent": ("confirmed", "returned"),
        "confirmed": ("returned",),
    }
    legal = " or ".join(
        f"old.state = '{state}' and new.state in ({', '.join(repr(to) for to in follow)})"
        for state, follow in steps.items()
    )
    _run(
        f"""
        create function fund_instructions_move() returns trigger language plpgsql {_SAFE} as $$
        begin
            if tg_op = 'INSERT' then
                {_refuse("new.state <> 'instructed'", "fund_instructions_begin", "a payment begins as an instruction")}
                {
            _refuse(
                "new.hold_id is not null and not exists (select from fund_holds h join fund_accounts a"
                " on a.id = h.account_id where h.id = new.hold_id and h.state = 'held'"
                " and h.amount_fen = new.amount_fen and a.fund = new.fund)",
                "fund_instructions_hold",
                "the hold is in force, of the same fund and amount",
            )
        }
                return new;
            end if;
            {
            _refuse(
                "to_jsonb(new) - 'state' - 'reason' - 'changed_at' <> to_jsonb(old) - 'state' - 'reason'"
                " - 'changed_at'",
                "fund_instructions_fixed",
                "what is to be paid to whom stays",
            )
        }
            {_refuse(f"not ({legal})", "fund_instructions_transition", "this state does not follow")}
            return new;
        end $$
        """
    )
    _run(
        "create trigger moves before insert or update on fund_instructions"
        " for each row execute function fund_instructions_move()"
    )
    # What is held for a payment that may be made is not given back.
    _run(
        f"""
        create function fund_holds_instructed() returns trigger language plpgsql {_SAFE} as $$
        begin
            {
            _refuse(
                "new.state = 'released' and exists (select from fund_instructions i where i.hold_id = new.id"
                " and i.state not in ('returned', 'cancelled'))",
                "fund_holds_instructed",
                "a payment stands on this hold",
            )
        }
            return null;
        end $$
        """
    )
    _run("create trigger instructed after update on fund_holds for each row execute function fund_holds_instructed()")


def _expected_moves() -> None:
    _run(
        f"""
        create function fund_expected_moves() returns trigger language plpgsql {_SAFE} as $$
        begin
            if tg_op = 'INSERT' then
                {
            _refuse(
                "new.state <> 'open' or new.received_fen <> 0", "fund_expected_begin", "nothing has been received yet"
            )
        }
                return new;
            end if;
            {
            _refuse(
                "to_jsonb(new) - 'state' - 'received_fen' - 'changed_at' <> to_jsonb(old) - 'state' - 'received_fen'"
                " - 'changed_at'",
                "fund_expected_fixed",
                "what is waited for stays",
            )
        }
            {
            _refuse(
                "old.state <> 'open' or new.state = 'withdrawn' and old.received_fen > 0",
                "fund_expected_final",
                "it was received or withdrawn",
            )
        }
            {
            _refuse("new.received_fen < old.received_fen", "fund_expected_forward", "what was received stays received")
        }
            return new;
        end $$
        """
    )
    _run(
        "create trigger moves before insert or update on fund_expected"
        " for each row execute function fund_expected_moves()"
    )


def _policies() -> None:
    _run(
        "create trigger append_only before update or delete on fund_payees"
        " for each row execute function refuse_change()"
    )
    for table in ("fund_payee_details", "fund_instructions", "fund_expected"):
        _run(f"create trigger stays before delete on {table} for each row execute function fund_stays()")
    for table in _TABLES:
        _run(f"alter table {table} enable row level security")
        _run(f"grant select, insert on {table} to gongxin_web")
    # Regulators see what is paid, never to which account: the details are the payers' alone.
    _run(f"create policy read on fund_payees for select to gongxin_web using ({_READ})")
    _run(f"create policy add on fund_payees for insert to gongxin_web with check ({_OWN.format('registered_member')})")
    _run(f"create policy payers on fund_payee_details for select to gongxin_web using ({_WRITE})")
    _run(f"create policy add on fund_payee_details for insert to gongxin_web with check ({_WRITE})")
    _run(
        f"create policy reseal on fund_payee_details for update to gongxin_web using ({_KIND} = 'registry')"
        f" with check ({_KIND} = 'registry')"
    )
    _run(f"create policy read on fund_instructions for select to gongxin_web using ({_READ})")
    _run(f"create policy add on fund_instructions for insert to gongxin_web with check ({_OWN.format('maker_member')})")
    _run(f"create policy read on fund_expected for select to gongxin_web using ({_READ} or payer_id = {_CALLER})")
    _run(f"create policy add on fund_expected for insert to gongxin_web with check ({_WRITE})")
    for table in ("fund_instructions", "fund_expected"):
        _run(f"create policy move on {table} for update to gongxin_web using ({_WRITE}) with check ({_WRITE})")
    _run("grant update (sealed, key_id) on fund_payee_details to gongxin_web")
    _run("grant update (state, reason, changed_at) on fund_instructions to gongxin_web")
    _run("grant update (state, received_fen, changed_at) on fund_expected to gongxin_web")


def downgrade() -> None:
    op.execute("drop trigger instructed on fund_holds")
    for table in _TABLES:
        op.execute(f"drop table {table}")
    for function in ("fund_holds_instructed()", "fund_instructions_move()", "fund_expected_moves()"):
        op.execute(f"drop function {function}")
