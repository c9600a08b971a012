"""A notifier's way out: what a lane needs of it, and which one a URL names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from notifiers.address import schema_of
from notifiers.alertmanager import SCHEMAS, AlertmanagerWay
from notifiers.message import Kept, Message, Wording
from notifiers.outcome import Result
from notifiers.pictures import Charts
from notifiers.sending import Sender


class Way(Protocol):
    """Sends to one destination. `address` shows no secret; a body has at most `limit_units`.

    `charts` says how a chart gets there.
    """

    name: str
    address: str
    limit_units: int
    charts: Charts

    async def send(self, wording: Wording, timeout_seconds: float, message: Message | None = None) -> Result:
        """Send once and say what became of it. Never raises for what the service does."""

    def close(self) -> None:
        """Forget the destination."""


@runtime_checkable
class Reminded(Protocol):
    """A way to a service that forgets what it is not told again, and that others may tell of the same."""

    keep_every_seconds: float

    async def keep(self, kept: Sequence[Kept], timeout_seconds: float) -> Result:
        """Say that these alerts still fire, those that it was told of and that nobody else has ended there.

        Where it cannot be seen what was ended there, `reason` says so although the outcome is DELIVERED.
        """


@runtime_checkable
class Shown(Protocol):
    """A way to a service that takes pictures."""

    async def show(self, png: bytes, caption: str, timeout_seconds: float) -> bool:
        """Send one after its message; whether it arrived."""


def open_way(name: str, url: str, *, charts: bool | None = None) -> Way:
    """The way to whatever `url` names: an Alertmanager, or any service of Apprise. Raises BadUrl."""
    if schema_of(url) in SCHEMAS:
        return AlertmanagerWay(name, url)
    return Sender(name, url, charts=charts)
