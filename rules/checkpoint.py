"""The World at one moment as values that nothing changes any more, and a World made of them again.

A fold that goes on from a checkpoint gives the very outcomes that the fold from the beginning gives (law 13):
so a replay needs no log from before it. It holds what the tables hold, and what the index cannot derive anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import attrgetter

from rules.index import Memory
from rules.records import Holding
from rules.ruleset import Ruleset
from rules.world import Table, World

_ELSEWHERE = frozenset({"ruleset", "index"})
"""Fields of the World that are kept in another form: the texts by their digest, the index as its memory."""

_VALUES = attrgetter(*(one.name for one in fields(Holding)))
"""What a holding is made of: `dataclasses.replace` takes five times as long, and nothing is judged meanwhile."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`fields` are those of the World by name, tables as plain dicts; `digest` names the rules in force."""

    digest: str
    fields: Mapping[str, object]
    memory: Memory


def take(world: World) -> Checkpoint:
    """A copy of the tables, and of the holdings, whose times move on; all else that they hold are values."""
    kept: dict[str, object] = {
        "holdings": {place: Holding(*_VALUES(one)) for place, one in world.holdings.items()}
    }
    for name in World.__dataclass_fields__:
        if name not in _ELSEWHERE and name not in kept:
            value = getattr(world, name)
            kept[name] = dict(value) if isinstance(value, dict) else value
    return Checkpoint(world.ruleset.digest, kept, world.index.memory())


def restore(checkpoint: Checkpoint, ruleset: Ruleset) -> World:
    """A World that goes on from there. The ruleset is the one that `digest` names."""
    world = World(ruleset=ruleset)
    for name, value in checkpoint.fields.items():
        table = getattr(world, name)
        if isinstance(table, Table) and isinstance(value, Mapping):
            table.restore(value)
        else:
            setattr(world, name, dict(value) if isinstance(value, Mapping) else value)
    world.index.remember(checkpoint.memory)
    return world
