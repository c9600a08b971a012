"""`[[rule]]` as it is written, one model per type: keys of its own, types, defaults and what each is for."""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from daemon.config.reconcile_models import CompositionShift, Reconciliation
from daemon.config.rule_common import DurationThreshold, Floors, RuleTable, Threshold
from daemon.config.scalars import Amount, Duration, StepField
from daemon.config.tables import written

Field_ = Literal[
    "free", "locked", "frozen", "withdrawing", "total", "value", "ordFrozen", "liab", "eq", "limitAvailable"
]
Status = Literal["frozen", "renamed", "unlisted", "drained"]

QUOTE = 'The coin of the venue\'s own valuation; only with field = "value", and only where it is not evident.'

EVENT = ("for_", "keep_firing", "repeat_every")


class LowBalance(RuleTable):
    """A figure is below its floor; it ends at `clear_at` or more."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["below"]}, {"required": ["below_by"]}]},
    )

    type: Literal["low_balance"] = Field(description="Below a floor.", examples=["low_balance"])
    field: Field_ = Field(default="free", description="Which figure.", examples=["free"])
    below: Threshold | None = Field(
        default=None,
        description="The floor: an amount, or one per severity.",
        examples=[50_000, {"warning": 50_000, "critical": 20_000}],
    )
    below_by: Floors | None = Field(
        default=None,
        description="A floor per account, in place of `below`: patterns, of which the first that matches "
        "counts, or the path of a CSV file with the columns account,below.",
        examples=[{"mm-1@x": 50_000, "mm-*": 20_000}, "floors.csv"],
    )
    clear_at: Amount | None = Field(
        default=None,
        description="The alert ends at this figure or more. Default: the floor.",
        examples=[60_000],
    )
    quote: str | None = Field(default=None, description=QUOTE, examples=["BTC"])


class HighBalance(RuleTable):
    """A figure is above its ceiling; it ends at `clear_at` or less."""

    type: Literal["high_balance"] = Field(description="Above a ceiling.", examples=["high_balance"])
    field: Field_ = Field(default="total", description="Which figure.", examples=["total"])
    above: Threshold = Field(
        description="The ceiling: an amount, or one per severity.",
        examples=[1_000_000, {"warning": 1_000_000, "critical": 2_000_000}],
    )
    clear_at: Amount | None = Field(
        default=None,
        description="The alert ends at this figure or less. Default: the ceiling.",
        examples=[900_000],
    )
    quote: str | None = Field(default=None, description=QUOTE, examples=["BTC"])


class _Unexpected(RuleTable):
    above: Threshold = written(
        0,
        "Told when the amount is above this: an amount, or one per severity.",
        0,
        {"warning": 0, "critical": 10_000},
    )


class UnexpectedFrozen(_Unexpected):
    """Something is frozen. On Bitget open orders freeze too."""

    type: Literal["unexpected_frozen"] = Field(description="Frozen.", examples=["unexpected_frozen"])


class UnexpectedWithdrawing(_Unexpected):
    """Something is on its way out; the end says how it ended."""

    type: Literal["unexpected_withdrawing"] = Field(
        description="On its way out.", examples=["unexpected_withdrawing"]
    )


class UnexpectedLocked(_Unexpected):
    """Something is locked, as by open orders."""

    type: Literal["unexpected_locked"] = Field(description="Locked.", examples=["unexpected_locked"])


class _Presence(RuleTable):
    idle: ClassVar[tuple[str, ...]] = ("wallet", "asset", "confirm", *EVENT, "sum_over")


class AccountAppeared(_Presence):
    """Complete listings gain an account. How many must agree is `confirm` of the exchange."""

    type: Literal["account_appeared"] = Field(description="A new account.", examples=["account_appeared"])


class AccountDisappeared(_Presence):
    """Complete listings lose an account. How many must agree is `confirm` of the exchange."""

    type: Literal["account_disappeared"] = Field(
        description="A lost account.", examples=["account_disappeared"]
    )


class AccountStatus(_Presence):
    """The venue says something of an account."""

    type: Literal["account_status"] = Field(description="The venue says so.", examples=["account_status"])
    on: list[Status] = Field(
        default=["frozen", "renamed", "unlisted", "drained"],
        description="What of it is told.",
        examples=[["frozen", "renamed"]],
        min_length=1,
    )


class BalanceChange(RuleTable):
    """A figure fell or rose by enough inside a window."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["drop"]}, {"required": ["rise"]}]},
    )

    idle: ClassVar[tuple[str, ...]] = EVENT

    type: Literal["balance_change"] = Field(description="A fall or a rise.", examples=["balance_change"])
    field: Field_ = Field(default="total", description="Which figure.", examples=["total"])
    drop: StepField | None = Field(default=None, description="A fall of so much.", examples=[10_000, "10%"])
    rise: StepField | None = Field(default=None, description="A rise of so much.", examples=[10_000, "50%"])
    within: Duration = Field(description="The window before each reading.", examples=["10m"])
    quote: str | None = Field(default=None, description=QUOTE, examples=["BTC"])


class Runway(RuleTable):
    """At the rate of the past a figure gets down to `below` in time; too little history is no verdict."""

    type: Literal["runway"] = Field(description="Soon empty.", examples=["runway"])
    field: Field_ = Field(default="free", description="Which figure.", examples=["free"])
    over: Duration = Field(
        description="How much of the past tells the rate: what fell in it, top-ups left out.", examples=["6h"]
    )
    empties_within: DurationThreshold = Field(
        description="Told when the time left is this or less: a duration, or one per severity.",
        examples=["12h", {"warning": "24h", "critical": "6h"}],
    )
    below: Amount = written(0, "What counts as empty.", 5_000)
    quote: str | None = Field(default=None, description=QUOTE, examples=["BTC"])


class Stale(RuleTable):
    """An account gave no reading for a time of your own; the built-in rules use `stale_after`."""

    idle: ClassVar[tuple[str, ...]] = ("wallet", "asset", "confirm", "for_", "keep_firing", "sum_over")

    type: Literal["stale"] = Field(description="No reading.", examples=["stale"])
    after: Duration = Field(description="No reading for so long.", examples=["15m"])


RULE_MODELS: dict[str, type[RuleTable]] = {
    "low_balance": LowBalance,
    "high_balance": HighBalance,
    "unexpected_frozen": UnexpectedFrozen,
    "unexpected_withdrawing": UnexpectedWithdrawing,
    "unexpected_locked": UnexpectedLocked,
    "account_appeared": AccountAppeared,
    "account_disappeared": AccountDisappeared,
    "account_status": AccountStatus,
    "balance_change": BalanceChange,
    "runway": Runway,
    "stale": Stale,
    "reconciliation": Reconciliation,
    "composition_shift": CompositionShift,
}

AnyRule = Annotated[
    LowBalance
    | HighBalance
    | UnexpectedFrozen
    | UnexpectedWithdrawing
    | UnexpectedLocked
    | AccountAppeared
    | AccountDisappeared
    | AccountStatus
    | BalanceChange
    | Runway
    | Stale
    | Reconciliation
    | CompositionShift,
    Field(discriminator="type"),
]
