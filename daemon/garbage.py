"""What the World has grown by is kept out of the look for garbage: of half a million balances it holds up the loop."""

from __future__ import annotations

import gc
from typing import Final

from rules.world import World

GROWN_BY: Final = 256
"""So many wallets, and a quarter of those that are known, are looked through at most."""


class Settled:
    """Sets aside what has settled, a few times while the World grows and never again: what goes later goes by itself.

    Only rings of references need the look at all. The World's values make one alone: what a wallet told and what it
    holds since (`rules.repeats`), which is cut when the wallet tells something else. What is young and already garbage
    is collected first, so that it is not kept for ever.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._wallets = len(world.holdings)

    def look(self) -> None:
        """After a commit."""
        wallets = len(self._world.holdings)
        if wallets >= self._wallets * 5 // 4 + GROWN_BY:
            self._wallets = wallets
            gc.collect(1)
            gc.freeze()
