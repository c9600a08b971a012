"""Gathers everything that is wrong, each with its place, so that a file is mended in one go."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from daemon.config.errors import ConfigError, KeyPath, Problem
from daemon.config.wording import dotted

if TYPE_CHECKING:
    from daemon.config.finding import Finder
    from daemon.config.places import Place


@dataclass(frozen=True)
class Document:
    """One TOML text: its `name` in the sources, the path that errors show, and what tomllib made of it."""

    name: str
    file: str
    text: str
    table: dict[str, Any]

    @cached_property
    def places(self) -> Finder:
        """Where its keys stand; found at the first error."""
        from daemon.config.finding import Finder  # noqa: PLC0415  needed only where something is wrong

        return Finder(self.text, self.table)


@dataclass(slots=True)
class Report:
    """The problems, which refuse the file, and the warnings, which do not."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def refuse(self) -> None:
        """Raise ConfigError where there are problems, in the order of the files."""
        if self.problems:
            raise ConfigError(in_order(self.problems))


def in_order(problems: list[Problem]) -> list[Problem]:
    """By file as first met, then by line and column; each once."""
    files = {name: index for index, name in enumerate(dict.fromkeys(problem.file for problem in problems))}
    return sorted(dict.fromkeys(problems), key=lambda p: (files[p.file], p.line or 0, p.column or 0))


@dataclass(frozen=True, slots=True)
class Scope:
    """One table of one document, to which problems are pinned.

    `title` is how errors name it. `broken` are its keys that were refused already: of those no more is said.
    """

    report: Report
    document: Document
    path: KeyPath = ()
    title: str = ""
    broken: frozenset[str] = frozenset()

    def fresh(self) -> Scope:
        """The same place, with a report of its own: for what is found later."""
        return replace(self, report=Report())

    def problem(self, key: KeyPath, message: str, hint: str = "") -> None:
        """The value of a key is wrong."""
        if not key or key[0] not in self.broken:
            place = self.document.places.value(self.path + key)
            self.report.problems.append(self._made(place, key, message, hint))

    def problem_of_key(self, key: KeyPath, message: str, hint: str = "") -> None:
        """A key itself is wrong, or one is missing: then the place is the table's header."""
        if not key or key[0] not in self.broken:
            place = self.document.places.key(self.path + key)
            self.report.problems.append(self._made(place, key, message, hint))

    def warning(self, key: KeyPath, message: str, hint: str = "") -> None:
        """The value of a key is legal and likely wrong."""
        self.report.warnings.append(
            self._made(self.document.places.value(self.path + key), key, message, hint)
        )

    def line_of(self, key: KeyPath) -> str:
        """`file:line` of a key, for messages that point at a second place."""
        place = self.document.places.value(self.path + key)
        return self.document.file if place.line is None else f"{self.document.file}:{place.line}"

    def _made(self, place: Place, key: KeyPath, message: str, hint: str) -> Problem:
        full = ": ".join(part for part in (self.title, dotted(key)) if part)
        span = (place.line, place.column, place.end_column)
        return Problem(self.document.file, *span, full, message, hint)
