"""Signed notes, checkpoints, cosignatures and proofs on published examples; every other form is refused."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gongxin_wire import merkle, notes
from gongxin_wire.notes import NoteError

VECTORS: dict[str, Any] = json.loads((Path(__file__).resolve().parents[1] / "vectors" / "tlog.json").read_text())
GO = VECTORS["note_signed"]
GO_KEY = notes.parse_vkey(GO["vkey"])
GO_PRIVATE = Ed25519PrivateKey.from_private_bytes(base64.b64decode(GO["seed"])[1:])
GO_NOTE = f"{GO['text']}\n{GO['signature']}\n"
COSIGNED = VECTORS["c2sp_cosigned"]
WITNESSED = VECTORS["witnessed"]

LOG = Ed25519PrivateKey.from_private_bytes(b"l" * 32)
WITNESS = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
ORIGIN = "registry.example/log"
LOG_KEY = notes.VerifierKey(ORIGIN, LOG.public_key().public_bytes_raw())
WITNESS_KEY = notes.VerifierKey("bank.example/w", WITNESS.public_key().public_bytes_raw(), notes.COSIGNATURE)


def checkpoint_note(size: int = 1, root: bytes = merkle.leaf_hash(b"entry")) -> notes.Note:
    text = notes.Checkpoint(ORIGIN, size, root).text
    return notes.Note(text, (notes.sign(text, ORIGIN, LOG),))


# --- published ------------------------------------------------------------------------------------------------------


def test_the_published_note_verifies_and_is_signed_again_byte_for_byte() -> None:
    note = notes.parse_note(GO_NOTE)
    assert note.text == GO["text"]
    assert str(note) == GO_NOTE
    notes.verify(note, GO_KEY)
    assert str(notes.Note(note.text, (notes.sign(note.text, "PeterNeumann", GO_PRIVATE),))) == GO_NOTE
    assert str(GO_KEY) == GO["vkey"]


def test_no_part_of_the_published_key_and_no_neighbour_of_it_is_a_key() -> None:
    vkey = GO["vkey"]
    mangled = {vkey[start:end] for start in range(len(vkey)) for end in range(start + 1, len(vkey) + 1)} - {vkey}
    mangled |= {vkey[:at] + chr(ord(vkey[at]) + 1) + vkey[at + 1 :] for at in range(len(vkey))}
    for bad in [*mangled, *VECTORS["bad_vkeys"], "", "++"]:
        with pytest.raises(NoteError):
            notes.parse_vkey(bad)


@pytest.mark.parametrize(
    "bad",
    [
        GO["text"],
        GO["text"] + "\n",
        GO_NOTE[:-1],
        b"\x01" + GO_NOTE.encode(),
        b"\xff" + GO_NOTE.encode(),
        GO_NOTE.replace("— PeterNeumann", "— Bad Name"),
        GO_NOTE + "Unexpected line.\n",
        GO_NOTE.replace("— ", "- "),
        GO_NOTE.replace("— PeterNeumann", "—  "),
        GO_NOTE.replace("nAM=", "nAN="),
        GO_NOTE + f"{GO['signature']}\n" * notes.MAX_SIGNATURES,
        "",
        "\n\n",
    ],
    ids=range(13),
)
def test_a_malformed_note_of_the_published_table_is_refused(bad: str | bytes) -> None:
    with pytest.raises(NoteError):
        notes.parse_note(bad)


def test_c2sp_s_own_examples_are_read_and_written_back_as_they_stand() -> None:
    poem = notes.parse_note(VECTORS["c2sp_note"])
    assert poem.text.endswith("\n\ned è subito sera.\n")
    assert [each.name for each in poem.signatures] == ["quasimodo.example/salvatore"]
    assert str(poem) == VECTORS["c2sp_note"]
    note = notes.parse_note(COSIGNED["note"])
    assert str(note) == COSIGNED["note"]
    found = notes.parse_checkpoint(note.text)
    assert found == notes.Checkpoint(COSIGNED["origin"], COSIGNED["size"], base64.b64decode(COSIGNED["root"]))
    assert found.text == note.text
    own, witness = note.signatures
    assert (len(own.signature), len(witness.signature)) == (64, 72)
    assert int.from_bytes(witness.signature[:8]) == COSIGNED["time"]


def test_checkpoints_of_the_public_witness_tests_verify_and_follow_each_other() -> None:
    key = notes.parse_vkey(WITNESSED["vkey"])
    old, _ = notes.open_checkpoint(WITNESSED["from"], key)
    new, _ = notes.open_checkpoint(WITNESSED["to"], key)
    proof = [bytes.fromhex(each) for each in WITNESSED["proof"]]
    merkle.verify_consistency(old.size, old.root, new.size, new.root, proof)
    with pytest.raises(merkle.ProofError):
        merkle.verify_consistency(old.size, old.root, new.size, new.root, proof[::-1])
    with pytest.raises(NoteError, match="does not verify"):
        notes.open_checkpoint(WITNESSED["to"].replace("\n8\n", "\n9\n"), key)


def test_the_head_of_c2sp_s_proof_example_is_read_and_written_back() -> None:
    vector = VECTORS["c2sp_proof_head"]
    hashes = "\n".join(vector["hashes"])
    # As printed there: its extra data is one character short of base64, so it stands without.
    text = f"{notes.PROOF_HEADER}\nindex {vector['index']}\n{hashes}\n\n{COSIGNED['note']}"
    proof = notes.parse_proof(text)
    assert (proof.index, len(proof.hashes), proof.checkpoint) == (73894, 5, COSIGNED["note"])
    assert str(proof) == text
    with pytest.raises(NoteError, match="base64"):
        notes.parse_proof(text.replace("index", f"extra {vector['extra_base64']}=\nindex"))


# --- what the key says ----------------------------------------------------------------------------------------------


def test_a_note_not_signed_by_the_key_is_refused_even_where_name_or_id_agree() -> None:
    note = checkpoint_note()
    (mine,) = note.signatures
    for claimed in (
        notes.Signature(ORIGIN, b"\0\0\0\0", mine.signature),
        notes.Signature("other.example/log", mine.key_id, mine.signature),
    ):
        with pytest.raises(NoteError, match="not signed by"):
            notes.verify(notes.Note(note.text, (claimed,)), LOG_KEY)


def test_unknown_signatures_are_ignored_and_one_false_one_in_the_key_s_name_spoils_the_note() -> None:
    note = checkpoint_note()
    (mine,) = note.signatures
    stranger = notes.Signature("someone.example", b"abcd", b"whatever")
    notes.verify(notes.with_signatures(note, [stranger]), LOG_KEY)
    false = notes.Signature(mine.name, mine.key_id, mine.signature[:-1] + bytes([mine.signature[-1] ^ 1]))
    short = notes.Signature(mine.name, mine.key_id, mine.signature[:-1])
    for bad in (false, short):
        with pytest.raises(NoteError):
            notes.verify(notes.with_signatures(note, [bad]), LOG_KEY)


def test_a_cosignature_states_its_time_and_binds_it() -> None:
    note = checkpoint_note()
    cosigned = notes.with_signatures(note, [notes.cosign(note.text, "bank.example/w", WITNESS, 1_790_000_000)])
    again = notes.parse_note(str(cosigned))
    assert notes.verify(again, WITNESS_KEY) == 1_790_000_000
    assert notes.witnesses(again, [WITNESS_KEY]) == {"bank.example/w": 1_790_000_000}
    assert notes.witnesses(note, [WITNESS_KEY]) == {}
    line = again.signatures[1]
    moved = notes.Signature(line.name, line.key_id, (1_790_000_001).to_bytes(8) + line.signature[8:])
    far = notes.Signature(line.name, line.key_id, b"\xff" * 8 + line.signature[8:])
    for bad in (moved, far):
        with pytest.raises(NoteError):
            notes.verify(notes.with_signatures(note, [bad]), WITNESS_KEY)
    with pytest.raises(NoteError):
        notes.cosign(note.text, "bank.example/w", WITNESS, -1)


def test_a_log_s_signature_is_no_cosignature_under_the_same_key() -> None:
    note = checkpoint_note()
    as_witness = notes.VerifierKey(ORIGIN, LOG_KEY.public, notes.COSIGNATURE)
    assert as_witness.key_id != LOG_KEY.key_id
    with pytest.raises(NoteError):
        notes.verify(note, as_witness)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u3000b", "a\nb", "a\u2003b", "a\x01b", "a\ud800"])
def test_a_key_name_with_a_space_or_a_plus_is_refused(name: str) -> None:
    with pytest.raises(NoteError):
        notes.VerifierKey(name, bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        "o\n1\n",
        "o\n1\nAAAA\n",
        f"o\n01\n{base64.b64encode(bytes(32)).decode()}\n",
        f"o\n-1\n{base64.b64encode(bytes(32)).decode()}\n",
        f"o\n１\n{base64.b64encode(bytes(32)).decode()}\n",
        f"o\n{2**63}\n{base64.b64encode(bytes(32)).decode()}\n",
        f"o\n1\n{base64.b64encode(bytes(32)).decode()}",
        f"\n1\n{base64.b64encode(bytes(32)).decode()}\n",
        f"o\n1\n{base64.b64encode(bytes(32)).decode()}\n\nmore\n",
        f"o\n1\n{base64.urlsafe_b64encode(bytes([255] * 32)).decode()}\n",
    ],
)
def test_any_other_form_of_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        notes.parse_checkpoint(text)


def test_a_checkpoint_of_another_log_is_refused_though_the_key_signed_it() -> None:
    text = notes.Checkpoint("other.example/log", 1, bytes(32)).text
    with pytest.raises(NoteError, match="another log"):
        notes.open_checkpoint(str(notes.Note(text, (notes.sign(text, ORIGIN, LOG),))), LOG_KEY)


# --- proofs ---------------------------------------------------------------------------------------------------------


def offline_proof() -> notes.Proof:
    leaves = [merkle.leaf_hash(bytes([each])) for each in range(7)]
    note = checkpoint_note(7, merkle.root(leaves))
    hashes = merkle.inclusion_proof(
        4, 7, lambda level, index: merkle.root(leaves[index << level : (index + 1) << level])
    )
    return notes.Proof(4, tuple(hashes), str(note), b"context")


def test_a_proof_is_verified_offline_with_nothing_but_the_log_s_key() -> None:
    proof = notes.parse_proof(str(offline_proof()).encode())
    assert proof == offline_proof()
    found, _ = notes.verify_proof(proof, merkle.leaf_hash(b"\4"), LOG_KEY)
    assert (found.origin, found.size) == (ORIGIN, 7)
    with pytest.raises(merkle.ProofError):
        notes.verify_proof(proof, merkle.leaf_hash(b"\5"), LOG_KEY)


@given(st.data())
def test_no_changed_character_of_a_proof_goes_unseen(data: st.DataObject) -> None:
    text = str(notes.Proof(4, offline_proof().hashes, offline_proof().checkpoint))
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("0123456789ABCDEFabc+/= \n—x").filter(lambda c: c != text[at]))
    changed = text[:at] + other + text[at + 1 :]
    with pytest.raises((NoteError, merkle.ProofError)):
        notes.verify_proof(notes.parse_proof(changed), merkle.leaf_hash(b"\4"), LOG_KEY)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (notes.PROOF_HEADER, "c2sp.org/tlog-proof@v2"),
        ("index 4", "index 04"),
        ("index 4", "Index 4"),
        ("index 4\n", ""),
        ("extra ", "extra  "),
        ("extra Y29udGV4dA==\nindex 4", "index 4\nextra Y29udGV4dA=="),
        ("index 4\n", "index 4\nAAAA\n"),
        ("index 4\n", "index 4\n" + "A" * 43 + "=\n"),
    ],
)
def test_any_other_form_of_proof_is_refused(old: str, new: str) -> None:
    with pytest.raises((NoteError, merkle.ProofError)):
        notes.verify_proof(
            notes.parse_proof(str(offline_proof()).replace(old, new, 1)), merkle.leaf_hash(b"\4"), LOG_KEY
        )


@pytest.mark.parametrize("size", [notes.MAX_NOTE_BYTES + 1])
def test_what_is_too_long_is_not_read(size: int) -> None:
    with pytest.raises(NoteError, match="too long"):
        notes.parse_proof(b"x" * size)


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_refused_or_read_never_a_fault(data: bytes) -> None:
    for parse in (notes.parse_note, notes.parse_proof):
        try:
            assert str(parse(data)).encode() == data
        except NoteError:
            continue
