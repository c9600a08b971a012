"""Wrong tokens, counted per client: a few are a slip of the hand, many are somebody who tries."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from math import ceil
from time import monotonic

__all__ = ["Guesses"]

GUESSES_MOST = 10
REGAIN_SECONDS = 6.0
CLIENTS_MOST = 1000
_NETWORK_V6 = 64
"""Who has one address of such a network has all of them."""


class Guesses:
    """After `GUESSES_MOST` wrong tokens a client may try again every `REGAIN_SECONDS`; a right one costs nothing.

    Behind a proxy all clients are one: whoever guesses there keeps the others from the page, not from `subtally`.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._spent: dict[str, tuple[float, float]] = {}

    def wait_seconds(self, remote: str | None) -> int:
        """How long this client must wait before its next token is looked at; 0 is not at all."""
        over = self._now(_client(remote)) - (GUESSES_MOST - 1)
        return ceil(over * REGAIN_SECONDS) if over > 0 else 0

    def wrong(self, remote: str | None) -> None:
        """Count one."""
        client = _client(remote)
        spent = self._now(client) + 1
        self._spent.pop(client, None)  # to the end of the dict: the first one is the longest unheard of
        self._spent[client] = (spent, self._clock())
        if len(self._spent) > CLIENTS_MOST:
            del self._spent[next(iter(self._spent))]

    def _now(self, client: str) -> float:
        """What is left of the client's guesses after the time that has passed."""
        spent, at = self._spent.get(client, (0.0, 0.0))
        return max(0.0, spent - (self._clock() - at) / REGAIN_SECONDS) if spent else 0.0


def _client(remote: str | None) -> str:
    try:
        address = ipaddress.ip_address((remote or "").partition("%")[0])
    except ValueError:
        return ""
    if address.version == 4:  # noqa: PLR2004  as the protocol is called
        return str(address)
    return str(ipaddress.ip_network((address, _NETWORK_V6), strict=False))
