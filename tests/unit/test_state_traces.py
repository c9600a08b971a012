"""What a balance was over time, and the record by pages: nothing twice, nothing lost, nothing invented."""

import sqlite3
from pathlib import Path

import pytest

from rules.model import Tick
from rules.outcome import Outcome
from rules.ruleset import Ruleset
from state import Entry, Store
from state.record import RecordFilter
from tests.unit.test_state_support import KEY, absorb, alert, fresh, notification, reading, transition


def feed(store: Store, *amounts: str, start: int = 1_000) -> None:
    world = store.load(Ruleset())
    for number, amount in enumerate(amounts):
        at_ms = start + number * 1_000
        store.commit([absorb(world, reading({"BTC": (amount, "0")}, at_ms), at_ms)], world)


def course(store: Store, since_ms: int = 0) -> list[tuple[int, str | None]]:
    (trace,) = store.trace(1, "BTC", since_ms)
    assert trace.fields == ("free", "locked")
    return [(at_ms, row[0]) for at_ms, row in trace.spans]


def test_a_balance_keeps_its_course_and_what_did_not_change_adds_nothing(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        feed(store, "1", "1", "2.000000000000000001", "2.000000000000000001", "0")
        assert course(store) == [(1_000, "1"), (3_000, "2.000000000000000001"), (5_000, "0")]
        assert store.trace(1, "BTC", 0)[0].read_ms == 5_000


def test_the_row_that_stood_at_the_begin_is_part_of_it(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        feed(store, "1", "2", "3")
        assert course(store, 2_500) == [(2_000, "2"), (3_000, "3")]
        assert course(store, 90_000) == [(3_000, "3")]
        assert store.trace(1, "ETH", 0) == ()


def test_a_course_goes_on_after_a_restart(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        feed(store, "1", "2")
    with Store.open(tmp_path / "subtally.db", migrate=True) as store:
        feed(store, "3", start=9_000)
        assert [amount for _, amount in course(store)] == ["1", "2", "3"]


def test_a_wallet_with_other_fields_begins_its_course_anew(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        feed(store, "1", "2")
        world = store.load(Ruleset())
        other = reading({"BTC": ("7", "8", "9")}, 9_000, fields=("free", "frozen", "total"))
        store.commit([absorb(world, other, 9_000)], world)
        (trace,) = store.trace(1, "BTC", 0)
        assert (trace.fields, trace.spans) == (("free", "frozen", "total"), ((9_000, ("7", "8", "9")),))


def test_retention_forgets_what_was_over_before_and_keeps_what_stood_later(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        feed(store, "1", "2", "3")  # "1" stood until 2,000, "2" until 3,000
        while store.retention(12_500, 10_000, 1):
            pass
        assert [amount for _, amount in course(store)] == ["2", "3"]


def test_what_is_held_comes_before_what_was_and_the_last_changed_first(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        for at_ms, rows in (
            (1_000, {"A": ("1", "0"), "B": ("1", "0"), "C": ("0", "0"), "D": ("4", "0")}),
            (2_000, {"A": ("1", "0"), "B": ("2", "0"), "C": ("0", "0"), "D": ("0", "0")}),
        ):
            store.commit([absorb(world, reading(rows, at_ms), at_ms)], world)
        held = store.held_by([1], 1_500, 10)[1]
        assert [trace.asset for trace in held.traces] == ["B", "A", "D"]
        few = store.held_by([1], 1_500, 2)[1]
        assert (len(few.traces), few.others) == (2, 1)


def test_a_state_of_the_schema_before_is_migrated_and_remembers_from_then_on(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        feed(store, "1")
    with sqlite3.connect(tmp_path / "subtally.db") as db:  # as the program before left it
        db.execute("DROP TABLE past")
        db.execute("DELETE FROM _sqlite_migrations WHERE name = '5 past'")
        db.execute("PRAGMA user_version = 4")
    db.close()
    with Store.open(tmp_path / "subtally.db", migrate=True) as store:
        assert course(store) == [(1_000, "1")]
        feed(store, "2", start=9_000)
        assert [amount for _, amount in course(store)] == ["1", "2"]


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_the_record_comes_in_pages_that_lose_and_repeat_nothing(tmp_path: Path, limit: int) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        world.put_alert(alert("A0NEW"))
        outcome = Outcome(
            transitions=[transition("", "pending", "A0NEW", 5), transition("pending", "firing", "A0NEW", 5)],
            notifications=[
                notification("A0NEW", "slack", created_ms=5),
                notification("A0OLD", "slack", created_ms=5),
            ],
        )
        start = transition("", "firing", "A0OLD", 4, KEY._replace(rule="other"))
        store.commit([Entry(Tick(4), 4, Outcome(transitions=[start])), Entry(Tick(5), 5, outcome)], world)
        message = store.claim("slack", 90_000, 0, 10)
        assert message is not None
        store.delivered(message.id, 5)
        store.ack("A0NEW", "kim", 5)
        whole = store.record(RecordFilter(), limit=100).rows
        assert len(whole) == 7
        found, after = [], None
        while True:
            page = store.record(RecordFilter(), after=after, limit=limit)
            found += page.rows
            after = page.after
            if after is None:
                break
        assert found == list(whole)
        assert [one.at_ms for one in whole] == [5] * 6 + [4]
        about = store.record(RecordFilter(alerts=("A0OLD",))).rows
        assert len(about) == 3
        assert [type(one.what).__name__ for one in store.record(RecordFilter(kind="ack")).rows] == ["Order"]
        assert store.record(RecordFilter(since_ms=6)).rows == ()
