"""The watch over the rules file and all that it names: tells when they are others than before, and at rest."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from daemon.config.naming import Named, named_by

LOOK_SECONDS: Final = 2.0
QUIET_SECONDS: Final = 1.0
"""An editor or a copy may be half-way: a change is believed when nothing moved for so long."""

QUIET_LOOKS_MOST: Final = 30
"""Who writes on and on is taken as it is."""

Signature = tuple[tuple[str, int, int, int, int], ...]


class RulesWatch:
    """Looks at the files through their names: what is renamed over, or reached by another link, is another file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._named = Named((path.name,), ())
        self._seen: Signature = ()
        self.renew()

    def renew(self) -> None:
        """What is there now is about to be read: only what comes after it is a change. Reads files."""
        self._named = named_by(self._path) or self._named
        self._seen = self._signature()

    @contextlib.contextmanager
    def followed(self, seconds: float, on_change: Callable[[], None]) -> Iterator[None]:
        """Look so often until the end of the block, and call `on_change` on the loop while something is changed.

        From a thread of its own: disks may hang, and a loop that has nothing to do is not woken by each look.
        """
        loop, ended = asyncio.get_running_loop(), threading.Event()

        def look() -> None:
            while not ended.wait(seconds):
                if self._signature() != self._seen:
                    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
                        loop.call_soon_threadsafe(on_change)

        threading.Thread(target=look, name="rules file", daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    async def changed(self) -> bool:
        """Whether something changed since the last look, once it is at rest. Looks from a thread: disks may hang."""
        found = await asyncio.to_thread(self._signature)
        if found == self._seen:
            return False
        for _ in range(QUIET_LOOKS_MOST):
            before = found
            await asyncio.sleep(QUIET_SECONDS)
            found = await asyncio.to_thread(self._signature)
            if found == before:
                break
        return True

    def _signature(self) -> Signature:
        found = []
        for name in self._named.files(self._path.parent):
            with contextlib.suppress(OSError, ValueError):
                stat = os.stat(self._path.parent / name)  # noqa: PTH116  follows links, as reading does
                found.append((name, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
        return tuple(found)
