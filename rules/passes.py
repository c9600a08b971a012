"""The end of a pass over balances (Bitget): what it did not name is judged here, and only here (law 3)."""

from __future__ import annotations

from rules import accounts, allows, baseline, health, presence, staleness
from rules.changed import replace
from rules.figures import Arrival
from rules.holdings import zeroed
from rules.model import Identity, Pass, Severity
from rules.outcome import Recheck
from rules.plan import is_read, plan_of
from rules.readings import judge_assets
from rules.reconciling import follow
from rules.records import Account, Holding
from rules.ruleset import ExchangeSettings
from rules.sources import primary
from rules.step import Step


def judge_pass(step: Step, done: Pass) -> None:
    """Take the end of a pass in. An incomplete one judges nothing."""
    settings = step.exchange(done.exchange)
    if settings is None or step.state(done.exchange).stopped:
        return
    if not done.complete:
        step.note("pass.incomplete", done.exchange, done.reason)
        return
    health.succeeded(step, done.exchange, done.began_ms, done.ended_ms)
    allows.forget_expired(step)
    state = step.state(done.exchange)
    step.world.exchanges[done.exchange] = replace(state, passes=state.passes + 1)
    _announce(step, done, first=state.passes == 0)
    seen = {account.key: assets for account, assets in _seen(step, done)}
    for account in step.accounts_of(done.exchange):
        if account.master or not account.present:
            continue
        if account.key in seen:
            _rest_of(step, settings, account, done, seen[account.key])
        else:
            _absent(step, settings, account, done)
    if state.passes == 0:
        step.world.index.judge_anew()  # from here on sums are known: each is judged at its next reading


def _seen(step: Step, done: Pass) -> list[tuple[Account, frozenset[str]]]:
    found = []
    for venue_id, assets in done.seen.items():
        account = accounts.find(step.world, done.exchange, Identity(venue_id=venue_id))
        if account is not None:
            found.append((account, assets))
    return found


def _announce(step: Step, done: Pass, *, first: bool) -> None:
    """New accounts wait for a listing to name them where there is one; else the pass itself is the proof."""
    listed = primary(step.state(done.exchange).listings) is not None
    for account in step.accounts_of(done.exchange):
        if account.master or account.announced:
            continue
        if first:
            step.world.put_account(replace(account, announced=True))
        elif listed:
            step.outcome.relist(done.exchange)
        else:
            presence.appear(step, account)


def _rest_of(
    step: Step, settings: ExchangeSettings, account: Account, done: Pass, named: frozenset[str]
) -> None:
    """The coins that the account's rows did not name are held no more."""
    if not is_read(step, account):
        return
    holding = step.world.holdings.get((account.key, done.wallet))
    if holding is None:
        return
    _judge_whole(step, settings, account, done, frozenset(holding.rows) - named)


def _absent(step: Step, settings: ExchangeSettings, account: Account, done: Pass) -> None:
    """An account that the pass lacks reads zero after `confirm` of them, unless the list says that it is gone."""
    counted = replace(
        account,
        absent_passes=min(account.absent_passes + 1, settings.confirm),
        absent_since_ms=account.absent_since_ms if account.absent_passes else done.began_ms,
    )
    if counted != account:
        step.world.put_account(counted)
    account = presence.absent_from_pass(step, settings, counted)
    if not is_read(step, account):
        return
    if account.absent_passes < settings.confirm:
        _look_again(step, account, done.wallet)
        return
    if not _still_there(step, account, account.absent_since_ms or done.began_ms):
        return
    holding = step.world.holdings.get((account.key, done.wallet))
    if holding is None:
        holding = Holding(done.fields, {}, None, done.began_ms, done.ended_ms)
        step.world.put_holding(account.key, done.wallet, holding)
    _judge_whole(step, settings, account, done, frozenset(holding.rows))


def _still_there(step: Step, account: Account, since: int) -> bool:
    """Where a list speaks, a complete one begun after the first lacking pass must still name the account.

    A list that has told nothing for `stale_after` while the venue answered speaks no more: better "drained or
    unlisted" than silence. An outage of all is no silence of the list.
    """
    state = step.state(account.exchange)
    listings = state.listings
    source = primary(listings)
    if source is None or source not in account.listed_by:
        return True  # there is no list, or it never knew this kind of account
    listing = listings[source]
    if (listing.began_ms or 0) < since:
        step.outcome.relist(account.exchange)
        spoke_ms = max(listing.ended_ms or 0, state.up_since_ms or 0)
        return step.now_ms - spoke_ms >= step.settings.stale_after_ms
    return account.missing == 0


def _look_again(step: Step, account: Account, wallet: str) -> None:
    step.outcome.rechecks.append(
        Recheck(account.exchange, account.key, wallet, Severity.CRITICAL, "presence")
    )
    if primary(step.state(account.exchange).listings) is not None:
        step.outcome.relist(account.exchange)


def _judge_whole(
    step: Step, settings: ExchangeSettings, account: Account, done: Pass, absent: frozenset[str]
) -> None:
    """Judge the assets that the pass proved absent, and all that rules name at the first complete look."""
    pair = (account.key, done.wallet)
    before = step.world.holdings[pair]
    account = health.account_read(step, account)
    began = max(done.began_ms, before.began_ms)  # what the rows of this very pass said stays the newer word
    step.world.put_holding(
        *pair, replace(before, whole_ms=done.ended_ms, ended_ms=done.ended_ms, began_ms=began)
    )
    arrival = Arrival(account, done.wallet, done.began_ms, done.ended_ms, before)
    changed = zeroed(step, arrival, absent, done.ended_ms)
    follow.read(step, settings, plan_of(step, account), arrival, changed, whole=True)
    unnamed = _Unnamed(frozenset(before.rows) - absent)
    judge_assets(step, settings, plan_of(step, account), arrival, changed, named=unnamed, whole=True)
    baseline.was_read(step, settings, *pair)
    staleness.spoke(step, settings, account)


class _Unnamed(frozenset[str]):
    """Every asset but these: a pass speaks of what its rows did not name."""

    def __contains__(self, asset: object) -> bool:
        return not frozenset.__contains__(self, asset)
