"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.house import House, a_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A small simulator, three sub-accounts per venue, and a recorder."""
    async with a_house(tmp_path) as made:
        yield made
