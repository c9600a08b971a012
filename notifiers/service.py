"""From a URL to exactly one Apprise service, or to a reason in words that holds no secret of the URL."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from notifiers.address import Redactor, schema_of
from notifiers.plugins import load
from notifiers.text import tidy

if TYPE_CHECKING:
    from apprise import NotifyBase

_APPRISE = "apprise"
_MOST_UNITS = 200
_PARENTHESISED = re.compile(r"\s*\([^()]*\)")
_UNFIT_SETTINGS = {
    "optional": "a failed send would count as delivered",
    "retry": "Subtally repeats sends itself, under the same message id",
    "wait": "Subtally repeats sends itself, under the same message id",
    "emojis": "account labels must arrive as they are",
    "template": "messages are plain text",
    "blocks": "messages are plain text",
}
_OFF = {"", "no", "0", "false", "off", "text", "0.5", "0.0"}


class BadUrl(ValueError):  # noqa: N818 - it is what the user wrote, not what the program did
    """A notifier URL that cannot be used: a fault of the configuration. The text says why, no secret."""


def preload(schema: str) -> bool:
    """Load Apprise and the plugin of a schema, which would else block at the first use; whether there is one."""
    with _unheard():
        return load(schema)


def check_url(url: str) -> str | None:
    """Why `url` cannot be used, None where it can. Nothing is sent."""
    try:
        build(url)
    except BadUrl as error:
        return str(error)
    return None


def build(url: str) -> NotifyBase:
    """The one service that `url` names. Raises BadUrl."""
    url = url.strip()
    schema = schema_of(url)
    if not schema:
        raise BadUrl("not an Apprise URL: it must begin like slack://, tgram:// or json://")
    known = preload(schema)
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - slow to load, and `check --help` needs none

    asset = AppriseAsset(
        app_id="Subtally",
        app_desc="Subtally",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        storage_mode="memory",
        service_timeout=0,  # a limit of Apprise's own moves the send into its shared pool (law 8)
        async_mode=False,
        interpret_emojis=False,
        interpret_escapes=False,
        http_redirects=False,  # a redirected POST becomes a GET, and its 200 would count as delivered
        pgp_autogen=False,
        pem_autogen=False,
        allow_templates=False,
    )
    with _unheard() as said:
        service = Apprise.instantiate(url, asset=asset)
    if service is None:
        raise BadUrl(_refusal(schema, said, Redactor(url), known=known))
    reason = _unfit(service, schema, url)
    if reason:
        raise BadUrl(reason)
    return service


def _refusal(schema: str, said: list[str], redactor: Redactor, *, known: bool) -> str:
    """What Apprise said, without the values that it put into parentheses."""
    if not known:
        return f"no service is known as {tidy(schema, 20)}://"
    told = next((text for text in said if "URL" not in text), "")
    told = tidy(redactor.clean(_PARENTHESISED.sub("", told)), _MOST_UNITS)
    return f"the {schema}:// URL is not complete or not well formed" + (f": {told}" if told else "")


def _unfit(service: NotifyBase, schema: str, url: str) -> str:
    """Why a URL that Apprise takes is not good enough for an outbox."""
    settings = _settings(url)
    for name, why in _UNFIT_SETTINGS.items():
        if settings.get(name, "") not in _OFF:
            return f"take {name}= out of the {schema}:// URL: {why}"
    if settings.get("format", "text") not in {"text", "html"}:
        return f"take format= out of the {schema}:// URL: account labels would be read as markup"
    targets = getattr(service, "targets", None)
    if schema == "tgram" and not targets:
        return "the tgram:// URL names no chat: add the chat id, as in tgram://TOKEN/CHAT_ID"
    count = max(len(service), len(targets) if isinstance(targets, (list, tuple, set, dict)) else 0)
    if count > 1:
        return (
            f"the {schema}:// URL names {count} targets: one URL is one chat, "
            "so that each is retried on its own; make it one notifier each"
        )
    return ""


def _settings(url: str) -> dict[str, str]:
    query = url.partition("?")[2]
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {name.strip().casefold(): value.strip().casefold() for name, _, value in pairs}


@contextmanager
def _unheard() -> Iterator[list[str]]:
    """Keep what Apprise logs in this thread to ourselves: of a malformed URL it prints the token."""
    said: list[str] = []
    thread = threading.get_ident()

    def keep(record: logging.LogRecord) -> bool:
        if record.thread != thread:
            return True
        said.append(record.getMessage())
        return False

    logger = logging.getLogger(_APPRISE)
    logger.addFilter(keep)
    try:
        yield said
    finally:
        logger.removeFilter(keep)
