"""Pictures after a message: sent on their own, so that the words neither wait for them nor fail with them."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

from notifiers.address import schema_of
from notifiers.service import build

if TYPE_CHECKING:
    from apprise import NotifyBase

PNG_TYPE = "image/png"


class Charts(StrEnum):
    """How charts reach the people behind a notifier."""

    NONE = ""
    ATTACHED = "attached"
    LINKED = "linked"


_WANTED = frozenset({"tgram", "slack"})
"""Where charts are shown without being asked for: elsewhere a picture is a message, or a mail, more."""


def charts_of(service: NotifyBase, url: str, *, wanted: bool | None) -> Charts:
    """What is possible there and wanted; None is the default of the kind of service."""
    schema = schema_of(url)
    if not (schema in _WANTED if wanted is None else wanted):
        return Charts.NONE
    # A webhook of Slack drops what is attached and says that all went well.
    dropped = schema == "slack" and getattr(service, "mode", "") != "bot"
    return Charts.ATTACHED if service.attachment_support and not dropped else Charts.LINKED


class Pictures:
    """Sends pictures to the chat that `url` names. Raises BadUrl.

    One at a time, in a daemon thread: one that hangs costs later messages their picture and nothing else. Where
    the service knows pictures that make no sound, they make none.
    """

    def __init__(self, url: str) -> None:
        from apprise import Apprise  # noqa: PLC0415 - slow to load, and `check --help` needs none

        self._service = build(url)
        if schema_of(url) == "tgram":
            _hush(self._service)
        self._apprise = Apprise(asset=self._service.asset)
        self._apprise.add(self._service)
        self._busy = threading.Lock()

    async def send(self, png: bytes, caption: str, timeout_seconds: float) -> bool:
        """Whether it arrived. Never raises for what the service does; nothing is tried again."""
        if not self._busy.acquire(blocking=False):
            return False
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()

        def tell(arrived: bool) -> None:  # noqa: FBT001 - what a callback is given
            if not done.done():
                done.set_result(arrived)

        def run() -> None:
            try:
                arrived = self._attempt(png, caption, timeout_seconds)
            finally:
                self._busy.release()
            try:
                loop.call_soon_threadsafe(tell, arrived)
            except RuntimeError:
                return  # the loop is closed: nobody waits for the outcome any more

        try:
            threading.Thread(target=run, name="picture", daemon=True).start()
        except RuntimeError:  # as many as the machine, or TasksMax of the unit, allows
            self._busy.release()
            return False
        try:
            async with asyncio.timeout(timeout_seconds):
                return await done
        except TimeoutError:
            return False

    def _attempt(self, png: bytes, caption: str, timeout_seconds: float) -> bool:
        """The blocking part, in a thread. The picture stays in memory: no file of it is ever made."""
        from apprise import AppriseAttachment  # noqa: PLC0415 - see above
        from apprise.attachment.memory import AttachMemory  # noqa: PLC0415 - see above

        self._service.socket_connect_timeout = timeout_seconds * 0.4
        self._service.socket_read_timeout = timeout_seconds * 0.9
        try:
            picture = AttachMemory(content=png, name="chart.png", mimetype=PNG_TYPE)  # type: ignore[no-untyped-call]
            result = self._apprise.notify(
                body=caption,
                body_format="text",
                attach=AppriseAttachment(picture),
                log_callback=_unheard,
                log_level=logging.WARNING,
            )
        except Exception:  # noqa: BLE001 - a plugin may raise anything, and the words have arrived
            return False
        return result.status.name == "SUCCESS"


def _hush(telegram: NotifyBase) -> None:
    """Let its pictures make no sound: their message has rung already. Apprise's own `silent` leaves them out."""
    send_media: Callable[..., bool] = telegram.send_media  # type: ignore[attr-defined]  # of this plugin alone

    def send_quietly(
        target: object, notify_type: object, payload: dict[str, object] | None = None, **more: object
    ) -> bool:
        quiet = {**(payload or {}), "disable_notification": "true"}
        return send_media(target, notify_type, payload=quiet, **more)

    telegram.send_media = send_quietly  # type: ignore[attr-defined]


def _unheard(_entry: object, _service: object) -> None:
    """What Apprise says of a picture that did not arrive may hold the token."""
