"""Bitget on the wire: errors, shapes and how they are read. No I/O. Facts: www.bitget.com/api-doc (v2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from daemon.exchanges.decode import (
    UNSET,
    Given,
    Name,
    allowed_empty,
    asset_name,
    decoder,
    free_text,
    same_amounts,
    table,
    whole,
)
from daemon.exchanges.errors import (
    ACCOUNT,
    BUG,
    CLOCK,
    LIMITED,
    MAINTENANCE,
    TRANSIENT,
    Malformed,
    Verdict,
    codes,
    fatal,
    transient,
)
from daemon.exchanges.prices import Pairs, read_pairs
from rules.model import Identity, ListedAccount, Row

T = TypeVar("T")

# Errors: "RestAPI Error Code".

_RELEASE = "releases on Tue, Wed and Thu 06:00-09:00 UTC may cause it"
_IP = "add this machine's address to the IP allow-list of the key"
_MODE = "these endpoints serve Classic accounts only, and this is a Unified one (wrong account mode)"
_REGION = "the venue does not serve this region or entity"
CODES: Mapping[str, Verdict] = codes(
    {
        "40005 40008 40078": CLOCK,
        "429 1001 25001 25003 25004": LIMITED,
        "40010 25000 40910": TRANSIENT,
        "40015 40725 45001": transient(_RELEASE),
        "40200": Verdict(MAINTENANCE.kind, "the venue upgrades its servers"),
        "40808": transient(f"{_RELEASE}; otherwise our request is wrong"),
        "40001 40002 40003 40006 40011 40025 40036 40037 40041": fatal(
            "check api_key and that the key exists"
        ),
        "40009": fatal("the signature is refused: check api_secret"),
        "40012": fatal("check passphrase, and api_key"),
        "40014 40040": fatal("give the key the right that the message names", permission=True),
        "40018 40038": fatal(_IP),
        "22010": fatal("bind the key to an IP address", permission=True),
        "40016 40061 40068 40081": fatal("this key may not use this", permission=True),
        "40029": fatal("broker accounts may not call this", permission=True),
        "40048": fatal("the key must belong to the parent account"),
        "40084 40085": fatal(_MODE),
        "40000 40103 40104 40111": fatal(_REGION),
        "40013 40022 40023 40024 40026 40031 40035 40101 40710": fatal(
            "the venue has restricted the account"
        ),
        "40028 40066 40300": ACCOUNT,
        "00171 00172 400172 40007 40017 40019 40020 40034 40053 40057 40058 40064 40404": BUG,
    }
)


# Parse


class Envelope(msgspec.Struct, Generic[T]):
    """A success has code "00000". The time of the request differs in every answer."""

    code: str | int
    data: T


class Asset(msgspec.Struct, gc=False):
    """One coin; "" is allowed for a number that is not known."""

    coin: str
    available: Given = UNSET
    frozen: Given = UNSET
    locked: Given = UNSET
    limitAvailable: Given = UNSET  # noqa: N815


class SubAssets(msgspec.Struct):
    """The coins of one sub-account. `id` is only a cursor."""

    id: Name | int
    userId: Name | int  # noqa: N815
    assetsList: list[Asset]  # noqa: N815


class SubAccount(msgspec.Struct):
    """One row of the list of virtual sub-accounts."""

    subAccountUid: Name | int  # noqa: N815
    subAccountName: Name | None = None  # noqa: N815
    label: str | None = None
    status: str | None = None


class SubAccounts(msgspec.Struct):
    """One page of the list."""

    subAccountList: list[SubAccount]  # noqa: N815
    endId: Name | int | None = None  # noqa: N815


class Info(msgspec.Struct):
    """account/info: whose key it is and what it may do."""

    userId: Name | int  # noqa: N815
    authorities: list[Name]
    parentId: Name | int | None = None  # noqa: N815
    ips: str | list[str] | None = None


class Ticker(msgspec.Struct, gc=False):
    """One row of market/tickers: last price and best bid and ask of a market; the page shows 0 for an empty book."""

    symbol: str
    lastPr: str  # noqa: N815
    bidPr: Given = UNSET  # noqa: N815
    askPr: Given = UNSET  # noqa: N815


class Time(msgspec.Struct):
    """public/time."""

    serverTime: str | int  # noqa: N815


FIELDS = ("free", "frozen", "locked", "limitAvailable")
READ_ONLY = frozenset(
    {
        "readonly",
        "read",
        "stor",
        "coor",
        "cpor",
        "smor",
        "ttor",
        "wtor",
        "wwor",
        "chor",
        "p2pr",
        "taxr",
        "pllr",
    }
)
_REQUEST_TIME = re.compile(rb'("requestTime"\s*:\s*"?)(?:0|[1-9][0-9]*)')


def enveloped(shape: type[T]) -> Callable[[bytes], T]:
    """A reader of `data`; raises Malformed on everything that is no success."""
    decode = decoder(Envelope[shape])  # type: ignore[valid-type]

    def read(body: bytes) -> T:
        envelope = decode(body)
        if str(envelope.code) != "00000":
            raise Malformed(f"code {envelope.code}")
        return envelope.data

    return read


_page, _coins, read_accounts = enveloped(list[SubAssets]), enveloped(list[Asset]), enveloped(SubAccounts)
read_info, _time, _tickers = enveloped(Info), enveloped(Time), enveloped(list[Ticker])


def lasting(body: bytes) -> bytes:
    """A body with another time of its request, always the same, so that equal facts are equal bytes."""
    return _REQUEST_TIME.sub(rb"\g<1>0", body, count=1)


def read_time(body: bytes) -> int:
    """The venue's clock in ms. Raises Malformed."""
    return whole(_time(body).serverTime)


def read_prices(body: bytes, assets: Collection[str], quotes: Collection[str]) -> Pairs:
    """The prices of these assets and of the quotes themselves, in the quotes. Raises Malformed."""
    told = {one.symbol: (one.lastPr, one.bidPr, one.askPr) for one in _tickers(body)}
    return read_pairs(told, assets, quotes)


def rows_of(coins: Sequence[Asset], before: Mapping[str, Row]) -> Mapping[str, Row]:
    """Coins, in upper case, to free, frozen, locked, limitAvailable. Raises Malformed."""
    return table([_given(coin) for coin in coins], allowed_empty, before)


def _given(row: Asset) -> tuple[Given, ...]:
    return row.coin.upper(), row.available, row.frozen, row.locked, row.limitAvailable


def read_coins(body: bytes, before: Mapping[str, Row] | None = None) -> Mapping[str, Row]:
    """The master's own coins. Raises Malformed."""
    return rows_of(_coins(body), before or {})


@dataclass(slots=True)
class Page:
    """One page of a pass. `torn` are users with one coin twice in different amounts, `broken` those of whom
    an amount cannot be read, and why: the others can.
    """

    ids: tuple[str, ...]
    users: dict[str, Mapping[str, Row]] = field(default_factory=dict)
    torn: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def read_page(body: bytes, before: Page | None = None) -> Page:
    """Disjoint rows of one user merge, and so do identical ones. Raises Malformed where no row can be read."""
    rows = _page(body)
    page = Page(tuple(str(row.id) for row in rows))
    coins: dict[str, list[Asset]] = {}
    for row in rows:
        coins.setdefault(str(row.userId), []).extend(row.assetsList)
    for user, assets in coins.items():
        known = before.users.get(user, {}) if before else {}
        try:
            clash = clashing(assets)
            now = known if clash else rows_of(assets, known)
        except Malformed as error:
            page.broken[user] = str(error)
            continue
        if clash:
            page.torn[user] = clash
        else:
            page.users[user] = known if now == known and known else now
    return page


def clashing(assets: Sequence[Asset]) -> str:
    """The first coin that comes twice with different amounts; "" where none does. Raises Malformed."""
    if len({asset.coin.upper() for asset in assets}) == len(assets):
        return ""  # nothing repeats: `rows_of` reads them all
    seen: dict[str, Mapping[str, Row]] = {}
    for asset in assets:
        coin = asset_name(asset.coin.upper())
        one = rows_of([asset], {})
        if coin in seen and not same_amounts(seen[coin][coin], one[coin]):
            return coin
        seen[coin] = one
    return ""


def listed(row: SubAccount) -> ListedAccount:
    """The label is what people read; the name of a virtual account is a masked address."""
    name = free_text(row.label or "") or row.subAccountName or None
    frozen = None if row.status is None else row.status in {"freeze", "frozen"}
    return ListedAccount(
        Identity(venue_id=str(row.subAccountUid), name=name, alias=row.subAccountName), frozen
    )
