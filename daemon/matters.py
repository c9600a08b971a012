"""Which accounts of one exchange matter now, told from its readings as they come; asked for the order of the next ones.

A balance is looked at again only when it changed, so that a sweep costs one look at each change. It says nothing to
the engine: the log holds the readings in whatever order they were made (law 13).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from rules.model import Reading
from rules.outcome import Outcome
from rules.ruleset import Ruleset
from rules.step import Step
from rules.urgency import Urgency, assets_of, near, near_in_value, opened, opened_about
from rules.world import World

CHANGED_FOR: Final = 2
"""After a change the wallet matters for so many readings, each counted anew from the last change."""

_VALUE: Final = ""
"""In place of an asset: the valuations."""


class Matters:
    """What was seen of the accounts of one exchange. Empty after a start: each account is learned at its reading."""

    def __init__(self, exchange: str, world: World) -> None:
        self._exchange = exchange
        self._world = world
        self._ruleset: Ruleset | None = None
        self._seen: set[tuple[int, str]] = set()  # (account, wallet) whose every asset was looked at
        self._near: dict[int, set[str]] = {}
        self._changed: dict[tuple[int, str], int] = {}  # for so many readings to come
        self._opened: dict[int, Urgency] = {}  # at the last look over all

    def heard(self, key: int, reading: Reading, outcome: Outcome, now_ms: int) -> None:
        """A reading of an account has been judged."""
        if self._ruleset is not self._world.ruleset:
            self._ruleset = self._world.ruleset
            self._seen.clear()
            self._near.clear()
        place = (key, reading.wallet)
        first = place not in self._seen
        if not (first or outcome.changes or place in self._changed or reading.values is not None):
            return  # all is as it was at the last look
        changes = [one for one in outcome.changes if (one.account, one.wallet) == place]
        self._seen.add(place)
        # At the very first reading of a wallet all is new, and nothing changed.
        if changes and (not first or any(one.before is not None for one in changes)):
            self._changed[place] = CHANGED_FOR
        elif place in self._changed:
            self._changed[place] -= 1
            if not self._changed[place]:
                del self._changed[place]
        self._look(Step(self._world, now_ms), key, reading, {one.asset for one in changes}, first=first)

    def rank(self, key: int) -> Urgency:
        """How much an account matters now."""
        account = self._world.accounts.get(key)
        if account is None or not account.present:
            return Urgency.NONE
        own = max(opened_about(self._world, account), self._opened.get(key, Urgency.NONE))
        if own is not Urgency.NONE:
            return own
        if key in self._near:
            return Urgency.NEAR
        changed = any((key, wallet) in self._changed for wallet in self._world.index.wallets.get(key, ()))
        return Urgency.CHANGED if changed else Urgency.NONE

    def all(self) -> set[int]:
        """The accounts that matter, looked up anew: a walk over what is open, near or changed and no more."""
        self._opened = opened(self._world, self._exchange)
        return {*self._opened, *self._near, *(key for key, _ in self._changed)}

    def keep_only(self, keys: Collection[int]) -> None:
        """Forget what was seen of all other accounts."""
        self._seen = {place for place in self._seen if place[0] in keys}
        self._near = {key: assets for key, assets in self._near.items() if key in keys}
        self._changed = {place: left for place, left in self._changed.items() if place[0] in keys}

    def _look(self, step: Step, key: int, reading: Reading, assets: set[str], *, first: bool) -> None:
        account = self._world.accounts[key]
        if first:
            assets |= assets_of(step, account, reading.wallet)
        found = near(step, account, assets)
        if reading.values is not None:
            assets.add(_VALUE)
            if near_in_value(step, account):
                found.add(_VALUE)
        left = (self._near.get(key, set()) - assets) | found
        if left:
            self._near[key] = left
        else:
            self._near.pop(key, None)
