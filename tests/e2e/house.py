"""A whole installation on loopback: simulator, rules file, recorder and the real daemon, in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from daemon.app import App
from daemon.running import run_daemon
from daemon.simulator import Simulator

PATIENCE_SECONDS = 30.0


@dataclass
class Told:
    """One message as it arrived."""

    title: str
    body: str


class Recorder:
    """An ordinary HTTP server behind an ordinary Apprise URL; `answers` are statuses to give before 200."""

    def __init__(self) -> None:
        self.messages: list[Told] = []
        self.answers: list[int] = []
        self.url = ""
        self._changed = asyncio.Condition()

    async def until(self, condition: Callable[[Recorder], bool], patience: float = PATIENCE_SECONDS) -> None:
        """Wait for messages to make it true."""
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(lambda: condition(self)), patience)
            except TimeoutError:
                raise AssertionError("not told in time; told so far:\n" + self.text) from None

    @property
    def text(self) -> str:
        return "\n\n".join(f"[{told.title}]\n{told.body}" for told in self.messages)

    def blocks(self, *words: str) -> list[str]:
        """The alert blocks of all messages that hold all these words."""
        blocks = [block for told in self.messages for block in told.body.split("\n\n")]
        return [block for block in blocks if all(word in block for word in words)]

    async def receive(self, request: web.Request) -> web.Response:
        given = await request.json()
        async with self._changed:
            status = self.answers.pop(0) if self.answers else 200
            if status == 200:
                self.messages.append(Told(given["title"], given["message"]))
            self._changed.notify_all()
        return web.Response(status=status)


@contextlib.asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    app = web.Application()
    app.router.add_post("/", recorder.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    recorder.url = f"json://{host}:{port}/"
    try:
        yield recorder
    finally:
        await runner.cleanup()


@dataclass
class House:
    """Where everything lives. `app` is the daemon while one runs."""

    folder: Path
    simulator: Simulator
    recorder: Recorder
    app: App | None = None
    extra: dict[str, str] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _task: asyncio.Future[None] | None = None

    @property
    def rules_file(self) -> Path:
        return self.folder / "rules.toml"

    def write(
        self, rules: str, *, venues: tuple[str, ...] = ("binance", "okx", "bitget"), daemon: str = ""
    ) -> None:
        """Write the file: the exchanges of the simulator, one notifier, and these rules."""
        head = f'[daemon]\nlisten = ""\npoll_every = "1s"\ngather = "1s"\n{daemon}\n'
        for venue in venues:
            head += self.exchange(venue)
        (self.folder / "told.url").write_text(self.recorder.url)
        head += '[[notifier]]\nname = "told"\nurl = { file = "told.url" }\nmin_severity = "info"\n'
        self.rules_file.write_text(head + rules)

    def exchange(self, venue: str) -> str:
        given = self.simulator.credentials()[venue]
        text = f'[[exchange]]\nname = "{venue}-main"\nkind = "{venue}"\nbase_url = "{given["base_url"]}"\n'
        for key in ("api_key", "api_secret", "passphrase"):
            if key in given:
                (self.folder / f"{venue}.{key}").write_text(given[key])
                text += f'{key} = {{ file = "{venue}.{key}" }}\n'
        return text + self.extra.get(venue, "") + "\n"

    @contextlib.asynccontextmanager
    async def daemon(self) -> AsyncIterator[App]:
        """The real daemon on this file, from start to a clean stop."""
        stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
        task = asyncio.create_task(run_daemon(self.rules_file, stop, lambda app, _web: ready.set_result(app)))
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        self.app = ready.result()
        self.app.engine.on_commit.append(lambda _batch: self._notify())
        try:
            yield self.app
        finally:
            stop.set()
            await task
            self.app = None

    async def until(self, condition: Callable[[App], bool], patience: float = PATIENCE_SECONDS) -> None:
        """Wait for commits to make it true."""
        app = self.app
        assert app is not None
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: condition(app)), patience)

    async def judged(self) -> None:
        """Wait until every first judgement is over."""
        await self.until(lambda app: all(one.baseline is None for one in app.engine.world.exchanges.values()))

    async def polls(self, wallets: int, count: int = 1) -> None:
        """Wait until so many wallets are known, and each was read so many times more."""
        await self.until(lambda app: len(app.engine.world.holdings) >= wallets)
        assert self.app is not None
        for _ in range(count):
            began = self.app.engine.clock()
            await self.until(
                lambda app, began=began: all(
                    one.began_ms > began for one in app.engine.world.holdings.values()
                )
            )

    async def passing(self, milliseconds: int) -> None:
        """Wait until the readings have gone on for so long."""
        assert self.app is not None
        until = self.app.engine.clock() + milliseconds
        await self.until(lambda app: app.engine.clock() > until)

    def refusals(self) -> dict[str, object]:
        """What the venues had to refuse: nothing, in a world without faults."""
        return {
            name: dict(venue.records.reasons)
            for name, venue in self.simulator.venues.items()
            if venue.records.refused
        }

    def _notify(self) -> None:
        async def notify() -> None:
            async with self._changed:
                self._changed.notify_all()

        self._task = asyncio.ensure_future(notify())


@contextlib.asynccontextmanager
async def a_house(folder: Path, **accounts: int) -> AsyncIterator[House]:
    """A simulator with so many accounts, and a recorder; no daemon yet."""
    sizes = {f"{venue}_accounts": accounts.get(venue, 3) for venue in ("binance", "okx", "bitget")}
    async with recording() as recorder, Simulator(**sizes) as simulator:
        yield House(folder, simulator, recorder)
