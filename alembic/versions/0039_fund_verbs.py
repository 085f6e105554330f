"""The ledger's verbs as functions: draft, approve, post, or an entry's whole life, each in one round trip.

A verb checks everything by itself, once, and says so by `gongxin.books`; the triggers that check plain SQL stand aside
for it alone: where the setting is there *and* the statement is the owner's, which is what a verb runs as. The web role
can make the setting, but its own statements are never the owner's; and a trigger that writes as the owner takes the
setting away first."""

from alembic import op

revision = "0039"
down_revision = "0038"

_PATH = "set search_path = pg_catalog, public, pg_temp"
_SAFE = f"security definer {_PATH}"
_VERB = f"{_SAFE} set plan_cache_mode = force_generic_plan"
_LIVE = "state not in ('rejected', 'withdrawn', 'expired')"
_SIGNED = "case l.side when 'debit' then l.amount_fen else -l.amount_fen end"
_NORMAL = "case a.normal_side when 'debit' then {0} else -({0}) end"
_VERBS = {
    "fund_draft": "uuid, text, bytea, date, text, text, uuid, uuid, text[], text[], text[], bigint[], uuid, text,"
    " timestamptz",
    "fund_approve": "uuid, bytea, uuid, text, uuid, timestamptz",
    "fund_post": "uuid, uuid, text, timestamptz",
    "fund_book": "uuid, text, bytea, date, text, text, uuid, uuid, text[], text[], text[], bigint[], uuid, text,"
    " uuid[], text[], timestamptz",
}
_HELPERS = {"fund_actor": "uuid", "fund_mirror": "uuid, uuid"}
_OFFICER = "~ '^[0-9A-Z一-鿿]{1,64}$'"
_KEY = "~ '^[A-Za-z0-9_.:-]{1,128}$'"
_STATES = "('draft', 'submitted', 'approved', 'posted', 'rejected', 'withdrawn', 'expired')"
# The form of an entry, asked of each version by a check before; now of plain SQL by a trigger, and once by the verbs.
_FORM = {
    "key": f"@key {_KEY} and octet_length(@key_hash) = 32",
    "words": "char_length(@description) between 1 and 200 and char_length(@reference) between 1 and 64"
    " and char_length(@reason) between 1 and 200",
    "officers": f"@maker_officer {_OFFICER} and @acted_officer {_OFFICER}",
    "approvals": "@approvals_needed between 2 and 5",
    "state": f"@state in {_STATES}",
    "hash": "octet_length(@content_hash) = 32"
    " and (@content_hash is not null or @state in ('draft', 'withdrawn', 'expired'))",
    "posted": "(@state = 'posted') = (@posted_at is not null)",
}
# What a row names is there, and never goes (`fund_stays`, `kept`): asked of plain SQL by triggers, under the names the
# keys had. A key locks what it names for each row, so that all who post wait in line at one period and one member.
_KEYS = (
    ("fund_entries", "period", "(period) references fund_periods (number)"),
    ("fund_entries", "maker_member", "(maker_member) references members (id)"),
    ("fund_legs", "entry_id", "(entry_id) references fund_entries (id)"),
    ("fund_legs", "account_id_fund", "(account_id, fund) references fund_accounts (id, fund)"),
    ("fund_approvals", "entry_id", "(entry_id) references fund_entries (id)"),
    ("fund_approvals", "member_id", "(member_id) references members (id)"),
)
_TRIGGERS = (
    ("moves", "before insert or update on fund_entries", "", "row", "fund_entries_moves()"),
    ("posted_insert", "after insert on fund_entries", "new", "statement", "fund_entries_post()"),
    ("posted_update", "after update on fund_entries", "new", "statement", "fund_entries_post()"),
    ("spent_update", "after update on fund_entries", "new", "statement", "fund_admin_share()"),
    ("draft_insert", "after insert on fund_legs", "new", "statement", "fund_legs_draft()"),
    ("counted", "after insert on fund_approvals", "new", "statement", "fund_approvals_counted()"),
)


def _run(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement)


def _refuse(test: str, name: str, words: str) -> str:
    return (
        f"if ({test}) then raise exception '{words}'"
        f" using errcode = 'integrity_constraint_violation', constraint = '{name}'; end if;"
    )


def upgrade() -> None:
    _helpers()
    _draft()
    _approve()
    _post()
    _book()
    _counted()
    _form()
    _stand("when (fund_plain())")
    for name, types in _VERBS.items():
        _run(f"revoke execute on function {name}({types}) from public")
        _run(f"grant execute on function {name}({types}) to gongxin_web")
    for name, types in _HELPERS.items():
        _run(f"revoke execute on function {name}({types}) from public")
    # What has no original and no hold needs no place in these.
    for name, column in (("one_reversal", "reverses"), ("one_use", "hold_id")):
        _run(f"drop index ix_fund_entries_{name}")
        _run(
            f"create unique index ix_fund_entries_{name} on fund_entries ({column})"
            f" where {column} is not null and {_LIVE}"
        )


def _stand(when: str, *, counted: str = "fund_approvals_counted()") -> None:
    for name, event, table, each, function in _TRIGGERS:
        on = event.rsplit(" ", 1)[1]
        alias = "made" if name == "counted" else "changed"
        _run(f"drop trigger {name} on {on}")
        _run(
            f"create trigger {name} {event} {f'referencing {table} table as {alias}' if table else ''}"
            f" for each {each} {when} execute function {counted if name == 'counted' else function}"
        )


def _form() -> None:
    owner = op.get_bind().exec_driver_sql("select current_user").scalar_one()
    _run(
        f"""
        create function fund_plain() returns boolean language plpgsql stable as $$
        begin
            return current_setting('gongxin.books', true) is distinct from 'checked' or current_user <> '{owner}';
        end $$
        """
    )
    _run("revoke execute on function fund_plain() from public")
    _run("grant execute on function fund_plain() to gongxin_web")
    refusals = " ".join(
        _refuse(f"not ({test.replace('@', 'new.')})", f"ck_fund_entries_{name}", "the entry is not of its form")
        for name, test in _FORM.items()
    )
    refusals += _refuse(
        "not exists (select from fund_periods p where p.number = new.period)",
        "fk_fund_entries_period",
        "there is no such period",
    ) + _refuse(
        "not exists (select from members m where m.id = new.maker_member)",
        "fk_fund_entries_maker_member",
        "there is no such member",
    )
    _run(
        f"create function fund_entries_of_form() returns trigger language plpgsql {_SAFE} as"
        f" $$ begin {refusals} return new; end $$"
    )
    _run(
        "create trigger of_form before insert or update on fund_entries"
        " for each row when (fund_plain()) execute function fund_entries_of_form()"
    )
    _run(
        f"""
        create function fund_legs_named() returns trigger language plpgsql {_SAFE} as $$
        begin
            {
            _refuse(
                "exists (select from changed c where not exists (select from fund_entries e where e.id = c.entry_id))",
                "fk_fund_legs_entry_id",
                "there is no such entry",
            )
        }
            {
            _refuse(
                "exists (select from changed c where not exists (select from fund_accounts a where a.id = c.account_id"
                " and a.fund = c.fund))",
                "fk_fund_legs_account_id_fund",
                "there is no such account in that fund",
            )
        }
            return null;
        end $$
        """
    )
    _run(
        "create trigger named after insert on fund_legs referencing new table as changed"
        " for each statement when (fund_plain()) execute function fund_legs_named()"
    )
    for name in _FORM:
        _run(f"alter table fund_entries drop constraint ck_fund_entries_{name}")
    for table, name, _ in _KEYS:
        _run(f"alter table {table} drop constraint fk_{table}_{name}")


def _helpers() -> None:
    _run(
        """
        create function fund_actor(p_member uuid) returns text language plpgsql as $$
        declare kind text := current_setting('gongxin.kind');
        begin
            if kind <> 'registry' and not (
                kind = 'association' and p_member = current_setting('gongxin.member')::uuid
            ) then
                raise exception 'the books are the association''s'
                    using errcode = 'insufficient_privilege', constraint = 'fund_entries_actor';
            end if;
            return set_config('gongxin.books', 'checked', true);
        end $$
        """
    )
    _run(
        f"""
        create function fund_mirror(p_entry uuid, p_original uuid) returns void language plpgsql as $$
        declare original fund_entries;
        begin
            select * into original from fund_entries e where e.id = p_original;
            {
            _refuse("original.reverses is not null", "fund_entries_reversal_of_reversal", "a reversal is not reversed")
        }
            {_refuse("original.state <> 'posted'", "fund_entries_reverses_posted", "only what is posted is reversed")}
            {
            _refuse(
                f"exists (select l.account_id, {_SIGNED} from fund_legs l where l.entry_id = p_entry"
                f" except all select l.account_id, -({_SIGNED}) from fund_legs l where l.entry_id = p_original)"
                " or (select count(*) from fund_legs l where l.entry_id = p_entry)"
                " <> (select count(*) from fund_legs l where l.entry_id = p_original)",
                "fund_entries_mirror",
                "a reversal is the original with its sides changed",
            )
        }
        end $$
        """
    )


def _draft() -> None:
    # Drafted and submitted. The content is written to the byte as `fund_content` writes it.
    given = "unnest(p_accounts, p_funds, p_sides, p_amounts) with ordinality as l(account, fund, side, amount_fen, n)"
    _run(
        f"""
        create function fund_draft(
            p_id uuid, p_key text, p_key_hash bytea, p_booked_on date, p_description text, p_reference text,
            p_reverses uuid, p_hold uuid, p_accounts text[], p_funds text[], p_sides text[], p_amounts bigint[],
            p_member uuid, p_officer text, p_at timestamptz
        ) returns text language plpgsql {_VERB} as $$
        declare books text := fund_actor(p_member); known record; term integer; legs record; hash bytea;
        begin
            {_refuse(f"p_key !{_KEY} or octet_length(p_key_hash) <> 32", "ck_fund_entries_key", "a key of its form")}
            {
            _refuse(
                "char_length(p_description) not between 1 and 200 or char_length(p_reference) not between 1 and 64",
                "ck_fund_entries_words",
                "1 to 200 characters",
            )
        }
            {_refuse(f"p_officer !{_OFFICER}", "ck_fund_entries_officers", "a person in the one spelling")}
            select p.number, pg_advisory_xact_lock_shared(7208, p.number) into term
            from fund_periods p where p_booked_on between p.first_day and p.last_day;
            {_refuse("term is null", "fund_entries_day", "the day is not of the period")}
            -- What is read from here on is as it stands with the period's lock held.
            select array_agg(a.id order by l.n) as ids, bool_or(a.closed_at is not null) as closed,
                bool_or(a.restriction is not null) as restricted, count(*) as number,
                sum({_SIGNED}) filter (where l.fund = 'RELIEF') as relief,
                sum({_SIGNED}) filter (where l.fund = 'STAFF') as staff,
                sum({_SIGNED}) filter (where l.fund = 'ADMIN') as admin,
                string_agg('{{"account_id":"' || a.id || '","amount_fen":' || l.amount_fen || ',"fund":"' || l.fund
                    || '","side":"' || l.side || '"}}', ',' order by l.n) as content,
                (select p.state from fund_periods p where p.number = term) as period,
                exists (select from members m where m.id = p_member) as member
            into legs from {given} join fund_accounts a on a.code = l.account and a.fund = l.fund;
            hash := sha256(convert_to('{{"booked_on":"' || to_char(p_booked_on, 'YYYY-MM-DD')
                || '","description":' || to_json(p_description)::text
                || ',"hold_id":' || coalesce('"' || p_hold || '"', 'null') || ',"id":"' || p_id
                || '","legs":[' || legs.content || '],"maker_member":"' || p_member || '","maker_officer":"'
                || p_officer || '","period":' || term || ',"reference":'
                || coalesce(to_json(p_reference)::text, 'null')
                || ',"reverses":' || coalesce('"' || p_reverses || '"', 'null') || ',"v":1}}', 'UTF8'));
            insert into fund_entries (id, key, key_hash, period, booked_on, description, reference, reverses, hold_id,
                maker_member, maker_officer, state, version, content_hash, acted_member, acted_officer, acted_at,
                created_at)
            values (p_id, p_key, p_key_hash, term, p_booked_on, p_description, p_reference, p_reverses, p_hold,
                p_member, p_officer, 'submitted', 2, hash, p_member, p_officer, p_at, p_at)
            on conflict (key) do nothing;
            if not found then
                select e.id, e.key_hash, e.content_hash into known from fund_entries e where e.key = p_key;
                {_refuse("known.key_hash <> p_key_hash", "uq_fund_entries_key", "the key was used for another content")}
                books := set_config('gongxin.books', '', true);
                return 'known ' || known.id || ' ' || coalesce(encode(known.content_hash, 'hex'), '');
            end if;
            {
            _refuse(
                "legs.period = 'closed' or legs.period <> 'open' and p_reverses is null",
                "fund_entries_period_open",
                "the period takes no new entry",
            )
        }
            {
            _refuse(
                "legs.number <> cardinality(p_accounts)", "fk_fund_legs_account_id_fund", "there is no such account"
            )
        }
            {_refuse("not legs.member", "fk_fund_entries_maker_member", "there is no such member")}
            {_refuse("legs.closed", "fund_entries_accounts_open", "an account is closed")}
            {
            _refuse(
                "legs.number < 2 or legs.relief <> 0 or legs.staff <> 0 or legs.admin <> 0",
                "fund_entries_balanced",
                "the legs do not balance in each fund",
            )
        }
            if legs.restricted then
                {
            _refuse(
                f"exists (select from {given} join fund_accounts a on a.code = l.account"
                f" group by l.fund, a.restriction having sum({_SIGNED}) <> 0)",
                "fund_entries_restriction",
                "restricted money stays with its purpose",
            )
        }
            end if;
            with steps as (
                insert into fund_steps (entry_id, version, state, member_id, officer, reason, at)
                values (p_id, 1, 'draft', p_member, p_officer, null, p_at),
                    (p_id, 2, 'submitted', p_member, p_officer, null, p_at)
            )
            insert into fund_legs (entry_id, position, account_id, fund, side, amount_fen)
            select p_id, l.n, legs.ids[l.n], l.fund, l.side, l.amount_fen from {given};
            if p_reverses is not null then
                perform fund_mirror(p_id, p_reverses);
            end if;
            books := set_config('gongxin.books', '', true);
            return 'new ' || p_id || ' ' || encode(hash, 'hex');
        end $$
        """
    )


def _approve() -> None:
    _run(
        f"""
        create function fund_approve(
            p_entry uuid, p_hash bytea, p_member uuid, p_officer text, p_client uuid, p_at timestamptz
        ) returns text language plpgsql {_VERB} as $$
        declare books text := fund_actor(p_member); entry record; made record;
        begin
            select e.state, e.content_hash, e.maker_officer, e.approvals_needed, e.version, e.period into entry
            from fund_entries e where e.id = p_entry for no key update;
            {_refuse("not found", "fk_fund_approvals_entry_id", "there is no such entry")}
            {_refuse("entry.state <> 'submitted'", "fund_approvals_submitted", "only what is submitted is approved")}
            {_refuse("entry.content_hash <> p_hash", "fund_approvals_content", "the approval is of another content")}
            {_refuse("entry.maker_officer = p_officer", "fund_approvals_maker", "the maker does not approve")}
            with new as (
                insert into fund_approvals (entry_id, officer, content_hash, member_id, client_id, approved_at)
                values (p_entry, p_officer, p_hash, p_member, p_client, p_at)
            )
            select count(*) as others, exists (select from members m where m.id = p_member) as member into made
            from fund_approvals a where a.entry_id = p_entry and a.content_hash = p_hash;
            {_refuse("not made.member", "fk_fund_approvals_member_id", "there is no such member")}
            if made.others + 1 >= entry.approvals_needed then
                entry.state := 'approved';
                with moved as (
                    update fund_entries e set state = 'approved', version = entry.version + 1, acted_member = p_member,
                        acted_officer = p_officer, acted_at = p_at, reason = null where e.id = p_entry
                )
                insert into fund_steps (entry_id, version, state, member_id, officer, reason, at)
                values (p_entry, entry.version + 1, 'approved', p_member, p_officer, null, p_at);
            end if;
            books := set_config('gongxin.books', '', true);
            return entry.state;
        end $$
        """
    )


def _post() -> None:
    _run(
        f"""
        create function fund_post(p_entry uuid, p_member uuid, p_officer text, p_at timestamptz) returns text
        language plpgsql {_VERB} as $$
        declare
            entry fund_entries; approved record; leg record; total record; fen bigint; first record; told text;
            sum_fen numeric := 0; legs integer := 0; mixed boolean := false; falls boolean := false;
            spends boolean := false; spent_year integer; books text := fund_actor(p_member);
            salt bytea := sha256((gen_random_uuid()::text || gen_random_uuid() || gen_random_uuid())::bytea);
        begin
            {_refuse(f"p_officer !{_OFFICER}", "ck_fund_entries_officers", "a person in the one spelling")}
            update fund_entries e set state = 'posted', version = e.version + 1, acted_member = p_member,
                acted_officer = p_officer, acted_at = p_at, reason = null, posted_at = p_at
            where e.id = p_entry and e.state = 'approved' returning * into entry;
            if not found then
                {
            _refuse(
                "exists (select from fund_entries e where e.id = p_entry"
                " and e.state in ('posted', 'rejected', 'withdrawn', 'expired'))",
                "fund_entries_final",
                "what is decided stays",
            )
        }
                {_refuse("true", "fund_entries_transition", "this state does not follow")}
            end if;
            if pg_advisory_xact_lock_shared(7208, entry.period) is null then end if;
            select count(distinct a.officer) filter (where a.officer <> entry.maker_officer) as number,
                string_agg('"' || a.member_id || '/' || a.officer || '"', ',' order by a.officer collate "C") as told,
                (select p.state from fund_periods p where p.number = entry.period) as period
            into approved from fund_approvals a
            where a.entry_id = p_entry and a.content_hash = entry.content_hash;
            {_refuse("approved.number < entry.approvals_needed", "fund_entries_approved", "approvals are missing")}
            {_refuse("approved.period = 'closed'", "fund_entries_period_open", "the period is closed")}
            {
            _refuse(
                "entry.booked_on > (p_at at time zone 'Asia/Shanghai')::date",
                "fund_entries_future",
                "nothing is posted before its day",
            )
        }
            if entry.reverses is not null then
                perform fund_mirror(p_entry, entry.reverses);
            end if;
            if entry.hold_id is not null then
                perform from fund_totals t
                where t.account_id in (select l.account_id from fund_legs l where l.entry_id = p_entry)
                order by t.account_id for update;
                {
            _refuse(
                "not exists (select from fund_holds h where h.id = entry.hold_id and h.state = 'held'"
                f" and h.amount_fen = (select -sum({_NORMAL.format(_SIGNED)}) from fund_legs l"
                " join fund_accounts a on a.id = l.account_id"
                " where l.entry_id = p_entry and l.account_id = h.account_id))",
                "fund_entries_hold",
                "the entry pays what was held",
            )
        }
                update fund_holds h set state = 'used', ended_at = p_at where h.id = entry.hold_id;
            end if;
            for leg in
                select l.account_id, l.position, l.fund, l.side, l.amount_fen, a.restriction, a.closed_at, a.type,
                    a.minimum_fen, a.normal_side
                from fund_legs l join fund_accounts a on a.id = l.account_id where l.entry_id = p_entry
                order by l.account_id, l.position
            loop
                fen := case leg.side when 'debit' then leg.amount_fen else -leg.amount_fen end;
                with t as (
                    update fund_totals t set balance_fen = t.balance_fen + fen, postings = t.postings + 1,
                        last_at = greatest(t.last_at, p_at)
                    where t.account_id = leg.account_id returning *
                ), p as (
                    insert into fund_postings
                        (account_id, number, entry_id, position, period, amount_fen, balance_fen, at)
                    select t.account_id, t.postings, p_entry, leg.position, entry.period, fen, t.balance_fen, t.last_at
                    from t
                ), b as (
                    insert into fund_balances as b (account_id, period, debit_fen, credit_fen)
                    values (leg.account_id, entry.period, greatest(fen, 0), greatest(-fen, 0))
                    on conflict (account_id, period) do update
                    set debit_fen = b.debit_fen + excluded.debit_fen, credit_fen = b.credit_fen + excluded.credit_fen
                )
                select t.held_fen into total from t;
                {_refuse("leg.closed_at is not null", "fund_entries_accounts_open", "an account is closed")}
                if legs = 0 then
                    first := leg;
                elsif leg.fund <> first.fund or leg.restriction is distinct from first.restriction then
                    mixed := true;
                end if;
                legs := legs + 1;
                sum_fen := sum_fen + fen;
                if leg.side <> leg.normal_side and (leg.minimum_fen is not null or total.held_fen > 0) then
                    falls := true;
                end if;
                if leg.fund = 'ADMIN' and leg.type = 'expense' and leg.side = 'debit' then
                    spends := true;
                end if;
            end loop;
            {
            _refuse(
                "legs = 0 or sum_fen <> 0 or mixed and exists (select from fund_legs l where l.entry_id = p_entry"
                f" group by l.fund having sum({_SIGNED}) <> 0)",
                "fund_entries_balanced",
                "the legs do not balance in each fund",
            )
        }
            {
            _refuse(
                "mixed and exists (select from fund_legs l join fund_accounts a on a.id = l.account_id"
                f" where l.entry_id = p_entry group by l.fund, a.restriction having sum({_SIGNED}) <> 0)",
                "fund_entries_restriction",
                "restricted money stays with its purpose",
            )
        }
            {
            _refuse(
                f"falls and exists (select from (select l.account_id, sum({_SIGNED}) as moved from fund_legs l"
                " where l.entry_id = p_entry group by 1) m join fund_totals t on t.account_id = m.account_id"
                f" join fund_accounts a on a.id = m.account_id where {_NORMAL.format('m.moved')} < 0"
                " and case when a.minimum_fen is null then t.held_fen > 0 else true end"
                f" and {_NORMAL.format('t.balance_fen')} - t.held_fen < coalesce(a.minimum_fen, 0))",
                "fund_entries_minimum",
                "the account would fall below its minimum less what is held",
            )
        }
            if spends then
                spent_year := extract(year from entry.booked_on);
                perform pg_advisory_xact_lock(7209, spent_year);
                {
            _refuse(
                "(select coalesce(sum(p.amount_fen) filter (where a.type = 'expense' and a.fund = 'ADMIN'), 0) * 10"
                " > coalesce(-sum(p.amount_fen) filter (where a.type = 'income'), 0)"
                " from fund_accounts a join fund_postings p on p.account_id = a.id"
                " join fund_entries e on e.id = p.entry_id"
                " where (a.type = 'income' or a.type = 'expense' and a.fund = 'ADMIN')"
                " and e.booked_on between make_date(spent_year, 1, 1) and make_date(spent_year, 12, 31))",
                "fund_admin_share",
                "administration takes at most a tenth of income",
            )
        }
            end if;
            told := '{{"approvals":[' || approved.told || '],"content":"' || encode(entry.content_hash, 'hex')
                || '","entry_id":"' || p_entry || '","period":' || entry.period || ',"posted_at":"'
                || to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","poster":"' || p_member
                || '/' || p_officer || '","v":1}}';
            with step as (
                insert into fund_steps (entry_id, version, state, member_id, officer, reason, at)
                values (p_entry, entry.version, 'posted', p_member, p_officer, null, p_at)
            ), opened as (
                insert into log_openings (leaf_id, owner_id, salt, record)
                values (p_entry, entry.maker_member, salt, told)
            )
            insert into log_waiting (leaf_id, kind, commitment) values (
                p_entry, 'fund_entry', sha256('gongxin commitment 1\\012'::bytea || salt || convert_to(told, 'UTF8'))
            );
            books := set_config('gongxin.books', '', true);
            return 'posted';
        end $$
        """
    )


def _book() -> None:
    # An entry's whole life: drafted, approved by those named, posted by the first of them.
    _run(
        f"""
        create function fund_book(
            p_id uuid, p_key text, p_key_hash bytea, p_booked_on date, p_description text, p_reference text,
            p_reverses uuid, p_hold uuid, p_accounts text[], p_funds text[], p_sides text[], p_amounts bigint[],
            p_member uuid, p_officer text, p_members uuid[], p_officers text[], p_at timestamptz
        ) returns text language plpgsql {_VERB} as $$
        declare made text; entry uuid; hash bytea;
        begin
            made := fund_draft(p_id, p_key, p_key_hash, p_booked_on, p_description, p_reference, p_reverses, p_hold,
                p_accounts, p_funds, p_sides, p_amounts, p_member, p_officer, p_at);
            entry := split_part(made, ' ', 2);
            hash := decode(split_part(made, ' ', 3), 'hex');
            if split_part(made, ' ', 1) = 'known' and exists (
                select from fund_entries e where e.id = entry and e.state = 'posted'
            ) then
                return made;
            end if;
            for n in 1 .. cardinality(p_members) loop
                perform fund_approve(entry, hash, p_members[n], p_officers[n], null, p_at);
            end loop;
            perform fund_post(entry, p_members[1], p_officers[1], p_at);
            return made;
        end $$
        """
    )


def _counted() -> None:
    # As it was, by keys rather than by joins; and what it writes as the owner, the triggers check.
    _run(
        f"""
        create function fund_approvals_counted() returns trigger language plpgsql {_SAFE} as $$
        declare told uuid[]; wrong record;
        begin
            perform set_config('gongxin.books', '', true);
            {
            _refuse(
                "gongxin_kind() <> 'registry' and exists (select from made a where a.member_id <> gongxin_caller())",
                "fund_approvals_actor",
                "whoever approves is of the member that asks",
            )
        }
            select array_agg(distinct a.entry_id) into told from made a;
            perform from fund_entries e where e.id = any(told) order by e.id for no key update;
            {
            _refuse(
                "exists (select from made a where not exists (select from fund_entries e where e.id = a.entry_id))",
                "fk_fund_approvals_entry_id",
                "there is no such entry",
            )
        }
            {
            _refuse(
                "exists (select from made a where not exists (select from members m where m.id = a.member_id))",
                "fk_fund_approvals_member_id",
                "there is no such member",
            )
        }
            select bool_or(e.state <> 'submitted') as state, bool_or(a.content_hash <> e.content_hash) as content,
                bool_or(a.officer = e.maker_officer) as maker into wrong
            from made a join fund_entries e on e.id = a.entry_id and e.id = any(told);
            {_refuse("wrong.state", "fund_approvals_submitted", "only what is submitted is approved")}
            {_refuse("wrong.content", "fund_approvals_content", "the approval is of another content")}
            {_refuse("wrong.maker", "fund_approvals_maker", "the maker does not approve")}
            update fund_entries e set state = 'approved', acted_member = last.member_id, acted_officer = last.officer,
                acted_at = last.approved_at, reason = null
            from (select distinct on (a.entry_id) a.* from made a order by a.entry_id, a.approved_at desc) last
            where e.id = any(told) and e.id = last.entry_id and e.approvals_needed <= (
                select count(distinct a.officer) from fund_approvals a
                where a.entry_id = e.id and a.content_hash = e.content_hash
            );
            return null;
        end $$
        """
    )


def downgrade() -> None:
    for name, column in (("one_reversal", "reverses"), ("one_use", "hold_id")):
        _run(f"drop index ix_fund_entries_{name}")
        _run(f"create unique index ix_fund_entries_{name} on fund_entries ({column}) where {_LIVE}")
    _stand("", counted="fund_approvals_count()")
    for name, test in _FORM.items():
        _run(f"alter table fund_entries add constraint ck_fund_entries_{name} check ({test.replace('@', '')})")
    for table, name, key in _KEYS:
        _run(f"alter table {table} add constraint fk_{table}_{name} foreign key {key}")
    op.execute("drop trigger named on fund_legs")
    op.execute("drop function fund_legs_named()")
    op.execute("drop trigger of_form on fund_entries")
    op.execute("drop function fund_entries_of_form()")
    op.execute("drop function fund_plain()")
    op.execute("drop function fund_approvals_counted()")
    for functions in (dict(reversed(_VERBS.items())), _HELPERS):
        for name, types in functions.items():
            op.execute(f"drop function {name}({types})")
