"""Registering and placing cases: who sees and moves them, the same again, and two at once."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from gongxin.cases import lines, service
from gongxin.errors import Conflict, Invalid, NotFound, Stale
from gongxin.web.caller import Caller
from tests.services.cases_world import TODAY, Acts, days_ago

# --- registration ---------------------------------------------------------------------------------------------------


def new_case(ref: str, token: bytes = bytes(32), **more: Any) -> lines.NewCase:
    return lines.NewCase(ref, [(1, token)], days_ago(100), **more)


def test_the_same_reference_with_the_same_content_is_the_same_case(acts: Acts, bank: Caller) -> None:
    with acts.acting(bank) as session:
        first, _, created = service.register(session, config=acts.config, caller=bank, new=new_case("L1"))
    with acts.acting(bank) as session:
        again, _, anew = service.register(session, config=acts.config, caller=bank, new=new_case("L1"))
    assert (created, anew, first.id) == (True, False, again.id)
    for other in (new_case("L1", b"x" * 32), replace(new_case("L1"), opened_on=days_ago(99))):
        with pytest.raises(Conflict) as caught, acts.acting(bank) as session:
            service.register(session, config=acts.config, caller=bank, new=other)
        assert (caught.value.code, caught.value.pointer) == ("creditor_ref_taken", "/creditor_ref")
    neighbour = acts.member("bank")
    with acts.acting(neighbour) as session:
        theirs, _, _ = service.register(session, config=acts.config, caller=neighbour, new=new_case("L1"))
    assert theirs.id != first.id


def test_a_case_that_has_moved_on_is_still_the_same_when_it_is_sent_again(acts: Acts, bank: Caller) -> None:
    reference = lines.Reference("court_case", "（2025）沪0115民初9号")
    with acts.acting(bank) as session:
        new = new_case("L1", references=(reference,))
        case, _, _ = service.register(session, config=acts.config, caller=bank, new=new)
        service.link_reference(
            session, caller=bank, case_id=case.id, reference=lines.Reference("court_case", "（2025）沪0115执9号")
        )
    with acts.acting(bank) as session:
        again, out, created = service.register(session, config=acts.config, caller=bank, new=new)
    assert (again.id, created, len(out["references"])) == (case.id, False, 2)


def test_two_registrations_at_once_make_one_case(acts: Acts, bank: Caller) -> None:
    gate = threading.Barrier(2)

    def register(_: int) -> tuple[uuid.UUID, bool]:
        with acts.acting(bank) as session:
            gate.wait(5)
            case, _out, created = service.register(session, config=acts.config, caller=bank, new=new_case("RACE"))
            return case.id, created

    with ThreadPoolExecutor(2) as pool:
        (one, first), (other, second) = pool.map(register, range(2))
    assert one == other
    assert {first, second} == {True, False}


def test_two_batches_of_the_same_cases_in_other_orders_do_not_lock_one_another_out(acts: Acts, bank: Caller) -> None:
    bodies = [
        b'{"creditor_ref":"P%d","subject":[{"epoch":1,"token":"%s"}],"opened_on":"2026-03-01"}'
        % (n, b"A" * 41 + b"%dA" % (n % 10))
        for n in range(300)
    ]
    gate = threading.Barrier(2)

    def register(order: int) -> int:
        with acts.acting(bank) as session:
            gate.wait(5)
            found = service.register_bulk(session, config=acts.config, caller=bank, bodies=bodies[::order])
            assert all(outcome.refusal is None for _, outcome in found)
            return sum(outcome.created for _, outcome in found)

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(register, (1, -1))) == 300


def test_only_an_active_mediator_has_a_mediation_file(acts: Acts, bank: Caller) -> None:
    reference = lines.Reference("mediation_file", "调1", acts.member("agency").member_id)
    with pytest.raises(Invalid) as caught, acts.acting(bank) as session:
        service.register(session, config=acts.config, caller=bank, new=new_case("L1", references=(reference,)))
    assert caught.value.pointer == "/references/0/member_id"


def test_keys_of_a_new_epoch_are_added_to_one_s_own_cases_and_a_subject_never_changes(acts: Acts, bank: Caller) -> None:
    case_id, foreign = acts.case(bank, token=bytes(32)), acts.case(acts.member("bank"))
    line = '{"case_id":"%s","subject":[{"epoch":%d,"token":"%s"}]}'
    zero, other = "A" * 43, "B" * 42 + "A"
    bodies = [
        (line % (case_id, 2, other)).encode(),
        (line % (foreign, 2, zero)).encode(),
        (line % (case_id, 1, zero)).encode(),
    ]
    with acts.acting(bank) as session:
        found = service.rekey_bulk(session, config=acts.config, caller=bank, bodies=bodies)
    assert [refusal.code if refusal else None for _, refusal in found] == [None, "case_not_found", "repeated_in_batch"]
    for body, code in (
        (bodies[0], None),
        (line % (case_id, 1, zero), None),
        (line % (case_id, 2, zero), "another_subject"),
    ):
        raw = body if isinstance(body, bytes) else body.encode()
        with acts.acting(bank) as session:
            ((_, refusal),) = service.rekey_bulk(session, config=acts.config, caller=bank, bodies=[raw])
        assert (refusal.code if refusal else None) == code


# --- placement ------------------------------------------------------------------------------------------------------


def test_an_agency_sees_a_case_from_its_assignment_until_it_lets_go(acts: Acts, bank: Caller, agency: Caller) -> None:
    case_id = acts.case(bank)
    with pytest.raises(NotFound):
        acts.read(agency, case_id)
    acts.move(bank, case_id, "assign", agency_id=agency.member_id, mandate_until=TODAY)
    assert acts.read(agency, case_id)["mandate_until"] == TODAY.isoformat()
    acts.move(agency, case_id, "accept")
    acts.move(bank, case_id, "hold_over", mandate_until=TODAY + timedelta(days=30))
    assert acts.read(agency, case_id)["placement"] == "held_over"
    told = acts.move(agency, case_id, "return", reason="失联")
    assert (told["placement"], told["agency_id"], told["mandate_until"]) == ("returned", None, None)
    with pytest.raises(NotFound):
        acts.read(agency, case_id)
    with pytest.raises(NotFound):
        acts.move(agency, case_id, "accept")


def test_every_action_is_in_the_history_with_who_did_it(acts: Acts, bank: Caller, agency: Caller) -> None:
    case_id = acts.placed(bank, agency)
    acts.move(bank, case_id, "recall", reason="债务人已还款")
    found = acts.history(bank, case_id)
    assert [(e["axis"], e["status"], e["source"], e["asserted_by"]) for e in found] == [
        ("placement", "assigned", "creditor", str(bank.member_id)),
        ("placement", "accepted", "agency", str(agency.member_id)),
        ("placement", "recalled", "creditor", str(bank.member_id)),
    ]
    assert [e["prevails"] for e in found] == [False, False, True]
    assert found[2]["basis"] == "债务人已还款"


def test_a_case_goes_to_an_active_agency_only(acts: Acts, bank: Caller, agency: Caller) -> None:
    case_id, mediator = acts.case(bank), acts.member("mediator")
    acts.world.connection.execute(text("update members set state = 'suspended' where id = :m"), {"m": agency.member_id})
    for nobody in (agency.member_id, mediator.member_id, uuid.uuid4()):
        with pytest.raises(Invalid) as caught:
            acts.move(bank, case_id, "assign", agency_id=nobody)
        assert caught.value.pointer == "/agency_id"


def test_an_action_by_the_wrong_side_is_refused_with_what_is_legal(acts: Acts, bank: Caller, agency: Caller) -> None:
    case_id = acts.placed(bank, agency)
    with pytest.raises(Conflict) as caught:
        acts.move(bank, case_id, "accept")
    assert caught.value.extra["legal"] == ["hold_over", "recall", "claim_assign"]
    with pytest.raises(Conflict) as caught:
        acts.move(agency, case_id, "recall")
    assert caught.value.extra["legal"] == ["return"]


def test_of_two_acceptances_at_once_one_wins_and_the_other_is_told(acts: Acts, bank: Caller, agency: Caller) -> None:
    case_id = acts.case(bank)
    acts.move(bank, case_id, "assign", agency_id=agency.member_id)
    gate = threading.Barrier(2)

    def accept(_: int) -> str:
        gate.wait(5)
        try:
            acts.move(agency, case_id, "accept", if_match={2})
        except (Stale, Conflict) as refusal:
            return refusal.code
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(accept, range(2))) == ["done", "stale_version"]
    assert len(acts.history(bank, case_id)) == 2


def test_mandates_that_have_ended_expire_by_the_registry_s_clock(acts: Acts, bank: Caller, agency: Caller) -> None:
    case_id = acts.case(bank)
    acts.move(bank, case_id, "assign", agency_id=agency.member_id, mandate_until=TODAY)
    acts.move(agency, case_id, "accept")
    tomorrow = TODAY + timedelta(days=1)
    with acts.acting() as session:
        service.expire_mandates(session, TODAY, 10_000)
    assert acts.read(bank, case_id)["placement"] == "accepted"
    with acts.acting() as session:
        while service.expire_mandates(session, tomorrow, 10_000):
            pass
    told = acts.read(bank, case_id)
    assert (told["placement"], told["agency_id"], told["mandate_until"]) == ("mandate_expired", None, None)
    last = acts.history(bank, case_id)[-1]
    assert (last["status"], last["source"], last["asserted_by"]) == ("mandate_expired", "registry", None)
    with pytest.raises(NotFound):
        acts.read(agency, case_id)


def test_a_batch_of_placements_does_what_it_can(acts: Acts, bank: Caller, agency: Caller) -> None:
    fresh, placed, foreign = acts.case(bank), acts.placed(bank, agency), acts.case(acts.member("bank"))
    line = '{"case_id":"%s","action":"assign","agency_id":"' + str(agency.member_id) + '"%s}'
    bodies = [
        line % (fresh, ""),
        line % (placed, ""),
        line % (foreign, ""),
        line % (fresh, ""),
        line % (placed, ',"version":1'),
    ]
    with acts.acting(bank) as session:
        found = service.place_bulk(session, caller=bank, bodies=[b.encode() for b in bodies], max_depth=16)
    assert [(v, r.code if r else None) for _, v, r in found] == [
        (2, None),
        (None, "illegal_transition"),
        (None, "case_not_found"),
        (None, "repeated_in_batch"),
        (None, "repeated_in_batch"),
    ]
    with acts.acting(bank) as session:
        recall = '{"case_id":"%s","action":"recall","version":%d}'
        bodies = [recall % (placed, 1), recall % (fresh, 2)]
        found = service.place_bulk(session, caller=bank, bodies=[b.encode() for b in bodies], max_depth=16)
    assert [(v, r.code if r else None) for _, v, r in found] == [(None, "stale_version"), (3, None)]
    assert acts.read(bank, fresh)["version"] == 3
