"""What exists on one fake venue: the master, its sub-accounts, their balances, and how they change.

The words are Subtally's own (free, locked, frozen, withdrawing); each venue spells them on the wire itself.
Everything changes through a mutator, because rendered bodies are cached per account until it is touched.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import ClassVar

from daemon.simulator.clock import Clock
from daemon.simulator.money import ZERO, Amount, add, exact, times
from daemon.simulator.movements import Movements

__all__ = ["Account", "Balance", "Ledger", "UnknownAccountError"]


class UnknownAccountError(LookupError):
    """No account has this id, name or label; raised to whoever scripts the venue, never over HTTP."""

    def __init__(self, venue: str, reference: str) -> None:
        super().__init__(f"{venue} has no account {reference!r}")


@dataclass(frozen=True, slots=True)
class Balance:
    """One coin in one wallet. `raw` replaces members of the wire row as they stand, `""` included."""

    free: Decimal = ZERO
    locked: Decimal = ZERO
    frozen: Decimal = ZERO
    withdrawing: Decimal = ZERO
    raw: Mapping[str, str] = field(default_factory=dict)

    @property
    def total(self) -> Decimal:
        return add((self.free, self.locked, self.frozen, self.withdrawing))

    @property
    def is_zero(self) -> bool:
        """Whether no quantity is there; far cheaper than a total, and asked of every coin."""
        return not (self.free or self.locked or self.frozen or self.withdrawing)


@dataclass(slots=True, eq=False)
class Account:
    """One sub-account, or the master. `name` is what calls ask for: e-mail, subAcct or subAccountName."""

    id: str
    name: str
    label: str
    created_ms: int
    updated_ms: int
    number: int
    frozen: bool = False
    deleted: bool = False
    hidden: frozenset[str] = frozenset()
    wallets: dict[str, dict[str, Balance]] = field(default_factory=dict)
    rendered: dict[str, bytes] = field(default_factory=dict, repr=False)

    def holdings(self, wallet: str) -> dict[str, Balance]:
        """The coins of one wallet; an empty dict for a wallet never used."""
        return self.wallets.get(wallet, {})


class Ledger:
    """The mutable truth behind one venue's answers."""

    kind: ClassVar[str]
    wallets: ClassVar[tuple[str, ...]]
    """Wallets of a sub-account; the first is the default of every mutator."""
    master_wallet: ClassVar[str]
    """The master's own wallet that every mutator means unless told otherwise."""
    quantities: ClassVar[frozenset[str]]
    """Quantities this venue gives; another one is a mistake of the caller."""
    listings: ClassVar[frozenset[str]]
    """Where an account can be listed; `unlist` hides it there."""
    first_id: ClassVar[int]

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.prices: dict[str, Decimal] = {"USDT": Decimal(1), "USD": Decimal(1)}
        self.movements = Movements(clock)
        self.omitted: set[tuple[str, str]] = set()
        """Account id and coin of what the calls about quantities leave out although it is there."""
        self._by_id: dict[str, Account] = {}
        self._by_name: dict[str, Account] = {}
        self._numbers = 0
        self.master = self._build("master", "master", None, None)

    # Reading

    @property
    def accounts(self) -> list[Account]:
        """Sub-accounts in the order of their creation; the master is not among them."""
        return list(self._by_id.values())

    def account(self, reference: str) -> Account:
        """The account with this name, id or label; `master` is the master."""
        if reference == "master":
            return self.master
        found = self._by_name.get(reference) or self._by_id.get(reference) or self._by_label(reference)
        if found is None:
            raise UnknownAccountError(self.kind, reference)
        return found

    def named(self, name: str) -> Account | None:
        """The account a request asks for by name, exactly as written."""
        return self._by_name.get(name)

    def worth(self, account: Account, wallets: tuple[str, ...] | None = None) -> Decimal:
        """What the coins are worth in USDT; a coin without a price counts nothing."""
        return add(
            times(balance.total, self.prices[asset])
            for wallet in wallets or tuple(account.wallets)
            for asset, balance in account.holdings(wallet).items()
            if asset in self.prices
        )

    # Changing

    def add(
        self,
        name: str,
        *,
        label: str | None = None,
        id: str | None = None,  # noqa: A002 - the venue's own word
        created_ms: int | None = None,
        balances: Mapping[str, Mapping[str, Amount]] | None = None,
    ) -> Account:
        """Create an account; `balances` is wallet → asset → free."""
        if name in self._by_name or name == "master":
            raise ValueError(f"{self.kind} already has an account {name!r}")
        account = self._build(name, label, id, created_ms)
        if account.id in self._by_id:
            raise ValueError(f"{self.kind} already has an account with id {account.id}")
        self._by_id[account.id] = self._by_name[name] = account
        for wallet, coins in (balances or {}).items():
            for asset, free in coins.items():
                self.set_balance(name, asset, wallet=wallet, free=free)
        return account

    def remove(self, reference: str) -> Account:
        """Delete the account: it is gone from every listing, and its own call denies it."""
        account = self._sub_account(reference)
        del self._by_id[account.id], self._by_name[account.name]
        return account

    def freeze(self, reference: str) -> None:
        self._sub_account(reference).frozen = True

    def unfreeze(self, reference: str) -> None:
        self._sub_account(reference).frozen = False

    def rename(self, reference: str, name: str | None = None, label: str | None = None) -> None:
        """Another e-mail or name, or another label, under the same id. The old name is unknown at once."""
        account = self._sub_account(reference)
        if name is not None and name != account.name:
            if name in self._by_name:
                raise ValueError(f"{self.kind} already has an account {name!r}")
            del self._by_name[account.name]
            account.name = name
            self._by_name[name] = account
        if label is not None:
            account.label = label
        self._touch(account)

    def unlist(self, reference: str, *listings: str) -> None:
        """Hide the account from listings (default: all) although it exists and its balances are served."""
        unknown = set(listings) - self.listings
        if unknown:
            raise ValueError(f"{self.kind} has no listing {sorted(unknown)}; it has {sorted(self.listings)}")
        self._sub_account(reference).hidden = frozenset(listings) or self.listings

    def relist(self, reference: str) -> None:
        self._sub_account(reference).hidden = frozenset()

    def set_balance(
        self,
        reference: str,
        asset: str,
        *,
        wallet: str | None = None,
        free: Amount | None = None,
        locked: Amount | None = None,
        frozen: Amount | None = None,
        withdrawing: Amount | None = None,
        raw: Mapping[str, str] | None = None,
    ) -> None:
        """Set the given quantities of one coin and leave the others as they are."""
        account = self.account(reference)
        given = {"free": free, "locked": locked, "frozen": frozen, "withdrawing": withdrawing}
        changes = {name: exact(amount) for name, amount in given.items() if amount is not None}
        self._check_quantities(changes)
        pocket = self._wallet(account, wallet)
        before = account.holdings(pocket).get(asset, Balance())
        self._store(
            account, pocket, asset, replace(before, **changes, raw=before.raw if raw is None else raw)
        )

    def move(
        self,
        source: str,
        target: str,
        asset: str,
        amount: Amount,
        *,
        wallet: str | None = None,
        to_wallet: str | None = None,
        recorded: bool = True,
    ) -> None:
        """Move free coins, as an internal transfer does; one not `recorded` is missing from the histories.

        Raises ValueError for an overdraft.
        """
        giver, taker, moved = self.account(source), self.account(target), exact(amount)
        alike = self.master not in (giver, taker)
        from_wallet = self._wallet(giver, wallet)
        into_wallet = self._wallet(taker, to_wallet or (wallet if alike else None))
        has = giver.holdings(from_wallet).get(asset, Balance()).free
        if moved > has:
            raise ValueError(f"{source} has only {has} {asset} free in {from_wallet}, not {moved}")
        self.set_balance(source, asset, wallet=from_wallet, free=add((has, -moved)))
        held = taker.holdings(into_wallet).get(asset, Balance()).free
        self.set_balance(target, asset, wallet=into_wallet, free=add((held, moved)))
        if recorded and giver is not taker:
            self.movements.record(
                "internal",
                asset,
                moved,
                giver=giver,
                taker=taker,
                giver_wallet=from_wallet,
                taker_wallet=into_wallet,
            )

    def deposit(
        self, reference: str, asset: str, amount: Amount, *, wallet: str | None = None, recorded: bool = True
    ) -> None:
        """Credit free coins from outside the venue."""
        account, coming = self.account(reference), exact(amount)
        pocket = self._wallet(account, wallet)
        held = account.holdings(pocket).get(asset, Balance()).free
        self.set_balance(reference, asset, wallet=pocket, free=add((held, coming)))
        if recorded:
            self.movements.record("deposit", asset, coming, taker=account, taker_wallet=pocket)

    def withdraw(
        self,
        reference: str,
        asset: str,
        amount: Amount,
        *,
        fee: Amount = 0,
        wallet: str | None = None,
        recorded: bool = True,
    ) -> None:
        """Take free coins and the fee out of the venue, done at once. Raises ValueError for an overdraft."""
        account, leaving, cost = self.account(reference), exact(amount), exact(fee)
        pocket = self._wallet(account, wallet)
        held = account.holdings(pocket).get(asset, Balance()).free
        left = add((held, -leaving, -cost))
        if left < 0:
            raise ValueError(
                f"{reference} has only {held} {asset} free in {pocket}, not {leaving} and {cost}"
            )
        self.set_balance(reference, asset, wallet=pocket, free=left)
        if recorded:
            self.movements.record("withdrawal", asset, leaving, giver=account, giver_wallet=pocket, fee=cost)

    def set_price(self, asset: str, usdt: Amount) -> None:
        """What one unit is worth in USDT from now on."""
        self.prices[asset] = exact(usdt)
        for account in (self.master, *self._by_id.values()):
            account.rendered.clear()

    def omit(self, reference: str, asset: str) -> None:
        """Leave one coin out of the calls about quantities; valuations go on counting it."""
        account = self.account(reference)
        self.omitted.add((account.id, asset))
        self._touch(account)

    def show(self, reference: str, asset: str) -> None:
        """The end of `omit`."""
        account = self.account(reference)
        self.omitted.discard((account.id, asset))
        self._touch(account)

    def hold(
        self, reference: str, asset: str, amount: Amount, quantity: str, *, wallet: str | None = None
    ) -> None:
        """Turn free coins into locked, frozen or withdrawing ones; the total stays. Negative turns them back.

        Raises ValueError when there are not as many.
        """
        self._check_quantities((quantity,))
        account, held = self.account(reference), exact(amount)
        pocket = self._wallet(account, wallet)
        before = account.holdings(pocket).get(asset, Balance())
        free, other = add((before.free, -held)), add((getattr(before, quantity), held))
        if free < 0 or other < 0:
            raise ValueError(f"{reference} has not enough {asset} to hold {amount} as {quantity}")
        changes = {"free": free, quantity: other}
        self._store(account, pocket, asset, replace(before, **changes, raw=before.raw))

    def drain(self, reference: str) -> None:
        """Empty every wallet; the account stays."""
        account = self.account(reference)
        account.wallets = {wallet: {} for wallet in account.wallets}
        self._touch(account)

    # Helpers

    def _build(self, name: str, label: str | None, id: str | None, created_ms: int | None) -> Account:  # noqa: A002
        self._numbers += 1
        now_ms = self.clock.now_ms()
        return Account(
            id=id or str(self.first_id + self._numbers),
            name=name,
            label=name if label is None else label,
            created_ms=now_ms if created_ms is None else created_ms,
            updated_ms=now_ms,
            number=self._numbers,
        )

    def _by_label(self, label: str) -> Account | None:
        return next((account for account in self._by_id.values() if account.label == label), None)

    def _sub_account(self, reference: str) -> Account:
        account = self.account(reference)
        if account is self.master:
            raise ValueError("the master cannot be removed, frozen, renamed or unlisted")
        return account

    def _wallet(self, account: Account, wallet: str | None) -> str:
        if account is self.master:
            return wallet or self.master_wallet
        if wallet is not None and wallet not in self.wallets:
            raise ValueError(f"{self.kind} sub-accounts have no wallet {wallet!r}: {', '.join(self.wallets)}")
        return wallet or self.wallets[0]

    def _store(self, account: Account, wallet: str, asset: str, balance: Balance) -> None:
        account.wallets.setdefault(wallet, {})[asset] = balance
        self._touch(account)

    def _check_quantities(self, names: Iterable[str]) -> None:
        unknown = set(names) - self.quantities
        if unknown:
            raise ValueError(f"{self.kind} gives no {sorted(unknown)}; it gives {sorted(self.quantities)}")

    def _touch(self, account: Account) -> None:
        account.updated_ms = self.clock.now_ms()
        account.rendered.clear()

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_id.values())
