"""The JSON Schema says what the models say, and `rules.schema.json` is it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

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


def test_an_accepted_file_imports_no_client_no_syntax_tree_and_no_inputs_of_the_engine() -> None:
    heavy = "{'aiohttp', 'apprise', 'tree_sitter', 'sqlite3', 'rules.model', 'rules.facts', 'daemon.exchanges.base'}"
    load = "import sys, daemon.config; daemon.config.load('rules.example.toml')"
    code = f"{load}; print(sorted({heavy} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def problems_of(value: Any, about: dict[str, Any]) -> list[str]:
    whole = {"$defs": schema()["$defs"], **about}
    return [problem.message for problem in Draft7Validator(whole).iter_errors(value)]


@pytest.mark.parametrize("key, about", KEYS, ids=[key for key, _ in KEYS])
def test_the_examples_of_every_key_are_valid(key: str, about: dict[str, Any]) -> None:
    assert [problems_of(example, about) for example in about["examples"]] == [[] for _ in about["examples"]]


def taplo(file: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("taplo")
    if not program.exists():
        pytest.skip("taplo is not installed here: pip install taplo")
    where = f"file://{ROOT / 'rules.schema.json'}"
    command = [str(program), "check", "--schema", where, str(file)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_an_editor_accepts_the_example() -> None:
    said = taplo(ROOT / "rules.example.toml")
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize(
    "right, wrong",
    [
        ('type     = "high_balance"', 'type     = "hihg_balance"'),
        ("drop     =", "dorp     ="),
        ('after    = "3m"', 'after    = "3 minutes"'),
        ("budget     = 0.8", 'budget     = "most"'),
        ('api_key    = { credential = "okx-key" }', 'api_key    = "0123456789"'),
        ('days     = ["sat", "sun"]', 'days     = ["samstag"]'),
        ('min_severity  = "warning"', 'min_severity  = "loud"'),
        ('listen        = "127.0.0.1:9464"', 'lisen         = "127.0.0.1:9464"'),
    ],
)
def test_an_editor_refuses_a_wrong_file(tmp_path: Path, right: str, wrong: str) -> None:
    text = (ROOT / "rules.example.toml").read_text()
    assert right in text
    file = tmp_path / "rules.toml"
    file.write_text(text.replace(right, wrong))
    said = taplo(file)
    assert said.returncode != 0
    assert f"{file}:" in said.stderr, said.stderr
