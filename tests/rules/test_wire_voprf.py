"""ristretto255 and the VOPRF against the published vectors of RFC 9496 and RFC 9497, on every provider there is."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gongxin_wire.voprf import oprf, sodium
from gongxin_wire.voprf.group import IDENTITY, ORDER, Group, read_scalar, scalar_bytes
from gongxin_wire.voprf.oprf import VoprfError
from gongxin_wire.voprf.pure import PureGroup

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
R255: dict[str, Any] = json.loads((VECTORS / "rfc9496.json").read_text())
SUITE: dict[str, Any] = json.loads((VECTORS / "rfc9497.json").read_text())
MULTIPLES = [bytes.fromhex(text) for text in R255["multiples_of_the_generator"]]
INVALID = [(why, bytes.fromhex(text)) for why, texts in R255["invalid"].items() for text in texts]
PURE = PureGroup()


def available() -> dict[str, Group]:
    found = {}
    for name in ("system", "wheel:pyzmq", "wheel:rbcl", "pure"):
        try:
            found[name] = sodium.load(name).group
        except LookupError:
            continue
    return found


GROUPS = available()


@pytest.fixture(params=GROUPS)
def group(request: pytest.FixtureRequest) -> Group:
    return GROUPS[request.param]


def test_the_locked_wheel_gives_a_library_on_this_machine() -> None:
    assert {"wheel:rbcl", "pure"} <= GROUPS.keys()


def hexes(texts: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


# RFC 9496


def test_multiples_of_the_generator_are_as_published(group: Group) -> None:
    for scalar, expected in enumerate(MULTIPLES[1:], 1):
        assert group.multiply_base(scalar) == expected
        assert group.multiply(scalar, MULTIPLES[1]) == expected
        assert group.is_element(expected)
    assert group.add(MULTIPLES[7], MULTIPLES[8]) == MULTIPLES[15]
    assert group.multiply_each(3, MULTIPLES[1:6]) == [MULTIPLES[n] for n in (3, 6, 9, 12, 15)]


def test_there_are_as_many_invalid_encodings_as_the_rfc_lists() -> None:
    assert len(INVALID) == 29


@pytest.mark.parametrize(("why", "data"), INVALID, ids=[f"{n}-{why}" for n, (why, _) in enumerate(INVALID)])
def test_an_invalid_encoding_is_refused_everywhere(group: Group, why: str, data: bytes) -> None:
    assert not group.is_element(data)
    for refuse in (
        lambda: group.multiply(2, data),
        lambda: group.add(data, MULTIPLES[1]),
        lambda: group.add(MULTIPLES[1], data),
        lambda: group.multiply_each(2, [MULTIPLES[1], data]),
    ):
        with pytest.raises(ValueError):
            refuse()


@pytest.mark.parametrize("case", R255["hash_to_group"], ids=lambda case: case["label"][:20])
def test_hashing_to_the_group_is_as_published(group: Group, case: dict[str, str]) -> None:
    assert group.from_hash(hashlib.sha512(case["label"].encode()).digest()).hex() == case["element"]


@pytest.mark.parametrize("multiple", range(1, 16))
def test_an_element_with_its_top_bit_set_is_not_a_second_spelling(group: Group, multiple: int) -> None:
    data = bytearray(MULTIPLES[multiple])
    data[31] |= 0x80
    twice = bytes(data)
    assert not group.is_element(twice)
    with pytest.raises(ValueError):
        group.multiply(1, twice)
    with pytest.raises(ValueError):
        group.add(twice, MULTIPLES[1])


@pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
def test_bytes_of_another_length_never_reach_the_library(group: Group, length: int) -> None:
    data = (MULTIPLES[1] * 2)[:length]
    assert not group.is_element(data)
    with pytest.raises(ValueError):
        group.multiply(1, data)
    with pytest.raises(ValueError):
        group.add(MULTIPLES[1], data)
    with pytest.raises(ValueError):
        group.from_hash(data[:63])


def test_a_product_that_is_the_identity_is_refused(group: Group) -> None:
    with pytest.raises(ValueError):
        group.multiply(5, IDENTITY)
    with pytest.raises(ValueError):
        group.multiply_base(0)


@pytest.mark.parametrize("scalar", [ORDER, ORDER + 1, 2**255, 2**256 - 1])
def test_a_scalar_that_is_not_reduced_is_refused(scalar: int) -> None:
    with pytest.raises(ValueError):
        read_scalar(scalar.to_bytes(32, "little"))
    with pytest.raises(VoprfError):
        oprf.public_key(scalar.to_bytes(32, "little"))
    assert read_scalar(scalar_bytes(ORDER - 1)) == ORDER - 1


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33)])
def test_a_scalar_of_another_length_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        read_scalar(data)


# Pure Python against libsodium

SCALARS = st.integers(1, ORDER - 1)
UNIFORM = st.binary(min_size=64, max_size=64)


@settings(max_examples=40, deadline=None)
@given(UNIFORM, UNIFORM, SCALARS)
def test_plain_python_and_libsodium_compute_the_same_elements(one: bytes, two: bytes, scalar: int) -> None:
    fast = sodium.load().group
    assert not isinstance(fast, PureGroup)
    first, second = fast.from_hash(one), fast.from_hash(two)
    assert (first, second) == (PURE.from_hash(one), PURE.from_hash(two))
    assume(any(first) and any(second))
    assert fast.multiply(scalar, first) == PURE.multiply(scalar, first)
    assert fast.multiply_base(scalar) == PURE.multiply_base(scalar)
    assert fast.add(first, second) == PURE.add(first, second)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_plain_python_and_libsodium_accept_the_same_encodings(data: bytes) -> None:
    fast = sodium.load().group
    even = bytes([data[0] & 0xFE]) + data[1:31] + bytes([data[31] & 0x7F])
    for encoding in (data, even):
        assert fast.is_element(encoding) == PURE.is_element(encoding)


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=300), SCALARS, SCALARS)
def test_a_blind_evaluation_gives_what_the_key_holder_computes_alone(data: bytes, blind: int, key: int) -> None:
    secret = scalar_bytes(key)
    (blinded,) = oprf.blind([data], blinds=[blind])
    (evaluated,) = oprf.evaluate(secret, [blinded.element])
    assert oprf.finalize(data, blind, evaluated) == oprf.evaluate_direct(secret, data)


# RFC 9497

CASES = [(mode, vector) for mode in SUITE["modes"] for vector in mode["vectors"]]
IDS = [f"mode{mode['mode']}-{n}" for n, (mode, _) in enumerate(CASES)]


def test_all_vectors_of_both_modes_are_held() -> None:
    assert [(mode["mode"], len(mode["vectors"])) for mode in SUITE["modes"]] == [(0, 2), (1, 3)]


@pytest.mark.parametrize("mode", SUITE["modes"], ids=lambda mode: f"mode{mode['mode']}")
def test_the_key_pair_derives_from_the_published_seed(group: Group, mode: dict[str, Any]) -> None:
    seed, info = bytes.fromhex(mode["Seed"]), bytes.fromhex(mode["KeyInfo"])
    secret, public = oprf.derive_key_pair(seed, info, mode["mode"], group=group)
    assert secret.hex() == mode["skSm"]
    assert public == oprf.public_key(secret, group=group)
    if "pkSm" in mode:
        assert public.hex() == mode["pkSm"]


@pytest.mark.parametrize(("mode", "vector"), CASES, ids=IDS)
def test_a_published_vector_is_reproduced_octet_for_octet(
    group: Group, mode: dict[str, Any], vector: dict[str, Any]
) -> None:
    number, secret = mode["mode"], bytes.fromhex(mode["skSm"])
    inputs, outputs = hexes(vector["Input"]), hexes(vector["Output"])
    blinds = [int.from_bytes(data, "little") for data in hexes(vector["Blind"])]
    blinded = oprf.blind(inputs, number, blinds=blinds, group=group)
    assert [entry.element.hex() for entry in blinded] == vector["BlindedElement"]
    elements = [entry.element for entry in blinded]
    evaluated = oprf.evaluate(secret, elements, number, group=group)
    assert [element.hex() for element in evaluated] == vector["EvaluationElement"]
    if "Proof" in vector:
        public = bytes.fromhex(mode["pkSm"])
        nonce = int.from_bytes(bytes.fromhex(vector["ProofRandomScalar"]), "little")
        proof = oprf.prove(secret, public, elements, evaluated, number, nonce=nonce, group=group)
        assert proof.hex() == vector["Proof"]
        assert oprf.verify(public, elements, evaluated, proof, number, group=group)
    for data, blind, element, output in zip(inputs, blinds, evaluated, outputs, strict=True):
        assert oprf.finalize(data, blind, element, group=group) == output
        assert oprf.evaluate_direct(secret, data, number, group=group) == output
        assert oprf.token(output) == output[:32]


# Proofs that must fail


class World:
    """One key, two blinded inputs, their evaluation and its proof."""

    def __init__(self) -> None:
        self.secret, self.public = oprf.derive_key_pair(b"\x07" * 32, b"a test", oprf.VOPRF)
        self.elements = [entry.element for entry in oprf.blind([b"first", b"second"])]
        self.evaluated = oprf.evaluate(self.secret, self.elements)
        self.proof = oprf.prove(self.secret, self.public, self.elements, self.evaluated)

    def holds(self, group: Group, **other: Any) -> bool:
        with_these = {name: getattr(self, name) for name in ("public", "elements", "evaluated", "proof")} | other
        return oprf.verify(**with_these, group=group)


WORLD = World()


def test_the_proof_of_an_honest_evaluation_verifies(group: Group) -> None:
    assert WORLD.holds(group)


@pytest.mark.parametrize("position", [*range(0, 64, 4), 31, 63])
@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_a_proof_with_one_bit_changed_anywhere_fails(position: int, bit: int) -> None:
    proof = bytearray(WORLD.proof)
    proof[position] ^= bit
    assert not WORLD.holds(sodium.provider().group, proof=bytes(proof))


def test_a_proof_fails_under_another_key_or_over_other_elements(group: Group) -> None:
    secret, public = oprf.derive_key_pair(b"\x08" * 32, b"another", oprf.VOPRF)
    wrong = oprf.evaluate(secret, WORLD.elements)
    assert not WORLD.holds(group, public=public)
    assert not WORLD.holds(group, evaluated=wrong)
    assert not WORLD.holds(group, evaluated=[WORLD.evaluated[0], wrong[1]])
    assert not WORLD.holds(group, evaluated=WORLD.evaluated[::-1])
    assert not WORLD.holds(group, elements=WORLD.elements[::-1])
    assert not WORLD.holds(group, mode=oprf.OPRF)


@pytest.mark.parametrize(
    "other",
    [
        {"public": IDENTITY},
        {"public": b"\x01" + bytes(31)},
        {"public": bytes(31)},
        {"proof": b""},
        {"proof": bytes(64)},
        {"proof": WORLD.proof + b"\x00"},
        {"proof": WORLD.proof[:32] + (read_scalar(WORLD.proof[32:]) + ORDER).to_bytes(32, "little")},
        {"elements": []},
        {"elements": WORLD.elements[:1]},
        {"elements": [], "evaluated": []},
        {"evaluated": [IDENTITY, WORLD.evaluated[1]]},
        {"elements": [WORLD.elements[0], bytes(31)]},
        {"evaluated": [WORLD.evaluated[0], b"\xff" * 32]},
    ],
)  # fmt: skip
def test_a_malformed_proof_or_element_is_false_and_no_fault(group: Group, other: dict[str, Any]) -> None:
    assert WORLD.holds(group, **other) is False


# Limits and refusals


def test_a_batch_of_a_thousand_goes_through_and_one_more_or_none_does_not() -> None:
    inputs = [str(n).encode() for n in range(1000)]
    blinded = oprf.blind(inputs)
    elements = [entry.element for entry in blinded]
    evaluated = oprf.evaluate(WORLD.secret, elements)
    proof = oprf.prove(WORLD.secret, WORLD.public, elements, evaluated)
    assert oprf.verify(WORLD.public, elements, evaluated, proof)
    assert oprf.finalize(inputs[999], blinded[999].blind, evaluated[999]) == oprf.evaluate_direct(WORLD.secret, b"999")
    for wrong in ([], [*elements, elements[0]]):
        with pytest.raises(VoprfError):
            oprf.check_elements(wrong)
        with pytest.raises(VoprfError):
            oprf.evaluate(WORLD.secret, wrong)
        with pytest.raises(VoprfError):
            oprf.prove(WORLD.secret, WORLD.public, wrong, wrong)
        with pytest.raises(VoprfError):
            oprf.blind([b""] * len(wrong))
        assert not oprf.verify(WORLD.public, wrong, wrong, proof)


def test_one_input_of_no_length_is_an_input(group: Group) -> None:
    (blinded,) = oprf.blind([b""], group=group)
    (evaluated,) = oprf.evaluate(WORLD.secret, [blinded.element], group=group)
    assert oprf.finalize(b"", blinded.blind, evaluated, group=group) == oprf.evaluate_direct(WORLD.secret, b"")


@pytest.mark.parametrize("element", [IDENTITY, b"\x01" + bytes(31), bytes(31), b"", MULTIPLES[1][:31] + b"\xf6"])
def test_what_is_no_element_is_neither_evaluated_nor_finalised(group: Group, element: bytes) -> None:
    with pytest.raises(VoprfError, match="element 1 is not"):
        oprf.check_elements([MULTIPLES[1], element], group=group)
    with pytest.raises(VoprfError, match="element 1 is not"):
        oprf.evaluate(WORLD.secret, [MULTIPLES[1], element], group=group)
    with pytest.raises(VoprfError):
        oprf.finalize(b"x", 5, element, group=group)


@pytest.mark.parametrize("scalar", [0, ORDER, -1, 2**256])
def test_a_blind_that_is_no_scalar_is_refused(scalar: int) -> None:
    with pytest.raises(VoprfError):
        oprf.blind([b"x"], blinds=[scalar])
    with pytest.raises(VoprfError):
        oprf.finalize(b"x", scalar, MULTIPLES[1])


def test_a_secret_key_of_zero_or_of_another_length_is_refused() -> None:
    for secret in (bytes(32), bytes(31), b"\xff" * 32):
        with pytest.raises(VoprfError):
            oprf.evaluate(secret, [MULTIPLES[1]])
        with pytest.raises(VoprfError):
            oprf.prove(secret, MULTIPLES[1], [MULTIPLES[1]], [MULTIPLES[1]])


def test_inputs_and_key_texts_longer_than_their_length_field_are_refused() -> None:
    for refuse in (
        lambda: oprf.blind([b"x" * 65536]),
        lambda: oprf.evaluate_direct(WORLD.secret, b"x" * 65536),
        lambda: oprf.derive_key_pair(bytes(32), b"x" * 65536, oprf.VOPRF),
        lambda: oprf.derive_key_pair(bytes(31), b"", oprf.VOPRF),
        lambda: oprf.token(bytes(32)),
    ):
        with pytest.raises(VoprfError):
            refuse()


def test_two_blindings_of_one_input_do_not_look_alike_and_do_not_show_their_scalar() -> None:
    one, two = oprf.blind([b"same", b"same"])
    assert one.element != two.element
    assert str(one.blind) not in repr(one)
