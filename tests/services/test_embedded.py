"""The embedded server: started once however many ask, back after a kill, wherever the data lie."""

import multiprocessing
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gongxin import embedded


@pytest.fixture
def bare() -> Iterator[Path]:
    """A short folder: pytest's own names are long, which is another test's matter."""
    found = Path(tempfile.mkdtemp(prefix="gx-", dir="/tmp"))
    yield found
    embedded.stop(found)
    shutil.rmtree(found, ignore_errors=True)


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A cluster that was made once and never started; making one takes longest."""
    found = Path(tempfile.mkdtemp(prefix="gx-", dir="/tmp"))
    embedded._let_through(found / "pg")
    embedded._initialise(found / "pg")
    yield found / "pg"
    shutil.rmtree(found, ignore_errors=True)


def copy_of(made: Path, data_dir: Path) -> Path:
    data_dir.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(made), str(data_dir / "pg")], check=True)
    return data_dir


@pytest.fixture
def folder(bare: Path, made: Path) -> Path:
    return copy_of(made, bare)


def ask(host: str, query: str = "select 1") -> object:
    with psycopg.connect(f"postgresql://postgres@/postgres?host={host}", autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def pid_of(data_dir: Path) -> int:
    found = embedded._postmaster(data_dir.resolve() / "pg")
    assert found is not None
    return found


def start_and_tell(data_dir: Path, told: "multiprocessing.Queue[tuple[str, object]]") -> None:
    host = embedded.start(data_dir)
    told.put((host, ask(host, "select pg_postmaster_start_time()::text")))


def test_several_processes_that_ask_at_once_get_one_server(folder: Path) -> None:
    context = multiprocessing.get_context("fork")
    told = context.Queue()
    processes = [context.Process(target=start_and_tell, args=(folder, told)) for _ in range(3)]
    for process in processes:
        process.start()
    answers = [told.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(30)
    assert len(set(answers)) == 1
    assert ask(answers[0][0]) == 1


def test_a_killed_server_comes_back_with_what_was_committed(folder: Path) -> None:
    host = embedded.start(folder)
    ask(host, "create table kept as select 7 as n")
    first = pid_of(folder)
    os.kill(first, signal.SIGKILL)
    assert embedded.start(folder) == host
    assert pid_of(folder) != first
    assert ask(host, "select n from kept") == 7


def test_a_note_left_by_another_process_is_not_believed(folder: Path) -> None:
    """After a restart of the machine the number in the note may be anybody's."""
    host = embedded.start(folder)
    embedded.stop(folder)
    note = folder / "pg" / "postmaster.pid"
    for left in (f"{os.getpid()}\n{folder}/pg\n", "not a number\n", ""):
        note.write_text(left)
        assert embedded._postmaster(folder.resolve() / "pg") is None
    note.write_text(f"{os.getpid()}\n{folder}/pg\n1\n5432\n{folder}/pg\n\n0 0\nready\n")
    assert embedded.start(folder) == host
    assert ask(host) == 1


def test_a_zombie_is_no_server() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    try:
        for _ in range(50):
            if " Z " in Path(f"/proc/{child}/stat").read_text():
                break
            time.sleep(0.02)
        assert not embedded._is_postgres(child)
    finally:
        os.waitpid(child, 0)


def test_a_cluster_whose_making_was_cut_short_is_made_anew(bare: Path) -> None:
    (bare / "pg.new").mkdir()
    (bare / "pg.new" / "PG_VERSION").write_text("18\n")
    (bare / "pg").mkdir()
    assert ask(embedded.start(bare)) == 1
    assert not (bare / "pg.new").exists()


@pytest.mark.parametrize("name", ["d" * 120, "it's, 100%"])
def test_a_folder_no_socket_can_have_has_its_socket_elsewhere_and_to_itself(bare: Path, made: Path, name: str) -> None:
    deep = copy_of(made, bare / name)
    host = Path(embedded.start(deep))
    try:
        assert host != deep / "pg"
        assert stat.S_IMODE(host.lstat().st_mode) == 0o700
        assert len(os.fsencode(host / ".s.PGSQL.5432")) <= 100
        assert ask(str(host)) == 1
        assert embedded.start(deep) == str(host)
    finally:
        embedded.stop(deep)
        shutil.rmtree(host, ignore_errors=True)


def test_a_short_folder_that_another_made_is_refused(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(bare))
    deep = bare / ("d" * 60) / ("e" * 60) / "pg"
    short = embedded._socket_directory(deep)
    short.rmdir()
    short.symlink_to(bare)
    with pytest.raises(RuntimeError, match="belongs to another account"):
        embedded._socket_directory(deep)


def test_a_folder_that_a_shell_would_misread_is_refused(bare: Path) -> None:
    for name in ("$HOME", 'a"b', "`id`", "a\\b"):
        with pytest.raises(RuntimeError, match="GONGXIN_DATA_DIR"):
            embedded.start(bare / name)


def test_it_listens_on_no_network_and_keeps_what_it_acknowledges(folder: Path) -> None:
    host = embedded.start(folder)
    settings = {
        "listen_addresses": "",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "server_encoding": "UTF8",
    }
    assert {name: ask(host, f"show {name}") for name in settings} == settings
    assert stat.S_IMODE((folder / "pg").stat().st_mode) == 0o700


def test_settings_of_another_server_in_the_environment_mean_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATA", "/nonexistent")
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("LANG", "xx_XX.BROKEN")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/nonexistent")
    host = embedded.start(folder)
    monkeypatch.delenv("PGPORT")
    assert ask(host) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another account")
def test_root_s_own_folders_may_be_passed_but_not_listed(bare: Path, made: Path) -> None:
    private = bare / "private"
    copy_of(made, private / "clone" / "var")
    private.chmod(0o700)
    host = embedded.start(private / "clone" / "var")
    try:
        assert ask(host) == 1
        assert stat.S_IMODE(private.stat().st_mode) == 0o701
        assert Path(host).stat().st_uid != 0
    finally:
        embedded.stop(private / "clone" / "var")


def test_stopping_what_does_not_run_is_nothing(bare: Path) -> None:
    embedded.stop(bare)
    embedded.stop(bare / "never")
    assert not (bare / "never").exists()


def test_roles_and_database_are_made_once(folder: Path) -> None:
    host = embedded.start(folder)
    first = embedded.prepare(host)
    assert embedded.prepare(host) == first
    web, owner = first
    assert "gongxin_web@/gongxin" in web
    assert "gongxin_owner@/gongxin" in owner
    assert ask(host, "select bool_or(rolsuper or rolbypassrls) from pg_roles where rolname like 'gongxin%'") is False
