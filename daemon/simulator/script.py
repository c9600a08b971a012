"""Incident scripts: a TOML file of things that happen to the venues, and their playing by relative time.

    [[incident]]
    at       = "5s"
    exchange = "binance"
    account  = "mm-1@desk.example"
    do       = "set"
    asset    = "USDT"
    free     = "18250.5"
    say      = "a market maker runs low on USDT"

`at` counts from the start. `actions.py` says what an action takes; `for` ends it again where it can be ended.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from daemon.simulator.actions import ACTIONS, Action, Arguments
from daemon.simulator.clock import NANOSECONDS_PER_SECOND, Clock
from daemon.simulator.venue import Venue

__all__ = ["DEMO", "Incident", "Script", "ScriptError", "load_script", "parse_script", "play"]

DEMO = Path(__file__).with_name("demo.toml")
"""The incidents of `subtally demo`."""

EXCHANGES = ("binance", "okx", "bitget")
COMMON = {"at", "exchange", "do", "say"}
DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
TYPE_WORDS = {str: "text", int: "a whole number", Decimal: "a number", bool: "true or false", dict: "a table"}


class ScriptError(Exception):
    """A script that cannot be read or played: which file and incident, what is wrong, and a hint if any."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that happens. `ends` marks the end of an earlier one with a `for`."""

    at_seconds: float
    exchange: str
    do: str
    arguments: Arguments
    say: str
    place: str
    ends: bool = False

    def happen(self, venue: Venue) -> None:
        """Act on the venue. Raises ScriptError when the venue as it stands does not allow it."""
        action = ACTIONS[self.do]
        act = action.undo if self.ends and action.undo is not None else action.act
        try:
            act(venue, self.arguments)
        except (LookupError, ValueError, TypeError) as error:
            raise ScriptError(f"{self.place}: {error}") from error


@dataclass(frozen=True, slots=True)
class Script:
    """Incidents in the order in which they happen."""

    incidents: tuple[Incident, ...]

    @property
    def duration_seconds(self) -> float:
        return self.incidents[-1].at_seconds if self.incidents else 0


def load_script(path: Path) -> Script:
    """Read a script file. Raises ScriptError naming the file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"{path}: {error}") from error
    return parse_script(text, path.name)


def parse_script(text: str, name: str = "script") -> Script:
    """Read a script. Raises ScriptError naming the incident by its number."""
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ScriptError(f"{name}: {error}") from error
    if unknown := set(tables) - {"incident"}:
        raise ScriptError(f"{name}: unknown key {min(unknown)!r}: a script holds [[incident]] tables only")
    rows = tables.get("incident", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ScriptError(f"{name}: write [[incident]], with two brackets")
    incidents = [
        incident
        for number, row in enumerate(rows, 1)
        for incident in _incidents(row, f"{name}: incident {number}")
    ]
    return Script(tuple(sorted(incidents, key=lambda incident: incident.at_seconds)))


async def play(
    script: Script,
    venues: Mapping[str, Venue],
    clock: Clock,
    on_incident: Callable[[Incident], None] | None = None,
) -> None:
    """Let every incident happen at its time after now. Lateness does not add up."""
    started_ns = clock.monotonic_ns()
    for incident in script.incidents:
        elapsed_seconds = (clock.monotonic_ns() - started_ns) / NANOSECONDS_PER_SECOND
        if incident.at_seconds > elapsed_seconds:
            await clock.sleep(incident.at_seconds - elapsed_seconds)
        incident.happen(venues[incident.exchange])
        if on_incident is not None:
            on_incident(incident)


def _incidents(row: Mapping[str, Any], place: str) -> Iterable[Incident]:
    """The incident, and its end if it has a `for`."""
    verb = _one_of(row, "do", ACTIONS, place)
    place = f"{place} ({verb})"
    exchange = _one_of(row, "exchange", EXCHANGES, place)
    at_seconds = _duration(row, "at", place)
    say = str(_typed(row, "say", (str,), place)) if "say" in row else f"{verb} at {exchange}"
    action = ACTIONS[verb]
    arguments = _arguments(row, action, place)
    yield Incident(at_seconds, exchange, verb, arguments, say, place)
    if "for" in arguments and action.undo is not None:
        yield Incident(
            at_seconds + arguments["for"], exchange, verb, arguments, f"over: {say}", place, ends=True
        )


def _arguments(row: Mapping[str, Any], action: Action, place: str) -> Arguments:
    known = {**action.required, **action.optional}
    for key in row:
        if key not in known and key not in COMMON:
            raise ScriptError(f"{place}: unknown key {key!r}{_hint(key, [*known, *COMMON])}")
    for key in action.required:
        if key not in row:
            raise ScriptError(f"{place}: {key!r} is missing")
    return {
        key: _duration(row, key, place) if key == "for" else _typed(row, key, types, place)
        for key, types in known.items()
        if key in row
    }


def _one_of(row: Mapping[str, Any], key: str, choices: Iterable[str], place: str) -> str:
    value = row.get(key)
    if value is None:
        raise ScriptError(f"{place}: {key!r} is missing")
    if not isinstance(value, str) or value not in choices:
        raise ScriptError(
            f"{place}: {key} = {value!r} is not one of {', '.join(choices)}{_hint(value, choices)}"
        )
    return value


def _typed(row: Mapping[str, Any], key: str, types: tuple[type, ...], place: str) -> Any:  # noqa: ANN401
    value = row[key]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        words = " or ".join(TYPE_WORDS[kind] for kind in types)
        raise ScriptError(f"{place}: {key} = {value!r} must be {words}")
    return value


def _duration(row: Mapping[str, Any], key: str, place: str) -> float:
    text = row.get(key)
    match = DURATION.fullmatch(text) if isinstance(text, str) and text else None
    if match is None:
        raise ScriptError(f'{place}: {key} = {text!r} is not a duration like "5s" or "1m30s"')
    hours, minutes, seconds = (Decimal(part or 0) for part in match.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def _hint(word: object, choices: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(word), list(choices), 1)
    return f"; did you mean {close[0]!r}?" if close else ""
