"""A web server on loopback that keeps what arrives by path, and answers each path as it is told."""

import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MESSAGE_ID = re.compile(r"\bM[0-9A-Z]{4,8}\b")


@dataclass
class Arrivals:
    """`statuses` maps a path and how many came there before to the status of the answer."""

    port: int
    statuses: Callable[[str, int], int] = lambda _path, _before: 200
    bodies: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """Those that were taken, with 200."""

    seen: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str) -> str:
        return f"json://127.0.0.1:{self.port}/{path}"

    def ids(self, path: str) -> list[str]:
        """The message ids in the order in which they arrived, repeats included."""
        return [MESSAGE_ID.findall(body["message"])[-1] for body in self.bodies[f"/{path}"]]

    def text(self, path: str) -> str:
        return "\n".join(body["message"] for body in self.bodies[f"/{path}"])

    def take(self, path: str, body: bytes) -> int:
        with self.lock:
            status = self.statuses(path, self.seen[path])
            self.seen[path] += 1
            if status == 200:
                self.bodies[path].append(json.loads(body))
        return status


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    arrivals: Arrivals


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        try:
            body = self.rfile.read(length)
            if len(body) < length:
                return  # the sender died before it had sent all of it
            status = self.server.arrivals.take(self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing: the test's own output is enough."""


@contextmanager
def arriving() -> Iterator[Arrivals]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.arrivals = Arrivals(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.arrivals
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
