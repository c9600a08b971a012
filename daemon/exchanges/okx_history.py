"""OKX: what moved between the master and its sub-accounts, and the master's deposits and withdrawals.

Facts: www.okx.com/docs-v5/en. Pages go by time, newest first; `after` is one more than the oldest seen, so that
equal times are not skipped. A transfer between two sub-accounts is in none of the two types that the page names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from daemon.exchanges.base import Span
from daemon.exchanges.decode import amount, asset_name, whole
from daemon.exchanges.endpoint import Endpoint
from daemon.exchanges.found import PAGES_MOST, Call, Found, Source, Walk, with_fee
from daemon.exchanges.limits import Limit
from daemon.exchanges.okx_wire import enveloped
from rules.model import MASTER_IDENTITY, Identity
from rules.statements import MovementKind, Transfer

DAY_MS = 86_400_000
LONGEST_MS = 30 * DAY_MS
LEAD_MS = DAY_MS
PAGE = 100
TO_SUB, TO_MASTER = "0", "1"
DEPOSITED = frozenset({"1", "2"})  # 1: credited, and not yet to be withdrawn
WITHDRAWN = "2"

HISTORIES: Mapping[str, Endpoint] = {
    name: Endpoint(path, Limit(6, 1), optional=True, local=True)
    for name, path in (
        ("transfers", "/api/v5/asset/subaccount/bills"),
        ("deposits", "/api/v5/asset/deposit-history"),
        ("withdrawals", "/api/v5/asset/withdrawal-history"),
    )
}


class Bill(msgspec.Struct):
    """One row of subaccount/bills: 0 is from the master, 1 is to it."""

    billId: str  # noqa: N815
    ccy: str
    amt: str
    subAcct: str  # noqa: N815
    ts: str
    type: str


class Deposit(msgspec.Struct):
    """One row of deposit-history."""

    depId: str  # noqa: N815
    ccy: str
    amt: str
    state: str
    ts: str


class Withdrawal(msgspec.Struct):
    """One row of withdrawal-history. The fee comes on top, in `feeCcy` where that is told."""

    wdId: str  # noqa: N815
    ccy: str
    amt: str
    state: str
    ts: str
    fee: str = "0"
    feeCcy: str = ""  # noqa: N815


_bills, _deposits, _withdrawals = enveloped(Bill), enveloped(Deposit), enveloped(Withdrawal)
Rows = Sequence[tuple[int, Sequence[Transfer]]]
"""For each row of a page its time, and what it says: nothing where it is not done."""


def sources(call: Call, span: Span) -> Iterator[tuple[str, Source, Walk]]:
    """Endpoint, what it is asked for, and how."""
    moved = Source("transfers", span.from_ms, span.until_ms).reaching_back(0, LONGEST_MS)
    yield "transfers", moved, partial(_both_ways, call)
    if MASTER_IDENTITY in span.accounts:
        for name, read in (("deposits", _deposited), ("withdrawals", _withdrawn)):
            about = Source(name, span.from_ms, span.until_ms).reaching_back(LEAD_MS, LONGEST_MS)
            yield name, about, partial(_pages, call, (), read)


async def _both_ways(call: Call, found: Found) -> None:
    for type_ in (TO_SUB, TO_MASTER):
        await _pages(call, [("type", type_)], _billed, found)


async def _pages(
    call: Call, which: Sequence[tuple[str, str]], read: Callable[[bytes], Rows], found: Found
) -> None:
    """Back in time until a page is not full, or older than what is wanted."""
    after_ms, full_of_one_ms = found.last_ms + 1, 0
    for _ in range(PAGES_MOST):
        params = [*which, ("after", str(after_ms)), ("limit", str(PAGE))]
        rows = (await call(found.about.name, params, read)).value
        found.take(transfer for _, transfers in rows for transfer in transfers)
        oldest_ms = min((at_ms for at_ms, _ in rows), default=0)
        if len(rows) < PAGE or oldest_ms < found.from_ms:
            return
        if oldest_ms + 1 >= after_ms:
            full_of_one_ms = oldest_ms
            break
        after_ms = oldest_ms + 1
    found.fault(
        "more records of one instant than a page holds" if full_of_one_ms else "more pages than we read"
    )


def _billed(body: bytes) -> Rows:
    return [(whole(row.ts), [_bill(row)]) for row in _bills(body)]


def _bill(row: Bill) -> Transfer:
    sub = Identity(name=row.subAcct)
    giver, taker = (MASTER_IDENTITY, sub) if row.type == TO_SUB else (sub, MASTER_IDENTITY)
    moved = amount(row.amt).removeprefix("-")
    return Transfer(
        row.billId, MovementKind.INTERNAL, asset_name(row.ccy), moved, whole(row.ts), giver, taker
    )


def _deposited(body: bytes) -> Rows:
    return [(whole(row.ts), [_deposit(row)] if row.state in DEPOSITED else []) for row in _deposits(body)]


def _deposit(row: Deposit) -> Transfer:
    about = (row.depId, MovementKind.DEPOSIT, asset_name(row.ccy), amount(row.amt), whole(row.ts))
    return Transfer(*about, None, MASTER_IDENTITY, "", "funding")


def _withdrawn(body: bytes) -> Rows:
    return [(whole(row.ts), _withdrawal(row) if row.state == WITHDRAWN else []) for row in _withdrawals(body)]


def _withdrawal(row: Withdrawal) -> list[Transfer]:
    """A fee in another coin is a movement of its own."""
    apart = row.feeCcy not in {"", row.ccy}
    moved = amount(row.amt) if apart else with_fee(row.amt, row.fee)
    at_ms, whose = whole(row.ts), (MASTER_IDENTITY, None, "funding")
    kind = MovementKind.WITHDRAWAL
    told = [Transfer(row.wdId, kind, asset_name(row.ccy), moved, at_ms, *whose)]
    if apart and row.fee.strip("-0."):
        cost = with_fee("0", row.fee)
        told.append(Transfer(f"{row.wdId} fee", kind, asset_name(row.feeCcy), cost, at_ms, *whose))
    return told
