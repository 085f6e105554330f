"""The fences of the database around cases: rows, rights, each constraint violated once."""

import uuid
from datetime import date

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import ids
from gongxin.cases import service
from gongxin.cases.service.asserting import Assertion
from gongxin.web.caller import Caller
from tests.conftest import act_for
from tests.services.cases_world import TODAY, Acts, days_ago

# --- fences ---------------------------------------------------------------------------------------------------------


def test_a_query_without_a_filter_returns_only_one_s_own(acts: Acts, bank: Caller, agency: Caller) -> None:
    court, number = acts.court()
    mine, other = acts.placed(bank, agency, number), acts.member("bank")
    acts.case(bank)
    acts.placed(other, acts.member("agency"), number)
    acts.say(agency, mine, "collection", "in_progress")
    acts.rule(court, number, "filed")
    nothing = {"cases": 0, "case_keys": 0, "case_references": 0, "case_events": 0, "court_events": 0}
    for caller, counts in (
        (bank, {"cases": 2, "case_keys": 2, "case_references": 1, "case_events": 3, "court_events": 1}),
        (agency, {"cases": 1, "case_keys": 0, "case_references": 1, "case_events": 3, "court_events": 1}),
        (acts.member("agency"), nothing),
        (acts.member("association"), nothing),
        (court, nothing | {"court_events": 1}),
    ):
        with acts.acting(caller) as session:
            found = {table: session.scalar(text(f"select count(*) from {table}")) for table in counts}
        assert found == counts, caller.kind


def test_without_a_named_caller_nothing_is_read(engine: Engine) -> None:
    with Session(engine) as session, pytest.raises(DBAPIError):
        session.execute(text("select * from cases")).all()


@pytest.mark.parametrize(
    "sql",
    [
        "update cases set stop_mask = 0, version = version + 1",
        "insert into cases (id, creditor_id, creditor_ref, opened_on)"
        " values (gen_random_uuid(), '{other}', 'x', now())",
        "insert into cases (id, creditor_id, creditor_ref, opened_on, stop_mask)"
        " values (gen_random_uuid(), '{me}', 'x', now(), 1)",
        "insert into case_keys values ('{foreign}', 1, decode(repeat('00', 32), 'hex'))",
        "insert into case_references (case_id, kind, reference) values ('{foreign}', 'court_case', 'x')",
        "insert into case_events (id, case_id, axis, status, effective_on, source, asserted_by, recorded_at)"
        " values (gen_random_uuid(), '{foreign}', 'person', 'deceased', '2026-01-01', 'creditor', '{me}', now())",
        "insert into case_events (id, case_id, axis, status, effective_on, source, asserted_by, recorded_at)"
        " values (gen_random_uuid(), '{mine}', 'person', 'deceased', '2026-01-01', 'creditor', '{other}', now())",
        "insert into court_events (id, court_id, court_code, reference, axis, status, effective_on, recorded_at)"
        " values (gen_random_uuid(), '{me}', '沪0115', '（2025）沪0115民初1号', 'legal', 'filed', '2026-01-01', now())",
    ],
)
def test_a_member_writes_its_own_records_and_no_projection(acts: Acts, bank: Caller, sql: str) -> None:
    other = acts.member("bank")
    names = {"me": bank.member_id, "other": other.member_id, "mine": acts.case(bank), "foreign": acts.case(other)}
    with pytest.raises(DBAPIError) as caught, acts.acting(bank) as session:
        session.execute(text(sql.format(**names)))
    assert "row-level security" in str(caught.value.orig)


def test_a_court_cannot_pretend_to_another_s_code(acts: Acts) -> None:
    court, _ = acts.court()
    sql = (
        "insert into court_events (id, court_id, court_code, reference, axis, status, effective_on, recorded_at)"
        " values (gen_random_uuid(), :me, '沪0115', '（2025）沪0115民初1号', 'legal', 'filed', '2026-01-01', now())"
    )
    with pytest.raises(DBAPIError) as caught, acts.acting(court) as session:
        session.execute(text(sql), {"me": court.member_id})
    assert "row-level security" in str(caught.value.orig)


@pytest.mark.parametrize(
    "sql",
    [
        "delete from cases", "delete from case_events", "delete from court_events", "delete from case_references",
        "delete from case_keys", "update case_events set status = 'deceased'",
        "update court_events set status = 'filed'",
        "update case_keys set epoch = 2", "update cases set creditor_ref = 'x'", "update cases set opened_on = now()",
        "update case_references set reference = 'x'",
    ],
)  # fmt: skip
def test_the_web_role_has_no_right_to_change_history(session: Session, sql: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        session.execute(text(sql))
    assert "permission denied" in str(caught.value.orig)


CASE = (
    "insert into cases (id, creditor_id, creditor_ref, opened_on{names}) values (gen_random_uuid(), '{bank}', '{ref}'"
)
EVENT = (
    "insert into case_events (id, case_id, axis, status, effective_on, source, asserted_by, recorded_at{names})"
    " values (gen_random_uuid(), '{case}', "
)
COURT_EVENT = (
    "insert into court_events (id, court_id, court_code, reference, axis, status, effective_on, recorded_at{names})"
    " values (gen_random_uuid(), '{court}', "
)


@pytest.mark.parametrize(
    ("constraint", "sql"),
    [
        ("uq_cases_creditor_id_creditor_ref", CASE.replace("'{ref}'", "'{taken}'") + ", '2026-01-01')"),
        ("ck_cases_creditor_ref", CASE.replace("'{ref}'", "''") + ", '2026-01-01')"),
        ("ck_cases_opened_on", CASE + ", '1979-12-31')"),
        ("ck_cases_placement", CASE.replace("{names}", ", placement") + ", '2026-01-01', 'lost')"),
        ("ck_cases_held", CASE.replace("{names}", ", placement") + ", '2026-01-01', 'accepted')"),
        ("ck_cases_stop_mask", CASE.replace("{names}", ", stop_mask") + ", '2026-01-01', 65536)"),
        ("ck_cases_legal_class", CASE.replace("{names}", ", legal_class") + ", '2026-01-01', 7)"),
        ("ck_cases_version", CASE.replace("{names}", ", version") + ", '2026-01-01', 0)"),
        ("cases_agency", CASE.replace("{names}", ", agency_id") + ", '2026-01-01', '{bank}')"),
        ("fk_cases_creditor_id", CASE.replace("{bank}", str(uuid.UUID(int=9))) + ", '2026-01-01')"),
        ("cases_identity", "update cases set creditor_ref = 'other' where id = '{case}'"),
        ("cases_identity", "update cases set opened_on = '2026-01-02' where id = '{case}'"),
        ("cases_identity", "update cases set creditor_id = '{court}' where id = '{case}'"),
        ("cases_version", "update cases set version = version + 2 where id = '{case}'"),
        ("cases_version", "update cases set version = version - 1 where id = '{case}'"),
        ("ck_case_keys_epoch", "insert into case_keys values ('{case}', 0, decode(repeat('00', 32), 'hex'))"),
        ("ck_case_keys_subject_key", "insert into case_keys values ('{case}', 7, '\\x00')"),
        ("pk_case_keys", "insert into case_keys values ('{case}', 1, decode(repeat('00', 32), 'hex'))"),
        ("append_only_case_keys", "delete from case_keys where case_id = '{case}'"),
        (
            "ck_case_references_kind",
            "insert into case_references (case_id, kind, reference) values ('{case}', 'x', 'x')",
        ),
        (
            "ck_case_references_mediator",
            "insert into case_references (case_id, kind, reference) values ('{case}', 'mediation_file', 'x')",
        ),
        (
            "ck_case_references_reference",
            "insert into case_references (case_id, kind, reference) values ('{case}', 'court_case', '')",
        ),
        (
            "ck_case_references_ended",
            "insert into case_references (case_id, kind, reference, ended_at)"
            " values ('{case}', 'court_case', 'x', now())",
        ),
        (
            "ix_case_references_once",
            "insert into case_references (case_id, kind, reference, linked_at)"
            " values ('{case}', 'court_case', '{number}', now() + interval '1 s')",
        ),
        ("case_references_end", "update case_references set reference = 'x' where case_id = '{case}'"),
        ("case_references_end", "delete from case_references where case_id = '{case}'"),
        ("ck_case_events_status", EVENT + "'person', 'filed', '2026-01-01', 'creditor', '{bank}', now())"),
        ("ck_case_events_source", EVENT + "'person', 'deceased', '2026-01-01', 'court', '{bank}', now())"),
        ("ck_case_events_asserted_by", EVENT + "'person', 'deceased', '2026-01-01', 'creditor', null, now())"),
        ("ck_case_events_asserted_by", EVENT + "'person', 'deceased', '2026-01-01', 'registry', '{bank}', now())"),
        ("ck_case_events_effective_on", EVENT + "'person', 'deceased', '2099-01-01', 'creditor', '{bank}', now())"),
        (
            "ck_case_events_claimed",
            EVENT.replace("{names}", ", claimed")
            + "'legal', 'filed', '2026-01-01', 'creditor', '{bank}', now(), true)",
        ),
        (
            "ck_case_events_basis",
            EVENT.replace("{names}", ", basis")
            + "'person', 'deceased', '2026-01-01', 'creditor', '{bank}', now(), '')",
        ),
        (
            "ck_case_events_withdrawn",
            EVENT.replace("{names}", ", withdrawn")
            + "'person', 'deceased', '2026-01-01', 'creditor', '{bank}', now(), true)",
        ),
        (
            "fk_case_events_supersedes_case_id_axis_asserted_by",
            EVENT.replace("{names}", ", supersedes")
            + "'person', 'hardship', '2026-01-01', 'creditor', '{bank}', now(), '{foreign}')",
        ),
        (
            "uq_case_events_supersedes",
            EVENT.replace("{names}", ", supersedes")
            + "'person', 'hardship', '2026-01-01', 'creditor', '{bank}', now(), '{superseded}')",
        ),
        (
            "ck_case_events_placement",
            EVENT.replace("{names}", ", supersedes")
            + "'placement', 'draft', '2026-01-01', 'creditor', '{bank}', now(), '{superseded}')",
        ),
        ("append_only_case_events", "update case_events set basis = 'x' where case_id = '{case}'"),
        ("append_only_case_events", "delete from case_events where case_id = '{case}'"),
        (
            "ck_court_events_own_number",
            COURT_EVENT + "substr('{code}', 1, 3), '{number}', 'legal', 'filed', '2026-01-01', now())",
        ),
        ("ck_court_events_status", COURT_EVENT + "'{code}', '{number}', 'dispute', 'objected', '2026-01-01', now())"),
        ("ck_court_events_effective_on", COURT_EVENT + "'{code}', '{number}', 'legal', 'filed', '1970-01-01', now())"),
        (
            "ck_court_events_withdrawn",
            COURT_EVENT.replace("{names}", ", withdrawn")
            + "'{code}', '{number}', 'legal', 'filed', '2026-01-01', now(), true)",
        ),
        (
            "ck_court_events_basis",
            COURT_EVENT.replace("{names}", ", basis")
            + "'{code}', '{number}', 'legal', 'filed', '2026-01-01', now(), '')",
        ),
        (
            "fk_court_events_supersedes_court_id_reference_axis",
            COURT_EVENT.replace("{names}", ", supersedes")
            + "'{code}', '{number}', 'person', 'deceased', '2026-01-01', now(), '{court_event}')",
        ),
        ("append_only_court_events", "update court_events set basis = 'x' where court_id = '{court}'"),
    ],
)
def test_the_database_refuses_what_must_never_happen(acts: Acts, bank: Caller, constraint: str, sql: str) -> None:
    court, number = acts.court()
    case_id = acts.case(bank, number)
    other = acts.member("bank")
    foreign = acts.say(other, acts.case(other), "person", "hardship")["event_id"]
    first = acts.say(bank, case_id, "person", "lost_contact")["event_id"]
    with acts.acting(bank) as session:
        service.withdraw_event(session, caller=bank, event_id=uuid.UUID(first), reason="x")
    names = {
        "bank": bank.member_id,
        "ref": ids.new_id().hex,
        "taken": acts.read(bank, case_id)["creditor_ref"],
        "case": case_id,
        "court": court.member_id,
        "code": court.court_code,
        "number": number,
        "foreign": foreign,
        "superseded": first,
        "court_event": acts.rule(court, number, "filed")["court_event_id"],
        "names": "",
    }
    with pytest.raises(DBAPIError) as caught:
        acts.world.connection.execute(text(sql.format(**names).replace(":", "\\:")))
    assert caught.value.orig.diag.constraint_name == constraint  # type: ignore[union-attr]


def test_the_registry_s_jobs_leave_what_another_transaction_holds(acts: Acts, bank: Caller, agency: Caller) -> None:
    case_id = acts.case(bank)
    acts.move(bank, case_id, "assign", agency_id=agency.member_id, mandate_until=TODAY)
    later = date(TODAY.year + 1, 1, 1)
    with acts.acting(bank) as held:
        held.execute(text("select 1 from cases where id = :c for update"), {"c": case_id})
        with acts.acting() as session:
            while service.expire_mandates(session, later, 1000):
                pass
        assert acts.read(bank, case_id)["placement"] == "assigned"


def test_acting_as_the_registry_ends_with_the_act(acts: Acts, session: Session, bank: Caller) -> None:
    case_id = acts.case(bank)
    act_for(session, bank.member_id, "bank")
    said = Assertion("person", "hardship", days_ago(1))
    service.assert_event(session, caller=bank, case_id=case_id, said=said)
    assert session.scalar(text("select gongxin_kind()")) == "bank"
    assert session.scalar(text("select gongxin_caller()")) == bank.member_id
