"""The JSON Schema of the file, from the very models that read it."""

from typing import Any

from pydantic import ConfigDict, Field

from daemon.config.books_models import Books, Expect
from daemon.config.models import AnyExchange, Daemon, Notifier
from daemon.config.rule_models import AnyRule
from daemon.config.silence_models import Allow, Silence
from daemon.config.tables import Table


class File(Table):
    """The main file of Subtally. Included files hold rules, allows, silences and expects only."""

    model_config = ConfigDict(title="Subtally rules")

    include: list[str] = Field(
        default=[],
        description="Further files with rules, allows, silences and expects: paths and globs, from the main "
        "file's folder.",
        examples=[["rules.d/*.toml"]],
    )
    daemon: Daemon | None = Field(
        default=None,
        description="The process itself, and defaults.",
        examples=[{"listen": "127.0.0.1:9464", "notify": ["oncall"]}],
    )
    exchange: list[AnyExchange] = Field(
        default=[],
        description="The master accounts that are watched.",
        examples=[
            [
                {
                    "name": "binance-main",
                    "kind": "binance",
                    "api_key": {"credential": "binance-key"},
                    "api_secret": {"credential": "binance-secret"},
                }
            ]
        ],
    )
    notifier: list[Notifier] = Field(
        default=[],
        description="Where messages go.",
        examples=[[{"name": "oncall", "url": {"credential": "slack-url"}}]],
    )
    books: list[Books] = Field(
        default=[],
        description='Your own figures, which rules with check = "expected" compare.',
        examples=[[{"name": "treasury", "file": "books.csv"}]],
    )
    rule: list[AnyRule] = Field(
        default=[],
        description="What is told.",
        examples=[[{"name": "USDT floor", "type": "low_balance", "asset": "USDT", "below": 50_000}]],
    )
    allow: list[Allow] = Field(
        default=[],
        description="What is expected, and not told by the rules unexpected_*.",
        examples=[
            [
                {
                    "name": "pledged collateral",
                    "account": "cold-1",
                    "asset": "BTC",
                    "field": "frozen",
                    "up_to": 2.5,
                    "reason": "Collateral of the loan",
                }
            ]
        ],
    )
    expect: list[Expect] = Field(
        default=[],
        description="Movements declared beforehand: one is consumed by one movement, and told when it is missing.",
        examples=[
            [
                {
                    "name": "weekly payout",
                    "from": "mm-1@desk.example",
                    "to": "external",
                    "asset": "USDT",
                    "amount": 10_000,
                    "due": "2030-12-31T18:00:00Z",
                    "reason": "Payout of the week",
                }
            ]
        ],
    )
    silence: list[Silence] = Field(
        default=[],
        description="What is not told for a while.",
        examples=[
            [
                {
                    "name": "venue upgrade",
                    "exchange": "okx-*",
                    "until": "2030-12-31T18:00:00Z",
                    "reason": "The venue is upgraded",
                    "by": "kim",
                }
            ]
        ],
    )


def schema() -> dict[str, Any]:
    """A fresh copy."""
    made = File.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "http://json-schema.org/draft-07/schema#", **_tidy_table(made)}


def _tidy_table(table: dict[str, Any]) -> dict[str, Any]:
    """Drop what pydantic makes up: titles of keys, and the null of keys that may be left out."""
    for name, inner in table.get("$defs", {}).items():
        table["$defs"][name] = _tidy_table(inner)
    for name, key in table.get("properties", {}).items():
        table["properties"][name] = _tidy_key(key)
    return table


def _tidy_key(key: dict[str, Any]) -> dict[str, Any]:
    key.pop("title", None)
    if key.get("default", "") is None:
        del key["default"]
    if "items" in key:
        key["items"].pop("discriminator", None)
    branches = [branch for branch in key.pop("anyOf", []) if branch != {"type": "null"}]
    if len(branches) == 1:
        return {**branches[0], **key}
    return {"anyOf": branches, **key} if branches else key
