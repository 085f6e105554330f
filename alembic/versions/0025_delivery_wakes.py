"""Delivery: the sequencer locks every endpoint it owes something.

A sender that gives an endpoint back looks, under that lock, for what is still to be sent; a sequencer that left alone
an endpoint already due could commit just after the sender looked, and nobody would come back for it."""

from alembic import op

revision = "0025"
down_revision = "0024"

_FUNCTION = "delivery_sequence(integer, timestamptz)"
_SOME = "where id = any (woken) and (due_at is null or due_at > greatest(p_now, hold_until))"
_ALL = "where id = any (woken)"


def upgrade() -> None:
    _replace(_SOME, _ALL)
    op.execute(
        """
        create function delivery_head() returns bigint language sql stable
        security definer set search_path = pg_catalog, public, pg_temp as $$
            select coalesce(max(position), 0) from delivery_events
        $$
        """
    )
    op.execute("revoke execute on function delivery_head() from public")
    op.execute("grant execute on function delivery_head() to gongxin_web")


def _replace(old: str, new: str) -> None:
    connection = op.get_bind()
    (source,) = connection.exec_driver_sql(f"select pg_get_functiondef('{_FUNCTION}'::regprocedure)").one()
    if source.count(old) != 1:
        raise ValueError("not the function of 0015")
    connection.exec_driver_sql(source.replace(old, new))


def downgrade() -> None:
    op.execute("drop function delivery_head()")
    _replace(_ALL, _SOME)
    op.execute(f"grant execute on function {_FUNCTION} to gongxin_web")
