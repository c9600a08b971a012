"""The rules of one exchange, filed by the accounts that they name, so that a plan looks at few of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self, cast

from rules.patterns import literal_end, literal_start
from rules.records import Account
from rules.ruleset import Rule
from rules.step import Step


@dataclass(slots=True)
class Shelf:
    """Places of rules by the literal text that one end of an identifier must have, and the lengths of these texts."""

    places: dict[str, list[int]] = field(default_factory=dict)
    lengths: tuple[int, ...] = ()

    def put(self, text: str, place: int) -> None:
        self.places.setdefault(text, []).append(place)
        if len(text) not in self.lengths:
            self.lengths = tuple(sorted({*self.lengths, len(text)}))


@dataclass(slots=True)
class Filed:
    """The places of rules: `named` by a whole identifier, `begun` and `ended` by how a pattern begins or else ends.

    All of it is folded. In `wild` are those with a pattern that has wildcards at both ends.
    """

    rules: list[Rule] = field(default_factory=list)
    named: dict[str, list[int]] = field(default_factory=dict)
    begun: Shelf = field(default_factory=Shelf)
    ended: Shelf = field(default_factory=Shelf)
    wild: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> Self:
        """All of them, in their order."""
        found = cls()
        for rule in rules:
            found._put(rule)
        return found

    def near(self, identifiers: Iterable[str]) -> list[Rule]:
        """The rules that may mean an account with these names, in their order; most of the others are left out."""
        places = set(self.wild)
        for identifier in identifiers:
            for some in self._places(identifier.casefold()):
                places.update(some)
        return [self.rules[place] for place in sorted(places)]

    def _put(self, rule: Rule) -> None:
        place, wild = len(self.rules), rule.account.wild
        self.rules.append(rule)
        if not all(literal_start(pattern) or literal_end(pattern) for pattern in wild):
            self.wild.append(place)
            return
        for name in rule.account.literals:
            self.named.setdefault(name, []).append(place)
        for pattern in wild:
            start = literal_start(pattern)
            if start:
                self.begun.put(start, place)
            else:
                self.ended.put(literal_end(pattern), place)

    def _places(self, folded: str) -> Iterator[Iterable[int]]:
        yield self.named.get(folded, ())
        for length in self.begun.lengths:
            yield self.begun.places.get(folded[:length], ())
        for length in self.ended.lengths:
            yield self.ended.places.get(folded[-length:], ())


def filed(step: Step, account: Account) -> list[Rule]:
    """The rules that may concern an account, in the order of the file."""
    index = step.world.index
    found = cast("Filed | None", index.filed.get(account.exchange))
    if found is None:
        found = index.filed[account.exchange] = Filed.of(
            rule for rule in step.ruleset.rules if rule.enabled and rule.exchange.match(account.exchange)
        )
    return found.near(account.identity.identifiers)
