"""`notifications` and `history`: what was told to whom, what died, and who did what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.test_cli_support import ARB, MM_1, RULES, Fed, fed, subtally, write_rules

SECOND = '\n[[notifier]]\nname = "desk"\nurl = { file = "oncall.url" }\n'


@pytest.fixture(autouse=True)
def _no_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Fed]:
    write_rules(tmp_path, RULES + SECOND)
    with fed(tmp_path, store_open=True) as made:
        made.store.save_rules(made.world.ruleset.sources, made.world.ruleset.digest, made.now)
        yield made


@pytest.fixture
def file(tmp_path: Path, state: Fed) -> Path:
    return tmp_path / "rules.toml"


def send(state: Fed, notifier: str, outcome: str, reason: str = "") -> str:
    """One message through the outbox, with an end."""
    state.now += 1_000
    message = state.store.claim(notifier, state.now, 0, 10)
    assert message is not None
    if outcome == "dead":
        state.store.failed(message.id, state.now + 10, "HTTP 500", state.now + 20)
        state.store.claim(notifier, state.now + 20, 0, 10)
        state.store.dead(message.id, state.now + 30, reason)
    else:
        state.store.delivered(message.id, state.now + 10)
    return message.id


def rows(file: Path, *args: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(subtally("-c", file, *args, "--json").stdout)
    return found


def test_dead_notifications_stand_first_with_reason_attempts_and_message(file: Path, state: Fed) -> None:
    dead = send(state, "oncall", "dead", "HTTP 404: no_service")
    send(state, "desk", "delivered")
    found = rows(file, "notifications")
    assert [(one["state"], one["notifier"]) for one in found] == [("dead", "oncall"), ("delivered", "desk")]
    assert (found[0]["message"], found[0]["attempts"], found[0]["reason"]) == (
        dead,
        2,
        "HTTP 404: no_service",
    )
    line = subtally("-c", file, "notifications").stdout.splitlines()[1]
    for word in ("dead", "oncall", "firing", "mm-1", dead, "HTTP 404: no_service"):
        assert word in line


def test_notifications_are_found_by_state_notifier_and_alert(file: Path, state: Fed) -> None:
    alert = state.store.alerts("firing").rows[0].alert.id
    send(state, "oncall", "dead")
    assert [one["notifier"] for one in rows(file, "notifications", "--state", "queued")] == ["desk"]
    assert [one["state"] for one in rows(file, "notifications", "--notifier", "oncall")] == ["dead"]
    assert len(rows(file, "notifications", "--alert", alert.lower())) == 2
    assert rows(file, "notifications", "--alert", "A99999") == []
    assert (
        subtally("-c", file, "notifications", "--state", "cancelled").stderr == "no cancelled notifications\n"
    )
    assert subtally("-c", file, "notifications", "--state", "lost").exit_code == 2


def test_a_dead_message_is_sent_again_under_its_id_and_that_is_on_record(file: Path, state: Fed) -> None:
    dead = send(state, "oncall", "dead", "HTTP 404")
    result = subtally("-c", file, "notifications", "retry", dead.lower(), "--by", "kim")
    assert (result.exit_code, result.stdout) == (0, f"{dead} goes to oncall again; it died of: HTTP 404\n")
    again = state.store.claim("oncall", state.now + 10**7, 0, 10)
    assert again is not None
    assert again.id == dead
    assert [(one.kind, one.by) for one in state.store.orders_of(dead)] == [("retry", "kim")]
    result = subtally("-c", file, "notifications", "retry", dead)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"nothing dead to send again: {dead} is sending\n"


def test_an_alert_names_all_dead_messages_that_carry_it(file: Path, state: Fed) -> None:
    alert = state.store.alerts("firing").rows[0].alert.id
    assert subtally("-c", file, "notifications", "retry", alert).exit_code == 1
    dead = {send(state, "oncall", "dead"), send(state, "desk", "dead")}
    told = json.loads(subtally("-c", file, "notifications", "retry", alert, "--json").stdout)
    assert {one["message"] for one in told} == dead
    assert {one.by for one in state.store.orders_after(0)} == {"somebody with a shell"}


@pytest.mark.parametrize("ident", ["M99999", "A99999", "17", "S1B2C"])
def test_a_retry_of_nothing_is_1(file: Path, ident: str) -> None:
    result = subtally("-c", file, "notifications", "retry", ident)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"there is no message of {ident!r}" in result.stderr


def test_a_retry_for_a_notifier_that_is_gone_is_1_and_revives_nothing(
    tmp_path: Path, file: Path, state: Fed
) -> None:
    dead = send(state, "desk", "dead")
    state.store.save_rules((("rules.toml", RULES),), "another", state.now)
    result = subtally("-c", file, "notifications", "retry", dead)
    assert (result.exit_code, "have no notifier desk" in result.stderr) == (1, True)
    assert state.store.messages_of(dead)[0].state == "dead"


def test_history_tells_everything_in_the_order_of_time_with_who_did_it(file: Path, state: Fed) -> None:
    alert = state.store.alerts("firing").rows[0].alert.id
    dead = send(state, "oncall", "dead", "HTTP 404")
    assert subtally("-c", file, "ack", alert, "--by", "kim").exit_code == 0
    made = ["--account", "mm-*", "--for", "1h", "--reason", "works", "--by", "ann"]
    assert subtally("-c", file, "silence", "add", *made).exit_code == 0
    assert subtally("-c", file, "notifications", "retry", dead, "--by", "bob").exit_code == 0
    told = rows(file, "history")
    assert [one["event"] for one in told] == [
        "transition",
        "transition",
        "notification",
        "notification",
        "attempt",
        "attempt",
        "ack",
        "silence",
        "retry",
    ]
    times = [str(one["at"]) for one in told]
    assert times == sorted(times)
    assert [one["by"] for one in told[6:]] == ["kim", "ann", "bob"]
    assert (told[1]["after"], told[1]["account"], told[1]["alert"]) == ("firing", "mm-1", alert)
    assert [(one["outcome"], one["reason"], one["alerts"]) for one in told[4:6]] == [
        ("failed", "HTTP 500", [alert]),
        ("dead", "HTTP 404", [alert]),
    ]
    assert told[7]["reason"] == "works"
    assert rows(file, "history", "--alert", alert.lower()) == told
    assert rows(file, "history", "--account", "MM-1") == told
    table = subtally("-c", file, "history").stdout
    assert "account mm-* until" in table
    assert "attempt dead" in table


def test_history_of_one_alert_leaves_out_what_concerns_others(file: Path, state: Fed) -> None:
    alert = state.store.alerts("firing").rows[0].alert.id
    other = ["--account", "arb@*", "--for", "1h", "--reason", "works", "--by", "ann"]
    assert subtally("-c", file, "silence", "add", *other).exit_code == 0
    assert {str(one["event"]) for one in rows(file, "history", "--alert", alert)} == {
        "transition",
        "notification",
    }
    assert rows(file, "history", "--account", "arb@desk.example") == []
    assert rows(file, "history", "--account", "arb@desk.example", "--alert", alert) == []


def test_history_is_cut_at_its_old_end_and_that_is_told(file: Path, state: Fed) -> None:
    for figure in ("70000", "70000", "1", "1", "70000", "70000"):
        state.read(MM_1, {"USDT": (figure, "0", figure)})
    state.read(ARB, {"USDT": ("", None, "5")})
    every = rows(file, "history")
    result = subtally("-c", file, "history", "--limit", "3", "--json")
    assert json.loads(result.stdout) == every[-3:]
    assert result.stderr == "only the last 3 are shown: --limit shows more\n"
    assert rows(file, "history", "--since", "1s") == []
    assert len(rows(file, "history", "--since", "1h")) == len(every)


@pytest.mark.parametrize(
    "args, said",
    [
        (["--account", "nobody"], "nobody"),
        (["--since", "yesterday"], "is not a duration"),
        (["--limit", "0"], "--limit"),
    ],
)
def test_history_of_what_is_not_known_is_2(file: Path, args: list[str], said: str) -> None:
    result = subtally("-c", file, "history", *args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
