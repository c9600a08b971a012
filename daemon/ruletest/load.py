"""A test file into cases: everything that is wrong at once, each with its place and what was perhaps meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from daemon.config import Config, ConfigError, load, parse
from daemon.config.documents import document_of
from daemon.config.errors import KeyPath, Problem
from daemon.config.kinds import offers
from daemon.config.report import Report, Scope
from daemon.config.sources import Folder, UnreadableError
from daemon.config.translate import validated
from daemon.config.wording import either, one_of, shown
from daemon.ruletest.models import (
    AccountRow,
    AckRow,
    Case,
    ExpectRow,
    OutageRow,
    ReadingRow,
    RestartRow,
    SeriesRow,
    Suite,
)
from rules.builtin_names import PREFIX
from rules.model import MASTER
from rules.ruleset import ExchangeSettings

Row = TypeVar("Row", bound=BaseModel)

_STEPS_MOST = 100_000


@dataclass(slots=True)
class Story:
    """One case with its tables; `line` is where it begins. Exchanges, wallets and assets are filled in."""

    case: Case
    line: int
    every_ms: int
    accounts: list[AccountRow] = field(default_factory=list)
    series: list[SeriesRow] = field(default_factory=list)
    readings: list[ReadingRow] = field(default_factory=list)
    outages: list[OutageRow] = field(default_factory=list)
    restarts: list[RestartRow] = field(default_factory=list)
    acks: list[AckRow] = field(default_factory=list)
    expects: list[ExpectRow] = field(default_factory=list)
    expect_lines: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tests:
    """One test file: its stories, and the configuration under test, which `rules` names."""

    file: str
    rules: str
    config: Config
    stories: tuple[Story, ...]


def load_tests(path: Path, overriding: Path | None = None) -> Tests:
    """Read a test file and the rules that it is about; `overriding` puts other rules in their place.

    Raises ConfigError with every problem.
    """
    folder = Folder.of(path)
    try:
        text = folder.read(folder.main)
    except UnreadableError as error:
        raise ConfigError([Problem(str(path), None, None, None, "", str(error))]) from None
    document = document_of(folder.main, str(path), text)
    if isinstance(document, Problem):
        raise ConfigError([document])
    report = Report()
    top = Scope(report, document)
    suite, top = validated(Suite, document.table, top, "test file")
    report.refuse()
    assert suite is not None  # noqa: S101  every problem refuses
    if bool(suite.rules) == bool(suite.rules_text):
        top.problem_of_key(
            ("rules",), "is required, or rules_text", "name the rules file, as in rules = '../rules.toml'"
        )
        report.refuse()
    rules, config = _config_of(path, suite, overriding)
    reader = _Reader(top, config)
    stories = tuple(filter(None, (reader.story(number, row) for number, row in enumerate(suite.test))))
    reader.refuse_same_names(stories)
    report.refuse()
    return Tests(str(path), rules, config, stories)


def _config_of(path: Path, suite: Suite, overriding: Path | None) -> tuple[str, Config]:
    if overriding is not None:
        return str(overriding), load(overriding)
    if suite.rules:
        found = path.parent / suite.rules
        return str(found), load(found)
    name = f"{path.name} (rules_text)"
    return str(path.parent / name), parse(((name, suite.rules_text),), path.parent)


class _Reader:
    """Cases against the configuration that they are about: what they name must be there."""

    def __init__(self, top: Scope, config: Config) -> None:
        self._top = top
        self._exchanges = config.ruleset.exchanges
        self._rules = [rule.name for rule in config.ruleset.rules]
        self._notifiers = list(config.ruleset.notifiers)

    def story(self, number: int, row: Mapping[str, Any]) -> Story | None:
        name = row.get("name")
        title = f"test {shown(name)}" if isinstance(name, str) and name else f"test {number + 1}"
        scope = Scope(self._top.report, self._top.document, ("test", number), title)
        case, scope = validated(Case, row, scope, "test")
        if case is None:
            return None
        default = self._exchange(scope, case.exchange, "")
        every_ms = case.every or (default.poll_every_ms if default else 60_000)
        story = Story(case, self._line(("test", number)), every_ms)
        story.accounts = self._rows(AccountRow, case, scope, "account", self._account)
        story.series = self._rows(SeriesRow, case, scope, "series", self._series)
        story.readings = self._rows(ReadingRow, case, scope, "reading", self._reading)
        story.outages = self._rows(OutageRow, case, scope, "outage", self._placed)
        story.restarts = self._rows(RestartRow, case, scope, "restart", lambda _scope, row, _case: row)
        story.acks = self._rows(AckRow, case, scope, "ack", self._ruled)
        story.expects = self._rows(ExpectRow, case, scope, "expect", self._expected)
        story.expect_lines = [
            self._line(("test", number, "expect", place)) for place in range(len(case.expect))
        ]
        self._bound(scope, story)
        return story

    def refuse_same_names(self, stories: Iterable[Story]) -> None:
        seen: set[str] = set()
        for number, story in enumerate(stories):
            if story.case.name in seen:
                scope = Scope(self._top.report, self._top.document, ("test", number), "test")
                scope.problem(("name",), f"{shown(story.case.name)} is already the name of a test above")
            seen.add(story.case.name)

    def _line(self, path: KeyPath) -> int:
        return self._top.document.places.key(path).line or 0

    def _rows(self, model: type[Row], case: Case, scope: Scope, section: str, check: Any) -> list[Row]:  # noqa: ANN401
        found: list[Row] = []
        for place, table in enumerate(getattr(case, section)):
            inner = Scope(
                scope.report, scope.document, (*scope.path, section, place), f"{scope.title}: {section}"
            )
            row, inner = validated(model, table, inner, section)
            if row is not None and (checked := check(inner, row, case)) is not None:
                found.append(checked)
        return found

    def _exchange(self, scope: Scope, written: str, default: str) -> ExchangeSettings | None:
        name = written or default or next(iter(self._exchanges), "")
        found = self._exchanges.get(name)
        if found is None:
            hint = either(name, self._exchanges) if name else "the rules file has no [[exchange]]"
            scope.problem(("exchange",), f"{shown(name)} is no exchange of the rules file", hint)
        return found

    def _placed(self, scope: Scope, row: Any, case: Case) -> Any:  # noqa: ANN401  each kind of row has an exchange
        settings = self._exchange(scope, row.exchange, case.exchange)
        return None if settings is None else row.model_copy(update={"exchange": settings.name})

    def _account(self, scope: Scope, row: AccountRow, case: Case) -> AccountRow | None:
        if row.name == MASTER:
            scope.problem(("name",), "the master neither appears nor vanishes", "leave the table out")
        if (row.renamed is None) != (not row.new_name):
            scope.problem_of_key(("renamed",), "renamed and new_name go together")
        placed: AccountRow | None = self._placed(scope, row, case)
        return placed

    def _series(self, scope: Scope, row: SeriesRow, case: Case) -> SeriesRow | None:
        settings = self._exchange(scope, row.exchange, case.exchange)
        if settings is None:
            return None
        wallet = self._wallet(scope, row.wallet or case.wallet, row.account, settings, row.field)
        fields = self._fields(settings, row.account, wallet)
        if row.field not in fields:
            scope.problem(
                ("field",),
                f"{settings.name} does not give {shown(row.field)} here",
                either(row.field, sorted(fields)),
            )
        asset = row.asset or (_quote(settings, row.account) if row.field == "value" else case.asset)
        if not asset:
            scope.problem_of_key(("asset",), "is required and missing")
        return row.model_copy(update={"exchange": settings.name, "wallet": wallet, "asset": asset})

    def _reading(self, scope: Scope, row: ReadingRow, case: Case) -> ReadingRow | None:
        settings = self._exchange(scope, row.exchange, case.exchange)
        if settings is None:
            return None
        wallet = self._wallet(scope, row.wallet or case.wallet, row.account, settings, "free")
        fields = self._fields(settings, row.account, wallet) - {"value"}
        for asset, figures in row.assets.items():
            for name in figures:
                if name not in fields:
                    hint = either(name, sorted(fields))
                    scope.problem(
                        ("assets", asset, name), f"{settings.name} does not give {shown(name)} here", hint
                    )
        return row.model_copy(update={"exchange": settings.name, "wallet": wallet})

    def _wallet(
        self, scope: Scope, written: str, account: str, settings: ExchangeSettings, field_name: str
    ) -> str:
        offered = [o for o in offers(settings.kind, settings.read) if o.master == (account == MASTER)]
        able = [o.wallet for o in offered if field_name in o.fields]
        wallets = list(dict.fromkeys(able or [o.wallet for o in offered]))
        if not wallets:
            scope.problem(
                ("account",), f"{settings.name} does not read the master", 'add "master" to its read'
            )
            return written
        if written and written not in wallets and "*" not in wallets:
            scope.problem(
                ("wallet",), f"{shown(written)} is not read of this account", either(written, wallets)
            )
        if not written and (len(wallets) > 1 or "*" in wallets):
            named = [wallet for wallet in wallets if wallet != "*"]
            scope.problem_of_key(
                ("wallet",),
                "is required: several are read",
                one_of(named) if named else 'the master\'s, as in "Spot"',
            )
        return written or wallets[0]

    def _fields(self, settings: ExchangeSettings, account: str, wallet: str) -> frozenset[str]:
        found = frozenset[str]()
        for offer in offers(settings.kind, settings.read):
            if offer.master == (account == MASTER) and offer.wallet in (wallet, "*"):
                found |= offer.fields
        return found

    def _ruled(self, scope: Scope, row: Any, _case: Case) -> Any:  # noqa: ANN401  an ack or an expectation
        if row.rule not in self._rules and not row.rule.startswith(PREFIX):
            scope.problem(
                ("rule",), f"{shown(row.rule)} is no rule of the rules file", either(row.rule, self._rules)
            )
        return row

    def _expected(self, scope: Scope, row: ExpectRow, case: Case) -> ExpectRow:
        for name in row.notify or ():
            if name not in self._notifiers:
                scope.problem(("notify",), f"{shown(name)} is no notifier", either(name, self._notifiers))
        if row.exchange is not None:
            self._exchange(scope, row.exchange, "")
        checked: ExpectRow = self._ruled(scope, row, case)
        return checked

    def _bound(self, scope: Scope, story: Story) -> None:
        longest_ms = max([story.case.until or 0, *(one.at + one.within for one in story.expects)])
        if longest_ms > _STEPS_MOST * story.every_ms:
            scope.problem_of_key(("name",), f"is longer than {_STEPS_MOST} steps", "make `every` longer")


def _quote(settings: ExchangeSettings, account: str) -> str:
    if account == MASTER or settings.kind == "bitget":
        return settings.quote
    return "BTC" if settings.kind == "binance" else "USD"
