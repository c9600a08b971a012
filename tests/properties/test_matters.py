"""How much an account matters, told change by change, is what a look at all that is known of it would say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.matters import CHANGED_FOR, Matters
from rules.model import Reading
from rules.outcome import Outcome
from rules.ruleset import Rule
from rules.step import Step
from rules.urgency import Urgency, assets_of, near, near_in_value, opened_about
from tests.engine import FIELDS, Engine, high, low, okx, who

NAMES, WALLETS, ASSETS = ("a", "b"), ("funding", "trading"), ("USDT", "BTC")
AMOUNTS = ("5", "104", "109", "500", "5000")


def rules(below: int) -> tuple[Rule, ...]:
    """One that opens at once and one that waits, over the sum of the wallets, one of them, and a valuation."""
    return (
        low("floor", below=str(below), confirm=1),
        low("two", below="100", asset="BTC", wallet="trading"),
        high("full", above="5300", asset="*", field="free"),
        low("worth", below=str(below), field="value", quote="USD"),
        low("both", below="150", sum_over=("account",), confirm=1),
    )


class Desk:
    """Two accounts of two wallets each, heard as the poller hears them, and what each wallet told."""

    def __init__(self) -> None:
        self.engine = Engine(*rules(100), exchanges=[okx()])
        self.matters = Matters("x", self.engine.world)
        self.amounts = {(name, wallet): ("500", "500") for name in NAMES for wallet in WALLETS}
        self.read: set[tuple[str, str]] = set()
        self.whole: set[tuple[str, str]] = set()  # read, and valued, since the last edit
        self.valued: set[str] = set()
        self.changed: dict[tuple[str, str], int] = {}

    def reads(self, name: str, wallet: str) -> None:
        rows = {
            asset: (amount, *["0"] * (len(FIELDS) - 1))
            for asset, amount in zip(ASSETS, self.amounts[name, wallet], strict=True)
        }
        outcome = self.engine.reads(name, wallet, rows=rows)
        first = (name, wallet) not in self.read
        self.read.add((name, wallet))
        self._hear(name, wallet, outcome, changed=bool(outcome.changes) and not first)
        self.whole.add((name, wallet))

    def values(self, name: str, worth: str) -> None:
        outcome = self.engine.values(name, "trading", USD=worth)
        self.valued.add(name)
        self._hear(name, "trading", outcome, changed=False)
        self.whole.add((name, "trading"))

    def edits(self, below: int) -> None:
        self.engine.edits(*rules(below))
        self.whole.clear()
        self.valued.clear()

    def _hear(self, name: str, wallet: str, outcome: Outcome, *, changed: bool) -> None:
        reading = self.engine.inputs[-1][0]
        assert isinstance(reading, Reading)
        self.matters.heard(self.key(name), reading, outcome, self.engine.now_ms)
        left = CHANGED_FOR if changed else max(0, self.changed.get((name, wallet), 0) - 1)
        self.changed[name, wallet] = left

    def key(self, name: str) -> int:
        return next(one.key for one in self.engine.world.accounts.values() if one.identity == who(name))

    def expected(self, name: str) -> Urgency:
        """By a look at every asset of every wallet that was read since the last edit."""
        world = self.engine.world
        step, account = Step(world, self.engine.now_ms), world.accounts[self.key(name)]
        own = opened_about(world, account)
        if own is not Urgency.NONE:
            return own
        wallets = [wallet for owner, wallet in self.whole if owner == name]
        assets = {asset for wallet in wallets for asset in assets_of(step, account, wallet)}
        if near(step, account, assets) or (name in self.valued and near_in_value(step, account)):
            return Urgency.NEAR
        return Urgency.CHANGED if any(self.changed.get((name, one)) for one in WALLETS) else Urgency.NONE


names, wallets = st.sampled_from(NAMES), st.sampled_from(WALLETS)
moves = st.one_of(
    st.tuples(st.just("again"), names, wallets),
    st.tuples(st.just("again"), names, wallets),
    st.tuples(st.just("move"), names, wallets, st.sampled_from(ASSETS), st.sampled_from(AMOUNTS)),
    st.tuples(st.just("value"), names, st.sampled_from(AMOUNTS)),
    st.tuples(st.just("edit"), st.sampled_from([100, 104, 480])),
)


@given(st.lists(moves, max_size=30))
def test_what_was_seen_change_by_change_is_what_a_look_at_everything_would_see(
    played: list[tuple[str, ...]],
) -> None:
    desk = Desk()
    for name in NAMES:
        for wallet in WALLETS:
            desk.reads(name, wallet)
    for move in played:
        match move:
            case ("again", name, wallet):
                desk.reads(name, wallet)
            case ("move", name, wallet, asset, amount):
                usdt, btc = desk.amounts[name, wallet]
                desk.amounts[name, wallet] = (amount, btc) if asset == "USDT" else (usdt, amount)
                desk.reads(name, wallet)
            case ("value", name, worth):
                desk.values(name, worth)
            case ("edit", below):
                desk.edits(int(below))
                continue
        name = move[1]
        assert desk.matters.rank(desk.key(name)) is desk.expected(name), move
