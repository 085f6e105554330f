"""What the fund's ledger forbids is refused here, whoever asks; and posting.

Posting is one UPDATE of an entry's state: the statement's trigger checks everything, writes balances and history, and
promises the leaf. Whoever drafts for a period or posts into it shares its lock; whoever moves it holds it alone."""

from alembic import op

revision = "0012"
down_revision = "0011"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_TRIGGERS = {
    "fund_accounts": ("kept", "stays"),
    "fund_periods": ("kept", "stays"),
    "fund_entries": ("moves", "posted_insert", "posted_update", "stays"),
    "fund_legs": ("draft_insert", "draft_delete", "fixed"),
    "fund_approvals": ("counted",),
    "fund_holds": ("kept", "stays"),
    "fund_totals": ("stays",),
    "fund_balances": ("stays",),
}


def _run(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement)


def _refuse(test: str, name: str, words: str) -> str:
    return (
        f"if ({test}) then raise exception '{words}'"
        f" using errcode = 'integrity_constraint_violation', constraint = '{name}'; end if;"
    )


def upgrade() -> None:
    _content()
    _accounts_and_periods()
    _entries()
    _legs_and_approvals()
    _holds()
    _posting()


def _content() -> None:
    # RFC 8785, to the byte as ledger/rules.py writes it; a test holds the two together.
    _run(
        """
        create function fund_content(p_entry uuid) returns text language sql stable return (
            select '{"booked_on":"' || to_char(e.booked_on, 'YYYY-MM-DD')
                || '","description":' || to_json(e.description)::text
                || ',"hold_id":' || coalesce('"' || e.hold_id || '"', 'null')
                || ',"id":"' || e.id || '","legs":[' || coalesce((
                    select string_agg('{"account_id":"' || l.account_id || '","amount_fen":' || l.amount_fen
                        || ',"fund":"' || l.fund || '","side":"' || l.side || '"}', ',' order by l.position)
                    from fund_legs l where l.entry_id = e.id), '')
                || '],"maker_member":"' || e.maker_member || '","maker_officer":"' || e.maker_officer
                || '","period":' || e.period || ',"reference":' || coalesce(to_json(e.reference)::text, 'null')
                || ',"reverses":' || coalesce('"' || e.reverses || '"', 'null') || ',"v":1}'
            from fund_entries e where e.id = p_entry
        )
        """
    )
    _run(
        "create function fund_content_hash(p_entry uuid) returns bytea language sql stable"
        " return sha256(convert_to(fund_content(p_entry), 'UTF8'))"
    )
    for name in ("fund_content", "fund_content_hash"):
        _run(f"revoke execute on function {name}(uuid) from public")
        _run(f"grant execute on function {name}(uuid) to gongxin_web")


def _accounts_and_periods() -> None:
    _run(
        f"""
        create function fund_accounts_kept() returns trigger language plpgsql {_SAFE} as $$
        declare total fund_totals;
        begin
            if tg_op = 'INSERT' then
                insert into fund_totals (account_id) values (new.id);
                return null;
            end if;
            {
            _refuse(
                "to_jsonb(new) - 'closed_at' <> to_jsonb(old) - 'closed_at' or old.closed_at is not null",
                "fund_accounts_fixed",
                "an account is opened and closed, nothing else",
            )
        }
            select * into total from fund_totals t where t.account_id = new.id for update;
            {
            _refuse(
                "total.balance_fen <> 0 or total.held_fen <> 0",
                "fund_accounts_empty",
                "an account is closed with nothing on it",
            )
        }
            return null;
        end $$
        """
    )
    _run(
        "create trigger kept after insert or update on fund_accounts for each row execute function fund_accounts_kept()"
    )
    # Whoever posts into a period or drafts for it holds its lock shared; whoever moves its state holds it alone.
    _run(
        f"""
        create function fund_periods_kept() returns trigger language plpgsql {_SAFE} as $$
        declare previous fund_periods;
        begin
            perform pg_advisory_xact_lock(7208, new.number);
            select * into previous from fund_periods p where p.number = new.number - 1;
            if tg_op = 'INSERT' then
                {
            _refuse(
                "new.state <> 'open' or case when previous.number is null"
                " then exists (select from fund_periods) else new.first_day <> previous.last_day + 1 end",
                "fund_periods_follow",
                "a period begins open, the day after the one before",
            )
        }
                return new;
            end if;
            {_refuse("old.state = 'closed'", "fund_periods_closed", "a closed period stays closed")}
            {
            _refuse(
                "(new.number, new.first_day, new.last_day, new.opened_at) is distinct from"
                " (old.number, old.first_day, old.last_day, old.opened_at)",
                "fund_periods_fixed",
                "the days of a period stay",
            )
        }
            if new.state = 'closed' then
                {_refuse("old.state <> 'closing'", "fund_periods_closing", "closing comes before closed")}
                {_refuse("previous.state <> 'closed'", "fund_periods_order", "periods close in their order")}
                {
            _refuse(
                "exists (select from fund_entries e where e.period = new.number"
                " and e.state in ('draft', 'submitted', 'approved'))",
                "fund_periods_pending",
                "entries of the period are undecided",
            )
        }
                {
            _refuse(
                "not exists (select from fund_periods p where p.number = new.number + 1)",
                "fund_periods_next",
                "the next period is open first",
            )
        }
                insert into fund_balances (account_id, period, opening_fen)
                select b.account_id, new.number + 1, b.opening_fen + b.debit_fen - b.credit_fen
                from fund_balances b where b.period = new.number order by b.account_id
                on conflict (account_id, period) do update set opening_fen = excluded.opening_fen;
            end if;
            return new;
        end $$
        """
    )
    _run(
        "create trigger kept before insert or update on fund_periods for each row execute function fund_periods_kept()"
    )


def _entries() -> None:
    fixed = ("id", "key", "key_hash", "maker_member", "maker_officer", "approvals_needed", "created_at", "reverses")
    content = (*fixed, "period", "booked_on", "description", "reference", "hold_id")

    def differ(names: tuple[str, ...]) -> str:
        return f"({', '.join('new.' + n for n in names)}) is distinct from ({', '.join('old.' + n for n in names)})"

    steps = {
        "draft": ("draft", "submitted", "withdrawn", "expired"),
        "submitted": ("draft", "approved", "rejected", "withdrawn", "expired"),
        "approved": ("draft", "posted", "rejected", "withdrawn", "expired"),
    }
    legal = " or ".join(
        f"old.state = '{state}' and new.state in ({', '.join(repr(to) for to in follow)})"
        for state, follow in steps.items()
    )
    enough = (
        "(select count(distinct a.officer) from fund_approvals a where a.entry_id = new.id"
        " and a.content_hash = new.content_hash and a.officer <> new.maker_officer) < new.approvals_needed"
    )
    mirrored = (
        "exists (select l.account_id, case l.side when 'debit' then l.amount_fen else -l.amount_fen end"
        " from fund_legs l where l.entry_id = new.id except all"
        " select l.account_id, case l.side when 'debit' then -l.amount_fen else l.amount_fen end"
        " from fund_legs l where l.entry_id = new.reverses)"
        " or (select count(*) from fund_legs l where l.entry_id = new.id)"
        " <> (select count(*) from fund_legs l where l.entry_id = new.reverses)"
    )
    _run(
        f"""
        create function fund_entries_moves() returns trigger language plpgsql {_SAFE} as $$
        declare original fund_entries; term fund_periods;
        begin
            {
            _refuse(
                "gongxin_kind() <> 'registry' and new.acted_member <> gongxin_caller()",
                "fund_entries_actor",
                "whoever acts is of the member that asks",
            )
        }
            perform pg_advisory_xact_lock_shared(7208, new.period);
            select * into term from fund_periods p where p.number = new.period;
            if tg_op = 'INSERT' then
                {
            _refuse(
                "new.state <> 'draft' or new.version <> 1 or new.content_hash is not null",
                "fund_entries_begin",
                "an entry begins as a draft",
            )
        }
                {
            _refuse(
                "(new.maker_member, new.maker_officer) is distinct from (new.acted_member, new.acted_officer)",
                "fund_entries_maker",
                "whoever drafts is the maker",
            )
        }
                {
            _refuse(
                "term.state <> 'open' and (new.reverses is null or term.state = 'closed')",
                "fund_entries_period_open",
                "the period takes no new entry",
            )
        }
            else
                {
            _refuse(
                "old.state in ('posted', 'rejected', 'withdrawn', 'expired')",
                "fund_entries_final",
                "what is decided stays",
            )
        }
                {_refuse(f"not ({legal})", "fund_entries_transition", "this state does not follow")}
                {_refuse(differ(fixed), "fund_entries_fixed", "key and maker of an entry stay")}
                {
            _refuse(
                f"(old.state <> 'draft' or new.state <> 'draft') and {differ(content)}",
                "fund_entries_content",
                "the content changes only while a draft",
            )
        }
                {_refuse("new.version <> old.version", "fund_entries_version", "the version counts by itself")}
                {
            _refuse(
                "(new.state in ('draft', 'withdrawn') or new.state = 'submitted')"
                " and new.acted_officer <> old.maker_officer",
                "fund_entries_maker",
                "only the maker submits, changes or withdraws",
            )
        }
                {
            _refuse(
                "new.state = 'rejected' and new.acted_officer = old.maker_officer",
                "fund_entries_checker",
                "the maker does not decide",
            )
        }
                {
            _refuse(
                "new.state in ('rejected', 'withdrawn', 'expired') and new.reason is null",
                "fund_entries_reason",
                "a refusal gives its reason",
            )
        }
                new.version := old.version + 1;
            end if;
            {
            _refuse(
                "new.booked_on not between term.first_day and term.last_day",
                "fund_entries_day",
                "the day is not of the period",
            )
        }
            if new.reverses is not null and new.state in ('draft', 'submitted', 'posted') then
                select * into original from fund_entries e where e.id = new.reverses;
                {
            _refuse("original.reverses is not null", "fund_entries_reversal_of_reversal", "a reversal is not reversed")
        }
                {
            _refuse("original.state <> 'posted'", "fund_entries_reverses_posted", "only what is posted is reversed")
        }
                {
            _refuse(
                f"new.state <> 'draft' and ({mirrored})",
                "fund_entries_mirror",
                "a reversal is the original with its sides changed",
            )
        }
            end if;
            if new.state = 'submitted' then
                new.content_hash := fund_content_hash(new.id);
            elsif new.state in ('approved', 'posted') then
                {
            _refuse(
                "new.content_hash is distinct from old.content_hash"
                " or new.content_hash is distinct from fund_content_hash(new.id)",
                "fund_entries_hash",
                "the content is not what was submitted",
            )
        }
                {_refuse(enough, "fund_entries_approved", "approvals are missing")}
            end if;
            if new.state = 'posted' then
                {_refuse("term.state = 'closed'", "fund_entries_period_open", "the period is closed")}
                {
            _refuse(
                "new.booked_on > (new.posted_at at time zone 'Asia/Shanghai')::date",
                "fund_entries_future",
                "nothing is posted before its day",
            )
        }
            end if;
            return new;
        end $$
        """
    )
    _run(
        "create trigger moves before insert or update on fund_entries"
        " for each row execute function fund_entries_moves()"
    )
    # Nor does any of it go: the web role has no right to delete, the owner no way.
    _run(
        f"""
        create function fund_stays() returns trigger language plpgsql as $$
        begin
            {_refuse("true", "fund_stays", "nothing of the fund is deleted")}
        end $$
        """
    )
    for table in ("fund_entries", "fund_accounts", "fund_periods", "fund_holds", "fund_totals", "fund_balances"):
        _run(f"create trigger stays before delete on {table} for each row execute function fund_stays()")


def _legs_and_approvals() -> None:
    _run(
        f"""
        create function fund_legs_draft() returns trigger language plpgsql {_SAFE} as $$
        begin
            perform from fund_entries e where e.id in (select c.entry_id from changed c) order by e.id for share;
            {
            _refuse(
                "exists (select from fund_entries e where e.id in (select c.entry_id from changed c)"
                " and e.state <> 'draft')",
                "fund_legs_draft",
                "legs change only while the entry is a draft",
            )
        }
            return null;
        end $$
        """
    )
    for event, table in (("insert", "new"), ("delete", "old")):
        _run(
            f"create trigger draft_{event} after {event} on fund_legs referencing {table} table as changed"
            " for each statement execute function fund_legs_draft()"
        )
    _run(
        f"""
        create function fund_legs_fixed() returns trigger language plpgsql as $$
        begin
            {_refuse("true", "fund_legs_fixed", "a leg is taken out and put in, never changed")}
        end $$
        """
    )
    _run("create trigger fixed before update on fund_legs for each row execute function fund_legs_fixed()")
    _run(
        f"""
        create function fund_approvals_count() returns trigger language plpgsql {_SAFE} as $$
        begin
            {
            _refuse(
                "gongxin_kind() <> 'registry' and exists (select from made a where a.member_id <> gongxin_caller())",
                "fund_approvals_actor",
                "whoever approves is of the member that asks",
            )
        }
            perform from fund_entries e where e.id in (select a.entry_id from made a) order by e.id for no key update;
            {
            _refuse(
                "exists (select from made a join fund_entries e on e.id = a.entry_id where e.state <> 'submitted')",
                "fund_approvals_submitted",
                "only what is submitted is approved",
            )
        }
            {
            _refuse(
                "exists (select from made a join fund_entries e on e.id = a.entry_id"
                " where a.content_hash <> e.content_hash)",
                "fund_approvals_content",
                "the approval is of another content",
            )
        }
            {
            _refuse(
                "exists (select from made a join fund_entries e on e.id = a.entry_id"
                " where a.officer = e.maker_officer)",
                "fund_approvals_maker",
                "the maker does not approve",
            )
        }
            update fund_entries e set state = 'approved', acted_member = last.member_id, acted_officer = last.officer,
                acted_at = last.approved_at, reason = null
            from (select distinct on (a.entry_id) a.* from made a order by a.entry_id, a.approved_at desc) last
            where e.id = last.entry_id and e.approvals_needed <= (
                select count(distinct a.officer) from fund_approvals a
                where a.entry_id = e.id and a.content_hash = e.content_hash
            );
            return null;
        end $$
        """
    )
    _run(
        "create trigger counted after insert on fund_approvals referencing new table as made"
        " for each statement execute function fund_approvals_count()"
    )


def _holds() -> None:
    available = "case a.normal_side when 'debit' then t.balance_fen else -t.balance_fen end - t.held_fen"
    _run(
        f"""
        create function fund_holds_kept() returns trigger language plpgsql {_SAFE} as $$
        begin
            if tg_op = 'UPDATE' then
                {
            _refuse(
                "old.state <> 'held' or new.state = 'held' or to_jsonb(new) - 'state' - 'ended_at'"
                " <> to_jsonb(old) - 'state' - 'ended_at'",
                "fund_holds_fixed",
                "a hold ends once",
            )
        }
                {
            _refuse(
                "new.state = 'used' and not exists (select from fund_entries e where e.hold_id = new.id"
                " and e.state = 'posted')",
                "fund_holds_used",
                "an entry uses a hold as it is posted",
            )
        }
                {
            _refuse(
                "new.state = 'released' and exists (select from fund_entries e where e.hold_id = new.id"
                " and e.state in ('draft', 'submitted', 'approved', 'posted'))",
                "fund_holds_claimed",
                "an entry stands on this hold",
            )
        }
                update fund_totals set held_fen = held_fen - new.amount_fen where account_id = new.account_id;
                return null;
            end if;
            {_refuse("new.state <> 'held'", "fund_holds_begin", "a hold begins held")}
            update fund_totals set held_fen = held_fen + new.amount_fen where account_id = new.account_id;
            {
            _refuse(
                "exists (select from fund_totals t join fund_accounts a on a.id = t.account_id"
                f" where a.id = new.account_id and (a.closed_at is not null or {available}"
                " < coalesce(a.minimum_fen, 0)))",
                "fund_holds_covered",
                "the account does not hold so much",
            )
        }
            return null;
        end $$
        """
    )
    _run("create trigger kept after insert or update on fund_holds for each row execute function fund_holds_kept()")


def _posting() -> None:
    signed = "case l.side when 'debit' then l.amount_fen else -l.amount_fen end"
    legs = "from changed e join fund_legs l on l.entry_id = e.id"
    normal = "case a.normal_side when 'debit' then {0} else -({0}) end"
    _run(
        f"""
        create function fund_entries_posted() returns trigger language plpgsql {_SAFE} as $$
        begin
            insert into fund_steps (entry_id, version, state, member_id, officer, reason, at)
            select e.id, e.version, e.state, e.acted_member, e.acted_officer, e.reason, e.acted_at from changed e;
            if not exists (select from changed e where e.state = 'posted') then
                return null;
            end if;
            perform from fund_totals t where t.account_id in (select l.account_id {legs} where e.state = 'posted')
            order by t.account_id for update;
            {
            _refuse(
                f"exists (select {legs} join fund_accounts a on a.id = l.account_id where e.state = 'posted'"
                " and a.closed_at is not null)",
                "fund_entries_accounts_open",
                "an account is closed",
            )
        }
            {
            _refuse(
                f"exists (select from changed e left join fund_legs l on l.entry_id = e.id"
                f" where e.state = 'posted' group by e.id, l.fund having coalesce(sum({signed}), 1) <> 0)",
                "fund_entries_balanced",
                "the legs do not balance in each fund",
            )
        }
            {
            _refuse(
                f"exists (select {legs} join fund_accounts a on a.id = l.account_id where e.state = 'posted'"
                f" group by e.id, l.fund, a.restriction having sum({signed}) <> 0)",
                "fund_entries_restriction",
                "restricted money stays with its purpose",
            )
        }
            {
            _refuse(
                "exists (select from changed e join fund_holds h on h.id = e.hold_id where e.state = 'posted'"
                f" and (h.state <> 'held' or h.amount_fen is distinct from (select -sum({normal.format(signed)})"
                " from fund_legs l join fund_accounts a on a.id = l.account_id"
                " where l.entry_id = e.id and l.account_id = h.account_id)))",
                "fund_entries_hold",
                "the entry pays what was held",
            )
        }
            update fund_holds h set state = 'used', ended_at = e.posted_at from changed e
            where e.state = 'posted' and h.id = e.hold_id;
            insert into fund_postings (account_id, number, entry_id, position, period, amount_fen, balance_fen, at)
            select l.account_id, t.postings + row_number() over w, e.id, l.position, e.period, {signed},
                t.balance_fen + sum({signed}) over w, greatest(t.last_at, max(e.posted_at) over w)
            {legs} join fund_totals t on t.account_id = l.account_id where e.state = 'posted'
            window w as (partition by l.account_id order by e.posted_at, e.id, l.position
                rows between unbounded preceding and current row);
            insert into fund_balances as b (account_id, period, debit_fen, credit_fen)
            select l.account_id, e.period, coalesce(sum(l.amount_fen) filter (where l.side = 'debit'), 0),
                coalesce(sum(l.amount_fen) filter (where l.side = 'credit'), 0)
            {legs} where e.state = 'posted' group by 1, 2 order by 1, 2
            on conflict (account_id, period) do update
            set debit_fen = b.debit_fen + excluded.debit_fen, credit_fen = b.credit_fen + excluded.credit_fen;
            update fund_totals t set balance_fen = t.balance_fen + m.moved, postings = t.postings + m.legs,
                last_at = greatest(t.last_at, m.at)
            from (select l.account_id, sum({signed}) as moved, count(*) as legs, max(e.posted_at) as at {legs}
                where e.state = 'posted' group by 1) m
            where t.account_id = m.account_id;
            {
            _refuse(
                f"exists (select from fund_totals t join fund_accounts a on a.id = t.account_id"
                f" join (select l.account_id, sum({signed}) as moved {legs} where e.state = 'posted' group by 1) m"
                f" on m.account_id = a.id where {normal.format('m.moved')} < 0"
                f" and case when a.minimum_fen is null then t.held_fen > 0 else true end"
                f" and {normal.format('t.balance_fen')} - t.held_fen < coalesce(a.minimum_fen, 0))",
                "fund_entries_minimum",
                "the account would fall below its minimum less what is held",
            )
        }
            with leaf as (
                select e.id, e.maker_member, sha256((gen_random_uuid()::text || gen_random_uuid() || gen_random_uuid())
                    ::bytea) as salt, '{{"approvals":[' || (
                        select string_agg('"' || a.member_id || '/' || a.officer || '"', ',' order by a.officer
                            collate "C") from fund_approvals a
                        where a.entry_id = e.id and a.content_hash = e.content_hash
                    ) || '],"content":"' || encode(e.content_hash, 'hex') || '","entry_id":"' || e.id
                    || '","period":' || e.period || ',"posted_at":"'
                    || to_char(e.posted_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                    || '","poster":"' || e.acted_member || '/' || e.acted_officer || '","v":1}}' as record
                from changed e where e.state = 'posted'
            ), opened as (
                insert into log_openings (leaf_id, owner_id, salt, record)
                select id, maker_member, salt, record from leaf returning leaf_id, salt, record
            )
            insert into log_waiting (leaf_id, kind, commitment)
            select leaf_id, 'fund_entry',
                sha256('gongxin commitment 1\\012'::bytea || salt || convert_to(record, 'UTF8'))
            from opened;
            return null;
        end $$
        """
    )
    for event in ("insert", "update"):
        _run(
            f"create trigger posted_{event} after {event} on fund_entries referencing new table as changed"
            " for each statement execute function fund_entries_posted()"
        )


def downgrade() -> None:
    for table, names in _TRIGGERS.items():
        for name in names:
            op.execute(f"drop trigger {name} on {table}")
    for function in (
        "fund_content_hash(uuid)", "fund_content(uuid)", "fund_accounts_kept()", "fund_periods_kept()",
        "fund_entries_moves()", "fund_stays()", "fund_legs_draft()", "fund_legs_fixed()", "fund_approvals_count()",
        "fund_holds_kept()", "fund_entries_posted()",
    ):  # fmt: skip
        op.execute(f"drop function {function}")
