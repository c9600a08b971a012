"""OKX on the wire: errors, shapes and how they are read. No I/O. Facts: www.okx.com/docs-v5/en.

`msg` may be localized: only codes decide.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec
from msgspec.structs import astuple

from daemon.exchanges.decode import UNSET, Given, Name, allowed_empty, decoder, free_text, table, whole
from daemon.exchanges.errors import (
    ACCOUNT,
    BUG,
    CLOCK,
    DENIED,
    LIMITED,
    MAINTENANCE,
    TRANSIENT,
    Malformed,
    Verdict,
    codes,
    fatal,
)
from daemon.exchanges.prices import Pairs, read_pairs
from daemon.exchanges.revising import reviser
from rules.model import Identity, ListedAccount, Row

T = TypeVar("T")

# Errors: "Error Code" of the documentation.

CODES: Mapping[str, Verdict] = codes(
    {
        "50102 50112": CLOCK,
        "50001 50004 50013 50026 58007": TRANSIENT,
        "50011 50040 50061 58102": LIMITED,
        "50005 50046 50062": MAINTENANCE,
        "50119": fatal(
            "the key is not known here: check api_key, and base_url for the region it was made in"
        ),
        "50101": fatal("the key is of another environment: a demo key does not work here"),
        "50110": fatal("add this machine's address to the IP allow-list of the key"),
        "50035": fatal("bind the key to an IP address"),
        "50105": fatal("check passphrase"),
        "50113": fatal("the signature is refused: check api_secret"),
        "50030 50120": fatal("the key lacks the right to read", permission=True),
        "50103 50104 50106 50107 50108 50109 50111 50114": fatal("check api_key, api_secret and passphrase"),
        "50100": fatal("the key is frozen"),
        "59500": fatal("the key must belong to the main account"),
        "50038 50041 50121 59506": fatal("this key may not use this", permission=True),
        "50007 50008 50009 50012 50027 50029 50051 50059 50060 58004": fatal(
            "the venue has restricted the account"
        ),
        "59510 58115": DENIED,
        "59508": Verdict(ACCOUNT.kind, "the sub-account is suspended"),
        "50000 50002 50006 50014 50015 50016 50024 50025 50039 50115 51000": BUG,
    }
)


# Parse


class Envelope(msgspec.Struct, Generic[T]):
    """A success has code "0"; gateway errors have no data."""

    code: str | int
    data: list[T]


class FundingRow(msgspec.Struct, gc=False):
    """One currency of a funding account, its amounts in the order of FUNDING_FIELDS."""

    ccy: str
    availBal: Given = UNSET  # noqa: N815
    frozenBal: Given = UNSET  # noqa: N815
    bal: Given = UNSET


class TradingRow(msgspec.Struct, gc=False):
    """One currency, its amounts in the order of TRADING_FIELDS; what an account mode does not know is ""."""

    ccy: str
    cashBal: Given = UNSET  # noqa: N815
    availBal: Given = UNSET  # noqa: N815
    frozenBal: Given = UNSET  # noqa: N815
    ordFrozen: Given = UNSET  # noqa: N815
    liab: Given = UNSET
    eq: Given = UNSET


class Trading(msgspec.Struct):
    """A trading account and its valuation in USD."""

    details: list[TradingRow]
    totalEq: Given = UNSET  # noqa: N815


class SubAccount(msgspec.Struct):
    """One row of users/subaccount/list. Older shapes have no uid."""

    subAcct: Name  # noqa: N815
    ts: str
    enable: bool | None = None
    uid: Name | None = None
    label: str | None = None


class Config(msgspec.Struct):
    """account/config: whose key it is."""

    uid: Name
    perm: Name
    mainUid: Name | None = None  # noqa: N815
    type: str | None = None
    ip: str | None = None


class Time(msgspec.Struct):
    """public/time."""

    ts: str


class Status(msgspec.Struct):
    """One row of system/status."""

    state: str
    env: str = "1"
    title: str = ""
    end: str = ""


class Ticker(msgspec.Struct, gc=False):
    """One row of market/tickers: last price and best bid and ask of a market, "" where there is none."""

    instId: str  # noqa: N815
    last: str
    bidPx: Given = UNSET  # noqa: N815
    askPx: Given = UNSET  # noqa: N815


FUNDING_FIELDS = ("free", "frozen", "total")
TRADING_FIELDS = ("total", "free", "frozen", "ordFrozen", "liab", "eq")
Trade = tuple[Mapping[str, Row], Mapping[str, str] | None]


def enveloped(row: type[T]) -> Callable[[bytes], list[T]]:
    """A reader of `data`; raises Malformed on everything that is no success."""
    decode = decoder(Envelope[row])  # type: ignore[valid-type]

    def read(body: bytes) -> list[T]:
        envelope = decode(body)
        if str(envelope.code) != "0":
            raise Malformed(f"code {envelope.code}")
        return envelope.data

    return read


_funding, _trading, _accounts = enveloped(FundingRow), enveloped(Trading), enveloped(SubAccount)
_config, _time, read_status = enveloped(Config), enveloped(Time), enveloped(Status)
_tickers = enveloped(Ticker)


def read_accounts(body: bytes) -> list[SubAccount]:
    """The rows of a page, each with the time of its creation: the next page is asked for by it. Raises Malformed."""
    rows = _accounts(body)
    for row in rows:
        whole(row.ts)
    return rows


def read_funding(body: bytes, before: Mapping[str, Row] | None = None) -> Mapping[str, Row]:
    """Currencies to free, frozen, total. Raises Malformed."""
    return table([astuple(row) for row in _funding(body)], allowed_empty, before or {})


revise_funding = reviser(FundingRow, allowed_empty)


def read_trading(body: bytes, before: Trade | None = None) -> Trade:
    """Currencies to their amounts, and the valuation in USD. Raises Malformed."""
    account = single(_trading(body))
    rows = table([astuple(row) for row in account.details], allowed_empty, before[0] if before else {})
    value = allowed_empty(account.totalEq)
    return rows, {"USD": value} if value else None


def single(rows: Sequence[T]) -> T:
    """The one row of an answer that has one. Raises Malformed."""
    if len(rows) != 1:
        raise Malformed(f"{len(rows)} rows in place of one")
    return rows[0]


def read_time(body: bytes) -> int:
    """The venue's clock in ms. Raises Malformed."""
    return whole(single(_time(body)).ts)


def read_config(body: bytes) -> Config:
    """Whose key it is. Raises Malformed."""
    return single(_config(body))


def read_prices(body: bytes, assets: Collection[str], quotes: Collection[str]) -> Pairs:
    """The prices of these assets and of the quotes themselves, in the quotes. Raises Malformed."""
    told = {one.instId: (one.last, one.bidPx, one.askPx) for one in _tickers(body)}
    return read_pairs(told, assets, quotes, "-")


def listed(row: SubAccount) -> ListedAccount:
    """`enable` false is frozen; the label is free text."""
    identity = Identity(venue_id=row.uid or None, name=row.subAcct, alias=free_text(row.label or "") or None)
    return ListedAccount(identity, None if row.enable is None else not row.enable)
