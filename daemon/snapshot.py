"""What the daemon says of itself at one moment: plain values for pages, metrics and health checks."""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.exchanges.base import Usage
from rules.world import Alert


@dataclass(frozen=True, slots=True)
class ExchangeView:
    """One exchange. Times are UTC milliseconds, None where there was none; `sweep_ms` is the last whole sweep.

    `state` is "fresh", "starting" (nothing was read since the start), "stale" or "stopped"; `reason` says why.
    """

    name: str
    kind: str
    state: str
    reason: str
    accounts: int
    selected: int
    last_success_ms: int | None
    last_listing_ms: int | None
    oldest_reading_ms: int | None
    sweep_ms: int | None
    reads: int
    failures: int
    incomplete: int
    glitches: int
    clock_offset_ms: int
    banned_until_ms: int | None
    maintenance: str
    swept_ms: int | None = None  # when the last whole sweep ended
    recently_read: int = 0  # accounts read whole within stale_after
    listing_incomplete: str = ""  # why the last listing could not be trusted
    usage: tuple[Usage, ...] = ()


@dataclass(frozen=True, slots=True)
class NotifierView:
    """One notifier: what is queued and what became of what was sent. `address` shows no secret."""

    name: str
    address: str
    queued: int
    dead: int
    oldest_ms: int | None
    delivered: int
    failed: int
    unknown: int
    last_reason: str


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule in force. `subjects` is how many it judges, None while that is being counted."""

    name: str
    type: str
    severity: str
    exchange: str
    account: str
    asset: str
    enabled: bool
    notify: str
    description: str
    subjects: int | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at once. `unready` are the reasons for a 503, `warnings` what is wrong but not that wrong."""

    now_ms: int
    started_ms: int
    version: str
    rules_digest: str
    rules: int
    exchanges: tuple[ExchangeView, ...] = ()
    alerts: tuple[Alert, ...] = ()
    notifiers: tuple[NotifierView, ...] = ()
    unready: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    transitions: dict[str, int] = field(default_factory=dict)  # since the start, by what they led to
    reload_ok: bool = True  # whether the file, as it was last read, was accepted
    reloaded_ms: int | None = None  # when it was accepted last
    export_balances: bool = False  # as in [daemon]
    timezone: str = "UTC"  # of the times on the pages, as `timezone` in [daemon]
