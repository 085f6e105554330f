"""Interim stops in a screening: found from the stops, which are few, not from the thousands asked about."""

from alembic import op

revision = "0033"
down_revision = "0032"

_GIVEN = "integer[], text[], integer[], bytea[], date"


def upgrade() -> None:
    op.execute(
        """
        create function blacklist_screen_stops(p_places integer[], p_licences text[], p_epochs integer[],
            p_keys bytea[], p_today date)
        returns table (place integer, until date) language sql stable
        security definer set search_path = pg_catalog, public, pg_temp as $$
            with stops as materialized (
                select m.agent_id, m.stop_until from blacklist_matters m where m.stop_until >= p_today
                and m.agent_id is not null and m.state in ('accepted', 'noticed', 'hearing', 'deliberation', 'decided')
            )
            select q.place, max(s.stop_until) from stops s
            join agents a on a.id = s.agent_id left join agent_keys k on k.agent_id = s.agent_id
            join unnest(p_places, p_licences, p_epochs, p_keys) as q(place, licence, epoch, subject_key)
                on q.licence = a.licence_no or q.epoch = k.epoch and q.subject_key = k.subject_key
            group by 1
        $$
        """
    )
    op.execute(f"revoke execute on function blacklist_screen_stops({_GIVEN}) from public")
    op.execute(f"grant execute on function blacklist_screen_stops({_GIVEN}) to gongxin_web")


def downgrade() -> None:
    op.execute(f"drop function blacklist_screen_stops({_GIVEN})")
