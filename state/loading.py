"""The World as the last commit left it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from sys import intern
from typing import Any, Final, TypeVar

import msgspec

from rules.model import Row
from rules.rows import Rows
from rules.ruleset import Ruleset, Silence
from rules.world import Account, Alert, AlertKey, Blind, ExchangeState, Holding, TrailPoint, Valuation, World
from state.codec import from_json
from state.reconciled import load_reconciliation
from state.times import read as read_times

T = TypeVar("T")

_amounts = msgspec.json.Decoder(list[str | None]).decode

_ORDERS_MOST: Final = 20_000


def load_world(db: sqlite3.Connection, ruleset: Ruleset) -> World:
    """Everything the engine knew. The ruleset is the caller's: texts are kept, not their meaning."""
    world = World(ruleset=ruleset)
    names = dict(db.execute("SELECT id, text FROM names"))
    world.accounts.restore(_bodies(db, "SELECT key, body FROM accounts ORDER BY key", Account))
    world.exchanges.restore(_bodies(db, "SELECT name, body FROM exchanges ORDER BY name", ExchangeState))
    world.holdings.restore(_holdings(db, names))
    world.valuations.restore(
        {
            (account, names[wallet]): from_json(Valuation, body)
            for account, wallet, body in db.execute("SELECT account, wallet, body FROM valuations")
        }
    )
    opened = db.execute("SELECT body FROM alerts WHERE ended_ms IS NULL ORDER BY seq")
    alerts = [from_json(Alert, body) for (body,) in opened]
    world.alerts.restore({alert.key: alert for alert in alerts})
    world.trails.restore(_keyed(db, "SELECT key, body FROM trails", tuple[TrailPoint, ...]))
    world.blind.restore(_keyed(db, "SELECT key, body FROM blind", Blind))
    judged = db.execute("SELECT exchange, rule_key, at_ms FROM judged_rules")
    world.judged_rules.restore({(exchange, rule_key): at_ms for exchange, rule_key, at_ms in judged})
    load_reconciliation(db, world)
    meta = load_meta(db)
    world.next_account = int(meta.get("next_account", "1"))
    world.started_ms = int(meta.get("started_ms", "0"))
    world.orders_seq = int(meta.get("orders_seq", "0"))
    # As far as the engine has heard: the rest of the orders is folded in, and logged, when it runs.
    silences = db.execute(
        "SELECT s.id, s.body FROM silences AS s JOIN orders AS o ON o.kind = 'silence' AND o.subject = s.id"
        " WHERE o.seq <= :seq AND NOT EXISTS"
        " (SELECT 1 FROM orders AS e WHERE e.kind = 'unsilence' AND e.subject = s.id AND e.seq <= :seq) ORDER BY s.id",
        {"seq": world.orders_seq},
    )
    world.silences = {ident: from_json(Silence, body) for ident, body in silences}
    world.index.rebuild()
    # The ids in use, by their end: of a pending alert that was never told only its steps are on record.
    ended = dict(
        db.execute(
            "SELECT alert, max(at_ms) FROM (SELECT alert, at_ms FROM transitions UNION ALL"
            " SELECT id, ended_ms FROM alerts WHERE ended_ms IS NOT NULL) GROUP BY alert ORDER BY 2, 1"
        )
    )
    world.index.ended_ids = {ident: at_ms for ident, at_ms in ended.items() if ident not in world.index.ids}
    world.index.ids.update(ended)
    return world


def load_meta(db: sqlite3.Connection) -> dict[str, str]:
    """The single values that no table of their own holds."""
    return dict(db.execute("SELECT key, value FROM meta"))


def _bodies(db: sqlite3.Connection, sql: str, kind: type[T]) -> dict[Any, T]:
    return {key: from_json(kind, body) for key, body in db.execute(sql)}


def _keyed(db: sqlite3.Connection, sql: str, kind: type[T]) -> dict[AlertKey, T]:
    return {from_json(AlertKey, key): from_json(kind, body) for key, body in db.execute(sql)}


def _holdings(db: sqlite3.Connection, names: dict[int, str]) -> dict[tuple[int, str], Holding]:
    rows: dict[tuple[int, int], Rows] = {}
    assets_of: dict[str, tuple[str, ...]] = {}
    shared = _Shared()
    # One result a wallet, not one an asset, and one list of JSON: it takes a third of the time.
    for account, wallet, assets, amounts in db.execute(
        "SELECT account, wallet, group_concat(asset), group_concat(amounts) FROM balances GROUP BY account, wallet"
    ):
        held = assets_of.get(assets)
        if held is None:
            held = tuple(names[int(number)] for number in assets.split(","))
            if len(assets_of) < _ORDERS_MOST:
                assets_of[assets] = held
        # An amount is digits, a sign and a point: what looks like the end of a row is one.
        told = _amounts(amounts.replace("],[", ","))
        width = len(told) // len(held)
        rows[account, wallet] = Rows(held, [shared.column(told[field::width]) for field in range(width)])
    holdings: dict[tuple[int, str], Holding] = {}
    fields: dict[int, tuple[str, ...]] = {}
    times = {
        (account, wallet): found
        for wallet, block, text in db.execute("SELECT wallet, block, times FROM times")
        for account, found in read_times(block, text)
    }
    for account, wallet, number in db.execute("SELECT account, wallet, fields FROM wallets"):
        if number not in fields:
            fields[number] = from_json(tuple[str, ...], names[number])
        found: Mapping[str, Row] = rows.get((account, wallet), {})
        holdings[account, names[wallet]] = Holding(fields[number], found, None, *times[account, wallet])
    return holdings


class _Shared(dict[str | None, str | None]):
    """Amounts, the very same where nothing is held. Most of half a million balances say that: one object will do."""

    def __missing__(self, amount: str | None) -> str | None:
        if amount and amount.strip("0."):
            return amount
        known = self[amount] = intern(amount) if amount else amount
        return known

    def column(self, told: list[str | None]) -> tuple[str | None, ...]:
        """One field of all assets of a wallet. Most fields say the same of all: there one look does for them."""
        first = told[0]
        if told.count(first) == len(told):
            return (self[first],) * len(told)
        return tuple([text if text and text[0] > "0" else self[text] for text in told])
