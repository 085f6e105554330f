"""Posting finds rows by their keys, however many entries one statement moves.

What a trigger's statement moves was joined as a list without an index, so that ten thousand entries read all legs ten
thousand times. Now their identifiers are taken once; balance, restriction and open accounts are asked in one pass."""

from alembic import op

revision = "0030"
down_revision = "0029"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp set enable_seqscan = off"
_OTHERS = ("fund_entries_moves()", "fund_legs_draft()", "fund_approvals_count()")


def _run(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement)


def _refuse(test: str, name: str, words: str) -> str:
    return (
        f"if ({test}) then raise exception '{words}'"
        f" using errcode = 'integrity_constraint_violation', constraint = '{name}'; end if;"
    )


def upgrade() -> None:
    signed = "case l.side when 'debit' then l.amount_fen else -l.amount_fen end"
    legs = "from fund_entries e join fund_legs l on l.entry_id = e.id"
    normal = "case a.normal_side when 'debit' then {0} else -({0}) end"
    _run(
        f"""
        create function fund_entries_post() returns trigger language plpgsql {_SAFE} as $$
        declare moved uuid[]; whole record;
        begin
            insert into fund_steps (entry_id, version, state, member_id, officer, reason, at)
            select e.id, e.version, e.state, e.acted_member, e.acted_officer, e.reason, e.acted_at from changed e;
            select array_agg(e.id order by e.id) into moved from changed e where e.state = 'posted';
            if moved is null then
                return null;
            end if;
            perform from fund_totals t
            where t.account_id = any(array(select distinct l.account_id from fund_legs l where l.entry_id = any(moved)))
            order by t.account_id for update;
            select bool_or(g.closed) as closed, bool_or(g.of_fund <> 0) as unbalanced, bool_or(g.moved <> 0) as strayed,
                count(distinct g.entry_id) as entries into whole
            from (
                select l.entry_id, bool_or(a.closed_at is not null) as closed, sum({signed}) as moved,
                    sum(sum({signed})) over (partition by l.entry_id, l.fund) as of_fund
                from fund_legs l join fund_accounts a on a.id = l.account_id where l.entry_id = any(moved)
                group by l.entry_id, l.fund, a.restriction
            ) g;
            {_refuse("whole.closed", "fund_entries_accounts_open", "an account is closed")}
            {
            _refuse(
                "whole.unbalanced or whole.entries <> cardinality(moved)",
                "fund_entries_balanced",
                "the legs do not balance in each fund",
            )
        }
            {_refuse("whole.strayed", "fund_entries_restriction", "restricted money stays with its purpose")}
            if exists (select from changed e where e.hold_id is not null) then
                {
            _refuse(
                "exists (select from fund_entries e join fund_holds h on h.id = e.hold_id where e.id = any(moved)"
                f" and (h.state <> 'held' or h.amount_fen is distinct from (select -sum({normal.format(signed)})"
                " from fund_legs l join fund_accounts a on a.id = l.account_id"
                " where l.entry_id = e.id and l.account_id = h.account_id)))",
                "fund_entries_hold",
                "the entry pays what was held",
            )
        }
                update fund_holds h set state = 'used', ended_at = e.posted_at from fund_entries e
                where e.id = any(moved) and h.id = e.hold_id;
            end if;
            insert into fund_postings (account_id, number, entry_id, position, period, amount_fen, balance_fen, at)
            select l.account_id, t.postings + row_number() over w, e.id, l.position, e.period, {signed},
                t.balance_fen + sum({signed}) over w, greatest(t.last_at, max(e.posted_at) over w)
            {legs} join fund_totals t on t.account_id = l.account_id where e.id = any(moved)
            window w as (partition by l.account_id order by e.posted_at, e.id, l.position
                rows between unbounded preceding and current row);
            insert into fund_balances as b (account_id, period, debit_fen, credit_fen)
            select l.account_id, e.period, coalesce(sum(l.amount_fen) filter (where l.side = 'debit'), 0),
                coalesce(sum(l.amount_fen) filter (where l.side = 'credit'), 0)
            {legs} where e.id = any(moved) group by 1, 2 order by 1, 2
            on conflict (account_id, period) do update
            set debit_fen = b.debit_fen + excluded.debit_fen, credit_fen = b.credit_fen + excluded.credit_fen;
            with m as (
                select l.account_id, sum({signed}) as moved, count(*) as legs, max(e.posted_at) as at
                {legs} where e.id = any(moved) group by 1
            ), now as (
                update fund_totals t set balance_fen = t.balance_fen + m.moved, postings = t.postings + m.legs,
                    last_at = greatest(t.last_at, m.at)
                from m where t.account_id = m.account_id
                returning t.account_id, t.balance_fen, t.held_fen, m.moved
            )
            select exists (
                select from now t join fund_accounts a on a.id = t.account_id where {normal.format("t.moved")} < 0
                and case when a.minimum_fen is null then t.held_fen > 0 else true end
                and {normal.format("t.balance_fen")} - t.held_fen < coalesce(a.minimum_fen, 0)
            ) as below into whole;
            {
            _refuse("whole.below", "fund_entries_minimum", "the account would fall below its minimum less what is held")
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
    _point("fund_entries_post()")
    for function in _OTHERS:
        op.execute(f"alter function {function} set enable_seqscan = off")


def _point(function: str) -> None:
    for event in ("insert", "update"):
        op.execute(f"drop trigger posted_{event} on fund_entries")
        op.execute(
            f"create trigger posted_{event} after {event} on fund_entries referencing new table as changed"
            f" for each statement execute function {function}"
        )


def downgrade() -> None:
    _point("fund_entries_posted()")
    op.execute("drop function fund_entries_post()")
    for function in _OTHERS:
        op.execute(f"alter function {function} reset enable_seqscan")
