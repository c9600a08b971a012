"""Acks, silences, escalation, dead notifications and the heartbeat, through the real daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from rules.patterns import Patterns
from rules.ruleset import Silence
from state import Store
from tests.e2e.house import House, recording

FLOOR = """
[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
below = 1000
"""


async def test_an_ack_from_another_process_stops_reminders_and_keeps_the_end(house: House) -> None:
    name = house.simulator.binance.accounts[0].name
    house.write(FLOOR.replace("below", 'repeat_every = "2s"\nbelow'), venues=("binance",))
    async with house.daemon() as app:
        await house.judged()
        house.simulator.binance.set_balance(name, "USDT", free="5")
        await house.recorder.until(lambda r: len(r.blocks("floor", name)) >= 2)
        alert = next(alert for alert in app.engine.world.alerts.values() if alert.state == "firing")
        with Store.open(app.store.path) as other:
            assert other.ack(alert.id, "ann", app.engine.clock())
        await house.until(lambda app: any(a.acked_by == "ann" for a in app.engine.world.alerts.values()))
        house.simulator.binance.set_balance(name, "USDT", free="5000")
        await house.recorder.until(lambda r: bool(r.blocks("RESOLVED", name)))


async def test_a_silence_holds_back_and_what_still_fires_is_told_with_the_figure_of_now(house: House) -> None:
    name = house.simulator.binance.accounts[0].name
    house.write(FLOOR, venues=("binance",))
    async with house.daemon() as app:
        await house.judged()
        with Store.open(app.store.path) as other:
            made = other.silence(Silence("", "works", "ann", rule=Patterns.of("floor")), app.engine.clock())
        house.simulator.binance.set_balance(name, "USDT", free="5")
        await house.until(lambda app: any(a.state == "firing" for a in app.engine.world.alerts.values()))
        house.simulator.binance.set_balance(name, "USDT", free="4")
        await house.until(lambda app: any(a.facts.value == "4" for a in app.engine.world.alerts.values()))
        assert house.recorder.messages == []
        with Store.open(app.store.path) as other:
            assert other.unsilence(made.id, "ann", app.engine.clock())
        await house.recorder.until(lambda r: bool(r.blocks("floor", name, "4 < 1,000")))
    assert len(house.recorder.messages) == 1


async def test_what_nobody_acks_is_escalated_to_those_named_for_it(house: House) -> None:
    name = house.simulator.binance.accounts[0].name
    async with recording() as boss:
        rules = FLOOR.replace(
            "below", 'notify = ["told"]\nescalate_after = "2s"\nescalate_to = ["boss"]\nbelow'
        )
        (house.folder / "boss.url").write_text(boss.url)
        house.write('[[notifier]]\nname = "boss"\nurl = { file = "boss.url" }\n' + rules, venues=("binance",))
        async with house.daemon():
            await house.judged()
            house.simulator.binance.set_balance(name, "USDT", free="5")
            await house.recorder.until(lambda r: bool(r.blocks("floor", name)))
            assert boss.messages == []
            await boss.until(lambda r: bool(r.blocks("floor", name)))
            house.simulator.binance.set_balance(name, "USDT", free="5000")
            await boss.until(lambda r: bool(r.blocks("RESOLVED", name)))


async def test_a_dead_notification_is_told_through_another_notifier(house: House) -> None:
    name = house.simulator.binance.accounts[0].name
    async with recording() as broken:
        broken.answers = [404] * 3
        (house.folder / "broken.url").write_text(broken.url)
        house.write(
            '[[notifier]]\nname = "broken"\nurl = { file = "broken.url" }\n'
            + FLOOR.replace("below", 'notify = ["broken"]\nbelow'),
            venues=("binance",),
        )
        async with house.daemon():
            await house.judged()
            house.simulator.binance.set_balance(name, "USDT", free="5")
            await house.recorder.until(lambda r: bool(r.blocks("subtally/notification", "broken")))
        assert not house.recorder.blocks("floor")


@asynccontextmanager
async def healthchecks() -> AsyncIterator[tuple[str, asyncio.Queue[str]]]:
    pings: asyncio.Queue[str] = asyncio.Queue()

    async def ping(request: web.Request) -> web.Response:
        pings.put_nowait(f"{request.method} {request.path}")
        return web.Response(text="OK")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", ping)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}/uuid", pings
    finally:
        await runner.cleanup()


async def test_the_heartbeat_is_a_get_while_all_is_well(house: House) -> None:
    async with healthchecks() as (url, pings):
        (house.folder / "heartbeat.url").write_text(url)
        house.write(FLOOR, venues=("binance",), daemon='heartbeat_url = { file = "heartbeat.url" }')
        async with house.daemon(), asyncio.timeout(20):
            assert await pings.get() == "GET /uuid"
