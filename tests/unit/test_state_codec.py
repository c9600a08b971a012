import dataclasses
import inspect
import time
import typing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

import rules.judge
from rules.facts import Facts
from rules.model import Contents, Identity, Listing, Pass, Reading, Severity
from rules.outcome import Notification, Transition
from rules.ruleset import RulesAccepted
from rules.world import (
    Account,
    Alert,
    AlertKey,
    Baseline,
    Blind,
    ExchangeState,
    ListingState,
    Subject,
    TrailPoint,
)
from state.codec import from_json, known, to_json
from state.interned import Interned
from state.log import kinds
from state.log.binary import Cursor, put_amount, put_number, put_signed, put_text
from tests.unit.test_state_support import alert, facts, notification, transition


@pytest.mark.parametrize(
    "value",
    [
        alert(
            told=frozenset({"b", "a"}), facts=facts(also=(("spot", "BTC", "free", "1.20"),), wallets=("a",))
        ),
        Account(3, "okx-main", Identity("7", alias="ä 🦊"), frozen=False, listed_by=frozenset({"list"})),
        ExchangeState("x", listings={"l": ListingState("l", 1)}, baseline=Baseline(frozenset({"r"}))),
        notification(batch="digest"),
        transition("", "firing"),
        Blind(1, frozenset({2, 3})),
        facts(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_comes_back_equal_and_of_its_types(value: object) -> None:
    text = to_json(value)
    again = from_json(type(value), text)
    assert again == value
    assert to_json(again) == text


def test_subjects_without_an_account_are_kept_apart_from_those_with_one() -> None:
    some, none = AlertKey("r", Subject("x", 1)), AlertKey("r", Subject("x"))
    assert [from_json(AlertKey, to_json(key)) for key in (some, none)] == [some, none]
    assert isinstance(from_json(AlertKey, to_json(some)).subject, Subject)


def test_text_kept_before_a_field_was_added_is_read_with_its_default() -> None:
    assert from_json(TrailPoint, '{"value":"1","last_ms":2,"gone":3}') == TrailPoint("1", 2)
    assert (
        from_json(Facts, '{"rule":"r","type":"t","exchange":"x","severity":"info"}').severity is Severity.INFO
    )


@pytest.mark.parametrize("kind", [Alert, Notification, Transition, Account, ExchangeState, Facts])
def test_defaults_cost_nothing(kind: type) -> None:
    required = {
        f.name for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING
    }
    samples: dict[type, object] = {
        Alert: alert(),
        Notification: notification(),
        Transition: transition("", "firing"),
        Account: Account(1, "x", Identity()),
        ExchangeState: ExchangeState("x"),
        Facts: facts(),
    }
    kept = set(from_json(dict, to_json(samples[kind])))
    assert kept - required <= {"value"}


def test_every_input_of_the_judge_can_be_logged() -> None:
    known = {*kinds.PLAIN.values(), Reading, Listing, Pass, RulesAccepted}
    assert set(typing.get_args(rules.judge.Input)) == known, "give it a line in state/log/kinds.py"


@pytest.mark.parametrize(
    "kind,names",
    [
        (Reading.of, "exchange account wallet began_ms ended_ms fields rows covers values"),
        (Contents, "exchange account wallet fields rows covers values"),
        (Listing, "exchange source began_ms ended_ms complete accounts reason"),
        (Pass, "exchange wallet began_ms ended_ms complete fields seen reason"),
    ],
)
def test_inputs_written_field_by_field_have_no_other_fields(kind: Callable[..., object], names: str) -> None:
    assert list(inspect.signature(kind).parameters) == names.split(), "teach state/log/{writer,reader}.py"


@pytest.mark.parametrize("number", [0, 1, 127, 128, 16_383, 16_384, 2**63, 10**30])
def test_numbers_come_back(number: int) -> None:
    out = bytearray()
    put_number(out, number)
    put_signed(out, number)
    put_signed(out, -number)
    cursor = Cursor(bytes(out))
    assert [cursor.number(), cursor.signed(), cursor.signed()] == [number, number, -number]
    assert cursor.done


@pytest.mark.parametrize(
    "amount", [None, "", "0", "0.0", "-1.5e-18", "+1E30", "12", "1", "f", "abc", "1,000", "٣", "1" * 400]
)
def test_amounts_come_back_as_the_venue_wrote_them(amount: str | None) -> None:
    out = bytearray()
    put_amount(out, amount)
    put_text(out, "end")
    cursor = Cursor(bytes(out))
    assert (cursor.amount(), cursor.text(), cursor.done) == (amount, "end", True)


def test_a_plain_amount_takes_half_a_byte_a_digit() -> None:
    out = bytearray()
    put_amount(out, "12345.678901234567")
    assert len(out) == 1 + 9


def test_ids_are_given_once() -> None:
    names = Interned([(1, "BTC"), (4, "ETH")])
    assert [names.id("ETH"), names.id("XRP"), names.id("XRP"), names.id("BTC")] == [4, 5, 5, 1]
    assert names.take_new() == [(5, "XRP")]
    assert names.take_new() == []


def test_two_threads_do_not_show_msgspec_their_types_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads hints of a dataclass in Python, and crashes the process where another thread meets one half read."""
    inside, most = 0, 0
    real = msgspec.json.Decoder

    def slow(kind: type) -> Any:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.02)
        inside -= 1
        return real(kind)

    monkeypatch.setattr("state.codec.msgspec.json.Decoder", slow)
    monkeypatch.setattr("state.codec.msgspec.msgpack.Decoder", slow)
    kinds: list[Any] = [tuple[int, ...], tuple[bool, ...], tuple[float, ...], list[bool]]
    with ThreadPoolExecutor(8) as threads:
        told = [*threads.map(lambda kind: from_json(kind, "[]"), kinds), *threads.map(known, kinds)]
    assert told == [(), (), (), [], *kinds]
    assert most == 1
