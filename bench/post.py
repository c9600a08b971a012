"""The measure of delivery: one aiohttp POST of a small message to the sink that the notifiers call."""

from __future__ import annotations

import asyncio
import gc
import time
from dataclasses import dataclass
from statistics import median

import aiohttp

from bench.sink import NOBODY

WARM = 50


@dataclass(frozen=True, slots=True)
class Post:
    """What one takes: seconds by the clock, the median, and of CPU, the mean."""

    seconds: float
    cpu: float


async def _posts(url: str, count: int) -> Post:
    message = {
        "version": "1.0",
        "title": "floor",
        "message": "USDT of desk is below 1: 0.25",
        "type": "failure",
    }
    times: list[float] = []
    cpu = 0.0
    async with aiohttp.ClientSession() as session:
        for number in range(WARM + count):
            if number == WARM:
                gc.collect()
                cpu = time.process_time()
            began = time.monotonic()
            async with session.post(url, json=message) as response:
                await response.read()
            times.append(time.monotonic() - began)
        spent = time.process_time() - cpu
    return Post(median(times[WARM:]), spent / count)


def posts(sink: str, count: int = 500) -> Post:
    """One after the other over one connection."""
    return asyncio.run(_posts(f"{sink}/hook/{NOBODY}", count))
