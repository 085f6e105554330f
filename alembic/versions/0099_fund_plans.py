"""The fund's triggers find rows by their indexes, however many entries one statement moves.

A trigger's plan is kept from its first run, when the tables may have been empty: then each of ten thousand entries
would read all legs. What a statement moves is few rows of each table or is found by its key, so an index is right at
any size."""

from alembic import op

revision = "0099"
down_revision = "0098"

_FUNCTIONS = (
    "fund_entries_posted()", "fund_entries_moves()", "fund_legs_draft()", "fund_approvals_count()",
    "fund_payment_items_filed()", "fund_matches_settle()",
)  # fmt: skip


def upgrade() -> None:
    for function in _FUNCTIONS:
        op.execute(f"alter function {function} set enable_seqscan = off")


def downgrade() -> None:
    for function in _FUNCTIONS:
        op.execute(f"alter function {function} reset enable_seqscan")
