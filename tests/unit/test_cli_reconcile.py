"""`subtally reconcile`: exact figures in every form, and the exit code that scripts ask for."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from daemon.config import load
from daemon.plain import iso
from rules.ruleset import RulesAccepted
from rules.statements import BookRow, Books
from tests.unit.test_cli_support import LARGE, MM_1, RULES, SMALL, Fed, subtally, write_rules

EXPECTED = """
[[books]]
name = "treasury"
file = "books.csv"

[[rule]]
name = "=treasury's books"
type = "reconciliation"
check = "expected"
asset = ["USDT", "BTC"]
max_skew = "10m"
"""


@pytest.fixture(autouse=True)
def _no_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)


GONE = "books.csv: there is no such file"


def compared(folder: Path, usdt: str, btc: str, problem: str = "") -> Path:
    """A state in which one account was read and the books say these amounts, and then cannot be read any more."""
    file = write_rules(folder, RULES + EXPECTED)
    made = Fed(folder)
    made.list(MM_1)
    for _ in range(2):
        made.read(MM_1, {"USDT": (SMALL, "0", SMALL), "BTC": (LARGE, "0", LARGE)})
    rows = tuple(
        BookRow("okx-main", "mm-1", asset, amount, made.now, "", line)
        for line, (asset, amount) in enumerate([("USDT", usdt), ("BTC", btc)], 2)
    )
    for _ in range(2):
        made.now += 1_000
        made.take(Books("treasury", made.now, rows))
    if problem:
        made.now += 60_000
        made.take(Books("treasury", made.now, (), problem))
    made.store.close()
    return file


def test_a_break_is_told_exactly_and_ends_with_code_1(tmp_path: Path) -> None:
    file = compared(tmp_path, "1234", LARGE)
    told = subtally("-c", file, "reconcile", "--json")
    assert told.exit_code == 1
    assert "1 open break" in told.stderr
    first, second = json.loads(told.stdout)
    assert (first["state"], first["ours"], first["theirs"]) == ("break", SMALL, "1234")
    assert first["difference"] == "0.000000000000000001"
    assert first["alert"].startswith("A")
    assert (second["state"], second["ours"], second["alert"]) == ("agrees", LARGE, None)
    table = subtally("-c", file, "reconcile")
    assert table.exit_code == 1
    assert "+0.000000000000000001" in table.stdout


def test_the_table_has_one_sign_for_what_is_below_zero(tmp_path: Path) -> None:
    file = compared(tmp_path, "2000", "-3")
    table = subtally("-c", file, "reconcile").stdout
    assert "-765.999999999999999999" in table
    assert " -3 " in table
    assert "\N{MINUS SIGN}" not in table


def test_figures_that_agree_end_with_code_0(tmp_path: Path) -> None:
    told = subtally("-c", compared(tmp_path, SMALL, LARGE), "reconcile", "--json")
    assert told.exit_code == 0
    assert {one["state"] for one in json.loads(told.stdout)} == {"agrees"}


def test_csv_has_the_same_and_no_formula(tmp_path: Path) -> None:
    told = subtally("-c", compared(tmp_path, "2000", LARGE), "reconcile", "--csv")
    first, second = csv.DictReader(io.StringIO(told.stdout))
    assert first["difference"] == "-765.999999999999999999"
    assert first["rule"] == "'=treasury's books"
    assert second["state"] == "agrees"


def test_an_acknowledged_break_is_still_one(tmp_path: Path) -> None:
    file = compared(tmp_path, "1234", LARGE)
    (alert,) = {one["alert"] for one in json.loads(subtally("-c", file, "reconcile", "--json").stdout)} - {
        None
    }
    assert subtally("-c", file, "ack", alert, "--by", "ann").exit_code == 0
    assert subtally("-c", file, "reconcile").exit_code == 1


def test_without_such_a_rule_nothing_is_compared_and_it_is_said(tmp_path: Path) -> None:
    file = write_rules(tmp_path)
    Fed(tmp_path).store.close()
    told = subtally("-c", file, "reconcile")
    assert (told.exit_code, told.stdout) == (0, "")
    assert 'no rule of type "reconciliation"' in told.stderr


def test_a_rule_that_has_compared_nothing_yet_says_so(tmp_path: Path) -> None:
    file = write_rules(tmp_path)
    made = Fed(tmp_path)
    write_rules(tmp_path, RULES + EXPECTED)
    made.take(RulesAccepted(made.now, load(file).ruleset))
    made.store.close()
    told = subtally("-c", file, "reconcile", "--json")
    assert told.exit_code == 3
    (line,) = json.loads(told.stdout)
    assert (line["state"], line["reason"]) == ("indeterminate", "books “treasury” were not read yet")
    assert "1 comparison could not be made: nobody knows whether it agrees" in told.stderr


def test_what_cannot_be_compared_is_not_said_to_agree_and_ends_with_code_3(tmp_path: Path) -> None:
    file = compared(tmp_path, SMALL, LARGE, GONE)
    told = subtally("-c", file, "reconcile", "--json")
    assert told.exit_code == 3
    books, *rows = json.loads(told.stdout)
    assert {one["state"] for one in (books, *rows)} == {"indeterminate"}
    assert books["reason"] == "books “treasury” cannot be read: books.csv: there is no such file"
    assert books["since"] is not None
    assert [one["account"] for one in rows] == ["mm-1", "mm-1"]
    for form in ((), ("--csv",)):
        printed = subtally("-c", file, "reconcile", *form)
        assert printed.exit_code == 3
        assert "agrees" not in printed.stdout
        assert "there is no such file" in printed.stdout
    assert subtally("-c", file, "reconcile", "--exchange", "okx-main").exit_code == 3


def test_an_open_break_goes_before_what_cannot_be_compared(tmp_path: Path) -> None:
    told = subtally("-c", compared(tmp_path, "1234", LARGE, GONE), "reconcile", "--json")
    assert told.exit_code == 1
    first, books, second = json.loads(told.stdout)
    assert (first["state"], books["state"], second["state"]) == ("break", "indeterminate", "indeterminate")
    assert "there is no such file" in first["reason"]


def test_status_tells_of_books_that_cannot_be_read(tmp_path: Path) -> None:
    file = write_rules(tmp_path, RULES + EXPECTED)
    made = Fed(tmp_path)  # its lock is that of a daemon

    def told() -> dict[str, str | None]:
        (one,) = json.loads(subtally("-c", file, "status", "--json").stdout)["books"]
        assert one["name"] == "treasury"
        return {key: one[key] for key in ("state", "unread_since", "trouble")}

    assert told() == {"state": "starting", "unread_since": None, "trouble": None}
    made.take(Books("treasury", made.now, (), GONE))
    assert told() == {"state": "unread", "unread_since": iso(made.now), "trouble": GONE}
    assert GONE in subtally("-c", file, "status").stdout
    made.take(Books("treasury", made.now, ()))
    assert told() == {"state": "fresh", "unread_since": None, "trouble": None}
    made.store.close()
    assert told()["state"] == "unwatched"


@pytest.mark.parametrize("words", [("--csv", "--json"), ("--exchange", "nowhere")])
def test_wrong_usage_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    file = compared(tmp_path, SMALL, LARGE)
    assert subtally("-c", file, "reconcile", *words).exit_code == 2
    assert subtally("-c", file, "reconcile", "--exchange", "okx-main").exit_code == 0


DECLARED = """
[[expect]]
name = "payout"
exchange = "okx-*"
from = "mm-1"
to = "external"
asset = "USDT"
amount = 5
due = 2090-12-31T18:00:00Z
reason = "ticket 4712"
"""


def test_a_declared_movement_is_shown_for_each_exchange_that_its_pattern_fits(tmp_path: Path) -> None:
    file = write_rules(tmp_path, RULES + DECLARED)
    Fed(tmp_path).store.close()

    def shown(*words: str) -> list[str]:
        told = subtally("-c", file, "reconcile", "--json", *words)
        return [line["check"] for line in json.loads(told.stdout)]

    assert shown() == shown("--exchange", "okx-main") == ["payout"]
    assert shown("--exchange", "never-read") == []


def test_explain_says_a_break_to_its_end(tmp_path: Path) -> None:
    file = compared(tmp_path, "2000", LARGE)
    (alert,) = {one["alert"] for one in json.loads(subtally("-c", file, "reconcile", "--json").stdout)} - {
        None
    }
    told = subtally("-c", file, "explain", alert)
    assert "okx-main mm-1 USDT differs from the books by -765.999999999999999999" in told.stdout
    assert "We read 1,234.000000000000000001; line 2 of “treasury” says 2,000." in told.stdout
