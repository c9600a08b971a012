"""Who may ask: the Host and Origin that are served, and the token that is wanted beyond loopback.

A page in somebody's browser can reach a service on loopback, and by a name that resolves to 127.0.0.1 (DNS
rebinding) it could read the answer. Such a request carries the attacker's name as Host or Origin, so only
our own are served.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

from aiohttp import web

from daemon.config.addresses import is_host, is_loopback
from daemon.web.guesses import Guesses
from daemon.web.sessions import Session, Sessions

__all__ = ["Access", "Refusal"]

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""What a probe asks without a token, wherever we listen."""

FORM_PATH = re.compile(r"/alerts/[^/]+/(ack|silence)|/login|/logout", re.ASCII)
"""The form of a page brings the token in itself, since a browser sends no header with it."""

_SHOWN_PATH = re.compile(r"/static/[a-z.]+|/login", re.ASCII)
"""What the form to log in is made of: nothing that is known of anybody."""

_DEFAULT_PORTS = frozenset({None, 80, 443})
_SCHEMES = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered, in words for whoever sent it."""

    status: HTTPStatus
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Access:
    """Judges requests by their headers alone.

    `hosts` and `public_url` are as the file writes them. `token` is asked for by all that changes something,
    and by reading too where `remote` says that we listen beyond loopback.
    """

    def __init__(
        self,
        hosts: Iterable[str],
        public_url: str,
        token: str | None,
        kept: tuple[Guesses, Sessions],
        *,
        remote: bool,
    ) -> None:
        public = urlsplit(public_url)
        own = [*hosts, public.netloc]
        self._own = frozenset(place for place in map(_place, own) if place is not None)
        self._public = (public.scheme, _place(public.netloc))
        self._token = None if token is None else token.encode()
        self._text = token
        self._guesses, self.sessions = kept
        self._remote = remote

    @property
    def has_token(self) -> bool:
        """Whether there is one, without which nothing can be changed."""
        return self._token is not None

    def refusal(self, request: web.BaseRequest) -> Refusal | None:
        """Why this request is refused, None where it may be answered."""
        path, headers = request.raw_path, request.headers
        if not path.startswith("/"):
            # The full-URL form is for proxies, and its host would have to be judged instead of the header.
            return Refusal(HTTPStatus.BAD_REQUEST, "the request must name a path that begins with /")
        hosts = headers.getall("Host", [])
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            return Refusal(
                HTTPStatus.MISDIRECTED_REQUEST,
                "this Host is not served: ask by a loopback address, public_url, or one of hosts in [daemon]",
            )
        if not all(self._is_own_origin(origin) for origin in headers.getall("Origin", [])):
            return Refusal(HTTPStatus.FORBIDDEN, "requests that come from another site's page are refused")
        if (
            self._remote
            and not _is_open(request.method, path.partition("?")[0])
            and not self.session(request)
        ):
            return self.not_allowed(request)
        return None

    def session(self, request: web.BaseRequest) -> Session | None:
        """The session of somebody who has logged in with the present token."""
        return self.sessions.of(request, self._text)

    def not_allowed(self, request: web.BaseRequest) -> Refusal | None:
        """Why its Authorization does not do, None where it holds the token."""
        given = request.headers.getall("Authorization", [])
        scheme, _, value = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.casefold() == "bearer" and value.strip():
            refusal = self.wrong_token(request, value.strip())
            if refusal is None or refusal.status is HTTPStatus.TOO_MANY_REQUESTS:
                return refusal
        return Refusal(
            HTTPStatus.UNAUTHORIZED,
            "this needs the api_token of [daemon]: Authorization: Bearer …",
            {"WWW-Authenticate": 'Bearer realm="subtally"'},
        )

    def wrong_token(self, request: web.BaseRequest, token: str) -> Refusal | None:
        """Why this is not the token, None where it is. After too many wrong ones it is not looked at for a while."""
        wait_seconds = self._guesses.wait_seconds(request.remote)
        if wait_seconds:
            return Refusal(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"too many wrong tokens: try again in {wait_seconds} s",
                {"Retry-After": str(wait_seconds)},
            )
        # Any bytes can be sent: comparing must not fail, nor take longer for a better guess.
        if hmac.compare_digest(token.encode(errors="surrogateescape"), self._token or b"") and self._token:
            return None
        self._guesses.wrong(request.remote)
        return Refusal(HTTPStatus.FORBIDDEN, "this is not the api_token of [daemon]")

    def foreign(self, request: web.BaseRequest) -> Refusal | None:
        """Why a form did not come from our own page, None where it did.

        Stricter than for reading: another service on loopback, at another port, is another site.
        """
        origins = request.headers.getall("Origin", [])
        scheme, separator, host = origins[0].partition("://") if len(origins) == 1 else ("", "", "")
        place = _place(host)
        # A proxy may ask us by a Host of its own: then public_url tells where the page was.
        own = (place == _place(request.headers.get("Host", "")), (scheme, place) == self._public)
        if separator and scheme in _SCHEMES and place is not None and any(own):
            return None
        return Refusal(HTTPStatus.FORBIDDEN, "the form must be sent by the page that it is on")

    def _is_own(self, host: str) -> bool:
        place = _place(host)
        return place is not None and (is_loopback(place[0]) or place in self._own)

    def _is_own_origin(self, origin: str) -> bool:
        scheme, separator, host = origin.partition("://")
        return bool(separator) and scheme in _SCHEMES and self._is_own(host)


def _is_open(method: str, path: str) -> bool:
    """Whether it is answered without an Authorization, wherever we listen."""
    if method == "POST":
        return FORM_PATH.fullmatch(path) is not None
    return path in OPEN_PATHS or (method in {"GET", "HEAD"} and _SHOWN_PATH.fullmatch(path) is not None)


def _place(host: str) -> tuple[str, int | None] | None:
    """Host and port of a Host header in one form; None where it is not one. No port is 80 or 443."""
    if not host.isascii() or not is_host(host):
        return None
    split = urlsplit(f"//{host}")
    name = split.hostname or ""
    try:
        name = ipaddress.ip_address(name).compressed
    except ValueError:
        name = name.casefold()
    return name, None if split.port in _DEFAULT_PORTS else split.port
