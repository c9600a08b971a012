"""Who may ask: the Host and Origin that are served, and the token that is wanted beyond loopback.

A page in somebody's browser can reach a service on loopback, and by a name that resolves to 127.0.0.1 (DNS
rebinding) it could read the answer. Such a request carries the attacker's name as Host or Origin, so only
our own are served.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

from aiohttp import web

from daemon.config.addresses import is_host, is_loopback

__all__ = ["Access", "Refusal"]

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""What a probe asks without a token, wherever we listen."""

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

    `hosts` and `public_url` are as the file writes them. `token` is asked for where `remote` says that we
    listen beyond loopback.
    """

    def __init__(self, hosts: Iterable[str], public_url: str, token: str | None, *, remote: bool) -> None:
        own = [*hosts, urlsplit(public_url).netloc]
        self._own = frozenset(place for place in map(_place, own) if place is not None)
        self._token = None if token is None else token.encode()
        self._remote = remote

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
            and path.partition("?")[0] not in OPEN_PATHS
            and not self._has_token(headers.getall("Authorization", []))
        ):
            return Refusal(
                HTTPStatus.UNAUTHORIZED,
                "beyond loopback every reader needs the api_token of [daemon]: Authorization: Bearer …",
                {"WWW-Authenticate": 'Bearer realm="subtally"'},
            )
        return None

    def _is_own(self, host: str) -> bool:
        place = _place(host)
        return place is not None and (is_loopback(place[0]) or place in self._own)

    def _is_own_origin(self, origin: str) -> bool:
        scheme, separator, host = origin.partition("://")
        return bool(separator) and scheme in _SCHEMES and self._is_own(host)

    def _has_token(self, given: Sequence[str]) -> bool:
        if self._token is None or len(given) != 1:
            return False
        scheme, _, value = given[0].partition(" ")
        # Headers may hold bytes that are no UTF-8: comparing must not fail, nor take longer for a better
        # guess.
        same = hmac.compare_digest(value.strip().encode(errors="surrogateescape"), self._token)
        return same and scheme.casefold() == "bearer"


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
