"""Evidence by SDK and command line against a registry that runs: folders, kills, batches, proofs, reports."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gongxin.db import transaction
from gongxin.transparency import service as log
from gongxin.transparency import stamps
from gongxin_client import BadInput, Refused, Registry, keys, profile
from gongxin_client.cli import main
from gongxin_client.evidence import BatchItem, NewEvidence
from gongxin_client.evidencing import adding, proofs
from gongxin_client.evidencing import report as reports
from gongxin_client.evidencing.adding import Claims
from gongxin_client.evidencing.hashing import fingerprint
from gongxin_client.evidencing.verifying import PROVEN, Trust
from gongxin_client.importing.journal import decode
from gongxin_demo.authority import Authority
from gongxin_demo.authority import serving as authority_serving
from gongxin_wire.evidence import check_batch_chain, check_chain
from tests import live as living
from tests.api.witness_world import ALWAYS_NEWEST, grow, witness

live = living.live
Live = living.Live
ROOT = Path(__file__).resolve().parents[2]
CLAIMS = Claims("recording", agent_licence="HN-2026-1", device="PBX-03")


@pytest.fixture
def bank(live: Live) -> Iterator[Registry]:
    with live.registry(live.member("bank")) as registry:
        yield registry


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Twelve recordings in two folders; a hidden file, a link and an empty one besides."""
    folder = tmp_path / "calls"
    for n in range(12):
        path = folder / f"day{n % 2}" / f"call{n:02d}.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"recording %d %s" % (n, os.urandom(9)) * 50)
    (folder / ".hidden").write_bytes(b"x")
    (folder / "link.mp3").symlink_to(folder / "day0" / "call00.mp3")
    (folder / "empty.wav").write_bytes(b"")
    return folder


def integrate(live: Live) -> None:
    """What the worker does within a second."""
    with transaction(live.engine) as session:
        while log.sequence(session, live.config):
            pass


def records_of(journal: Path, kind: str) -> list[dict[str, Any]]:
    found = [decode(each) for each in journal.read_bytes().splitlines(keepends=True)]
    return [each for each in found if each is not None and each["is"] == kind]


# --- adding -----------------------------------------------------------------------------------------------------------


def test_a_folder_is_registered_by_fingerprint_and_nothing_of_it_is_sent(
    live: Live, bank: Registry, calls: Path
) -> None:
    told: list[tuple[int, int, int]] = []
    report = adding.add(bank, [calls], CLAIMS, progress=lambda *each: told.append(each))
    assert (report.files, report.created, report.exists, report.refused) == (13, 13, 0, 0)
    assert told[-1][:2] == (13, 13)
    assert report.bytes_hashed == sum(path.stat().st_size for path in adding.find_files([calls]))
    registered = {each.sha256: each for each in bank.own_evidence()}
    for path in adding.find_files([calls]):
        found = registered[hashlib.sha256(path.read_bytes()).hexdigest()]
        assert (found.size, found.device, found.agent_licence) == (path.stat().st_size, "PBX-03", "HN-2026-1")
    assert {each.media_type for each in registered.values()} == {"audio/mpeg", "audio/x-wav"}
    again = adding.add(bank, [calls], CLAIMS)
    assert (again.created, again.exists, again.resumed, again.bytes_hashed) == (0, 13, True, 0)
    fresh = adding.add(bank, [calls], CLAIMS, fresh=True)
    assert (fresh.created, fresh.exists, fresh.resumed) == (0, 13, False)


def test_what_came_or_changed_since_is_taken_too(bank: Registry, calls: Path) -> None:
    adding.add(bank, [calls], CLAIMS)
    (calls / "new.mp3").write_bytes(os.urandom(40))
    (calls / "day0" / "call00.mp3").write_bytes(os.urandom(41))
    report = adding.add(bank, [calls], CLAIMS)
    assert (report.created, report.exists, report.bytes_hashed) == (2, 12, 81)


def test_another_run_s_journal_is_not_taken_for_this_one_s(bank: Registry, calls: Path) -> None:
    adding.add(bank, [calls], CLAIMS)
    with pytest.raises(BadInput) as refused:
        adding.add(bank, [calls], Claims("recording", complaint="TS-1"))
    assert refused.value.code == "journal_of_another"


def test_refused_lines_and_unreadable_files_are_named_and_hinder_none(bank: Registry, calls: Path) -> None:
    report = adding.add(bank, [calls], Claims("recording", case_id="01890000-0000-7000-8000-000000000000"))
    assert (report.created, report.refused) == (0, 13)
    assert {problem[1] for problem in report.problems} == {"case_not_found"}
    adding.add(bank, [calls], CLAIMS, fresh=True)
    gone = calls / "day1" / "call01.mp3"
    report = adding.add(bank, [calls / "day0", gone.with_name("none.mp3")], CLAIMS)
    assert [problem[1] for problem in report.problems] == ["file_not_read"]
    assert report.exists == 6


def test_two_files_of_one_content_are_one_registration(bank: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "twins"
    folder.mkdir()
    for name in ("a.mp3", "b.mp3"):
        (folder / name).write_bytes(b"the same")
    report = adding.add(bank, [folder], CLAIMS)
    assert (report.created, report.exists, report.refused) == (1, 1, 0)


def make_folder(live: Live, tmp_path: Path, kind: str = "bank") -> Path:
    """A folder as a member's engineer has it."""
    member = live.member(kind)
    keys.save(member.key, tmp_path / "member.pem")
    member.key_path = tmp_path / "member.pem"
    profile.write(member, tmp_path / "gongxin-member.toml")
    return tmp_path


def test_an_add_killed_with_9_goes_on_and_hashes_nothing_twice(live: Live, tmp_path: Path) -> None:
    folder = make_folder(live, tmp_path)
    calls = folder / "calls"
    calls.mkdir()
    for n in range(3000):
        (calls / f"{n:05d}.mp3").write_bytes(b"%d" % n)
    args = [sys.executable, "-m", "gongxin_client", "evidence", "add", "calls", "--complaint", "TS-1", "--json"]
    given: dict[str, Any] = {"cwd": folder, "env": {**os.environ, "PYTHONPATH": str(ROOT / "platform")}}
    process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **given)
    journal = folder / "calls.journal"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not journal.exists() or journal.read_bytes().count(b'"hash"') < 500):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {each["path"] for each in records_of(journal, "hash")}
    assert 500 <= len(before) < 3000 or not records_of(journal, "end")
    done = subprocess.run(args, capture_output=True, text=True, timeout=120, **given)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["files"], report["created"] + report["exists"], report["resumed"]) == (3000, 3000, True)
    paths = [each["path"] for each in records_of(journal, "hash")]
    assert len(paths) == len(set(paths)) == 3000
    with live.registry(profile.read(folder / "gongxin-member.toml", {})) as bank:
        assert sum(1 for _ in bank.own_evidence()) == 3000


def test_a_file_of_many_gigabytes_grows_no_memory(live: Live, tmp_path: Path) -> None:
    """Sparse: 3 GiB that take no room. The process peaks no higher than with a file of one byte, but for 20 MB."""
    folder = make_folder(live, tmp_path)
    script = (
        "import re, sys\n"
        "from gongxin_client.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n    print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr)\n"
    )
    peaks = []
    for name, size in (("short.mp3", 1), ("long.mp3", 3 << 30)):
        with open(folder / name, "wb") as out:
            out.truncate(size)
        done = subprocess.run(
            [sys.executable, "-c", script, "evidence", "add", name, "--complaint", "TS-1", "--json"],
            cwd=folder, capture_output=True, text=True, timeout=300,
            env={**os.environ, "PYTHONPATH": str(ROOT / "platform")},
        )  # fmt: skip
        assert json.loads(done.stdout)["bytes_hashed"] == size, done.stderr
        peaks.append(int(done.stderr.split()[-1]))
    assert peaks[1] - peaks[0] < 20_000


# --- proofs and reports -----------------------------------------------------------------------------------------------


def test_a_file_is_proven_offline_from_its_proof_alone(live: Live, bank: Registry, calls: Path) -> None:
    adding.add(bank, [calls], CLAIMS, sm3=True)
    integrate(live)
    path = calls / "day1" / "call03.mp3"
    proofs.save(proofs.prove(bank, path, sm3=True), calls / "p.json")
    made = reports.make(proofs.read(calls / "p.json"), fingerprint(path, sm3=True), Trust(tuple(bank.log_keys())))
    assert [(step.code, step.standing) for step in made.verdict.steps] == [
        ("file", PROVEN), ("record", PROVEN), ("log", PROVEN), ("witness", "absent"), ("stamp", "absent"),
        ("custody", PROVEN),
    ]  # fmt: skip
    assert made.verdict.holds
    unknown = reports.make(proofs.read(calls / "p.json"), None, Trust())
    assert [step.standing for step in unknown.verdict.steps[:3]] == ["absent", PROVEN, "stated"]


def test_custody_is_proven_link_by_link(live: Live, bank: Registry, calls: Path) -> None:
    path = calls / "empty.wav"
    found = bank.register_evidence(NewEvidence("recording", fingerprint(path), "audio/wav", complaint="TS-2"))
    found = bank.record_custody(found, "disclosed", to="示范区人民法院", basis="调取")
    found = bank.hold(found, "place", "证据保全")
    with pytest.raises(Refused) as refused:
        bank.record_custody(found, "destroyed")
    assert refused.value.code == "evidence_held"
    chain = bank.custody(found.evidence_id)
    check_chain(chain, found.evidence_id, bank.member_id(), found.sha256)
    assert list(bank.own_evidence(held=True)) == [found]
    integrate(live)
    body = proofs.prove(bank, path)
    made = reports.make(body, fingerprint(path), Trust(tuple(bank.log_keys())))
    assert made.verdict.holds
    assert [leaf["kind"] for leaf in body["leaves"]] == ["evidence", "custody", "custody"]


def test_a_batch_is_proven_file_by_file(live: Live, bank: Registry, calls: Path) -> None:
    report = adding.add_batch(bank, [calls], "recording", label="某日", made_from=date(2026, 1, 2))
    assert report.count == 13
    assert [batch.batch_id for batch in bank.evidence_batches()] == [report.batch_id]
    integrate(live)
    trust = Trust(tuple(bank.log_keys()))
    for path in adding.find_files([calls])[::5]:
        made = reports.make(proofs.prove(bank, path, batch=report.list_file), fingerprint(path), trust)
        assert [step.code for step in made.verdict.steps if step.standing == PROVEN] == [
            "file", "batch", "record", "log",
        ]  # fmt: skip
    with pytest.raises(BadInput):
        proofs.prove(bank, calls / "day0" / "call00.mp3")
    report.list_file.write_text(report.list_file.read_text().replace('"count": 13', '"count": 12'))
    with pytest.raises(BadInput):
        proofs.prove(bank, calls / "day0" / "call00.mp3", batch=report.list_file)


def test_a_file_of_a_batch_is_held_and_its_custody_followed(bank: Registry, calls: Path) -> None:
    report = adding.add_batch(bank, [calls], "recording")
    batch_id, order, _ = adding.read_list(report.list_file)
    item = BatchItem.find(order, order[5])
    state = bank.hold_batch(bank.batch_state(batch_id, item.sha256), "place", "证据保全", file=item)
    assert (state.held, state.version, state.item) == (True, 1, item.sha256)
    state = bank.record_batch_custody(state, "disclosed", file=item, to="示范区人民法院", basis="调取")
    chain = bank.batch_custody(batch_id, item.sha256)
    check_batch_chain(chain, batch_id, bank.member_id(), report.root, item.sha256)
    assert [each["event"] for each in chain] == ["held", "disclosed"]
    whole = bank.batch_state(batch_id)
    assert (whole.version, whole.held, whole.items_held) == (0, False, 1)
    with pytest.raises(Refused) as refused:
        bank.record_batch_custody(whole, "destroyed", basis="期满")
    assert refused.value.code == "evidence_held"
    with pytest.raises(Refused) as stale:
        bank.hold_batch(replace(state, version=1), "release", "解除", file=item)
    assert stale.value.status == 412
    with pytest.raises(Refused) as stranger:
        bank.hold_batch(bank.batch_state(batch_id, order[6]), "place", "x", file=replace(item, sha256=order[6]))
    assert stranger.value.code == "not_of_the_batch"
    with pytest.raises(BadInput):
        BatchItem.find(order, "0" * 64)


def test_a_file_of_several_matters_needs_its_registration_named(live: Live, bank: Registry, calls: Path) -> None:
    path = calls / "day0" / "call02.mp3"
    first = bank.register_evidence(NewEvidence("letter", fingerprint(path), "audio/mpeg", complaint="TS-3"))
    bank.register_evidence(NewEvidence("letter", fingerprint(path), "audio/mpeg", complaint="TS-4"))
    integrate(live)
    with pytest.raises(BadInput) as refused:
        proofs.prove(bank, path)
    assert first.evidence_id in refused.value.fix_zh
    assert proofs.prove(bank, path, evidence_id=first.evidence_id)["leaves"][0]["id"] == first.evidence_id
    with pytest.raises(BadInput) as unknown:
        proofs.prove(bank, calls / "day0" / "call04.mp3")
    assert unknown.value.code == "not_registered"


def test_witnesses_and_stamps_are_in_the_proof_where_there_are_any(server: str, worker_id: str, tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "tsa.pem").write_bytes(authority.pem)
    with (
        authority_serving(authority) as url,
        living.serving(server, worker_id, **ALWAYS_NEWEST, tsa_url=url, tsa_certificate=tmp_path / "tsa.pem") as live,
        live.registry(live.member("bank")) as bank,
        live.registry(live.member("court", court_code="沪0115")) as court,
    ):
        file = tmp_path / "a.mp3"
        file.write_bytes(os.urandom(100))
        bank.register_evidence(NewEvidence("recording", fingerprint(file), "audio/mpeg", complaint="TS-1"))
        integrate(live)
        judge = witness(court, tmp_path)
        key = judge.register()
        assert judge.once().outcome == "signed"
        stamps.stamp(live.engine, live.config)
        grow(live, 3)
        body = proofs.prove(bank, file)
        trust = Trust(tuple(bank.log_keys()), (key,), (authority.root,))
    made = reports.make(body, fingerprint(file), trust)
    assert made.faults() == []
    assert [(step.code, step.standing) for step in made.verdict.steps] == [
        (code, PROVEN) for code in ("file", "record", "log", "witness", "stamp", "custody")
    ]  # fmt: skip
    assert made.verdict.at_latest is not None
    assert key.name in made.html()


# --- the command line -------------------------------------------------------------------------------------------------


def run(folder: Path, *args: str) -> Result:
    return CliRunner().invoke(main, ["evidence", *args, "--profile", str(folder / "gongxin-member.toml")])


def test_the_command_line_from_a_file_to_a_court(live: Live, tmp_path: Path) -> None:
    folder = make_folder(live, tmp_path)
    file = folder / "通话 3.mp3"
    file.write_bytes(os.urandom(2000))
    assert run(folder, "add", str(file)).exit_code == 2
    added = run(folder, "add", str(file), "--agent", "HN-2026-7", "--mtime")
    assert added.exit_code == 0, added.output
    listed = json.loads(run(folder, "list", "--file", str(file), "--json").stdout)["items"]
    assert len(listed) == 1
    evidence_id = listed[0]["evidence_id"]
    moved = run(folder, "custody", evidence_id, "moved", "--to", "二号机房", "--json")
    assert [each["event"] for each in json.loads(moved.stdout)["custody"]] == ["created", "moved"]
    held = run(folder, "hold", evidence_id, "place", "--basis", "证据保全")
    assert "保全 held" in held.stdout
    refused = run(folder, "custody", evidence_id, "destroyed")
    assert (refused.exit_code, "evidence_held" in refused.output) == (3, True)
    integrate(live)
    proven = run(folder, "prove", str(file))
    assert proven.exit_code == 0, proven.output
    assert (folder / "通话 3.mp3.proof.json").stat().st_mode & 0o777 == 0o600
    shutil.move(folder / "gongxin-member.toml", folder / "away.toml")
    offline = run(folder, "report", str(file), "--json")
    assert (offline.exit_code, json.loads(offline.stdout)["holds"]) == (0, True)
    page = (folder / "通话 3.mp3.report.html").read_text("utf-8")
    assert "<script" not in page
    assert "待核对 stated" in page
    shutil.move(folder / "away.toml", folder / "gongxin-member.toml")
    sure = json.loads(run(folder, "report", str(file), "--json").stdout)
    assert [step["standing"] for step in sure["steps"]] == ["proven"] * 3 + ["absent"] * 2 + ["proven"]
    file.write_bytes(b"another")
    altered = run(folder, "report", str(file), "--json")
    assert (altered.exit_code, json.loads(altered.stdout)["faults"]) == (5, ["file_differs"])
    alone = run(folder, "report", str(folder / "通话 3.mp3.proof.json"), "--json")
    assert json.loads(alone.stdout)["steps"][0]["standing"] == "absent"


def test_the_command_holds_a_file_of_a_batch(live: Live, tmp_path: Path, calls: Path) -> None:
    folder = make_folder(live, tmp_path)
    assert run(folder, "add", str(calls), "--batch").exit_code == 0
    sheet, file = str(calls.with_name("calls.batch.json")), str(calls / "day0" / "call04.mp3")
    done = run(folder, "batch", sheet, "hold", "--file", file, "--basis", "证据保全", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["state"]["held"] is True
    assert [each["event"] for each in told["custody"]] == ["held"]
    assert "保全 held" in run(folder, "batch", sheet, "--file", file).output
    assert json.loads(run(folder, "batch", sheet, "--json").stdout)["custody"] == []
