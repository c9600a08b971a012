"""`subtally check`: everything that is wrong with a rules file, at once, before the daemon sees it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.commands.faults import listed, plain, tell, tell_github
from daemon.commands.options import config_path, wants_json
from daemon.commands.output import counted, print_json
from daemon.config import Config, ConfigError, Problem, SecretError, load
from daemon.config.report import in_order
from daemon.errors import FoundFault

if TYPE_CHECKING:  # the clients are loaded only where they are needed
    from daemon.commands.online import Found


@click.command(epilog="Example: subtally check --format github rules.toml")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--online",
    is_flag=True,
    help="Also ask each exchange whether it takes the key, and what the key may do. Every secret must be there.",
)
@click.option(
    "--against-running",
    is_flag=True,
    help="Also tell which alerts would open, close or change if this file were loaded now. Sends nothing.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "github", "json"]),
    default="text",
    show_default=True,
    help="How faults are told: for people, as workflow commands of GitHub, or as one JSON array.",
)
@click.option("--strict", is_flag=True, help="Exit 1 also for warnings.")
@click.pass_context
def check(context: click.Context, /, file: Path | None, form: str, **asked: bool) -> None:
    """Check the rules file FILE with all that it includes, and tell every fault with its place.

    Credentials that are absent here are warnings: the daemon may have them. Where there is a state, names that
    match nothing in it are warnings, too. Without --online nothing is sent anywhere; with it a key that may more
    than read, or is bound to no IP address, is a fault.
    """
    path = file if file is not None else config_path(context)
    if asked["against_running"] and (asked["online"] or form != "text"):
        raise click.UsageError("--against-running goes with neither --online nor --format; it knows --json")
    checked = _checked(path, online=asked["online"])
    if asked["against_running"] and checked.config is not None and not checked.problems:
        from daemon.commands.against import compare

        tell((), () if wants_json(context) else checked.warnings)
        compare(context, checked.config)
    elif wants_json(context):
        print_json(_as_json(checked, online=asked["online"]))
    elif form == "json":
        print_json(listed(checked.problems, checked.warnings))
    elif form == "github":
        tell_github(checked.problems, checked.warnings)
    else:
        _tell(checked)
    if checked.problems or (asked["strict"] and checked.warnings):
        quiet = wants_json(context) or form != "text"
        raise FoundFault("" if quiet else _summary(checked.problems, checked.warnings))


@dataclass(slots=True)
class _Checked:
    """What was found; `config` is None where the file cannot be accepted."""

    config: Config | None
    problems: list[Problem]
    warnings: list[Problem] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)


def _checked(path: Path, *, online: bool) -> _Checked:
    checked = _Checked(*_loaded(path))
    config = checked.config
    if config is None:
        return checked
    checked.warnings = [*config.warnings, *_strangers(config)]
    if not online:
        checked.problems = list(_bad_urls(config))
        checked.warnings += config.missing_secrets()
    else:
        checked.problems = [*_bad_urls(config), *config.missing_secrets()]
        checked.found = [] if checked.problems else _asked(config)
        for one in checked.found:
            checked.problems += one.placed(config.file, one.problems)
            checked.warnings += one.placed(config.file, one.warnings)
    checked.warnings = in_order(checked.warnings)
    return checked


def _strangers(config: Config) -> list[Problem]:
    """Compare with what the state knows, where there is one."""
    if not os.path.exists(config.daemon.state):  # noqa: PTH110  Path.exists raises where a folder may not be entered
        return []
    from daemon.commands.acquainted import known_to
    from daemon.config.strangers import strangers

    known, reason = known_to(config.daemon.state)
    if reason:
        return [Problem(config.file, None, None, None, "", f"its names were compared with nothing: {reason}")]
    return strangers(config, known)


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
        from notifiers.urls import check_url

        reason = check_url(url)
        if reason:
            yield config.placed(notifier.url, reason)


def _tell(checked: _Checked) -> None:
    for one in checked.found:
        click.echo(one.as_line())
    tell(checked.problems, checked.warnings)
    config = checked.config
    if config is not None and not checked.problems:
        counts = [
            counted(len(config.ruleset.rules), "rule"),
            counted(len(config.exchanges), "exchange"),
            counted(len(config.notifiers), "notifier"),
        ]
        click.echo(f"{config.file}: {', '.join(counts)}")


def _as_json(checked: _Checked, *, online: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "ok": not checked.problems,
        "problems": [plain(problem) for problem in checked.problems],
        "warnings": [plain(problem) for problem in checked.warnings],
    }
    return told | {"exchanges": [_plain_exchange(one) for one in checked.found]} if online else told


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
