"""A frozen record with some of its fields changed, as `dataclasses.replace` makes it, in less than half the time.

An alert has two dozen fields and its facts three, and one verdict takes several steps, each a record of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from dataclasses import replace  # by which the type checker knows the fields of each record
else:

    def replace(record, /, **changes):  # noqa: ANN001, ANN003, ANN201  as above
        """Another record with these fields. Raises TypeError for a field that it does not have."""
        parts = _parts(type(record))
        if parts is None:
            return dataclasses.replace(record, **changes)
        made = _BLANK(type(record))
        for put, value in zip(parts.puts, parts.values_of(record), strict=True):
            put(made, value)
        try:
            for name, value in changes.items():
                parts.put_of[name](made, value)
        except KeyError as error:
            raise TypeError(f"{type(record).__name__} has no field {error}") from None
        return made


_BLANK = object.__new__


class _Parts(NamedTuple):
    """How all fields of a record are read at once, and how each is written into a new one."""

    values_of: Callable[[Any], tuple[Any, ...]]
    puts: tuple[Callable[[Any, Any], None], ...]
    put_of: Mapping[str, Callable[[Any, Any], None]]


@cache
def _parts(kind: type) -> _Parts | None:
    """None for a record that works something out when it is made, or has no slots."""
    names = [field.name for field in dataclasses.fields(kind)]
    slotted = all(hasattr(getattr(kind, name, None), "__set__") for name in names)
    if not slotted or len(names) < 2 or hasattr(kind, "__post_init__"):  # noqa: PLR2004  a getter of one gives no tuple
        return None
    put_of = {name: getattr(kind, name).__set__ for name in names}
    return _Parts(attrgetter(*names), tuple(put_of.values()), put_of)


__all__ = ["replace"]
