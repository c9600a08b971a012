"""A pair of daemons and a real Alertmanager: received, deduplicated, kept alive, resolved; one daemon may die."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, web
from yarl import URL

from notifiers import alertmanager
from notifiers.alertmanager_has import labels_in, queries
from state.errors import StateError
from state.store import Store
from tests.e2e.house import House
from tests.e2e.test_process import ended, subtally

BINARY = shutil.which("prometheus-alertmanager")
PATIENCE_SECONDS = 60
FLOOR = """
[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
below = { warning = 1000, critical = 10 }
"""

pytestmark = pytest.mark.skipif(
    BINARY is None, reason="the Debian package prometheus-alertmanager is not here"
)


@dataclass
class Alertmanager:
    """A real one, and what it tells its receiver: every alert a group of its own."""

    folder: Path
    port: int
    told: list[tuple[str, str, str]] = field(default_factory=list)  # (account, severity, status)
    receiver: str = ""

    @property
    def url(self) -> str:
        return f"alertmanager://127.0.0.1:{self.port}"

    async def receive(self, request: web.Request) -> web.Response:
        for alert in (await request.json())["alerts"]:
            labels = alert["labels"]
            self.told.append((labels["account"], labels["severity"], alert["status"]))
        return web.Response()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        config = self.folder / "alertmanager.yml"
        config.write_text(
            "route: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 100ms, repeat_interval: 1h}\n"
            f"receivers: [{{name: hook, webhook_configs: [{{url: '{self.receiver}', send_resolved: true}}]}}]\n"
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            process = await self._begun(config)
            while await self.alerts() is None:
                if process.returncode is not None:  # a call of somebody's may leave by its port for a moment
                    process = await self._begun(config)
                await asyncio.sleep(0.05)
        try:
            yield
        finally:
            process.terminate()
            await process.wait()

    async def _begun(self, config: Path) -> asyncio.subprocess.Process:
        assert BINARY is not None
        return await asyncio.create_subprocess_exec(
            BINARY, f"--config.file={config}", f"--storage.path={self.folder}/am", "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{self.port}",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

    async def alerts(self) -> list[dict[str, Any]] | None:
        """None while it does not answer."""
        try:
            async with (
                ClientSession() as session,
                session.get(f"http://127.0.0.1:{self.port}/api/v2/alerts") as answer,
            ):
                found: list[dict[str, Any]] = json.loads(await answer.text())
                return found
        except (ClientError, ValueError):
            return None

    async def until(self, condition: Any) -> list[dict[str, Any]]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                found = await self.alerts()
                if found is not None and condition(found):
                    return found
                await asyncio.sleep(0.05)

    async def until_told(self, *wanted: tuple[str, str, str]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not set(wanted) <= set(self.told):  # noqa: ASYNC110  the receiver has nothing to wait on
                await asyncio.sleep(0.05)


@pytest.fixture
async def am(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[Alertmanager]:
    made = Alertmanager(tmp_path, unused_tcp_port)
    app = web.Application()
    app.router.add_post("/", made.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    made.receiver = f"http://{host}:{port}/"
    try:
        yield made
    finally:
        await runner.cleanup()


def member(house: House, am: Alertmanager, name: str) -> House:
    """One daemon of the pair: a folder of its own, the same exchange."""
    folder = house.folder / name
    folder.mkdir()
    made = House(folder, house.simulator, house.recorder, extra=dict(house.extra))
    made.write(FLOOR, venues=("binance",))
    (folder / "told.url").write_text(am.url)
    return made


async def until_delivered(house: House, kinds: set[str]) -> None:
    """Wait until this daemon has told events of all these kinds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with (
                contextlib.suppress(StateError),
                Store.open(house.folder / "subtally.db", readonly=True) as store,
            ):
                rows = store.notifications("delivered", limit=100).rows
                if kinds <= {row.notification.kind.value for row in rows}:
                    return
            await asyncio.sleep(0.1)


def balance(house: House, index: int, figure: str) -> str:
    account = house.simulator.binance.accounts[index]
    house.simulator.binance.set_balance(account.name, "USDT", free=figure)
    return account.name


async def test_a_pair_is_one_and_killing_one_of_it_loses_and_repeats_nothing(
    house: House, am: Alertmanager
) -> None:
    one, other = member(house, am, "one"), member(house, am, "other")
    async with am.running(), subtally(other.folder, "run") as survivor:
        async with subtally(one.folder, "run") as victim:
            first = balance(house, 0, "500.5")
            # Both have told: the annotations of the one that came last stand there.
            for each in (one, other):
                await until_delivered(each, {"firing"})  # both have told it
            (found,) = await am.until(lambda alerts: len(alerts) == 1)
            assert found["labels"]["alertname"] == "floor"
            await am.until_told((first, "warning", "firing"))
            balance(house, 0, "5.5")
            for each in (one, other):
                await until_delivered(each, {"firing", "raised"})
            await am.until_told((first, "critical", "firing"), (first, "warning", "resolved"))
            victim.kill()
            await victim.wait()
        second = balance(house, 1, "500.5")
        await am.until_told((second, "warning", "firing"))
        async with subtally(one.folder, "run") as back:
            balance(house, 0, "5000")
            await am.until_told((first, "critical", "resolved"))
            balance(house, 1, "5000")
            await am.until_told((second, "warning", "resolved"))
            await am.until(lambda alerts: not alerts)
            await until_delivered(one, {"firing", "raised", "resolved"})
            back.terminate()
            assert (await ended(back))[0] == 0
        survivor.terminate()
        assert (await ended(survivor))[0] == 0
    assert sorted(am.told) == sorted(set(am.told)), "told twice"
    assert len(am.told) == 6


async def test_the_daemon_that_reads_later_does_not_begin_again_what_the_other_has_ended(
    house: House, am: Alertmanager, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than it takes to tell the receiver, much shorter than it takes the slow one to read again.
    monkeypatch.setattr(alertmanager.AlertmanagerWay, "keep_every_seconds", 1)
    quick = member(house, am, "quick")
    house.extra["binance"] = 'poll_every = "15s"\n'
    slow = member(house, am, "slow")
    async with am.running(), quick.daemon(), slow.daemon():
        name = balance(house, 0, "500.5")
        for each in (quick, slow):
            await until_delivered(each, {"firing"})
        balance(house, 0, "5000")
        for each in (quick, slow):
            await until_delivered(each, {"resolved"})
        await am.until(lambda alerts: not alerts)
        await am.until_told((name, "warning", "resolved"))
    assert am.told == [(name, "warning", "firing"), (name, "warning", "resolved")]


NAMES = [
    "floor",
    'a "q" b',
    "back\\slash",
    "a|b",
    "x.y*",
    "ümläut 🦊",
    "per%cent&x=1",
    "_u-(x)[y]{z}^$+?",
    "sp  ace",
]
STRANGERS = ["xzyy", "a", "floors", "ab"]


async def test_it_is_asked_for_exactly_the_names_that_fire(am: Alertmanager) -> None:
    many = [f"the rule with the number {number}" for number in range(300)]
    posted = [
        {"labels": {"alertname": one, "severity": "info"}, "endsAt": "2100-01-01T00:00:00Z"}
        for one in [*NAMES, *many, *STRANGERS]
    ]
    async with am.running(), ClientSession() as session:
        base = f"http://127.0.0.1:{am.port}/api/v2/alerts"
        async with session.post(base, json=posted) as answer:
            assert answer.status == 200
        asked = list(queries([*NAMES, *many]))
        found: set[str] = set()
        for one in asked:
            async with session.get(URL(f"{base}?{one}", encoded=True)) as answer:
                found |= {dict(labels)["alertname"] for labels in labels_in(await answer.read())}
    assert found == {*NAMES, *many}
    assert len(asked) > 1


async def test_what_fires_is_kept_alive_and_told_again_to_one_that_lost_it(
    house: House, am: Alertmanager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alertmanager, "LIVES_MS", 4_000)
    monkeypatch.setattr(alertmanager.AlertmanagerWay, "keep_every_seconds", 0.5)
    daemon = member(house, am, "one")
    async with daemon.daemon() as app:
        await daemon.judged()
        async with am.running():
            name = balance(house, 0, "500.5")
            (posted,) = await am.until(lambda alerts: len(alerts) == 1)
            # Longer than it would have lived by itself.
            await am.until(lambda alerts: [one["endsAt"] > posted["endsAt"] for one in alerts] == [True])
            await am.until_told((name, "warning", "firing"))
        shutil.rmtree(am.folder / "am")
        before = await app.store.notifications()
        async with am.running():
            (again,) = await am.until(lambda alerts: len(alerts) == 1)
            assert again["labels"] == posted["labels"]
            after = await app.store.notifications()
            assert [row.state for row in after.rows] == [row.state for row in before.rows] == ["delivered"]
            balance(house, 0, "5000")
            await am.until_told((name, "warning", "resolved"))
            await am.until(lambda alerts: not alerts)


async def test_an_end_during_an_outage_of_alertmanager_is_told_when_it_is_back(
    house: House, am: Alertmanager
) -> None:
    daemon = member(house, am, "one")
    async with daemon.daemon() as app:
        await daemon.judged()
        async with am.running():
            name = balance(house, 0, "500.5")
            await am.until_told((name, "warning", "firing"))
        balance(house, 0, "5000")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not app.lanes["told"].counters.failed:  # noqa: ASYNC110  nothing tells of it
                await asyncio.sleep(0.05)
        async with am.running():
            await am.until_told((name, "warning", "resolved"))
