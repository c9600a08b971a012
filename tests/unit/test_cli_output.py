"""Tables in a terminal and in a pipe: no cell is ever cut, no foreign text is markup."""

from __future__ import annotations

import io
import re
import sys

import pytest

from daemon.commands.output import Column, age, print_table
from daemon.plain import iso

COLUMNS = (Column("account"), Column("free", right=True))
LABEL = "[red]a\x1b[31m\nb" + "x" * 60
FIGURE = "1,234,567.123456789012345678"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, rows: list[list[str]], **environment: str) -> str:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "40", **environment}.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    print_table(COLUMNS, rows)
    return terminal.getvalue()


def test_a_narrow_terminal_cuts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = on_terminal(monkeypatch, [[LABEL, FIGURE], ["critical", "?"]])
    assert FIGURE in shown
    assert "x" * 60 in shown
    assert "…" not in shown
    assert "[red]a" in shown
    assert "\x1b[31m" not in shown.replace("\x1b[1;31m", "")


def test_a_terminal_has_colours_unless_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[1;31mcritical" in on_terminal(monkeypatch, [["critical", "1"]])
    assert "\x1b[3" not in on_terminal(monkeypatch, [["critical", "1"]], NO_COLOR="1")


def test_a_pipe_gets_aligned_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(COLUMNS, [["日本", "1"], ["ab", FIGURE]])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"ACCOUNT  {'FREE':>{len(FIGURE)}}"
    assert lines[1] == f"日本     {'1':>{len(FIGURE)}}"
    assert lines[2] == f"ab       {FIGURE}"


def test_no_rows_print_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(COLUMNS, [])
    assert capsys.readouterr().out == ""


def test_times_are_utc_with_milliseconds() -> None:
    assert iso(1_767_225_600_007) == "2026-01-01T00:00:00.007Z"
    assert iso(None) is None
    assert iso(10**18) is None
    assert re.fullmatch(r"1m 5s ago", age(0, 65_000))
    assert age(None, 5) == "?"
