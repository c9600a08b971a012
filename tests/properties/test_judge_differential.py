"""The judge against a naive evaluator that asks every rule about every asset of every account at every reading."""

from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.ruleset import Rule
from tests.engine import FIELDS, Engine, high, low

ACCOUNTS = ("mm-1@x", "mm-2@x", "arb@x")
ASSETS = ("USDT", "BTC", "ETH")
PATTERNS = st.sampled_from(["*", "mm-*", "mm-1@x", "arb@x", "MM-2@*"])
ASSET_PATTERNS = st.sampled_from(["*", "USDT", "usdt", "B*", "ETH"])
LIMITS = st.sampled_from(["10", "100", "1000"])
AMOUNTS = st.sampled_from(["0", "9.99", "10", "50", "100", "100.01", "5000"])


@st.composite
def rules(draw: st.DrawFn) -> tuple[Rule, ...]:
    made = []
    for place in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from([low, high]))
        field = draw(st.sampled_from(["free", "locked", "total"]))
        where: dict[str, Any] = {"account": draw(PATTERNS), "asset": draw(ASSET_PATTERNS)}
        made.append(kind(f"r{place}", draw(LIMITS), field=field, confirm=1, **where))
    return tuple(made)


READINGS = st.lists(
    st.tuples(
        st.sampled_from(ACCOUNTS),
        st.dictionaries(st.sampled_from(ASSETS), st.tuples(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS), max_size=3),
    ),
    max_size=20,
)


class Naive:
    """Balances as last read, and the verdict of each rule by the plain sentence of the design."""

    def __init__(self, given_rules: tuple[Rule, ...]) -> None:
        self.rules = given_rules
        self.held: dict[str, dict[str, tuple[str, ...]]] = {}
        self.firing: set[tuple[str, str, str]] = set()

    def reads(self, account: str, rows: dict[str, tuple[str, ...]]) -> None:
        known = self.held.setdefault(account, {})
        for asset in known:
            known[asset] = ("0",) * len(FIELDS)
        known.update(rows)
        for rule in self.rules:
            for asset in ASSETS:
                self._judge(rule, account, asset, known.get(asset))

    def _judge(self, rule: Rule, account: str, asset: str, row: tuple[str, ...] | None) -> None:
        pattern = str(rule.asset).casefold()
        if not fnmatchcase(account.casefold(), str(rule.account).casefold()):
            return
        if not fnmatchcase(asset.casefold(), pattern) or (row is None and "*" in pattern):
            return
        spec: Any = rule.spec
        amounts = [Decimal(text) for text in row] if row else [Decimal(0)] * len(FIELDS)
        value = sum(amounts) if spec.field == "total" else amounts[FIELDS.index(spec.field)]
        limit = spec.tiers[0].threshold
        broken = value < limit if rule.type == "low_balance" else value > limit
        (self.firing.add if broken else self.firing.discard)((rule.name, account, asset))


@settings(max_examples=400)
@given(rules(), READINGS)
def test_the_judge_agrees_with_the_naive_evaluator(
    given_rules: tuple[Rule, ...], readings: list[tuple[str, dict[str, tuple[str, ...]]]]
) -> None:
    engine, naive = Engine(*given_rules), Naive(given_rules)
    for account, rows in readings:
        engine.reads(account, rows=dict(rows))
        naive.reads(account, rows)
        judged = {(a.rule, a.facts.label, a.facts.asset) for a in engine.world.alerts.values()}
        assert judged == naive.firing
