"""What fails of one exchange, as the log says it: once when it begins and once when it ends.

While some call succeeds, what fails is one account or one call, and is named. Where nothing succeeds it is the
exchange: one line for all of it. A single failure that is tried again soon and mends is no line: the metrics count
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from rules.model import Failure, FailureKind, Identity

log = structlog.get_logger(__name__)

Part = Identity | str
"""An account, or the name of a call that is about no single one."""

ROW = 5
"""So many failures in a row, and nothing between them that succeeded, are an outage; so many successes its end."""

LONGEST_MS = 10_000
"""An exchange of few calls is down when none of them succeeded for so long."""

TWICE = 2

_OF_ALL = frozenset({FailureKind.BANNED, FailureKind.KEY})
"""What concerns every call, and is not tried again soon."""

_ANSWERED = frozenset({FailureKind.DENIED, FailureKind.ACCOUNT})
"""A refusal that only a venue which works can give."""


@dataclass(slots=True)
class _Failing:
    """A part that failed at its last call. `said` is whether it has a line."""

    reason: str
    since_ms: int
    times: int = 0
    said: bool = False
    alone: bool = False  # another call that began later succeeded


class Outage:
    """The failures of one exchange."""

    def __init__(self, exchange: str) -> None:
        self._log = log.bind(exchange=exchange)
        self._parts: dict[Part, _Failing] = {}
        self._down = False
        self._row = 0
        self._began_ms = 0
        self._successes = 0

    def failed(self, part: Part, failure: Failure) -> None:
        """A call told nothing. What the rest of the program says of a refused endpoint is not said here."""
        if failure.kind is FailureKind.ENDPOINT:
            return
        answered = failure.kind in _ANSWERED
        if not answered:
            self._count(failure)
        if not self._down:
            self._name(part, failure, alone=answered)

    def succeeded(self, *parts: Part, began_ms: int) -> None:
        """A call that began then told something, about all of these."""
        self._row = 0
        if not (self._parts or self._down):
            return
        if self._down:
            self._successes += 1
            if self._successes >= ROW:
                self._down = False
                self._log.info("exchange.answers_again")
            return
        for part in parts:
            failing = self._parts.pop(part, None)
            if failing is not None and failing.said:
                self._say("info", "answers_again", part)
        for other in self._parts.values():
            other.alone = other.alone or began_ms > other.since_ms

    def keep_only(self, accounts: set[Identity]) -> None:
        """Forget the accounts that are read no more."""
        self._parts = {
            part: one for part, one in self._parts.items() if isinstance(part, str) or part in accounts
        }

    def _count(self, failure: Failure) -> None:
        self._successes = 0
        self._row += 1
        if self._row == 1:
            self._began_ms = failure.at_ms
        lasting = self._row > 1 and failure.at_ms - self._began_ms >= LONGEST_MS
        if not self._down and (self._row >= ROW or lasting or failure.kind in _OF_ALL):
            self._down = True
            self._parts = {part: one for part, one in self._parts.items() if one.said}
            self._log.warning("exchange.failing", kind=failure.kind, reason=failure.reason)

    def _name(self, part: Part, failure: Failure, *, alone: bool) -> None:
        failing = self._parts.setdefault(part, _Failing(failure.reason, failure.at_ms))
        failing.times += 1
        if failing.said and failing.reason == failure.reason:
            return
        long = failure.until_ms is not None and failure.until_ms - failure.at_ms >= LONGEST_MS
        if long or (failing.times >= TWICE and (alone or failing.alone)):
            failing.said, failing.reason = True, failure.reason
            self._say("warning", "failing", part, reason=failure.reason)

    def _say(self, level: str, word: str, part: Part, **facts: Any) -> None:  # noqa: ANN401
        say = getattr(self._log, level)
        if isinstance(part, Identity):
            say(f"account.{word}", account=part.label, **facts)
        else:
            say(f"call.{word}", call=part, **facts)


__all__ = ["Outage", "Part"]
