"""Members' endpoints as they are met: one that takes what comes, and those that hang, send away or never end."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

LOOPBACK = ("127.0.0.0/8", "::1/128")


@dataclass
class Receiver:
    """What arrived, in order, and what it answers: a status for each event, by a function of the body."""

    url: str = ""
    secret: str | None = None
    answers: Callable[[dict[str, Any]], int] = lambda _body: 200
    seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    got: list[dict[str, Any]] = field(default_factory=list)
    raw: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    challenges: int = 0
    says_challenge: bool = True

    def numbers(self) -> list[int]:
        return [body["data"]["n"] for body in self.got]


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if receiver.secret is not None:
                Webhook(receiver.secret).verify(raw, headers)
            body = json.loads(raw)
            if receiver.seconds:
                time.sleep(receiver.seconds)
            said = b""
            if body["type"] == "endpoint.verify":
                receiver.challenges += 1
                status = 200
                said = json.dumps(
                    {"challenge": body["data"]["challenge"] if receiver.says_challenge else "no"}
                ).encode()
            else:
                receiver.raw.append((headers, raw))
                receiver.got.append(body)
                status = receiver.answers(body)
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        pass


@contextmanager
def receiving(**settings: Any) -> Iterator[Receiver]:
    receiver = Receiver(**settings)
    server = _Server(("127.0.0.1", 0), _handler(receiver))
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def saying(*parts: bytes, pause: float = 0.0, repeat: int = 1) -> Iterator[tuple[str, list[int]]]:
    """A server that says these octets to whoever connects, whatever it is asked; and how many octets it got rid of."""
    listener = socket.create_server(("127.0.0.1", 0))
    sent: list[int] = [0]

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=tell, args=(peer,), daemon=True).start()

    def tell(peer: socket.socket) -> None:
        try:
            with peer:
                peer.recv(65536)
                for _ in range(repeat):
                    for part in parts:
                        peer.sendall(part)
                        sent[0] += len(part)
                        if pause:
                            time.sleep(pause)
        except OSError:
            pass

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook", sent
    finally:
        listener.close()
