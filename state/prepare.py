"""From judged inputs to the statements of one transaction: the hot path, pure of any I/O (laws 6 and 13)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from rules.model import Identity
from rules.outcome import BalanceChange
from rules.repeats import Repeats
from rules.ruleset import RulesAccepted
from rules.world import Account, Holding, Table, Valuation, World
from state.alerts import alert_statements
from state.codec import to_json
from state.interned import Interned
from state.log import LogWriter
from state.outbox import outbox_statements
from state.prepared import Entry, Later, Parameters, Prepared
from state.reconciled import reconciliation_statements
from state.times import PUT_TIMES, Blocks

K = TypeVar("K")
V = TypeVar("V")
Statement = tuple[str, Sequence[Parameters]]
WalletKey = tuple[int, str]

PUT_NAME: Final = "INSERT INTO names (id, text) VALUES (?, ?)"
PUT_IDENTITY: Final = "INSERT INTO identities (id, venue_id, email, name, alias) VALUES (?, ?, ?, ?, ?)"
PUT_LOG: Final = "INSERT INTO log (seq, at_ms, records, body) VALUES (?, ?, ?, ?)"
PUT_META: Final = (
    "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
PUT_RULES: Final = (
    "INSERT INTO rules (digest, sources, accepted_ms) VALUES (?, ?, ?)"
    " ON CONFLICT (digest) DO UPDATE SET accepted_ms = excluded.accepted_ms"
)
_PUT_ACCOUNT = (
    "INSERT INTO accounts (key, exchange, label, venue_id, email, name, alias, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (key) DO UPDATE SET exchange = excluded.exchange, label = excluded.label,"
    " venue_id = excluded.venue_id, email = excluded.email, name = excluded.name, alias = excluded.alias,"
    " body = excluded.body"
)
_DROP_ACCOUNT = "DELETE FROM accounts WHERE key = ?"
_PUT_EXCHANGE = (
    "INSERT INTO exchanges (name, body) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body"
)
_DROP_EXCHANGE = "DELETE FROM exchanges WHERE name = ?"
_PUT_WALLET = (
    "INSERT INTO wallets (account, wallet, fields) VALUES (?, ?, ?)"
    " ON CONFLICT (account, wallet) DO UPDATE SET fields = excluded.fields"
)
_DROP_WALLET = "DELETE FROM wallets WHERE account = ? AND wallet = ?"
_DROP_BALANCES = "DELETE FROM balances WHERE account = ? AND wallet = ?"
_DROP_PAST = "DELETE FROM past WHERE account = ? AND wallet = ?"
_KEEP_PAST = (
    "INSERT INTO past (account, wallet, asset, from_ms, until_ms, amounts)"
    " SELECT account, wallet, asset, changed_ms, ?, amounts FROM balances"
    " WHERE account = ? AND wallet = ? AND asset = ?"
)
_PUT_BALANCE = (
    "INSERT INTO balances (account, wallet, asset, amounts, changed_ms) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (account, wallet, asset) DO UPDATE SET amounts = excluded.amounts,"
    " changed_ms = excluded.changed_ms"
)
_PUT_VALUATION = (
    "INSERT INTO valuations (account, wallet, body) VALUES (?, ?, ?)"
    " ON CONFLICT (account, wallet) DO UPDATE SET body = excluded.body"
)
_DROP_VALUATION = "DELETE FROM valuations WHERE account = ? AND wallet = ?"
_PUT_TRAIL = (
    "INSERT INTO trails (key, body) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET body = excluded.body"
)
_DROP_TRAIL = "DELETE FROM trails WHERE key = ?"
_PUT_BLIND = (
    "INSERT INTO blind (key, body) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET body = excluded.body"
)
_DROP_BLIND = "DELETE FROM blind WHERE key = ?"
_PUT_JUDGED = (
    "INSERT INTO judged_rules (exchange, rule_key, at_ms) VALUES (?, ?, ?)"
    " ON CONFLICT (exchange, rule_key) DO UPDATE SET at_ms = excluded.at_ms"
)
_DROP_JUDGED = "DELETE FROM judged_rules WHERE exchange = ? AND rule_key = ?"

_amounts = msgspec.json.Encoder().encode


class Preparer:
    """Lives on the event loop's thread beside the World, and never touches the database."""

    def __init__(self, names: Interned[str], identities: Interned[Identity], next_seq: int) -> None:
        self._names = names
        self._identities = identities
        self._log = LogWriter(names, identities)
        self._next_seq = next_seq
        # The fields that the stored rows of each wallet have: with others, all of its rows are written anew.
        self._written: dict[WalletKey, int] = {}
        self._field_ids: dict[tuple[str, ...], int] = {}
        self._times = Blocks(names.id)
        self._meta: dict[str, str] = {}

    def loaded(self, holdings: Mapping[WalletKey, Holding], meta: Mapping[str, str]) -> None:
        """Learn what the database holds, so that only differences are written."""
        self._written = {key: self._fields(holding) for key, holding in holdings.items()}
        self._times.restore(holdings)
        self._meta = dict(meta)

    def prepare(self, batch: Sequence[Entry], world: World) -> Prepared:
        """Everything that follows from the batch; afterwards nothing in the World counts as touched."""
        body = [
            *self._logged(batch),
            *_drops_and_puts(world.exchanges, _DROP_EXCHANGE, _PUT_EXCHANGE, lambda key: (key,)),
            *self._accounts(world),
            *self._balances(batch, world),
            *self._valuations(world.valuations),
            *_drops_and_puts(world.trails, _DROP_TRAIL, _PUT_TRAIL, lambda key: (to_json(key),)),
            *_drops_and_puts(world.blind, _DROP_BLIND, _PUT_BLIND, lambda key: (to_json(key),)),
            *_judged(world.judged_rules),
            *reconciliation_statements(world),
            *alert_statements(batch, world.alerts),
            *outbox_statements(batch),
            *self._changed_meta(world),
        ]
        head = [
            (PUT_NAME, self._names.take_new()),
            (PUT_IDENTITY, [_identity(number, value) for number, value in self._identities.take_new()]),
        ]
        for table in world.tables():
            table.touched.clear()
        first = self._next_seq
        self._next_seq += sum(len(rows) for sql, rows in body if sql is PUT_LOG)
        return Prepared(first, self._next_seq - 1, tuple(part for part in (*head, *body) if part[1]))

    def cut(self) -> int:
        """Begin the log anew: what follows refers to nothing before it. The last `seq` that was prepared."""
        self._log.end()
        self._log = LogWriter(self._names, self._identities)
        return self._next_seq - 1

    def _logged(self, batch: Sequence[Entry]) -> Iterable[Statement]:
        rules: list[Parameters] = []
        current: list[Parameters] = []
        for entry in batch:
            if isinstance(entry.input, Repeats):
                self._log.add_repeats(entry.input)
                continue
            self._log.add(entry.input, entry.now_ms)
            if isinstance(entry.input, RulesAccepted):
                ruleset = entry.input.ruleset
                rules.append((ruleset.digest, to_json(ruleset.sources), entry.now_ms))
                current = [("rules", ruleset.digest)]
        chunks = enumerate(self._log.take(), self._next_seq)
        return (
            (PUT_LOG, [(seq, chunk.at_ms, chunk.records, chunk.body) for seq, chunk in chunks]),
            (PUT_RULES, rules),
            (PUT_META, current),
        )

    def _accounts(self, world: World) -> Iterable[Statement]:
        touched = {key: world.accounts.get(key) for key in world.accounts.touched}
        drops = [(key,) for key, account in touched.items() if account is None]
        kept = [account for account in touched.values() if account is not None]
        return (_DROP_ACCOUNT, drops), (_PUT_ACCOUNT, Later(kept, _account))

    def _balances(self, batch: Sequence[Entry], world: World) -> Iterable[Statement]:
        """The touched wallets with their changed rows; all rows where the wallet or its fields are new."""
        names = self._names.id
        puts: list[Parameters] = []
        drops: list[Parameters] = []
        rows: list[Parameters] = []
        anew: set[WalletKey] = set()
        for entry in batch:
            if isinstance(entry.input, Repeats):
                self._times.put_again(entry.input)
        for key in world.holdings.touched:
            holding = world.holdings.get(key)
            where = (key[0], names(key[1]))
            if holding is None:
                drops.append(where)
                self._written.pop(key, None)
                self._times.put(key)
                continue
            self._times.put(key, holding)
            fields = self._fields(holding)
            if self._written.get(key) != fields:
                anew.add(key)
                puts.append((*where, fields))
                self._written[key] = fields
                rows += (
                    (*where, names(asset), _amounts(row).decode(), holding.ended_ms)
                    for asset, row in holding.rows.items()
                )
        changes = (change for entry in batch for change in entry.outcome.changes)
        changed = list(self._changed_rows(changes, anew, world.holdings))
        emptied = drops + [(account, names(wallet)) for account, wallet in anew]
        return (
            (_DROP_BALANCES, emptied),
            (_DROP_PAST, emptied),  # its rows would be read under the names of other fields
            (_DROP_WALLET, drops),
            (_PUT_WALLET, puts),
            (PUT_TIMES, self._times.take()),
            (_KEEP_PAST, [(row[4], *row[:3]) for row in changed]),
            (_PUT_BALANCE, rows + changed),
        )

    def _changed_rows(
        self, changes: Iterable[BalanceChange], anew: set[WalletKey], holdings: Mapping[WalletKey, Holding]
    ) -> Iterable[tuple[int, int, int, str, int]]:
        """Each changed row once, as memory now has it: the last change of a batch counts."""
        latest = {(change.account, change.wallet, change.asset): change.at_ms for change in changes}
        for (account, wallet, asset), at_ms in latest.items():
            holding = holdings.get((account, wallet))
            if holding is None or (account, wallet) in anew or asset not in holding.rows:
                continue
            amounts = _amounts(holding.rows[asset]).decode()
            yield account, self._names.id(wallet), self._names.id(asset), amounts, at_ms

    def _fields(self, holding: Holding) -> int:
        found = self._field_ids.get(holding.fields)
        if found is None:
            found = self._field_ids[holding.fields] = self._names.id(to_json(holding.fields))
        return found

    def _valuations(self, valuations: Table[WalletKey, Valuation]) -> Iterable[Statement]:
        return _drops_and_puts(
            valuations, _DROP_VALUATION, _PUT_VALUATION, lambda key: (key[0], self._names.id(key[1]))
        )

    def _changed_meta(self, world: World) -> Iterable[Statement]:
        """What the World derives from its inputs and no table of its own holds."""
        derived = {"next_account": str(world.next_account), "started_ms": str(world.started_ms)}
        derived["orders_seq"] = str(world.orders_seq)
        changed = [(key, value) for key, value in derived.items() if self._meta.get(key) != value]
        self._meta.update(changed)
        return ((PUT_META, changed),)


def _drops_and_puts(
    table: Table[K, V], drop: str, put: str, key_of: Callable[[K], Parameters]
) -> tuple[Statement, Statement]:
    """What was touched in a table of values that are stored whole."""
    drops: list[Parameters] = []
    puts: list[Parameters] = []
    for key in table.touched:
        value = table.get(key)
        if value is None:
            drops.append(key_of(key))
        else:
            puts.append((*key_of(key), to_json(value)))
    return (drop, drops), (put, puts)


def _judged(table: Table[tuple[str, str], int]) -> Iterable[Statement]:
    values = {key: table.get(key) for key in table.touched}
    return (
        (_DROP_JUDGED, [key for key, at_ms in values.items() if at_ms is None]),
        (_PUT_JUDGED, [(*key, at_ms) for key, at_ms in values.items() if at_ms is not None]),
    )


def _account(account: Account) -> Parameters:
    who = account.identity
    names = (account.label, who.venue_id, who.email, who.name, who.alias)
    return account.key, account.exchange, *names, to_json(account)


def _identity(number: int, who: Identity) -> Parameters:
    return number, who.venue_id, who.email, who.name, who.alias
