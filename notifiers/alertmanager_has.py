"""What an Alertmanager has active by its own word, so that nothing that another daemon ended there begins again.

Of a pair of daemons one reads a balance before the other does, and ends its alert there first. Until the other has
read it, too, that one still holds it for firing: what it then posts would be told anew, and be ended a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from rules.model import Severity

Labels: TypeAlias = frozenset[tuple[str, str]]

FORGET_MS: Final = 24 * 3_600_000
"""So long it is remembered of what nobody here holds for firing that it was there and is gone."""

_MOST_PATTERN: Final = 3_000  # characters of the names in one request: what every proxy lets through, encoded


class UnseenError(Exception):
    """What is active cannot be seen, and why."""


class Has:
    """What was active at the last look, and since when what had been there is gone."""

    def __init__(self) -> None:
        self._active: set[Labels] = set()
        self._gone_ms: dict[Labels, int] = {}

    def looked(
        self, names: Iterable[str], found: set[Labels], told: AbstractSet[Labels], now_ms: int
    ) -> None:
        """Take in one look at the alerts with these names; `told` are those that this daemon has told there."""
        asked = set(names)
        there = {labels for labels in self._active if _name(labels) in asked}
        for labels in (there | told) - found:
            self._gone_ms.setdefault(labels, now_ms)
        self._active = (self._active - there) | found
        for labels in [one for one, since_ms in self._gone_ms.items() if now_ms - since_ms > FORGET_MS]:
            if labels not in told:
                del self._gone_ms[labels]
        for labels in found & self._gone_ms.keys():
            del self._gone_ms[labels]

    def forget_others(self, names: Iterable[str]) -> None:
        """Nothing of ours fires but what has one of these names."""
        wanted = set(names)
        self._active = {labels for labels in self._active if _name(labels) in wanted}

    def is_active(self, labels: Labels) -> bool:
        return labels in self._active

    def gone_ms(self, labels: Labels) -> int | None:
        """When it was first seen gone; None where it is there or never was."""
        return self._gone_ms.get(labels)

    def graver_is_active(self, labels: Labels) -> bool:
        """Whether the same alert is there with a higher severity, by which it was raised."""
        own = Severity(dict(labels)["severity"])
        others = labels - {("severity", own.value)}
        return any(
            others | {("severity", one.value)} in self._active for one in Severity if one.rank > own.rank
        )

    def posted(self, labels: Labels) -> None:
        """It fires there by our own word."""
        self._active.add(labels)
        self._gone_ms.pop(labels, None)

    def ended(self, labels: Labels) -> None:
        """It ended there by our own word: what has these labels from now on is another alert."""
        self._active.discard(labels)
        self._gone_ms.pop(labels, None)


def queries(names: Iterable[str]) -> Iterator[str]:
    """The queries that ask for the active alerts with these names, silenced and inhibited ones included."""
    group: list[str] = []
    for name in sorted(set(names)):
        pattern = _literally(name)
        if group and sum(map(len, group)) + len(group) + len(pattern) > _MOST_PATTERN:
            yield _query(group)
            group = []
        group.append(pattern)
    if group:
        yield _query(group)


def labels_in(body: bytes) -> set[Labels]:
    """The label sets of an answer. Raises UnseenError where it is none."""
    import msgspec  # noqa: PLC0415 - `check` needs none. It skips what is not asked for, which is most of it.

    try:
        alerts = msgspec.json.decode(body, type=list[dict[str, msgspec.Raw]])
        found = [msgspec.json.decode(alert["labels"], type=dict[str, str]) for alert in alerts]
    except (msgspec.MsgspecError, KeyError):
        raise UnseenError("the answer is no list of alerts with labels") from None
    return {frozenset(labels.items()) for labels in found}


def labels_of(alert: dict[str, Any]) -> Labels:
    """What makes an alert the same as another there."""
    return frozenset(alert["labels"].items())


def _name(labels: Labels) -> str:
    return next((value for name, value in labels if name == "alertname"), "")


def _literally(name: str) -> str:
    """The name as a regular expression of Go that means nothing but itself."""
    return "".join(f"\\{one}" if one.isascii() and not one.isalnum() else one for one in name)


def _query(patterns: Sequence[str]) -> str:
    pattern = "|".join(patterns).replace("\\", "\\\\").replace('"', '\\"')
    matcher = quote(f'alertname=~"{pattern}"', safe="")
    return f"active=true&silenced=true&inhibited=true&unprocessed=true&filter={matcher}"


__all__ = ["Has", "Labels", "UnseenError", "labels_in", "labels_of", "queries"]
