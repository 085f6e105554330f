"""A server from the system's own PostgreSQL, for `make test PG=system`: found by `pg_config --bindir`, socket only."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

USER = "postgres"


def start(folder: Path) -> str:
    """Makes and starts a cluster under `folder` if it is not running; its socket directory."""
    folder = folder.resolve()
    data, sockets = folder / "data", folder / "run"
    if _ctl(data, "status").returncode == 0:
        return str(sockets)
    sockets.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        for each in (folder, sockets):
            shutil.chown(each, USER)
        for parent in folder.parents:
            if not os.stat(parent).st_mode & 0o001:
                raise RuntimeError(f"the account {USER} cannot enter {parent}; set GONGXIN_TEST_DATA to an open folder")
    made = (data / "PG_VERSION").exists()
    if not made and _call("initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale").returncode:
        raise RuntimeError(f"initdb could not make a cluster in {data}")
    options = f"-k {sockets} -c listen_addresses='' -c max_connections=200 -c fsync=off"
    done = _ctl(data, "-w", "-l", folder / "log", "-o", options, "start")
    if done.returncode:
        raise RuntimeError(f"the system's PostgreSQL did not start; see {folder / 'log'}")
    return str(sockets)


def _ctl(data: Path, *arguments: object) -> "subprocess.CompletedProcess[bytes]":
    return _call("pg_ctl", "-D", data, *arguments)


def _call(program: str, *arguments: object) -> "subprocess.CompletedProcess[bytes]":
    """As the account that may run a server: root may not."""
    command = [str(_bindir() / program), *map(str, arguments)]
    account = pwd.getpwnam(USER) if os.geteuid() == 0 else None
    extra = {"user": account.pw_uid, "group": account.pw_gid} if account else {}
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", check=False, **extra)


def _bindir() -> Path:
    found = shutil.which("pg_config")
    if found:
        return Path(subprocess.run([found, "--bindir"], capture_output=True, text=True, check=True).stdout.strip())
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not versions:
        raise RuntimeError("no system PostgreSQL was found; install it, or run without PG=system")
    return versions[-1]
