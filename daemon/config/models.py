"""`[daemon]`, `[[exchange]]`, `[[notifier]]` as they are written: keys, types, defaults, and what for."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from daemon.config.addresses import BaseUrl, Host, ListenAddress, PublicUrl, TimeZone
from daemon.config.scalars import (
    Budget,
    Coin,
    Duration,
    DurationOrNone,
    PatternsField,
    PlainName,
    SeverityField,
)
from daemon.config.tables import SecretReference, Table, written


class Templates(Table):
    """Your own words for messages, as Jinja2 templates; docs/wording.md tells what they may use."""

    title: str = Field(
        default="",
        description="Of a message: one line of at most 60 characters, for a lock screen. "
        "Default: the built-in wording, also where this fails; `subtally check` tells what is wrong.",
        examples=["{{ status }} {{ account }} {{ asset }} {{ value }}"],
    )
    body: str = Field(
        default="",
        description="Of one alert in a message. What must not be missing and is not in it is added: rule, account, "
        "asset or wallet, figure, and id.",
        examples=["{{ builtin }}\nDesk: {{ description }}"],
    )


class Daemon(Table):
    """The process itself, and what holds for all exchanges and rules that do not say otherwise."""

    state: str = Field(
        default="subtally.db",
        description="The database. Relative to $STATE_DIRECTORY when systemd sets it, else to the "
        "main file's folder.",
        examples=["subtally.db", "/var/lib/subtally/subtally.db"],
        min_length=1,
    )
    listen: ListenAddress = Field(
        default="127.0.0.1:9464",
        description='Address of the status page, API, metrics and health checks; "" turns them off. '
        "Beyond loopback `api_token` is required.",
        examples=["127.0.0.1:9464", "[::1]:9464", ""],
    )
    export_balances: bool = Field(
        default=False,
        description="Tell balances on /metrics as well: account names become labels there. Bounded in number.",
        examples=[True],
    )
    public_url: PublicUrl = Field(
        default="",
        description="How people reach the status page: the beginning of the links in messages.",
        examples=["https://subtally.example"],
    )
    hosts: list[Host] = Field(
        default=[],
        description="Further Host values that are served, for scrapers and probes.",
        examples=[["10.0.0.5:9464"]],
    )
    timezone: TimeZone = Field(
        default="UTC",
        description="Time zone of the times in messages.",
        examples=["UTC", "Europe/Zurich"],
    )
    notify: list[str] | None = Field(
        default=None,
        description="Notifiers of the built-in alerts. Default: all; an empty list tells nobody.",
        examples=[["oncall"]],
    )
    poll_every: Duration = written(
        "1m",
        "Least time between two ordinary readings of one account, two wallet readings, two "
        "listings. A confirming read does not wait for it.",
        "30s",
        "1m",
    )
    stale_after: Duration = written(
        "5m", "An exchange or an account that gave no reading for so long is told as stale.", "5m"
    )
    repeat_every: Duration = written(
        "4h", "Wait before the first reminder of a firing alert; doubles up to `repeat_max`.", "4h"
    )
    repeat_max: Duration = written("24h", "Longest wait between two reminders.", "24h")
    gather: DurationOrNone = written(
        "15s", "After a first message, how long later events of a notifier gather into one.", "15s", 0
    )
    give_up_after: Duration = written(
        "24h", "A notification not delivered for so long is dead: kept, shown, and told elsewhere.", "24h"
    )
    retention: Duration = written("90d", "How long history is kept.", "90d")
    heartbeat_url: SecretReference | None = Field(
        default=None,
        description="Where a URL is found that is called while all is well, and with /fail at its end on "
        "trouble, as Healthchecks expects: whoever waits there tells that this process is dead.",
        examples=[{"env": "HEARTBEAT_URL"}],
    )
    templates: Templates = Field(
        default=Templates(),
        json_schema_extra={"default": {}},
        description="Your own words for messages.",
        examples=[{"title": "{{ status }} {{ account }} {{ asset }} {{ value }}"}],
    )
    api_token: SecretReference | None = Field(
        default=None,
        description="Bearer token to change anything over HTTP; beyond loopback, to read too.",
        examples=[{"credential": "api-token"}],
    )


class Exchange(Table):
    """The keys that all kinds of exchanges have in common."""

    name: PlainName = Field(
        description="Your name for it, in rules and messages.",
        examples=["binance-main"],
    )
    kind: str = ""
    api_key: SecretReference = Field(
        description="The API key of the master account. Give it the right to read and no other.",
        examples=[{"credential": "binance-key"}],
    )
    api_secret: SecretReference = Field(
        description="The HMAC secret of the key; for binance also a private key (Ed25519) as PEM.",
        examples=[{"credential": "binance-secret"}],
    )
    base_url: BaseUrl | None = Field(
        default=None,
        description="Another host of the venue, or a simulator. Has a default per kind.",
        examples=["https://api.binance.com", "https://eea.okx.com"],
    )
    quote: Coin = Field(
        default="USDT",
        description="The coin in which binance values the master's wallets.",
        examples=["USDT", "BTC"],
    )
    poll_every: Duration | None = Field(
        default=None,
        description="As `poll_every` of [daemon], for this exchange.",
        examples=["30s"],
    )
    budget: Budget = Field(
        default=Decimal("0.8"),
        json_schema_extra={"default": 0.8},
        description="Share of the venue's documented rate limit that is used, above 0 and up to 1.",
        examples=[0.8],
    )
    accounts: PatternsField = written(
        "*", "Which sub-accounts are read. That they exist is watched for all.", ["*", "!test-*"]
    )
    confirm: int = Field(
        default=2,
        ge=1,
        le=100,
        description="Complete listings, or Bitget passes, in a row before an absence is believed.",
        examples=[2],
    )


class UnknownKind(Exchange):
    """An exchange whose kind was refused: what all kinds have in common can still be checked."""

    model_config = ConfigDict(extra="ignore")


class Binance(Exchange):
    """One Binance master account."""

    kind: Literal["binance"] = Field(description="The venue.", examples=["binance"])
    read: list[Literal["assets", "summary", "wallets", "master"]] = Field(
        default=["assets", "summary", "wallets"],
        description="What is read: assets (quantities of each sub-account), summary (their worth in BTC), "
        "wallets (the worth of the master's wallets), master (the master's own quantities).",
        examples=[["assets", "summary", "wallets"], ["assets", "master"]],
        min_length=1,
    )


class _WithPassphrase(Exchange):
    passphrase: SecretReference = Field(
        description="The passphrase of the key.",
        examples=[{"credential": "okx-passphrase"}],
    )


class Okx(_WithPassphrase):
    """One OKX master account."""

    kind: Literal["okx"] = Field(description="The venue.", examples=["okx"])
    read: list[Literal["funding", "trading", "master"]] = Field(
        default=["funding", "trading"],
        description="What is read: funding and trading (those wallets of each sub-account), master (the "
        "master's own quantities).",
        examples=[["funding", "trading"], ["funding", "master"]],
        min_length=1,
    )


class Bitget(_WithPassphrase):
    """One Bitget master account (classic)."""

    kind: Literal["bitget"] = Field(description="The venue.", examples=["bitget"])
    read: list[Literal["spot", "master"]] = Field(
        default=["spot"],
        description="What is read: spot (that wallet of all sub-accounts), master (the master's own).",
        examples=[["spot"], ["spot", "master"]],
        min_length=1,
    )


EXCHANGE_MODELS: dict[str, type[Binance | Okx | Bitget]] = {"binance": Binance, "okx": Okx, "bitget": Bitget}

AnyExchange = Annotated[Binance | Okx | Bitget, Field(discriminator="kind")]


class Notifier(Table):
    """One target for messages."""

    name: PlainName = Field(description="Your name for it, in `notify`.", examples=["oncall"])
    url: SecretReference = Field(
        description="Where an Apprise URL is found (https://github.com/caronc/apprise/wiki), or that of an "
        "Alertmanager: alertmanager://HOST:9093, alertmanagers:// for TLS.",
        examples=[{"credential": "slack-url"}],
    )
    min_severity: SeverityField = Field(
        default="warning",
        description="Less than this is not told here.",
        examples=["warning", "critical"],
    )
    send_resolved: bool = Field(
        default=True,
        description="Whether the end of an alert is told here.",
        examples=[True],
    )
    charts: bool | None = Field(
        default=None,
        description="Whether the chart of the figure follows a message, or is linked in it where the service takes no "
        "pictures and `public_url` is set. Default: on for tgram:// and slack://, else off.",
        examples=[True, False],
    )
