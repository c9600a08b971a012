"""Laws 6 and 13: after any inputs and restarts the database holds the World, and the log replays it."""

import random
import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.judge import Input, judge
from rules.model import (
    Failure,
    FailureKind,
    Identity,
    ListedAccount,
    Listing,
    Reading,
    Severity,
    Start,
    Tick,
)
from rules.outcome import Transition
from rules.patterns import Patterns
from rules.ruleset import ExchangeSettings, Expect, NotifierSettings, Rule, RulesAccepted, Ruleset
from rules.statements import BookRow, Books, MovementKind, Prices, Transfer, Transfers
from rules.types.balance_change import BalanceChange, Step
from rules.types.composition_shift import CompositionShift
from rules.types.levels import Tier
from rules.types.low_balance import LowBalance
from rules.types.reconciliation import Check, Reconciliation, Tell
from rules.world import World
from state import Entry, Store
from tests.unit.test_state_support import FIELDS, same

BOTH = (
    Rule("moved", "reconciliation", Reconciliation(Check.MOVEMENTS, within_ms=600_000, tell=Tell.ALL)),
    Rule("sum", "reconciliation", Reconciliation(Check.CONSERVATION)),
    Rule("changed", "balance_change", BalanceChange(600_000, drop=Step(Decimal(1))), confirm=1),
)
RECONCILED = {
    "first": BOTH,
    "second": (
        *BOTH[:2],
        Rule("books", "reconciliation", Reconciliation(Check.EXPECTED, max_skew_ms=3_600_000), confirm=1),
        Rule("shifts", "composition_shift", CompositionShift(majors=Patterns(("A", "B"))), confirm=1),
    ),
}
RULESETS = {
    digest: Ruleset(
        exchanges={"okx-main": ExchangeSettings("okx-main", "okx", 60_000, ("funding",), ("funding",))},
        notifiers={"slack": NotifierSettings("slack")},
        rules=(
            Rule("floor", "low_balance", LowBalance((Tier(Decimal(floor), Severity.CRITICAL),)), confirm=1),
            Rule("slow floor", "low_balance", LowBalance((Tier(Decimal(floor)),)), for_ms=1_000),
            *RECONCILED[digest],
        ),
        expects=(
            Expect("rent", "A", Decimal("4.999999999999999999"), 3_000_000, Patterns.of("mm-1@x"), None),
        ),
        sources=(("rules.toml", floor),),
        digest=digest,
    )
    for digest, floor in (("first", "5"), ("second", "0.000000000000000002"))
}


def events(seed: int, count: int) -> list[tuple[int, Input]]:
    """A life of three accounts; hypothesis shrinks its seed and length."""
    chance = random.Random(seed)
    accounts = [Identity(email=f"mm-{i}@x") for i in range(3)]
    found: list[tuple[int, Input]] = [(1_000, RulesAccepted(1_000, RULESETS["first"])), (1_001, Start(1_001))]
    now_ms = 2_000
    for _ in range(count):
        now_ms += chance.choice([1, 400, 30_000, 600_000])
        who = chance.choice(accounts)
        amounts = [
            chance.choice(["0", "4.999999999999999999", "5", "0.000000000000000001"]) for _ in range(4)
        ]
        rows = {
            asset: (amount, "0")
            for asset, amount in zip("ABCD", amounts, strict=True)
            if chance.random() < 0.7
        }
        read = Reading.of("okx-main", who, "funding", now_ms - 50, now_ms, FIELDS, rows)
        giver, taker = chance.choice(accounts), chance.choice([None, *accounts])
        kind = MovementKind.WITHDRAWAL if taker is None else MovementKind.INTERNAL
        ident, amount = str(chance.randrange(40)), chance.choice(amounts)
        stated = Transfer(ident, kind, "A", amount, now_ms - 40, giver, taker)
        history = Transfers(
            "okx-main", "bills", now_ms - 30, now_ms, 0, now_ms, chance.random() < 0.8, (stated,)
        )
        row = BookRow(
            "okx-main", "mm-1@x", chance.choice("ABCD"), amount, now_ms - chance.choice([0, 90_000])
        )
        listed = tuple(ListedAccount(each) for each in accounts if chance.random() < 0.8)
        entry: Input = chance.choice(
            [read] * 6
            + [
                Failure("okx-main", now_ms, FailureKind.TRANSIENT, "502", who, "funding"),
                Failure("okx-main", now_ms, FailureKind.DENIED, "no such account", who, "funding"),
                Listing("okx-main", "list", now_ms - 50, now_ms, chance.random() < 0.7, listed),
                Tick(now_ms),
                Tick(now_ms),
                history,
                Prices("okx-main", now_ms - 9, now_ms, {("A", "USDT"): amount, ("B", "A"): "2"}),
                Books("ledger", now_ms, (row,), chance.choice(["", "", "no such file"])),
                RulesAccepted(now_ms, RULESETS[chance.choice(["first", "second"])]),
            ]
        )
        found.append((now_ms, entry))
    return found


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(1, 9), st.integers(0, 60))
def test_laws_6_and_13_the_world_is_kept_and_replayed(
    seed: int, count: int, size: int, restart_after: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "subtally.db"
        inputs = events(seed, count)
        restart = (inputs[-1][0], Start(inputs[-1][0]))
        lived: list[Transition] = []
        for part in (inputs[:restart_after], [restart, *inputs[restart_after:]]):
            with Store.open(path, migrate=True) as store:
                accepted = store.accepted_rules()
                world = store.load(RULESETS[accepted.digest] if accepted else Ruleset())
                for start in range(0, len(part), size):
                    batch = [
                        Entry(entry, now, judge(world, entry, now))
                        for now, entry in part[start : start + size]
                    ]
                    lived += (step for entry in batch for step in entry.outcome.transitions)
                    store.commit(batch, world)
                    assert same(store.load(world.ruleset), world)
        with Store.open(path, readonly=True) as store:
            replayed, again = World(), []
            for _, now_ms, entry in store.log(RULESETS.__getitem__):
                again += judge(replayed, entry, now_ms).transitions
            ids = {step.alert for step in lived}
            kept = sorted((step for id_ in ids for step in store.transitions(id_)), key=repr)
        assert again == lived
        assert sorted(lived, key=repr) == kept
        assert same(replayed, world)
