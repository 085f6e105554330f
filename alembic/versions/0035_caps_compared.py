"""Caps are compared by their days, not as ranges: a cap that ends before it begins is then refused by its own name."""

from alembic import op

revision = "0035"
down_revision = "0034"

_RANGES = """daterange(c.effective_from, c.effective_until, '[]')
                && daterange(new.effective_from, new.effective_until, '[]')"""
_DAYS = """c.effective_from <= coalesce(new.effective_until, 'infinity')
                and new.effective_from <= coalesce(c.effective_until, 'infinity')"""


def upgrade() -> None:
    _replace(_RANGES, _DAYS)


def downgrade() -> None:
    _replace(_DAYS, _RANGES)


def _replace(before: str, after: str) -> None:
    op.execute(
        f"""
        do $do$ begin
            execute replace(pg_get_functiondef('fee_caps_apart()'::regprocedure), $a${before}$a$, $b${after}$b$);
            if position($c${after}$c$ in pg_get_functiondef('fee_caps_apart()'::regprocedure)) = 0 then
                raise exception 'fee_caps_apart is not the function this migration knows';
            end if;
        end $do$
        """
    )
