"""Evidence over HTTP: anonymous, wrong scope, wrong kind, wrong member, wrong form, then right."""

import json
import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from gongxin.config import Config
from gongxin.db import transaction
from gongxin.transparency import service as log
from gongxin.web import ndjson
from gongxin.web.caller import Caller
from gongxin_wire import commitments, evidence, merkle, notes
from gongxin_wire.canonical import unb64u
from tests.api.disclosure_http import House, build_house
from tests.services.evidence_world import a_file, case_of, line, placed_with

SCOPES = frozenset({"evidence.read", "evidence.write"})
SOMEBODY = uuid.UUID("01890000-0000-7000-8000-000000000000")


@pytest.fixture(scope="module")
def house(config: Config, engine: Engine, owner_engine: Engine) -> Iterator[House]:
    yield from build_house(config, engine, owner_engine)


def member(house: House, kind: str, scopes: frozenset[str] = SCOPES) -> Caller:
    return replace(house.world.member(kind), scopes=scopes)


@pytest.fixture(scope="module")
def bank(house: House) -> Caller:
    return member(house, "bank")


def post(house: House, who: Caller | None, path: str, body: Any, **headers: str) -> Any:
    return house.call("POST", path, who, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def send(house: House, who: Caller, path: str, lines: list[Any]) -> Any:
    raw = b"".join(each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n" for each in lines)
    return house.call("POST", path, who, data=raw, content_type=ndjson.NDJSON)


def code_of(answer: Any) -> tuple[int, str, str | None]:
    body = answer.get_json()
    return answer.status_code, body["code"], body.get("pointer")


# --- who may ----------------------------------------------------------------------------------------------------------


def test_nobody_without_token_scope_or_kind_gets_in(house: House) -> None:
    assert post(house, None, "/v1/evidence", line()).status_code == 401
    reader = member(house, "bank", frozenset({"evidence.read"}))
    assert code_of(post(house, reader, "/v1/evidence", line()))[:2] == (403, "insufficient_scope")
    regulator = member(house, "regulator")
    assert code_of(post(house, regulator, "/v1/evidence", line()))[:2] == (403, "wrong_member_kind")
    unbound = replace(member(house, "bank"), sender_constrained=False)
    assert code_of(post(house, unbound, "/v1/evidence", line()))[:2] == (403, "sender_constraint_required")
    court = member(house, "court")
    assert code_of(house.call("GET", f"/v1/evidence/cases/{SOMEBODY}", court))[:2] == (403, "wrong_member_kind")
    assert post(house, court, "/v1/evidence", line()).status_code == 201


def test_another_member_finds_nothing(house: House, bank: Caller) -> None:
    other = member(house, "bank")
    made = post(house, bank, "/v1/evidence", line()).get_json()
    path = f"/v1/evidence/{made['evidence_id']}"
    for method, where, extra in (
        ("GET", path, {}), ("GET", f"{path}/opening", {}), ("GET", f"{path}/custody", {}),
        ("POST", f"{path}/custody", {"json": {"event": "moved", "to": "x"}, "headers": {"If-Match": '"1"'}}),
        ("POST", f"{path}/hold", {"json": {"action": "place", "basis": "x"}, "headers": {"If-Match": '"1"'}}),
    ):  # fmt: skip
        assert code_of(house.call(method, where, other, **extra))[:2] == (404, "evidence_not_found"), where
        assert code_of(house.call(method, where.replace(made["evidence_id"], str(SOMEBODY)), bank, **extra))[:2] == (
            404, "evidence_not_found",
        )  # fmt: skip
    assert house.call("GET", "/v1/evidence", other).get_json() == {"items": [], "next_cursor": None}


# --- wrong form -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"kind": "rumour"}, "/kind"),
        ({"kind": None}, ""),
        ({"sha256": "AB" * 32}, "/sha256"),
        ({"sha256": "ab" * 31}, "/sha256"),
        ({"sha256": 7}, "/sha256"),
        ({"sm3": "x" * 64}, "/sm3"),
        ({"size": -1}, "/size"),
        ({"size": 1.5}, "/size"),
        ({"size": True}, "/size"),
        ({"size": 2**53}, "/size"),
        ({"media_type": "Audio/MPEG"}, "/media_type"),
        ({"media_type": "audio"}, "/media_type"),
        ({"case_id": "7"}, "/case_id"),
        ({"case_id": "01890000-0000-7000-8000-ABCDEF000000"}, "/case_id"),
        ({"made_at": "2026-01-01"}, "/made_at"),
        ({"made_at": "2026-01-01T00:00:00"}, "/made_at"),
        ({"made_at": "2026-02-30T00:00:00Z"}, "/made_at"),
        ({"device": " x"}, "/device"),
        ({"made_by": "x\n"}, "/made_by"),
        ({"complaint": "x" * 65}, "/complaint"),
        ({"content": "x"}, ""),
    ],
)
def test_a_field_of_another_form_is_named(house: House, bank: Caller, change: dict[str, Any], pointer: str) -> None:
    answer = post(house, bank, "/v1/evidence", line(**change))
    status, code, at = code_of(answer)
    assert (status, code, at or "") == (422, "invalid_field", pointer)


def test_a_number_of_a_person_is_refused_and_a_fingerprint_is_never_taken_for_one(house: House, bank: Caller) -> None:
    answer = post(house, bank, "/v1/evidence", line(device="13912345678"))
    assert code_of(answer) == (422, "personal_data_in_text", "/device")
    assert "13912345678" not in answer.get_data(as_text=True)
    digits = "6222021234567890128" + "0" * 45
    assert post(house, bank, "/v1/evidence", line(sha256=digits)).status_code == 201
    found = house.call("GET", f"/v1/evidence?sha256={digits}", bank)
    assert [item["sha256"] for item in found.get_json()["items"]] == [digits]


@pytest.mark.parametrize(
    "query", ["sha256=x", "case_id=x", "kind=x", "held=x", "limit=0", "cursor=!", "cursor=AAAA", "x=1"]
)
def test_a_list_takes_only_what_it_knows(house: House, bank: Caller, query: str) -> None:
    assert house.call("GET", f"/v1/evidence?{query}", bank).status_code == 422


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (b"", "/0", "invalid_field"),
        (b"[]\n", "/0", "invalid_field"),
        (b'{"kind":"recording"}\n', None, "no_lines"),
        (b'{"kind":"recording","x":1}\n"%s"\n' % (b"ab" * 32), "/0", "invalid_field"),
        (b'{"kind":"recording","kind":"letter"}\n"%s"\n' % (b"ab" * 32), "/0", "invalid_field"),
        (b'{"kind":"rumour"}\n"%s"\n' % (b"ab" * 32), "/0/kind", "invalid_field"),
        (b'{"kind":"recording","made_from":"2026-02-30"}\n"%s"\n' % (b"ab" * 32), "/0/made_from", "invalid_field"),
        (b'{"kind":"recording","made_from":"2026-02-02","made_to":"2026-02-01"}\n"%s"\n' % (b"ab" * 32), "/0/made_to",
         "invalid_field"),
        (b'{"kind":"recording"}\n"%s"\n"%s"\n' % (b"ab" * 32, b"AB" * 32), "/2", "invalid_field"),
        (b'{"kind":"recording"}\n"%s"\n\n' % (b"ab" * 32), "/2", "invalid_field"),
        (b'{"kind":"recording"}\n"%s"\n"%s"' % (b"ab" * 32, b"ab" * 32), "/2", "repeated_fingerprint"),
        (b'\xff{"kind":"recording"}\n"%s"\n' % (b"ab" * 32), "/0", "invalid_field"),
        (b'{"kind":"recording","label":"13912345678"}\n"%s"\n' % (b"ab" * 32), "/0/label", "personal_data_in_text"),
        (b'{"kind":"recording","label":"x\\u0000"}\n"%s"\n' % (b"ab" * 32), "/0", "invalid_field"),
    ],
)  # fmt: skip
def test_a_batch_of_another_form_is_named_by_its_line(
    house: House, bank: Caller, body: bytes, pointer: str | None, code: str
) -> None:
    answer = house.call("POST", "/v1/evidence/batches", bank, data=body, content_type=ndjson.NDJSON)
    assert code_of(answer) == (422, code, pointer)


def test_a_batch_has_its_limits(house: House, bank: Caller) -> None:
    lines = b"".join(b'"%064x"\n' % at for at in range(100_001))
    answer = house.call(
        "POST", "/v1/evidence/batches", bank, data=b'{"kind":"recording"}\n' + lines, content_type=ndjson.NDJSON
    )
    assert code_of(answer)[:2] == (413, "batch_too_large")
    answer = house.call("POST", "/v1/evidence/batches", bank, data=b"{}", content_type="application/json")
    assert code_of(answer)[:2] == (415, "not_ndjson")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"event": "created"}, "/event"),
        ({"event": "held"}, "/event"),
        ({"event": "moved"}, "/to"),
        ({"event": "disclosed"}, "/to"),
        ({"event": "moved", "to": ""}, "/to"),
        ({"event": "moved", "to": "13912345678"}, "/to"),
        ({"event": "moved", "to": "x", "at": "2099-01-01T00:00:00Z"}, "/at"),
        ({"event": "moved", "to": "x", "basis": "y" * 201}, "/basis"),
        ({"event": "moved", "to": "x\u0000"}, ""),
    ],
)
def test_custody_of_another_form_is_named(house: House, bank: Caller, body: dict[str, Any], pointer: str) -> None:
    made = post(house, bank, "/v1/evidence", line()).get_json()
    answer = post(house, bank, f"/v1/evidence/{made['evidence_id']}/custody", body, If_Match='"1"')
    assert (answer.status_code, answer.get_json().get("pointer", "")) == (422, pointer)


# --- right ------------------------------------------------------------------------------------------------------------


def test_evidence_is_registered_once_and_read_with_its_tag(house: House, bank: Caller) -> None:
    given = line(case_id=str(case_of(house.world, bank)), made_at="2026-01-02T03:04:05+08:00", device="PBX-03")
    made = post(house, bank, "/v1/evidence", given)
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    body = made.get_json()
    assert made.headers["Location"] == f"/v1/evidence/{body['evidence_id']}"
    again = post(house, bank, "/v1/evidence", given)
    assert (again.status_code, again.get_json()) == (200, body)
    read = house.call("GET", made.headers["Location"], bank)
    assert (read.get_json(), read.headers["ETag"]) == (body, '"1"')
    unchanged = house.call("GET", made.headers["Location"], bank, headers={"If-None-Match": '"1"'})
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    assert unchanged.headers["Cache-Control"] == "no-store"


def test_the_same_key_gives_the_same_answer(house: House, bank: Caller) -> None:
    given = line()
    first = post(house, bank, "/v1/evidence", given, Idempotency_Key="k" * 20)
    again = post(house, bank, "/v1/evidence", given, Idempotency_Key="k" * 20)
    assert (again.status_code, again.get_json()) == (201, first.get_json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert code_of(post(house, bank, "/v1/evidence", line(), Idempotency_Key="k" * 20))[:2] == (
        422, "idempotency_key_reused",
    )  # fmt: skip


def test_lists_are_paged_and_filtered(house: House) -> None:
    bank = member(house, "bank")
    case = str(case_of(house.world, bank))
    made = [post(house, bank, "/v1/evidence", line(case_id=case, kind=kind)).get_json()["evidence_id"]
            for kind in ("recording", "letter", "recording")]  # fmt: skip
    first = house.call("GET", f"/v1/evidence?case_id={case}&limit=2", bank).get_json()
    rest = house.call("GET", f"/v1/evidence?limit=2&cursor={first['next_cursor']}", bank).get_json()
    assert [item["evidence_id"] for item in first["items"] + rest["items"]] == made
    assert rest["next_cursor"] is None
    letters = house.call("GET", "/v1/evidence?kind=letter&held=false", bank).get_json()["items"]
    assert [item["evidence_id"] for item in letters] == made[1:2]
    assert house.call("GET", "/v1/evidence?held=true", bank).get_json()["items"] == []


def test_lines_are_answered_in_their_order(house: House, bank: Caller) -> None:
    good = line()
    answer = send(house, bank, "/v1/evidence/bulk", [good, line(kind="rumour"), b"{\n", good])
    assert (answer.status_code, answer.mimetype) == (200, ndjson.NDJSON)
    told = [json.loads(each) for each in answer.data.splitlines()]
    assert [(each["line"], each["status"]) for each in told] == [
        (1, "created"), (2, "refused"), (3, "refused"), (4, "refused"),
    ]  # fmt: skip
    assert [each["problem"]["code"] for each in told[1:]] == ["invalid_field", "bad_json", "evidence_repeated"]
    again = json.loads(send(house, bank, "/v1/evidence/bulk", [good]).data)
    assert again == {"line": 1, "status": "exists", "evidence_id": told[0]["evidence_id"]}


def test_parties_see_that_evidence_exists(house: House, bank: Caller) -> None:
    agency = member(house, "agency")
    case = placed_with(house.world, bank, agency)
    mine = post(house, bank, "/v1/evidence", line(case_id=str(case), device="PBX-77")).get_json()
    answer = house.call("GET", f"/v1/evidence/cases/{case}", agency)
    names = ("evidence_id", "kind", "sha256", "registered_at")
    assert answer.get_json() == {
        "items": [{name: mine[name] for name in names} | {"own": False}], "next_cursor": None
    }  # fmt: skip
    assert code_of(house.call("GET", f"/v1/evidence/cases/{SOMEBODY}", agency))[:2] == (404, "case_not_found")
    assert code_of(house.call("GET", f"/v1/evidence/cases/{case}", member(house, "agency")))[0] == 404


def test_custody_goes_on_by_its_tag_and_a_hold_stops_destruction(house: House, bank: Caller) -> None:
    made = post(house, bank, "/v1/evidence", line()).get_json()
    path = f"/v1/evidence/{made['evidence_id']}"
    moved = {"event": "moved", "to": "二号机房", "basis": "换库"}
    assert code_of(post(house, bank, f"{path}/custody", moved))[:2] == (428, "if_match_required")
    first = post(house, bank, f"{path}/custody", moved, If_Match='"1"')
    assert (first.status_code, first.headers["ETag"]) == (201, '"2"')
    assert code_of(post(house, bank, f"{path}/custody", moved, If_Match='"1"'))[:2] == (412, "stale_version")
    held = post(house, bank, f"{path}/hold", {"action": "place", "basis": "证据保全"}, If_Match='"2"')
    assert held.get_json()["held"] is True
    refused = post(house, bank, f"{path}/custody", {"event": "destroyed"}, If_Match='"3"')
    assert code_of(refused)[:2] == (409, "evidence_held")
    assert refused.get_json()["legal"] == ["moved", "disclosed", "released"]
    free = post(house, bank, f"{path}/hold", {"action": "release", "basis": "保全解除"}, If_Match='"3"')
    assert (free.get_json()["held"], free.get_json()["version"]) == (False, 4)
    chain = house.call("GET", f"{path}/custody", bank).get_json()["items"]
    evidence.check_chain(chain, made["evidence_id"], str(bank.member_id), made["sha256"])
    assert chain[-1]["digest"] == free.get_json()["custody_head"]


def test_a_batch_s_custody_goes_on_by_its_tag_and_another_member_finds_nothing(house: House, bank: Caller) -> None:
    files = [os.urandom(32) for _ in range(5)]
    body = b'{"kind":"recording"}\n' + b"".join(b'"%s"\n' % each.hex().encode() for each in files)
    batch = house.call("POST", "/v1/evidence/batches", bank, data=body, content_type=ndjson.NDJSON).get_json()
    path = f"/v1/evidence/batches/{batch['batch_id']}"
    item = {"sha256": files[2].hex(), "index": 2, "path": [each.hex() for each in evidence.batch_proof(files, 2)]}
    place = {"action": "place", "basis": "证据保全", "item": item}
    assert code_of(post(house, bank, f"{path}/hold", place))[:2] == (428, "if_match_required")
    shown = house.call("GET", f"{path}/state?item={item['sha256']}", bank)
    assert (shown.headers["ETag"], shown.get_json()["custody_head"]) == ('"0"', item["sha256"])
    held = post(house, bank, f"{path}/hold", place, If_Match='"0"')
    assert (held.status_code, held.headers["ETag"], held.get_json()["held"]) == (201, '"1"', True)
    moved = {"event": "moved", "to": "二号机房"}
    assert post(house, bank, f"{path}/custody", moved, If_Match='"0"').get_json()["items_held"] == 1
    wrong = place | {"item": item | {"index": 3}}
    answer = post(house, bank, f"{path}/hold", wrong, If_Match='"0"')
    assert (answer.status_code, answer.get_json()["pointer"]) == (422, "/item")
    chain = house.call("GET", f"{path}/custody?item={item['sha256']}", bank).get_json()["items"]
    evidence.check_batch_chain(chain, batch["batch_id"], str(bank.member_id), batch["root"], item["sha256"])
    other = member(house, "bank")
    for method, where, extra in (
        ("GET", "state", {}), ("GET", "custody", {}),
        ("POST", "custody", {"json": moved, "headers": {"If-Match": '"0"'}}),
        ("POST", "hold", {"json": place, "headers": {"If-Match": '"0"'}}),
    ):  # fmt: skip
        assert code_of(house.call(method, f"{path}/{where}", other, **extra))[:2] == (404, "batch_not_found"), where
        assert code_of(house.call(method, f"{path}/{where}", None, **extra))[0] == 401, where


def test_of_two_that_record_at_once_one_is_told_that_the_other_came_first(house: House, bank: Caller) -> None:
    made = post(house, bank, "/v1/evidence", line()).get_json()
    path = f"/v1/evidence/{made['evidence_id']}/custody"
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda n: post(house, bank, path, {"event": "moved", "to": f"{n}号"}, If_Match='"1"'), range(4))
        )
    assert sorted(answer.status_code for answer in answers) == [201, 412, 412, 412]
    chain = house.call("GET", path, bank).get_json()["items"]
    evidence.check_chain(chain, made["evidence_id"], str(bank.member_id), made["sha256"])
    assert len(chain) == 2


def test_of_two_that_register_a_file_at_once_both_get_the_one_registration_or_are_told(
    house: House, bank: Caller
) -> None:
    given = line()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: post(house, bank, "/v1/evidence", given), range(4)))
    for answer in answers:
        assert answer.status_code in {200, 201} or code_of(answer)[:2] == (409, "registered_meanwhile")
    assert sum(answer.status_code == 201 for answer in answers) == 1
    found = house.call("GET", f"/v1/evidence?sha256={given['sha256']}", bank).get_json()["items"]
    assert len(found) == 1


def test_retention_is_public_with_its_source(house: House) -> None:
    rules = house.call("GET", "/v1/evidence/retention").get_json()["items"]
    recording = next(rule for rule in rules if rule["record"] == "recording")
    assert (recording["min_months"], recording["default_months"], recording["source_status"]) == (24, 60, "unverified")


def test_a_registration_is_proven_from_its_opening_and_the_log_alone(house: House, bank: Caller) -> None:
    """Everything a court needs: record and salt give the commitment, the commitment the leaf, the leaf the root."""
    made = post(house, bank, "/v1/evidence", line()).get_json()
    body = b'{"kind":"recording","label":"day"}\n' + b"".join(b'"%s"\n' % a_file().hex().encode() for _ in range(5))
    batch = house.call("POST", "/v1/evidence/batches", bank, data=body, content_type=ndjson.NDJSON)
    assert batch.status_code == 201
    again = house.call("POST", "/v1/evidence/batches", bank, data=body, content_type=ndjson.NDJSON)
    assert (again.status_code, again.get_json()) == (200, batch.get_json())
    listed = house.call("GET", "/v1/evidence/batches", bank).get_json()["items"]
    assert batch.get_json() in listed
    with transaction(house.runtime.engine) as session:
        while log.sequence(session, house.runtime.config):
            pass
    about = house.call("GET", "/v1/log").get_json()
    key = notes.parse_vkey(next(each["vkey"] for each in about["keys"] if each["signs"]))
    for path, leaf in (
        (f"/v1/evidence/{made['evidence_id']}", made["leaf"]), (batch.headers["Location"], batch.get_json()["leaf"])
    ):  # fmt: skip
        (opening,) = house.call("GET", f"{path}/opening", bank).get_json()["items"]
        commitment = unb64u(opening["leaf"]["commitment"])
        assert opening["leaf"] == leaf
        assert commitments.opens(commitment, unb64u(opening["salt"]), opening["record"])
        entry = commitments.entry(leaf["id"], opening["kind"], commitment)
        text = house.call("GET", f"/v1/log/proofs/{leaf['id']}").get_data(as_text=True)
        notes.verify_proof(notes.parse_proof(text), merkle.leaf_hash(entry), key)
    assert house.call("GET", batch.headers["Location"], bank).get_json() == batch.get_json()
