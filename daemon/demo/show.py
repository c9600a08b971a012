"""The demo end to end: simulator, daemon and terminal notifier in one process, an incident script, a summary."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections import Counter
from functools import cache
from importlib.resources import files
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from daemon.app import App
from daemon.demo.terminal import Terminal
from daemon.running import page_of, run_daemon
from daemon.simulator import DEMO, Incident, Simulator, load_script
from daemon.web.server import WebServer
from state.prepared import Entry

PREFERRED_PORT = 9464
STYLES = {"CRITICAL": "bold red", "WARNING": "yellow", "INFO": "cyan", "RESOLVED": "green", "CLOSED": "green"}
_SEVERAL = {"event": "events", "reminder": "reminders"}


class Demo:
    """One run of the demo in `folder`; `seconds` of None means until it is interrupted."""

    def __init__(self, folder: Path, seconds: float | None, console: Console) -> None:
        self._folder = folder
        self._seconds = seconds
        self._console = console
        self._told: Counter[tuple[str, str, str]] = Counter()
        self._incidents = 0

    async def run(self) -> None:
        """Raises CannotRun or OSError where the demo cannot start."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        if self._seconds is not None:
            loop.call_later(self._seconds, stop.set)
        terminal = Terminal(self._show)
        await terminal.start()
        try:
            async with Simulator() as simulator:
                path = write_files(self._folder, simulator, terminal.url)
                player: set[asyncio.Task[None]] = set()

                def ready(app: App, web: WebServer | None) -> None:
                    app.engine.on_commit.append(self._count)
                    self._begin(page_of(app, web))
                    player.add(asyncio.create_task(self._play(simulator), name="incidents"))

                await run_daemon(path, stop, ready)
                for task in player:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
        finally:
            await terminal.stop()
        self._summary(terminal.messages)

    def _begin(self, page: str) -> None:
        self._console.print(
            "Three simulated venues run on loopback; the real daemon polls them with signed requests.\n"
            f"Status page: {page}   Stop with Ctrl-C.\n"
        )

    async def _play(self, simulator: Simulator) -> None:
        await simulator.play(load_script(DEMO), self._happened)
        if self._seconds is None:
            self._console.print("The script is over; the daemon goes on watching until Ctrl-C.", style="dim")

    def _happened(self, incident: Incident) -> None:
        self._incidents += 1
        self._console.print(
            f"· {incident.exchange}: {incident.say}", style="dim", markup=False, highlight=False
        )

    def _show(self, title: str, body: str) -> None:
        self._console.print(f"▌ {title}", style=style_of(title), markup=False, highlight=False)
        for line in body.splitlines():
            self._console.print(f"▌ {line}", markup=False, highlight=False)
        self._console.print()

    def _count(self, batch: list[Entry]) -> None:
        for entry in batch:
            for told in entry.outcome.notifications:
                self._told[told.facts.exchange, told.facts.type, told.kind.value] += 1

    def _summary(self, messages: int) -> None:
        table = Table("exchange", "rule type", "told", title="What was told", title_justify="left")
        kinds: dict[tuple[str, str], list[str]] = {}
        for (exchange, type_, kind), count in sorted(self._told.items()):
            kinds.setdefault((exchange, type_), []).append(
                f"{count} {_SEVERAL.get(kind, kind) if count > 1 else kind}"
            )
        for (exchange, type_), what in kinds.items():
            table.add_row(escape(exchange), type_, ", ".join(what))
        self._console.print(table)
        total = sum(self._told.values())
        self._console.print(f"{self._incidents} incidents, {total} notifications in {messages} messages.")


def style_of(title: str) -> str:
    """How the terminal colours a message."""
    return next((style for word, style in STYLES.items() if word in title.upper()), "")


def write_files(folder: Path, simulator: Simulator, terminal_url: str) -> Path:
    """The demo's rules file and the secrets it refers to."""
    credentials = simulator.credentials()
    text = files("daemon.demo").joinpath("rules.toml").read_text(encoding="utf-8")
    for venue, given in credentials.items():
        text = text.replace("{" + venue + "}", given["base_url"])
        for name in ("api_key", "api_secret", "passphrase"):
            if name in given:
                _write_secret(folder / f"{venue}.{name}", given[name])
    _write_secret(folder / "terminal.url", terminal_url)
    path = folder / "rules.toml"
    path.write_text(text.replace("{listen}", f"127.0.0.1:{free_port()}"), encoding="utf-8")
    return path


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def free_port() -> int:
    """Of loopback. The usual port where it is free, so that the page is where the documentation says; else any.

    Of processes that start at once only one may take the usual port: it keeps its claim until it ends.
    """
    for port in (PREFERRED_PORT, 0) if _claim() else (0,):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise OSError("no free port on loopback")


@cache
def _claim() -> socket.socket | None:
    """What only one process has at a time, None in the others. Its name is no file: it goes with the process."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0subtally-demo-{PREFERRED_PORT}")
    except OSError:
        claim.close()
        return None
    return claim
