"""Commitments: fixed by an example computed by hand, bound to salt and record, silent without the salt."""

import hashlib
import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongxin_wire import commitments
from gongxin_wire.canonical import canonical

SALT = bytes(range(32))
RECORD = {"b": [1, "共信"], "a": None}
ID = uuid.UUID("0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f")


def test_the_commitment_is_sha256_of_domain_salt_and_canonical_record() -> None:
    by_hand = b"gongxin commitment 1\n" + SALT + '{"a":null,"b":[1,"共信"]}'.encode()
    assert commitments.commit(SALT, RECORD) == hashlib.sha256(by_hand).digest()
    assert commitments.commit_bytes(SALT, canonical(RECORD)) == hashlib.sha256(by_hand).digest()


@given(st.binary(min_size=32, max_size=32), st.dictionaries(st.text(max_size=5), st.integers(-9, 9), max_size=4))
def test_it_opens_with_its_own_salt_and_record_alone(salt: bytes, record: dict[str, int]) -> None:
    made = commitments.commit(salt, record)
    assert commitments.opens(made, salt, record)
    assert not commitments.opens(made, bytes([salt[0] ^ 1]) + salt[1:], record)
    assert not commitments.opens(made, salt, {**record, "further": 1})


@pytest.mark.parametrize("salt", [b"", bytes(31), bytes(33)])
def test_a_salt_of_another_length_is_refused(salt: bytes) -> None:
    with pytest.raises(ValueError, match="salt"):
        commitments.commit(salt, RECORD)


@pytest.mark.parametrize("record", [{"n": float("nan")}, {"n": 2**53}, {"b": b"x"}])
def test_what_canonical_json_cannot_carry_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        commitments.commit(SALT, record)


@pytest.mark.parametrize("kind", sorted(commitments.KINDS))
def test_an_entry_is_canonical_json_and_short(kind: str) -> None:
    entry = commitments.entry(ID, kind, commitments.commit(SALT, RECORD))
    assert canonical(json.loads(entry)) == entry
    assert json.loads(entry).keys() == {"commitment", "id", "kind", "v"}
    assert len(entry) < 256


@pytest.mark.parametrize(
    ("kind", "commitment"), [('a"b', bytes(32)), ("", bytes(32)), ("lookup", bytes(31)), ("A", bytes(32))]
)
def test_what_is_no_leaf_has_no_entry(kind: str, commitment: bytes) -> None:
    with pytest.raises(ValueError, match="leaf"):
        commitments.entry(ID, kind, commitment)
