"""Movements: what left one account and what arrived in another are told as one, once, and truthfully."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rules.model import MASTER_IDENTITY, FailureKind, Identity, Severity
from rules.patterns import Patterns
from rules.reconciling.proofs import AHEAD_MS, SLACK_MS
from rules.ruleset import Expect, NotifierSettings, Rule
from rules.statements import MovementKind, Transfer, Transfers
from tests.engine import T0_MS, Engine, binance, change, low, ms, okx, reconciled, who

ALL = reconciled("movements", within="3m", tell="all")
UNMATCHED = reconciled("movements", within="3m")


def headlines(engine: Engine) -> list[str]:
    """What was said of movements since the last look; the built-in rules may speak of silence beside it."""
    seen = getattr(engine, "_told_of", 0)
    engine._told_of = len(engine.notifications)  # type: ignore[attr-defined]
    return [one.facts.headline for one in engine.notifications[seen:] if "USDT" in one.facts.headline]


def three(engine: Engine, a: str = "100", b: str = "100", c: str = "100") -> None:
    """One sweep over three accounts."""
    engine.reads("a", USDT=a)
    engine.reads("b", USDT=b)
    engine.reads("c", USDT=c)


def transfer(
    giver: str | None, taker: str | None, amount: str, at: str, ident: str = "T1", kind: str = "internal"
) -> Transfer:
    sides = [None if name is None else who(name) for name in (giver, taker)]
    return Transfer(ident, MovementKind(kind), "USDT", amount, T0_MS + ms(at), *sides)


def states(engine: Engine, *transfers: Transfer, complete: bool = True) -> None:
    now = engine.now_ms
    engine.says(
        Transfers("x", "history", now - 100, now, 0, now, complete, transfers, "" if complete else "p2")
    )


def test_two_legs_of_equal_amount_are_one_movement() -> None:
    engine = Engine(ALL)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    assert headlines(engine) == []
    engine.reads("b", USDT="130")
    assert headlines(engine) == ["30 USDT moved from a to b"]
    engine.ticks("30m")
    assert headlines(engine) == []


def test_the_side_that_arrives_may_be_read_first() -> None:
    engine = Engine(ALL)
    three(engine)
    engine.at("1m").reads("b", USDT="130")
    engine.reads("a", USDT="70")
    assert headlines(engine) == ["30 USDT moved from a to b"]


def test_matched_movements_are_not_told_where_only_unmatched_ones_are() -> None:
    engine = Engine(UNMATCHED)
    three(engine)
    engine.at("1m")
    three(engine, "70", "130")
    engine.at("2m")
    three(engine, "70", "130")
    engine.ticks("10m")
    assert headlines(engine) == []


def test_an_outflow_that_arrives_nowhere_is_told_when_its_window_ends() -> None:
    engine = Engine(UNMATCHED)
    three(engine)
    engine.at("1m")
    three(engine, "70")
    for minute in ("2m", "3m"):
        engine.at(minute)
        three(engine, "70")
    engine.ticks("235s")
    assert headlines(engine) == []
    engine.ticks("5m")
    assert headlines(engine) == ["30 USDT left a and arrived in no account that is read here within 3m"]
    engine.ticks("30m")
    assert headlines(engine) == []


def test_an_inflow_from_outside_is_no_unmatched_outflow() -> None:
    engine = Engine(UNMATCHED)
    three(engine)
    engine.at("1m")
    three(engine, "130")
    engine.ticks("10m")
    assert headlines(engine) == []


def test_another_amount_another_asset_and_another_time_do_not_match() -> None:
    engine = Engine(ALL)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.reads("b", USDT="129.999999999999999999")
    engine.reads("c", USDT="100", USDC="30")
    for minute in range(2, 9):
        engine.at(f"{minute}m").reads("a", USDT="70")
        engine.reads("b", USDT="129.999999999999999999")
        engine.reads("c", USDT="100", USDC="30")
        engine.ticks()
    engine.reads("c", USDT="130", USDC="30")
    assert headlines(engine) == ["30 USDT left a and arrived in no account that is read here within 3m"]


def test_an_unreadable_account_makes_the_outflow_indeterminate_and_is_matched_later() -> None:
    engine = Engine(UNMATCHED)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.reads("c", USDT="100")
    for minute in range(2, 20):
        engine.at(f"{minute}m").reads("a", USDT="70")
        engine.reads("c", USDT="100")
        engine.fails("b", FailureKind.ACCOUNT)
        engine.ticks()
    assert headlines(engine) == []
    engine.at("20m").reads("b", USDT="130")
    engine.ticks("60m")
    assert headlines(engine) == []
    (match,) = engine.world.matches.values()
    assert [key.account for key in (*match.givers, *match.takers)] == [1, 2]


def test_an_account_that_is_never_read_does_not_silence_an_outflow_for_ever() -> None:
    engine = Engine(UNMATCHED)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    for minute in range(2, 70):
        engine.at(f"{minute}m").reads("a", USDT="70")
        engine.reads("c", USDT="100")
        engine.ticks()
    said = headlines(engine)
    assert said == ["30 USDT left a; where it went is not known: not read since then: b"]
    engine.at("71m").reads("b", USDT="130")
    assert headlines(engine)[-1] == "30 USDT moved from a to b"


def test_two_candidates_are_both_named() -> None:
    engine = Engine(ALL)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.reads("b", USDT="70")
    engine.reads("c", USDT="130")
    assert headlines(engine) == ["30 USDT moved from a or b to c"]
    assert "Ambiguous" in engine.notifications[-1].facts.details[0]


def test_a_later_candidate_makes_a_told_movement_ambiguous_without_telling_it_again() -> None:
    engine = Engine(ALL)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.reads("b", USDT="130")
    engine.reads("c", USDT="130")
    assert headlines(engine) == ["30 USDT moved from a to b"]
    assert engine.alert("movements").facts.headline == "30 USDT moved from a to b or c"


def test_the_venues_history_settles_an_ambiguous_match() -> None:
    engine = Engine(ALL)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.reads("b", USDT="70")
    engine.reads("c", USDT="130")
    headlines(engine)
    states(engine, transfer("b", "c", "30", "59s"))
    assert headlines(engine) == []
    assert engine.alert("movements").facts.headline == "30 USDT moved from b to c"
    for minute in range(2, 6):
        engine.at(f"{minute}m")
        three(engine, "70", "70", "130")
        engine.ticks()
    assert headlines(engine) == ["30 USDT left a and arrived in no account that is read here within 3m"]


def test_a_history_that_lacks_or_refuses_the_transfer_unmakes_nothing() -> None:
    engine = Engine(ALL)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.reads("b", USDT="130")
    headlines(engine)
    states(engine)
    states(engine, complete=False)
    engine.ticks("10m")
    assert headlines(engine) == []
    assert len(engine.world.matches) == 1


def test_an_outflow_asks_for_the_history_of_its_account() -> None:
    engine = Engine(UNMATCHED)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    (wanted,) = engine.outcome.histories
    assert (wanted.exchange, wanted.accounts, wanted.assets) == ("x", (1,), ("USDT",))
    # The venue dates it by a clock that ours is known to within a call's time of: a reading may begin "after" it.
    (leg,) = engine.world.legs.values()
    assert wanted.from_ms == leg.from_ms - SLACK_MS
    assert wanted.until_ms >= T0_MS + ms("1m") + AHEAD_MS


def test_a_statement_about_a_movement_half_of_which_is_forgotten_is_taken_in() -> None:
    engine = Engine(ALL)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.at("2m").reads("b", USDT="130")
    while len(engine.world.legs) == 2:
        engine.after("10s").ticks()
    assert list(engine.world.matches)
    states(engine, transfer("b", "c", "30", "2m"))
    assert len(engine.world.stated) == 1


def test_two_histories_may_state_movements_of_one_id_and_one_time() -> None:
    engine = Engine(ALL)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.reads("b", USDT="130")
    first, second = transfer("c", "b", "30", "59s"), transfer("a", "c", "30", "59s")
    for source, one in (("one", first), ("other", second)):
        now = engine.now_ms
        engine.says(Transfers("x", source, now - 100, now, 0, now, complete=True, transfers=(one,)))
    assert len(engine.world.stated) == 2
    assert headlines(engine)[0] == "30 USDT moved from a to b"


def test_a_stated_taker_is_read_ahead_of_the_queue() -> None:
    engine = Engine(UNMATCHED)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    states(engine, transfer("a", "b", "30", "59s"))
    assert engine.rechecks() == ["b spot"]


def test_history_resolves_several_transfers_between_two_readings() -> None:
    engine = Engine(UNMATCHED)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    states(engine, transfer("a", "b", "12.5", "58s", "T1"), transfer("a", "c", "17.5", "59s", "T2"))
    for minute in range(2, 8):
        engine.at(f"{minute}m")
        three(engine, "70", "112.5", "117.5")
        engine.ticks()
    assert headlines(engine) == []


def test_without_history_a_sum_of_two_is_found_where_it_is_the_only_one() -> None:
    engine = Engine(ALL)
    three(engine)
    for minute in range(1, 8):
        engine.at(f"{minute}m")
        three(engine, "70", "112.5", "117.5")
        engine.ticks()
    assert headlines(engine) == ["30 USDT moved from a to b and c"]
    assert "a -30, b +12.5, c +17.5" in engine.notifications[-1].facts.details[0]


def test_a_withdrawal_that_the_venue_states_is_told_as_leaving_the_exchange() -> None:
    engine = Engine(UNMATCHED)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    states(engine, transfer("a", None, "30", "59s", "W1", "withdrawal"))
    for minute in range(2, 6):
        engine.at(f"{minute}m")
        three(engine, "70")
        engine.ticks()
    assert headlines(engine) == ["30 USDT left a and the exchange: the venue states withdrawal W1"]


def test_the_master_is_the_other_side_like_any_account() -> None:
    engine = Engine(ALL, exchanges=[binance(read=("assets", "master"))])
    engine.reads("a", USDT="100")
    engine.reads(MASTER_IDENTITY, "Spot", USDT="1000")
    engine.at("1m").reads("a", USDT="200")
    engine.reads(MASTER_IDENTITY, "Spot", USDT="900")
    assert headlines(engine) == ["100 USDT moved from master to a"]


def test_between_wallets_of_one_account_it_is_a_wallet_move() -> None:
    engine = Engine(ALL, UNMATCHED.__class__(**{**_kwargs(UNMATCHED), "name": "un"}), exchanges=[okx()])
    for wallet in ("funding", "trading"):
        engine.reads("a", wallet, USDT="100")
        engine.reads("b", wallet, USDT="100")
    engine.at("1m").reads("a", "funding", USDT="70")
    engine.reads("a", "trading", USDT="130")
    assert headlines(engine) == ["30 USDT moved from funding to trading inside a"]
    engine.ticks("30m")
    assert headlines(engine) == []


def _kwargs(rule: object) -> dict[str, object]:
    return {name: getattr(rule, name) for name in ("name", "type", "spec", "exchange", "account")}


def test_a_new_account_held_nothing_before_it_was_there() -> None:
    engine = Engine(ALL)
    engine.lists("a")
    engine.reads("a", USDT="100")
    engine.at("1m").reads("a", USDT="70")
    engine.lists("a", "new")
    engine.reads("new", USDT="30")
    assert headlines(engine) == ["30 USDT moved from a to new"]


def test_what_comes_back_did_not_leave() -> None:
    engine = Engine(UNMATCHED)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    for minute in range(2, 9):
        engine.at(f"{minute}m")
        three(engine)
        engine.ticks()
    assert headlines(engine) == []


def test_dust_is_not_told() -> None:
    engine = Engine(reconciled("movements", within="3m", tolerance={"abs": "30"}))
    three(engine)
    for minute in range(1, 8):
        engine.at(f"{minute}m")
        three(engine, "70", "69.999999999999999999")
        engine.ticks()
    assert headlines(engine) == [
        "30.000000000000000001 USDT left b and arrived in no account that is read here within 3m"
    ]


def test_threshold_rules_still_fire_on_their_own() -> None:
    engine = Engine(ALL, low("floor", "80", confirm=1))
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.reads("b", USDT="130")
    assert engine.told() == ["firing floor a USDT 70", "event movements USDT"]


# balance_change on both legs

CHANGES = (change("fell", "10m", drop="10", confirm=1), change("rose", "10m", rise="10", confirm=1))


@pytest.mark.parametrize("tell", ["all", "unmatched"])
def test_balance_changes_on_both_legs_are_told_as_one_movement(tell: str) -> None:
    engine = Engine(reconciled("movements", within="3m", tell=tell), *CHANGES)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.ticks()
    assert headlines(engine) == []
    engine.reads("b", USDT="130")
    engine.ticks()
    assert headlines(engine) == ["30 USDT moved from a to b"]
    engine.reads("c", USDT="100")
    engine.ticks("30m")
    assert headlines(engine) == []


def test_a_balance_change_waits_a_minute_at_most() -> None:
    engine = Engine(UNMATCHED, *CHANGES)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.ticks("119s")
    assert engine.told() == []
    engine.ticks("121s")
    assert engine.told() == ["event fell a USDT 70"]


def test_a_movement_refers_to_what_was_told_of_its_leg_before() -> None:
    engine = Engine(ALL, *CHANGES)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.ticks("121s")
    (alone,) = engine.notifications
    engine.reads("b", USDT="130")
    engine.ticks("130s")
    assert headlines(engine)[-1] == "30 USDT moved from a to b"
    assert engine.notifications[-1].facts.details == (f"The change of a was told as {alone.alert}.",)
    assert len(engine.notifications) == 2


def test_an_ambiguous_match_asks_for_the_history() -> None:
    engine = Engine(ALL)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.reads("b", USDT="130")
    assert engine.outcome.histories == []
    engine.reads("c", USDT="130")
    assert [one.accounts for one in engine.outcome.histories] == [(1, 2)]


def test_a_balance_change_does_not_wait_where_every_account_was_read_since() -> None:
    engine = Engine(UNMATCHED, *CHANGES)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.reads("b", USDT="100")
    engine.reads("c", USDT="100")
    engine.ticks("66s")
    assert engine.told() == ["event fell a USDT 70"]


def test_without_a_rule_on_movements_a_balance_change_waits_for_nobody() -> None:
    engine = Engine(*CHANGES)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    assert engine.told() == ["event fell a USDT 70"]


def test_each_notifier_hears_of_a_movement_once() -> None:
    rules = (
        reconciled("movements", within="3m", tell="all", notify=("one",), severity="info"),
        change("fell", "10m", drop="10", confirm=1),
        change("rose", "10m", rise="10", confirm=1, notify=("one", "two")),
    )
    notifiers = [NotifierSettings(name, Severity.INFO) for name in ("one", "two")]
    engine = Engine(*rules, notifiers=notifiers)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.reads("b", USDT="130")
    engine.ticks("90s")
    assert sorted((one.notifier, one.facts.headline) for one in engine.notifications) == [
        ("one", "30 USDT moved from a to b"),
        ("two", "30 USDT moved from a to b"),
    ]


# Declared movements


def expect(amount: str = "30", giver: str | None = "a", taker: str | None = None, **more: object) -> Expect:
    sides = [None if one is None else Patterns.of(one) for one in (giver, taker)]
    given: dict[str, object] = {"due_ms": T0_MS + ms("10m"), "reason": "rent", **more}
    return Expect("rent", "USDT", Decimal(amount), giver=sides[0], taker=sides[1], **given)  # type: ignore[arg-type]


def outflows(engine: Engine, a: str, minutes: range) -> list[str]:
    for minute in minutes:
        engine.at(f"{minute}m")
        three(engine, a)
        engine.ticks()
    return headlines(engine)


def test_a_declared_outflow_is_not_told_and_is_consumed_once() -> None:
    engine = Engine(UNMATCHED, expects=[expect()])
    three(engine)
    assert outflows(engine, "70", range(1, 8)) == []
    assert outflows(engine, "40", range(8, 16)) == [
        "30 USDT left a and arrived in no account that is read here within 3m"
    ]


def test_another_amount_than_the_declared_still_alerts_and_the_declared_is_missing() -> None:
    engine = Engine(UNMATCHED, expects=[expect(tolerance=Decimal(1))])
    three(engine)
    assert outflows(engine, "68.999", range(1, 9)) == [
        "31.001 USDT left a and arrived in no account that is read here within 3m"
    ]
    engine.ticks("10m")
    assert headlines(engine) == ["declared movement “rent” did not come: 30 USDT from a to outside"]


def test_a_tolerance_is_met_when_it_is_equalled() -> None:
    engine = Engine(UNMATCHED, expects=[expect(tolerance=Decimal(1))])
    three(engine)
    assert outflows(engine, "69", range(1, 12)) == []


def test_a_declared_movement_between_accounts_is_named_in_its_message() -> None:
    engine = Engine(ALL, expects=[expect(taker="b")])
    three(engine)
    engine.at("1m")
    three(engine, "70", "130")
    assert headlines(engine) == ["30 USDT moved from a to b"]
    assert engine.notifications[-1].facts.details == ("Declared as “rent”: rent",)
    engine.ticks("11m")
    assert headlines(engine) == []


def test_what_comes_late_ends_what_was_told_as_missing() -> None:
    engine = Engine(ALL, expects=[expect(taker="b")])
    three(engine)
    engine.at("9m")
    three(engine)
    engine.ticks("11m")
    assert headlines(engine) == ["declared movement “rent” did not come: 30 USDT from a to b"]
    engine.at("12m")
    three(engine, "70", "130")
    assert [one.kind for one in engine.notifications[1:]] == ["resolved", "event"]


def test_a_declared_inflow_from_outside_is_consumed() -> None:
    engine = Engine(UNMATCHED, expects=[expect(giver=None, taker="a")])
    three(engine)
    assert outflows(engine, "130", range(1, 12)) == []


def test_a_declared_movement_to_an_account_that_is_not_read_is_consumed() -> None:
    engine = Engine(UNMATCHED, expects=[expect(taker="master")])
    three(engine)
    assert outflows(engine, "70", range(1, 12)) == []


PAID = "30 USDT moved from a to outside of the exchange"
RENT = "Declared as “rent”: rent"
UNSETTLED = f"{RENT}. Where it went is not known yet."


def test_a_declared_payout_is_one_message_where_every_movement_is_told() -> None:
    engine = Engine(ALL, expects=[expect()])
    three(engine)
    assert outflows(engine, "70", range(1, 12)) == [PAID]
    assert engine.notifications[-1].facts.details == (RENT,)


def test_a_declared_inflow_is_one_message_where_every_movement_is_told() -> None:
    engine = Engine(ALL, expects=[expect(giver=None, taker="a")])
    three(engine)
    assert outflows(engine, "130", range(1, 12)) == ["30 USDT moved from outside of the exchange to a"]


def test_a_declared_movement_to_an_account_that_is_not_read_names_it() -> None:
    engine = Engine(ALL, expects=[expect(taker="master")])
    three(engine)
    assert outflows(engine, "70", range(1, 12)) == ["30 USDT moved from a to master, which is not read here"]


def test_a_declared_payout_that_is_due_in_its_window_is_told_once() -> None:
    engine = Engine(ALL, expects=[expect(due_ms=T0_MS + ms("2m"))])
    three(engine)
    assert outflows(engine, "70", range(1, 12)) == [PAID]


def test_a_stated_withdrawal_that_was_declared_is_told_as_the_declared_one() -> None:
    engine = Engine(ALL, expects=[expect()])
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    states(engine, transfer("a", None, "30", "59s", "W1", "withdrawal"))
    assert outflows(engine, "70", range(2, 12)) == [PAID]
    assert engine.notifications[-1].facts.details == (RENT, "The venue states withdrawal W1.")


@pytest.mark.parametrize(
    "declared, kind, taker", [(None, "internal", "elsewhere"), ("elsewhere", "withdrawal", None)]
)
def test_a_declaration_is_not_consumed_by_what_the_venue_states_as_another_movement(
    declared: str | None, kind: str, taker: str | None
) -> None:
    engine = Engine(ALL, change("fell", "10m", drop="10"), expects=[expect(taker=declared)])
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    states(engine, transfer("a", taker, "30", "59s", "W1", kind))
    outflows(engine, "70", range(2, 12))
    assert engine.world.declared == {}
    assert all(RENT not in one.facts.details for one in engine.notifications)


@pytest.mark.parametrize("rules", [(), (UNMATCHED,), (ALL,)])
def test_the_balance_change_of_a_declared_payout_names_the_declaration(rules: tuple[Rule, ...]) -> None:
    engine = Engine(*rules, *CHANGES, expects=[expect()])
    three(engine)
    outflows(engine, "70", range(1, 12))
    alone, *more = engine.notifications
    assert (alone.facts.rule, alone.facts.details) == ("fell", (UNSETTLED,))
    told = [one.facts.details for one in more]
    assert told == ([(RENT, f"The change of a was told as {alone.alert}.")] if rules == (ALL,) else [])


def test_the_balance_change_of_a_stated_withdrawal_names_its_declaration() -> None:
    engine = Engine(UNMATCHED, change("fell", "10m", drop="10"), expects=[expect()])
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    states(engine, transfer("a", None, "30", "59s", "W1", "withdrawal"))
    engine.reads("a", USDT="70")
    (told,) = engine.notifications
    assert (told.facts.rule, told.facts.details) == ("fell", (RENT,))


def test_a_change_of_what_is_free_names_the_declared_payout_too() -> None:
    engine = Engine(UNMATCHED, change("fell", "10m", drop="10", field="free"), expects=[expect()])
    three(engine)
    outflows(engine, "70", range(1, 12))
    (told,) = engine.notifications
    assert (told.facts.rule, told.facts.details) == ("fell", (UNSETTLED,))


def test_only_one_of_two_equal_payouts_is_the_declared_one() -> None:
    engine = Engine(UNMATCHED, *CHANGES, expects=[expect(giver="*")])
    three(engine)
    for minute in range(1, 12):
        engine.at(f"{minute}m")
        three(engine, "70", "70")
        engine.ticks()
    fell = [one.facts.details for one in engine.notifications if one.facts.rule == "fell"]
    assert fell == [(UNSETTLED,), ()]
    unmatched = "30 USDT left b and arrived in no account that is read here within 3m"
    assert [one for one in headlines(engine) if one.startswith("30")] == [unmatched]


def test_a_balance_change_that_waits_is_told_as_the_declared_payout() -> None:
    rule = reconciled("movements", within="20s", tell="all")
    engine = Engine(rule, *CHANGES, expects=[expect()])
    three(engine)
    engine.at("1m").reads("a", USDT="70")  # b and c are slow: the change waits for them, the payout does not
    engine.reads("b", USDT="100")
    engine.ticks("80s")
    assert headlines(engine) == []
    engine.reads("c", USDT="100")
    engine.ticks("30m")
    assert headlines(engine) == [PAID]


@pytest.mark.parametrize("confirm", [1, 2])
def test_balance_changes_of_a_declared_movement_inside_name_the_declaration(confirm: int) -> None:
    rules = [
        change(name, "10m", confirm=confirm, **{way: "10"})
        for name, way in (("fell", "drop"), ("rose", "rise"))
    ]
    engine = Engine(UNMATCHED, *rules, expects=[expect(taker="b")])
    three(engine)
    for minute in range(1, 12):
        engine.at(f"{minute}m")
        three(engine, "70", "130")
        engine.ticks()
    (told,) = engine.notifications
    assert (told.facts.headline, told.facts.details) == ("30 USDT moved from a to b", (RENT,))


def test_what_the_venue_states_takes_nothing_from_a_declared_movement() -> None:
    engine = Engine(ALL, expects=[expect(taker="b")])
    three(engine)
    engine.at("1m")
    three(engine, "70", "130")
    states(engine, transfer("a", "b", "30", "59s"))
    assert set(engine.alert("movements").facts.details) == {RENT, "The venue states it as transfer T1."}


def test_a_movement_that_the_venue_corrects_gives_its_declaration_back() -> None:
    engine = Engine(ALL, expects=[expect(taker="b")])
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.reads("c", USDT="70")
    engine.reads("b", USDT="130")
    states(engine, transfer("c", "b", "30", "59s"))
    assert engine.alert("movements").facts.details == ("The venue states it as transfer T1.",)
    headlines(engine)
    engine.ticks("11m")
    assert headlines(engine)[-1] == "declared movement “rent” did not come: 30 USDT from a to b"


def test_an_alias_is_an_account_like_its_label() -> None:
    engine = Engine(UNMATCHED, expects=[expect(giver="id-a")])
    three(engine)
    assert outflows(engine, "70", range(1, 12)) == []


def test_a_movement_is_told_without_the_zeros_that_the_venue_fills_up_with() -> None:
    engine = Engine(ALL)
    engine.lists("a", "b")
    engine.reads("a", USDT="50000.00000000")
    engine.reads("b", USDT="0.00000000")
    engine.reads("a", USDT="40000.00000000")
    engine.reads("b", USDT="10000.00000000")
    assert headlines(engine) == ["10,000 USDT moved from a to b"]


def test_two_equal_movements_at_one_time_are_both_shown_as_ambiguous() -> None:
    engine = Engine(ALL)
    engine.lists("a", "b", "c", "d")
    for name in "abcd":
        engine.reads(name, USDT="100")
    engine.at("1m")
    for name, amount in {"a": "90", "b": "90", "c": "110", "d": "110"}.items():
        engine.reads(name, USDT=amount)
    assert headlines(engine) == ["10 USDT moved from a or b to c", "10 USDT moved from b or a to d"]
    shown = [alert.facts.headline for alert in engine.world.alerts.values()]
    assert sorted(shown) == ["10 USDT moved from a or b to c or d", "10 USDT moved from b or a to d"]
    states(engine, transfer("b", "c", "10", "59s"), transfer("a", "d", "10", "59s", "T2"))
    shown = [alert.facts.headline for alert in engine.world.alerts.values()]
    assert sorted(shown) == ["10 USDT moved from a to d", "10 USDT moved from b to c"]
    assert headlines(engine) == []


def test_the_same_movement_once_more_is_not_ambiguous() -> None:
    engine = Engine(ALL)
    three(engine)
    for minute, (a, b) in enumerate((("70", "130"), ("40", "160"), ("10", "190")), 1):
        engine.at(f"{minute}m").reads("a", USDT=a)
        engine.reads("b", USDT=b)
    assert headlines(engine) == ["30 USDT moved from a to b"] * 3
    assert [alert.facts.details for alert in engine.world.alerts.values()] == [(), (), ()]


def test_a_history_that_comes_between_the_two_sides_hides_no_movement() -> None:
    engine = Engine(ALL)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    states(engine, transfer("a", "b", "30", "59s"))
    engine.reads("b", USDT="130")
    assert headlines(engine) == ["30 USDT moved from a to b"]
    (match,) = engine.world.matches.values()
    assert match.proof == "T1"
    engine.ticks("30m")
    assert headlines(engine) == []


def test_a_history_that_comes_between_says_which_of_two_equal_ones_it_was() -> None:
    engine = Engine(ALL)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    engine.reads("c", USDT="70")
    states(engine, transfer("c", "b", "30", "59s"))
    engine.reads("b", USDT="130")
    assert headlines(engine) == ["30 USDT moved from c to b"]


CHAIN = "30 USDT moved from b to a and on to c"
BOTH = (transfer("b", "a", "30", "57s"), transfer("a", "c", "30", "58s", "T2"))


def passed_on(engine: Engine, *minutes: int) -> None:
    """What left b is in c; of a nothing is to be seen."""
    for minute in minutes:
        engine.at(f"{minute}m")
        three(engine, "100", "70", "130")
        engine.ticks()


def test_what_was_passed_on_between_two_readings_is_the_chain_that_the_venue_states() -> None:
    engine = Engine(ALL)
    three(engine)
    passed_on(engine, 1)
    assert headlines(engine) == ["30 USDT moved from b to c"]
    states(engine, *BOTH)
    told = engine.alert("movements").facts
    assert (told.headline, told.details) == (CHAIN, ("The venue states it as transfers T1 and T2.",))
    passed_on(engine, *range(2, 9))
    assert headlines(engine) == []


@pytest.mark.parametrize("after", ["a", "b"])
def test_a_chain_that_is_stated_before_its_end_is_read_is_told_as_one(after: str) -> None:
    engine = Engine(ALL)
    three(engine)
    engine.at("1m").reads("a", USDT="100")
    if after == "a":
        states(engine, *BOTH)
    engine.reads("b", USDT="70")
    if after == "b":
        states(engine, *BOTH)
    engine.reads("c", USDT="130")
    assert headlines(engine) == [CHAIN]
    passed_on(engine, *range(2, 9))
    assert headlines(engine) == []


def test_the_rest_of_a_chain_is_asked_for_when_its_first_part_is_stated() -> None:
    engine = Engine(ALL)
    three(engine)
    passed_on(engine, 1)
    states(engine, BOTH[0])
    assert [one.accounts for one in engine.outcome.histories] == [(1, 2, 3)]
    states(engine, BOTH[1])
    assert engine.alert("movements").facts.headline == CHAIN


def test_a_chain_may_go_by_a_master_that_is_not_read() -> None:
    engine = Engine(ALL)
    three(engine)
    passed_on(engine, 1)
    by = [replace(BOTH[0], taker=MASTER_IDENTITY), replace(BOTH[1], giver=MASTER_IDENTITY)]
    states(engine, *by)
    assert engine.alert("movements").facts.headline == "30 USDT moved from b to master and on to c"


def test_transfers_in_the_wrong_order_or_of_another_amount_are_no_chain() -> None:
    backwards = (transfer("b", "a", "30", "58s"), transfer("a", "c", "30", "57s", "T2"))
    short = (BOTH[0], transfer("a", "c", "29", "58s", "T2"))
    for some in (backwards, short, (BOTH[1],)):
        engine = Engine(ALL)
        three(engine)
        passed_on(engine, 1)
        states(engine, *some)
        assert engine.alert("movements").facts.headline == "30 USDT moved from b to c"


def test_each_part_of_a_chain_that_was_seen_is_a_movement_of_its_own() -> None:
    engine = Engine(ALL)
    three(engine)
    engine.at("1m")
    three(engine, "130", "70", "100")
    engine.at("2m")
    three(engine, "100", "70", "130")
    states(engine, transfer("b", "a", "30", "58s"), transfer("a", "c", "30", "118s", "T2"))
    shown = sorted(alert.facts.headline for alert in engine.world.alerts.values())
    assert shown == ["30 USDT moved from a to c", "30 USDT moved from b to a"]


def test_a_chain_uses_what_states_it_once() -> None:
    engine = Engine(ALL)
    engine.lists("a", "b", "c", "d", "e")
    for name in "abcde":
        engine.reads(name, USDT="100")
    engine.at("1m")
    for name, amount in {"b": "70", "c": "130", "d": "70", "e": "130"}.items():
        engine.reads(name, USDT=amount)
    states(engine, *BOTH)
    shown = sorted(alert.facts.headline for alert in engine.world.alerts.values())
    assert shown[0] == CHAIN
    assert len(shown) == 2
    assert "and on" not in shown[1]


def test_two_stated_movements_out_of_one_account_are_told_as_their_sum() -> None:
    engine = Engine(ALL)
    three(engine)
    engine.at("1m").reads("a", USDT="70")
    states(engine, transfer("a", "b", "10", "58s"), transfer("a", "c", "20", "59s", "T2"))
    engine.reads("b", USDT="110")
    engine.reads("c", USDT="120")
    engine.ticks("10m")
    assert headlines(engine) == ["30 USDT moved from a to b and c"]


def test_a_statement_may_name_an_account_whose_id_is_known_otherwise() -> None:
    settings = okx(read=("funding", "master"), wallets=("funding",))
    engine = Engine(
        reconciled("movements", within="3m", tell="all", account=["*", "master"]), exchanges=[settings]
    )
    listed = [Identity(venue_id="7", name="deskmm1"), Identity(venue_id="8", name="deskmm2")]
    engine.lists(*listed)
    for one in listed:
        engine.reads(one, "funding", USDT="100")
    engine.reads(MASTER_IDENTITY, "funding", USDT="100")
    engine.at("1m")
    for one in listed:
        engine.reads(one, "funding", USDT="60")
    engine.reads(MASTER_IDENTITY, "funding", USDT="140")
    moved = Transfer(
        "T1",
        MovementKind.INTERNAL,
        "USDT",
        "40",
        T0_MS + ms("59s"),
        Identity(name="deskmm2"),
        MASTER_IDENTITY,
    )
    states(engine, moved)
    assert [alert.facts.headline for alert in engine.world.alerts.values()] == [
        "40 USDT moved from deskmm2 to master"
    ]
