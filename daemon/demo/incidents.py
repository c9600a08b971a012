"""The incidents of a drill: what happens to which account, so that the user's own rules have something to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from daemon.demo.desk import Desk, Pocket, plain
from daemon.simulator import Incident, Script
from rules.plan import concerns
from rules.ruleset import ExchangeSettings, Rule, Ruleset

FIRST_SECONDS: Final = 6.0
APART_SECONDS: Final = 1.0
LASTS_SECONDS: Final = 16.0
FLAPS: Final = 4
FLAP_SECONDS: Final = 3.0

_FITTING: Final[Mapping[str, tuple[str, ...]]] = {
    "drain": ("low_balance", "balance_change", "account_status"),
    "flap": ("low_balance", "high_balance", "balance_change"),
    "freeze": ("unexpected_frozen", "account_status"),
    "vanish": ("account_disappeared",),
    "outage": ("stale",),
}
"""Whose accounts are hit first: those that such a rule is about."""


def script_of(kind: str, ruleset: Ruleset, desks: Mapping[str, Sequence[Desk]]) -> Script:
    """One incident at each exchange, a second apart; `kind` is a key of INCIDENTS."""
    found: list[Incident] = []
    for number, (exchange, there) in enumerate(desks.items()):
        at_seconds = FIRST_SECONDS + number * APART_SECONDS
        victim = _victim(kind, ruleset, there)
        if victim is not None:
            settings = ruleset.exchanges[exchange]
            found += INCIDENTS[kind](at_seconds, settings, *victim)
    return Script(tuple(sorted(found, key=lambda one: one.at_seconds)))


def _victim(kind: str, ruleset: Ruleset, desks: Sequence[Desk]) -> tuple[Desk, Pocket] | None:
    for rule in _fitting(kind, ruleset):
        for desk in desks:
            if concerns(rule, desk.account):
                return desk, _pocket(desk, rule)
    return (desks[0], _pocket(desks[0], None)) if desks else None


def _fitting(kind: str, ruleset: Ruleset) -> Iterator[Rule]:
    for type_ in _FITTING[kind]:
        yield from (rule for rule in ruleset.rules if rule.type == type_)


def _pocket(desk: Desk, rule: Rule | None) -> Pocket:
    """The one that the rule judges, where its figure can be told."""
    pockets = list(desk.pockets.values())
    if rule is not None:
        fits = [
            p
            for p in pockets
            if rule.asset.match(p.asset) and (rule.wallet is None or rule.wallet.match(p.wallet))
        ]
        pockets = [p for p in fits if p.least is not None] or fits or pockets
    return pockets[0]


def _drain(at: float, settings: ExchangeSettings, desk: Desk, pocket: Pocket) -> Iterator[Incident]:
    below = pocket.least * Decimal("0.9") if pocket.least else pocket.free / 2
    yield _set(at, settings, desk, pocket, below, f"{desk.label} loses {pocket.asset}")
    yield _incident(at + 6, settings, "drain", {"account": desk.name}, f"{desk.label} is emptied")
    yield _set(at + LASTS_SECONDS + 4, settings, desk, pocket, pocket.free, f"{desk.label} is funded again")


def _freeze(at: float, settings: ExchangeSettings, desk: Desk, pocket: Pocket) -> Iterator[Incident]:
    held = {
        "account": desk.name,
        "asset": pocket.asset,
        "amount": plain(pocket.free / 4),
        "as": "frozen",
        "wallet": pocket.wallet,
        "for": LASTS_SECONDS,
    }
    frozen = {"account": desk.name, "for": LASTS_SECONDS}
    for do, given, say in (
        ("freeze", frozen, f"the venue freezes {desk.label}"),
        ("hold", held, f"a quarter of its {pocket.asset} is frozen"),
    ):
        yield _incident(at, settings, do, given, say)
        yield _incident(at + LASTS_SECONDS, settings, do, given, f"over: {say}", ends=True)


def _vanish(at: float, settings: ExchangeSettings, desk: Desk, _pocket: Pocket) -> Iterator[Incident]:
    yield _incident(at, settings, "remove", {"account": desk.name}, f"{desk.label} is deleted")


def _outage(at: float, settings: ExchangeSettings, _desk: Desk, _pocket: Pocket) -> Iterator[Incident]:
    given = {"for": LASTS_SECONDS}
    yield _incident(at, settings, "outage", given, "every call is answered with 503")
    yield _incident(at + LASTS_SECONDS, settings, "outage", given, "the venue answers again", ends=True)


def _flap(at: float, settings: ExchangeSettings, desk: Desk, pocket: Pocket) -> Iterator[Incident]:
    below = pocket.least * Decimal("0.9") if pocket.least else pocket.free / 10
    for number in range(FLAPS):
        begin = at + number * 2 * FLAP_SECONDS
        yield _set(begin, settings, desk, pocket, below, f"{desk.label} falls to {below:,f} {pocket.asset}")
        yield _set(begin + FLAP_SECONDS, settings, desk, pocket, pocket.free, f"{desk.label} is back")


def _set(
    at: float, settings: ExchangeSettings, desk: Desk, pocket: Pocket, free: Decimal, say: str
) -> Incident:
    given = {"account": desk.name, "asset": pocket.asset, "wallet": pocket.wallet, "free": plain(free)}
    return _incident(at, settings, "set", given, say)


def _incident(
    at: float, settings: ExchangeSettings, do: str, given: dict[str, Any], say: str, *, ends: bool = False
) -> Incident:
    return Incident(at, settings.name, do, given, say, f"the drill ({do})", ends)


INCIDENTS: Final[dict[str, Callable[[float, ExchangeSettings, Desk, Pocket], Iterator[Incident]]]] = {
    "drain": _drain,
    "freeze": _freeze,
    "vanish": _vanish,
    "outage": _outage,
    "flap": _flap,
}
