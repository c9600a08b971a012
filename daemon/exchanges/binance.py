"""Binance: the client of one master account. What the venue says is read in binance_wire.py.

Every weight limit counts per endpoint: 180,000 a minute per user id, 12,000 a minute per IP.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, ClassVar

from daemon.exchanges.base import Answer, Span, Task
from daemon.exchanges.binance_history import HISTORIES, Histories, read_prices, read_spot_transfers
from daemon.exchanges.binance_wire import (
    BANNED_UNTIL,
    CODES,
    FIELDS,
    MasterWallet,
    Summary,
    SummaryWalk,
    classify,
    listed,
    read_accounts,
    read_balances,
    read_status,
    read_summary,
    read_time,
    read_wallets,
    revise_balances,
    rights_of,
    signed_target,
)
from daemon.exchanges.calling import Params
from daemon.exchanges.client import Client
from daemon.exchanges.endpoint import Endpoint, Said, Setup
from daemon.exchanges.errors import CallError, Verdict, readable
from daemon.exchanges.found import TOLD_OF
from daemon.exchanges.http import Response
from daemon.exchanges.limits import Limit, Ticket
from daemon.exchanges.memo import Memo
from daemon.exchanges.signing import binance_signer
from rules.model import (
    MASTER_IDENTITY,
    Contents,
    Failure,
    FailureKind,
    Identity,
    ListedAccount,
    Listing,
    Maintenance,
    MasterSeen,
    Reading,
    Row,
)

UID_WEIGHT, IP_WEIGHT, API_WEIGHT, MINUTE = 180_000, 12_000, 6_000, 60
LIST_PAGE, SUMMARY_PAGE = 200, 20
SUMMARY_ABREAST = 8  # pages asked for at once, so that round trips do not add up
PAGES_MOST = 2_000
USED_WEIGHT = {"uid": "X-SAPI-USED-UID-WEIGHT-1M", "ip": "X-SAPI-USED-IP-WEIGHT-1M"}


def _by_weight(weight: int, of: int = IP_WEIGHT) -> Limit:
    return Limit(of // weight, MINUTE, "uid" if of == UID_WEIGHT else "ip")


class Binance(Client):
    """The client of one Binance master account."""

    TITLE: ClassVar[str] = "Binance"
    ENDPOINTS: ClassVar[Mapping[str, Endpoint]] = {
        "assets": Endpoint("/sapi/v4/sub-account/assets", _by_weight(60, UID_WEIGHT), weight=60),
        "summary": Endpoint("/sapi/v1/sub-account/spotSummary", _by_weight(1)),
        "wallets": Endpoint("/sapi/v1/asset/wallet/balance", _by_weight(60), optional=True, weight=60),
        "list": Endpoint("/sapi/v1/sub-account/list", _by_weight(1), optional=True),
        "key": Endpoint("/sapi/v1/account/apiRestrictions", _by_weight(1), optional=True),
        "status": Endpoint("/sapi/v1/system/status", _by_weight(1), signed=False, optional=True),
        "time": Endpoint("/api/v3/time", Limit(API_WEIGHT, MINUTE, "ip"), signed=False),
        "prices": Endpoint(
            "/api/v3/ticker/price",
            _by_weight(4, API_WEIGHT),
            signed=False,
            weight=4,
            local=True,
            optional=True,
        ),
        **HISTORIES,
    }
    CODES: ClassVar[Mapping[str, Verdict]] = CODES
    READ_PRICES = staticmethod(read_prices)
    ACCOUNTS_POOLS: ClassVar[frozenset[str]] = frozenset({"assets"})
    # All that the venue counts is forgotten after a minute; the shortest ban is two.
    LIMITED_SECONDS: ClassVar[Sequence[int]] = (60, 120, 300)
    BANNED_SECONDS: ClassVar[Sequence[int]] = (120, 300, 900, 3600)

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._sign = binance_signer(setup.credentials.api_secret.strip())
        self._memo = Memo(read_balances, self._spot, revise_balances)
        self._master_email: str | None = None

    def _request(self, endpoint: Endpoint, params: Params) -> tuple[str, Mapping[str, str]]:
        if not endpoint.signed:
            return endpoint.path, {}
        target = signed_target(endpoint.path, params, self._clock.venue_ms(), self._sign)
        return target, {"X-MBX-APIKEY": self._key}

    def _time(self, body: bytes) -> int:
        return read_time(body)

    def _classify(self, code: str, words: str, status: int) -> Verdict | None:
        return classify(code, words, status)

    def _banned_until_venue_ms(self, words: str) -> int | None:
        found = BANNED_UNTIL.search(words)
        return int(found[1]) if found else None

    def _observe(self, ticket: Ticket, endpoint: Endpoint, response: Response) -> None:
        name = USED_WEIGHT[endpoint.limit.per] if endpoint.signed else "X-MBX-USED-WEIGHT-1M"
        used = response.headers.get(name) or ""
        if used.isascii() and used.isdigit():
            ticket.seen_by_venue(-(-int(used[:9]) // endpoint.weight))

    def tasks(self, accounts: Sequence[Identity]) -> list[Task]:
        """An account without an e-mail has no call of its own at this venue."""
        read = self.settings.read
        tasks = [Task("summary", "summary", None, "spot")] if "summary" in read else []
        if "wallets" in read or "master" in read:
            tasks.append(Task("wallets", "wallets", MASTER_IDENTITY, ""))
        if "assets" in read:
            tasks += [Task("assets", "assets", account, "spot") for account in accounts if account.email]
        return tasks

    def _remembered(self) -> Sequence[Memo[Any, Contents]]:
        return (self._memo,)

    def _spot(self, account: Identity, rows: Mapping[str, Row]) -> Contents:
        return Contents(self.name, account, "spot", FIELDS, rows)

    def perform(self, task: Task, *, urgent: bool = False) -> AsyncIterator[Answer]:
        if task.name == "assets" and task.account is not None:
            return self._single(partial(self._assets, task, task.account, urgent=urgent))
        if task.name == "summary":
            return self._answers(self._summary(valued=True, urgent=urgent))
        return self._answers(self._master(task, urgent=urgent))

    async def _assets(self, task: Task, account: Identity, *, urgent: bool) -> Reading:
        email = account.email or ""

        def read(body: bytes) -> Contents:
            return self._memo.recall(email, account, body)

        said = await self.call("assets", [("email", email)], read, urgent=urgent, task=task)
        return Reading((said.value, said.began_ms, said.ended_ms))

    async def _master(self, task: Task, *, urgent: bool) -> AsyncGenerator[Answer, None]:
        """One call for both: valuations ("wallets") and, with details asked for, quantities ("master")."""
        quote, read_words = self.settings.quote, self.settings.read
        detailed, valued = "master" in read_words, "wallets" in read_words
        params = [("needBalanceDetail", "true")] if detailed else []
        params.append(("quoteAsset", quote))

        def read(body: bytes) -> list[MasterWallet]:
            return read_wallets(body, detailed=detailed)

        said = await self.call("wallets", params, read, urgent=urgent, task=task)
        for wallet in said.value:
            about = (self.name, MASTER_IDENTITY, wallet.name, said.began_ms, said.ended_ms)
            values = {quote: wallet.value} if valued else None
            if wallet.rows is not None:
                yield Reading.of(*about, FIELDS, wallet.rows, values=values)
            elif valued:
                yield Reading.of(*about, (), {}, values=values)

    async def _summary(self, *, valued: bool, urgent: bool = False) -> AsyncGenerator[Answer, None]:
        """All pages: valuations as they come, then the listing. No snapshot binds the pages together."""
        walk, began_ms, page_number, pages = SummaryWalk(), self._now_ms(), 1, 1
        while page_number <= pages and not walk.failed:
            abreast = range(page_number, min(page_number + SUMMARY_ABREAST, pages + 1))
            for page in await asyncio.gather(*(self._summary_page(n, urgent=urgent) for n in abreast)):
                if isinstance(page, Failure):
                    walk.failed = True
                    yield page
                    continue
                for row in walk.take(page.value):
                    if not valued:
                        continue
                    yield self._valuation(Identity(email=row.email), "spot", row.totalAsset, page)
                if valued and page_number == 1 and not self._valued_by_wallets:
                    yield self._valuation(MASTER_IDENTITY, "Spot", page.value.masterAccountTotalAsset, page)
            page_number += len(abreast)
            pages = min(-(-(walk.total or 0) // SUMMARY_PAGE), PAGES_MOST)
        accounts = tuple(ListedAccount(Identity(email=email)) for email in walk.emails)
        reason = walk.reason
        yield Listing(self.name, "summary", began_ms, self._now_ms(), not reason, accounts, reason)

    async def _summary_page(self, number: int, *, urgent: bool) -> Said[Summary] | Failure:
        params = [("page", str(number)), ("size", str(SUMMARY_PAGE))]
        try:
            return await self.call("summary", params, read_summary, urgent=urgent)
        except CallError as error:
            return error.failure

    @property
    def _valued_by_wallets(self) -> bool:
        """Whether wallet/balance already values the master's Spot wallet in BTC."""
        return "wallets" in self.settings.read and self.settings.quote == "BTC"

    def _valuation(self, account: Identity, wallet: str, value: str, said: Said[Summary]) -> Reading:
        return Reading.of(
            self.name, account, wallet, said.began_ms, said.ended_ms, (), {}, values={"BTC": value}
        )

    async def _listing(self) -> AsyncGenerator[Answer, None]:
        """The list; where it is refused, the summary, which names all accounts too."""
        if not self._refused("list"):
            async for answer in self._list():
                yield answer
        if self._refused("list"):
            async for answer in self._summary(valued="summary" in self.settings.read):
                yield answer

    async def _list(self) -> AsyncGenerator[Answer, None]:
        """All pages of the list. It gives no total: the page that is not full is the last."""
        found: dict[str, ListedAccount] = {}
        began_ms, reason = self._now_ms(), "more pages than we read"
        for page_number in range(1, PAGES_MOST + 1):
            params = [("limit", str(LIST_PAGE)), ("page", str(page_number))]
            try:
                said = await self.call("list", params, read_accounts)
            except CallError as error:
                if self._is_news("list", error.failure):
                    yield error.failure
                if self._refused("list"):
                    return
                reason = f"page {page_number} failed"
                break
            page = [listed(row) for row in said.value.subAccounts]
            before = len(found)
            found.update(
                {row.email: account for row, account in zip(said.value.subAccounts, page, strict=True)}
            )
            if len(found) - before != len(page):
                reason = "an account is on two pages"
                break
            if len(page) < LIST_PAGE:
                reason = ""
                break
        yield Listing(self.name, "list", began_ms, self._now_ms(), not reason, tuple(found.values()), reason)

    async def _history(self, span: Span) -> AsyncGenerator[Answer, None]:
        if self._master_email is None and not self._refused("spot transfers"):
            try:
                rows = (await self.call("spot transfers", [("limit", "1")], read_spot_transfers)).value
                self._master_email = rows[0].giver if rows else None
            except CallError as error:
                # Without it the master's legs are named by an address that nobody knows: they prove nothing.
                if error.failure.kind in TOLD_OF and self._is_news("spot transfers", error.failure):
                    yield error.failure
        histories = Histories(self.call, self._master_email or "")
        for name, about, walk in histories.sources(span):
            async with aclosing(self._walked(name, about, walk)) as answers:
                async for answer in answers:
                    yield answer

    async def _examine(self) -> AsyncGenerator[Answer, None]:
        try:
            status = (await self.call("status", (), read_status)).value
            active = str(status.status) != "0"
            yield Maintenance(self.name, self._now_ms(), active, readable(status.msg) if active else "")
        except CallError as error:
            yield error.failure
        try:
            said = await self.call("key", (), rights_of)
        except CallError as error:
            if self._is_news("key", error.failure):
                yield error.failure
            if error.failure.kind is FailureKind.ENDPOINT:
                # Is it the endpoint, or the key? What must work tells: a refusal here stops the exchange.
                await self.call("summary", [("page", "1"), ("size", "1")], read_summary)
            return
        flags, rights = said.value
        if not flags["enableReading"]:
            yield self._stop(self.ENDPOINTS["key"].path, "enableReading is false", "let the key read")
        yield MasterSeen(self.name, said.ended_ms, None, rights, flags.get("ipRestrict"))
