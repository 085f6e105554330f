"""Money is integer fen (分). This is the only module that rounds.

Nothing of the exchange carries an amount across members; the fund and the contracts build on these functions.
"""

BASIS_POINTS = 10_000


def share_half_up(amount_fen: int, rate_bp: int) -> int:
    """`amount_fen` × `rate_bp` / 10,000, rounded half up, in fen. Both must be non-negative integers."""
    _check(amount_fen, rate_bp)
    return (amount_fen * rate_bp * 2 + BASIS_POINTS) // (2 * BASIS_POINTS)


def share_floor(amount_fen: int, rate_bp: int) -> int:
    """`amount_fen` × `rate_bp` / 10,000, rounded down, in fen: for caps, which are never exceeded."""
    _check(amount_fen, rate_bp)
    return amount_fen * rate_bp // BASIS_POINTS


def part_half_up(amount_fen: int, part: int, whole: int) -> int:
    """`amount_fen` × `part` / `whole`, rounded half up, in fen; `whole` is not 0."""
    _check(amount_fen, part, whole)
    return (amount_fen * part * 2 + whole) // (2 * whole)


def _check(*values: int) -> None:
    for value in values:
        if type(value) is not int or value < 0:
            raise ValueError("amounts are non-negative integers in fen, rates in basis points")
