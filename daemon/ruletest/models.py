"""The tables of a test file as they are written: keys, types, defaults, and what for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from daemon.config.scalars import Duration, Name, fault, read_amount, read_duration_or_none
from daemon.config.tables import Table
from daemon.config.times import Instant
from daemon.ruletest.notation import Token, tokens_of


def _tokens(value: object) -> list[Token]:
    if not isinstance(value, str):
        fault("must be text", 'write the steps in quotes, as in "60000*3 48000"')
    try:
        return tokens_of(value)
    except ValueError as error:
        fault(str(error))


def _assets(value: object) -> dict[str, dict[str, str]]:
    if not isinstance(value, dict):
        fault("must be a table", 'as in { USDT = "60000", BTC = { free = 1, locked = 2 } }')
    return {asset: _row(row) for asset, row in value.items()}


def _row(row: object) -> dict[str, str]:
    fields = row if isinstance(row, dict) else {"free": row}
    return {name: format(read_amount(amount), "f") for name, amount in fields.items()}


At = Annotated[int, PlainValidator(read_duration_or_none)]
"""Milliseconds from the begin of a case."""

Tokens = Annotated[list[Token], PlainValidator(_tokens)]
Assets = Annotated[dict[str, dict[str, str]], PlainValidator(_assets)]
Rows = list[dict[str, Any]]


class Suite(Table):
    """The top of a test file."""

    rules: str = ""
    rules_text: str = ""
    test: Rows = Field(min_length=1)


class Case(Table):
    """`[[test]]`: one story of its own, from an empty World on."""

    name: Name
    exchange: str = ""
    wallet: str = ""
    asset: str = ""
    every: Duration | None = None
    start: Instant | None = None
    until: At | None = None
    only: list[str] | None = None
    first: bool = False
    account: Rows = Field(default=[])
    series: Rows = Field(default=[])
    reading: Rows = Field(default=[])
    outage: Rows = Field(default=[])
    restart: Rows = Field(default=[])
    ack: Rows = Field(default=[])
    expect: Rows = Field(default=[])


class AccountRow(Table):
    """`[[test.account]]`: when a sub-account exists, and what the venue says of it."""

    name: Name
    exchange: str = ""
    appears: At = 0
    vanishes: At | None = None
    unlisted: At | None = None
    frozen: At | None = None
    renamed: At | None = None
    new_name: str = ""


class SeriesRow(Table):
    """`[[test.series]]`: one figure, step by step."""

    account: Name
    values: Tokens
    exchange: str = ""
    wallet: str = ""
    asset: str = ""
    field: str = "free"
    at: At = 0
    every: Duration | None = None


class ReadingRow(Table):
    """`[[test.reading]]`: one whole reading; what it does not name is absent."""

    at: At
    account: Name
    assets: Assets
    exchange: str = ""
    wallet: str = ""


class OutageRow(Table):
    """`[[test.outage]]`: no call to the exchange tells anything."""

    at: At
    for_ms: Duration = Field(alias="for")
    exchange: str = ""
    kind: Literal["transient", "limited", "banned", "maintenance", "malformed"] = "transient"


class RestartRow(Table):
    """`[[test.restart]]`: the daemon stops, and starts again `down` later."""

    at: At
    down: At = 0


class AckRow(Table):
    """`[[test.ack]]`: a person has seen what fires of a rule."""

    at: At
    rule: str
    account: str = ""


class ExpectRow(Table):
    """`[[test.expect]]`: one event of one alert; what is left out is not asked."""

    at: At
    event: Literal[
        "pending", "inactive", "firing", "raised", "reminder", "escalated", "resolved", "closed", "event"
    ]
    rule: str
    exchange: str | None = None
    account: str | None = None
    wallet: str | None = None
    asset: str | None = None
    severity: Literal["info", "warning", "critical"] | None = None
    value: Annotated[str, PlainValidator(lambda value: format(read_amount(value), "f"))] | None = None
    notify: list[str] | None = None
    within: At = 5_000
    text: str | None = None
    text_contains: list[str] = Field(default=[])
