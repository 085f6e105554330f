"""Agents, further: certificates withdrawn, what each application was made with, grades and statistics in one pass.

No licence without a filing of its agency in force, nor beyond a basic certificate that stands. A check tells what the
person says to a contested entry; the person is told who checked them."""

from alembic import op

revision = "0024"
down_revision = "0023"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_KIND = "(select gongxin_kind())"
_OWN = "(select gongxin_caller())"
_OF_VISIBLE = "exists (select from agents a where a.id = agent_id)"
_CHINA = "at time zone 'Asia/Shanghai')::date"
_STANDS = "not exists (select from certificate_withdrawals w where w.certificate_id = c.id)"
_APPLIED = "education text, photo_sha256 bytea, adult_as_of date, declared_on date"

# As in migration 0013.
_AGENT_MOVES = [
    ("apply", "draft refused revoked expired surrendered", "applied", "agency"),
    ("check", "applied", "checking", "association registry"),
    ("refuse", "applied checking", "refused", "association registry"),
    ("grant", "checking", "granted", "association registry"),
    ("renew", "granted", "granted", "association registry"),
    ("suspend", "granted", "suspended", "association registry"),
    ("reinstate", "suspended", "granted", "association registry"),
    ("revoke", "granted suspended", "revoked", "association registry"),
    ("expire", "granted suspended", "expired", "registry"),
    ("surrender", "granted suspended", "surrendered", "agency association registry"),
    ("release", "granted", "granted", "agency"),
    ("retain", "granted", "granted", "agency"),
    ("claim", "granted", "granted", "agency"),
]


def upgrade() -> None:
    _withdrawals()
    _applications()
    _standing()
    _grades()
    _asked()


def _withdrawals() -> None:
    op.execute(
        """
        create table certificate_withdrawals (
            certificate_id uuid not null,
            agent_id uuid not null,
            reason text not null,
            withdrawn_by uuid not null,
            withdrawn_at timestamptz not null,
            constraint pk_certificate_withdrawals primary key (certificate_id),
            constraint fk_certificate_withdrawals_certificate_id foreign key (certificate_id)
                references certificates (id),
            constraint fk_certificate_withdrawals_agent_id foreign key (agent_id) references agents (id),
            constraint fk_certificate_withdrawals_withdrawn_by foreign key (withdrawn_by) references members (id),
            constraint ck_certificate_withdrawals_reason check (char_length(reason) between 1 and 200)
        )
        """
    )
    op.execute("create index ix_certificate_withdrawals_agent_id on certificate_withdrawals (agent_id)")
    _append_only("certificate_withdrawals")
    op.execute("alter table certificate_withdrawals enable row level security")
    op.execute(f"create policy own on certificate_withdrawals for select to gongxin_web using ({_OF_VISIBLE})")
    op.execute(
        "create policy add on certificate_withdrawals for insert to gongxin_web"
        f" with check ({_KIND} = 'association' and withdrawn_by = {_OWN})"
    )
    op.execute("grant select, insert on certificate_withdrawals to gongxin_web")
    # At the end of the transaction, so that the licence may be suspended in the same one.
    op.execute(
        f"""
        create function certificate_withdrawals_licence() returns trigger language plpgsql {_SAFE} as $$
        begin
            perform from agents where id = new.agent_id for share;
            if exists (
                select from agents a where a.id = new.agent_id and a.state = 'granted' and not exists (
                    select from certificates c where c.agent_id = a.id and c.level = 'basic'
                    and c.valid_until >= a.valid_until and {_STANDS}
                )
            ) or new.agent_id <> (select c.agent_id from certificates c where c.id = new.certificate_id) then
                raise exception 'no licence stays in force without its certificate'
                    using errcode = 'integrity_constraint_violation', constraint = 'certificate_withdrawals_licence';
            end if;
            return null;
        end $$
        """
    )
    op.execute(
        "create constraint trigger certificate_withdrawals_licence after insert on certificate_withdrawals"
        " deferrable initially deferred for each row execute function certificate_withdrawals_licence()"
    )


def _applications() -> None:
    for column in _APPLIED.split(", "):
        op.execute(f"alter table agent_changes add column {column}")
    # What was applied with before this migration is known of the newest application alone.
    op.execute("alter table agent_changes disable trigger append_only")
    op.execute(
        "update agent_changes c set education = a.education, photo_sha256 = a.photo_sha256,"
        " adult_as_of = a.adult_as_of, declared_on = a.declared_on from agents a"
        " where a.id = c.agent_id and c.action = 'apply'"
    )
    op.execute("alter table agent_changes enable trigger append_only")
    op.execute(
        "alter table agent_changes add constraint ck_agent_changes_application check ("
        "num_nonnulls(education, photo_sha256, adult_as_of, declared_on) = case when action = 'apply' then 4 else 0 end"
        " and octet_length(photo_sha256) = 32)"
    )
    _guards(further=True)


def _guards(*, further: bool) -> None:
    """The triggers of migration 0013, with what this one adds where `further`."""
    day = f"(new.changed_at {_CHINA}"
    stands, filing, applied = "", "", ""
    if further:
        stands = f"\n            and {_STANDS}"
        filing = """
        elsif new.action in ('grant', 'claim') and not exists (
            select from agency_filings f where f.agency_id = new.agency_id and f.state = 'accepted' for share
        ) then
            raise exception 'agents are licensed at an agency whose filing is in force'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_changes_filing';
        """
        applied = "".join(
            f", {name} = coalesce(new.{name}, a.{name})" for name, _ in (each.split() for each in _APPLIED.split(", "))
        )
    _replace(
        "agents_guard",
        f"""
        if tg_op = 'DELETE' or (new.id, new.licence_no, new.created_at) is distinct from
            (old.id, old.licence_no, old.created_at) or new.version <> old.version + 1
        then
            raise exception 'an agent stays on record under the same number'
                using errcode = 'integrity_constraint_violation', constraint = 'agents_identity';
        elsif new.valid_until is distinct from old.valid_until and new.valid_until is not null and not exists (
            select from certificates c where c.agent_id = new.id and c.level = 'basic'
            and c.valid_until >= new.valid_until and c.issued_on <= {day}{stands}
        ) then
            raise exception 'no licence without a basic certificate, or beyond it'
                using errcode = 'integrity_constraint_violation', constraint = 'agents_certificate';
        end if;
        """,
    )
    moves = ", ".join(
        f"('{action}', '{start}', '{end}', '{kind}')"
        for action, starts, end, kinds in _AGENT_MOVES
        for start in starts.split()
        for kind in kinds.split()
    )
    _replace(
        "agent_changes_apply",
        f"""
        select * into a from agents where id = new.agent_id for update;
        if not found or a.version <> new.version - 1 or a.state <> new.previous then
            raise exception 'the agent is no longer as this change supposes'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_changes_previous';
        elsif (new.action, new.previous, new.state, gongxin_kind()) not in ({moves}) then
            raise exception 'this does not follow, or is not for the caller to do'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_changes_transition';
        elsif gongxin_kind() = 'agency' and (
            case when new.action in ('apply', 'claim') then new.agency_id else a.agency_id end <> gongxin_caller()
        ) or new.action not in ('apply', 'claim') and new.agency_id <> a.agency_id then
            raise exception 'an agency acts for its own people'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_changes_agency';
        elsif new.action = 'apply' and a.barred_until > today then
            raise exception 'after a refusal none applies again before three years'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_changes_barred';
        elsif new.action = 'claim' and (
            not a.released or a.released_to <> new.agency_id or a.agency_id = new.agency_id or a.valid_until < today
        ) then
            raise exception 'only a released agent is claimed, by the agency named'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_changes_claim';
        elsif new.action in ('grant', 'renew', 'reinstate') and new.valid_until < today then
            raise exception 'a licence does not end before it is given'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_changes_past';
        elsif new.action in ('apply', 'grant', 'claim') and not exists (
            select from members m where m.id = new.agency_id and m.kind = 'agency' and m.state = 'active' for share
        ) then
            raise exception 'agents work for an agency in good standing'
                using errcode = 'integrity_constraint_violation', constraint = 'agent_changes_active_agency';
{filing}        end if;
        -- Clocks of two nodes differ; what follows never lies before what it follows.
        moment := greatest(new.changed_at, a.changed_at);
        if new.action in ('claim', 'revoke', 'expire', 'surrender') then
            update agent_engagements set ended_at = moment where agent_id = a.id and ended_at is null;
        end if;
        if new.action in ('grant', 'claim') then
            insert into agent_engagements (agent_id, agency_id, began_at)
            values (a.id, new.agency_id, moment);
        end if;
        update agents set
            state = new.state, agency_id = new.agency_id, version = new.version, changed_at = moment,
            released = new.action = 'release',
            released_to = case when new.action = 'release' then new.released_to end,
            valid_from = case when new.action = 'grant' then today else a.valid_from end,
            valid_until = coalesce(new.valid_until, a.valid_until),
            barred_until = coalesce(new.barred_until, a.barred_until){applied}
        where id = a.id;
        """,
        declare="a agents; moment timestamptz; today date := (new.changed_at at time zone 'Asia/Shanghai')::date;",
    )


_STANDING_FIELDS = """at integer, agent_id uuid, licence_no text, state text, version integer, released boolean,
            released_to uuid, valid_from date, valid_until date, barred_until date, agency_id uuid,
            agency_zh text, agency_en text, agency_state text, certificates jsonb"""


def _standing(*, further: bool = True) -> None:
    """Migration 0013's, without certificates that were withdrawn; and what the person says to an entry (0014's)."""
    held = """select distinct on (level) level, issued_on, valid_until from certificates
                        where certificates.agent_id = a.id order by level, valid_until desc"""
    if further:
        held = f"""select distinct on (level) level, issued_on, valid_until from certificates c
                        where c.agent_id = a.id and {_STANDS} order by level, valid_until desc"""
    op.execute(
        f"""
        create or replace function agent_standing(
            p_at integer[], p_licences text[], p_epochs integer[], p_keys bytea[]
        ) returns table ({_STANDING_FIELDS}) language sql stable {_SAFE} as $$
            select distinct on (q.at) q.at, a.id, a.licence_no, a.state, a.version, a.released, a.released_to,
                a.valid_from, a.valid_until, a.barred_until, a.agency_id, m.name_zh, m.name_en, m.state,
                coalesce((
                    select jsonb_agg(jsonb_build_object(
                        'level', c.level, 'issued_on', c.issued_on, 'valid_until', c.valid_until) order by c.level)
                    from (
                        {held}
                    ) c
                ), '[]')
            from unnest(p_at, p_licences, p_epochs, p_keys) as q(at, licence, epoch, subject_key)
            join agents a on a.licence_no = q.licence or a.id = (
                select k.agent_id from agent_keys k where k.epoch = q.epoch and k.subject_key = q.subject_key
            )
            join members m on m.id = a.agency_id
            order by q.at
        $$
        """
    )
    op.execute("drop function agent_credit")
    said = ", objection text, reply text" if further else ""
    words = """, (
                select o.said from agent_responses o where o.record_id = r.id and o.kind = 'objection'
                and not exists (select from agent_responses d where d.answers = o.id)
                order by o.said_at desc, o.id limit 1
            ), (
                select o.said from agent_responses o where o.record_id = r.id and o.kind = 'reply'
                order by o.said_at desc, o.id limit 1
            )"""
    op.execute(
        f"""
        create function agent_credit(p_agents uuid[])
        returns table (
            agent_id uuid, id uuid, severity text, certainty text, occurred_on date, contested boolean{said}
        )
        language sql stable {_SAFE} as $$
            select r.agent_id, r.id, r.severity, r.certainty, r.occurred_on, exists (
                select from agent_responses o where o.record_id = r.id and o.kind = 'objection'
                and not exists (select from agent_responses d where d.answers = o.id)
            ){words if further else ""}
            from agent_records r
            where r.agent_id = any (p_agents) and not r.withdrawn
            and not exists (select from agent_records s where s.supersedes = r.id)
        $$
        """
    )
    _for_web("agent_credit")


def _grades() -> None:
    # The arithmetic of `grading.grade`, over everybody in one pass, as it stood at the end of a day in China.
    op.execute(
        f"""
        create function agent_grades(p_day date, p_pack jsonb)
        returns table (agent_id uuid, agency_id uuid, points integer, grade text)
        language sql stable {_SAFE} as $$
            with known as (
                select r.* from agent_records r where (r.recorded_at {_CHINA} <= p_day
            ),
            lines as (
                select r.agent_id, case
                    when r.kind = 'violation' and not p_pack->'counted' ? r.certainty or g.gone >= w.months then 0
                    when w.decay = 'none' then w.points
                    else sign(w.points)::integer * (abs(w.points) * (w.months - g.gone) / w.months)
                end as weight
                from known r
                join (
                    select key as severity, (value->>'points')::integer as points,
                        (value->>'months')::integer as months,
                        value->>'decay' as decay
                    from (
                        select * from jsonb_each(p_pack->'violations')
                        union all select '', p_pack->'commendation'
                    ) v
                ) w on w.severity = coalesce(r.severity, '')
                cross join lateral (
                    select greatest(0, (extract(year from p_day) - extract(year from r.occurred_on))::integer * 12
                        + (extract(month from p_day) - extract(month from r.occurred_on))::integer
                        - (extract(day from p_day) < extract(day from r.occurred_on))::integer) as gone
                ) g
                where not r.withdrawn and not exists (select from known s where s.supersedes = r.id)
            ),
            sums as (
                select l.agent_id, greatest(0, (
                    coalesce(sum(weight) filter (where weight > 0), 0) + greatest(
                        coalesce(sum(weight) filter (where weight < 0), 0),
                        (p_pack->'commendation'->>'least_sum')::integer
                    )
                )::integer) as points
                from lines l group by l.agent_id
            )
            select a.id, a.agency_id, coalesce(s.points, 0), (
                select row->>'grade' from jsonb_array_elements(p_pack->'grades') with ordinality x(row, n)
                where row->>'up_to' is null or coalesce(s.points, 0) <= (row->>'up_to')::integer order by n limit 1
            )
            from agents a left join sums s on s.agent_id = a.id
            where a.state <> 'draft' and gongxin_kind() in ('association', 'regulator', 'registry')
        $$
        """
    )
    _for_web("agent_grades")
    op.execute(
        f"""
        create function agent_statistics(p_day date, p_pack jsonb)
        returns table (agency_id uuid, name_zh text, name_en text, dimension text, word text, count bigint)
        language sql stable {_SAFE} as $$
            with told as (
                select a.agency_id, 'licences' as dimension, a.state as word from agents a where a.state <> 'draft'
                union all
                select a.agency_id, 'certificates', h.level from agents a join (
                    select distinct c.agent_id, c.level from certificates c
                    where c.issued_on <= p_day and c.valid_until >= p_day and {_STANDS}
                ) h on h.agent_id = a.id where a.state in ('granted', 'suspended')
                union all
                select a.agency_id, 'grades', g.grade from agent_grades(p_day, p_pack) g
                join agents a on a.id = g.agent_id
                where a.state in ('granted', 'suspended')
                union all
                -- Where the person worked when it happened, not where they work now.
                select e.agency_id, 'entries', coalesce(r.severity, 'commendation') from agent_records r
                join agent_engagements e on e.agent_id = r.agent_id
                    and r.occurred_on >= (e.began_at {_CHINA}
                    and (e.ended_at is null or r.occurred_on < (e.ended_at {_CHINA})
                where r.occurred_on between p_day - 365 and p_day and r.certainty is distinct from 'alleged'
                and not r.withdrawn and not exists (select from agent_records s where s.supersedes = r.id)
                union all
                select a.agency_id, 'objections', case when o.due_on < p_day then 'overdue' else 'open' end
                from agent_responses o join agents a on a.id = o.agent_id
                where o.due_on is not null and not exists (select from agent_responses d where d.answers = o.id)
            )
            select m.id, m.name_zh, m.name_en, t.dimension, t.word, count(*)
            from told t join members m on m.id = t.agency_id
            where gongxin_kind() in ('association', 'regulator', 'registry')
            group by m.id, m.name_zh, m.name_en, t.dimension, t.word order by m.id
        $$
        """
    )
    _for_web("agent_statistics")


def _asked() -> None:
    # The person's own question: who checked them, why, and which fields were told.
    op.execute("create index ix_agent_checks_items on agent_checks using gin (items jsonb_path_ops)")
    op.execute(
        f"""
        create function agent_asked(p_agent uuid)
        returns table (
            asked_at timestamptz, name_zh text, name_en text, kind text, purpose text, consent text, fields jsonb
        ) language sql stable {_SAFE} as $$
            select c.asked_at, m.name_zh, m.name_en, m.kind, c.purpose, i->>'consent', c.fields
            from agent_checks c join members m on m.id = c.member_id, jsonb_array_elements(c.items) i
            where c.items @> jsonb_build_array(jsonb_build_object('agent_id', p_agent::text))
            and i->>'agent_id' = p_agent::text and gongxin_kind() in ('association', 'registry')
            order by c.asked_at, c.id
        $$
        """
    )
    _for_web("agent_asked")


def _append_only(table: str) -> None:
    op.execute(
        f"create trigger append_only before update or delete on {table} for each row execute function refuse_change()"
    )


def _replace(name: str, body: str, *, declare: str = "") -> None:
    declared = f"declare {declare}" if declare else ""
    op.execute(
        f"create or replace function {name}() returns trigger language plpgsql {_SAFE} as $$ {declared} begin {body}"
        " return new; end $$"
    )


def _for_web(function: str) -> None:
    op.execute(f"revoke execute on function {function} from public")
    op.execute(f"grant execute on function {function} to gongxin_web")


def downgrade() -> None:
    op.execute("drop function agent_asked")
    op.execute("drop index ix_agent_checks_items")
    op.execute("drop function agent_statistics")
    op.execute("drop function agent_grades")
    _standing(further=False)
    _guards(further=False)
    op.execute("alter table agent_changes drop constraint ck_agent_changes_application")
    for column in _APPLIED.split(", "):
        op.execute(f"alter table agent_changes drop column {column.split()[0]}")
    op.execute("drop table certificate_withdrawals")
    op.execute("drop function certificate_withdrawals_licence()")
