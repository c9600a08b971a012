"""The CSV of books: exact amounts, times with their zone, and every fault at its line and column."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.books.errors import BooksError
from daemon.books.rows import read_rows
from rules.statements import BookRow

HEADER = "exchange,account,asset,amount,as_of\n"
AT = "2026-01-02T03:04:05Z"
AT_MS = 1_767_323_045_000


def fault(text: str) -> str:
    with pytest.raises(BooksError) as caught:
        read_rows(text)
    return str(caught.value)


def test_a_row_is_read_as_it_is_written() -> None:
    text = "wallet,as_of,amount,asset,account,exchange\n"
    text += f"spot,{AT},-12345678901234567890.000000000000000001,USDT,mm-1@desk.example,binance-main\n"
    amount = "-12345678901234567890.000000000000000001"
    assert read_rows(text) == (
        BookRow("binance-main", "mm-1@desk.example", "USDT", amount, AT_MS, "spot", 2),
    )


def test_the_wallet_may_be_left_out_or_empty() -> None:
    assert read_rows(f"{HEADER}b,a,USDT,1,{AT}\n")[0].wallet == ""
    assert read_rows(f"{HEADER[:-1]},wallet\nb,a,USDT,1,{AT},\n")[0].wallet == ""


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05+00:00",
        "2026-01-02 03:04:05+00",  # as psql prints a timestamptz
        "2026-01-02 04:34:05.000000+01:30",
        "2026-01-01T22:04:05-05",
        "2026-01-02t03:04:05z",
    ],
)
def test_a_time_has_its_zone_however_it_is_written(text: str) -> None:
    assert read_rows(f"{HEADER}b,a,USDT,1,{text}\n")[0].as_of_ms == AT_MS


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_ends_a_byte_order_mark_and_empty_lines_do_not_matter(ending: str) -> None:
    text = f"\ufeff{HEADER}\nb,a,USDT,1,{AT}\n\n".replace("\n", ending)
    assert [row.line for row in read_rows(text)] == [3]


def test_a_quoted_cell_over_two_lines_keeps_the_count_of_lines() -> None:
    text = f'{HEADER}b,"a, the first",USDT,1,{AT}\nb,c,USDT,"x\ny",{AT}\n'
    assert fault(text).startswith("line 3, column amount: ")


def test_a_header_alone_is_empty_books() -> None:
    assert read_rows(HEADER) == ()


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "there is nothing; the first line names the columns exchange,account,asset,amount,as_of"),
        ("b,a,USDT,1,2026\n", "line 1, column b: is no column of books"),
        (
            "exchange,account,asset,ammount,as_of\n",
            'line 1, column ammount: is no column of books; did you mean "amount"?',
        ),
        ("exchange,account,asset,amount\n", "line 1, column as_of: is missing"),
        ("exchange,account,asset,amount,as_of,asset\n", "line 1, column asset: is there twice"),
        (f"{HEADER}b,a,USDT,1\n", "line 2: has 4 columns, the header has 5"),
        (f"{HEADER}b,a,USDT,1,{AT},x\n", "line 2: has 6 columns, the header has 5"),
        (f"{HEADER}b,a,USDT,,{AT}\n", 'line 2, column amount: "" is not an amount; write plain digits'),
        (f"{HEADER}b,a,USDT,1e3,{AT}\n", 'line 2, column amount: "1e3" is not an amount'),
        (f"{HEADER}b,a,USDT,NaN,{AT}\n", 'line 2, column amount: "NaN" is not an amount'),
        (f'{HEADER}b,a,USDT,"1,000",{AT}\n', 'line 2, column amount: "1,000" is not an amount'),
        (f"{HEADER}b,a,USDT,1_000,{AT}\n", "line 2, column amount: "),
        (f"{HEADER}b,a,USDT,٣,{AT}\n", "line 2, column amount: "),
        (f"{HEADER}b,a,USDT,0.{'0' * 30}1,{AT}\n", "line 2, column amount: has too many digits"),
        (f"{HEADER}b,,USDT,1,{AT}\n", "line 2, column account: is empty"),
        (f"{HEADER}b,a,USDT,1,2026-01-02T03:04:05\n", "line 2, column as_of: "),
        (f"{HEADER}b,a,USDT,1,2026-01-02\n", "line 2, column as_of: "),
        (f"{HEADER}b,a,USDT,1,yesterday\n", "line 2, column as_of: "),
        (f"{HEADER}b,a,USDT,1,infinity\n", "line 2, column as_of: "),
        (f"{HEADER}b,a,USDT,1,0001-01-01T00:00:00Z\n", "line 2, column as_of: "),
        (f"{HEADER}b,a,USDT,1,9999-12-31T23:59:59-23:00\n", "line 2, column as_of: "),
        (
            f"{HEADER}b,A,USDT,1,{AT}\nb,a,USDT,2,{AT}\n",
            "line 3: is about the same account and asset as line 2",
        ),
        (f'{HEADER}b,"a,USDT,1,{AT}\n', "line 2: is not CSV"),
        (f'{HEADER}b,"a"x,USDT,1,{AT}\n', "line 2: is not CSV"),
        ("<html><body>503</body></html>\n", "line 1, column <html>"),
    ],
)
def test_what_is_wrong_is_told_at_its_line_and_column(text: str, message: str) -> None:
    assert fault(text).startswith(message)


def test_wallets_of_one_account_are_rows_of_their_own() -> None:
    text = f"{HEADER[:-1]},wallet\nb,a,usdt,1,{AT},funding\nb,a,USDT,2,{AT},trading\n"
    assert [(row.asset, row.wallet) for row in read_rows(text)] == [("USDT", "funding"), ("USDT", "trading")]


@given(st.text(max_size=300))
def test_no_text_raises_anything_but_a_books_error(text: str) -> None:
    for given_text in (text, HEADER + text):
        with contextlib.suppress(BooksError):
            read_rows(given_text)


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=18))
def test_law_9_an_amount_of_18_decimals_is_kept_to_the_digit(amount: Decimal) -> None:
    text = f"{amount:f}"
    assert read_rows(f"{HEADER}b,a,USDT,{text},{AT}\n")[0].amount == text
