"""The histories of the fake OKX: transfers between the master and its sub-accounts, the master's deposits and
withdrawals.

Source: www.okx.com/docs-v5/en. Pages go by time, newest first; `after` is older than, `before` newer than. A transfer
from one sub-account to another is in none of them, for the page names two types only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from daemon.simulator.limits import Limit
from daemon.simulator.model import Account
from daemon.simulator.money import wire
from daemon.simulator.movements import Movement
from daemon.simulator.okx_gate import application_refusal
from daemon.simulator.venue import Call, Endpoint

if TYPE_CHECKING:
    from daemon.simulator.okx import Okx

__all__ = ["history_endpoints"]

WHOLE = re.compile(r"[0-9]{1,18}")
PAGE = 100
TO_SUB, TO_MASTER = "0", "1"
DONE = "2"


def history_endpoints(venue: Okx) -> dict[str, Endpoint]:
    """Path → endpoint."""

    def endpoint(answer: Callable[[Okx, Call], bytes]) -> Endpoint:
        return Endpoint(lambda call: answer(venue, call), Limit(6, 1))

    return {
        "/api/v5/asset/subaccount/bills": endpoint(_bills),
        "/api/v5/asset/deposit-history": endpoint(_deposits),
        "/api/v5/asset/withdrawal-history": endpoint(_withdrawals),
    }


def _bills(venue: Okx, call: Call) -> bytes:
    kind, name = call.parameters.get("type"), call.parameters.get("subAcct")
    if kind not in (None, "", TO_SUB, TO_MASTER):
        raise application_refusal(400, "51000", "Parameter type error", "parameter")
    moved = (
        (one, type_, account)
        for one in venue.movements.shown("internal")
        for type_, account in [_direction(venue, one)]
        if account is not None and (not kind or type_ == kind) and (not name or account.name == name)
    )
    found = {one: (type_, account) for one, type_, account in moved}
    rows = []
    for one in _page(call, found):
        type_, account = found[one]
        rows.append(
            {
                "billId": str(one.number),
                "ccy": one.asset,
                "amt": wire(one.amount),
                "type": type_,
                "subAcct": account.name,
                "ts": str(one.at_ms),
            }
        )
    return _ok(rows)


def _direction(venue: Okx, moved: Movement) -> tuple[str, Account | None]:
    if moved.giver is venue.master:
        return TO_SUB, moved.taker
    if moved.taker is venue.master:
        return TO_MASTER, moved.giver
    return "", None


def _deposits(venue: Okx, call: Call) -> bytes:
    own = [one for one in venue.movements.shown("deposit") if one.taker is venue.master]
    rows = [
        {
            "actualDepBlkConfirm": "2",
            "amt": wire(one.amount),
            "areaCodeFrom": "",
            "ccy": one.asset,
            "chain": f"{one.asset}-Simulated",
            "depId": str(one.number),
            "from": "",
            "fromWdId": "",
            "state": DONE,
            "to": "TSimulated",
            "ts": str(one.at_ms),
            "txId": f"{one.number:064x}",
        }
        for one in _page(call, own)
    ]
    return _ok(rows)


def _withdrawals(venue: Okx, call: Call) -> bytes:
    own = [one for one in venue.movements.shown("withdrawal") if one.giver is venue.master]
    rows = [
        {
            "chain": f"{one.asset}-Simulated",
            "fee": wire(one.fee),
            "feeCcy": one.asset,
            "ccy": one.asset,
            "clientId": "",
            "amt": wire(one.amount),
            "txId": f"{one.number:064x}",
            "from": "master@desk.example",
            "to": "TSimulated",
            "state": DONE,
            "ts": str(one.at_ms),
            "wdId": str(one.number),
        }
        for one in _page(call, own)
    ]
    return _ok(rows)


def _page(call: Call, moved: Iterable[Movement]) -> list[Movement]:
    coin = call.parameters.get("ccy")
    after, before = _number(call, "after", None), _number(call, "before", None)
    limit = _number(call, "limit", PAGE)
    fitting = [
        one
        for one in moved
        if (not coin or one.asset == coin)
        and (after is None or one.at_ms < after)
        and (before is None or one.at_ms > before)
    ]
    return fitting[: PAGE if limit is None else limit]


def _number(call: Call, name: str, most: int | None) -> int | None:
    text = call.parameters.get(name)
    if not text:
        return None
    if not WHOLE.fullmatch(text) or (most is not None and not 1 <= int(text) <= most):
        raise application_refusal(400, "51000", f"Parameter {name} error", "parameter")
    return int(text)


def _ok(data: list[dict[str, str]]) -> bytes:
    return msgspec.json.encode({"code": "0", "msg": "", "data": data})
