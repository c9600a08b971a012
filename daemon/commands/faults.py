"""How the faults of a file are told: with the line and a caret, as JSON, or for GitHub."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import click

from daemon.commands.output import note
from daemon.config import Problem
from daemon.config.sources import FILE_BYTES_MAX
from daemon.config.wording import masked, nearest

ERROR: Final = "error"
WARNING: Final = "warning"

_SECRETS: Final = ("api_key", "api_secret", "passphrase", "url", "api_token", "heartbeat_url")
_REFERENCES: Final = ("env", "file", "credential")
_MASK: Final = "***"
_LONGEST: Final = 160
_KEY = re.compile(r"[\s{,]*([A-Za-z0-9_\"'-]+)(?:\s*\.\s*([A-Za-z0-9_\"'-]+))*\s*[=:]\s*")
_NO_VALUE = re.compile(r"\s*(#|\[\s*\[?\s*[A-Za-z0-9_.\"' -]+\]|$)")


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of a file, fit to be shown, and where the caret stands in it: begin and width."""

    text: str
    start: int
    width: int


@dataclass(slots=True)
class Lines:
    """The lines of the files that problems are in, each file read once."""

    _files: dict[str, list[str]] = field(default_factory=dict)

    def at(self, problem: Problem) -> Shown | None:
        """The line of a problem, its secrets masked; None where there is none to show."""
        if problem.line is None:
            return None
        lines = self._of(problem.file)
        if problem.line > len(lines) or not lines[problem.line - 1].strip():
            return None
        text = lines[problem.line - 1]
        start = (problem.column or len(text) - len(text.lstrip()) + 1) - 1
        end = len(text.rstrip()) if problem.end_column is None else problem.end_column - 1
        return _fit(text, start, max(end, start + 1), _value_of_secret(lines, problem.line - 1))

    def _of(self, file: str) -> list[str]:
        if file not in self._files:
            try:
                with open(file, encoding="utf-8", errors="replace") as opened:  # noqa: PTH123  a name as shown
                    self._files[file] = opened.read(FILE_BYTES_MAX).removeprefix("\ufeff").split("\n")
            except (OSError, ValueError):
                self._files[file] = []
        return self._files[file]


def tell(problems: Iterable[Problem], warnings: Iterable[Problem]) -> None:
    """To stderr, for people: one line each that editors make a link of, then the line of the file."""
    lines = Lines()
    for level, found in ((ERROR, problems), (WARNING, warnings)):
        for problem in found:
            word = f"{click.style('warning:', fg='yellow')} " if level == WARNING else ""
            note(f"{click.style(problem.where, bold=True)}: {word}{problem.reason}")
            shown = lines.at(problem)
            if shown is not None:
                number = str(problem.line)
                caret = click.style("^" * shown.width, fg="yellow" if level == WARNING else "red")
                note(f"  {number} | {shown.text}")
                note(f"  {' ' * len(number)} | {' ' * shown.start}{caret}")


def listed(problems: Iterable[Problem], warnings: Iterable[Problem]) -> list[dict[str, Any]]:
    """For programs: one object each, all with the same fields; an unknown place is null."""
    return [
        {"severity": level, **plain(problem)}
        for level, found in ((ERROR, problems), (WARNING, warnings))
        for problem in found
    ]


def plain(problem: Problem) -> dict[str, Any]:
    """One problem as JSON tells it."""
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "end_column": problem.end_column,
        "key": problem.key,
        "message": problem.message,
        "hint": problem.hint,
    }


def tell_github(problems: Iterable[Problem], warnings: Iterable[Problem]) -> None:
    """To stdout, as workflow commands: GitHub shows them at their lines."""
    for level, found in ((ERROR, problems), (WARNING, warnings)):
        for problem in found:
            end = None if problem.end_column is None else problem.end_column - 1
            place = (
                ("file", problem.file),
                ("line", problem.line),
                ("col", problem.column),
                ("endColumn", end),
            )
            given = ",".join(f"{name}={_property(str(value))}" for name, value in place if value is not None)
            click.echo(f"::{level} {given}::{_data(problem.reason)}")


def _fit(text: str, start: int, end: int, secret: int | None) -> Shown:
    """Mask, make printable, and keep the caret under its text."""
    if secret is not None:
        start, end = (min(at, secret) for at in (start, end))
        text = text[:secret].rstrip() + " " + _MASK if text[:secret].strip() else _MASK
        secret = len(text) - len(_MASK)
        if end <= start:
            start, end = secret, len(text)
    before, under, after = (_printable(masked(part)) for part in (text[:start], text[start:end], text[end:]))
    if len(before) > _LONGEST // 2:
        before = "…" + before[-_LONGEST // 2 :]
    under = under if len(under) <= _LONGEST else under[:_LONGEST] + "…"
    room = max(_LONGEST - len(before) - len(under), 0)
    after = after.rstrip() if len(after.rstrip()) <= room else after[:room] + "…"
    return Shown(before + under + after, _cells(before), max(_cells(under), 1))


def _value_of_secret(lines: list[str], at: int) -> int | None:
    """Where on this line the value of a secret's key begins, 0 for a line inside such a value; else None."""
    found = _KEY.match(lines[at])
    if found is not None:
        return found.end() if _is_secret(found) else None
    if _NO_VALUE.match(lines[at]):
        return None
    for line in reversed(lines[max(at - 200, 0) : at]):
        found = _KEY.match(line)
        if found is not None:
            return 0 if _is_secret(found) else None
    return None


def _is_secret(found: re.Match[str]) -> bool:
    """Also of a key that is misspelt: what stands there may be the secret all the same."""
    names = [name.strip("\"' ") for name in re.split(r"[\s{,.=:]+", found[0]) if name.strip("\"' ")]
    return any(name in _REFERENCES or nearest(name, _SECRETS) for name in names)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _cells(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
