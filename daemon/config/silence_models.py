"""`[[allow]]` and `[[silence]]` as they are written: what is not to be told, until when, and why."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from daemon.config.addresses import TimeZone
from daemon.config.scalars import (
    AmountFromZero,
    Name,
    PatternsField,
    SeverityField,
    check_line,
    check_text,
    fault,
)
from daemon.config.tables import Table, written
from daemon.config.times import Day, End, Instant, Start
from daemon.config.wording import kind_of, one_of

_SEVERITIES: tuple[SeverityField, ...] = ("info", "warning", "critical")


def _check_reason(text: str) -> str:
    return _check_said(check_text(text))


def _check_by(text: str) -> str:
    return _check_said(check_line(text))


def _check_said(text: str) -> str:
    if not text.strip():
        fault("must not be empty", "whoever reads it next year was not there")
    return text


def _listed(value: Any) -> Any:  # noqa: ANN401  whatever stands in the file
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        fault(f"must be a severity or a list of severities, not {kind_of(value)}", one_of(_SEVERITIES))
    if not value:
        fault("an empty list means none", "leave the key out to mean all")
    return value


_SEVERITY_SCHEMA: dict[str, Any] = {"type": "string", "enum": list(_SEVERITIES)}

Reason = Annotated[
    str, AfterValidator(_check_reason), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 2000})
]
By = Annotated[
    str, AfterValidator(_check_by), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 2000})
]
Severities = Annotated[
    list[SeverityField],
    BeforeValidator(_listed),
    WithJsonSchema(
        {"anyOf": [_SEVERITY_SCHEMA, {"type": "array", "items": _SEVERITY_SCHEMA, "minItems": 1}]}
    ),
]


class Allow(Table):
    """A standing exception: so much of a field is expected, and the rules unexpected_* do not tell it."""

    name: Name = Field(
        description="Your name for the exception; each has its own.", examples=["pledged collateral"]
    )
    exchange: PatternsField = written(
        "*", "Which exchanges, by name: a pattern or a list; a leading ! excludes.", "okx-*"
    )
    account: PatternsField = written(
        "*", "Which accounts, by e-mail, name or id.", "cold-1", ["cold-*", "!cold-9"]
    )
    wallet: PatternsField | None = Field(
        default=None,
        description="Which wallets. Default: any.",
        examples=["funding"],
    )
    asset: PatternsField = written("*", "Which coins.", "BTC", ["BTC", "ETH"])
    field: Literal["frozen", "withdrawing", "locked"] = Field(
        description="Which figure, as in the type of the rule.", examples=["frozen"]
    )
    up_to: AmountFromZero = Field(
        description="How much of it is expected; only what is beyond counts.", examples=[2.5, "10000"]
    )
    until: Instant | None = Field(
        default=None,
        description="When it ends: a date and a time with their zone. Default: never.",
        examples=["2030-12-31T18:00:00Z"],
    )
    reason: Reason = Field(
        description="Why this is in order.", examples=["Collateral of the loan, ticket 4711"]
    )


class Silence(Table):
    """Do not tell for a while: once, until a given time, or in a window that comes every week."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {
                    "required": ["until"],
                    "not": {"anyOf": [{"required": [key]} for key in ("days", "start", "end", "timezone")]},
                },
                {
                    "required": ["days", "start", "end"],
                    "not": {"anyOf": [{"required": [key]} for key in ("from", "until")]},
                },
            ]
        },
    )

    name: Name = Field(
        description="Your name for the silence; each has its own.", examples=["weekly maintenance"]
    )
    rule: PatternsField = written(
        "*",
        "Which rules, by name; the built-in ones are called subtally/….",
        "too much on one account",
        "subtally/stale-*",
    )
    exchange: PatternsField = written(
        "*", "Which exchanges, by name: a pattern or a list; a leading ! excludes.", "okx-*"
    )
    account: PatternsField = written(
        "*",
        'Which accounts, by e-mail, name or id. Anything but "*" leaves alerts without an account be.',
        "mm-*",
    )
    asset: PatternsField = written(
        "*", 'Which coins. Anything but "*" leaves alerts without a coin be.', "USDT"
    )
    severity: Severities = Field(
        default=list(_SEVERITIES),
        description="Which severities: one or a list. Default: all.",
        examples=["warning", ["info", "warning"]],
    )
    from_: Instant | None = Field(
        default=None,
        alias="from",
        description="When it begins: a date and a time with their zone. Default: at once.",
        examples=["2030-12-31T16:00:00Z"],
    )
    until: Instant | None = Field(
        default=None,
        description="When it ends: a date and a time with their zone. Required, but for a weekly one.",
        examples=["2030-12-31T18:00:00Z"],
    )
    days: list[Day] | None = Field(
        default=None,
        description="A weekly one: the local days on which its window begins.",
        examples=[["sat", "sun"]],
        min_length=1,
    )
    start: Start | None = Field(
        default=None,
        description="A weekly one: the local time at which its window begins.",
        examples=["22:00"],
    )
    end: End | None = Field(
        default=None,
        description="A weekly one: the local time at which its window ends, on the next day where this is not "
        "after `start`.",
        examples=["06:00", "24:00"],
    )
    timezone: TimeZone | None = Field(
        default=None,
        description="A weekly one: the zone of its days and times. Default: `timezone` of [daemon].",
        examples=["Europe/Zurich"],
    )
    reason: Reason = Field(description="Why nobody needs to hear of it.", examples=["The venue is upgraded"])
    by: By = Field(description="Who decided it.", examples=["kim"])
