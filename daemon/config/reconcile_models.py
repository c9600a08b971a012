"""`reconciliation` and `composition_shift` as they are written: which figures should agree, and how closely."""

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator

from daemon.config.rule_common import RuleTable
from daemon.config.scalars import (
    AmountFromZero,
    Coin,
    Duration,
    PatternsField,
    fault,
    read_amount_from_zero,
)
from daemon.config.tables import Table, written

TOLERANCE_HINT = (
    'say which kind it is, as in { abs = 0.01 }, { pct = 0.1 } or { dust_value = 5, quote = "USDT" }'
)
_PERCENT_MOST = 100


def _read_percent(value: object) -> Decimal:
    if isinstance(value, str) and value.endswith("%"):
        value = value[:-1]
    share = read_amount_from_zero(value)
    if share > _PERCENT_MOST:
        fault("must be at most 100", "a share in percent, as in 0.5")
    return share


def _read_fall(value: object) -> Decimal:
    share = _read_percent(value)
    if not share:
        fault("must be more than 0", 'a share in percent, as in 50 or "50%"')
    return share


def _kinds_of_tolerance(value: Any) -> Any:  # noqa: ANN401  whatever stands in the file
    if not isinstance(value, dict | Tolerance):
        fault("must not be a bare number: it does not say what it measures", TOLERANCE_HINT)
    return value


_PERCENT_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": 100},
        {"type": "string", "pattern": "^[0-9]{1,3}(\\.[0-9]{1,30})?%?$"},
    ]
}
Percent = Annotated[Decimal, PlainValidator(_read_percent), WithJsonSchema(_PERCENT_SCHEMA)]
Fall = Annotated[Decimal, PlainValidator(_read_fall), WithJsonSchema(_PERCENT_SCHEMA)]


class Tolerance(Table):
    """How far two figures may be apart and still agree: as far as the most generous of these allows."""

    abs: AmountFromZero | None = Field(
        default=None,
        description="An amount of the compared coin; of BTC where the summary is compared. Equal to it still agrees.",
        examples=[0.01, "0.000000000000000001"],
    )
    pct: Percent | None = Field(
        default=None,
        description="A share in percent of the larger figure; in conservation of all that the accounts hold.",
        examples=[0.1, "0.5%"],
    )
    dust_value: AmountFromZero | None = Field(
        default=None,
        description="What a difference may be worth in `quote`; counts only while a price is known.",
        examples=[5],
    )
    quote: Coin = Field(default="USDT", description="The coin of `dust_value`.", examples=["USDT"])

    @model_validator(mode="after")
    def _says_how_much(self) -> Self:
        if not self.model_fields_set & {"abs", "pct", "dust_value"}:
            fault("says nothing of how much", TOLERANCE_HINT)
        return self


class Reconciliation(RuleTable):
    """Figures that should agree. A difference beyond tolerance between two known ones is a break."""

    idle: ClassVar[tuple[str, ...]] = ("for_", "keep_firing", "sum_over")

    type: Literal["reconciliation"] = Field(description="Does the money add up?", examples=["reconciliation"])
    check: Literal["movements", "conservation", "summary", "expected"] = Field(
        description="Which figures: what leaves one account against what arrives in another; the sum of all changes "
        "against known deposits and withdrawals; the venue's valuation against the quantities; your own books "
        "against the readings.",
        examples=["movements", "expected"],
    )
    tolerance: Annotated[Tolerance, BeforeValidator(_kinds_of_tolerance)] | None = Field(
        default=None,
        description="How far both figures may be apart. Without it they must be equal. A bare number is an error.",
        examples=[{"abs": 0.01}, {"pct": 0.5, "dust_value": 5}],
    )
    within: Duration | None = Field(
        default=None,
        description="How far apart both sides of one movement may be seen: movements, conservation. Default: two "
        "sweeps, and for movements half a poll more.",
        examples=["10m"],
    )
    tell: Literal["unmatched", "all"] = Field(
        default="unmatched",
        description="Which movements are told: only an outflow that arrives nowhere, or all.",
        examples=["all"],
    )
    max_skew: Duration | None = Field(
        default=None,
        description="How much older than `as_of` a reading may be (expected), how far apart both sides may be read "
        "(summary). Default: 5m.",
        examples=["15m"],
    )
    books: PatternsField = written(
        "*", "Which [[books]], by name: expected.", "treasury", ["treasury", "desk-*"]
    )
    escalate_age: Duration | None = Field(
        default=None,
        description="A break that is still open at this age, counted from when it was first seen, becomes critical.",
        examples=["4h"],
    )


class CompositionShift(RuleTable):
    """A major coin falls by most of its amount while one never held appears, and nothing withdraws."""

    idle: ClassVar[tuple[str, ...]] = ("wallet", "asset", "for_", "keep_firing", "repeat_every", "sum_over")

    type: Literal["composition_shift"] = Field(
        description="How stolen keys that can only trade are used.", examples=["composition_shift"]
    )
    within: Duration = written("10m", "The window before each reading.", "10m")
    fall: Fall = written(50, "By how much of its amount a major coin must fall, in percent.", 50, "80%")
    majors: PatternsField | None = Field(
        default=None,
        description="Which coins are major. Default: BTC, ETH, USDT, USDC, FDUSD, BNB, SOL, XRP, EUR, USD.",
        examples=[["BTC", "ETH", "USDT"]],
    )
