"""One notifier's way out: a service, threads of its own, a time limit, and an outcome that is true."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from notifiers.address import Redactor, printable
from notifiers.message import Message, Wording
from notifiers.outcome import Result, SendOutcome, failure
from notifiers.pictures import Charts, Pictures, charts_of
from notifiers.service import BadUrl, build, check_url
from notifiers.text import tidy
from notifiers.wording import LIMIT_UNITS

if TYPE_CHECKING:
    from apprise import NotifyBase, NotifyLogEntry

MOST_THREADS = 3
"""Sends of one notifier under way at once, hung ones included."""

LEAST_LIMIT_UNITS = 140
_TITLE_ROOM_UNITS = 62
_LOGGERS = ("apprise", "urllib3", "urllib3.connectionpool", "urllib3.util.retry", "requests")


class Sender:
    """Sends to the one chat that `url` names. Raises BadUrl.

    A send runs in a daemon thread of its own, of which there are at most MOST_THREADS: a host that hangs
    takes nothing from other notifiers and does not hold up the end of the process. `charts` is as the file says,
    None where it says nothing.
    """

    def __init__(self, name: str, url: str, *, charts: bool | None = None) -> None:
        self.name = name
        self._redactor = Redactor(url)
        self._service: NotifyBase = build(url)
        from apprise import Apprise  # noqa: PLC0415 - slow to load, and `check --help` needs none

        self._apprise = Apprise(asset=self._service.asset)
        self._apprise.add(self._service)
        self.address = printable(url, host_is_public=_host_is_public(self._service))
        self.limit_units = _limit_units(self._service)
        self.charts = charts_of(self._service, url, wanted=charts)
        self._pictures = Pictures(url) if self.charts is Charts.ATTACHED else None
        self._threads = threading.BoundedSemaphore(MOST_THREADS)
        self._guard = _guard(self._redactor)
        for logger in map(logging.getLogger, _LOGGERS):
            logger.setLevel(max(logger.level, logging.INFO))
            logger.addFilter(self._guard)

    def __repr__(self) -> str:
        return f"Sender({self.name!r}, {self.address!r})"

    def close(self) -> None:
        """Forget the notifier. Sends under way end by themselves, and unheard."""
        for logger in map(logging.getLogger, _LOGGERS):
            logger.removeFilter(self._guard)

    async def send(
        self,
        wording: Wording,
        timeout_seconds: float,
        message: Message | None = None,
    ) -> Result:
        """Send once and say what became of it. Never raises for what the service does.

        After `timeout_seconds` the outcome is UNKNOWN: the thread cannot be stopped, so the message may still
        arrive. The same holds when this call is cancelled.
        """
        if not self._threads.acquire(blocking=False):
            reason = f"not sent: {MOST_THREADS} earlier sends still wait for an answer"
            return Result(SendOutcome.FAILED, reason)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()

        def tell(result: Result) -> None:
            if not done.done():
                done.set_result(result)

        def run() -> None:
            try:
                result = self._attempt(wording, timeout_seconds)
            finally:
                self._threads.release()
            try:
                loop.call_soon_threadsafe(tell, result)
            except RuntimeError:
                return  # the loop is closed: nobody waits for the outcome any more

        try:
            threading.Thread(target=run, name=f"send-{self.name}", daemon=True).start()
        except RuntimeError as error:  # as many as the machine, or TasksMax of the unit, allows
            self._threads.release()
            return Result(SendOutcome.FAILED, f"not sent: {error}")
        try:
            async with asyncio.timeout(timeout_seconds):
                return await done
        except TimeoutError:
            return Result(SendOutcome.UNKNOWN, f"no answer within {timeout_seconds:g} s: perhaps delivered")

    async def show(self, png: bytes, caption: str, timeout_seconds: float) -> bool:
        """Send a picture after a message was delivered; whether it arrived."""
        return self._pictures is not None and await self._pictures.send(png, caption, timeout_seconds)

    def _attempt(self, wording: Wording, timeout_seconds: float) -> Result:
        """The blocking part, in a thread."""
        said: list[str] = []
        behind: list[BaseException] = []

        def hear(entry: NotifyLogEntry, _service: NotifyBase | None) -> None:
            # Plugins log inside their `except`: only there is a refused connection not yet a lost answer.
            if entry.level not in {"WARNING", "ERROR", "CRITICAL"}:
                return
            said.append(self._redactor.clean(entry.message))
            error = sys.exc_info()[1]
            if error is not None:
                behind.append(error)

        # Less than ours: a connection that is never made ends before our limit, and is known to have failed.
        self._service.socket_connect_timeout = timeout_seconds * 0.4
        self._service.socket_read_timeout = timeout_seconds * 0.9
        try:
            result = self._apprise.notify(
                body=wording.body,
                title=wording.title,
                notify_type=wording.tone.value,
                body_format="text",  # anything else reads an account label as markup
                log_callback=hear,
                log_level=logging.WARNING,
            )
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and the outbox needs an outcome
            return Result(SendOutcome.FAILED, f"the service's plugin failed ({type(error).__name__})")
        if result.status.name == "SUCCESS":
            return Result(SendOutcome.DELIVERED)
        if result.status.name == "TIMEOUT":
            return Result(SendOutcome.UNKNOWN, "no answer within the time limit: perhaps delivered")
        found = failure(said, behind[-1] if behind else None)
        reason = tidy(self._redactor.clean(found.reason), 400)
        return Result(found.outcome, reason, found.retry_after_seconds, found.permanent)


def _guard(redactor: Redactor) -> Callable[[logging.LogRecord], bool]:
    """A log filter for the URL's secrets; nothing below INFO passes, where whole tokens are printed."""

    def guard(record: logging.LogRecord) -> bool:
        if record.levelno < logging.INFO:
            return False
        record.msg, record.args = redactor.clean(record.getMessage()), ()
        record.exc_info = record.exc_text = None
        return True

    return guard


def _host_is_public(service: NotifyBase) -> bool:
    """Whether what stands as host in the URL is one: with Slack or Telegram it is a piece of the token."""
    tokens = getattr(service, "template_tokens", {})
    return "host" in tokens and not tokens["host"].get("private")


def _limit_units(service: NotifyBase) -> int:
    """The longest body that the service takes, our own limit where that is less."""
    longest = service.body_maxlen
    if service.title_maxlen <= 0 or service.overflow_amalgamate_title:
        longest -= _TITLE_ROOM_UNITS  # the title then stands inside the body
    return max(LEAST_LIMIT_UNITS, min(LIMIT_UNITS, longest))


__all__ = ["BadUrl", "Result", "SendOutcome", "Sender", "check_url"]
