"""The fold over a window of the log: under the rules as they were recorded, or under others from its begin on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from daemon.config import ConfigError, parse
from daemon.errors import CannotRun
from daemon.replay.ticks import Ticks
from daemon.replay.told import Told, told_of
from rules.checkpoint import restore
from rules.judge import Input, judge
from rules.model import RulesRejected, Start, Tick
from rules.outcome import Transition
from rules.ruleset import RulesAccepted, Ruleset
from rules.world import World
from state.store import Store

Progress = Callable[[int], None]
"""Hears the time of each input that was folded in."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is asked about: from `from_ms` on, before `to_ms`; UTC milliseconds."""

    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Judged:
    """What followed from one input inside the window."""

    transitions: tuple[Transition, ...]
    told: tuple[Told, ...]


class Replay:
    """Folds of one state file. Raises StateError, and CannotRun where recorded rules can no longer be read."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._rulesets: dict[str, Ruleset] = {}

    def recorded(self, window: Window, progress: Progress) -> Iterator[Judged]:
        """Under the rules as they were in force and edited: exactly what the daemon lived."""
        world, entries = self._begin(window)
        for now_ms, entry in entries:
            if now_ms >= window.to_ms:
                progress(window.to_ms)
                continue  # a clock set back may bring later ones into the window again
            judged = _judged(world, entry, now_ms)
            progress(now_ms)
            if judged is not None and now_ms >= window.from_ms:
                yield judged

    def under(self, ruleset: Ruleset, window: Window, progress: Progress) -> Iterator[Judged]:
        """As if `ruleset` had come into force at the begin of the window and stayed: recorded edits are left out.

        The log holds only the ticks at which something was due under its own rules, so that here time is made:
        one tick whenever something is due, but none while the daemon was down.
        """
        world, entries = self._begin(window)
        begun = False
        ticks = Ticks(window.from_ms)
        for now_ms, entry in entries:
            if now_ms >= window.to_ms:
                progress(window.to_ms)
                continue
            if now_ms < window.from_ms and not begun:
                _judged(world, entry, now_ms)
                progress(now_ms)
                continue
            if not begun:
                begun = True
                yield from _some(_judged(world, RulesAccepted(window.from_ms, ruleset), window.from_ms))
            if isinstance(entry, Tick | RulesAccepted | RulesRejected):
                continue
            if isinstance(entry, Start):
                ticks.start(now_ms)
            else:
                for due_ms in ticks.until(world, now_ms):
                    yield from _some(_judged(world, Tick(due_ms), due_ms))
            yield from _some(_judged(world, entry, now_ms))
            progress(now_ms)

    def span(self) -> tuple[int, int] | None:
        """When the first and the last input on record were judged, about; None where the log is empty."""
        return self._store.log_span()

    def _begin(self, window: Window) -> tuple[World, Iterator[tuple[int, Input]]]:
        """The World before the first input of the log, or at the checkpoint before the window, and what follows."""
        origin = self._store.origin(window.from_ms)
        world = World()
        if origin.checkpoint is not None:
            world = restore(origin.checkpoint, self._ruleset(origin.checkpoint.digest))
        return world, ((now, entry) for _, now, entry in self._store.log(self._ruleset, origin.seq))

    def _ruleset(self, digest: str) -> Ruleset:
        if digest not in self._rulesets:
            self._rulesets[digest] = self._read(digest)
        return self._rulesets[digest]

    def _read(self, digest: str) -> Ruleset:
        kept = self._store.rules_of(digest) if digest else None
        if not digest:
            return Ruleset()
        if kept is None:
            raise CannotRun(
                f"{self._store.path}: the rules {digest[:12]} that the log names are not on record"
            )
        try:
            return parse(kept.sources, self._folder).ruleset
        except ConfigError as error:
            raise CannotRun(
                f"rules that were in force then are refused by this version of Subtally: {error.problems[0]}"
            ) from error


def _judged(world: World, entry: Input, now_ms: int) -> Judged | None:
    outcome = judge(world, entry, now_ms)
    if not outcome.transitions and not outcome.notifications:
        return None
    return Judged(tuple(outcome.transitions), tuple(told_of(world, outcome, now_ms)))


def _some(judged: Judged | None) -> Iterator[Judged]:
    if judged is not None:
        yield judged
