"""Law 11: what was spent is kept of every exchange, though the file is edited meanwhile."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from daemon.app import App
from daemon.startup import Started
from rules.world import World


def poller(name: str) -> Any:
    return SimpleNamespace(venue=SimpleNamespace(spent=lambda: {"used": name}))


@pytest.mark.parametrize("edit", ["added", "taken away"])
async def test_an_edit_that_comes_while_the_limits_of_one_exchange_are_kept_loses_those_of_no_other(
    edit: str,
) -> None:
    kept: list[str] = []

    async def save_limits(name: str, _spent: str, _now_ms: int) -> None:
        kept.append(name)
        if len(kept) > 1:
            return
        if edit == "added":
            app.pollers["d"] = poller("d")
        else:
            del app.pollers["b"]

    store = SimpleNamespace(save_limits=save_limits)
    app = App(Path("rules.toml"), cast("Started", SimpleNamespace(config=None, store=store, world=World())))
    app.pollers = {name: poller(name) for name in "abc"}
    await app._keep_limits()
    assert {"a", "c"} <= set(kept)
    await app._keep_limits()
    assert set(app.pollers) <= set(kept)
    assert len(kept) == len(set(kept)), "what is the same as last time is not kept again"
