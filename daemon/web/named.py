"""Accounts as people name them, found on the reader's thread."""

from __future__ import annotations

from state.queries import MOST_ROWS
from state.store import Store

__all__ = ["NotFound", "accounts_named"]


class NotFound(LookupError):  # noqa: N818  it is an answer
    """Nothing is called so; an empty answer would look like a fact."""


def accounts_named(store: Store, exchange: str | None, name: str | None) -> tuple[int, ...] | None:
    """Our ids of the accounts that are called so, without case; None where no name was given. Raises NotFound."""
    if name is None:
        return None
    folded = name.casefold()
    called: list[int] = []
    numbered: list[int] = []
    after: str | None = None
    while True:
        page = store.accounts(exchange, name, after=after, limit=MOST_ROWS)
        for account in page.rows:
            if folded in {one.casefold() for one in account.identity.identifiers}:
                called.append(account.key)
            elif str(account.key) == name:
                numbered.append(account.key)
        after = page.after
        if after is None:
            break
    found = called or numbered
    if not found:
        raise NotFound(f"there is no account {name!r}: /api/v1/accounts lists them")
    return tuple(found)
