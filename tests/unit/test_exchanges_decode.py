"""Law 9: amounts are the wire's own text, and what is not understood is refused."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.exchanges import binance_wire, bitget_wire, okx_wire
from daemon.exchanges.decode import amount, exact, whole
from daemon.exchanges.errors import Malformed
from tests.contract.clients_support import vectors

plain = st.from_regex(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", fullmatch=True)


@given(plain)
def test_law_9_plain_amounts_are_kept_letter_by_letter(text: str) -> None:
    assert amount(text) == text


@given(
    st.decimals(
        allow_nan=False,
        allow_infinity=False,
        min_value=Decimal("-1e60"),
        max_value=Decimal("1e60"),
        places=18,
    )
)
def test_law_9_eighteen_decimals_survive(value: Decimal) -> None:
    body = json.dumps({"balances": [{"asset": "ETH", "free": format(value, "f"), "locked": "0"}]}).encode()
    assert binance_wire.read_balances(body)["ETH"][0] == format(value, "f")


@given(plain.filter(lambda t: not t.lstrip("-").startswith("0") or t.lstrip("-")[1:2] in {"", "."}))
def test_law_9_numbers_in_place_of_strings_keep_their_digits(text: str) -> None:
    body = f'{{"balances":[{{"asset":"BTC","free":{text},"locked":0,"freeze":0,"withdrawing":0}}]}}'.encode()
    assert binance_wire.read_balances(body) == {"BTC": (text, "0", "0", "0")}


@given(st.integers(-60, 60), st.integers(-(10**20), 10**20))
def test_exponents_are_written_out_exactly(exponent: int, digits: int) -> None:
    found = amount(f"{digits}E{exponent:+d}")
    assert set(found) <= set("-0123456789.")
    assert Decimal(found) == Decimal(f"{digits}E{exponent}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1_000",
        "NaN",
        "Infinity",
        "-inf",
        "1e999999",
        "1e61",
        "1E-61",
        "+1",
        ".5",
        "1.",
        "0x10",
        "\u0661\u0662",
        "1,5",
        "1\n",
        "--1",
        "1" * 101,
        "null",
        "\uff11",
    ],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        amount(text)


def test_negative_amounts_are_kept() -> None:
    assert amount("-0.10") == "-0.10"


READERS = {
    "binance": (binance_wire.read_balances, '{"balances":[%s]}', '{"asset":"%s","free":%s,"locked":"0"}'),
    "okx": (
        okx_wire.read_funding,
        '{"code":"0","msg":"","data":[%s]}',
        '{"ccy":"%s","availBal":%s,"bal":"0"}',
    ),
    "bitget": (
        bitget_wire.read_coins,
        '{"code":"00000","data":[%s]}',
        '{"coin":"%s","available":%s,"frozen":"0"}',
    ),
}


def body_of(kind: str, *rows: tuple[str, str]) -> bytes:
    _, envelope, row = READERS[kind]
    return (envelope % ",".join(row % given for given in rows)).encode()


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    "raw", ['"NaN"', '"1e999999"', '" 1"', '"1_000"', '"\u0661"', "true", "[]", "{}", "NaN", "1e999"]
)
def test_a_row_that_cannot_be_read_fails_the_reading(kind: str, raw: str) -> None:
    with pytest.raises(Malformed):
        READERS[kind][0](body_of(kind, ("BTC", '"1"'), ("ETH", raw)))


@pytest.mark.parametrize("raw", ['""', "null"])
def test_empty_amounts_are_unknown_where_the_venues_pages_allow_them(raw: str) -> None:
    with pytest.raises(Malformed):
        binance_wire.read_balances(body_of("binance", ("BTC", raw)))
    assert okx_wire.read_funding(body_of("okx", ("BTC", raw)))["BTC"] == ("", None, "0")
    assert bitget_wire.read_coins(body_of("bitget", ("BTC", raw)))["BTC"] == ("", "0", None, None)


@pytest.mark.parametrize("kind", READERS)
def test_an_asset_listed_twice_merges_only_if_it_says_the_same(kind: str) -> None:
    read = READERS[kind][0]
    assert set(read(body_of(kind, ("BTC", '"1.0"'), ("BTC", '"1.00"')))) == {"BTC"}
    with pytest.raises(Malformed, match="BTC is listed twice"):
        read(body_of(kind, ("BTC", '"1"'), ("BTC", '"2"')))


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"<html>",
        b'{"balances":null}',
        b'{"balances":{}}',
        b'{"code":"0"}',
        b"\xff",
        b'{"code":"00000","data":null}',
        b'{"code":"0","data":{}}',
        b'{"code":"1","data":[]}',
        b"[" * 100_000,
        b'{"balances":[{"free":"1"}]}',
        b'{"balances":[{"asset":"","free":"1"}]}',
        b'{"balances":[{"asset":"X"}]}',
        b'{"balances":[{"asset":"A\\u0000","free":"1"}]}',
    ],
)
def test_law_1_a_wrong_shape_is_never_an_empty_wallet(kind: str, body: bytes) -> None:
    with pytest.raises(Malformed):
        READERS[kind][0](body)


@pytest.mark.parametrize("kind", READERS)
def test_half_a_body_is_refused(kind: str) -> None:
    body = body_of(kind, ("BTC", '"1"'), ("ETH", '"2"'))
    for length in range(len(body)):
        with pytest.raises(Malformed):
            READERS[kind][0](body[:length])


def test_names_of_assets_need_not_be_ascii_and_bitgets_are_upper_case() -> None:
    assert set(binance_wire.read_balances(body_of("binance", ("币安人生", '"1"')))) == {"币安人生"}
    assert set(bitget_wire.read_coins(body_of("bitget", ("usdt", '"1"')))) == {"USDT"}


def test_fields_stand_in_the_order_of_the_contract() -> None:
    shapes = vectors("binance/response_shapes.json")
    for path in ("GET /sapi/v4/sub-account/assets", "GET /sapi/v3/sub-account/assets"):
        assert binance_wire.read_balances(json.dumps(shapes[path]).encode()) == {
            "BTC": ("11467.6399", "0", "0", "0")
        }
    old = b'{"balances":[{"asset":"BTC","free":"1","locked":"2"}]}'
    assert binance_wire.read_balances(old) == {"BTC": ("1", "2", None, None)}


def ok(kind: str, name: str) -> bytes:
    entries = vectors(f"{kind}/responses.json")["ok"]
    return json.dumps(next(e["body"] for e in entries if e["name"] == name)).encode()


def test_okx_recorded_bodies() -> None:
    assert okx_wire.read_funding(ok("okx", "funding_one_ccy")) == {"ETH": ("37.11827078", "0", "37.11827078")}
    assert okx_wire.read_funding(ok("okx", "funding_empty")) == {}
    rows, values = okx_wire.read_trading(ok("okx", "trading_empty_strings_and_16dp"))
    assert rows["BTC"] == ("33.2009985", "", "0.0918492093160816", "0", "0", "33.771820625136023")
    assert values == {"USD": "11172992.1657531589092577"}
    assert okx_wire.read_trading(ok("okx", "trading_no_assets")) == ({}, {"USD": "0"})
    assert okx_wire.read_time(ok("okx", "time")) == 1597026383085
    for name in ("sub_list_full", "sub_list_old_shape_without_new_fields"):
        account = okx_wire.listed(okx_wire.read_accounts(ok("okx", name))[0])
        assert (account.identity.name, account.identity.alias, account.frozen) == (
            "D456DDDL",
            "D456DDDLx",
            False,
        )
    assert okx_wire.read_config(ok("okx", "config_is_sub_key")).mainUid == "444810535339712570"


@pytest.mark.parametrize("ts", ["", "-1", "soon", "1" * 19])
def test_a_listed_account_whose_time_of_creation_is_none_makes_the_page_unreadable(ts: str) -> None:
    with pytest.raises(Malformed):
        okx_wire.read_accounts(f'{{"code":"0","msg":"","data":[{{"subAcct":"a","ts":"{ts}"}}]}}'.encode())


def test_bytes_that_are_no_text_are_refused_also_where_nobody_looks_at_them() -> None:
    body = body_of("binance", ("BTC", '"1"'))
    assert binance_wire.read_balances(body)
    with pytest.raises(Malformed, match="not JSON"):
        binance_wire.read_balances(body.replace(b"{", b'{"\x80other":"0",', 1))


@pytest.mark.parametrize(
    "data", ["[]", '[{"details":[]},{"details":[]}]', '[{"totalEq":"1"}]', '[{"details":null}]']
)
def test_a_trading_account_is_exactly_one_row_with_details(data: str) -> None:
    with pytest.raises(Malformed):
        okx_wire.read_trading(f'{{"code":"0","msg":"","data":{data}}}'.encode())


def test_bitget_recorded_bodies() -> None:
    page = bitget_wire.read_page(ok("bitget", "assets_doc_example"))
    assert page.ids == ("1111", "2222")
    assert page.users == {
        "1234567890": {"BTC": ("1.1", "0", "1.1", "12.1"), "ETH": ("12.1", "0", "1.1", "12.1")}
    }
    page = bitget_wire.read_page(ok("bitget", "assets_string_ids"))
    assert page.users == {"9007199254740993": {"USDT": ("0.00000000", "0.00000000", "0.00000000", "0")}}
    assert bitget_wire.read_page(ok("bitget", "assets_empty_page")).ids == ()
    assert bitget_wire.read_time(ok("bitget", "server_time")) == 1688008631614
    listed = bitget_wire.listed(bitget_wire.read_accounts(ok("bitget", "virtual_list")).subAccountList[0])
    assert (listed.identity.venue_id, listed.identity.name, listed.frozen) == ("1000000001", "mySub01", False)
    assert bitget_wire.read_accounts(ok("bitget", "virtual_list_last_page_variant")).subAccountList == []
    assert bitget_wire.read_coins(ok("bitget", "funding_empty_string_number")) == {
        "USDT": ("326", "", None, None)
    }
    assert bitget_wire.read_info(ok("bitget", "account_info_overprivileged")).authorities == [
        "stor",
        "stow",
        "wtow",
        "wwow",
    ]


def page_body(*rows: tuple[object, object, dict[str, str]]) -> bytes:
    data = [
        {"id": i, "userId": u, "assetsList": [{"coin": c, "available": a} for c, a in coins.items()]}
        for i, u, coins in rows
    ]
    return json.dumps({"code": "00000", "requestTime": 5, "data": data}).encode()


def test_law_3_the_same_coin_twice_with_different_amounts_is_not_read_at_all() -> None:
    page = bitget_wire.read_page(page_body((1, 7, {"BTC": "1"}), (2, 7, {"BTC": "2"}), (3, 8, {"BTC": "3"})))
    assert page.torn == {"7": "BTC"}
    assert set(page.users) == {"8"}


def test_numeric_ids_of_any_size_are_text() -> None:
    assert bitget_wire.read_page(page_body((10**40, 2**53 + 1, {"BTC": "1"}))).ids == (str(10**40),)


def test_the_time_of_the_request_is_no_fact() -> None:
    one, two = (bitget_wire.lasting(b'{"code":"00000","requestTime":%d,"data":[]}' % t) for t in (1, 20))
    assert one == two
    assert bitget_wire.read_page(one) == bitget_wire.read_page(b'{"code":"00000","requestTime":1,"data":[]}')


@pytest.mark.parametrize("time", [b'"17"', b'"17x"', b"017", b"-17", b"1.5", b"null", b'"'])
def test_a_body_is_read_without_its_time_as_it_is_with_it(time: bytes) -> None:
    def told(body: bytes) -> object:
        try:
            return bitget_wire.read_page(body)
        except Malformed:
            return "malformed"

    body = b'{"code":"00000","requestTime":%b,"data":[]}' % time
    assert told(bitget_wire.lasting(body)) == told(body)


ROWS = st.dictionaries(
    st.sampled_from(["BTC", "ETH", "USDT", "DOGE"]), st.sampled_from(["0", "1.50", "1e3", "-2"])
)


@given(ROWS, ROWS, st.randoms())
def test_what_was_read_before_changes_nothing_of_what_is_read(
    old: dict[str, str], new: dict[str, str], chance: Any
) -> None:
    def body(rows: dict[str, str]) -> bytes:
        said = [(name, f'"{amount}"') for name, amount in rows.items()]
        chance.shuffle(said)
        return body_of("binance", *said)

    before = binance_wire.read_balances(body(old))
    after = binance_wire.read_balances(body(new), before)
    assert after == binance_wire.read_balances(body(new))


def test_json_keeps_every_number_as_text() -> None:
    assert exact(b'{"a":1.10,"b":123456789012345678901234567890,"c":[1e5]}') == {
        "a": "1.10",
        "b": "123456789012345678901234567890",
        "c": ["1e5"],
    }
    with pytest.raises(Malformed):
        exact(b'{"a":NaN}')


@pytest.mark.parametrize("given", ["", "-1", "1.5", "x", "1" * 19, "\u0661"])
def test_counts_are_whole(given: str) -> None:
    with pytest.raises(Malformed):
        whole(given)


def test_rights_are_every_true_flag_beyond_reading() -> None:
    shape = vectors("binance/response_shapes.json")[
        "GET /sapi/v1/account/apiRestrictions (measured 2026-08-08)"
    ]
    flags, rights = binance_wire.rights_of(json.dumps({**shape, "enableSomethingNew": True}).encode())
    assert rights == ("enableFutures", "enableSpotAndMarginTrading", "enableSomethingNew")
    assert flags["ipRestrict"] is False


def test_an_amount_that_becomes_null_is_no_amount_that_stayed_away() -> None:
    before = binance_wire.read_balances(b'{"balances":[{"asset":"BTC","free":"1"}]}')
    assert before == {"BTC": ("1", None, None, None)}
    with pytest.raises(Malformed):
        binance_wire.read_balances(b'{"balances":[{"asset":"BTC","free":"2","locked":null}]}', before)
