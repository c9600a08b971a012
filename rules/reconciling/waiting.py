"""Waiting: until when changes whose own window is not over may still hide the other side of one whose window is."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from rules.ledger import LegKey
from rules.reconciling import legs
from rules.step import Step


class Latest(NamedTuple):
    """The last end of a change up to a place, whose account it is, and the last end of another account's."""

    at_ms: int
    account: int
    other_ms: int


class Waiting:
    """The open changes of one exchange as they are at the beginning of a look, for many questions."""

    def __init__(self, step: Step, exchange: str, within_ms: int) -> None:
        self._step, self._exchange, self.within_ms = step, exchange, within_ms
        self._known: dict[str, tuple[list[int], list[Latest]]] = {}

    def until_ms(self, key: LegKey) -> int | None:
        """When the last window ends of the changes of other accounts near a leg; None where all are over.

        What moved against other coins is a trade, which hides no movement of equal amounts.
        """
        if key.asset not in self._known:
            self._known[key.asset] = self._of(key.asset)
        begins, latest = self._known[key.asset]
        place = bisect_right(begins, key.at_ms + self.within_ms)
        if not place:
            return None
        last = latest[place - 1]
        at_ms = last.at_ms if last.account != key.account else last.other_ms
        return at_ms + self.within_ms if at_ms >= 0 else None

    def _of(self, asset: str) -> tuple[list[int], list[Latest]]:
        """The beginnings of the open changes in order, and the latest of those that begin no later than each."""
        open_: list[tuple[int, int, int]] = []
        for key in reversed(legs.of_asset(self._step, self._exchange, asset)):
            if key.at_ms + self.within_ms <= self._step.now_ms:
                break
            leg = self._step.world.legs[key]
            if legs.is_open(leg) and not leg.traded:
                open_.append((leg.from_ms, key.at_ms, key.account))
        latest, last = [], Latest(-1, -1, -1)
        for _, at_ms, account in sorted(open_):
            if account == last.account:
                last = last._replace(at_ms=max(at_ms, last.at_ms))
            elif at_ms > last.at_ms:
                last = Latest(at_ms, account, last.at_ms)
            else:
                last = last._replace(other_ms=max(at_ms, last.other_ms))
            latest.append(last)
        return [begin for begin, _, _ in sorted(open_)], latest
