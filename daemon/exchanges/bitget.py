"""Bitget: the client of one main account. What the venue says is read in bitget_wire.py.

One call lists the balances of up to 50 sub-accounts, and only of those that hold something: a row proves the
coins it names, and only the end of a complete pass proves what is absent (law 3).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from daemon.exchanges.base import Answer, Span, Task
from daemon.exchanges.bitget_history import HISTORIES, sources
from daemon.exchanges.bitget_wire import (
    CODES,
    FIELDS,
    READ_ONLY,
    Page,
    SubAccount,
    lasting,
    listed,
    read_accounts,
    read_coins,
    read_info,
    read_page,
    read_prices,
    read_time,
)
from daemon.exchanges.calling import Params
from daemon.exchanges.client import Client
from daemon.exchanges.decode import same_amounts
from daemon.exchanges.endpoint import Endpoint, Said, Setup
from daemon.exchanges.errors import CallError, Verdict, readable
from daemon.exchanges.http import Response
from daemon.exchanges.limits import Limit, Ticket
from daemon.exchanges.memo import Memo
from daemon.exchanges.signing import base64_signer, header_safe, target
from rules.model import (
    MASTER_IDENTITY,
    Contents,
    Covers,
    Failure,
    FailureKind,
    Identity,
    Listing,
    MasterSeen,
    Pass,
    Reading,
    Row,
)

PASS_PAGE, LIST_PAGE = 50, 500
PAGES_MOST = 1_000
IP_LIMIT_SECONDS = 300  # how long the limit per IP takes to recover (FAQ Q10)
IP_LIMIT_AFTER = 5  # refusals in a row, 15 s in all: no window of an endpoint lasts as long


@dataclass(slots=True)
class Walk:
    """What one pass has met so far."""

    ids: set[str] = field(default_factory=set)
    seen: dict[str, Mapping[str, Row]] = field(default_factory=dict)
    fault: str = ""


class Bitget(Client):
    """The client of one Bitget main account."""

    TITLE: ClassVar[str] = "Bitget"
    ENDPOINTS: ClassVar[Mapping[str, Endpoint]] = {
        "assets": Endpoint("/api/v2/spot/account/subaccount-assets", Limit(10, 1)),
        "master": Endpoint("/api/v2/spot/account/assets", Limit(10, 1), optional=True),
        "list": Endpoint("/api/v2/user/virtual-subaccount-list", Limit(1, 1), optional=True),
        "key": Endpoint("/api/v2/spot/account/info", Limit(1, 1), optional=True),
        "prices": Endpoint(
            "/api/v2/spot/market/tickers", Limit(20, 1, "ip"), signed=False, optional=True, local=True
        ),
        "time": Endpoint("/api/v2/public/time", Limit(20, 1, "ip"), signed=False),
        **HISTORIES,
    }
    CODES: ClassVar[Mapping[str, Verdict]] = CODES
    SUCCESS: ClassVar[str] = "00000"
    READ_PRICES = staticmethod(read_prices)
    ACCOUNTS_POOLS: ClassVar[frozenset[str]] = frozenset()
    # No Retry-After is documented: one window, then longer.
    LIMITED_SECONDS: ClassVar[Sequence[int]] = (1, 2, 4, 8, 15, 60)
    BANNED_SECONDS: ClassVar[Sequence[int]] = (IP_LIMIT_SECONDS, 600)
    LIMITED_MEANS_BANNED: ClassVar[int | None] = IP_LIMIT_AFTER
    IP_LIMIT: ClassVar[Limit | None] = Limit(6_000, 60, "ip")

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._sign = base64_signer(setup.credentials.api_secret.strip())
        self._passphrase = header_safe("passphrase", setup.credentials.passphrase)
        self._pages = Memo(read_page, lambda _, page: page)
        self._coins = Memo(read_coins, self._spot)
        self._master_id: str | None = None

    def _request(self, endpoint: Endpoint, params: Params) -> tuple[str, Mapping[str, str]]:
        text = target(endpoint.path, sorted(params))  # the official samples sort by name
        if not endpoint.signed:
            return text, {"locale": "en-US"}
        timestamp = str(self._clock.venue_ms())
        return text, {
            "ACCESS-KEY": self._key,
            "ACCESS-SIGN": self._sign(f"{timestamp}GET{text}"),
            "ACCESS-TIMESTAMP": timestamp,
            "ACCESS-PASSPHRASE": self._passphrase,
            "Content-Type": "application/json",
            "locale": "en-US",
        }

    def _time(self, body: bytes) -> int:
        return read_time(body)

    def _observe(self, ticket: Ticket, endpoint: Endpoint, response: Response) -> None:
        left = response.headers.get("x-mbx-used-remain-limit") or ""
        if left.isascii() and left.isdigit() and int(left[:9]) < endpoint.limit.calls:
            ticket.seen_by_venue(endpoint.limit.calls - int(left[:9]))

    def tasks(self, accounts: Sequence[Identity]) -> list[Task]:
        """One walk over all sub-accounts, whoever they are."""
        read = self.settings.read
        tasks = [Task("assets", "pass", None, "spot")] if "spot" in read else []
        return tasks + ([Task("master", "master", MASTER_IDENTITY, "spot")] if "master" in read else [])

    def perform(self, task: Task, *, urgent: bool = False) -> AsyncIterator[Answer]:
        if task.name == "master":
            return self._single(partial(self._own, task, urgent=urgent))
        return self._answers(self._pass(task, urgent=urgent))

    async def _own(self, task: Task, *, urgent: bool) -> Reading:
        def read(body: bytes) -> Contents:
            return self._coins.recall("", MASTER_IDENTITY, lasting(body))

        said = await self.call("master", (), read, urgent=urgent, task=task)
        return Reading((said.value, said.began_ms, said.ended_ms))

    def _spot(self, account: Identity, rows: Mapping[str, Row]) -> Contents:
        return Contents(self.name, account, "spot", FIELDS, rows)

    async def _pass(self, task: Task, *, urgent: bool) -> AsyncGenerator[Answer, None]:
        """All pages up to an empty one: a short page may only be thinned out (law 3)."""
        await self._learn_master()
        walk, began_ms, cursor, cursors = Walk(), self._now_ms(), "", {""}
        for page_number in range(1, PAGES_MOST + 1):
            try:
                said = await self._page(cursor, task, urgent=urgent)
            except CallError as error:
                yield error.failure
                walk.fault = f"page {page_number} failed"
                break
            if not said.value.ids:
                break
            if not walk.ids.isdisjoint(said.value.ids):
                walk.fault = "a page came again"
                break
            walk.ids.update(said.value.ids)
            for reading in self._taken(walk, said):
                yield reading
            cursor = said.value.ids[-1]
            cursors.add(cursor)
        else:
            walk.fault = "more pages than we read"
        self._pages.keep_only(cursors)
        seen = {user: frozenset(rows) for user, rows in walk.seen.items()}
        about = (self.name, "spot", began_ms, self._now_ms())
        yield Pass(*about, not walk.fault, FIELDS, seen, walk.fault)

    async def _page(self, cursor: str, task: Task, *, urgent: bool) -> Said[Page]:
        params = [("limit", str(PASS_PAGE))] + ([("idLessThan", cursor)] if cursor else [])

        def read(body: bytes) -> Page:
            return self._pages.recall(cursor, None, lasting(body))

        return await self.call("assets", params, read, urgent=urgent, task=task)

    def _taken(self, walk: Walk, said: Said[Page]) -> list[Answer]:
        """The readings of a page: each coin of a user once in a pass, a contradiction not at all.

        A user whose rows cannot be read fails alone: the others of the page are judged as ever.
        """
        readings: list[Answer] = []
        for user, why in _unread(said.value).items():
            if user != self._master_id:
                walk.fault = why
                walk.seen.setdefault(user, {})
                readings.append(self._unreadable(user, why))
        for user, rows in said.value.users.items():
            if user == self._master_id:
                continue
            before = walk.seen.get(user)
            if before is None:
                walk.seen[user] = fresh = rows
            else:
                torn = [
                    coin for coin in rows.keys() & before.keys() if not same_amounts(rows[coin], before[coin])
                ]
                if torn:
                    walk.fault = f"{min(torn)} of {user} is listed twice with different amounts"
                fresh = {coin: row for coin, row in rows.items() if coin not in before}
                walk.seen[user] = {**before, **fresh}
            if fresh or before is None:
                about = (self.name, Identity(venue_id=user), "spot", said.began_ms, said.ended_ms)
                readings.append(Reading.of(*about, FIELDS, fresh, Covers.NAMED))
        return readings

    def _unreadable(self, user: str, why: str) -> Failure:
        reason = self._reason(self.ENDPOINTS["assets"].path, readable(why, self._secrets), "")
        about = (self.name, self._now_ms(), FailureKind.MALFORMED, reason)
        return Failure(*about, account=Identity(venue_id=user), wallet="spot")

    async def _learn_master(self) -> None:
        """Whether the master's own row appears is not documented: its id must be known to leave it out."""
        if self._master_id is None and not self._refused("key"):
            try:
                self._master_id = str((await self.call("key", (), read_info)).value.userId)
            except CallError as error:
                if error.failure.kind is not FailureKind.ENDPOINT:
                    raise

    async def _listing(self) -> AsyncGenerator[Answer, None]:
        """Virtual sub-accounts only; without IP binding the venue refuses, and we go on without the list."""
        if self._refused("list"):
            return
        found: dict[str, SubAccount] = {}
        began_ms, reason, params = self._now_ms(), "more pages than we read", [("limit", str(LIST_PAGE))]
        for page_number in range(1, PAGES_MOST + 1):
            try:
                page = (await self.call("list", params, read_accounts)).value
            except CallError as error:
                if self._is_news("list", error.failure):
                    yield error.failure
                if self._refused("list"):
                    return
                reason = f"page {page_number} failed"
                break
            before = len(found)
            found.update({str(row.subAccountUid): row for row in page.subAccountList})
            if len(found) - before != len(page.subAccountList):
                reason = "an account is on two pages"
                break
            end = "" if page.endId is None else str(page.endId)
            if len(page.subAccountList) < LIST_PAGE or not end:
                reason = ""
                break
            params = [("idLessThan", end), ("limit", str(LIST_PAGE))]
        accounts = tuple(listed(row) for row in found.values() if row.status != "del")
        yield Listing(self.name, "virtual", began_ms, self._now_ms(), not reason, accounts, reason)

    async def _history(self, span: Span) -> AsyncGenerator[Answer, None]:
        await self._learn_master()
        for name, about, walk in sources(self.call, span, self._master_id or ""):
            async with aclosing(self._walked(name, about, walk)) as answers:
                async for answer in answers:
                    yield answer

    async def _examine(self) -> AsyncGenerator[Answer, None]:
        try:
            said = await self.call("key", (), read_info)
        except CallError as error:
            if self._is_news("key", error.failure):
                yield error.failure
            if error.failure.kind is FailureKind.ENDPOINT:
                # Is it the endpoint, or the key? What must work tells: a refusal here stops the exchange.
                await self.call("assets", [("limit", "1")], read_page)
            return
        info = said.value
        master, parent = str(info.userId), "" if info.parentId is None else str(info.parentId)
        if parent not in {"", "0", master}:
            path = self.ENDPOINTS["key"].path
            yield self._stop(path, "the key belongs to a sub-account", "make a key of the main account")
            return
        self._master_id = master
        self._belongs_to(master)
        rights = tuple(right for right in info.authorities if right.lower() not in READ_ONLY)
        ip_bound = None if info.ips is None else bool(info.ips)
        yield MasterSeen(self.name, said.ended_ms, master, rights, ip_bound)


def _unread(page: Page) -> dict[str, str]:
    """The users of a page of whom nothing is believed, and why."""
    torn = {
        user: f"{coin} of {user} is listed twice with different amounts" for user, coin in page.torn.items()
    }
    return torn | {user: f"{why} (user {user})" for user, why in page.broken.items()}
