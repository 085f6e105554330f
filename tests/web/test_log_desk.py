"""The log at the desk: how it stands, who witnesses it, its alarms as work, a leaf proven before one's eyes."""

import re
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from gongxin import clock
from gongxin.db import transaction
from gongxin.transparency import queries_witnessing, service
from gongxin.transparency.models_witnessing import SplitReport, Stamp
from gongxin_admin.app import create
from tests.services.log_world import OwnLog
from tests.services.test_witnesses import cosign

from .conftest import Browser, Town


@pytest.fixture
def log(town: Town) -> OwnLog:
    """The log of the shared database, begun, with one leaf more."""
    with transaction(town.engine) as session:
        service.start(session, town.config)
    found = OwnLog(town.engine, town.engine, town.config)
    found.fill(1)
    return found


def size_of(log: OwnLog) -> int:
    with transaction(log.engine) as session:
        return int(session.execute(text("select max(size) from log_checkpoints")).scalar_one())


def desk(town: Town, *roles: str) -> Browser:
    return town.browser("admin", town.person(town.house(), *(roles or ("auditor",))))


def test_the_page_says_who_witnesses_and_how_far_behind(town: Town, log: OwnLog) -> None:
    size = size_of(log)
    cosign(log, size, 2)
    page = desk(town).get("/admin/log").text
    assert f"第 {size:,} 片，落后 0 片" in page
    assert re.search(r"2 家", page)
    assert "公布上限 1 秒" in page
    listed = desk(town).get("/admin/log/checkpoints").text
    row = next(r for r in listed.split("<tr>") if f"/admin/log/checkpoints/{size}" in r)
    assert "已达到" in row
    note = desk(town).get(f"/admin/log/checkpoints/{size}").text
    assert note.count("registry.example/") >= 2


def test_a_leaf_is_proven_on_the_page_and_one_that_waits_says_so(town: Town, log: OwnLog) -> None:
    browser, (placed,) = desk(town), log.fill(1)
    found = browser.get(f"/admin/log/find?leaf={placed.leaf_id}")
    assert found.location == f"/admin/log/leaves/{placed.leaf_id}"
    page = browser.get(found.location).text
    assert "已核对，在日志中" in page
    assert "c2sp.org/tlog-proof@v1" in page
    (waiting,) = log.append(1)
    assert "等待并入" in browser.get(f"/admin/log/leaves/{waiting.leaf_id}").text
    assert browser.get("/admin/log/find?leaf=x").location == "/admin/log"
    assert browser.get(f"/admin/log/leaves/{uuid.uuid4()}").status_code == 404


def test_a_leaf_that_was_exchanged_is_not_called_proven(
    town: Town, log: OwnLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gongxin_admin.views import log as view

    (placed,) = log.fill(1)
    real = view.commitments.entry
    monkeypatch.setattr(view.commitments, "entry", lambda leaf, kind, _commitment: real(leaf, kind, b"\x00" * 32))
    page = desk(town).get(f"/admin/log/leaves/{placed.leaf_id}").text
    assert "证明不成立" in page
    assert "已核对" not in page


def test_an_alarm_stands_on_the_page_and_is_work_of_an_officer(
    town: Town, log: OwnLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now
    officer = town.person(town.house(), "officer")
    app = create("admin", replace(town.config, witness_quorum=99), town.engine)
    with transaction(town.engine) as session:
        assert queries_witnessing.newest_witnessed(session, 99) is None
    monkeypatch.setattr("gongxin_admin.views.log.clock.now", lambda: now() + timedelta(days=2))
    late = Town({"admin": app}, town.engine, town.config).browser("admin", officer)
    assert "见证不足法定数目超过一日" in late.get("/admin/log").text
    assert "见证不足法定数目超过一日" in late.get("/admin").text


def test_stamps_and_reports_are_listed_and_what_is_not_there_is_404(town: Town, log: OwnLog) -> None:
    browser = desk(town)
    for path in ("stamps", "reports", "checkpoints"):
        assert browser.get(f"/admin/log/{path}").status_code == 200
        assert browser.get(f"/admin/log/{path}?cursor=!").status_code == 422
        assert browser.get(f"/admin/log/{path}?csv=1").status_code == 200
    assert browser.get(f"/admin/log/reports/{uuid.uuid4()}").status_code == 404
    assert browser.get("/admin/log/checkpoints/999999999").status_code == 404


def test_a_report_shows_both_heads_and_a_stamp_leads_to_its_checkpoint(
    town: Town, log: OwnLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness, now = town.house("bank"), clock.now()
    report = SplitReport(
        id=uuid.uuid4(), member_id=witness.id, kind="fork", earlier="earlier <b>", later="later", claimed=b"", path=b"",
        digest=b"\x01" * 32, reported_at=now,
    )  # fmt: skip
    stamp = Stamp(number=1, size=size_of(log), stamped_at=now, serial="42", policy="1.2", authority="CN=TSA <i>",
                  received_at=now)  # fmt: skip
    monkeypatch.setattr(queries_witnessing, "reports", lambda *_a, **_k: [report])
    monkeypatch.setattr(queries_witnessing, "get_report", lambda *_a: report)
    monkeypatch.setattr(queries_witnessing, "newest_stamps", lambda *_a, **_k: [stamp])
    browser = desk(town)
    assert witness.name_zh in browser.get("/admin/log/reports").text
    page = browser.get(f"/admin/log/reports/{report.id}").text
    assert "earlier &lt;b&gt;" in page
    assert "须处理" in page
    stamps = browser.get("/admin/log/stamps").text
    assert "CN=TSA &lt;i&gt;" in stamps
    assert f"/admin/log/checkpoints/{stamp.size}" in stamps
