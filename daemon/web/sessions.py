"""Who has logged in with the api_token: a cookie in place of the token, kept in memory for a working day."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic
from typing import Final

from aiohttp import web

__all__ = ["COOKIE", "Session", "Sessions"]

COOKIE: Final = "subtally_session"
LASTS_SECONDS: Final = 12 * 3600
SESSIONS_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Session:
    """`by` is the name that was given at the login, under which things are ordered."""

    by: str
    token: bytes
    until: float


class Sessions:
    """Random names for sessions; a restart, or another token, ends them all."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._known: dict[str, Session] = {}

    def open(self, token: str, by: str) -> str:
        """A new session; its name is what the cookie holds."""
        name = secrets.token_urlsafe(32)
        self._known[_digest(name)] = Session(by, _fingerprint(token), self._clock() + LASTS_SECONDS)
        if len(self._known) > SESSIONS_MOST:
            del self._known[next(iter(self._known))]
        return name

    def of(self, request: web.BaseRequest, token: str | None) -> Session | None:
        """The session that a request brings the cookie of, None without one that lasts under this token."""
        name = request.cookies.get(COOKIE, "")
        session = self._known.get(_digest(name)) if name else None
        if session is None or token is None or session.until <= self._clock():
            return None
        return session if hmac.compare_digest(session.token, _fingerprint(token)) else None

    def close(self, request: web.BaseRequest) -> None:
        """Forget the session of a request."""
        self._known.pop(_digest(request.cookies.get(COOKIE, "")), None)


def _digest(name: str) -> str:
    # Looked up by its digest: how long that takes says nothing of the name.
    return sha256(name.encode(errors="surrogateescape")).hexdigest()


def _fingerprint(token: str) -> bytes:
    return sha256(token.encode(errors="surrogateescape")).digest()
