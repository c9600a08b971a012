"""The simulator accepts what the venues' pages and SDKs sign, and nothing else."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from daemon.simulator import Key, ManualClock, Simulator
from daemon.simulator.keys import binance_verifier, same_base64_hmac
from tests.contract.simulator_clients import (
    Client,
    base64_hmac,
    bitget_headers,
    client,
    okx_headers,
    vectors,
)

BINANCE = vectors("binance/hmac_vectors.json")
OKX = vectors("okx/sign_vectors.json")
BITGET = vectors("bitget/sign_vectors.json")
VECTOR_MS = 1_499_827_319_559
SDK_SECRET = BINANCE["vectors"][4]["secret"]
SDK_KEY = BINANCE["vectors"][4]["api_key"]


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(clock=ManualClock(VECTOR_MS)) as simulator:
        simulator.binance.use_key(Key(SDK_KEY, SDK_SECRET))
        for name in ("alice@test.com", "alice+bot1@test.com"):
            simulator.binance.add(name)
        simulator.okx.add("test1")
        yield simulator


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def set_clock(simulator: Simulator, now_ms: int) -> None:
    assert isinstance(simulator.clock, ManualClock)
    simulator.clock.set_ms(now_ms)


# Binance


@pytest.mark.parametrize("vector", BINANCE["vectors"], ids=lambda vector: vector["id"])
def test_every_published_binance_hmac_verifies(vector: dict[str, Any]) -> None:
    verify = binance_verifier(vector["secret"])
    assert verify(vector["payload"].encode(), vector["signature"])
    assert not verify(vector["payload"].encode() + b"0", vector["signature"])


@pytest.mark.parametrize(
    "vector", [vector for vector in BINANCE["vectors"] if vector["path"]], ids=lambda vector: vector["id"]
)
async def test_binance_accepts_what_its_sdk_sends(
    simulator: Simulator, session: aiohttp.ClientSession, vector: dict[str, Any]
) -> None:
    target = f"{vector['path']}?{vector['signed_query']}"
    reply = await client(session, simulator, "binance").send(target, {"X-MBX-APIKEY": SDK_KEY})
    assert reply.status == 200, reply


@pytest.mark.parametrize("vector", BINANCE["other_clients"], ids=lambda vector: vector["id"])
async def test_binance_verifies_the_raw_query_of_other_clients(
    simulator: Simulator, session: aiohttp.ClientSession, vector: dict[str, Any]
) -> None:
    """A raw + is a space once decoded: the signature is right, and the e-mail belongs to nobody."""
    target = f"{vector['path']}?{vector['payload']}&signature={vector['signature']}"
    reply = await client(session, simulator, "binance").send(target, {"X-MBX-APIKEY": SDK_KEY})
    known = simulator.binance.named(vector["decoded_email"]) is not None
    assert (reply.status, known) in {(200, True), (400, False)}
    assert known or reply.code == -9000


@pytest.mark.parametrize("vector", BINANCE["negative"], ids=lambda vector: vector["id"])
async def test_binance_answers_the_negative_vectors_as_they_say(
    simulator: Simulator, session: aiohttp.ClientSession, vector: dict[str, Any]
) -> None:
    has_email = "email=" in vector["wire_query"]
    path = "/sapi/v4/sub-account/assets" if has_email else "/sapi/v1/account/apiRestrictions"
    reply = await client(session, simulator, "binance").send(
        f"{path}?{vector['wire_query']}", {"X-MBX-APIKEY": SDK_KEY}
    )
    assert reply.status == vector["expect"]["http"]
    assert reply.json.get("code") == vector["expect"].get("code")


@pytest.mark.parametrize("case", vectors("binance/timing_cases.json")["cases"], ids=str)
async def test_binance_keeps_to_its_time_window(
    simulator: Simulator, session: aiohttp.ClientSession, case: dict[str, Any]
) -> None:
    set_clock(simulator, case["server_now_ms"])
    window = "" if case["recvWindow"] is None else f"recvWindow={case['recvWindow']}&"
    query = f"{window}timestamp={case['timestamp_ms']}"
    reply = await signed_binance(client(session, simulator, "binance"), query)
    assert reply.status == (200 if case["accept"] else 400)
    assert reply.json.get("code") == case["code"]


@pytest.mark.parametrize(
    "query, code",
    [
        (f"timestamp={VECTOR_MS * 1000}", None),
        (f"timestamp={VECTOR_MS * 1000 + 999_999}", None),
        (f"timestamp={VECTOR_MS * 1000 + 1_000_000}", -1021),
        (f"recvWindow=0.5&timestamp={VECTOR_MS * 1000 - 500}", None),
        (f"recvWindow=0.5&timestamp={VECTOR_MS * 1000 - 501}", -1021),
        (f"recvWindow=1.2345&timestamp={VECTOR_MS}", -1100),
        ("timestamp=now", -1102),
        ("", -1102),
    ],
)
async def test_binance_reads_microseconds_and_fractions_of_the_window(
    simulator: Simulator, session: aiohttp.ClientSession, query: str, code: int | None
) -> None:
    reply = await signed_binance(client(session, simulator, "binance"), query)
    assert reply.json.get("code") == code


async def signed_binance(to: Client, query: str) -> Any:
    digest = hmac.new(to.venue.key.api_secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    target = f"/sapi/v1/account/apiRestrictions?{query}&signature={digest}"
    return await to.send(target, {"X-MBX-APIKEY": to.venue.key.api_key})


async def test_binance_verifies_ed25519_signatures(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    vector = vectors("binance/ed25519_vector.json")["vectors"][0]
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["private_key_seed_hex"]))
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    simulator.binance.use_key(Key(SDK_KEY, pem))
    to = client(session, simulator, "binance")
    path, headers = "/sapi/v4/sub-account/assets", {"X-MBX-APIKEY": SDK_KEY}
    assert (await to.send(f"{path}?{vector['signed_query']}", headers)).status == 200

    other_case = vector["signed_query"].replace("signature=q", "signature=Q")
    assert (await to.send(f"{path}?{other_case}", headers)).code == -1022
    hexadecimal = f"{vector['payload']}&signature={'0' * 64}"
    assert (await to.send(f"{path}?{hexadecimal}", headers)).code == -1022


async def test_an_issued_ed25519_key_signs_for_binance(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    simulator.binance.use_ed25519_key()
    pem = simulator.credentials()["binance"]["api_secret"]
    private = load_pem_private_key(pem.encode(), None)
    assert isinstance(private, Ed25519PrivateKey)
    query = f"timestamp={VECTOR_MS}"
    signature = quote(base64.b64encode(private.sign(query.encode())), safe="")
    reply = await client(session, simulator, "binance").send(
        f"/sapi/v1/account/apiRestrictions?{query}&signature={signature}", {"X-MBX-APIKEY": SDK_KEY}
    )
    assert reply.status == 200


@pytest.mark.parametrize(
    "key, status, code",
    [("", 401, -2014), ("a key with spaces", 401, -2014), ("x" * 64, 401, -2008)],
)
async def test_binance_refuses_keys_it_does_not_know(
    simulator: Simulator, session: aiohttp.ClientSession, key: str, status: int, code: int
) -> None:
    simulator.binance.use_key(Key(SDK_KEY, SDK_SECRET))
    reply = await client(session, simulator, "binance").send(
        f"/sapi/v1/account/apiRestrictions?timestamp={VECTOR_MS}", {"X-MBX-APIKEY": key} if key else None
    )
    assert (reply.status, reply.code) == (status, code)


async def test_a_key_that_may_not_read_is_refused(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    simulator.binance.set_rights({"enableReading": False})
    reply = await client(session, simulator, "binance").get("/sapi/v1/account/apiRestrictions")
    assert (reply.status, reply.code) == (401, -2015)


# OKX


@pytest.mark.parametrize("vector", OKX, ids=lambda vector: f"{vector['request_target']} {vector['note']}")
def test_every_okx_signature_verifies(vector: dict[str, Any]) -> None:
    assert same_base64_hmac(vector["secret"], vector["prehash"], vector["signature"])


@pytest.mark.parametrize(
    "vector", [v for v in OKX if v["method"] == "GET"], ids=lambda vector: vector["request_target"]
)
async def test_okx_accepts_its_own_examples_at_their_time_only(
    simulator: Simulator, session: aiohttp.ClientSession, vector: dict[str, Any]
) -> None:
    simulator.okx.use_key(Key("k", vector["secret"], "p"))
    moment_ms = round(datetime.fromisoformat(vector["timestamp"]).timestamp() * 1000)
    headers = {
        "OK-ACCESS-KEY": "k",
        "OK-ACCESS-SIGN": vector["signature"],
        "OK-ACCESS-TIMESTAMP": vector["timestamp"],
        "OK-ACCESS-PASSPHRASE": "p",
    }
    to = client(session, simulator, "okx")
    simulator.okx.set_limit(vector["request_target"].partition("?")[0], 10, 2)
    for offset_ms, status in ((0, 200), (30_000, 200), (-30_000, 200), (30_001, 401), (-30_001, 401)):
        set_clock(simulator, moment_ms + offset_ms)
        reply = await to.send(vector["request_target"], headers)
        assert reply.status == status
        assert status == 200 or reply.json == {"msg": "Timestamp request expired", "code": "50102"}


async def test_okx_verifies_the_target_as_sent(simulator: Simulator, session: aiohttp.ClientSession) -> None:
    """The same coins with an encoded comma are another text, so another signature."""
    raw, encoded = OKX[2], OKX[3]
    simulator.okx.use_key(Key("k", raw["secret"], "p"))
    set_clock(simulator, round(datetime.fromisoformat(raw["timestamp"]).timestamp() * 1000))
    headers = okx_headers(simulator.okx, raw["request_target"], raw["timestamp"])
    reply = await client(session, simulator, "okx").send(encoded["request_target"], headers)
    assert (reply.status, reply.json) == (401, {"msg": "Invalid Sign", "code": "50113"})


@pytest.mark.parametrize(
    "header, value, code",
    [
        ("OK-ACCESS-KEY", "", "50103"),
        ("OK-ACCESS-PASSPHRASE", "", "50104"),
        ("OK-ACCESS-SIGN", "", "50106"),
        ("OK-ACCESS-TIMESTAMP", "", "50107"),
        ("OK-ACCESS-KEY", "another", "50119"),
        ("OK-ACCESS-PASSPHRASE", "another", "50105"),
        ("OK-ACCESS-SIGN", "another", "50113"),
        ("OK-ACCESS-TIMESTAMP", "2020-12-08T09:08:57Z", "50112"),
        ("OK-ACCESS-TIMESTAMP", "2020-13-08T09:08:57.715Z", "50112"),
        ("OK-ACCESS-TIMESTAMP", "1607418537715", "50112"),
        ("x-simulated-trading", "1", "50101"),
    ],
)
async def test_okx_names_the_header_that_is_wrong(
    simulator: Simulator, session: aiohttp.ClientSession, header: str, value: str, code: str
) -> None:
    target, stamp = "/api/v5/account/config", "2017-07-12T02:41:59.559Z"
    headers = {**okx_headers(simulator.okx, target, stamp), header: value}
    reply = await client(session, simulator, "okx").send(target, headers)
    assert (reply.status, reply.code) == (401, code)
    assert "data" not in reply.json


# Bitget


@pytest.mark.parametrize(
    "vector", BITGET, ids=lambda vector: f"{vector['method']} {vector['request_target']}"
)
def test_every_bitget_signature_verifies(vector: dict[str, Any]) -> None:
    assert same_base64_hmac(vector["secret"], vector["prehash"], vector["signature"])


@pytest.mark.parametrize(
    "vector", [v for v in BITGET if "subaccount" in v["request_target"]], ids=lambda v: v["request_target"]
)
async def test_bitget_accepts_its_own_examples_at_their_time_only(
    simulator: Simulator, session: aiohttp.ClientSession, vector: dict[str, Any]
) -> None:
    simulator.bitget.use_key(Key("k", vector["secret"], "p"))
    headers = {
        "ACCESS-KEY": "k",
        "ACCESS-SIGN": vector["signature"],
        "ACCESS-TIMESTAMP": vector["timestamp"],
        "ACCESS-PASSPHRASE": "p",
    }
    to = client(session, simulator, "bitget")
    simulator.bitget.set_limit(vector["request_target"].partition("?")[0], 10, 1)
    for offset_ms, status in ((0, 200), (30_000, 200), (-30_000, 200), (30_001, 400), (-30_001, 400)):
        set_clock(simulator, int(vector["timestamp"]) + offset_ms)
        reply = await to.send(vector["request_target"], headers)
        assert reply.status == status
        assert reply.code == ("00000" if status == 200 else "40008")


async def test_bitget_refuses_another_order_than_was_signed(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    path = "/api/v2/spot/account/subaccount-assets"
    headers = bitget_headers(simulator.bitget, f"{path}?idLessThan=1111&limit=50", str(VECTOR_MS))
    reply = await client(session, simulator, "bitget").send(f"{path}?limit=50&idLessThan=1111", headers)
    assert (reply.status, reply.code, reply.json["data"]) == (400, "40009", None)


@pytest.mark.parametrize(
    "header, value, code",
    [
        ("ACCESS-KEY", "", "40001"),
        ("ACCESS-SIGN", "", "40002"),
        ("ACCESS-TIMESTAMP", "", "40003"),
        ("ACCESS-PASSPHRASE", "", "40011"),
        ("ACCESS-KEY", "another", "40037"),
        ("ACCESS-TIMESTAMP", "2017-07-12T02:41:59.559Z", "40005"),
        ("ACCESS-PASSPHRASE", "another", "40012"),
        ("ACCESS-SIGN", "another", "40009"),
    ],
)
async def test_bitget_names_the_header_that_is_wrong(
    simulator: Simulator, session: aiohttp.ClientSession, header: str, value: str, code: str
) -> None:
    target = "/api/v2/spot/account/info"
    headers = {**bitget_headers(simulator.bitget, target, str(VECTOR_MS)), header: value}
    reply = await client(session, simulator, "bitget").send(target, headers)
    assert (reply.status, reply.code) == (400, code)


# All


@pytest.mark.parametrize("kind", ["binance", "okx", "bitget"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD"])
async def test_anything_but_get_is_refused_and_recorded(
    simulator: Simulator, session: aiohttp.ClientSession, kind: str, method: str
) -> None:
    venue = simulator.venues[kind]
    path = next(iter(venue.endpoints))
    reply = await client(session, simulator, kind).send(path, method=method)
    assert reply.status == 405
    assert (venue.records.non_get, venue.records.reasons["method"]) == (1, 1)
    assert venue.records.requests[-1].method == method


async def test_another_clock_of_the_venue_expires_honest_signatures(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    simulator.okx.clock_offset_ms = -40_000
    target, stamp = "/api/v5/account/config", "2017-07-12T02:41:59.559Z"
    to = client(session, simulator, "okx")
    reply = await to.send(target, okx_headers(simulator.okx, target, stamp))
    assert reply.code == "50102"
    assert (await to.send("/api/v5/public/time")).json["data"] == [{"ts": str(VECTOR_MS - 40_000)}]
    assert (await to.get(target)).status == 200


def test_the_helper_signs_like_the_vectors() -> None:
    assert base64_hmac(OKX[1]["secret"], OKX[1]["prehash"]) == OKX[1]["signature"]
