"""Laws 2 and 3: who is there. Gone, drained, unlisted, frozen and renamed are five facts."""

from rules.model import Identity
from rules.patterns import Patterns
from tests.engine import Engine, appeared, binance, disappeared, low, okx, status, who

WATCH = (appeared(), disappeared(), status())


def test_a_first_listing_is_the_baseline_and_no_event() -> None:
    engine = Engine(*WATCH)
    engine.lists("a@x", "b@x")
    assert engine.told() == []


def test_an_account_that_a_later_listing_gains_has_appeared() -> None:
    engine = Engine(*WATCH)
    engine.lists("a@x")
    engine.lists("a@x", "b@x")
    engine.lists("a@x", "b@x")
    assert engine.told() == ["event appeared b@x"]
    assert engine.account("b@x").present


def test_a_first_listing_after_a_restart_is_no_baseline() -> None:
    engine = Engine(*WATCH)
    engine.lists("a@x")
    engine.restarts("1h")
    engine.lists("a@x", "b@x")
    assert engine.told() == ["event appeared b@x"]


def test_law_2_gone_needs_two_complete_listings_and_the_denial_of_its_own_call() -> None:
    engine = Engine(*WATCH)
    engine.lists("a@x", "b@x")
    engine.lists("a@x")
    assert engine.rechecks() == ["b@x spot"]
    assert [one.exchange for one in engine.outcome.relists] == ["x"]
    engine.lists("a@x")
    assert engine.told() == []
    engine.denies("b@x")
    assert engine.told() == ["event disappeared b@x"]
    engine.lists("a@x")
    assert engine.told() == []


def test_law_2_the_denial_may_come_before_the_second_listing() -> None:
    engine = Engine(*WATCH)
    engine.lists("a@x", "b@x")
    engine.lists("a@x")
    engine.denies("b@x")
    assert engine.told() == []
    engine.lists("a@x")
    assert engine.told() == ["event disappeared b@x"]


def test_law_2_a_denial_alone_is_no_absence_and_asks_for_a_listing() -> None:
    engine = Engine(*WATCH)
    engine.lists("a@x", "b@x")
    engine.denies("b@x")
    assert engine.told() == []
    assert [one.exchange for one in engine.outcome.relists] == ["x"]


def test_law_2_two_listings_at_once_are_one_look() -> None:
    engine = Engine(*WATCH)
    engine.lists("a@x", "b@x")
    engine.at("60s").lists("a@x")
    engine.at("60500ms").lists("a@x")
    engine.denies("b@x")
    assert engine.told() == []
    engine.at("70s").lists("a@x")
    assert engine.told() == ["event disappeared b@x"]


def test_law_2_an_incomplete_listing_says_of_nobody_that_it_is_gone() -> None:
    engine = Engine(*WATCH)
    engine.lists("a@x", "b@x")
    for _ in range(4):
        engine.lists("a@x", complete=False)
        engine.denies("b@x")
    assert engine.told() == []
    assert engine.account("b@x").present


def test_law_2_an_incomplete_listing_proves_whom_it_names() -> None:
    engine = Engine(*WATCH)
    engine.lists("a@x", "b@x")
    engine.lists("a@x")
    engine.lists("b@x", complete=False)
    engine.lists("a@x")
    engine.denies("b@x")
    assert engine.told() == []


def test_confirm_of_the_exchange_says_how_many_listings() -> None:
    engine = Engine(*WATCH, exchanges=[binance(confirm=3)])
    engine.lists("a@x", "b@x")
    engine.lists("a@x")
    engine.denies("b@x")
    engine.lists("a@x")
    assert engine.told() == []
    engine.lists("a@x")
    assert engine.told() == ["event disappeared b@x"]


def test_law_3_missing_from_the_list_while_its_own_call_answers_is_unlisted() -> None:
    engine = Engine(*WATCH)
    engine.lists("a@x", "b@x")
    engine.lists("a@x")
    engine.reads("b@x", USDT="5")
    engine.lists("a@x")
    assert engine.told() == ["event status b@x"]
    assert "no longer listed" in engine.notifications[-1].facts.headline
    engine.lists("a@x")
    assert engine.told() == []
    assert engine.outcome.relists == []


def test_an_unlisted_account_that_is_denied_later_is_gone() -> None:
    engine = Engine(*WATCH)
    engine.lists("a@x", "b@x")
    engine.lists("a@x")
    engine.reads("b@x", USDT="5")
    engine.lists("a@x")
    engine.told()
    engine.after("1h").denies("b@x")
    assert engine.told() == ["event disappeared b@x"]


def test_an_empty_list_with_200_makes_nobody_vanish_and_floods_nobody() -> None:
    names = [f"s{number}@x" for number in range(300)]
    engine = Engine(*WATCH)
    engine.lists(*names)
    engine.lists()
    assert len(engine.outcome.rechecks) == 300
    for name in names:
        engine.reads(name, USDT="5")
    engine.lists()
    engine.lists()
    assert engine.told() == []
    assert engine.outcome.relists == []
    assert engine.outcome.rechecks == []


def test_after_an_empty_list_one_account_that_is_really_gone_is_told() -> None:
    engine = Engine(*WATCH)
    engine.lists("a@x", "b@x")
    engine.lists()
    engine.reads("a@x", USDT="5")
    engine.denies("b@x")
    engine.lists()
    assert engine.told() == ["event disappeared b@x"]


def test_a_gone_account_closes_what_was_open_about_it() -> None:
    engine = Engine(low("floor", "100"), *WATCH)
    engine.lists("a@x", "b@x")
    engine.reads("b@x", USDT="5")
    engine.reads("b@x", USDT="5")
    engine.lists("a@x")
    engine.denies("b@x")
    engine.lists("a@x")
    assert engine.told() == ["firing floor b@x USDT 5", "closed floor b@x USDT 5", "event disappeared b@x"]


def test_an_account_that_comes_back_appears_again() -> None:
    engine = Engine(*WATCH)
    engine.lists("a@x", "b@x")
    engine.lists("a@x")
    engine.denies("b@x")
    engine.lists("a@x")
    engine.told()
    engine.lists("a@x", "b@x")
    assert engine.told() == ["event appeared b@x"]
    assert engine.notifications[-1].facts.headline == "appeared again: it was gone before"
    engine.lists("a@x", "b@x", "c@x")
    assert engine.told() == ["event appeared c@x"]
    assert engine.notifications[-1].facts.headline == "appeared: a new sub-account"


def test_a_stable_id_learned_late_is_adopted_and_is_no_event() -> None:
    engine = Engine(*WATCH)
    engine.lists(Identity(email="a@x"))
    engine.reads(Identity(email="a@x"), USDT="5")
    engine.lists(who("a@x"))
    engine.lists(who("a@x"))
    assert engine.told() == []
    assert len(engine.world.accounts) == 1


def test_an_email_reused_by_another_id_is_another_account() -> None:
    engine = Engine(*WATCH)
    engine.lists(Identity("1", "a@x"), Identity("9", "z@x"))
    engine.lists(Identity("2", "a@x"), Identity("9", "z@x"))
    assert engine.told() == ["event appeared a@x"]
    engine.reads(Identity("1", "a@x"), USDT="5")  # the venue answers for the new owner of the name
    assert engine.outcome.changes == []
    engine.lists(Identity("2", "a@x"), Identity("9", "z@x"))
    assert engine.told() == ["event disappeared a@x"]
    assert [one.present for one in engine.world.accounts.values()] == [False, True, True]


def test_a_sub_account_called_master_is_not_the_master() -> None:
    engine = Engine(
        low("floor", "100", account="mm-*", confirm=1), exchanges=[okx(read=("funding", "master"))]
    )
    engine.reads("master", "funding", USDT="5")
    engine.lists(Identity("7", name="master"))
    assert [one.master for one in engine.world.accounts.values()] == [True, False]


def test_an_email_changed_under_the_same_id_is_a_rename_that_names_the_rules_that_match_no_more() -> None:
    engine = Engine(low("floor", "100", account="mm-*"), status())
    engine.lists(Identity("1", "mm-1@x"))
    engine.reads(Identity("1", "mm-1@x"), USDT="5")
    engine.reads(Identity("1", "mm-1@x"), USDT="5")
    engine.lists(Identity("1", "arb@x"))
    assert engine.told() == ["firing floor mm-1@x USDT 5", "event status arb@x"]
    facts = engine.notifications[-1].facts
    assert "mm-1@x" in facts.headline
    assert "“floor”" in facts.details[0]
    engine.reads(Identity("1", "arb@x"), USDT="5")
    assert engine.told() == ["closed floor mm-1@x USDT 5"]


def test_an_endpoint_that_knows_only_the_new_email_makes_no_second_account_of_a_renamed_one() -> None:
    """Binance's summary may tell of the new e-mail before the list tells whose it is."""
    poor = low("poor", "1", field="value", wallet="spot", quote="BTC", confirm=1)
    engine = Engine(poor, *WATCH, exchanges=[binance(read=("assets", "summary"))])
    engine.lists(Identity("1", "old@x"))
    engine.values(Identity(email="old@x"), BTC="5")
    engine.values(Identity(email="new@x"), BTC="0.5")
    assert engine.told() == ["firing poor new@x BTC 0.5"]
    engine.lists(Identity("1", "new@x"))
    assert engine.told() == ["closed poor new@x BTC 0.5", "event status new@x"]
    assert [one.label for one in engine.world.accounts.values() if one.present] == ["new@x"]
    engine.restarts("1m")
    engine.values(Identity(email="new@x"), BTC="0.4")
    assert engine.told() == ["firing poor new@x BTC 0.4"]
    assert [key.subject.account for key in engine.world.alerts if key.rule.startswith("poor")] == [1]


def test_a_reading_asked_for_under_the_old_name_renames_nobody_back() -> None:
    engine = Engine(status())
    engine.lists(Identity("1", "old@x"))
    engine.lists(Identity("1", "new@x"))
    engine.reads(Identity("1", "old@x"), USDT="5")
    engine.lists(Identity("1", "new@x"))
    assert engine.told() == ["event status new@x"]


def test_a_freeze_is_told_after_two_listings_once() -> None:
    engine = Engine(status())
    engine.lists("a@x", "b@x", frozen=["b@x"])
    assert engine.told() == []
    engine.lists("a@x", "b@x", frozen=["a@x", "b@x"])
    assert engine.told() == []
    assert [one.exchange for one in engine.outcome.relists] == ["x"]
    for _ in range(3):
        engine.lists("a@x", "b@x", frozen=["a@x", "b@x"])
    assert engine.told() == ["event status a@x"]
    assert "frozen" in engine.notifications[-1].facts.headline


def test_status_rules_tell_only_what_on_names() -> None:
    engine = Engine(status(on=["renamed"]))
    engine.lists("a@x")
    engine.lists("a@x", frozen=["a@x"])
    engine.lists("a@x", frozen=["a@x"])
    assert engine.told() == []


DRAINED = status("drained", on=["drained"])


def test_an_account_that_held_something_and_holds_nothing_was_drained_once() -> None:
    engine = Engine(DRAINED)
    engine.lists("a@x")
    engine.reads("a@x", USDT="5", BTC="1")
    engine.reads("a@x", USDT="0")
    assert engine.rechecks() == ["a@x spot"]
    assert engine.told() == []
    for _ in range(3):
        engine.reads("a@x", USDT="0")
    assert engine.told() == ["event drained a@x"]
    engine.reads("a@x", USDT="7")
    engine.reads("a@x")
    engine.reads("a@x")
    assert engine.told() == ["event drained a@x"]


def test_a_drain_that_the_next_reading_denies_tells_nobody() -> None:
    engine = Engine(DRAINED)
    engine.reads("a@x", USDT="5")
    engine.reads("a@x")
    engine.reads("a@x", USDT="5")
    assert engine.told() == []
    engine.reads("a@x")
    engine.reads("a@x")
    assert engine.told() == ["event drained a@x"]


def test_two_rules_of_different_confirm_tell_of_one_drain_once_each() -> None:
    engine = Engine(status("fast", on=["drained"], confirm=1), status("slow", on=["drained"], confirm=3))
    engine.reads("a@x", USDT="5")
    for _ in range(5):
        engine.reads("a@x")
    assert engine.told() == ["event fast a@x", "event slow a@x"]


def test_what_is_frozen_or_unknown_is_not_drained() -> None:
    engine = Engine(DRAINED)
    engine.reads("a@x", USDT="5")
    for _ in range(3):
        engine.reads("a@x", rows={"USDT": ("0", "0", "5", "0")})
    for _ in range(3):
        engine.reads("a@x", rows={"USDT": ("0", "", "0", "0")})
    assert engine.told() == []


def test_an_account_that_was_empty_from_the_start_is_not_drained() -> None:
    engine = Engine(DRAINED)
    for _ in range(3):
        engine.reads("a@x")
    assert engine.told() == []


def test_an_account_that_accounts_leaves_out_is_not_judged_but_its_presence_is() -> None:
    engine = Engine(
        low("floor", "100", confirm=1), *WATCH, exchanges=[binance(accounts=Patterns.of(["*", "!test-*"]))]
    )
    engine.lists("a@x", "test-1@x")
    engine.reads("test-1@x", USDT="5")
    assert engine.told() == []
    engine.lists("a@x", "test-1@x", "test-2@x")
    engine.lists("a@x", "test-2@x")
    engine.denies("test-1@x")
    engine.lists("a@x", "test-2@x")
    assert engine.told() == ["event appeared test-2@x", "event disappeared test-1@x"]


def test_a_listing_that_changes_nothing_touches_no_account() -> None:
    engine = Engine(*WATCH)
    engine.lists("a@x", "b@x", frozen=["b@x"])
    engine.forget_touched()
    engine.lists("a@x", "b@x", frozen=["b@x"])
    assert not engine.world.accounts.touched


def test_a_difference_between_two_endpoints_is_reported_and_makes_nobody_vanish() -> None:
    engine = Engine(*WATCH)
    engine.lists("a@x", "b@x")
    engine.lists("a@x", source="summary", tells_frozen=False)
    engine.lists("a@x", source="summary", tells_frozen=False)
    assert engine.told() == []
    assert [note.event for note in engine.outcome.notes] == ["listing.difference"]
