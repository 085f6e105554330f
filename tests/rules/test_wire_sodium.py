"""Where the group arithmetic comes from: found without installing, and never from a file another could write."""

import os
import stat
import warnings
from pathlib import Path

import pytest

from gongxin_wire.voprf import oprf, sodium
from gongxin_wire.voprf.pure import PureGroup


@pytest.fixture
def wheel() -> bytes:
    data = sodium._rbcl_octets()
    if data is None:
        pytest.skip("no rbcl wheel with a library on this machine")
    return data


def test_a_machine_with_python_alone_has_a_fast_provider(wheel: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sodium, "_CANDIDATES", tuple(c for c in sodium._CANDIDATES if c[0].startswith("wheel:")))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        provider = sodium.load()
    assert provider.name.startswith("wheel:")
    assert not provider.production_ok
    assert not isinstance(provider.group, PureGroup)


def test_without_any_library_the_slow_group_warns_loudly_and_is_not_for_production(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sodium, "_CANDIDATES", ())
    with pytest.warns(RuntimeWarning, match="slow pure Python"):
        provider = sodium.load()
    assert (provider.name, provider.production_ok) == ("pure", False)


def test_a_provider_asked_for_by_name_and_absent_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sodium, "_CANDIDATES", ())
    with pytest.raises(LookupError):
        sodium.load("system")


def test_the_wheels_library_is_read_without_importing_it_and_leaves_no_file(
    wheel: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import sys

    if not hasattr(os, "memfd_create"):
        pytest.skip("memory files are Linux's")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert sodium.load("wheel:rbcl").group.multiply_base(1) == oprf.provider().group.multiply_base(1)
    assert "rbcl" not in sys.modules
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_differs_from_the_wheels_record_is_not_loaded(
    wheel: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: real(path) + (b"\n" if path.name == "_sodium.py" else b""))
    assert sodium._rbcl_octets() is None
    with pytest.raises(LookupError):
        sodium.load("wheel:rbcl")


def test_where_memory_files_are_missing_the_library_is_kept_where_only_this_user_writes(
    wheel: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sodium, "_memory_file", lambda data: None)
    assert sodium.load("wheel:rbcl").name == "wheel:rbcl"
    (file,) = (tmp_path / "gongxin").iterdir()
    assert file.read_bytes() == wheel
    assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_file_that_was_exchanged_is_written_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = sodium._unpacked(b"library")
    assert path is not None
    path.write_bytes(b"something else")
    assert sodium._unpacked(b"library") == path
    assert path.read_bytes() == b"library"


def test_a_link_in_place_of_the_file_is_replaced_and_its_target_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = sodium._unpacked(b"library")
    assert path is not None
    path.unlink()
    target = tmp_path / "target"
    target.write_bytes(b"library")
    path.symlink_to(target)
    assert sodium._unpacked(b"library") == path
    assert not path.is_symlink()
    assert target.read_bytes() == b"library"


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_cache_that_others_can_write_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "gongxin"
    folder.mkdir()
    folder.chmod(mode)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = sodium._unpacked(b"library")
    assert path is not None
    assert path.parent != folder
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(folder.iterdir()) == []


def test_a_cache_that_is_a_link_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / "gongxin").symlink_to(elsewhere)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = sodium._unpacked(b"library")
    assert path is not None
    assert elsewhere not in path.parents
    assert list(elsewhere.iterdir()) == []


def test_a_cache_of_another_user_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if os.name == "nt" or os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    folder = tmp_path / "gongxin"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = sodium._unpacked(b"library")
    assert path is not None
    assert path.parent != folder


def test_a_library_without_the_group_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "libsodium.so"
    file.write_bytes(b"not a library")
    assert sodium._open(str(file)) is None
    assert sodium._open("libc.so.6") is None
