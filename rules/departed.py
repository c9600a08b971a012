"""Accounts that are gone leave the World `retention` after anything last spoke of them: known for ever, they pile up.

One that comes back later is new: it appears, and what was known of it is not compared with. What is still open about
it, or kept of its movements, keeps it until that is over.
"""

from __future__ import annotations

from rules.changed import replace
from rules.records import Account
from rules.ruleset import HOUR_MS
from rules.step import Step

NAMED_EVERY_MS = HOUR_MS
"""An account that is gone and still named elsewhere is noted as named at most so often."""

AGAIN_MS = HOUR_MS
"""What keeps an account may end without a deadline of its own: so long until the next look."""


def spoken_of(step: Step, account: Account, at_ms: int) -> Account:
    """Something names an account that is gone: it would only be met as a new one if it were forgotten."""
    if account.gone_ms is None or at_ms < account.gone_ms + NAMED_EVERY_MS:
        return account
    account = replace(account, gone_ms=at_ms)
    step.world.put_account(account)
    return account


def watched(step: Step) -> None:
    """After a start or an edit: accounts of an exchange that left the file go, too; with it they come back."""
    for account in list(step.world.accounts.values()):
        here = account.present and account.exchange in step.ruleset.exchanges
        if here and account.gone_ms is not None:
            step.world.put_account(replace(account, gone_ms=None))
        elif not here and account.gone_ms is None:
            step.world.put_account(replace(account, gone_ms=step.now_ms))


def forget(step: Step) -> None:
    """Drop the accounts whose time is over, and look again when the next one's is."""
    index, due = step.world.index, []
    for key in sorted(index.gone):
        at_ms = (step.world.accounts[key].gone_ms or 0) + step.settings.retention_ms
        if step.now_ms >= at_ms:
            due.append(key)
        else:
            index.due(at_ms)
    if not due:
        return
    kept = _kept(step)
    for key in due:
        account = step.world.accounts[key]
        if key in kept or (account.exchange, key) in index.open_of:
            index.due(step.now_ms + AGAIN_MS)
        else:
            _drop(step, account)


def _kept(step: Step) -> set[int]:
    """The accounts of the movements that reconciliation remembers; it forgets them in its own time."""
    keys = list(step.world.legs)
    for match in step.world.matches.values():
        keys += (*match.givers, *match.takers, *match.rivals)
    return {key.account for key in keys}


def _drop(step: Step, account: Account) -> None:
    world, owner = step.world, account.key
    for past in [key for key in world.past if key.account == owner]:
        del world.past[past]
    for shift in [key for key in world.shifts if key.account == owner]:
        del world.shifts[shift]
    for trail in [key for key in world.trails if key.subject.account == owner]:
        del world.trails[trail]
    for place, sheet in list(world.sheets.items()):
        if owner in sheet.traders:
            world.sheets[place] = replace(sheet, traders=tuple(key for key in sheet.traders if key != owner))
    world.drop_account(account)
