"""Patterns: case-folded shell globs over the identifiers of exchanges, accounts, wallets and assets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import translate
from functools import lru_cache

_WILD = frozenset("*?[")
_FROM_WILD = re.compile(r"[*?\[].*", re.DOTALL)
_TO_WILD = re.compile(r".*[*?\[\]]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Patterns:
    """Any of `wanted` and none of `excluded`; `literals` are the wanted ones without a wildcard, folded;
    `only_literals` tells that there are no others, and `all` that everything is wanted.
    """

    wanted: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    literals: frozenset[str] = field(init=False, compare=False, repr=False)
    only_literals: bool = field(init=False, compare=False, repr=False)
    all: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        literal = [p for p in self.wanted if _WILD.isdisjoint(p)]
        object.__setattr__(self, "literals", frozenset(p.casefold() for p in literal))
        object.__setattr__(self, "only_literals", len(literal) == len(self.wanted))
        object.__setattr__(self, "all", "*" in self.wanted and not self.excluded)

    @classmethod
    def of(cls, patterns: str | Iterable[str]) -> Patterns:
        """From the file's form: one pattern or a list; a leading `!` excludes; only exclusions mean all others."""
        texts = [patterns] if isinstance(patterns, str) else list(patterns)
        wanted = tuple(p for p in texts if not p.startswith("!"))
        excluded = tuple(p[1:] for p in texts if p.startswith("!"))
        return cls(wanted or ("*",), excluded)

    def match(self, *identifiers: str) -> bool:
        """Whether some identifier meets a wanted pattern and none meets an excluded one."""
        if self.all:
            return bool(identifiers)
        folded = [identifier.casefold() for identifier in identifiers]
        if not self._wants(folded):
            return False
        return not self.excluded or not any(map(_compiled(self.excluded).match, folded))

    def match_wild(self, folded: str) -> bool:
        """As `match`, of one folded identifier that no wanted pattern names literally."""
        if folded in self.literals:
            return False
        if not (self.all or _compiled(self.wanted).match(folded)):
            return False
        return not self.excluded or not _compiled(self.excluded).match(folded)

    def names(self, identifier: str) -> bool:
        """Whether the identifier is wanted literally, not by a wildcard, and not excluded."""
        return identifier.casefold() in self.literals and self.match(identifier)

    @property
    def wild(self) -> tuple[str, ...]:
        """The wanted patterns with a wildcard."""
        return tuple(pattern for pattern in self.wanted if not _WILD.isdisjoint(pattern))

    def _wants(self, folded: list[str]) -> bool:
        if not self.literals.isdisjoint(folded):
            return True
        return not self.only_literals and any(map(_compiled(self.wanted).match, folded))

    def __str__(self) -> str:
        return ", ".join((*self.wanted, *(f"!{p}" for p in self.excluded)))


EVERYTHING = Patterns(("*",))


def literal_start(pattern: str) -> str:
    """The folded text with which everything begins that the pattern meets; "" where that may be anything."""
    return _FROM_WILD.sub("", pattern.casefold())


def literal_end(pattern: str) -> str:
    """The folded text with which everything ends that the pattern meets; "" where that may be anything."""
    return _TO_WILD.sub("", pattern.casefold())


@lru_cache(maxsize=65_536)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """One expression for all of them: fewer rules than this have patterns of their own."""
    return re.compile("|".join(translate(pattern.casefold()) for pattern in patterns))
