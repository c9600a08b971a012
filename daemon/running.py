"""A running daemon from its file to its end: what `run` does, and `demo` with a simulator beside it."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from daemon.app import App
from daemon.garbage import Settled
from daemon.heartbeat import EVERY_SECONDS, Heartbeat
from daemon.matching import Matching
from daemon.notify_systemd import reloading, tell_systemd
from daemon.startup import Started, start_up
from daemon.watch import LOOK_SECONDS, RulesWatch
from state.threaded import AsyncStore

if TYPE_CHECKING:
    from daemon.web.server import WebServer

log = structlog.get_logger(__name__)

SWITCH_SECONDS: Final = 0.0005
"""A thread that commits or sends waits so long for a busy loop at each statement, instead of 5 ms."""

GARBAGE_AFTER: Final = 5_000
"""New objects at which the interpreter looks for garbage by itself, where `Settled` did not look before."""


async def run_daemon(
    path: Path,
    stop: asyncio.Event,
    on_ready: Callable[[App, WebServer | None], None],
    watch: RulesWatch | None = None,
    begin: Callable[[Path], Awaitable[Started]] = start_up,
) -> None:
    """Run until `stop` is set. Raises CannotRun with what is wrong and what to do.

    `watch` is for whoever reloads by other means, too; it was made before.
    """
    files = watch or RulesWatch(path)  # before the file is read: an edit from now on is not overlooked
    app = App(path, await begin(path))
    web: WebServer | None = None
    reads: AsyncStore | None = None
    matching = Matching(app.engine)
    try:
        await app.start()
        # Pages and programs read on a connection and a thread of their own: they delay no commit.
        reads = await AsyncStore.open(app.store.path, readonly=True)
        web = await _serving(app, reads, matching)
        await app.begin_telling()
        # On a thread, as the pages are: a start asks its venues first, and goes on with their answers.
        await asyncio.to_thread(import_module, "daemon.snapshots")
        from daemon.snapshots import alert_chart  # noqa: PLC0415

        app.chart_of = partial(alert_chart, app, reads)
        _keep_beating(app)
        if web is not None:
            app.beside(_load_pages(), "load pages")

        edited = asyncio.Event()
        taking_up = asyncio.create_task(_take_up_edits(app, web, files, edited), name="rules file")
        try:
            with files.followed(LOOK_SECONDS, edited.set):
                on_ready(app, web)
                await stop.wait()
        finally:
            taking_up.cancel()
            await asyncio.gather(taking_up, return_exceptions=True)
    finally:
        tell_systemd("STOPPING=1")
        if web is not None:
            await web.stop()
        await matching.close()
        if reads is not None:
            await reads.close()
        await app.close()


async def run_until_signalled(path: Path) -> None:
    """As a service: SIGTERM and SIGINT stop, SIGHUP reloads at once, systemd is told."""
    loop = asyncio.get_running_loop()
    sys.setswitchinterval(SWITCH_SECONDS)
    stop = asyncio.Event()
    watch = RulesWatch(path)
    reloads: set[asyncio.Task[None]] = set()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Until it is ready a reload has nothing to do, and must not end the process either.
    loop.add_signal_handler(signal.SIGHUP, lambda: None)

    def ready(app: App, web: WebServer | None) -> None:
        gc.freeze()  # what was loaded stays: to look through all of it for garbage would hold up the loop
        gc.set_threshold(GARBAGE_AFTER, 20, 20)
        settled = Settled(app.engine.world)
        app.engine.on_commit.append(lambda batch: settled.look(len(batch)))

        def on_hangup() -> None:
            task = asyncio.create_task(_reload(app, web, watch), name="reload")
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        loop.add_signal_handler(signal.SIGHUP, on_hangup)
        address = page_of(app, web) or "off"
        log.info("daemon.ready", rules=len(app.config.ruleset.rules), page=address, state=str(app.store.path))
        tell_systemd("READY=1", "STATUS=ready; nothing read yet")
        from daemon.vitals import Vitals  # noqa: PLC0415  as above

        Vitals(app).start()

    await run_daemon(path, stop, ready, watch)
    log.info("daemon.stopped")


def page_of(app: App, web: WebServer | None) -> str:
    """Where the status page is, "" where none is served."""
    listen = app.config.daemon.listen
    if web is None or listen is None:
        return ""
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    return f"http://{host}:{web.port}/"


async def _take_up_edits(app: App, web: WebServer | None, files: RulesWatch, edited: asyncio.Event) -> None:
    while True:
        await edited.wait()
        edited.clear()
        try:
            if await files.changed():
                await _reload(app, web, files)
        except Exception:
            # A job boundary: the next look is taken as ever, and the fault is on record.
            log.exception("watch.failed")


async def _reload(app: App, web: WebServer | None, watch: RulesWatch) -> None:
    """Take the file up as it is now, and let systemd know. A bad one changes nothing (law 10)."""
    tell_systemd(*reloading())
    try:
        await asyncio.to_thread(watch.renew)
        if await app.reload():
            _keep_beating(app)
            if web is not None:
                config = app.config.daemon
                token = config.api_token.resolve() if config.api_token is not None else None
                web.admit(hosts=config.hosts, public_url=config.public_url, token=token)
    except Exception:
        # A job boundary: a fault in a reload must not end the watch.
        log.exception("reload.failed")
    finally:
        tell_systemd("READY=1")


def _keep_beating(app: App) -> None:
    """Ping the heartbeat of the file as it is now; none where the file has none."""
    secret = app.config.daemon.heartbeat_url
    if secret is None:
        app.forget("heartbeat")
        return
    from daemon.snapshots import snapshot  # noqa: PLC0415  loaded by then

    heartbeat = Heartbeat(secret.resolve())

    async def beat() -> None:
        await heartbeat.beat(await snapshot(app))

    app.every("heartbeat", EVERY_SECONDS, beat)


async def _serving(app: App, reads: AsyncStore, matching: Matching) -> WebServer | None:
    if app.config.daemon.listen is None:
        return None
    # On a thread: the answers of the venues do not wait for the pages to be loaded.
    await asyncio.to_thread(import_module, "daemon.serving")
    from daemon.serving import serve  # noqa: PLC0415

    return await serve(app, reads, matching)


async def _load_pages() -> None:
    """The first reader of a page waits no longer for it than any other."""
    await asyncio.sleep(1)  # the first requests, and the first messages, go first
    from daemon.web import pages  # noqa: PLC0415  loaded by then

    await asyncio.to_thread(pages.load)
    await asyncio.to_thread(import_module, "daemon.web.metrics")
