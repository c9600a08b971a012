"""From the texts to a Config: check everything, and refuse with all that is wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from daemon.config.books_models import Books, Expect
from daemon.config.books_table import books_of, expect_of
from daemon.config.config import BooksConfig, Config, DaemonConfig, ExchangeConfig, NotifierConfig
from daemon.config.daemon_table import daemon_of, settings_of
from daemon.config.doubts import doubt
from daemon.config.exchange_table import exchange_of, notifier_of, sharing
from daemon.config.models import EXCHANGE_MODELS, Daemon, Notifier, UnknownKind
from daemon.config.report import Report, Scope, in_order
from daemon.config.rule_common import UnknownType
from daemon.config.rule_models import RULE_MODELS
from daemon.config.rule_table import Surroundings, rule_of
from daemon.config.sections import Entry, check_top_level, entries, refuse_same_names
from daemon.config.silence_models import Allow, Silence
from daemon.config.silence_table import Around, allow_of, silence_of
from daemon.config.sources import digest_of
from daemon.config.texts import Texts, texts_in, texts_on_disk
from daemon.config.thresholds import floors_in_csv
from daemon.config.translate import validated
from daemon.config.wording import either, kind_of, one_of, shown
from rules import ruleset as core
from rules.ruleset import Rule, Ruleset, Settings
from rules.types.levels import Floor
from rules.types.reconciliation import Reconciliation

Model = TypeVar("Model", bound=BaseModel)


def load(path: Path, now_ms: int | None = None) -> Config:
    """Read and check the main file with all that it names. Raises ConfigError with every problem."""
    report = Report()
    return _Build(texts_on_disk(path, report), report, _now(now_ms)).config()


def parse(sources: tuple[tuple[str, str], ...], folder: Path, now_ms: int | None = None) -> Config:
    """The same from stored texts (`Ruleset.sources`); `folder` is where relative paths start."""
    report = Report()
    return _Build(texts_in(sources, folder, report), report, _now(now_ms)).config()


def _now(now_ms: int | None) -> int:
    return time.time_ns() // 1_000_000 if now_ms is None else now_ms


class _Build:
    """One build: it goes on after a problem, so that all are told at once."""

    def __init__(self, texts: Texts, report: Report, now_ms: int) -> None:
        self._texts = texts
        self._report = report
        self._now_ms = now_ms
        self._main = texts.documents[0]
        self._notifiers = list(entries(self._main, report, "notifier"))
        self._exchanges = list(entries(self._main, report, "exchange"))
        self._rules, self._allows, self._silences = (
            [entry for document in texts.documents for entry in entries(document, report, section)]
            for section in ("rule", "allow", "silence")
        )
        self._books = list(entries(self._main, report, "books"))
        self._expects = [
            entry for document in texts.documents for entry in entries(document, report, "expect")
        ]

    def config(self) -> Config:
        for document in self._texts.documents:
            check_top_level(document, self._report, main=document is self._main)
        for found in self._every_table():
            refuse_same_names(found)
        settings, daemon = self._daemon()
        notifiers = list(self._valid_notifiers())
        exchanges = sharing(list(self._valid_exchanges(settings)))
        rules = list(self._valid_rules(exchanges))
        around = Around(
            exchanges=[entry.name for entry in self._exchanges if entry.name],
            rules=[(rule.name, rule.type) for rule in rules],
            timezone=settings.timezone,
            now_ms=self._now_ms,
            checks=[rule.spec.check for rule in rules if isinstance(rule.spec, Reconciliation)],
        )
        books, expects = tuple(self._valid_books()), tuple(self._valid_expects(around))
        allows, silences = tuple(self._valid_allows(around)), tuple(self._valid_silences(around))
        self._warn(settings, exchanges)
        self._report.refuse()
        sources = self._texts.sources
        ruleset = Ruleset(
            settings=settings,
            exchanges={e.settings.name: e.settings for e in exchanges},
            notifiers={n.settings.name: n.settings for n in notifiers},
            rules=tuple(rules),
            allows=allows,
            silences=silences,
            expects=expects,
            books=tuple(core.BooksSettings(one.name, one.every_ms) for one in books),
            sources=sources,
            digest=digest_of(sources),
        )
        scopes = self._scopes()
        doubt(ruleset, scopes, self._now_ms)
        warnings = tuple(in_order(self._report.warnings))
        return Config(
            self._main.file, ruleset, daemon, tuple(exchanges), tuple(notifiers), books, warnings, scopes
        )

    def _every_table(self) -> tuple[list[Entry], ...]:
        """By section."""
        declared = (self._allows, self._silences, self._expects)
        return (self._exchanges, self._notifiers, self._books, self._rules, *declared)

    def _scopes(self) -> dict[tuple[str, str], Scope]:
        tables = {
            (str(entry.scope.path[0]), entry.name): entry.scope
            for found in self._every_table()
            for entry in found
        }
        main = Scope(self._report, self._main)
        return {("", ""): main, ("daemon", ""): replace(main, path=("daemon",), title="daemon"), **tables}

    def _daemon(self) -> tuple[Settings, DaemonConfig]:
        scope = Scope(self._report, self._main, ("daemon",), "daemon")
        table = self._main.table.get("daemon", {})
        daemon, scope = validated(Daemon, table if isinstance(table, dict) else {}, scope, "daemon")
        # Everything in it has a default, so that there is always a rest to check.
        daemon = daemon or Daemon()
        names = [entry.name for entry in self._notifiers]
        return settings_of(daemon, scope, names), daemon_of(daemon, scope, self._texts.folder)

    def _valid_notifiers(self) -> Iterator[NotifierConfig]:
        for entry in self._notifiers:
            notifier, scope = validated(Notifier, entry.table, entry.scope, "notifier")
            if notifier is not None:
                yield notifier_of(notifier, scope, self._texts.folder)

    def _valid_exchanges(self, settings: Settings) -> Iterator[ExchangeConfig]:
        for entry in self._exchanges:
            model = _chosen(EXCHANGE_MODELS, "kind", entry)
            if model is None:
                validated(UnknownKind, _without(entry, "kind"), entry.scope, "exchange")
                continue
            table, scope = validated(model, entry.table, entry.scope, "exchange")
            if table is not None and not scope.broken:
                yield exchange_of(table, scope, self._texts.folder, settings.poll_every_ms)

    def _valid_rules(self, exchanges: list[ExchangeConfig]) -> Iterator[Rule]:
        around = Surroundings(
            exchange_names=[entry.name for entry in self._exchanges if entry.name],
            exchanges={e.settings.name: e.settings for e in exchanges},
            all_valid=len(exchanges) == len(self._exchanges),
            notifiers=[entry.name for entry in self._notifiers],
            csv=self._csv(),
            books=[entry.name for entry in self._books if entry.name],
        )
        for entry in self._rules:
            model = _chosen(RULE_MODELS, "type", entry)
            if model is None:
                validated(UnknownType, _without(entry, "type"), entry.scope, "rule")
                continue
            table, scope = validated(model, entry.table, entry.scope, "rule")
            if table is not None:
                yield rule_of(table, scope, around)

    def _valid_allows(self, around: Around) -> Iterator[core.Allow]:
        for entry in self._allows:
            table, scope = validated(Allow, entry.table, entry.scope, "allow")
            if table is not None:
                yield allow_of(table, scope, around)

    def _valid_silences(self, around: Around) -> Iterator[core.Silence]:
        for entry in self._silences:
            table, scope = validated(Silence, entry.table, entry.scope, "silence")
            if table is not None:
                yield silence_of(table, scope, around)

    def _valid_books(self) -> Iterator[BooksConfig]:
        for entry in self._books:
            table, scope = validated(Books, entry.table, entry.scope, "books")
            if table is not None:
                yield books_of(table, scope, self._texts.folder)

    def _valid_expects(self, around: Around) -> Iterator[core.Expect]:
        for entry in self._expects:
            table, scope = validated(Expect, entry.table, entry.scope, "expect")
            if table is not None:
                yield expect_of(table, scope, around)

    def _csv(self) -> dict[str, tuple[Floor, ...] | str]:
        read = {name: floors_in_csv(d.file, d.text, self._report) for name, d in self._texts.csv.items()}
        return {**self._texts.csv_faults, **read}

    def _warn(self, settings: Settings, exchanges: list[ExchangeConfig]) -> None:
        main = Scope(self._report, self._main)
        if not self._exchanges:
            main.warning((), "there is no [[exchange]], so nothing is watched")
        if not self._notifiers:
            main.warning((), "there is no [[notifier]], so nobody is told")
        for exchange in exchanges:
            if exchange.settings.poll_every_ms >= settings.stale_after_ms:
                scope = next(e.scope for e in self._exchanges if e.name == exchange.settings.name)
                scope.warning(
                    ("poll_every",),
                    "is not shorter than stale_after",
                    "it would be told as stale between readings",
                )


def _chosen(models: Mapping[str, type[Model]], key: str, entry: Entry) -> type[Model] | None:
    """The model that one key of the table chooses, or None after that key was refused."""
    word = entry.table.get(key)
    if word is None:
        entry.scope.problem_of_key((key,), "is required and missing", one_of(models))
    elif not isinstance(word, str):
        entry.scope.problem((key,), f"must be text, not {kind_of(word)}", one_of(models))
    elif word not in models:
        entry.scope.problem((key,), f"{shown(word)} is not known here", either(word, models))
    else:
        return models[word]
    return None


def _without(entry: Entry, key: str) -> dict[str, Any]:
    return {name: value for name, value in entry.table.items() if name != key}
