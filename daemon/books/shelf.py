"""All `[[books]]` of the file: those that a rule compares are read when they are due, each apart from the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

import structlog

from daemon.books.reader import BooksReader
from daemon.config import BooksConfig
from rules.ruleset import Ruleset
from rules.statements import Books
from rules.types.reconciliation import Check, Reconciliation

log = structlog.get_logger(__name__)

Take = Callable[[Books], Awaitable[object]]


class Shelf:
    """Hands what is read to `take`. One that hangs holds up no other."""

    def __init__(self, take: Take, clock: Callable[[], int]) -> None:
        self._take = take
        self._clock = clock
        self._readers: dict[str, BooksReader] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def put(self, found: Sequence[BooksConfig], ruleset: Ruleset, known: Collection[str]) -> None:
        """From now on these. What is `known` to the engine and gone from the file is empty from now on."""
        sure = {config.name: _confirm(config.name, ruleset) for config in found}
        wanted = {config.name: config for config in found if sure[config.name]}
        for name in list(self._readers):
            if name not in wanted or self._readers[name].config != wanted[name]:
                del self._readers[name]
                await self._stop([name])
        for name, config in wanted.items():
            reader = self._readers.setdefault(name, BooksReader(config, self._clock))
            reader.confirm = sure[name]
            reader.anew()
        for name in sorted(set(known) - set(wanted)):
            await self._take(Books(name, self._clock(), ()))

    async def read_due(self) -> None:
        """Start what is due and not under way."""
        for name, reader in self._readers.items():
            if name not in self._running:
                task = asyncio.create_task(self._read(reader), name=f"books {name}")
                self._running[name] = task
                task.add_done_callback(lambda _, name=name: self._running.pop(name, None))  # type: ignore[misc]

    async def close(self) -> None:
        """End what is under way, with the processes that it started."""
        await self._stop(list(self._running))

    async def _read(self, reader: BooksReader) -> None:
        try:
            told = await reader.read_if_due()
            if told is not None:
                await self._take(told)
        except Exception:
            # A job boundary: one fault is on record and stops nothing else.
            log.exception("books.failed", books=reader.config.name)

    async def _stop(self, names: Iterable[str]) -> None:
        tasks = [task for name in names if (task := self._running.pop(name, None)) is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _confirm(name: str, ruleset: Ruleset) -> int:
    """How many reads make every rule sure that compares these; 0 where none does: no command is run for nothing."""
    return max(
        (
            rule.confirm
            for rule in ruleset.rules
            if rule.enabled
            and isinstance(rule.spec, Reconciliation)
            and rule.spec.check is Check.EXPECTED
            and rule.spec.books.match(name)
        ),
        default=0,
    )
