"""Prometheus and Alertmanager as processes, on the same balances and with rules that ask the same as ours."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.process import started

PROMETHEUS = "prometheus"
ALERTMANAGER = "prometheus-alertmanager"
READY_SECONDS = 120.0
LOOK_SECONDS = 0.02

SCRAPE = """
global:
  scrape_interval: {seconds}s
  scrape_timeout: {seconds}s
  evaluation_interval: {seconds}s
rule_files: ["{rules}"]
alerting:
  alertmanagers:
    - static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
scrape_configs:
  - job_name: desk
    static_configs: [{{targets: ["{target}"]}}]
"""

# Every alert for itself and at once: what a group waits for is not held against it.
ROUTE = """
route:
  receiver: oncall
  group_by: ["..."]
  group_wait: 0s
  group_interval: 1s
receivers:
  - name: oncall
    webhook_configs: [{{url: "{url}", send_resolved: false}}]
"""


@dataclass(frozen=True, slots=True)
class Peers:
    """The two processes, and where Prometheus answers."""

    prometheus: subprocess.Popen[bytes]
    alertmanager: subprocess.Popen[bytes]


def missing() -> list[str]:
    """Programs that are not installed here."""
    return [name for name in (PROMETHEUS, ALERTMANAGER) if shutil.which(name) is None]


def free_port() -> int:
    """A port of loopback that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def fetched(url: str, body: object = None) -> Any:  # noqa: ANN401  JSON is
    """What an address of this machine answers: JSON, text, or None where there is no body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, method="GET" if body is None else "POST")  # noqa: S310  loopback
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        text = response.read().decode()
        return json.loads(text) if "json" in response.headers.get("Content-Type", "") else text


def until(
    found: Callable[[], bool], what: str, seconds: float = READY_SECONDS, *, look: float = LOOK_SECONDS
) -> None:
    """Look until it is so. Raises TimeoutError saying what never was."""
    end = time.monotonic() + seconds
    while not found():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(look)


def ready(url: str) -> bool:
    """Whether it answers 200."""
    try:
        fetched(url)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
    return True


def threshold(name: str, selector: str, below: float) -> str:
    """One alerting rule."""
    expression = json.dumps(f"balance{{{selector}}} < {below:g}")
    return f"      - {{alert: {json.dumps(name)}, expr: {expression}}}\n"


@dataclass(slots=True)
class Place:
    """Files and ports of one pair, kept over restarts."""

    folder: Path
    target: str
    hook: str
    rules: Sequence[str]
    seconds: int
    port: int = 0
    alertmanager_port: int = 0

    def __post_init__(self) -> None:
        self.port, self.alertmanager_port = free_port(), free_port()
        rules = self.folder / "alerts.yml"
        rules.write_text("groups:\n  - name: desk\n    rules:\n" + "".join(self.rules))
        text = SCRAPE.format(
            seconds=self.seconds,
            rules=rules,
            port=self.alertmanager_port,
            target=self.target.removeprefix("http://"),
        )
        (self.folder / "prometheus.yml").write_text(text)
        (self.folder / "alertmanager.yml").write_text(ROUTE.format(url=self.hook))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def prometheus(self) -> Iterator[subprocess.Popen[bytes]]:
        """Prometheus on its data of before, as soon as it is ready."""
        command = (
            PROMETHEUS,
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        )
        with started(command) as process:
            until(lambda: ready(f"{self.url}/-/ready"), PROMETHEUS)
            yield process

    @contextmanager
    def alertmanager(self) -> Iterator[subprocess.Popen[bytes]]:
        """Alertmanager, ready."""
        command = (
            ALERTMANAGER,
            f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{self.alertmanager_port}",
            "--cluster.listen-address=",
        )
        with started(command) as process:
            until(lambda: ready(f"http://127.0.0.1:{self.alertmanager_port}/-/ready"), ALERTMANAGER)
            yield process

    @contextmanager
    def both(self) -> Iterator[Peers]:
        """The pair."""
        with self.alertmanager() as alertmanager, self.prometheus() as prometheus:
            yield Peers(prometheus, alertmanager)
