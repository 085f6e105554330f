"""`make day` and `make run`, as a stranger types them; smaller, so that they are quick."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from gongxin_client.profile import read as read_profile
from gongxin_demo import members
from tests.stories.houses import ROOT, data_folder, environment, free_port, house, left_running, until

pytestmark = [pytest.mark.story, pytest.mark.xdist_group("story_day")]
CASES = "120"
STEPS = 85


def play(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gongxin_demo", *arguments, "--cases", CASES],
        cwd=ROOT, env=environment(folder, **environ), capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Path, int]]:
    """`run`, its output in a file, until the API stays up."""
    port, output = free_port(), folder / "output"
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "gongxin_demo", "run", "--cases", CASES, "--port", str(port)],
            cwd=ROOT, env=environment(folder), stdout=file, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
    try:
        until(lambda: process.poll() is not None or "Ctrl-C" in output.read_text(), 60, "the open API")
        assert process.poll() is None, output.read_text()
        yield process, output, port
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def test_the_working_day_ends_with_every_step_done_and_leaves_nothing_running_and_the_next_day_stays_open() -> None:
    with data_folder() as folder:
        played = play(folder, "day", "--port", str(free_port()))
        assert played.returncode == 0, played.stdout + played.stderr
        check_said(played.stdout, day=1)
        assert left_running(folder) == []

        with running(folder) as (process, output, port):
            check_said(output.read_text(), day=2)
            assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
            assert httpx.get(f"http://127.0.0.1:{port}/docs").status_code == 200
            second = play(folder, "day")
            assert second.returncode == 1
            assert "GONGXIN_DATA_DIR" in second.stdout
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        assert left_running(folder) == []


def check_said(said: str, day: int) -> None:
    """Every step is done, on the day of this number, in plain text where nobody looks."""
    assert len(re.findall(r"^✓ ", said, re.MULTILINE)) == STEPS
    assert f"{STEPS} 步全部完成" in said
    assert f"第 {day} 天" in said
    assert "bankruptcy_stay" in said
    assert "✗" not in said
    assert "\x1b" not in said


def test_a_process_that_dies_ends_the_run_with_its_last_words() -> None:
    with data_folder() as folder:
        with running(folder) as (process, output, _):
            [master] = [child for child in psutil.Process(process.pid).children() if "gunicorn" in child.cmdline()]
            master.kill()
            assert process.wait(30) == 1
            assert "web ended (-9)" in output.read_text()
        assert left_running(folder) == []


def test_an_interrupt_in_the_middle_of_the_day_stops_everything() -> None:
    with data_folder() as folder:
        output = folder / "output"
        with output.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "gongxin_demo", "day", "--cases", CASES, "--port", str(free_port())],
                cwd=ROOT, env=environment(folder), stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip
        until(lambda: process.poll() is not None or "gunicorn" in output.read_text(), 40, "the API")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130, output.read_text()
        assert left_running(folder) == []


def test_a_configuration_that_is_refused_says_which_and_starts_nothing() -> None:
    with data_folder() as folder:
        played = play(folder, "day", GONGXIN_RATE_STORAGE="memory://", GONGXIN_TOKEN_SECONDS="soon")
        assert played.returncode == 1
        assert "GONGXIN_TOKEN_SECONDS" in played.stdout
        assert left_running(folder) == []


def test_a_member_that_an_older_version_admitted_can_do_what_its_kind_can_do_today(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(members, "_scopes", lambda member: ["cases.read"])
    with house("yunshan") as town, town.engine() as engine:
        monkeypatch.undo()
        bank, issuer = town.members["yunshan"], town.registry.address
        clients = []
        for _ in range(3):
            clients.append(read_profile(bank.profile, {}).client_id)
            assert members.admit(engine, bank.institution, bank.profile.parent, issuer) == bank
        assert clients[0] != clients[1] == clients[2]
        with town.software("yunshan") as software:
            assert list(software.own_evidence()) == []
