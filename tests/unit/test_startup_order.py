"""A start asks its venues first: what sends and what shows is loaded while they answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from daemon.config import load
from daemon.errors import CannotRun
from daemon.startup import check_notifiers, check_secrets

ROOT = Path(__file__).parents[2]
RULES = """
[[exchange]]
name = "desk"
kind = "binance"
api_key = { env = "KEY" }
api_secret = { env = "SECRET" }

[[notifier]]
name = "one"
url = { env = "NOWHERE" }

[[notifier]]
name = "two"
url = { env = "NOWHERE" }
"""


def test_nothing_that_sends_or_shows_or_reads_a_pem_is_loaded_before_the_first_request() -> None:
    ours, others = (
        "'daemon.web', 'notifiers.wording'",
        "'aiohttp.web', 'apprise', 'cryptography', 'jinja2', 'requests'",
    )
    late = f"{{{ours}, {others}, 'prometheus_client'}}"
    code = f"import sys, daemon.running, daemon.exchanges.binance; print(sorted({late} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_what_makes_pages_and_messages_is_loaded_after_health_answers_and_rich_never_for_the_log() -> None:
    late = "{'apprise', 'jinja2', 'prometheus_client', 'rich'}"
    code = f"import sys, daemon.commands.run, daemon.running, daemon.serving; print(sorted({late} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
    for order in (
        "rich.table, daemon.logs, structlog",
        "daemon.logs, structlog, rich.table",
    ):  # for a command
        subprocess.run([sys.executable, "-c", f"import {order}"], cwd=ROOT, check=True)


def test_an_address_that_nothing_sends_to_still_stops_a_start_with_all_that_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"KEY": "k", "SECRET": "s", "NOWHERE": "nowhere://x"}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "rules.toml").write_text(RULES)
    config = load(tmp_path / "rules.toml")
    check_secrets(config, notifiers=False)
    for check in (check_notifiers, check_secrets):
        with pytest.raises(CannotRun) as caught:
            check(config)
        lines = str(caught.value).splitlines()
        assert ["one" in lines[0], "two" in lines[1], len(lines)] == [True, True, 2]
        assert all("no service is known as nowhere://" in line for line in lines)
