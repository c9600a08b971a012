"""What all rules have in common as they are written: selection, timing, routing, thresholds."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from daemon.config.scalars import (
    Amount,
    Duration,
    DurationOrNone,
    Line,
    Name,
    PatternsField,
    SeverityField,
    Text,
    check_pattern,
    fault,
)
from daemon.config.tables import Table, written

SumOver = Literal["account", "wallet", "exchange"]

# Tags of the unions below: they show up in pydantic's error paths, and are recognised there by the brackets.
AMOUNT, TIERS, TABLE, CSV = "<amount>", "<tiers>", "<table>", "<csv>"


class Tiers(Table):
    """One threshold per severity: one alert, raised from one to the next."""

    info: Amount | None = Field(default=None, description="Told as info.", examples=[100_000])
    warning: Amount | None = Field(default=None, description="Told as a warning.", examples=[50_000])
    critical: Amount | None = Field(default=None, description="Told as critical.", examples=[20_000])

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if not self.model_fields_set:
            fault("has no threshold", "as in { warning = 50_000, critical = 20_000 }")
        return self


class DurationTiers(Table):
    """One duration per severity: one alert, raised from one to the next."""

    info: Duration | None = Field(default=None, description="Told as info.", examples=["2d"])
    warning: Duration | None = Field(default=None, description="Told as a warning.", examples=["24h"])
    critical: Duration | None = Field(default=None, description="Told as critical.", examples=["6h"])

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if not self.model_fields_set:
            fault("has no duration", 'as in { warning = "24h", critical = "6h" }')
        return self


def _duration_or_tiers(value: Any) -> str:  # noqa: ANN401  whatever stands in the file
    return TIERS if isinstance(value, dict | DurationTiers) else AMOUNT


def _amount_or_tiers(value: Any) -> str:  # noqa: ANN401  whatever stands in the file
    return TIERS if isinstance(value, dict | Tiers) else AMOUNT


def _table_or_csv(value: Any) -> str:  # noqa: ANN401  whatever stands in the file
    return CSV if isinstance(value, str) else TABLE


def _check_account(text: str) -> str:
    check_pattern(text)
    if text.startswith("!"):
        fault("an exclusion has no amount of its own", "the first match wins, so put the special cases first")
    return text


def _check_floors(value: Any) -> Any:  # noqa: ANN401  whatever stands in the file
    if isinstance(value, dict) and not value:
        fault("has no account", 'as in { "mm-1@desk.example" = 50_000, "mm-*" = 20_000 }')
    return value


def _check_csv(path: str) -> str:
    if not path.casefold().endswith(".csv") or not path.isprintable():
        fault("must be a table of accounts, or the path of a file that ends in .csv", 'as in "floors.csv"')
    return path


Threshold = Annotated[
    Annotated[Amount, Tag(AMOUNT)] | Annotated[Tiers, Tag(TIERS)],
    Discriminator(_amount_or_tiers),
]
DurationThreshold = Annotated[
    Annotated[Duration, Tag(AMOUNT)] | Annotated[DurationTiers, Tag(TIERS)],
    Discriminator(_duration_or_tiers),
]
Floors = Annotated[
    Annotated[
        dict[Annotated[str, BeforeValidator(_check_account)], Threshold],
        BeforeValidator(_check_floors),
        Tag(TABLE),
    ]
    | Annotated[str, BeforeValidator(_check_csv), Tag(CSV)],
    Discriminator(_table_or_csv),
]


class RuleTable(Table):
    """The keys that all rules have in common."""

    # Keys that mean nothing for a type; they are legal, and warned of.
    idle: ClassVar[tuple[str, ...]] = ()

    name: Name = Field(
        description="Your name for the rule; each has its own.", examples=["market maker USDT floor"]
    )
    type: str = ""
    exchange: PatternsField = written(
        "*",
        "Which exchanges, by name: a pattern or a list; a leading ! excludes.",
        "binance-*",
        ["*", "!okx-test"],
    )
    account: PatternsField = written(
        "*",
        'Which accounts, by e-mail, name or id. "*" never means the master: name it, "master".',
        ["mm-*", "arb@desk.example"],
        "master",
    )
    wallet: PatternsField | None = Field(
        default=None,
        description="Which wallets, each judged by itself. Without it the sum of the wallets read is judged.",
        examples=["spot", ["funding", "trading"]],
    )
    asset: PatternsField = written(
        "*",
        "Which coins. One that is named literally counts as zero where a complete reading lacks "
        "it; a pattern sees the coins held now or before.",
        "USDT",
        ["BTC", "ETH"],
    )
    severity: SeverityField = Field(
        default="warning",
        description="How much it matters, where the thresholds do not say so themselves.",
        examples=["critical"],
    )
    confirm: int = Field(
        default=2,
        ge=1,
        le=100,
        description="Successful readings in a row that must agree on onset or end. 1 tells on the first.",
        examples=[2],
    )
    for_: DurationOrNone = Field(
        default=0,
        alias="for",
        description="How long the condition must hold before it is told.",
        examples=["2m"],
    )
    keep_firing: DurationOrNone = Field(
        default=0,
        description="How long the alert goes on after the last reading that met the condition.",
        examples=["10m"],
    )
    repeat_every: Duration | None = Field(
        default=None,
        description="As `repeat_every` of [daemon], for this rule.",
        examples=["1h"],
    )
    notify: list[str] | None = Field(
        default=None,
        description="Which notifiers. All where the key is left out; an empty list tells nobody: a trial.",
        examples=[["oncall"]],
    )
    escalate_after: Duration | None = Field(
        default=None,
        description="How long an alert may fire with nobody having acknowledged it before `escalate_to` is "
        "told. A silence stops the clock.",
        examples=["15m"],
    )
    escalate_to: list[str] | None = Field(
        default=None,
        description="Which notifiers are told then.",
        examples=[["boss"]],
        min_length=1,
    )
    runbook: Line = Field(
        default="",
        description="What to do about it: a link, or a word. Shown in every message.",
        examples=["https://wiki.example/mm-floor"],
    )
    description: Text = Field(
        default="",
        description="Why the rule exists. Shown in every message.",
        examples=["The desk cannot quote below this."],
    )
    enabled: bool = Field(default=True, description="false puts the rule to rest.", examples=[True])
    sum_over: list[SumOver] = Field(
        default=[],
        description="Judge the sum over these of what matches; unknown while a part is.",
        examples=[["account"], ["account", "exchange"]],
    )


class UnknownType(RuleTable):
    """A rule whose type was refused: what all types have in common can still be checked."""

    model_config = ConfigDict(extra="ignore")
