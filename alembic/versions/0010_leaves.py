"""A look-up's answer and its leaf are one: the function that asks and records also promises the leaf."""

from alembic import op

revision = "0010"
down_revision = "0009"

_SAFE = "security definer set search_path = pg_catalog, public, pg_temp"
_ASK = "uuid, timestamptz, timestamptz, uuid, uuid, text, jsonb, bytea, integer, integer[], text, jsonb, integer"


def upgrade() -> None:
    # The record is canonical JSON, written here and to the byte as disclosure/leaves.py writes it: every value is a
    # number, an identifier, base64url or a word of ours, so nothing needs escaping.
    op.execute(
        f"""
        create function look_up_and_promise(
            p_id uuid, p_asked_at timestamptz, p_fresh_until timestamptz, p_member uuid, p_client uuid, p_purpose text,
            p_grounds jsonb, p_keys bytea, p_width integer, p_void integer[], p_officer text, p_fields jsonb,
            p_policy integer, p_salt bytea, p_question bytea
        ) returns integer[] language plpgsql {_SAFE} as $$
        declare
            found integer[] := look_up(
                p_id, p_asked_at, p_fresh_until, p_member, p_client, p_purpose, p_grounds, p_keys, p_width, p_void,
                p_officer, p_fields, p_policy
            );
            record text := '{{"asked_at":"'
                || to_char(p_asked_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
                || '","fields":' || replace(p_fields::text, '", "', '","')
                || ',"lookup_id":"' || p_id || '","member_id":"' || p_member
                || '","outcomes":' || array_to_json(found)::text
                || ',"policy_version":' || p_policy || ',"purpose":"' || p_purpose
                || '","question":"' || rtrim(translate(encode(p_question, 'base64'), '+/', '-_'), '=') || '"}}';
        begin
            insert into log_openings (leaf_id, owner_id, salt, record) values (p_id, p_member, p_salt, record);
            insert into log_waiting (leaf_id, kind, commitment) values (
                p_id, 'lookup', sha256('gongxin commitment 1\\012'::bytea || p_salt || convert_to(record, 'UTF8'))
            );
            return found;
        end $$
        """
    )
    signature = f"look_up_and_promise({_ASK}, bytea, bytea)"
    op.execute(f"revoke execute on function {signature} from public")
    op.execute(f"grant execute on function {signature} to gongxin_web")
    op.execute(f"revoke execute on function look_up({_ASK}) from gongxin_web")


def downgrade() -> None:
    op.execute("drop function look_up_and_promise")
    op.execute(f"grant execute on function look_up({_ASK}) to gongxin_web")
