"""Runs on the machine: takes what Apprise posts and writes it down, a line each; while `hang` exists, never answers."""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(sys.argv[1])
PORT = int(sys.argv[2])


class Recorder(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        while (FOLDER / "hang").exists():
            time.sleep(0.1)
        with (FOLDER / "told").open("a") as file:
            file.write(json.dumps(told) + "\n")
        self.send_response(200)
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", PORT), Recorder).serve_forever()
