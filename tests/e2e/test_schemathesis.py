"""Every endpoint of the API under what schemathesis makes up: no 500, and answers as the document says."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.web.actions import store_actions
from state import AsyncStore
from tests.unit.test_cli_support import fed
from tests.unit.web_support import serving

TOKEN = "a-long-enough-token"
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,unsupported_method"
)


@pytest.mark.timeout(400)
async def test_no_request_makes_a_500_and_every_answer_is_as_documented(tmp_path: Path) -> None:
    with fed(tmp_path, store_open=True) as made:
        store = await AsyncStore.open(tmp_path / "subtally.db")
        reads = await AsyncStore.open(tmp_path / "subtally.db", readonly=True)
        try:
            actions = store_actions(store, lambda: made.now)
            async with serving(actions=actions, reads=reads, token=TOKEN) as browser:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "schemathesis.cli", "run"),
                    f"http://127.0.0.1:{browser.server.port}/api/v1/openapi.json",
                    *("--header", f"Authorization: Bearer {TOKEN}", "--checks", CHECKS),
                    *("--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--seed", "7"),
                    *("--generation-database", "none", "--no-color", "--suppress-health-check", "all"),
                    cwd=tmp_path,
                    env={**os.environ, "SCHEMATHESIS_HOOKS": ""},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
                told, _ = await process.communicate()
        finally:
            await reads.close()
            await store.close()
    assert process.returncode == 0, told.decode()[-6000:]
