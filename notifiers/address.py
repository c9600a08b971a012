"""The URL of a notifier: what of it may be printed, and what must never be."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

REDACTED = "[redacted]"
_LEAST_LETTERS = 4  # a shorter piece is no secret, and would mangle every text

_SCHEMA = re.compile(r"\s*(?P<schema>[a-z0-9][a-z0-9+.-]*)://", re.IGNORECASE | re.ASCII)
_PIECES = re.compile(r"[/?&=,;#@:\s]+")
_NETWORK_NAME = re.compile(
    r"localhost|[a-z0-9.-]+\.[a-z0-9-]+|[0-9a-f:]*:[0-9a-f:.]*", re.IGNORECASE | re.ASCII
)


def schema_of(url: str) -> str:
    """`json` of `json://…`, "" where there is none."""
    match = _SCHEMA.match(url)
    return match["schema"].lower() if match else ""


class Redactor:
    """Takes every piece of one URL out of a text, but for the service's name and the settings' names.

    A webhook's token is a path, a Telegram token a host, a header a query: so every piece counts as a secret.
    """

    __slots__ = ("_pattern",)

    def __init__(self, url: str) -> None:
        pieces = sorted(_secret_pieces(url), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, pieces)), re.IGNORECASE) if pieces else None

    def clean(self, text: str) -> str:
        return self._pattern.sub(REDACTED, text) if self._pattern else text

    def __repr__(self) -> str:
        return "Redactor(…)"


def printable(url: str, *, host_is_public: bool) -> str:
    """The only form of a URL that is printed: its service, and its host where that is no token."""
    schema = schema_of(url) or "?"
    host = _host(url) if host_is_public else ""
    return f"{schema}://{host}/…" if host else f"{schema}://…"


def _secret_pieces(url: str) -> set[str]:
    rest = _SCHEMA.sub("", url.strip(), count=1)
    whole = {url.strip(), rest}
    address, _, query = rest.partition("?")
    pieces = set(_PIECES.split(address))
    for pair in query.split("&"):
        # The names of settings are words of the manual; after + - : they are the user's own headers.
        name, _, value = pair.partition("=")
        pieces |= {value, *_PIECES.split(value)}
        if name[:1] in {"+", "-", ":"}:
            pieces.add(name[1:])
    pieces |= {unquote(piece) for piece in pieces}
    public = {_host(url).casefold(), "", "yes", "true", "false", "text", "html", "markdown", "post"}
    public |= {piece for name in list(public) for piece in _PIECES.split(name)}
    return {x for x in pieces if len(x) >= _LEAST_LETTERS and x.casefold() not in public} | {
        x for x in whole if len(x) >= _LEAST_LETTERS
    }


def _host(url: str) -> str:
    """Host and port, "" unless they look like those of a network: a token has no dots."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if not _NETWORK_NAME.fullmatch(host):
        return ""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"
