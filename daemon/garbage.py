"""When to look for garbage, and in what: of half a million balances a look into all of them holds up the loop."""

from __future__ import annotations

import gc
from typing import Final

from rules.world import World

GROWN_BY: Final = 256
"""So many wallets, and a quarter of those that are known, are looked through at most."""

EACH: Final = 256
"""Inputs after whose commit what is new is looked through: some milliseconds. A run of repetitions counts as one."""

OLDER_EACH: Final = 4
"""Of so many such looks one is into what the last ones left, too."""

OLDEST_EACH: Final = 256
"""Of so many one is into all that is not set aside: the interpreter makes none by itself where these forestall it."""


class Settled:
    """Sets aside what has settled, a few times while the World grows and never again: what goes later goes by itself.

    New objects are looked through after a commit. Before it there are twice as many, and most go by themselves with the
    commit. Nor would the interpreter look in time by itself: it counts what is new less all that goes, and what a
    reading replaces is old, so that of a World in which some goes and some comes the new may pile up unseen.

    Only rings of references need the look at all. The World's values make one alone: what a wallet told and what it
    holds since (`rules.repeats`), which is cut when the wallet tells something else. What is young and already garbage
    is collected first, so that it is not kept for ever.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._wallets = len(world.holdings)
        self._inputs = self._looks = 0

    def look(self, inputs: int) -> None:
        """After a commit of so many inputs."""
        self._inputs += inputs
        if self._inputs >= EACH:
            self._inputs, self._looks = 0, self._looks + 1
            gc.collect(sum(self._looks % each == 0 for each in (OLDER_EACH, OLDEST_EACH)))
        wallets = len(self._world.holdings)
        if wallets >= self._wallets * 5 // 4 + GROWN_BY:
            self._wallets = wallets
            gc.collect(1)
            gc.freeze()
