"""Screenings: one plan for all of them, and agents are read for those with an entry, not for all that are asked about.

Planned anew for each ten thousand, the join read every key there is; joined in one step, every agent asked for."""

from alembic import op

revision = "0041"
down_revision = "0040"

_FUNCTION = (
    "blacklist_screen(integer[], text[], integer[], bytea[], date, uuid, timestamptz, uuid, text, text, integer)"
)
_LIVE = "l.state = 'in_force' and l.ends_on >= p_today"
_WHOLE = (
    """with live as (
                select q.place, l.agent_id,""",
    f"""from unnest(places, found) as q(place, id)
                join blacklist_listings l on l.agent_id = q.id join agents a on a.id = q.id
                where {_LIVE} for share of l
            ), told""",
)
_STEPS = (
    f"""with entries as materialized (
                select q.place as asked, l.* from unnest(places, found) as q(place, id)
                join blacklist_listings l on l.agent_id = q.id where {_LIVE} for share of l
            ), live as (
                select l.asked as place, l.agent_id,""",
    """from entries l join agents a on a.id = l.agent_id
            ), told""",
)


def upgrade() -> None:
    _replace(_WHOLE, _STEPS)
    op.execute(f"alter function {_FUNCTION} set plan_cache_mode = force_generic_plan")


def _replace(old: tuple[str, ...], new: tuple[str, ...]) -> None:
    connection = op.get_bind()
    (source,) = connection.exec_driver_sql(f"select pg_get_functiondef('{_FUNCTION}'::regprocedure)").one()
    for before, after in zip(old, new, strict=True):
        if source.count(before) != 1:
            raise ValueError("not the function of 0026")
        source = source.replace(before, after)
    connection.exec_driver_sql(source)


def downgrade() -> None:
    op.execute(f"alter function {_FUNCTION} reset plan_cache_mode")
    _replace(_STEPS, _WHOLE)
