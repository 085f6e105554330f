"""Badges over HTTP: issued, scanned, suspended, withdrawn; lists and keys; another library reads them."""

import zlib
from dataclasses import replace
from typing import Any

import cbor2
import pytest
import typst
import zxingcpp
from pycose.keys import OKPKey
from pycose.messages import Sign1Message
from sqlalchemy import Engine

from gongxin import clock
from gongxin.access import service as access
from gongxin.agents import badge_lists
from gongxin.config import Config
from gongxin.db import transaction
from gongxin_wire import badges, base45s, cose, status_lists
from tests.api.disclosure_http import House
from tests.services.agents_world import committed

SCOPES = frozenset({"agents.read", "agents.write", "agents.check"})


@pytest.fixture
def people(house: House, engine: Engine, config: Config) -> dict[str, Any]:
    """An agency with one licensed agent, as committed."""
    other = house.world.member("agency")
    with committed(engine, config, house.world) as office:
        agent = office.licensed()
        office.filed(other)
    callers = {
        "agency": replace(office.agency, scopes=SCOPES),
        "association": replace(office.association, scopes=SCOPES),
        "other": replace(other, scopes=SCOPES),
    }
    return {"agent": agent} | callers


@pytest.fixture(autouse=True)
def never_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each list is signed anew for whoever asks."""
    monkeypatch.setattr(badge_lists, "FRESH_SECONDS", -(10**6))


def issued(house: House, people: dict[str, Any], by: str = "agency") -> dict[str, Any]:
    answer = house.call("POST", f"/v1/agents/{people['agent'].id}/badges", people[by])
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json
    return told


def moved(house: House, people: dict[str, Any], action: str, by: str = "association", **body: Any) -> None:
    agent_id = people["agent"].id
    version = house.call("GET", f"/v1/agents/{agent_id}", people[by]).json["version"]
    answer = house.call(
        "POST", f"/v1/agents/{agent_id}/moves", people[by], json={"action": action, "reason": "按决定"} | body,
        headers={"If-Match": f'"{version}"'},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text


def scanned(house: House, code: str) -> Any:
    return house.call("POST", "/check/badge", json={"code": code})


def keys(house: House) -> cose.Keys:
    return cose.read_keys(house.call("GET", "/.well-known/gongxin-badge-jwks").json)


def published(house: House, told: dict[str, Any], accept: str = "*/*") -> bytes:
    answer = house.call("GET", f"/badges/lists/{told['list_no']}", headers={"Accept": accept})
    assert answer.status_code == 200, answer.text
    body: bytes = answer.data
    return body


def listed(house: House, told: dict[str, Any]) -> status_lists.StatusList:
    return status_lists.read(published(house, told), keys(house))


def test_a_badge_says_licence_agency_and_level_and_is_checked_by_anyone(house: House, people: dict[str, Any]) -> None:
    told = issued(house, people)
    checked = scanned(house, told["code"]).json
    assert checked["state"] == "valid"
    assert (checked["licence"], checked["certificate"]) == (people["agent"].licence_no, "basic")
    last = people["agent"].valid_until
    assert told["expires_at"] == f"{last.isoformat()}T16:00:00Z"
    assert people["agent"].licence_no not in told["code"]
    answer = house.call("GET", f"/v1/agents/{people['agent'].id}/badges", people["association"]).json
    assert [each["badge_id"] for each in answer["items"]] == [told["badge_id"]]


def test_another_library_reads_the_badge_by_the_published_cose_keys(house: House, people: dict[str, Any]) -> None:
    told = issued(house, people)
    answer = house.call("GET", "/.well-known/gongxin-badge-cose-keys")
    assert answer.mimetype == "application/cose-key-set"
    message = Sign1Message.decode(base45s.decode(told["code"].removeprefix("GXB1:")))
    kid = message.phdr[next(name for name in message.phdr if name.__name__ == "KID")]
    key = next(each for each in cbor2.loads(answer.data) if each[2] == kid)
    message.key = OKPKey.from_dict({1: 1, -1: 6, -2: key[-2]})
    assert message.verify_signature()
    claims = cbor2.loads(message.payload)
    assert claims[2] == people["agent"].licence_no
    assert claims[65535]["status_list"] == {
        "idx": told["index"],
        "uri": f"{house.runtime.config.issuer}/badges/lists/1",
    }


@pytest.mark.parametrize(
    ("action", "state"), [("suspend", "suspended"), ("revoke", "invalid"), ("surrender", "invalid")]
)
def test_whatever_ends_or_suspends_the_licence_shows_at_once(
    house: House, people: dict[str, Any], action: str, state: str
) -> None:
    told = issued(house, people)
    badge = badges.decode(told["code"], keys(house))
    moved(house, people, action)
    assert scanned(house, told["code"]).json["state"] == state
    assert badges.judge(badge, listed(house, told), clock.epoch_seconds()).state == state


def test_a_suspension_passes_and_the_same_badge_holds_again(house: House, people: dict[str, Any]) -> None:
    told = issued(house, people)
    moved(house, people, "suspend")
    items = house.call("GET", f"/v1/agents/{people['agent'].id}/badges", people["agency"]).json["items"]
    assert [each["state"] for each in items] == ["suspended"]
    moved(house, people, "reinstate")
    assert scanned(house, told["code"]).json["state"] == "valid"


def test_a_suspended_filing_suspends_the_badges_of_its_agency(
    house: House, people: dict[str, Any], engine: Engine, config: Config
) -> None:
    told = issued(house, people)
    for action, state, bits in (("suspend", "suspended", 2), ("reinstate", "valid", 0)):
        filing = house.call("GET", "/v1/agencies/filings?state=" + ("accepted" if bits else "suspended"),
                            people["agency"]).json["items"][0]  # fmt: skip
        answer = house.call(
            "POST", f"/v1/agencies/filings/{filing['filing_id']}/moves", people["association"],
            json={"action": action, "reason": "整改"}, headers={"If-Match": f'"{filing["version"]}"'},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        assert scanned(house, told["code"]).json["state"] == state
        assert listed(house, told).status(told["index"]) == bits
        again = house.call("POST", f"/v1/agents/{people['agent'].id}/badges", people["agency"])
        assert (again.status_code == 201) == (bits == 0)
        told = again.json if bits == 0 else told


def test_a_new_badge_ends_the_one_before_and_a_withdrawal_is_for_good(house: House, people: dict[str, Any]) -> None:
    first, second = issued(house, people), issued(house, people, "association")
    assert scanned(house, first["code"]).json["state"] == "invalid"
    assert scanned(house, second["code"]).json["state"] == "valid"
    path = f"/v1/agents/{people['agent'].id}/badges/{second['badge_id']}/withdrawal"
    assert house.call("POST", path, people["other"], json={"reason": "lost"}).status_code == 404
    answer = house.call("POST", path, people["agency"], json={"reason": "lost"})
    assert (answer.status_code, answer.json["state"], answer.json["ended_as"]) == (200, "ended", "withdrawn")
    again = house.call("POST", path, people["agency"], json={"reason": "lost"})
    assert (again.status_code, again.json["code"]) == (409, "badge_ended")
    assert scanned(house, second["code"]).json["state"] == "invalid"


def test_a_badge_is_not_issued_without_a_licence_in_force_nor_for_anothers_agent(
    house: House, people: dict[str, Any]
) -> None:
    path = f"/v1/agents/{people['agent'].id}/badges"
    assert house.call("POST", path).status_code == 401
    assert house.call("POST", path, people["other"]).status_code == 404
    narrow = replace(people["agency"], client_id=people["agent"].id, scopes=frozenset({"agents.read"}))
    assert house.call("POST", path, narrow).json["code"] == "insufficient_scope"
    moved(house, people, "suspend")
    refused = house.call("POST", path, people["agency"])
    assert (refused.status_code, refused.json["code"], refused.json["state"]) == (
        409,
        "no_licence_in_force",
        "suspended",
    )


def test_a_transfer_ends_the_badge_and_a_return_does_not_bring_it_back(house: House, people: dict[str, Any]) -> None:
    told = issued(house, people)
    for released, claiming in (("agency", "other"), ("other", "agency")):
        moved(house, people, "release", released)
        body = {"licence": people["agent"].licence_no}
        assert house.call("POST", "/v1/agents/claims", people[claiming], json=body).status_code == 200
    assert scanned(house, told["code"]).json["state"] == "invalid"
    assert issued(house, people)["state"] == "in_force"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda c: c[:-40], "badge_cut"),
        (lambda c: c[:-1], "badge_cut"),
        (lambda c: c + c, "badge_doubled"),
        (lambda c: c[:60] + ("0" if c[60] != "0" else "1") + c[61:], None),
        (lambda c: c.lower(), "badge_prefix"),
        (lambda c: c[5:], "badge_prefix"),
    ],
)
def test_a_spoiled_code_is_refused_by_name(house: House, people: dict[str, Any], spoil: Any, code: str | None) -> None:
    told = issued(house, people)
    answer = scanned(house, spoil(told["code"]))
    assert answer.status_code == 422
    assert answer.json["pointer"] == "/code"
    assert code is None or answer.json["code"] == code


def test_a_badge_signed_anew_by_somebody_else_is_refused(house: House, people: dict[str, Any]) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    told = issued(house, people)
    badge = badges.decode(told["code"], keys(house))
    kid = house.call("GET", "/.well-known/gongxin-badge-jwks").json["keys"][0]["kid"]
    own = Ed25519PrivateKey.generate()
    under_its_kid = badges.encode(replace(badge, agency="冒名机构"), cose.signing_key(own, kid))
    assert scanned(house, under_its_kid).json["code"] == "badge_signature"
    under_own_kid = badges.encode(badge, cose.signing_key(own, "A" * 43))
    assert scanned(house, under_own_kid).json["code"] == "badge_key_unknown"


def test_the_list_is_public_cacheable_and_later_each_time(house: House, people: dict[str, Any]) -> None:
    told = issued(house, people)
    answer = house.call("GET", "/badges/lists/1")
    assert answer.mimetype == "application/statuslist+jwt"
    assert "public" in answer.headers["Cache-Control"]
    assert house.call("GET", "/badges/lists").json["status_lists"] == [f"{house.runtime.config.issuer}/badges/lists/1"]
    as_jwt = status_lists.read(answer.data, keys(house))
    as_cwt = status_lists.read(published(house, told, "application/statuslist+cwt"), keys(house))
    assert as_cwt.octets == as_jwt.octets
    assert (as_jwt.bits, len(as_jwt.octets)) == (2, (1 << 20) * 2 // 8)
    assert as_jwt.expires_at - as_jwt.issued_at == 86_400
    assert listed(house, told).issued_at > as_jwt.issued_at
    missing = house.call("GET", "/badges/lists/4711")
    assert (missing.status_code, missing.json["code"]) == (404, "no_status_list")


def test_a_rotated_key_still_verifies_and_a_withdrawn_one_does_not(
    house: House, people: dict[str, Any], engine: Engine, config: Config
) -> None:
    from gongxin.access import registry_keys

    first = issued(house, people)
    with transaction(engine) as session:
        access.rotate_registry_key(session, config, "badge")
    registry_keys.forget(house.runtime)
    assert scanned(house, first["code"]).json["state"] == "valid"
    second = issued(house, people)
    assert badges.decode(second["code"], keys(house)).licence == people["agent"].licence_no
    with transaction(engine) as session:
        access.rotate_registry_key(session, config, "badge", withdraw=True)
    registry_keys.forget(house.runtime)
    assert scanned(house, second["code"]).json["code"] == "badge_key_unknown"


def test_the_public_tells_a_photograph_yes_or_no_and_every_number_it_does_not_know_alike(
    house: House, people: dict[str, Any]
) -> None:
    licence = people["agent"].licence_no
    for digest, matches in (("07" * 32, True), ("08" * 32, False)):
        answer = house.call("POST", "/check/photo", json={"licence": licence, "photo_sha256": digest})
        assert (answer.status_code, answer.json["matches"]) == (200, matches)
        assert set(answer.json) == {"licence", "matches", "as_of"}
    off_by_one = licence[:-1] + ("0" if licence[-1] != "0" else "1")
    bodies = []
    for number in (off_by_one, "GX7K4M2P9QWAC", "nonsense"):
        answer = house.call("POST", "/check/photo", json={"licence": number, "photo_sha256": "07" * 32})
        assert answer.status_code == 404
        bodies.append({**answer.json, "request_id": None, "instance": None})
        page = house.call("GET", f"/check/{number}")
        assert {**page.json, "request_id": None, "instance": None} == bodies[-1]
    assert bodies[0] == bodies[1] == bodies[2]


def test_the_public_check_is_counted_by_address(house: House, people: dict[str, Any]) -> None:
    answer = house.call("GET", f"/check/{people['agent'].licence_no}")
    assert "RateLimit" in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_card_is_a_pdf_whose_qr_another_library_reads(house: House, people: dict[str, Any], language: str) -> None:
    told = issued(house, people)
    path = f"/v1/agents/{people['agent'].id}/badges/{told['badge_id']}/card?language={language}"
    answer = house.call("GET", path, people["agency"])
    assert (answer.status_code, answer.mimetype, answer.data[:5]) == (200, "application/pdf", b"%PDF-")
    assert house.call("GET", path, people["agency"]).data == answer.data
    assert house.call("GET", path, people["other"]).status_code == 404
    words = text_of(answer.data)
    assert people["agent"].licence_no in words
    assert "测试员甲" in words


def test_the_code_of_the_card_is_read_from_its_picture(
    house: House, people: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card drawn by the compiler that makes the PDF, from the same template and data."""
    told, drawn = issued(house, people), []
    compiled = typst.compile

    def draw(*given: Any, **more: Any) -> Any:
        plain = {name: value for name, value in more.items() if name not in {"pdf_standards", "timestamp"}}
        drawn.append(compiled(*given, format="png", ppi=220, **plain))
        return compiled(*given, **more)

    monkeypatch.setattr(typst, "compile", draw)
    house.call("GET", f"/v1/agents/{people['agent'].id}/badges/{told['badge_id']}/card", people["agency"])
    found = zxingcpp.read_barcode(grey(drawn[0]))
    assert found is not None
    assert found.text == told["code"]


def grey(png: bytes) -> memoryview:
    """The first channel of an 8-bit PNG (RFC 2083, filters of section 6), as rows of pixels."""
    at, packed, head = 8, b"", b""
    while at < len(png):
        size, kind = int.from_bytes(png[at : at + 4]), png[at + 4 : at + 8]
        body = png[at + 8 : at + 8 + size]
        head, packed = (body if kind == b"IHDR" else head), packed + (body if kind == b"IDAT" else b"")
        at += 12 + size
    width, height = int.from_bytes(head[:4]), int.from_bytes(head[4:8])
    step = {0: 1, 2: 3, 6: 4}[head[9]]
    raw, row, picture = zlib.decompress(packed), bytearray(width * step), bytearray()
    for y in range(height):
        start = y * (width * step + 1)
        how, line = raw[start], bytearray(raw[start + 1 : start + 1 + width * step])
        for x in range(len(line)):
            left, up, corner = line[x - step] if x >= step else 0, row[x], row[x - step] if x >= step else 0
            line[x] = (line[x] + (0, left, up, (left + up) // 2, _paeth(left, up, corner))[how]) & 255
        row = line
        picture += line[::step]
    return memoryview(bytes(picture)).cast("B", shape=[height, width])


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda each: abs(guess - each))


def text_of(pdf: bytes) -> str:
    from io import BytesIO

    from pypdf import PdfReader

    reader = PdfReader(BytesIO(pdf))
    assert len(reader.pages) == 1
    return reader.pages[0].extract_text()
