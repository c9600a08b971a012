import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

import state.store
from rules.model import Identity, Start
from rules.outcome import Outcome
from rules.ruleset import RulesAccepted, Ruleset
from rules.statements import Prices
from rules.world import Account, Baseline, Blind, ExchangeState, ListingState, TrailPoint, Valuation
from state import Entry, Store
from state.errors import (
    BusyError,
    CorruptError,
    DiskFullError,
    MissingError,
    ReadOnlyError,
    SchemaError,
    StateError,
    StatementError,
    WriterRunningError,
)
from state.prepared import Later, Wanted
from state.schema import SCHEMA_VERSION
from tests.unit.test_state_support import (
    KEY,
    absorb,
    alert,
    facts,
    fresh,
    notification,
    reading,
    same,
    transition,
)

LONG = "123456789012345678901234567890.123456789012345678"


def ask(folder: Path, sql: str) -> list[Any]:
    """What another program sees, or does, in the file."""
    with closing(sqlite3.connect(folder / "subtally.db", isolation_level=None, timeout=0)) as connection:
        return connection.execute(sql).fetchall()


def quick(store: Store) -> Store:
    """So that no test waits for a lock that nobody will release."""
    store._db.conn.execute("PRAGMA busy_timeout = 0")
    return store


def test_law_9_eighteen_decimals_and_thirty_digits_survive_a_restart(tmp_path: Path) -> None:
    rows = {"ETH": (LONG, "-0.000000000000000001"), "BTC": ("1E-18", "100.00")}
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        store.commit([absorb(world, reading(rows), 1_000)], world)
    with fresh(tmp_path) as store:
        restored = store.load(Ruleset()).holdings[1, "funding"].rows
        found = {row.asset: row.amounts for row in store.balances().rows}
    assert restored == rows
    assert found["ETH"] == {"free": LONG, "locked": "-0.000000000000000001"}
    assert Decimal(found["ETH"]["free"] or "") == Decimal(LONG)


def test_no_figure_is_stored_as_a_number(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        store.commit([absorb(world, reading({"ETH": (LONG, "1")}), 1_000)], world)
    kinds = ask(tmp_path, "SELECT DISTINCT typeof(amounts) FROM balances")
    assert kinds == [("text",)]


def test_law_1_unknown_stays_unknown_and_is_not_zero(tmp_path: Path) -> None:
    rows = {"ETH": (None, ""), "BTC": ("0", "0")}
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        store.commit([absorb(world, reading(rows), 1_000)], world)
        assert store.load(Ruleset()).holdings[1, "funding"].rows == rows


def test_all_tables_of_the_world_are_restored(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        entry = absorb(world, reading({"BTC": ("1", "0")}), 1_000)
        world.exchanges["okx-main"] = ExchangeState(
            "okx-main",
            listings={"list": ListingState("list", 5, 4, 3)},
            baseline=Baseline(frozenset({"a", "b"}), 7),
            rights=("trade",),
        )
        world.valuations[1, "spot"] = Valuation({"BTC": LONG}, 1, 2)
        world.put_alert(alert())
        world.trails[KEY] = (TrailPoint("1.5", 3), TrailPoint("2", 4))
        world.blind[KEY] = Blind(9, frozenset({3, 1}))
        world.judged_rules["okx-main", "floor"] = 77
        world.started_ms = 55
        store.commit([entry], world)
        assert same(store.load(Ruleset()), world)
        world.put_account(Account(2, "okx-main", Identity("7", "b@x", "b", "bee"), present=False, missing=2))
        for table in (world.valuations, world.trails, world.blind, world.judged_rules, world.exchanges):
            del table[next(iter(table))]
        del world.holdings[1, "funding"]
        store.commit([], world)
        restored = store.load(Ruleset())
    assert same(restored, world)
    assert ask(tmp_path, "SELECT count(*) FROM balances") == [(0,)]


def test_a_wallet_with_other_fields_is_written_anew(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        store.commit([absorb(world, reading({"BTC": ("1", "0"), "ETH": ("2", "0")}), 1_000)], world)
        other = reading({"BTC": ("1", "0", "9")}, 2_000, fields=("free", "locked", "frozen"))
        store.commit([absorb(world, other, 2_000)], world)
        assert same(store.load(Ruleset()), world)


def test_ids_of_ended_alerts_are_not_given_again_after_a_restart(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        outcome = Outcome(
            transitions=[
                transition("firing", "resolved", "A0OLD"),
                transition("pending", "inactive", "A1OLD"),
            ]
        )
        store.commit([Entry(Start(1), 1, outcome)], world)
        assert {"A0OLD", "A1OLD"} <= store.load(Ruleset()).index.ids


def test_an_ended_alert_is_kept_with_the_facts_of_its_end(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        world.put_alert(alert())
        store.commit([Entry(Start(1), 1, Outcome(transitions=[transition("", "firing")]))], world)
        world.drop_alert(KEY, 0)
        ending = facts(value="9", ended_ms=3_000)
        # Whoever is told of it, or nobody.
        outcome = Outcome(
            transitions=[transition("firing", "resolved")], ended=[alert(state="resolved", facts=ending)]
        )
        store.commit([Entry(Start(2), 3_000, outcome)], world)
        row = store.alert("A1B2C")
        assert row is not None
        assert (row.state, row.ended_ms, row.ending, row.alert) == ("resolved", 3_000, ending, alert())
        assert [step.after for step in store.transitions("A1B2C")] == ["firing", "resolved"]
        assert store.load(Ruleset()).alerts == {}
        assert [r.alert.id for r in store.alerts("resolved").rows] == ["A1B2C"]
        assert store.alerts("open").rows == ()


def test_an_alert_that_began_and_ended_in_one_batch_is_kept(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        outcome = Outcome(transitions=[transition("", "firing"), transition("firing", "closed")])
        store.commit([Entry(Start(1), 3_000, outcome)], world)
        row = store.alert("A1B2C")
        assert row is not None
        assert (row.state, row.alert.key, row.ending) == ("closed", KEY, None)


def test_a_pending_alert_that_ended_leaves_only_its_transitions(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        world.put_alert(alert(state="pending"))
        store.commit([Entry(Start(1), 1, Outcome(transitions=[transition("", "pending")]))], world)
        world.drop_alert(KEY, 0)
        store.commit([Entry(Start(2), 2, Outcome(transitions=[transition("pending", "inactive")]))], world)
        assert store.alert("A1B2C") is None
        assert len(store.transitions("A1B2C")) == 2


def test_an_alert_that_left_the_world_silently_does_not_come_back(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        world.put_alert(alert())
        store.commit([Entry(Start(1), 1, Outcome())], world)
        world.drop_alert(KEY, 0)
        store.commit([Entry(Start(2), 2, Outcome())], world)
        assert store.load(Ruleset()).alerts == {}


def test_a_new_alert_of_the_same_subject_follows_the_ended_one(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        world.put_alert(alert("A0001"))
        store.commit([Entry(Start(1), 1, Outcome())], world)
        world.drop_alert(KEY, 0)
        world.put_alert(alert("A0002"))
        outcome = Outcome(
            transitions=[transition("firing", "resolved", "A0001"), transition("", "firing", "A0002")]
        )
        store.commit([Entry(Start(2), 2, outcome)], world)
        assert [row.state for row in store.alerts().rows] == ["firing", "resolved"]
        assert [found.id for found in store.load(Ruleset()).alerts.values()] == ["A0002"]


def test_prepare_leaves_nothing_touched_and_holds_nothing_of_the_world(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        entry = absorb(world, reading({"BTC": ("1", "0")}), 1_000)
        prepared = store.prepare([entry], world)
        assert not any(table.touched for table in (world.accounts, world.holdings))
        absorb(world, reading({"BTC": ("2", "0")}, 2_000), 2_000)
        store.write(prepared)
        assert store.load(Ruleset()).holdings[1, "funding"].rows == {"BTC": ("1", "0")}


def test_writing_twice_is_writing_once(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        outcome = Outcome(transitions=[transition("", "firing")], notifications=[notification()])
        prepared = store.prepare([Entry(Start(1), 1, outcome)], world)
        store.write(prepared)
        store.write(prepared)
        assert len(store.notifications().rows) == len(store.transitions("A1B2C")) == 1


def test_law_7_what_a_write_claimed_that_was_kept_unsaid_is_claimed_again_as_unsent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh(tmp_path) as store:
        prepared = store.prepare(
            [Entry(Start(1), 1, Outcome(notifications=[notification()]))], store.load(Ruleset())
        )
        kept = state.store.transaction  # type: ignore[attr-defined]  # what the store calls

        @contextmanager
        def unsaid(*given: Any) -> Iterator[sqlite3.Connection]:
            with kept(*given) as db:
                yield db
            raise BusyError("write", store.path, "the disk did not say", "wait")

        with monkeypatch.context() as patched:
            patched.setattr(state.store, "transaction", unsaid)
            with pytest.raises(BusyError):
                store.write(prepared, [Wanted("slack", 1_000, 0, 10)])
        assert store.write(prepared) == []
        message = store.claim("slack", 1_000, 0, 10)
        assert message is not None
        assert (message.attempt, message.perhaps, len(message.rows)) == (2, False, 1)
        store.write(prepared)
        assert store.claim("slack", 1_000, 0, 10) is None, "what is being sent is left alone"


def test_law_6_a_write_that_met_a_lock_is_repeated_whole(tmp_path: Path) -> None:
    with quick(fresh(tmp_path)) as store:
        world = store.load(Ruleset())
        prepared = store.prepare([absorb(world, reading({"BTC": ("1", "0")}), 1_000)], world)
        with closing(sqlite3.connect(tmp_path / "subtally.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(BusyError) as caught:
                store.write(prepared)
        assert caught.value.retry
        store.write(prepared)
        assert same(store.load(Ruleset()), world)


def test_a_full_disk_is_told_and_the_write_repeated(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        rows = {f"C{i}": (LONG, LONG) for i in range(2_000)}
        prepared = store.prepare([absorb(world, reading(rows), 1_000)], world)
        pages = store._db.conn.execute("PRAGMA page_count").fetchone()[0]
        store._db.conn.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DiskFullError, match="make room"):
            store.write(prepared)
        store._db.conn.execute("PRAGMA max_page_count = 1000000")
        store.write(prepared)
        assert same(store.load(Ruleset()), world)


def test_a_database_that_may_not_be_written_is_told_and_the_write_repeated(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        prepared = store.prepare([absorb(world, reading({"BTC": ("1", "0")}), 1_000)], world)
        store._db.conn.execute("PRAGMA query_only = ON")
        with pytest.raises(ReadOnlyError, match="writable"):
            store.write(prepared)
        store._db.conn.execute("PRAGMA query_only = OFF")
        store.write(prepared)
        assert same(store.load(Ruleset()), world)


def test_what_is_refused_by_sqlite_is_told_as_a_fault_of_ours(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        broken = replace(
            store.prepare([], store.load(Ruleset())), statements=(("INSERT INTO nowhere VALUES (?)", [(1,)]),)
        )
        with pytest.raises(StatementError, match="no such table"):
            store.write(broken)


def test_the_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with fresh(tmp_path) as store:
            store.save_limits("okx", "{}", 1)
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert set(modes) == {"subtally.db", "subtally.db-wal", "subtally.db-shm", "subtally.db.lock"}
    assert set(modes.values()) == {0o600}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="nowhere does not exist"):
        Store.open(tmp_path / "nowhere" / "subtally.db", migrate=True)


def test_only_run_makes_the_state(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="subtally run"):
        Store.open(tmp_path / "subtally.db")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_no_state_yet(tmp_path: Path) -> None:
    (tmp_path / "subtally.db").touch()
    with pytest.raises(MissingError, match="subtally run"):
        Store.open(tmp_path / "subtally.db")


@pytest.mark.parametrize("migrate", [True, False])
def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path, migrate: bool) -> None:  # noqa: FBT001
    fresh(tmp_path).close()
    ask(tmp_path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(SchemaError, match="update this Subtally") as caught:
        Store.open(tmp_path / "subtally.db", migrate=migrate)
    assert (caught.value.found, caught.value.needed) == (SCHEMA_VERSION + 1, SCHEMA_VERSION)
    assert ask(tmp_path, "PRAGMA user_version") == [(SCHEMA_VERSION + 1,)]


def test_an_older_schema_is_refused_by_all_but_run(tmp_path: Path) -> None:
    fresh(tmp_path).close()
    ask(tmp_path, "PRAGMA user_version = -1")
    with pytest.raises(SchemaError, match="subtally run"):
        Store.open(tmp_path / "subtally.db")


@pytest.mark.parametrize("migrate", [True, False])
def test_the_database_of_another_program_is_left_untouched(tmp_path: Path, migrate: bool) -> None:  # noqa: FBT001
    ask(tmp_path, "CREATE TABLE theirs (a)")
    before = (tmp_path / "subtally.db").read_bytes()
    with pytest.raises(CorruptError, match="another program"):
        Store.open(tmp_path / "subtally.db", migrate=migrate)
    assert (tmp_path / "subtally.db").read_bytes() == before


@pytest.mark.parametrize("migrate", [True, False])
def test_what_is_no_database_is_left_untouched(tmp_path: Path, migrate: bool) -> None:  # noqa: FBT001
    text = "dear diary, " * 200
    (tmp_path / "subtally.db").write_text(text)
    with pytest.raises(CorruptError, match="not a database"):
        Store.open(tmp_path / "subtally.db", migrate=migrate)
    assert (tmp_path / "subtally.db").read_text() == text


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        store.commit([absorb(world, reading({f"C{i}": (LONG, "1") for i in range(3_000)}), 1_000)], world)
    path = tmp_path / "subtally.db"
    data = bytearray(path.read_bytes())
    data[8_192:] = b"\xa5" * (len(data) - 8_192)
    path.write_bytes(bytes(data))
    with pytest.raises(CorruptError, match="backup"), Store.open(path, readonly=True) as store:
        store.load(Ruleset())


def test_a_damaged_log_is_told_and_hinders_nothing_else(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        store.commit([absorb(world, reading({"BTC": ("1", "0")}), 1_000)], world)
        ask(tmp_path, "UPDATE log SET body = x'0100'")
        with pytest.raises(CorruptError, match="cannot be read"):
            list(store.log(lambda digest: Ruleset(digest=digest)))
        assert same(store.load(Ruleset()), world)


def test_a_folder_is_no_state(tmp_path: Path) -> None:
    (tmp_path / "subtally.db").mkdir()
    with pytest.raises(MissingError, match="must name a file"):
        fresh(tmp_path)
    with pytest.raises(MissingError, match="must name a file"):  # SQLite says "disk I/O error"
        Store.open(tmp_path / "subtally.db", readonly=True)


def test_every_error_says_what_where_and_how_to_repair(tmp_path: Path) -> None:
    with pytest.raises(StateError) as caught:
        Store.open(tmp_path / "subtally.db")
    error = caught.value
    assert str(error) == f"{error.operation} {error.path}: {error.reason}; {error.hint}"
    assert not error.retry


def test_a_second_daemon_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(tmp_path)
    with fresh(tmp_path) as store:
        store.lock_writer()
        with pytest.raises(WriterRunningError, match=f"process {os.getpid()} already runs") as caught:
            Store.open(tmp_path / "alias" / "subtally.db", migrate=True)
        assert caught.value.pid == os.getpid()
        Store.open(tmp_path / "subtally.db").close()
    fresh(tmp_path).close()


def test_commands_read_beside_the_daemon_and_cannot_write(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        with Store.open(tmp_path / "subtally.db", readonly=True) as reader:
            store.commit([absorb(world, reading({"BTC": ("1", "0")}), 1_000)], world)
            assert [row.asset for row in reader.balances().rows] == ["BTC"]
            with pytest.raises(ReadOnlyError):
                reader.save_limits("okx", "{}", 1)
            with pytest.raises(RuntimeError, match="migrate=True"):
                reader.prepare([], world)


def test_the_promised_settings_are_in_force(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        found = {
            name: store._db.conn.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "foreign_keys", "synchronous", "auto_vacuum", "busy_timeout")
        }
        assert all(table.strict for table in store._db.tables if not table.name.startswith(("sqlite_", "_")))
        assert isinstance(store._db, Database)
    full, incremental = 2, 2
    assert found == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "synchronous": full,
        "auto_vacuum": incremental,
        "busy_timeout": 1_000,
    }


def test_law_10_the_accepted_texts_survive(tmp_path: Path) -> None:
    sources = (("rules.toml", "[daemon]\n"), ("rules.d/a.toml", "# ä\n"))
    with fresh(tmp_path) as store:
        assert store.accepted_rules() is None
        world = store.load(Ruleset())
        for number, text in enumerate((sources, sources[:1], sources)):
            ruleset = Ruleset(sources=text, digest=str(len(text)))
            store.commit([Entry(RulesAccepted(number, ruleset), number, Outcome())], world)
    with Store.open(tmp_path / "subtally.db", readonly=True) as store:
        accepted = store.accepted_rules()
        assert accepted is not None
        assert (accepted.digest, accepted.sources, accepted.accepted_ms) == ("2", sources, 2)
        older = store.rules_of("1")
        assert older is not None
        assert older.sources == sources[:1]


def test_law_11_spent_budgets_survive(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        store.save_limits("binance|ip", '{"weight": 1}', 1)
        store.save_limits("binance|ip", '{"weight": 2}', 2)
    with Store.open(tmp_path / "subtally.db", readonly=True) as store:
        assert store.limits("binance|ip") == '{"weight": 2}'
        assert store.limits("okx") is None


def test_balances_come_in_pages_that_lose_and_repeat_nothing(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        batch = [
            absorb(world, reading({f"C{i}": (str(i), "0") for i in range(7)}, account=f"mm-{n}@x"), 1_000)
            for n in range(3)
        ]
        store.commit(batch, world)
        pages, after = [], None
        while True:
            page = store.balances(after=after, limit=4)
            pages.append(page.rows)
            after = page.after
            if after is None:
                break
        rows = [(row.account, row.asset) for rows in pages for row in rows]
        assert len(rows) == len(set(rows)) == 21
        assert all(len(rows) <= 4 for rows in pages)
        assert [row.account for row in store.balances(asset="c3").rows] == [1, 2, 3]
        assert {row.label for row in store.balances(accounts=[2]).rows} == {"mm-1@x"}
        assert store.balances(exchange="binance-main").rows == ()
        assert [account.key for account in store.accounts("okx-main", after="1").rows] == [2, 3]


def test_five_thousand_changes_are_written_in_bounded_time_and_space(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        rows = {f"COIN{i}": ("0", "0") for i in range(50)}
        store.commit([absorb(world, reading(rows, account=f"mm-{n}@x"), 1_000) for n in range(1_000)], world)
        batch = []
        for n in range(1_000):
            changed = {**rows, **{f"COIN{(n + i) % 50}": (f"{n * 7}.{i}2345678", "0") for i in range(5)}}
            batch.append(absorb(world, reading(changed, 61_000 + n, account=f"mm-{n}@x"), 61_000 + n))
        before = ask(tmp_path, "SELECT sum(length(body)) FROM log")[0][0]
        store.commit(batch, world)
        after = ask(tmp_path, "SELECT sum(length(body)) FROM log")[0][0]
    assert sum(len(entry.outcome.changes) for entry in batch) == 5_000
    assert (after - before) / 5_000 <= 30


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE exchanges SET body = replace(body, 'name', CAST(x'6eff6d65' AS TEXT))",
        "UPDATE alerts SET body = '{'",
        "UPDATE alerts SET body = replace(body, 'severity', 'sevarity')",
        "UPDATE wallets SET fields = 12345",
        "DELETE FROM times",
        "UPDATE times SET times = 'x'",
        "UPDATE meta SET value = 'x'",
        "UPDATE reconciliation SET key = '[]'",
    ],
)
def test_what_was_altered_where_sqlite_does_not_see_it_is_damage_with_the_way_back(
    tmp_path: Path, change: str
) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        world.exchanges["okx-main"] = ExchangeState("okx-main")
        world.put_alert(alert())
        world.prices["okx-main"] = Prices("okx-main", 1, 2, {("BTC", "USDT"): "1"}, {("BTC", "USDT"): "0"})
        outcome = Outcome(transitions=[transition("", "firing")])
        absorbed = absorb(world, reading({"BTC": ("1", "0")}), 1_000)
        store.commit([absorbed, Entry(Start(1), 1, outcome)], world)
        ask(tmp_path, change)
        with pytest.raises(CorruptError, match="the way back: stop the daemon"):
            store.load(Ruleset())


def test_rows_for_later_are_made_when_they_are_written_and_again_at_a_repeated_write() -> None:
    made: list[int] = []

    def row_of(value: int) -> tuple[int, str]:
        made.append(value)
        return value, str(value)

    rows = Later([1, 2, 3], row_of)
    assert len(rows) == 3
    assert made == []
    assert list(rows) == list(rows) == [(1, "1"), (2, "2"), (3, "3")]
    assert (rows[0], list(rows[1:])) == ((1, "1"), [(2, "2"), (3, "3")])
    assert not Later([], row_of)
