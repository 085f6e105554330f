"""Sends prepared requests over kept-alive connections: as fast as answers come, or at a given rate.

`saturate` uses wrk where it is installed (it costs little beside a Python server); else threads of this process, whose
own cost makes a bare answer look slower than it is, and says so.
"""

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_LUA = """
local requests, at = {}, 0
local file = io.open("%s", "rb")
while true do
  local length = file:read("*l")
  if length == nil then break end
  requests[#requests + 1] = file:read(tonumber(length))
  file:read(1)
end
file:close()
function request()
  at = at + 1
  if at > #requests then
    if not %s then wrk.thread:stop() end
    at = 1
  end
  return requests[at]
end
function done(summary, latency, _)
  io.write(string.format("RESULT %%d %%d %%d\\n", summary.requests, summary.duration, summary.errors.status))
end
"""


@dataclass(frozen=True)
class Load:
    """Answers a second, and how many were refusals."""

    rate: float
    refused: int


def http(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """One request as it goes over the wire; underscores in header names stand for hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def saturate(
    port: int, requests: Sequence[bytes], *, seconds: float, again: bool = False, connections: int = 8
) -> Load:
    """`again`: requests may be sent more than once; else the load ends with the last."""
    if shutil.which("wrk"):
        return _wrk(port, requests, seconds, again, connections)
    print(
        "wrk is not installed: a slower generator is used, which flatters ratios against a bare answer", file=sys.stderr
    )
    return _threads(port, requests, seconds, again, connections)


def _wrk(port: int, requests: Sequence[bytes], seconds: float, again: bool, connections: int) -> Load:
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder, "requests"), Path(folder, "load.lua")
        data.write_bytes(b"".join(b"%d\n%s\n" % (len(each), each) for each in requests))
        script.write_text(_LUA % (data, "true" if again else "false"))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(script)]
        said = subprocess.run([*command, f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"RESULT (\d+) (\d+) (\d+)", said)
    if found is None:
        raise RuntimeError(f"wrk said no result: {said[-300:]}")
    count, microseconds, refused = map(int, found.groups())
    return Load(count / (microseconds / 1e6), refused)


def _threads(port: int, requests: Sequence[bytes], seconds: float, again: bool, connections: int) -> Load:
    end, lock, counts = time.monotonic() + seconds, threading.Lock(), [0, 0]
    waiting = iter(requests)

    def run() -> None:
        nonlocal waiting
        with Connection(port) as connection:
            while time.monotonic() < end:
                with lock:
                    each = next(waiting, None)
                    if each is None and again:
                        waiting = iter(requests)
                        each = next(waiting)
                if each is None:
                    return
                status = connection.ask(each)
                with lock:
                    counts[0] += 1
                    counts[1] += status > 399

    threads = [threading.Thread(target=run) for _ in range(connections)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Load(counts[0] / (time.monotonic() - started), counts[1])


def paced(port: int, requests: Sequence[bytes], *, rate: float, connections: int = 8) -> list[float]:
    """Seconds each answer took from the moment its request was due (so that a queue counts), at `rate` a second."""
    taken: list[float] = []
    lock, at, start = threading.Lock(), iter(range(len(requests))), time.monotonic() + 0.2

    def run() -> None:
        with Connection(port) as connection:
            while True:
                with lock:
                    index = next(at, None)
                if index is None:
                    return
                due = start + index / rate
                time.sleep(max(0.0, due - time.monotonic()))
                status = connection.ask(requests[index])
                if status > 399:
                    raise RuntimeError(f"a paced request was refused: {status}")
                taken.append(time.monotonic() - due)

    threads = [threading.Thread(target=run) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


class Connection:
    """One kept-alive connection; `ask` returns the status and leaves the body in `body`."""

    def __init__(self, port: int) -> None:
        self.port, self.body = port, b""

    def __enter__(self) -> "Connection":
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _open(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> int:
        self.socket.sendall(request)
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        head = data[:end].lower()
        found = re.search(rb"content-length: *(\d+)", head)
        if found is None:
            raise RuntimeError("an answer without Content-Length")
        wanted = end + 4 + int(found[1])
        parts, have = [data], len(data)
        while have < wanted:
            parts.append(self._more())
            have += len(parts[-1])
        self.body = b"".join(parts)[end + 4 :]
        if b"connection: close" in head:
            self.socket.close()
            self._open()
        return int(head[9:12])

    def _more(self) -> bytes:
        data = self.socket.recv(262_144)
        if not data:
            raise RuntimeError("the server closed the connection in the middle of an answer")
        return data
