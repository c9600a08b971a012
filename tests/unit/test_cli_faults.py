"""How `check` tells faults: the line with a caret, never a secret; for GitHub; as JSON; and with a state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.unit.test_cli_support import RULES, fed, subtally, write_rules

ROOT = Path(__file__).parents[2]
SECRET = "xoxbSECRETSECRETSECRET"
FIELDS = {"severity", "file", "line", "column", "end_column", "key", "message", "hint"}


@pytest.fixture(autouse=True)
def _with_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEST_OKX_KEY", "TEST_OKX_SECRET", "TEST_OKX_PASSPHRASE"):
        monkeypatch.setenv(name, "k")


def test_an_error_shows_its_line_with_a_caret_what_is_allowed_and_what_was_meant(tmp_path: Path) -> None:
    file = write_rules(tmp_path, RULES.replace('"okx"', '"okex"').replace("asset =", "aset ="))
    allowed = 'allowed: binance, okx, bitget; did you mean "okx"?'
    result = subtally("check", file)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f'{file}:4:8: exchange "okx-main": kind: "okex" is not known here; {allowed}',
        '  4 | kind = "okex"',
        "    |        ^^^^^^",
        f'{file}:24:1: rule "USDT floor": aset: unknown key; did you mean "asset"?',
        '  24 | aset = "USDT"',
        "     | ^^^^",
        "2 errors",
    ]


@pytest.mark.parametrize(
    "line",
    [
        f'api_key = "{SECRET}"',
        f'api_kye = "{SECRET}"',
        f'api_key = {{ env = "{SECRET}!" }}',
        f'api_key = {{ enw = "{SECRET}" }}',
        f"api_key = {SECRET}",
        f'api_key = """\n{SECRET}\n"""',
        f'api_key = """\n{SECRET}',
        f'api_key.env = "{SECRET}!"',
        f'api_key = [\n"{SECRET}"\n]',
        f'base_url = "https://{SECRET}@x"',
        f'passphrase = "{SECRET}" # {SECRET}',
        f'api_key = {{ env = "A" }} {SECRET}',
    ],
)
def test_law_12_a_line_that_holds_a_secret_is_shown_masked(tmp_path: Path, line: str) -> None:
    text = RULES.replace('api_key = { env = "TEST_OKX_KEY" }\n', line + "\n", 1)
    result = subtally("check", write_rules(tmp_path, text))
    assert result.exit_code == 1
    assert "SECRET" not in result.output.replace("TEST_OKX_SECRET", "")


def test_the_caret_stands_under_wide_characters_and_in_long_lines(tmp_path: Path) -> None:
    long = "x" * 500
    text = '[[rule]]\nname = "ドル字字字"\ntype = "low_balance"\nbelow = 1\n'
    text += f'description = "{long}"\nrunbok = "{long}"\n'
    lines = subtally("check", write_rules(tmp_path, text)).stderr.splitlines()
    shown = next(line for line in lines if line.startswith("  6 | "))
    assert len(shown) < 200
    assert lines[lines.index(shown) + 1] == "    | ^^^^^^"


def test_github_reads_workflow_commands(tmp_path: Path) -> None:
    file = write_rules(tmp_path, RULES.replace("asset =", "aset ="))
    result = subtally("check", "--format", "github", file)
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == (
        f'::error file={file},line=24,col=1,endColumn=4::rule "USDT floor": aset: unknown key; did you mean "asset"?\n'
    )
    file.write_text(RULES + 'for = "1m"\n')
    result = subtally("check", "--format", "github", file)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"::warning file={file},line=26,col=7,endColumn=10::rule ")


def test_json_is_one_list_with_the_same_fields_for_all(tmp_path: Path) -> None:
    file = write_rules(tmp_path, RULES + 'for = "1m"\n')
    result = subtally("check", "--format", "json", file)
    told = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    assert [set(one) for one in told] == [FIELDS]
    assert (told[0]["severity"], told[0]["line"]) == ("warning", 26)
    assert json.loads(subtally("check", "--format", "json", tmp_path / "none.toml").stdout)[0]["line"] is None
    file.write_text(RULES)
    assert json.loads(subtally("check", "--format", "json", file).stdout) == []


def test_warnings_are_no_fault_but_where_it_is_asked_for(tmp_path: Path) -> None:
    file = write_rules(tmp_path, RULES + 'for = "1m"\n')
    assert subtally("check", file).exit_code == 0
    result = subtally("check", "--strict", file)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, "0 errors, 1 warning")
    file.write_text(RULES)
    assert subtally("check", "--strict", file).exit_code == 0


def test_names_that_match_nothing_in_the_state_are_warnings_at_their_place(tmp_path: Path) -> None:
    with fed(tmp_path):
        pass
    text = RULES.replace('account = "mm-*"', 'account = ["mm-*", "mn-1", "!arb*"]').replace(
        '"USDT"', '"USTD"'
    )
    (tmp_path / "rules.toml").write_text(text)
    told = json.loads(subtally("check", "--format", "json", tmp_path / "rules.toml").stdout)
    assert [(one["line"], one["column"], one["message"], one["hint"]) for one in told] == [
        (23, 20, '"mn-1" matches nothing that is known: no account is called so', 'did you mean "mm-1"?'),
        (
            24,
            9,
            '"USTD" matches nothing that is known: nobody holds or held such a coin',
            'did you mean "USDT"?',
        ),
    ]


def test_what_the_state_knows_is_no_warning(tmp_path: Path) -> None:
    with fed(tmp_path):
        pass
    result = subtally("check", tmp_path / "rules.toml")
    assert (result.exit_code, result.stderr) == (0, "")


def test_an_exchange_that_was_never_read_says_nothing_of_names(tmp_path: Path) -> None:
    with fed(tmp_path):
        pass
    (tmp_path / "rules.toml").write_text(RULES.replace('type = "low', 'exchange = "never-read"\ntype = "low'))
    assert subtally("check", tmp_path / "rules.toml").stderr == ""


def test_a_poll_that_the_venue_does_not_allow_is_a_warning(tmp_path: Path) -> None:
    with fed(tmp_path):
        pass
    text = RULES.replace('read = ["funding"]', 'read = ["funding"]\nbudget = 0.01\npoll_every = "30s"')
    (tmp_path / "rules.toml").write_text(text)
    result = subtally("check", tmp_path / "rules.toml")
    assert (
        'rules.toml:10:14: warning: exchange "okx-main": poll_every: 30s is shorter than a lawful sweep of its '
        "2 accounts; at the venue's limit and this budget it takes 1m6s"
    ) in result.stderr


def test_a_state_that_cannot_be_read_is_told_and_no_fault(tmp_path: Path) -> None:
    file = write_rules(tmp_path)
    (tmp_path / "subtally.db").write_text("no database")
    result = subtally("check", file)
    assert result.exit_code == 0
    assert "its names were compared with nothing" in result.stderr


def test_the_pre_commit_hook_is_the_command_itself(tmp_path: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    program, *args = [*hook["entry"].split(), *hook["args"]]
    assert (program, hook["language"], hook["pass_filenames"]) == ("subtally", "python", False)
    file = write_rules(tmp_path)
    words = [str(file) if arg == "rules.toml" else arg for arg in args]
    assert subtally(*words).exit_code == 0
    file.write_text(RULES.replace("asset =", "aset ="))
    assert subtally(*words).exit_code == 1
