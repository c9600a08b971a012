"""The fake Binance: the /sapi endpoints Subtally reads, for a master account.

Source: developers.binance.com, Sub Account and Wallet pages; binance-spot-api-docs `rest-api.md` for signing
and timing. Where the pages leave a choice, the stricter reading is taken.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from daemon.simulator.binance_gate import JSON, WHOLE, authenticate, missing, refusal
from daemon.simulator.binance_history import history_endpoints, prices
from daemon.simulator.clock import Clock
from daemon.simulator.keys import Key, binance_verifier, check_words, new_ed25519_pem
from daemon.simulator.limits import Limit, Usage, WindowStyle
from daemon.simulator.model import Account, Balance
from daemon.simulator.money import ZERO, ratio, times, wire
from daemon.simulator.venue import Call, Endpoint, Refusal, Venue
from daemon.simulator.wire import Answer

__all__ = ["Binance"]

ASSETS_V4, ASSETS_V3 = "/sapi/v4/sub-account/assets", "/sapi/v3/sub-account/assets"
IP_PER_MINUTE, UID_PER_MINUTE, API_PER_MINUTE = 12_000, 180_000, 6_000
BTC_DECIMALS = 8
NOT_ALLOWED_PAGE = b"<html><head><title>405 Not Allowed</title></head><body></body></html>"
FIRST_BAN_SECONDS, LONGEST_BAN_SECONDS = 120, 3 * 24 * 3600
MASTER_WALLETS = (
    "Spot",
    "Funding",
    "Cross Margin",
    "Isolated Margin",
    "USDⓈ-M Futures",
    "COIN-M Futures",
    "Earn",
    "Options",
    "Trading Bots",
    "Copy Trading",
)
RIGHTS = {
    "ipRestrict": True,
    "enableReading": True,
    "enableFutures": False,
    "enableSpotAndMarginTrading": False,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "permitsUniversalTransfer": False,
    "enableVanillaOptions": False,
    "enablePortfolioMarginTrading": False,
    "enableFixApiTrade": False,
    "enableFixReadOnly": False,
    "enableMargin": False,
}


class Binance(Venue):
    """One Binance master account.

    `tolerated_refusals` calls beyond a limit get 429; the next one is abuse and bans the address, for two
    minutes at first and twice as long each time. `shows_user_ids` off models a list without `subUserId`.
    """

    kind = "binance"
    wallets = ("spot",)
    master_wallet = "Spot"
    quantities = frozenset({"free", "locked", "frozen", "withdrawing"})
    listings = frozenset({"list", "summary"})
    first_id = 350_000_000
    counts_refused = True
    json_type = JSON

    def __init__(
        self, clock: Clock, key: Key, window: WindowStyle = "sliding", limits_scale: float = 1
    ) -> None:
        super().__init__(clock, key, window, limits_scale)
        self.rights: dict[str, bool] = dict(RIGHTS)
        self.shows_user_ids = True
        self.master_email = "master@desk.example"
        self.shows_zero_assets = True
        self.tolerated_refusals = 10
        self.active_wallets = {name: name != "Options" for name in MASTER_WALLETS}
        self._refusals = 0
        self._next_ban_seconds = FIRST_BAN_SECONDS

    def build_endpoints(self) -> dict[str, Endpoint]:
        ip, uid = Limit(IP_PER_MINUTE, 60), Limit(UID_PER_MINUTE, 60, 60)
        return {
            ASSETS_V4: Endpoint(self._assets_v4, uid),
            ASSETS_V3: Endpoint(self._assets_v3, uid),
            "/sapi/v1/sub-account/spotSummary": Endpoint(self._summary, ip),
            "/sapi/v1/sub-account/list": Endpoint(self._list, ip),
            "/sapi/v1/asset/wallet/balance": Endpoint(self._wallet_balance, Limit(IP_PER_MINUTE, 60, 60)),
            "/sapi/v1/account/apiRestrictions": Endpoint(self._restrictions, ip),
            "/sapi/v1/account/status": Endpoint(lambda _: b'{"data":"Normal"}', ip),
            "/sapi/v1/system/status": Endpoint(self._system_status, ip, signed=False),
            "/api/v3/time": Endpoint(self._time, Limit(API_PER_MINUTE, 60), signed=False),
            "/api/v3/ticker/price": Endpoint(
                lambda call: prices(self, call), Limit(API_PER_MINUTE, 60, 4), signed=False
            ),
            **history_endpoints(self, ip, Limit(10, 1)),
        }

    def set_rights(self, rights: Mapping[str, Any]) -> None:
        """Flags of apiRestrictions, `enableWithdrawals` and so on."""
        check_words(self.kind, rights, RIGHTS)
        self.rights.update(rights)

    # Saying no

    def use_key(self, key: Key) -> None:
        super().use_key(key)
        self._verify = binance_verifier(key.api_secret)

    def use_ed25519_key(self) -> None:
        """Issue a fresh key whose secret is an Ed25519 PEM instead of text for HMAC."""
        self.use_key(Key(self.key.api_key, new_ed25519_pem()))

    def authenticate(self, call: Call) -> None:
        authenticate(call, self.key.api_key, self._verify, may_read=self.rights["enableReading"])

    def refuse_method(self, call: Call) -> Refusal:
        return Refusal(Answer(405, NOT_ALLOWED_PAGE, "text/html"), "method")

    def refuse_limit(self, call: Call, usage: Usage) -> Refusal:
        """429 with Retry-After; going on regardless ends in a ban."""
        self._refusals += 1
        if self._refusals > self.tolerated_refusals:
            self._refusals = 0
            self.ban(self._next_ban_seconds)
            self._next_ban_seconds = min(2 * self._next_ban_seconds, LONGEST_BAN_SECONDS)
        msg = "Too many requests; current request has limited."
        return refusal(429, -1003, msg, "rate_limit", {"Retry-After": str(usage.retry_after_seconds)})

    def refuse_blocked(self, call: Call, remaining_ms: int) -> Refusal:
        until_ms = call.now_ms + remaining_ms
        msg = (
            f"Way too much request weight used; IP banned until {until_ms}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )
        return refusal(418, -1003, msg, "ban", {"Retry-After": str(-(-remaining_ms // 1000))})

    def refuse_maintenance(self, call: Call) -> Refusal | None:
        if call.path in ("/sapi/v1/system/status", "/api/v3/time"):
            return None
        return refusal(503, -1016, "This service is no longer available.", "maintenance")

    def count(self, call: Call, limit: Limit) -> Usage:
        usage = super().count(call, limit)
        if usage.allowed:
            self._refusals = 0
        return usage

    def usage_headers(self, call: Call, usage: Usage) -> dict[str, str]:
        if call.path.startswith("/api/"):
            return {"X-MBX-USED-WEIGHT-1M": str(usage.used)}
        pool = "UID" if call.path in (ASSETS_V4, ASSETS_V3) else "IP"
        return {f"X-SAPI-USED-{pool}-WEIGHT-1M": str(usage.used)}

    def account_of(self, call: Call) -> str | None:
        return call.parameters.get("email")

    def page_of(self, call: Call) -> int:
        page = call.parameters.get("page", "1")
        return int(page) if WHOLE.fullmatch(page) else 1

    # Endpoints

    def _assets_v4(self, call: Call) -> bytes:
        account = self._child(call)
        form = f"{ASSETS_V4} {self.shows_zero_assets}"
        body = account.rendered.get(form)
        if body is None:
            rows = [self._quantities(asset, balance) for asset, balance in self._spot(account)]
            body = account.rendered[form] = msgspec.json.encode({"balances": rows})
        return body

    def _assets_v3(self, call: Call) -> bytes:
        """The same in JSON numbers, with every digit kept."""
        rows = [
            {
                name: text if name == "asset" else msgspec.Raw(text.encode())
                for name, text in self._quantities(asset, balance).items()
            }
            for asset, balance in self._spot(self._child(call))
        ]
        return msgspec.json.encode({"balances": rows})

    def _summary(self, call: Call) -> bytes:
        accounts = [account for account in self.accounts if "summary" not in account.hidden]
        email = call.parameters.get("email")
        if email is not None:
            accounts = [account for account in accounts if account.name == email]
        page, size = self._number(call, "page", 1, None), self._number(call, "size", 10, 20)
        rows = [
            {"email": account.name, "totalAsset": self._btc(account)}
            for account in accounts[(page - 1) * size : page * size]
        ]
        return msgspec.json.encode(
            {
                "totalCount": len(accounts),
                "masterAccountTotalAsset": self._btc(self.master, ("Spot",)),
                "spotSubUserAssetBtcVoList": rows,
            }
        )

    def _list(self, call: Call) -> bytes:
        accounts = [account for account in self.accounts if "list" not in account.hidden]
        email, frozen = call.parameters.get("email"), call.parameters.get("isFreeze")
        if email is not None:
            accounts = [account for account in accounts if account.name == email]
        if frozen is not None:
            accounts = [account for account in accounts if account.frozen == (frozen == "true")]
        page, limit = self._number(call, "page", 1, None), self._number(call, "limit", 1, 200)
        rows = [self._list_row(account) for account in accounts[(page - 1) * limit : page * limit]]
        return msgspec.json.encode({"subAccounts": rows})

    def _list_row(self, account: Account) -> dict[str, object]:
        row: dict[str, object] = {}
        if self.shows_user_ids:
            row["subUserId"] = int(account.id)
        row["email"] = account.name
        if self.shows_user_ids:
            row["remark"] = account.label
        return {
            **row,
            "isFreeze": account.frozen,
            "createTime": account.created_ms,
            "isManagedSubAccount": False,
            "isAssetManagementSubAccount": False,
        }

    def _wallet_balance(self, call: Call) -> bytes:
        """Each wallet of the master, valued in one quote coin."""
        quote = call.parameters.get("quoteAsset", "BTC")
        if not self.prices.get(quote):
            raise refusal(400, -1130, "Data sent for parameter 'quoteAsset' is not valid.", "parameter")
        detailed = call.parameters.get("needBalanceDetail") == "true"
        rows = []
        for name, active in self.active_wallets.items():
            value = ratio(self.worth(self.master, (name,)), self.prices[quote], BTC_DECIMALS)
            row: dict[str, object] = {"activate": active, "balance": wire(value or ZERO), "walletName": name}
            if detailed:
                row["assetBalances"] = [
                    {
                        **self._quantities(asset, balance),
                        "assetName": asset,
                        "btcValuation": wire(self._btc_of(balance.total, asset)),
                    }
                    for asset, balance in self.master.holdings(name).items()
                ]
            rows.append(row)
        return msgspec.json.encode(rows)

    def _restrictions(self, call: Call) -> bytes:
        return msgspec.json.encode({**self.rights, "createTime": self.master.created_ms})

    def _system_status(self, call: Call) -> bytes:
        if self.under_maintenance:
            return b'{"status":1,"msg":"system_maintenance"}'
        return b'{"status":0,"msg":"normal"}'

    def _time(self, call: Call) -> bytes:
        return msgspec.json.encode({"serverTime": call.now_ms})

    # Helpers

    def _child(self, call: Call) -> Account:
        email = call.parameters.get("email")
        if not email:
            raise missing("email")
        account = self.named(email)
        if account is None:
            raise refusal(400, -9000, "This two users are not in parent-child relation.", "account")
        return account

    def _spot(self, account: Account) -> list[tuple[str, Balance]]:
        held = account.holdings("spot").items()
        return [
            (asset, balance)
            for asset, balance in held
            if (self.shows_zero_assets or not balance.is_zero) and (account.id, asset) not in self.omitted
        ]

    def _quantities(self, asset: str, balance: Balance) -> dict[str, str]:
        return {
            "freeze": wire(balance.frozen),
            "withdrawing": wire(balance.withdrawing),
            "asset": asset,
            "free": wire(balance.free),
            "locked": wire(balance.locked),
            **balance.raw,
        }

    def _btc(self, account: Account, wallets: tuple[str, ...] = ("spot",)) -> str:
        return wire(ratio(self.worth(account, wallets), self.prices["BTC"], BTC_DECIMALS))

    def _btc_of(self, amount: Decimal, asset: str) -> Decimal:
        price = self.prices.get(asset, ZERO)
        return ratio(times(amount, price), self.prices["BTC"], BTC_DECIMALS)

    def _number(self, call: Call, name: str, default: int, most: int | None) -> int:
        """A page or size. Above the documented maximum is refused: no page says that it is clamped."""
        text = call.parameters.get(name, str(default))
        if not WHOLE.fullmatch(text) or int(text) < 1 or (most is not None and int(text) > most):
            raise refusal(400, -1130, f"Data sent for parameter '{name}' is not valid.", "parameter")
        return int(text)
