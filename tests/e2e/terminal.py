"""A program on a terminal of its own, and somebody who reads its screen and types."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sys
import termios
from collections.abc import AsyncIterator
from pathlib import Path

PATIENCE_SECONDS = 60
ROOT = Path(__file__).parents[2]


class Terminal:
    """`screen` is everything that was ever shown."""

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self.process = process
        self.screen = ""
        self._master = master
        self._seen = 0
        self._changed = asyncio.Event()
        os.set_blocking(master, False)
        asyncio.get_running_loop().add_reader(master, self._read)

    async def shows(self, text: str) -> None:
        """Wait until it is on the screen, after what was waited for before."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (at := self.screen.find(text, self._seen)) < 0:
                assert self.process.returncode is None or self._changed.is_set(), self._told(text)
                self._changed.clear()
                try:
                    await asyncio.wait_for(self._changed.wait(), PATIENCE_SECONDS - 1)
                except TimeoutError:
                    raise AssertionError(self._told(text)) from None
        self._seen = at + len(text)

    async def answer(self, question: str, text: str) -> None:
        """Wait for the question, type the answer and press Enter."""
        await self.shows(question)
        await self.shows(": ")
        os.write(self._master, f"{text}\n".encode())

    async def hides(self, question: str, text: str) -> None:
        """The same, once the terminal shows no more what is typed."""
        await self.shows(question)
        await self.shows(": ")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while termios.tcgetattr(self._master)[3] & termios.ECHO:  # noqa: ASYNC110  it tells nobody
                await asyncio.sleep(0.01)
        os.write(self._master, f"{text}\n".encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self._master, b"\x03")

    def leave(self) -> None:
        """Press Ctrl-D."""
        os.write(self._master, b"\x04")

    async def ended(self) -> int:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.process.wait()

    def _read(self) -> None:
        try:
            read = os.read(self._master, 65536)
        except OSError:  # the other end is closed
            read = b""
        if not read:
            asyncio.get_running_loop().remove_reader(self._master)
        self.screen += read.decode(errors="replace")
        self._changed.set()

    def _told(self, text: str) -> str:
        return f"not shown: {text!r}; the screen:\n{self.screen}"


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextlib.asynccontextmanager
async def on_terminal(folder: Path, *words: str) -> AsyncIterator[Terminal]:
    """`subtally WORDS` in this folder, at the keyboard."""
    master, slave = os.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "daemon.cli", *words,
            cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb", "COLUMNS": "200"},
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=_take_terminal,
        )  # fmt: skip
    finally:
        os.close(slave)
    terminal = Terminal(process, master)
    try:
        yield terminal
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)
