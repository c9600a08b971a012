"""A real web server on loopback that takes notifications, and answers as it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    drop: bool = False


@dataclass
class Recorder:
    """`hold` keeps every answer back until it is set. `asked` is what a GET is answered."""

    port: int
    answer: Answer = field(default_factory=Answer)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    asked: Answer = field(default_factory=lambda: Answer(body=b"[]"))
    questions: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    hold: threading.Event | None = None
    arrived: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "", user: str = "") -> str:
        return f"json://{user}127.0.0.1:{self.port}/{path}"

    @property
    def payload(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.requests[-1][2])
        return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    recorder: Recorder


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        recorder = self.server.recorder
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        recorder.requests.append((self.path, dict(self.headers), body))
        recorder.arrived.set()
        if recorder.hold is not None:
            recorder.hold.wait(60)
        self._answer(recorder.answer)

    def do_GET(self) -> None:
        recorder = self.server.recorder
        recorder.questions.append((self.path, dict(self.headers)))
        self._answer(recorder.asked)

    def _answer(self, answer: Answer) -> None:
        if answer.drop:
            self.close_connection = True
            return
        try:
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing: the test's own output is enough."""


@contextmanager
def recording() -> Iterator[Recorder]:
    server = _Server(("127.0.0.1", 0), _Handler)
    recorder = server.recorder = Recorder(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield recorder
    finally:
        if recorder.hold is not None:
            recorder.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()
