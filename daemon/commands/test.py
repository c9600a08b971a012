"""`subtally test`: rule tests, judged by the live engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.commands.options import wants_json
from daemon.commands.output import counted, note, print_json
from daemon.errors import CannotRun

if TYPE_CHECKING:
    from daemon.ruletest.load import Tests
    from daemon.ruletest.report import Coverage, Result


@click.command(epilog="Example: subtally test tests/rules/*.toml --junit report.xml")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@click.option(
    "--rules",
    "overriding",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Test this rules file in place of the one that the tests name.",
)
@click.option(
    "--junit",
    "junit_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write JUnit's XML there.",
)
@click.pass_context
def test(
    context: click.Context, files: tuple[Path, ...], overriding: Path | None, junit_file: Path | None
) -> None:
    """Run rule tests: balances over time in, expected alerts out. Needs no state, no secret and no network.

    Exit code 0 when all pass, 1 when one fails or a file is wrong. The rules that no test fires are listed at the end.
    """
    from daemon.config import ConfigError
    from daemon.ruletest.load import load_tests
    from daemon.ruletest.report import coverage_of, junit, plain, run_tests

    loaded: list[Tests] = []
    wrong = False
    for path in files:
        try:
            loaded.append(load_tests(path, overriding))
        except ConfigError as error:
            note(str(error))
            wrong = True
    ran: list[tuple[Tests, list[Result]]] = []
    for tests in loaded:
        results = []
        for result in run_tests(tests):
            results.append(result)
            if not wants_json(context):
                _say(result)
        ran.append((tests, results))
    every = [result for _, results in ran for result in results]
    coverage = coverage_of(ran)
    if junit_file is not None:
        _write(junit_file, junit(every))
    if wants_json(context):
        print_json({"tests": [plain(one) for one in every], "coverage": [_covered(one) for one in coverage]})
    else:
        _sum_up(every, coverage)
    if wrong or not all(result.passed for result in every):
        context.exit(1)


def _say(result: Result) -> None:
    from daemon.ruletest.report import failure_text

    name = f"{result.file}: {result.story.case.name}"
    if result.passed:
        click.echo(f"{click.style('ok', fg='green')}    {name}")
        return
    click.echo(f"{click.style('FAIL', fg='red')}  {name}\n{failure_text(result)}\n")


def _sum_up(every: list[Result], coverage: list[Coverage]) -> None:
    failed = sum(not result.passed for result in every)
    click.echo(f"{counted(len(every), 'test')}, {failed} failed")
    for one in coverage:
        reached = len(one.names) - len(one.never)
        share = 100 if not one.names else 100 * reached // len(one.names)
        click.echo(f"{one.rules}: {reached} of {counted(len(one.names), 'rule')} fired ({share} %)")
        for name in one.never:
            click.echo(f'  no test fires "{name}"')


def _covered(one: Coverage) -> dict[str, object]:
    return {"rules": one.rules, "count": len(one.names), "never_fired": list(one.never)}


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CannotRun(f"{path}: {error.strerror or error}") from error
