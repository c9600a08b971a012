"""Binance on the wire: credentials, errors, shapes and how they are read. No I/O.

Facts: developers.binance.com/docs, sub_account and wallet. A signed address is percent-encoded first and
signed then (change log, in force since 2026-01-15).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import astuple

from daemon.exchanges.decode import (
    NAME_CHARACTERS,
    UNSET,
    Given,
    Name,
    amount,
    decoder,
    exact,
    free_text,
    required,
    table,
    whole,
)
from daemon.exchanges.errors import (
    ACCOUNT,
    BANNED,
    BUG,
    CLOCK,
    DENIED,
    LIMITED,
    TRANSIENT,
    Malformed,
    Verdict,
    codes,
    fatal,
    transient,
)
from daemon.exchanges.reply import BAN
from daemon.exchanges.revising import reviser
from daemon.exchanges.signing import Params, query
from rules.model import Identity, ListedAccount, Row

# Credentials

# A timestamp must be less than 1 s ahead and at most recvWindow old, checked again before the work is done.
# 10 s covers a fresh TLS connection and the backend's own 10 s; a refusal would cost weight. A GET read twice
# within 10 s changes nothing. The default is 5,000, the most 60,000.
RECV_WINDOW_MS = "10000"


def signed_target(path: str, params: Params, venue_ms: int, sign: Callable[[str], str]) -> str:
    """Path and query with the signature over the exact query before it."""
    asked = query(params)
    payload = f"{asked}{'&' if asked else ''}recvWindow={RECV_WINDOW_MS}&timestamp={venue_ms}"
    return f"{path}?{payload}&signature={sign(payload)}"


# Errors: "Error codes" of the wallet and sub-account pages; what was measured is in the facts.

_IP_OR_RIGHTS = "check that the key exists, its IP allow-list holds this machine, and it may read"
_WRONG_KIND = "the key must belong to a master account with sub-accounts"
CODES: Mapping[str, Verdict] = codes(
    {
        "-1000 -1001 -1004 -1006 -1007 -1016 -3000 -3044 -10001": TRANSIENT,
        "-1008": transient("the venue is overloaded and asks for some minutes"),
        "-1003 -12014 -4005": LIMITED,
        "-1021": CLOCK,
        "-1022": fatal("the signature is refused: check api_secret and that it is of the kind of the key"),
        "-2014 -2008 -1099": fatal("check api_key"),
        "-1002": fatal("the key lacks a right", permission=True),
        "-2015": fatal(_IP_OR_RIGHTS, permission=True, perhaps_banned=True),
        "-1100 -1101 -1102 -1103 -1104 -1105 -1106 -1130 -1131": BUG,
        "-9000 -3003 -5021": DENIED,
        "-4003 -5022": ACCOUNT,
        "-8012": fatal("sub-accounts are not enabled; " + _WRONG_KIND),
        "-12022 -4006": fatal(_WRONG_KIND),
        "-10038": fatal("broker accounts are not supported by these endpoints"),
    }
)
BANNED_UNTIL = re.compile(r"banned until ([0-9]{13})")
_NOT_ENABLED = re.compile(r"(?i)not enabled")


def classify(code: str, words: str, status: int) -> Verdict | None:
    """-1003 and -9000 have two meanings each; the status or the words tell them apart."""
    if code == "-1003" and (status == BAN or BANNED_UNTIL.search(words)):
        return BANNED
    if code == "-9000" and _NOT_ENABLED.search(words):
        return CODES["-8012"]
    return CODES.get(code)


# Parse


class BalanceRow(msgspec.Struct, gc=False):
    """One asset, its amounts in the order of FIELDS; v3 sends numbers, which the slow path takes as text."""

    asset: str
    free: Given = UNSET
    locked: Given = UNSET
    freeze: Given = UNSET
    withdrawing: Given = UNSET


class Balances(msgspec.Struct):
    """v4 sub-account/assets."""

    balances: list[BalanceRow]


class SummaryRow(msgspec.Struct, gc=False):
    """One account's spot wallet, valued in BTC."""

    email: Name
    totalAsset: str  # noqa: N815


class Summary(msgspec.Struct):
    """One page of spotSummary."""

    totalCount: int | str  # noqa: N815
    masterAccountTotalAsset: str  # noqa: N815
    spotSubUserAssetBtcVoList: list[SummaryRow]  # noqa: N815


class SubAccount(msgspec.Struct):
    """One row of sub-account/list."""

    email: Name
    isFreeze: bool | None = None  # noqa: N815
    subUserId: int | Name | None = None  # noqa: N815
    remark: str | None = None


class SubAccounts(msgspec.Struct):
    """One page of sub-account/list."""

    subAccounts: list[SubAccount]  # noqa: N815


class Wallet(msgspec.Struct):
    """One wallet of the master, valued in the quote asset."""

    walletName: Name  # noqa: N815
    balance: str
    assetBalances: list[BalanceRow] | None = None  # noqa: N815


class ServerTime(msgspec.Struct):
    """api/v3/time."""

    serverTime: int | str  # noqa: N815


class SystemStatus(msgspec.Struct):
    """0 is normal, 1 is maintenance."""

    status: int | str
    msg: str = ""


FIELDS = ("free", "locked", "frozen", "withdrawing")
_balances, _summary, _wallets = decoder(Balances), decoder(Summary), decoder(list[Wallet])
_accounts, _time, read_status = decoder(SubAccounts), decoder(ServerTime), decoder(SystemStatus)


def rows_of(balances: Sequence[BalanceRow], before: Mapping[str, Row]) -> Mapping[str, Row]:
    """Assets to free, locked, frozen, withdrawing. No amount may be empty here."""
    return table([astuple(row) for row in balances], required, before)


def read_balances(body: bytes, before: Mapping[str, Row] | None = None) -> Mapping[str, Row]:
    """v4 and v3 sub-account/assets. Raises Malformed."""
    return rows_of(_balances(body).balances, before or {})


revise_balances = reviser(BalanceRow, required)


def read_time(body: bytes) -> int:
    """The venue's clock in ms. Raises Malformed."""
    return whole(_time(body).serverTime)


def read_accounts(body: bytes) -> SubAccounts:
    """A page of the list; every account has an e-mail. Raises Malformed."""
    page = _accounts(body)
    if not all(row.email for row in page.subAccounts):
        raise Malformed("an account has no e-mail")
    return page


def read_summary(body: bytes) -> Summary:
    """A page whose valuations are amounts. Raises Malformed."""
    page = _summary(body)
    page.totalCount = whole(page.totalCount)
    page.masterAccountTotalAsset = amount(page.masterAccountTotalAsset)
    for row in page.spotSubUserAssetBtcVoList:
        row.totalAsset = amount(row.totalAsset)
    return page


@dataclass(frozen=True, slots=True)
class MasterWallet:
    """One wallet of the master: the venue's valuation, and quantities where they were asked for and given."""

    name: str
    value: str
    rows: Mapping[str, Row] | None


def read_wallets(body: bytes, *, detailed: bool = False) -> list[MasterWallet]:
    """Names as the venue gives them: an open set. Raises Malformed."""
    wallets = [
        MasterWallet(
            w.walletName, amount(w.balance), None if w.assetBalances is None else rows_of(w.assetBalances, {})
        )
        for w in _wallets(body)
    ]
    if len({wallet.name for wallet in wallets}) != len(wallets):
        raise Malformed("a wallet is listed twice")
    if detailed and wallets and all(wallet.rows is None for wallet in wallets):
        raise Malformed("no wallet holds assetBalances")
    return wallets


def listed(row: SubAccount) -> ListedAccount:
    """A row of the list; the remark is the free text beside the e-mail."""
    venue_id = None if row.subUserId is None else str(row.subUserId)
    return ListedAccount(
        Identity(venue_id=venue_id, email=row.email, alias=free_text(row.remark or "") or None), row.isFreeze
    )


def rights_of(body: bytes) -> tuple[Mapping[str, bool], tuple[str, ...]]:
    """All flags of apiRestrictions, and those true ones that go beyond reading. An unknown one counts."""
    said = exact(body)
    if not isinstance(said, dict) or not isinstance(said.get("enableReading"), bool):
        raise Malformed("apiRestrictions has another shape")
    flags = {name: value for name, value in said.items() if isinstance(value, bool)}
    harmless = {"enableReading", "ipRestrict", "enableFixReadOnly"}
    if not all(name.isprintable() and len(name) <= NAME_CHARACTERS for name in flags):
        raise Malformed("apiRestrictions names a right that cannot be one")
    return flags, tuple(name for name, value in flags.items() if value and name not in harmless)


@dataclass(slots=True)
class SummaryWalk:
    """What the pages of one walk say of its completeness (law 2)."""

    total: int | None = None
    emails: dict[str, None] = field(default_factory=dict)
    fault: str = ""
    failed: bool = False

    def take(self, page: Summary) -> list[SummaryRow]:
        """The rows not met before."""
        if self.total is None:
            self.total = int(page.totalCount)
        elif self.total != int(page.totalCount):
            self.fault = f"totalCount changed from {self.total} to {page.totalCount} between pages"
        fresh = []
        for row in page.spotSubUserAssetBtcVoList:
            if row.email in self.emails:
                self.fault = "an account is on two pages"
            else:
                self.emails[row.email] = None
                fresh.append(row)
        return fresh

    @property
    def reason(self) -> str:
        """Why the walk is incomplete; "" for a complete one."""
        if self.failed:
            return "a page failed"
        if self.fault or self.total == len(self.emails):
            return self.fault
        return f"{len(self.emails)} accounts on the pages, totalCount says {self.total}"
