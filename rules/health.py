"""Silence is not health (law 14): the built-in alerts on exchanges, accounts, the key, the clock and blind rules."""

from __future__ import annotations

from dataclasses import replace

from rules import telling
from rules.facts import Facts
from rules.figures import Arrival
from rules.ids import derive
from rules.lifecycle import end, fire
from rules.model import ClockSeen, Failure, FailureKind, Maintenance, MasterSeen, RulesRejected, Severity
from rules.plan import field_of
from rules.ruleset import HOUR_MS, Rule
from rules.step import Step
from rules.world import Account, Alert, AlertKey, Blind, Subject

STALE_EXCHANGE = "subtally/stale-exchange"
STALE_ACCOUNT = "subtally/stale-account"
RULES_FILE = "subtally/rules-file"
KEY_RIGHTS = "subtally/key-rights"
BAN = "subtally/ban"
CLOCK = "subtally/clock"
UNKNOWN = "subtally/unknown"

CLOCK_OFF_MS = 5_000
CLOCK_FINE_MS = 2_500


def raise_alert(
    step: Step,
    name: str,
    subject: Subject,
    severity: Severity,
    headline: str,
    label: str = "",
    **more: object,
) -> None:
    """Open a built-in alert, or renew what it says. It needs no second reading: it is about readings."""
    key = AlertKey(name, subject)
    alert = step.world.alerts.get(key)
    facts = Facts(
        rule=name,
        type="subtally",
        exchange=subject.exchange,
        severity=severity,
        label=label,
        headline=headline,
        since_ms=step.now_ms if alert is None else alert.since_ms,
        fired_ms=step.now_ms if alert is None else alert.fired_ms,
    )
    facts = replace(facts, **more)  # type: ignore[arg-type]
    if alert is not None:
        if alert.facts != facts:
            step.world.put_alert(replace(alert, facts=facts, last_ms=step.now_ms))
        return
    ident = derive("A", f"{key.rule}|{subject}|{step.now_ms}", lambda text: text in step.world.index.ids)
    now = step.now_ms
    alert = Alert(
        key, ident, name, "subtally", "pending", severity, facts, since_ms=now, last_ms=now, counted_ms=now
    )
    step.moved(alert, "", "pending")
    fire(step, None, alert, event=False)


def settle(step: Step, name: str, subject: Subject, reason: str = "") -> None:
    """End a built-in alert where it is open."""
    alert = step.world.alerts.get(AlertKey(name, subject))
    if alert is not None:
        end(step, None, alert, reason, alert.facts, closed=False)


def succeeded(step: Step, exchange: str, at_ms: int) -> None:
    """Something of an exchange succeeded: what was said of its silence is over."""
    state = step.state(exchange)
    last = state.last_success_ms
    gap = last is None or at_ms - last > step.settings.stale_after_ms // 4
    up_since = at_ms if gap else state.up_since_ms
    moved = last is None or at_ms > last
    if not moved and not state.trouble and state.banned_until_ms is None:
        return
    step.world.exchanges[exchange] = replace(
        state,
        last_success_ms=at_ms if moved else last,
        up_since_ms=up_since,
        trouble="",
        banned_until_ms=None,
    )
    settle(step, STALE_EXCHANGE, Subject(exchange))
    settle(step, BAN, Subject(exchange))


def failed(step: Step, failure: Failure) -> None:
    """A call told nothing: remember why, for the message that may follow. No verdict changes (law 1)."""
    state = step.state(failure.exchange)
    if failure.exchange not in step.ruleset.exchanges or failure.kind is FailureKind.ENDPOINT:
        step.note("endpoint.refused", failure.exchange, failure.reason)
        return
    if failure.account is not None and failure.kind not in (
        FailureKind.BANNED,
        FailureKind.KEY,
        FailureKind.CLOCK,
    ):
        return
    state = replace(state, trouble=failure.reason)
    if failure.kind is FailureKind.BANNED:
        state = replace(state, banned_until_ms=failure.until_ms)
    if failure.stops:
        state = replace(state, stopped=failure.reason)
    step.world.exchanges[failure.exchange] = state
    if failure.kind is FailureKind.BANNED:
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
    account = replace(account, failing_since_ms=since, failing_reason=failure.reason)
    step.world.put_account(account)
    return account


def account_read(step: Step, account: Account) -> Account:
    """The account answered."""
    if account.failing_since_ms is not None:
        account = replace(account, failing_since_ms=None, failing_reason="")
        step.world.put_account(account)
    return account


def stopped(step: Step, exchange: str) -> None:
    """An exchange is stopped until the key or the file changes: nobody waits for `stale_after` to hear it."""
    state = step.state(exchange)
    raise_alert(
        step,
        STALE_EXCHANGE,
        Subject(exchange),
        Severity.CRITICAL,
        "is stopped: nothing of it is watched",
        details=(state.stopped,),
    )


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
    state = replace(state, master_id=seen.master_id or state.master_id, rights=seen.rights)
    step.world.exchanges[seen.exchange] = state
    subject = Subject(seen.exchange)
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
    step.world.exchanges[said.exchange] = replace(
        state,
        maintenance=(said.reason or "announced") if said.active else "",
        maintenance_since_ms=since,
        maintenance_until_ms=said.until_ms if said.active else None,
    )


def rules_rejected(step: Step, said: RulesRejected) -> None:
    """The file was refused: the accepted one stays in force, and one alert says where and why (law 10)."""
    subject = Subject("", asset=said.where)
    for key in [key for key in step.world.alerts if key.rule == RULES_FILE and key.subject != subject]:
        settle(step, RULES_FILE, key.subject, "another error took its place")
    details = (f"{said.where}: {said.reason}", "The last accepted rules stay in force.")
    raise_alert(step, RULES_FILE, subject, Severity.WARNING, "the rules file was refused", details=details)


def rules_accepted(step: Step) -> None:
    """A file was accepted: what was said of a refused one is over."""
    for key in [key for key in step.world.alerts if key.rule == RULES_FILE]:
        settle(step, RULES_FILE, key.subject)


def seen(step: Step, rule: Rule, key: AlertKey, arrival: Arrival, *, known: bool) -> None:
    """Remember which subjects of a rule are unknown while their account is read."""
    exchange, account = arrival.account.exchange, arrival.account.key
    place = AlertKey(rule.key, Subject(exchange, None, key.subject.wallet, key.subject.asset))
    blind = step.world.blind.get(place)
    if known:
        if blind is not None and account in blind.accounts:
            left = blind.accounts - {account}
            if left:
                step.world.blind[place] = replace(blind, accounts=left)
            else:
                _sees_again(step, place)
        return
    if blind is None:
        step.world.blind[place] = Blind(arrival.ended_ms, frozenset({account}))
        step.world.index.due(arrival.ended_ms + step.settings.stale_after_ms)
    elif account not in blind.accounts:
        step.world.blind[place] = replace(blind, accounts=blind.accounts | {account})


def _sees_again(step: Step, place: AlertKey) -> None:
    del step.world.blind[place]
    settle(step, UNKNOWN, place.subject._replace(event=place.rule))


def blind_for_long(step: Step, rules: dict[str, Rule], place: AlertKey, blind: Blind) -> None:
    """A rule has been blind for `stale_after`: say which field of which wallet it cannot see."""
    rule = rules.get(place.rule)
    if rule is None:
        _sees_again(step, place)
        return
    exchange, wallet, asset = place.subject.exchange, place.subject.wallet, place.subject.asset
    first = step.world.accounts[min(blind.accounts)]
    where = f"wallet {wallet}" if wallet else "the wallets read"
    others = f" and {len(blind.accounts) - 1} more accounts" if len(blind.accounts) > 1 else ""
    raise_alert(
        step,
        UNKNOWN,
        Subject(exchange, None, wallet, asset, place.rule),
        Severity.WARNING,
        f"rule “{rule.name}” cannot see {field_of(rule)} of {asset} in {where}",
        first.label,
        wallet=wallet,
        asset=asset,
        field=field_of(rule),
        details=(
            f"Unknown for {first.label}{others}: the venue does not give it. The rule is silent there.",
        ),
    )


def stale_exchange_after_ms(step: Step, exchange: str) -> int:
    """When an exchange without a success is stale; announced maintenance widens it."""
    state = step.state(exchange)
    since = max(state.last_success_ms or 0, step.world.started_ms, state.since_ms)
    late = since + step.settings.stale_after_ms
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
        read_ms=state.last_success_ms,
        details=tuple(dict.fromkeys(reasons)) or ("No call succeeded.",),
    )


def remind_all(step: Step, rules: dict[str, Rule]) -> None:
    """Reminders that are due; a stale exchange holds those of its accounts back."""
    for key, alert in sorted(step.world.alerts.items()):
        if alert.remind_at_ms is None or alert.acked_ms is not None or alert.state != "firing":
            continue
        silent = (
            key.rule != STALE_EXCHANGE
            and AlertKey(STALE_EXCHANGE, Subject(key.subject.exchange)) in step.world.alerts
        )
        if silent:
            continue
        if alert.remind_at_ms > step.now_ms:
            step.world.index.due(alert.remind_at_ms)
            continue
        step.world.put_alert(telling.remind(step, rules.get(key.rule), alert))
