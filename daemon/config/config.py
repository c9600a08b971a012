"""An accepted configuration: core values for the engine, and for the shell what the engine must not see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from daemon.config.errors import Problem, SecretError
from daemon.config.report import Scope
from daemon.config.secret import Secret
from rules.ruleset import ExchangeSettings, NotifierSettings, Ruleset


@dataclass(frozen=True, slots=True)
class Listen:
    """Where HTTP is served. `host` is without the brackets of an IPv6 address."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class DaemonConfig:
    """`[daemon]` as the shell needs it; what the engine needs is in `Ruleset.settings`.

    `hosts` are further Host values served, in lower case; `public_url` has no slash at its end.
    What `heartbeat_url` resolves to is checked by whoever calls it.
    """

    state: Path
    listen: Listen | None
    hosts: tuple[str, ...] = ()
    public_url: str = ""
    api_token: Secret | None = None
    heartbeat_url: Secret | None = None
    export_balances: bool = False


@dataclass(frozen=True, slots=True)
class ExchangeConfig:
    """One `[[exchange]]`: what the engine and what its client needs. `base_url` has no slash at its end."""

    settings: ExchangeSettings
    api_key: Secret
    api_secret: Secret
    passphrase: Secret | None
    base_url: str
    budget: Decimal


@dataclass(frozen=True, slots=True)
class NotifierConfig:
    """One `[[notifier]]`. What `url` resolves to is checked where Apprise is (`notifiers`).

    `charts` is None where the file leaves it to the kind of service.
    """

    settings: NotifierSettings
    url: Secret
    charts: bool | None = None


@dataclass(frozen=True, slots=True)
class BooksConfig:
    """One `[[books]]`: a `file`, or a `command` with the environment that it is given, run in `folder`."""

    name: str
    folder: Path
    file: Path | None
    command: tuple[str, ...]
    env: tuple[tuple[str, str | Secret], ...]
    every_ms: int
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Config:
    """One accepted main file with its includes. `file` is the main one's path as errors show it.

    `warnings` are what is legal and likely wrong. `scopes` tells where each table stands, by section and name,
    for whoever finds more to say of it; the main text itself is ("", "").
    """

    file: str
    ruleset: Ruleset
    daemon: DaemonConfig
    exchanges: tuple[ExchangeConfig, ...] = ()
    notifiers: tuple[NotifierConfig, ...] = ()
    books: tuple[BooksConfig, ...] = ()
    warnings: tuple[Problem, ...] = ()
    scopes: Mapping[tuple[str, str], Scope] = field(default_factory=dict, compare=False, repr=False)

    def placed(self, secret: Secret, reason: str) -> Problem:
        """What is wrong with a secret, at the place where the file names it."""
        place = self.scopes["", ""].document.places.value(secret.path)
        span = (place.line, place.column, place.end_column)
        return Problem(self.file, *span, secret.key, f"{secret.reference}: {reason}")

    def secrets(self) -> Iterator[Secret]:
        """Every secret that the file names, in its order by section."""
        for secret in (self.daemon.heartbeat_url, self.daemon.api_token):
            if secret is not None:
                yield secret
        for exchange in self.exchanges:
            yield from (exchange.api_key, exchange.api_secret)
            if exchange.passphrase is not None:
                yield exchange.passphrase
        yield from (notifier.url for notifier in self.notifiers)
        for books in self.books:
            yield from (given for _, given in books.env if isinstance(given, Secret))

    def missing_secrets(self) -> list[Problem]:
        """The secrets that cannot be had now: `check` warns of them, `run` stops."""
        return [problem for secret in self.secrets() if (problem := self._missing(secret)) is not None]

    def _missing(self, secret: Secret) -> Problem | None:
        try:
            secret.resolve()
        except SecretError as error:
            return self.placed(secret, error.reason)
        return None
