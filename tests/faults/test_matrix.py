"""Every way in which a venue can fail, over real sockets: it is said once, survived, and nothing is lost.

A row is a fault, a column a venue and what the daemon was doing when it struck. One daemon has an exchange for
each row, so the rows also prove that no exchange is disturbed by the others.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from daemon import outage
from daemon.exchanges import gates
from daemon.exchanges.binance import Binance
from daemon.exchanges.bitget import Bitget
from daemon.exchanges.calling import Caller
from daemon.exchanges.http import Timeouts
from daemon.exchanges.okx import Okx
from tests.e2e.traps import widened
from tests.faults.outage import (
    ASKED_TO_WAIT_SECONDS,
    FAULTS,
    INCIDENTS,
    LATE,
    Hospital,
    Ward,
    hospital,
)

ROWS = os.environ.get("FAULTS", "").split() or list(FAULTS)
"""FAULTS="418 429" tries these only."""

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience and backoffs are short, slots are many; nothing else is other than in service."""
    monkeypatch.setattr(gates, "BACKOFF_FIRST_SECONDS", 0.25)
    monkeypatch.setattr(outage, "LONGEST_MS", 1_500)
    monkeypatch.setattr(Caller, "TIMEOUTS", Timeouts(connect=0.7, silence=0.7, total=1.2))
    for client in (Binance, Okx, Bitget):
        wide = {name: replace(one, limit=widened(one.limit)) for name, one in client.ENDPOINTS.items()}
        monkeypatch.setattr(client, "ENDPOINTS", wide)
        monkeypatch.setattr(client, "LIMITED_SECONDS", (1, 2))
        monkeypatch.setattr(client, "BANNED_SECONDS", (2,))


@pytest.mark.parametrize("phase", ["listing", "reading"])
@pytest.mark.parametrize("venue", ["binance", "okx", "bitget"])
async def test_each_fault_is_survived_said_once_and_loses_nothing(
    tmp_path: Path, venue: str, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hospital(tmp_path, venue, ROWS, monkeypatch) as room:
        wards = room.wards.values()
        for ward in wards:
            ward.strike_while(phase, FAULTS[ward.name])
        await room.until(lambda: all(ward.outage_told for ward in wards))
        during = {ward.name: set(ward.told) for ward in wards}
        for ward in wards:
            await ward.proxy.heal()
        await room.until(lambda: all(ward.over for ward in wards))
        await room.sweeps(wards, 3)
        wrong = {ward.name: found for ward in wards if (found := _wrong(room, ward, during[ward.name]))}
        assert wrong == {}
        assert [line for line in room.logged if line["log_level"] in {"error", "critical"}] == []
        await room.until(lambda: all(alert in room.recorder.text for w in wards for alert in w.alerts))
        untold = {ident for ward in wards for ident in ward.alerts if ident not in room.recorder.text}
        assert untold == set()
        _assert_nothing_leaked(room)
    _assert_no_secret_on_disk(room)


def _wrong(room: Hospital, ward: Ward, during: set[str]) -> list[str]:
    """Everything that is not as it must be."""
    found = []
    if not ward.proxy.struck.is_set():
        found.append("the fault did not strike")
    if ward.told - ward.outage != INCIDENTS:
        found.append(f"told {dict(ward.told - ward.outage)} of what happened")
    # The answer to a listing that was asked before the fault may still come in, and be told.
    if any(not said.endswith(("stale-exchange", "ban", "event new")) for said in during):
        found.append(f"told during the fault: {sorted(during)}")
    if any(count != 1 for count in ward.outage.values()) or not ward.outage_told:
        found.append(f"told of the outage: {dict(ward.outage)}")
    if ward.labels.get("new") not in ([LATE], [ward.model.account(LATE).label]):
        found.append(f"new: {ward.labels.get('new')}")
    found += _wrong_lines(room, ward)
    if any(request.method != "GET" for request in ward.proxy.requests):
        found.append("something but GET was sent (law 12)")
    if "Retry-After" in "".join(FAULTS[ward.name].headers):
        found += _early(ward)
    return found


def _wrong_lines(room: Hospital, ward: Ward) -> list[str]:
    """The log has a line for the beginning and one for the end; the account that was deleted is denied by name."""
    lines = [line for line in room.logged if line.get("exchange") == ward.name]
    said = Counter(line["event"] for line in lines if line.get("account") != ward.removed)
    said = Counter({event: count for event, count in said.items() if "failing" in event or "again" in event})
    if ward.name.startswith(
        "429"
    ):  # a limit is one endpoint's: beside the others, it may have a line of its own
        said -= Counter({"call.failing": 9, "call.answers_again": 9})
    wanted = {"exchange.failing": 1, "exchange.answers_again": 1}
    return [] if said == wanted else [f"log: {dict(said)}"]


def _early(ward: Ward) -> list[str]:
    """Calls made although the venue had asked to wait: those under way when it said so are none."""
    spoilt = [request for request in ward.proxy.requests if request.spoilt]
    whole_host = ward.name.startswith("418")
    found, until = [], dict[str, float]()
    for request in spoilt:
        key = "" if whole_host else request.target.partition("?")[0]
        ends = until.get(key)
        # Half a second: what was already on its way when the answer came.
        if ends is not None and ends - ASKED_TO_WAIT_SECONDS + 0.5 < request.at < ends - 0.05:
            found.append(f"{request.target.partition('?')[0]} asked {ends - request.at:.2f} s too early")
        until[key] = max(ends or 0, request.at + ASKED_TO_WAIT_SECONDS)
    return found


def _assert_nothing_leaked(room: Hospital) -> None:
    said = repr(room.logged) + room.recorder.text
    assert [secret for secret in room.secrets if secret in said] == []
    assert "signature=" not in said


def _assert_no_secret_on_disk(room: Hospital) -> None:
    for file in room.folder.glob("subtally.db*"):
        kept = file.read_bytes()
        assert [secret for secret in room.secrets if secret.encode() in kept] == []
