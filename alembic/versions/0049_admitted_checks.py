"""A check admits its caller in the statement that finds what is told; only the function that records one adds to the
checks, so that none stands without its leaf."""

from alembic import op

revision = "0049"
down_revision = "0048"

_GIVEN = (
    "uuid, uuid, bytea, timestamptz, uuid, timestamptz, date, uuid, text, integer[], text[], integer[], integer[],"
    " bytea"
)


def upgrade() -> None:
    # This commit waits for no disk: no answer leaves before `agent_check_record` is durable, and what was committed
    # before it in the same log of the server is then durable too.
    op.execute(
        """
        create function agent_admitted_facts(
            p_client uuid, p_token uuid, p_proof bytea, p_expires timestamptz, p_id uuid, p_at timestamptz,
            p_today date, p_member uuid, p_kind text, p_places integer[], p_licences text[], p_key_places integer[],
            p_epochs integer[], p_keys bytea
        ) returns text language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
        declare verdict integer := admit(p_client, p_token, p_proof, p_expires);
        begin
            if verdict <> 0 then
                return 'refused ' || verdict;
            end if;
            perform set_config('synchronous_commit', 'off', true);
            return agent_facts(
                p_id, p_at, p_today, p_member, p_kind, p_places, p_licences, p_key_places, p_epochs, p_keys
            );
        end $$
        """
    )
    op.execute(f"revoke execute on function agent_admitted_facts({_GIVEN}) from public")
    op.execute(f"grant execute on function agent_admitted_facts({_GIVEN}) to gongxin_web")
    op.execute("drop policy add on agent_checks")
    op.execute("revoke insert on agent_checks from gongxin_web")


def downgrade() -> None:
    op.execute("grant insert on agent_checks to gongxin_web")
    op.execute(
        "create policy add on agent_checks for insert to gongxin_web with check (member_id = (select gongxin_caller()))"
    )
    op.execute(f"drop function agent_admitted_facts({_GIVEN})")
