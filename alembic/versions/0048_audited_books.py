"""The auditor reads what the books have gained since: bank accounts of several ledger accounts, quarterly reports."""

from alembic import op

revision = "0048"
down_revision = "0047"

_TABLES = ("fund_bank_books", "fund_reports")


def upgrade() -> None:
    op.execute("select fund_auditor()")


def downgrade() -> None:
    for table in _TABLES:
        op.execute(f"drop policy if exists audit on {table}")
        op.execute(
            f"""
            do $$ begin
                if exists (select from pg_roles where rolname = 'gongxin_auditor') then
                    revoke all on {table} from gongxin_auditor;
                end if;
            end $$
            """
        )
