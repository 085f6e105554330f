"""Witnesses, cosignatures, reports and stamps in the database: what must never be is refused there too; and when the
alarm is raised."""

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.transparency import queries, rules_witnessing, service, witnesses
from gongxin.transparency import queries_witnessing as witnessing
from gongxin_wire import notes
from tests.conftest import act_for
from tests.services import members_world as members
from tests.services.log_world import OwnLog, own_log

WITNESS = (
    "insert into log_witnesses (id, member_id, name, public_key, key_id, registered_at)"
    " values (:id, :member_id, :name, :public_key, :key_id, now())"
)
COSIGN = (
    "insert into log_cosignatures (size, witness_id, signed_at, signature, received_at)"
    " values (:size, :witness_id, :signed_at, :signature, now())"
)
REPORT = (
    "insert into log_split_reports (id, member_id, kind, earlier, later, claimed, path, digest, reported_at)"
    " values (:id, :member_id, :kind, 'e', 'l', :claimed, :path, :digest, now())"
)
STAMP = (
    "insert into log_stamps (size, reply, stamped_at, serial, policy, authority, received_at)"
    " values (:size, :reply, now(), '1', '1.2.3', 'CN=x', now())"
)


@pytest.fixture
def log(session: Session, config: Config) -> Session:
    service.start(session, config)
    return session


def member(session: Session) -> uuid.UUID:
    act_for(session, None, "registry")
    found = members.move(session, members.apply(session), "active").id
    act_for(session, found, "bank")
    return found


def row(member_id: uuid.UUID, **change: Any) -> dict[str, Any]:
    name = change.pop("name", f"registry.example/witness/{member_id}")
    public_key = change.pop("public_key", uuid.uuid4().bytes * 2)
    key_id = hashlib.sha256(name.encode() + b"\n\x04" + public_key).digest()[:4]
    return {
        "id": ids.new_id(), "member_id": member_id, "name": name, "public_key": public_key, "key_id": key_id,
    } | change  # fmt: skip


def newest(session: Session) -> int:
    found = queries.newest_checkpoint(session)
    assert found is not None
    return found.size


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"name": "registry.example/witness/of-another"}, "ck_log_witnesses_name"),
        ({"name": "/Upper {member_id}"}, "ck_log_witnesses_name"),
        ({"name": "x" * 200 + "/{member_id}"}, "ck_log_witnesses_name"),
        ({"public_key": b"short"}, "ck_log_witnesses_public_key"),
        ({"key_id": b"four"}, "ck_log_witnesses_key_id"),
    ],
)
def test_a_witness_that_is_none_is_refused(log: Session, change: dict[str, Any], constraint: str) -> None:
    own = member(log)
    if "name" in change:
        change = {"name": change["name"].replace("{member_id}", str(own))}
    assert members.refused_by(log, WITNESS, **row(own, **change)) == constraint


def test_a_key_is_registered_once_and_a_member_has_one_active_witness(log: Session) -> None:
    own = member(log)
    first = row(own)
    log.execute(text(WITNESS), first)
    assert members.refused_by(log, WITNESS, **row(own)) == "ix_log_witnesses_one_active"
    log.execute(text("update log_witnesses set retired_at = now() where id = :id"), first)
    assert members.refused_by(log, WITNESS, **row(own, public_key=first["public_key"])) == "uq_log_witnesses_public_key"
    log.execute(text(WITNESS), row(own))


@pytest.mark.parametrize("change", ["retired_at = null", "retired_at = now() + interval '1 day'"])
def test_a_retirement_is_final(log: Session, change: str) -> None:
    own = member(log)
    first = row(own)
    log.execute(text(WITNESS), first)
    log.execute(text("update log_witnesses set retired_at = now() where id = :id"), first)
    refused = members.refused_by(log, f"update log_witnesses set {change} where id = :id", id=first["id"])
    assert refused == "log_witnesses_final"


def test_a_witness_cannot_be_given_another_name_or_key(log: Session) -> None:
    own = member(log)
    log.execute(text(WITNESS), row(own))
    with pytest.raises(DBAPIError, match="permission denied"), log.begin_nested():
        log.execute(text("update log_witnesses set name = name"))


def test_no_member_registers_retires_or_cosigns_for_another(log: Session) -> None:
    theirs = member(log)
    witness = row(theirs)
    log.execute(text(WITNESS), witness)
    mine = member(log)
    for statement, values in (
        (WITNESS, row(theirs)),
        (COSIGN, {"size": newest(log), "witness_id": witness["id"], "signed_at": 1, "signature": bytes(64)}),
        (REPORT, {"id": ids.new_id(), "member_id": theirs, "kind": "fork", "claimed": bytes(32), "path": b"",
                  "digest": bytes(32)}),
        (STAMP, {"size": newest(log), "reply": b"x"}),
    ):  # fmt: skip
        with pytest.raises(DBAPIError, match="row-level security"), log.begin_nested():
            log.execute(text(statement), values)
    changed = log.execute(text("update log_witnesses set retired_at = now() where id = :id"), {"id": witness["id"]})
    assert changed.rowcount == 0
    assert mine != theirs


def test_a_cosignature_is_one_a_witness_and_checkpoint_of_a_checkpoint_that_is(log: Session) -> None:
    own = member(log)
    witness = row(own)
    log.execute(text(WITNESS), witness)
    sound = {"size": newest(log), "witness_id": witness["id"], "signed_at": 1, "signature": bytes(64)}
    for change, constraint in (
        ({"size": 10**9}, "fk_log_cosignatures_size"),
        ({"signature": b"short"}, "ck_log_cosignatures_signature"),
        ({"signed_at": 0}, "ck_log_cosignatures_signed_at"),
    ):
        assert members.refused_by(log, COSIGN, **(sound | change)) == constraint
    log.execute(text(COSIGN), sound)
    assert members.refused_by(log, COSIGN, **sound) == "pk_log_cosignatures"


def test_a_retired_witness_cosigns_no_more(log: Session) -> None:
    own = member(log)
    witness = row(own)
    log.execute(text(WITNESS), witness)
    log.execute(text("update log_witnesses set retired_at = now()  where id = :id"), witness)
    sound = {"size": newest(log), "witness_id": witness["id"], "signed_at": 1, "signature": bytes(64)}
    with pytest.raises(DBAPIError, match="row-level security"), log.begin_nested():
        log.execute(text(COSIGN), sound)


def test_a_report_is_of_a_kind_with_whole_hashes_and_made_once(log: Session) -> None:
    own = member(log)
    sound = {
        "id": ids.new_id(), "member_id": own, "kind": "fork", "claimed": bytes(32), "path": bytes(64),
        "digest": bytes(32),
    }  # fmt: skip
    for change, constraint in (
        ({"kind": "rumour"}, "ck_log_split_reports_kind"),
        ({"claimed": b""}, "ck_log_split_reports_hashes"),
        ({"path": bytes(33)}, "ck_log_split_reports_hashes"),
        ({"digest": b""}, "ck_log_split_reports_hashes"),
    ):
        assert members.refused_by(log, REPORT, **(sound | change)) == constraint
    log.execute(text(REPORT), sound)
    again = members.refused_by(log, REPORT, **(sound | {"id": ids.new_id()}))
    assert again == "uq_log_split_reports_member_id_digest"
    act_for(log, own, "bank")
    assert len(witnessing.reports(log, after=None, limit=10)) == 1
    other = member(log)
    assert witnessing.reports(log, after=None, limit=10) == []
    act_for(log, other, "association")
    assert len(witnessing.reports(log, after=None, limit=10)) == 1


def test_a_stamp_is_of_a_checkpoint_and_has_bytes(log: Session) -> None:
    act_for(log, None, "registry")
    assert members.refused_by(log, STAMP, size=10**9, reply=b"x") == "fk_log_stamps_size"
    assert members.refused_by(log, STAMP, size=newest(log), reply=b"") == "ck_log_stamps_reply"
    log.execute(text(STAMP), {"size": newest(log), "reply": b"x"})


@pytest.mark.parametrize("table", ["log_cosignatures", "log_split_reports", "log_stamps", "log_witnesses"])
def test_nothing_of_this_is_ever_deleted(log: Session, table: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"), log.begin_nested():
        log.execute(text(f"delete from {table}"))


# --- the round and the alarm ------------------------------------------------------------------------------------------


@pytest.fixture
def own(server: str, config: Config) -> Iterator[OwnLog]:
    with own_log(server, config) as found:
        yield found


def at(monkeypatch: pytest.MonkeyPatch, off: timedelta) -> None:
    now, seconds = clock.now, clock.epoch_seconds
    monkeypatch.setattr(clock, "now", lambda: now() + off)
    monkeypatch.setattr(clock, "epoch_seconds", lambda: seconds() + int(off.total_seconds()))


def cosign(log: OwnLog, size: int, count: int = 1) -> None:
    """By so many members of their own."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    for _ in range(count):
        private = Ed25519PrivateKey.generate()
        with transaction(log.engine) as session:
            member_id = members.move(session, members.apply(session), "active").id
        name = f"registry.example/{member_id}"
        vkey = str(notes.VerifierKey(name, private.public_key().public_bytes_raw(), notes.COSIGNATURE))
        with transaction(log.engine, member_id, "bank") as session:
            proof = private.sign(witnesses.possession(log.config.issuer, member_id, vkey))
            witnesses.register(session, log.config, member_id, vkey=vkey, proof=proof)
            note = notes.parse_note(queries.shown_note(session, size) or "")
            line = notes.cosign(note.text, name, private, clock.epoch_seconds())
            assert witnesses.cosign(session, member_id, str(notes.Note(note.text, (line,)))) == size


def alarms(log: OwnLog, quorum: int = 2) -> int:
    with transaction(log.engine) as session:
        return witnesses.warn_of_quorum(session, replace(log.config, witness_quorum=quorum))


def test_all_witnesses_of_a_round_are_given_the_same_head(own: OwnLog, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(own.config, witness_round_seconds=60)
    own.fill(3)
    at(monkeypatch, timedelta(seconds=61))
    with transaction(own.engine) as session:
        first = witnesses.round_note(session, config)
    own.fill(5)
    with transaction(own.engine) as session:
        assert witnesses.round_note(session, config) == first
        assert notes.parse_checkpoint(notes.parse_note(first or "").text).size == 3
    at(monkeypatch, timedelta(seconds=61))
    with transaction(own.engine) as session:
        later = witnesses.round_note(session, config)
        assert notes.parse_checkpoint(notes.parse_note(later or "").text).size == 8


def test_the_alarm_is_raised_a_day_after_the_first_head_that_waits_for_its_quorum(
    own: OwnLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.fill(3)
    assert alarms(own) == 0
    at(monkeypatch, timedelta(hours=23))
    assert alarms(own) == 0
    at(monkeypatch, timedelta(hours=2))
    assert alarms(own) == 1
    cosign(own, 3)
    assert alarms(own) == 1
    assert alarms(own, quorum=1) == 0
    cosign(own, 3)
    assert alarms(own) == 0


def test_a_log_at_rest_asks_nothing_of_its_witnesses(own: OwnLog, monkeypatch: pytest.MonkeyPatch) -> None:
    own.fill(3)
    cosign(own, 3, 2)
    at(monkeypatch, timedelta(days=30))
    assert alarms(own) == 0
    own.fill(1)
    assert alarms(own) == 0
    at(monkeypatch, timedelta(hours=25))
    assert alarms(own) == 1


def test_two_keys_of_one_member_are_one_witness(own: OwnLog) -> None:
    own.fill(2)
    cosign(own, 2)
    with transaction(own.owner) as session:
        session.execute(text("alter table log_witnesses disable trigger user"))
        (member_id,) = session.execute(text("select member_id from log_witnesses")).one()
        session.execute(text("update log_witnesses set retired_at = now()"))
        session.execute(text("alter table log_witnesses enable trigger user"))
    with transaction(own.engine, member_id, "bank") as session:
        second = row(member_id)
        session.execute(text(WITNESS), second)
        session.execute(text(COSIGN), {"size": 2, "witness_id": second["id"], "signed_at": 1, "signature": bytes(64)})
    with transaction(own.engine) as session:
        assert witnessing.newest_witnessed(session, 1) == 2
        assert witnessing.newest_witnessed(session, 2) is None


# --- rules ------------------------------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


def test_retries_double_up_to_an_hour() -> None:
    assert [rules_witnessing.retry_after(n) for n in (1, 2, 3, 7, 50, 10**6)] == [60, 120, 240, 3600, 3600, 3600]


@pytest.mark.parametrize(
    ("last", "due"),
    [(None, True), (timedelta(hours=23), False), (timedelta(hours=24), True), (timedelta(days=-400), True),
     (timedelta(), False)],
)  # fmt: skip
def test_a_stamp_is_due_daily_and_after_a_jump_back_at_once(last: timedelta | None, due: bool) -> None:
    assert rules_witnessing.stamp_is_due(None if last is None else NOW - last, NOW) is due
