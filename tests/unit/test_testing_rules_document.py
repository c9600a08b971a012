"""docs/testing-rules.md is true: its example passes, and it names every key of a test file and every option."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daemon.commands.demo import demo
from daemon.config.tables import Table
from daemon.config.translate import keys_of
from daemon.ruletest import models
from tests.unit.test_cli_support import subtally

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/testing-rules.md").read_text()


def test_the_documents_example_passes_and_says_what_it_says(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    (tmp_path / "rules.example.toml").write_text((ROOT / "rules.example.toml").read_text())
    (tmp_path / "floor.toml").write_text(example)
    found = subtally("test", tmp_path / "floor.toml")
    assert found.exit_code == 0, found.output
    shown = re.search(r"\$ subtally test floor.toml\n((?:    .+\n)+)", DOCUMENT)
    assert shown
    said = [line.strip() for line in shown[1].splitlines()]
    happened = [line.strip().replace(f"{tmp_path}/", "") for line in found.stdout.splitlines()]
    assert happened[: len(said)] == said


@pytest.mark.parametrize(
    "model",
    [
        models.Case,
        models.AccountRow,
        models.SeriesRow,
        models.ReadingRow,
        models.OutageRow,
        models.RestartRow,
        models.AckRow,
        models.ExpectRow,
    ],
)
def test_every_key_of_a_test_file_is_in_the_document(model: type[Table]) -> None:
    lists = {"series", "reading", "outage", "restart", "ack", "expect"} if model is models.Case else set()
    for key in keys_of(model):
        pattern = rf"\[\[test\.{key}\]\]" if key in lists or (lists and key == "account") else rf"`{key}\b"
        assert re.search(pattern, DOCUMENT), key


def test_every_kind_of_incident_is_in_the_document() -> None:
    (option,) = (param for param in demo.params if param.name == "incident")
    assert "|".join(option.type.choices) in DOCUMENT  # type: ignore[attr-defined]  # click.Choice
