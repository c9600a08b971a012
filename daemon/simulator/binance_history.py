"""The histories of the fake Binance: transfers, deposits, withdrawals, and the public prices.

Source: developers.binance.com, Sub Account and Wallet pages; binance-spot-api-docs for the ticker. Without an
address the transfer histories tell of the master's own outgoing transfers only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from daemon.simulator.binance_gate import WHOLE, missing, refusal
from daemon.simulator.limits import Limit
from daemon.simulator.markets import markets
from daemon.simulator.model import Account
from daemon.simulator.money import wire
from daemon.simulator.movements import Movement
from daemon.simulator.venue import Call, Endpoint

if TYPE_CHECKING:
    from daemon.simulator.binance import Binance

__all__ = ["history_endpoints", "prices"]

DAY_MS = 86_400_000
TRANSFER_DAYS, WALLET_DAYS = 7, 90
TRANSFER_PAGE, WALLET_PAGE = 500, 1000
DONE_DEPOSIT, DONE_WITHDRAWAL = 1, 6
ACCOUNT_TYPES = {
    "spot": "SPOT",
    "Spot": "SPOT",
    "Funding": "FUNDING",
    "Cross Margin": "MARGIN",
    "Isolated Margin": "ISOLATED_MARGIN",
    "USDⓈ-M Futures": "USDT_FUTURE",
    "COIN-M Futures": "COIN_FUTURE",
}


def history_endpoints(venue: Binance, ip: Limit, withdrawals: Limit) -> dict[str, Endpoint]:
    """Path → endpoint. The withdrawal history has a limit of its own."""

    def endpoint(answer: Callable[[Binance, Call], bytes], limit: Limit) -> Endpoint:
        return Endpoint(lambda call: answer(venue, call), limit)

    return {
        "/sapi/v1/sub-account/universalTransfer": endpoint(_universal, ip),
        "/sapi/v1/sub-account/sub/transfer/history": endpoint(_spot_transfers, ip),
        "/sapi/v1/capital/deposit/hisrec": endpoint(_deposits, ip),
        "/sapi/v1/capital/deposit/subHisrec": endpoint(_sub_deposits, ip),
        "/sapi/v1/capital/withdraw/history": endpoint(_withdrawals, withdrawals),
    }


def prices(venue: Binance, call: Call) -> bytes:
    """Last prices, one symbol or all; weight 4, as for all."""
    rows = [{"symbol": base + quote, "price": last} for base, quote, last in markets(venue.prices)]
    symbol, symbols = call.parameters.get("symbol"), call.parameters.get("symbols")
    if symbol is None and symbols is None:
        return msgspec.json.encode(rows)
    by_symbol = {row["symbol"]: row for row in rows}
    try:
        asked = [symbol] if symbols is None else json.loads(symbols)
        found = [by_symbol[str(name)] for name in asked]
    except (ValueError, KeyError, TypeError):
        raise refusal(400, -1121, "Invalid symbol.", "parameter") from None
    return msgspec.json.encode(found if symbols is not None else found[0])


def _universal(venue: Binance, call: Call) -> bytes:
    moved = _between(call, _transfers(venue, call), days=TRANSFER_DAYS, within=True)
    page, limit = _number(call, "page", 1, None), _number(call, "limit", TRANSFER_PAGE, TRANSFER_PAGE)
    rows = [
        {
            "tranId": one.number,
            "fromEmail": _email(venue, one.giver),
            "toEmail": _email(venue, one.taker),
            "asset": one.asset,
            "amount": wire(one.amount),
            "createTimeStamp": one.at_ms,
            "fromAccountType": ACCOUNT_TYPES.get(one.giver_wallet, "SPOT"),
            "toAccountType": ACCOUNT_TYPES.get(one.taker_wallet, "SPOT"),
            "status": "SUCCESS",
            "clientTranId": "",
        }
        for one in moved[(page - 1) * limit : page * limit]
    ]
    return msgspec.json.encode({"result": rows, "totalCount": len(moved)})


def _spot_transfers(venue: Binance, call: Call) -> bytes:
    """Spot to spot only."""
    spot = (
        one
        for one in _transfers(venue, call)
        if {one.giver_wallet, one.taker_wallet} <= {"spot", venue.master_wallet}
    )
    moved = _between(call, spot, days=None, within=True)
    page, limit = _number(call, "page", 1, None), _number(call, "limit", TRANSFER_PAGE, TRANSFER_PAGE)
    rows = [
        {
            "from": _email(venue, one.giver),
            "to": _email(venue, one.taker),
            "asset": one.asset,
            "qty": wire(one.amount),
            "status": "SUCCESS",
            "tranId": one.number,
            "time": one.at_ms,
        }
        for one in moved[(page - 1) * limit : page * limit]
    ]
    return msgspec.json.encode(rows)


def _deposits(venue: Binance, call: Call) -> bytes:
    return _deposit_rows(venue, call, venue.master)


def _sub_deposits(venue: Binance, call: Call) -> bytes:
    email = call.parameters.get("email")
    if not email:
        raise missing("email")
    account = venue.named(email)
    if account is None:
        raise refusal(400, -9000, "This two users are not in parent-child relation.", "account")
    return _deposit_rows(venue, call, account)


def _deposit_rows(venue: Binance, call: Call, account: Account) -> bytes:
    own = (one for one in venue.movements.shown("deposit") if one.taker is account)
    rows = [
        {
            "id": str(one.number),
            "amount": wire(one.amount),
            "coin": one.asset,
            "network": "TRX",
            "status": DONE_DEPOSIT,
            "address": "TSimulated",
            "addressTag": "",
            "txId": f"{one.number:064x}",
            "insertTime": one.at_ms,
            "transferType": 0,
            "confirmTimes": "1/1",
            "unlockConfirm": 0,
            "walletType": 1 if one.taker_wallet == "Funding" else 0,
        }
        for one in _slice(call, _between(call, own, days=WALLET_DAYS, within=False))
    ]
    return msgspec.json.encode(rows)


def _withdrawals(venue: Binance, call: Call) -> bytes:
    """The key's own account only. Times are text here."""
    own = (one for one in venue.movements.shown("withdrawal") if one.giver is venue.master)
    rows = [
        {
            "id": f"{one.number:032x}",
            "amount": wire(one.amount),
            "transactionFee": wire(one.fee),
            "coin": one.asset,
            "status": DONE_WITHDRAWAL,
            "address": "TSimulated",
            "txId": f"{one.number:064x}",
            "applyTime": _text(one.at_ms),
            "completeTime": _text(one.at_ms),
            "network": "TRX",
            "transferType": 0,
            "walletType": 1 if one.giver_wallet == "Funding" else 0,
        }
        for one in _slice(call, _between(call, own, days=WALLET_DAYS, within=False))
    ]
    return msgspec.json.encode(rows)


# Helpers


def _transfers(venue: Binance, call: Call) -> Iterable[Movement]:
    """Those from or to one address; without one, those from the master."""
    giver, taker = call.parameters.get("fromEmail"), call.parameters.get("toEmail")
    if giver and taker:
        raise refusal(400, -1128, "Combination of optional parameters invalid.", "parameter")
    if not taker:
        giver = giver or venue.master_email
    for one in venue.movements.shown("internal"):
        names = (_email(venue, one.giver), _email(venue, one.taker))
        if (giver and names[0] == giver) or (taker and names[1] == taker):
            yield one


def _between(call: Call, moved: Iterable[Movement], *, days: int | None, within: bool) -> list[Movement]:
    """Those of the window asked for. `within` marks a history that refuses a window of exactly `days`."""
    end_ms = _number(call, "endTime", call.now_ms, None)
    default_days = days or TRANSFER_DAYS
    start_ms = _number(call, "startTime", max(1, end_ms - default_days * DAY_MS + 1), None)
    longest_ms = (days or 10_000) * DAY_MS
    if end_ms < start_ms or end_ms - start_ms > longest_ms - (1 if within else 0):
        raise refusal(400, -1127, f"Time interval must be within 0-{days} days", "parameter")
    return [one for one in moved if start_ms <= one.at_ms <= end_ms]


def _slice(call: Call, moved: Sequence[Movement]) -> Iterable[Movement]:
    offset, limit = _number(call, "offset", 0, None), _number(call, "limit", WALLET_PAGE, WALLET_PAGE)
    return islice(moved, offset, offset + limit)


def _number(call: Call, name: str, default: int, most: int | None) -> int:
    text = call.parameters.get(name, str(default))
    least = 0 if name == "offset" else 1
    if not WHOLE.fullmatch(text) or int(text) < least or (most is not None and int(text) > most):
        raise refusal(400, -1130, f"Data sent for parameter '{name}' is not valid.", "parameter")
    return int(text)


def _email(venue: Binance, account: Account | None) -> str:
    if account is None:
        return ""
    return venue.master_email if account is venue.master else account.name


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
