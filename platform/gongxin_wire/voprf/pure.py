"""ristretto255 after RFC 9496 in plain Python: for reading, for checking the fast one, and as the last resort.

Not constant-time: refused in production.
"""

from .group import ORDER

P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]
_ZERO: Point = (0, 1, 1, 0)


def _negative(value: int) -> bool:
    return bool(value % P & 1)


def _absolute(value: int) -> int:
    value %= P
    return P - value if value & 1 else value


def _sqrt_ratio(u: int, v: int) -> tuple[bool, int]:
    """SQRT_RATIO_M1 of RFC 9496 section 4.2."""
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P) % P, (P - 5) // 8, P) % P
    check = v * r * r % P
    correct, flipped, flipped_i = check == u % P, check == -u % P, check == -u * SQRT_M1 % P
    if flipped or flipped_i:
        r = r * SQRT_M1 % P
    return correct or flipped, _absolute(r)


INVSQRT_A_MINUS_D = _sqrt_ratio(1, -1 - D)[1]
SQRT_AD_MINUS_ONE = P - _sqrt_ratio(-D - 1, 1)[1]
if SQRT_AD_MINUS_ONE != 25063068953384623474111414158702152701244531502492656460079210482610430750235:
    SQRT_AD_MINUS_ONE = P - SQRT_AD_MINUS_ONE
ONE_MINUS_D_SQ = (1 - D * D) % P
D_MINUS_ONE_SQ = (D - 1) ** 2 % P


def decode(data: bytes) -> Point | None:
    """RFC 9496 section 4.3.1; None where the bytes are no element."""
    s = int.from_bytes(data, "little")
    if len(data) != 32 or s >= P or s & 1:
        return None
    ss = s * s % P
    u1, u2 = (1 - ss) % P, (1 + ss) % P
    v = (-(D * u1 * u1) - u2 * u2) % P
    square, inverse = _sqrt_ratio(1, v * u2 * u2 % P)
    x = inverse * u2 % P
    y = inverse * x * v % P
    x = _absolute(2 * s * x)
    y = u1 * y % P
    t = x * y % P
    if not square or _negative(t) or y == 0:
        return None
    return (x, y, 1, t)


def encode(point: Point) -> bytes:
    """RFC 9496 section 4.3.2."""
    x0, y0, z0, t0 = point
    u1 = (z0 + y0) * (z0 - y0) % P
    u2 = x0 * y0 % P
    inverse = _sqrt_ratio(1, u1 * u2 * u2 % P)[1]
    d1, d2 = inverse * u1 % P, inverse * u2 % P
    z_inverse = d1 * d2 * t0 % P
    if _negative(t0 * z_inverse):
        x, y, den = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P, d1 * INVSQRT_A_MINUS_D % P
    else:
        x, y, den = x0, y0, d2
    if _negative(x * z_inverse):
        y = -y % P
    return _absolute(den * (z0 - y)).to_bytes(32, "little")


def _add(p: Point, q: Point) -> Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * D * p[3] * q[3] % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _multiply(scalar: int, point: Point) -> Point:
    total = _ZERO
    for bit in bin(scalar % ORDER)[2:]:
        total = _add(total, total)
        if bit == "1":
            total = _add(total, point)
    return total


def _map(data: bytes) -> Point:
    """MAP of RFC 9496 section 4.3.4."""
    t = (int.from_bytes(data, "little") & (2**255 - 1)) % P
    r = SQRT_M1 * t * t % P
    u = (r + 1) * ONE_MINUS_D_SQ % P
    v = (-1 - r * D) * (r + D) % P
    square, s = _sqrt_ratio(u, v)
    c = -1 % P
    if not square:
        s, c = -_absolute(s * t) % P, r
    n = (c * (r - 1) * D_MINUS_ONE_SQ - v) % P
    w0, w1, w2, w3 = 2 * s * v, n * SQRT_AD_MINUS_ONE, 1 - s * s, 1 + s * s
    return (w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P)


BASE = decode(bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"))


class PureGroup:
    """`group.Group` without a library."""

    name = "pure"

    def is_element(self, data: bytes) -> bool:
        return decode(data) is not None

    def multiply(self, scalar: int, element: bytes) -> bytes:
        return _product(encode(_multiply(scalar, _point(element))))

    def multiply_base(self, scalar: int) -> bytes:
        assert BASE is not None
        return _product(encode(_multiply(scalar, BASE)))

    def multiply_each(self, scalar: int, elements: list[bytes]) -> list[bytes]:
        return [self.multiply(scalar, element) for element in elements]

    def add(self, first: bytes, second: bytes) -> bytes:
        return encode(_add(_point(first), _point(second)))

    def from_hash(self, data: bytes) -> bytes:
        if len(data) != 64:
            raise ValueError("64 uniform bytes are needed")
        return encode(_add(_map(data[:32]), _map(data[32:])))


def _product(data: bytes) -> bytes:
    if not any(data):
        raise ValueError("the product is the identity")
    return data


def _point(data: bytes) -> Point:
    point = decode(data)
    if point is None:
        raise ValueError("not an element of ristretto255")
    return point
