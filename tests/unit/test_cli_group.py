"""The group: names, options before and after, exit codes and streams."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

from daemon import cli as program
from daemon.cli import COMMANDS, config_path, is_verbose, wants_json
from daemon.commands import options
from daemon.config import ConfigError, Problem, SecretError
from daemon.errors import CannotRun, FoundFault
from state.errors import MissingError
from tests.unit.test_cli_support import subtally


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A command of the test's own: `subtally probe` tells its options, or raises `probe.error`."""
    module = ModuleType("tests_cli_probe")
    module.error = None  # type: ignore[attr-defined]

    @click.command()
    @click.pass_context
    def probe(context: click.Context) -> None:
        if module.error is not None:
            raise module.error
        click.echo(f"{config_path(context)} {wants_json(context)} {is_verbose(context)}")

    module.probe = probe  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(COMMANDS, "probe", (module.__name__, "Test."))
    return module


def run_python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def test_help_lists_every_command_and_imports_none() -> None:
    heavy = run_python(
        "import sys\nfrom daemon.cli import cli\n"
        "try: cli(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & "
        "{'state', 'rules', 'notifiers', 'pydantic', 'rich', 'aiohttp', 'structlog', 'sqlite3'}))"
    )
    assert heavy.splitlines()[-1] == "[]"
    for name, (_, line) in COMMANDS.items():
        assert f"  {name} " in heavy
        assert line in heavy


def test_check_is_loaded_without_the_inputs_of_the_engine_and_the_tables_of_the_world() -> None:
    loaded = run_python("import sys, daemon.commands.check\nprint(*sorted(sys.modules), sep='\\n')").split()
    assert {"rules.model", "rules.records", "rules.facts", "structlog", "rich"}.isdisjoint(loaded)
    assert "daemon.commands.output" in loaded


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_shows_an_example_and_the_shared_options(name: str) -> None:
    result = subtally(name, "--help")
    assert result.exit_code == 0
    assert f"Example: subtally {name}" in result.stdout
    for option in ("--config FILE", "--json", "--verbose"):
        assert option in result.stdout


@pytest.mark.parametrize(
    "args",
    [
        ["-c", "X", "--json", "-v", "probe"],
        ["probe", "-c", "X", "--json", "-v"],
        ["--json", "probe", "--config", "X", "--verbose"],
        ["-c", "Y", "-v", "probe", "-c", "X", "--json"],
    ],
)
def test_options_stand_before_or_after_the_command_and_the_later_counts(
    probe: ModuleType, args: list[str]
) -> None:
    assert subtally(*args).stdout == "X True True\n"


def test_options_of_one_call_do_not_reach_the_next(probe: ModuleType) -> None:
    subtally("probe", "-c", "X", "--json", "-v")
    assert subtally("probe", "-c", "Y").stdout == "Y False False\n"


def test_the_first_rules_file_that_exists_is_taken(
    probe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    system_wide = tmp_path / "etc.toml"
    monkeypatch.setattr(options, "SYSTEM_WIDE", system_wide)
    monkeypatch.delenv("SUBTALLY_CONFIG", raising=False)
    result = subtally("probe")
    assert result.exit_code == 3
    assert all(word in result.stderr for word in ("$SUBTALLY_CONFIG", "./rules.toml", str(system_wide)))
    assert result.stdout == ""

    system_wide.touch()
    assert subtally("probe").stdout.startswith(str(system_wide))
    (tmp_path / "rules.toml").touch()
    assert subtally("probe").stdout.startswith("rules.toml ")
    monkeypatch.setenv("SUBTALLY_CONFIG", str(tmp_path / "mine.toml"))
    result = subtally("probe")
    assert result.stdout.startswith("rules.toml ")
    assert "mine.toml, which does not exist" in result.stderr
    (tmp_path / "mine.toml").touch()
    assert subtally("probe").stdout.startswith(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize(
    "error, code, said",
    [
        (CannotRun("no keys"), 3, "no keys\n"),
        (FoundFault("two faults"), 1, "two faults\n"),
        (FoundFault(""), 1, ""),
        (ConfigError([Problem("r.toml", 3, 1, 2, "rule", "bad")]), 3, "r.toml:3:1: rule: bad\n"),
        (SecretError("api_key", '{ env = "X" }', "is empty"), 3, 'api_key: { env = "X" }: is empty\n'),
        (MissingError("open", Path("x.db"), "gone", "look"), 3, "open x.db: gone; look\n"),
        (PermissionError(13, "Permission denied", "/x"), 3, "[Errno 13] Permission denied: '/x'\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_what_stops_a_command_is_a_text_on_stderr_and_a_code(
    probe: ModuleType, error: BaseException, code: int, said: str
) -> None:
    probe.error = error  # type: ignore[attr-defined]
    result = subtally("probe", "-c", "X")
    assert (result.exit_code, result.stderr, result.stdout) == (code, said, "")


def test_a_bug_is_not_hidden(probe: ModuleType) -> None:
    probe.error = ZeroDivisionError()  # type: ignore[attr-defined]
    with pytest.raises(ZeroDivisionError):
        subtally("probe", "-c", "X")


@pytest.mark.parametrize(
    "args, said",
    [
        (["stats"], "there is no command 'stats'; did you mean 'status'?"),
        (["rewind"], "there is no command 'rewind'"),
        (["--nonsense"], "--nonsense"),
        (["status", "--nonsense"], "--nonsense"),
        (["alerts", "--state", "burning"], "burning"),
        (["alerts", "--all", "--state", "firing"], "exclude each other"),
        (["balances", "--limit", "0"], "--limit"),
        (["check", "a.toml", "b.toml"], "b.toml"),
    ],
)
def test_wrong_usage_is_2_on_stderr(args: list[str], said: str) -> None:
    result = subtally(*args)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_version_is_told() -> None:
    assert subtally("--version").stdout.startswith("subtally 0.")


def test_schema_is_json_with_every_section() -> None:
    assert '"exchange"' in subtally("schema").stdout


def test_the_decimal_context_of_the_process_is_wide_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    said = run_python(
        "import sys, decimal\nfrom daemon.cli import main\nsys.argv = ['subtally', '--version']\n"
        "try: main()\nexcept SystemExit: print(decimal.getcontext().prec)"
    )
    assert said.splitlines()[-1] == str(program.DECIMAL_PRECISION) == "60"
