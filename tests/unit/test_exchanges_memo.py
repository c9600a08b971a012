"""The very same bytes give the very same answer: by its identity everybody knows that nothing moved."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from daemon.exchanges.binance_wire import FIELDS, read_balances, revise_balances
from daemon.exchanges.errors import Malformed
from daemon.exchanges.memo import Memo
from rules.model import Contents, Identity, Row
from tests.unit.test_exchanges_decode import body_of

WHO = Identity(email="mm@x")
FIRST = body_of("binance", ("BTC", '"1"'), ("ETH", '"2"'))
SHUFFLED = body_of("binance", ("ETH", '"2"'), ("BTC", '"1"'))
CHANGED = body_of("binance", ("BTC", '"1"'), ("ETH", '"3"'))


def again(body: bytes) -> bytes:
    """As it comes from the network: another object of the same bytes."""
    return bytes(bytearray(body))


class Venue:
    """A memory of wallets, and how often a body was read in full."""

    def __init__(self) -> None:
        self.reads = 0
        self.memo: Memo[Mapping[str, Row], Contents] = Memo(self._read, self._tell, revise_balances)

    def _read(self, body: bytes, before: Mapping[str, Row] | None) -> Mapping[str, Row]:
        self.reads += 1
        return read_balances(body, before)

    def _tell(self, account: Identity, rows: Mapping[str, Row]) -> Contents:
        return Contents("x", account, "spot", FIELDS, rows)


def test_equal_bytes_are_the_very_same_contents_and_equal_facts_too() -> None:
    venue = Venue()
    told = venue.memo.recall("mm@x", WHO, FIRST)
    assert venue.memo.recall("mm@x", WHO, again(FIRST)) is told
    assert venue.reads == 1
    assert venue.memo.recall("mm@x", WHO, SHUFFLED) is told
    later = venue.memo.recall("mm@x", WHO, CHANGED)
    assert later is not told
    assert later.rows["BTC"][0] is told.rows["BTC"][0]
    assert venue.memo.recall("other@x", WHO, CHANGED) is not later


def test_what_is_told_of_an_account_that_is_called_otherwise_now_are_other_contents_of_the_same_rows() -> (
    None
):
    venue = Venue()
    told = venue.memo.recall("mm@x", WHO, FIRST)
    renamed = replace(WHO, alias="desk")
    for body in (FIRST, SHUFFLED):
        later = venue.memo.recall("mm@x", renamed, again(body))
        assert later.account is renamed
        assert later.rows is told.rows
    assert venue.memo.recall("mm@x", renamed, again(SHUFFLED)) is later


def test_a_bad_body_leaves_the_last_good_one() -> None:
    venue = Venue()
    told = venue.memo.recall("mm@x", WHO, FIRST)
    with pytest.raises(Malformed):
        venue.memo.recall("mm@x", WHO, b"{}")
    assert venue.memo.recall("mm@x", WHO, again(FIRST)) is told
    assert venue.reads == 2


def test_bodies_of_accounts_that_are_read_no_more_are_forgotten() -> None:
    venue = Venue()
    for name in ("a", "b", ""):
        venue.memo.recall(name, WHO, FIRST)
    venue.memo.keep_only({"", "a"})
    venue.reads = 0
    for name in ("a", "b", ""):
        venue.memo.recall(name, WHO, FIRST)
    assert venue.reads == 1, "only b's"
