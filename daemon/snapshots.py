"""Makes the Snapshot of a running daemon: the one place that knows what health means."""

from __future__ import annotations

import asyncio

from daemon.app import App
from daemon.poll import Poller
from daemon.snapshot import ExchangeView, NotifierView, Snapshot
from daemon.version import VERSION
from daemon.web.pages import AlertPage
from notifiers.custom import check_template
from rules.builtin_names import STALE_EXCHANGE
from rules.step import selected
from rules.world import AlertKey, ExchangeState, Subject
from state.errors import StateError

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
        started_ms=world.started_ms,
        version=VERSION,
        rules_digest=world.ruleset.digest,
        rules=len(world.ruleset.rules),
        exchanges=exchanges,
        alerts=tuple(world.alerts.values()),
        notifiers=notifiers,
        unready=tuple(unready),
        warnings=tuple(_warnings(app, exchanges, notifiers)),
        transitions=dict(app.transitions),
        timezone=app.settings.timezone,
    )


async def alert_page(app: App, alert_id: str) -> AlertPage | None:
    """Everything known of one alert; None where no alert ever had this id."""
    row = await app.store.alert(alert_id)
    if row is None:
        return None
    return AlertPage(
        now_ms=app.engine.clock(),
        row=row,
        transitions=await app.store.transitions(alert_id),
        notifications=(await app.store.notifications(alert_id=alert_id)).rows,
        orders=await app.store.orders_of(alert_id),
        timezone=app.settings.timezone,
    )


def _exchange(app: App, name: str, poller: Poller) -> ExchangeView:
    world = app.engine.world
    known = world.exchanges.get(name) or ExchangeState(name)
    accounts = [world.accounts[key] for key in sorted(world.index.by_exchange.get(name, ()))]
    present = [account for account in accounts if account.present and not account.master]
    read = [account for account in present if selected(poller.settings, account)]
    times = [
        holding.ended_ms
        for account in read
        for wallet in poller.settings.wallets
        if (holding := world.holdings.get((account.key, wallet))) is not None
    ]
    listed = [listing.ended_ms for listing in known.listings.values() if listing.ended_ms is not None]
    state, reason = _state_of(app, name, known, poller)
    counters = poller.counters
    return ExchangeView(
        name=name,
        kind=poller.settings.kind,
        state=state,
        reason=reason,
        accounts=len(present),
        selected=len(read),
        last_success_ms=known.last_success_ms,
        last_listing_ms=max(listed, default=None),
        oldest_reading_ms=min(times, default=None),
        sweep_ms=counters.sweep_ms,
        reads=counters.reads,
        failures=counters.failures,
        incomplete=counters.incomplete,
        glitches=counters.glitches,
        clock_offset_ms=known.clock_offset_ms,
        banned_until_ms=known.banned_until_ms,
        maintenance=known.maintenance,
    )


def _state_of(app: App, name: str, known: ExchangeState, poller: Poller) -> tuple[str, str]:
    if known.stopped or poller.halted:
        return "stopped", known.stopped or poller.halted
    if AlertKey(STALE_EXCHANGE, Subject(name)) in app.engine.world.alerts:
        return "stale", known.trouble or known.maintenance
    if known.last_success_ms is None or known.last_success_ms < app.engine.world.started_ms:
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
    return warnings + app.shelf.problems + _wording_warnings(app)


def _wording_warnings(app: App) -> list[str]:
    """The user's own words that fail: always, or for the last message of a notifier."""
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
