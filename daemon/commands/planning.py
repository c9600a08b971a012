"""What a file asks of the venues, and how soon its alerts are heard: reckoned with the clients' own limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from daemon import exchanges
from daemon.commands.output import now_ms
from daemon.config import Config, ExchangeConfig
from daemon.config.strangers import Known, read_of
from daemon.exchanges import binance, bitget, okx
from daemon.exchanges.base import Credentials, Venue
from daemon.exchanges.client import Client
from daemon.poll import RELIST_SECONDS
from daemon.waiting import SHARE
from rules.model import Identity
from rules.ruleset import ExchangeSettings, Rule
from rules.types.base import Family

LISTING: Final = "list"

# Accounts on a page of the calls that are not about one account; a pass ends at an empty page.
_PAGES: Final[Mapping[tuple[str, str], tuple[int, bool]]] = {
    ("binance", "summary"): (binance.SUMMARY_PAGE, False),
    ("binance", LISTING): (binance.LIST_PAGE, False),
    ("okx", LISTING): (okx.LIST_PAGE, True),
    ("bitget", "assets"): (bitget.PASS_PAGE, True),
    ("bitget", LISTING): (bitget.LIST_PAGE, True),
}


@dataclass(frozen=True, slots=True)
class Calls:
    """One endpoint in one sweep, or in one listing.

    `slots` calls go out, and a slot is free again `window_ms` after its response. `lawful_ms` is what the
    calls take when nothing rests.
    """

    endpoint: str
    path: str
    calls: int
    weight: int
    slots: int
    window_ms: int
    lawful_ms: int


@dataclass(frozen=True, slots=True)
class Heard:
    """How long after the fact a first message of one type of rule leaves: at best, on average, at worst."""

    type: str
    rules: int
    earliest_ms: int
    typical_ms: int
    worst_ms: int


@dataclass(frozen=True, slots=True)
class Turn:
    """How old a fact is when a reading finds it, on average and at worst; confirming reads apart.

    `accounts` of those that matter can be read that often, None is all of them: the others share their places.
    """

    accounts: int | None
    typical_ms: int
    worst_ms: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One exchange. `accounts` are those that are read, None where nobody knows how many there are.

    `sweep_ms` is the lawful minimum of one sweep, `every_ms` how often an account is really read. `first` are the
    accounts that matter, `rest` all others.
    """

    exchange: str
    accounts: int | None
    assumed: bool
    poll_every_ms: int
    sweep_ms: int
    every_ms: int
    reads: tuple[Calls, ...]
    listing: Calls
    first: Turn
    rest: Turn
    heard: tuple[Heard, ...]


def plan_of(config: Config, known: Mapping[str, Known], assumed: int | None) -> list[Plan]:
    """The plan of every exchange, for the accounts that are known, or for `assumed` ones. Calls nothing."""
    asked = {
        exchange.settings.name: _asked(exchange, known.get(exchange.settings.name), assumed)
        for exchange in config.exchanges
    }
    return [_plan(config, exchange, asked, assumed=assumed is not None) for exchange in config.exchanges]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one exchange asks in a sweep, by itself."""

    accounts: int | None
    reads: tuple[Calls, ...]
    listing: Calls

    @property
    def lawful_ms(self) -> int:
        return max((one.lawful_ms for one in self.reads), default=0)


def _asked(exchange: ExchangeConfig, known: Known | None, assumed: int | None) -> _Asked:
    settings = exchange.settings
    read: int | None
    there: int | None
    if assumed is not None:
        read = there = assumed
    elif known is not None and known.accounts:
        read, there = read_of(settings, known), len(known.accounts)
    else:
        read = there = None
    client = _client(exchange)
    reads = tuple(
        _calls(exchange, client, pool, _count(settings.kind, pool, tasks, there or 0))
        for pool, tasks in _tasks(client, 1 if read is None else read).items()
    )
    listing = _calls(exchange, client, LISTING, _count(settings.kind, LISTING, 1, there or 0))
    return _Asked(read, reads, listing)


def _plan(config: Config, exchange: ExchangeConfig, asked: Mapping[str, _Asked], *, assumed: bool) -> Plan:
    settings = exchange.settings
    own = asked[settings.name]
    reads, listing = own.reads, own.listing
    # Those with the same key take their turns within the same limits.
    sweep_ms = own.lawful_ms + sum(asked[name].lawful_ms for name in settings.shares_with)
    every_ms = max(settings.poll_every_ms, sweep_ms)
    first, rest = _turns(settings, reads, every_ms)
    return Plan(
        settings.name,
        own.accounts,
        assumed,
        settings.poll_every_ms,
        sweep_ms,
        every_ms,
        reads,
        listing,
        first,
        rest,
        tuple(_heard(config, settings, every_ms, rest.worst_ms, listing.lawful_ms)),
    )


def _turns(exchange: ExchangeSettings, reads: tuple[Calls, ...], every_ms: int) -> tuple[Turn, Turn]:
    """Those that matter, and the rest. In a sweep that fits, and in one call about all accounts, they are the same."""
    poll_ms = exchange.poll_every_ms
    if not exchange.own_call or every_ms <= poll_ms:
        all_alike = Turn(None, every_ms // 2, every_ms)
        return all_alike, all_alike
    slowest = max(reads, key=lambda one: one.lawful_ms)
    # One start of SHARE is theirs, so that so many find a place within one `poll_every`.
    places = poll_ms * slowest.slots // (slowest.window_ms * SHARE)
    worst_ms = every_ms * SHARE // (SHARE - 1)
    return (
        Turn(places, min(poll_ms, every_ms) // 2, min(2 * poll_ms, worst_ms)),
        Turn(None, (every_ms + worst_ms) // 4, worst_ms),
    )


def _client(exchange: ExchangeConfig) -> Venue:
    """The client that the daemon would use. It is never opened, so that its secrets need not be there."""
    blank = Credentials("-", "-", "-")
    return exchanges.make(exchange.settings, blank, exchange.base_url, exchange.budget, now_ms)


def _tasks(client: Venue, accounts: int) -> Counter[str]:
    """How many tasks one sweep has in each pool."""
    names = [Identity(str(index), f"{index}@plan", str(index)) for index in range(accounts)]
    return Counter(task.pool for task in client.tasks(names))


def _count(kind: str, pool: str, tasks: int, accounts: int) -> int:
    """Calls: a task about one account is one, a task about all of them walks over pages."""
    page = _PAGES.get((kind, pool))
    if page is None:
        return tasks
    size, until_empty = page
    return max(-(-accounts // size), 1) + (1 if until_empty and accounts else 0)


def _calls(exchange: ExchangeConfig, client: Venue, pool: str, calls: int) -> Calls:
    assert isinstance(client, Client)  # noqa: S101  all three are, and mypy is to know
    endpoint = client.ENDPOINTS[pool]
    slots, window_seconds = endpoint.limit.lawful(exchange.budget)
    window_ms = round(window_seconds * 1000)
    # As many as there are slots go at once and rest together: over many sweeps this is their pace.
    lawful_ms = -(-calls * window_ms // slots)
    return Calls(pool, endpoint.path, calls, calls * endpoint.weight, slots, window_ms, lawful_ms)


def _heard(
    config: Config, exchange: ExchangeSettings, every_ms: int, late_ms: int, listing_ms: int
) -> list[Heard]:
    """By type, over the rules of that type that are about the exchange; a reading is `late_ms` old at worst."""
    found: dict[str, list[tuple[int, int]]] = {}
    for rule in config.ruleset.rules:
        if rule.enabled and rule.exchange.match(exchange.name):
            found.setdefault(rule.type, []).append(_span(rule, exchange, every_ms, late_ms, listing_ms))
    return [
        Heard(
            kind,
            len(spans),
            min(earliest for earliest, _ in spans),
            sum(earliest + worst for earliest, worst in spans) // (2 * len(spans)),
            max(worst for _, worst in spans),
        )
        for kind, spans in found.items()
    ]


def _span(
    rule: Rule, exchange: ExchangeSettings, every_ms: int, late_ms: int, listing_ms: int
) -> tuple[int, int]:
    """(earliest, worst) in milliseconds after the fact, up to the moment when the message may leave."""
    if rule.spec.family is Family.STALE:
        after_ms: int = rule.spec.after_ms  # type: ignore[attr-defined]
        return after_ms, after_ms + late_ms  # silence begins with the last reading, which may be that old
    if rule.spec.family in {Family.PRESENCE, Family.STATUS}:
        lists = 1 if rule.type == "account_appeared" else exchange.confirm
        best = (lists - 1) * (int(RELIST_SECONDS * 1000) + listing_ms)
        return best, best + max(exchange.poll_every_ms, listing_ms) + listing_ms
    # A confirming read goes ahead of the queue; where one call reads all accounts it is the next pass.
    again_ms = exchange.read_us // 1000 if exchange.own_call else every_ms
    confirming_ms = (rule.confirm - 1) * (late_ms if rule.sum_over else again_ms)
    # `for` grows from one reading to the next, and what is pending is read ahead of its turn where there is room.
    soon_ms = exchange.poll_every_ms if exchange.own_call else every_ms
    best = max(-(-rule.for_ms // soon_ms) * soon_ms, (rule.confirm - 1) * again_ms)
    return best, max(-(-rule.for_ms // every_ms) * late_ms, confirming_ms) + late_ms
