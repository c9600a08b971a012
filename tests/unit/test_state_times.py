"""When each wallet was last read: blocks of many wallets, and the view that takes them apart."""

import sqlite3
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from rules.records import Holding
from rules.ruleset import Ruleset
from state import Store
from state.times import BLOCK, read, written
from tests.unit.test_state_support import absorb, fresh, reading

moments = st.integers(0, 10**14 - 1)


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 3 * BLOCK), st.integers(1, 3)),
        st.tuples(moments, moments, st.none() | st.integers(1, 10**14 - 1)),
        max_size=20,
    )
)
def test_a_block_gives_back_the_times_of_each_of_its_wallets(
    times: dict[tuple[int, int], tuple[int, int, int | None]],
) -> None:
    blocks = written((account, wallet, given) for (account, wallet), given in times.items())
    found = {(account, wallet): one for wallet, number, text in blocks for account, one in read(number, text)}
    assert {place: found[place] for place in times} == times
    assert all(one == (0, 0, None) for place, one in found.items() if place not in times)


EDGES = (0, 1, 10**12 - 1, 10**12, 1_700_000_000_000, 10**13 - 1, 10**13, 10**14 - 1)


@given(st.lists(st.sampled_from(EDGES), min_size=2, max_size=2), st.integers(0, 3 * BLOCK - 1))
def test_a_full_block_gives_back_its_times_however_many_digits_they_have(
    usual: list[int], other: int
) -> None:
    """Where all have as many digits as the times of today they are written in another way."""
    began_ms, ended_ms = usual
    times = [(began_ms, ended_ms, ended_ms or None)] * BLOCK
    for odd_ms in EDGES:
        slot, which = divmod(other, 3)
        one: list[int | None] = [*times[slot]]
        one[which] = odd_ms or (None if which == 2 else 0)
        given = [*times]
        given[slot] = one[0] or 0, one[1] or 0, one[2]
        (block,) = written((number, 7, found) for number, found in enumerate(given))
        assert [found for _, found in read(0, block[2])] == given


def test_a_state_of_the_schema_before_keeps_every_time(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        for number in range(2 * BLOCK):
            read_ms = 1_700_000_000_000 + number
            store.commit(
                [absorb(world, reading({"A": ("1", "0")}, read_ms, f"a-{number}@x"), read_ms)], world
            )
    path = tmp_path / "subtally.db"
    with sqlite3.connect(path) as db:  # as the program before left it
        rows = db.execute(
            "SELECT account, wallet, fields, began_ms, ended_ms, whole_ms FROM holdings"
        ).fetchall()
        db.execute("DROP VIEW holdings")
        db.execute("DROP TABLE wallets")
        db.execute("DROP TABLE times")
        db.execute(
            "CREATE TABLE holdings (account INTEGER, wallet INTEGER, fields INTEGER NOT NULL,"
            " began_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, whole_ms INTEGER,"
            " PRIMARY KEY (account, wallet)) STRICT, WITHOUT ROWID"
        )
        db.executemany("INSERT INTO holdings VALUES (?, ?, ?, ?, ?, ?)", rows)
        db.execute("DELETE FROM _sqlite_migrations WHERE name = '6 times'")
        db.execute("PRAGMA user_version = 5")
    db.close()
    with Store.open(path, migrate=True) as store:
        assert store.load(Ruleset()).holdings == {
            key: Holding(one.fields, one.rows, None, one.began_ms, one.ended_ms, one.whole_ms)
            for key, one in world.holdings.items()
        }
    with sqlite3.connect(path) as db:
        view = db.execute(
            "SELECT account, wallet, fields, began_ms, ended_ms, whole_ms FROM holdings"
        ).fetchall()
    db.close()
    assert sorted(view) == sorted(rows)
