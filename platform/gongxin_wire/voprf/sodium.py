"""libsodium by ctypes: the system's, else one inside a wheel, else the pure group with a loud warning (ADR 0002)."""

import ctypes
import ctypes.util
import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import re
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
        return len(data) == 32 and not data[31] & 0x80 and self._valid(data) == 1

    def multiply(self, scalar: int, element: bytes) -> bytes:
        return self.multiply_each(scalar, [element])[0]

    def multiply_each(self, scalar: int, elements: list[bytes]) -> list[bytes]:
        octets, call, out = scalar.to_bytes(32, "little"), self._multiply, ctypes.create_string_buffer(32)
        found = []
        for element in elements:
            if call(out, octets, element):
                raise ValueError("the product is the identity, or the element is not valid")
            found.append(out.raw)
        return found

    def multiply_base(self, scalar: int) -> bytes:
        out = ctypes.create_string_buffer(32)
        if self._base(out, scalar.to_bytes(32, "little")):
            raise ValueError("the product is the identity")
        return out.raw

    def add(self, first: bytes, second: bytes) -> bytes:
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
    """rbcl keeps the library as base64 text in a module and unpacks it to a new temporary file at each import; the text
    is read here without importing it and unpacked once, into a file named by its hash."""
    spec = importlib.util.find_spec("rbcl")
    if spec is None or not spec.submodule_search_locations:
        return
    for folder in spec.submodule_search_locations:
        data = _rbcl_octets(Path(folder))
        if data is not None:
            yield str(_unpacked(data))


def _rbcl_octets(folder: Path) -> bytes | None:
    import ast
    import base64

    source = folder / "_sodium.py"
    if not source.exists():
        return None
    texts = [n.value for n in ast.walk(ast.parse(source.read_text())) if isinstance(n, ast.Constant)]
    longest = max((t for t in texts if isinstance(t, str | bytes)), key=len, default="")
    try:
        return base64.b64decode(longest)
    except ValueError:
        return None


def _unpacked(data: bytes) -> Path:
    digest = hashlib.sha256(data).hexdigest()
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(base) / "gongxin"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="gongxin-"))
    path = folder / f"libsodium-{digest[:32]}.so"
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        handle, temporary = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o600)
        os.replace(temporary, path)
    return path


_CANDIDATES: tuple[tuple[str, Callable[[], Iterator[str]]], ...] = (
    ("system", _system),
    ("wheel:pyzmq", _pyzmq),
    ("wheel:rbcl", _rbcl),
)
