"""What the documents say of the code is true: named tests exist, named commands exist, named files exist."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from daemon.cli import COMMANDS
from daemon.exchanges import lawful_read_us
from notifiers.times import duration

ROOT = Path(__file__).parents[2]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
README = (ROOT / "README.md").read_text()


def test_every_law_names_tests_that_exist() -> None:
    rows = re.findall(r"^\| (\d+)\. .* \| (.+) \|$", ARCHITECTURE, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 15))
    for _, guards in rows:
        named = re.findall(r"`(tests/\S+)` (test_\w+)", guards)
        assert named
        for path, test in named:
            assert f"def {test}(" in (ROOT / path).read_text(), (path, test)


def test_every_file_of_the_code_map_exists() -> None:
    named = set(re.findall(r"`((?:daemon|rules|state|notifiers|tests)/[\w./]*)`", ARCHITECTURE))
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_the_readme_names_every_command_and_no_other() -> None:
    rows = re.findall(r"^\| (`subtally .+?) \|", README, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(?:subtally )?([a-z][a-z-]+)", row)}
    assert told == set(COMMANDS)


@pytest.mark.parametrize("kind", ["binance", "okx", "bitget"])
def test_the_page_on_scaling_has_the_figures_that_the_daemon_goes_by(kind: str) -> None:
    page = (ROOT / "docs/scaling.md").read_text()
    row = re.search(rf"^\| {kind} \|(.+)\|$", page, re.MULTILINE)
    assert row
    _, pace, minute, stale, sweep = (cell.strip() for cell in row[1].split("|"))
    per_second = Decimal(1_000_000) / lawful_read_us(kind, Decimal("0.8"))
    told = Decimal(pace.split()[0])
    assert abs(told - per_second) / told < Decimal("0.001")
    assert [minute, stale] == [f"{told * 60:,.0f}", f"{told * 300:,.0f}"]
    assert sweep == duration(int(Decimal(10_000) / told) * 1000)
