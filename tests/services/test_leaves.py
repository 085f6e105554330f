"""What the exchange does and the log holds: one leaf an act, under its own identifier, opening to what was done."""

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.access import clients
from gongxin.access import service as access
from gongxin.cases import service as cases
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.disclosure import leaves, questions
from gongxin.disclosure import service as disclosure
from gongxin.errors import Forbidden, TooMany
from gongxin.subjects import service as subjects
from gongxin.transparency import queries
from gongxin.transparency import service as transparency
from gongxin.web.caller import Caller
from gongxin.web.limits import RateLimiter
from gongxin.web.runtime import Runtime
from gongxin_wire.canonical import b64u, canonical, digest, unb64u
from gongxin_wire.commitments import commit_bytes
from tests.conftest import act_for
from tests.services import members_world
from tests.services.cases_world import Acts
from tests.services.disclosure_world import World, build, key_of, subject, token
from tests.services.test_disclosure import COURT, send


@pytest.fixture
def world(owner_engine: Engine, config: Config) -> Iterator[World]:
    yield from build(owner_engine, config)


@pytest.fixture
def runtime(config: Config, engine: Engine) -> Runtime:
    with transaction(engine) as session:
        subjects.ensure_epochs(session, config)
        access.ensure_registry_keys(session, config)
    return Runtime(config, engine, RateLimiter(config), lambda *_: None)  # type: ignore[arg-type, return-value]


@pytest.fixture
def acts(engine: Engine, config: Config, world: World, runtime: Runtime) -> Acts:
    return Acts(engine, config, world)


def leaf(session: Session, leaf_id: Any) -> tuple[str, dict[str, Any]]:
    """(kind, record), where the opening is what the leaf commits to."""
    found = queries.find_waiting(session, uuid.UUID(str(leaf_id))) or queries.find_leaf(
        session, uuid.UUID(str(leaf_id))
    )
    assert found is not None
    opening = transparency.opening(session, found.leaf_id)
    assert commit_bytes(opening.salt, opening.record.encode()) == found.commitment
    record = transparency.opened_record(opening)
    assert canonical(record) == opening.record.encode()
    return found.kind, record


def last(session: Session, kind: str, count: int) -> list[dict[str, Any]]:
    """The newest of a kind that wait, oldest first."""
    ids = session.execute(
        text("select leaf_id from log_waiting where kind = :kind order by leaf_id desc limit :n"),
        {"kind": kind, "n": count},
    ).scalars()
    return [leaf(session, each)[1] for each in reversed(list(ids))]


# --- members, clients, policy, epochs -------------------------------------------------------------------------------


def test_an_institution_s_admission_and_every_change_of_its_state_have_leaves(session: Session) -> None:
    member = members_world.apply(session)
    kind, record = leaf(session, member.id)
    assert (kind, record["state"], record["uscc"], record["name_zh"]) == (
        "member_state", "applied", member.uscc, member.name_zh,
    )  # fmt: skip
    members_world.move(session, member, "active", "suspended")
    assert [(r["previous"], r["state"], r["reason"]) for r in last(session, "member_state", 2)] == [
        ("applied", "active", "按决定"),
        ("active", "suspended", "按决定"),
    ]


def test_an_agreement_has_a_leaf_without_the_addresses_of_persons(session: Session) -> None:
    member = members_world.move(session, members_world.apply(session), "active")
    agreement = members_world.agree(session, member)
    kind, record = leaf(session, agreement.id)
    assert kind == "agreement"
    assert (record["version"], record["purposes"], record["budgets"]) == (1, ["contact"], {"contact": 100})
    assert "ops@" not in json.dumps(record)
    act_for(session, member.id, "bank")
    assert leaf(session, agreement.id)[1] == record


def test_who_may_sign_for_a_member_is_in_the_log_from_creation_to_revocation(session: Session) -> None:
    member = members_world.move(session, members_world.apply(session), "active")
    client = clients.create_client(
        session, member_id=member.id, name="前置机", auth_method="private_key_jwt", scopes=["members.read"]
    )
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "x": b64u(numbers.x.to_bytes(32)), "y": b64u(numbers.y.to_bytes(32))}
    key = clients.add_key(session, client.id, jwk)
    for _ in range(2):
        clients.retire_key(session, client.id, key.kid)
        clients.revoke_client(session, client.id)
    found = last(session, "client_key", 4)
    assert [r["change"] for r in found] == ["client_created", "key_added", "key_retired", "client_revoked"]
    assert {r["client_id"] for r in found} == {str(client.id)}
    assert found[1]["kid"] == found[2]["kid"] == key.kid


def test_a_version_of_the_policy_has_a_leaf(session: Session) -> None:
    rows = [{"asker": "bank", "relation": "creditor", "purpose": "contact", "fields": ["result"]}]
    found = disclosure.publish_policy(session, effective_from=clock.now() + timedelta(days=1), rows=rows)
    kind, record = leaf(session, leaves.policy_leaf_id(found.version))
    assert (kind, record["version"], record["rows"]) == ("policy", found.version, rows)


def test_the_policy_that_came_with_the_registry_has_a_leaf_too_and_one_alone(session: Session) -> None:
    for _ in range(2):
        disclosure.prove_policy(session)
    kind, record = leaf(session, leaves.policy_leaf_id(1))
    assert (kind, record["version"], record["effective_from"]) == ("policy", 1, "2026-01-01T00:00:00.000Z")
    assert {row["purpose"] for row in record["rows"]} >= {"contact", "placement", "judicial"}


def test_a_key_epoch_s_every_state_has_a_leaf(
    session: Session, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What other tests have registered is known by this epoch, and would keep it open.
    monkeypatch.setattr(subjects.queries, "count_unmoved", lambda *_: 0)
    subjects.ensure_epochs(session, config)
    subjects.rotate(session, config, "agent")
    found = last(session, "epoch", 2)
    assert [(r["data_set"], r["epoch"], r["state"]) for r in found] == [("agent", 1, "retiring"), ("agent", 2, "live")]
    session.execute(text("set constraints all immediate"))
    subjects.retire(session, config, "agent", 1)
    assert [(r["epoch"], r["state"]) for r in last(session, "epoch", 2)] == [(1, "retired"), (3, "next")]


# --- events ---------------------------------------------------------------------------------------------------------


def test_an_event_its_correction_and_its_withdrawal_are_three_leaves(acts: Acts) -> None:
    bank = acts.member("bank")
    case_id = acts.case(bank)
    first = acts.say(bank, case_id, "dispute", "identity_fraud", basis="卷2026-0001")
    with acts.acting(bank) as session:
        second = cases.withdraw_event(session, caller=bank, event_id=uuid.UUID(first["event_id"]), reason="误登")
    with acts.acting(bank) as session:
        kind, record = leaf(session, first["event_id"])
        assert (kind, record["status"], record["basis"], record["case_id"]) == (
            "case_event", "identity_fraud", "卷2026-0001", str(case_id),
        )  # fmt: skip
        assert (record["asserted_by"], record["withdrawn"]) == (str(bank.member_id), False)
        kind, record = leaf(session, second["event_id"])
        assert (record["supersedes"], record["withdrawn"], record["basis"]) == (first["event_id"], True, "误登")


def test_a_court_s_event_has_one_leaf_however_many_cases_it_reaches(acts: Acts) -> None:
    bank, (court, number) = acts.member("bank"), acts.court()
    for _ in range(3):
        acts.case(bank, number)
    with acts.acting() as session:
        before = queries.waiting_count(session)
    told = acts.rule(court, number, "filed")
    with acts.acting() as session:
        assert queries.waiting_count(session) == before + 1
        kind, record = leaf(session, told["court_event_id"])
    assert (kind, record["court_case_number"], record["court_id"], record["status"]) == (
        "court_event", number, str(court.member_id), "filed",
    )  # fmt: skip


def test_every_placement_has_a_leaf_and_registering_has_none(acts: Acts) -> None:
    bank, agency = acts.member("bank"), acts.member("agency")
    with acts.acting() as session:
        before = queries.waiting_count(session)
    case_id = acts.case(bank)
    with acts.acting() as session:
        assert queries.waiting_count(session) == before
    acts.move(bank, case_id, "assign", agency_id=agency.member_id)
    acts.move(agency, case_id, "accept")
    with acts.acting() as session:
        found = last(session, "case_event", 2)
    assert [(r["axis"], r["status"], r["asserted_by"]) for r in found] == [
        ("placement", "assigned", str(bank.member_id)),
        ("placement", "accepted", str(agency.member_id)),
    ]
    assert {r["agency_id"] for r in found} == {str(agency.member_id)}
    with acts.acting() as session:
        ids = session.execute(
            text("select id from case_events where case_id = :c and axis = 'placement'"), {"c": case_id}
        ).scalars()
        assert [leaf(session, each)[0] for each in ids] == ["case_event", "case_event"]


def test_what_is_refused_leaves_no_leaf(acts: Acts) -> None:
    bank, other = acts.member("bank"), acts.member("bank")
    case_id = acts.case(bank)
    with acts.acting() as session:
        before = queries.waiting_count(session)
    with pytest.raises(Exception, match=r"case_not_found|not_found"):
        acts.say(other, case_id, "dispute", "identity_fraud")
    with acts.acting() as session:
        assert queries.waiting_count(session) == before


# --- look-ups -------------------------------------------------------------------------------------------------------


def grounds(world: World, tok: str) -> dict[str, tuple[Caller, dict[str, str], dict[str, str]]]:
    """Of each purpose: who asks, the ground, what else the question says."""
    bank, mediator = world.member("bank"), world.member("mediator")
    agency = world.member("agency")
    case = world.case(bank, tok, placement="accepted", agency_id=agency.member_id, stop_mask=5, contested=True)
    world.reference(case, "court_case", COURT)
    world.reference(case, "mediation_file", "调2026-0001", mediator)
    return {
        "placement": (bank, {"case_id": str(world.case(bank, tok))}, {}),
        "contact": (agency, {"case_id": str(case)}, {}),
        "judicial": (world.member("court", court_code="沪0115"), {"reference": COURT}, {}),
        "mediation": (mediator, {"reference": "调2026-0001"}, {}),
        "supervision": (world.member("regulator"), {"reference": "监2026-0001"}, {"officer": "林某"}),
    }


def claims(told: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(unb64u(told["receipt"].split(".")[1]))
    return found


@pytest.mark.parametrize("purpose", ["placement", "contact", "judicial", "mediation", "supervision"])
@pytest.mark.parametrize("items", [0, 1, 7])
def test_the_receipt_carries_the_commitment_that_the_database_made(
    runtime: Runtime, world: World, purpose: str, items: int
) -> None:
    """`items` 0: one question outside a batch."""
    tok = token()
    caller, ground, more = grounds(world, tok)[purpose]
    if items:
        asked = [{"subject": subject(tok if n else token()), "ground": ground} for n in range(items)]
        body: dict[str, Any] = {"purpose": purpose, "items": asked, **more}
    else:
        body = {"purpose": purpose, "subject": subject(tok), "ground": ground, **more}
    told = send(runtime, caller, body, batch=bool(items))
    said = claims(told)
    with transaction(runtime.engine) as session:
        found = queries.find_waiting(session, uuid.UUID(told["lookup_id"]))
        assert found is not None
        assert said["leaf"] == {"id": told["lookup_id"], "commitment": b64u(found.commitment)}
        kind, record = leaf(session, told["lookup_id"])
        stored = session.execute(text("select * from lookups where id = :id"), {"id": told["lookup_id"]}).one()
    assert kind == "lookup"
    assert record == {
        "asked_at": told["as_of"],
        "fields": stored.fields,
        "lookup_id": told["lookup_id"],
        "member_id": str(caller.member_id),
        "outcomes": stored.outcomes,
        "policy_version": told["policy_version"],
        "purpose": purpose,
        "question": b64u(digest(body)),
    }
    assert len(record["outcomes"]) == max(items, 1)


def test_an_asker_reads_the_opening_of_its_own_question_alone(runtime: Runtime, world: World) -> None:
    tok = token()
    agency, ground, _ = grounds(world, tok)["contact"]
    told = send(runtime, agency, {"purpose": "contact", "subject": subject(tok), "ground": ground})
    with transaction(runtime.engine, agency.member_id, "agency") as session:
        assert leaf(session, told["lookup_id"])[1]["purpose"] == "contact"
    with transaction(runtime.engine, uuid.uuid4(), "agency") as session, pytest.raises(AssertionError):
        assert queries.find_opening(session, uuid.UUID(told["lookup_id"])) is not None


def test_there_is_no_asking_without_the_leaf(runtime: Runtime) -> None:
    statement = (
        "select look_up(gen_random_uuid(), now(), now(), gen_random_uuid(), null, 'contact', '[]', '', 1, '{}', null,"
        " '[]', 1)"
    )
    with transaction(runtime.engine) as session:
        with pytest.raises(DBAPIError) as caught, session.begin_nested():
            session.execute(text(statement))
        assert getattr(caught.value.orig, "sqlstate", "") == "42501"


def test_a_refused_question_leaves_its_record_and_a_leaf_that_tells_the_refusal(runtime: Runtime, world: World) -> None:
    bank, tok = world.member("bank", budgets={"contact": 5}), token()
    body = {"purpose": "placement", "subject": subject(tok), "ground": {"case_id": str(world.case(bank, tok))}}
    with pytest.raises(Forbidden) as caught:
        send(runtime, bank, body)
    with transaction(runtime.engine) as session:
        refused = session.execute(text("select * from lookups where member_id = :m"), {"m": bank.member_id}).one()
        kind, record = leaf(session, str(refused.id))
    assert kind == "lookup"
    assert record == {
        "asked_at": transparency.moment(refused.asked_at),
        "fields": [],
        "lookup_id": str(refused.id),
        "member_id": str(bank.member_id),
        "outcomes": [],
        "policy_version": refused.policy_version,
        "purpose": "placement",
        "question": b64u(digest(body)),
        "refusal": caught.value.code,
    }


def test_a_question_refused_over_budget_has_its_leaf_too_and_the_asker_is_told_no_identifier(
    runtime: Runtime, world: World
) -> None:
    bank, tok = world.member("bank", budgets={"contact": 1}), token()
    body = {"purpose": "contact", "subject": subject(tok), "ground": {"case_id": str(world.case(bank, tok))}}
    send(runtime, bank, body)
    with pytest.raises(TooMany) as caught:
        send(runtime, bank, body)
    with transaction(runtime.engine) as session:
        refused = session.execute(
            text("select id from lookups where member_id = :m and refusal is not null"), {"m": bank.member_id}
        ).scalar_one()
        assert leaf(session, str(refused))[1]["refusal"] == caught.value.code
    assert str(refused) not in f"{caught.value.extra} {caught.value}"


def test_what_a_subject_was_told_has_a_leaf_that_its_receipt_names(runtime: Runtime, world: World) -> None:
    tok, association = token(), world.member("association")
    with transaction(runtime.engine, association.member_id, "association") as session:
        question = questions.about_oneself("查阅2026-0001", [key_of(runtime.config, tok)], b"q")
        told = disclosure.subject_access(runtime, session, association, question)
        kind, record = leaf(session, told["lookup_id"])
    said = claims(told)
    assert kind == "subject_access"
    assert (record["answer"], record["question"]) == (said["answer"], said["question"])
    assert (said["leaf"]["id"], said["jti"]) == (told["lookup_id"], told["lookup_id"])
