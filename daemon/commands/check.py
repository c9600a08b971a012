"""`subtally check`: everything that is wrong with a rules file, at once, before the daemon sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.commands.options import config_path, wants_json
from daemon.commands.output import counted, note, print_json
from daemon.config import Config, ConfigError, Problem, SecretError, load
from daemon.errors import FoundFault

if TYPE_CHECKING:  # the clients are loaded only where they are needed
    from daemon.commands.online import Found


@click.command(epilog="Example: subtally check rules.toml")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--online",
    is_flag=True,
    help="Also ask each exchange whether it takes the key, and what the key may do. Every secret must be there.",
)
@click.pass_context
def check(context: click.Context, file: Path | None, online: bool) -> None:  # noqa: FBT001  as click calls it
    """Check the rules file FILE with all that it includes, and tell every fault with its place.

    Credentials that are absent here are warnings: the daemon may have them. Without --online nothing is sent
    anywhere; with it a key that may more than read, or is bound to no IP address, is a fault.
    """
    path = file if file is not None else config_path(context)
    config, problems = _loaded(path)
    warnings: list[Problem] = []
    if config is not None:
        warnings = [*config.warnings, *config.missing_secrets()]
        problems = list(_bad_urls(config))
    found: list[Found] = []
    if online and config is not None:
        problems += config.missing_secrets()
        warnings = list(config.warnings)
        found = [] if problems else _asked(config)
        for one in found:
            problems += one.placed(config.file, one.problems)
            warnings += one.placed(config.file, one.warnings)
    if wants_json(context):
        told: dict[str, Any] = {
            "ok": not problems,
            "problems": _plain(problems),
            "warnings": _plain(warnings),
        }
        print_json(told | {"exchanges": [_plain_exchange(one) for one in found]} if online else told)
    else:
        for one in found:
            click.echo(one.as_line())
        _tell(config, problems, warnings)
    if problems:
        raise FoundFault("" if wants_json(context) else _summary(problems, warnings))


def _asked(config: Config) -> list[Found]:
    from rich.console import Console

    from daemon.commands.online import look

    with Console(stderr=True).status(f"asking {counted(len(config.exchanges), 'exchange')}…"):
        return look(config)


def _loaded(path: Path) -> tuple[Config | None, list[Problem]]:
    try:
        return load(path), []
    except ConfigError as error:
        return None, list(error.problems)


def _bad_urls(config: Config) -> Iterable[Problem]:
    """The notifiers' URLs that can be had and are no Apprise URLs."""
    for notifier in config.notifiers:
        try:
            url = notifier.url.resolve()
        except SecretError:
            continue  # a warning already
        from notifiers.service import check_url

        reason = check_url(url)
        if reason:
            yield config.placed(notifier.url, reason)


def _tell(config: Config | None, problems: Sequence[Problem], warnings: Sequence[Problem]) -> None:
    for problem in problems:
        note(str(problem))
    for warning in warnings:
        note(f"{warning.where}: warning: {warning.reason}")
    if config is not None and not problems:
        rules, exchanges = len(config.ruleset.rules), len(config.exchanges)
        counts = [
            counted(rules, "rule"),
            counted(exchanges, "exchange"),
            counted(len(config.notifiers), "notifier"),
        ]
        click.echo(f"{config.file}: {', '.join(counts)}")


def _summary(problems: Sequence[Problem], warnings: Sequence[Problem]) -> str:
    counts = [counted(len(problems), "error")]
    if warnings:
        counts.append(counted(len(warnings), "warning"))
    return ", ".join(counts)


def _plain_exchange(found: Found) -> dict[str, Any]:
    return {
        "name": found.exchange,
        "ok": not found.problems,
        "clock_offset_ms": found.clock_offset_ms,
        "master_id": found.master_id,
        "rights": None if found.rights is None else list(found.rights),
        "ip_bound": found.ip_bound,
    }


def _plain(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    return [
        {
            "file": problem.file,
            "line": problem.line,
            "column": problem.column,
            "end_column": problem.end_column,
            "key": problem.key,
            "message": problem.message,
            "hint": problem.hint,
        }
        for problem in problems
    ]
