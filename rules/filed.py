"""The rules of one exchange, filed by the accounts that they name, so that a plan looks at few of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from rules.records import Account
from rules.ruleset import Rule
from rules.step import Step


@dataclass(slots=True)
class Filed:
    """`named` holds, by folded identifier, the places of the rules that name accounts literally."""

    rules: list[Rule] = field(default_factory=list)
    named: dict[str, list[int]] = field(default_factory=dict)
    wild: list[int] = field(default_factory=list)


def filed(step: Step, account: Account) -> list[Rule]:
    """The rules that may concern an account, in the order of the file; most of the others are left out."""
    index = step.world.index
    found = cast("Filed | None", index.filed.get(account.exchange))
    if found is None:
        found = index.filed[account.exchange] = _file(step, account.exchange)
    places = set(found.wild)
    for identifier in account.identity.identifiers:
        places.update(found.named.get(identifier.casefold(), ()))
    return [found.rules[place] for place in sorted(places)]


def _file(step: Step, exchange: str) -> Filed:
    found = Filed()
    for rule in step.ruleset.rules:
        if not rule.enabled or not rule.exchange.match(exchange):
            continue
        place = len(found.rules)
        found.rules.append(rule)
        if rule.account.only_literals:
            for name in rule.account.literals:
                found.named.setdefault(name, []).append(place)
        else:
            found.wild.append(place)
    return found
