"""`[[allow]]`: standing amounts of which the unexpected_* rules do not tell.

An allow grants its amount once to every account that it matches, in the wallets that it matches; several add
up. Where it matches all that a subject of one account is made of, it shifts the threshold as a whole. Where it
matches a part, and in a sum over accounts, it grants no more than is there: what one account does not use
excuses nothing of another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TypeAlias, cast

from rules.changed import replace
from rules.facts import Facts
from rules.figures import Look
from rules.plan import field_of, plan_of
from rules.records import Account, AlertKey
from rules.ruleset import Allow, Rule
from rules.step import Step
from rules.sums import Part
from rules.types.base import LevelSpec, Verdict
from rules.types.unexpected import Unexpected
from rules.values import EXACT, ZERO, add, figure, text_of

NEVER_MS = 1 << 62

Granted: TypeAlias = "tuple[Decimal, dict[str, Decimal]]"
"""What is taken off the figure, and the allows that speak of the subject by name, with their amounts."""


def verdict_of(step: Step, rule: Rule, key: AlertKey, look: Look, account: Account) -> Verdict:
    """The rule type's own comparison, of the figure less what is granted; it shows the figure as a whole."""
    spec = cast("LevelSpec", rule.spec)
    names = account.identity.identifiers
    if look.value is None or not step.ruleset.allows or not isinstance(spec, Unexpected):
        return spec.verdict(look.value, rule.severity, names)
    granted, allowed = _granted(step, rule, key, look.parts)
    verdict = spec.verdict(EXACT.subtract(look.value, granted), rule.severity, names)
    return replace(
        verdict,
        value=look.value,
        threshold=None if verdict.threshold is None else EXACT.add(verdict.threshold, granted),
        clear_at=None if verdict.clear_at is None else EXACT.add(verdict.clear_at, granted),
        granted=granted,
        allowed=tuple(allowed.items()),
    )


def named(step: Step, facts: Facts, verdict: Verdict) -> Facts:
    """The facts with the allows that shifted the limits, each with its amount, so that the figures add up."""
    if not verdict.allowed:
        return facts
    return replace(
        facts,
        granted=text_of(verdict.granted),
        allowed=verdict.allowed_texts,
        details=(*facts.details, *_sentences(step, verdict)),
    )


def forget_expired(step: Step) -> None:
    """When an allow has ended, every subject is judged anew at its next reading, changed or not."""
    index = step.world.index
    if not step.ruleset.allows or step.now_ms < index.allows_until_ms:
        return
    index.judge_anew()
    ends = (allow.until_ms for allow in step.ruleset.allows if allow.until_ms is not None)
    index.allows_until_ms = min((end for end in ends if end > step.now_ms), default=NEVER_MS)


def _granted(step: Step, rule: Rule, key: AlertKey, parts: tuple[Part, ...]) -> Granted:
    by_account: dict[int, list[Part]] = {}
    for part in parts:
        by_account.setdefault(part[0], []).append(part)
    alone = len(by_account) == 1
    granted, allowed = ZERO, dict[str, Decimal]()
    for owner, own in by_account.items():
        shares = _shares(step, rule, key, step.world.accounts[owner], own)
        allowed.update({allow.name: allow.up_to for allow, _ in shares})
        whole = [allow.up_to for allow, matched in shares if alone and len(matched) == len(own)]
        partly = [share for share in shares if not alone or len(share[1]) < len(own)]
        granted = add([granted, *whole, _used(step, rule, key, partly)])
    return granted, allowed


def _shares(
    step: Step, rule: Rule, key: AlertKey, account: Account, own: Sequence[Part]
) -> list[tuple[Allow, list[Part]]]:
    """The allows in force for the subject in one account, with the wallets that each speaks of."""
    return [
        (allow, matched)
        for allow in plan_of(step, account).allows
        if _speaks_of(step, allow, field_of(rule), key.subject.asset)
        and (matched := [part for part in own if allow.wallet is None or allow.wallet.match(part[1])])
    ]


def _speaks_of(step: Step, allow: Allow, field: str, asset: str) -> bool:
    if allow.until_ms is not None and step.now_ms >= allow.until_ms:
        return False
    return allow.field == field and allow.asset.match(asset)


def _used(step: Step, rule: Rule, key: AlertKey, shares: Sequence[tuple[Allow, list[Part]]]) -> Decimal:
    """What the shares grant of what is there. The narrowest goes first: a wider one finds use elsewhere."""
    left: dict[Part, Decimal] = {}
    used = ZERO
    for allow, matched in sorted(shares, key=lambda share: len(share[1])):
        rest = allow.up_to
        for part in matched:
            held = left.get(part)
            if held is None:
                held = figure(step.world.holdings.get(part), key.subject.asset, field_of(rule)) or ZERO
            taken = min(rest, max(held, ZERO))
            left[part] = EXACT.subtract(held, taken)
            rest, used = EXACT.subtract(rest, taken), EXACT.add(used, taken)
    return used


def _sentences(step: Step, verdict: Verdict) -> Iterator[str]:
    reasons = {allow.name: allow.reason for allow in step.ruleset.allows}
    for name, amount in verdict.allowed:
        reason = reasons.get(name, "")
        yield f"Allowed by “{name}”: {amount:,f}{f' ({reason})' if reason else ''}."
