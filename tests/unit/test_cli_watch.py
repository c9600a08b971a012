"""`--watch`, the sparkline column and completion, in real processes with a real terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from daemon.cli import COMMANDS
from daemon.commands.sparkline import sparkline
from tests.unit.test_cli_support import MM_1, SMALL, Fed, fed, subtally

PATIENCE_SECONDS = 60


class OnTerminal:
    """A command on a terminal of its own; what it wrote so far is in `text`."""

    def __init__(self, *args: str | Path) -> None:
        self._mine, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "220", "LINES": "30"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "daemon.cli", *map(str, args)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        os.set_blocking(self._mine, False)
        self.text = ""

    def until(self, wanted: str) -> None:
        """Read on until a pattern was written."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while not re.search(wanted, self.text, re.DOTALL):
            assert time.monotonic() < ends, self.text
            with contextlib.suppress(BlockingIOError):
                self.text += os.read(self._mine, 65_536).decode()
            time.sleep(0.02)

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE_SECONDS)
        with contextlib.suppress(OSError):
            self.text += os.read(self._mine, 65_536).decode()
        os.close(self._mine)
        return code


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Fed]:
    with fed(tmp_path, store_open=True) as state:
        yield state


@pytest.mark.parametrize("command", ["status", "alerts", "balances", "history"])
def test_it_is_shown_again_in_place_until_it_is_interrupted(made: Fed, tmp_path: Path, command: str) -> None:
    shown = OnTerminal("-c", tmp_path / "rules.toml", command, "--watch", "0.3")
    try:
        shown.until(r"every 0\.3 s.*every 0\.3 s")
        if command == "balances":
            made.read(MM_1, {"USDT": ("77.000000000000000007", "0", "77.000000000000000007")})
            shown.until(r"77\.000000000000000007")
            shown.until("last day.*█▁+")
    finally:
        code = shown.interrupt()
    assert code == 0
    assert shown.text.startswith("\x1b[?1049h")
    assert shown.text.endswith("\x1b[?1049l")
    assert "Traceback" not in shown.text


def test_in_a_pipe_there_is_neither_a_sparkline_nor_a_control_character(made: Fed, tmp_path: Path) -> None:
    made.read(MM_1, {"USDT": ("5", "0", "5")})
    told = subtally("-c", tmp_path / "rules.toml", "balances")
    assert told.exit_code == 0
    assert not re.search("[▁▂▃▄▅▆▇█\x1b]", told.stdout)


def test_an_alert_shows_the_course_of_its_figure_on_a_terminal(made: Fed, tmp_path: Path) -> None:
    made.read(MM_1, {"USDT": ("900", "0", "900")})
    shown = OnTerminal("-c", tmp_path / "rules.toml", "alerts", "--watch")
    try:
        shown.until("course.*█▁+")
    finally:
        assert shown.interrupt() == 0


def test_each_step_of_an_alert_shows_how_its_figure_had_moved_on_a_terminal(
    made: Fed, tmp_path: Path
) -> None:
    made.read(MM_1, {"USDT": ("900", "0", "900")})
    made.read(MM_1, {"USDT": ("900", "0", "900")})
    shown = OnTerminal("-c", tmp_path / "rules.toml", "history", "--watch")
    try:
        shown.until("course.*raised.*")
        shown.until("█▁+")
    finally:
        assert shown.interrupt() == 0


@pytest.mark.parametrize("value", ["0", "0.1", "x", "4000"])
def test_a_senseless_pause_is_a_usage_error(made: Fed, tmp_path: Path, value: str) -> None:
    assert subtally("-c", tmp_path / "rules.toml", "status", "--watch", value).exit_code == 2


def test_the_line_follows_the_figure_exactly_and_says_nothing_of_what_stood_still() -> None:
    def points(*figures: str) -> list[tuple[int, Decimal | None]]:
        return [(at * 100, Decimal(figure) if figure else None) for at, figure in enumerate(figures)]

    rising = sparkline(points("0", "1", "2", "3"), 0, 400)
    assert (rising[0], rising[-1], len(rising)) == ("▁", "█", 16)
    assert list(rising) == sorted(rising)
    assert sparkline(points("5", "5"), 0, 400) == ""
    assert sparkline([], 0, 400) == ""
    assert " " in sparkline(points("1", "", "2"), 0, 400)
    tiny = sparkline(points("1.000000000000000000", "1.000000000000000001"), 0, 200)
    assert set(tiny) == {"▁", "█"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_offered_to_every_shell(shell: str) -> None:
    def ask(instruction: str, **more: str) -> str:
        environment = {**os.environ, "_SUBTALLY_COMPLETE": f"{shell}_{instruction}", **more}
        code = "from daemon.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert "_SUBTALLY_COMPLETE" in ask("source")
    words = {"COMP_WORDS": "subtally ", "COMP_CWORD": "" if shell == "fish" else "1"}
    offered = ask("complete", **words)
    assert [name for name in COMMANDS if name not in offered] == []
    words = {"COMP_WORDS": "subtally alerts --", "COMP_CWORD": "--" if shell == "fish" else "2"}
    assert "--watch" in ask("complete", **words)
    assert SMALL not in offered
