"""What a balance was over time: the rows that others took the place of, and the one that stands."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from rules.model import Row
from rules.values import is_held
from state.codec import from_json

SPANS_MOST: Final = 1000
"""Changes of one balance that one look gives, the newest; an hour of a busy one is drawn from less."""

_CURRENT: Final = (
    "SELECT b.account, b.wallet, b.asset, w.text, c.text, f.text, b.amounts, b.changed_ms, h.ended_ms"
    " FROM balances AS b"
    " JOIN holdings AS h ON h.account = b.account AND h.wallet = b.wallet"
    " JOIN names AS w ON w.id = b.wallet JOIN names AS c ON c.id = b.asset JOIN names AS f ON f.id = h.fields"
    " WHERE b.account = :account AND (:asset IS NULL OR c.text = :asset)"
)


@dataclass(frozen=True, slots=True)
class Trace:
    """One asset in one wallet: each row of `spans` stands from its time to the next one's, the last to `read_ms`."""

    account: int
    wallet: str
    asset: str
    fields: tuple[str, ...]
    spans: tuple[tuple[int, Row], ...]
    read_ms: int

    @property
    def row(self) -> Row:
        """What is known last."""
        return self.spans[-1][1]


def trace(db: sqlite3.Connection, account: int, asset: str, since_ms: int) -> tuple[Trace, ...]:
    """One asset of one account in every wallet that knows it, from the row that stood at `since_ms` on."""
    found = db.execute(_CURRENT, {"account": account, "asset": asset}).fetchall()
    return tuple(_trace(db, current, since_ms) for current in found)


@dataclass(frozen=True, slots=True)
class Held:
    """What one account holds; `others` is how many further balances it has that are not told."""

    traces: tuple[Trace, ...]
    others: int


def held(db: sqlite3.Connection, account: int, since_ms: int, most: int) -> Held:
    """What one account holds, or held since `since_ms`: the last changed first, at most `most` of them."""
    found = db.execute(_CURRENT, {"account": account, "asset": None}).fetchall()
    shown = [current for current in found if current[7] >= since_ms or _holds(current)]
    shown.sort(key=lambda current: (not _holds(current), -current[7], current[4], current[3]))
    return Held(tuple(_trace(db, current, since_ms) for current in shown[:most]), len(shown[most:]))


def _holds(current: tuple[int, int, int, str, str, str, str, int, int]) -> bool:
    fields, row = from_json(tuple[str, ...], current[5]), from_json(tuple[str | None, ...], current[6])
    return is_held(fields, row) is not False


def _trace(
    db: sqlite3.Connection, current: tuple[int, int, int, str, str, str, str, int, int], since_ms: int
) -> Trace:
    account, wallet, asset, wallet_name, asset_name, fields, amounts, changed_ms, read_ms = current
    past = db.execute(
        "SELECT from_ms, amounts FROM past WHERE account = ? AND wallet = ? AND asset = ? AND until_ms > ?"
        " ORDER BY seq DESC LIMIT ?",
        (account, wallet, asset, since_ms, SPANS_MOST),
    ).fetchall()
    spans = [(at_ms, from_json(tuple[str | None, ...], row)) for at_ms, row in reversed(past)]
    spans.append((changed_ms, from_json(tuple[str | None, ...], amounts)))
    return Trace(account, wallet_name, asset_name, from_json(tuple[str, ...], fields), tuple(spans), read_ms)
