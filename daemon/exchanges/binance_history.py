"""Binance: what moved, and the public prices. Facts: developers.binance.com, sub_account and wallet pages.

Both transfer histories are asked for each account from both ends, because without an address they tell of the
master's outgoing transfers only; a transfer that both name is handed on once. Deposits and withdrawals carry the
time at which they began, so that they are asked for a day longer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

import msgspec

from daemon.exchanges.base import Span
from daemon.exchanges.decode import UNSET, amount, asset_name, decoder, whole
from daemon.exchanges.endpoint import Endpoint
from daemon.exchanges.errors import Malformed
from daemon.exchanges.found import PAGES_MOST, Call, Found, Source, Walk, fee_of, of_each
from daemon.exchanges.limits import Limit
from daemon.exchanges.prices import Pairs, read_pairs
from rules.model import MASTER_IDENTITY, Identity
from rules.statements import MovementKind, Transfer

DAY_MS = 86_400_000
WINDOW_MS = 7 * DAY_MS - 1  # of universalTransfer: less than 7 days
LONGEST_MS = 30 * DAY_MS
LEAD_MS = DAY_MS
TRANSFER_PAGE, WALLET_PAGE = 500, 1000

_IP = Limit(12_000, 60, "ip")
HISTORIES: Mapping[str, Endpoint] = {
    name: Endpoint(path, limit, optional=True, local=True)
    for name, path, limit in (
        ("transfers", "/sapi/v1/sub-account/universalTransfer", _IP),
        ("spot transfers", "/sapi/v1/sub-account/sub/transfer/history", _IP),
        ("deposits", "/sapi/v1/capital/deposit/hisrec", _IP),
        ("sub deposits", "/sapi/v1/capital/deposit/subHisrec", _IP),
        ("withdrawals", "/sapi/v1/capital/withdraw/history", Limit(10, 1)),
    )
}

DONE = "SUCCESS"
DEPOSITED = frozenset({"1", "6"})  # 6: credited, and not yet to be withdrawn
WITHDRAWN = "6"
_SUB_WALLETS = {
    "SPOT": "spot",
    "USDT_FUTURE": "futures",
    "COIN_FUTURE": "futures",
    "MARGIN": "margin",
    "ISOLATED_MARGIN": "margin",
}
_MASTER_WALLETS = {
    "SPOT": "Spot",
    "FUNDING": "Funding",
    "MARGIN": "Cross Margin",
    "ISOLATED_MARGIN": "Isolated Margin",
    "USDT_FUTURE": "USDⓈ-M Futures",
    "COIN_FUTURE": "COIN-M Futures",
}
_WALLET_TYPES = {"0": "Spot", "1": "Funding"}


class UniversalRow(msgspec.Struct):
    """One row of universalTransfer."""

    tranId: int | str  # noqa: N815
    fromEmail: str  # noqa: N815
    toEmail: str  # noqa: N815
    asset: str
    amount: str
    createTimeStamp: int | str  # noqa: N815
    status: str
    fromAccountType: str = ""  # noqa: N815
    toAccountType: str = ""  # noqa: N815


class Universal(msgspec.Struct):
    """One page of universalTransfer."""

    result: list[UniversalRow]


class SpotTransfer(msgspec.Struct):
    """One row of sub/transfer/history: spot to spot."""

    giver: str = msgspec.field(name="from")
    to: str
    asset: str
    qty: str
    status: str
    tranId: int | str  # noqa: N815
    time: int | str


class Deposit(msgspec.Struct):
    """One row of deposit/hisrec and subHisrec."""

    id: str | int
    amount: str
    coin: str
    status: int | str
    insertTime: int | str  # noqa: N815
    completeTime: int | str | None = None  # noqa: N815
    walletType: int | str = ""  # noqa: N815


class Withdrawal(msgspec.Struct):
    """One row of withdraw/history: times are text in UTC."""

    id: str | int
    amount: str
    coin: str
    status: int | str
    applyTime: str  # noqa: N815
    completeTime: str = ""  # noqa: N815
    transactionFee: str = "0"  # noqa: N815
    walletType: int | str = ""  # noqa: N815


class Ticker(msgspec.Struct):
    """The last price of one market."""

    symbol: str
    price: str


_universal, read_spot_transfers = decoder(Universal), decoder(list[SpotTransfer])
_deposits, _withdrawals, _tickers = decoder(list[Deposit]), decoder(list[Withdrawal]), decoder(list[Ticker])


def read_prices(body: bytes, assets: Collection[str], quotes: Collection[str]) -> Pairs:
    """The last prices of these assets and of the quotes themselves, in the quotes. Raises Malformed."""
    told = {ticker.symbol: (ticker.price, UNSET, UNSET) for ticker in _tickers(body)}
    return read_pairs(told, assets, quotes)


class Histories:
    """The walks through the histories of one master. `master_email` is "" where it could not be learned."""

    def __init__(self, call: Call, master_email: str) -> None:
        self._call = call
        self._master_email = master_email
        self._named: dict[str, Transfer] = {}

    def sources(self, span: Span) -> Iterator[tuple[str, Source, Walk]]:
        """Endpoint, what it is asked for, and how."""
        subs = [account for account in span.accounts if account != MASTER_IDENTITY and account.email]
        master = MASTER_IDENTITY in span.accounts
        moved = Source("transfers", span.from_ms, span.until_ms).reaching_back(0, LONGEST_MS)
        yield "transfers", moved, partial(self._transfers, subs, self._universal_rows)
        about = Source("spot transfers", moved.from_ms, moved.until_ms, moved.reason)
        yield "spot transfers", about, partial(self._transfers, subs, self._spot_rows)
        if subs:
            about = Source("sub deposits", span.from_ms, span.until_ms).reaching_back(LEAD_MS, LONGEST_MS)
            yield "sub deposits", about, partial(self._sub_deposits, subs)
        if master:
            about = Source("deposits", span.from_ms, span.until_ms).reaching_back(LEAD_MS, LONGEST_MS)
            yield "deposits", about, self._master_deposits
            about = Source("withdrawals", span.from_ms, span.until_ms).reaching_back(LEAD_MS, LONGEST_MS)
            yield "withdrawals", about, self._master_withdrawals

    async def _transfers(
        self, subs: Sequence[Identity], read: Callable[[bytes], Sequence[Transfer]], found: Found
    ) -> None:
        """The master's outgoing ones, then each account as giver and as taker."""
        name = found.about.name

        async def of_account(account: Identity) -> None:
            for side in ("fromEmail", "toEmail"):
                await self._windows(name, [(side, account.email or "")], read, found)

        await self._windows(name, [], read, found)
        await of_each(subs, found, of_account)

    async def _windows(
        self,
        name: str,
        address: Sequence[tuple[str, str]],
        read: Callable[[bytes], Sequence[Transfer]],
        found: Found,
    ) -> None:
        """All pages of all windows; the page that is not full is the last."""
        start_ms = found.from_ms
        while start_ms <= found.last_ms:
            end_ms = min(start_ms + WINDOW_MS, found.last_ms)
            window = [("startTime", str(start_ms)), ("endTime", str(end_ms))]
            for page in range(1, PAGES_MOST + 1):
                params = [*address, *window, ("page", str(page)), ("limit", str(TRANSFER_PAGE))]
                rows = (await self._call(name, params, read)).value
                found.take(self._fresh(name, rows))
                if len(rows) < TRANSFER_PAGE:
                    break
            else:
                found.fault("more pages than we read")
            start_ms = end_ms + 1

    def _fresh(self, name: str, rows: Sequence[Transfer]) -> Iterator[Transfer]:
        """Those that are done, less what the other history named."""
        for row in rows:
            if not row.amount:
                continue
            if name == "transfers":
                self._named[row.id] = row
            twin = self._named.get(row.id)
            if name == "transfers" or twin is None or (twin.asset, twin.amount) != (row.asset, row.amount):
                yield row

    def _universal_rows(self, body: bytes) -> Sequence[Transfer]:
        return [self._universal_row(row) for row in _universal(body).result]

    def _universal_row(self, row: UniversalRow) -> Transfer:
        giver, taker = self._who(row.fromEmail), self._who(row.toEmail)
        return Transfer(
            str(row.tranId),
            MovementKind.INTERNAL,
            asset_name(row.asset),
            amount(row.amount) if row.status == DONE else "",
            whole(row.createTimeStamp),
            giver,
            taker,
            _wallet(giver, row.fromAccountType),
            _wallet(taker, row.toAccountType),
        )

    def _spot_rows(self, body: bytes) -> Sequence[Transfer]:
        return [self._spot_row(row) for row in read_spot_transfers(body)]

    def _spot_row(self, row: SpotTransfer) -> Transfer:
        giver, taker = self._who(row.giver), self._who(row.to)
        told = amount(row.qty) if row.status == DONE else ""
        about = (str(row.tranId), MovementKind.INTERNAL, asset_name(row.asset), told, whole(row.time))
        return Transfer(*about, giver, taker, _wallet(giver, "SPOT"), _wallet(taker, "SPOT"))

    def _who(self, email: str) -> Identity:
        return MASTER_IDENTITY if email == self._master_email else Identity(email=email)

    async def _sub_deposits(self, subs: Sequence[Identity], found: Found) -> None:
        async def of_account(account: Identity) -> None:
            await self._records(
                found,
                [("email", account.email or "")],
                lambda body: _deposited(body, account),
                "sub deposits",
            )

        await of_each(subs, found, of_account)

    async def _master_deposits(self, found: Found) -> None:
        await self._records(found, [], lambda body: _deposited(body, MASTER_IDENTITY), "deposits")

    async def _master_withdrawals(self, found: Found) -> None:
        await self._records(found, [], _withdrawn, "withdrawals")

    async def _records(
        self,
        found: Found,
        whose: Sequence[tuple[str, str]],
        read: Callable[[bytes], Sequence[Transfer | None]],
        name: str,
    ) -> None:
        window = [("startTime", str(found.from_ms)), ("endTime", str(found.last_ms))]
        for page in range(PAGES_MOST):
            params = [*whose, *window, ("offset", str(page * WALLET_PAGE)), ("limit", str(WALLET_PAGE))]
            rows = (await self._call(name, params, read)).value
            found.take(row for row in rows if row is not None)
            if len(rows) < WALLET_PAGE:
                return
        found.fault("more pages than we read")


def _wallet(who: Identity, kind: str) -> str:
    return (_MASTER_WALLETS if who == MASTER_IDENTITY else _SUB_WALLETS).get(kind, "")


def _deposited(body: bytes, taker: Identity) -> list[Transfer | None]:
    """One entry a row, None for what is not credited."""
    return [_deposit(row, taker) if str(row.status) in DEPOSITED else None for row in _deposits(body)]


def _deposit(row: Deposit, taker: Identity) -> Transfer:
    wallet = _WALLET_TYPES.get(str(row.walletType), "") if taker == MASTER_IDENTITY else "spot"
    at_ms = whole(row.completeTime or row.insertTime)
    return Transfer(
        str(row.id),
        MovementKind.DEPOSIT,
        asset_name(row.coin),
        amount(row.amount),
        at_ms,
        None,
        taker,
        "",
        wallet,
    )


def _withdrawn(body: bytes) -> list[Transfer | None]:
    """One entry a row, None for what did not leave."""
    return [_withdrawal(row) if str(row.status) == WITHDRAWN else None for row in _withdrawals(body)]


def _withdrawal(row: Withdrawal) -> Transfer:
    return Transfer(
        str(row.id),
        MovementKind.WITHDRAWAL,
        asset_name(row.coin),
        amount(row.amount),
        _utc_ms(row.completeTime or row.applyTime),
        MASTER_IDENTITY,
        None,
        _WALLET_TYPES.get(str(row.walletType), ""),
        fee=fee_of(row.transactionFee),  # whether it comes on top is not written anywhere
    )


def _utc_ms(text: str) -> int:
    """From a date and a time of UTC, as the venue writes them. Raises Malformed."""
    try:
        return int(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()) * 1000
    except ValueError:
        raise Malformed(f"{text[:40]!r} is not a time") from None
