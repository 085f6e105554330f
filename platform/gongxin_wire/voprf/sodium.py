"""libsodium by ctypes: the system's, else one inside a wheel, else the pure group with a loud warning (ADR 0002)."""

import atexit
import base64
import ctypes
import ctypes.util
import hashlib
import importlib.metadata
import logging
import os
import re
import shutil
import stat
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .group import Group
from .pure import PureGroup

PREFIX = "crypto_core_ristretto255_"
_NEEDED = (
    f"{PREFIX}is_valid_point", f"{PREFIX}add", f"{PREFIX}from_hash", "crypto_scalarmult_ristretto255",
    "crypto_scalarmult_ristretto255_base", "sodium_init", "sodium_version_string",
)  # fmt: skip
_LEAST = (1, 0, 18)
_RBCL_TEXT = re.compile(rb"bytes\.fromhex\('([0-9a-f]+)'\)")
_lock = threading.Lock()


@dataclass(frozen=True)
class Provider:
    """Where the group arithmetic comes from. `production_ok` only for the system's libsodium."""

    name: str
    version: str
    production_ok: bool
    group: Group


class SodiumGroup:
    """`group.Group` over a loaded libsodium. ctypes.CDLL releases the interpreter lock during each call."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._multiply = library.crypto_scalarmult_ristretto255
        self._base = library.crypto_scalarmult_ristretto255_base
        self._valid = library.crypto_core_ristretto255_is_valid_point
        self._add = library.crypto_core_ristretto255_add
        self._from_hash = library.crypto_core_ristretto255_from_hash
        for function, count in ((self._multiply, 3), (self._base, 2), (self._valid, 1), (self._add, 3)):
            function.argtypes = (ctypes.c_char_p,) * count
        self._from_hash.argtypes = (ctypes.c_char_p, ctypes.c_char_p)

    def is_element(self, data: bytes) -> bool:
        # libsodium ignores the highest bit when it reads a field element; RFC 9496 does not.
        return len(data) == 32 and not data[31] & 0x80 and bool(self._valid(data))

    def multiply(self, scalar: int, element: bytes) -> bytes:
        return self.multiply_each(scalar, [element])[0]

    def multiply_each(self, scalar: int, elements: list[bytes]) -> list[bytes]:
        octets, call, out = scalar.to_bytes(32, "little"), self._multiply, ctypes.create_string_buffer(32)
        found = []
        for element in elements:
            # The length first: C reads 32 bytes from wherever it is pointed.
            if len(element) != 32 or element[31] & 0x80 or call(out, octets, element):
                raise ValueError("the product is the identity, or the element is not valid")
            found.append(out.raw)
        return found

    def multiply_base(self, scalar: int) -> bytes:
        out = ctypes.create_string_buffer(32)
        if self._base(out, scalar.to_bytes(32, "little")):
            raise ValueError("the product is the identity")
        return out.raw

    def add(self, first: bytes, second: bytes) -> bytes:
        if len(first) != 32 or len(second) != 32 or (first[31] | second[31]) & 0x80:
            raise ValueError("not an element of ristretto255")
        out = ctypes.create_string_buffer(32)
        if self._add(out, first, second):
            raise ValueError("not an element of ristretto255")
        return out.raw

    def from_hash(self, data: bytes) -> bytes:
        if len(data) != 64:
            raise ValueError("64 uniform bytes are needed")
        out = ctypes.create_string_buffer(32)
        self._from_hash(out, data)
        return out.raw


def load(prefer: str | None = None) -> Provider:
    """The first that loads: `system`, `wheel:pyzmq`, `wheel:rbcl`, `pure`. `prefer` names one; else LookupError."""
    with _lock:
        for name, paths in _CANDIDATES:
            if prefer not in (None, name):
                continue
            for path in paths():
                library = _open(path)
                if library is not None:
                    version = library.sodium_version_string().decode()
                    return Provider(name, version, name == "system", SodiumGroup(library))
        if prefer not in (None, "pure"):
            raise LookupError(f"no libsodium from {prefer}")
        if prefer is None:
            message = "libsodium was not found: using slow pure Python, which is not constant-time; install libsodium"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
            logging.getLogger("gongxin").warning(message)
        return Provider("pure", "rfc9496", False, PureGroup())


@cache
def provider() -> Provider:
    """The provider of this process, found once."""
    return load()


def _open(path: str) -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(path)
        for name in _NEEDED:
            getattr(library, name)
    except (OSError, AttributeError):
        return None
    library.sodium_version_string.restype = ctypes.c_char_p
    version = tuple(int(part) for part in re.findall(r"\d+", library.sodium_version_string().decode())[:3])
    if version < _LEAST or library.sodium_init() < 0:
        return None
    return library


def _system() -> Iterator[str]:
    found = ctypes.util.find_library("sodium")
    if found:
        yield found
    elif os.name == "posix":
        # A slim image may have the library without the tools that find_library asks.
        yield from ("libsodium.so.26", "libsodium.so.23", "libsodium.so")
    for path in ("/opt/homebrew/lib/libsodium.dylib", "/usr/local/lib/libsodium.dylib"):
        if os.path.exists(path):
            yield path


def _pyzmq() -> Iterator[str]:
    try:
        files = importlib.metadata.files("pyzmq") or []
    except importlib.metadata.PackageNotFoundError:
        return
    for file in files:
        if "libsodium" in file.name and ".so" in file.name:
            yield str(file.locate())


def _rbcl() -> Iterator[str]:
    """rbcl keeps the library as a hexadecimal text in a module and unpacks it to a new temporary file at each import.
    The text is read here without importing it, after the module's digest has been held against the wheel's own record.
    """
    data = _rbcl_octets()
    if data is None:
        return
    descriptor = _memory_file(data)
    if descriptor is not None:
        try:
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    path = _unpacked(data)
    if path is not None:
        yield str(path)


def _rbcl_octets() -> bytes | None:
    try:
        files = importlib.metadata.files("rbcl") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    record = next((file for file in files if str(file).replace("\\", "/") == "rbcl/_sodium.py"), None)
    if record is None or record.hash is None or record.hash.mode != "sha256":
        return None
    try:
        source = Path(str(record.locate())).read_bytes()
    except OSError:
        return None
    digest = base64.urlsafe_b64encode(hashlib.sha256(source).digest()).rstrip(b"=").decode()
    if digest != record.hash.value.rstrip("="):
        logging.getLogger("gongxin").warning("rbcl: its library differs from the wheel's record and is not loaded")
        return None
    found = _RBCL_TEXT.search(source)
    return bytes.fromhex(found[1].decode("ascii")) if found else None


def _memory_file(data: bytes) -> int | None:
    """A sealed file that exists in memory only (Linux): nobody can exchange it between the check and the loading."""
    if not hasattr(os, "memfd_create") or not os.path.isdir("/proc/self/fd"):
        return None
    try:
        descriptor = os.memfd_create("gongxin-libsodium", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError:
        return None
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        import fcntl

        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _unpacked(data: bytes) -> Path | None:
    """The library as a file that only this user can have written; None where no such place is found."""
    digest = hashlib.sha256(data).hexdigest()
    for folder in _private_folders():
        path = folder / f"libsodium-{digest[:32]}.{'dll' if os.name == 'nt' else 'so'}"
        try:
            if not _is_ours(path) or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                handle, temporary = tempfile.mkstemp(dir=folder)
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                os.replace(temporary, path)
        except OSError:
            continue
        return path
    return None


def _private_folders() -> Iterator[Path]:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(base) / "gongxin"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if _is_ours(folder):
            yield folder
    except OSError:
        pass
    folder = Path(tempfile.mkdtemp(prefix="gongxin-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    yield folder


def _is_ours(path: Path) -> bool:
    """A real file or folder of this user that nobody else can write: no link, no shared cache."""
    try:
        found = path.lstat()
    except OSError:
        return False
    if stat.S_ISLNK(found.st_mode):
        return False
    return os.name == "nt" or (found.st_uid == os.geteuid() and not found.st_mode & 0o022)


_CANDIDATES: tuple[tuple[str, Callable[[], Iterator[str]]], ...] = (
    ("system", _system),
    ("wheel:pyzmq", _pyzmq),
    ("wheel:rbcl", _rbcl),
)
