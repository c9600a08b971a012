"""`ack` and `silence`: durable when the command returns, on record with its author, refused in words."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from state import Store
from tests.unit.test_cli_support import MM_1, RULES, Fed, fed, subtally, write_rules

WHO = ("--reason", "migration", "--by", "kim")
FUTURE = "2099-11-21T08:00Z"
OF_FILE = """
[[silence]]
name = "nightly"
account = "arb@*"
days = ["sat", "sun"]
start = "22:00"
end = "06:00"
timezone = "Europe/Zurich"
reason = "the desk is closed"
by = "ops"

[[silence]]
name = "long past"
rule = "USDT*"
until = 2020-01-01T00:00:00Z
reason = "was moved"
by = "ops"
"""


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


def firing(state: Fed) -> str:
    return state.store.alerts("firing").rows[0].alert.id


def add(file: Path, *args: str) -> str:
    result = subtally("-c", file, "silence", "add", *args, *WHO, "--json")
    assert result.exit_code == 0, result.stderr
    return str(json.loads(result.stdout)["id"])


def test_an_ack_is_on_record_with_its_author_and_one_line_says_so(file: Path, state: Fed) -> None:
    alert = firing(state)
    result = subtally("-c", file, "ack", alert.lower(), "--by", " kim ")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f'acked {alert} by kim: warning okx-main mm-1 USDT rule "USDT floor"\n'
    order = state.store.orders_of(alert)[0]
    assert (order.kind, order.subject, order.by) == ("ack", alert, "kim")
    told = json.loads(subtally("ack", alert, "--by", "bob", "-c", file, "--json").stdout)
    assert (told["alert"], told["acked_by"]) == (alert, "bob")


@pytest.mark.parametrize("alert", ["A99999", "SHORT", "S12345", "A", "A1'; --", ""])
def test_an_ack_of_no_alert_is_1_and_says_where_to_look(file: Path, state: Fed, alert: str) -> None:
    result = subtally("-c", file, "ack", "--by", "kim", "--", alert)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"there is no alert {alert!r}: `subtally alerts` lists the open ones\n"
    assert state.store.orders_after(0) == []


def test_an_ack_of_what_does_not_fire_is_1_and_tells_its_state(file: Path, state: Fed) -> None:
    alert = firing(state)
    for _ in range(2):
        state.read(MM_1, {"USDT": ("70000.5", "0", "70000.5")})
    result = subtally("-c", file, "ack", alert, "--by", "kim")
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.fullmatch(
        rf"{alert} is resolved since .* UTC: only a firing alert can be acked\n", result.stderr
    )
    state.read(MM_1, {"USDT": ("1234", "0", "1234")})
    pending = state.store.alerts("pending").rows[0].alert.id
    result = subtally("-c", file, "ack", pending, "--by", "kim")
    assert (result.exit_code, f"{pending} is pending" in result.stderr) == (1, True)
    assert state.store.orders_after(0) == []


@pytest.mark.parametrize("args", [["ack", "A1B2C"], ["ack", "--by", "kim"], ["ack", "A1B2C", "--by", "  "]])
def test_an_ack_needs_an_alert_and_a_name(file: Path, args: list[str]) -> None:
    assert subtally("-c", file, *args).exit_code == 2


def test_a_silence_tells_its_id_its_end_and_what_it_matches_now(file: Path, state: Fed) -> None:
    result = subtally("-c", file, "silence", "add", "--account", "mm-*", "--for", "2h", *WHO)
    assert (result.exit_code, result.stderr) == (0, "")
    first, second = result.stdout.splitlines()
    assert re.fullmatch(r"S[0-9A-Z]{4,8} silences account mm-\* until .* UTC", first)
    assert second == "it matches 1 open alert now, 1 of them firing"
    made = state.store.live_silences(0)[0]
    assert (made.id, made.reason, made.by) == (first.split()[0], "migration", "kim")
    assert made.until_ms is not None
    assert made.until_ms - made.from_ms == 7_200_000


def test_a_silence_names_patterns_severities_and_an_instant(file: Path, state: Fed) -> None:
    ident = add(
        file, "--rule", "USDT*", "--exchange", "okx-*", "--account", "mm-*", "--account", "!mm-2",
        "--asset", "usdt", "--severity", "warning", "--severity", "info", "--until", FUTURE,
    )  # fmt: skip
    made = state.store.live_silences(0)[0]
    assert made.id == ident
    assert str(made.account) == "mm-*, !mm-2"
    assert {one.value for one in made.severities} == {"warning", "info"}
    told = json.loads(subtally("-c", file, "silence", "list", "--json").stdout)[0]
    assert (told["account"], told["severity"]) == (["mm-*", "!mm-2"], ["info", "warning"])
    assert told["until"] == "2099-11-21T08:00:00.000Z"


def test_a_silence_until_an_alert_is_resolved_is_over_with_it(file: Path, state: Fed) -> None:
    alert = firing(state)
    result = subtally("-c", file, "silence", "add", "--until-resolved", alert.lower(), *WHO)
    assert result.exit_code == 0
    assert f"silences alert {alert} until {alert} ends" in result.stdout
    for _ in range(2):
        state.read(MM_1, {"USDT": ("70000.5", "0", "70000.5")})
    assert json.loads(subtally("-c", file, "silence", "list", "--json").stdout) == []
    over = json.loads(subtally("-c", file, "silence", "list", "--all", "--json").stdout)
    assert [(one["state"], one["until_resolved"]) for one in over] == [("over", alert)]
    again = subtally("-c", file, "silence", "add", "--until-resolved", alert, *WHO)
    assert (again.exit_code, "is resolved since" in again.stderr) == (1, True)
    ended = subtally("-c", file, "silence", "end", over[0]["id"], "--by", "bob")
    assert (ended.exit_code, ended.stderr) == (1, f"{over[0]['id']} is over: {alert} ended\n")


@pytest.mark.parametrize(
    "args, said",
    [
        (["--all"], "--for: every silence has one end"),
        (["--for", "2h"], "--all: nothing is named"),
        (["--for", "2h", "--until", FUTURE, "--all"], "--until: every silence has one end"),
        (["--for", "2h", "--until-resolved", "A1B2C"], "--until-resolved: every silence has one end"),
        (["--until-resolved", "A1B2C", "--rule", "x"], "--until-resolved: silences that alert alone"),
        (["--until-resolved", "A1B2C", "--all"], "--until-resolved: silences that alert alone"),
        (["--all", "--rule", "x", "--for", "2h"], "--all: excludes rule"),
        (["--all", "--for", "2x"], "is not a duration"),
        (["--all", "--for", "0s"], "longer than 0"),
        (["--all", "--until", "2020-01-01T00:00:00Z"], "--until: is past"),
        (["--all", "--until", "2099-01-01T00:00:00"], "has no time zone"),
        (["--all", "--until", "tomorrow"], "is not a date"),
        (["--rule", "", "--for", "2h"], "--rule: "),
        (["--severity", "loud", "--for", "2h"], "loud"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_a_silence_that_makes_no_sense_is_2(file: Path, state: Fed, args: list[str], said: str) -> None:
    result = subtally("-c", file, "silence", "add", *args, *WHO)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert state.store.orders_after(0) == []


@pytest.mark.parametrize(
    "who",
    [["--by", "kim"], ["--reason", "x"], ["--by", "kim", "--reason", " "], ["--by", "", "--reason", "x"]],
)
def test_a_silence_has_a_reason_and_an_author(file: Path, state: Fed, who: list[str]) -> None:
    assert subtally("-c", file, "silence", "add", "--all", "--for", "1h", *who).exit_code == 2
    assert state.store.orders_after(0) == []


@pytest.mark.usefixtures("state")
def test_what_names_nothing_that_there_is_is_warned_of(file: Path) -> None:
    result = subtally("-c", file, "silence", "add", "--rule", "USTD*", "--for", "1h", *WHO)
    assert (result.exit_code, result.stderr) == (0, "no rule in force matches USTD*\n")
    result = subtally("-c", file, "silence", "add", "--exchange", "kraken", "--for", "1h", *WHO)
    assert (result.exit_code, result.stderr) == (0, "no exchange of the rules in force matches kraken\n")
    result = subtally("-c", file, "silence", "add", "--account", "mm-99*", "--for", "1h", *WHO)
    said = "no known account matches mm-99*: `subtally accounts` lists them\n"
    assert (result.exit_code, result.stderr) == (0, said)
    result = subtally("-c", file, "silence", "add", "--rule", "subtally/*", "--for", "1h", *WHO)
    assert (result.exit_code, result.stderr) == (0, "")


def test_ending_a_silence_is_on_record_and_works_once(file: Path, state: Fed) -> None:
    ident = add(file, "--all", "--for", "1h")
    result = subtally("-c", file, "silence", "end", ident.lower(), "--by", "bob")
    assert (result.exit_code, result.stdout) == (0, f"ended {ident} by bob: it silenced everything\n")
    assert state.store.live_silences(0) == []
    result = subtally("-c", file, "silence", "end", ident, "--by", "eve")
    assert result.exit_code == 1
    assert re.fullmatch(rf"{ident} was ended at .* UTC by bob\n", result.stderr)
    assert [(one.kind, one.by) for one in state.store.orders_after(0)] == [
        ("silence", "kim"),
        ("unsilence", "bob"),
    ]
    told = json.loads(subtally("-c", file, "silence", "list", "--all", "--json").stdout)
    assert [(one["id"], one["state"], one["ended_by"]) for one in told] == [(ident, "ended", "bob")]


@pytest.mark.parametrize("ident", ["S99999", "nightly", "A1B2C"])
def test_ending_what_no_person_made_is_1(file: Path, ident: str) -> None:
    result = subtally("-c", file, "silence", "end", ident, "--by", "bob")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"there is no silence {ident!r}" in result.stderr
    assert "one of the file ends in the file" in result.stderr


def test_the_silences_of_the_file_are_listed_with_those_of_people(tmp_path: Path) -> None:
    write_rules(tmp_path, RULES + OF_FILE)
    with fed(tmp_path, store_open=True) as made:
        file = tmp_path / "rules.toml"
        made.store.save_rules(made.world.ruleset.sources, made.world.ruleset.digest, made.now)
        file.write_text("[[nonsense]\n")  # what counts is what was accepted
        ident = add(file, "--all", "--for", "1h")
        live = json.loads(subtally("-c", file, "silence", "list", "--json").stdout)
        every = json.loads(subtally("-c", file, "silence", "list", "--all", "--json").stdout)
        table = subtally("-c", file, "silence", "list").stdout
    assert [(one["id"], one["source"]) for one in live] == [(ident, "person"), ("nightly", "file")]
    assert live[1]["state"] in {"active", "waiting"}
    assert live[1]["weekly"] == "every sat, sun 22:00–06:00 Europe/Zurich"
    assert [(one["id"], one["state"]) for one in every][2:] == [("long past", "over")]
    assert "the desk is closed" in table
    assert "in the file" in table


def test_orders_work_without_a_daemon_and_count_when_it_starts(tmp_path: Path) -> None:
    with fed(tmp_path) as made:
        file = tmp_path / "rules.toml"
        ident = add(file, "--account", "mm-*", "--for", "1h")
        alert = json.loads(subtally("-c", file, "alerts", "--json").stdout)[0]["id"]
        assert subtally("-c", file, "ack", alert, "--by", "kim").exit_code == 0
    with Store.open(tmp_path / "subtally.db", migrate=True) as store:
        assert [one.id for one in store.live_silences(made.now)] == [ident]
        assert store.claim("oncall", made.now + 600_000, 0, 10) is None


ORDERS = (
    ["ack", "A1B2C", "--by", "kim"],
    ["note", "A1B2C", "x", "--by", "kim"],
    ["silence", "add", "--all", "--for", "1h", *WHO],
    ["silence", "list"],
    ["silence", "end", "S1B2C", "--by", "kim"],
)


@pytest.mark.parametrize("args", ORDERS)
def test_no_state_yet_is_3_and_none_is_made(tmp_path: Path, args: list[str]) -> None:
    file = write_rules(tmp_path)
    result = subtally("-c", file, *args)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "no state yet" in result.stderr
    assert not (tmp_path / "subtally.db").exists()


@pytest.mark.parametrize("args", ORDERS)
def test_another_schema_version_is_refused_and_never_migrated(tmp_path: Path, args: list[str]) -> None:
    with fed(tmp_path):
        database = tmp_path / "subtally.db"
        with sqlite3.connect(database) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
        before = database.read_bytes()
        result = subtally("-c", tmp_path / "rules.toml", *args)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "schema version 99" in result.stderr
    assert database.read_bytes() == before


@pytest.mark.parametrize(
    "args",
    [["silence", "add"], ["silence", "list"], ["silence", "end"], ["notifications", "retry"]],
)
def test_every_help_below_shows_an_example_and_the_shared_options(args: list[str]) -> None:
    result = subtally(*args, "--help")
    assert result.exit_code == 0
    assert f"Example: subtally {' '.join(args)}" in result.stdout
    for option in ("--config FILE", "--json", "--verbose"):
        assert option in result.stdout


@pytest.mark.parametrize(
    "args",
    [
        ["ack", "A1B2C", "--by", " "],
        ["silence", "add", "--all", *WHO],
        ["silence", "add", "--for", "2h", *WHO],
        ["silence", "end", "S1B2C"],
        ["notifications", "retry", "M1B2C", "--by", ""],
    ],
)
def test_wrong_usage_is_2_also_where_there_is_no_state(tmp_path: Path, args: list[str]) -> None:
    result = subtally("-c", tmp_path / "none.toml", *args)
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_state_that_another_process_holds_is_3_and_nothing_is_ordered(
    file: Path, state: Fed, monkeypatch: pytest.MonkeyPatch
) -> None:
    alert = firing(state)
    monkeypatch.setattr("state.connection.BUSY_SECONDS", 0)
    other = sqlite3.connect(state.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    result = subtally("-c", file, "ack", alert, "--by", "kim")
    other.close()
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.endswith("nothing is ordered: try again\n")
    assert state.store.orders_after(0) == []
