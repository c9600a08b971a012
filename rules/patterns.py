"""Patterns: case-folded shell globs over the identifiers of exchanges, accounts, wallets and assets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import translate
from functools import lru_cache

_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Patterns:
    """Any of `wanted` and none of `excluded`; `literals` are the wanted ones without a wildcard, folded."""

    wanted: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    literals: frozenset[str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        literals = frozenset(p.casefold() for p in self.wanted if not _WILD & set(p))
        object.__setattr__(self, "literals", literals)

    @classmethod
    def of(cls, patterns: str | Iterable[str]) -> Patterns:
        """From the file's form: one pattern or a list; a leading `!` excludes; only exclusions mean all others."""
        texts = [patterns] if isinstance(patterns, str) else list(patterns)
        wanted = tuple(p for p in texts if not p.startswith("!"))
        excluded = tuple(p[1:] for p in texts if p.startswith("!"))
        return cls(wanted or ("*",), excluded)

    @property
    def only_literals(self) -> bool:
        """Whether every wanted pattern names exactly one thing."""
        return len(self.literals) == len({p.casefold() for p in self.wanted})

    def match(self, *identifiers: str) -> bool:
        """Whether some identifier meets a wanted pattern and none meets an excluded one."""
        folded = [identifier.casefold() for identifier in identifiers]
        if not any(_matches(pattern, text) for pattern in self.wanted for text in folded):
            return False
        return not any(_matches(pattern, text) for pattern in self.excluded for text in folded)

    def names(self, identifier: str) -> bool:
        """Whether the identifier is wanted literally, not by a wildcard, and not excluded."""
        return identifier.casefold() in self.literals and self.match(identifier)

    def __str__(self) -> str:
        return ", ".join((*self.wanted, *(f"!{p}" for p in self.excluded)))


EVERYTHING = Patterns(("*",))


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern.casefold()))


def _matches(pattern: str, folded: str) -> bool:
    return pattern == "*" or _compiled(pattern).match(folded) is not None
