"""The traps of issue 3, one test a row, over real HTTP: what is told, that nothing else is, and the recovery."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from daemon.exchanges import gates
from daemon.exchanges.calling import Caller
from daemon.exchanges.http import Timeouts
from daemon.simulator import Fault, named_fault
from tests.e2e.house import House, a_house
from tests.e2e.traps import (
    BALANCES,
    EMPTY_LIST,
    LISTS,
    SPOILT,
    VENUES,
    doubled,
    numbers,
    token,
    watching,
)

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are tried again at once, and patience with a slow answer is short: the tests stay quick."""
    monkeypatch.setattr(gates, "BACKOFF_FIRST_SECONDS", 0.02)
    monkeypatch.setattr(Caller, "TIMEOUTS", Timeouts(connect=1, silence=0.4, total=0.6))


# Answers that cannot be trusted


@pytest.mark.parametrize("trap", SPOILT)
@pytest.mark.parametrize("venue", VENUES)
async def test_law_1_a_spoilt_answer_changes_nothing_and_tells_nobody(
    house: House, venue: str, trap: str
) -> None:
    make, says = SPOILT[trap]
    async with watching(house, venue) as watch:
        figures, present = watch.figures, watch.present
        victim = None if venue == "bitget" else watch.model.accounts[-1].name
        fault = watch.spoil(BALANCES[venue], make(venue), victim)
        await watch.until(lambda: watch.hits >= 3 and any(says in reason for reason in watch.reasons))
        assert (watch.figures, watch.present, watch.told) == (figures, present, Counter())
        watch.model.faults.clear(fault)
        await watch.incident()
        await watch.incident(watch.labels[-1], "8.25")
