"""What a file speaks of and the state has never met: accounts, assets, and more accounts than a poll can read."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile

from daemon.config.config import Config
from daemon.config.errors import KeyPath, Problem
from daemon.config.reach import selected
from daemon.config.report import Report, Scope, in_order
from daemon.config.wording import shown, span, suggestion
from rules.patterns import EVERYTHING, Patterns
from rules.ruleset import Allow, ExchangeSettings, Rule, Silence
from rules.words import MASTER

HINTS_MOST = 20


@dataclass(frozen=True, slots=True)
class Known:
    """What the state knows of one exchange.

    `accounts` holds the identifiers of each sub-account that is there, `assets` the coins ever read, in the
    venue's spelling.
    """

    accounts: tuple[tuple[str, ...], ...] = ()
    assets: frozenset[str] = frozenset()


@dataclass(slots=True)
class Crowd:
    """The identifiers and coins of several exchanges, asked for many patterns: each is matched once."""

    accounts: tuple[str, ...]
    assets: tuple[str, ...]
    _asked: dict[tuple[str, str], bool] = field(default_factory=dict)
    _sorted: dict[str, list[str]] = field(default_factory=dict)

    def has(self, what: str, pattern: str) -> bool:
        """Whether any account, or any asset, is called so."""
        if (what, pattern) not in self._asked:
            self._asked[what, pattern] = any(map(Patterns((pattern,)).match, self._near(what, pattern)))
        return self._asked[what, pattern]

    def _near(self, what: str, pattern: str) -> Iterator[str]:
        """The names that begin as the pattern does before its first wildcard, folded: of many thousands a few."""
        names = self._sorted.get(what)
        if names is None:
            known = self.accounts if what == "account" else self.assets
            names = self._sorted[what] = sorted(name.casefold() for name in known)
        begin = re.split(r"[*?\[]", pattern.casefold(), maxsplit=1)[0]
        onwards = map(names.__getitem__, range(bisect_left(names, begin), len(names)))
        return takewhile(lambda name: name.startswith(begin), onwards)


def strangers(config: Config, known: Mapping[str, Known]) -> list[Problem]:
    """Warn of each pattern that matches nothing known, and of sweeps that take longer than `poll_every`.

    An exchange of which no account, or no coin, is known yet says nothing of them.
    """
    report = Report()
    crowds: dict[tuple[str, ...], Crowd] = {}
    ruleset = config.ruleset

    def crowd_of(patterns: Patterns) -> Crowd:
        names = tuple(exchange.name for exchange in selected(patterns, ruleset.exchanges))
        if names not in crowds:
            crowds[names] = _crowd([known.get(name, Known()) for name in names])
        return crowds[names]

    def scope_of(section: str, name: str) -> Scope:
        scope = config.scopes[section, name]
        return Scope(report, scope.document, scope.path, scope.title)

    for rule in ruleset.rules:
        if rule.enabled:
            _warn(rule, scope_of("rule", rule.name), crowd_of(rule.exchange))
    for allow in ruleset.allows:
        _warn(allow, scope_of("allow", allow.name), crowd_of(allow.exchange))
    for silence in ruleset.silences:
        _warn(silence, scope_of("silence", silence.id), crowd_of(silence.exchange))
    for exchange in ruleset.exchanges.values():
        found = known.get(exchange.name, Known())
        _warn_of_exchange(exchange, found, partial(scope_of, "exchange", exchange.name))
    return in_order(report.warnings)


def sweep_ms(exchange: ExchangeSettings, accounts: int) -> int:
    """The lawful time of reading so many accounts once, as the engine reckons it."""
    return accounts * exchange.read_us // 1000


def read_of(exchange: ExchangeSettings, found: Known) -> int:
    """How many of the known sub-accounts are read."""
    return sum(1 for names in found.accounts if exchange.accounts.match(*names))


def _crowd(known: Iterable[Known]) -> Crowd:
    found = list(known)
    accounts = dict.fromkeys(name for one in found for names in one.accounts for name in names)
    return Crowd(
        tuple(accounts), tuple(dict.fromkeys(asset for one in found for asset in sorted(one.assets)))
    )


def _warn(table: Rule | Allow | Silence, scope: Scope, crowd: Crowd) -> None:
    if crowd.accounts:
        _warn_of(table.account, "account", scope, crowd)
        floors = getattr(getattr(table, "spec", None), "floors", ())
        for floor in floors:
            _warn_of(floor.accounts, "account", scope, crowd, key="below_by")
    if crowd.assets:
        _warn_of(table.asset, "asset", scope, crowd)


def _warn_of(patterns: Patterns, what: str, scope: Scope, crowd: Crowd, *, key: str = "") -> None:
    if patterns == EVERYTHING:
        return
    names = crowd.accounts if what == "account" else crowd.assets
    for text in patterns.wanted:
        if (what == "account" and text.casefold() == MASTER) or crowd.has(what, text):
            continue
        path = (key, text) if key else _place_of(text, what, scope)
        # Likeness is dear: after so many the user reads no hint any more.
        hint = suggestion(text, names) if len(scope.report.warnings) < HINTS_MOST else ""
        effect = "no account is called so" if what == "account" else "nobody holds or held such a coin"
        scope.warning(path, f"{shown(text)} matches nothing that is known: {effect}", hint)


def _place_of(text: str, key: str, scope: Scope) -> KeyPath:
    """The path of one pattern: in a list it has a place of its own."""
    tables, index = scope.path
    written = scope.document.table[str(tables)][index].get(key)
    return (key, written.index(text)) if isinstance(written, list) and text in written else (key,)


def _warn_of_exchange(exchange: ExchangeSettings, found: Known, scope_of: Callable[[], Scope]) -> None:
    if not found.accounts:
        return
    count = read_of(exchange, found)
    if not count:
        hint = f"{len(found.accounts)} are known"
        scope_of().warning(("accounts",), "matches no account that is known, so none is read", hint)
    lawful = sweep_ms(exchange, count)
    if lawful > exchange.poll_every_ms:
        scope_of().warning(
            ("poll_every",),
            f"{span(exchange.poll_every_ms)} is shorter than a lawful sweep of its {count} accounts",
            f"at the venue's limit and this budget it takes {span(lawful)}",
        )
