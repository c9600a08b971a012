"""A body of which only the rows that differ are decoded says what it says when it is read in full."""

import json
import random
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.exchanges import binance_wire, okx_wire
from daemon.exchanges.errors import Malformed
from daemon.exchanges.memo import Memo
from rules.model import Row
from rules.rows import Revised

Read = Callable[[bytes, Mapping[str, Row] | None], Mapping[str, Row]]

COINS = [f"COIN{number}" for number in range(20)]
STRANGE = ["},{", "{", "}", "[{", "}]", '"},{"asset":"X', "\\", "ß", "\ud83e\udd8a", ""]


def binance(rows: list[tuple[str, str]], strange: str, gap: str) -> bytes:
    told = [
        json.dumps(
            {"asset": name, "free": amount, "locked": "0", "note": strange}, ensure_ascii=len(strange) < 2
        )
        for name, amount in rows
    ]
    return (
        (f'{{"balances":[{("," + gap).join(told)}]}}').replace('": "', '":"').encode("utf-8", "surrogatepass")
    )


def okx(rows: list[tuple[str, str]], strange: str, gap: str) -> bytes:
    told = [json.dumps({"ccy": name, "bal": amount}) for name, amount in rows]
    return f'{{"code":"0","msg":{json.dumps(strange)},"data":[{("," + gap).join(told)}]}}'.encode()


VENUES = {
    "binance": (binance, binance_wire.read_balances, binance_wire.revise_balances),
    "okx": (okx, okx_wire.read_funding, okx_wire.revise_funding),
}


def itself(_: object, rows: Mapping[str, Row]) -> Mapping[str, Row]:
    return rows


def told(read: Read, body: bytes, before: Mapping[str, Row] | None) -> Mapping[str, Row] | str:
    try:
        return read(body, before)
    except Malformed:
        return "malformed"


def damaged(body: bytes, chance: random.Random) -> bytes:
    """The body with some bytes of it replaced, removed, repeated or added."""
    at = chance.randrange(len(body))
    piece = chance.choice([b"},{", b"{", b"}", b'"', b",", b'"free":"7"', b"\xff", body[at : at + 40], b""])
    return body[:at] + piece + body[at + chance.choice([0, 0, 1, len(piece)]) :]


@pytest.mark.parametrize("venue", VENUES)
@settings(max_examples=150)
@given(chance=st.randoms(use_true_random=False))
def test_a_revised_body_says_what_it_says_in_full(venue: str, chance: random.Random) -> None:
    write, read, revise = VENUES[venue]
    quick, full = Memo(read, itself, revise), Memo(read, itself)
    rows = [(name, str(chance.randrange(10**6))) for name in COINS[: chance.randrange(1, 20)]]
    strange, gap = chance.choice(STRANGE), chance.choice(["", "", "", " ", "\n"])
    for _ in range(12):
        for _ in range(chance.choice([0, 1, 1, 2, 5])):
            place = chance.randrange(len(rows))
            rows[place] = (
                rows[place][0],
                chance.choice(["0", "1.50", str(chance.randrange(10**18)), "x", ""]),
            )
        if chance.random() < 0.1:
            chance.shuffle(rows)
        if chance.random() < 0.1:
            rows[chance.randrange(len(rows))] = (chance.choice([*COINS, "},{"]), "5")
        if chance.random() < 0.1:
            strange, gap = chance.choice(STRANGE), chance.choice(["", " "])
        body = write(rows, strange, gap)
        if chance.random() < 0.2:
            body = damaged(body, chance)

        def quickly(body: bytes, _: Mapping[str, Row] | None) -> Mapping[str, Row]:
            return quick.recall("a", None, body)

        def in_full(body: bytes, _: Mapping[str, Row] | None) -> Mapping[str, Row]:
            return full.recall("a", None, body)

        assert told(quickly, body, None) == told(in_full, body, None)


@pytest.mark.parametrize("venue", VENUES)
def test_a_changed_amount_is_revised_wherever_it_stands(venue: str) -> None:
    write, read, revise = VENUES[venue]
    rows = [(name, "100.5") for name in COINS]
    first = write(rows, "", "")
    before = read(first, None)
    for place, (name, _) in enumerate(rows):
        changed = [*rows[:place], (name, "99"), *rows[place + 1 :]]
        after = revise(first, write(changed, "", ""), before, sure=False)
        assert isinstance(after, Revised)
        assert list(after.fresh) == [name]
        assert after == read(write(changed, "", ""), None)
        assert after.of is before


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(
    "damage", [b"\xff", b'1","note":"\xff', b'1","note":' + b"[" * 100_000 + b',"x":"'], ids=str
)
def test_law_1_a_damaged_row_is_malformed_as_it_is_in_full(venue: str, damage: bytes) -> None:
    write, read, revise = VENUES[venue]
    memo, rows = Memo(read, itself, revise), [(name, "100.5") for name in COINS]
    memo.recall("a", None, write(rows, "", ""))
    body = write([*rows[:5], (rows[5][0], "DAMAGE"), *rows[6:]], "", "").replace(b"DAMAGE", damage)
    with pytest.raises(Malformed):
        memo.recall("a", None, body)


@pytest.mark.parametrize("free", ["5", "6"])
def test_law_1_a_text_that_looks_like_the_end_of_a_row_hides_no_row(free: str) -> None:
    _, read, revise = VENUES["binance"]
    rows = [f'{{"asset":"{name}","free":"5"}}' for name in COINS]
    memo = Memo(read, itself, revise)
    memo.recall("a", None, f'{{"balances":[{",".join(rows)}]}}'.encode())
    rows[3:5] = [f'{{"asset":"{COINS[3]}","note":"}},{{","free":"{free}"}}']
    body = f'{{"balances":[{",".join(rows)}]}}'.encode()
    assert memo.recall("a", None, body) == read(body, None)


def test_rows_tell_what_was_revised_of_those_that_they_were_made_from() -> None:
    first: Mapping[str, Row] = {"A": ("1",), "B": ("1",)}
    second = Revised.by(first, {"A": ("2",)})
    third = Revised.by(second, {"B": ("2",)})
    assert second.fresh_since(first) == {"A": ("2",)}
    assert third.fresh_since(first) is None
    assert third.fresh_since(second) == {"B": ("2",)}
    assert third == {"A": ("2",), "B": ("2",)}
