"""What fuzzing found in the reading of venues: each a small test that failed first."""

import json

import pytest
from multidict import CIMultiDict

from daemon.exchanges.binance_wire import read_accounts, read_summary, rights_of
from daemon.exchanges.bitget_wire import read_page
from daemon.exchanges.decode import exact, free_text
from daemon.exchanges.errors import Malformed
from daemon.exchanges.okx import _plausible
from daemon.exchanges.okx_wire import read_accounts as read_okx_accounts
from daemon.exchanges.reply import code_and_words, retry_after_seconds

NOW_MS = 1_763_607_520_000


@pytest.mark.parametrize(
    "body", [b'{"a": "\\ud800"}', b'"\xed\xa0\x80"', '"\ud800"'.encode("utf-16", "surrogatepass")]
)
def test_half_a_surrogate_pair_is_no_text(body: bytes) -> None:
    """No commit could have stored it, and a commit that cannot be made ends all others."""
    with pytest.raises(Malformed):
        exact(body)


def test_a_whole_surrogate_pair_is_text() -> None:
    assert exact(b'{"a": "\\ud83d\\ude42"}') == {"a": "🙂"}


@pytest.mark.parametrize("name", ["\x00", "a\x00b", "a\nb", "x" * 401])
def test_a_name_that_cannot_be_one_is_refused_where_it_is_read(name: str) -> None:
    for read, said in (
        (read_accounts, {"subAccounts": [{"email": name}]}),
        (
            read_summary,
            {
                "totalCount": 1,
                "masterAccountTotalAsset": "1",
                "spotSubUserAssetBtcVoList": [{"email": name, "totalAsset": "1"}],
            },
        ),
        (read_okx_accounts, {"code": "0", "data": [{"subAcct": name, "ts": "1"}]}),
        (read_page, {"code": "00000", "data": [{"id": 1, "userId": name, "assetsList": []}]}),
        (rights_of, {"enableReading": True, name: True}),
    ):
        with pytest.raises(Malformed):
            read(json.dumps(said).encode())


def test_a_label_with_a_line_break_is_shown_in_one_line_and_fails_no_listing() -> None:
    assert free_text("market\nmaker \x00 1") == "market maker 1"
    assert len(free_text("x" * 100_000)) <= 200


@pytest.mark.parametrize("end", ["9" * 5000, "9" * 18, "-1", "²", "", "1e3"])
def test_a_maintenance_that_would_never_end_has_no_known_end(end: str) -> None:
    assert _plausible(end, NOW_MS) is None


def test_the_announced_end_of_a_maintenance_is_kept() -> None:
    assert _plausible(str(NOW_MS + 3_600_000), NOW_MS) == NOW_MS + 3_600_000


def test_retry_after_in_a_year_beyond_the_calendar_is_unreadable() -> None:
    headers = CIMultiDict({"Retry-After": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"})
    assert retry_after_seconds(headers, NOW_MS) is None


def test_the_words_of_a_refusal_are_bounded_before_they_are_worked_on() -> None:
    _, words = code_and_words(json.dumps({"code": "1", "msg": "x" * 3_000_000}).encode())
    assert len(words) <= 400
