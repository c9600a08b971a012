"""Where a rule stands in the texts that were accepted: the file and the line, and the lines of its limits."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field

from daemon.config.places import places_of

LIMITS = (
    "below",
    "below_by",
    "above",
    "clear_at",
    "drop",
    "rise",
    "within",
    "after",
    "for",
    "confirm",
    "keep_firing",
)


@dataclass(frozen=True, slots=True)
class RulePlace:
    """`file:line` of the rule, and of each of its limits by key as `file:line: the line itself`."""

    where: str
    lines: dict[str, str] = field(default_factory=dict)


def place_of(sources: tuple[tuple[str, str], ...], name: str) -> RulePlace | None:
    """The rule of that name; None for a built-in one."""
    for file, text in sources:
        try:
            tables = tomllib.loads(text.removeprefix("\ufeff")).get("rule", [])
        except (tomllib.TOMLDecodeError, AttributeError):
            continue  # a CSV of floors
        for number, table in enumerate(tables):
            if table.get("name") == name:
                return _place(file, text, number, table)
    return None


def _place(file: str, text: str, number: int, table: dict[str, object]) -> RulePlace:
    places, lines = places_of(text), text.splitlines()
    found: dict[str, str] = {}
    for key in LIMITS:
        line = places.key(("rule", number, key)).line if key in table else None
        if line is not None:
            found[key] = f"{file}:{line}: {lines[line - 1].strip()}"
    return RulePlace(f"{file}:{places.key(('rule', number)).line or 1}", found)
