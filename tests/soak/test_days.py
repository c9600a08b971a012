"""Nothing that the daemon holds grows with the days: memory, descriptors, tasks and the state level off."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.traps import RULES
from tests.soak.days import soaked, thirds

DAYS = 0.3
"""Seven hours with a retention of two. Events stay open for 24 h, so the rule that makes most of them is left out."""

WITHOUT_MOVES = "[[rule]]\n".join(part for part in RULES.split("[[rule]]\n") if "balance_change" not in part)


@pytest.mark.timeout(170)
async def test_hours_of_incidents_leave_nothing_behind(tmp_path: Path) -> None:
    soak = await soaked(tmp_path, DAYS, WITHOUT_MOVES, step_seconds=300)
    assert len(soak.incidents) >= 8
    assert soak.told > 5
    for figure, share, slack in (
        ("rss_bytes", 1.03, 4 << 20),
        ("descriptors", 1.0, 4),
        ("tasks", 1.0, 12),
        ("database_bytes", 1.1, 256 << 10),
        ("objects", 1.03, 2_000),
    ):
        middle, last = thirds(soak, figure)
        assert last <= middle * share + slack, (figure, middle, last)
