"""What a commit gives an idle lane to send is claimed in the same transaction (laws 6 and 7)."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from rules.model import Identity, ListedAccount, Listing, Reading, Severity, Start
from rules.ruleset import NotifierSettings, RulesAccepted, Ruleset, Settings
from state import outbox
from state.errors import BusyError
from state.store import Store
from tests.e2e.desk import T0_MS, Desk, Watched, a_desk
from tests.engine import binance, low
from tests.unit.notifiers_recorder import Recorder, recording

RULESET = Ruleset(
    Settings(gather_ms=0),
    {"x": binance()},
    {"slack": NotifierSettings("slack", Severity.INFO)},
    (low("floor", {"warning": "60"}, confirm=1),),
    sources=(("rules.toml", "# known"),),
    digest="known",
)


WHO = Identity(venue_id="id-mm-1", email="mm-1")


def listed(second: int) -> Listing:
    at_ms = T0_MS + second * 1_000
    return Listing("x", "list", at_ms - 100, at_ms, complete=True, accounts=(ListedAccount(WHO),))


def read(second: int, free: str) -> Reading:
    at_ms = T0_MS + second * 1_000
    return Reading.of("x", WHO, "spot", at_ms - 100, at_ms, ("free", "locked"), {"USDT": (free, "0")})


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as found:
        yield found


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with a_desk(tmp_path) as made:
        made.settings = Settings(gather_ms=0)
        made.engine.claimers = lambda _batch: made.lanes.values()
        made.engine.start()
        made.engine.judge_now(RulesAccepted(made.now_ms, RULESET))
        made.engine.judge_now(Start(made.now_ms))
        made.now_ms += 120_000  # past the first look at the rules
        made.engine.judge_now(listed(118))
        made.engine.judge_now(read(119, "100"))
        await made.engine.settled()
        yield made
        await made.engine.close()


async def idle_lane(desk: Desk, recorder: Recorder) -> Watched:
    lane = desk.open("slack", recorder.url())
    await desk.quiet()
    await desk.store.counts()  # after what the lane asks before it rests, on the same thread
    await asyncio.sleep(0)
    assert lane._resting
    return lane


async def crosses(desk: Desk, second: int, free: str = "50") -> None:
    desk.now_ms += 1_000
    desk.engine.judge_now(read(second, free))
    await desk.engine.settled()


async def outcomes(desk: Desk) -> list[str]:
    (row,) = await desk.rows()
    return [attempt.outcome for attempt in await desk.store.attempts(row.message or "")]


async def test_laws_6_and_7_one_transaction_judges_and_claims(
    desk: Desk, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    await idle_lane(desk, recorder)
    begun: list[str] = []

    def trace(store: Store) -> None:
        store._db.conn.set_trace_callback(
            lambda text: begun.append(text) if text.startswith("BEGIN") else None
        )

    await desk.store.run(trace)
    sent = asyncio.Event()
    loop, lane = asyncio.get_running_loop(), desk.lanes["slack"]
    at_send: list[int] = []
    send = lane.sender.send

    async def noted(*given: Any) -> Any:
        at_send.append(len(begun))
        loop.call_soon(sent.set)
        return await send(*given)

    monkeypatch.setattr(lane.sender, "send", noted)
    await crosses(desk, 121)
    await asyncio.wait_for(sent.wait(), 30)
    assert at_send == [1], "the claim was a second transaction"
    await desk.quiet()
    assert await outcomes(desk) == ["delivered"]


async def test_law_7_a_lane_closed_while_a_commit_claims_for_it_leaves_the_message_to_the_next_one(
    desk: Desk, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = await idle_lane(desk, recorder)
    begun, go = threading.Event(), threading.Event()
    claim = outbox.claim

    def slow(*given: Any) -> Any:
        begun.set()
        go.wait(30)
        return claim(*given)

    monkeypatch.setattr(outbox, "claim", slow)
    desk.now_ms += 1_000
    desk.engine.judge_now(read(121, "50"))
    await asyncio.to_thread(begun.wait, 30)
    closing = asyncio.create_task(lane.close())
    await asyncio.sleep(0)
    go.set()
    await closing
    assert recorder.requests == []
    assert await outcomes(desk) == ["failed"], "what nobody began to send is not perhaps delivered"
    desk.open("slack", recorder.url())
    await desk.quiet()
    assert await outcomes(desk) == ["failed", "delivered"]


async def test_law_6_a_fault_in_a_claim_stands_in_the_way_of_no_commit(
    desk: Desk, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    await idle_lane(desk, recorder)
    claim, faults = outbox.claim, [RuntimeError("a fault of ours")]

    def faulty(*given: Any) -> Any:
        if faults:
            raise faults.pop()
        return claim(*given)

    monkeypatch.setattr(outbox, "claim", faulty)
    await crosses(desk, 121)
    assert not faults
    assert not desk.engine.ended
    await desk.quiet()
    assert await outcomes(desk) == ["delivered"]


async def test_law_7_what_a_refused_commit_would_have_claimed_is_told_once_it_is_written(
    desk: Desk, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    await idle_lane(desk, recorder)
    write, refused = desk.store.write, [BusyError("write", desk.store.path, "is locked", "wait")]

    async def refusing(*given: Any) -> Any:
        if refused:
            raise refused.pop()
        return await write(*given)

    monkeypatch.setattr(desk.store, "write", refusing, raising=False)
    await crosses(desk, 121)
    await desk.quiet()
    assert await outcomes(desk) == ["delivered"]
    (told,) = recorder.requests
    assert "mm-1" in json.loads(told[2])["message"]
