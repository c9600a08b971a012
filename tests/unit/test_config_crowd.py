"""Names that are known, asked for patterns: looked up by how a pattern begins, and never answered otherwise for it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.config.strangers import Crowd
from rules.patterns import Patterns

NAMES = st.lists(st.text("aBß-@.[", min_size=1, max_size=4), min_size=1, max_size=5)


@given(names=NAMES, pattern=st.text("aBß-@.*?[]!", min_size=1, max_size=5))
def test_a_name_is_known_exactly_where_one_of_them_meets_the_pattern(names: list[str], pattern: str) -> None:
    met = any(Patterns((pattern,)).match(name) for name in names)
    assert Crowd(tuple(names), ()).has("account", pattern) is met
    assert Crowd((), tuple(names)).has("asset", pattern) is met


def test_of_many_names_only_those_that_begin_alike_are_looked_at() -> None:
    crowd = Crowd(tuple(f"desk-{number}@desk.example" for number in range(1000)), ())
    assert [*crowd._near("account", "DESK-77[0-3]@*")] == [
        *(f"desk-77{last}@desk.example" for last in range(10)),
        "desk-77@desk.example",
    ]
    assert [*crowd._near("account", "mm-*")] == []
    assert len([*crowd._near("account", "*-7@*")]) == 1000
