"""The fake OKX: the v5 endpoints Subtally reads, for a master account.

Source: www.okx.com/docs-v5/en.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from daemon.simulator.clock import Clock
from daemon.simulator.keys import Key, check_words
from daemon.simulator.limits import Limit, Usage, WindowStyle
from daemon.simulator.markets import markets
from daemon.simulator.model import Account, Balance
from daemon.simulator.money import add, exact, times, wire
from daemon.simulator.okx_gate import application_refusal, authenticate, gateway_refusal
from daemon.simulator.okx_history import history_endpoints
from daemon.simulator.venue import Call, Endpoint, Refusal, Venue

__all__ = ["Okx"]

WHOLE = re.compile(r"[0-9]{1,18}")
FUNDING, TRADING = "funding", "trading"
MOST_COINS = 20
INSTRUMENTS = frozenset({"SPOT", "SWAP", "FUTURES", "OPTION"})


def _ok(data: list[dict[str, object]]) -> bytes:
    return msgspec.json.encode({"code": "0", "msg": "", "data": data})


class Okx(Venue):
    """One OKX master account; its own wallets are `funding` and `trading` too."""

    kind = "okx"
    wallets = (FUNDING, TRADING)
    master_wallet = FUNDING
    quantities = frozenset({"free", "frozen"})
    listings = frozenset({"list"})
    first_id = 440_000_000_000_000_000

    def __init__(
        self, clock: Clock, key: Key, window: WindowStyle = "sliding", limits_scale: float = 1
    ) -> None:
        super().__init__(clock, key, window, limits_scale)
        self.permissions = "read_only"
        self.ip = "127.0.0.1"
        self.shows_zero_assets = False

    def build_endpoints(self) -> dict[str, Endpoint]:
        """The list counts 2 per 2 s: older pages say so, newer ones say 20, and the lower one binds."""
        return {
            "/api/v5/asset/subaccount/balances": Endpoint(self._sub_funding, Limit(6, 2)),
            "/api/v5/account/subaccount/balances": Endpoint(self._sub_trading, Limit(6, 2)),
            "/api/v5/users/subaccount/list": Endpoint(self._list, Limit(2, 2)),
            "/api/v5/asset/balances": Endpoint(self._own_funding, Limit(6, 1)),
            "/api/v5/account/balance": Endpoint(self._own_trading, Limit(10, 2)),
            **history_endpoints(self),
            "/api/v5/account/config": Endpoint(self._config, Limit(5, 2)),
            "/api/v5/market/tickers": Endpoint(self._tickers, Limit(20, 2), signed=False),
            "/api/v5/public/time": Endpoint(self._time, Limit(10, 2), signed=False),
            "/api/v5/system/status": Endpoint(self._status, Limit(1, 5), signed=False),
        }

    def set_rights(self, rights: Mapping[str, Any]) -> None:
        """`perm`, as in "read_only,trade", and `ip`, empty for an unbound key."""
        check_words(self.kind, rights, ("perm", "ip"))
        self.permissions = rights.get("perm", self.permissions)
        self.ip = rights.get("ip", self.ip)

    # Saying no

    def authenticate(self, call: Call) -> None:
        authenticate(call, self.key)

    def refuse_method(self, call: Call) -> Refusal:
        return application_refusal(405, "50115", "Invalid request type.", "method")

    def refuse_limit(self, call: Call, usage: Usage) -> Refusal:
        return gateway_refusal(429, "50011", "Too Many Requests", "rate_limit")

    def refuse_blocked(self, call: Call, remaining_ms: int) -> Refusal:
        return gateway_refusal(429, "50011", "Too Many Requests", "ban")

    def refuse_maintenance(self, call: Call) -> Refusal | None:
        if not self.endpoints[call.path].signed:
            return None
        msg = "Service temporarily unavailable. Please try again later."
        return application_refusal(503, "50001", msg, "maintenance")

    def account_of(self, call: Call) -> str | None:
        return call.parameters.get("subAcct")

    def page_of(self, call: Call) -> int:
        after, limit = call.parameters.get("after", ""), call.parameters.get("limit", "100")
        if not (WHOLE.fullmatch(after) and WHOLE.fullmatch(limit) and int(limit)):
            return 1
        newer = sum(account.created_ms >= int(after) for account in self.accounts)
        return -(-newer // int(limit)) + 1

    # Endpoints

    def _sub_funding(self, call: Call) -> bytes:
        account, coins = self._child(call), self._coins(call)
        if coins is not None:
            return _ok(self._funding_rows(account, coins))
        form = f"{FUNDING} {self.shows_zero_assets}"
        body = account.rendered.get(form)
        if body is None:
            body = account.rendered[form] = _ok(self._funding_rows(account, None))
        return body

    def _sub_trading(self, call: Call) -> bytes:
        account = self._child(call)
        return _ok([self._trading(account, None)])

    def _own_funding(self, call: Call) -> bytes:
        return _ok(self._funding_rows(self.master, self._coins(call)))

    def _own_trading(self, call: Call) -> bytes:
        return _ok([self._trading(self.master, self._coins(call))])

    def _list(self, call: Call) -> bytes:
        """Newest first; `after` and `before` go by creation time, so accounts of one instant tie."""
        accounts = [account for account in self.accounts if "list" not in account.hidden]
        name, enabled = call.parameters.get("subAcct"), call.parameters.get("enable")
        after, before = self._number(call, "after", None), self._number(call, "before", None)
        limit = self._number(call, "limit", 100)
        if name:
            accounts = [account for account in accounts if account.name == name]
        if enabled:
            accounts = [account for account in accounts if account.frozen == (enabled == "false")]
        if after is not None:
            accounts = [account for account in accounts if account.created_ms < after]
        if before is not None:
            accounts = [account for account in accounts if account.created_ms > before]
        accounts.sort(key=lambda account: (account.created_ms, account.number), reverse=True)
        return _ok([self._list_row(account) for account in accounts[: 100 if limit is None else limit]])

    def _list_row(self, account: Account) -> dict[str, object]:
        return {
            "canTransOut": False,
            "enable": not account.frozen,
            "frozenFunc": ["trading", "withdrawal"] if account.frozen else [],
            "gAuth": False,
            "label": account.label,
            "mobile": "",
            "subAcct": account.name,
            "ts": str(account.created_ms),
            "type": "1",
            "uid": account.id,
            "subAcctLv": "1",
            "firstLvSubAcct": account.name,
            "ifDma": False,
        }

    def _config(self, call: Call) -> bytes:
        return _ok(
            [
                {
                    "acctLv": "2",
                    "ip": self.ip,
                    "type": "0",
                    "label": "simulator",
                    "mainUid": self.master.id,
                    "uid": self.master.id,
                    "perm": self.permissions,
                }
            ]
        )

    def _time(self, call: Call) -> bytes:
        return _ok([{"ts": str(call.now_ms)}])

    def _tickers(self, call: Call) -> bytes:
        """Of all spot markets; this venue has no others."""
        kind = call.parameters.get("instType")
        if not kind:
            raise application_refusal(400, "50014", "Parameter instType can not be empty", "parameter")
        if kind not in INSTRUMENTS:
            raise application_refusal(400, "51000", "Parameter instType error", "parameter")
        rows = [
            {
                "instType": kind,
                "instId": f"{base}-{quote}",
                "last": last,
                "askPx": last,
                "bidPx": last,
                "ts": str(call.now_ms),
            }
            for base, quote, last in markets(self.prices)
        ]
        return _ok([dict(row) for row in rows] if kind == "SPOT" else [])

    def _status(self, call: Call) -> bytes:
        if not self.under_maintenance:
            return _ok([])
        row = {
            "begin": str(call.now_ms),
            "end": str(call.now_ms + 600_000),
            "href": "",
            "preOpenBegin": "",
            "scheDesc": "",
            "serviceType": "5",
            "state": "ongoing",
            "maintType": "1",
            "env": "1",
            "system": "unified",
            "title": "Trading account system upgrade",
        }
        return _ok([dict(row)])

    # Helpers

    def _child(self, call: Call) -> Account:
        name = call.parameters.get("subAcct")
        if not name:
            raise application_refusal(400, "50014", "Parameter subAcct can not be empty", "parameter")
        account = self.named(name)
        if account is None:
            raise application_refusal(200, "59510", "Sub-account does not exist", "account")
        return account

    def _coins(self, call: Call) -> list[str] | None:
        text = call.parameters.get("ccy")
        if not text:
            return None
        coins = text.split(",")
        if len(coins) > MOST_COINS:
            raise application_refusal(
                400, "50025", f"Parameter ccy count exceeds the limit {MOST_COINS}", "parameter"
            )
        return coins

    def _held(self, account: Account, wallet: str, coins: list[str] | None) -> list[tuple[str, Balance]]:
        return [
            (coin, balance)
            for coin, balance in account.holdings(wallet).items()
            if (coins is None or coin in coins)
            and (account.id, coin) not in self.omitted
            and (self.shows_zero_assets or balance.raw or not balance.is_zero)
        ]

    def _funding_rows(self, account: Account, coins: list[str] | None) -> list[dict[str, object]]:
        return [
            {
                "availBal": wire(balance.free),
                "bal": wire(balance.total),
                "ccy": coin,
                "frozenBal": wire(balance.frozen),
                **balance.raw,
            }
            for coin, balance in self._held(account, FUNDING, coins)
        ]

    def _trading(self, account: Account, coins: list[str] | None) -> dict[str, object]:
        """Money members are `""` for an account without assets, as observed."""
        details = [self._trading_row(account, *held) for held in self._held(account, TRADING, coins)]
        total = wire(self.worth(account, (TRADING,))) if details else "0"
        return {
            "adjEq": "",
            "borrowFroz": "",
            "details": details,
            "imr": "",
            "isoEq": "0",
            "mgnRatio": "",
            "mmr": "",
            "notionalUsd": "",
            "ordFroz": "",
            "totalEq": total,
            "uTime": str(account.updated_ms),
            "upl": "",
        }

    def _trading_row(self, account: Account, coin: str, balance: Balance) -> dict[str, object]:
        cash = balance.total
        equity = add((cash, exact(balance.raw.get("upl") or "0")))
        price = self.prices.get(coin)
        return {
            "availBal": wire(balance.free),
            "availEq": wire(balance.free),
            "cashBal": wire(cash),
            "ccy": coin,
            "eq": wire(equity),
            "eqUsd": "" if price is None else wire(times(equity, price)),
            "frozenBal": wire(balance.frozen),
            "liab": "",
            "ordFrozen": wire(balance.frozen),
            "uTime": str(account.updated_ms),
            "upl": "0",
            **balance.raw,
        }

    def _number(self, call: Call, name: str, most: int | None) -> int | None:
        text = call.parameters.get(name)
        if not text:
            return None
        if not WHOLE.fullmatch(text) or (most is not None and not 1 <= int(text) <= most):
            raise application_refusal(400, "51000", f"Parameter {name} error", "parameter")
        return int(text)
