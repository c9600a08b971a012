"""How many subjects each rule judges, counted beside the watch in short steps when somebody wants to know."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Final

import structlog

from daemon.engine import Engine
from rules.plan import concerns, is_read, plan_of, subjects, valued_wallets
from rules.records import Account, AlertKey
from rules.step import Step
from rules.types.base import Family

__all__ = ["Matching"]

log = structlog.get_logger(__name__)

STALE_MS: Final = 5 * 60_000
ACCOUNTS_AT_ONCE: Final = 5
PAUSE_SECONDS: Final = 0.01


class Matching:
    """`counts` never waits: it gives what was counted last for the rules in force, and counts anew when that is old."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._counts: Mapping[str, int] = {}
        self._digest = ""
        self._at_ms = 0
        self._counting: asyncio.Task[None] | None = None

    def counts(self) -> Mapping[str, int] | None:
        """Subjects by the key of their rule; None before the first count of these rules."""
        digest = self._engine.world.ruleset.digest
        fresh = self._digest == digest and self._engine.clock() - self._at_ms < STALE_MS
        if not fresh and (self._counting is None or self._counting.done()):
            self._counting = asyncio.create_task(self._count(digest), name="count subjects")
        return self._counts if self._digest == digest and self._at_ms else None

    async def close(self) -> None:
        """Count no more."""
        if self._counting is not None:
            self._counting.cancel()
            await asyncio.gather(self._counting, return_exceptions=True)

    async def _count(self, digest: str) -> None:
        try:
            tally = _Tally()
            for number, key in enumerate(sorted(self._engine.world.accounts)):
                if number % ACCOUNTS_AT_ONCE == 0:
                    await asyncio.sleep(PAUSE_SECONDS)  # readings are judged in between
                if self._engine.world.ruleset.digest != digest:
                    return
                account = self._engine.world.accounts.get(key)
                if account is not None and account.present:
                    tally.look(Step(self._engine.world, self._engine.clock()), account)
            self._counts, self._digest, self._at_ms = tally.counts(), digest, self._engine.clock()
        except Exception:
            # A job boundary: what cannot be counted is shown as not counted.
            log.exception("matching.failed")


class _Tally:
    """Subjects of one account are counted and forgotten; those over several are kept, since they come again."""

    def __init__(self) -> None:
        self._own: Counter[str] = Counter()
        self._shared: set[AlertKey] = set()

    def counts(self) -> dict[str, int]:
        return dict(self._own + Counter(key.rule for key in self._shared))

    def look(self, step: Step, account: Account) -> None:
        """Add what the rules judge of one account now."""
        for rule in step.ruleset.rules:
            if rule.spec.family in _ABOUT_ACCOUNTS and concerns(rule, account):
                self._own[rule.key] += 1
        if not is_read(step, account):
            return
        found = set(_figures(step, account))
        own = {key for key in found if key.subject.account is not None}
        self._own.update(key.rule for key in own)
        self._shared |= found - own


_ABOUT_ACCOUNTS: Final = frozenset({Family.PRESENCE, Family.STATUS, Family.STALE})


def _figures(step: Step, account: Account) -> list[AlertKey]:
    """Every subject with a figure: assets held now or before, and those that a rule names (law 4)."""
    plan, world = plan_of(step, account), step.world
    found: list[AlertKey] = []
    for wallet in sorted(world.index.wallets.get(account.key, ())):
        holding = world.holdings.get((account.key, wallet))
        if holding is None:
            continue
        for asset in holding.rows:
            for rule in plan.for_asset(asset, held=True):
                found += subjects(rule, account, wallet, asset)
        present = {asset.casefold() for asset in holding.rows}
        for folded in plan.literal.keys() - present if holding.whole_ms is not None else ():
            for rule in plan.literal[folded]:
                found += subjects(rule, account, wallet, folded.upper())
    settings = step.exchange(account.exchange)
    if settings is not None and plan.valued:
        wallets = world.index.valued.get(account.key, ()) if account.master else valued_wallets(settings)
        for wallet in wallets:
            for rule in plan.valued:
                found += subjects(rule, account, wallet, getattr(rule.spec, "quote", ""))
    return found
