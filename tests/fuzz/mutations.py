"""Answers of venues, spoilt: keys dropped or renamed, types changed, rows doubled, numbers and texts beyond reason."""

from __future__ import annotations

import copy
import json
from typing import Any

import hypothesis.strategies as st

NASTY_NUMBERS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999999",
    "-1e999999",
    "1e-999999",
    "0e0",
    "-0",
    "0." + "0" * 40 + "1",
    "9" * 400,
    "1" * 5000,
    "0x10",
    "1_000",
    " 1",
    "١٢",
    "",
    "1,5",
    "+1",
    ".5",
    "5.",
    "1e60",
    "1e61",
    "nan",
]
NASTY_TEXTS = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "\u202e",
    "<!channel>",
    "x" * 100_000,
    "null",
    "USDT ",
    "\n",
    "🙂" * 50,
    "constructor",
]
LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([None, True, False, 0, -1, 1, 2**63, 10**400, 1.5, [], {}, [[]], [None], {"a": {}}]),
    st.sampled_from(NASTY_NUMBERS),
    st.sampled_from(NASTY_TEXTS),
    st.text(max_size=12),
    st.integers(),
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += _places(inner, (*path, key))
    elif isinstance(value, list):
        for at, inner in enumerate(value[:30]):
            found += _places(inner, (*path, at))
    return found


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


@st.composite
def mutated(draw: st.DrawFn, body: bytes) -> bytes:
    """The body with one to four things wrong in its JSON, or in its bytes."""
    if draw(st.integers(0, 9)) == 0:
        return draw(_broken_bytes(body))
    said = json.loads(body)
    for _ in range(draw(st.integers(1, 4))):
        said = _mutate(draw, said)
    text = json.dumps(said, ensure_ascii=draw(st.booleans()))
    for number in ("NaN", "Infinity", "1e999999", "-0", "1e-7", "9" * 400):
        text = text.replace(f'"\x01{number}"', number)
    sent = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 4)) == 0:
        # Numbers in place of texts lead through the slower decoder.
        for figure in ("NaN", "1e999999", "1e60", "9" * 400, "-0"):
            sent = sent.replace(f'"{figure}"'.encode(), figure.encode())
    return sent


def _mutate(draw: st.DrawFn, said: Any) -> Any:
    said = copy.deepcopy(said)
    path = draw(st.sampled_from(_places(said)))
    if not path:
        return draw(LEAVES) if draw(st.integers(0, 5)) == 0 else said
    parent, last = _at(said, path[:-1]), path[-1]
    what = draw(st.sampled_from(["drop", "rename", "replace", "replace", "double", "deepen", "twist"]))
    if what == "drop":
        del parent[last]
    elif what == "rename" and isinstance(parent, dict):
        parent[draw(st.sampled_from([last.upper(), last + "_", "", "free", "code"]))] = parent.pop(last)
    elif what == "double" and isinstance(parent, list):
        parent.insert(last, copy.deepcopy(parent[last]))
    elif what == "deepen":
        deep: Any = parent[last]
        for _ in range(draw(st.sampled_from([1, 5, 400]))):
            deep = [deep] if draw(st.booleans()) else {"a": deep}
        parent[last] = deep
    elif what == "twist" and isinstance(parent[last], str):
        parent[last] = int(parent[last]) if parent[last].isdigit() else {"value": parent[last]}
    else:
        parent[last] = draw(LEAVES)
    return said


@st.composite
def _broken_bytes(draw: st.DrawFn, body: bytes) -> bytes:
    cut = draw(st.integers(0, len(body)))
    middle = draw(
        st.one_of(st.binary(max_size=8), st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"\x00"]))
    )
    tail = draw(st.sampled_from([body[cut:], body[cut + 1 :], b""]))
    return body[:cut] + middle + tail
