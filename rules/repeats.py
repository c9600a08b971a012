"""Readings that say what the last one said, of an account about which nothing is under way: only their times are news.

A sweep consists of little else. What `judge` would do with such a reading is known beforehand, so that the shell may
take it in here, without a judgement, and log a run of them as one record. A replay judges each of them, and comes
to the same World: that is what the differential test holds this file to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rules.accounts import find
from rules.allows import NEVER_MS
from rules.changed import replace
from rules.health import STORED_EVERY_MS
from rules.model import Contents, Covers, Reading
from rules.plan import AccountPlan
from rules.reconciling.tracking import tracking_of
from rules.records import Account, Holding
from rules.rows import Revised
from rules.step import Step
from rules.world import World


@dataclass(slots=True)
class Repeats:
    """A run of such readings, one right after the other: nothing else is judged between them.

    That is why the exchange is looked at once: for readings that end from `since_ms` on and before `until_ms`, and
    are taken in before `now_until_ms`, it is as it was.

    `taken` holds four of each: its contents, when it began and ended, and when it was taken in. One list of them all
    is written and read in the least time.
    """

    taken: list[Any] = field(default_factory=list)
    exchange: str = ""
    since_ms: int = 0
    until_ms: int = 0
    now_until_ms: int = 0

    def __len__(self) -> int:
        return len(self.taken) // 4

    @property
    def contents(self) -> list[Contents]:
        """What was told again."""
        return self.taken[::4]

    @property
    def began_ms(self) -> list[int]:
        return self.taken[1::4]

    @property
    def ended_ms(self) -> list[int]:
        return self.taken[2::4]

    @property
    def now_ms(self) -> list[int]:
        """When each was taken in."""
        return self.taken[3::4]


def expect(step: Step, plan: AccountPlan, account: Account, reading: Reading) -> None:
    """After a judgement: where the same contents told again would move nothing, remember them."""
    contents = reading.contents
    if contents.values is not None or contents.covers is not Covers.ALL or not contents.fields:
        return
    world, place = step.world, (account.key, contents.wallet)
    holding, index = world.holdings.get(place), world.index
    if holding is None or holding.source is not contents or place not in index.judged:
        return
    if plan.rated or plan.reconciled or plan.composed or _is_in_doubt(world.accounts[account.key]):
        return
    opened = index.open_of
    name = contents.exchange
    if opened and ((name, account.key) in opened or (name, None) in opened or ("", None) in opened):
        return
    if contents.owner not in {0, account.key}:
        return  # a run that no commit took yet may hold them as those of another account
    contents.holding, contents.owner, contents.epoch = holding, account.key, index.epoch


def take(world: World, reading: Reading, now_ms: int, run: Repeats) -> bool:
    """Take the reading in where nothing but its times is news, and append it to the run; else nothing happens.

    Each condition stands for a line of `judge_reading` that would do something. The others are held by whoever
    changes what they rest on: where an account, an alert, the rules or a holding changes, nothing is expected of it.
    """
    contents, began_ms, ended_ms = reading
    index = world.index
    holding: Holding | None = contents.holding
    if holding is None or contents.epoch is not index.epoch or began_ms < holding.began_ms:
        return False
    known = (
        contents.exchange == run.exchange
        and run.since_ms <= ended_ms < run.until_ms
        and now_ms < run.now_until_ms
    )
    if not (known or _is_calm(world, reading, now_ms, run)):
        return False
    if ended_ms > run.since_ms:
        index.last_success_ms[run.exchange] = run.since_ms = ended_ms
    holding.began_ms = began_ms
    holding.ended_ms = holding.whole_ms = ended_ms
    run.taken += (contents, began_ms, ended_ms, now_ms)
    return True


def revised(step: Step, reading: Reading) -> Contents | None:
    """What was told last, where nothing but some rows of it and its times is news; else None.

    Then `judge_reading` has no more to do than to put the rows in and to look at what is judged by them: as in `take`,
    each condition stands for a line that would do something else.
    """
    contents, world = reading.contents, step.world
    last = _last_of(step, contents)
    if last is None or reading.began_ms < last.holding.began_ms or not _is_of(last, contents):
        return None
    state = world.exchanges.get(last.exchange)
    if state is None or state.baseline is not None or state.stopped:
        return None
    if world.ruleset.allows and step.now_ms >= world.index.allows_until_ms:
        return None
    return None if tracking_of(step, last.exchange) is not None else last


def _last_of(step: Step, contents: Contents) -> Contents | None:
    """What is expected again of the wallet whose rows were revised to these."""
    world, rows = step.world, contents.rows
    if not isinstance(rows, Revised):
        return None
    account = find(world, contents.exchange, contents.account)
    holding = None if account is None else world.holdings.get((account.key, contents.wallet))
    if holding is None or holding.source is None or holding.rows is not rows.of:
        return None
    last = holding.source
    return last if last.holding is not None and last.epoch is world.index.epoch else None


def _is_of(last: Contents, contents: Contents) -> bool:
    """Whether these are the next contents of the very same wallet, and of quantities alone."""
    return (
        (last.account is contents.account or last.account == contents.account)
        and last.exchange == contents.exchange
        and last.wallet == contents.wallet
        and last.fields == contents.fields
        and contents.covers is Covers.ALL
        and contents.values is None
    )


def _is_calm(world: World, reading: Reading, now_ms: int, run: Repeats) -> bool:
    """Whether the reading says nothing of its exchange but the time of a success; until when that holds."""
    index, state = world.index, world.exchanges.get(reading.exchange)
    last_ms, ended_ms = index.last_success_ms.get(reading.exchange), reading.ended_ms
    if state is None or state.last_success_ms is None or last_ms is None:
        return False
    if state.baseline is not None or state.stopped or state.trouble or state.banned_until_ms is not None:
        return False
    if not -STORED_EVERY_MS < ended_ms - last_ms < STORED_EVERY_MS:
        return False
    now_until_ms = index.allows_until_ms if world.ruleset.allows else NEVER_MS
    if now_ms >= now_until_ms:
        return False
    latest_ms, stored_ms = max(ended_ms, last_ms), state.last_success_ms
    if not 0 <= latest_ms - stored_ms < STORED_EVERY_MS:
        world.exchanges[state.name] = replace(state, last_success_ms=latest_ms)
        stored_ms = latest_ms
    run.exchange, run.since_ms, run.until_ms = reading.exchange, last_ms, stored_ms + STORED_EVERY_MS
    run.now_until_ms = now_until_ms
    return True


def _is_in_doubt(account: Account) -> bool:
    """Whether even an unchanged reading may tell something of the account."""
    return (
        not account.present
        or account.emptied_ms is not None
        or account.failing_since_ms is not None
        or account.denied_ms is not None
        or bool(account.missing or account.absent_passes)
    )
