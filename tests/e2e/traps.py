"""What the trap suite stands on: an observer who would notice any wrong word, and answers spoilt in every way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from daemon.app import App
from daemon.exchanges.limits import Limit
from daemon.poll import Poller
from daemon.simulator import Fault, named_fault
from daemon.simulator.records import Record
from daemon.simulator.venue import Venue
from rules.model import Failure, Listing, Pass
from state.prepared import Entry
from tests.e2e.house import House

VENUES = ("binance", "okx", "bitget")
BALANCES = {
    "binance": "/sapi/v4/sub-account/assets",
    "okx": "/api/v5/asset/subaccount/balances",
    "bitget": "/api/v2/spot/account/subaccount-assets",
}
LISTS = {
    "binance": "/sapi/v1/sub-account/list",
    "okx": "/api/v5/users/subaccount/list",
    "bitget": "/api/v2/user/virtual-subaccount-list",
}
FREE = {"binance": "free", "okx": "availBal", "bitget": "available"}
EMPTY_LIST = {
    "binance": '{"subAccounts":[]}',
    "okx": '{"code":"0","msg":"","data":[]}',
    "bitget": '{"code":"00000","msg":"success","data":{"endId":"","subAccountList":[]}}',
}
READ = {"binance": 'read = ["assets"]\n', "okx": 'read = ["funding"]\n', "bitget": ""}

RULES = """
[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
below = 1000
[[rule]]
name = "moves"
type = "balance_change"
drop = "0.000000000000000001"
rise = "0.000000000000000001"
within = "1h"
[[rule]]
name = "new"
type = "account_appeared"
[[rule]]
name = "gone"
type = "account_disappeared"
[[rule]]
name = "status"
type = "account_status"
"""
"""Any change of any figure, of presence or of status is told: silence proves that nothing was believed."""

INCIDENT = Counter({"WARNING floor": 1, "WARNING moves": 1})
APART_SECONDS = 0.1
WIDER = 20
PATIENCE = 12.0


@dataclass
class Watch:
    """A running daemon on one venue, and all that it told, believed and was refused."""

    house: House
    app: App
    venue: str
    reasons: list[str] = field(default_factory=list)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def model(self) -> Venue:
        return self.house.simulator.venues[self.venue]

    @property
    def name(self) -> str:
        return f"{self.venue}-main"

    @property
    def poller(self) -> Poller:
        return self.app.pollers[self.name]

    @property
    def labels(self) -> list[str]:
        """The readable names of the venue's accounts, in the order of their creation."""
        by_name = self.venue != "bitget"
        return [account.name if by_name else account.label for account in self.model.accounts]

    @property
    def told(self) -> Counter[str]:
        """Each alert block of each message as `WORD rule`."""
        return told(self.house)

    @property
    def figures(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Every row that is believed, by account and wallet."""
        world = self.app.engine.world
        return {
            (account.label, wallet): dict(holding.rows)
            for (key, wallet), holding in sorted(world.holdings.items())
            if (account := world.accounts[key]).exchange == self.name
        }

    @property
    def present(self) -> set[str]:
        accounts = self.app.engine.world.accounts.values()
        return {a.label for a in accounts if a.exchange == self.name and a.present and not a.master}

    def spoil(self, path: str, fault: Fault, account: str | None = None) -> Fault:
        """Put a fault in force on one path, under the name by which `hits` counts it."""
        return self.model.faults.add(replace(fault, path=path, account=account, name="trap"))

    @property
    def hits(self) -> int:
        return self.model.faults.hits("trap")

    async def until(self, condition: Callable[[], object], patience: float = PATIENCE) -> None:
        """Poll as fast as is decent until it is true."""
        loop = asyncio.get_running_loop()
        end, due = loop.time() + patience, 0.0
        while not condition():
            if loop.time() > end:
                raise AssertionError(
                    f"not in time; told:\n{self.house.recorder.text}\nfailed: {self.reasons[-3:]}"
                )
            if loop.time() >= due:
                due = loop.time() + APART_SECONDS
                await self.poller.dispatch()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), APART_SECONDS / 2)
            self._moved.clear()

    async def told_of(self, *words: str, patience: float = PATIENCE) -> str:
        """Wait for the one block with all these words, and give it back."""
        await self.until(lambda: self.house.recorder.blocks(*words), patience)
        blocks = self.house.recorder.blocks(*words)
        assert len(blocks) == 1, blocks
        return blocks[0]

    async def sweeps(self, count: int) -> None:
        """Let every account be read so often again."""
        wanted = self.poller.counters.reads + count * len(self.model.accounts)
        await self.until(lambda: self.poller.counters.reads >= wanted)

    async def incident(self, label: str | None = None, figure: str = "7.5", *, alone: bool = True) -> None:
        """A real one, told once: the daemon has recovered by itself."""
        label = self.labels[0] if label is None else label
        before = self.told
        self.model.set_balance(label, "USDT", free=figure)
        await self.told_of("WARNING", self.name, label, 'rule "floor"', f"{figure} < 1,000")
        await self.until(lambda: self.told - before >= INCIDENT)
        assert not alone or self.told - before == INCIDENT

    def heard(self, batch: list[Entry]) -> None:
        for entry in batch:
            if (isinstance(entry.input, Failure) and entry.input.exchange == self.name) or (
                isinstance(entry.input, Listing | Pass) and not entry.input.complete
            ):
                self.reasons.append(entry.input.reason)
        self._moved.set()

    def asked(self, path: str = "") -> list[Record]:
        """The requests that the venue met, of one path or all."""
        return [record for record in self.model.records.requests if path in record.target]


def widened(limit: Limit) -> Limit:
    """More slots in the same window."""
    return replace(limit, calls=limit.calls * WIDER)


def told(house: House) -> Counter[str]:
    blocks = [block for message in house.recorder.messages for block in message.body.split("\n\n")]
    found = ((block.split(" ")[0], re.search(r'^rule "(.+?)"', block, re.MULTILINE)) for block in blocks)
    return Counter(f"{word} {rule[1]}" for word, rule in found if rule)


@contextlib.asynccontextmanager
async def watching(
    house: House, venue: str, *, rules: str = RULES, stale_after: str = "5m", also: Iterable[str] = ()
) -> AsyncIterator[Watch]:
    """The daemon on one venue (and `also` others), judged once and silent."""
    house.extra = {**READ, **house.extra}
    for model in (house.simulator.okx, house.simulator.bitget):
        for path, one in model.endpoints.items():
            model.set_limit(path, one.limit.amount * WIDER, one.limit.window_seconds, one.limit.cost)
    house.write(rules, venues=(venue, *also), daemon=f'stale_after = "{stale_after}"')
    async with house.daemon() as app:
        watch = Watch(house, app, venue)
        app.engine.on_commit.append(watch.heard)
        await house.judged()
        await house.until(
            lambda app: all(
                any(listing.ended_ms for listing in app.engine.world.exchanges[name].listings.values())
                or name == "bitget-main"
                for name in app.pollers
            )
        )
        yield watch


def token(venue: str, text: str) -> Fault:
    """The first free amount of the answer as this JSON token."""
    pattern = rb'"' + FREE[venue].encode() + rb'":"[^"]*"'
    return Fault(transform=lambda body: re.sub(pattern, f'"{FREE[venue]}":{text}'.encode(), body, count=1))


def numbers(body: bytes) -> bytes:
    """Every amount as a JSON number with the same digits."""
    return re.sub(rb'"(-?[0-9]+\.[0-9]+)"', rb"\1", body)


def rows(body: bytes, change: Callable[[list[dict[str, Any]]], None]) -> bytes:
    """The answer with the rows of its list changed; amounts are text throughout, so that no digit moves."""
    said = json.loads(body)
    key = next(key for key in ("balances", "data", "spotSubUserAssetBtcVoList") if key in said)
    change(said[key])
    return json.dumps(said).encode()


def doubled(venue: str, amount: str | None) -> Fault:
    """USDT listed twice: with the same figures, or once more with another free amount."""

    def change(found: list[dict[str, Any]]) -> None:
        if not found:
            return  # the empty page that ends a pass
        coins = found[0]["assetsList"] if venue == "bitget" else found
        again = dict(coins[0])
        if amount is not None:
            again[FREE[venue]] = amount
        coins.append(again)

    return Fault(transform=lambda body: rows(body, change))


HTML = "<html><head><title>Attention</title></head><body>Please wait</body></html>"


def torn_user(amount: str | None, *, over_pages: bool) -> list[Fault]:
    """The last user of the first page again: its last coin in a row of its own, or that coin twice with another amount.

    The second row stands on the same page, or on the page after it.
    """
    kept: list[dict[str, Any]] = []

    def cut(found: list[dict[str, Any]]) -> None:
        if found:
            row = found[-1]
            coin = row["assetsList"][-1]
            if amount is None:
                row["assetsList"].remove(coin)
            kept[:] = [
                {
                    **row,
                    "id": row["id"] - 1,
                    "assetsList": [{**coin, "available": amount or coin["available"]}],
                }
            ]
            if not over_pages:
                found.extend(kept)

    path = BALANCES["bitget"]
    faults = [Fault(path=path, page=1, transform=lambda body: rows(body, cut), name="trap")]
    if over_pages:
        faults.append(
            Fault(
                path=path,
                page=2,
                transform=lambda body: rows(body, lambda found: found.insert(0, kept[0])),
                name="trap",
            )
        )
    return faults


SPOILT: dict[str, tuple[Callable[[str], Fault], str]] = {
    "html-with-200": (lambda _: named_fault("html"), "not JSON"),
    "truncated-json": (lambda _: named_fault("truncate"), "not JSON"),
    "empty-object": (lambda _: Fault(body="{}"), "shape"),
    "NaN-token": (lambda venue: token(venue, "NaN"), "not JSON"),
    "NaN-text": (lambda venue: token(venue, '"NaN"'), "'NaN' is not an amount"),
    "1e999999-text": (lambda venue: token(venue, '"1e999999"'), "'1e999999' is not an amount"),
    "1e999999-number": (lambda venue: token(venue, "1e999999"), "'1e999999' is not an amount"),
    "asset-twice-different": (lambda venue: doubled(venue, "1.5"), "listed twice with different amounts"),
}
"""Answers that cannot be trusted: how they are spoilt, and what the reason says."""

BROKEN: dict[str, tuple[str, Callable[[], Fault], str]] = {
    "body-cut-short": ("okx", lambda: named_fault("cut"), "broke off"),
    "closed-unanswered": ("binance", lambda: named_fault("close"), "closed without an answer"),
    "connection-reset": ("bitget", lambda: named_fault("reset"), "reset"),
    "gzip-bomb": ("okx", lambda: Fault(bomb_bytes=16 << 20), "longer than"),
    "slow-loris": ("binance", lambda: named_fault("drip"), "no complete answer"),
    "silence": ("bitget", lambda: named_fault("hang"), "no answer"),
    "empty-body": ("binance", lambda: Fault(body=""), "not JSON"),
    "error-500": ("okx", lambda: Fault(status=500, body=""), "HTTP 500"),
    "binance-empty-amount": ("binance", lambda: token("binance", '""'), "'' is not an amount"),
    "binance-null-amount": ("binance", lambda: token("binance", "null"), "an amount is null"),
    "okx-code-under-200": ("okx", lambda: Fault(status=200, body='{"code":"50013","msg":""}'), "50013"),
    "bitget-code-under-200": ("bitget", lambda: Fault(status=200, body='{"code":"45001","msg":""}'), "45001"),
}
"""What is common code, or one venue's own meaning: once each."""
