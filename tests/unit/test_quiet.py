"""The moment in which nothing new is read, because something is to be told."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from daemon.app import App
from daemon.exchanges.limits import Limit
from daemon.quiet import QUIET_SECONDS, REST_SECONDS, Quiet
from rules.world import World

if TYPE_CHECKING:
    from daemon.startup import Started


def test_it_begins_with_what_is_to_be_told_and_ends_by_itself() -> None:
    quiet = Quiet()
    assert quiet.left_seconds(100) == 0
    quiet.begin(100)
    assert round(quiet.left_seconds(100.005), 6) == round(QUIET_SECONDS - 0.005, 6)
    assert quiet.left_seconds(100 + QUIET_SECONDS) == 0


def test_a_storm_of_alerts_leaves_readings_most_of_their_time() -> None:
    quiet, held = Quiet(), 0
    for milliseconds in range(10_000):
        at = milliseconds / 1_000
        quiet.begin(at)  # an alert every millisecond
        held += quiet.left_seconds(at) > 0
    assert held / 10_000 <= QUIET_SECONDS / (QUIET_SECONDS + REST_SECONDS) + 0.01
    assert held > 1_000


async def test_the_daemon_takes_no_slot_for_an_ordinary_reading_while_something_is_to_be_told() -> None:
    app = App(Path("rules.toml"), cast("Started", SimpleNamespace(config=None, store=None, world=World())))
    pool = app._shared.pool(("venue",), Limit(100, 60), Decimal(1), (), 10)
    assert pool.take_free() is not None
    app.engine.quiet.begin(time.monotonic())
    assert pool.take_free() is None
    assert pool.take_free(urgent=True) is not None
    await asyncio.wait_for(pool.take(), 5)
    assert app.engine.quiet_seconds() == 0
