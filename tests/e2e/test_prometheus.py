"""A real Prometheus scrapes the real daemon; promtool finds nothing wrong with metrics, rules and their tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from daemon.app import App
from daemon.running import run_daemon
from daemon.web.metrics import exposition
from daemon.web.server import WebServer
from tests.e2e.house import a_house
from tests.unit.web_support import SNAPSHOT

DOCS = Path(__file__).parents[2] / "docs"
RULES = '[[rule]]\nname = "floor"\ntype = "low_balance"\nasset = "USDT"\nfield = "total"\nbelow = 1000\n'
PATIENCE_SECONDS = 60


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None and not os.environ.get("CI"):
        pytest.skip(f"no {name} here: apt-get install prometheus")
    assert found is not None, f"CI must have {name}"
    return found


def promtool(*args: str, sent: bytes = b"", cwd: Path = DOCS) -> None:
    done = subprocess.run(
        [program("promtool"), *args], input=sent, cwd=cwd, capture_output=True, check=False, timeout=60
    )
    told = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, told


def test_the_metrics_are_clean_to_promtool() -> None:
    promtool("check", "metrics", sent=exposition(SNAPSHOT, "")[0])


def test_the_rules_are_clean_and_each_fires_when_it_should_and_not_before() -> None:
    promtool("check", "rules", "prometheus-rules.yml")
    promtool("test", "rules", "prometheus-rules.test.yml")
    named = set(re.findall(r"alert: (\w+)", (DOCS / "prometheus-rules.yml").read_text()))
    tested = set(re.findall(r"alertname: (\w+)", (DOCS / "prometheus-rules.test.yml").read_text()))
    assert named == tested


def test_rules_and_dashboard_ask_only_for_metrics_that_are_told() -> None:
    told = set(re.findall(r"^# TYPE (\S+)", exposition(SNAPSHOT, "")[0].decode(), re.MULTILINE))
    told |= set(re.findall(r"^(subtally_\w+)", exposition(SNAPSHOT, "")[0].decode(), re.MULTILINE))
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    asked += (DOCS / "prometheus-rules.yml").read_text()
    assert set(re.findall(r"subtally_[a-z_]+", asked)) - told == set()


@contextlib.asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[str]:
    """A Prometheus of our own on loopback that scrapes the target each second."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\nscrape_configs:\n"
        f"  - job_name: subtally\n    static_configs: [{{targets: ['{target}']}}]\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(program("prometheus"), f"--config.file={folder}/prometheus.yml", f"--web.listen-address={address}"),
        f"--storage.tsdb.path={folder}/tsdb",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        await process.wait()


async def until(session: aiohttp.ClientSession, url: str, query: str) -> list[dict[str, Any]]:
    """The result of a query once there is one."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{url}/api/v1/query?query={quote(query)}") as answer:
                    found = (await answer.json())["data"]["result"] if answer.status == 200 else []
                    if found:
                        return list(found)
            await asyncio.sleep(0.2)


@pytest.mark.timeout(180)
async def test_a_real_prometheus_scrapes_it_balances_included(tmp_path: Path) -> None:
    program("prometheus")
    async with a_house(tmp_path) as house:
        house.write(RULES, venues=("binance",), daemon="export_balances = true\n")
        text = house.rules_file.read_text().replace('listen = ""', 'listen = "127.0.0.1:0"')
        house.rules_file.write_text(text)
        account = house.simulator.binance.accounts[0]
        house.simulator.binance.set_balance(account.name, "USDT", free="12.5", locked="0", frozen="0")
        stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()

        def on_ready(app: App, web: WebServer | None) -> None:
            ready.set_result((app, web))

        running = asyncio.create_task(run_daemon(house.rules_file, stop, on_ready))
        try:
            _, web = await asyncio.wait_for(ready, PATIENCE_SECONDS)
            async with (
                prometheus(tmp_path, f"127.0.0.1:{web.port}") as url,
                aiohttp.ClientSession() as session,
            ):
                up = await until(session, url, 'up{job="subtally"} == 1')
                assert len(up) == 1
                (held,) = await until(session, url, 'subtally_balance{asset="USDT",field="free"} == 12.5')
                assert held["metric"]["account"] == account.name
                (firing,) = await until(session, url, 'subtally_alerts{state="firing",rule="floor"}')
                assert firing["value"][1] == "1"
                (used,) = await until(session, url, 'subtally_limit_used_slots{endpoint="assets"} > 0')
                assert used["metric"]["exchange"] == "binance-main"
                assert await until(session, url, "subtally_rules_last_reload_successful == 1")
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{web.port}/metrics") as answer,
            ):
                told = await answer.read()
        finally:
            stop.set()
            await running
    promtool("check", "metrics", sent=told)
