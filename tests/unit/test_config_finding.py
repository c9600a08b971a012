"""The place of a key is the same whether its table alone is read or the whole text."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from daemon.config.errors import KeyPath
from daemon.config.finding import Finder
from daemon.config.places import places_of

TEXTS = {
    "plain": '[daemon]\nlisten = ""\n\n[[rule]] # one\nname = "a"\n\n[[rule]]\nname = "b"\n[rule.below]\nx = 1\n',
    "spaces": '  [ daemon ]  # x\nstate = "s"\n [[ rule ]]\nname = "a"\n',
    "header in a long string": '[daemon]\nstate = """\n[[rule]]\n"""\n[[rule]]\nname = "a"\n',
    "header in a list": '[[rule]]\nname = "a"\nnotify = [\n[1]\n]\n[[rule]]\nname = "b"\n',
    "inline tables": 'rule = [{ name = "a" }, { name = "b" }]\n[daemon]\nlisten = ""\n',
    "quoted header": '["daemon"]\nlisten = ""\n[[rule]]\nname = "a"\n',
    "table of a table before it": '[daemon.x]\na = 1\n[[rule]]\nname = "a"\n[daemon]\nlisten = ""\n',
    "top": 'include = ["a"]\n[[rule]]\nname = "a"\n',
    "windows": '[daemon]\r\nlisten = ""\r\n[[rule]]\r\nname = "a"\r\n',
    "dotted": 'daemon.listen = ""\n[[rule]]\nname = "a"\nbelow.critical = 1\n',
}


def paths(value: Any, path: KeyPath = ()) -> list[KeyPath]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, one in inner for found in paths(one, (*path, key)))]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_part_tells_the_same_place_as_the_whole(text: str) -> None:
    table = tomllib.loads(text)
    whole, finder = places_of(text), Finder(text, table)
    for path in paths(table):
        missing = (*path, "nowhere")
        assert finder.key(path) == whole.key(path), path
        assert finder.value(path) == whole.value(path), path
        assert finder.key(missing) == whole.key(missing), missing
