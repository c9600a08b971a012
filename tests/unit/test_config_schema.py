"""The JSON Schema says what the models say, and `rules.schema.json` is it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.config import schema
from daemon.config.kinds import offers
from daemon.config.models import EXCHANGE_MODELS
from daemon.config.rule_models import RULE_MODELS
from daemon.exchanges import KINDS
from rules.types import TYPES

ROOT = Path(__file__).parents[2]


def tables(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "File", node
    yield from node["$defs"].items()


KEYS = [
    (f"{name}.{key}", about) for name, table in tables(schema()) for key, about in table["properties"].items()
]


def test_the_committed_schema_is_the_one_of_the_models() -> None:
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    assert (ROOT / "rules.schema.json").read_text() == text, (
        "write it anew: subtally schema > rules.schema.json"
    )


@pytest.mark.parametrize("key, about", KEYS, ids=[key for key, _ in KEYS])
def test_every_key_has_a_description_and_an_example(key: str, about: dict[str, Any]) -> None:
    assert about.get("description"), key
    assert about.get("examples"), key
    assert "title" not in about
    assert '"null"' not in json.dumps(about)


def test_no_table_takes_unknown_keys() -> None:
    assert [name for name, table in tables(schema()) if table.get("additionalProperties") is not False] == []


def test_there_is_a_model_for_every_rule_type() -> None:
    assert set(RULE_MODELS) == set(TYPES)
    rule = schema()["properties"]["rule"]["items"]["oneOf"]
    assert len(rule) == len(TYPES)


def test_the_models_of_exchanges_and_what_they_tell_agree_with_the_clients() -> None:
    assert set(EXCHANGE_MODELS) == set(KINDS)
    for kind, facts in KINDS.items():
        read = schema()["$defs"][EXCHANGE_MODELS[kind].__name__]["properties"]["read"]
        assert tuple(read["items"]["enum"]) == facts.words
        assert tuple(read["default"]) == facts.usual
        assert ("passphrase" in EXCHANGE_MODELS[kind].model_fields) is facts.needs_passphrase
        told = offers(kind, facts.words)
        assert {offer.word for offer in told} == set(facts.words)
        assert {offer.wallet for offer in told if not offer.master} == set(facts.wallet_of.values())


def test_naming_a_type_of_the_configuration_imports_nothing_heavy() -> None:
    heavy = "{'pydantic', 'aiohttp', 'apprise', 'tree_sitter', 'sqlite3'}"
    code = f"import sys, daemon.config; print(sorted({heavy} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_an_accepted_file_imports_no_client_and_no_syntax_tree() -> None:
    heavy = "{'aiohttp', 'apprise', 'tree_sitter', 'sqlite3'}"
    load = "import sys, daemon.config; daemon.config.load('rules.example.toml')"
    code = f"{load}; print(sorted({heavy} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
