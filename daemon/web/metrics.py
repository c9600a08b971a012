"""A Snapshot as Prometheus metrics. The labels come from the file, and from what venues name only with
`export_balances`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from daemon.snapshot import ExchangeView, Snapshot
from daemon.web.exported import BALANCE_LABELS, Balances
from rules.world import Alert

__all__ = ["exposition"]

RULES_MOST = 500
"""Rules that have a series of their own; the alerts of the others are counted together."""

OTHER_RULES = "(other rules)"
EXCHANGE_STATES = ("fresh", "starting", "stale", "stopped")
STEPS = ("pending", "firing", "resolved", "closed", "inactive")

_SECOND_MS = 1000
_PROCESS = ProcessCollector(registry=None)

Samples = Iterable[tuple[Sequence[str], float | None]]


def exposition(snapshot: Snapshot, accept: str, balances: Balances | None = None) -> tuple[bytes, str]:
    """The text and its content type: OpenMetrics where it is asked for, else Prometheus' own."""
    registry = CollectorRegistry()
    registry.register(_PROCESS)
    registry.register(_Collector(snapshot, balances))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Collector(Collector):
    """Counts nothing itself: every figure is the daemon's."""

    def __init__(self, snapshot: Snapshot, balances: Balances | None) -> None:
        self._snapshot = snapshot
        self._balances = balances

    def collect(self) -> Iterator[Metric]:
        now = self._snapshot
        yield from _daemon(now)
        yield from _exchange_health(now.exchanges)
        yield from _exchange_work(now.exchanges)
        yield from _alerts(now)
        yield from _notifiers(now)
        if self._balances is not None:
            yield _gauge(
                "balance", "The last known figure of one field.", self._balances.samples, BALANCE_LABELS
            )
            left_out = [((), self._balances.left_out)]
            yield _gauge("balances_left_out", "Balances beyond the bound, which have no series.", left_out)


def _daemon(now: Snapshot) -> Iterator[Metric]:
    yield InfoMetricFamily("subtally_build", "The version that runs.", {"version": now.version})
    yield _gauge(
        "start_time_seconds", "When the daemon started, as Unix time.", [((), _seconds(now.started_ms))]
    )
    yield InfoMetricFamily(
        "subtally_rules", "The digest of the rules in force.", {"digest": now.rules_digest}
    )
    yield _gauge("rules_in_force", "Rules in force.", [((), now.rules)])
    yield _gauge(
        "rules_last_reload_successful",
        "1 where the rules file, as it was last read, was accepted.",
        [((), 1 if now.reload_ok else 0)],
    )
    yield _gauge(
        "rules_last_reload_success_timestamp_seconds",
        "When the rules file was last accepted, as Unix time.",
        [((), _seconds(now.reloaded_ms))],
    )
    yield _gauge("ready", "1 while /readyz says ready.", [((), 0 if now.unready else 1)])
    yield _gauge("warnings", "Warnings that /readyz tells.", [((), len(now.warnings))])


def _exchange_health(views: Sequence[ExchangeView]) -> Iterator[Metric]:
    label = ("exchange",)
    up = [((x.name, x.kind), 1 if x.state == "fresh" else 0) for x in views]
    yield _gauge("exchange_up", "1 while the exchange is read and not stale.", up, ("exchange", "kind"))
    states = [((x.name, state), 1 if x.state == state else 0) for x in views for state in EXCHANGE_STATES]
    yield _gauge("exchange_state", "1 for the state that the exchange is in.", states, ("exchange", "state"))
    in_maintenance = [((x.name,), 1 if x.maintenance else 0) for x in views]
    yield _gauge("exchange_maintenance", "1 while the venue announces maintenance.", in_maintenance, label)
    for name, text, times in (
        (
            "last_success_timestamp_seconds",
            "When something of the exchange last succeeded, as Unix time.",
            [((x.name,), _seconds(x.last_success_ms)) for x in views],
        ),
        (
            "last_listing_timestamp_seconds",
            "When the last complete listing ended, as Unix time.",
            [((x.name,), _seconds(x.last_listing_ms)) for x in views],
        ),
        (
            "oldest_reading_timestamp_seconds",
            "The oldest of the last readings of all accounts, as Unix time.",
            [((x.name,), _seconds(x.oldest_reading_ms)) for x in views],
        ),
        (
            "banned_until_timestamp_seconds",
            "When the venue's ban ends, as Unix time; 0 without a ban.",
            [((x.name,), _seconds(x.banned_until_ms or 0)) for x in views],
        ),
        (
            "clock_offset_seconds",
            "By how much this machine's clock is behind the venue's.",
            [((x.name,), _seconds(x.clock_offset_ms)) for x in views],
        ),
    ):
        yield _gauge(name, text, times, label)


def _exchange_work(views: Sequence[ExchangeView]) -> Iterator[Metric]:
    label = ("exchange",)
    yield _gauge("accounts", "Accounts that exist.", [((x.name,), x.accounts) for x in views], label)
    selected = [((x.name,), x.selected) for x in views]
    yield _gauge("accounts_selected", "Accounts that are read.", selected, label)
    sweeps = [((x.name,), _seconds(x.sweep_ms)) for x in views]
    yield _gauge(
        "sweep_duration_seconds", "How long the last whole sweep over all accounts took.", sweeps, label
    )
    swept = [((x.name,), _seconds(x.swept_ms)) for x in views]
    yield _gauge(
        "last_sweep_timestamp_seconds", "When the last whole sweep ended, as Unix time.", swept, label
    )
    recently = [((x.name,), x.recently_read) for x in views]
    yield _gauge(
        "accounts_read_recently",
        "Accounts all of whose wallets were read within stale_after.",
        recently,
        label,
    )
    complete = [
        ((x.name,), None if x.last_listing_ms is None else int(not x.listing_incomplete)) for x in views
    ]
    yield _gauge("listing_complete", "1 where the last listings of accounts can be trusted.", complete, label)
    yield from _limits(views)
    for name, text, counts in (
        ("reads", "Calls that told something.", [((x.name,), x.reads) for x in views]),
        ("read_failures", "Calls that told nothing.", [((x.name,), x.failures) for x in views]),
        (
            "listings_incomplete",
            "Listings that could not be trusted.",
            [((x.name,), x.incomplete) for x in views],
        ),
        ("glitches", "Readings that the next one contradicted.", [((x.name,), x.glitches) for x in views]),
    ):
        yield _counter(name, text, counts, label)


def _limits(views: Sequence[ExchangeView]) -> Iterator[Metric]:
    label = ("exchange", "endpoint")
    every = [(x.name, usage) for x in views for usage in x.usage]
    used = [((name, usage.endpoint), usage.used) for name, usage in every]
    yield _gauge("limit_used_slots", "Slots of the venue's limit that are not free now.", used, label)
    slots = [((name, usage.endpoint), usage.slots) for name, usage in every]
    yield _gauge(
        "limit_slots", "Slots that the budget grants of the venue's limit, per window.", slots, label
    )
    windows = [((name, usage.endpoint), usage.window_seconds) for name, usage in every]
    yield _gauge("limit_window_seconds", "After how long a slot is free again.", windows, label)


def _alerts(now: Snapshot) -> Iterator[Metric]:
    kept = _own_series(now.alerts)
    counts = Counter(
        (a.state, a.severity.value, a.rule if a.rule in kept else OTHER_RULES) for a in now.alerts
    )
    yield _gauge("alerts", "Open alerts.", sorted(counts.items()), ("state", "severity", "rule"))
    steps = [((step,), now.transitions.get(step, 0)) for step in STEPS]
    yield _counter("transitions", "Steps of alerts since the start, by what they led to.", steps, ("to",))


def _own_series(alerts: Sequence[Alert]) -> frozenset[str]:
    """The rules with the most alerts. One that falls out of them is still counted, under another name."""
    counts = Counter(alert.rule for alert in alerts)
    ordered = sorted(counts, key=lambda rule: (-counts[rule], rule))
    return frozenset(ordered[:RULES_MOST])


def _notifiers(now: Snapshot) -> Iterator[Metric]:
    label = ("notifier",)
    views = now.notifiers
    queued = [((x.name,), x.queued) for x in views]
    yield _gauge("notifications_queued", "Notifications that wait to be delivered.", queued, label)
    dead = [((x.name,), x.dead) for x in views]
    yield _gauge("notifications_dead", "Notifications that were given up.", dead, label)
    ages = [((x.name,), _age(now.now_ms, x.oldest_ms)) for x in views]
    yield _gauge(
        "notifications_oldest_age_seconds", "How long the oldest of those queued waits.", ages, label
    )
    outcomes = [
        ((x.name, outcome), count)
        for x in views
        for outcome, count in (("delivered", x.delivered), ("failed", x.failed), ("unknown", x.unknown))
    ]
    yield _counter("messages", "Attempts to send, by what became of them.", outcomes, ("notifier", "outcome"))


def _gauge(name: str, text: str, samples: Samples, labels: Sequence[str] = ()) -> Metric:
    family = GaugeMetricFamily(f"subtally_{name}", text, labels=labels)
    for values, figure in samples:
        if figure is not None:  # what is not known has no sample: zero would be a claim
            family.add_metric(values, figure)
    return family


def _counter(name: str, text: str, samples: Samples, labels: Sequence[str]) -> Metric:
    family = CounterMetricFamily(f"subtally_{name}", text, labels=labels)
    for values, figure in samples:
        if figure is not None:
            family.add_metric(values, figure)
    return family


def _seconds(at_ms: int | None) -> float | None:
    return None if at_ms is None else at_ms / _SECOND_MS


def _age(now_ms: int, oldest_ms: int | None) -> float:
    return 0 if oldest_ms is None else max(0, now_ms - oldest_ms) / _SECOND_MS
