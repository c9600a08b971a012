"""Starting, telling the credentials, serving until cancelled."""

import asyncio
import io
import json

import aiohttp
import pytest

from daemon.simulator import Incident, ManualClock, Simulator, parse_script, serve
from tests.contract.simulator_clients import client

SCRIPT = '[[incident]]\nat = "1s"\nexchange = "okx"\ndo = "freeze"\naccount = "deskmm1"\nsay = "frozen"\n'


async def test_credentials_are_exactly_what_a_client_needs() -> None:
    async with Simulator() as simulator:
        told = simulator.credentials()
        assert {name: list(values) for name, values in told.items()} == {
            "binance": ["base_url", "api_key", "api_secret"],
            "okx": ["base_url", "api_key", "api_secret", "passphrase"],
            "bitget": ["base_url", "api_key", "api_secret", "passphrase"],
        }
        assert all(values["api_key"].startswith("simulator-") for values in told.values())
        assert len({values["base_url"] for values in told.values()}) == 3
        assert all(values["base_url"].startswith("http://127.0.0.1:") for values in told.values())


async def test_two_simulators_share_nothing() -> None:
    async with Simulator() as one, Simulator() as other:
        mine, theirs = one.credentials(), other.credentials()
        for name in mine:
            assert set(mine[name].values()).isdisjoint(theirs[name].values())


def test_secrets_are_not_printed() -> None:
    for venue in Simulator().venues.values():
        assert venue.key.api_secret not in repr(venue.key)
        assert not venue.key.passphrase or venue.key.passphrase not in repr(venue.key)


async def test_a_stopped_simulator_can_be_started_again() -> None:
    simulator = Simulator()
    await simulator.start()
    first = simulator.credentials()["okx"]["api_key"]
    await simulator.stop()
    await simulator.stop()
    async with simulator, aiohttp.ClientSession() as session:
        assert simulator.credentials()["okx"]["api_key"] == first
        assert (await client(session, simulator, "okx").get("/api/v5/account/config")).status == 200


async def test_serve_tells_the_credentials_first_plays_and_stops_when_cancelled() -> None:
    clock, out, heard = ManualClock(), io.StringIO(), list[Incident]()
    simulator = Simulator(clock=clock)
    serving = asyncio.create_task(serve(simulator, parse_script(SCRIPT), out=out, on_incident=heard.append))
    async with asyncio.timeout(10):
        while not heard:
            await asyncio.sleep(0)
            clock.advance(0.1)
    assert json.loads(out.getvalue()) == simulator.credentials()
    assert simulator.okx.account("deskmm1").frozen
    base_url = simulator.okx.base_url
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(base_url)


async def test_a_taken_port_leaves_nothing_running() -> None:
    async with Simulator() as first:
        taken = int(first.binance.base_url.rpartition(":")[2])
        second = Simulator()
        with pytest.raises(OSError, match="in use"):
            await serve(second, port=taken)
