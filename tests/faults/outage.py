"""Many exchanges on one real daemon, each behind a faulty proxy of its own, and all that was said of each."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog

from daemon.app import App
from daemon.running import run_daemon
from daemon.simulator import Simulator
from daemon.simulator.venue import Venue
from state.prepared import Entry
from tests.e2e.house import Recorder, recording
from tests.e2e.traps import BALANCES, FREE, LISTS, READ, RULES, WIDER
from tests.faults.certificates import certificates
from tests.faults.proxy import FAULTS, Fault, Proxy, proxied

PHASES = {"listing": LISTS, "reading": BALANCES}
LATE = "late@desk.example"
PATIENCE_SECONDS = 60.0
STALE_SECONDS = 5
ASKED_TO_WAIT_SECONDS = 3  # what a Retry-After of FAULTS says

# What is told of what happens meanwhile, once the venue can be read again.
INCIDENTS = Counter({"firing floor": 1, "event moves": 1, "event new": 1, "event gone": 1})
TROUBLE = ("subtally/stale-exchange", "subtally/ban")


@dataclass
class Ward:
    """One exchange of the daemon, its venue, the proxy between them, and what was said."""

    name: str
    venue: str
    model: Venue
    proxy: Proxy
    told: Counter[str] = field(default_factory=Counter)
    labels: dict[str, list[str]] = field(default_factory=dict)
    alerts: set[str] = field(default_factory=set)
    removed: str = ""

    def strike_while(self, phase: str, fault: Fault) -> None:
        """From the next request of that phase on the fault is in force; meanwhile things happen."""
        path = PHASES[phase][self.venue]
        self.proxy.on_fault = self.meanwhile
        self.proxy.arm(fault, lambda asked: asked == path)

    def meanwhile(self) -> None:
        """A drain, a new account and a deleted one, while nobody can see it."""
        first, _, last = self.model.accounts[:3]
        self.model.set_balance(first.name, "USDT", free="7.5")
        self.removed = last.label if self.venue == "bitget" else last.name
        self.model.remove(last.name)
        late = self.model.add(LATE)
        self.model.set_balance(late.name, "USDT", free="50000")

    @property
    def outage(self) -> Counter[str]:
        """What was told of the outage itself."""
        return Counter({said: n for said, n in self.told.items() if said.endswith(TROUBLE)})

    @property
    def outage_told(self) -> bool:
        return any(said.startswith("firing") for said in self.outage)

    @property
    def over(self) -> bool:
        """The outage is over and all that happened meanwhile was told."""
        began = sum(n for said, n in self.outage.items() if said.startswith("firing"))
        ended = sum(n for said, n in self.outage.items() if said.startswith("resolved"))
        return began == ended > 0 and self.told >= INCIDENTS


@dataclass
class Hospital:
    """The daemon with all its exchanges."""

    app: App
    wards: dict[str, Ward]
    recorder: Recorder
    logged: list[Any]
    secrets: list[str]
    folder: Path

    def heard(self, batch: list[Entry]) -> None:
        for entry in batch:
            for one in entry.outcome.notifications:
                ward = self.wards.get(one.facts.exchange)
                if ward is not None:
                    ward.told[f"{one.kind} {one.facts.rule}"] += 1
                    ward.labels.setdefault(one.facts.rule, []).append(one.facts.label)
                    ward.alerts.add(one.alert)

    async def until(self, condition: Callable[[], object], patience: float = PATIENCE_SECONDS) -> bool:
        """Whether it came true in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while not condition():  # noqa: ASYNC110  a condition over proxies, commits and messages
                    await asyncio.sleep(0.05)
        return bool(condition())

    async def sweeps(self, wards: Iterable[Ward], count: int) -> bool:
        """Whether every account of each was read so often again."""
        wanted = {
            ward.name: self.app.pollers[ward.name].counters.reads + count * len(ward.model.accounts)
            for ward in wards
        }
        return await self.until(
            lambda: all(self.app.pollers[name].counters.reads >= reads for name, reads in wanted.items())
        )


@contextlib.asynccontextmanager
async def hospital(
    folder: Path, venue: str, names: Iterable[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Hospital]:
    """One daemon on one venue, once for each name, judged and silent."""
    async with contextlib.AsyncExitStack() as stack:
        recorder = await stack.enter_async_context(recording())
        hosts = [f"{name}.localhost" for name in names]
        shown, trusting = certificates(folder, hosts)
        monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
        wards, secrets = {}, list[str]()
        head = f'[daemon]\nlisten = ""\npoll_every = "1s"\ngather = "1s"\nstale_after = "{STALE_SECONDS}s"\n'
        for name in names:
            sizes = {f"{kind}_accounts": 3 if kind == venue else 0 for kind in ("binance", "okx", "bitget")}
            simulator = await stack.enter_async_context(Simulator(**sizes))
            model = simulator.venues[venue]
            for path, one in model.endpoints.items():
                model.set_limit(path, one.limit.amount * WIDER, one.limit.window_seconds, one.limit.cost)
            host = f"{name}.localhost"
            proxy = await stack.enter_async_context(proxied(model.base_url, host, shown))
            wards[name] = Ward(name, venue, model, proxy)
            head += _exchange(folder, simulator.credentials()[venue], wards[name], secrets)
        _resolve_by(monkeypatch, {ward.proxy.host: ward.proxy for ward in wards.values()})
        (folder / "told.url").write_text(recorder.url)
        head += '[[notifier]]\nname = "told"\nurl = { file = "told.url" }\nmin_severity = "info"\n'
        (folder / "rules.toml").write_text(head + RULES)
        logged = stack.enter_context(structlog.testing.capture_logs())
        app = await stack.enter_async_context(_running(folder / "rules.toml"))
        room = Hospital(app, wards, recorder, logged, secrets, folder)
        app.engine.on_commit.append(room.heard)
        states = app.engine.world.exchanges
        assert await room.until(
            lambda: len(states) == len(wards) and all(s.baseline is None for s in states.values())
        )
        assert await room.sweeps(wards.values(), 1)
        yield room


def _exchange(folder: Path, given: dict[str, str], ward: Ward, secrets: list[str]) -> str:
    text = (
        f'[[exchange]]\nname = "{ward.name}"\nkind = "{ward.venue}"\nbase_url = "{ward.proxy.base_url}"\n'
        + READ[ward.venue]
    )
    for key in ("api_key", "api_secret", "passphrase"):
        if key in given:
            (folder / f"{ward.name}.{key}").write_text(given[key])
            text += f'{key} = {{ file = "{ward.name}.{key}" }}\n'
            secrets.append(given[key])
    return text


@contextlib.asynccontextmanager
async def _running(file: Path) -> AsyncIterator[App]:
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run_daemon(file, stop, lambda app, _web: ready.set_result(app)))
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    try:
        yield ready.result()
    finally:
        stop.set()
        await task


def _resolve_by(monkeypatch: pytest.MonkeyPatch, proxies: dict[str, Proxy]) -> None:
    """The names of the proxies are known for as long as they are; nothing of an answer is kept."""
    resolve = socket.getaddrinfo

    def resolving(host: Any, *args: Any, **options: Any) -> Any:
        proxy = proxies.get(host.decode() if isinstance(host, bytes) else host)
        if proxy is not None and not proxy.resolves:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return resolve("127.0.0.1" if proxy is not None else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolving)
    monkeypatch.setattr("aiohttp.connector._DNSCacheTable.expired", lambda _table, _key: True)


__all__ = ["FAULTS", "FREE", "INCIDENTS", "LATE", "PHASES", "Hospital", "Ward", "hospital"]
