"""Silence is not health (law 14): what succeeds, what fails, and what the shell and the venue say of themselves."""

from __future__ import annotations

from rules.builtin import raise_alert, renew, settle
from rules.builtin_names import (
    BAN,
    CLOCK,
    KEY_RIGHTS,
    RULES_FILE,
    STALE_EXCHANGE,
)
from rules.changed import replace
from rules.model import ClockSeen, Failure, FailureKind, Maintenance, MasterSeen, RulesRejected, Severity
from rules.records import Account, AlertKey, ExchangeState, Subject
from rules.ruleset import HOUR_MS, MINUTE_MS
from rules.step import Step

CLOCK_OFF_MS = 5_000
CLOCK_FINE_MS = 2_500

STORED_EVERY_MS = 1_000
"""How often the time of the last success goes into the table; the index has it to the millisecond."""

BAN_SLACK_MS = 1_000

OF_THE_ACCOUNT = frozenset({FailureKind.ACCOUNT, FailureKind.DENIED})


def succeeded(step: Step, exchange: str, began_ms: int, ended_ms: int) -> None:
    """Something of an exchange succeeded: what was said of its silence is over."""
    index, state = step.world.index, step.state(exchange)
    last = step.last_success_ms(exchange)
    latest = ended_ms if last is None or ended_ms < last - MINUTE_MS else max(ended_ms, last)
    index.last_success_ms[exchange] = latest
    gap = last is None or (latest - last >= STORED_EVERY_MS and latest - last > _gap_ms(step, exchange))
    opened = (exchange, None) in index.open_of
    banned = (opened or state.banned_until_ms is not None) and _is_banned(step, state, began_ms)
    stored = state.last_success_ms
    due = stored is None or not 0 <= latest - stored < STORED_EVERY_MS
    spoken = bool(state.trouble) and not banned
    if gap or due or spoken or (state.banned_until_ms is not None and not banned):
        step.world.exchanges[exchange] = replace(
            state,
            last_success_ms=latest,
            up_since_ms=ended_ms if gap else state.up_since_ms,
            trouble=state.trouble if banned else "",
            banned_until_ms=state.banned_until_ms if banned else None,
        )
    if opened:
        if AlertKey(STALE_EXCHANGE, Subject(exchange)) in step.world.alerts:
            settle(step, STALE_EXCHANGE, Subject(exchange))
            index.look_soon()  # what was held back is due now
        if not banned:
            settle(step, BAN, Subject(exchange))


def failed(step: Step, failure: Failure) -> None:
    """A call told nothing: remember why, for the message that may follow. No verdict changes (law 1)."""
    state = step.state(failure.exchange)
    if failure.kind is FailureKind.ENDPOINT and not failure.stops:
        step.note("endpoint.refused", failure.exchange, failure.reason)
        return
    banned = failure.kind is FailureKind.BANNED
    if failure.kind not in OF_THE_ACCOUNT or failure.stops:
        said = replace(
            state,
            trouble=failure.reason,
            banned_until_ms=failure.until_ms if banned else state.banned_until_ms,
            stopped=failure.reason if failure.stops else state.stopped,
        )
        if said != state:
            step.world.exchanges[failure.exchange] = said
    if banned:
        raise_alert(
            step,
            BAN,
            Subject(failure.exchange),
            Severity.CRITICAL,
            "banned us: no call is made until the ban is over",
            details=(failure.reason,),
            until_ms=failure.until_ms,
        )
    if failure.stops:
        stopped(step, failure.exchange)


def account_failed(step: Step, account: Account, failure: Failure) -> Account:
    """One account could not be read: everything else goes on."""
    since = account.failing_since_ms if account.failing_since_ms is not None else failure.at_ms
    failing = replace(account, failing_since_ms=since, failing_reason=failure.reason)
    if failing != account:
        step.world.put_account(failing)
    return failing


def account_read(step: Step, account: Account) -> Account:
    """The account answered."""
    if account.failing_since_ms is not None:
        account = replace(account, failing_since_ms=None, failing_reason="")
        step.world.put_account(account)
    return account


def stopped(step: Step, exchange: str) -> None:
    """An exchange is stopped until the key or the file changes: nobody waits for `stale_after` to hear it.

    Where it was told already that the exchange does not answer, that is closed and this is told: a person
    who waits for the venue to come back would wait for ever.
    """
    subject, headline = Subject(exchange), "is stopped: nothing of it is watched"
    state = step.state(exchange)
    alert = step.world.alerts.get(AlertKey(STALE_EXCHANGE, subject))
    if alert is not None and alert.facts.headline != headline:
        renew(step, STALE_EXCHANGE, subject, f"the exchange is stopped: {state.stopped}")
    raise_alert(step, STALE_EXCHANGE, subject, Severity.CRITICAL, headline, details=(state.stopped,))


def master_seen(step: Step, seen: MasterSeen) -> None:
    """Bind the exchange to its master; another master stops it. Tell of rights beyond reading."""
    if seen.exchange not in step.ruleset.exchanges:
        return
    state = step.state(seen.exchange)
    if seen.master_id and state.master_id and seen.master_id != state.master_id:
        reason = (
            f"the key belongs to master {seen.master_id}, but this exchange was bound to {state.master_id}: "
            "give another master another exchange name, or put the right key back"
        )
        step.world.exchanges[seen.exchange] = replace(state, stopped=reason, trouble=reason)
        stopped(step, seen.exchange)
        return
    more = set(seen.rights) - set(state.rights)
    state = replace(state, master_id=seen.master_id or state.master_id, rights=seen.rights)
    if state != step.state(seen.exchange):
        step.world.exchanges[seen.exchange] = state
    subject = Subject(seen.exchange)
    if more:
        renew(step, KEY_RIGHTS, subject, "the key has other rights now")
    if not seen.rights:
        settle(step, KEY_RIGHTS, subject)
        return
    unbound = ("It is not bound to an IP address.",) if seen.ip_bound is False else ()
    details = (
        f"Beyond reading it may: {', '.join(seen.rights)}.",
        "Replace it by a key that can only read.",
        *unbound,
    )
    raise_alert(
        step, KEY_RIGHTS, subject, Severity.WARNING, "was given a key with too many rights", details=details
    )


def clock_seen(step: Step, seen: ClockSeen) -> None:
    """This machine's clock against the venue's: corrected in every signature, and told when it is far off."""
    if seen.exchange not in step.ruleset.exchanges:
        return
    state = step.state(seen.exchange)
    if state.clock_offset_ms != seen.offset_ms:
        step.world.exchanges[seen.exchange] = replace(state, clock_offset_ms=seen.offset_ms)
    off = abs(seen.offset_ms)
    subject = Subject(seen.exchange)
    if off >= CLOCK_OFF_MS:
        way = "behind" if seen.offset_ms > 0 else "ahead of"
        seconds = f"{off // 1000}.{off % 1000 // 100}"
        headline = f"sees this machine's clock {seconds} s {way} its own"
        raise_alert(
            step,
            CLOCK,
            subject,
            Severity.WARNING,
            headline,
            details=("Set the clock: check the time service.",),
        )
    elif off < CLOCK_FINE_MS:
        settle(step, CLOCK, subject)


def maintenance(step: Step, said: Maintenance) -> None:
    """Announced maintenance widens staleness and is named."""
    if said.exchange not in step.ruleset.exchanges:
        return
    state = step.state(said.exchange)
    since = (state.maintenance_since_ms or said.at_ms) if said.active else None
    told = replace(
        state,
        maintenance=(said.reason or "announced") if said.active else "",
        maintenance_since_ms=since,
        maintenance_until_ms=said.until_ms if said.active else None,
        # From its end on the venue has as long as ever to answer.
        maintenance_ended_ms=said.at_ms
        if state.maintenance and not said.active
        else state.maintenance_ended_ms,
    )
    if told != state:
        step.world.exchanges[said.exchange] = told
        step.world.index.look_soon()


def rules_rejected(step: Step, said: RulesRejected) -> None:
    """The file was refused: the accepted one stays in force, and one alert says where and why (law 10)."""
    subject = Subject("", asset=said.where)
    details = (f"{said.where}: {said.reason}", "The last accepted rules stay in force.")
    for key, alert in sorted(step.world.alerts.items()):
        if key.rule == RULES_FILE and alert.facts.details != details:
            renew(step, RULES_FILE, key.subject, "another error took its place")
    raise_alert(step, RULES_FILE, subject, Severity.WARNING, "the rules file was refused", details=details)


def rules_accepted(step: Step) -> None:
    """A file was accepted: what was said of a refused one is over."""
    for key in sorted(key for key in step.world.alerts if key.rule == RULES_FILE):
        settle(step, RULES_FILE, key.subject)


def stale_exchange_after_ms(step: Step, exchange: str) -> int:
    """When an exchange without a success is stale; announced maintenance widens it."""
    state = step.state(exchange)
    since = max(
        step.last_success_ms(exchange) or 0,
        step.world.started_ms,
        state.since_ms,
        state.maintenance_ended_ms or 0,
    )
    settings = step.exchange(exchange)
    # Nothing is asked for within poll_every: a longer one must not look like an outage.
    patience = step.settings.stale_after_ms
    patience = patience if settings is None else max(patience, 2 * settings.poll_every_ms)
    late = since + patience
    if state.maintenance:
        until = state.maintenance_until_ms
        end_ms = until if until is not None else (state.maintenance_since_ms or step.now_ms) + HOUR_MS
        late = max(late, end_ms + step.settings.stale_after_ms)
    return late


def stale_exchange(step: Step, exchange: str) -> None:
    """Nothing of an exchange succeeded for too long: one alert for all its accounts, with the reason."""
    state = step.state(exchange)
    reasons = [
        text
        for text in (state.stopped, state.trouble, state.maintenance and f"maintenance: {state.maintenance}")
        if text
    ]
    count = sum(1 for account in step.accounts_of(exchange) if account.present and not account.master)
    raise_alert(
        step,
        STALE_EXCHANGE,
        Subject(exchange),
        Severity.CRITICAL,
        f"is not answering: {count} accounts are unwatched",
        read_ms=step.last_success_ms(exchange),
        details=tuple(dict.fromkeys(reasons)) or ("No call succeeded.",),
    )


def _gap_ms(step: Step, exchange: str) -> int:
    """A silence of the whole exchange that is longer than its ordinary rhythm."""
    settings, stale_ms = step.exchange(exchange), step.settings.stale_after_ms
    poll_ms = 0 if settings is None else settings.poll_every_ms
    return max(stale_ms // 4, poll_ms * 3 // 2)


def _is_banned(step: Step, state: ExchangeState, began_ms: int) -> bool:
    """Whether a success is only an answer that was under way when the ban came."""
    if state.banned_until_ms is not None:
        return began_ms < state.banned_until_ms - BAN_SLACK_MS
    alert = step.world.alerts.get(AlertKey(BAN, Subject(state.name)))
    return alert is not None and began_ms < alert.last_ms
