"""The Store awaited: one thread owns the connection, and the event loop never waits for the disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from rules.world import World
from state.checkpoints import Cut
from state.commits import Commits
from state.outbox import Message
from state.prepared import Entry, Prepared, Wanted
from state.store import Store
from state.wal import Wal

P = ParamSpec("P")
T = TypeVar("T")


def _awaited(
    method: Callable[Concatenate[Store, P], T],
) -> Callable[Concatenate[AsyncStore, P], Coroutine[Any, Any, T]]:
    async def call(self: AsyncStore, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.run(method, *args, **kwargs)

    call.__doc__ = method.__doc__
    return call


class AsyncStore:
    """The methods of Store, each awaited; they run one after the other in the order of their calls.

    A cancelled wait does not undo the call: it still takes place.
    """

    def __init__(self, store: Store, executor: ThreadPoolExecutor, wal: Wal | None = None) -> None:
        self._store = store
        self._executor = executor
        self._commits = Commits(store.path)
        self._wal = wal  # None where others write

    @classmethod
    async def open(cls, path: str | Path, *, migrate: bool = False, readonly: bool = False) -> Self:
        """As Store.open, on the thread that from then on owns the connection."""
        executor = ThreadPoolExecutor(1, thread_name_prefix="state")
        loop = asyncio.get_running_loop()
        try:
            store = await loop.run_in_executor(
                executor, lambda: Store.open(path, migrate=migrate, readonly=readonly)
            )
            wal = await loop.run_in_executor(executor, Wal, store.connection) if migrate else None
        except BaseException:
            executor.shutdown(wait=False)
            raise
        return cls(store, executor, wal)

    async def run(self, method: Callable[Concatenate[Store, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Any function of the Store on its thread."""
        return await asyncio.wrap_future(self._begin(method, *args, **kwargs))

    def _begin(
        self, method: Callable[Concatenate[Store, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        def call() -> T:
            done = method(self._store, *args, **kwargs)
            if self._wal is not None and self._wal.is_due():
                with contextlib.suppress(RuntimeError):  # it is being closed, which does the same
                    self._executor.submit(self._wal.carry)
            return done

        return self._executor.submit(call)

    async def write(
        self, prepared: Prepared, wanted: Sequence[Wanted] = (), still_seconds: float = 0.0
    ) -> list[Message]:
        """As `Store.write`. For so long at most the loop stands still: a busy one would hold up each statement."""
        writing = self._begin(Store.write, prepared, wanted)
        if still_seconds > 0:
            wait((writing,), still_seconds)
        return writing.result() if writing.done() else await asyncio.wrap_future(writing)

    async def close(self) -> None:
        """After what was asked for before."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._executor, self._store.close)
        finally:
            self._executor.shutdown()

    def prepare(self, batch: Sequence[Entry], world: World) -> Prepared:
        """Not awaited: it belongs to the thread of the World."""
        return self._store.prepare(batch, world)

    def cut(self, world: World, now_ms: int) -> Cut:
        """Not awaited: it belongs to the thread of the World."""
        return self._store.cut(world, now_ms)

    def perhaps_changed(self, now_ns: int) -> bool:
        """Whether anybody, another process perhaps, committed since this last said so. Not awaited: one stat."""
        return self._commits.perhaps(now_ns)

    @property
    def path(self) -> Path:
        return self._store.path

    lock_writer = _awaited(Store.lock_writer)
    load = _awaited(Store.load)
    keep_checkpoint = _awaited(Store.keep_checkpoint)
    checkpointed_ms = _awaited(Store.checkpointed_ms)
    save_rules = _awaited(Store.save_rules)
    accepted_rules = _awaited(Store.accepted_rules)
    rules_of = _awaited(Store.rules_of)
    save_limits = _awaited(Store.save_limits)
    limits = _awaited(Store.limits)
    tell = _awaited(Store.tell)
    claim = _awaited(Store.claim)
    waits = _awaited(Store.waits)
    shorten = _awaited(Store.shorten)
    ack = _awaited(Store.ack)
    note = _awaited(Store.note)
    silence = _awaited(Store.silence)
    unsilence = _awaited(Store.unsilence)
    live_silences = _awaited(Store.live_silences)
    orders_after = _awaited(Store.orders_after)
    orders_of = _awaited(Store.orders_of)
    rules_edited = _awaited(Store.rules_edited)
    delivered = _awaited(Store.delivered)
    failed = _awaited(Store.failed)
    unknown = _awaited(Store.unknown)
    dead = _awaited(Store.dead)
    revive = _awaited(Store.revive)
    recover = _awaited(Store.recover)
    clock_set_back = _awaited(Store.clock_set_back)
    due = _awaited(Store.due)
    counts = _awaited(Store.counts)
    retention = _awaited(Store.retention)
    told_open = _awaited(Store.told_open)
    alerts = _awaited(Store.alerts)
    alerts_where = _awaited(Store.alerts_where)
    breaks = _awaited(Store.breaks)
    alert = _awaited(Store.alert)
    account = _awaited(Store.account)
    last_fired = _awaited(Store.last_fired)
    trace = _awaited(Store.trace)
    held_by = _awaited(Store.held_by)
    record = _awaited(Store.record)
    balance_count = _awaited(Store.balance_count)
    transitions = _awaited(Store.transitions)
    accounts = _awaited(Store.accounts)
    exchanges = _awaited(Store.exchanges)
    balances = _awaited(Store.balances)
    notifications = _awaited(Store.notifications)
    attempts = _awaited(Store.attempts)
    messages_of = _awaited(Store.messages_of)
    silences = _awaited(Store.silences)
    silence_row = _awaited(Store.silence_row)
    history = _awaited(Store.history)
    assets = _awaited(Store.assets)
    books = _awaited(Store.books)
    alerts_of_accounts = _awaited(Store.alerts_of_accounts)
