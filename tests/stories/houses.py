"""A whole registry of real processes for a story: its own database, port and data folder, durable settings."""

import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
from sqlalchemy import Engine

from gongxin import embedded
from gongxin.app import database_urls
from gongxin.cli.db import prepare
from gongxin.config import Config, load
from gongxin.db import OWNER_ROLE, make_engine
from gongxin_client import Registry as Software
from gongxin_demo import members, processes

ROOT = Path(__file__).resolve().parents[2]
MARK = "GONGXIN_TEST_STORY"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def data_folder() -> Iterator[Path]:
    """Short, so that a socket fits into it, and open to the account the database runs as."""
    folder = Path(tempfile.mkdtemp(prefix="gxs-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """What a command of the story runs with; every process it starts carries the mark."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GONGXIN_", "XDG_", "COV_"))}
    roots = os.pathsep.join(str(ROOT / part) for part in ("platform", "admin", "."))
    return kept | {"GONGXIN_DATA_DIR": str(folder), "PYTHONPATH": roots, MARK: str(folder)} | more


def left_running(folder: Path) -> list[str]:
    """Processes that carry the folder's mark, or hold it in their command line."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(folder) or any(str(folder) in part for part in process.cmdline()):
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def until(holds: Callable[[], Any], seconds: float = 15.0, what: str = "it") -> Any:
    """Waits until it holds and gives what it gave."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = holds()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come in {seconds} s")


@dataclass
class House:
    """The registry's processes with its members; what a story kills it also starts again."""

    folder: Path
    registry: processes.Registry
    config: Config
    owner_url: str
    web_url: str
    members: dict[str, members.Admitted]

    def software(self, slug: str, **given: Any) -> Software:
        """This member's SDK."""
        return Software.from_profile(self.members[slug].profile, environ={}, **given)

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What the database holds, read past row-level security."""
        with psycopg.connect(self.owner_url.replace(f"+psycopg://{OWNER_ROLE}", "://postgres", 1)) as connection:
            return connection.execute(statement, parameters).fetchall()

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        engine = make_engine(self.web_url, pool_size=2)
        try:
            yield engine
        finally:
            engine.dispose()

    def kill_web(self) -> None:
        """kill -9 of gunicorn's master and of its workers."""
        self._kill("web")

    def start_web(self) -> None:
        self.registry.start_web()

    def kill_worker(self) -> None:
        """kill -9 of the process of the jobs, the log's sequencer among them."""
        self._kill("worker")

    def start_worker(self) -> None:
        self.registry.start_worker()

    def worker_pid(self) -> int:
        return self._child("worker").process.pid

    def _child(self, name: str) -> processes.Child:
        [child] = [child for child in self.registry.children if child.name == name]
        return child

    def _kill(self, name: str) -> None:
        child = self._child(name)
        os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()
        self.registry.children.remove(child)

    def kill_database(self) -> None:
        """kill -9 of the postmaster; its backends go when they notice."""
        pid = int((self.folder / "pg" / "postmaster.pid").read_text().split()[0])
        family = [psutil.Process(pid), *psutil.Process(pid).children()]
        os.kill(pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not alive, "a backend outlived its postmaster"

    def start_database(self) -> None:
        embedded.start(self.folder)
        assert self.rows("show fsync") == [("on",)]


@contextmanager
def house(*slugs: str, worker: bool = False) -> Iterator[House]:
    """A registry in service with these members of the demonstration's province."""
    with data_folder() as folder:
        registry = processes.Registry(folder, free_port())
        registry.environ = processes.environment(folder, registry.port) | {MARK: str(folder)}
        registry.environ.pop("GONGXIN_TEST_DATA", None)
        config = load({name: registry.environ[name] for name in ("GONGXIN_DATA_DIR", "GONGXIN_ISSUER")})
        try:
            registry.lock()
            web_url, owner_url = database_urls(config)
            prepare(config)
            admitted = _admit(web_url, folder, registry.address, slugs)
            registry.start_web()
            if worker:
                registry.start_worker()
            yield House(folder, registry, config, owner_url, web_url, admitted)
        finally:
            registry.stop()
        assert left_running(folder) == []


def _admit(web_url: str, folder: Path, issuer: str, slugs: tuple[str, ...]) -> dict[str, members.Admitted]:
    engine = make_engine(web_url, pool_size=1)
    try:
        wanted = [each for each in members.INSTITUTIONS if each.slug in slugs]
        return {each.slug: members.admit(engine, each, folder / "members" / each.slug, issuer) for each in wanted}
    finally:
        engine.dispose()
