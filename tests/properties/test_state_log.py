"""Law 13: what is logged comes back exactly, whatever the sequence of inputs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rules.judge import Input
from rules.model import (
    ClockSeen,
    Covers,
    Failure,
    FailureKind,
    Identity,
    ListedAccount,
    Listing,
    Maintenance,
    MasterSeen,
    Pass,
    Reading,
    RulesRejected,
    Start,
    Tick,
)
from rules.repeats import Repeats
from rules.ruleset import RulesAccepted, Ruleset
from rules.statements import BookRow, Books, MovementKind, Prices, Transfer, Transfers
from state.interned import Interned
from state.log import Chunk, LogReader, LogWriter

# Few values, so that inputs meet the ones they are written against; some are anything at all.
exchanges = st.sampled_from(["okx-main", "bitget-1"])
assets = st.sampled_from(["BTC", "ETH", "USDT", "ß🦊", ""]) | st.text(max_size=3)
moments = st.integers(1_700_000_000_000, 1_700_000_100_000) | st.integers(-(10**15), 10**15)
decimals = st.from_regex(r"-?[0-9]{1,30}(\.[0-9]{1,18})?([eE][-+]?[0-9]{1,3})?", fullmatch=True)
amounts = st.sampled_from(["0", "", None, "0.000000000000000001"]) | decimals | st.text(max_size=5)
optional = st.none() | st.text(max_size=8)
identities = st.sampled_from([Identity("1"), Identity(email="a@x"), Identity("1", "a@x")]) | st.builds(
    Identity, optional, optional, optional, optional
)
field_lists = st.sampled_from([("free", "locked"), ("free",), ()])


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    fields = draw(field_lists)
    width = len(fields) if draw(st.booleans()) else draw(st.integers(0, 3))
    return Reading.of(
        exchange=draw(exchanges),
        account=draw(identities),
        wallet=draw(st.sampled_from(["spot", "funding"])),
        began_ms=draw(moments),
        ended_ms=draw(moments),
        fields=fields,
        rows=draw(st.dictionaries(assets, st.tuples(*[amounts] * width), max_size=4)),
        covers=draw(st.sampled_from(Covers)),
        values=draw(st.none() | st.dictionaries(assets, decimals, max_size=3)),
    )


moved = st.builds(
    Transfer,
    st.text(max_size=5),
    st.sampled_from(MovementKind),
    assets,
    decimals,
    moments,
    st.none() | identities,
    st.none() | identities,
    st.text(max_size=3),
)
rows = st.builds(BookRow, exchanges, st.text(max_size=5), assets, decimals, moments, st.text(max_size=3))
listed = st.builds(ListedAccount, identities, st.sampled_from([None, True, False]))
inputs: st.SearchStrategy[Input] = st.one_of(
    readings(),
    st.builds(
        Listing,
        exchanges,
        st.sampled_from(["list", "virtual"]),
        moments,
        moments,
        st.booleans(),
        st.lists(listed, max_size=5).map(tuple),
        st.text(max_size=5),
    ),
    st.builds(
        Pass,
        exchanges,
        st.just("spot"),
        moments,
        moments,
        st.booleans(),
        field_lists,
        st.dictionaries(st.sampled_from(["1", "2", "3"]), st.frozensets(assets, max_size=3)),
        st.text(max_size=5),
    ),
    st.builds(
        Failure,
        exchanges,
        moments,
        st.sampled_from(FailureKind),
        st.text(),
        st.none() | identities,
        optional,
        st.none() | moments,
        st.booleans(),
    ),
    st.builds(
        MasterSeen, exchanges, moments, optional, st.lists(st.text()).map(tuple), st.none() | st.booleans()
    ),
    st.builds(ClockSeen, exchanges, moments, moments),
    st.builds(Maintenance, exchanges, moments, st.booleans(), st.text(), st.none() | moments),
    st.builds(Start, moments),
    st.builds(Tick, moments),
    st.builds(RulesRejected, moments, st.text(), st.text()),
    st.builds(
        Transfers,
        exchanges,
        st.text(),
        moments,
        moments,
        moments,
        moments,
        st.booleans(),
        st.lists(moved).map(tuple),
    ),
    st.builds(
        Prices,
        exchanges,
        moments,
        moments,
        st.dictionaries(st.tuples(assets, assets), decimals, max_size=3),
        st.dictionaries(st.tuples(assets, assets), decimals, max_size=3),
    ),
    st.builds(Books, st.text(), moments, st.lists(rows).map(tuple), st.text(max_size=5)),
    st.builds(RulesAccepted, moments, st.text(max_size=3).map(lambda text: Ruleset(digest=text))),
)


class Both:
    """A writer, and a reader that learns of names and identities only through what the writer stored."""

    def __init__(self) -> None:
        self.names: Interned[str] = Interned()
        self.identities: Interned[Identity] = Interned()
        self.writer = LogWriter(self.names, self.identities)
        self._texts: dict[int, str] = {}
        self._who: dict[int, Identity] = {}
        self.reader = self.new_reader()

    def new_reader(self) -> LogReader:
        look_up: Callable[[str], Ruleset] = lambda digest: Ruleset(digest=digest)  # noqa: E731
        return LogReader(self._texts.__getitem__, self._who.__getitem__, look_up)

    def take(self) -> list[Chunk]:
        chunks = self.writer.take()
        self._texts.update(self.names.take_new())
        self._who.update(self.identities.take_new())
        return chunks


def read(reader: LogReader, chunks: list[Chunk]) -> list[tuple[int, Input]]:
    found = [entry for chunk in chunks for entry in reader.read(chunk.at_ms, chunk.body)]
    assert len(found) == sum(chunk.records for chunk in chunks)
    return found


@given(st.lists(st.lists(st.tuples(moments, inputs), max_size=6), max_size=5))
def test_law_13_every_input_is_read_back_as_it_was_written(batches: list[list[tuple[int, Input]]]) -> None:
    both = Both()
    for batch in batches:
        for now_ms, entry in batch:
            both.writer.add(entry, now_ms)
        assert read(both.reader, both.take()) == batch


@given(st.lists(st.tuples(moments, inputs), max_size=8), st.lists(st.tuples(moments, inputs), max_size=8))
def test_the_first_record_of_each_key_after_a_start_stands_alone(
    before: list[tuple[int, Any]], after: list[tuple[int, Any]]
) -> None:
    both = Both()
    for now_ms, entry in before:
        both.writer.add(entry, now_ms)
    both.take()
    both.writer = LogWriter(both.names, both.identities)
    for now_ms, entry in after:
        both.writer.add(entry, now_ms)
    chunks = both.take()
    assert read(both.new_reader(), chunks) == after


@given(readings(), moments)
def test_the_very_rows_come_back_as_the_very_rows(first: Reading, now_ms: int) -> None:
    """The judge sees by identity that nothing moved, and replay must take the same path."""
    both = Both()
    both.writer.add(first, now_ms)
    both.writer.add(first, now_ms)
    other = replace(first.contents, rows=dict(first.rows))
    both.writer.add(Reading((other, first.began_ms, first.ended_ms)), now_ms)
    found = [entry for _, entry in read(both.reader, both.take())]
    rows = [entry.rows for entry in found if isinstance(entry, Reading)]
    assert rows[0] is rows[1]
    assert rows[1] is not rows[2]
    assert rows[1] == rows[2]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["spot", "funding"])), max_size=8),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["spot", "funding"])), max_size=12),
)
def test_law_13_a_run_of_repeats_is_read_back_whichever_of_them_the_log_has(
    known: list[tuple[int, str]], again: list[tuple[int, str]]
) -> None:
    """After a checkpoint the log begins anew: of a run it has some wallets and lacks others."""
    both, now_ms = Both(), 1_700_000_000_000
    every = {
        (number, wallet): Reading.of(
            "okx-main", Identity(str(number)), wallet, now_ms, now_ms + 1, ("free",), {"USDT": (str(number),)}
        )
        for number in range(4)
        for wallet in ("spot", "funding")
    }
    for place in known:
        both.writer.add(every[place], now_ms + 2)
    run = Repeats()
    for place in again:
        run.taken += (every[place].contents, now_ms + 3, now_ms + 4, now_ms + 5)
    both.writer.add_repeats(run)
    told = [entry for _, entry in read(both.new_reader(), both.take())]
    assert told == [
        *(every[place] for place in known),
        *(Reading((every[place].contents, now_ms + 3, now_ms + 4)) for place in again),
    ]
