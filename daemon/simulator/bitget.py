"""The fake Bitget: the Classic v2 endpoints Subtally reads, for a master account.

Source: www.bitget.com/api-doc. Sub-account assets name accounts by a numeric user id, list only what is above
zero and say `message`; everything else says `msg`.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from daemon.simulator.bitget_gate import WHOLE, authenticate, refusal
from daemon.simulator.bitget_history import history_endpoints
from daemon.simulator.clock import Clock
from daemon.simulator.keys import Key, check_words
from daemon.simulator.limits import Limit, Usage, WindowStyle
from daemon.simulator.markets import markets
from daemon.simulator.model import Account, Balance
from daemon.simulator.money import wire
from daemon.simulator.venue import Call, Endpoint, Refusal, Venue

__all__ = ["Bitget"]

ASSETS = "/api/v2/spot/account/subaccount-assets"
VIRTUAL_LIST = "/api/v2/user/virtual-subaccount-list"
TIME, TICKERS = "/api/v2/public/time", "/api/v2/spot/market/tickers"
ADDRESS_POOL, ADDRESS_LIMIT, ADDRESS_BLOCK_SECONDS = "address", Limit(6_000, 60), 300
FIRST_CURSOR = 1_000


def _ok(call: Call, data: object, word: str = "msg") -> bytes:
    return msgspec.json.encode({"code": "00000", word: "success", "requestTime": call.now_ms, "data": data})


class Bitget(Venue):
    """One Bitget master account in Classic mode.

    `ips` is the key's address list: empty means unbound, and an unbound key may not list virtual accounts.
    """

    kind = "bitget"
    wallets = ("spot",)
    master_wallet = "spot"
    quantities = frozenset({"free", "locked", "frozen"})
    listings = frozenset({"list", "assets"})
    first_id = 7_000_000_000

    def __init__(
        self, clock: Clock, key: Key, window: WindowStyle = "sliding", limits_scale: float = 1
    ) -> None:
        super().__init__(clock, key, window, limits_scale)
        self.ips = "127.0.0.1"
        self.authorities = ["stor", "wtor", "chor"]
        self.shows_zero_assets = False
        self._removed: list[Account] = []

    def build_endpoints(self) -> dict[str, Endpoint]:
        return {
            ASSETS: Endpoint(self._assets, Limit(10, 1)),
            VIRTUAL_LIST: Endpoint(self._virtual_list, Limit(1, 1)),
            "/api/v2/spot/account/assets": Endpoint(self._own_assets, Limit(10, 1)),
            "/api/v2/spot/account/info": Endpoint(self._info, Limit(1, 1)),
            **history_endpoints(self),
            TICKERS: Endpoint(self._tickers, Limit(20, 1), signed=False),
            TIME: Endpoint(self._time, Limit(20, 1), signed=False),
        }

    def remove(self, reference: str, *, tombstone: bool = False) -> Account:
        """Delete the account; with `tombstone` the virtual list goes on naming it, with status `del`."""
        account = super().remove(reference)
        if tombstone:
            account.deleted = True
            self._removed.append(account)
        return account

    def unlist(self, reference: str, *listings: str) -> None:
        """Without names: from the virtual list, as an e-mail sub-account is missing there by nature."""
        super().unlist(reference, *(listings or ("list",)))

    def set_rights(self, rights: Mapping[str, Any]) -> None:
        """`authorities`, a list of codes such as "stor", and `ips`, empty for an unbound key."""
        check_words(self.kind, rights, ("authorities", "ips"))
        self.authorities = list(rights.get("authorities", self.authorities))
        self.ips = rights.get("ips", self.ips)

    # Saying no

    def authenticate(self, call: Call) -> None:
        authenticate(call, self.key)

    def refuse_method(self, call: Call) -> Refusal:
        return refusal(call, 405, "40404", "Request URL NOT FOUND", "method")

    def refuse_limit(self, call: Call, usage: Usage) -> Refusal:
        return refusal(call, 429, "429", "Too Many Requests", "rate_limit")

    def refuse_blocked(self, call: Call, remaining_ms: int) -> Refusal:
        return refusal(call, 429, "429", "Too Many Requests", "ban")

    def refuse_maintenance(self, call: Call) -> Refusal | None:
        if call.path == TIME:
            return None
        return refusal(call, 503, "40725", "Service is being upgraded, please try again later", "maintenance")

    def count(self, call: Call, limit: Limit) -> Usage:
        """All calls share a limit per address too, which takes five minutes to heal."""
        shared = self.limiter.take(ADDRESS_POOL, ADDRESS_LIMIT)
        if not shared.allowed:
            self.ban(ADDRESS_BLOCK_SECONDS)
            return shared
        return super().count(call, limit)

    def usage_headers(self, call: Call, usage: Usage) -> dict[str, str]:
        return {"x-mbx-used-remain-limit": str(usage.remaining)}

    def page_of(self, call: Call) -> int:
        cursor = call.parameters.get("idLessThan", "")
        limit = call.parameters.get("limit", "10" if call.path == ASSETS else "100")
        if not (WHOLE.fullmatch(cursor) and WHOLE.fullmatch(limit) and int(limit)):
            return 1
        rows = self._holders() if call.path == ASSETS else self._virtual()
        before = sum(_cursor(account) >= int(cursor) for account in rows)
        return -(-before // int(limit)) + 1

    # Endpoints

    def _assets(self, call: Call) -> bytes:
        page = self._page(call, self._holders(), default=10, most=50)
        return _ok(call, [self._row(account) for account in page], "message")

    def _virtual_list(self, call: Call) -> bytes:
        if not self.ips:
            raise refusal(call, 400, "22010", "Please bind ip whitelist address", "rights")
        accounts = self._virtual()
        status = call.parameters.get("status")
        if status:
            accounts = (account for account in accounts if _status(account) == status)
        page = self._page(call, accounts, default=100, most=500)
        rows = [
            {
                "subAccountUid": account.id,
                "subAccountName": account.name,
                "status": _status(account),
                "permList": ["read", "spot_trade"],
                "label": account.label,
                "cTime": str(account.created_ms),
                "uTime": str(account.updated_ms),
            }
            for account in page
        ]
        return _ok(call, {"endId": _cursor(page[-1]) if page else "", "subAccountList": rows})

    def _own_assets(self, call: Call) -> bytes:
        """The master's own coins. The page shows `uTime` in seconds here."""
        coin = call.parameters.get("coin")
        rows = [
            {**self._coin(self.master, name, balance), "uTime": str(self.master.updated_ms // 1000)}
            for name, balance in self._held(self.master)
            if coin is None or name == coin.upper()
        ]
        return _ok(call, rows)

    def _info(self, call: Call) -> bytes:
        info = {
            "userId": self.master.id,
            "inviterId": "1",
            "ips": self.ips,
            "authorities": self.authorities,
            "parentId": int(self.master.id),
            "traderType": "not_trader",
            "channelCode": "",
            "channel": "",
            "regisTime": str(self.master.created_ms),
        }
        return _ok(call, info)

    def _tickers(self, call: Call) -> bytes:
        """Of one market or all."""
        rows = [
            {"symbol": base + quote, "lastPr": last, "bidPr": last, "askPr": last, "ts": str(call.now_ms)}
            for base, quote, last in markets(self.prices)
        ]
        symbol = call.parameters.get("symbol")
        if symbol:
            rows = [row for row in rows if row["symbol"] == symbol]
            if not rows:
                raise refusal(call, 400, "40034", f"Parameter {symbol} does not exist", "parameter")
        return _ok(call, rows)

    def _time(self, call: Call) -> bytes:
        return _ok(call, {"serverTime": str(call.now_ms)})

    # Helpers

    def _holders(self) -> Iterator[Account]:
        """Accounts with anything above zero, newest first as `idLessThan` implies.

        Lazily, because a page of many thousand accounts needs to look at a few of them only.
        """
        shown = (account for account in reversed(self.accounts) if "assets" not in account.hidden)
        return (account for account in shown if self._has_anything(account))

    def _has_anything(self, account: Account) -> bool:
        return any(self.shows_zero_assets or not coin.is_zero for coin in account.holdings("spot").values())

    def _virtual(self) -> Iterator[Account]:
        shown = [account for account in self.accounts if "list" not in account.hidden]
        return iter(sorted([*shown, *self._removed], key=_cursor, reverse=True))

    def _row(self, account: Account) -> msgspec.Raw:
        form = f"{ASSETS} {self.shows_zero_assets}"
        row = account.rendered.get(form)
        if row is None:
            coins = [self._coin(account, coin, balance) for coin, balance in self._held(account)]
            row = account.rendered[form] = msgspec.json.encode(
                {"id": _cursor(account), "userId": int(account.id), "assetsList": coins}
            )
        return msgspec.Raw(row)

    def _held(self, account: Account) -> list[tuple[str, Balance]]:
        coins = account.holdings("spot").items()
        return [
            (coin, balance)
            for coin, balance in coins
            if (self.shows_zero_assets or not balance.is_zero) and (account.id, coin) not in self.omitted
        ]

    def _coin(self, account: Account, coin: str, balance: Balance) -> dict[str, object]:
        return {
            "coin": coin,
            "available": wire(balance.free),
            "limitAvailable": "0",
            "frozen": wire(balance.frozen),
            "locked": wire(balance.locked),
            "uTime": str(account.updated_ms),
            **balance.raw,
        }

    def _page(self, call: Call, accounts: Iterator[Account], *, default: int, most: int) -> list[Account]:
        limit, cursor = self._number(call, "limit", most), self._number(call, "idLessThan", None)
        if cursor is not None:
            accounts = (account for account in accounts if _cursor(account) < cursor)
        return list(islice(accounts, default if limit is None else limit))

    def _number(self, call: Call, name: str, most: int | None) -> int | None:
        text = call.parameters.get(name)
        if text is None or (text == "" and name == "idLessThan"):
            return None
        if not WHOLE.fullmatch(text) or (most is not None and not 1 <= int(text) <= most):
            raise refusal(call, 400, "40017", f"Parameter verification failed {name}", "parameter")
        return int(text)


def _cursor(account: Account) -> int:
    """The row id: only a place in the listing, unrelated to the user's id."""
    return FIRST_CURSOR + 7 * account.number


def _status(account: Account) -> str:
    if account.deleted:
        return "del"
    return "freeze" if account.frozen else "normal"
