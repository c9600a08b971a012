"""Accounts that are gone are not known for ever, and one that comes back later is a new one."""

from dataclasses import replace

from rules.model import Identity
from rules.ruleset import DAY_MS, Rule
from tests.engine import Engine, appeared, binance, disappeared, low, reconciled, status, who

WATCH = (appeared(), disappeared(), status())


def engine_without_b(*rules: Rule) -> Engine:
    """Two accounts are read; then one of them is gone, and that was told."""
    engine = Engine(*WATCH, *rules, retention_ms=2 * DAY_MS)
    engine.lists("a@x", "b@x")
    engine.reads("a@x", USDT="500")
    engine.reads("b@x", USDT="500")
    engine.told()
    loses_b(engine)
    assert "event disappeared b@x" in told(engine)
    return engine


def loses_b(engine: Engine) -> None:
    engine.lists("a@x")
    engine.denies("b@x")
    engine.lists("a@x")


def told(engine: Engine) -> list[str]:
    """What was told, without the reminders and the staleness of long gaps."""
    return [line for line in engine.told() if line.startswith(("event", "firing floor"))]


def labels(engine: Engine) -> list[str]:
    return sorted(account.label for account in engine.world.accounts.values())


def test_an_account_that_is_gone_is_forgotten_with_all_that_it_held_after_retention() -> None:
    engine = engine_without_b()
    key = engine.account("b@x").key
    engine.after("47h").ticks()
    assert labels(engine) == ["a@x", "b@x"]
    engine.after("2h").ticks()
    assert labels(engine) == ["a@x"]
    index = engine.world.index
    assert not [pair for pair in engine.world.holdings if pair[0] == key]
    assert key not in index.wallets
    assert key not in index.gone
    assert key not in index.by_identifier.values()
    assert key not in index.by_exchange["x"]
    assert told(engine) == []


def test_one_that_comes_back_after_that_appears_and_is_read_under_a_new_key() -> None:
    engine = engine_without_b(low("floor", "100"))
    old = engine.account("b@x").key
    engine.after("50h").ticks()
    engine.lists("a@x", "b@x")
    assert told(engine) == ["event appeared b@x"]
    assert engine.account("b@x").key > old
    engine.reads("b@x", USDT="50")
    engine.reads("b@x", USDT="50")
    assert told(engine) == ["firing floor b@x USDT 50"]


def test_one_that_comes_back_before_that_appears_and_stays() -> None:
    engine = engine_without_b()
    old = engine.account("b@x").key
    engine.after("47h").lists("a@x", "b@x")
    assert told(engine) == ["event appeared b@x"]
    engine.after("50h").ticks()
    assert engine.account("b@x").key == old
    loses_b(engine)
    assert told(engine) == ["event disappeared b@x"]
    engine.after("47h").ticks()
    assert labels(engine) == ["a@x", "b@x"]
    engine.after("2h").ticks()
    assert labels(engine) == ["a@x"]


def test_a_stable_id_learned_late_is_adopted_after_the_bearer_of_its_e_mail_was_forgotten() -> None:
    engine = engine_without_b()
    engine.after("50h").ticks()
    engine.lists("a@x", Identity(email="b@x"))
    assert told(engine) == ["event appeared b@x"]
    known = engine.account("b@x").key
    engine.lists("a@x", who("b@x"))
    assert told(engine) == []
    assert engine.world.accounts[known].identity == who("b@x")


def test_of_two_with_one_name_the_one_that_stays_keeps_it() -> None:
    engine = engine_without_b()
    heir = Identity("id-other", "b@x")
    engine.lists("a@x", heir)
    assert told(engine) == ["event appeared b@x"]
    key = next(one.key for one in engine.world.accounts.values() if one.identity == heir)
    engine.after("50h").ticks()
    assert [one.key for one in engine.world.accounts.values() if one.label == "b@x"] == [key]
    assert engine.world.index.by_identifier["x", "email", "b@x"] == key


def test_an_account_that_another_endpoint_still_names_is_not_met_anew() -> None:
    engine = engine_without_b()
    for _ in range(5):
        engine.after("12h").lists("a@x", "b@x", source="summary")
        engine.ticks()
    assert labels(engine) == ["a@x", "b@x"]
    assert told(engine) == []


def test_what_is_open_about_it_keeps_it_until_that_ends() -> None:
    engine = Engine(*WATCH, retention_ms=60_000)
    engine.lists("a@x", "b@x")
    loses_b(engine)
    engine.after("23h").ticks()
    assert labels(engine) == ["a@x", "b@x"], "its disappearance is an open event for 24 h"
    engine.after("3h").ticks()
    engine.after("2h").ticks()
    assert labels(engine) == ["a@x"]


def test_what_reconciliation_remembers_of_it_keeps_it() -> None:
    engine = Engine(*WATCH, reconciled("movements", within="3m", tell="all"), retention_ms=60_000)
    engine.lists("a@x", "b@x")
    engine.reads("a@x", USDT="500")
    engine.reads("b@x", USDT="500")
    engine.after("1m").reads("b@x", USDT="100")
    assert engine.world.legs
    loses_b(engine)
    engine.after("20h").ticks()
    assert labels(engine) == ["a@x", "b@x"]
    engine.after("30h").ticks()
    engine.after("2h").ticks()
    assert not engine.world.legs
    assert labels(engine) == ["a@x"]


def test_accounts_of_an_exchange_that_left_the_file_are_forgotten_and_those_of_one_that_came_back_are_not() -> (
    None
):
    engine = Engine(*WATCH, exchanges=[binance("x"), binance("y")], retention_ms=2 * DAY_MS)
    engine.lists("a@x")
    engine.lists("a@y", exchange="y")
    engine.reads("a@y", exchange="y", USDT="5")
    engine.edits(*WATCH, exchanges=[binance("x")])
    engine.after("47h").ticks()
    engine.edits(*WATCH, exchanges=[binance("x"), binance("y")])
    engine.after("47h").ticks()
    assert labels(engine) == ["a@x", "a@y"]
    engine.edits(*WATCH, exchanges=[binance("x")])
    engine.after("49h").ticks()
    assert labels(engine) == ["a@x"]
    engine.told()
    engine.edits(*WATCH, exchanges=[binance("x"), binance("y")])
    engine.lists("a@y", exchange="y")
    assert told(engine) == [], "the first listing of a new exchange is its baseline"


def test_a_state_written_before_this_was_known_counts_from_its_first_start() -> None:
    engine = engine_without_b()
    gone = engine.account("b@x")
    engine.world.accounts[gone.key] = replace(gone, gone_ms=None)
    engine.restarts("72h")
    engine.ticks()
    assert labels(engine) == ["a@x", "b@x"]
    engine.after("49h").ticks()
    assert labels(engine) == ["a@x"]


def test_ids_of_alerts_are_free_again_when_their_record_is_forgotten_and_not_before() -> None:
    engine = Engine(low("floor", "100", confirm=1), retention_ms=DAY_MS)
    given = []
    for _ in range(40):
        engine.reads("a@x", USDT="50")
        given.append(engine.alert("floor").id)
        engine.reads("a@x", USDT="500")
        engine.after("1h")
    index = engine.world.index
    assert set(given[-23:]) <= index.ids
    assert not set(given[:15]) & index.ids
    assert index.ids == set(index.ended_ids)


def test_an_id_of_an_open_alert_is_never_free() -> None:
    engine = Engine(low("floor", "100", confirm=1), low("other", "400", confirm=1), retention_ms=60_000)
    engine.reads("a@x", USDT="150")
    kept = engine.alert("other").id
    for _ in range(20):
        engine.after("10m").reads("a@x", USDT="50")
        engine.after("10m").reads("a@x", USDT="150")
    assert kept in engine.world.index.ids
    assert len(engine.world.index.ids) < 6


def test_silences_that_were_over_long_ago_are_not_remembered() -> None:
    engine = Engine(low("floor", "100", confirm=1), retention_ms=DAY_MS)
    engine.reads("a@x", USDT="50")
    alert = engine.alert("floor").id
    engine.silences("S1OLD", until="1h")
    engine.silences("S2ONE", until_resolved=alert)
    engine.silences("S3NOW", until="90h")
    engine.at("20h").silences("S4NEW", until="21h")
    assert set(engine.world.silences) == {"S1OLD", "S2ONE", "S3NOW", "S4NEW"}
    engine.at("26h").restarts()
    assert set(engine.world.silences) == {"S2ONE", "S3NOW", "S4NEW"}
    engine.reads("a@x", USDT="500")
    engine.silences("S5NEW", until="28h")
    assert set(engine.world.silences) == {"S3NOW", "S4NEW", "S5NEW"}
