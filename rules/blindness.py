"""`subtally/unknown`: a rule whose figure the venue does not give is not silently blind (law 14)."""

from __future__ import annotations

from collections.abc import Sequence

from rules.builtin import raise_alert, settle
from rules.builtin_names import UNKNOWN
from rules.changed import replace
from rules.figures import Arrival, Look
from rules.model import Severity
from rules.plan import concerns, field_of, is_read
from rules.records import Account, AlertKey, Blind, Subject
from rules.ruleset import Rule
from rules.step import Step
from rules.sweep import late_after_ms
from rules.types.base import Family

NAMED_MOST = 5
"""Assets and accounts that one message names; it says how many more there are."""


def seen(step: Step, rule: Rule, key: AlertKey, arrival: Arrival, look: Look) -> None:
    """Remember which subjects of a rule are unknown while their account is read.

    A figure that is only not read yet is no blindness: staleness speaks of that.
    """
    blind = step.world.blind
    if not blind and look.value is not None:
        return
    exchange, account = arrival.account.exchange, arrival.account.key
    place = AlertKey(rule.key, Subject(exchange, None, key.subject.wallet, key.subject.asset))
    known = blind.get(place)
    if look.value is not None:
        if known is not None:
            # A sum that is known has no unknown part, whichever reading made it known.
            left = frozenset() if key.subject.account is None else known.accounts - {account}
            _remain(step, place, known, left)
    elif look.blind is not None:
        _missed(step, place, look.blind[0], arrival.ended_ms)


def compared(
    step: Step, rule: Rule, account: Account, wallet: str, quote: str, reason: str, ended_ms: int
) -> None:
    """As `seen`, of a comparison of two sides: `reason` says why nobody can tell whether they agree, or is "".

    Each account has its own reason. Prices may be missing for thousands at once: some of them are remembered.
    """
    place = AlertKey(rule.key, Subject(account.exchange, account.key, wallet, quote))
    known = step.world.blind.get(place)
    if reason:
        few = known is not None or _known_of(step, _group(place)) <= NAMED_MOST
        if few and _is_compared(step, rule, account, wallet):
            _missed(step, place, account.key, ended_ms, reason)
    elif known is not None:
        _remain(step, place, known, frozenset())


def judge_blind(step: Step) -> None:
    """Tell of every rule that has been blind for `stale_after`: one alert for each rule and wallet."""
    groups: dict[AlertKey, list[tuple[AlertKey, Blind]]] = {}
    for place, blind in sorted(step.world.blind.items()):
        left = _still_blind(step, place, blind)
        if left != blind.accounts:
            _remain(step, place, blind, left)
        at_ms = blind.since_ms + step.settings.stale_after_ms
        if not left:
            continue
        if step.now_ms >= at_ms:
            groups.setdefault(_group(place), []).append((place, replace(blind, accounts=left)))
        else:
            step.world.index.due(at_ms)
    for group, members in groups.items():
        rule = step.rule(group.rule)
        if rule is not None:
            _tell(step, rule, group, members)


def forget(step: Step) -> None:
    """After an edit: rules, exchanges and figures that are gone are no longer missed."""
    for place in [
        place
        for place in step.world.blind
        if step.rule(place.rule) is None or step.exchange(place.subject.exchange) is None
    ]:
        _remain(step, place, step.world.blind[place], frozenset())


def _missed(step: Step, place: AlertKey, account: int, ended_ms: int, reason: str = "") -> None:
    known = step.world.blind.get(place)
    if known is None:
        step.world.blind[place] = Blind(ended_ms, frozenset({account}), reason)
        step.world.index.due(ended_ms + step.settings.stale_after_ms)
    elif account not in known.accounts or reason != known.reason:
        step.world.blind[place] = replace(known, accounts=known.accounts | {account}, reason=reason)


def _still_blind(step: Step, place: AlertKey, blind: Blind) -> frozenset[int]:
    rule, accounts = step.rule(place.rule), step.world.accounts
    if rule is None:
        return frozenset()
    read = (key for key in blind.accounts if is_read(step, accounts[key]) and concerns(rule, accounts[key]))
    if rule.spec.family is Family.RECONCILIATION:
        return frozenset(key for key in read if _is_compared(step, rule, accounts[key], place.subject.wallet))
    return frozenset(read) if rule.asset.match(place.subject.asset) else frozenset()


def _is_compared(step: Step, rule: Rule, account: Account, wallet: str) -> bool:
    """Whether both sides are still read: staleness speaks of a side that is not."""
    settings, part = step.exchange(account.exchange), (account.key, wallet)
    sides = (step.world.holdings.get(part), step.world.valuations.get(part))
    if settings is None or not (rule.wallet is None or rule.wallet.match(wallet)):
        return False
    late_ms = step.now_ms - late_after_ms(step, settings)
    return all(side is not None and side.ended_ms >= late_ms for side in sides)


def _group(place: AlertKey) -> AlertKey:
    return AlertKey(place.rule, place.subject._replace(account=None, asset=""))


def _known_of(step: Step, group: AlertKey) -> int:
    return sum(_group(place) == group for place in step.world.blind)


def _remain(step: Step, place: AlertKey, blind: Blind, left: frozenset[int]) -> None:
    if left == blind.accounts:
        return
    if left:
        step.world.blind[place] = replace(blind, accounts=left)
        return
    del step.world.blind[place]
    group = _group(place)
    if not _known_of(step, group):
        settle(step, UNKNOWN, group.subject._replace(event=group.rule))


def _tell(step: Step, rule: Rule, group: AlertKey, members: Sequence[tuple[AlertKey, Blind]]) -> None:
    accounts = sorted(frozenset[int]().union(*(blind.accounts for _, blind in members)))
    labels = [step.world.accounts[key].label for key in accounts]
    assets = sorted({place.subject.asset for place, _ in members})
    wallet = group.subject.wallet
    where = f"wallet {wallet}" if wallet else "the wallets read"
    if rule.spec.family is Family.RECONCILIATION:
        what = f"compare the venue's total in {_named(assets)} with the quantities of {where}"
        field, why = "", f"{_reasons(step, members)}. Until then nothing is judged there."
    else:
        field = field_of(rule)
        what = f"see {field} of {_named(assets)} in {where}"
        why = f"Unknown for {_named(labels)}: the venue does not give it. The rule is silent there."
    raise_alert(
        step,
        UNKNOWN,
        group.subject._replace(event=group.rule),
        Severity.WARNING,
        f"rule “{rule.name}” cannot {what}",
        labels[0],
        wallet=wallet,
        asset=assets[0] if len(assets) == 1 else "",
        field=field,
        details=(why,),
    )


def _reasons(step: Step, members: Sequence[tuple[AlertKey, Blind]]) -> str:
    """What each of some accounts lacks, those together that lack the same; many more may than are remembered."""
    known = sorted((key, blind.reason) for _, blind in members for key in blind.accounts)
    labels: dict[str, dict[str, None]] = {}
    for account, reason in known[:NAMED_MOST]:
        labels.setdefault(reason, {})[step.world.accounts[account].label] = None
    parts = [f"for {', '.join(some)}: {reason}" for reason, some in labels.items()]
    if len(known) > NAMED_MOST:
        parts.append("others lack prices, too")
    told = "; ".join(parts)
    return told[0].upper() + told[1:]


def _named(texts: Sequence[str]) -> str:
    named = ", ".join(texts[:NAMED_MOST])
    more = len(texts) - NAMED_MOST
    return f"{named} and {more} more" if more > 0 else named
