"""What an edit of the file changed, in the user's own words: tables by kind and name, and the keys in them."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from daemon.config.sources import is_csv

MOST_NAMED: Final = 20
MOST_KEYS: Final = 10

_AT_RESTART: Final = {("daemon", "listen"), ("daemon", "state")}

Sources = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One table or file that is not as it was. `how` is added, removed or changed; `keys` are those that changed."""

    kind: str
    name: str
    how: str
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        named = f'{self.kind} "{self.name}"' if self.name else self.kind
        keys = ", ".join(self.keys[:MOST_KEYS]) + (", …" if len(self.keys) > MOST_KEYS else "")
        return f"{named} {self.how}" + (f": {keys}" if keys else "")


def differences(before: Sources, after: Sources) -> tuple[Change, ...]:
    """From one accepted set of texts (`Ruleset.sources`) to the next. Comments and the order of tables are none."""
    if before == after:
        return ()  # as at most starts: nothing is parsed to find that out
    old, new = _tables(before), _tables(after)
    every = dict.fromkeys((*old, *new))
    found = (_change(*key, old.get(key), new.get(key)) for key in every)
    return tuple(change for change in found if change is not None)


def listed(changes: Iterable[Change]) -> str:
    """`rule "floor" changed: below, for; exchange "okx-main" added`: bounded, "nothing" where nothing changed."""
    texts = [str(change) for change in changes]
    more = [f"{len(texts) - MOST_NAMED} more"] if len(texts) > MOST_NAMED else []
    return "; ".join([*texts[:MOST_NAMED], *more]) or "nothing"


def counted(changes: Iterable[Change]) -> str:
    """`1 exchange added, 2 rules changed`: short enough for a status line."""
    counts = Counter((change.kind, change.how) for change in changes)
    return ", ".join(
        f"{kind} {how}" if kind in {"daemon", "include"} else f"{count} {kind}{'s' * (count > 1)} {how}"
        for (kind, how), count in counts.items()
    )


def _change(kind: str, name: str, old: object, new: object) -> Change | None:
    if old == new:
        return None
    if kind == "daemon":
        old, new = old or {}, new or {}
    if old is None:
        return Change(kind, name, "added")
    if new is None:
        return Change(kind, name, "removed")
    keys: tuple[str, ...] = ()
    if isinstance(old, dict) and isinstance(new, dict):
        names = (key for key in dict.fromkeys((*old, *new)) if old.get(key) != new.get(key))
        keys = tuple(f"{key} (at the next restart)" if (kind, key) in _AT_RESTART else key for key in names)
    return Change(kind, name, "changed", keys)


def _tables(sources: Sources) -> dict[tuple[str, str], object]:
    """(kind, name) → what stands there."""
    found: dict[tuple[str, str], object] = {}
    for name, text in sources:
        if is_csv(name):
            found["file", name] = text
            continue
        for kind, value in _read(text).items():
            if isinstance(value, list) and all(isinstance(one, dict) for one in value):
                found.update(((kind, named), one) for named, one in _named(value))
            else:
                found[kind, ""] = value
    return found


def _named(tables: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, table in enumerate(tables, 1):
        name = table.get("name")
        yield name if isinstance(name, str) else f"#{number}", table


def _read(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError:
        return {}  # an older program accepted what this one cannot read
