"""What the demonstration says and how it exits when a step fails, a process dies or somebody interrupts it."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gongxin_client import Refused
from gongxin_demo import processes, runner
from gongxin_demo.screen import Screen, expect

Play = Callable[[Callable[[Screen], None]], int]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Plays a day that is this one function, on a registry that is none."""

    @contextmanager
    def opened(*_: Any) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(registry=None)

    def run(day: Callable[[Screen], None], *, stay: bool = False) -> int:
        monkeypatch.setattr(runner, "opened", opened)
        monkeypatch.setattr(runner, "play_day", lambda _town, screen: day(screen))
        return runner.play(Path("nowhere"), 8080, 60, stay=stay)

    return run


def _step(screen: Screen, fault: BaseException | None = None, holds: bool = True) -> None:
    with screen.step("云杉示例银行", "批量委托", "places cases") as says:
        says("三件", "three cases")
        expect(holds, "少了一件", "one is missing")
        if fault is not None:
            raise fault


def test_a_day_with_every_step_done_exits_with_0(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    assert play(_step) == 0
    said = capsys.readouterr().out
    assert "✓ 云杉示例银行  批量委托 places cases\n    三件  three cases" in said
    assert "✗" not in said


def test_a_step_that_does_not_hold_is_named_and_exits_with_1(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    assert play(lambda screen: _step(screen, holds=False)) == 1
    said = capsys.readouterr().out
    assert "✗ 云杉示例银行  批量委托 places cases" in said
    assert "未完成：云杉示例银行 批量委托 places cases" in said
    assert "少了一件 one is missing" in said
    assert "✓" not in said


def test_what_the_registry_refuses_is_told_with_its_fix(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    refused = Refused("no_such", "没有", "There is none", "找一找。", "Look for it.", status=404)
    assert play(lambda screen: _step(screen, refused)) == 1
    assert "no_such: 没有 There is none 找一找。 Look for it." in capsys.readouterr().out


def test_a_dead_process_is_told_without_a_traceback(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    def day(screen: Screen) -> None:
        _step(screen)
        raise processes.DemoError("web ended (1)")

    assert play(day) == 1
    said = capsys.readouterr().out
    assert "web ended (1)" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_before_the_end_exits_with_130(play: Play, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    assert play(lambda _screen: os.kill(os.getpid(), number)) == 130
    assert signal.getsignal(number) == before


def test_an_interrupt_after_the_day_exits_with_0(
    play: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "say_how_to_try", lambda *_: None)
    monkeypatch.setattr(runner, "watch", lambda _registry: os.kill(os.getpid(), signal.SIGTERM))
    assert play(_step, stay=True) == 0
    assert "Interrupted" in capsys.readouterr().out


def test_a_busy_port_gives_way_to_another() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert processes.free_port(port) != port


def test_two_demonstrations_do_not_share_a_data_folder(tmp_path: Path) -> None:
    first, second = processes.Registry(tmp_path, 1), processes.Registry(tmp_path, 2)
    first.lock()
    with pytest.raises(processes.DemoError, match="GONGXIN_DATA_DIR"):
        second.lock()
    first.stop()
    second.lock()
    second.stop()


def test_a_child_that_dies_before_it_is_ready_shows_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    child = processes.start_child("web", ["-c", "print('no such table'); raise SystemExit(3)"], os.environ, log)
    with pytest.raises(processes.DemoError, match=r"web ended \(3\)(?s:.*)no such table"):
        processes.wait_ready(child, "http://127.0.0.1:1", seconds=10)


def test_a_child_that_will_not_end_is_killed_with_its_own_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_STOP_SECONDS", 0.5)
    stubborn = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\n"
        "if child: print(child, flush=True)\n"
        "time.sleep(60)"
    )
    child = processes.start_child("stubborn", ["-c", stubborn], os.environ, tmp_path / "log")
    while not (grandchild := (tmp_path / "log").read_text()):
        assert child.alive
    child.stop()
    assert not child.alive
    assert _is_gone(int(grandchild))


def _is_gone(pid: int) -> bool:
    """Dead, or a zombie that waits for whoever adopted it."""
    if sys.platform == "linux":
        try:
            return ") Z" in Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
