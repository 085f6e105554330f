"""No case, no answer: what each asker learns on each ground, and what stays behind of every question."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin.access import service as access
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.disclosure import questions, receipts, rules, service
from gongxin.errors import Conflict, Forbidden, TooMany
from gongxin.subjects import service as subjects
from gongxin.web.caller import Caller
from gongxin.web.limits import RateLimiter
from gongxin.web.runtime import Runtime
from gongxin_wire.canonical import digest, unb64u
from tests.conftest import act_for
from tests.services.disclosure_world import World, build, granted, key_of, subject, token

COURT = "（2025）沪0115民初12345号"


@pytest.fixture
def world(owner_engine: Engine, config: Config) -> Iterator[World]:
    yield from build(owner_engine, config)


@pytest.fixture
def runtime(config: Config, engine: Engine) -> Runtime:
    with transaction(engine) as session:
        subjects.ensure_epochs(session, config)
        access.ensure_registry_keys(session, config)
    return Runtime(config, engine, RateLimiter(config), lambda *_: None)  # type: ignore[arg-type, return-value]


def ask(runtime: Runtime, caller: Caller, purpose: str, tok: str, ground: Any, **extra: Any) -> dict[str, Any]:
    """The one answer, without its padding."""
    name = "case_id" if purpose in rules.BY_CASE else "reference"
    body = {"purpose": purpose, "subject": subject(tok), "ground": {name: str(ground)}} | extra
    answer: dict[str, Any] = send(runtime, caller, body)["answers"][0]
    answer.pop("pad")
    return answer


def send(runtime: Runtime, caller: Caller, body: dict[str, Any], *, batch: bool = False) -> dict[str, Any]:
    question = questions.read(runtime.config, subjects.open_epochs(runtime), body, caller.court_code, batch=batch)
    found: dict[str, Any] = json.loads(service.lookup(runtime, caller, question))
    return found


def records(world: World, caller: Caller) -> list[Any]:
    return list(
        world.connection.execute(
            text("select * from lookups where member_id = :m order by id"), {"m": caller.member_id}
        ).all()
    )


NO_GROUND = {"result": "no_ground", "stop_flags": None, "legal_class": None, "contested": None}
CLEAR = {"result": "none", "stop_flags": [], "legal_class": "none", "contested": False}
ALONE = {"result": "match", "stop_flags": [], "legal_class": "none", "contested": False}


# --- grounds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("placement", ["draft", "declined", "returned", "recalled", "mandate_expired"])
def test_a_creditor_asks_before_placing_its_own_case(runtime: Runtime, world: World, placement: str) -> None:
    bank, tok = world.member("bank"), token()
    assert ask(runtime, bank, "placement", tok, world.case(bank, tok, placement=placement)) == CLEAR


@pytest.mark.parametrize("columns", [{"placement": "assigned"}, {"placement": "accepted"}, {"closed": True}])
def test_a_case_that_is_placed_or_closed_is_no_ground_for_placing(
    runtime: Runtime, world: World, columns: dict[str, Any]
) -> None:
    bank, tok = world.member("bank"), token()
    assert ask(runtime, bank, "placement", tok, world.case(bank, tok, **columns)) == NO_GROUND


def test_an_agency_asks_before_contact_on_a_live_case_that_it_accepted(runtime: Runtime, world: World) -> None:
    bank, agency, tok = world.member("bank"), world.member("agency"), token()
    case = world.case(bank, tok, agency_id=agency.member_id, placement="accepted")
    assert ask(runtime, agency, "contact", tok, case) == CLEAR
    assert ask(runtime, bank, "contact", tok, case) == CLEAR


@pytest.mark.parametrize(
    "columns",
    [
        {"placement": "assigned"},
        {"placement": "recalled"},
        {"placement": "returned"},
        {"placement": "accepted", "closed": True},
        {"placement": "accepted", "agency_id": None},
    ],
)
def test_an_agency_without_an_accepted_live_case_learns_nothing(
    runtime: Runtime, world: World, columns: dict[str, Any]
) -> None:
    bank, agency, tok = world.member("bank"), world.member("agency"), token()
    case = world.case(bank, tok, **({"agency_id": agency.member_id} | columns))
    assert ask(runtime, agency, "contact", tok, case) == NO_GROUND


def test_unknown_subject_unknown_case_another_s_case_and_another_subject_s_case_read_alike(
    runtime: Runtime, world: World
) -> None:
    bank, other, tok, elsewhere = world.member("bank"), world.member("bank"), token(), token()
    mine, theirs = world.case(bank, tok), world.case(other, tok, stop_mask=511, legal_class=6, contested=True)
    asked = [(token(), mine), (tok, uuid.uuid4()), (tok, theirs), (elsewhere, mine)]
    bodies = [
        send(runtime, bank, {"purpose": "placement", "subject": subject(t), "ground": {"case_id": str(c)}})
        for t, c in asked
    ]
    assert len({json.dumps(body["answers"]) for body in bodies}) == 1
    assert len({len(json.dumps(body)) for body in bodies}) == 1
    assert bodies[0]["answers"][0]["result"] == "no_ground"
    assert len(records(world, bank)) == 4
    # and as large as the answer that says most
    told = send(runtime, bank, {"purpose": "placement", "subject": subject(tok), "ground": {"case_id": str(mine)}})
    assert told["answers"][0]["result"] == "match"
    assert len({len(receipts.canonical(body)) for body in (told, *bodies)}) == 1


def test_a_court_asks_by_its_own_case_number_and_by_no_other_court_s(runtime: Runtime, world: World) -> None:
    bank, tok = world.member("bank"), token()
    world.reference(world.case(bank, tok), "court_case", COURT)
    court, neighbour = world.member("court", court_code="沪0115"), world.member("court", court_code="沪01")
    assert ask(runtime, court, "judicial", tok, "(2025) 沪0115民初12345号") == CLEAR
    assert ask(runtime, neighbour, "judicial", tok, COURT) == NO_GROUND
    assert ask(runtime, court, "judicial", tok, "（2025）沪0115民初12346号") == NO_GROUND
    assert ask(runtime, court, "judicial", token(), COURT) == NO_GROUND
    assert records(world, neighbour)[0].grounds == [COURT]


def test_a_mediator_asks_by_a_file_that_a_party_opened_with_it(runtime: Runtime, world: World) -> None:
    bank, mediator, rival, tok = world.member("bank"), world.member("mediator"), world.member("mediator"), token()
    world.reference(world.case(bank, tok), "mediation_file", "调2026-7", mediator)
    assert ask(runtime, mediator, "mediation", tok, "调 2026-7") == CLEAR
    assert ask(runtime, rival, "mediation", tok, "调2026-7") == NO_GROUND
    world.case(world.member("bank"), tok)
    assert ask(runtime, mediator, "mediation", tok, "调2026-7") == ALONE


def test_a_regulator_asks_about_anyone_by_file_and_named_officer(runtime: Runtime, world: World) -> None:
    tok, regulator = token(), world.member("regulator")
    assert ask(runtime, regulator, "supervision", tok, "监2026-1", officer="王检查员") == CLEAR
    world.case(world.member("bank"), tok, stop_mask=1)
    assert ask(runtime, regulator, "supervision", tok, "监2026-1", officer="王检查员") == ALONE | {
        "stop_flags": ["bankruptcy_stay"]
    }
    assert {record.officer for record in records(world, regulator)} == {"王检查员"}


# --- the answer -----------------------------------------------------------------------------------------------------


def test_the_answer_gathers_every_case_and_hides_which_member_set_a_flag(runtime: Runtime, world: World) -> None:
    bank, other, tok = world.member("bank"), world.member("bank"), token()
    mine = world.case(bank, tok, stop_mask=rules.mask_of(["dispute_open"]), legal_class=2)
    world.case(other, tok, stop_mask=rules.mask_of(["bankruptcy_stay"]), legal_class=5, contested=True, closed=True)
    assert ask(runtime, bank, "placement", tok, mine) == {
        "result": "match",
        "stop_flags": ["bankruptcy_stay", "dispute_open"],
        "legal_class": "in_court",
        "contested": True,
    }


@pytest.mark.parametrize(
    ("classes", "told"),
    [((0, 5), "closed"), ((5, 1), "pre_court"), ((3, 4), "enforcing"), ((4, 6), "bankruptcy"), ((0, 0), "none")],
)
def test_a_closed_case_never_hides_one_that_still_runs(
    runtime: Runtime, world: World, classes: tuple[int, int], told: str
) -> None:
    bank, tok = world.member("bank"), token()
    cases = [world.case(bank, tok, legal_class=index) for index in classes]
    assert ask(runtime, bank, "placement", tok, cases[0])["legal_class"] == told


def test_a_match_is_another_party_s_record_and_never_one_s_own_second_case(runtime: Runtime, world: World) -> None:
    bank, agency, tok = world.member("bank"), world.member("agency"), token()
    mine = world.case(bank, tok)
    world.case(bank, tok, agency_id=agency.member_id, placement="accepted")
    assert ask(runtime, bank, "placement", tok, mine)["result"] == "none"
    second = world.case(bank, tok, agency_id=agency.member_id, placement="accepted")
    assert ask(runtime, agency, "contact", tok, second)["result"] == "match"


def test_during_a_rotation_either_token_finds_the_case(runtime: Runtime, world: World) -> None:
    bank, old, new = world.member("bank"), token(), token()
    both = world.case(bank, {1: old, 2: new})
    for entries in (subject(old), subject(new, 2), subject(old) + subject(new, 2)):
        body = {"purpose": "placement", "subject": entries, "ground": {"case_id": str(both)}}
        assert send(runtime, bank, body)["answers"][0]["result"] == "none"


def test_a_batch_answers_in_the_order_of_its_items_as_single_questions_would(runtime: Runtime, world: World) -> None:
    bank, other = world.member("bank"), world.member("bank")
    tokens = [token() for _ in range(12)]
    cases = [world.case(bank, t, stop_mask=index) for index, t in enumerate(tokens)]
    world.case(other, tokens[3], legal_class=6)
    cases[5] = uuid.uuid4()
    items = [{"subject": subject(t), "ground": {"case_id": str(c)}} for t, c in zip(tokens, cases, strict=True)]
    items[7]["subject"] = subject(tokens[7]) + subject(token(), 2)
    answers = send(runtime, bank, {"purpose": "placement", "items": items}, batch=True)["answers"]
    assert [a["result"] for a in answers] == [
        "match" if i == 3 else "no_ground" if i == 5 else "none" for i in range(12)
    ]
    for index, answer in enumerate(answers):
        single = send(runtime, bank, {"purpose": "placement"} | items[index])["answers"][0]
        assert single == answer


def test_a_batch_of_a_thousand_is_one_record(runtime: Runtime, world: World) -> None:
    bank, tok = world.member("bank"), token()
    case = str(world.case(bank, tok))
    items = [{"subject": subject(tok), "ground": {"case_id": case}} for _ in range(1000)]
    assert len(send(runtime, bank, {"purpose": "placement", "items": items}, batch=True)["answers"]) == 1000
    (record,) = records(world, bank)
    assert len(record.outcomes) == len(record.grounds) == 1000


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_question_outside_the_grant_is_refused_and_recorded_with_its_subject(
    runtime: Runtime, world: World, config: Config
) -> None:
    bank, tok = world.member("bank"), token()
    case = world.case(bank, tok)
    narrow = [
        (granted(bank, "contact"), "purpose_not_granted"),
        (granted(bank, "placement", references=[str(uuid.uuid4())]), "case_not_granted"),
        (replace(bank, grants=({"type": "gongxin_lookup", "purpose": "placement"},)), "data_type_not_granted"),
        (replace(bank, kind="agency"), "purpose_not_for_kind"),
    ]
    for caller, code in narrow:
        with pytest.raises(Forbidden) as caught:
            ask(runtime, caller, "placement", tok, case)
        assert caught.value.code == code
    assert [(r.refusal, r.outcomes, r.subject_keys) for r in records(world, bank)] == [
        (code, [], key_of(config, tok)) for _, code in narrow
    ]


def test_a_purpose_that_the_agreement_no_longer_holds_is_refused_whatever_the_token_says(
    runtime: Runtime, world: World
) -> None:
    bank, tok = world.member("bank", budgets={"contact": 5}), token()
    with pytest.raises(Forbidden) as caught:
        ask(runtime, bank, "placement", tok, world.case(bank, tok))
    assert caught.value.code == "purpose_not_agreed"


def test_over_the_budget_there_is_no_answer_but_a_record(runtime: Runtime, world: World) -> None:
    bank, tok = world.member("bank", budgets={"placement": 1}), token()
    case = world.case(bank, tok)
    ask(runtime, bank, "placement", tok, case)
    with pytest.raises(TooMany):
        ask(runtime, bank, "placement", tok, case)
    assert [r.refusal for r in records(world, bank)] == [None, "budget_exceeded"]


# --- receipts and records -------------------------------------------------------------------------------------------


def test_the_receipt_is_over_this_question_and_this_answer(runtime: Runtime, world: World) -> None:
    bank, tok = world.member("bank"), token()
    body = {"purpose": "placement", "subject": subject(tok), "ground": {"case_id": str(world.case(bank, tok))}}
    told = send(runtime, bank, body)
    head, payload, signature = told["receipt"].split(".")
    key = access.signing_key(runtime, "receipt")
    key.private_key.public_key().verify(unb64u(signature), f"{head}.{payload}".encode())
    said = json.loads(unb64u(payload))
    assert unb64u(said["question"]) == digest(body)
    assert unb64u(said["answer"]) == digest(told["answers"])
    assert (said["sub"], said["jti"], said["iss"]) == (str(bank.member_id), told["lookup_id"], runtime.config.issuer)
    assert (said["as_of"], said["fresh_until"]) == (told["as_of"], told["fresh_until"])
    (record,) = records(world, bank)
    assert (str(record.id), receipts.moment(record.asked_at)) == (told["lookup_id"], told["as_of"])
    assert record.fields == ["contested", "legal_class", "result", "stop_flags"]


@pytest.mark.parametrize(
    "sql", ["update lookups set officer = 'x'", "delete from lookups", "delete from lookup_subjects"]
)
def test_nobody_changes_or_deletes_who_looked(world: World, runtime: Runtime, sql: str) -> None:
    bank, tok = world.member("bank"), token()
    ask(runtime, bank, "placement", tok, world.case(bank, tok))
    with transaction(runtime.engine) as session:
        service.unpack_lookups(session, 10_000)
    with pytest.raises(DBAPIError) as caught:
        world.connection.execute(text(sql))
    assert "never changed" in str(caught.value.orig)


def test_the_web_role_reads_other_members_records_in_no_way(session: Session, runtime: Runtime, world: World) -> None:
    bank, other, tok = world.member("bank"), world.member("bank"), token()
    ask(runtime, bank, "placement", tok, world.case(bank, tok))
    act_for(session, other.member_id, "bank")
    for table in ("lookups", "lookup_subjects", "lookups_pending"):
        assert session.scalar(text(f"select count(*) from {table}")) == 0
    with pytest.raises(DBAPIError) as caught, session.begin_nested():
        session.execute(
            text("select * from asked_about(:i, now(), now(), :m, null, 'x', :k, 1, '[]', 1)"),
            {"i": uuid.uuid4(), "m": other.member_id, "k": key_of(runtime.config, tok)},
        )
    assert "association" in str(caught.value.orig)
    with pytest.raises(DBAPIError) as caught:
        session.execute(
            text(
                "insert into lookups values"
                " (:i, now(), now(), :m, null, 'contact', '[]', null, '', 1, '{}', '[]', 1, null)"
            ),
            {"i": uuid.uuid4(), "m": other.member_id},
        )
    assert "row-level security" in str(caught.value.orig)


def test_one_s_own_questions_are_listed_newest_first_without_any_subject(
    session: Session, runtime: Runtime, world: World
) -> None:
    bank, tok = world.member("bank"), token()
    case = world.case(bank, tok)
    for _ in range(3):
        ask(runtime, bank, "placement", tok, case)
    act_for(session, bank.member_id, "bank")
    first = service.own_lookups(session, bank.member_id, None, 2)  # type: ignore[arg-type]
    assert len(first) == 3
    assert first[0]["outcomes"] == {"no_ground": 0, "none": 1, "match": 0}
    assert first[0]["ground"] == str(case)
    rest = service.own_lookups(session, bank.member_id, uuid.UUID(first[1]["lookup_id"]), 2)  # type: ignore[arg-type]
    assert [row["lookup_id"] for row in rest] == [first[2]["lookup_id"]]
    assert key_of(runtime.config, tok).hex() not in json.dumps(first)


# --- subject access -------------------------------------------------------------------------------------------------


def who_asked(runtime: Runtime, engine: Engine, caller: Caller, tok: str) -> dict[str, Any]:
    with transaction(engine, caller.member_id, caller.kind) as session:
        question = questions.about_oneself("查阅2026-1", [key_of(runtime.config, tok)], b"q")
        return service.subject_access(runtime, session, caller, question)


def test_the_subject_sees_who_asked_and_why_before_and_after_the_job_ran(
    runtime: Runtime, engine: Engine, world: World
) -> None:
    bank, agency, association = world.member("bank"), world.member("agency"), world.member("association")
    tok, stranger = token(), token()
    case = world.case(bank, tok, stop_mask=1)
    ask(runtime, bank, "placement", tok, case)
    ask(runtime, agency, "contact", tok, case)
    with pytest.raises(Forbidden):
        ask(runtime, granted(agency, "judicial"), "contact", tok, case)
    items = [{"subject": subject(t), "ground": {"case_id": str(case)}} for t in (stranger, token(), tok)]
    send(runtime, bank, {"purpose": "placement", "items": items}, batch=True)
    ask(runtime, bank, "placement", stranger, case)
    pending = who_asked(runtime, engine, association, tok)["asked"]
    with transaction(engine) as session:
        while service.unpack_lookups(session, 100):
            pass
    filed = who_asked(runtime, engine, association, tok)["asked"]
    assert filed[:-1] == pending
    assert [(a["member_kind"], a["purpose"], a["outcome"]) for a in filed] == [
        ("bank", "placement", "none"),
        ("agency", "contact", "no_ground"),
        ("agency", "contact", "refused"),
        ("bank", "placement", "none"),
        ("association", "subject_access", "told"),
    ]
    assert filed[0]["ground"] == str(case)
    assert filed[0]["fields"] == ["contested", "legal_class", "result", "stop_flags"]
    assert (filed[1]["fields"], filed[2]["fields"]) == (["result"], [])
    assert filed[4]["ground"] == "查阅2026-1"


def test_the_job_files_every_look_up_once_however_often_it_runs(
    runtime: Runtime, engine: Engine, world: World, config: Config
) -> None:
    bank, tok = world.member("bank"), token()
    case = world.case(bank, tok)
    for _ in range(4):
        ask(runtime, bank, "placement", tok, case)
    for _ in range(3):
        with transaction(engine) as session:
            service.unpack_lookups(session, 10_000)
    count = world.connection.execute(
        text("select count(*) from lookup_subjects where subject_key = :k"), {"k": key_of(config, tok)}
    ).scalar()
    assert count == 4


def test_a_new_policy_withholds_fields_from_then_on_and_the_old_one_stays(
    runtime: Runtime, session: Session, world: World
) -> None:
    rows = [{"asker": "bank", "relation": "creditor", "purpose": "placement", "fields": ["result"]}]
    service.publish_policy(session, effective_from=service.clock.now(), rows=rows)
    versions = session.scalars(text("select version from disclosure_policies order by 1")).all()
    assert versions == [1, 2]
    found = service.queries.policy_in_force(session, service.clock.now())
    assert rules.policy_fields(found.rows) == {("bank", "placement"): frozenset({"result"})}
    runtime.caches["policy"] = (1e18, service.Policy(2, rules.policy_fields(rows)))
    bank, tok = world.member("bank"), token()
    told = ask(runtime, bank, "placement", tok, world.case(bank, tok, stop_mask=1))
    assert told == {"result": "none", "stop_flags": None, "legal_class": None, "contested": None}


def test_a_policy_never_begins_before_the_one_before_it(session: Session) -> None:
    rows = [{"asker": "bank", "relation": "creditor", "purpose": "placement", "fields": ["result"]}]
    with pytest.raises(Conflict) as caught:
        service.publish_policy(session, effective_from=datetime(2020, 1, 1, tzinfo=UTC), rows=rows)
    assert caught.value.code == "policy_out_of_order"


def test_subject_access_has_its_budget_and_a_refused_one_its_record(
    runtime: Runtime, engine: Engine, world: World
) -> None:
    tok = token()
    association = world.member("association", budgets={"subject_access": 1})
    assert who_asked(runtime, engine, association, tok)["asked"] == []
    with pytest.raises(TooMany) as caught:
        who_asked(runtime, engine, association, tok)
    assert caught.value.code == "budget_exceeded"
    other = world.member("association", budgets={"supervision": 1})
    with pytest.raises(Forbidden) as refused:
        who_asked(runtime, engine, other, tok)
    assert refused.value.code == "purpose_not_agreed"
    rows = world.connection.execute(
        text("select refusal, octet_length(subject_keys) from lookups where member_id in (:a, :b) order by asked_at"),
        {"a": association.member_id, "b": other.member_id},
    ).all()
    assert rows == [(None, 32), ("budget_exceeded", 32), ("purpose_not_agreed", 32)]
