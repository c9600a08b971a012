"""Bytes of a venue to exact text: amounts are never a float, and what is not understood is refused (law 9).

Strings are decoded straight into msgspec structs of `str`. Where a venue sends numbers instead (Binance v3,
numeric ids of Bitget), the slower path keeps each number's own digits.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec

from daemon.exchanges.errors import Malformed, readable
from rules.model import Row
from rules.rows import in_one

T = TypeVar("T")

AMOUNT_CHARACTERS = 100
EXPONENT_MOST = 60
NAME_CHARACTERS = 100
WHOLE_DIGITS = 18

_PLAIN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_EXPONENT = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)[eE]([+-]?[0-9]{1,3})")

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

UNSET = msgspec.UNSET
Name = Annotated[str, msgspec.Meta(max_length=400, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]
"""An e-mail, an id, a word of the venue: what is stored, shown and asked with. One with a NUL is none."""
Given = str | None | msgspec.UnsetType


def decoder(shape: type[T]) -> Callable[[bytes], T]:
    """A function from a body to `shape`; it raises Malformed."""
    fast = msgspec.json.Decoder(shape)

    def decode(body: bytes) -> T:
        try:
            if not body.isascii():
                body.decode()  # what no shape asks for is skipped unseen, damaged as it may be
            return fast.decode(body)
        except msgspec.ValidationError:
            pass  # perhaps only numbers in place of strings
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Malformed("the answer is not JSON") from None
        try:
            return msgspec.convert(exact(body), shape)
        except msgspec.ValidationError as error:
            # The text names types and the path, never a value.
            raise Malformed(f"the answer has another shape: {error}") from None

    return decode


def exact(body: bytes) -> Any:  # noqa: ANN401  JSON of any shape
    """JSON with every number as the text it was written in. Raises Malformed."""
    try:
        # Of bytes, json.loads would let through halves of a surrogate pair, which no file and no message takes.
        text = body.decode()
        said = json.loads(text, parse_float=str, parse_int=str, parse_constant=_refuse)
        if _SURROGATE.search(text):
            json.dumps(said, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise Malformed("the answer is not JSON") from None
    return said


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def amount(text: str) -> str:
    """The wire's own text of one amount; an exponent is written out exactly. Raises Malformed."""
    if len(text) <= AMOUNT_CHARACTERS:
        if _PLAIN.fullmatch(text):
            return sys.intern(text) if text[0] == "0" and not text.strip("0.") else text
        parts = _EXPONENT.fullmatch(text)
        if parts and abs(int(parts[2])) <= EXPONENT_MOST:
            # The constructor is exact whatever the context; "f" writes every digit.
            return format(Decimal(text), "f")
    raise Malformed(f"{text[:40]!r} is not an amount")


def whole(given: int | str) -> int:
    """A count or a time in ms, from a number or its text. Raises Malformed."""
    text = str(given)
    if not (text.isascii() and text.isdigit() and len(text) <= WHOLE_DIGITS):
        raise Malformed(f"{text[:40]!r} is not a whole number")
    return int(text)


def required(value: Given) -> str | None:
    """An amount of a venue whose pages allow no empty one: absent is unknown, "" and null are refused."""
    if value is UNSET:
        return None
    if not isinstance(value, str):
        raise Malformed("an amount is null")
    return amount(value)


def allowed_empty(value: Given) -> str | None:
    """An amount of a venue whose pages allow "": that and null are given as not known."""
    if value is UNSET:
        return None
    if not isinstance(value, str) or not value:
        return ""
    return amount(value)


def asset_name(text: str) -> str:
    """A coin code, interned; it need not be ASCII. Raises Malformed."""
    if not text or len(text) > NAME_CHARACTERS or not text.isprintable() or text != text.strip():
        raise Malformed(f"{text[:40]!r} is not the name of an asset")
    return sys.intern(text)


def free_text(text: str) -> str:
    """What people wrote at the venue, fit to be shown: one line, bounded, without control characters."""
    return text if text.isprintable() and len(text) <= NAME_CHARACTERS else readable(text)


def table(
    rows: Sequence[tuple[Any, ...]], read: Callable[[Given], str | None], before: Mapping[str, Row]
) -> Mapping[str, Row]:
    """Assets to rows, of a name and its amounts each. What equals the row `before` has its texts, validated then.

    Where nothing moved, in whichever order it is told, it is `before` itself. Identical repetitions merge; an
    asset with two different amounts raises Malformed.
    """
    given: dict[str, tuple[Given, ...]] = {row[0]: row[1:] for row in rows}
    if len(given) != len(rows):
        return _merged(rows, read, before)
    known = dict(before.items())
    if given == known:
        return before
    get = known.get
    changed: dict[str, Row] = {}
    for name in [name for name, row in given.items() if get(name) != row]:
        asset, row = one_row(name, given[name], read, get(name))
        changed[asset] = row
    if len(changed) == len(given):
        return in_one(changed)
    found = {name: row for name, row in known.items() if name in given}
    found.update(changed)
    return in_one(found)


def _merged(
    rows: Sequence[tuple[Any, ...]], read: Callable[[Given], str | None], before: Mapping[str, Row]
) -> Mapping[str, Row]:
    """As `table`, where an asset is named more than once."""
    found: dict[str, Row] = {}
    for name, *amounts in rows:
        asset, row = one_row(name, tuple(amounts), read, before.get(name))
        twin = found.get(asset)
        if twin is None:
            found[asset] = row
        elif not same_amounts(twin, row):
            raise Malformed(f"{asset} is listed twice with different amounts")
    return in_one(found)


def one_row(
    name: str, given: Sequence[Given], read: Callable[[Given], str | None], known: Row | None
) -> tuple[str, Row]:
    """An asset and its validated row; it is `known` where that says the same. Raises Malformed."""
    if known is None:
        asset, row = asset_name(name), tuple(map(read, given))
    else:  # what is there already was validated as it came
        asset = sys.intern(name)
        row = tuple([old if old and new == old else read(new) for new, old in zip(given, known, strict=True)])
    if row == known:
        return asset, known
    if row.count(None) == len(row):
        raise Malformed(f"{asset} has no amounts")
    return asset, row


def same_amounts(one: Row, other: Row) -> bool:
    """Whether two rows say the same, however they are written."""
    return all(a == b or bool(a and b and Decimal(a) == Decimal(b)) for a, b in zip(one, other, strict=True))
