"""`subtally backup` as a person types it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from state import Store
from tests.unit.test_cli_support import fed, subtally, write_rules


@pytest.fixture(autouse=True)
def _no_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)


def test_it_copies_the_state_of_a_running_daemon_and_says_where(tmp_path: Path) -> None:
    target = tmp_path / "monday.db"
    with fed(tmp_path, store_open=True):
        result = subtally("backup", "-c", tmp_path / "rules.toml", target)
    assert (result.exit_code, result.stdout) == (0, f"{target}\n")
    assert "To restore it" in result.stderr
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with Store.open(target, readonly=True) as copied:
        assert len(copied.alerts("firing").rows) == 1
        assert len(copied.accounts().rows) == 2


def test_without_a_name_it_lies_beside_the_state(tmp_path: Path) -> None:
    with fed(tmp_path):
        pass
    told = json.loads(subtally("backup", "-c", tmp_path / "rules.toml", "--json").stdout)
    made = Path(told["file"])
    assert made.parent == tmp_path
    assert made.name.startswith("subtally.db.backup-")
    assert made.stat().st_size == told["bytes"]


def test_an_existing_file_stays_as_it_is(tmp_path: Path) -> None:
    with fed(tmp_path):
        pass
    target = tmp_path / "precious"
    target.write_text("precious")
    result = subtally("backup", "-c", tmp_path / "rules.toml", target)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "overwrites nothing" in result.stderr
    assert target.read_text() == "precious"


def test_without_a_state_there_is_nothing_to_copy(tmp_path: Path) -> None:
    write_rules(tmp_path)
    result = subtally("backup", "-c", tmp_path / "rules.toml", tmp_path / "copy.db")
    assert result.exit_code == 3
    assert "no state yet" in result.stderr
    assert not (tmp_path / "copy.db").exists()
