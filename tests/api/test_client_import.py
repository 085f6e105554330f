"""Imports and the command line against a registry that runs: killed for real, started again, nothing doubled."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gongxin.errors import Conflict
from gongxin_client import Identifier, keys, profile
from gongxin_client.importing import import_cases
from gongxin_client.importing.journal import decode
from gongxin_wire.identifiers import synthetic_cn_id
from tests import live as living

live = living.live
Live = living.Live
ROOT = Path(__file__).resolve().parents[2]
ROWS = 1500


@pytest.fixture
def folder(live: Live, tmp_path: Path) -> Path:
    """A folder as a bank's engineer has it: profile, key, export."""
    bank = live.member("bank")
    keys.save(bank.key, tmp_path / "bank.pem")
    bank.key_path = tmp_path / "bank.pem"
    profile.write(bank, tmp_path / "gongxin-member.toml")
    with open(tmp_path / "cases.csv", "w", encoding="gb18030", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["借据号", "证件类型", "证件号码", "放款日期", "客户姓名", "手机号码", "欠款余额"])
        styles = ("2025-03-04", "2025/3/4", "20250304", "２０２５年３月４日")
        for n in range(ROWS):
            writer.writerow(
                [f"JJ{n:06d}", "身份证", synthetic_cn_id(n), styles[n % 4], f"张三{n}", "13912345678", "1000.00"]
            )
    return tmp_path


def command(folder: Path, *args: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gongxin_client", *args], cwd=folder, input=stdin, capture_output=True, text=True,
        timeout=120, env=environment(),
    )  # fmt: skip


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "platform"), "PYTHONIOENCODING": "utf-8"}


def test_an_import_killed_with_9_and_started_again_registers_each_case_once(live: Live, folder: Path) -> None:
    args = [sys.executable, "-m", "gongxin_client", "import", "cases.csv", "--chunk", "100", "--json"]
    process = subprocess.Popen(
        args, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    journal = folder / "cases.csv.journal"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not journal.exists() or journal.read_bytes().count(b'"done"') < 3):
        assert process.poll() is None, "the import ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = sum((decode(line) or {}).get("is") == "done" for line in journal.read_bytes().splitlines(keepends=True))
    assert 3 <= finished < ROWS // 100
    done = command(folder, "import", "cases.csv", "--chunk", "100", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["created"] + report["exists"], report["refused"], report["resumed"]) == (ROWS, 0, True)
    with live.registry(profile.read(folder / "gongxin-member.toml", {})) as bank:
        references = [case.creditor_ref for case in bank.cases()]
    assert sorted(references) == [f"JJ{n:06d}" for n in range(ROWS)]
    listed = (folder / "cases.csv.registered.csv").read_text("utf-8-sig").splitlines()[1:]
    assert len(listed) == len(set(listed)) == ROWS
    everything = b"".join(path.read_bytes() for path in folder.iterdir() if path.name.startswith("cases.csv."))
    assert synthetic_cn_id(0).encode() not in everything
    assert b"13912345678" not in everything


def test_what_the_registry_refuses_is_listed_with_what_was_refused_here(live: Live, folder: Path) -> None:
    with live.registry(profile.read(folder / "gongxin-member.toml", {})) as bank:
        file = folder / "few.csv"
        number = synthetic_cn_id(5000)
        file.write_text(f"借据号,证件号码,立案日期\nX1,{number},20250304\nX2,{number}1,20250304\n", "utf-8-sig")
        assert import_cases(bank, file).refused == 1
        file.write_text(f"借据号,证件号码,立案日期\nX1,{synthetic_cn_id(5001)},20250304\n", "utf-8-sig")
        report = import_cases(bank, file, fresh=True)
        assert (report.created, report.exists, report.refused) == (0, 0, 1)
        assert "creditor_ref_taken" in (folder / "few.csv.refused.csv").read_text("utf-8-sig")


def test_the_command_line_from_key_to_verified_answer(live: Live, tmp_path: Path) -> None:
    """What docs/members.md tells an engineer to type, typed."""
    bank, agency = live.member("bank"), live.member("agency")
    for name, member in (("bank", bank), ("agency", agency)):
        keys.save(member.key, tmp_path / f"{name}.pem")
        made = command(
            tmp_path, "profile", "init", "--profile", f"{name}.toml", "--registry", live.url, "--client-id",
            member.client_id, "--key", f"{name}.pem",
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        assert (member.member_id or "?") in made.stdout
    number = synthetic_cn_id(42)
    as_bank, as_agency = ("--profile", "bank.toml", "--json"), ("--profile", "agency.toml", "--json")
    case = json.loads(
        command(tmp_path, "register", "--ref", "JJ42", "--opened-on", "2026-03-04", *as_bank, stdin=number).stdout
    )
    placed = command(tmp_path, "place",
    "JJ42",
    "assign",
    "--ref",
    "--agency", str(agency.member_id), "--until",
    "2027-06-30", *as_bank)  # fmt: skip
    assert placed.returncode == 0, placed.stdout
    assert (
        json.loads(command(tmp_path, "place", case["case_id"], "accept", *as_agency).stdout)["placement"] == "accepted"
    )
    illegal = command(tmp_path, "place", case["case_id"], "decline", "--profile", "agency.toml")
    assert illegal.returncode == 3
    assert "可行操作 Legal" in illegal.stderr
    said = command(
        tmp_path, "event", "JJ42", "--ref", "--axis", "person", "--status", "deceased", "--on", "2026-04-01", *as_bank
    )
    assert said.returncode == 0, said.stdout
    answer = command(
        tmp_path, "lookup", case["case_id"], "--purpose", "contact", "--save", "r.json", *as_agency, stdin=number
    )
    assert (answer.returncode, json.loads(answer.stdout)["contact"]) == (0, "forbidden")
    status = json.loads(command(tmp_path, "status", case["case_id"], "--history", *as_agency).stdout)
    assert status["status"]["stop_flags"] == ["deceased"]
    found = command(tmp_path, "verify", "r.json", *as_agency)
    assert found.stdout, found.stderr
    assert json.loads(found.stdout)["holds"]
    assert command(tmp_path, "whoami", "--profile", "agency.toml").stdout.startswith("机构 Member")
    other = command(tmp_path, "lookup", case["case_id"], "--purpose", "contact", *as_agency, stdin=synthetic_cn_id(43))
    assert (other.returncode, json.loads(other.stdout)["contact"]) == (1, "unknown")
    live.change_state(agency, "suspended")
    assert command(tmp_path, "whoami", *as_agency).returncode == 3


def test_a_file_is_moved_to_the_new_key_epoch_and_the_old_one_retires(
    server: str, worker_id: str, tmp_path: Path
) -> None:
    with living.serving(server, worker_id) as own:
        bank = own.member("bank")
        keys.save(bank.key, tmp_path / "bank.pem")
        bank.key_path = tmp_path / "bank.pem"
        profile.write(bank, tmp_path / "gongxin-member.toml")
        lines = [f"K{n},{synthetic_cn_id(n)},20250304" for n in range(30)]
        (tmp_path / "c.csv").write_text("借据号,证件号码,立案日期\n" + "\n".join(lines) + "\n", "utf-8")
        assert command(tmp_path, "import", "c.csv").returncode == 0
        own.rotate_subject_keys()
        with pytest.raises(Conflict, match="epoch_in_use"):
            own.retire_subject_keys(1)
        moved = command(tmp_path, "rekey", "c.csv", "--json")
        assert moved.returncode == 0, moved.stdout + moved.stderr
        report = json.loads(moved.stdout)
        assert (report["created"], report["exists"], report["refused"]) == (0, 30, 0)
        own.retire_subject_keys(1)
        with own.registry(bank) as registry:
            case = registry.find_case("K7")
            assert case is not None
            who = Identifier("cn_id", synthetic_cn_id(7))
            assert registry.lookup(who, purpose="placement", case_id=case.case_id).result == "none"
