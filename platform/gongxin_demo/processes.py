"""The processes of a registry, as children: started, watched, stopped. Whatever happens, none outlives this program."""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx

from gongxin import embedded

_TAIL_LINES = 25
# Found here: between fork and exec a program with threads may not load anything.
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
_STOP_SECONDS = 8.0


class DemoError(Exception):
    """Why the demonstration cannot go on, for a person to read; no traceback is shown."""


@dataclass
class Child:
    """One process with its log; its own session, so that Ctrl-C in the terminal reaches it only through us."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def tail(self) -> str:
        """The last lines it wrote."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:]) or "(空 empty)"

    def stop(self) -> None:
        """TERM to the process, and KILL to its whole group if it does not go."""
        if self.alive:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_STOP_SECONDS)
        # The group may hold workers that a killed master left behind.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def start_child(name: str, arguments: list[str], environ: Mapping[str, str], log: Path) -> Child:
    """Starts `python ARGUMENTS`, output to `log`, which begins anew."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent if _PRCTL is not None else None,
        )
    return Child(name, log, process)


def _die_with_parent() -> None:
    """Linux: TERM when the parent is gone, even by kill -9 (prctl PR_SET_PDEATHSIG)."""
    if _PRCTL is not None:
        _PRCTL(1, signal.SIGTERM)


@dataclass
class Registry:
    """Where one registry lives and what runs for it. `stop` may be called at any time, twice too."""

    data_dir: Path
    port: int
    environ: dict[str, str] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)
    _lock: IO[str] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def logs(self) -> Path:
        return self.data_dir / "log"

    def lock(self) -> None:
        """One demonstration a data folder. Raises DemoError where another holds it."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(exist_ok=True)
        self._lock = (self.data_dir / "demo.lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            raise DemoError(
                f"{self.data_dir} 已有一个演示在运行；请先停止它，或以 GONGXIN_DATA_DIR 另选目录。\n"
                f"A demonstration already runs on {self.data_dir}; stop it, or choose another GONGXIN_DATA_DIR."
            ) from None

    def start_web(self, workers: int = 2) -> Child:
        """gunicorn, until it is ready."""
        arguments = ["-m", "gongxin.cli", "serve", "--bind", f"127.0.0.1:{self.port}", "--workers", str(workers)]
        child = self._start("web", arguments)
        wait_ready(child, self.address)
        return child

    def start_worker(self) -> Child:
        """The process that runs the jobs."""
        return self._start("worker", ["-m", "gongxin.cli", "worker"])

    def _start(self, name: str, arguments: list[str]) -> Child:
        child = start_child(name, arguments, self.environ, self.logs / f"{name}.log")
        self.children.append(child)
        return child

    def operate(self, *arguments: str) -> Any:
        """What the operator's `gongxin ARGUMENTS --json` answers. Raises DemoError where it exits with another code
        than 0."""
        done = subprocess.run(
            [sys.executable, "-m", "gongxin.cli", *arguments, "--json"],
            env=self.environ, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            told = f"{done.stdout}{done.stderr}".strip()
            raise DemoError(f"gongxin {' '.join(arguments)} ({done.returncode}): {told}")
        return json.loads(done.stdout)

    def check(self) -> None:
        """Raises DemoError with the end of its log where a child has died."""
        for child in self.children:
            if not child.alive:
                raise died(child)

    def stop(self) -> None:
        """Children, then the database, then the lock."""
        try:
            while self.children:
                self.children.pop().stop()
        finally:
            embedded.stop(self.data_dir)
            if self._lock is not None:
                self._lock.close()
                self._lock = None


def environment(data_dir: Path, port: int) -> dict[str, str]:
    """What children run with: this program's own environment, the packages it was started from, its data folder."""
    import gongxin

    inherited = {name: value for name, value in os.environ.items() if name != "GONGXIN_ISSUER"}
    roots = [str(Path(gongxin.__file__).parents[1]), inherited.get("PYTHONPATH", "")]
    return inherited | {
        "GONGXIN_DATA_DIR": str(data_dir),
        "GONGXIN_ISSUER": f"http://127.0.0.1:{port}",
        "GONGXIN_METRICS_DIR": str(data_dir / "run" / "metrics"),
        # A day of the demonstration is over in seconds; outside it witnesses sign each minute.
        "GONGXIN_WITNESS_ROUND_SECONDS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, roots)),
        "PYTHONUNBUFFERED": "1",
    }


def free_port(wanted: int) -> int:
    """`wanted` where nobody listens on it, else another."""
    for port in (wanted, *range(wanted + 1, wanted + 20), 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoError("没有可用端口 No port is free")


def wait_ready(child: Child, address: str, seconds: float = 30.0) -> None:
    """Until /readyz answers 200. Raises DemoError where the child dies first or the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not child.alive:
            raise died(child)
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{address}/readyz", timeout=2).status_code == 200:
                return
        time.sleep(0.1)
    raise DemoError(
        f"{child.name} {seconds:.0f} 秒内未就绪 was not ready in {seconds:.0f} s; {child.log}:\n{child.tail()}"
    )


def died(child: Child) -> DemoError:
    """What it wrote last."""
    code = child.process.poll()
    return DemoError(
        f"进程 {child.name} 已退出（{code}） process {child.name} ended ({code}); {child.log}:\n{child.tail()}"
    )


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody asked the program to end. Not KeyboardInterrupt: where that passes through code made from a text, Python
    ends by the signal in the end, whatever exit code was chosen."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Signals that ask to end come as an exception, so that everything is stopped on the way out."""

    def interrupt(_number: int, _frame: object) -> None:
        raise Interrupted

    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """A second Ctrl-C must not leave anything behind."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
