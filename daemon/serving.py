"""The pages and the API of a running daemon: what they show, and where. Loaded once the venues are asked."""

from __future__ import annotations

from daemon.app import App
from daemon.errors import CannotRun
from daemon.matching import Matching
from daemon.snapshot import Snapshot
from daemon.snapshots import alert_page, rule_views, snapshot
from daemon.web.actions import store_actions
from daemon.web.errors import WebError
from daemon.web.recent import Recent
from daemon.web.server import WebServer
from daemon.web.sources import Sources
from state.threaded import AsyncStore

ANSWER_SECONDS = 0.5
"""How long one look at the daemon is good enough for pages, probes and scrapers."""


async def serve(app: App, reads: AsyncStore, matching: Matching) -> WebServer | None:
    """Serve from now on, where the file says so. Raises CannotRun."""
    config = app.config.daemon
    if config.listen is None:
        return None
    token = config.api_token.resolve() if config.api_token is not None else None
    looks: Recent[Snapshot] = Recent(seconds=ANSWER_SECONDS)
    web = WebServer(
        config.listen.host,
        config.listen.port,
        Sources(
            snapshot=lambda: looks.get("now", lambda: _snapshot(app)),
            alert_of=lambda alert: alert_page(app, reads, alert),
            actions=store_actions(app.store, app.engine.clock),
            reads=reads,
            rules=lambda: rule_views(app, matching.counts()),
        ),
        hosts=config.hosts,
        public_url=config.public_url,
        token=token,
    )
    try:
        await web.start()
    except WebError as error:
        raise CannotRun(str(error)) from error
    return web


async def _snapshot(app: App) -> Snapshot:
    """What is asked while a start goes on waits for it: without its notifiers the daemon is not what it will be."""
    await app.telling.wait()
    return await snapshot(app)
