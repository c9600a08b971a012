"""The commands that read the state: exact figures, unknown ones as such, beside a daemon and without one."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.commands.alerts import _cells
from rules.model import FailureKind
from state.queries import AlertRow
from tests.unit.test_cli_support import ARB, LARGE, MM_1, RULES, SMALL, Fed, fed, subtally, write_rules
from tests.unit.web_support import NOW_MS, SUM

READERS = ("status", "alerts", "accounts", "balances")
ISO = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(autouse=True)
def _no_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Fed]:
    with fed(tmp_path) as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rules.toml"


@pytest.mark.usefixtures("state")
def test_law_9_figures_of_18_decimals_are_unchanged_in_json(file: Path) -> None:
    rows = json.loads(subtally("-c", file, "balances", "--json").stdout)
    by_place = {(row["account"], row["asset"]): row for row in rows}
    assert by_place["mm-1", "USDT"]["amounts"] == {"free": SMALL, "frozen": "0", "total": SMALL}
    assert by_place["mm-1", "BTC"]["amounts"] == {"free": LARGE, "frozen": "-0.50", "total": LARGE}
    assert ISO.fullmatch(by_place["mm-1", "BTC"]["read"])
    assert by_place["mm-1", "BTC"]["wallet"] == "funding"


@pytest.mark.usefixtures("state")
def test_law_1_an_unknown_figure_is_null_in_json_and_a_question_mark_in_tables(file: Path) -> None:
    row = json.loads(subtally("-c", file, "balances", "--account", "arb@desk.example", "--json").stdout)[0]
    assert row["amounts"] == {"free": None, "frozen": None, "total": "5"}
    line = subtally("-c", file, "balances", "--account", "ARB@desk.example").stdout.splitlines()[1]
    assert re.search(r"USDT +\? +\? +5  ", line)


@pytest.mark.usefixtures("state")
def test_tables_group_digits_exactly_and_align_them_right(file: Path) -> None:
    heading, *lines = subtally("balances", "-c", file, "--account", "mm-1").stdout.splitlines()
    assert heading.split() == [
        "EXCHANGE",
        "ACCOUNT",
        "WALLET",
        "ASSET",
        "FREE",
        "FROZEN",
        "TOTAL",
        "CHANGED",
        "READ",
    ]
    ends = {
        line.index(figure) + len(figure)
        for line in lines
        for figure in re.findall(r"1,234\S*(?= +[-0])", line)
    }
    assert ends == {heading.index("FREE") + len("FREE")}
    assert any("1,234,567.123456789012345678" in line for line in lines)
    assert any("1,234.000000000000000001" in line for line in lines)
    assert all(line.endswith(" ago") for line in lines)


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("name", ["mm-1", "MM-1", "44705892343619584", "1"])
def test_an_account_is_found_by_any_of_its_names_or_by_our_id(file: Path, name: str) -> None:
    rows = json.loads(subtally("-c", file, "balances", "--account", name, "--asset", "usdt", "--json").stdout)
    assert [(row["account"], row["account_id"], row["asset"]) for row in rows] == [("mm-1", 1, "USDT")]


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize(
    "args",
    [
        ["balances", "--account", "nobody"],
        ["balances", "--exchange", "nowhere"],
        ["accounts", "--exchange", "nowhere"],
    ],
)
def test_a_name_of_which_nothing_is_known_is_no_empty_answer(file: Path, args: list[str]) -> None:
    result = subtally("-c", file, *args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert args[-1] in result.stderr


@pytest.mark.usefixtures("state")
def test_accounts_keep_all_identifiers_and_foreign_text_stays_on_its_line(file: Path) -> None:
    known = json.loads(subtally("accounts", "-c", file, "--exchange", "okx-main", "--json").stdout)
    assert [(one["id"], one["label"]) for one in known] == [(1, MM_1.label), (2, ARB.label)]
    assert known[1] | {"venue_id": ARB.venue_id, "name": "[red]arb", "alias": "line\nbreak"} == known[1]
    assert (known[0]["state"], known[0]["present"], known[0]["master"]) == ("present", True, False)
    table = subtally("accounts", "-c", file).stdout.splitlines()
    assert len(table) == 3
    assert "[red]arb, line break" in table[2]


def test_alerts_tell_the_judged_figure_and_a_true_inequality(file: Path, state: Fed) -> None:
    told = json.loads(subtally("alerts", "-c", file, "--json").stdout)
    assert len(told) == 1
    alert = told[0]
    assert re.fullmatch(r"A[0-9A-Z]{4,8}", alert["id"])
    assert (alert["state"], alert["severity"], alert["rule"]) == ("firing", "warning", "USDT floor")
    assert (alert["account"], alert["account_id"], alert["exchange"]) == ("mm-1", 1, "okx-main")
    assert (alert["value"], alert["sign"], alert["threshold"]) == (SMALL, "<", "20000.5")
    assert ISO.fullmatch(alert["fired"])
    table = subtally("alerts", "-c", file).stdout
    assert "1,234.000000000000000001  < 20,000.5" in table
    assert alert["id"] in table


def test_ended_alerts_are_listed_only_when_asked_for(tmp_path: Path, file: Path) -> None:
    with fed(tmp_path, store_open=True) as made:
        for _ in range(2):
            made.read(MM_1, {"USDT": ("70000.5", "0", "70000.5")})
    result = subtally("alerts", "-c", file)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no open alerts\n")
    assert json.loads(subtally("alerts", "-c", file, "--json").stdout) == []
    for args in (["--all"], ["--state", "resolved"]):
        told = json.loads(subtally("alerts", "-c", file, "--json", *args).stdout)
        assert [(one["state"], one["value"]) for one in told] == [("resolved", "70000.5")]
    assert "70,000.5  ≥ 20,000.5" in subtally("alerts", "--all", "-c", file).stdout
    assert json.loads(subtally("alerts", "-c", file, "--json", "--state", "closed").stdout) == []


def test_many_rows_are_paged_through_and_a_cut_is_told(tmp_path: Path, file: Path) -> None:
    with fed(tmp_path, store_open=True) as made:
        made.read(ARB, {f"COIN{number}": ("1", "0", "1") for number in range(2_500)})
    result = subtally("balances", "-c", file, "--json")
    assert len(json.loads(result.stdout)) == 1000
    assert result.stderr == "only the first 1000 are shown: --limit shows more\n"
    result = subtally("balances", "-c", file, "--json", "--limit", "9999", "--account", "arb@desk.example")
    rows = json.loads(result.stdout)
    assert len({(row["wallet"], row["asset"]) for row in rows}) == len(rows) == 2_501
    assert result.stderr == ""


@pytest.mark.usefixtures("state")
def test_status_without_a_daemon_says_that_nobody_looks(file: Path) -> None:
    told = json.loads(subtally("status", "-c", file, "--json").stdout)
    assert told["daemon"] == {"running": False, "pid": None}
    assert told["rules"]["count"] == 1
    assert [(one["name"], one["state"], one["accounts"]) for one in told["exchanges"]] == [
        ("okx-main", "unwatched", 2),
        ("never-read", "unwatched", 0),
    ]
    assert told["alerts"]["firing"] == {"critical": 0, "warning": 1, "info": 0}
    assert told["alerts"]["pending"] == {"critical": 0, "warning": 0, "info": 0}
    assert [(one["name"], one["queued"], one["dead"]) for one in told["notifiers"]] == [("oncall", 1, 0)]
    assert "not running: nothing is watched" in subtally("status", "-c", file).stdout


def test_status_beside_a_daemon_tells_its_process_and_every_trouble(tmp_path: Path, file: Path) -> None:
    write_rules(tmp_path, '[daemon]\nstale_after = "1h"\n' + RULES)
    with fed(tmp_path, store_open=True) as made:
        told = json.loads(subtally("status", "-c", file, "--json").stdout)
        assert told["daemon"] == {"running": True, "pid": os.getpid()}
        assert [one["state"] for one in told["exchanges"]] == ["fresh", "starting"]
        made.fail(FailureKind.BANNED, "HTTP 418", until_ms=made.now + 3_600_000)
        made.fail(FailureKind.KEY, "the key was refused", stops=True)
        told = json.loads(subtally("status", "-c", file, "--json").stdout)["exchanges"][0]
        assert (told["state"], told["stopped"]) == ("stopped", "the key was refused")
        assert ISO.fullmatch(told["banned_until"])
        text = subtally("status", "-c", file).stdout
        assert f"running, process {os.getpid()}" in text
        assert re.search(r"okx-main +okx +stopped .* 2  the key was refused; banned until .* UTC", text)


def test_an_exchange_that_is_silent_for_too_long_is_stale_whatever_the_alerts_say(
    tmp_path: Path, file: Path
) -> None:
    with fed(tmp_path, store_open=True):
        told = json.loads(subtally("status", "-c", file, "--json").stdout)
    assert told["exchanges"][0]["state"] == "stale"


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("command", READERS)
def test_law_10_a_rules_file_that_is_broken_by_now_hides_nothing(file: Path, command: str) -> None:
    file.write_text("[[nonsense]\n")
    assert subtally(command, "-c", file).exit_code == 0


@pytest.mark.parametrize("command", READERS)
def test_no_state_yet_is_3_with_what_to_do(tmp_path: Path, command: str) -> None:
    file = write_rules(tmp_path)
    result = subtally(command, "-c", file, "--json")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == f"no state yet: start `subtally run`, which makes {tmp_path / 'subtally.db'}\n"
    assert not (tmp_path / "subtally.db").exists()


@pytest.mark.parametrize("command", READERS)
def test_a_rules_file_that_is_not_there_is_3(tmp_path: Path, command: str) -> None:
    result = subtally(command, "-c", tmp_path / "none.toml")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "none.toml: there is no such file" in result.stderr


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("command", READERS)
def test_another_schema_version_is_refused_and_never_migrated(
    tmp_path: Path, file: Path, command: str
) -> None:
    database = tmp_path / "subtally.db"
    with sqlite3.connect(database) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = database.read_bytes()
    result = subtally(command, "-c", file)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "schema version 99" in result.stderr
    assert database.read_bytes() == before


@pytest.mark.parametrize("raw", [b"", b"no database at all, only text" * 100])
@pytest.mark.parametrize("command", READERS)
def test_a_file_that_is_no_state_is_3(tmp_path: Path, command: str, raw: bytes) -> None:
    file = write_rules(tmp_path)
    (tmp_path / "subtally.db").write_bytes(raw)
    result = subtally(command, "-c", file)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "subtally.db" in result.stderr
    assert (tmp_path / "subtally.db").read_bytes() == raw


def test_a_break_among_transfers_says_what_it_is_at_least_and_perhaps() -> None:
    cells = _cells(AlertRow(SUM, "firing", None, "", None), NOW_MS, ended=False)
    assert cells[5:8] == ["USDT is off by at least", "-1.37", "perhaps by -4,821.37"]
    closed = _cells(AlertRow(SUM, "resolved", NOW_MS, "", None), NOW_MS, ended=False)
    assert "perhaps" not in " ".join(closed)
