"""What venues and books state, taken into the fold."""

from __future__ import annotations

from rules import health
from rules.statements import Books, Prices, Transfers
from rules.step import Step


def transfers(step: Step, said: Transfers) -> None:
    """A venue's history proves what it names; what it lacks it does not deny."""
    if step.exchange(said.exchange) is None or step.state(said.exchange).stopped:
        return
    health.succeeded(step, said.exchange, said.began_ms, said.ended_ms)


def prices(step: Step, said: Prices) -> None:
    """Public prices, good for figures that were read near them."""
    if step.exchange(said.exchange) is None or step.state(said.exchange).stopped:
        return
    step.world.prices[said.exchange] = said


def books(step: Step, said: Books) -> None:
    """One read of the user's books; one with a problem leaves the last good one in place."""
    if not said.problem:
        step.world.books[said.name] = said
