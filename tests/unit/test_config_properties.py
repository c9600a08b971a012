"""Whatever stands in the file, it is accepted or refused with ConfigError; nothing else ever comes out."""

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings
from pydantic_core import PydanticCustomError

from daemon.config import ConfigError, parse
from daemon.config.finding import Finder
from daemon.config.models import EXCHANGE_MODELS, Daemon, Exchange, Notifier
from daemon.config.places import places_of
from daemon.config.rule_models import RULE_MODELS
from daemon.config.scalars import read_amount
from daemon.config.silence_models import Allow, Silence
from daemon.config.translate import keys_of

KEYS = sorted(
    {
        key
        for model in (
            Daemon,
            Exchange,
            Notifier,
            *EXCHANGE_MODELS.values(),
            *RULE_MODELS.values(),
            Allow,
            Silence,
        )
        for key in keys_of(model)
    }
    | {
        "<tiers>",
        "<amount>",
        "[key]",
        "warning",
        "critical",
        "env",
        "file",
        "credential",
        "silence",
        "include",
    }
)
WORDS = [
    *RULE_MODELS,
    *EXCHANGE_MODELS,
    "",
    "*",
    "!",
    "!x",
    "[",
    "master",
    "value",
    "free",
    "10%",
    "5m",
    "1d1s",
    "0s",
    "floors.csv",
    "127.0.0.1:1",
    "[::1]:1",
    "0.0.0.0:1",
    "http://[",
    "https://x",
    "UTC",
    "../UTC",
    "Europe",
    "subtally/x",
    "critical",
    "1e9",
    "-5.0",
    "٣",
    "mon",
    "08:00",
    "24:00",
    "2030-12-31T18:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "0000-00-00T00:00Z",
    "S17A",
    "\x00",
    "\n",
]
SCALARS = st.one_of(
    st.sampled_from(WORDS),
    st.text(max_size=8),
    st.integers(-(10**40), 10**40),
    st.booleans(),
    st.sampled_from(
        [
            "@inf",
            "@nan",
            "@1e999999",
            "@1e99999999999999999999",
            "@0.0",
            "@1979-05-27",
            "@07:32:00",
            "@1979-05-27T07:32:00",
            "@2030-12-31T18:00:00+01:00",
            "@0001-01-01T00:00:00+23:59",
            "@9999-12-31T23:59:59-23:59",
        ]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
TABLES = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), VALUES, max_size=7)


def toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str() if value.startswith("@"):
            return value[1:] or '""'
        case str():
            return json.dumps(value).replace("\x7f", "\\u007f")
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case dict():
            return "{ " + ", ".join(f"{toml_key(k)} = {toml(v)}" for k, v in value.items()) + " }"
        case _:
            return str(value)


def toml_key(key: str) -> str:
    return json.dumps(key).replace("\x7f", "\\u007f")


def section(header: str, table: dict[str, Any]) -> str:
    return "\n".join([header, *(f"{toml_key(key)} = {toml(value)}" for key, value in table.items())]) + "\n"


def accepted_or_refused(text: str) -> None:
    try:
        parse((("rules.toml", text), ("floors.csv", "account,below\nmm,5\n")), Path())
    except ConfigError as error:
        assert error.problems  # noqa: PT017  both ends are right
        assert all("\n" not in str(problem) for problem in error.problems)  # noqa: PT017
        lines = text.count("\n") + 1
        assert all(1 <= (p.line or 1) <= lines for p in error.problems if p.file == "rules.toml")  # noqa: PT017


@given(st.text(max_size=200))
def test_any_text_is_accepted_or_refused(text: str) -> None:
    accepted_or_refused(text)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "[daemon]",
                    "[[exchange]]",
                    "[[notifier]]",
                    "[[rule]]",
                    "[[allow]]",
                    "[[silence]]",
                    "[rule]",
                    "[[x.y]]",
                ]
            ),
            TABLES,
        ),
        max_size=4,
    )
)
def test_any_toml_is_accepted_or_refused(sections: list[tuple[str, dict[str, Any]]]) -> None:
    accepted_or_refused("".join(section(header, table) for header, table in sections))


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(RULE_MODELS)), st.sampled_from(sorted(EXCHANGE_MODELS)), TABLES, TABLES)
def test_any_rule_of_a_known_type_is_accepted_or_refused(
    kind: str, venue: str, rule: dict[str, Any], exchange: dict[str, Any]
) -> None:
    secrets = {
        key: {"env": "X"}
        for key in ("api_key", "api_secret", *(["passphrase"] if venue != "binance" else []))
    }
    text = section("[[exchange]]", {**exchange, "name": "x", "kind": venue, **secrets})
    accepted_or_refused(text + section("[[rule]]", {**rule, "name": "r", "type": kind}))


WHEN = {
    "weekly": {"days": ["mon", "sun"], "start": "22:00", "end": "24:00"},
    "once": {"until": "@2030-12-31T18:00:00Z"},
    "neither": {},
}


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(WHEN)), TABLES, TABLES)
def test_any_silence_and_any_allow_is_accepted_or_refused(
    when: str, silence: dict[str, Any], allow: dict[str, Any]
) -> None:
    said = {"name": "s", "reason": "upgrade", "by": "kim", **WHEN[when]}
    granted = {"name": "a", "reason": "a loan", "field": "frozen", "up_to": 5}
    accepted_or_refused(
        section("[[silence]]", {**said, **silence}) + section("[[allow]]", {**granted, **allow})
    )


@given(st.decimals(allow_nan=False, allow_infinity=False) | st.integers() | st.text(max_size=40))
def test_law_9_an_amount_is_exact_or_refused(written: Decimal | int | str) -> None:
    try:
        amount = read_amount(written)
    except PydanticCustomError:
        return
    assert amount == Decimal(written)
    assert amount.as_tuple().exponent in range(-30, 1)


@given(TABLES, TABLES)
def test_every_key_is_found_where_it_stands(one: dict[str, Any], other: dict[str, Any]) -> None:
    text = section("[[rule]]", one) + section("[[rule]]", other)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    whole, places = places_of(text), Finder(text, table)
    lines = text.splitlines()
    for index, rule in enumerate(table["rule"]):
        for key in rule:
            place = places.key(("rule", index, key))
            assert place == whole.key(("rule", index, key))
            assert places.value(("rule", index, key)) == whole.value(("rule", index, key))
            assert place.line is not None
            assert place.column is not None
            assert place.end_column is not None
            written = lines[place.line - 1][place.column - 1 : place.end_column - 1]
            assert tomllib.loads(f"{written} = 0") == {key: 0}
