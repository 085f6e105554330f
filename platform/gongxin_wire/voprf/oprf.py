"""The protocol of RFC 9497 section 3: blinding, evaluation, the batched DLEQ proof, finalisation.

Elements and outputs are bytes (32 and 64), secret keys 32 bytes little-endian. Batches hold at most MAX_BATCH inputs.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha512

from .group import ORDER, Group, random_scalar, read_scalar, reduce_scalar, scalar_bytes
from .sodium import provider

OPRF = 0x00
VOPRF = 0x01
MAX_BATCH = 1000
_SUITE = b"ristretto255-SHA512"


class VoprfError(ValueError):
    """A refused input or proof; the message names the index, never the input."""


@dataclass(frozen=True, slots=True)
class Blinded:
    """What the client keeps (`blind`, a scalar) and what it sends (`element`)."""

    blind: int = field(repr=False)
    element: bytes


def _context(mode: int) -> bytes:
    return b"OPRFV1-" + bytes([mode]) + b"-" + _SUITE


def expand_message(message: bytes, tag: bytes, length: int) -> bytes:
    """expand_message_xmd with SHA-512 (RFC 9380 section 5.3.1); `length` ≤ 255 × 64."""
    suffix = tag + bytes([len(tag)])
    first = sha512(bytes(128) + message + length.to_bytes(2, "big") + b"\x00" + suffix).digest()
    block = sha512(first + b"\x01" + suffix).digest()
    blocks = [block]
    for index in range(2, -(-length // 64) + 1):
        mixed = bytes(a ^ b for a, b in zip(first, block, strict=True))
        block = sha512(mixed + bytes([index]) + suffix).digest()
        blocks.append(block)
    return b"".join(blocks)[:length]


def _hash_to_group(group: Group, data: bytes, mode: int) -> bytes:
    return group.from_hash(expand_message(data, b"HashToGroup-" + _context(mode), 64))


def _hash_to_scalar(data: bytes, mode: int, label: bytes = b"HashToScalar-") -> int:
    return reduce_scalar(expand_message(data, label + _context(mode), 64))


def derive_key_pair(seed: bytes, info: bytes, mode: int, *, group: Group | None = None) -> tuple[bytes, bytes]:
    """(secret, public) from 32 bytes of seed (section 3.2.1)."""
    if len(seed) != 32:
        raise VoprfError("the seed has 32 bytes")
    if len(info) > 65535:
        raise VoprfError("the key's info is longer than 65535 bytes")
    data = seed + len(info).to_bytes(2, "big") + info
    for counter in range(256):
        scalar = _hash_to_scalar(data + bytes([counter]), mode, b"DeriveKeyPair")
        if scalar:
            return scalar_bytes(scalar), (group or provider().group).multiply_base(scalar)
    raise VoprfError("no key can be derived from this seed")


def generate_key_pair() -> tuple[bytes, bytes]:
    """A fresh (secret, public) pair."""
    scalar = random_scalar()
    return scalar_bytes(scalar), provider().group.multiply_base(scalar)


def public_key(secret: bytes, *, group: Group | None = None) -> bytes:
    return (group or provider().group).multiply_base(_secret(secret))


def _secret(secret: bytes) -> int:
    try:
        scalar = read_scalar(secret)
    except ValueError as fault:
        raise VoprfError(f"secret key: {fault}") from None
    if scalar == 0:
        raise VoprfError("secret key: zero")
    return scalar


def blind(
    inputs: Sequence[bytes], mode: int = VOPRF, *, blinds: Sequence[int] | None = None, group: Group | None = None
) -> list[Blinded]:
    """Blinds each input (section 3.3.1) with a fresh scalar; `blinds` only for published vectors."""
    group = group or provider().group
    if not 1 <= len(inputs) <= MAX_BATCH:
        raise VoprfError(f"1 to {MAX_BATCH} inputs")
    found = []
    for index, data in enumerate(inputs):
        if len(data) > 65535:
            raise VoprfError(f"input {index} is longer than 65535 bytes")
        element = _hash_to_group(group, data, mode)
        scalar = blinds[index] if blinds is not None else random_scalar()
        if not 0 < scalar < ORDER:
            raise VoprfError(f"blind {index} is not a scalar")
        found.append(Blinded(scalar, group.multiply(scalar, element)))
    return found


def check_elements(elements: Sequence[bytes], *, group: Group | None = None) -> None:
    """Raises VoprfError at the first that is no canonical element, or is the identity."""
    group = group or provider().group
    if not 1 <= len(elements) <= MAX_BATCH:
        raise VoprfError(f"1 to {MAX_BATCH} elements")
    valid = group.is_element
    for index, element in enumerate(elements):
        if not valid(element) or not any(element):
            raise VoprfError(f"element {index} is not a canonical ristretto255 element")


def evaluate(secret: bytes, elements: Sequence[bytes], mode: int = VOPRF, *, group: Group | None = None) -> list[bytes]:
    """BlindEvaluate of each element; the group refuses what is no canonical element, and the identity."""
    del mode
    group = group or provider().group
    scalar = _secret(secret)
    if not 1 <= len(elements) <= MAX_BATCH:
        raise VoprfError(f"1 to {MAX_BATCH} elements")
    try:
        return group.multiply_each(scalar, list(elements))
    except ValueError:
        check_elements(elements, group=group)
        raise VoprfError("an element cannot be evaluated") from None


def _weights(public: bytes, elements: Sequence[bytes], evaluated: Sequence[bytes], mode: int) -> list[int]:
    """The coefficients of ComputeComposites (section 2.2.1)."""
    tag = b"Seed-" + _context(mode)
    seed = sha512(b"\x00\x20" + public + len(tag).to_bytes(2, "big") + tag).digest()
    head = len(seed).to_bytes(2, "big") + seed
    return [
        _hash_to_scalar(head + i.to_bytes(2, "big") + b"\x00\x20" + c + b"\x00\x20" + d + b"Composite", mode)
        for i, (c, d) in enumerate(zip(elements, evaluated, strict=True))
    ]


def _combine(group: Group, weights: Sequence[int], elements: Sequence[bytes]) -> bytes:
    total = None
    for weight, element in zip(weights, elements, strict=True):
        product = group.multiply(weight, element)
        total = product if total is None else group.add(total, product)
    assert total is not None
    return total


def _challenge(parts: Sequence[bytes], mode: int) -> int:
    return _hash_to_scalar(b"".join(b"\x00\x20" + part for part in parts) + b"Challenge", mode)


def prove(
    secret: bytes,
    public: bytes,
    elements: Sequence[bytes],
    evaluated: Sequence[bytes],
    mode: int = VOPRF,
    *,
    nonce: int | None = None,
    group: Group | None = None,
) -> bytes:
    """One DLEQ proof, 64 bytes, over the batch (section 2.2.1, ComputeCompositesFast)."""
    group = group or provider().group
    scalar = _secret(secret)
    if not 1 <= len(elements) <= MAX_BATCH or len(elements) != len(evaluated):
        raise VoprfError(f"1 to {MAX_BATCH} elements, each with its evaluation")
    m = _combine(group, _weights(public, elements, evaluated, mode), elements)
    z = group.multiply(scalar, m)
    r = nonce if nonce is not None else random_scalar()
    t2, t3 = group.multiply_base(r), group.multiply(r, m)
    c = _challenge((public, m, z, t2, t3), mode)
    return scalar_bytes(c) + scalar_bytes((r - c * scalar) % ORDER)


def verify(
    public: bytes,
    elements: Sequence[bytes],
    evaluated: Sequence[bytes],
    proof: bytes,
    mode: int = VOPRF,
    *,
    group: Group | None = None,
) -> bool:
    """Whether one key evaluated all of them (section 2.2.2). False for anything malformed."""
    group = group or provider().group
    if len(proof) != 64 or not 1 <= len(elements) <= MAX_BATCH or len(elements) != len(evaluated):
        return False
    if not group.is_element(public) or not any(public):
        return False
    try:
        check_elements(elements, group=group)
        check_elements(evaluated, group=group)
        c, s = read_scalar(proof[:32]), read_scalar(proof[32:])
        weights = _weights(public, elements, evaluated, mode)
        m, z = _combine(group, weights, elements), _combine(group, weights, evaluated)
        t2 = group.add(group.multiply_base(s), group.multiply(c, public))
        t3 = group.add(group.multiply(s, m), group.multiply(c, z))
    except ValueError:
        return False
    return hmac.compare_digest(scalar_bytes(_challenge((public, m, z, t2, t3), mode)), proof[:32])


def finalize(data: bytes, blind: int, evaluated: bytes, *, group: Group | None = None) -> bytes:
    """64 bytes of output (section 3.3.1)."""
    group = group or provider().group
    if not 0 < blind < ORDER:
        raise VoprfError("the blind is not a scalar")
    if not group.is_element(evaluated) or not any(evaluated):
        raise VoprfError("the evaluated element is not canonical, or is the identity")
    return _output(data, group.multiply(pow(blind, -1, ORDER), evaluated))


def evaluate_direct(secret: bytes, data: bytes, mode: int = VOPRF, *, group: Group | None = None) -> bytes:
    """The function itself, for who holds the key (section 3.3.1, Evaluate)."""
    group = group or provider().group
    if len(data) > 65535:
        raise VoprfError("the input is longer than 65535 bytes")
    return _output(data, group.multiply(_secret(secret), _hash_to_group(group, data, mode)))


def _output(data: bytes, element: bytes) -> bytes:
    return sha512(len(data).to_bytes(2, "big") + data + b"\x00\x20" + element + b"Finalize").digest()


def token(output: bytes) -> bytes:
    """The subject token: the first 32 of the 64 output bytes."""
    if len(output) != 64:
        raise VoprfError("an output has 64 bytes")
    return output[:32]
