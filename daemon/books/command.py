"""Running the user's command: no shell, only the environment that it is given, and an end to everything.

What it prints is capped, what it complains of is bounded, and whatever it started is killed with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from daemon.books.errors import BooksError

OUTPUT_BYTES = 4 * 1024 * 1024
COMPLAINT_BYTES = 64 * 1024
COMPLAINT_CHARACTERS = 300
CHUNK_BYTES = 64 * 1024
END_SECONDS = 5.0


async def printed_by(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    seconds: float,
    secrets: Sequence[str],
) -> bytes:
    """What the command prints. Raises BooksError when it cannot be run, hangs, floods or fails."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "not a usable program"
        raise BooksError(f"{command[0]} cannot be run: {why}") from None
    assert process.stdout is not None  # noqa: S101  asked for above
    assert process.stderr is not None  # noqa: S101  asked for above
    complaints = asyncio.create_task(_beginning(process.stderr, COMPLAINT_BYTES))
    ended = False
    try:
        try:
            async with asyncio.timeout(seconds):
                output = await _capped(process.stdout)
                status = await process.wait()
                complaint = await complaints
                ended = True
        except TimeoutError:
            raise BooksError(
                f"{command[0]} did not end within {seconds:g} s and was killed, with all that it started"
            ) from None
    finally:
        await _end(process, complaints, ended=ended)
    if status:
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        said = _readable(complaint, secrets)
        raise BooksError(f"{command[0]} {how}" + (f": {said}" if said else ", and said nothing"))
    return output


async def _capped(stream: asyncio.StreamReader) -> bytes:
    output = bytearray()
    while chunk := await stream.read(CHUNK_BYTES):
        output += chunk
        if len(output) > OUTPUT_BYTES:
            raise BooksError(f"it prints more than {OUTPUT_BYTES // 1024 // 1024} MiB and was killed")
    return bytes(output)


async def _beginning(stream: asyncio.StreamReader, most: int) -> bytes:
    """The first bytes; the rest is read and dropped, so that a talkative command does not stand still."""
    kept = bytearray()
    while chunk := await stream.read(CHUNK_BYTES):
        kept += chunk[: most - len(kept)]
    return bytes(kept)


async def _end(process: asyncio.subprocess.Process, complaints: asyncio.Task[bytes], *, ended: bool) -> None:
    """Nothing of it goes on, unless it ended by itself: then there is nothing, and its number may be another's."""
    if not ended:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    complaints.cancel()
    await asyncio.gather(complaints, return_exceptions=True)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), END_SECONDS)
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001  the pipes: there is no public way


def _readable(raw: bytes, secrets: Sequence[str]) -> str:
    """One bounded line, without control characters and without what was given as a secret."""
    text = raw.decode("utf-8", "replace")
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= COMPLAINT_CHARACTERS else line[: COMPLAINT_CHARACTERS - 1] + "…"
