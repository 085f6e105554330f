"""What an answer may show, what a grant covers, how a receipt reads."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gongxin.disclosure import leaves, receipts, rules
from gongxin.disclosure.rules import Outcome
from gongxin.errors import Forbidden, Invalid
from gongxin_wire.canonical import b64u, canonical, digest, unb64u

ALL = frozenset(rules.FIELDS)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "receipts.md"

outcomes = st.builds(
    Outcome,
    st.sampled_from(["none", "match"]),
    st.integers(0, (1 << len(rules.STOP_FLAGS)) - 1),
    st.integers(0, len(rules.LEGAL_CLASSES) - 1),
    st.booleans(),
) | st.just(Outcome("no_ground"))


@given(outcomes)
def test_an_outcome_survives_packing(outcome: Outcome) -> None:
    assert rules.unpack(rules.pack(outcome)) == outcome


@given(outcomes, st.sets(st.sampled_from(rules.FIELDS)))
def test_every_answer_has_the_same_size_and_canonical_form(outcome: Outcome, fields: set[str]) -> None:
    raw = rules.answer_of_code(rules.pack(outcome), frozenset(fields))
    assert len(raw) == rules.ANSWER_BYTES
    assert canonical(json.loads(raw)) == raw


def test_no_ground_can_never_be_read_as_clear() -> None:
    answer = json.loads(rules.answer_of_code(0, ALL))
    assert answer.pop("pad")
    assert answer == {"result": "no_ground", "stop_flags": None, "legal_class": None, "contested": None}


def test_a_field_that_the_policy_withholds_is_null_and_not_empty() -> None:
    code = rules.pack(Outcome("match", 0b11, 4, True))
    told = json.loads(rules.answer_of_code(code, frozenset({"result", "legal_class"})))
    assert (told["result"], told["stop_flags"], told["legal_class"], told["contested"]) == (
        "match", None, "enforcing", None,
    )  # fmt: skip


def test_stop_flags_keep_their_order_and_unknown_words_are_refused() -> None:
    mask = rules.mask_of(["hardship_plan", "bankruptcy_stay"])
    assert rules.flags_of(mask) == ["bankruptcy_stay", "hardship_plan"]
    with pytest.raises(ValueError):
        rules.mask_of(["nonsense"])


GRANT = {"type": "gongxin_lookup", "purpose": "contact", "data_types": ["case_status"]}


@pytest.mark.parametrize(
    ("grants", "code"),
    [
        ([], "purpose_not_granted"),
        ([GRANT | {"purpose": "placement"}], "purpose_not_granted"),
        ([GRANT | {"type": "other"}], "purpose_not_granted"),
        ([GRANT | {"data_types": []}], "data_type_not_granted"),
        ([{"type": "gongxin_lookup", "purpose": "contact"}], "data_type_not_granted"),
        ([GRANT | {"case_references": ["b"]}], "case_not_granted"),
    ],
)
def test_a_question_outside_the_grant_is_forbidden(grants: list[dict[str, Any]], code: str) -> None:
    with pytest.raises(Forbidden) as caught:
        rules.find_grant(grants, "contact", ["a"])
    assert caught.value.code == code


def test_a_grant_that_lists_cases_covers_each_of_them_however_it_writes_them() -> None:
    listed = GRANT | {"case_references": ["(2025)沪0115民初1号", "调解 2026-7"]}
    normal = "（2025）沪0115民初1号"
    assert rules.find_grant([GRANT | {"purpose": "judicial"}, listed], "contact", [normal, "调解2026-7"]) is listed
    with pytest.raises(Forbidden):
        rules.find_grant([listed], "contact", [normal, "调解2026-8"])


@pytest.mark.parametrize("text", ["", "   ", "a\x00b", "<script>", "x" * 65, "-7", "a;b"])
def test_a_file_number_out_of_form_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        rules.file_number(text, "/ground/reference")
    assert caught.value.pointer == "/ground/reference"


def test_a_file_number_reads_the_same_however_it_is_typed() -> None:
    assert (
        rules.file_number(" 调解（２０２６） 第12号 ", "")
        == rules.file_number("调解(2026)第12号", "")
        == "调解(2026)第12号"
    )


def test_a_purpose_is_for_the_kinds_that_the_policy_names() -> None:
    policy = rules.policy_fields([{"asker": "court", "purpose": "judicial", "fields": ["result"]}])
    assert rules.fields_for(policy, "court", "judicial") == {"result"}
    with pytest.raises(Forbidden):
        rules.fields_for(policy, "agency", "judicial")


ROW = {"asker": "bank", "relation": "creditor", "purpose": "contact", "fields": ["result", "stop_flags"]}


@pytest.mark.parametrize(
    "row",
    [
        ROW | {"purpose": "marketing"},
        ROW | {"purpose": "placement", "fields": ["result", "creditor"]},
        ROW | {"purpose": "placement", "fields": ["stop_flags"]},
        ROW | {"purpose": "placement", "fields": "result"},
        ROW | {"purpose": "placement", "fields": [["result"]]},
        ROW | {"purpose": ["placement"]},
        ROW | {"asker": "agency", "relation": "oversight"},
        ROW | {"asker": "stranger"},
        ROW | {"asker": "court"},
        ROW | {"purpose": "placement", "note": "x"},
        ROW,
        {},
    ],
)
def test_a_policy_cannot_disclose_what_is_not_a_field_of_ours_nor_say_a_thing_twice(row: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        rules.check_policy([ROW, row])
    assert caught.value.pointer == "/rows/1"


def test_the_subject_reads_whether_a_question_was_answered_refused_or_without_ground() -> None:
    match = rules.pack(Outcome("match", 1))
    assert [rules.outcome_word(match, None), rules.outcome_word(None, "x"), rules.outcome_word(0, None)] == [
        "match", "refused", "no_ground",
    ]  # fmt: skip
    assert rules.fields_told(["stop_flags", "result"], match) == ["result", "stop_flags"]
    assert rules.fields_told(["stop_flags", "result"], 0) == ["result"]


# --- receipts -------------------------------------------------------------------------------------------------------

QUESTION = {
    "purpose": "contact",
    "subject": [{"epoch": 1, "token": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}],
    "ground": {"case_id": "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"},
}


def example(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The worked example of docs/receipts.md, made by the code."""
    private = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
    jwk = {"kty": "OKP", "crv": "Ed25519", "kid": "example", "x": b64u(private.public_key().public_bytes_raw())}
    key = SimpleNamespace(kid="example", alg="EdDSA", private_key=private, public_jwk=jwk)
    monkeypatch.setattr(receipts.access, "signing_key", lambda _runtime, _use: key)
    answers = b"[%s]" % rules.answer_of_code(rules.pack(Outcome("match", 1, 6)), ALL)
    receipt = receipts.sign(
        SimpleNamespace(config=SimpleNamespace(issuer="https://registry.example")),
        member_id=UUID("0193a3b0-0000-7000-8000-000000000001"),
        lookup_id=UUID("0193a3c1-0f6e-7a52-8b1d-2c3d4e5f6a7b"),
        purpose="contact",
        question=digest(QUESTION),
        answer=answers,
        asked_at=datetime(2026, 11, 24, 2, 0, tzinfo=UTC),
        fresh_until=datetime(2026, 11, 25, 2, 0, tzinfo=UTC),
        policy_version=1,
        leaf=leaves.promise(UUID("0193a3c1-0f6e-7a52-8b1d-2c3d4e5f6a7b"), b"\x02" * 32, b"{}"),
    )
    return {
        "QUESTION": canonical(QUESTION).decode(),
        "ANSWERS": answers.decode(),
        "QDIGEST": b64u(digest(QUESTION)),
        "ADIGEST": b64u(digest(json.loads(answers))),
        "PAYLOAD": unb64u(receipt.split(".")[1]).decode(),
        "JWK": json.dumps(jwk, separators=(",", ":")),
        "RECEIPT": receipt.replace(".", "\n."),
    }


def test_the_documentation_s_example_is_what_the_code_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, value in example(monkeypatch).items():
        assert value in page, f"docs/receipts.md: {name} should be\n{value}"


def test_the_documentation_s_receipt_verifies_with_the_key_beside_it() -> None:
    page = PAGE.read_text(encoding="utf-8")
    jwk = json.loads(re.search(r"`(\{\"kty\".*?\})`", page)[1])  # type: ignore[index]
    header, payload, signature = re.search(r"```\n(eyJ[^`]+)```", page)[1].replace("\n", "").split(".")  # type: ignore[index]
    public = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32).public_key()
    assert b64u(public.public_bytes_raw()) == jwk["x"]
    public.verify(unb64u(signature), f"{header}.{payload}".encode())
    assert json.loads(unb64u(header)) == {"alg": "EdDSA", "kid": "example", "typ": "gongxin-receipt+jwt"}
    assert canonical(json.loads(unb64u(payload))) == unb64u(payload)


@given(
    st.recursive(st.text() | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans() | st.none(), st.lists, max_leaves=9)
)
def test_what_we_serialise_is_rfc_8785(value: Any) -> None:
    body = {"purpose": value, "answers": [value], "a": {"z": 1, "b": value}}
    assert receipts.canonical(body) == canonical(body)
