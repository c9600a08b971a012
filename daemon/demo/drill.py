"""A drill: the user's own rules file on the real daemon, against simulated venues, with one kind of incident.

No secret of a venue is looked at, and those of the notifiers only where the drill is to be sent: every message then
says that it is one. What would take minutes is shortened, and said.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from daemon.app import App
from daemon.config import Config, ExchangeConfig, Listen, NotifierConfig, Secret, SecretError
from daemon.demo.desk import Desk, desks_of, fill
from daemon.demo.incidents import script_of
from daemon.demo.show import free_port, style_of
from daemon.demo.terminal import Terminal
from daemon.errors import CannotRun
from daemon.running import page_of, run_daemon
from daemon.simulator import Incident, Script, Simulator, SystemClock
from daemon.simulator.script import play
from daemon.simulator.venue import Venue
from daemon.startup import Started, make_sender
from daemon.web.server import WebServer
from notifiers.message import Tone, Wording
from notifiers.times import duration
from notifiers.way import Way
from rules.ruleset import Rule, Ruleset
from rules.types.stale import Stale
from state.prepared import Entry
from state.threaded import AsyncStore

POLL_MS = 1_000
GATHER_MS = 1_000
LONGEST_WAIT_MS = 6_000
SEND_SECONDS = 15.0
LINGER_SECONDS = 14.0


class Drill:
    """One run in `folder`; `seconds` of None means until the incidents are over and told. `send` tells for real."""

    def __init__(
        self, folder: Path, config: Config, kind: str, seconds: float | None, console: Console, *, send: bool
    ) -> None:
        self._folder = folder
        self._config = config
        self._kind = kind
        self._seconds = seconds
        self._console = console
        self._senders = senders_of(config) if send else {}
        self._told: Counter[str] = Counter()
        self._happened = 0
        self.pending: dict[str, str] = {}
        """The alerts that wait for their rule's `for` or `confirm`, and the rule of each."""

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Until `stop`, where one is given. Raises CannotRun or OSError where the drill cannot start."""
        stop = asyncio.Event() if stop is None else stop
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        if self._seconds is not None:
            loop.call_later(self._seconds, stop.set)
        async with contextlib.AsyncExitStack() as stack:
            venues, desks = await self._venues(stack)
            config = await self._config_of(venues, stack)
            script = script_of(self._kind, config.ruleset, desks)
            tasks: set[asyncio.Task[None]] = set()

            def ready(app: App, web: WebServer | None) -> None:
                app.engine.on_commit.append(self._count)
                self._begin(page_of(app, web), desks)
                tasks.add(asyncio.create_task(self._play(script, venues, stop), name="drill"))

            async def begin(_: Path) -> Started:
                store = await AsyncStore.open(config.daemon.state, migrate=True)
                return Started(config, store, await store.load(Ruleset()), None)

            await run_daemon(self._folder / "rules.toml", stop, ready, begin=begin)
            for task in tasks:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._sum_up()

    async def _venues(
        self, stack: contextlib.AsyncExitStack
    ) -> tuple[dict[str, Venue], dict[str, list[Desk]]]:
        """One venue for each exchange of the file; a simulator has one of each kind."""
        simulators: list[Simulator] = []
        counts: Counter[str] = Counter()
        venues: dict[str, Venue] = {}
        desks: dict[str, list[Desk]] = {}
        for exchange in self._config.exchanges:
            settings = exchange.settings
            place = counts[settings.kind]
            counts[settings.kind] += 1
            if place == len(simulators):
                simulators.append(await stack.enter_async_context(Simulator(0, 0, 0)))
            venue = simulators[place].venues[settings.kind]
            desks[settings.name] = desks_of(self._config.ruleset, settings)
            fill(venue, desks[settings.name], self._config.ruleset, settings)
            venues[settings.name] = venue
        return venues, desks

    async def _config_of(self, venues: dict[str, Venue], stack: contextlib.AsyncExitStack) -> Config:
        """The user's configuration with everything that leads out of this machine replaced."""
        exchanges = tuple(self._exchange(one, venues[one.settings.name]) for one in self._config.exchanges)
        notifiers = tuple([await self._notifier(one, stack) for one in self._config.notifiers])
        daemon = replace(
            self._config.daemon,
            state=self._folder / "drill.db",
            listen=Listen("127.0.0.1", free_port()),
            hosts=(),
            public_url="",
            api_token=None,
            heartbeat_url=None,
        )
        ruleset = shortened(self._config.ruleset)
        return replace(self._config, ruleset=ruleset, daemon=daemon, exchanges=exchanges, notifiers=notifiers)

    def _exchange(self, exchange: ExchangeConfig, venue: Venue) -> ExchangeConfig:
        key, name = venue.key, exchange.settings.name
        return replace(
            exchange,
            settings=replace(exchange.settings, poll_every_ms=POLL_MS),
            api_key=self._secret(f"{name}.key", key.api_key),
            api_secret=self._secret(f"{name}.secret", key.api_secret),
            passphrase=self._secret(f"{name}.passphrase", key.passphrase) if key.passphrase else None,
            base_url=venue.base_url,
        )

    async def _notifier(self, notifier: NotifierConfig, stack: contextlib.AsyncExitStack) -> NotifierConfig:
        name = notifier.settings.name
        terminal = Terminal(lambda title, body: self._show(name, title, body))
        await terminal.start()
        stack.push_async_callback(terminal.stop)
        if name in self._senders:
            terminal.forward = lambda title, body: self._send(self._senders[name], title, body)
        return replace(notifier, url=self._secret(f"{name}.url", terminal.url))

    def _secret(self, name: str, text: str) -> Secret:
        path = self._folder / name.replace("/", "_")
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return Secret("file", path.name, name, (), self._folder)

    async def _play(self, script: Script, venues: dict[str, Venue], stop: asyncio.Event) -> None:
        await play(script, venues, SystemClock(), self._hear)
        if self._seconds is None:
            await asyncio.sleep(LINGER_SECONDS)
            stop.set()

    def _begin(self, page: str, desks: dict[str, list[Desk]]) -> None:
        said = [
            f"A drill ({self._kind}) on {self._config.file}: simulated venues, the real daemon. Status page: {page}"
        ]
        for exchange, there in desks.items():
            names = ", ".join(desk.label for desk in there) or "no account that a rule is about"
            said.append(f"  {exchange}: {names}")
        waits = list(_waits(self._config.ruleset))
        if waits:
            said.append(
                f"So that it ends soon, waits are shortened to {duration(LONGEST_WAIT_MS)}: {', '.join(waits)}"
            )
        said.append("Messages are SENT, marked as a drill." if self._senders else "Nothing is sent.")
        self._print("\n".join(said) + "\n")

    def _hear(self, incident: Incident) -> None:
        self._happened += 1
        self._print(f"· {incident.exchange}: {incident.say}", style="dim")

    def _show(self, notifier: str, title: str, body: str) -> None:
        self._told[notifier] += 1
        self._print(f"▌ to {notifier}: {title}", style=style_of(title))
        for line in body.splitlines():
            self._print(f"▌ {line}")
        self._print("")

    async def _send(self, sender: Way, title: str, body: str) -> None:
        marked = Wording(f"DRILL {title}", f"{self.mark}\n\n{body}", Tone.INFO)
        result = await sender.send(marked, SEND_SECONDS)
        said = f": {result.reason}" if result.reason else ""
        self._print(f"  sent to {sender.name}: {result.outcome.value}{said}", style="dim")

    @property
    def mark(self) -> str:
        """What stands above every message that is sent."""
        return f"This is a drill (subtally demo --incident {self._kind}): simulated accounts, nothing has happened."

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(text, style=style, markup=False, highlight=False)

    def _count(self, batch: list[Entry]) -> None:
        """Rules that fire and tell nobody are part of what the drill shows."""
        for entry in batch:
            told = {one.alert for one in entry.outcome.notifications}
            for step in entry.outcome.transitions:
                self.pending.pop(step.alert, None)
                if step.after == "pending":
                    self.pending[step.alert] = step.rule
                if step.after == "firing" and step.before == "pending" and step.alert not in told:
                    self._print(f'  rule "{step.rule}" fires and tells nobody of it now', style="dim")

    def _sum_up(self) -> None:
        told = ", ".join(f"{count} to {name}" for name, count in sorted(self._told.items()))
        if not told and self.pending:
            rules = ", ".join(sorted({f'"{rule}"' for rule in self.pending.values()}))
            told = f"none yet: the drill ended while {rules} waited to be sure"
        self._print(
            f"{self._happened} incident{'' if self._happened == 1 else 's'}; messages: "
            f"{told or 'none: no rule of the file tells of this'}."
        )


def shortened(ruleset: Ruleset) -> Ruleset:
    """The same rules with every wait cut to LONGEST_WAIT_MS, and polled as often as the venues allow."""
    settings = replace(
        ruleset.settings,
        poll_every_ms=POLL_MS,
        stale_after_ms=_cut(ruleset.settings.stale_after_ms),
        gather_ms=min(ruleset.settings.gather_ms, GATHER_MS),
        public_url="",
    )
    exchanges = {name: replace(one, poll_every_ms=POLL_MS) for name, one in ruleset.exchanges.items()}
    rules = tuple(_shortened(rule) for rule in ruleset.rules)
    return replace(ruleset, settings=settings, exchanges=exchanges, rules=rules)


def senders_of(config: Config) -> dict[str, Way]:
    """A way out for each notifier. Raises CannotRun with every secret that cannot be had."""
    found: dict[str, Way] = {}
    problems: list[str] = []
    for notifier in config.notifiers:
        try:
            found[notifier.settings.name] = make_sender(notifier.settings.name, notifier.url.resolve())
        except (SecretError, CannotRun) as error:
            problems.append(str(error))
    if problems:
        raise CannotRun("\n".join([*problems, "leave --send out to see the messages here only"]))
    return found


def _shortened(rule: Rule) -> Rule:
    spec = (
        replace(rule.spec, after_ms=_cut(rule.spec.after_ms)) if isinstance(rule.spec, Stale) else rule.spec
    )
    escalate = None if rule.escalate_after_ms is None else _cut(rule.escalate_after_ms)
    return replace(
        rule,
        spec=spec,
        for_ms=_cut(rule.for_ms),
        keep_firing_ms=_cut(rule.keep_firing_ms),
        escalate_after_ms=escalate,
    )


def _waits(ruleset: Ruleset) -> Iterator[str]:
    if ruleset.settings.stale_after_ms > LONGEST_WAIT_MS:
        yield f"stale_after {duration(ruleset.settings.stale_after_ms)}"
    for rule in ruleset.rules:
        after_ms = rule.spec.after_ms if isinstance(rule.spec, Stale) else 0
        waits = {"for": rule.for_ms, "keep_firing": rule.keep_firing_ms, "after": after_ms}
        waits["escalate_after"] = rule.escalate_after_ms or 0
        for key, wait_ms in waits.items():
            if wait_ms > LONGEST_WAIT_MS:
                yield f'{key} {duration(wait_ms)} of "{rule.name}"'


def _cut(wait_ms: int) -> int:
    return min(wait_ms, LONGEST_WAIT_MS)
