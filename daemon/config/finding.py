"""The place of one key in a large text: only the table that it stands in is read for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from daemon.config.errors import KeyPath
from daemon.config.places import Place, Places, places_of

_HEADER = re.compile(r"^[ \t]*\[(\[?)[ \t]*([A-Za-z0-9_-]+)[ \t]*([.\]])", re.MULTILINE)
_LONG_STRINGS = ('"""', "'''")


@dataclass(frozen=True, slots=True)
class _Cut:
    """One table's part of the text, from its header to the next one's."""

    start: int
    end: int
    line: int
    before: dict[KeyPath, int]


class Finder:
    """Asks the syntax tree only of the parts of a text that it is asked about.

    A part goes from one plain header, `[daemon]` or `[[rule]]`, to the next. Where the text is not surely cut
    right, as with a header-like line inside a long string, it is read whole.
    """

    def __init__(self, text: str, table: dict[str, Any]) -> None:
        self._text = text.removeprefix("\ufeff")
        self._cuts = _cuts(self._text, table)
        self._read: dict[KeyPath, Places] = {}

    def key(self, path: KeyPath) -> Place:
        """Where the key is written, else where the nearest table around it is."""
        return self._around(path).key(path)

    def value(self, path: KeyPath) -> Place:
        """Where the value is written, else where the nearest thing around it is."""
        return self._around(path).value(path)

    def _around(self, path: KeyPath) -> Places:
        for part in (path[:2], path[:1], (*path[:1], 0)):
            if part in self._cuts:
                return self._part(part)
        first = self._part(()) if () in self._cuts else None
        return first if first is not None and path[:1] in first.keys else self._whole()

    def _part(self, part: KeyPath) -> Places:
        if part not in self._read:
            cut = self._cuts[part]
            self._read[part] = places_of(self._text[cut.start : cut.end], cut.before, cut.line)
        return self._read[part]

    def _whole(self) -> Places:
        whole = ("",)  # no key of a table is empty without quotes, and no cut is made for such a one
        if whole not in self._read:
            self._read[whole] = places_of(self._text)
        return self._read[whole]


def _cuts(text: str, table: dict[str, Any]) -> dict[KeyPath, _Cut]:
    """The parts by path, () for what stands before the first header; none where the cuts are in doubt."""
    if any(mark in text for mark in _LONG_STRINGS):
        return {}
    heads: list[tuple[KeyPath, int, dict[KeyPath, int]]] = [((), 0, {})]
    counts: dict[KeyPath, int] = {}
    for found in _HEADER.finditer(text):
        listed, name, close = found.groups()
        if close == ".":
            if heads[-1][0][:1] != (name,):
                return {}  # a table inside another one that does not stand right before it
            continue
        if listed:
            index = counts.get((name,), 0)
            heads.append(((name, index), found.start(), {(name,): index}))
            counts[name,] = index + 1
        else:
            heads.append(((name,), found.start(), {}))
    for (name,), count in counts.items():
        tables = table.get(str(name))
        if not isinstance(tables, list) or len(tables) != count:
            return {}  # what looks like a header stands inside a list
    cuts: dict[KeyPath, _Cut] = {}
    line = 1
    ends = [start for _, start, _ in heads[1:]] + [len(text)]
    for (path, start, before), end in zip(heads, ends, strict=True):
        if path in cuts or (len(path) == 1 and not isinstance(table.get(str(path[0])), dict)):
            return {}
        cuts[path] = _Cut(start, end, line, before)
        line += text.count("\n", start, end)
    return cuts
