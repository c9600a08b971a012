"""Bitget: what moved between accounts, and deposits and withdrawals. Facts: www.bitget.com/api-doc (v2).

Without `subUid` the transfer records are those of the main account; each account is asked about in both roles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from daemon.exchanges.base import Span
from daemon.exchanges.bitget_wire import enveloped
from daemon.exchanges.decode import amount, asset_name, whole
from daemon.exchanges.endpoint import Endpoint
from daemon.exchanges.found import PAGES_MOST, Call, Found, Source, Walk, fee_of, of_each
from daemon.exchanges.limits import Limit
from rules.model import MASTER_IDENTITY, Identity
from rules.statements import MovementKind, Transfer

DAY_MS = 86_400_000
LONGEST_MS = 90 * DAY_MS
LEAD_MS = DAY_MS
PAGE = 100
ROLES = ("initiator", "receiver")
MOVED = frozenset({"successful", "success"})
DONE = "success"
_WALLETS = {
    "coin_futures": "futures",
    "usdt_futures": "futures",
    "usdc_futures": "futures",
    "crossed_margin": "margin",
    "isolated_margin": "margin",
    "p2p": "funding",
}

HISTORIES: Mapping[str, Endpoint] = {
    name: Endpoint(path, Limit(calls, 1), optional=True, local=True)
    for name, path, calls in (
        ("transfers", "/api/v2/spot/account/sub-main-trans-record", 20),
        ("sub deposits", "/api/v2/spot/wallet/subaccount-deposit-records", 10),
        ("deposits", "/api/v2/spot/wallet/deposit-records", 10),
        ("withdrawals", "/api/v2/spot/wallet/withdrawal-records", 10),
    )
}


class Moved(msgspec.Struct):
    """One row of sub-main-trans-record."""

    transferId: str | int  # noqa: N815
    coin: str
    size: str
    status: str
    ts: str | int
    fromUserId: str | int  # noqa: N815
    toUserId: str | int  # noqa: N815
    fromType: str = ""  # noqa: N815
    toType: str = ""  # noqa: N815


class Recorded(msgspec.Struct):
    """One row of the deposit and withdrawal records; a fee is told as a negative one."""

    orderId: str | int  # noqa: N815
    coin: str
    size: str
    status: str
    cTime: str | int  # noqa: N815
    fee: str | None = None


_moves, _records = enveloped(list[Moved]), enveloped(list[Recorded])
Rows = Sequence[tuple[str, Transfer | None]]
"""For each row of a page its cursor, and what it says: None where it is not done."""


def sources(call: Call, span: Span, master_id: str) -> Iterator[tuple[str, Source, Walk]]:
    """Endpoint, what it is asked for, and how. `master_id` is "" where it could not be learned."""
    subs = [account for account in span.accounts if account != MASTER_IDENTITY and account.venue_id]
    moved = Source("transfers", span.from_ms, span.until_ms).reaching_back(0, LONGEST_MS)
    yield "transfers", moved, partial(_transfers, call, subs, master_id)
    if subs:
        about = Source("sub deposits", span.from_ms, span.until_ms).reaching_back(LEAD_MS, LONGEST_MS)
        yield "sub deposits", about, partial(_sub_deposits, call, subs)
    if MASTER_IDENTITY in span.accounts:
        for name, read in (
            ("deposits", partial(_deposited, taker=MASTER_IDENTITY)),
            ("withdrawals", _withdrawn),
        ):
            about = Source(name, span.from_ms, span.until_ms).reaching_back(LEAD_MS, LONGEST_MS)
            yield name, about, partial(_pages, call, (), read)


async def _transfers(call: Call, subs: Sequence[Identity], master_id: str, found: Found) -> None:
    read = partial(_moved, master_id=master_id)

    async def of_account(account: Identity) -> None:
        for role in ROLES:
            await _pages(call, [("role", role), ("subUid", account.venue_id or "")], read, found)

    for role in ROLES:
        await _pages(call, [("role", role)], read, found)
    await of_each(subs, found, of_account)


async def _sub_deposits(call: Call, subs: Sequence[Identity], found: Found) -> None:
    async def of_account(account: Identity) -> None:
        read = partial(_deposited, taker=account)
        await _pages(call, [("subUid", account.venue_id or "")], read, found)

    await of_each(subs, found, of_account)


async def _pages(
    call: Call, which: Sequence[tuple[str, str]], read: Callable[[bytes], Rows], found: Found
) -> None:
    """Cursor by cursor until a page is not full."""
    window, cursor, seen = (
        [("startTime", str(found.from_ms)), ("endTime", str(found.last_ms))],
        "",
        set[str](),
    )
    for _ in range(PAGES_MOST):
        params = [*which, *window, ("limit", str(PAGE))] + ([("idLessThan", cursor)] if cursor else [])
        rows = (await call(found.about.name, params, read)).value
        found.take(transfer for _, transfer in rows if transfer is not None)
        if len(rows) < PAGE:
            return
        cursor = rows[-1][0]
        if cursor in seen:
            found.fault("a page came again")
            return
        seen.add(cursor)
    found.fault("more pages than we read")


def _moved(body: bytes, master_id: str) -> Rows:
    return [
        (str(row.transferId), _move(row, master_id) if row.status.lower() in MOVED else None)
        for row in _moves(body)
    ]


def _move(row: Moved, master_id: str) -> Transfer:
    giver, taker = (
        MASTER_IDENTITY if user == master_id else Identity(venue_id=user)
        for user in (str(row.fromUserId), str(row.toUserId))
    )
    wallets = (_WALLETS.get(row.fromType, row.fromType), _WALLETS.get(row.toType, row.toType))
    about = (str(row.transferId), MovementKind.INTERNAL, asset_name(row.coin.upper()), amount(row.size))
    return Transfer(*about, whole(row.ts), giver, taker, *wallets)


def _deposited(body: bytes, taker: Identity) -> Rows:
    return [
        (str(row.orderId), _deposit(row, taker) if row.status.lower() == DONE else None)
        for row in _records(body)
    ]


def _deposit(row: Recorded, taker: Identity) -> Transfer:
    about = (str(row.orderId), MovementKind.DEPOSIT, asset_name(row.coin.upper()), amount(row.size))
    return Transfer(*about, whole(row.cTime), None, taker, "", "spot")


def _withdrawn(body: bytes) -> Rows:
    return [
        (str(row.orderId), _withdrawal(row) if row.status.lower() == DONE else None) for row in _records(body)
    ]


def _withdrawal(row: Recorded) -> Transfer:
    about = (str(row.orderId), MovementKind.WITHDRAWAL, asset_name(row.coin.upper()), amount(row.size))
    # Whether the fee comes on top is not written anywhere.
    return Transfer(*about, whole(row.cTime), MASTER_IDENTITY, None, "spot", fee=fee_of(row.fee or "0"))
