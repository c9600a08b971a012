"""Notes: one line of a person's about an alert, in what is told of it and wherever it is looked at."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.orders import NOTE_MOST
from rules.model import Noted
from rules.outcome import NotificationKind
from rules.records import Note
from rules.ruleset import Ruleset
from state import Store
from state.orders import NOTES_MOST
from tests.engine import Engine, change, low, reconciled
from tests.unit.test_cli_orders import firing
from tests.unit.test_cli_reconcile import compared
from tests.unit.test_cli_support import LARGE, MM_1, Fed, fed, subtally

TEXT = "the venue has a ticket: 4711 „ß→漢😀“"


@pytest.fixture(autouse=True)
def _no_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Fed]:
    with fed(tmp_path, store_open=True) as made:
        yield made


@pytest.fixture
def file(tmp_path: Path, state: Fed) -> Path:
    return tmp_path / "rules.toml"


# In what is told.


def notes(engine: Engine, text: str, by: str = "ann") -> None:
    engine.says(Noted(engine.now_ms, engine.alert("floor").id, by, text))


def told_notes(engine: Engine) -> list[tuple[str, str]]:
    return [(one.kind.value, one.facts.note) for one in engine.notifications]


def test_reminders_raises_and_the_end_say_the_last_note() -> None:
    engine = Engine(low("floor", below={"warning": "100", "critical": "10"}, confirm=1))
    engine.reads("a", USDT="50")
    notes(engine, "first")
    notes(engine, "second", "bob")
    engine.ticks()
    engine.at("5h").reads("a", USDT="50")
    engine.ticks()
    engine.reads("a", USDT="5")
    engine.reads("a", USDT="500")
    kinds = [one for one in told_notes(engine) if one[0] != "firing" or one[1]]
    assert kinds == [("reminder", "second"), ("raised", "second"), ("resolved", "second")]
    facts = engine.notifications[-1].facts
    assert (facts.note_by, facts.note_ms) == ("bob", engine.inputs[4][1])


def test_a_change_that_is_told_as_a_movement_says_its_note() -> None:
    engine = Engine(reconciled("movements", within="3m"), change("fell", "10m", drop="10", confirm=1))
    engine.lists("a", "b", "c")
    for account in "abc":
        engine.reads(account, USDT="100")
    engine.after("1m").reads("a", USDT="70")
    engine.says(Noted(engine.now_ms, engine.alert("fell").id, "ann", "known"))
    engine.reads("b", USDT="130")
    engine.ticks()
    assert told_notes(engine) == [("event", "known")]


def test_a_note_is_no_ack_and_tells_nobody_by_itself() -> None:
    engine = Engine(low("floor", below="100", confirm=1, escalate_after="10m", escalate_to=("oncall",)))
    engine.reads("a", USDT="50")
    before = engine.alert("floor")
    notes(engine, "looking at it")
    assert [one.kind for one in engine.outcome.notifications] == []
    after = engine.alert("floor")
    assert (after.acked_ms, after.remind_at_ms, after.escalate_at_ms) == (
        None,
        before.remind_at_ms,
        before.escalate_at_ms,
    )
    engine.ticks("11m")
    (escalated,) = [one for one in engine.notifications if one.kind is NotificationKind.ESCALATED]
    assert escalated.facts.note == "looking at it"


def test_a_note_on_a_pending_alert_is_told_with_its_firing_and_one_on_what_has_ended_changes_nothing() -> (
    None
):
    engine = Engine(low("floor", below="100"))
    engine.reads("a", USDT="50")
    notes(engine, "we moved it on purpose")
    engine.reads("a", USDT="50")
    assert told_notes(engine) == [("firing", "we moved it on purpose")]
    ident = engine.alert("floor").id
    engine.reads("a", USDT="500")
    engine.reads("a", USDT="500")
    engine.forget_touched()
    engine.says(Noted(engine.now_ms, ident, "ann", "it was a test"))
    assert engine.untouched()


# By command.


def test_a_note_is_on_record_with_its_author_and_one_line_says_so(file: Path, state: Fed) -> None:
    alert = firing(state)
    result = subtally("-c", file, "note", alert.lower(), f"  {TEXT} ", "--by", " kim ")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f'noted by kim on {alert}: warning okx-main mm-1 USDT rule "USDT floor"\n'
    (order,) = state.store.orders_of(alert)
    assert (order.kind, order.by, order.body) == ("note", "kim", TEXT)
    told = json.loads(subtally("note", alert, "again", "--by", "bob", "-c", file, "--json").stdout)
    assert (told["alert"], told["by"], told["text"]) == (alert, "bob", "again")
    row = state.store.alert(alert)
    assert row is not None
    assert [(one.by, one.text) for one in row.notes] == [("kim", TEXT), ("bob", "again")]


@pytest.mark.parametrize(
    "text", ["", "   ", "two\nlines", "\x1b[31mred", "a\u202eb", "nul\0", "x" * (NOTE_MOST + 1)]
)
def test_a_note_is_one_line_of_bounded_length_without_control_characters(
    file: Path, state: Fed, text: str
) -> None:
    result = subtally("-c", file, "note", firing(state), text, "--by", "kim")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"must be one line of 1 to {NOTE_MOST} printable characters" in result.stderr
    assert state.store.orders_after(0) == []


@pytest.mark.parametrize("alert", ["A99999", "S12345", "A1'; --"])
def test_a_note_on_no_alert_is_1_and_says_where_to_look(file: Path, state: Fed, alert: str) -> None:
    result = subtally("-c", file, "note", alert, "x", "--by", "kim")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "`subtally alerts` lists the open ones" in result.stderr


def test_what_is_over_can_be_noted_and_the_notes_of_one_alert_are_bounded(file: Path, state: Fed) -> None:
    alert = firing(state)
    for _ in range(2):
        state.read(MM_1, {"USDT": ("70000.5", "0", "70000.5")})
    assert subtally("-c", file, "note", alert, "x" * NOTE_MOST, "--by", "kim").exit_code == 0
    for number in range(NOTES_MOST - 1):
        assert state.store.note(alert, f"note {number}", "kim", state.now)
    result = subtally("-c", file, "note", alert, "one more", "--by", "kim")
    assert result.exit_code == 1
    assert f"{alert} has {NOTES_MOST} notes: there is no room for more" in result.stderr


def test_without_a_daemon_the_notes_are_heard_at_the_next_start(tmp_path: Path) -> None:
    with fed(tmp_path) as made:
        file = tmp_path / "rules.toml"
        alert = json.loads(subtally("-c", file, "alerts", "--json").stdout)[0]["id"]
        assert subtally("-c", file, "note", alert, TEXT, "--by", "kim").exit_code == 0
        assert made.now
    with Store.open(tmp_path / "subtally.db", migrate=True) as store:
        world = store.load(Ruleset())
        (order,) = store.orders_after(world.orders_seq)
        assert (order.subject, order.body) == (alert, TEXT)


# Wherever the alert is looked at.


def test_alerts_explain_and_history_show_the_notes(file: Path, state: Fed) -> None:
    alert = firing(state)
    assert "LAST NOTE" not in subtally("-c", file, "alerts").stdout
    for text in ("first", TEXT):
        assert subtally("-c", file, "note", alert, text, "--by", "kim").exit_code == 0
    listed = subtally("-c", file, "alerts").stdout
    assert "LAST NOTE" in listed
    assert f"kim: {TEXT}" in listed
    told = next(
        one for one in json.loads(subtally("-c", file, "alerts", "--json").stdout) if one["id"] == alert
    )
    assert [(one["by"], one["text"]) for one in told["notes"]] == [("kim", "first"), ("kim", TEXT)]
    explained = subtally("-c", file, "explain", alert).stdout
    assert "by kim at" in explained
    assert TEXT in explained
    happened = json.loads(subtally("-c", file, "history", "--alert", alert, "--json").stdout)
    assert [(one["alert"], one["by"], one["text"]) for one in happened if one["event"] == "note"] == [
        (alert, "kim", "first"),
        (alert, "kim", TEXT),
    ]
    assert TEXT in subtally("-c", file, "history", "--alert", alert).stdout


def test_reconcile_shows_the_notes_and_the_ack_of_a_break_without_a_daemon(tmp_path: Path) -> None:
    file = compared(tmp_path, "1234", LARGE)
    first = json.loads(subtally("-c", file, "reconcile", "--json").stdout)[0]
    assert (first["notes"], first["acked_by"]) == ([], None)
    for text in ("first", "=cmd()"):
        assert subtally("-c", file, "note", first["alert"], text, "--by", "-kim").exit_code == 0
    assert subtally("-c", file, "ack", first["alert"], "--by", "ann").exit_code == 0
    told = json.loads(subtally("-c", file, "reconcile", "--json").stdout)
    assert [one["text"] for one in told[0]["notes"]] == ["first", "=cmd()"]
    assert told[0]["acked_by"] == "ann"
    assert told[1]["notes"] == []
    rows = list(csv.DictReader(io.StringIO(subtally("-c", file, "reconcile", "--csv").stdout)))
    assert [row["note"] for row in rows] == ["'-kim: =cmd()", ""]
    table = subtally("-c", file, "reconcile").stdout
    assert "LAST NOTE" in table
    assert "-kim: =cmd()" in table


def test_the_engine_keeps_the_last_note_over_a_restart(tmp_path: Path, state: Fed) -> None:
    alert = firing(state)
    state.now += 1_000
    state.take(Noted(state.now, alert, "kim", TEXT))
    state.store.close()
    with Store.open(tmp_path / "subtally.db", migrate=True) as store:
        world = store.load(state.world.ruleset)
        (found,) = [one for one in world.alerts.values() if one.id == alert]
        assert found.note == Note(state.now, "kim", TEXT)
        kept = list(store.log(lambda digest: Ruleset(digest=digest)))
        assert kept[-1][-1] == Noted(state.now, alert, "kim", TEXT)
