"""A check in two statements: one finds what is told of up to a thousand people and records which entries of the
blacklist the asker was told, the other records the check with its leaf. Between them pure rules compute the grade."""

from alembic import op

revision = "0037"
down_revision = "0036"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
# Nested loops and one plan for all calls, as for look-ups (0006): the cost must not jump as the register grows.
_STEADY = """set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
        set plan_cache_mode = force_generic_plan set jit = off"""

_FACTS = "uuid, timestamptz, date, uuid, text, integer[], text[], integer[], integer[], bytea"
_RECORD = "uuid, timestamptz, uuid, uuid, text, jsonb, jsonb, bytea, text"


def upgrade() -> None:
    _facts()
    _record()
    for signature in (f"agent_facts({_FACTS})", f"agent_check_record({_RECORD})"):
        op.execute(f"revoke execute on function {signature} from public")
        op.execute(f"grant execute on function {signature} to gongxin_web")


def _facts() -> None:
    # What the blacklist tells, and to whom, stays its own functions' to say (0026): they are asked where there is
    # anything of these people at all. Their lock holds until this statement is committed, with whoever was told.
    standing = """a.id, a.licence_no, a.state, a.released, a.valid_from, a.valid_until, a.barred_until, a.agency_id"""
    op.execute(
        f"""
        create function agent_facts(
            p_id uuid, p_at timestamptz, p_today date, p_member uuid, p_kind text, p_places integer[],
            p_licences text[], p_key_places integer[], p_epochs integer[], p_keys bytea
        ) returns text language plpgsql volatile {_SAFE} {_STEADY} as $$
        declare
            people json; agencies json; credit json; entries json; stops json; found uuid[]; employers uuid[];
        begin
            perform set_config('gongxin.member', p_member::text, true), set_config('gongxin.kind', p_kind, true);
            select json_agg(json_build_array(
                    f.place, f.id, f.licence_no, f.state, f.released, f.valid_from, f.valid_until, f.barred_until,
                    f.agency_id, (
                        select json_agg(json_build_array(c.level, c.issued_on, c.valid_until) order by c.level)
                        from (
                            select distinct on (c.level) c.level, c.issued_on, c.valid_until from certificates c
                            where c.agent_id = f.id
                            and not exists (select from certificate_withdrawals w where w.certificate_id = c.id)
                            order by c.level, c.valid_until desc
                        ) c
                    ))), array_agg(f.id), array_agg(distinct f.agency_id)
                into people, found, employers
                from (
                    select q.place, {standing} from unnest(p_places, p_licences) as q(place, licence)
                    join agents a on a.licence_no = q.licence
                    union all
                    select q.place, {standing}
                    from unnest(p_key_places, p_epochs) with ordinality as q(place, epoch, n)
                    join agent_keys k on k.epoch = q.epoch
                        and k.subject_key = substr(p_keys, ((q.n - 1) * 32 + 1)::integer, 32)
                    join agents a on a.id = k.agent_id
                ) f;
            select json_object_agg(m.id, json_build_array(m.name_zh, m.name_en, m.state)) into agencies
                from members m where m.id = any (employers);
            if exists (select from agent_records r where r.agent_id = any (found)) then
                select json_agg(json_build_array(
                    c.agent_id, c.id, c.severity, c.certainty, c.occurred_on, c.contested, c.objection, c.reply
                )) into credit from agent_credit(found) c;
            end if;
            if exists (select from blacklist_listings l where l.agent_id = any (found) and l.state = 'in_force') then
                select json_agg(row_to_json(e)) into entries from blacklist_entries(found, p_today, p_id, p_at) e;
            end if;
            if exists (
                select from blacklist_matters m where m.agent_id = any (found) and m.stop_until is not null
                and m.stop_until >= p_today
            ) then
                select json_object_agg(s.agent_id, s.until) into stops from blacklist_stops(found, p_today) s;
            end if;
            return json_build_object(
                'agencies', agencies, 'credit', credit, 'entries', entries, 'people', people, 'stops', stops
            );
        end $$
        """
    )


def _record() -> None:
    # The record comes as the canonical text that the asker's receipt commits to.
    op.execute(
        f"""
        create function agent_check_record(
            p_id uuid, p_at timestamptz, p_member uuid, p_client uuid, p_purpose text, p_items jsonb, p_fields jsonb,
            p_salt bytea, p_record text
        ) returns text language plpgsql volatile {_SAFE} as $$
        begin
            insert into agent_checks (id, asked_at, member_id, client_id, purpose, items, fields)
            values (p_id, p_at, p_member, p_client, p_purpose, p_items, p_fields);
            insert into log_openings (leaf_id, owner_id, salt, record) values (p_id, p_member, p_salt, p_record);
            insert into log_waiting (leaf_id, kind, commitment) values (
                p_id, 'agent_check',
                sha256('gongxin commitment 1\\012'::bytea || p_salt || convert_to(p_record, 'UTF8'))
            );
            return 'recorded';
        end $$
        """
    )


def downgrade() -> None:
    op.execute(f"drop function agent_check_record({_RECORD})")
    op.execute(f"drop function agent_facts({_FACTS})")
