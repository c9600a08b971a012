"""Rows in one piece are a mapping like the dict that they were made of."""

import copy
import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.model import Row
from rules.rows import Revised, Rows, differing, in_one

AMOUNTS = st.one_of(st.none(), st.sampled_from(["", "0", "0.00", "1", "1.50", "-7"]))
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.dictionaries(
        st.sampled_from("ABCDEFG"), st.tuples(*[AMOUNTS] * width), min_size=1, max_size=7
    )
)


@given(TABLES)
def test_rows_in_one_piece_say_what_the_dict_said(told: dict[str, Row]) -> None:
    rows = in_one(told)
    assert isinstance(rows, Rows)
    assert [*rows] == [*told]
    assert [*rows.items()] == [*told.items()]
    assert [*rows.values()] == [*told.values()]
    assert dict(rows) == told
    assert {**rows} == told
    assert rows == told
    assert told == rows
    assert len(rows) == len(told)
    for name in "ABCDEFGH":
        assert rows.get(name) == told.get(name)
        assert rows.get(name, ("9",)) == told.get(name, ("9",))
        assert (name in rows) == (name in told)
    with pytest.raises(KeyError):
        rows["H"]


@given(TABLES, TABLES)
def test_rows_are_equal_where_the_dicts_are(one: dict[str, Row], other: dict[str, Row]) -> None:
    shuffled = dict(reversed(one.items()))
    assert in_one(one) == in_one(shuffled)
    assert (in_one(one) == in_one(other)) == (one == other)
    assert copy.deepcopy(in_one(one)) == one


@given(TABLES, TABLES)
def test_what_differs_is_in_the_order_of_the_rows_after(
    before: dict[str, Row], after: dict[str, Row]
) -> None:
    changed = [(name, row) for name, row in after.items() if before.get(name) != row]
    assert [*differing(before, after).items()] == changed
    assert [*differing(in_one(before), in_one(after)).items()] == changed


@given(TABLES, st.randoms(use_true_random=False))
def test_revised_rows_are_those_before_but_for_what_was_revised(
    told: dict[str, Row], chance: random.Random
) -> None:
    width = len(next(iter(told.values())))
    names = [name for name in reversed(told) if chance.random() < 0.5] or [next(iter(told))]
    changes = dict.fromkeys(names, ("3",) * width)
    before = in_one(told)
    after = Revised.by(before, changes)
    assert after == {**told, **changes}
    assert [*after] == [*told]
    assert before == told
    fresh = after.fresh_since(before)
    assert fresh == changes
    assert [*fresh] == [name for name in told if name in changes]
    assert after.fresh_since(dict(told)) is None
    after.let_go()
    assert after.fresh_since(before) is None
    assert after == {**told, **changes}


@pytest.mark.parametrize(
    "odd", [{}, {"A": ()}, {"A": ("1",), "B": ("1", "2")}], ids=["none", "empty", "of two lengths"]
)
def test_rows_that_do_not_fit_in_one_piece_stay_as_they_are(odd: Mapping[str, Row]) -> None:
    assert in_one(odd) is odd


def test_rows_that_are_not_alike_are_refused() -> None:
    with pytest.raises(ValueError, match="alike"):
        Rows(("A", "B"), [("1", "2", "3")])
    with pytest.raises(ValueError, match="alike"):
        Rows(("A", "A"), [("1", "2")])
    with pytest.raises(ValueError, match="alike"):
        Revised.by({"A": ("1",)}, {"A": ("1", "2")})


def test_wallets_with_the_same_assets_share_their_order() -> None:
    one, other = in_one({"A": ("1", "0"), "B": ("2", "0")}), in_one({"A": ("3", "0"), "B": ("4", "0")})
    assert isinstance(one, Rows)
    assert isinstance(other, Rows)
    assert one.places is other.places
    assert one.columns[1] is other.columns[1]
    emptied = Revised.by(Revised.by(one, {"A": ("0", "7")}), {"B": ("0", "0"), "A": ("0", "0")})
    assert emptied.columns[0] is emptied.columns[1] is one.columns[1]
