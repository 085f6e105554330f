"""A receipt holds wholly or not at all; keys once seen do not change unnoticed; a file still proves it years later."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gongxin_client import BadInput, Identifier, NoGround, StaleAnswer, Unavailable, VerificationFailed, Withheld, clock
from gongxin_client import receipts as receipts_of_client
from gongxin_client.receipts import verify, verify_offline
from gongxin_wire.canonical import b64u, unb64u
from gongxin_wire.identifiers import synthetic_cn_id
from gongxin_wire.voprf import oprf

from .client_fake import CLEAR, ISSUER, MEMBER, NO_GROUND, STOPPED, FakeRegistry, make_profile

WHO = Identifier("cn_id", synthetic_cn_id(7))
CASE = "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "receipts.md"
QUESTION = {"purpose": "contact", "subject": [], "ground": {"case_id": CASE}}


@pytest.fixture
def fake() -> FakeRegistry:
    return FakeRegistry()


def swapped(receipt: str) -> str:
    """The signature with one bit turned."""
    head, body, signature = receipt.split(".")
    raw = bytearray(unb64u(signature))
    raw[5] ^= 1
    return f"{head}.{body}.{b64u(bytes(raw))}"


def x_of(fake: FakeRegistry) -> str:
    return b64u(fake.receipt_key.public_key().public_bytes_raw())


def checked(fake: FakeRegistry, reply: dict[str, Any], **more: Any) -> Any:
    given: dict[str, Any] = {
        "question": QUESTION, "answers": reply["answers"], "keys": {fake.receipt_kid: x_of(fake)}, "issuer": ISSUER,
        "now": datetime.now(UTC), "member_id": MEMBER, "purpose": "contact", "reply": reply,
        "asked_at": datetime.now(UTC),
    }  # fmt: skip
    return verify(reply["receipt"], **given | more)


def code_of(run: Callable[[], Any]) -> str:
    with pytest.raises(VerificationFailed) as caught:
        run()
    assert caught.value.exit_code == 5
    assert caught.value.fix_zh
    assert caught.value.fix_en
    return caught.value.code


# --- the receipt ------------------------------------------------------------------------------------------------------


def test_the_worked_example_of_the_page_verifies() -> None:
    blocks = PAGE.read_text("utf-8").split("```")
    question, answers = json.loads(blocks[1][5:]), json.loads(blocks[3][5:])
    jwk = {"kid": "example", "x": "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w"}
    receipt = next(block for block in reversed(blocks) if block.strip().startswith("eyJ"))
    found = verify(
        "".join(receipt.split()), question=question, answers=answers, keys={jwk["kid"]: jwk["x"]},
        issuer="https://registry.example", now=datetime(2026, 11, 24, 3, tzinfo=UTC), purpose="contact",
    )  # fmt: skip
    assert (found.purpose, found.policy_version) == ("contact", 1)


def test_a_whole_receipt_holds(fake: FakeRegistry) -> None:
    reply = fake.reply(QUESTION, [CLEAR])
    found = checked(fake, reply)
    assert (found.issuer, found.member_id, found.lookup_id) == (ISSUER, MEMBER, reply["lookup_id"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"question": QUESTION | {"ground": {"case_id": "other"}}}, "other_question"),
        ({"answers": [STOPPED]}, "other_answer"),
        ({"answers": [CLEAR, CLEAR]}, "other_answer"),
        ({"answers": [CLEAR | {"pad": "0"}]}, "other_answer"),
        ({"issuer": "https://other.example"}, "other_issuer"),
        ({"issuer": ISSUER + "/"}, "other_issuer"),
        ({"member_id": "0193a3b0-0000-7000-8000-000000000002"}, "other_member"),
        ({"purpose": "placement"}, "other_purpose"),
        ({"keys": {}}, "unknown_receipt_key"),
        ({"now": timedelta(minutes=-5), "asked_at": None}, "impossible_time"),
        ({"now": timedelta(days=2), "asked_at": timedelta()}, "stale_answer"),
        ({"asked_at": timedelta(minutes=5)}, "replayed_answer"),
        ({"answers": [float("nan")]}, "not_canonical"),
    ],
)
def test_a_receipt_of_something_else_does_not_hold(fake: FakeRegistry, change: dict[str, Any], code: str) -> None:
    reply, now = fake.reply(QUESTION, [CLEAR]), datetime.now(UTC)
    change = {name: now + value if isinstance(value, timedelta) else value for name, value in change.items()}
    assert code_of(lambda: checked(fake, reply, **change)) == code


@pytest.mark.parametrize(
    "change",
    [
        {"lookup_id": "0193a3b0-0000-7000-8000-000000000009"},
        {"as_of": "2026-11-24T02:00:00.000Z"},
        {"fresh_until": "2099-11-24T02:00:00.000Z"},
        {"policy_version": 2},
    ],
)
def test_a_reply_that_says_otherwise_than_its_receipt_is_refused(fake: FakeRegistry, change: dict[str, Any]) -> None:
    reply = fake.reply(QUESTION, [CLEAR]) | change
    assert code_of(lambda: checked(fake, reply)) == "reply_differs"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "kid": "receipt-1", "typ": "gongxin-receipt+jwt"},
        {"alg": "HS256", "kid": "receipt-1", "typ": "gongxin-receipt+jwt"},
        {"alg": "EdDSA", "kid": "receipt-1", "typ": "at+jwt"},
        {"alg": "EdDSA", "kid": "receipt-1"},
        {"alg": "EdDSA", "kid": 1, "typ": "gongxin-receipt+jwt"},
        {"alg": "EdDSA", "kid": "receipt-1", "typ": "gongxin-receipt+jwt", "crit": ["b64"]},
        {"alg": "EdDSA", "kid": "receipt-1", "typ": "gongxin-receipt+jwt", "jwk": {}},
    ],
)
def test_another_header_is_no_receipt(fake: FakeRegistry, header: dict[str, Any]) -> None:
    reply = fake.reply(QUESTION, [CLEAR])
    claims = json.loads(unb64u(reply["receipt"].split(".")[1]))
    reply["receipt"] = fake.sign(claims, header)
    assert code_of(lambda: checked(fake, reply)) in {"not_a_receipt", "unknown_receipt_key"}


@pytest.mark.parametrize(
    "change",
    [{"sub": None}, {"iat": "1"}, {"iat": True}, {"extra": 1}, {"as_of": "x"}, {"as_of": "2026-11-24T02:00:00"}],
)
def test_other_claims_are_no_receipt(fake: FakeRegistry, change: dict[str, Any]) -> None:
    reply = fake.reply(QUESTION, [CLEAR])
    claims = json.loads(unb64u(reply["receipt"].split(".")[1])) | change
    reply["receipt"] = fake.sign({name: value for name, value in claims.items() if value is not None})
    assert code_of(lambda: checked(fake, reply)) == "not_a_receipt"


@pytest.mark.parametrize(
    "change",
    [
        {"id": "0193a3b0-0000-7000-8000-000000000009"},
        {"id": 1},
        {"commitment": "AAAA"},
        {"commitment": None},
        {"more": 1},
    ],
)
def test_a_promise_of_another_form_or_another_look_up_is_no_receipt(fake: FakeRegistry, change: dict[str, Any]) -> None:
    reply = fake.reply(QUESTION, [CLEAR])
    claims = json.loads(unb64u(reply["receipt"].split(".")[1]))
    for leaf in ({**claims["leaf"], **change}, None, [], {}):
        reply["receipt"] = fake.sign(claims | {"leaf": leaf})
        assert code_of(lambda: checked(fake, reply)) == "not_a_receipt"


def test_the_receipt_names_the_leaf_it_is_promised(fake: FakeRegistry) -> None:
    reply = fake.reply(QUESTION, [CLEAR])
    found = checked(fake, reply)
    assert (found.leaf_id, found.commitment) == (reply["lookup_id"], b64u(bytes(32)))


def test_claims_in_another_byte_form_are_no_receipt(fake: FakeRegistry) -> None:
    reply = fake.reply(QUESTION, [CLEAR])
    head, body, _ = reply["receipt"].split(".")
    signed = f"{head}.{b64u(json.dumps(json.loads(unb64u(body)), indent=1).encode())}"
    reply["receipt"] = f"{signed}.{b64u(fake.receipt_key.sign(signed.encode()))}"
    assert code_of(lambda: checked(fake, reply)) == "not_a_receipt"


def test_iat_and_as_of_are_one_moment(fake: FakeRegistry) -> None:
    reply = fake.reply(QUESTION, [CLEAR])
    claims = json.loads(unb64u(reply["receipt"].split(".")[1]))
    reply["receipt"] = fake.sign(claims | {"iat": claims["iat"] - 1})
    assert code_of(lambda: checked(fake, reply)) == "impossible_time"


@given(st.data())
def test_no_receipt_survives_a_change_of_any_character(data: st.DataObject) -> None:
    fake = FakeRegistry()
    reply = fake.reply(QUESTION, [CLEAR])
    text = reply["receipt"]
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != text[at]))
    reply["receipt"] = text[:at] + other + text[at + 1 :]
    code_of(lambda: checked(fake, reply))


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "....", "e30.e30.", "\u00e9.a.b", "W10.W10.AA", "[" * 99999])
def test_what_is_no_receipt_is_said_to_be_none(fake: FakeRegistry, text: str) -> None:
    reply = fake.reply(QUESTION, [CLEAR]) | {"receipt": text}
    assert code_of(lambda: checked(fake, reply)) == "not_a_receipt"


# --- answers ----------------------------------------------------------------------------------------------------------


def test_an_answer_comes_only_with_a_receipt_that_holds(fake: FakeRegistry) -> None:
    answer = fake.registry().lookup(WHO, purpose="contact", case_id=CASE)
    assert (answer.result, answer.stop_flags, answer.must_not_contact) == ("match", (), False)
    fake.answer = STOPPED
    assert fake.registry().lookup(WHO, purpose="contact", case_id=CASE).must_not_contact


@pytest.mark.parametrize(
    "spoil",
    [
        lambda reply: reply["answers"].__setitem__(0, dict(CLEAR)),
        lambda reply: reply.__setitem__("receipt", swapped(reply["receipt"])),
        lambda reply: reply.__setitem__("fresh_until", "2099-01-01T00:00:00.000Z"),
    ],
)
def test_an_answer_altered_on_its_way_is_never_handed_out(fake: FakeRegistry, spoil: Any) -> None:
    fake.answer, fake.spoil = STOPPED, spoil
    with pytest.raises(VerificationFailed):
        fake.registry().lookup(WHO, purpose="contact", case_id=CASE)


@pytest.mark.parametrize(
    "change",
    [
        {"result": "clear"},
        {"result": None},
        {"stop_flags": "bankruptcy_stay"},
        {"stop_flags": [1]},
        {"contested": "no"},
        {"legal_class": 3},
        {"result": "no_ground"},
    ],
)
def test_an_answer_of_another_form_is_none_even_when_signed(fake: FakeRegistry, change: dict[str, Any]) -> None:
    fake.answer = CLEAR | change
    with pytest.raises(Unavailable, match="unreadable_answer"):
        fake.registry().lookup(WHO, purpose="contact", case_id=CASE)


def test_a_reply_with_more_or_fewer_answers_is_none(fake: FakeRegistry) -> None:
    fake.spoil = lambda reply: reply["answers"].append(CLEAR)
    with pytest.raises(Unavailable):
        fake.registry().lookup(WHO, purpose="contact", case_id=CASE)


def test_an_answer_without_ground_cannot_be_misread(fake: FakeRegistry) -> None:
    fake.answer = NO_GROUND
    answer = fake.registry().lookup(WHO, purpose="contact", case_id=CASE)
    with pytest.raises(NoGround):
        _ = answer.must_not_contact
    with pytest.raises(TypeError):
        bool(answer)


def test_withheld_flags_are_not_no_flags(fake: FakeRegistry) -> None:
    fake.answer = CLEAR | {"stop_flags": None}
    answer = fake.registry().lookup(WHO, purpose="contact", case_id=CASE)
    with pytest.raises(Withheld):
        _ = answer.must_not_contact


def test_no_flag_ages_and_a_flag_does_not(fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    clear = fake.registry().lookup(WHO, purpose="contact", case_id=CASE)
    fake.answer = STOPPED
    stopped = fake.registry().lookup(WHO, purpose="contact", case_id=CASE)
    later = datetime.now(UTC) + timedelta(days=3)
    monkeypatch.setattr(clock, "now", lambda: later)
    with pytest.raises(StaleAnswer):
        _ = clear.must_not_contact
    assert stopped.must_not_contact


def test_a_yesterday_s_answer_to_the_same_question_is_a_replay(fake: FakeRegistry) -> None:
    yesterday = datetime.now(UTC) - timedelta(hours=20)
    fake.now = lambda: yesterday
    with pytest.raises(VerificationFailed, match="replayed_answer"):
        fake.registry().lookup(WHO, purpose="contact", case_id=CASE)


# --- keys -------------------------------------------------------------------------------------------------------------


def test_receipt_keys_are_pinned_at_first_use_and_asked_for_once(fake: FakeRegistry) -> None:
    profile = make_profile()
    registry = fake.registry(profile)
    for _ in range(3):
        registry.lookup(WHO, purpose="contact", case_id=CASE)
    assert profile.pins.receipts == {"receipt-1": x_of(fake)}
    assert profile.member_id == MEMBER
    assert fake.count("/v1/disclosure/receipt-keys") == 1
    assert fake.count("/v1/members/me") == 1


def test_a_key_that_differs_from_the_pinned_one_is_refused(fake: FakeRegistry) -> None:
    profile = make_profile()
    fake.registry(profile).lookup(WHO, purpose="contact", case_id=CASE)
    fake.receipt_key = Ed25519PrivateKey.generate()
    assert code_of(lambda: fake.registry(profile).lookup(WHO, purpose="contact", case_id=CASE)) == "bad_signature"


def test_a_new_key_beside_the_pinned_one_is_taken_and_one_that_displaces_it_is_not(fake: FakeRegistry) -> None:
    profile = make_profile()
    fake.registry(profile).lookup(WHO, purpose="contact", case_id=CASE)
    old = x_of(fake)
    fake.receipt_key, fake.receipt_kid = Ed25519PrivateKey.generate(), "receipt-2"
    ask = lambda: fake.registry(profile).lookup(WHO, purpose="contact", case_id=CASE)  # noqa: E731
    assert code_of(ask) == "pinned_key_differs"
    plain = fake.receipt_keys

    def both(request: Any) -> Any:
        import httpx

        keys = plain(request).json()["keys"] + [{"kty": "OKP", "crv": "Ed25519", "kid": "receipt-1", "x": old}]
        return httpx.Response(200, json={"keys": keys})

    fake.receipt_keys = both  # type: ignore[method-assign]
    assert ask().result == "match"
    assert profile.pins.receipts.keys() == {"receipt-1", "receipt-2"}


def test_under_strict_pins_a_new_key_needs_a_person(fake: FakeRegistry) -> None:
    profile = make_profile(strict_pins=True)
    registry = fake.registry(profile)
    assert code_of(lambda: registry.lookup(WHO, purpose="contact", case_id=CASE)) == "key_not_trusted"
    registry.trust_published_keys()
    assert profile.strict_pins
    assert registry.lookup(WHO, purpose="contact", case_id=CASE).result == "match"


def test_a_blinding_key_that_differs_from_the_pinned_one_is_refused(fake: FakeRegistry) -> None:
    profile = make_profile()
    fake.registry(profile).subjects.of([WHO])
    assert profile.pins.subjects.keys() == {"debtor/1"}
    fake.add_epoch(1, "live")
    assert code_of(lambda: fake.registry(profile).subjects.of([WHO])) == "pinned_key_differs"


def test_an_evaluation_under_another_key_is_refused_whatever_key_it_names(fake: FakeRegistry) -> None:
    registry = fake.registry()
    registry.subjects.epochs()
    fake.epochs[1] = ("live", *oprf.generate_key_pair())
    assert code_of(lambda: registry.subjects.of([WHO])) == "proof_does_not_hold"


def test_tokens_are_those_of_the_function_itself(fake: FakeRegistry) -> None:
    people = [Identifier("cn_id", synthetic_cn_id(n % 1500)) for n in range(2300)]
    subjects = fake.registry().subjects.of(people)
    secret = fake.epochs[1][1]
    for at in (0, 999, 1000, 1499, 1500, 2299):
        wanted = b64u(oprf.token(oprf.evaluate_direct(secret, people[at].octets)))
        assert subjects[at] == [{"epoch": 1, "token": wanted}]
    assert fake.count("/v1/subjects/evaluations") == 2, "1,500 people, 1,000 a request, each once"


def test_while_keys_rotate_both_epochs_are_given(fake: FakeRegistry) -> None:
    registry = fake.registry()
    before = registry.subjects.of([WHO])[0]
    fake.move(1, "retiring")
    fake.add_epoch(2, "live")
    fake.add_epoch(3, "next")
    registry.subjects.epochs(refresh=True)
    during = registry.subjects.of([WHO])[0]
    assert [entry["epoch"] for entry in during] == [1, 2]
    assert during[0] == before[0]
    fake.move(1, "retired")
    registry.subjects.epochs(refresh=True)
    assert registry.subjects.of([WHO])[0] == during[1:]


def test_the_cache_of_tokens_is_off_unless_asked_for(fake: FakeRegistry) -> None:
    for size, requests in ((0, 2), (10, 1)):
        fake.requests.clear()
        registry = fake.registry(token_cache=size)
        assert registry.subjects.of([WHO]) == registry.subjects.of([WHO])
        assert fake.count("/v1/subjects/evaluations") == requests


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(fake: FakeRegistry, tmp_path: Path) -> Path:
    fake.answer = STOPPED
    answer = fake.registry().lookup(WHO, purpose="contact", case_id=CASE)
    answer.evidence.save(tmp_path / "receipt.json")
    return tmp_path / "receipt.json"


def test_a_saved_receipt_verifies_without_a_network_and_says_what_it_does_not_prove(
    fake: FakeRegistry, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = verify_offline(saved, keys={"receipt-1": x_of(fake)}, issuer=ISSUER, member_id=MEMBER)
    assert len(verdict.proven) == 4
    assert len(verdict.not_proven) == 3
    later = datetime.now(UTC) + timedelta(days=3650)
    monkeypatch.setattr(clock, "now", lambda: later)
    verdict = verify_offline(saved, keys={"receipt-1": x_of(fake)})
    assert any("past its time" in en for _, en in verdict.not_proven)
    assert WHO.text not in saved.read_text()
    assert saved.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("question", "ground", "case_id"), "other"),
        (("question", "purpose"), "placement"),
        (("reply", "answers", 0, "stop_flags"), []),
        (("reply", "answers", 0, "pad"), ""),
        (("reply", "as_of"), "2020-01-01T00:00:00.000Z"),
        (("reply", "fresh_until"), "2099-01-01T00:00:00.000Z"),
        (("reply", "lookup_id"), "x"),
        (("reply", "policy_version"), 9),
        (("reply", "purpose"), "placement"),
        (("reply", "receipt"), "a.b.c"),
        (("reply", "receipt"), None),
        (("registry",), "https://other.example"),
    ],
)
def test_a_file_tampered_with_anywhere_does_not_verify(
    fake: FakeRegistry, saved: Path, path: tuple[Any, ...], value: Any
) -> None:
    body = json.loads(saved.read_text())
    inner = body
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    saved.write_text(json.dumps(body))
    code_of(lambda: verify_offline(saved, keys={"receipt-1": x_of(fake)}))


def test_keys_inside_the_file_are_not_trusted_for_being_there(fake: FakeRegistry, saved: Path) -> None:
    assert code_of(lambda: verify_offline(saved, keys={})) == "unknown_receipt_key"
    other = b64u(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    assert code_of(lambda: verify_offline(saved, keys={"receipt-1": other})) == "bad_signature"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format":"gongxin-receipt-1"}', "\x00", "[" * 100_000])
def test_another_file_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(BadInput):
        verify_offline(tmp_path / "x", keys={})


@pytest.mark.parametrize(
    "body", [None, [], {}, {"keys": 1}, {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "AA"}]}]
)
def test_another_key_set_is_said_to_be_none(body: Any) -> None:
    with pytest.raises(BadInput, match="not_a_jwks"):
        receipts_of_client.read_jwks(body)
