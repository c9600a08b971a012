"""What may be ordered over HTTP, as the daemon lets it be done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from daemon import orders
from daemon.orders import Silenced
from daemon.silencing import silence_of
from rules.records import Note
from state.queries import AlertRow
from state.threaded import AsyncStore

__all__ = ["Actions", "store_actions"]


@dataclass(frozen=True, slots=True)
class Actions:
    """Each is durable when it was awaited; all raise OrderError in words for whoever asked, and StateError.

    `find` tells of the alert with that id. `ack` takes the id of an alert and who acks, `note` that, what is written
    and who writes, and gives it as it is on record, `silence` the keys of daemon.silencing, `unsilence` the id of a
    silence and who ends it.
    """

    find: Callable[[str], Awaitable[AlertRow]]
    ack: Callable[[str, str], Awaitable[None]]
    note: Callable[[str, str, str], Awaitable[Note]]
    silence: Callable[[Mapping[str, object]], Awaitable[Silenced]]
    unsilence: Callable[[str, str], Awaitable[None]]


def store_actions(store: AsyncStore, clock: Callable[[], int]) -> Actions:
    """The actions on a state; `clock` gives UTC milliseconds. The engine folds them in by itself."""

    async def find(alert: str) -> AlertRow:
        return await store.run(orders.find_alert, alert)

    async def ack(alert: str, by: str) -> None:
        await store.run(orders.ack, alert, by, clock())

    async def note(alert: str, text: str, by: str) -> Note:
        _, made = await store.run(orders.note, alert, text, by, clock())
        return made

    async def silence(asked: Mapping[str, object]) -> Silenced:
        now_ms = clock()
        return await store.run(orders.silence, silence_of(asked, now_ms), now_ms)

    async def unsilence(ident: str, by: str) -> None:
        await store.run(orders.unsilence, ident, by, clock())

    return Actions(find, ack, note, silence, unsilence)
