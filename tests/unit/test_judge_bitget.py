"""Law 3 on Bitget: a row proves only its coins, and what is absent is judged at the end of a complete pass."""

from rules.model import Identity
from tests.engine import Engine, appeared, bitget, disappeared, low, status

EXCHANGE = [bitget()]
A = Identity("1", name="a")
B = Identity("2", name="b")


def watching(*more: object) -> Engine:
    return Engine(low("floor", "100"), appeared(), disappeared(), status(), *more, exchanges=EXCHANGE)  # type: ignore[arg-type]


def lists(engine: Engine, *accounts: Identity) -> None:
    engine.lists(*accounts, source="virtual")


def whole_pass(engine: Engine, **rows: dict[str, str]) -> None:
    for key, coins in rows.items():
        engine.row(f"id={key.removeprefix('n')}", **coins)
    engine.passes(
        took=f"{len(rows) + 1}s", **{key.removeprefix("n"): list(coins) for key, coins in rows.items()}
    )


def test_a_row_proves_only_its_coins() -> None:
    engine = watching()
    lists(engine, A)
    whole_pass(engine, n1={"USDT": "500", "BTC": "1"})
    engine.row("id=1", BTC="1")
    engine.row("id=1", BTC="1")
    assert engine.told() == []
    assert engine.states() == []


def test_a_coin_that_a_complete_pass_lacks_is_zero() -> None:
    engine = watching()
    lists(engine, A)
    whole_pass(engine, n1={"USDT": "500", "BTC": "1"})
    whole_pass(engine, n1={"BTC": "1"})
    assert engine.states() == ["pending floor a USDT"]
    whole_pass(engine, n1={"BTC": "1"})
    assert engine.told() == ["firing floor a USDT 0"]
    whole_pass(engine, n1={"BTC": "1", "USDT": "500"})
    whole_pass(engine, n1={"BTC": "1", "USDT": "500"})
    assert engine.told() == ["resolved floor a USDT 500"]


def test_an_incomplete_pass_judges_no_absence() -> None:
    engine = watching()
    lists(engine, A, B)
    whole_pass(engine, n1={"USDT": "500"}, n2={"USDT": "500"})
    for _ in range(5):
        engine.row("id=1", USDT="500")
        engine.passes(complete=False, **{"1": "USDT"})
    assert engine.told() == []
    assert engine.states() == []


def test_a_truly_emptied_account_that_is_still_listed_fires_the_rule_that_names_the_asset() -> None:
    engine = watching()
    lists(engine, A, B)
    whole_pass(engine, n1={"USDT": "500"}, n2={"USDT": "500"})
    whole_pass(engine, n1={"USDT": "500"})
    assert engine.rechecks() == ["b spot"]
    assert [one.exchange for one in engine.outcome.relists] == ["x"]
    lists(engine, A, B)
    whole_pass(engine, n1={"USDT": "500"})
    whole_pass(engine, n1={"USDT": "500"})
    assert sorted(engine.told()) == ["event status b", "firing floor b USDT 0"]
    facts = {one.facts.rule: one.facts for one in engine.notifications}
    assert "still listed" in facts["floor"].details[0]
    assert "unlisted" not in facts["status"].headline


def test_a_deleted_account_disappears_and_is_neither_drained_nor_low() -> None:
    engine = watching()
    lists(engine, A, B)
    whole_pass(engine, n1={"USDT": "500"}, n2={"USDT": "500"})
    whole_pass(engine, n1={"USDT": "500"})
    lists(engine, A)
    whole_pass(engine, n1={"USDT": "500"})
    lists(engine, A)
    whole_pass(engine, n1={"USDT": "500"})
    assert engine.told() == ["event disappeared b"]


def test_an_account_missing_from_the_list_whose_rows_go_on_is_unlisted() -> None:
    engine = watching()
    lists(engine, A, B)
    whole_pass(engine, n1={"USDT": "500"}, n2={"USDT": "500"})
    lists(engine, A)
    whole_pass(engine, n1={"USDT": "500"}, n2={"USDT": "500"})
    lists(engine, A)
    assert engine.told() == ["event status b"]
    headline = engine.notifications[-1].facts.headline
    assert headline == "is no longer listed, but the venue still names its balances"


def test_without_the_list_the_message_says_drained_or_unlisted() -> None:
    engine = watching()
    whole_pass(engine, n1={"USDT": "500"}, n2={"USDT": "500"})
    for _ in range(3):
        whole_pass(engine, n1={"USDT": "500"})
    assert sorted(engine.told()) == ["event status 2", "firing floor 2 USDT 0"]
    for one in engine.notifications:
        assert "drained or unlisted" in f"{one.facts.headline} {one.facts.details}"


def test_a_list_that_fell_silent_leaves_no_rule_blind() -> None:
    engine = watching()
    lists(engine, A, B)
    whole_pass(engine, n1={"USDT": "500"}, n2={"USDT": "500"})
    for _ in range(7):  # the passes go on, the list tells nothing for longer than stale_after
        engine.after("1m")
        whole_pass(engine, n1={"USDT": "500"})
    assert sorted(engine.told()) == ["event status b", "firing floor b USDT 0"]
    for one in engine.notifications:
        assert "drained or unlisted" in f"{one.facts.headline} {one.facts.details}"


def test_a_listed_account_that_was_never_funded_reads_zero_after_two_passes() -> None:
    engine = watching()
    lists(engine, A, B)
    whole_pass(engine, n1={"USDT": "500"})
    assert engine.states() == []
    lists(engine, A, B)
    whole_pass(engine, n1={"USDT": "500"})
    assert engine.states() == ["pending floor b USDT"]
    whole_pass(engine, n1={"USDT": "500"})
    assert engine.told() == ["firing floor b USDT 0"]


def test_a_new_user_waits_for_the_list_to_name_it() -> None:
    engine = watching()
    lists(engine, A)
    whole_pass(engine, n1={"USDT": "500"})
    whole_pass(engine, n1={"USDT": "500"}, n2={"USDT": "500"})
    assert engine.told() == []
    assert [one.exchange for one in engine.outcome.relists] == ["x"]
    lists(engine, A, B)
    assert engine.told() == ["event appeared b"]


def test_without_a_list_a_complete_pass_is_the_proof_of_a_new_user() -> None:
    engine = watching()
    whole_pass(engine, n1={"USDT": "500"})
    whole_pass(engine, n1={"USDT": "500"}, n2={"USDT": "500"})
    assert engine.told() == ["event appeared 2"]


def test_the_users_of_a_first_pass_are_the_baseline() -> None:
    engine = watching()
    whole_pass(engine, n1={"USDT": "500"}, n2={"USDT": "500"})
    assert engine.told() == []


def test_after_an_edit_a_row_is_judged_for_its_own_coins_only() -> None:
    engine = watching()
    lists(engine, A)
    whole_pass(engine, n1={"USDT": "500", "BTC": "1"})
    engine.edits(low("floor", "1000", confirm=1))
    engine.row("id=1", BTC="1")
    assert engine.told() == []
    engine.row("id=1", USDT="500")
    assert engine.told() == ["firing floor a USDT 500"]


def test_a_pass_ends_the_staleness_of_an_account_without_rows() -> None:
    engine = watching()
    whole_pass(engine, n1={"USDT": "500"}, n2={"USDT": "500"})
    for _ in range(20):
        engine.after("1m")
        whole_pass(engine, n1={"USDT": "500"})
        engine.ticks()
    assert not any("stale" in line for line in engine.told())


def test_law_3_a_list_that_is_late_after_an_outage_of_all_is_waited_for() -> None:
    engine = watching()
    lists(engine, A, B)
    whole_pass(engine, n1={"USDT": "500"}, n2={"USDT": "500"})
    lists(engine, A, B)
    engine.after("20m")  # nothing answered; meanwhile B was deleted
    for _ in range(3):
        whole_pass(engine, n1={"USDT": "500"})
    lists(engine, A)
    lists(engine, A)
    assert [said for said in engine.told() if "stale" not in said] == ["event disappeared b"]
