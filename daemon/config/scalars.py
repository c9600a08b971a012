"""The values of the file as pydantic reads them: amounts, durations, patterns and names."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal, NoReturn

from pydantic import AfterValidator, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from daemon.config.wording import kind_of, shown
from rules.patterns import EVERYTHING, Patterns
from rules.types.balance_change import Step

SECOND_MS = 1000
LONGEST_MS = 3650 * 24 * 3600 * SECOND_MS
DIGITS_MAX = 30
"""Before the point, and after it: together the precision of the daemon's decimal context."""

# Patterns of our own: int() and Decimal() also take underscores, spaces and digits of other scripts.
_AMOUNT = re.compile(r"-?(0|[1-9][0-9]{0,60})(\.[0-9]{1,60})?")
_PERCENT = re.compile(r"((?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,6})?)%")
_DURATION = re.compile(r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?")
_COIN = re.compile(r"[A-Z0-9]{2,20}")
_UNITS_MS = (24 * 3600 * SECOND_MS, 3600 * SECOND_MS, 60 * SECOND_MS, SECOND_MS)

AMOUNT_HINT = 'write a number, or digits in quotes, as in 50_000 or "50000.25"'
DURATION_HINT = 'write days, hours, minutes, seconds, as in "90s", "2m", "1h30m" or "1d"'


def fault(message: str, hint: str = "") -> NoReturn:
    """Refuse a value in words that are ready to be shown."""
    raise PydanticCustomError("fault", "{message}", {"message": message, "hint": hint})


def read_amount(value: object) -> Decimal:
    """An exact decimal, without an exponent; never through float."""
    if isinstance(value, str):
        if not _AMOUNT.fullmatch(value):
            fault(f"{shown(value)} is not an amount", AMOUNT_HINT)
        number = Decimal(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        # Compared before it is made a Decimal: a TOML integer may have thousands of digits.
        number = Decimal(value) if abs(value) < 10**DIGITS_MAX else Decimal(f"1e{DIGITS_MAX}")
    elif isinstance(value, Decimal):
        number = value
    else:
        fault(f"must be an amount, not {kind_of(value)}", AMOUNT_HINT)
    if number.is_finite() and not number:
        return Decimal(0)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        fault("must be a finite number")
    if exponent < -DIGITS_MAX or number.adjusted() >= DIGITS_MAX:
        fault("has too many digits", f"at most {DIGITS_MAX} before the point and {DIGITS_MAX} after it")
    return Decimal(f"{number:f}")


def read_amount_from_zero(value: object) -> Decimal:
    """An amount that may be 0 and not less."""
    amount = read_amount(value)
    if amount < 0:
        fault("must not be negative")
    return amount


def read_duration(value: object) -> int:
    """Milliseconds, more than none."""
    milliseconds = read_duration_or_none(value)
    if not milliseconds:
        fault("must be longer than 0", DURATION_HINT)
    return milliseconds


def read_duration_or_none(value: object) -> int:
    """Milliseconds; also a plain 0."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        if value != 0:
            fault("a duration needs its unit", DURATION_HINT)
        return 0
    if not isinstance(value, str):
        fault(f"must be a duration, not {kind_of(value)}", DURATION_HINT)
    match = _DURATION.fullmatch(value)
    if match is None or not value:
        fault(f"{shown(value)} is not a duration", DURATION_HINT)
    counts = (int(count or 0) for count in match.groups())
    milliseconds = sum(count * unit for count, unit in zip(counts, _UNITS_MS, strict=True))
    if milliseconds > LONGEST_MS:
        fault(f"{shown(value)} is too long", "at most 3650d")
    return milliseconds


def read_patterns(value: object) -> Patterns:
    """One pattern or a list of them; `!` excludes."""
    if value == "*":
        return EVERYTHING  # most rules leave most selections out
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list):
        fault(
            f"must be a pattern or a list of patterns, not {kind_of(value)}",
            'as in "mm-*" or ["mm-*", "!mm-test"]',
        )
    if not texts:
        fault("an empty list matches nothing", 'leave the key out, or write "*", to mean all')
    for text in texts:
        check_pattern(text)
    return Patterns.of(texts)


def check_pattern(text: object) -> str:
    """Refuse what can match nothing."""
    if not isinstance(text, str):
        fault(f"a pattern must be text, not {kind_of(text)}")
    if not text.removeprefix("!") or text != text.strip() or not text.isprintable() or len(text) > 256:  # noqa: PLR2004
        fault(f"{shown(text)} is not a pattern", 'as in "mm-*"; a leading ! excludes')
    return text


def read_step(value: object) -> Step:
    """An amount, or a share as "10%"; more than none."""
    if isinstance(value, str) and value.endswith("%"):
        match = _PERCENT.fullmatch(value)
        if match is None:
            fault(f"{shown(value)} is not a percentage", 'as in "10%" or "2.5%"')
        step = Step(Decimal(match[1]), percent=True)
    else:
        step = Step(read_amount(value))
    if step.amount <= 0:
        fault("must be more than 0", 'an amount, or a share as "10%"')
    return step


def read_budget(value: object) -> Decimal:
    """A share of a limit: some of it, at most all."""
    share = read_amount(value)
    if not 0 < share <= 1:
        fault("must be above 0 and at most 1", "the share of the documented limit, as in 0.8")
    return share


def check_coin(text: str) -> str:
    """A coin code as venues write it."""
    if not _COIN.fullmatch(text):
        fault(f"{shown(text)} is not a coin", 'capital letters and digits, as in "USDT"')
    return text


def check_name(text: str) -> str:
    """A name is read by people, and stands on one line."""
    if not text or text != text.strip() or not text.isprintable() or len(text) > 128:  # noqa: PLR2004
        fault(f"{shown(text)} is not a name", "1 to 128 printable characters, no space at either end")
    if text.casefold().startswith("subtally/"):
        fault(f"{shown(text)} is taken", "names that start with subtally/ belong to the built-in rules")
    return text


def check_plain_name(text: str) -> str:
    """A name that patterns can mean literally."""
    check_name(text)
    if set(text) & set("*?[]!,\"'"):
        fault(
            f"{shown(text)} is not a name here", "without any of * ? [ ] ! , and quotes, which patterns use"
        )
    return text


def check_line(text: str) -> str:
    """Text for a message: one line, bounded."""
    if not text.isprintable() or len(text) > 2000:  # noqa: PLR2004
        fault("must be one line of at most 2000 characters")
    return text


def check_text(text: str) -> str:
    """Text for a message: lines, bounded."""
    if any(not c.isprintable() and c not in "\n\t" for c in text) or len(text) > 2000:  # noqa: PLR2004
        fault("must be text of at most 2000 characters, without control characters")
    return text


_NUMBER_SCHEMA: dict[str, Any] = {"type": "number"}
_DIGITS_SCHEMA: dict[str, Any] = {"type": "string", "pattern": f"^{_AMOUNT.pattern}$"}
_AMOUNT_SCHEMA: dict[str, Any] = {"anyOf": [_NUMBER_SCHEMA, _DIGITS_SCHEMA]}
_DURATION_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$",
    "minLength": 2,
}
_PATTERN_SCHEMA: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 256}

Amount = Annotated[Decimal, PlainValidator(read_amount), WithJsonSchema(_AMOUNT_SCHEMA)]
AmountFromZero = Annotated[
    Decimal,
    PlainValidator(read_amount_from_zero),
    WithJsonSchema(
        {
            "anyOf": [
                {**_NUMBER_SCHEMA, "minimum": 0},
                {"type": "string", "pattern": f"^{_AMOUNT.pattern.removeprefix('-?')}$"},
            ]
        }
    ),
]
Duration = Annotated[int, PlainValidator(read_duration), WithJsonSchema(_DURATION_SCHEMA)]
DurationOrNone = Annotated[
    int,
    PlainValidator(read_duration_or_none),
    WithJsonSchema({"anyOf": [_DURATION_SCHEMA, {"const": 0}]}),
]
PatternsField = Annotated[
    Patterns,
    PlainValidator(read_patterns),
    WithJsonSchema({"anyOf": [_PATTERN_SCHEMA, {"type": "array", "items": _PATTERN_SCHEMA, "minItems": 1}]}),
]
StepField = Annotated[
    Step,
    PlainValidator(read_step),
    WithJsonSchema(
        {"anyOf": [_NUMBER_SCHEMA, _DIGITS_SCHEMA, {"type": "string", "pattern": f"^{_PERCENT.pattern}$"}]},
    ),
]
Budget = Annotated[Decimal, PlainValidator(read_budget), WithJsonSchema(_AMOUNT_SCHEMA)]
Coin = Annotated[
    str, AfterValidator(check_coin), WithJsonSchema({"type": "string", "pattern": f"^{_COIN.pattern}$"})
]
Name = Annotated[
    str, AfterValidator(check_name), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 128})
]
PlainName = Annotated[
    str,
    AfterValidator(check_plain_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[^*?\\[\\]!,\"']+$"}),
]
Line = Annotated[str, AfterValidator(check_line)]
Text = Annotated[str, AfterValidator(check_text)]
SeverityField = Literal["info", "warning", "critical"]
