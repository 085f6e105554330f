"""The SDK against a registry that runs: tokens and proofs as the registry checks them, keys that rotate, members that
are suspended, answers that were altered."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from gongxin_client import (
    Answer,
    Identifier,
    NewCase,
    NoGround,
    Placement,
    Profile,
    Question,
    Reference,
    Refused,
    Registry,
    VerificationFailed,
    keys,
)
from gongxin_client.receipts import verify_offline
from gongxin_wire.canonical import b64u
from gongxin_wire.identifiers import synthetic_cn_id, synthetic_uscc
from tests import live as living

live = living.live
Live = living.Live
OPENED = date(2026, 1, 5)
SOON = date(2027, 6, 30)


def person(number: int) -> Identifier:
    return Identifier("cn_id", synthetic_cn_id(number))


@pytest.fixture
def bank(live: Live) -> Iterator[Registry]:
    with live.registry(live.member("bank")) as registry:
        yield registry


@pytest.fixture
def agency(live: Live) -> Iterator[Registry]:
    with live.registry(live.member("agency")) as registry:
        yield registry


def placed(bank: Registry, agency: Registry, ref: str, who: Identifier, *references: Reference) -> str:
    """A case that the bank registered and the agency accepted; its id."""
    case = bank.register_case(ref, who, opened_on=OPENED, references=references)
    bank.assign(case, agency.member_id(), mandate_until=SOON)
    return agency.accept(case.case_id).case_id


def code_of(kind: type[Exception], run: Callable[[], Any]) -> str:
    with pytest.raises(kind) as caught:
        run()
    code: str = caught.value.code  # type: ignore[attr-defined]
    return code


# --- who one is -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
def test_a_member_is_who_its_key_says(live: Live, alg: str) -> None:
    profile = live.member("bank", alg=alg, name="银行甲")
    with live.registry(profile) as bank:
        me = bank.me()
        assert (me.member_id, me.kind, me.name_zh, me.state) == (profile.member_id, "bank", "银行甲", "active")
        assert me.member_id in {member.member_id for member in bank.members(kind="bank")}
        assert bank.member(me.member_id) == me
        assert bank.agreements()[0]["in_force"]
        [key] = bank.client_keys()
        assert key["kid"] == profile.key.kid
        assert [client["client_id"] for client in bank.clients()] == [profile.client_id]


def test_a_key_is_rotated_without_a_gap(live: Live, bank: Registry) -> None:
    fresh, old = keys.generate("EdDSA"), bank.profile.key
    assert bank.add_key(fresh.jwk)["kid"] == fresh.kid
    profile = bank.profile
    with live.registry(Profile(profile.registry, profile.client_id, fresh, member_id=profile.member_id)) as renewed:
        renewed.retire_key(old.kid)
        assert renewed.me().state == "active"
    with live.registry(Profile(profile.registry, profile.client_id, old)) as stale, pytest.raises(Refused):
        stale.me()


def test_the_association_takes_in_a_member_and_lets_its_client_go(live: Live) -> None:
    with live.registry(live.member("association")) as association:
        new = association.apply(kind="agency", name_zh="新机构", uscc=synthetic_uscc(812_345_678))
        assert new.state == "applied"
        assert association.change_state(new.member_id, "active", reason="审核通过").state == "active"
        agreed = association.agree(
            new.member_id, purposes=["contact"], budgets={"contact": 10, "evaluation": 100},
            contacts={"operations": "ops@member.example"}, effective_from=datetime.now(UTC),
        )  # fmt: skip
        assert agreed["version"] == 1
        client, key = association.create_client(new.member_id, "系统", scopes=["members.read"]), keys.generate()
        association.add_key(key.jwk, client_id=client["client_id"])
        with live.registry(Profile(live.url, client["client_id"], key)) as agency:
            assert agency.me().member_id == new.member_id
            assert association.revoke_client(client["client_id"])["state"] == "revoked"
            with pytest.raises(Refused):
                agency.me()


def test_one_registry_serves_many_threads(live: Live, bank: Registry) -> None:
    case = bank.register_case("TH-1", person(90), opened_on=OPENED)
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(bank.lookup, person(90), purpose="placement", case_id=case.case_id) for _ in range(30)]
        answers = [each.result() for each in asked]
    assert len({answer.lookup_id for answer in answers}) == 30
    assert {answer.result for answer in answers} == {"none"}


def test_a_registry_that_demands_nonces_is_served_all_the_same(server: str, worker_id: str) -> None:
    with living.serving(server, worker_id, dpop_nonce=True) as strict, strict.registry(strict.member("bank")) as bank:
        assert bank.me().kind == "bank"
        assert bank.register_case("JJ1", person(1), opened_on=OPENED).version == 1


def test_a_suspension_holds_for_a_token_already_given(live: Live, bank: Registry) -> None:
    assert bank.me().state == "active"
    live.change_state(bank.profile, "suspended")
    with pytest.raises(Refused) as caught:
        bank.me()
    assert (caught.value.code, caught.value.exit_code) == ("member_not_active", 3)
    live.change_state(bank.profile, "active")
    assert bank.me().state == "active"


def test_a_client_asks_for_no_more_than_it_has(live: Live) -> None:
    with live.registry(live.member("bank", scopes=["members.read"])) as bank:
        assert bank.me().kind == "bank"
        with pytest.raises(Refused) as caught:
            bank.register_case("JJ1", person(1), opened_on=OPENED)
        assert caught.value.extra["error"] == "invalid_scope"


def test_another_member_s_key_is_not_ours(live: Live, bank: Registry, agency: Registry) -> None:
    mixed = Profile(live.url, bank.profile.client_id, agency.profile.key)
    with live.registry(mixed) as registry, pytest.raises(Refused) as caught:
        registry.me()
    assert (caught.value.status, caught.value.extra["error"]) == (401, "invalid_client")


# --- cases ------------------------------------------------------------------------------------------------------------


def test_a_case_goes_from_bank_to_agency_and_back(bank: Registry, agency: Registry) -> None:
    case = bank.register_case(
        "JJ-1", person(10), opened_on=OPENED, references=[Reference("court_case", "(2025)沪0115民初7号")]
    )
    assert (case.placement, case.version, case.references[0].reference) == ("draft", 1, "（2025）沪0115民初7号")
    assert bank.register_case("JJ-1", person(10), opened_on=OPENED,
                              references=[Reference("court_case",
                              "(2025)沪0115民初7号")]).case_id == case.case_id  # fmt: skip
    assert bank.find_case("JJ-1") == case
    assert bank.find_case("JJ-none") is None
    assigned = bank.assign(case, agency.member_id(), mandate_until=SOON)
    assert (assigned.placement, assigned.mandate_until) == ("assigned", SOON)
    assert code_of(Refused, lambda: bank.recall(case)) == "stale_version"
    accepted = agency.accept(case.case_id)
    with pytest.raises(Refused) as caught:
        agency.decline(accepted)
    assert caught.value.status == 409
    assert "return" in caught.value.extra["legal"]
    assert agency.give_back(accepted, "联系不上").placement == "returned"
    assert [event.status for event in bank.history(case.case_id) if event.axis == "placement"][-1] == "returned"


def test_another_s_case_and_none_read_alike(bank: Registry, agency: Registry) -> None:
    case = bank.register_case("JJ-2", person(11), opened_on=OPENED)
    told = []
    for case_id in (case.case_id, "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"):
        with pytest.raises(Refused) as caught:
            agency.case(case_id)
        told.append((caught.value.status, caught.value.code, caught.value.zh))
    assert told[0] == told[1]
    assert told[0][0] == 404


def test_bulk_lines_succeed_and_fail_one_by_one(bank: Registry, agency: Registry) -> None:
    cases = [NewCase(f"B-{n}", person(100 + n), OPENED) for n in range(5)]
    cases[3] = NewCase("B-1", person(999), OPENED)
    results = list(bank.register_many(cases, chunk=2))
    assert [r.line for r in results] == [1, 2, 3, 4, 5]
    assert [r.status for r in results] == ["created", "created", "created", "refused", "created"]
    assert results[3].problem is not None
    assert results[3].problem.code == "creditor_ref_taken"
    assert results[3].problem.zh
    again = list(bank.register_many(cases[:3]))
    assert [r.status for r in again] == ["exists"] * 3
    assert [r.case_id for r in again] == [r.case_id for r in results[:3]]
    moves = [
        Placement(r.case_id, "assign", agency_id=agency.member_id(), mandate_until=SOON) for r in again if r.case_id
    ]
    done = list(bank.place_many([*moves, Placement(moves[0].case_id, "accept")], chunk=3))
    assert [r.status for r in done] == ["done", "done", "done", "refused"]
    assert [r.line for r in done] == [1, 2, 3, 4]
    assert {case.case_id for case in agency.cases(placement="assigned", limit=1)} == {m.case_id for m in moves}


def test_events_are_asserted_corrected_and_withdrawn(bank: Registry, agency: Registry) -> None:
    case_id = placed(bank, agency, "JJ-3", person(12))
    said = bank.assert_event(case_id, "person", "hardship", effective_on=OPENED, basis="住院")
    assert (said.axis, said.status, said.source, said.prevails) == ("person", "hardship", "creditor", True)
    put = bank.correct_event(said.event_id, "person", "vulnerable", effective_on=OPENED)
    assert put.supersedes == said.event_id
    assert bank.status_of(case_id).axes["person"]["status"] == "vulnerable"
    assert bank.withdraw_event(put.event_id, "录入错误").withdrawn
    assert "person" not in bank.status_of(case_id).axes
    before = datetime.now(UTC) - timedelta(days=1)
    assert bank.status_of(case_id, as_of=datetime.now(UTC)).case_id == case_id
    assert len(list(bank.history(case_id))) >= 3
    with pytest.raises(ValueError, match="time zone"):
        bank.status_of(case_id, as_of=before.replace(tzinfo=None))


# --- look-ups ---------------------------------------------------------------------------------------------------------


def test_a_court_s_word_reaches_the_agency_and_a_stranger_learns_nothing(
    live: Live, bank: Registry, agency: Registry, tmp_path: Path
) -> None:
    who, number = person(20), "（2025）沪0116民初2001号"
    case_id = placed(bank, agency, "JJ-20", who, Reference("court_case", number))
    ask: Callable[[Registry], Answer] = lambda r: r.lookup(who, purpose="contact", case_id=case_id)  # noqa: E731
    assert not ask(agency).must_not_contact
    with (
        live.registry(live.member("court", court_code="沪0116")) as court,
        live.registry(live.member("agency")) as stranger,
        live.registry(live.member("association")) as association,
    ):
        assert court.lookup(who, purpose="judicial", reference=number).result == "none", "nobody else has a record"
        stay = court.court_event(number, "legal", "bankruptcy_stay", effective_on=OPENED, basis="裁定")
        assert [event.court_event_id for event in court.court_events(number)] == [stay.court_event_id]
        told = ask(agency)
        assert (told.stop_flags, told.legal_class, told.must_not_contact) == (("bankruptcy_stay",), "bankruptcy", True)
        nothing = ask(stranger)
        assert (nothing.result, nothing.stop_flags, nothing.legal_class) == ("no_ground", None, None)
        with pytest.raises(NoGround):
            _ = nothing.must_not_contact
        asked, evidence = association.subject_access_with_evidence(who, request_reference="查阅2026-0001")
        kinds = {(entry.member_kind, entry.outcome) for entry in asked}
        assert {("agency", "none"), ("agency", "no_ground"), ("court", "none")} <= kinds
        for name, kept, registry in (("a", told.evidence, agency), ("b", evidence, association)):
            kept.save(tmp_path / name)
            verdict = verify_offline(
                tmp_path / name, keys=registry.profile.pins.receipts, issuer=live.url, member_id=registry.member_id()
            )
            assert verdict.receipt.issuer == live.url
    assert agency.lookup(person(21), purpose="contact", case_id=case_id).result == "no_ground", "another person"
    own = list(agency.own_lookups())
    assert [entry.outcomes["none"] for entry in own] == [0, 1, 1]


def test_many_are_asked_about_with_one_receipt_a_thousand(bank: Registry) -> None:
    people = [person(3000 + n) for n in range(1100)]
    results = bank.register_many(NewCase(f"M-{n}", who, OPENED) for n, who in enumerate(people))
    questions = [Question(who, case_id=r.case_id) for who, r in zip(people, results, strict=True)]
    questions[5] = Question(person(1), case_id=questions[5].case_id)
    answers = list(bank.lookup_many(questions, purpose="placement"))
    assert [n for n, answer in enumerate(answers) if answer.result == "no_ground"] == [5]
    assert len({answer.lookup_id for answer in answers}) == 2


def test_a_purpose_outside_the_agreement_is_refused(live: Live) -> None:
    with live.registry(live.member("bank", purposes=["placement"])) as bank:
        case = bank.register_case("P-1", person(30), opened_on=OPENED)
        assert bank.lookup(person(30), purpose="placement", case_id=case.case_id).result in {"none", "match"}
        with pytest.raises(Refused):
            bank.lookup(person(30), purpose="contact", case_id=case.case_id)


def test_over_budget_is_told_at_once_with_the_time_to_wait(live: Live) -> None:
    with live.registry(live.member("bank", budgets={"placement": 1})) as bank:
        case = bank.register_case("Q-1", person(31), opened_on=OPENED)
        bank.lookup(person(31), purpose="placement", case_id=case.case_id)
        with pytest.raises(Refused) as caught:
            bank.lookup(person(31), purpose="placement", case_id=case.case_id)
        assert (caught.value.code, caught.value.status) == ("budget_exceeded", 429)
        assert caught.value.retry_after


class Altering(httpx.BaseTransport):
    """The network, with somebody on the line who changes answers of look-ups."""

    def __init__(self, change: Callable[[dict[str, Any]], None]) -> None:
        self._inner, self._change = httpx.HTTPTransport(), change

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        if not request.url.path.startswith("/v1/lookups"):
            return response
        body = json.loads(response.read())
        self._change(body)
        return httpx.Response(response.status_code, json=body)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda body: body["answers"][0].update(stop_flags=[]), "other_answer"),
        (lambda body: body.update(fresh_until="2099-01-01T00:00:00.000Z"), "reply_differs"),
        (lambda body: body.update(receipt=body["receipt"][:-10] + "AAAAAAAAAA"), "bad_signature"),
    ],
)
def test_an_answer_altered_on_the_line_is_never_handed_out(
    live: Live, bank: Registry, agency: Registry, change: Any, code: str
) -> None:
    who = person(40)
    ref = f"T-{code}"
    case_id = placed(bank, agency, ref, who)
    bank.assert_event(case_id, "person", "deceased", effective_on=OPENED)
    with live.registry(agency.profile, transport=Altering(change)) as altered:
        assert code_of(VerificationFailed, lambda: altered.lookup(who, purpose="contact", case_id=case_id)) == code
    assert agency.lookup(who, purpose="contact", case_id=case_id).must_not_contact


def test_a_receipt_of_a_key_that_is_not_the_pinned_one_is_refused(live: Live, bank: Registry) -> None:
    case = bank.register_case("K-1", person(41), opened_on=OPENED)
    ask = lambda: bank.lookup(person(41), purpose="placement", case_id=case.case_id)  # noqa: E731
    ask()
    [kid] = bank.profile.pins.receipts
    right, bank.profile.pins.receipts[kid] = bank.profile.pins.receipts[kid], b64u(b"\x01" * 32)
    assert code_of(VerificationFailed, ask) == "bad_signature"
    bank.profile.pins.receipts[kid] = right
    assert ask().result


# --- keys of the registry rotate --------------------------------------------------------------------------------------


def test_receipt_keys_rotate_under_a_running_client(server: str, worker_id: str, tmp_path: Path) -> None:
    with living.serving(server, worker_id) as live, live.registry(live.member("bank")) as bank:
        case = bank.register_case("R-1", person(50), opened_on=OPENED)
        before = bank.lookup(person(50), purpose="placement", case_id=case.case_id)
        kid = live.rotate_receipt_key()
        after = bank.lookup(person(50), purpose="placement", case_id=case.case_id)
        assert set(after.evidence.keys) == {kid}
        for answer in (before, after):
            answer.evidence.save(tmp_path / "r")
            assert verify_offline(tmp_path / "r", keys=bank.profile.pins.receipts).receipt.issuer == live.url


def test_blinding_keys_rotate_and_no_case_is_lost_on_the_way(server: str, worker_id: str) -> None:
    """Registered before, during and after: found in every phase; the old key retires once every case has moved."""
    with living.serving(server, worker_id) as live, live.registry(live.member("bank")) as bank:

        def found(ref: str, number: int) -> str:
            case = bank.find_case(ref)
            assert case is not None
            return bank.lookup(person(number), purpose="placement", case_id=case.case_id).result

        old = bank.register_case("E-1", person(61), opened_on=OPENED)
        assert found("E-1", 61) != "no_ground"
        live.rotate_subject_keys()
        # The client's view of the epochs is up to a minute old: the registry refuses, it fetches, and goes on.
        bank.register_case("E-2", person(62), opened_on=OPENED)
        assert len(bank.subjects.of([person(61)])[0]) == 2
        assert found("E-1", 61) != "no_ground"
        assert found("E-2", 62) != "no_ground"
        assert [r.status for r in bank.register_many([NewCase("E-3", person(63), OPENED)])] == ["created"]
        assert [r.status for r in bank.add_case_keys([(old.case_id, person(61))])] == ["done"]
        live.retire_subject_keys(1)
        assert found("E-1", 61) != "no_ground"
        assert [len(entries) for entries in bank.subjects.of([person(61)])] == [1]
        assert found("E-2", 62) != "no_ground"
        assert set(bank.profile.pins.subjects) >= {"debtor/1", "debtor/2"}


def test_a_bulk_across_a_rotation_loses_no_line(server: str, worker_id: str) -> None:
    with living.serving(server, worker_id) as live, live.registry(live.member("bank")) as bank:
        bank.subjects.epochs()
        live.rotate_subject_keys()
        results = list(bank.register_many(NewCase(f"F-{n}", person(70 + n), OPENED) for n in range(5)))
        assert [(r.line, r.status) for r in results] == [(n + 1, "created") for n in range(5)]
