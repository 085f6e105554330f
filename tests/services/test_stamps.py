"""Time stamps of the log: asked for, checked, kept; a failing authority or a jumping clock holds up nothing."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

pytest.importorskip("rfc3161_client", reason="the locked rfc3161-client is not installed: run `make env`")

from gongxin import clock
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import Unavailable
from gongxin.transparency import queries_witnessing as witnessing
from gongxin.transparency import stamps
from gongxin_demo.authority import POLICY, Authority, serving
from tests.services.log_world import OwnLog, own_log


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def log(
    server: str, config: Config, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OwnLog]:
    root = tmp_path_factory.mktemp("tsa") / "root.pem"
    root.write_bytes(authority.pem)
    with serving(authority) as url, own_log(server, config) as found:
        found.config = replace(found.config, tsa_url=url, tsa_certificate=root, tsa_policy=POLICY)
        found.fill(3)
        yield found


def count(log: OwnLog) -> int:
    with transaction(log.engine) as session:
        return int(session.execute(text("select count(*) from log_stamps")).scalar_one())


def fails(log: OwnLog, code: str, **settings: Any) -> None:
    before = count(log)
    with pytest.raises(Unavailable) as caught:
        stamps.stamp(log.engine, replace(log.config, **settings))
    assert caught.value.code == code
    assert count(log) == before


def test_the_newest_checkpoint_is_stamped_and_the_stamp_kept_with_what_it_says(log: OwnLog) -> None:
    log.fill(2)
    found = stamps.stamp(log.engine, log.config)
    with transaction(log.engine) as session:
        ((kept, note),) = [
            row for row in witnessing.stamps(session, from_size=0, after=0, limit=100) if row[0].number == found.number
        ]
    assert note.split("\n")[1] == str(kept.size)
    assert (kept.policy, kept.serial) == (POLICY, found.serial)
    assert abs(kept.stamped_at - clock.now()) < timedelta(minutes=1)
    assert "Demonstration TSA" in kept.authority


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
def test_openssl_verifies_the_stamp_that_was_kept(log: OwnLog, authority: Authority, tmp_path: Path) -> None:
    found = stamps.stamp(log.engine, log.config)
    with transaction(log.engine) as session:
        note = session.execute(text("select note from log_checkpoints where size = :s"), {"s": found.size}).scalar_one()
    (tmp_path / "reply").write_bytes(found.reply)
    (tmp_path / "data").write_bytes(note.encode())
    (tmp_path / "root").write_bytes(authority.pem)
    verify = ["openssl", "ts", "-verify", "-in", "reply", "-data", "data", "-CAfile", "root"]
    assert subprocess.run(verify, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "data").write_bytes(note.encode() + b"\n")
    assert subprocess.run(verify, cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_an_authority_that_is_away_is_reported_and_leaves_nothing(log: OwnLog) -> None:
    fails(log, "authority_unreachable", tsa_url="http://127.0.0.1:9")


def test_an_authority_that_another_root_vouches_for_is_not_believed(log: OwnLog, tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_bytes(Authority().pem)
    fails(log, "stamp_signature", tsa_certificate=tmp_path / "other.pem")


def test_a_stamp_under_another_policy_is_not_kept(log: OwnLog) -> None:
    fails(log, "stamp_other_policy", tsa_policy="1.2.3.4")


def test_a_certificate_file_that_is_gone_or_empty_is_reported(log: OwnLog, tmp_path: Path) -> None:
    fails(log, "authority_unreachable", tsa_certificate=tmp_path / "gone.pem")
    (tmp_path / "empty.pem").write_bytes(b"")
    fails(log, "stamp_certificates", tsa_certificate=tmp_path / "empty.pem")


def test_without_an_authority_there_is_no_stamp_and_no_alarm(log: OwnLog) -> None:
    none = {"tsa_url": "", "tsa_certificate": None}
    fails(log, "no_authority", **none)
    with transaction(log.engine) as session:
        bare = replace(log.config, **none)  # type: ignore[arg-type]
        assert stamps.Stamper().turn(session, bare) == 0
        assert stamps.warn_of_stamps(session, bare) == 0
        assert stamps.measures(session, bare) == {}


@pytest.mark.parametrize("reply", [b"", b"<html>", b"\x30\x80", b"x" * 100_000])
def test_an_authority_that_answers_nonsense_is_reported(
    log: OwnLog, authority: Authority, monkeypatch: pytest.MonkeyPatch, reply: bytes
) -> None:
    monkeypatch.setattr(authority, "reply", lambda _query: reply)
    fails(log, "stamp_too_long" if len(reply) > 65_536 else "stamp_unreadable")


def test_an_answer_to_an_earlier_request_is_not_kept(
    log: OwnLog, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []
    answer = authority.reply

    def replayed(query: bytes) -> bytes:
        heard.append(query)
        return answer(heard[0])

    monkeypatch.setattr(authority, "reply", replayed)
    stamps.stamp(log.engine, log.config)
    fails(log, "stamp_replayed")


# --- the job ----------------------------------------------------------------------------------------------------------


def turn(log: OwnLog, stamper: stamps.Stamper, config: Config | None = None) -> int:
    with transaction(log.engine) as session:
        begun = stamper.turn(session, config or log.config)
    stamper.wait(30)
    return begun


def at(monkeypatch: pytest.MonkeyPatch, off: timedelta) -> None:
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + off)


def test_the_job_stamps_once_a_day(log: OwnLog, monkeypatch: pytest.MonkeyPatch) -> None:
    stamper = stamps.Stamper()
    stamps.stamp(log.engine, log.config)
    before = count(log)
    assert (turn(log, stamper), count(log)) == (0, before)
    at(monkeypatch, timedelta(hours=25))
    assert (turn(log, stamper), count(log)) == (1, before + 1)
    assert (turn(log, stamper), count(log)) == (0, before + 1)


def test_a_clock_that_jumps_back_means_a_stamp_now_and_then_one_a_day_again(
    log: OwnLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamper = stamps.Stamper()
    stamps.stamp(log.engine, log.config)
    before = count(log)
    at(monkeypatch, timedelta(days=-400))
    assert (turn(log, stamper), count(log)) == (1, before + 1)
    assert (turn(log, stamper), count(log)) == (0, before + 1)
    with transaction(log.engine) as session:
        assert stamps.warn_of_stamps(session, log.config) == 0
        assert stamps.measures(session, log.config)["gongxin_log_stamp_age_seconds"][1] < 60
    monkeypatch.undo()
    assert turn(log, stamper) == 1  # and as it jumps forward again, the last one is 400 days old


def test_an_authority_that_fails_is_asked_again_later_and_later_and_blocks_nothing(
    log: OwnLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = replace(log.config, tsa_url="http://127.0.0.1:9")
    stamper, moment = stamps.Stamper(), [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: moment[0])
    at(monkeypatch, timedelta(days=3))
    pauses = []
    for _ in range(10):
        assert turn(log, stamper, away) == 1
        assert turn(log, stamper, away) == 0
        pauses.append(stamper.not_before - moment[0])
        moment[0] = stamper.not_before
    assert pauses[:4] == [60, 120, 240, 480]
    assert pauses[-1] == 3600
    with transaction(log.engine) as session:
        assert stamps.warn_of_stamps(session, away) == 1
        assert stamps.measures(session, away)["gongxin_log_stamp_late"][1] == 1.0
    assert turn(log, stamper) == 1
    assert stamper.failures == 0


def test_a_log_that_was_never_stamped_is_alarmed_too(
    server: str, config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with own_log(server, config) as fresh:
        asked = replace(fresh.config, tsa_url="http://127.0.0.1:9", tsa_certificate=tmp_path / "x.pem")
        with transaction(fresh.engine) as session:
            assert stamps.warn_of_stamps(session, asked) == 0
        at(monkeypatch, timedelta(hours=37))
        with transaction(fresh.engine) as session:
            assert stamps.warn_of_stamps(session, asked) == 1


def test_the_operator_stamps_by_hand(log: OwnLog, monkeypatch: pytest.MonkeyPatch) -> None:
    from gongxin.cli import main
    from gongxin.cli import stamps as command

    monkeypatch.setattr(command, "load", lambda: log.config)
    done = CliRunner().invoke(main, ["log", "stamp", "--json"])
    assert done.exit_code == 0, done.output
    assert '"authority"' in done.output
    monkeypatch.setattr(command, "load", lambda: replace(log.config, tsa_url="http://127.0.0.1:9"))
    failed = CliRunner().invoke(main, ["log", "stamp"])
    assert failed.exit_code == 1
    assert "authority_unreachable" in failed.output
