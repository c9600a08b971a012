"""The composition root: wires engine, pollers, lanes, clockwork and web, and takes them down again in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from daemon import exchanges
from daemon.books.shelf import Shelf
from daemon.config import ConfigError, ExchangeConfig, NotifierConfig, load
from daemon.config.differences import Change, counted, differences, listed
from daemon.engine import Engine
from daemon.errors import CannotRun
from daemon.exchanges.shared import Shared
from daemon.hearing import Hearing
from daemon.moves import Moves
from daemon.poll import Poller
from daemon.resolved import Resolved, changed, resolved
from daemon.schedule import Job, Schedule
from daemon.startup import Started, check_notifiers, check_secrets, first_problem, make_sender
from rules.builtin_names import NOTIFICATION
from rules.model import DeliveryDied, DeliveryWorks, Failure, FailureKind, Start, Tick
from rules.outcome import Outcome
from rules.records import AlertKey, Subject
from rules.ruleset import RulesAccepted, Settings
from state.checkpoints import EVERY_MS
from state.errors import StateError
from state.prepared import Entry

if TYPE_CHECKING:
    from daemon.deliver import Lane

log = structlog.get_logger(__name__)

EXAMINE_SECONDS = 60
RETENTION_SECONDS = 3600
CHECKPOINT_SECONDS = 600
CHECKPOINT_FIRST_SECONDS = 30
FIRST_COMMIT_SECONDS = 30.0
DRAIN_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Edit:
    """When an edit of the file came into force, and what it changed, counted."""

    at_ms: int
    changed: str


class App:
    """One running daemon on one state file."""

    def __init__(self, path: Path, started: Started) -> None:
        self.path = path
        self.config = started.config
        self.store = started.store
        self.moves = Moves()
        self.pollers: dict[str, Poller] = {}
        self.lanes: dict[str, Lane] = {}
        self.engine = Engine(started.world, self.store)
        self.shelf = Shelf(self.engine.take, self.engine.clock)
        self.chart_of: Callable[[str], Awaitable[bytes | None]] | None = None
        self.reload_fault = ""
        self.reloaded_ms: int | None = None  # when the file was last accepted
        self.started_ms = 0
        self.last_edit: Edit | None = None
        self.ticks = 0
        self.telling = asyncio.Event()  # the notifiers are open
        self._started = started
        self._hearing = Hearing(self.engine, self.store, self._wake_lanes)
        self._schedule = Schedule(self._clock_set)
        self._shared = Shared(quiet_seconds=self.engine.quiet_seconds)
        self._secrets = Resolved()  # with which exchanges and notifiers were opened
        self._spent: dict[str, Mapping[str, object]] = {}  # as it was kept last
        self._noted: dict[tuple[str, str], str] = {}
        self._reloading = asyncio.Lock()
        self._background: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """From the state on disk to a daemon that asks its venues. Raises CannotRun.

        Until `begin_telling` what is to be told is durable and waits.
        """
        self.engine.on_outcome.append(self._heed)
        self.engine.on_commit.append(self._committed)
        self.engine.claimers = self._told_of
        self.engine.start()
        self.started_ms = now = self.engine.clock()
        self.engine.judge_now(RulesAccepted(now, self.config.ruleset))
        self.engine.judge_now(Start(now))
        if self._started.rejected is not None:
            self.engine.judge_now(first_problem(self.path, self._started.rejected, now))
            self.reload_fault = str(self._started.rejected)
            log.error("rules.rejected", reason=self.reload_fault)
        else:
            self.reloaded_ms = now
        try:
            await asyncio.wait_for(self.engine.settled(), FIRST_COMMIT_SECONDS)
        except TimeoutError as error:
            raise CannotRun(self.engine.trouble or "the state could not be written") from error
        self._warn()
        for message in await self.store.recover(now):
            log.warning(
                "message.unknown", message=message, reason="it was being sent when the daemon stopped"
            )
        if self._started.edited:
            await self._tell_edit(self._started.edited)
        await self._hearing.listen()  # what was ordered meanwhile counts for the very first reading
        self._secrets = resolved(self.config)
        async with self._reloading:
            await self._open_exchanges()

    async def begin_telling(self) -> None:
        """While the venues answer: what sends takes its time to load. Then time may pass. Raises CannotRun."""
        await asyncio.to_thread(check_notifiers, self.config)
        for notifier in self.config.notifiers:
            self._open_lane(notifier)
        for name, job in (
            ("tick", self._tick),
            ("limits", self._keep_limits),
            ("orders", self._hearing.listen),
        ):
            self._schedule.every(name, 1, job, first_after=1, in_step=True)
        await self._put_books()
        self._schedule.every("retention", RETENTION_SECONDS, self._retention, first_after=60)
        self._schedule.every(
            "checkpoint", CHECKPOINT_SECONDS, self._checkpoint, first_after=CHECKPOINT_FIRST_SECONDS
        )
        self._schedule.start()
        self.telling.set()
        self.beside(self._warm(), "warm")

    def beside(self, work: Coroutine[None, None, None], name: str) -> None:
        """Do something that nobody waits for; it ends with the daemon."""
        task = asyncio.create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _warm(self) -> None:
        """The first message is worded as fast as any other."""
        from notifiers.templating import warm  # noqa: PLC0415  loaded by then

        await asyncio.sleep(1)  # the first requests go first
        await asyncio.to_thread(warm)

    async def close(self) -> None:
        """Stop asking, finish judging and committing, let sends under way end, then let go of the state."""
        await self._schedule.drain(0.5)
        for opening in self._background:
            opening.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.shelf.close()
        await asyncio.gather(*(poller.close() for poller in self.pollers.values()), return_exceptions=True)
        await self.engine.close()
        self.moves.close()
        await asyncio.gather(
            *(lane.close(DRAIN_SECONDS) for lane in self.lanes.values()), return_exceptions=True
        )
        await self._keep_limits_now()
        await self.store.close()

    def every(self, name: str, seconds: float, job: Job) -> None:
        """Let the clockwork run one more job, or this one from now on; it ends with the daemon."""
        self._schedule.every(name, seconds, job, in_step=True)

    def forget(self, name: str) -> None:
        """Run a job no more."""
        self._schedule.forget(name)

    @property
    def settings(self) -> Settings:
        """`[daemon]` as it is in force now."""
        return self.engine.world.ruleset.settings

    async def reload(self) -> bool:
        """Take the file up again: swap what changed, leave the rest alone. A bad file changes nothing (law 10)."""
        async with self._reloading:
            try:
                config, before = await asyncio.to_thread(load, self.path), self.config
                await asyncio.to_thread(check_secrets, config)
                secrets = await asyncio.to_thread(resolved, config)
                edited = await asyncio.to_thread(differences, before.ruleset.sources, config.ruleset.sources)
            except (ConfigError, CannotRun) as error:
                self.reload_fault = str(error)
                log.error("rules.rejected", reason=self.reload_fault)
                self.engine.judge_now(first_problem(self.path, error, self.engine.clock()))
                return False
            self.reload_fault = ""
            self.reloaded_ms = self.engine.clock()
            self.config = config
            known, self._secrets = self._secrets, secrets
            for name in changed(before.exchanges, config.exchanges, known, secrets):
                await self._close_exchange(name)
            await self._swap_lanes(before.notifiers, config.notifiers, known)
            self.engine.judge_now(RulesAccepted(self.engine.clock(), config.ruleset))
            await self._open_exchanges()
            await self._put_books()
            self._warn()
            await self._tell_edit(edited)
            return True

    async def _put_books(self) -> None:
        world = self.engine.world
        await self.shelf.put(self.config.books, world.ruleset, list(world.books))
        for poller in self.pollers.values():
            poller.wishes.anew()
        if self.config.books:
            self._schedule.every("books", 1, self.shelf.read_due, in_step=True)
        else:
            self._schedule.forget("books")

    async def _tell_edit(self, edited: tuple[Change, ...]) -> None:
        """Into the log, the record and the status line: whoever edited the file sees that it was understood."""
        ruleset = self.config.ruleset
        log.info(
            "rules.accepted", rules=len(ruleset.rules), digest=ruleset.digest[:12], changed=listed(edited)
        )
        if not edited:
            return
        now = self.engine.clock()
        self.last_edit = Edit(now, counted(edited))
        try:
            await self.store.rules_edited(ruleset.digest, listed(edited), now)
        except StateError as error:
            log.warning("edit.not_recorded", reason=str(error))

    def _warn(self) -> None:
        """What is legal in the file and likely wrong: `check` says it, and the log of a daemon that runs on it."""
        for warning in self.config.warnings:
            log.warning("rules.warning", reason=str(warning))

    async def _open_exchanges(self) -> None:
        """Those of the file that are not open; one that is stopped gets another chance."""
        for exchange in self.config.exchanges:
            name = exchange.settings.name
            if name in self.pollers and self.pollers[name].halted:
                await self._close_exchange(name)
            if name not in self.pollers:
                await self._open_exchange(exchange)

    async def _open_exchange(self, exchange: ExchangeConfig) -> None:
        settings = exchange.settings
        credentials = self._secrets.keys[settings.name]
        try:
            venue = exchanges.make(
                settings, credentials, exchange.base_url, exchange.budget, self.engine.clock, self._shared
            )
        except ValueError as error:
            raise CannotRun(f'exchange "{settings.name}": {error}') from error
        kept = await self.store.limits(settings.name)
        if kept is not None:
            # What this run spent is in the pools, which outlive an edit: it would count twice.
            known, spent = settings.name in self._spent, json.loads(kept)
            self._spent[settings.name] = spent
            venue.restore(spent, pools=not known)
        poller = Poller(settings, venue, self.engine)
        self.pollers[settings.name] = poller
        self.beside(self._begin(poller), f"open {settings.name}")

    async def _begin(self, poller: Poller) -> None:
        """An exchange that cannot be reached yet must not hold up the others."""
        try:
            await poller.start()
        except Exception:
            log.exception("exchange.start_failed", exchange=poller.settings.name)
        name = poller.settings.name
        if self.pollers.get(name) is not poller:
            return  # an edit closed it meanwhile: the jobs of that name are another's
        seconds = poller.settings.poll_every_ms / 1000
        self._schedule.every(f"{name} listing", seconds, poller.list_accounts, first_after=seconds)
        self._schedule.every(f"{name} dispatch", seconds, poller.dispatch, first_after=seconds)
        self._schedule.every(f"{name} examine", EXAMINE_SECONDS, poller.examine, first_after=EXAMINE_SECONDS)

    async def _close_exchange(self, name: str) -> None:
        for job in ("listing", "dispatch", "examine"):
            self._schedule.forget(f"{name} {job}")
        poller = self.pollers.pop(name, None)
        if poller is not None:
            await poller.close()

    def _open_lane(self, notifier: NotifierConfig) -> None:
        from daemon.deliver import Lane  # noqa: PLC0415  a start asks its venues first
        from daemon.showing import Showing  # noqa: PLC0415

        name = notifier.settings.name
        sender = make_sender(name, self._secrets.urls[name], charts=notifier.charts)
        lane = Lane(name, sender, self.store, self.engine, lambda: self.settings)
        lane.showing = Showing(name, sender, self._chart)
        lane.silences = lambda: self.engine.world.ruleset.silences
        lane.on_dead, lane.on_delivered = self._died, self._works
        self.lanes[name] = lane
        lane.start()

    async def _swap_lanes(
        self, before: tuple[NotifierConfig, ...], after: tuple[NotifierConfig, ...], known: Resolved
    ) -> None:
        old = {one.settings.name: (known.urls[one.settings.name], one.charts) for one in before}
        new = {notifier.settings.name: notifier for notifier in after}
        for name in list(self.lanes):
            if name not in new or old.get(name) != (self._secrets.urls[name], new[name].charts):
                await self.lanes.pop(name).close(DRAIN_SECONDS)
        for name, notifier in new.items():
            if name not in self.lanes:
                self._open_lane(notifier)

    async def _chart(self, alert: str) -> bytes | None:
        """By whom it is drawn is known only once all can be read."""
        return None if self.chart_of is None else await self.chart_of(alert)

    def _heed(self, outcome: Outcome) -> None:
        """What an outcome asks of the pollers."""
        for name in outcome.accounts_changed & self.pollers.keys():
            self.pollers[name].accounts_changed()
        for relist in outcome.relists:
            if relist.exchange in self.pollers:
                self.pollers[relist.exchange].relist_soon()
        for name in {recheck.exchange for recheck in outcome.rechecks}:
            if name in self.pollers:
                self.pollers[name].recheck([one for one in outcome.rechecks if one.exchange == name])
        self._wish(outcome)
        self._note(outcome)

    def _wish(self, outcome: Outcome) -> None:
        for history in outcome.histories:
            if history.exchange in self.pollers:
                self.pollers[history.exchange].wishes.history(history)
        for prices in outcome.prices:
            if prices.exchange in self.pollers:
                self.pollers[prices.exchange].wishes.prices(prices)

    def _note(self, outcome: Outcome) -> None:
        for note in outcome.notes:
            if note.event == "books.unread":
                continue  # their reader has said it, with what the log wants to know
            if note.event == "glitch" and note.exchange in self.pollers:
                self.pollers[note.exchange].counters.glitches += 1
            # What lasts is said when it begins and when it changes, not at every listing.
            if note.event == "glitch" or self._noted.get((note.exchange, note.event)) != note.text:
                self._noted[note.exchange, note.event] = note.text
                log.info(note.event, exchange=note.exchange, text=note.text)

    def _told_of(self, batch: Sequence[Entry]) -> list[Lane]:
        told = {told.notifier for entry in batch for told in entry.outcome.notifications}
        return [lane for name, lane in self.lanes.items() if name in told]

    def _committed(self, batch: list[Entry]) -> None:
        """What became durable is put on record, and told."""
        if any(
            isinstance(entry.input, Failure) and entry.input.kind is FailureKind.BANNED for entry in batch
        ):
            # Not in a second: a kill before then would forget the ban.
            self.beside(self._keep_limits_now(), "keep the ban")
        self.moves.committed(batch)
        for lane in self._told_of(batch):
            lane.wake()

    async def _tick(self) -> None:
        await self.engine.take(Tick(self.engine.clock()))
        self.ticks += 1

    def _clock_set(self, seconds: float) -> None:
        """The wall clock was set. It is as if the daemon had been stopped: nobody was silent for what is left out."""
        now, step_ms = self.engine.clock(), round(seconds * 1000)
        self.engine.judge_now(Start(now))
        self.beside(self._begin_again(), "clock set")
        for lane in self.lanes.values():
            lane.clock_set(step_ms)
        if step_ms < 0:
            for poller in self.pollers.values():
                poller.clock_set_back(now)
            self.beside(self._hasten(step_ms), "clock set back")

    async def _begin_again(self) -> None:
        """What a start gives another chance has it."""
        async with self._reloading:
            await self._open_exchanges()

    async def _hasten(self, step_ms: int) -> None:
        try:
            await self.store.clock_set_back(self.engine.clock(), step_ms)
        except StateError as error:
            log.warning("messages.late", reason=str(error))
        self._wake_lanes()

    def _wake_lanes(self) -> None:
        for lane in self.lanes.values():
            lane.wake()

    def _died(self, died: DeliveryDied) -> None:
        self.engine.judge_now(died)

    def _works(self, notifier: str) -> None:
        """Only where its death was told: every other delivery is none of the engine's business."""
        if AlertKey(NOTIFICATION, Subject("", asset=notifier)) in self.engine.world.alerts:
            self.engine.judge_now(DeliveryWorks(self.engine.clock(), notifier))

    async def _keep_limits(self) -> None:
        """Bans and budget use survive a restart (law 11)."""
        for name, poller in list(self.pollers.items()):  # an edit may come while one is kept
            spent = poller.venue.spent()
            if self._spent.get(name) != spent:
                await self.store.save_limits(name, json.dumps(spent, sort_keys=True), self.engine.clock())
                self._spent[name] = spent

    async def _keep_limits_now(self) -> None:
        try:
            await self._keep_limits()
        except StateError as error:
            log.warning("limits.not_kept", reason=str(error))  # the job tries again in a second

    async def _checkpoint(self) -> None:
        """Once a day: the next one is due when the last is old, however often the daemon was started since."""
        last_ms = await self.store.checkpointed_ms()
        if last_ms is None or abs(self.engine.clock() - last_ms) >= EVERY_MS:
            self.engine.checkpoint_soon()

    async def _retention(self) -> None:
        """Step by step, so that commits find their place between."""
        forgotten = 1
        while forgotten:
            forgotten = await self.store.retention(self.engine.clock(), self.settings.retention_ms)
