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

from tests.stories.houses import ROOT, data_folder, environment, free_port, left_running, until

pytestmark = [pytest.mark.story, pytest.mark.xdist_group("story_day")]
CASES = "150"
STEPS = 26


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


def check_day(folder: Path, day: int) -> None:
    """Plays the day of this number; every step is done, nothing is left running."""
    played = play(folder, "day", "--port", str(free_port()))
    assert played.returncode == 0, played.stdout + played.stderr
    done = re.findall(r"^✓ ", played.stdout, re.MULTILINE)
    assert len(done) == STEPS
    assert f"第 {day} 天" in played.stdout
    assert f"{STEPS} 步全部完成" in played.stdout
    assert "bankruptcy_stay" in played.stdout
    assert "✗" not in played.stdout
    assert "\x1b" not in played.stdout, "colours where nobody looks"
    assert left_running(folder) == []


def test_the_working_day_ends_with_every_step_done_and_leaves_nothing_running() -> None:
    with data_folder() as folder:
        check_day(folder, 1)


def test_after_the_day_the_api_stays_up_until_it_is_told_to_end() -> None:
    with data_folder() as folder:
        with running(folder) as (process, _, port):
            assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
            assert httpx.get(f"http://127.0.0.1:{port}/docs").status_code == 200
            second = play(folder, "day")
            assert second.returncode == 1
            assert "GONGXIN_DATA_DIR" in second.stdout
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        assert left_running(folder) == []


def test_a_process_that_dies_ends_the_run_with_its_last_words_and_the_next_day_goes_on_from_its_data() -> None:
    with data_folder() as folder:
        with running(folder) as (process, output, _):
            [master] = [child for child in psutil.Process(process.pid).children() if "gunicorn" in child.cmdline()]
            master.kill()
            assert process.wait(30) == 1
            assert "web ended (-9)" in output.read_text()
        assert left_running(folder) == []
        check_day(folder, 2)


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
