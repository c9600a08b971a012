"""One pipeline for every log line, ours and the libraries': colours on a terminal, JSON elsewhere."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Iterator, MutableMapping
from functools import lru_cache
from typing import Any, TextIO


@contextlib.contextmanager
def _hidden(name: str) -> Iterator[None]:
    """As if a package that nobody has loaded yet were not there."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # as Python marks what cannot be imported
    try:
        yield
    finally:
        del sys.modules[name]


# Where there is rich, structlog loads all of it for tracebacks with frame locals, which nobody here may print:
# 80 ms and 5 MiB of a daemon.
with _hidden("rich"):
    import structlog

_QUIET = ("apscheduler", "aiohttp.access", "apprise", "urllib3", "asyncio")
_SECRET_WORDS = ("api_key", "api_secret", "passphrase", "signature", "token", "authorization")


class _Line(str):
    """What a line says, ready to be written: of our own it is rendered before logging makes a record of it."""

    __slots__ = ()


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Renders what libraries say; to take our own lines apart again takes a third of their time."""

    def format(self, record: logging.LogRecord) -> str:
        return record.msg if isinstance(record.msg, _Line) else super().format(record)


def set_up(*, stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Configure structlog and logging for this process. Called once, by the command."""
    terminal = stream.isatty()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        # Frame locals would print secrets: only the lines of a traceback are shown.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        )
        if not terminal
        else structlog.processors.format_exc_info,
        _redact,
    ]
    last: Any = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else _json
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, last, _as_line],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        _Formatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    # No line says where in the code, or in which process, it was made: to find that out takes a fifth of its time.
    logging._srcfile = None  # noqa: SLF001  as the manual of logging tells to
    logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # A job that is still running when its turn comes is skipped: for a listing held by a venue's limit that is
    # ordinary, and APScheduler would warn of it every second.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)


def _json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    try:
        return _encoded(event)
    except (TypeError, ValueError, RecursionError):  # whoever has something to say must not end by it
        return _encoded({key: one if isinstance(one, str) else repr(one) for key, one in event.items()})


_encoded = json.JSONEncoder(ensure_ascii=False, default=str).encode
"""`json.dumps` makes an encoder for each line."""


def _as_line(_logger: object, _method: str, rendered: object) -> tuple[tuple[_Line], dict[str, Any]]:
    """As what the logger of the standard library is called with."""
    return (_Line(rendered),), {}


def _redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last line of defence (law 12): a value under a secret's name is never printed."""
    for key in event:
        if _is_secret(key):
            event[key] = "…"
    return event


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in _SECRET_WORDS)
