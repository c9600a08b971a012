"""Who is there: complete listings gain and lose accounts, and the account's own call has the last word (laws 2, 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rules import accounts, events, health, status
from rules.lifecycle import end
from rules.model import Failure, Identity, ListedAccount, Listing, Reading, Severity
from rules.outcome import Recheck
from rules.plan import concerns
from rules.ruleset import ExchangeSettings
from rules.step import Step
from rules.types.base import Family
from rules.types.presence import Presence
from rules.world import Account, ListingState

APART_MS = 1_900
"""Listings closer together than this are one look: the venue may serve both from one cache."""

PRIMARY = ("list", "virtual", "summary")
"""Which endpoint judges presence, where several list: the one that lists identities comes first."""


def primary(listings: Mapping[str, ListingState]) -> str | None:
    """The source that judges presence on an exchange; None before any complete listing."""
    complete = [name for name in PRIMARY if name in listings and listings[name].ended_ms is not None]
    return complete[0] if complete else None


def judge_listing(step: Step, listing: Listing) -> None:
    """Take a listing in. An incomplete one proves whom it names and judges nobody else."""
    settings = step.exchange(listing.exchange)
    if settings is None or step.state(listing.exchange).stopped:
        return
    health.succeeded(step, listing.exchange, listing.ended_ms)
    state = step.state(listing.exchange)
    before = state.listings.get(listing.source, ListingState(listing.source))
    first = before.ended_ms is None
    if not listing.complete:
        kept = replace(before, incomplete_reason=listing.reason or "incomplete")
        step.world.exchanges[listing.exchange] = replace(
            state, listings={**state.listings, listing.source: kept}
        )
        step.note("listing.incomplete", listing.exchange, f"{listing.source}: {kept.incomplete_reason}")
        _take_in_rows(step, listing, complete=False)
        return
    kept = ListingState(listing.source, listing.ended_ms, listing.began_ms, len(listing.accounts))
    state = replace(state, listings={**state.listings, listing.source: kept})
    step.world.exchanges[listing.exchange] = state
    named = _take_in_rows(step, listing, complete=True)
    if primary(state.listings) == listing.source:
        _appear(step, listing, named, first=first)
        _miss(step, settings, listing, named)
    else:
        _differ(step, listing, named)


def answered(step: Step, settings: ExchangeSettings, account: Account, reading: Reading) -> Account:
    """A reading of an account proves that it exists."""
    if account.master:
        return account
    if reading.fields:
        account = replace(account, answered_ms=reading.began_ms, absent_passes=0, absent_since_ms=None)
    if account.missing and account.answered_ms is not None:
        account = _settle_missing(step, settings, account)
    step.world.put_account(account)
    return account


def denied(step: Step, failure: Failure) -> None:
    """The account's own call says that it does not exist: absence may now be believed."""
    settings = step.exchange(failure.exchange)
    account = accounts.find(step, failure.exchange, failure.account) if failure.account else None
    if settings is None or account is None or account.master:
        return
    account = replace(account, denied_ms=failure.at_ms)
    if account.missing:
        account = _settle_missing(step, settings, account)
    elif account.present:
        step.outcome.relist(failure.exchange)
    step.world.put_account(account)


def appear(step: Step, account: Account) -> Account:
    """Tell that an account was gained."""
    account = replace(account, announced=True)
    step.world.put_account(account)
    for rule in step.ruleset.rules:
        if rule.spec.family is Family.PRESENCE and _is(rule.spec, appeared=True) and concerns(rule, account):
            events.tell(step, rule, account, "appeared", "appeared: a new sub-account")
    return account


def lose(step: Step, account: Account) -> Account:
    """Tell that an account is gone, and close what was open about it: it can no longer be judged."""
    account = replace(account, present=False, missing=0, missing_since_ms=None, unlisted=False)
    step.world.put_account(account)
    step.outcome.accounts_changed.add(account.exchange)
    for key in sorted(step.world.index.open_of.get((account.exchange, account.key), ())):
        alert = step.world.alerts[key]
        if not key.subject.event:
            end(step, None, alert, "the account is gone", alert.facts, closed=True)
    for rule in step.ruleset.rules:
        if rule.spec.family is Family.PRESENCE and _is(rule.spec, appeared=False) and concerns(rule, account):
            events.tell(
                step, rule, account, "disappeared", "disappeared: the venue no longer knows this sub-account"
            )
    return account


def _take_in_rows(step: Step, listing: Listing, *, complete: bool) -> set[int]:
    named: set[int] = set()
    for row in listing.accounts:
        account = _known_row(step, listing, row)
        if complete:
            account = (
                replace(account, missing=0, missing_since_ms=None, missing_ms=None, unlisted=False)
                if (listing.source == primary(step.state(listing.exchange).listings))
                else account
            )
            account = status.frozen(step, account, row.frozen)
        step.world.put_account(account)
        named.add(account.key)
    return named


def _known_row(step: Step, listing: Listing, row: ListedAccount) -> Account:
    found = accounts.find(step, listing.exchange, row.identity)
    before = None if found is None else found.identity
    account = accounts.ensure(step, listing.exchange, row.identity)
    if before is not None and _is_rename(before, row.identity):
        status.renamed(step, account, before)
    return account


def _is_rename(before: Identity, said: Identity) -> bool:
    if not before.venue_id or before.venue_id != said.venue_id:
        return False
    pairs = ((before.email, said.email), (before.name, said.name))
    return any(old and new and old != new for old, new in pairs)


def _appear(step: Step, listing: Listing, named: set[int], *, first: bool) -> None:
    """Accounts of a first complete listing are the baseline; later new ones are events."""
    source = frozenset({listing.source})
    for account in step.accounts_of(listing.exchange):
        if account.master or (account.announced and account.present):
            if account.key in named and listing.source not in account.listed_by:
                step.world.put_account(replace(account, listed_by=account.listed_by | source))
            continue
        here = account.key in named
        if not here and (
            account.present is False or listing.began_ms < account.first_seen_ms or account.listed_by
        ):
            continue
        if not here and step.exchange(listing.exchange) is not None and _own_call(step, listing.exchange):
            continue  # named by another endpoint only: a difference, told as such
        account = replace(
            account, present=True, listed_by=account.listed_by | source if here else account.listed_by
        )
        step.outcome.accounts_changed.add(listing.exchange)
        if first:
            step.world.put_account(replace(account, announced=True))
        else:
            appear(step, account)


def _own_call(step: Step, exchange: str) -> bool:
    settings = step.exchange(exchange)
    return settings is not None and settings.own_call


def _miss(step: Step, settings: ExchangeSettings, listing: Listing, named: set[int]) -> None:
    """Count the accounts that this listing lacks, ask them themselves, and believe it after `confirm`."""
    for account in step.accounts_of(listing.exchange):
        if (
            account.master
            or not account.present
            or account.key in named
            or listing.source not in account.listed_by
        ):
            continue
        if account.missing_ms is not None and listing.began_ms < account.missing_ms + APART_MS:
            if not account.unlisted:
                step.outcome.relist(listing.exchange)
            continue
        account = replace(
            account,
            missing=account.missing + 1,
            missing_since_ms=account.missing_since_ms if account.missing else listing.began_ms,
            missing_ms=listing.ended_ms,
        )
        account = _settle_missing(step, settings, account)
        step.world.put_account(account)
        if account.present and not account.unlisted:
            step.outcome.relist(listing.exchange)
            _ask_it(step, settings, account)


def _ask_it(step: Step, settings: ExchangeSettings, account: Account) -> None:
    wallet = settings.wallets[0] if settings.wallets else ""
    step.outcome.rechecks.append(
        Recheck(account.exchange, account.key, wallet, Severity.CRITICAL, "presence")
    )


def _settle_missing(step: Step, settings: ExchangeSettings, account: Account) -> Account:
    """Gone, unlisted, or not yet known: what the listings and the account's own word say together."""
    since = account.missing_since_ms
    if since is None or account.missing < settings.confirm or not account.present:
        return account
    denies = account.denied_ms is not None and account.denied_ms >= since
    answers = account.answered_ms is not None and account.answered_ms >= since
    if answers and (not denies or (account.answered_ms or 0) > (account.denied_ms or 0)):
        return _unlist(step, account)
    if denies or (not settings.own_call and _absent_since(account, since)):
        return lose(step, account)
    return account


def _absent_since(account: Account, since: int) -> bool:
    """Whether a complete pass after the first listing without the account lacks it, too."""
    return account.absent_passes > 0 and (account.answered_ms or 0) < since


def _unlist(step: Step, account: Account) -> Account:
    listings = step.state(account.exchange).listings
    source = primary(listings)
    if account.unlisted or source is None or listings[source].count == 0:
        return account  # an empty listing lists nothing: it says nothing of one account
    account = replace(account, unlisted=True)
    step.world.put_account(account)
    status.unlisted(step, account)
    return account


def _differ(step: Step, listing: Listing, named: set[int]) -> None:
    """A difference between two endpoints is reported as such and makes neither incomplete (law 2)."""
    source = primary(step.state(listing.exchange).listings)
    listed = {a.key for a in step.accounts_of(listing.exchange) if source in a.listed_by and a.present}
    only_here, only_there = len(named - listed), len(listed - named)
    if only_here or only_there:
        text = f"{listing.source} and {source} differ: {only_here} accounts only in the first, {only_there} only in the second"
        step.note("listing.difference", listing.exchange, text)


def _is(spec: object, *, appeared: bool) -> bool:
    return isinstance(spec, Presence) and spec.appeared is appeared
