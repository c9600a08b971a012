"""`[[exchange]]` and `[[notifier]]` into settings for the engine and for their clients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from daemon.config.addresses import host_in, is_loopback
from daemon.config.config import ExchangeConfig, NotifierConfig
from daemon.config.daemon_table import secret_of
from daemon.config.models import Binance, Bitget, Notifier, Okx
from daemon.config.report import Scope
from daemon.config.wording import shown
from daemon.exchanges import KINDS, lawful_read_us, not_watched, wallets_of
from rules.ruleset import ExchangeSettings, NotifierSettings
from rules.words import Severity


def exchange_of(
    exchange: Binance | Okx | Bitget, scope: Scope, folder: Path, poll_every_ms: int
) -> ExchangeConfig:
    """Check what no key tells alone, and convert."""
    read = tuple(exchange.read)
    for index, word in enumerate(read):
        if word in read[:index]:
            scope.problem(("read", index), f"{shown(word)} is written twice")
    if "quote" in exchange.model_fields_set and "wallets" not in read:
        scope.warning(
            ("quote",), "has no effect", 'binance values the master\'s wallets in it, with "wallets" in read'
        )
    passphrase = exchange.passphrase if isinstance(exchange, Okx | Bitget) else None
    return ExchangeConfig(
        settings=_settings(exchange, read, poll_every_ms),
        api_key=secret_of(exchange.api_key, scope, "api_key", folder),
        api_secret=secret_of(exchange.api_secret, scope, "api_secret", folder),
        passphrase=secret_of(passphrase, scope, "passphrase", folder) if passphrase else None,
        base_url=_base_url(exchange, scope),
        budget=exchange.budget,
    )


def sharing(exchanges: list[ExchangeConfig]) -> list[ExchangeConfig]:
    """Those with one key draw on the same limits where they read the same wallets: the smallest budget counts for all.

    Whether two keys are of one user only the venue knows.
    """
    return [
        _beside(one, [other for other in exchanges if other is not one and _draw_on_the_same(one, other)])
        for one in exchanges
    ]


def _beside(one: ExchangeConfig, others: list[ExchangeConfig]) -> ExchangeConfig:
    together = (one, *others)
    settings = replace(
        one.settings,
        shares_with=tuple(other.settings.name for other in others),
        read_us=max(each.settings.read_us for each in together),
    )
    return replace(one, settings=settings, budget=min(each.budget for each in together))


def _draw_on_the_same(one: ExchangeConfig, other: ExchangeConfig) -> bool:
    where = [
        (each.settings.kind, each.base_url, each.api_key.kind, each.api_key.name) for each in (one, other)
    ]
    return where[0] == where[1] and not set(one.settings.wallets).isdisjoint(other.settings.wallets)


def notifier_of(notifier: Notifier, scope: Scope, folder: Path) -> NotifierConfig:
    """Convert; what the URL resolves to is checked by whoever sends."""
    settings = NotifierSettings(notifier.name, Severity(notifier.min_severity), notifier.send_resolved)
    return NotifierConfig(settings, secret_of(notifier.url, scope, "url", folder), notifier.charts)


def _settings(
    exchange: Binance | Okx | Bitget, read: tuple[str, ...], poll_every_ms: int
) -> ExchangeSettings:
    kind = exchange.kind
    return ExchangeSettings(
        name=exchange.name,
        kind=kind,
        poll_every_ms=exchange.poll_every or poll_every_ms,
        read=read,
        wallets=wallets_of(kind, read),
        quote=exchange.quote,
        accounts=exchange.accounts,
        confirm=exchange.confirm,
        own_call=KINDS[kind].own_call,
        lists_all_assets=KINDS[kind].lists_all_assets,
        read_us=lawful_read_us(kind, exchange.budget),
        not_watched=not_watched(kind, read),
        master_not_watched=KINDS[kind].master_elsewhere,
    )


def _base_url(exchange: Binance | Okx | Bitget, scope: Scope) -> str:
    if exchange.base_url is None:
        return KINDS[exchange.kind].url
    if exchange.base_url.startswith("http://") and not is_loopback(host_in(exchange.base_url)):
        scope.warning(("base_url",), "sends the API key in the clear", "use https beyond this machine")
    return exchange.base_url
