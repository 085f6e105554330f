"""An agency whose filing is suspended or gone has nobody who may work: in checks, in the public check, in badges. One
function says how an agency stands; all that tells it asks that one."""

from alembic import op

revision = "0043"
down_revision = "0042"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
# function, what it read before, what it reads now
_READERS = (
    ("agent_standing(integer[], text[], integer[], bytea[])", "m.name_en, m.state,", "m.name_en, agency_state(m.id),"),
    (
        "agent_facts(uuid, timestamptz, date, uuid, text, integer[], text[], integer[], integer[], bytea)",
        "m.name_en, m.state)",
        "m.name_en, agency_state(m.id))",
    ),
    ("badge_status(badges, agents, members, date)", "m.state <> 'active'", "agency_state(m.id) <> 'active'"),
    ("badge_statuses(integer, timestamptz, date)", "m.state <> 'active'", "agency_state(m.id) <> 'active'"),
)


def upgrade() -> None:
    op.execute(
        f"""
        create function agency_state(p_member uuid) returns text language sql stable {_SAFE} as $$
            select case
                when m.state <> 'active' then m.state
                when exists (select from agency_filings f where f.agency_id = m.id and f.state = 'accepted')
                    then 'active'
                when exists (select from agency_filings f where f.agency_id = m.id and f.state = 'suspended')
                    then 'filing_suspended'
                else 'no_filing' end
            from members m where m.id = p_member
        $$
        """
    )
    op.execute(
        f"""
        create function agents_watched_at(p_agency uuid, p_today date) returns setof uuid language sql stable {_SAFE}
        as $$
            select distinct a.id from agents a join agent_watches w on w.agent_id = a.id
            where a.agency_id = p_agency and w.ended_at is null and w.ends_on >= p_today order by a.id
        $$
        """
    )
    for signature in ("agency_state(uuid)", "agents_watched_at(uuid, date)"):
        op.execute(f"revoke execute on function {signature} from public")
        op.execute(f"grant execute on function {signature} to gongxin_web")
    _immutable("stable")
    for function, before, after in _READERS:
        _rewrite(function, before, after)


def _rewrite(function: str, before: str, after: str) -> None:
    """The function as it stands, with one passage replaced; its owner and grants stay."""
    connection = op.get_bind()
    text = connection.exec_driver_sql(f"select pg_get_functiondef('{function}'::regprocedure)").scalar_one()
    if text.count(before) != 1:
        raise RuntimeError(f"{function} does not read as supposed")
    connection.exec_driver_sql(text.replace(before, after).replace("%", "%%"))


def _immutable(word: str) -> None:
    op.execute(f"alter function badge_status(badges, agents, members, date) {word}")


def downgrade() -> None:
    for function, before, after in _READERS:
        _rewrite(function, after, before)
    _immutable("immutable")
    op.execute("drop function agents_watched_at(uuid, date)")
    op.execute("drop function agency_state(uuid)")
