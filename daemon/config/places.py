"""Where in a TOML text a key stands: asked only when something is wrong, since tomllib does not tell."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

from daemon.config.errors import KeyPath

DEEPEST = 16


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of one line; all count from 1, and `end_column` is one past the last character."""

    line: int | None = None
    column: int | None = None
    end_column: int | None = None


@dataclass(slots=True)
class Places:
    """The places of all keys and values of one text. A table's own key is its header."""

    keys: dict[KeyPath, Place] = field(default_factory=dict)
    values: dict[KeyPath, Place] = field(default_factory=dict)

    def key(self, path: KeyPath) -> Place:
        """Where the key is written, else where the nearest table around it is."""
        while path and path not in self.keys:
            path = path[:-1]
        return self.keys.get(path, Place())

    def value(self, path: KeyPath) -> Place:
        """Where the value is written, else where the nearest thing around it is."""
        while path and path not in self.values and path not in self.keys:
            path = path[:-1]
        return self.values.get(path) or self.keys.get(path, Place())


def places_of(text: str, counts: Mapping[KeyPath, int] | None = None, line: int = 1) -> Places:
    """Find every key of a text that tomllib has accepted.

    Of a part of a text `line` is the number of its first line, and `counts` says how many tables of each list
    stand before it.
    """
    raw = text.removeprefix("\ufeff").encode("utf-8", "surrogatepass")
    tree = Parser(Language(tree_sitter_toml.language())).parse(raw)
    return _Walk(raw, dict(counts or {}), line).document(tree.root_node)


class _Walk:
    """One pass over the syntax tree, with the path of tomllib's own result at every step."""

    def __init__(self, raw: bytes, counts: dict[KeyPath, int], line: int) -> None:
        self._lines = raw.split(b"\n")
        self._counts = counts
        self._first = line
        self._places = Places()

    def document(self, root: Node) -> Places:
        for node in root.named_children:
            match node.type:
                case "pair":
                    self._pair(node, ())
                case "table" | "table_array_element":
                    self._table(node)
        return self._places

    def _table(self, node: Node) -> None:
        header = next(
            (c for c in node.named_children if c.type in {"bare_key", "quoted_key", "dotted_key"}), None
        )
        if header is None:
            return
        names = list(islice(_names(header), DEEPEST))
        if node.type == "table":
            path = self._resolved(names)
        else:
            array = (*self._resolved(names[:-1]), names[-1])
            self._counts[array] = self._counts.get(array, 0) + 1
            self._places.keys.setdefault(array, self._place(header))
            path = (*array, self._counts[array] - 1)
        self._places.keys.setdefault(path, self._place(header))
        for child in node.named_children:
            if child.type == "pair":
                self._pair(child, path)

    def _resolved(self, names: list[str]) -> KeyPath:
        """A header's path: an array of tables on the way means its last element."""
        path: KeyPath = ()
        for name in names:
            path = (*path, name)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return path

    def _pair(self, node: Node, prefix: KeyPath) -> None:
        parts = [child for child in node.named_children if child.type != "comment"]
        if len(parts) < 2 or len(prefix) > DEEPEST:  # noqa: PLR2004  a key and a value
            return
        key, value = parts[0], parts[-1]
        path = prefix
        for name in islice(_names(key), DEEPEST):
            path = (*path, name)
            self._places.keys.setdefault(path, self._place(key))
        self._value(value, path)

    def _value(self, node: Node, path: KeyPath) -> None:
        self._places.values[path] = self._place(node)
        if len(path) > DEEPEST:
            return
        if node.type == "inline_table":
            for child in node.named_children:
                if child.type == "pair":
                    self._pair(child, path)
        elif node.type == "array":
            for index, child in enumerate(c for c in node.named_children if c.type != "comment"):
                self._value(child, (*path, index))

    def _place(self, node: Node) -> Place:
        row, start = node.start_point
        end_row, end = node.end_point
        line = self._lines[row]
        if end_row != row:
            end = len(line.rstrip(b"\r"))
        return Place(row + self._first, _characters(line, start) + 1, _characters(line, end) + 1)


def _characters(line: bytes, offset: int) -> int:
    return len(line[:offset].decode("utf-8", "replace"))


def _names(node: Node) -> Iterator[str]:
    waiting = [node]  # a dotted key holds another, as deep as it has names
    while waiting:
        one = waiting.pop()
        if one.type == "dotted_key":
            waiting.extend(reversed(one.named_children))
        elif one.type in {"bare_key", "quoted_key"}:
            written = (one.text or b"").decode("utf-8", "replace")
            yield written if one.type == "bare_key" else next(iter(tomllib.loads(f"{written}=0")))
