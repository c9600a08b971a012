"""OKX: the client of one main account. What the venue says is read in okx_wire.py.

Limits count per user id and endpoint; calls about sub-accounts count against the master.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, ClassVar

from daemon.exchanges.base import Answer, Span, Task
from daemon.exchanges.calling import Params
from daemon.exchanges.client import Client
from daemon.exchanges.decode import WHOLE_DIGITS, whole
from daemon.exchanges.endpoint import Endpoint, Said, Setup
from daemon.exchanges.errors import CallError, Verdict, readable
from daemon.exchanges.limits import Limit
from daemon.exchanges.memo import Memo
from daemon.exchanges.okx_history import HISTORIES, sources
from daemon.exchanges.okx_wire import (
    CODES,
    FUNDING_FIELDS,
    TRADING_FIELDS,
    Status,
    Trade,
    listed,
    read_accounts,
    read_config,
    read_funding,
    read_prices,
    read_status,
    read_time,
    read_trading,
    revise_funding,
)
from daemon.exchanges.reply import WAIT_MOST_SECONDS
from daemon.exchanges.signing import base64_signer, header_safe, iso_ms, target
from rules.model import (
    MASTER_IDENTITY,
    Contents,
    Identity,
    ListedAccount,
    Listing,
    Maintenance,
    MasterSeen,
    Reading,
    Row,
)

LIST_PAGE = 100
PAGES_MOST = 500


class Okx(Client):
    """The client of one OKX main account."""

    TITLE: ClassVar[str] = "OKX"
    ENDPOINTS: ClassVar[Mapping[str, Endpoint]] = {
        "funding": Endpoint("/api/v5/asset/subaccount/balances", Limit(6, 2)),
        "trading": Endpoint("/api/v5/account/subaccount/balances", Limit(6, 2)),
        "master": Endpoint("/api/v5/asset/balances", Limit(6, 1), optional=True),
        # 20 per 2 s in the documentation, 2 per 2 s in an older one: the lower of the two.
        "list": Endpoint("/api/v5/users/subaccount/list", Limit(2, 2)),
        "key": Endpoint("/api/v5/account/config", Limit(5, 2)),
        "status": Endpoint("/api/v5/system/status", Limit(1, 5, "ip"), signed=False, optional=True),
        "prices": Endpoint(
            "/api/v5/market/tickers", Limit(20, 2, "ip"), signed=False, optional=True, local=True
        ),
        "time": Endpoint("/api/v5/public/time", Limit(10, 2, "ip"), signed=False),
        **HISTORIES,
    }
    CODES: ClassVar[Mapping[str, Verdict]] = CODES
    SUCCESS: ClassVar[str] = "0"
    PRICES_OF: ClassVar[Params] = (("instType", "SPOT"),)
    READ_PRICES = staticmethod(read_prices)
    ACCOUNTS_POOLS: ClassVar[frozenset[str]] = frozenset({"funding", "trading"})
    # No Retry-After is documented: one window, then longer.
    LIMITED_SECONDS: ClassVar[Sequence[int]] = (2, 4, 8, 16, 32, 60)
    BANNED_SECONDS: ClassVar[Sequence[int]] = (60, 120, 300, 900)

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._sign = base64_signer(setup.credentials.api_secret.strip())
        self._passphrase = header_safe("passphrase", setup.credentials.passphrase)
        self._funding = Memo(read_funding, self._funds, revise_funding)
        self._trading = Memo(read_trading, self._trades)

    def _request(self, endpoint: Endpoint, params: Params) -> tuple[str, Mapping[str, str]]:
        text = target(endpoint.path, params)
        if not endpoint.signed:
            return text, {}
        timestamp = iso_ms(self._clock.venue_ms())
        return text, {
            "OK-ACCESS-KEY": self._key,
            "OK-ACCESS-SIGN": self._sign(f"{timestamp}GET{text}"),
            "OK-ACCESS-TIMESTAMP": timestamp,
            "OK-ACCESS-PASSPHRASE": self._passphrase,
            "Content-Type": "application/json",
        }

    def _time(self, body: bytes) -> int:
        return read_time(body)

    def tasks(self, accounts: Sequence[Identity]) -> list[Task]:
        """Accounts are called by name; both wallets have budgets of their own."""
        read = self.settings.read
        tasks = [Task("master", "master", MASTER_IDENTITY, "funding")] if "master" in read else []
        named = [account for account in accounts if account.name]
        wallets = [wallet for wallet in ("funding", "trading") if wallet in read]
        tasks += [Task(wallet, wallet, account, wallet) for wallet in wallets for account in named]
        return tasks

    def _remembered(self) -> Sequence[Memo[Any, Contents]]:
        return self._funding, self._trading

    def _funds(self, account: Identity, rows: Mapping[str, Row]) -> Contents:
        return Contents(self.name, account, "funding", FUNDING_FIELDS, rows)

    def _trades(self, account: Identity, trade: Trade) -> Contents:
        rows, values = trade
        return Contents(self.name, account, "trading", TRADING_FIELDS, rows, values=values)

    def perform(self, task: Task, *, urgent: bool = False) -> AsyncIterator[Answer]:
        return self._single(partial(self._wallet, task, urgent=urgent))

    async def _wallet(self, task: Task, *, urgent: bool) -> Reading:
        account = task.account or MASTER_IDENTITY
        name = "" if task.name == "master" else account.name or ""
        memo: Memo[Any, Contents] = self._trading if task.name == "trading" else self._funding

        def read(body: bytes) -> Contents:
            return memo.recall(name, account, body)

        params = [("subAcct", name)] if name else []
        said = await self.call(task.pool, params, read, urgent=urgent, task=task)
        return Reading((said.value, said.began_ms, said.ended_ms))

    async def _listing(self) -> AsyncGenerator[Answer, None]:
        """Pages by time of creation. `after` is one more than the oldest seen, so that equal times are not
        skipped.
        """
        found: dict[str, ListedAccount] = {}
        began_ms, reason, params = self._now_ms(), "more pages than we read", [("limit", str(LIST_PAGE))]
        for page_number in range(1, PAGES_MOST + 1):
            try:
                rows = (await self.call("list", params, read_accounts)).value
            except CallError as error:
                yield error.failure
                reason = f"page {page_number} failed"
                break
            fresh = {row.uid or row.subAcct: listed(row) for row in rows}
            news = fresh.keys() - found.keys()
            clash = any(found[uid].identity.name != fresh[uid].identity.name for uid in fresh.keys() - news)
            found.update({uid: account for uid, account in fresh.items() if uid in news})
            if clash or len(fresh) < len({row.subAcct for row in rows}):
                reason = "one uid has two names"
                break
            if not news:
                reason = "" if len(rows) < LIST_PAGE else "more accounts of one instant than a page holds"
                break
            oldest = min(whole(row.ts) for row in rows)
            params = [("after", str(oldest + 1)), ("limit", str(LIST_PAGE))]
        yield Listing(self.name, "list", began_ms, self._now_ms(), not reason, tuple(found.values()), reason)

    async def _history(self, span: Span) -> AsyncGenerator[Answer, None]:
        for name, about, walk in sources(self.call, span):
            async with aclosing(self._walked(name, about, walk)) as answers:
                async for answer in answers:
                    yield answer

    async def _examine(self) -> AsyncGenerator[Answer, None]:
        try:
            yield self._maintenance(await self.call("status", (), read_status))
        except CallError as error:
            yield error.failure
        said = await self.call("key", (), read_config)
        config, path = said.value, self.ENDPOINTS["key"].path
        main = config.mainUid or config.uid
        if config.uid != main or config.type not in {None, "", "0"}:
            yield self._stop(path, "the key belongs to a sub-account", "make a key of the main account")
            return
        self._belongs_to(main)
        rights = tuple(p for p in (part.strip() for part in config.perm.split(",")) if p and p != "read_only")
        ip_bound = None if config.ip is None else config.ip != ""
        yield MasterSeen(self.name, said.ended_ms, main, rights, ip_bound)

    def _maintenance(self, said: Said[list[Status]]) -> Maintenance:
        for row in said.value:
            if row.state == "ongoing" and row.env == "1":
                until_ms = _plausible(row.end, said.ended_ms)
                return Maintenance(
                    self.name, said.ended_ms, active=True, reason=readable(row.title), until_ms=until_ms
                )
        return Maintenance(self.name, said.ended_ms, active=False)


def _plausible(end: str, now_ms: int) -> int | None:
    """The announced end in ms; None where it is no time, or one that nobody would announce."""
    if not (end.isascii() and end.isdigit() and len(end) <= WHOLE_DIGITS):
        return None
    return int(end) if int(end) <= now_ms + WAIT_MOST_SECONDS * 1000 else None
