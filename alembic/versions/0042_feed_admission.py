"""Delivery: one statement that admits a caller and reads its feed, for a feed that is asked far more often than it has
anything to say."""

from alembic import op

revision = "0042"
down_revision = "0041"

_GIVEN = "uuid, uuid, bytea, timestamptz, uuid, bigint, text[], text[], integer"


def upgrade() -> None:
    op.execute(
        """
        create function delivery_admitted_changes(p_client uuid, p_token uuid, p_proof bytea, p_expires timestamptz,
            p_member uuid, p_after bigint, p_types text[], p_scopes text[], p_limit integer)
        returns text language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
        declare verdict integer := admit(p_client, p_token, p_proof, p_expires);
        begin
            if verdict <> 0 then
                return 'refused ' || verdict;
            end if;
            return delivery_changes(p_member, p_after, p_types, p_scopes, p_limit);
        end $$
        """
    )
    op.execute(f"revoke execute on function delivery_admitted_changes({_GIVEN}) from public")
    op.execute(f"grant execute on function delivery_admitted_changes({_GIVEN}) to gongxin_web")


def downgrade() -> None:
    op.execute(f"drop function delivery_admitted_changes({_GIVEN})")
