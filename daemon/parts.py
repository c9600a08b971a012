"""What one sweep over an exchange consists of, and which task reads which part of it."""

from __future__ import annotations

from daemon.exchanges.base import Task, Venue
from rules.model import MASTER_IDENTITY, Identity
from rules.outcome import Recheck
from rules.ruleset import ExchangeSettings
from rules.step import selected
from rules.world import Account, World


class Parts:
    """The tasks of the accounts as they were known at the last `renew`."""

    def __init__(self, settings: ExchangeSettings, venue: Venue, world: World) -> None:
        self.tasks: list[Task] = []
        self.known: set[Task] = set()
        self._settings = settings
        self._venue = venue
        self._world = world
        self._by_part: dict[tuple[Identity | None, str], Task] = {}
        self._stale = True

    def changed(self) -> None:
        """The accounts to read are others now."""
        self._stale = True

    def renew(self) -> list[Identity] | None:
        """After a change the accounts that are read from now on; else None."""
        if not self._stale:
            return None
        self._stale = False
        identities = [account.identity for account in self._accounts(self._settings)]
        self.tasks = self._venue.tasks(identities)
        self.known = set(self.tasks)
        self._by_part = {(task.account, task.wallet): task for task in self.tasks}
        return identities

    def of(self, account: Identity, wallet: str) -> Task | None:
        """The account's own task for a wallet, where there is one."""
        return self._by_part.get((account, wallet))

    def reading(self, wanted: Recheck) -> Task | None:
        """The task that reads a part: the account's own, or the pass that reads all of them."""
        account = self._world.accounts.get(wanted.account)
        if account is None:
            return None
        identity = identity_of(account)
        own, of_all = (identity, wanted.wallet), (None, wanted.wallet)
        # A sub-account's valuation comes with that of all the others; the master's wallets come in one call.
        for key in (of_all, own) if wanted.valued else (own, of_all, (identity, "")):
            if key in self._by_part:
                return self._by_part[key]
        # A sub-account is not among those that are read: its own call is made to ask whether it exists.
        tasks = self.tasks if account.master else self._venue.tasks([identity])
        return next((task for task in tasks if task.account == identity), None)

    def last_reads(self) -> dict[Task, int]:
        """When the state last heard what each task would tell."""
        found: dict[Task, int] = {}
        for account in self._accounts(self._settings):
            for wallet in self._settings.wallets:
                task = self.of(account.identity, wallet)
                holding = self._world.holdings.get((account.key, wallet))
                if task is not None and holding is not None:
                    found[task] = holding.ended_ms
        return found

    def lawful_us(self) -> int:
        """How long the venue's limit makes a sweep over all accounts that draw on it, without anything else."""
        own_us = len(self._by_part) // max(1, len(self._settings.wallets)) * self._settings.read_us
        exchanges = self._world.ruleset.exchanges
        others = [exchanges[name] for name in self._settings.shares_with if name in exchanges]
        return own_us + sum(len(self._accounts(other)) * other.read_us for other in others)

    def _accounts(self, settings: ExchangeSettings) -> list[Account]:
        keys = sorted(self._world.index.by_exchange.get(settings.name, ()))
        accounts = (self._world.accounts[key] for key in keys)
        return [account for account in accounts if not account.master and selected(settings, account)]


def identity_of(account: Account) -> Identity:
    """How the venue names an account of ours."""
    return MASTER_IDENTITY if account.master else account.identity
