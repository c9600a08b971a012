"""Balances as samples for Prometheus, where the file asks for it: bounded, each series once, unknown left out."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from state.queries import MOST_ROWS, BalanceRow
from state.store import Store

__all__ = ["BALANCE_LABELS", "Balances", "read_exported"]

SERIES_MOST: Final = 10_000
BALANCE_LABELS: Final = ("exchange", "account", "wallet", "asset", "field")

Labels = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Balances:
    """Figures as Prometheus holds them, which is not exactly; `left_out` counts the balances beyond the bound."""

    samples: tuple[tuple[Labels, float], ...]
    left_out: int


def read_exported(store: Store) -> Balances:
    """The first SERIES_MOST known figures in the order of the accounts, on the reader's thread."""
    samples: dict[Labels, float] = {}
    told = 0
    after: str | None = None
    while True:
        page = store.balances(after=after, limit=MOST_ROWS)
        for row in page.rows:
            if len(samples) + len(row.amounts) > SERIES_MOST:
                return Balances(tuple(samples.items()), max(0, store.balance_count() - told))
            told += 1
            for field, text in row.amounts.items():
                if text:  # what is not known has no sample: zero would be a claim
                    samples[_labels(row, field, samples)] = float(Decimal(text))
        after = page.after
        if after is None:
            return Balances(tuple(samples.items()), 0)


def _labels(row: BalanceRow, field: str, taken: dict[Labels, float]) -> Labels:
    """Two accounts may have been called the same: a series twice would make the whole scrape fail."""
    labels = (row.exchange, row.label, row.wallet, row.asset, field)
    return labels if labels not in taken else (row.exchange, f"{row.label} #{row.account}", *labels[2:])
