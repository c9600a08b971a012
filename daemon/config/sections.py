"""The top level of each text: which sections may stand where, and the tables in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from daemon.config.report import Document, Report, Scope
from daemon.config.wording import kind_of, one_of, shown, suggestion

LISTS = ("exchange", "notifier", "books", "rule", "silence", "allow", "expect")
MAIN_ONLY = ("include", "daemon", "exchange", "notifier", "books")
EVERYWHERE = ("rule", "silence", "allow", "expect")


@dataclass(frozen=True, slots=True)
class Entry:
    """One table of a section, with the place to which its problems are pinned."""

    scope: Scope
    table: dict[str, Any]

    @property
    def name(self) -> str:
        """The name as it is written, "" where there is none."""
        name = self.table.get("name")
        return name if isinstance(name, str) else ""


def check_top_level(document: Document, report: Report, *, main: bool) -> None:
    """Refuse what does not belong at the top of this text."""
    scope = Scope(report, document)
    allowed = (*MAIN_ONLY, *EVERYWHERE) if main else EVERYWHERE
    for key, value in document.table.items():
        if key in MAIN_ONLY and not main:
            scope.problem_of_key((key,), "only the main file may hold this", one_of(allowed))
        elif key not in allowed:
            scope.problem_of_key((key,), "unknown key", suggestion(key, allowed) or one_of(allowed))
        elif key in LISTS and not isinstance(value, list):
            scope.problem_of_key(
                (key,), f"must be a list of tables, not {kind_of(value)}", f"write [[{key}]]"
            )
        elif key == "daemon" and not isinstance(value, dict):
            scope.problem_of_key((key,), f"must be one table, not {kind_of(value)}", "write [daemon]")


def entries(document: Document, report: Report, section: str) -> Iterator[Entry]:
    """The tables of a section, each under the title by which errors name it."""
    tables = document.table.get(section)
    for index, table in enumerate(tables if isinstance(tables, list) else ()):
        if not isinstance(table, dict):
            Scope(report, document).problem((section, index), f"must be a table, not {kind_of(table)}")
            continue
        name = table.get("name")
        title = f"{section} {shown(name)}" if isinstance(name, str) and name else f"{section} {index + 1}"
        yield Entry(Scope(report, document, (section, index), title), table)


def refuse_same_names(found: list[Entry]) -> None:
    """Names are told apart without regard to case, as patterns do."""
    first: dict[str, Entry] = {}
    for entry in found:
        if not entry.name:
            continue
        other = first.setdefault(entry.name.casefold(), entry)
        if other is not entry:
            message = f"{shown(entry.name)} is already the name at {other.scope.line_of(('name',))}"
            entry.scope.problem(("name",), message, "names differ by more than upper and lower case")
