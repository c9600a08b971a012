"""The histories of the fake Bitget: transfers by role, deposits of sub-accounts, the master's own records.

Source: www.bitget.com/api-doc (v2). Without `subUid` the transfer records are those of the main account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from daemon.simulator.bitget_gate import WHOLE, refusal
from daemon.simulator.limits import Limit
from daemon.simulator.model import Account
from daemon.simulator.money import wire
from daemon.simulator.movements import Movement
from daemon.simulator.venue import Call, Endpoint

if TYPE_CHECKING:
    from daemon.simulator.bitget import Bitget

__all__ = ["history_endpoints"]

LONGEST_MS = 90 * 86_400_000
LATEST_MS = 10**18 - 1


def history_endpoints(venue: Bitget) -> dict[str, Endpoint]:
    """Path → endpoint."""

    def endpoint(answer: Callable[[Bitget, Call], bytes], calls: int) -> Endpoint:
        return Endpoint(lambda call: answer(venue, call), Limit(calls, 1))

    return {
        "/api/v2/spot/account/sub-main-trans-record": endpoint(_transfers, 20),
        "/api/v2/spot/wallet/subaccount-deposit-records": endpoint(_sub_deposits, 10),
        "/api/v2/spot/wallet/deposit-records": endpoint(_deposits, 10),
        "/api/v2/spot/wallet/withdrawal-records": endpoint(_withdrawals, 10),
    }


def _transfers(venue: Bitget, call: Call) -> bytes:
    role = call.parameters.get("role") or "initiator"
    if role not in ("initiator", "receiver"):
        raise refusal(call, 400, "40017", "Parameter verification failed role", "parameter")
    account = _account(venue, call) if call.parameters.get("subUid") else venue.master
    own = (
        one
        for one in venue.movements.shown("internal")
        if (one.giver if role == "initiator" else one.taker) is account
    )
    rows = [
        {
            "coin": one.asset,
            "status": "Successful",
            "toType": one.taker_wallet,
            "fromType": one.giver_wallet,
            "size": wire(one.amount),
            "ts": str(one.at_ms),
            "clientOid": str(one.number),
            "transferId": str(one.number),
            "newTransferId": str(one.number),
            "fromUserId": "" if one.giver is None else one.giver.id,
            "toUserId": "" if one.taker is None else one.taker.id,
        }
        for one in _page(call, own, default=100)
    ]
    return _ok(call, rows)


def _sub_deposits(venue: Bitget, call: Call) -> bytes:
    if not call.parameters.get("subUid"):
        raise refusal(call, 400, "400172", "Parameter verification failed subUid", "parameter")
    return _deposit_rows(venue, call, _account(venue, call))


def _deposits(venue: Bitget, call: Call) -> bytes:
    _need_window(call)
    return _deposit_rows(venue, call, venue.master)


def _deposit_rows(venue: Bitget, call: Call, account: Account) -> bytes:
    own = (one for one in venue.movements.shown("deposit") if one.taker is account)
    return _ok(call, [_record(one) for one in _page(call, own, default=20)])


def _withdrawals(venue: Bitget, call: Call) -> bytes:
    _need_window(call)
    own = (one for one in venue.movements.shown("withdrawal") if one.giver is venue.master)
    rows = [
        {**_record(one), "type": "withdraw", "fee": wire(-one.fee)} for one in _page(call, own, default=20)
    ]
    return _ok(call, rows)


def _record(one: Movement) -> dict[str, str]:
    return {
        "orderId": str(one.number),
        "tradeId": f"{one.number:064x}",
        "coin": one.asset,
        "size": wire(one.amount),
        "status": "success",
        "toAddress": "TSimulated",
        "dest": "on_chain",
        "chain": "trc20",
        "fromAddress": "TElsewhere",
        "cTime": str(one.at_ms),
        "uTime": str(one.at_ms),
    }


# Helpers


def _account(venue: Bitget, call: Call) -> Account:
    wanted = call.parameters["subUid"]
    for account in venue.accounts:
        if account.id == wanted:
            return account
    raise refusal(call, 400, "40028", "The sub-account does not belong to the main account", "account")


def _need_window(call: Call) -> None:
    for name in ("startTime", "endTime"):
        if not call.parameters.get(name):
            raise refusal(call, 400, "400172", f"Parameter verification failed {name}", "parameter")


def _page(call: Call, moved: Iterable[Movement], *, default: int) -> list[Movement]:
    start_ms, end_ms = _number(call, "startTime", None), _number(call, "endTime", None)
    cursor, limit = _number(call, "idLessThan", None), _number(call, "limit", 100)
    if start_ms is not None and end_ms is not None and not 0 <= end_ms - start_ms <= LONGEST_MS:
        raise refusal(call, 400, "40017", "Parameter verification failed endTime", "parameter")
    fitting = (
        one
        for one in moved
        if (start_ms or 0) <= one.at_ms <= (LATEST_MS if end_ms is None else end_ms)
        and (cursor is None or one.number < cursor)
        and call.parameters.get("coin", one.asset).upper() == one.asset
    )
    return list(islice(fitting, default if limit is None else limit))


def _number(call: Call, name: str, most: int | None) -> int | None:
    text = call.parameters.get(name)
    if not text:
        return None
    if not WHOLE.fullmatch(text) or (most is not None and not 1 <= int(text) <= most):
        raise refusal(call, 400, "40017", f"Parameter verification failed {name}", "parameter")
    return int(text)


def _ok(call: Call, data: list[dict[str, str]]) -> bytes:
    return msgspec.json.encode({"code": "00000", "msg": "success", "requestTime": call.now_ms, "data": data})
