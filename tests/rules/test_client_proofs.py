"""A proof is checked step by step, and the first step that fails is named."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gongxin_client.errors import BadInput, VerificationFailed
from gongxin_client.proofs import Leaf, Trust, check, read_trust
from gongxin_wire import commitments, merkle, notes
from gongxin_wire.canonical import b64u, canonical

ORIGIN = "registry.example/log"
RECORD = {"member_id": "m", "n": 1}
SALT = bytes(range(32))
LEAF = Leaf("0193a3c1-0f6e-7a52-8b1d-2c3d4e5f6a7b", "lookup", commitments.commit(SALT, RECORD))


def private(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def verifier(name: str, kind: int = notes.COSIGNATURE) -> notes.VerifierKey:
    return notes.VerifierKey(name, private(name).public_key().public_bytes_raw(), kind)


LOG = verifier(ORIGIN, notes.ED25519)
WITNESSES = ("registry.example/witness/a", "registry.example/witness/b")


@dataclass(frozen=True)
class Made:
    """The parts of a proof, to be altered one by one."""

    index: int = 5
    size: int = 11
    extra: Any = None
    witnesses: tuple[str, ...] = WITNESSES
    log: str = ORIGIN
    signer: str = ORIGIN

    def hashes(self) -> list[bytes]:
        own = merkle.leaf_hash(commitments.entry(LEAF.leaf_id, LEAF.kind, LEAF.commitment))
        return [own if n == 5 else merkle.leaf_hash(b"%d" % n) for n in range(self.size)]

    def note(self) -> notes.Note:
        text = notes.Checkpoint(self.log, self.size, merkle.root(self.hashes())).text
        lines = [notes.sign(text, self.log, private(self.signer))]
        lines += [notes.cosign(text, name, private(name), 1_790_000_000) for name in self.witnesses]
        return notes.Note(text, tuple(lines))

    def signed(self) -> bytes:
        """What an authority stamps: the note as the log signed it."""
        return str(notes.Note(self.note().text, self.note().signatures[:1])).encode()

    def proof(self) -> notes.Proof:
        hashes = self.hashes()

        def read(level: int, index: int) -> bytes:
            return merkle.root(hashes[index << level : (index + 1) << level])

        extra = None if self.extra is None else canonical(self.extra)
        path = tuple(merkle.inclusion_proof(self.index, self.size, read))
        return notes.Proof(self.index, path, str(self.note()), extra)


EXTRA = {"kind": "lookup", "opening": {"record": RECORD, "salt": b64u(SALT)}, "v": 1}
TRUST = Trust([LOG], [verifier(name) for name in WITNESSES], 2)


def fails(code: str, text: str, leaf: Leaf = LEAF, trust: Trust = TRUST) -> None:
    with pytest.raises(VerificationFailed) as caught:
        check(text, leaf, trust)
    assert caught.value.code == code
    assert caught.value.exit_code == 5


def test_a_proof_that_holds_says_where_under_what_and_seen_by_whom() -> None:
    found = check(str(Made(extra=EXTRA).proof()), LEAF, TRUST)
    assert (found.index, found.size, found.origin) == (5, 11, ORIGIN)
    assert dict(found.witnessed) == dict.fromkeys(WITNESSES, 1_790_000_000)
    assert found.record == RECORD
    assert (found.stamp, found.claimed) == (None, ())
    words = " ".join(en for _, en in found.proven)
    assert "Leaf 5" in words
    assert "cosigned it at 2026-" in words


def test_witnesses_whose_keys_are_not_at_hand_are_named_and_prove_nothing() -> None:
    found = check(str(Made().proof()), LEAF, Trust([LOG]))
    assert found.witnessed == {}
    assert found.claimed == WITNESSES
    assert any("not checked" in en for _, en in found.not_proven)
    alone = check(str(Made(witnesses=()).proof()), LEAF, Trust([LOG]))
    assert any("No witness" in en for _, en in alone.not_proven)


def test_two_names_of_one_member_are_one_witness() -> None:
    twice = ("one.example/m", "two.example/m")
    trust = Trust([LOG], [verifier(name) for name in twice], 2)
    fails("too_few_witnesses", str(Made(witnesses=twice).proof()), trust=trust)
    assert check(str(Made(witnesses=twice).proof()), LEAF, replace(trust, quorum=1)).witnessed.keys() == set(twice)


@pytest.mark.parametrize(
    ("leaf", "name"),
    [
        (replace(LEAF, commitment=bytes(32)), "commitment"),
        (replace(LEAF, kind="evidence"), "kind"),
        (replace(LEAF, leaf_id="0193a3c1-0f6e-7a52-8b1d-2c3d4e5f6a7c"), "id"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_leaf_is_not_in_the_log(leaf: Leaf, name: str) -> None:
    fails("leaf_not_included", str(Made().proof()), leaf)


ALTERED: dict[str, tuple[str, Callable[[notes.Proof], str]]] = {
    "nothing": ("proof_unreadable", lambda p: ""),
    "the header": ("proof_unreadable", lambda p: str(p).replace("@v1", "@v2")),
    "the index": ("leaf_not_included", lambda p: str(replace(p, index=4))),
    "a hash": ("leaf_not_included", lambda p: str(replace(p, hashes=(bytes(32), *p.hashes[1:])))),
    "a hash less": ("leaf_not_included", lambda p: str(replace(p, hashes=p.hashes[:-1]))),
    "a hash more": ("leaf_not_included", lambda p: str(replace(p, hashes=(*p.hashes, bytes(32))))),
    "the size": ("checkpoint_not_signed", lambda p: str(p).replace("\n11\n", "\n12\n")),
    "the origin": ("checkpoint_not_signed", lambda p: str(replace(p, checkpoint=p.checkpoint.replace("/log", "/lag")))),
    "the extra line": ("extra_unreadable", lambda p: str(replace(p, extra=b"{"))),
    "the kind": ("proof_of_another_kind", lambda p: str(replace(p, extra=canonical({**EXTRA, "kind": "evidence"})))),
    "a foreign name": ("extra_unreadable", lambda p: str(replace(p, extra=canonical({**EXTRA, "note": 1})))),
    "the version": ("extra_unreadable", lambda p: str(replace(p, extra=b'{"v":2}'))),
    "the salt": ("opening_does_not_hold", lambda p: str(replace(p, extra=canonical(
        {**EXTRA, "opening": {"record": RECORD, "salt": b64u(bytes(32))}})))),
    "the record": ("opening_does_not_hold", lambda p: str(replace(p, extra=canonical(
        {**EXTRA, "opening": {"record": {"n": 2}, "salt": b64u(SALT)}})))),
    "the opening": ("opening_does_not_hold", lambda p: str(replace(p, extra=canonical({**EXTRA, "opening": 3})))),
}  # fmt: skip


@pytest.mark.parametrize("part", ALTERED)
def test_an_altered_part_is_named(part: str) -> None:
    code, alter = ALTERED[part]
    fails(code, alter(Made(extra=EXTRA).proof()))


def test_a_checkpoint_that_another_key_signed_is_named() -> None:
    fails("checkpoint_not_signed", str(Made(signer="somebody").proof()))
    fails("checkpoint_not_signed", str(Made(log="other.example/log").proof()))
    fails("checkpoint_not_signed", str(Made().proof()), trust=Trust([]))


def test_an_altered_or_missing_cosignature_is_named() -> None:
    proof = Made().proof()
    note = notes.parse_note(proof.checkpoint)
    bad = replace(note.signatures[1], signature=bytes(8) + note.signatures[1].signature[8:])
    altered = notes.Note(note.text, (note.signatures[0], bad, note.signatures[2]))
    fails("bad_cosignature", str(replace(proof, checkpoint=str(altered))))
    fails("too_few_witnesses", str(Made(witnesses=WITNESSES[:1]).proof()))
    fails("too_few_witnesses", str(Made(witnesses=()).proof()))


def test_a_log_that_changed_its_key_is_followed() -> None:
    rotated = Made(signer="next")
    keys = [LOG, notes.VerifierKey(ORIGIN, private("next").public_key().public_bytes_raw())]
    assert check(str(rotated.proof()), LEAF, replace(TRUST, log=keys)).index == 5


def test_a_stamp_is_over_what_the_log_signed_and_an_altered_one_is_named() -> None:
    pytest.importorskip("rfc3161_client", reason="the locked rfc3161-client is not installed: run `make env`")
    from gongxin_demo.authority import Authority
    from gongxin_wire.stamps import query

    moment = datetime(2026, 11, 24, 3, tzinfo=UTC)
    authority = Authority(now=lambda: moment)
    trust = replace(TRUST, authorities=[authority.root])
    reply = authority.reply(query(Made().signed()).raw)
    stamped = Made(extra={**EXTRA, "stamp": b64u(reply)})
    found = check(str(stamped.proof()), LEAF, trust)
    assert found.stamp is not None
    assert found.stamp.time == moment
    assert any("No later than 2026-11-24T03:00:00" in en for _, en in found.proven)
    unchecked = check(str(stamped.proof()), LEAF, TRUST)
    assert unchecked.stamp is None
    assert any("not checked" in en for _, en in unchecked.not_proven)
    fails("stamp_of_other_bytes", str(replace(stamped, size=12).proof()), trust=trust)
    fails("stamp_signature", str(stamped.proof()), trust=replace(trust, authorities=[Authority().root]))
    for stamp, code in (("AAAA", "stamp_unreadable"), (3, "stamp_unreadable"), ("=", "stamp_unreadable")):
        fails(code, str(replace(stamped, extra={**EXTRA, "stamp": stamp}).proof()), trust=trust)


def test_every_single_character_of_a_proof_counts() -> None:
    text = str(Made(extra=EXTRA).proof())
    for place in range(len(text)):
        altered = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(VerificationFailed):
            check(altered, LEAF, TRUST)


def test_trust_is_read_from_keys_as_text() -> None:
    trust = read_trust([str(LOG)], [str(verifier(name)) for name in WITNESSES], 2)
    assert check(str(Made().proof()), LEAF, trust).size == 11
    for log, witnesses in ((["x"], []), ([str(LOG)], ["y"]), ([str(LOG)], [str(LOG)]),
                           ([str(verifier(WITNESSES[0]))], [])):  # fmt: skip
        with pytest.raises(BadInput, match="bad_vkey"):
            read_trust(log, witnesses)


def test_the_extra_line_is_canonical_json_that_other_tools_may_ignore() -> None:
    proof = notes.parse_proof(str(Made(extra=EXTRA).proof()))
    assert json.loads(proof.extra or b"") == EXTRA
    bare, _ = notes.verify_proof(
        replace(proof, extra=None), merkle.leaf_hash(commitments.entry(LEAF.leaf_id, LEAF.kind, LEAF.commitment)), LOG
    )
    assert bare.size == 11
