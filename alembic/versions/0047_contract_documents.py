"""What anyone may know of a signed content by its hash, the recheck of contracts after a change of a cap, and what a
month below zero leaves to the next.

Both functions run as the owner and tell no more than their columns. The recheck reads every contract: under row-level
security the planner takes the caller's conditions for rare and looks up each of a million contents by its key, some ten
times slower than the one pass of both tables that this is. `gongxin_caller` and `gongxin_kind` read a setting that
parallel workers are given too."""

from alembic import op

revision = "0047"
down_revision = "0046"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_FUNCTIONS = ("contract_signed(bytea)", "contracts_touched(integer, integer, text, date, date)")


def upgrade() -> None:
    op.execute("alter function gongxin_caller() parallel safe")
    op.execute("alter function gongxin_kind() parallel safe")
    op.execute("create index ix_contracts_content_hash on contracts (content_hash) where signed_at is not null")
    op.execute(
        f"""
        create function contract_signed(digest bytea) returns table (signed_on date, leaves uuid[])
        language sql stable {_SAFE} as $$
            select (c.signed_at at time zone 'Asia/Shanghai')::date,
                array(select s.id from contract_signatures s where s.contract_id = c.id and s.content_hash = digest
                    order by s.signed_at, s.id)
            from contracts c where c.content_hash = digest and c.signed_at is not null order by c.id limit 1
        $$
        """
    )
    op.execute(
        f"""
        create function contracts_touched(bucket integer, cap integer, place text, first date, last date)
        returns table (contract_id uuid, rate integer) language plpgsql stable {_SAFE} as $$
        begin
            if gongxin_kind() <> 'registry' then
                raise exception 'the registry rechecks contracts'
                    using errcode = 'insufficient_privilege', constraint = 'contracts_touched_registry';
            end if;
            return query select c.id, k.rates[bucket]
                from contract_contents k join contracts c on c.id = k.contract_id
                where k.rates[bucket] > cap and c.state = 'signed' and c.jurisdiction = place
                and c.ends_on >= first and c.begins_on <= last;
        end $$
        """
    )
    op.execute(
        "alter table commission_statements add carried_fen bigint not null default 0,"
        " add constraint ck_commission_statements_carried_fen check (carried_fen <= 0)"
    )
    op.execute("grant update (carried_fen) on commission_statements to gongxin_web")
    for function in _FUNCTIONS:
        op.execute(f"revoke all on function {function} from public")
        op.execute(f"grant execute on function {function} to gongxin_web")


def downgrade() -> None:
    op.execute("alter table commission_statements drop column carried_fen")
    for function in _FUNCTIONS:
        op.execute(f"drop function {function}")
    op.execute("drop index ix_contracts_content_hash")
    op.execute("alter function gongxin_kind() parallel unsafe")
    op.execute("alter function gongxin_caller() parallel unsafe")
