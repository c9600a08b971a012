"""What is legal and likely wrong in a file as a whole: rules that nobody hears, notifiers that hear nothing."""

from __future__ import annotations

from collections.abc import Mapping

from daemon.config.reach import selected
from daemon.config.report import Scope
from daemon.config.wording import shown, span
from rules.patterns import EVERYTHING, Patterns
from rules.ruleset import ExchangeSettings, Rule, Ruleset, Silence, heard_by
from rules.types.base import Family
from rules.words import Severity

Scopes = Mapping[tuple[str, str], Scope]

POLLS = 2
WEEK_DAYS = 7


def doubt(ruleset: Ruleset, scopes: Scopes, now_ms: int) -> None:
    """Warn of each, at its place."""
    for rule in ruleset.rules:
        if rule.enabled:
            scope = scopes["rule", rule.name]
            _nobody_is_told(ruleset, rule, scope)
            _shorter_than_two_polls(ruleset, rule, scope)
            _frozen_on_bitget(ruleset, rule, scope)
            _silenced(ruleset, rule, scopes, now_ms)
    for name in ruleset.notifiers:
        _no_rule_reaches(ruleset, name, scopes["notifier", name])


def severities_of(rule: Rule) -> frozenset[Severity]:
    """The severities that an alert of the rule may have."""
    tiers = [*getattr(rule.spec, "tiers", ())]
    tiers += [tier for floor in getattr(rule.spec, "floors", ()) for tier in floor.tiers]
    return frozenset(tier.severity or rule.severity for tier in tiers) or frozenset({rule.severity})


def _nobody_is_told(ruleset: Ruleset, rule: Rule, scope: Scope) -> None:
    if not ruleset.notifiers:
        return  # of that it was warned once
    if rule.notify == ():
        scope.warning(("notify",), "nobody is told of it: a trial", "name a notifier, or leave the key out")
        return
    severities = severities_of(rule)
    if any(heard_by(ruleset, rule.notify, severity) for severity in severities):
        return
    worst = max(severities, key=lambda severity: severity.rank)
    wanted = ruleset.notifiers if rule.notify is None else rule.notify
    least = ", ".join(f"{shown(name)} from {ruleset.notifiers[name].min_severity} on" for name in wanted)
    key = "notify" if rule.notify is not None else "severity"
    scope.warning((key,), f"nobody is told of it: it is {worst} at most", f"min_severity: {least}")


def _no_rule_reaches(ruleset: Ruleset, name: str, scope: Scope) -> None:
    if name in (ruleset.settings.notify or ()):
        return  # it is there for the built-in alerts, by name
    enabled = [rule for rule in ruleset.rules if rule.enabled]
    if not enabled or any(name in rule.escalate_to for rule in enabled):
        return
    naming = [rule for rule in enabled if rule.notify is None or name in rule.notify]
    if any(name in heard_by(ruleset, (name,), one) for rule in naming for one in severities_of(rule)):
        return
    only = ", only the built-in alerts do" if ruleset.settings.notify is None else ""
    least = ruleset.notifiers[name].min_severity
    hint = f"no rule that names it is {least}" if naming else "no notify and no escalate_to names it"
    scope.warning(("name",), f"no rule reaches it{only}", hint)


def _shorter_than_two_polls(ruleset: Ruleset, rule: Rule, scope: Scope) -> None:
    if not rule.for_ms or rule.spec.family is not Family.LEVEL:
        return
    exchanges = selected(rule.exchange, ruleset.exchanges)
    slowest = max(exchanges, key=lambda exchange: exchange.poll_every_ms, default=None)
    if slowest is None or rule.for_ms >= POLLS * slowest.poll_every_ms:
        return
    two = span(POLLS * slowest.poll_every_ms)
    scope.warning(
        ("for",),
        f"is shorter than two polls of exchange {shown(slowest.name)} ({two}), so that two readings decide",
        f"write {two} or more, or leave it to confirm",
    )


def _frozen_on_bitget(ruleset: Ruleset, rule: Rule, scope: Scope) -> None:
    if rule.type != "unexpected_frozen":
        return
    for exchange in selected(rule.exchange, ruleset.exchanges):
        if exchange.kind == "bitget":
            scope.warning(
                ("type",),
                f"on Bitget open orders freeze coins, too, so {shown(exchange.name)} tells of ordinary trading",
                f'leave it out, as in exchange = ["*", "!{exchange.name}"]',
            )
            return


def _silenced(ruleset: Ruleset, rule: Rule, scopes: Scopes, now_ms: int) -> None:
    for silence in ruleset.silences:
        if _is_in_force(silence, now_ms) and _shadows(silence, rule, ruleset.exchanges):
            place = scopes["silence", silence.id].line_of(("name",))
            scopes["rule", rule.name].warning(
                ("name",),
                f"all of it is silenced by {shown(silence.id)} at {place}",
                "nobody hears of it now",
            )
            return


def _is_in_force(silence: Silence, now_ms: int) -> bool:
    """Whether its time is now, without a gap: a window that ends every week hides no rule."""
    if silence.from_ms > now_ms or (silence.until_ms is not None and silence.until_ms <= now_ms):
        return False
    weekly = silence.weekly
    return weekly is None or (len(weekly.days) == WEEK_DAYS and weekly.start_minute == weekly.end_minute)


def _shadows(silence: Silence, rule: Rule, exchanges: Mapping[str, ExchangeSettings]) -> bool:
    if not silence.rule.match(rule.name) or not severities_of(rule) <= silence.severities:
        return False
    names = [exchange.name for exchange in selected(rule.exchange, exchanges)]
    sums = {"account", "exchange"} & rule.sum_over
    return (
        bool(names)
        and (silence.exchange == EVERYTHING or "exchange" not in rule.sum_over)
        and all(silence.exchange.match(name) for name in names)
        and (silence.account == EVERYTHING if sums else _within(rule.account, silence.account))
        and (silence.asset == EVERYTHING if _is_without_asset(rule) else _within(rule.asset, silence.asset))
    )


def _is_without_asset(rule: Rule) -> bool:
    return rule.spec.family not in {Family.LEVEL, Family.CHANGE} or rule.valued


def _within(inner: Patterns, outer: Patterns) -> bool:
    """Whether all that the inner patterns match is surely matched by the outer ones."""
    if outer in (EVERYTHING, inner):
        return True
    return inner.only_literals and all(outer.match(text) for text in inner.wanted)
