"""Badges (电子工牌): issued for a granted licence, one in force an agent, each with its place in a status list.

What ends a licence ends the badge in the same statement, whoever moves the agent: a trigger, not a verb. What suspends
it is read from the agent and the agency as they stand. A published list never goes back."""

import re

from alembic import op
from sqlalchemy import text

revision = "0032"
down_revision = "0031"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_KIND = "(select gongxin_kind())"
_OFFICE = f"{_KIND} in ('association', 'registry')"
_OVERSIGHT = f"{_KIND} in ('association', 'regulator', 'registry')"
_ENDS = "'replaced', 'withdrawn', 'revoked', 'expired', 'surrendered', 'transferred', 'term_changed', 'lapsed'"


def upgrade() -> None:
    _leaf_kind(add=True)
    _keys("('token', 'ES256'), ('receipt', 'EdDSA'), ('badge', 'EdDSA')", "use in ('token', 'badge')")
    _badges()
    _ending()
    _standing()
    _lists()


def _leaf_kind(*, add: bool) -> None:
    """The kinds as they stand, with `badge` or without: whichever other parts came before."""
    for table in ("log_waiting", "log_leaves"):
        held = op.get_bind().execute(
            text(
                "select pg_get_constraintdef(oid) from pg_constraint"
                " where conname = :name and conrelid = cast(:table as regclass)"
            ),
            {"name": f"ck_{table}_kind", "table": table},
        )
        kinds = [kind for kind in re.findall("'([a-z_]+)'", held.scalar_one()) if kind != "badge"]
        listed = ", ".join(f"'{kind}'" for kind in [*kinds, *(["badge"] if add else [])])
        op.execute(f"alter table {table} drop constraint ck_{table}_kind")
        op.execute(f"alter table {table} add constraint ck_{table}_kind check (kind in ({listed}))")


def _keys(uses: str, withdrawn: str) -> None:
    op.execute("alter table registry_keys drop constraint ck_registry_keys_use")
    op.execute(f"alter table registry_keys add constraint ck_registry_keys_use check ((use, alg) in ({uses}))")
    op.execute("alter table registry_keys drop constraint ck_registry_keys_published_until")
    op.execute(
        "alter table registry_keys add constraint ck_registry_keys_published_until"
        f" check (published_until is null or {withdrawn} and retired_at is not null)"
    )


def _badges() -> None:
    op.execute(
        f"""
        create table badges (
            id uuid not null,
            agent_id uuid not null,
            agency_id uuid not null,
            list_no integer not null,
            idx integer not null,
            kid text not null,
            level text not null,
            code text not null,
            issued_at timestamptz not null,
            expires_at timestamptz not null,
            issued_by text not null,
            ended_at timestamptz,
            ended_as text,
            constraint pk_badges primary key (id),
            constraint uq_badges_list_no_idx unique (list_no, idx),
            constraint fk_badges_agent_id foreign key (agent_id) references agents (id),
            constraint fk_badges_agency_id foreign key (agency_id) references members (id),
            constraint fk_badges_kid foreign key (kid) references registry_keys (kid),
            constraint ck_badges_list_no check (list_no between 1 and 9999),
            constraint ck_badges_idx check (idx between 0 and 1048575),
            constraint ck_badges_level check (level in ('basic', 'senior', 'debt_counsellor')),
            constraint ck_badges_code check (
                char_length(code) <= 419 and code ~ '^GXB1:[0-9A-Z $%*+./:-]+$'
            ),
            constraint ck_badges_expires_at check (expires_at > issued_at),
            constraint ck_badges_issued_by check (char_length(issued_by) between 1 and 128),
            constraint ck_badges_ended check (
                (ended_at is null) = (ended_as is null) and ended_as in ({_ENDS})
            )
        )
        """
    )
    op.execute("create unique index ix_badges_one_in_force on badges (agent_id) where ended_at is null")
    op.execute("create index ix_badges_agent_id_id on badges (agent_id, id)")
    op.execute("create index ix_badges_agency_id on badges (agency_id) where ended_at is null")
    op.execute("create index ix_badges_list_no_ended on badges (list_no, expires_at) where ended_at is not null")
    op.execute("create index ix_agents_suspended on agents (id) where state = 'suspended'")
    _trigger(
        "badges_licensed",
        "before insert on badges",
        """
        if not exists (
            select from agents a join members m on m.id = a.agency_id
            where a.id = new.agent_id and a.agency_id = new.agency_id and a.state = 'granted' and m.state = 'active'
            and new.expires_at <= (a.valid_until + 1)::timestamp at time zone 'Asia/Shanghai' for share of a
        ) then
            raise exception 'a badge is for a granted licence of this agency, and not beyond it'
                using errcode = 'integrity_constraint_violation', constraint = 'badges_licensed';
        end if;
        if not exists (select from registry_keys k where k.kid = new.kid and k.use = 'badge') then
            raise exception 'a badge is signed by a key for badges'
                using errcode = 'integrity_constraint_violation', constraint = 'badges_key';
        end if;
        new.ended_at := null;
        new.ended_as := null;
        insert into badge_lists (list_no, issued_at)
            select new.list_no, 0 where new.list_no between 1 and 9999 on conflict do nothing;
        """,
    )
    _trigger(
        "badges_guard",
        "before update or delete on badges",
        """
        if tg_op = 'DELETE' or old.ended_at is not null or new.ended_at is null
            or to_jsonb(new) - 'ended_at' - 'ended_as' <> to_jsonb(old) - 'ended_at' - 'ended_as'
        then
            raise exception 'a badge ends once, and does not otherwise change'
                using errcode = 'integrity_constraint_violation', constraint = 'badges_guard';
        end if;
        """,
    )
    op.execute("alter table badges enable row level security")
    op.execute(
        "create policy own on badges for select to gongxin_web"
        f" using (agency_id = (select gongxin_caller()) or {_OVERSIGHT})"
    )
    op.execute(
        "create policy issue on badges for insert to gongxin_web with check ("
        f"{_OFFICE} or {_KIND} = 'agency' and agency_id = (select gongxin_caller()))"
    )
    op.execute(
        "create policy withdraw on badges for update to gongxin_web"
        f" using ({_OFFICE} or {_KIND} = 'agency' and agency_id = (select gongxin_caller()))"
    )
    op.execute("grant select, insert, update (ended_at, ended_as) on badges to gongxin_web")


def _ending() -> None:
    # An end is for good: a licence given anew, or a return to the agency, needs a badge anew.
    _trigger(
        "agents_end_badge",
        "after update on agents",
        """
        update badges b set ended_at = greatest(new.changed_at, b.issued_at), ended_as = case
            when new.state in ('revoked', 'expired', 'surrendered') then new.state
            when new.state not in ('granted', 'suspended') then 'lapsed'
            when new.agency_id <> b.agency_id then 'transferred'
            else 'term_changed' end
        where b.agent_id = new.id and b.ended_at is null and (
            new.state not in ('granted', 'suspended') or new.agency_id <> b.agency_id
            or b.expires_at > (new.valid_until + 1)::timestamp at time zone 'Asia/Shanghai'
        );
        """,
    )


def _standing() -> None:
    # 0 holds, 1 ended for good, 2 suspended: what a list says of a place, and nothing else of anybody.
    op.execute(
        """
        create function badge_status(b badges, a agents, m members, p_today date) returns integer
        language sql immutable set search_path = pg_catalog, public, pg_temp as $$
            select case when b.ended_at is not null then 1
                when a.state = 'suspended' or a.valid_until < p_today or m.state <> 'active' then 2 else 0 end
        $$
        """
    )
    op.execute(
        f"""
        create function badge_statuses(p_list integer, p_now timestamptz, p_today date)
        returns table (idx integer, status integer) language sql stable {_SAFE} as $$
            select b.idx, 1 from badges b
            where b.list_no = p_list and b.ended_at is not null and b.expires_at > p_now
            union
            select b.idx, 2 from badges b
            where b.list_no = p_list and b.ended_at is null and b.expires_at > p_now and b.agent_id in (
                select a.id from agents a where a.state = 'suspended'
                union all
                select a.id from agents a where a.state in ('granted', 'suspended') and a.valid_until < p_today
            )
            union
            select b.idx, 2 from badges b
            where b.list_no = p_list and b.ended_at is null and b.expires_at > p_now
            and b.agency_id in (select m.id from members m where m.kind = 'agency' and m.state <> 'active')
        $$
        """
    )
    op.execute(
        f"""
        create function badge_standing(p_list integer, p_idx integer, p_today date)
        returns table (badge_id uuid, licence_no text, status integer) language sql stable {_SAFE} as $$
            select b.id, a.licence_no, badge_status(b, a, m, p_today)
            from badges b join agents a on a.id = b.agent_id join members m on m.id = b.agency_id
            where b.list_no = p_list and b.idx = p_idx
        $$
        """
    )
    op.execute(
        f"""
        create function agent_photo_matches(p_licence text, p_photo bytea) returns boolean
        language sql stable {_SAFE} as $$
            select coalesce((select a.photo_sha256 = p_photo from agents a where a.licence_no = p_licence), false)
        $$
        """
    )
    op.execute(
        f"""
        create function badge_place_taken(p_list integer, p_idx integer) returns boolean
        language sql stable {_SAFE} as $$
            select exists (select from badges b where b.list_no = p_list and b.idx = p_idx)
        $$
        """
    )
    for function in (
        "badge_statuses(integer, timestamptz, date)", "badge_standing(integer, integer, date)",
        "agent_photo_matches(text, bytea)", "badge_place_taken(integer, integer)",
    ):  # fmt: skip
        op.execute(f"revoke execute on function {function} from public")
        op.execute(f"grant execute on function {function} to gongxin_web")
    op.execute("revoke execute on function badge_status(badges, agents, members, date) from public")


def _lists() -> None:
    op.execute(
        """
        create table badge_lists (
            list_no integer not null,
            issued_at bigint not null,
            kid text,
            as_jwt text,
            as_cwt bytea,
            constraint pk_badge_lists primary key (list_no),
            constraint ck_badge_lists_list_no check (list_no between 1 and 9999),
            constraint ck_badge_lists_whole check (num_nulls(kid, as_jwt, as_cwt) in (0, 3)),
            constraint fk_badge_lists_kid foreign key (kid) references registry_keys (kid)
        )
        """
    )
    _trigger(
        "badge_lists_forward",
        "before update or delete on badge_lists",
        """
        if tg_op = 'DELETE' or new.list_no <> old.list_no or new.issued_at <= old.issued_at or new.as_jwt is null then
            raise exception 'a published list never goes back'
                using errcode = 'integrity_constraint_violation', constraint = 'badge_lists_forward';
        end if;
        """,
    )
    op.execute("alter table badge_lists enable row level security")
    op.execute("create policy read on badge_lists for select to gongxin_web using (true)")
    op.execute("create policy publish on badge_lists for update to gongxin_web using (true)")
    op.execute("grant select, update (issued_at, kid, as_jwt, as_cwt) on badge_lists to gongxin_web")


def _trigger(name: str, when: str, body: str) -> None:
    op.execute(
        f"create function {name}() returns trigger language plpgsql {_SAFE} as $$ begin {body} return new; end $$"
    )
    op.execute(f"create trigger {name} {when} for each row execute function {name}()")


def downgrade() -> None:
    for function in (
        "badge_statuses(integer, timestamptz, date)", "badge_standing(integer, integer, date)",
        "badge_status(badges, agents, members, date)", "agent_photo_matches(text, bytea)",
        "badge_place_taken(integer, integer)",
    ):  # fmt: skip
        op.execute(f"drop function {function}")
    op.execute("drop trigger agents_end_badge on agents")
    op.execute("drop table badge_lists")
    op.execute("drop table badges")
    op.execute("drop index ix_agents_suspended")
    for function in ("agents_end_badge", "badges_licensed", "badges_guard", "badge_lists_forward"):
        op.execute(f"drop function {function}()")
    # Keys for badges and leaves stay for ever: a registry that has them cannot go back past them.
    _keys("('token', 'ES256'), ('receipt', 'EdDSA')", "use = 'token'")
    _leaf_kind(add=False)
