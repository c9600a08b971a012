"""`subtally check`: all faults at once, absent credentials as warnings, never a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.test_cli_support import RULES, subtally, write_rules

SECRET = "xoxbSECRETSECRETSECRET"


@pytest.fixture
def _with_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEST_OKX_KEY", "TEST_OKX_SECRET", "TEST_OKX_PASSPHRASE"):
        monkeypatch.setenv(name, "k")


@pytest.mark.usefixtures("_with_keys")
def test_a_file_in_order_is_one_line(tmp_path: Path) -> None:
    file = write_rules(tmp_path)
    result = subtally("check", file)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{file}: 1 rule, 2 exchanges, 1 notifier\n"


@pytest.mark.usefixtures("_with_keys")
def test_the_file_may_come_from_the_global_option(tmp_path: Path) -> None:
    file = write_rules(tmp_path)
    assert json.loads(subtally("-c", file, "check", "--json").stdout) == {
        "ok": True,
        "problems": [],
        "warnings": [],
    }


def test_all_errors_come_at_once_with_place_and_key(tmp_path: Path) -> None:
    text = RULES.replace('type = "low_balance"', 'type = "low_balance"\nbelwo = 1').replace(
        '"okx"', '"kraken"'
    )
    file = write_rules(tmp_path, text)
    result = subtally("check", file)
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[-1].endswith("errors")
    assert any(line.startswith(f"{file}:4:8: ") and "kind" in line for line in lines)
    assert any("belwo" in line and "USDT floor" in line and "did you mean" in line for line in lines)


def test_json_tells_the_same_on_stdout_alone(tmp_path: Path) -> None:
    file = write_rules(tmp_path, RULES.replace('"okx"', '"kraken"'))
    result = subtally("check", file, "--json")
    assert (result.exit_code, result.stderr) == (1, "")
    told = json.loads(result.stdout)
    assert told["ok"] is False
    problem = told["problems"][0]
    assert (problem["file"], problem["line"], problem["column"]) == (str(file), 4, 8)
    assert problem["key"] == 'exchange "okx-main": kind'


def test_absent_credentials_are_warnings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_OKX_KEY", raising=False)
    file = write_rules(tmp_path)
    result = subtally("check", file)
    assert result.exit_code == 0
    assert f'{file}:5:11: warning: exchange "okx-main": api_key: {{ env = "TEST_OKX_KEY" }}' in result.stderr
    assert result.stdout == f"{file}: 1 rule, 2 exchanges, 1 notifier\n"


def test_what_is_legal_and_likely_wrong_is_a_warning(tmp_path: Path) -> None:
    result = subtally("check", write_rules(tmp_path, ""))
    assert result.exit_code == 0
    assert "warning: there is no [[exchange]]" in result.stderr


@pytest.mark.usefixtures("_with_keys")
@pytest.mark.parametrize("url", [f"slck://{SECRET}", f"tgram://123456789:{SECRET}{SECRET}/", SECRET])
def test_law_12_a_bad_notifier_url_is_an_error_that_holds_nothing_of_it(tmp_path: Path, url: str) -> None:
    file = write_rules(tmp_path, url=url)
    result = subtally("check", file)
    assert result.exit_code == 1
    assert f'{file}:18:7: notifier "oncall": url: ' in result.stderr
    assert SECRET not in result.output


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    result = subtally("check", tmp_path / "none.toml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "none.toml: there is no such file" in result.stderr


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"[[rule]\n", b"a = " + b"[" * 5000, b"x = 1\n" * 2])
def test_what_is_no_toml_is_a_fault_and_no_traceback(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "rules.toml"
    file.write_bytes(raw)
    result = subtally("check", file)
    assert result.exit_code == 1
    assert str(file) in result.stderr
