"""Which rules a start runs on: the file, or with a bad file the last accepted text (law 10)."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yarl import URL

from daemon import exchanges
from daemon.config import Config, ConfigError, load, parse
from daemon.config.differences import Change, differences
from daemon.errors import CannotRun
from daemon.resolved import credentials_of
from rules.model import RulesRejected
from rules.ruleset import Ruleset
from rules.world import World
from state.errors import StateError
from state.threaded import AsyncStore

if TYPE_CHECKING:
    from notifiers.way import Way

STATE_FILE = "subtally.db"


@dataclass(frozen=True, slots=True)
class Started:
    """The configuration in force, the open store, the World as it was left, what was refused, what was edited."""

    config: Config
    store: AsyncStore
    world: World
    rejected: ConfigError | None
    edited: tuple[Change, ...] = ()


async def start_up(path: Path) -> Started:
    """Load the file and open the state. Raises CannotRun where neither file nor state gives rules to run on."""
    config, rejected = _try_load(path)
    state = config.daemon.state if config is not None else state_path_of(path)
    if rejected is not None and not state.exists():
        raise CannotRun(str(rejected))
    try:
        store = await AsyncStore.open(state, migrate=True)
    except StateError as error:
        raise CannotRun(str(error)) from error
    try:
        return await _with_store(path, store, config, rejected)
    except BaseException:
        await store.close()
        raise


async def _with_store(
    path: Path, store: AsyncStore, config: Config | None, rejected: ConfigError | None
) -> Started:
    kept = await store.accepted_rules()
    before = None
    if kept is not None and config is not None and kept.sources == config.ruleset.sources:
        before = config  # the same texts mean the same; to read many takes longer than to load the state
    elif kept is not None:
        try:
            before = parse(kept.sources, path.parent)
        except ConfigError:
            before = None  # an older program accepted what this one refuses
    if config is None:
        if before is None or rejected is None:
            raise CannotRun(str(rejected) if rejected else f"{path}: no rules to run on")
        config = before
    check_secrets(config, notifiers=False)
    try:
        world = await store.load(before.ruleset if before else Ruleset())
    except StateError as error:
        raise CannotRun(str(error)) from error
    edited = differences(kept.sources, config.ruleset.sources) if kept is not None else ()
    return Started(config, store, world, rejected, edited)


def check_secrets(config: Config, *, notifiers: bool = True) -> None:
    """Every secret can be had and is fit for its use; raises CannotRun with all that is wrong. Nobody is asked.

    Without `notifiers` their addresses are left for `check_notifiers`, which takes time to load what sends to them.
    """
    problems = [str(problem) for problem in config.missing_secrets()]
    if not problems:
        problems += _unfit_addresses(config) if notifiers else []
        problems += _unfit_keys(config)
        heartbeat = config.daemon.heartbeat_url
        if heartbeat is not None and not _is_web_address(heartbeat.resolve()):
            problems.append(f"{config.file}: daemon: heartbeat_url: it is not an http or https address")
    _refuse(problems)


def check_notifiers(config: Config) -> None:
    """What `check_secrets` leaves out: that the address of every notifier is one that something sends to."""
    _refuse(list(_unfit_addresses(config)))


def _refuse(problems: list[str]) -> None:
    if problems:
        raise CannotRun("\n".join(problems))


def _unfit_addresses(config: Config) -> Iterator[str]:
    from notifiers.urls import check_url  # noqa: PLC0415  a start asks its venues first

    for notifier in config.notifiers:
        fault = check_url(notifier.url.resolve())
        if fault:
            yield f'{config.file}: notifier "{notifier.settings.name}": url: {fault}'


def _is_web_address(url: str) -> bool:
    try:
        parsed = URL(url)
        return parsed.scheme in {"http", "https"} and bool(parsed.host)
    except ValueError:
        return False


def _unfit_keys(config: Config) -> Iterator[str]:
    """Found out now, and not when half of a reload is done."""
    for exchange in config.exchanges:
        settings = exchange.settings
        try:
            # With budgets of its own: a client that never calls must not touch those that are in use.
            exchanges.make(settings, credentials_of(exchange), exchange.base_url, exchange.budget, lambda: 0)
        except ValueError as error:
            yield f'{config.file}: exchange "{settings.name}": {error}'


def make_sender(name: str, url: str, *, charts: bool | None = None) -> Way:
    """A notifier's way out; raises CannotRun naming it, never the URL."""
    from notifiers.service import BadUrl  # noqa: PLC0415  as above
    from notifiers.way import open_way  # noqa: PLC0415

    try:
        return open_way(name, url, charts=charts)
    except BadUrl as error:
        raise CannotRun(f'notifier "{name}": url: {error}') from error


def first_problem(path: Path, error: ConfigError | CannotRun, at_ms: int) -> RulesRejected:
    """What the alert says of a refused file: file, line and reason of the first fault, and how many there are."""
    if isinstance(error, CannotRun):
        lines = str(error).splitlines()
        return RulesRejected(at_ms, str(path), lines[0] + _more(len(lines)))
    problem = error.problems[0]
    return RulesRejected(at_ms, problem.where, problem.reason + _more(len(error.problems)))


def state_path_of(path: Path) -> Path:
    """Where the state is, as far as a refused file still tells."""
    name = STATE_FILE
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8")).get("daemon", {}).get("state")
        name = said if isinstance(said, str) and said else STATE_FILE
    except (OSError, ValueError, AttributeError):
        name = STATE_FILE
    folder = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(folder or path.parent) / name


def _try_load(path: Path) -> tuple[Config | None, ConfigError | None]:
    try:
        return load(path), None
    except ConfigError as error:
        return None, error


def _more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""


__all__ = [
    "Started",
    "check_notifiers",
    "check_secrets",
    "first_problem",
    "make_sender",
    "start_up",
    "state_path_of",
]
