"""Who is there: complete listings gain and lose accounts, and the account's own call has the last word (laws 2, 3)."""

from __future__ import annotations

from rules import accounts, departed, edits, events, health, status
from rules.changed import replace
from rules.lifecycle import end
from rules.model import Failure, Identity, ListedAccount, Listing, Reading, Severity
from rules.outcome import Recheck
from rules.plan import concerns
from rules.reconciling import summary
from rules.records import Account, ListingState
from rules.ruleset import ExchangeSettings
from rules.sources import primary
from rules.step import Step
from rules.types.base import Family
from rules.types.presence import Presence

APART_MS = 1_900
"""Listings closer together than this are one look: the venue may serve both from one cache."""


def judge_listing(step: Step, listing: Listing) -> None:
    """Take a listing in. An incomplete one proves whom it names and judges nobody else."""
    settings = step.exchange(listing.exchange)
    if settings is None or step.state(listing.exchange).stopped:
        return
    if listing.complete or listing.accounts:
        health.succeeded(step, listing.exchange, listing.began_ms, listing.ended_ms)
    state = step.state(listing.exchange)
    before = state.listings.get(listing.source, ListingState(listing.source))
    first = before.ended_ms is None
    if not listing.complete:
        kept = replace(before, incomplete_reason=listing.reason or "incomplete")
        step.world.exchanges[listing.exchange] = replace(
            state, listings={**state.listings, listing.source: kept}
        )
        step.note("listing.incomplete", listing.exchange, f"{listing.source}: {kept.incomplete_reason}")
        _take_in_rows(step, listing, complete=False, first=False)
        return
    kept = ListingState(listing.source, listing.ended_ms, listing.began_ms, len(listing.accounts))
    state = replace(state, listings={**state.listings, listing.source: kept})
    step.world.exchanges[listing.exchange] = state
    if first:
        step.world.index.judge_anew()  # from here on sums are known: each is judged at its next reading
    named = _take_in_rows(step, listing, complete=True, first=first)
    if primary(state.listings) == listing.source:
        _appear(step, listing, named, first=first)
        _miss(step, settings, listing, named)
    else:
        _differ(step, listing, named)


def answered(
    step: Step, settings: ExchangeSettings, account: Account, reading: Reading, *, read: bool
) -> Account:
    """A reading of an account proves that it exists. Where nothing is in doubt its holding is proof enough."""
    if account.master or not reading.fields:
        return account
    if read and not (account.missing or account.absent_passes or account.denied_ms is not None):
        return account
    denied = account.denied_ms if (account.denied_ms or 0) > reading.began_ms else None
    account = replace(
        account, answered_ms=reading.began_ms, denied_ms=denied, absent_passes=0, absent_since_ms=None
    )
    step.world.put_account(account)
    if account.missing:
        account = _settle_missing(step, settings, account)
        step.world.put_account(account)
    return account


def denied(step: Step, failure: Failure) -> None:
    """The account's own call says that it does not exist: absence may now be believed."""
    settings = step.exchange(failure.exchange)
    account = accounts.find(step.world, failure.exchange, failure.account) if failure.account else None
    if settings is None or account is None or account.master or not account.present:
        return
    account = replace(account, denied_ms=failure.at_ms)
    step.world.put_account(account)
    if account.missing:
        account = _settle_missing(step, settings, account)
        step.world.put_account(account)
    else:
        step.outcome.relist(failure.exchange)


def absent_from_pass(step: Step, settings: ExchangeSettings, account: Account) -> Account:
    """A complete pass lacks the account: where the list lacks it, too, it is gone."""
    if account.missing:
        account = _settle_missing(step, settings, account)
        step.world.put_account(account)
    return account


def appear(step: Step, account: Account) -> Account:
    """Tell that an account was gained. One that was gone before is not new."""
    headline = "appeared: a new sub-account" if account.present else "appeared again: it was gone before"
    account = replace(account, present=True, announced=True, gone_ms=None)
    step.world.put_account(account)
    for rule in step.ruleset.rules:
        if rule.spec.family is Family.PRESENCE and _is(rule.spec, appeared=True) and concerns(rule, account):
            events.tell(step, rule, account, "appeared", headline)
    return account


def lose(step: Step, account: Account) -> Account:
    """Tell that an account is gone, and close what was open about it: it can no longer be judged."""
    account = _leave(step, account, "the account is gone")
    for rule in step.ruleset.rules:
        if rule.spec.family is Family.PRESENCE and _is(rule.spec, appeared=False) and concerns(rule, account):
            events.tell(
                step, rule, account, "disappeared", "disappeared: the venue no longer knows this sub-account"
            )
    return account


def _leave(step: Step, account: Account, why: str) -> Account:
    account = replace(
        account,
        present=False,
        missing=0,
        missing_since_ms=None,
        unlisted=False,
        holds=None,
        emptied_ms=None,
        gone_ms=step.now_ms,
    )
    step.world.put_account(account)
    for trail in [trail for trail in step.world.trails if trail.subject.account == account.key]:
        del step.world.trails[trail]
    step.world.index.look_soon()  # nobody is blind, or late, about it any more
    step.outcome.accounts_changed.add(account.exchange)
    for key in sorted(step.world.index.open_of.get((account.exchange, account.key), ())):
        alert = step.world.alerts[key]
        if not key.subject.event:
            end(step, alert, why, alert.facts, closed=True)
    return account


def _take_in_rows(step: Step, listing: Listing, *, complete: bool, first: bool) -> set[int]:
    """The accounts that the listing names, with what it says of them. An incomplete one proves these, too."""
    named: set[int] = set()
    judges = listing.source == primary(step.state(listing.exchange).listings)
    # A first listing may name thousands: each is stored once, as it will be when the listing is judged.
    baseline = first and judges
    listed_by = frozenset({listing.source}) if baseline else frozenset[str]()
    for row in listing.accounts:
        found = accounts.find(step.world, listing.exchange, row.identity)
        if found is None:
            says = row.frozen if complete else None
            account = accounts.new(
                step,
                listing.exchange,
                row.identity,
                listed_by=listed_by,
                announced=baseline,
                frozen=says,
                freeze_run=status.freeze_run_at_first(says),
            )
            step.world.put_account(account)
            named.add(account.key)
            continue
        account = known = departed.spoken_of(step, _known_row(step, found, row), listing.ended_ms)
        if judges and account.missing:
            account = replace(account, missing=0, missing_since_ms=None, missing_ms=None, unlisted=False)
        if complete:
            account = status.frozen(step, account, row.frozen)
        if account is not known:
            step.world.put_account(account)
        named.add(account.key)
    return named


def _known_row(step: Step, found: Account, row: ListedAccount) -> Account:
    before, said = found.identity, row.identity
    if said == before:
        return found
    renamed = _is_rename(before, said)
    if renamed:
        double = accounts.double_of(step, found, said)
        if double is not None:
            _leave(step, double, f"the account is {found.label}, renamed")
    account = accounts.adopt(step, found, said, renames=True)
    if renamed:
        status.renamed(step, account, before)
        edits.close_unread(step)  # under its new name it may be one that is not read
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
        here = account.key in named
        if account.master or (account.announced and account.present):
            if here and listing.source not in account.listed_by:
                step.world.put_account(replace(account, listed_by=account.listed_by | source))
            continue
        if not here and not _may_be_unlisted(step, account, listing):
            continue
        listed_by = account.listed_by | source if here else account.listed_by
        gained = replace(account, listed_by=listed_by)
        step.outcome.accounts_changed.add(listing.exchange)
        if first:
            step.world.put_account(replace(gained, present=True, announced=True, gone_ms=None))
        else:
            appear(step, gained)


def _may_be_unlisted(step: Step, account: Account, listing: Listing) -> bool:
    """Whether rows alone prove a new account: of a kind that this list leaves out, on a venue without an own call.

    Elsewhere a name that only another endpoint gives is a difference, told as such.
    """
    known_before = listing.began_ms >= account.first_seen_ms
    return (
        account.present and known_before and not account.listed_by and not _own_call(step, listing.exchange)
    )


def _own_call(step: Step, exchange: str) -> bool:
    settings = step.exchange(exchange)
    return settings is not None and settings.own_call


def _miss(step: Step, settings: ExchangeSettings, listing: Listing, named: set[int]) -> None:
    """Count the accounts that this listing lacks, ask them themselves, and believe it after `confirm`."""
    for account in step.accounts_of(listing.exchange):
        if account.master or not account.present or account.key in named:
            continue
        if listing.source not in account.listed_by:
            continue
        if account.missing_ms is not None and listing.began_ms < account.missing_ms + APART_MS:
            if _is_open(step, account, settings):
                step.outcome.relist(listing.exchange)
            continue
        counted = replace(
            account,
            missing=min(account.missing + 1, settings.confirm),
            missing_since_ms=account.missing_since_ms if account.missing else listing.began_ms,
            missing_ms=listing.ended_ms,
        )
        counted = _settle_missing(step, settings, counted)
        step.world.put_account(counted)
        if _is_open(step, counted, settings):
            step.outcome.relist(listing.exchange)
            _ask_it(step, settings, counted)


def _is_open(step: Step, account: Account, settings: ExchangeSettings) -> bool:
    """Whether it is not yet known if a missing account is gone or only unlisted."""
    if not account.present or account.unlisted:
        return False
    since = account.missing_since_ms or 0
    return account.missing < settings.confirm or not _answers(step, account, since)


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
    if settings.own_call and accounts.speaks_for_another(step, account):
        return lose(step, account)  # its e-mail or name answers for another account now
    if _answers(step, account, since):
        return _unlist(step, settings, account)
    if denies or (not settings.own_call and account.absent_passes):
        return lose(step, account)
    return account


def _answers(step: Step, account: Account, since: int) -> bool:
    """Whether the account's own call, made since, says that it exists, and was not denied after that.

    What lies ahead was said before the clock was set back.
    """
    times = [account.answered_ms or 0]
    if not account.absent_passes:
        # A pass writes zeros with its own times: they prove nothing of an account that it lacks.
        times += [
            step.world.holdings[account.key, wallet].began_ms
            for wallet in step.world.index.wallets.get(account.key, ())
        ]
    answered = max((time for time in times if time <= step.now_ms), default=0)
    return answered >= since and answered >= (account.denied_ms or 0)


def _unlist(step: Step, settings: ExchangeSettings, account: Account) -> Account:
    listings = step.state(account.exchange).listings
    source = primary(listings)
    if account.unlisted or source is None:
        return account
    if listings[source].count == 0:
        step.note(
            "listing.empty", account.exchange, f"{account.label} answers although {source} lists nobody"
        )
        return account  # an empty listing lists nothing: it says nothing of one account
    account = replace(account, unlisted=True)
    step.world.put_account(account)
    status.unlisted(step, account, own_call=settings.own_call)
    return account


def _differ(step: Step, listing: Listing, named: set[int]) -> None:
    """A difference between two endpoints is reported as such and makes neither incomplete (law 2)."""
    source = primary(step.state(listing.exchange).listings)
    listed = {a.key for a in step.accounts_of(listing.exchange) if source in a.listed_by and a.present}
    summary.listed(step, listing, source or "", named - listed, listed - named)
    only_here, only_there = len(named - listed), len(listed - named)
    if only_here or only_there:
        text = f"{listing.source} names {only_here} accounts that {source} lacks, and lacks {only_there} of its own"
        step.note("listing.difference", listing.exchange, text)


def _is(spec: object, *, appeared: bool) -> bool:
    return isinstance(spec, Presence) and spec.appeared is appeared
