"""`account_status`: frozen, renamed, unlisted, drained. Four facts with four messages (law 3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from rules import events
from rules.changed import replace
from rules.evidence import Evidence
from rules.facts import Facts
from rules.figures import Arrival, still_listed
from rules.lifecycle import look
from rules.model import Identity
from rules.patterns import Patterns
from rules.plan import AccountPlan, concerns, quantity_wallets
from rules.records import Account, AlertKey, Holding, Subject
from rules.ruleset import ExchangeSettings, Rule
from rules.step import Step
from rules.sweep import gap_cap_ms
from rules.types.account_status import AccountStatus
from rules.types.base import Family, Verdict, Zone
from rules.values import is_held

SETTLED = 1_000
"""A freeze that was told to everybody who asked for it is counted no further."""


def freeze_run_at_first(says: bool | None) -> int:  # noqa: FBT001  the venue's own word
    """The run of an account that is frozen when it is first listed: so from the start, and no event."""
    return SETTLED if says else 0


def frozen(step: Step, account: Account, says: bool | None) -> Account:  # noqa: FBT001  the venue's own word
    """Take in what a complete listing says; tell when `confirm` listings in a row agree on a new freeze."""
    if says is None or (says is False and account.frozen is False):
        return account
    if not says:
        return replace(account, frozen=False, freeze_run=0)
    if account.frozen is None:
        return replace(account, frozen=True, freeze_run=freeze_run_at_first(says))
    if account.frozen and account.freeze_run in (0, SETTLED):
        return account
    run = account.freeze_run + 1
    rules = _rules(step, account, "frozen")
    for rule in rules:
        if rule.confirm == run:
            events.tell(step, rule, account, "frozen", "was frozen by the venue")
    if any(run < rule.confirm for rule in rules):
        step.outcome.relist(account.exchange)
        return replace(account, frozen=True, freeze_run=run)
    return replace(account, frozen=True, freeze_run=SETTLED)


def renamed(step: Step, account: Account, before: Identity) -> None:
    """The venue gave another e-mail or name to the same stable id."""
    lost = [rule.name for rule in step.ruleset.rules if _lost(rule, account, before)]
    details = (f"No longer matched by: {', '.join(f'rule “{name}”' for name in lost)}.",) if lost else ()
    for rule in _rules(step, account, "renamed", before):
        headline = f"was renamed: it was {before.label} before"
        events.tell(step, rule, account, "renamed", headline, details)


def unlisted(step: Step, account: Account, *, own_call: bool) -> None:
    """Complete listings lack the account, and yet the venue tells of it."""
    for rule in _rules(step, account, "unlisted"):
        events.tell(step, rule, account, "unlisted", unlisted_as(own_call=own_call))


def unlisted_as(*, own_call: bool) -> str:
    """The proof is the account's own call, where the venue has one."""
    proof = "its own call still answers" if own_call else "the venue still names its balances"
    return f"is no longer listed, but {proof}"


def drained(
    step: Step, settings: ExchangeSettings, plan: AccountPlan, arrival: Arrival, *, whole: bool
) -> None:
    """Everything an account held is gone, by complete looks at all its wallets."""
    account = step.world.accounts[arrival.account.key]
    if account.master:
        return
    parts = [(account.key, wallet) for wallet in quantity_wallets(settings)]
    holds = _holds([step.world.holdings.get(part) for part in parts])
    if holds is None or (holds is False and not whole):
        return
    if holds or account.holds is None:
        if account.holds is not holds or account.emptied_ms is not None:
            step.world.put_account(replace(account, holds=holds, emptied_ms=None))
        if not holds or account.emptied_ms is None:
            return
    elif account.holds is False:
        return
    # A rule looks at the first empty reading and then only while it waits for the next: once is once.
    first = account.emptied_ms is None
    waiting = [
        rule
        for rule in plan.drained
        if _drain_look(step, settings, rule, arrival, parts, holds=holds, first=first)
    ]
    if not holds:
        emptied = (account.emptied_ms or arrival.ended_ms) if waiting else None
        now = step.world.accounts[account.key]
        step.world.put_account(replace(now, holds=bool(waiting), emptied_ms=emptied))


def _drain_look(
    step: Step,
    settings: ExchangeSettings,
    rule: Rule,
    arrival: Arrival,
    parts: list[tuple[int, str]],
    *,
    holds: bool,
    first: bool,
) -> bool:
    """Judge one rule; whether it is still waiting for its confirming reading."""
    account = step.world.accounts[arrival.account.key]
    key = AlertKey(rule.key, Subject(account.exchange, account.key, "", "drained"))
    if key not in step.world.alerts and (holds or not first):
        return False
    began = min(holding.began_ms for part in parts if (holding := step.world.holdings.get(part)) is not None)
    evidence = Evidence(
        Verdict(Zone.CLEAR if holds else Zone.QUALIFIES, rule.severity),
        began,
        arrival.ended_ms,
        account.exchange,
        tuple(parts),
        gap_cap_ms(step, settings),
        lambda: _drain_facts(step, rule, account, arrival),
        event=True,
        mixed=len(parts) > 1,
    )
    alert = look(step, rule, key, evidence)
    return alert is not None and alert.state == "pending"


def _drain_facts(step: Step, rule: Rule, account: Account, arrival: Arrival) -> Facts:
    sure = not account.absent_passes or still_listed(step, account)
    return Facts(
        rule=rule.name,
        type=rule.type,
        exchange=account.exchange,
        severity=rule.severity,
        label=account.label,
        headline="was drained: every wallet read is empty"
        if sure
        else "was drained or unlisted: the venue does not tell which",
        since_ms=arrival.ended_ms,
        read_ms=arrival.ended_ms,
        identifiers=account.identity.identifiers,
        not_watched=cast("ExchangeSettings", step.exchange(account.exchange)).not_watched,
        runbook=rule.runbook,
        description=rule.description,
    )


def _holds(holdings: list[Holding | None]) -> bool | None:
    """Whether anything is held; None unless every wallet was looked at completely and told."""
    known = bool(holdings)
    for holding in holdings:
        if holding is None:
            known = False
            continue
        for row in holding.rows.values():
            held = is_held(holding.fields, row)
            if held:
                return True
            known = known and held is not None
        known = known and holding.whole_ms is not None
    return False if known else None


def _rules(step: Step, account: Account, status: str, before: Identity | None = None) -> list[Rule]:
    return list(_matching(step, account, status, before))


def _matching(step: Step, account: Account, status: str, before: Identity | None) -> Iterator[Rule]:
    for rule in step.ruleset.rules:
        if not _on(rule, status):
            continue
        if concerns(rule, account) or (
            before is not None and concerns(rule, replace(account, identity=before))
        ):
            yield rule


def _on(rule: Rule, status: str) -> bool:
    return rule.spec.family is Family.STATUS and status in cast("AccountStatus", rule.spec).on


def _lost(rule: Rule, account: Account, before: Identity) -> bool:
    patterns: Patterns = rule.account
    if not rule.enabled or not rule.exchange.match(account.exchange):
        return False
    return patterns.match(*before.identifiers) and not patterns.match(*account.identity.identifiers)
