"""What the audit asks of the books. The database derives, so that a million postings never cross the wire: what comes
back is sums, and which entries and accounts are not as they should be."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

SHOWN = 100  # of what differs, at most


def prepare(session: Session) -> None:
    """Sorts and hashes of the audit stay in the server's memory; millions of rows take longer than a request may. Whom
    row-level security lets read is guessed to be a few rows; loops over loops would follow."""
    for setting in ("work_mem = '96MB'", "statement_timeout = 0", "jit = off", "enable_nestloop = off"):
        session.execute(text(f"set local {setting}"))


def derived(session: Session) -> Sequence[Row[Any]]:
    """Of each account and period: its postings, debits and credits, and the first posting that does not follow the one
    before it in number, balance or time."""
    return session.execute(
        text(
            """
            select account_id, period, count(*) as postings,
                coalesce(sum(amount_fen) filter (where amount_fen > 0), 0)::bigint as debit_fen,
                coalesce(-sum(amount_fen) filter (where amount_fen < 0), 0)::bigint as credit_fen,
                min(number) filter (where strays) as stray
            from (
                select account_id, period, amount_fen, number, number <> lag(number, 1, 0::bigint) over w + 1
                    or balance_fen <> lag(balance_fen, 1, 0::bigint) over w + amount_fen
                    or at < lag(at, 1, at) over w as strays
                from fund_postings window w as (partition by account_id order by number)
            ) p group by account_id, period
            """
        )
    ).all()


_LEAF = """sha256('\\x00'::bytea || convert_to('{"commitment":"'
    || rtrim(translate(encode(l.commitment, 'base64'), '+/', '-_'), '=') || '","id":"' || e.id
    || '","kind":"fund_entry","v":1}', 'UTF8'))"""
_CONTENT = """'{"booked_on":"' || to_char(e.booked_on, 'YYYY-MM-DD')
    || '","description":' || to_json(e.description)::text
    || ',"hold_id":' || coalesce('"' || e.hold_id || '"', 'null') || ',"id":"' || e.id || '","legs":[' || g.content
    || '],"maker_member":"' || e.maker_member || '","maker_officer":"' || e.maker_officer || '","period":' || e.period
    || ',"reference":' || coalesce(to_json(e.reference)::text, 'null') || ',"reverses":'
    || coalesce('"' || e.reverses || '"', 'null') || ',"v":1}'"""
_RECORD = """'{"approvals":[' || y.told || '],"content":"' || encode(e.content_hash, 'hex') || '","entry_id":"' || e.id
    || '","period":' || e.period || ',"posted_at":"'
    || to_char(e.posted_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","poster":"'
    || e.acted_member || '/' || e.acted_officer || '","v":1}'"""
_SIGNED = "case l.side when 'debit' then l.amount_fen else -l.amount_fen end"
_ENTRIES = f"""
    select count(*) as entries, count(*) filter (where leaf) as leaves, count(*) filter (where waits) as waiting,
        count(*) filter (where erased) as erased, (array_agg(id order by id) filter (where wrong))[1:{SHOWN}] as wrong
    from (
        select e.id, coalesce(l.leaf_id, w.leaf_id) is not null as leaf, w.leaf_id is not null as waits,
            o.salt is null and coalesce(l.leaf_id, w.leaf_id) is not null as erased,
            (g.relief <> 0 or g.staff <> 0 or g.admin <> 0
                or sha256(convert_to({_CONTENT}, 'UTF8')) <> e.content_hash
                or y.number < e.approvals_needed or y.maker
                or o.salt is not null and (o.record <> {_RECORD}
                    or sha256('gongxin commitment 1\\012'::bytea || o.salt || convert_to(o.record, 'UTF8'))
                        <> coalesce(l.commitment, w.commitment))
                or coalesce(l.leaf_id, w.leaf_id) is null
                or l.leaf_index is not null and (l.leaf_index >= %(size)s or l.kind <> 'fund_entry'
                    or {_LEAF} <> l.leaf_hash)) is distinct from false as wrong
        from fund_entries e
        left join (
            select l.entry_id, string_agg('{{"account_id":"' || l.account_id || '","amount_fen":' || l.amount_fen
                    || ',"fund":"' || l.fund || '","side":"' || l.side || '"}}', ',' order by l.position) as content,
                coalesce(sum({_SIGNED}) filter (where l.fund = 'RELIEF'), 0) as relief,
                coalesce(sum({_SIGNED}) filter (where l.fund = 'STAFF'), 0) as staff,
                coalesce(sum({_SIGNED}) filter (where l.fund = 'ADMIN'), 0) as admin
            from fund_legs l group by l.entry_id
        ) g on g.entry_id = e.id
        left join (
            select a.entry_id, a.content_hash, count(*) as number, bool_or(a.officer = e.maker_officer) as maker,
                string_agg('"' || a.member_id || '/' || a.officer || '"', ',' order by a.officer collate "C") as told
            from fund_approvals a join fund_entries e on e.id = a.entry_id group by a.entry_id, a.content_hash
        ) y on y.entry_id = e.id and y.content_hash = e.content_hash
        left join log_openings o on o.leaf_id = e.id left join log_leaves l on l.leaf_id = e.id
        left join log_waiting w on w.leaf_id = e.id where e.state = 'posted'
    ) x
"""


def looked_through(session: Session, size: int) -> Row[Any]:
    """How many entries are posted, have a leaf, wait for its place, were erased; and which of them are wrong in
    balance, content, approvals or leaf. `size`: of the newest checkpoint."""
    return session.connection().exec_driver_sql(_ENTRIES, {"size": size}).one()


def some_posted(session: Session, count: int) -> Sequence[uuid.UUID]:
    """As many posted entries at random."""
    return session.scalars(
        text("select id from fund_entries where state = 'posted' order by random() limit :count"), {"count": count}
    ).all()


def strays(session: Session) -> Sequence[Row[Any]]:
    """Entries whose postings are not their legs: the first ten."""
    return session.execute(
        text(
            "with wanted as (select l.entry_id, l.position, l.account_id, e.period,"
            " case l.side when 'debit' then l.amount_fen else -l.amount_fen end as amount_fen"
            " from fund_legs l join fund_entries e on e.id = l.entry_id where e.state = 'posted')"
            " select coalesce(w.entry_id, p.entry_id) as entry_id from wanted w full join fund_postings p"
            " on p.entry_id = w.entry_id and p.position = w.position where w.account_id is distinct from p.account_id"
            " or w.amount_fen is distinct from p.amount_fen or w.period is distinct from p.period limit 10"
        )
    ).all()


def posted_entries(session: Session, entry_ids: Sequence[uuid.UUID]) -> Sequence[Row[Any]]:
    """These entries with their legs and approvals, and what the log holds of them."""
    return session.execute(
        text(
            "select e.*, g.legs, y.approvals, o.salt, o.record, coalesce(l.commitment, w.commitment) as commitment,"
            " l.leaf_index, l.leaf_hash from fund_entries e"
            " left join lateral (select array_agg((x.account_id::text || ' ' || x.fund || ' ' || x.side || ' '"
            " || x.amount_fen) order by x.position) as legs from fund_legs x where x.entry_id = e.id) g on true"
            " left join lateral (select array_agg(a.member_id || '/' || a.officer) as approvals"
            " from fund_approvals a where a.entry_id = e.id and a.content_hash = e.content_hash) y on true"
            " left join log_openings o on o.leaf_id = e.id left join log_leaves l on l.leaf_id = e.id"
            " left join log_waiting w on w.leaf_id = e.id where e.id = any(cast(:ids as uuid[])) order by e.id"
        ),
        {"ids": list(entry_ids)},
    ).all()


def kept_totals(session: Session) -> Sequence[Row[Any]]:
    """What the database keeps of each account, and the sum of its holds."""
    return session.execute(
        text(
            "select a.id, a.code, a.fund, t.balance_fen, t.postings, t.held_fen, coalesce((select sum(h.amount_fen)"
            " from fund_holds h where h.account_id = a.id and h.state = 'held'), 0)::bigint as holds_fen"
            " from fund_accounts a left join fund_totals t on t.account_id = a.id order by a.code"
        )
    ).all()


def kept_balances(session: Session) -> Sequence[Row[Any]]:
    """What the database keeps of each account and period, oldest period first."""
    return session.execute(
        text("select account_id, period, opening_fen, debit_fen, credit_fen from fund_balances order by period")
    ).all()
