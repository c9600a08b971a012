"""The chart that follows a delivered message: of its gravest alert with a figure, soon or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from notifiers.message import Item, Message
from notifiers.pictures import Charts
from notifiers.view import is_charted
from notifiers.way import Shown, Way
from state.errors import StateError

log = structlog.get_logger(__name__)

READ_SECONDS: Final = 2.0
"""To read and draw. The words have left already: a machine that is busy may take its time, and no longer."""

SEND_SECONDS: Final = 30.0
ALERTS_MOST: Final = 3
"""A message of more alerts than this has no chart: one of many would say nothing of the others."""


class Showing:
    """Of one notifier: at most one chart under way; what comes meanwhile goes without."""

    def __init__(self, name: str, way: Way, chart_of: Callable[[str], Awaitable[bytes | None]]) -> None:
        self._name = name
        self._way = way
        self._chart_of = chart_of
        self._task: asyncio.Task[None] | None = None

    def after(self, message: Message) -> None:
        """The message arrived: let its chart follow, if it is to have one. Returns at once."""
        item = charted(message)
        if item is None or self._way.charts is not Charts.ATTACHED:
            return
        if self._task is not None and not self._task.done():
            log.debug("chart.skipped", notifier=self._name, message=message.id, reason="one is under way")
            return
        self._task = asyncio.create_task(self._show(message.id, item.alert_id), name=f"chart {self._name}")

    async def close(self) -> None:
        """Give up the one under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _show(self, message: str, alert: str) -> None:
        said = log.bind(notifier=self._name, message=message, alert=alert)
        try:
            async with asyncio.timeout(READ_SECONDS):
                png = await self._chart_of(alert)
        except TimeoutError:
            said.debug("chart.skipped", reason=f"it took more than {READ_SECONDS:g} s to read and draw")
            return
        except StateError as error:
            said.debug("chart.skipped", reason=str(error))
            return
        except Exception:
            # A job boundary: the words have arrived, and a fault in a picture must not trouble the lane.
            log.exception("chart.failed", notifier=self._name, message=message, alert=alert)
            return
        if png is None or not isinstance(self._way, Shown):
            said.debug("chart.skipped", reason="there is no figure to draw")
            return
        if not await self._way.show(png, f"{alert} {message}", SEND_SECONDS):
            said.info("chart.not_delivered")


def charted(message: Message) -> Item | None:
    """The alert whose chart follows: the gravest with a figure, of a message of few."""
    last = {
        item.alert_id: item for item in message.items
    }  # of several events of one alert the last one counts
    if len(last) > ALERTS_MOST:
        return None
    found = [item for item in last.values() if is_charted(item)]
    return max(found, key=lambda item: item.severity.rank, default=None)
