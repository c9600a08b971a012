"""Which of Apprise's plugins are loaded: in a process of its own, because there is one registry in each."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

FEW = """
import json, logging, sys
logging.disable()
from notifiers.plugins import load
known = [load(schema) for schema in ("json", "tgram", "slack", "json")]
from apprise.plugins import N_MGR
print(json.dumps([known, sorted(N_MGR.schemas()), "apprise.plugins.discord" in sys.modules]))
"""

ALL = """
import json, logging
logging.disable()
from notifiers.plugins import load, service_of
known = [load("json"), load("nowhere"), load("https")]
from apprise.plugins import N_MGR
schemas = {schema for service in N_MGR.plugins(include_disabled=True) for schema in service.schemas(service)}
told = {schema: service_of(schema) for schema in sorted(schemas)}
wrong = [schema for schema, service in told.items() if service and service.__name__ != N_MGR[schema].__name__]
print(json.dumps([known, len(schemas), sum(1 for service in told.values() if service), wrong]))
"""


def run(program: str) -> list[object]:
    out = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    found: list[object] = json.loads(out)
    return found


def test_only_the_plugins_of_the_schemas_in_use_are_loaded() -> None:
    known, schemas, others = run(FEW)
    assert known == [True, True, True, True]
    assert schemas == ["json", "jsons", "slack", "tgram"]
    assert others is False


@pytest.mark.timeout(120)
def test_a_schema_that_no_text_tells_of_is_looked_for_in_all_of_them() -> None:
    known, schemas, told, wrong = run(ALL)
    assert known == [True, False, False]
    assert isinstance(schemas, int)
    assert isinstance(told, int)
    assert schemas > 200
    assert told > 0.9 * schemas
    assert wrong == []
