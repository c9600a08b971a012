"""What a rule should see of an exchange and has not seen for long: nobody may say of it that it agrees."""

from __future__ import annotations

from collections.abc import Iterator

from rules.plan import concerns, is_read, wallets_of
from rules.reconciling.telling import names
from rules.ruleset import ExchangeSettings, Rule
from rules.step import Step
from rules.sweep import late_after_ms


def unseen(
    step: Step, settings: ExchangeSettings, rule: Rule, *, valued: bool = False
) -> tuple[int | None, str] | None:
    """Since when, and of which accounts, what the rule compares was not read; None where all of it was.

    With `valued` it is about the venue's own valuations, else about quantities. None as a time is not yet.
    """
    parts = list(_parts(step, settings, rule, valued=valued))
    if not parts:
        return None, "no valuation was read yet" if valued else "no account was read yet"
    never = [label for label, read_ms in parts if read_ms is None]
    late_ms = step.now_ms - late_after_ms(step, settings)
    old = [(read_ms, label) for label, read_ms in parts if read_ms is not None and read_ms < late_ms]
    said = [f"not read yet: {names(never)}"] if never else []
    if old:
        said.insert(0, f"not read since then: {names(label for _, label in old)}")
    return (min(old)[0] if old else None, "; ".join(said)) if said else None


def is_late(step: Step, settings: ExchangeSettings, read_ms: int) -> bool:
    """Whether a figure that was read then is too old to say anything of now."""
    return step.now_ms - read_ms > late_after_ms(step, settings)


def _parts(
    step: Step, settings: ExchangeSettings, rule: Rule, *, valued: bool
) -> Iterator[tuple[str, int | None]]:
    """Each wallet that the rule compares, by its account's label: when it was read last."""
    table = step.world.valuations if valued else step.world.holdings
    for account in step.accounts_of(settings.name):
        if not is_read(step, account) or not concerns(rule, account):
            continue
        for wallet in wallets_of(step, account, settings, valued=valued):
            if rule.wallet is None or rule.wallet.match(wallet):
                found = table.get((account.key, wallet))
                yield account.label, None if found is None else found.ended_ms
