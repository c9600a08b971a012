"""The look at commits without the connection: it may look once too often, and never too seldom."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from time import time_ns

import pytest

from state import Store
from state.commits import LONGEST_NS, SETTLED_NS, Commits
from tests.unit.test_state_support import notification

LATER_NS = SETTLED_NS + 1_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "subtally.db", migrate=True)


def settled(store: Store) -> Commits:
    """One that has seen all there is, long enough after it was written."""
    commits = Commits(store.path)
    assert commits.perhaps(time_ns() + LATER_NS)
    assert not commits.perhaps(time_ns() + LATER_NS)
    return commits


def test_a_commit_of_another_connection_is_seen_once_it_is_there(store: Store) -> None:
    with store:
        commits = settled(store)
        other = sqlite3.connect(store.path)
        other.execute("INSERT INTO meta (key, value) VALUES ('x', '1')")
        other.commit()
        other.close()
        assert commits.perhaps(time_ns() + LATER_NS)
        assert not commits.perhaps(time_ns() + LATER_NS)


def test_a_commit_of_our_own_is_seen_too(store: Store) -> None:
    with store:
        commits = settled(store)
        store.tell([notification()])
        assert commits.perhaps(time_ns() + LATER_NS)


def test_a_write_that_is_young_may_not_be_a_commit_yet_and_is_looked_at_again(store: Store) -> None:
    with store:
        commits = settled(store)
        store.tell([notification()])
        written = Path(f"{store.path}-wal").stat().st_mtime_ns
        assert [commits.perhaps(written + after) for after in (0, SETTLED_NS - 1, SETTLED_NS)] == [
            True,
            True,
            False,
        ]


def test_so_often_it_looks_in_any_case_and_when_the_clock_went_back(store: Store) -> None:
    with store:
        commits = settled(store)
        now = time_ns() + LATER_NS
        assert commits.perhaps(now + LONGEST_NS)
        assert not commits.perhaps(now + LONGEST_NS + 1)
        assert commits.perhaps(now - LATER_NS - LONGEST_NS)


def test_a_link_to_the_state_is_the_state(store: Store, tmp_path: Path) -> None:
    with store:
        link = tmp_path / "link.db"
        link.symlink_to(store.path)
        commits = Commits(link)
        commits.perhaps(time_ns() + LATER_NS)
        assert not commits.perhaps(time_ns() + LATER_NS)


def test_what_cannot_be_seen_may_have_changed(tmp_path: Path) -> None:
    commits = Commits(tmp_path / "nowhere.db")
    assert commits.perhaps(time_ns())
    assert commits.perhaps(time_ns())


def test_a_notifier_waits_for_what_time_alone_makes_due(store: Store) -> None:
    with store:
        assert not store.waits("slack")
        store.tell([notification()])
        assert store.waits("slack")
        assert not store.waits("telegram")
        message = store.claim("slack", 1_000, 0, 10)
        assert message is not None
        assert not store.waits("slack")
        store.failed(message.id, 1_000, "no", 9_000)
        assert store.waits("slack")
        store.dead(message.id, 9_000, "no")
        assert not store.waits("slack")
