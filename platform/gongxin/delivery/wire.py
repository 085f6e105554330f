"""One POST to a member's endpoint, which may be slow, huge, lying or pointed at us.

The name is resolved once and every address it has is judged; the socket goes to the address that was judged, so that a
name that changes its mind in between (DNS rebinding) changes nothing. No proxy, no redirect, no connection kept. One
deadline holds for the whole of connecting, TLS, sending and reading; of the answer at most its head and 4 KiB are read.
"""

import http.client
import io
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from gongxin import clock

from . import rules

SECONDS = 15.0
MAX_HEAD = 32 * 1024
MAX_BODY = 4096
Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a call: `outcome` delivered, gone, refused, failed, or why nothing was heard; `status` where there
    was an answer."""

    outcome: str
    status: int | None = None
    body: bytes = b""
    retry_after: int = 0


class NotCalled(Exception):
    """Nothing was sent, or nothing was understood; `args[0]` says why in one word."""


def post(
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    networks: Sequence[str],
    seconds: float = SECONDS,
    resolve: Resolve | None = None,
) -> Heard:
    """Calls an endpoint once. Never raises for anything the endpoint, its name or the network does."""
    deadline = clock.monotonic() + seconds
    try:
        return _post(url, headers, body, networks, deadline, resolve or addresses)
    except NotCalled as fault:
        return Heard(str(fault))
    except TimeoutError:
        return Heard("timeout")
    except ssl.SSLError:
        return Heard("tls")
    except http.client.HTTPException:
        return Heard("unreadable")
    except (OSError, ValueError):
        return Heard("timeout" if clock.monotonic() >= deadline else "unreachable")


def _post(
    url: str, headers: Mapping[str, str], body: bytes, networks: Sequence[str], deadline: float, resolve: Resolve
) -> Heard:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _judged(_resolved(host, port, deadline, resolve), networks)
    if parts.scheme != "https" and not rules.is_named(address, networks):
        raise NotCalled("not_https")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"POST {target} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection((address, port), timeout=_left(deadline)) as plain:
        sock: socket.socket = plain
        if parts.scheme == "https":
            plain.settimeout(_left(deadline))
            sock = _tls().wrap_socket(plain, server_hostname=host)
        with sock:
            sock.settimeout(_left(deadline))
            sock.sendall("\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body)
            return _heard(sock, deadline)


def _heard(sock: socket.socket, deadline: float) -> Heard:
    response = http.client.HTTPResponse(_Bounded(sock, deadline), method="POST")  # type: ignore[arg-type]
    response.begin()
    status = response.status
    after = response.headers.get("Retry-After", "")
    seconds = min(int(after), 86_400) if after.isascii() and after.isdigit() and len(after) < 9 else 0
    return Heard(rules.outcome(status), status, response.read(MAX_BODY) if 200 <= status < 300 else b"", seconds)


def _judged(found: Sequence[str], networks: Sequence[str]) -> str:
    """The first address, if every one may be called: a name with one foot inside is not called at all."""
    if not found:
        raise NotCalled("no_address")
    if not all(rules.may_call(address, networks) for address in found):
        raise NotCalled("private_address")
    return found[0]


def _resolved(host: str, port: int, deadline: float, resolve: Resolve) -> list[str]:
    """The resolver knows no deadline, so it is waited for in a thread that may be left behind."""
    told: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()

    def ask() -> None:
        try:
            told.put(resolve(host, port))
        except (OSError, ValueError):
            told.put(None)

    threading.Thread(target=ask, daemon=True).start()
    try:
        found = told.get(timeout=_left(deadline))
    except queue.Empty:
        raise TimeoutError from None
    if found is None:
        raise NotCalled("no_address")
    return found


def addresses(host: str, port: int) -> list[str]:
    """Every A and AAAA of a name, or the address it is."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _left(deadline: float) -> float:
    left = deadline - clock.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _Bounded(io.RawIOBase):
    """A socket as `HTTPResponse` reads it: each read ends at the deadline, all of them after so many bytes."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self.sock, self.deadline, self.left = sock, deadline, MAX_HEAD + MAX_BODY + io.DEFAULT_BUFFER_SIZE

    def makefile(self, *_mode: object) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        if self.left <= 0:
            raise http.client.HTTPException("more than is read")
        self.sock.settimeout(_left(self.deadline))
        taken = self.sock.recv_into(buffer, min(len(buffer), self.left))
        self.left -= taken
        return taken
