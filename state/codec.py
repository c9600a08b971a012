"""Core values to JSON text and back, by their type hints: a new field of a core value needs no code here."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, Final, TypeVar, cast

import msgspec

T = TypeVar("T")

# Sets and mappings in one order: the same value is the same text.
_ENCODER = msgspec.json.Encoder(order="deterministic")


def to_json(value: object) -> str:
    """A dataclass is written without the fields that have their default; anything else as msgspec does."""
    return _ENCODER.encode(lean(value)).decode()


def from_json(kind: type[T], text: str) -> T:
    """The value of type `kind` that `to_json` wrote; a field that it lacks gets its default."""
    decoded: T = _decoder(cast("Hashable", kind)).decode(text)
    return decoded


def lean(value: object) -> object:
    """A dataclass as a dict without defaults, also where a field is itself a dataclass."""
    kind: Any = type(value)
    known = _defaults(kind)
    if known is None:
        return value
    kept: dict[str, object] = {}
    for name, default in known:
        item = getattr(value, name)
        if item is not default and (default is MISSING or item != default):
            kept[name] = item if item.__class__ in _PLAIN else lean(item)
    return kept


_PLAIN: Final = frozenset({str, int, bool, type(None), tuple})
"""Nearly every field: nothing of them is a dataclass, and what a tuple holds is written in full."""


@lru_cache(maxsize=256)
def _defaults(kind: type) -> tuple[tuple[str, object], ...] | None:
    """The fields of a dataclass; None for any other type."""
    if not is_dataclass(kind):
        return None
    found: list[tuple[str, object]] = []
    for field in fields(kind):
        default = field.default if field.default_factory is MISSING else field.default_factory()
        found.append((field.name, default))
    return tuple(found)


def known(kind: T) -> T:
    """The type itself, which msgspec knows from then on: any thread may decode by it."""
    _learn(cast("Hashable", kind))
    return kind


_LEARNING: Final = Lock()
"""msgspec reads the hints of a dataclass in Python: a thread that meets one half read crashes the process."""


@lru_cache(maxsize=256)
def _learn(kind: Hashable) -> None:
    with _LEARNING:
        msgspec.msgpack.Decoder(kind)


@lru_cache(maxsize=256)
def _decoder(kind: Hashable) -> msgspec.json.Decoder[Any]:
    with _LEARNING:
        return msgspec.json.Decoder(kind)
