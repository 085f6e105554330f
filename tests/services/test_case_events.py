"""What is asserted of cases: by whom, what it does, how it is corrected, what reaches a case by its number, what was
known when."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from gongxin import clock
from gongxin.cases import lines, service
from gongxin.cases.service.asserting import Assertion
from gongxin.errors import Conflict, Forbidden, Invalid, NotFound
from gongxin.web.caller import Caller
from tests.services.cases_world import TODAY, Acts, days_ago

# --- events ---------------------------------------------------------------------------------------------------------


def test_an_event_changes_the_case_at_once_and_makes_a_new_version(acts: Acts, bank: Caller) -> None:
    case_id = acts.case(bank)
    told = acts.say(bank, case_id, "person", "deceased")
    assert (told["prevails"], told["source"], told["claimed"]) == (True, "creditor", False)
    case = acts.read(bank, case_id)
    assert (case["stop_flags"], case["version"]) == (["deceased"], 2)
    acts.say(bank, case_id, "person", "lost_contact", ago=20)
    assert acts.read(bank, case_id)["version"] == 2


def test_a_correction_and_a_withdrawal_supersede_and_all_of_it_stays_on_record(acts: Acts, bank: Caller) -> None:
    case_id = acts.case(bank)
    first = acts.say(bank, case_id, "dispute", "identity_fraud")
    with acts.acting(bank) as session:
        said = Assertion("dispute", "objected", days_ago(5))
        second = service.correct_event(session, caller=bank, event_id=uuid.UUID(first["event_id"]), said=said)
    assert second["supersedes"] == first["event_id"]
    assert acts.read(bank, case_id)["stop_flags"] == ["dispute_open"]
    with acts.acting(bank) as session:
        service.withdraw_event(session, caller=bank, event_id=uuid.UUID(second["event_id"]), reason="债务人撤回")
    assert acts.read(bank, case_id)["stop_flags"] == []
    history = acts.history(bank, case_id)
    assert [(e["status"], e["withdrawn"], e["prevails"]) for e in history] == [
        ("identity_fraud", False, False),
        ("objected", False, False),
        ("objected", True, False),
    ]
    for event in history:
        with pytest.raises(Conflict) as caught, acts.acting(bank) as session:
            service.withdraw_event(session, caller=bank, event_id=uuid.UUID(event["event_id"]), reason="x")
        assert caught.value.code == "already_superseded"


def test_only_who_asserted_may_correct_even_when_it_no_longer_sees_the_case(
    acts: Acts, bank: Caller, agency: Caller
) -> None:
    case_id = acts.placed(bank, agency)
    event_id = uuid.UUID(acts.say(agency, case_id, "person", "do_not_contact")["event_id"])
    with pytest.raises(NotFound), acts.acting(bank) as session:
        service.withdraw_event(session, caller=bank, event_id=event_id, reason="x")
    acts.move(bank, case_id, "recall")
    assert acts.read(bank, case_id)["stop_flags"] == ["do_not_contact"]
    with acts.acting(agency) as session:
        service.withdraw_event(session, caller=agency, event_id=event_id, reason="误记")
    assert acts.read(bank, case_id)["stop_flags"] == []


def test_of_two_corrections_at_once_one_stands(acts: Acts, bank: Caller) -> None:
    case_id = acts.case(bank)
    event_id = uuid.UUID(acts.say(bank, case_id, "dispute", "objected")["event_id"])
    gate = threading.Barrier(2)

    def withdraw(_: int) -> str:
        try:
            with acts.acting(bank) as session:
                gate.wait(5)
                service.withdraw_event(session, caller=bank, event_id=event_id, reason="x")
        except Conflict as refusal:
            return refusal.code
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(withdraw, range(2))) == ["already_superseded", "done"]


def test_an_agency_asserts_on_cases_it_has_accepted(acts: Acts, bank: Caller, agency: Caller) -> None:
    case_id = acts.case(bank)
    with pytest.raises(NotFound):
        acts.say(agency, case_id, "person", "deceased")
    acts.move(bank, case_id, "assign", agency_id=agency.member_id)
    with pytest.raises(Conflict) as caught:
        acts.say(agency, case_id, "person", "deceased")
    assert caught.value.code == "case_not_accepted"
    acts.move(agency, case_id, "accept")
    assert acts.say(agency, case_id, "collection", "in_progress")["source"] == "agency"


def test_the_association_records_for_the_subject_on_a_case_it_does_not_see(acts: Acts, bank: Caller) -> None:
    case_id, association = acts.case(bank), acts.member("association")
    with pytest.raises(Invalid) as caught:
        acts.say(association, case_id, "dispute", "objected")
    assert caught.value.pointer == "/basis"
    told = acts.say(association, case_id, "dispute", "objected", basis="诉2026-1")
    assert told["source"] == "debtor"
    assert acts.read(bank, case_id)["stop_flags"] == ["dispute_open"]
    acts.say(association, case_id, "dispute", "complaint_rejected", ago=1, basis="诉2026-1")
    assert acts.read(bank, case_id)["stop_flags"] == []
    with pytest.raises(NotFound):
        acts.read(association, case_id)
    with pytest.raises(NotFound):
        acts.say(association, uuid.uuid4(), "dispute", "objected", basis="诉2026-1")


def test_a_court_s_step_claimed_by_a_party_needs_its_number_which_the_case_then_carries(
    acts: Acts, bank: Caller
) -> None:
    court, number = acts.court()
    case_id = acts.case(bank)
    with pytest.raises(Invalid) as caught:
        acts.say(bank, case_id, "legal", "filed")
    assert caught.value.pointer == "/court_case_number"
    assert acts.say(bank, case_id, "legal", "filed", ago=20, court_case_number=number)["claimed"]
    case = acts.read(bank, case_id)
    assert (case["legal_class"], [r["reference"] for r in case["references"]]) == ("in_court", [number])
    acts.rule(court, number, "judged")
    assert acts.read(bank, case_id)["legal_class"] == "judged"
    assert not acts.read(bank, case_id)["contested"]
    late = acts.say(bank, case_id, "legal", "judged", ago=15, court_case_number=number)
    assert (late["prevails"], late["contested"]) == (False, False)
    wrong = acts.say(bank, case_id, "legal", "effective", ago=1, court_case_number=number)
    assert (wrong["prevails"], wrong["contested"]) == (False, True)
    case = acts.read(bank, case_id)
    assert (case["legal_class"], case["contested"]) == ("judged", True)


def test_a_mediator_sees_the_case_whose_file_it_has_and_asserts_mediation(acts: Acts, bank: Caller) -> None:
    mediator, rival = acts.member("mediator"), acts.member("mediator")
    case_id = acts.case(bank)
    with acts.acting(bank) as session:
        reference = lines.Reference("mediation_file", "调2026-1", mediator.member_id)
        service.link_reference(session, caller=bank, case_id=case_id, reference=reference)
    told = acts.say(mediator, case_id, "legal", "pre_mediation")
    assert (told["source"], told["claimed"]) == ("mediator", False)
    with pytest.raises(NotFound):
        acts.say(rival, case_id, "legal", "pre_mediation")
    with acts.acting(mediator) as session:
        found = service.list_cases(session, caller=mediator, filters={}, after=None, limit=10)
    assert [case["case_id"] for case in found] == [str(case_id)]


def test_what_takes_effect_later_takes_effect_then(acts: Acts, bank: Caller) -> None:
    case_id = acts.case(bank)
    acts.say(bank, case_id, "person", "do_not_contact", ago=-3)
    assert acts.read(bank, case_id)["stop_flags"] == []
    for day, expected in ((TODAY + timedelta(days=2), []), (TODAY + timedelta(days=3), ["do_not_contact"])):
        with acts.acting() as session:
            while service.apply_due_events(session, day, 10_000):
                pass
        assert acts.read(bank, case_id)["stop_flags"] == expected
    with acts.acting(bank) as session:
        later = service.status_as_of(session, case_id=case_id, at=clock.now() + timedelta(days=4))
    assert later["stop_flags"] == ["do_not_contact"]


# --- courts ---------------------------------------------------------------------------------------------------------


def test_a_court_s_event_reaches_every_case_that_carries_the_number_now_or_later(acts: Acts, bank: Caller) -> None:
    (court, number), other = acts.court(), acts.member("bank")
    now, theirs, apart = acts.case(bank, number), acts.case(other, number), acts.case(bank)
    told = acts.rule(court, number, "bankruptcy_accepted")
    assert told.keys() == {
        "court_event_id", "court_case_number", "axis", "status", "effective_on", "basis", "supersedes", "withdrawn",
        "recorded_at",
    }  # fmt: skip
    for who, case_id in ((bank, now), (other, theirs)):
        case = acts.read(who, case_id)
        assert (case["stop_flags"], case["legal_class"], case["version"]) == (["bankruptcy_stay"], "bankruptcy", 2)
    assert acts.read(bank, apart)["stop_flags"] == []
    registered = acts.case(bank, number)
    assert acts.read(bank, registered)["stop_flags"] == ["bankruptcy_stay"]
    with acts.acting(bank) as session:
        reference = lines.Reference("court_case", number)
        _, linked = service.link_reference(session, caller=bank, case_id=apart, reference=reference)
    assert linked["stop_flags"] == ["bankruptcy_stay"]
    (event,) = acts.history(bank, apart)
    assert (event["source"], event["asserted_by"], event["prevails"]) == ("court", str(court.member_id), True)
    with acts.acting(court) as session:
        service.withdraw_court_event(
            session, caller=court, event_id=uuid.UUID(told["court_event_id"]), reason="录入错误"
        )
    for who, case_id in ((bank, now), (other, theirs), (bank, registered), (bank, apart)):
        assert acts.read(who, case_id)["stop_flags"] == []


def test_a_court_learns_nothing_of_the_cases_it_reaches(acts: Acts, bank: Caller) -> None:
    court, number = acts.court()
    acts.case(bank, number)
    with acts.acting(court) as session:
        said = Assertion("legal", "filed", days_ago(9), court_case_number=number)
        service.assert_court_event(session, caller=court, said=said)
        for table in ("cases", "case_references", "case_keys", "case_events"):
            assert session.scalar(text(f"select count(*) from {table}")) == 0
        assert session.scalar(text("select count(*) from court_events")) == 1


def test_a_court_asserts_under_its_own_numbers_only(acts: Acts) -> None:
    court, _ = acts.court()
    neighbour, theirs = acts.court()
    with pytest.raises(Forbidden) as caught:
        acts.rule(court, theirs, "filed")
    assert caught.value.code == "another_courts_number"
    told = acts.rule(neighbour, theirs, "filed")
    with pytest.raises(NotFound), acts.acting(court) as session:
        service.withdraw_court_event(session, caller=court, event_id=uuid.UUID(told["court_event_id"]), reason="x")


def test_a_court_s_correction_stays_under_its_number_and_axis(acts: Acts, bank: Caller) -> None:
    court, number = acts.court()
    case_id = acts.case(bank, number)
    event_id = uuid.UUID(acts.rule(court, number, "enforcing")["court_event_id"])
    wrong = [
        Assertion("person", "deceased", days_ago(1), court_case_number=number),
        Assertion("legal", "filed", days_ago(1), court_case_number=number.replace("民初1号", "民初2号")),
    ]
    for said, pointer in zip(wrong, ("/axis", "/court_case_number"), strict=True):
        with pytest.raises(Invalid) as caught, acts.acting(court) as session:
            service.correct_court_event(session, caller=court, event_id=event_id, said=said)
        assert caught.value.pointer == pointer
    with acts.acting(court) as session:
        said = Assertion("legal", "filed", days_ago(1), court_case_number=number)
        service.correct_court_event(session, caller=court, event_id=event_id, said=said)
    assert acts.read(bank, case_id)["legal_class"] == "in_court"
    with pytest.raises(Conflict) as caught_again, acts.acting(court) as session:
        service.correct_court_event(session, caller=court, event_id=event_id, said=said)
    assert caught_again.value.code == "already_superseded"


def test_a_wrong_number_is_taken_off_the_case_and_its_court_is_heard_no_more(acts: Acts, bank: Caller) -> None:
    court, number = acts.court()
    case_id = acts.case(bank, number)
    acts.rule(court, number, "bankruptcy_accepted")
    before = clock.now()
    with acts.acting(bank) as session:
        _, told = service.unlink_reference(session, caller=bank, case_id=case_id, kind="court_case", reference=number)
    assert (told["stop_flags"], told["references"]) == ([], [])
    assert acts.history(bank, case_id) == []
    with acts.acting(bank) as session:
        assert service.status_as_of(session, case_id=case_id, at=before)["stop_flags"] == ["bankruptcy_stay"]
        assert service.status_as_of(session, case_id=case_id, at=None)["stop_flags"] == []
    with pytest.raises(NotFound), acts.acting(bank) as session:
        service.unlink_reference(session, caller=bank, case_id=case_id, kind="court_case", reference=number)
    with acts.acting(bank) as session:
        reference = lines.Reference("court_case", number)
        _, told = service.link_reference(session, caller=bank, case_id=case_id, reference=reference)
    assert told["stop_flags"] == ["bankruptcy_stay"]


def test_a_link_and_a_court_s_event_at_once_do_not_miss_one_another(acts: Acts, bank: Caller) -> None:
    for _ in range(5):
        (court, number), case_id = acts.court(), acts.case(bank)
        gate = threading.Barrier(2)

        def link(case_id: uuid.UUID = case_id, number: str = number, gate: threading.Barrier = gate) -> None:
            with acts.acting(bank) as session:
                gate.wait(5)
                reference = lines.Reference("court_case", number)
                service.link_reference(session, caller=bank, case_id=case_id, reference=reference)

        def rule(court: Caller = court, number: str = number, gate: threading.Barrier = gate) -> None:
            with acts.acting(court) as session:
                gate.wait(5)
                said = Assertion("person", "deceased", days_ago(9), court_case_number=number)
                service.assert_court_event(session, caller=court, said=said)

        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(link), pool.submit(rule)]:
                done.result(10)
        assert acts.read(bank, case_id)["stop_flags"] == ["deceased"]


def test_a_court_s_event_reaches_thousands_of_cases_in_one_transaction(acts: Acts, bank: Caller) -> None:
    court, number = acts.court()
    body = (
        '{"creditor_ref":"T%d","subject":[{"epoch":1,"token":"' + "A" * 43 + '"}],"opened_on":"2026-03-01",'
        '"references":[{"kind":"court_case","reference":"' + number + '"}]}'
    )
    with acts.acting(bank) as session:
        bodies = [(body % n).encode() for n in range(3000)]
        found = service.register_bulk(session, config=acts.config, caller=bank, bodies=bodies)
    assert all(outcome.created for _, outcome in found)
    acts.rule(court, number, "bankruptcy_accepted")
    with acts.acting(bank) as session:
        reached = session.scalar(text("select count(*) from cases where stop_mask = 1 and legal_class = 6"))
    assert reached == 3000


# --- history and as-of ----------------------------------------------------------------------------------------------


def test_as_of_respects_when_it_was_recorded_and_when_it_takes_effect(acts: Acts, bank: Caller) -> None:
    case_id = acts.case(bank)
    empty = clock.now()
    first = acts.say(bank, case_id, "collection", "instalment", ago=30)
    with acts.acting(bank) as session:
        said = Assertion("collection", "paid_off", days_ago(20))
        second = service.correct_event(session, caller=bank, event_id=uuid.UUID(first["event_id"]), said=said)

    def status(at: datetime) -> Any:
        with acts.acting(bank) as session:
            return service.status_as_of(session, case_id=case_id, at=at)["axes"].get("collection", {}).get("status")

    assert status(empty) is None
    assert status(datetime.fromisoformat(first["recorded_at"])) == "instalment"
    assert status(datetime.fromisoformat(second["recorded_at"])) == "paid_off"
    with pytest.raises(Invalid):
        status(datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(Invalid):
        status(clock.now() + timedelta(days=400))


def test_a_later_link_does_not_rewrite_what_was_known_before(acts: Acts, bank: Caller) -> None:
    court, number = acts.court()
    case_id = acts.case(bank)
    acts.rule(court, number, "enforcing")
    before = clock.now()
    with acts.acting(bank) as session:
        reference = lines.Reference("court_case", number)
        service.link_reference(session, caller=bank, case_id=case_id, reference=reference)
        assert service.status_as_of(session, case_id=case_id, at=before)["legal_class"] == "none"
        assert service.status_as_of(session, case_id=case_id, at=None)["legal_class"] == "enforcing"


def test_the_stored_state_is_what_its_events_say(acts: Acts, bank: Caller, agency: Caller) -> None:
    court, number = acts.court()
    case_id = acts.placed(bank, agency, number)
    acts.say(agency, case_id, "collection", "in_progress", ago=9)
    acts.say(bank, case_id, "person", "hardship", ago=8)
    acts.rule(court, number, "enforcing", ago=7)
    acts.rule(court, number, "enforcement_settled", ago=6)
    acts.say(bank, case_id, "legal", "judged", ago=3, court_case_number=number)
    case = acts.read(bank, case_id)
    with acts.acting(bank) as session:
        status = service.status_as_of(session, case_id=case_id, at=None)
    for name in ("stop_flags", "legal_class", "contested"):
        assert case[name] == status[name]
    assert case["stop_flags"] == ["hardship_plan", "enforcement_settled"]
    assert status["axes"]["placement"]["status"] == "accepted"
