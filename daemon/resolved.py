"""The secrets of one moment: with which exchanges and notifiers are opened, and which of them an edit changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from daemon.config import Config, ExchangeConfig, SecretError
from daemon.errors import CannotRun
from daemon.exchanges.base import Credentials


@dataclass(frozen=True, slots=True)
class Resolved:
    """The secrets of one moment, by the names of exchanges and notifiers. Never printed."""

    keys: Mapping[str, Credentials] = field(default_factory=dict)
    urls: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "Resolved(…)"


def resolved(config: Config) -> Resolved:
    """Read them all. Raises CannotRun."""
    try:
        return Resolved(
            {exchange.settings.name: credentials_of(exchange) for exchange in config.exchanges},
            {notifier.settings.name: notifier.url.resolve() for notifier in config.notifiers},
        )
    except SecretError as error:
        raise CannotRun(str(error)) from error


def credentials_of(exchange: ExchangeConfig) -> Credentials:
    """Read the secrets of an exchange. Raises SecretError."""
    passphrase = exchange.passphrase.resolve() if exchange.passphrase else ""
    return Credentials(exchange.api_key.resolve(), exchange.api_secret.resolve(), passphrase)


def changed(
    before: tuple[ExchangeConfig, ...], after: tuple[ExchangeConfig, ...], known: Resolved, secrets: Resolved
) -> list[str]:
    """The names of exchanges that are gone or not as they were: they are taken down, the others left alone.

    A key that was exchanged under the same name is a change, too.
    """
    new = {exchange.settings.name: exchange for exchange in after}
    old = {exchange.settings.name: exchange for exchange in before}
    return [
        name
        for name, one in old.items()
        if new.get(name) != one or known.keys.get(name) != secrets.keys.get(name)
    ]
