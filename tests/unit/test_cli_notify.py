"""`subtally notify-test`: the faults that need no network."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.commands.notify_test import message_of
from notifiers.wording import word
from tests.unit.test_cli_support import RULES, subtally, write_rules


def test_a_missing_secret_is_3_and_names_its_key(tmp_path: Path) -> None:
    file = write_rules(tmp_path)
    (tmp_path / "oncall.url").unlink()
    result = subtally("notify-test", "-c", file)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == 'notifier "oncall": url: { file = "oncall.url" }: there is no such file\n'


def test_an_unknown_notifier_is_wrong_usage(tmp_path: Path) -> None:
    result = subtally("notify-test", "-c", write_rules(tmp_path), "pager")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is no notifier 'pager'; known: oncall" in result.stderr


@pytest.mark.parametrize(
    "text, said", [("", "there is no [[notifier]]"), (RULES + "\nx = 1\n", "rules.toml:27:1: rule ")]
)
def test_a_file_that_names_nobody_or_is_wrong_is_3(tmp_path: Path, text: str, said: str) -> None:
    result = subtally("notify-test", "-c", write_rules(tmp_path, text))
    assert (result.exit_code, result.stdout) == (3, "")
    assert said in result.stderr


def test_a_bad_url_is_3_without_the_url(tmp_path: Path) -> None:
    result = subtally("notify-test", "-c", write_rules(tmp_path, url="slck://sEcReTsEcReT"))
    assert result.exit_code == 3
    assert 'notifier "oncall": url: no service is known as slck://' in result.stderr
    assert "sEcReT" not in result.output


def test_the_message_says_that_it_is_a_test_and_has_an_id() -> None:
    message = message_of("oncall", 1_767_225_600_000)
    wording = word(message, timezone="UTC", public_url="https://subtally.example", now_ms=1_767_225_600_000)
    assert wording.title == "TEST message from Subtally"
    assert "This is a test" in wording.body
    assert message.id in wording.body
    assert "alerts/" not in wording.body
