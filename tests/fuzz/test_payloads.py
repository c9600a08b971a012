"""Whatever a venue answers, its client tells readings or a classified failure: no exception, no invented figure."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, note

from daemon.simulator.venue import Venue
from rules.judge import judge
from rules.model import Failure, FailureKind, Reading
from rules.ruleset import RulesAccepted, Ruleset
from rules.statements import Prices
from rules.world import World
from state import Entry, Store
from tests.contract.clients_support import gathered
from tests.engine import low
from tests.fuzz.mutations import mutated
from tests.fuzz.profile import fuzzed
from tests.fuzz.venues import NOW_MS, client_over, honest, identities

ASSET_KEYS = {"binance": "asset", "okx": "ccy", "bitget": "coin"}
WHOLE = {"/sapi/v4/sub-account/assets": "balances", "/api/v5/asset/subaccount/balances": "data"}
"""Readings of one account in one list: not one of its rows may be missing."""
TEXT_MOST = 1_000

PATHS = [
    (kind, path)
    for kind in ("binance", "okx", "bitget")
    for path in honest(kind)[1].endpoints
    if path != "/api/v5/asset/asset-valuation"
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "state.db", migrate=True)
    yield opened
    opened.close()


def answers_of(kind: str, model: Venue, path: str, body: bytes, **spoilt: Any) -> list[Any]:
    """All that the client says in one round while one path answers so."""

    async def ask() -> list[Any]:
        client, wire = client_over(kind, model)
        await client.open()
        said = []
        for now_spoilt in (False, True, True):  # the second time with a memory of what was said before
            if now_spoilt:
                wire.path, wire.body = path, body
                for name, value in spoilt.items():
                    setattr(wire, name, value)
            wire.asked = 0
            said = await gathered(client.examine())
            said += await gathered(client.listing())
            said += await gathered(client.prices(["ETH", "SHADY"], ["USDT", "BTC"]))
            for task in client.tasks(identities(kind, model)):
                said += await gathered(client.perform(task))
        await client.close()
        return said

    return asyncio.run(asyncio.wait_for(ask(), 30))


@pytest.mark.parametrize("kind, path", PATHS, ids=lambda value: value.rpartition("/")[2])
@fuzzed(25)
@given(data=st.data())
def test_law_1_no_answer_raises_or_invents_a_figure(
    store: Store, kind: str, path: str, data: st.DataObject
) -> None:
    _, model = honest(kind)
    call = _recorded(kind, model, path)
    body = data.draw(mutated(call))
    note(repr(body[:3_000]))
    said = answers_of(kind, model, path, body)
    for answer in said:
        _assert_sound(answer)
        if isinstance(answer, Reading) and answer.rows and path in WHOLE:
            _assert_not_invented(kind, path, body, answer, model)
    _assert_durable(store, kind, said)


HEADERS = st.dictionaries(
    st.sampled_from(
        ["Retry-After", "X-SAPI-USED-UID-WEIGHT-1M", "X-SAPI-USED-IP-WEIGHT-1M", "Content-Encoding", "Date"]
    ),
    st.one_of(
        st.sampled_from(
            [
                "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
                "Mon, 01 Jan 0001 00:00:00 +2359",
                "9" * 5000,
                "-1",
                "0",
                "3",
                "²",
                "1e9",
                "Mon, 01 Jan 2026 00:00:00",
                "99999999999999999999 Jan 2026",
            ]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30),
    ),
)
STATUSES = [100, 201, 204, 206, 301, 304, 400, 401, 403, 404, 408, 418, 429, 451, 500, 503, 599, 999]


def _codes(kind: str) -> list[str]:
    client, _ = client_over(kind, honest(kind)[1])
    return [*client.CODES, "", "0", "00000", "99999", "-1003", "\ud800", "x" * 10_000]


@st.composite
def refusals(draw: st.DrawFn, kind: str) -> bytes:
    words = draw(
        st.one_of(
            st.text(max_size=40),
            st.sampled_from(
                ["IP banned until 9999999999999", "banned until 0000000000000", "x" * 3_000_000, "\ud800"]
            ),
        )
    )
    code: Any = draw(st.one_of(st.sampled_from(_codes(kind)), st.integers(), st.none(), st.lists(st.none())))
    said = {"code": code, "msg": draw(st.one_of(st.just(words), st.none(), st.integers()))}
    return json.dumps(draw(st.sampled_from([said, [said], words, None, code]))).encode()


@pytest.mark.parametrize("kind", ["binance", "okx", "bitget"])
@fuzzed(120)
@given(data=st.data())
def test_every_refusal_is_classified(store: Store, kind: str, data: st.DataObject) -> None:
    _, model = honest(kind)
    path = data.draw(st.sampled_from([path for k, path in PATHS if k == kind]))
    body = data.draw(refusals(kind))
    status = data.draw(st.one_of(st.just(200), st.sampled_from(STATUSES)))
    headers = data.draw(HEADERS)
    said = answers_of(kind, model, path, body, status=status, headers=headers)
    for answer in said:
        _assert_sound(answer)
        if isinstance(answer, Failure) and answer.until_ms is not None:
            assert 0 <= answer.until_ms - answer.at_ms <= 8 * 86_400_000
    _assert_durable(store, kind, said)


def _recorded(kind: str, model: Venue, path: str) -> bytes:
    """The honest body of a path, as the client is given it."""
    bodies: list[bytes] = []
    serve = model._serve

    def recording(call: Any, headers: Any) -> bytes:
        body = serve(call, headers)
        if call.path == path and not bodies:
            bodies.append(body)
        return body

    model._serve = recording  # type: ignore[method-assign]
    answers_of(kind, model, "", b"")
    model._serve = serve  # type: ignore[method-assign]
    return bodies[0] if bodies else b"{}"


def _assert_sound(answer: Any) -> None:
    """Every text can be stored and shown, every figure is one; a failure has a kind and a reason."""
    for text in _texts(answer):
        text.encode()
        assert len(text) <= TEXT_MOST, text[:100]
        assert not any(ord(letter) < 32 or ord(letter) == 127 for letter in text), repr(text[:100])
    if isinstance(answer, Reading):
        for row in answer.rows.values():
            assert len(row) == len(answer.fields)
            assert all(not amount or Decimal(amount).is_finite() for amount in row)
        assert all(Decimal(value).is_finite() for value in (answer.values or {}).values())
    if isinstance(answer, Prices):
        assert all(Decimal(price) > 0 for price in answer.prices.values())
    if isinstance(answer, Failure):
        assert isinstance(answer.kind, FailureKind)
        assert answer.reason


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and not isinstance(value, Enum):
        yield value
    elif is_dataclass(value):
        for one in fields(value):
            yield from _texts(getattr(value, one.name))
    elif isinstance(value, dict):
        yield from _texts(list(value))
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from _texts(one)


def _assert_not_invented(kind: str, path: str, body: bytes, reading: Reading, model: Venue) -> None:
    """Each figure of the spoilt wallet stands in the body beside that asset, and no row is missing."""
    if reading.wallet != {"binance": "spot", "okx": "funding"}[kind] or reading.account.label == "master":
        return
    rows = json.loads(body, parse_float=str, parse_int=str)[WHOLE[path]]
    written: dict[str, set[Decimal]] = {}
    for row in rows:
        figures = written.setdefault(row[ASSET_KEYS[kind]], set())
        for text in row.values():
            try:
                figures.add(Decimal(text))
            except (InvalidOperation, TypeError, ValueError):
                continue
    assert set(reading.rows) == set(written)
    for asset, row in reading.rows.items():
        assert {Decimal(amount) for amount in row if amount} <= written[asset]


def _assert_durable(store: Store, kind: str, said: list[Any]) -> None:
    """All of it can be judged and committed: what cannot would end the daemon's commits."""
    client, _ = client_over(kind, honest(kind)[1])
    world, exchange = World(), f"{kind}-main"
    ruleset = Ruleset(exchanges={exchange: client.settings}, rules=(low("floor", "100"),), digest=kind)
    batch = [Entry(one, NOW_MS, judge(world, one, NOW_MS)) for one in (RulesAccepted(NOW_MS, ruleset), *said)]
    store.commit(batch, world)
