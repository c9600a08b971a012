"""`[[books]]` and `[[expect]]` as they are written: the user's own figures, and movements declared beforehand."""

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
)

from daemon.config.scalars import (
    Amount,
    AmountFromZero,
    Coin,
    Duration,
    Name,
    PatternsField,
    PlainName,
    fault,
)
from daemon.config.silence_models import Reason
from daemon.config.tables import REFERENCE_HINT, SecretReference, Table, written
from daemon.config.times import Instant
from daemon.config.wording import kind_of

PLAIN, REFERENCE = "plain", "reference"
ARGUMENTS_MOST = 100
TEXT_MOST = 4096

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_SECRET_WORD = re.compile(r"(?i)pass|secret|token|credential|api_?key|private")
_PASSWORD_IN_ADDRESS = re.compile(
    r"(?i)(?<![a-z0-9+.-])[a-z0-9+.-]+://[^/\s:@]*:[^/\s@]+@|\bpassword\s*=\s*\S"
)


def _check_text(text: str) -> str:
    if "\0" in text or len(text) > TEXT_MOST:
        fault(f"must be text of at most {TEXT_MOST} characters")
    if _PASSWORD_IN_ADDRESS.search(text):
        fault(
            'a secret must not stand in the file itself (masked here: "***")',
            'give it in env, as in env = { PGPASSWORD = { credential = "db-password" } }',
        )
    return text


def _check_path(text: str) -> str:
    if not text or not text.isprintable() or text != text.strip():
        fault("is not a usable path", 'as in "books.csv"')
    return text


def _check_command(value: Any) -> Any:  # noqa: ANN401  whatever stands in the file
    if isinstance(value, str):
        fault(
            "must be a list: the program and each of its arguments by itself, for there is no shell",
            'as in ["psql", "--csv", "--command", "select …"]',
        )
    if isinstance(value, list) and (not value or value[0] == ""):
        fault("must name a program", 'as in ["psql", "--csv", "--command", "select …"]')
    if isinstance(value, list) and len(value) > ARGUMENTS_MOST:
        fault(f"has more than {ARGUMENTS_MOST} arguments", "put the query into a file")
    return value


def _plain_or_reference(value: Any) -> str:  # noqa: ANN401  whatever stands in the file
    return REFERENCE if isinstance(value, dict | SecretReference) else PLAIN


def _check_variables(value: Any) -> Any:  # noqa: ANN401  whatever stands in the file
    if not isinstance(value, dict):
        fault(f"must be a table, not {kind_of(value)}", 'as in { PGHOST = "db", PGUSER = "reader" }')
    for name, given in value.items():
        if not _VARIABLE.fullmatch(name):
            fault("holds what is not the name of an environment variable", "letters, digits and _")
        if isinstance(given, str) and _SECRET_WORD.search(name):
            fault(
                f'{name} is a secret, which must not stand in the file itself (masked here: "***")',
                REFERENCE_HINT,
            )
        if not isinstance(given, str | dict | SecretReference):
            fault(f"{name} must be text or a reference, not {kind_of(given)}", REFERENCE_HINT)
    return value


_TEXT_SCHEMA: dict[str, Any] = {"type": "string", "maxLength": TEXT_MOST}
Argument = Annotated[str, AfterValidator(_check_text), WithJsonSchema(_TEXT_SCHEMA)]
Variable = Annotated[
    Annotated[Argument, Tag(PLAIN)] | Annotated[SecretReference, Tag(REFERENCE)],
    Discriminator(_plain_or_reference),
]


class Books(Table):
    """Your own figures, which rules with check = "expected" compare: a CSV file, or a command that prints CSV.

    The first line names the columns exchange, account, asset, amount, as_of and, where it is told, wallet.
    """

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["file"]}, {"required": ["command"]}]},
    )

    name: PlainName = Field(description="Your name for them, in rules and messages.", examples=["treasury"])
    file: Annotated[str, AfterValidator(_check_path)] | None = Field(
        default=None,
        description="A CSV file; a relative path starts at the main file's folder. It is read again when it changes.",
        examples=["books.csv"],
    )
    command: Annotated[list[Argument], BeforeValidator(_check_command)] | None = Field(
        default=None,
        description="A program and its arguments, run without a shell in the main file's folder; it prints CSV.",
        examples=[["psql", "--csv", "--file", "books.sql"]],
    )
    env: Annotated[dict[str, Variable], BeforeValidator(_check_variables)] = Field(
        default={},
        description="The environment of the command: these variables and no other.",
        examples=[{"PGHOST": "db.example", "PGPASSWORD": {"credential": "db-password"}}],
    )
    every: Duration = written(
        "5m",
        "How often they are read; a file also as soon as it changes. What is new is read again at once, "
        "as often as `confirm` of the rules wants; what could not be read after a minute, then after twice as long.",
        "15m",
    )
    timeout: Duration = written(
        "30s", "How long the command may take; then it is killed with all that it started.", "1m"
    )


class Expect(Table):
    """One declared movement: the first that matches consumes it, another amount is told as ever."""

    name: Name = Field(description="Your name for it; each has its own.", examples=["weekly payout"])
    exchange: PatternsField = written(
        "*", "Which exchanges, by name: a pattern or a list; a leading ! excludes.", "binance-main"
    )
    from_: PatternsField = Field(
        alias="from",
        description='The account that it leaves, "master", or "external": outside of the exchange.',
        examples=["mm-1@desk.example"],
    )
    to: PatternsField = Field(
        description='The account at which it arrives, "master", or "external".',
        examples=["external", "cold-*"],
    )
    asset: Coin = Field(description="Which coin.", examples=["USDT"])
    amount: Amount = Field(description="How much.", examples=[10_000, "0.5"])
    tolerance: AmountFromZero = written(0, "By how much of the coin it may be more or less, as for a fee.", 1)
    due: Instant = Field(
        description="Until when: a date and a time with their zone. Then it is told as missing.",
        examples=["2030-12-31T18:00:00Z"],
    )
    reason: Reason = Field(description="Why it moves.", examples=["Payout of the week, ticket 4711"])
