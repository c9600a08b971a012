"""What the state knows of each exchange, where there is a state: for `check` and `plan`."""

from __future__ import annotations

from pathlib import Path

from daemon.config.strangers import Known
from rules.world import Account
from state.errors import StateError
from state.queries import MOST_ROWS
from state.store import Store


def known_to(path: Path) -> tuple[dict[str, Known], str]:
    """Accounts and coins by exchange, and why nothing can be known, "" where it could be read."""
    try:
        with Store.open(path, readonly=True) as store:
            accounts = _accounts(store)
            pairs = store.assets()
    except StateError as error:
        return {}, str(error)
    names = dict.fromkeys([*accounts, *(exchange for exchange, _ in pairs)])
    return {
        name: Known(
            tuple(one.identity.identifiers for one in accounts.get(name, ())),
            frozenset(asset for exchange, asset in pairs if exchange == name),
        )
        for name in names
    }, ""


def _accounts(store: Store) -> dict[str, list[Account]]:
    """The sub-accounts that are there."""
    found: dict[str, list[Account]] = {}
    after: str | None = None
    while True:
        page = store.accounts(after=after, limit=MOST_ROWS)
        for account in page.rows:
            if account.present and not account.master:
                found.setdefault(account.exchange, []).append(account)
        if page.after is None:
            return found
        after = page.after
