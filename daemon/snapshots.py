"""Makes the Snapshot of a running daemon: the one place that knows what health means."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from daemon.app import App
from daemon.poll import Poller
from daemon.snapshot import ExchangeView, NotifierView, RuleView, Snapshot
from daemon.version import VERSION
from rules.builtin_names import STALE_EXCHANGE
from rules.plan import is_read
from rules.step import Step
from rules.world import AlertKey, ExchangeState, Subject
from state.errors import StateError
from state.threaded import AsyncStore

if TYPE_CHECKING:
    from daemon.web.alerts import AlertPage

ANSWER_SECONDS = 2.0
"""What waits longer for the state is told that: a health check that hangs tells nothing."""


async def snapshot(app: App) -> Snapshot:
    """The state of everything now."""
    world = app.engine.world
    exchanges = tuple(_exchange(app, name, poller) for name, poller in sorted(app.pollers.items()))
    notifiers, unreadable = await _notifiers(app)
    unready = [f"state: {text}" for text in (app.engine.trouble or unreadable,) if text]
    if not world.ruleset.exchanges:
        unready.append("rules: no exchange is configured")
    elif not any(exchange.state == "fresh" for exchange in exchanges):
        unready += [f"{one.name}: {one.state}{': ' + one.reason if one.reason else ''}" for one in exchanges]
    return Snapshot(
        now_ms=app.engine.clock(),
        started_ms=app.started_ms,
        version=VERSION,
        rules_digest=world.ruleset.digest,
        rules=len(world.ruleset.rules),
        exchanges=exchanges,
        alerts=tuple(world.alerts.values()),
        notifiers=notifiers,
        unready=tuple(unready),
        warnings=tuple(_warnings(app, exchanges, notifiers)),
        transitions=dict(app.moves.counts),
        reload_ok=not app.reload_fault,
        reloaded_ms=app.reloaded_ms,
        export_balances=app.config.daemon.export_balances,
        timezone=app.settings.timezone,
    )


def rule_views(app: App, counts: Mapping[str, int] | None) -> tuple[RuleView, ...]:
    """The rules in force in the order of the file; `counts` are their subjects by key."""
    return tuple(
        RuleView(
            name=rule.name,
            type=rule.type,
            severity=rule.severity.value,
            exchange=str(rule.exchange),
            account=str(rule.account),
            asset=str(rule.asset),
            enabled=rule.enabled,
            notify="everyone" if rule.notify is None else ", ".join(rule.notify) or "nobody: a trial",
            description=rule.description,
            subjects=None if counts is None else counts.get(rule.key, 0),
        )
        for rule in app.engine.world.ruleset.rules
    )


async def alert_page(app: App, reads: AsyncStore, alert_id: str) -> AlertPage | None:
    """Everything known of one alert; None where no alert ever had this id."""
    from daemon.web.alerts import read_alert  # noqa: PLC0415  loaded with the pages, after the first request

    return await reads.run(read_alert, alert_id, app.engine.clock(), app.settings.timezone)


async def alert_chart(app: App, reads: AsyncStore, alert_id: str) -> bytes | None:
    """The chart of one alert as a PNG; None where it has no figure. All on the reader's thread."""
    from daemon.web.picture import read_picture  # noqa: PLC0415  as above

    return await reads.run(read_picture, alert_id, app.engine.clock(), app.settings.timezone)


def _exchange(app: App, name: str, poller: Poller) -> ExchangeView:
    world = app.engine.world
    known = world.exchanges.get(name) or ExchangeState(name)
    present, read, oldest_ms, recently = _readings(app, name, poller)
    listed = [listing.ended_ms for listing in known.listings.values() if listing.ended_ms is not None]
    incomplete = [one.incomplete_reason for one in known.listings.values() if one.incomplete_reason]
    state, reason = _state_of(app, name, known, poller)
    counters = poller.counters
    return ExchangeView(
        name=name,
        kind=poller.settings.kind,
        state=state,
        reason=reason,
        accounts=present,
        selected=read,
        last_success_ms=known.last_success_ms,
        last_listing_ms=max(listed, default=None),
        oldest_reading_ms=oldest_ms,
        sweep_ms=counters.sweep_ms,
        reads=counters.reads,
        failures=counters.failures,
        incomplete=counters.incomplete,
        glitches=counters.glitches,
        clock_offset_ms=known.clock_offset_ms,
        banned_until_ms=known.banned_until_ms,
        maintenance=known.maintenance,
        swept_ms=counters.swept_ms,
        recently_read=recently,
        listing_incomplete="; ".join(incomplete),
        usage=poller.venue.usage(),
    )


def _readings(app: App, name: str, poller: Poller) -> tuple[int, int, int | None, int]:
    """Accounts that exist, those that are read, the oldest of their readings, those read whole in time."""
    world = app.engine.world
    step = Step(world, app.engine.clock())
    late_ms = step.now_ms - app.settings.stale_after_ms
    present = read = recently = 0
    oldest_ms: int | None = None
    for key in world.index.by_exchange.get(name, ()):
        account = world.accounts[key]
        if not account.present or account.master:
            continue
        present += 1
        if not is_read(step, account):
            continue
        read += 1
        begun = [world.holdings.get((key, wallet)) for wallet in poller.settings.wallets]
        times = [holding.ended_ms for holding in begun if holding is not None]
        if times:
            first_ms = min(times)
            oldest_ms = first_ms if oldest_ms is None else min(oldest_ms, first_ms)
            recently += len(times) == len(begun) and first_ms >= late_ms
    return present, read, oldest_ms, recently


def _state_of(app: App, name: str, known: ExchangeState, poller: Poller) -> tuple[str, str]:
    if known.stopped or poller.halted:
        return "stopped", known.stopped or poller.halted
    if AlertKey(STALE_EXCHANGE, Subject(name)) in app.engine.world.alerts:
        return "stale", known.trouble or known.maintenance
    if known.last_success_ms is None or known.last_success_ms < app.started_ms:
        return "starting", known.trouble
    return "fresh", known.trouble


async def _notifiers(app: App) -> tuple[tuple[NotifierView, ...], str]:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            counts = await app.store.counts()
    except TimeoutError:
        path, seconds = app.store.path, f"{ANSWER_SECONDS:g}"
        return (), f"{path} gives no answer within {seconds} s; see who has it open: fuser {path}"
    except StateError as error:
        return (), str(error)
    views = []
    for name, lane in sorted(app.lanes.items()):
        count = counts.get(name)
        views.append(
            NotifierView(
                name=name,
                address=lane.sender.address,
                queued=count.queued + count.claimed if count else 0,
                dead=count.dead if count else 0,
                oldest_ms=count.oldest_ms if count else None,
                delivered=lane.counters.delivered,
                failed=lane.counters.failed,
                unknown=lane.counters.unknown,
                last_reason=lane.counters.last_reason,
            )
        )
    return tuple(views), ""


def _warnings(
    app: App, exchanges: tuple[ExchangeView, ...], notifiers: tuple[NotifierView, ...]
) -> list[str]:
    warnings = (
        [f"rules: refused, the last accepted ones stay in force: {app.reload_fault}"]
        if app.reload_fault
        else []
    )
    warnings += [
        f"{one.name}: {one.state}{': ' + one.reason if one.reason else ''}"
        for one in exchanges
        if one.state != "fresh"
    ]
    warnings += [f"{one.name}: {one.reason}" for one in exchanges if one.state == "fresh" and one.reason]
    warnings += [
        f"notifier {one.name}: {one.dead} dead notifications: {one.last_reason}"
        for one in notifiers
        if one.dead
    ]
    return warnings + _books_warnings(app) + _wording_warnings(app)


def _books_warnings(app: App) -> list[str]:
    """Books that cannot be read: as of their last read, also before a restart."""
    failing = sorted(app.engine.world.failing_books.items())
    return [f'books "{name}": {one.reason}' for name, one in failing]


def _wording_warnings(app: App) -> list[str]:
    """The user's own words that fail: always, or for the last message of a notifier."""
    from notifiers.custom import check_template  # noqa: PLC0415  loaded with the notifiers

    settings = app.settings
    texts = {"title": settings.title_template, "body": settings.body_template}
    always = {key: check_template(text) for key, text in texts.items() if text}
    found = [
        f"templates.{key}: {fault}; the built-in words are used" for key, fault in always.items() if fault
    ]
    return found or [
        f"notifier {name}: {lane.wording_fault}; the built-in words are used"
        for name, lane in sorted(app.lanes.items())
        if lane.wording_fault
    ]
