"""URLs, hosts, ports and time zones: what may be written, and whether it stays on this machine."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from daemon.config.config import Listen
from daemon.config.scalars import fault
from daemon.config.wording import shown, suggestion

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_PORT = re.compile(r"[0-9]{1,5}")
PORT_MAX = 65535


def listen_of(text: str) -> Listen | None:
    """`host:port` with both, IPv6 in brackets; None where it is not that."""
    split = _split(text)
    if split is None or split[1] is None:
        return None
    return Listen(split[0], split[1])


def is_host(text: str) -> bool:
    """Whether this can be the value of a Host header: a host, with or without a port."""
    return _split(text) is not None


def is_loopback(host: str) -> bool:
    """Whether what is served or asked there stays on this machine."""
    if host.casefold() == "localhost" or host.casefold().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_listen(text: str) -> str:
    """An address to serve at; "" is none."""
    if text and listen_of(text) is None:
        fault(f"{shown(text)} is not an address", 'as in "127.0.0.1:9464"; "" turns it off')
    return text


def check_host(text: str) -> str:
    """What may be the value of a Host header: a host, with or without a port."""
    if _split(text) is None:
        fault(f"{shown(text)} is not a host", 'as in "10.0.0.5:9464" or "status.example"')
    return text.casefold()


def check_public_url(text: str) -> str:
    """Where links begin; "" is none."""
    if text and (reason := _url_fault(text)):
        fault(reason, 'as in "https://subtally.example"')
    return text.rstrip("/")


def check_base_url(text: str) -> str:
    """Where a venue is asked."""
    if reason := _url_fault(text):
        fault(reason, 'as in "https://api.binance.com"')
    if urlsplit(text).path not in {"", "/"}:
        fault("must not hold a path", "requests are signed with the path that the venue knows")
    return text.rstrip("/")


def check_timezone(text: str) -> str:
    """A zone of the machine's time zone data; UTC also where there is none."""
    if text != "UTC":
        try:
            zoneinfo.ZoneInfo(text)
        except (KeyError, ValueError, OSError):
            hint = suggestion(text, zoneinfo.available_timezones()) or 'as in "UTC" or "Europe/Zurich"'
            fault(f"{shown(text)} is not a time zone", hint)
    return text


def host_in(url: str) -> str:
    """The host of a URL that was accepted."""
    return urlsplit(url).hostname or ""


def _split(text: str) -> tuple[str, int | None] | None:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not _is_ipv6(host) or (rest and not rest.startswith(":")):
            return None
        port_text = rest.removeprefix(":") if rest else None
    else:
        host, colon, after = text.partition(":")
        if not _HOST.fullmatch(host):
            return None
        port_text = after if colon else None
    if port_text is None:
        return host, None
    if not _PORT.fullmatch(port_text) or int(port_text) > PORT_MAX:
        return None
    return host, int(port_text)


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.IPv6Address(host) is not None
    except ValueError:
        return False


def _url_fault(text: str) -> str:
    """Why this is no plain http(s) URL, or "". The URL is not repeated: it may hold a token."""
    try:
        url = urlsplit(text)
    except ValueError:
        return "is not a URL"
    if not text.isprintable() or " " in text or url.scheme not in {"http", "https"} or not url.netloc:
        return "must be a URL that begins with http:// or https:// and names a host"
    if "@" in url.netloc:
        return "must not hold a user or a password"
    if "?" in text or "#" in text:
        return "must not hold a query or a fragment"
    return "" if _split(url.netloc) is not None else "does not name a host"


ListenAddress = Annotated[str, AfterValidator(check_listen)]
Host = Annotated[str, AfterValidator(check_host)]
PublicUrl = Annotated[str, AfterValidator(check_public_url)]
BaseUrl = Annotated[str, AfterValidator(check_base_url)]
TimeZone = Annotated[str, AfterValidator(check_timezone)]
