"""What Prometheus scrapes: parsed by its own parsers, nothing twice, nothing claimed that is not known."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from daemon.snapshot import Snapshot
from daemon.web.metrics import OTHER_RULES, RULES_MOST, exposition
from tests.unit.web_support import HOSTILE, NOW_MS, SNAPSHOT, alert, exchange, notifier, serving

Key = tuple[str, tuple[tuple[str, str], ...]]


def families_of(snapshot: Snapshot = SNAPSHOT) -> list[Metric]:
    return list(text_families(exposition(snapshot, "")[0].decode()))


def samples_of(families: Iterable[Metric]) -> dict[Key, float]:
    found: dict[Key, float] = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found
            found[key] = sample.value
    return found


def key(name: str, **labels: str) -> Key:
    return f"subtally_{name}", tuple(sorted(labels.items()))


async def test_metrics_are_served_as_prometheus_text() -> None:
    async with serving() as browser:
        answer = await browser.ask("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert samples_of(text_families(answer.text))[key("rules_in_force")] == 9


async def test_openmetrics_is_served_to_who_asks_for_it() -> None:
    async with serving() as browser:
        answer = await browser.ask(
            "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
        )
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert samples_of(openmetrics_families(answer.text))[key("build_info", version="0.1.0")] == 1


def test_names_and_help_follow_the_conventions() -> None:
    families = families_of()
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    for family in families:
        assert family.documentation.endswith(".")
        assert family.name.startswith(("subtally_", "process_"))
        assert family.type in {"gauge", "counter"}
        totals = [sample.name.endswith("_total") for sample in family.samples]
        assert all(totals) if family.type == "counter" else not any(totals)
        assert not family.name.endswith(("_ms", "_milliseconds"))


def test_every_figure_of_the_snapshot_is_there() -> None:
    found = samples_of(families_of())
    binance = {"exchange": "binance-main"}
    expected = {
        key("build_info", version="0.1.0"): 1,
        key("rules_info", digest="5f3c0a9e77d1"): 1,
        key("start_time_seconds"): NOW_MS / 1000 - 3600,
        key("ready"): 1,
        key("exchange_up", kind="binance", **binance): 1,
        key("exchange_up", kind="okx", exchange="okx-main"): 0,
        key("exchange_state", state="starting", exchange="okx-main"): 1,
        key("exchange_state", state="fresh", exchange="okx-main"): 0,
        key("accounts", **binance): 25,
        key("accounts_selected", **binance): 24,
        key("last_success_timestamp_seconds", **binance): NOW_MS / 1000 - 12,
        key("oldest_reading_timestamp_seconds", **binance): NOW_MS / 1000 - 65,
        key("sweep_duration_seconds", **binance): 1.5,
        key("reads_total", **binance): 1000,
        key("read_failures_total", **binance): 3,
        key("listings_incomplete_total", **binance): 2,
        key("glitches_total", **binance): 1,
        key("clock_offset_seconds", **binance): -0.25,
        key("banned_until_timestamp_seconds", **binance): 0,
        key("alerts", state="firing", severity="critical", rule="market maker USDT floor"): 1,
        key("alerts", state="pending", severity="warning", rule="market maker USDT floor"): 1,
        key("transitions_total", to="firing"): 4,
        key("transitions_total", to="resolved"): 0,
        key("notifications_queued", notifier="oncall"): 2,
        key("notifications_dead", notifier="oncall"): 1,
        key("notifications_oldest_age_seconds", notifier="oncall"): 90,
        key("messages_total", notifier="oncall", outcome="delivered"): 40,
        key("messages_total", notifier="oncall", outcome="failed"): 5,
        key("messages_total", notifier="oncall", outcome="unknown"): 1,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert ("process_resident_memory_bytes", ()) in found


def test_law_1_what_is_not_known_has_no_sample() -> None:
    found = samples_of(families_of())
    assert key("last_success_timestamp_seconds", exchange="okx-main") not in found
    assert key("sweep_duration_seconds", exchange="okx-main") not in found


def test_unready_and_banned_are_told() -> None:
    banned = exchange(banned_until_ms=NOW_MS + 60_000, state="stale", maintenance="until noon")
    found = samples_of(
        families_of(replace(SNAPSHOT, unready=("x",), warnings=("y", "z"), exchanges=(banned,)))
    )
    assert found[key("ready")] == 0
    assert found[key("warnings")] == 2
    assert found[key("exchange_maintenance", exchange="binance-main")] == 1
    assert found[key("banned_until_timestamp_seconds", exchange="binance-main")] == NOW_MS / 1000 + 60


def test_the_number_of_series_is_bounded_and_no_alert_is_lost() -> None:
    alerts = tuple(alert(f"A{number:05d}", rule=f"rule {number}") for number in range(RULES_MOST + 70))
    found = samples_of(families_of(replace(SNAPSHOT, alerts=alerts)))
    counted = {name: value for name, value in found.items() if name[0] == "subtally_alerts"}
    assert len(counted) == RULES_MOST + 1
    assert sum(counted.values()) == len(alerts)
    assert counted[key("alerts", state="firing", severity="critical", rule=OTHER_RULES)] == 70


@pytest.mark.parametrize("name", [HOSTILE, 'quote " slash \\ line \n end', "ü"])
def test_names_are_escaped(name: str) -> None:
    snapshot = replace(
        SNAPSHOT,
        exchanges=(exchange(name),),
        notifiers=(notifier(name),),
        alerts=(alert(rule=name),),
        version=name,
    )
    found = samples_of(families_of(snapshot))
    assert found[key("reads_total", exchange=name)] == 1000
    assert found[key("alerts", state="firing", severity="critical", rule=name)] == 1


def test_law_12_no_account_and_no_address_is_a_label() -> None:
    text = exposition(SNAPSHOT, "")[0].decode()
    assert "mm-1@desk.example" not in text
    assert "slack://" not in text
