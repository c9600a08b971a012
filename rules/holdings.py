"""What a reading changes in the holdings: rows are replaced, absences become zeros, differences are on record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rules.changed import replace
from rules.figures import Arrival
from rules.model import Covers, Reading, Row
from rules.outcome import BalanceChange
from rules.records import Holding, Valuation
from rules.rows import Revised, differing, in_one
from rules.step import Step
from rules.values import same_fields, zero_row


def take_in(step: Step, arrival: Arrival, reading: Reading) -> list[str]:
    """Update the wallet's holding; the assets whose row changed."""
    before = arrival.before
    whole = reading.covers is Covers.ALL
    whole_ms = reading.ended_ms if whole else (before.whole_ms if before else None)
    key = (arrival.account.key, reading.wallet)
    times = (reading.began_ms, reading.ended_ms, whole_ms)
    if before is not None and _told_before(before) is reading.rows and before.fields == reading.fields:
        step.world.put_holding(*key, Holding(before.fields, before.rows, reading.contents, *times))
        return []
    known = {} if before is None else _known(before, reading.fields)
    rows, changed = _revised(before, reading) or _merged(known, reading, whole=whole)
    for asset, row in changed.items():
        _changed(step, arrival, reading.fields, asset, known.get(asset), row, reading.ended_ms)
    step.world.put_holding(*key, Holding(reading.fields, rows, reading.contents, *times))
    return [*changed]


def take_in_values(step: Step, arrival: Arrival, values: Mapping[str, str]) -> None:
    """Update the wallet's valuation."""
    valuation = Valuation(values, arrival.began_ms, arrival.ended_ms)
    step.world.put_valuation(arrival.account.key, arrival.wallet, valuation)


def zeroed(step: Step, arrival: Arrival, assets: Iterable[str], ended_ms: int) -> list[str]:
    """Write zeros for assets that a complete look proved absent; the ones that were not zero before."""
    holding = step.world.holdings[arrival.account.key, arrival.wallet]
    gone = [asset for asset in sorted(assets) if zero_row(holding.rows[asset]) != holding.rows[asset]]
    if not gone:
        return []
    rows = dict(holding.rows)
    for asset in gone:
        rows[asset] = zero_row(rows[asset])
        _changed(step, arrival, holding.fields, asset, holding.rows[asset], rows[asset], ended_ms)
    step.world.put_holding(
        arrival.account.key, arrival.wallet, replace(holding, rows=in_one(rows), source=None)
    )
    return gone


def _known(before: Holding, fields: tuple[str, ...]) -> Mapping[str, Row]:
    """The rows held before, under the fields of the new reading."""
    if before.fields == fields:
        return before.rows
    return {asset: same_fields(before.fields, row, fields) for asset, row in before.rows.items()}


def _revised(before: Holding | None, reading: Reading) -> tuple[Mapping[str, Row], Mapping[str, Row]] | None:
    """As `_merged`, without a walk over all rows, where the client made them from those that are held."""
    if before is None or before.fields != reading.fields or not isinstance(reading.rows, Revised):
        return None
    told = _told_before(before)
    changed = reading.rows.fresh_since(told)
    if changed is None or before.rows is not told:
        return None
    return reading.rows, changed


def _told_before(before: Holding) -> Mapping[str, Row] | None:
    """The very rows that the last reading told; None where that is not known."""
    return None if before.source is None else before.source.rows


def _merged(
    known: Mapping[str, Row], reading: Reading, *, whole: bool
) -> tuple[Mapping[str, Row], Mapping[str, Row]]:
    """The rows after a reading: those it names, and those held before, at zero where it proves an absence.

    With them those that differ.
    """
    changed = differing(known, reading.rows)
    if len(known) <= len(reading.rows) and known.keys() <= reading.rows.keys():
        return reading.rows, changed
    others = [asset for asset in known if asset not in reading.rows]
    rows = {**known, **reading.rows}
    if whole:
        for asset in others:
            zero = zero_row(rows[asset])
            if rows[asset] != zero:
                rows[asset] = zero
                changed[asset] = zero
    return in_one(rows), changed


def _changed(
    step: Step,
    arrival: Arrival,
    fields: tuple[str, ...],
    asset: str,
    before: Row | None,
    after: Row,
    at_ms: int,
) -> None:
    step.outcome.changes.append(
        BalanceChange(arrival.account.key, arrival.wallet, fields, asset, before, after, at_ms)
    )
