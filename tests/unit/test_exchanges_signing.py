"""The signatures equal every vector, and the text that is signed is the text that is sent."""

import hmac
from string import ascii_letters, digits
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from daemon.exchanges.base import Credentials
from daemon.exchanges.binance_wire import signed_target
from daemon.exchanges.errors import CredentialsError
from daemon.exchanges.signing import (
    base64_signer,
    binance_signer,
    digest,
    header_safe,
    iso_ms,
    query,
    target,
)
from tests.contract.clients_support import client_at, vectors

HMAC = vectors("binance/hmac_vectors.json")
ED25519 = vectors("binance/ed25519_vector.json")["vectors"]


def pem_of(key: Any) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize("vector", HMAC["vectors"], ids=lambda v: v["id"])
def test_binance_hmac_equals_the_vector(vector: Any) -> None:
    assert binance_signer(vector["secret"])(vector["payload"]) == vector["signature"]
    if vector["params"]:
        assert query([(name, value) for name, value in vector["params"]]) == vector["payload"]


@pytest.mark.parametrize("vector", HMAC["other_clients"], ids=lambda v: v["id"])
def test_binance_hmac_is_over_the_raw_text_of_other_clients_too(vector: Any) -> None:
    assert binance_signer(HMAC["vectors"][0]["secret"])(vector["payload"]) == vector["signature"]


@pytest.mark.parametrize("vector", ED25519, ids=lambda v: v["alg"])
@pytest.mark.parametrize("one_line", [False, True])
def test_binance_ed25519_equals_the_vector(vector: Any, one_line: bool) -> None:  # noqa: FBT001
    pem = pem_of(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["private_key_seed_hex"])))
    sign = binance_signer(pem.replace("\n", "\\n") if one_line else pem)
    assert sign(vector["payload"]) == vector["signature_percent_encoded"]


def test_an_address_of_binance_ends_with_the_signature_over_all_before_it() -> None:
    sent = signed_target("/p", [("email", "alice+bot1@test.com")], 1499827319559, binance_signer("secret"))
    payload, _, signature = sent.removeprefix("/p?").rpartition("&signature=")
    assert payload == "email=alice%2Bbot1%40test.com&recvWindow=10000&timestamp=1499827319559"
    assert signature == hmac.digest(b"secret", payload.encode(), "sha256").hex()


@given(st.lists(st.text()))
def test_a_signature_is_of_its_own_payload_whatever_was_signed_before(payloads: list[str]) -> None:
    sign = binance_signer("secret")
    assert [sign(text) for text in payloads] == [
        hmac.digest(b"secret", text.encode(), "sha256").hex() for text in payloads
    ]


texts = st.text() | st.text("aZ09_.~-@") | st.emails()


@given(st.lists(st.tuples(texts, texts)))
def test_a_query_is_what_percent_encoding_makes_of_it(params: list[tuple[str, str]]) -> None:
    text = query(params)
    assert text == urlencode(params, quote_via=quote, safe="-_.~")
    assert not set(text) - set(ascii_letters + digits + "-_.~%&=")


@pytest.mark.parametrize("venue", ["okx", "bitget"])
def test_base64_signatures_equal_every_vector(venue: str) -> None:
    for vector in vectors(f"{venue}/sign_vectors.json"):
        prehash = vector["timestamp"] + vector["method"] + vector["request_target"] + vector["body"]
        assert prehash == vector["prehash"]
        assert base64_signer(vector["secret"])(prehash) == vector["signature"]


@pytest.mark.parametrize(
    "kind, header, at",
    [("okx", "OK-ACCESS-SIGN", "OK-ACCESS-TIMESTAMP"), ("bitget", "ACCESS-SIGN", "ACCESS-TIMESTAMP")],
)
def test_the_client_signs_and_sends_what_the_vectors_say(kind: str, header: str, at: str) -> None:
    checked = 0
    for vector in vectors(f"{kind}/sign_vectors.json"):
        path, _, text = vector["request_target"].partition("?")
        time_text = vector["timestamp"]
        moment = int(time_text) if time_text.isdigit() else 1607418537000 + int(time_text[-4:-1])
        client = client_at(
            kind, "http://127.0.0.1:9", Credentials("k", vector["secret"], "p"), clock=lambda m=moment: m
        )
        endpoint = next((e for e in client.ENDPOINTS.values() if e.path == path), None)
        if endpoint is None:
            continue
        sent, headers = client._request(endpoint, parse_qsl(text))
        if kind == "bitget":
            assert sent == target(path, sorted(parse_qsl(text)))
        if sent == vector["request_target"]:
            assert (headers[at], headers[header]) == (time_text, vector["signature"])
            checked += 1
    assert checked >= 4


def test_okx_time_always_has_three_digits_of_milliseconds() -> None:
    assert iso_ms(1607418537000) == "2020-12-08T09:08:57.000Z"
    assert iso_ms(1607418537715) == "2020-12-08T09:08:57.715Z"


def test_without_parameters_there_is_no_question_mark() -> None:
    assert target("/p", []) == "/p"


@pytest.mark.parametrize("case", vectors("http/aiohttp_yarl_requote.json")["cases"])
def test_an_encoded_address_is_sent_as_it_is(case: Any) -> None:
    given = "http://127.0.0.1:9" + case["given"]
    assert URL(given, encoded=True).raw_path_qs == case["sent_when_encoded_True"]
    assert URL(given).raw_path_qs == case["sent_when_str"]  # the trap is still there


def test_law_12_a_pem_of_another_kind_is_refused_without_being_shown() -> None:
    pem = pem_of(generate_private_key(SECP256R1()))
    for secret in (pem, "-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----"):
        with pytest.raises(CredentialsError) as caught:
            binance_signer(secret)
        assert not any(line in str(caught.value) for line in secret.splitlines() if line)


@pytest.mark.parametrize("value", ["", "a\nb", "schlüssel", "tab\there", "\r\n"])
def test_a_credential_that_no_header_can_hold_is_refused(value: str) -> None:
    with pytest.raises(CredentialsError, match="api_key"):
        header_safe("api_key", value)


def test_a_newline_at_the_end_of_a_key_file_is_no_part_of_the_key() -> None:
    assert header_safe("api_key", "abc\n") == "abc"


def test_law_12_credentials_do_not_show_themselves() -> None:
    shown = repr(Credentials("key-1", "secret-1", "pass-1"))
    assert not any(secret in shown for secret in ("key-1", "secret-1", "pass-1"))
    assert "key-1" not in digest("key-1")
