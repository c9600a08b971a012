"""How movements are said and told: one event per movement, and nobody hears of one twice."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from rules.changed import replace
from rules.facts import Facts
from rules.ids import derive
from rules.ledger import LegKey, Match
from rules.lifecycle import fire
from rules.outcome import Notification, NotificationKind
from rules.records import Account, Alert, AlertKey, Subject
from rules.ruleset import Expect, Rule
from rules.step import Step, routed
from rules.telling import facts_of
from rules.values import EXACT, add

NAMED_MOST = 4
"""Accounts named in one sentence; the others are counted."""


def label_of(step: Step, key: LegKey) -> str:
    """Whose leg it is."""
    return step.world.accounts[key.account].label


def names(labels: Iterable[str], word: str = "and") -> str:
    """Labels as a sentence names them, the same one once."""
    every = list(dict.fromkeys(labels))
    if len(every) > NAMED_MOST:
        every = [*every[:NAMED_MOST], f"{len(every) - NAMED_MOST} more"]
    return every[0] if len(every) == 1 else f"{', '.join(every[:-1])} {word} {every[-1]}"


def moved(step: Step, match: Match) -> str:
    """The movement in words, as "10,000 USDT moved from a to b"."""
    key = match.givers[0]
    givers = sorted({leg.account for leg in match.givers})
    asset, figure = key.asset, f"{size_of(step, match):,f}"
    if {leg.account for leg in match.takers} == set(givers):
        wallets = (
            f"from {names(leg.wallet for leg in match.givers)} to {names(leg.wallet for leg in match.takers)}"
        )
        return f"{figure} {asset} moved {wallets} inside {label_of(step, key)}"
    giver, taker = (names(label_of(step, leg) for leg in side) for side in (match.givers, match.takers))
    rivals = [leg for leg in match.rivals if leg in step.world.legs]
    if is_block(match):
        return f"{figure} {asset} moved from {giver} to {taker}{' (ambiguous)' if rivals else ''}"
    also_gave = [label_of(step, leg) for leg in rivals if step.world.legs[leg].amount.startswith("-")]
    also_took = [label_of(step, leg) for leg in rivals if not step.world.legs[leg].amount.startswith("-")]
    if also_gave:
        giver = names([giver, *also_gave], "or")
    if also_took:
        taker = names([taker, *also_took], "or")
    way = [f"to {label} and on " for _, label in match.chain]
    return f"{figure} {asset} moved from {giver} {''.join(way)}to {taker}"


def is_block(match: Match) -> bool:
    """Whether more than two changes are one movement together, by their sum."""
    return len(match.givers) + len(match.takers) > 2  # noqa: PLR2004


def size_of(step: Step, match: Match) -> Decimal:
    """How much was moved, without a sign."""
    amounts = [Decimal(step.world.legs[key].amount) for key in match.givers if key in step.world.legs]
    return add(amounts).copy_abs().normalize(EXACT)


def details_of(step: Step, match: Match) -> tuple[str, ...]:
    """What is known beyond the amounts."""
    said: list[str] = []
    rivals = [leg for leg in match.rivals if leg in step.world.legs]
    if rivals and not match.proof:
        who = names(label_of(step, leg) for leg in rivals)
        fits = f"with changes of {who} in place of some it adds up as well"
        same = f"{who} changed by the same amount in the same time"
        said.append(f"Ambiguous: {fits if is_block(match) else same}; the venue has not said which it was.")
    if match.proof:
        kind = "transfers" if match.chain else "transfer"
        said.append(f"The venue states it as {kind} {names(match.proofs)}.")
    if len(match.givers) > 1 or len(match.takers) > 1:
        legs = [key for key in (*match.givers, *match.takers) if key in step.world.legs]
        parts = [f"{label_of(step, key)} {Decimal(step.world.legs[key].amount):+,f}" for key in legs]
        said.append(f"Together: {', '.join(parts)}.")
        if not match.proof:
            said.append(
                "They match by their sum, which does not tell who gave what to whom, or in which order."
            )
    return (*said, *declared_as(step, match.givers))


def declared_as(step: Step, keys: Iterable[LegKey]) -> tuple[str, ...]:
    """The declarations that legs have consumed, each as a sentence."""
    known, keys = step.world.declared, set(keys)
    return tuple(
        named_as(expect)
        for expect in step.ruleset.expects
        if expect.key in known and known[expect.key].leg in keys
    )


def named_as(expect: Expect) -> str:
    """A declaration as a sentence without its end."""
    return f"Declared as “{expect.name}”" + (f": {expect.reason}" if expect.reason else "")


def event(
    step: Step,
    rule: Rule,
    key: LegKey,
    headline: str,
    details: tuple[str, ...],
    also: Iterable[LegKey] = (),
) -> Alert:
    """Tell one event of a rule about a leg; `also` are other legs whose accounts it names."""
    who = [step.world.accounts[leg.account] for leg in (key, *also)]
    facts = Facts(
        rule=rule.name,
        type=rule.type,
        exchange=key.exchange,
        severity=rule.severity,
        asset=key.asset,
        headline=headline,
        since_ms=key.at_ms,
        read_ms=key.at_ms,
        fired_ms=step.now_ms,
        details=details,
        identifiers=_identifiers(who),
        runbook=rule.runbook,
        description=rule.description,
    )
    alert_key = AlertKey(rule.key, Subject(key.exchange, key.account, key.wallet, key.asset))
    seed = f"{rule.key}|{key}|{headline}"
    ident = derive("A", seed, lambda text: text in step.world.index.ids)
    now = step.now_ms
    alert = Alert(alert_key, ident, rule.name, rule.type, "pending", rule.severity, facts, now, now, now)
    step.moved(alert, "", "pending")
    return fire(step, rule, alert, event=True)


def told_as(
    step: Step, rule: Rule, alert: Alert, headline: str, details: tuple[str, ...], heard: set[str]
) -> None:
    """Tell a held event of another rule as the movement that it is part of, to whoever has not heard of that yet."""
    routes = [name for name in routed(step.ruleset, rule, alert.severity) if name not in heard]
    facts = replace(
        alert.facts,
        headline=headline,
        label="",
        details=(*details, *alert.facts.details),
        value=None,
        threshold=None,
        before=None,
        before_ms=None,
        window_ms=None,
    )
    alert = replace(alert, facts=facts, told=frozenset(routes), held=False)
    step.outcome.notifications.extend(
        Notification(alert.id, name, NotificationKind.EVENT, alert.severity, step.now_ms, facts_of(alert))
        for name in routes
    )
    heard.update(routes)
    step.world.put_alert(alert)


def change_of(alert: Alert) -> Decimal | None:
    """By how much the figure of a balance_change event changed."""
    if alert.facts.value is None or alert.facts.before is None:
        return None
    return EXACT.subtract(Decimal(alert.facts.value), Decimal(alert.facts.before))


def _identifiers(who: Iterable[Account]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for account in who for name in account.identity.identifiers))
