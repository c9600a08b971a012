"""What can be wrong with a configuration, and how it is told.

    ConfigError   the file cannot be accepted: the daemon keeps the one before, and stops where there is none
    SecretError   a secret cannot be had: `check` warns of it, `run` stops

Neither ever holds a secret value, so that both may be printed, logged and kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way to a key through the tables and lists of one text."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where it is, and what would be right.

    `file` is the path as the user may open it. `line` and `column` count from 1 and are None where the
    trouble has no place in a text; `end_column` is one past the last character on that line. `key` is the
    path of the key, as in `rule "floor": below.critical`, or "". `hint` says what is allowed, or what was
    perhaps meant.
    """

    file: str
    line: int | None
    column: int | None
    end_column: int | None
    key: str
    message: str
    hint: str = ""

    @property
    def where(self) -> str:
        """`file:line:column`, as far as they are known: what editors make a link of."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)

    @property
    def reason(self) -> str:
        """All but the place, in one line."""
        said = f"{self.message}; {self.hint}" if self.hint else self.message
        return f"{self.key}: {said}" if self.key else said

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


class ConfigError(Exception):
    """All problems of a configuration at once, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SecretError(Exception):
    """A secret cannot be had. `key` is where the file asks for it, `reference` what it names."""

    def __init__(self, key: str, reference: str, reason: str) -> None:
        self.key = key
        self.reference = reference
        self.reason = reason
        super().__init__(f"{key}: {reference}: {reason}")
