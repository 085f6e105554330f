"""Who watches an agent is told with the licence number the watch names, which is all that the watcher knows of it."""

from alembic import op

revision = "0028"
down_revision = "0027"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"


def upgrade() -> None:
    op.execute("drop function agent_watchers")
    _watchers(", licence_no text", ", w.licence_no")


def _watchers(more: str, told: str) -> None:
    op.execute(
        f"""
        create function agent_watchers(p_agent uuid, p_today date)
        returns table (watch_id uuid, member_id uuid, purpose text{more}) language sql stable {_SAFE} as $$
            select w.id, w.member_id, w.purpose{told} from agent_watches w
            where w.agent_id = p_agent and w.ended_at is null and w.ends_on >= p_today order by w.member_id, w.purpose
        $$
        """
    )
    op.execute("revoke execute on function agent_watchers from public")
    op.execute("grant execute on function agent_watchers to gongxin_web")


def downgrade() -> None:
    op.execute("drop function agent_watchers")
    _watchers("", "")
