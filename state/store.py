"""The state file: what the daemon knows, what it read, and what it must still tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from sqlite_utils import Database

from rules.checkpoint import take
from rules.model import Identity
from rules.outcome import Notification
from rules.ruleset import Ruleset, Silence
from rules.world import World
from state import checkpoints, orders, outbox, retention, schema
from state.backup import back_up_beside
from state.checkpoints import Cut, Encoded, Origin
from state.codec import from_json, to_json
from state.connection import WriterLock, be_impatient, connect, transaction
from state.errors import CorruptError, MissingError, damage, telling
from state.interned import Interned
from state.loading import load_meta, load_world
from state.log import LogDamageError
from state.muting import PUT_NOTIFICATION, put_parameters
from state.orders import Order
from state.outbox import Message
from state.prepare import PUT_META, PUT_RULES, Preparer
from state.prepared import Entry, Prepared, Wanted
from state.reading import read_log
from state.reads import Reads

if TYPE_CHECKING:  # the type alone: reading the state needs no judge
    from rules.judge import Input

_PUT_LIMITS: Final = (
    "INSERT INTO limits (scope, body, at_ms) VALUES (?, ?, ?)"
    " ON CONFLICT (scope) DO UPDATE SET body = excluded.body, at_ms = excluded.at_ms"
)


@dataclass(frozen=True, slots=True)
class AcceptedRules:
    """The texts in force, as (name, text), by their digest (law 10)."""

    digest: str
    sources: tuple[tuple[str, str], ...]
    accepted_ms: int


class Store(Reads):
    """Synchronous, one connection, for one thread; `AsyncStore` awaits it. Every method raises StateError.

    `prepare` alone runs elsewhere, beside the World, and touches no connection.
    """

    def __init__(self, path: Path, db: Database, lock: WriterLock) -> None:
        self.path = path
        self._db = db
        self._lock = lock
        self._names: Interned[str] = Interned()
        self._identities: Interned[Identity] = Interned()
        self._preparer: Preparer | None = None
        self._claimed: list[Message] = []  # in a write of which nobody knows yet whether it took place

    @classmethod
    def open(cls, path: str | Path, *, migrate: bool = False, readonly: bool = False) -> Self:
        """Open the state. `migrate` is for the daemon: it takes the writer's lock, makes or updates the file.

        Everybody else gets the file as it is and refuses one of another schema version.
        """
        path = Path(path)
        lock = WriterLock(path)
        if migrate and path.parent.is_dir():
            lock.take()
        db: Database | None = None
        try:
            db = connect(path, create=migrate, readonly=readonly)
            if migrate:
                found = schema.version_of(db, path)
                if found and found < schema.SCHEMA_VERSION:
                    back_up_beside(path)
                schema.migrate(db, path)
            schema.require(db, path)
            store = cls(path, db, lock)
            if migrate:
                store._begin_writing()
                be_impatient(db, path)
        except BaseException:
            if db is not None:
                db.conn.close()
            lock.release()
            raise
        return store

    def lock_writer(self) -> None:
        """Own the state as its daemon. Raises WriterRunningError, which names the process that does."""
        self._lock.take()

    def close(self) -> None:
        """Nothing is lost without it: every commit is on disk when it returns."""
        with telling("close", self.path):
            self._db.conn.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin_writing(self) -> None:
        with telling("read", self.path):
            db = self._db.conn
            self._names = Interned(db.execute("SELECT id, text FROM names"))
            people = db.execute("SELECT id, venue_id, email, name, alias FROM identities")
            self._identities = Interned((number, Identity(*who)) for number, *who in people)
            last = db.execute("SELECT max(seq) FROM log").fetchone()[0]
        self._preparer = Preparer(self._names, self._identities, (last or 0) + 1)

    # What the engine knows

    def load(self, ruleset: Ruleset) -> World:
        """The World as the last commit left it."""
        with telling("load", self.path):
            db = self._db.conn
            db.execute("BEGIN")  # one moment, whoever else writes
            try:
                world = load_world(db, ruleset)
                meta = load_meta(db)
            except (KeyError, TypeError, ValueError) as error:
                # All that is read here was written by us: a row that refers to nothing, a number that is none.
                raise damage("load", self.path, error) from error
            finally:
                db.execute("ROLLBACK")
        if self._preparer is not None:
            self._preparer.loaded(world.holdings, meta)
        return world

    def prepare(self, batch: Sequence[Entry], world: World) -> Prepared:
        """Turn judged inputs into one transaction, on the World's thread; then nothing counts as touched.

        What is prepared must be written, in this order: the next is prepared against it.
        """
        if self._preparer is None:
            raise RuntimeError("only a store opened with migrate=True is written by the engine")
        return self._preparer.prepare(batch, world)

    def write(self, prepared: Prepared, wanted: Sequence[Wanted] = ()) -> list[Message]:
        """Commit it (law 6), and with it the claims of `wanted`: one wait for the disk. What was claimed.

        To be repeated until it succeeds: one that was already written is left alone, and what was claimed with
        it waits to be claimed again, because nobody sends it.
        """
        with transaction(self._db, "write", self.path) as db:
            if self._was_written(db, prepared):
                for one in self._claimed:
                    reason = "not sent: the disk did not say that it was kept"
                    outbox.postpone(db, one.id, one.claimed_ms, one.claimed_ms, "failed", reason)
                claimed = []
            else:
                for statement, rows in prepared.statements:
                    db.executemany(statement, rows)
                claimed = [message for one in wanted if (message := outbox.claim(db, *one)) is not None]
                self._claimed = claimed
        self._claimed = []
        return claimed

    def _was_written(self, db: Connection, prepared: Prepared) -> bool:
        if prepared.last_seq < prepared.first_seq:
            return False
        found = db.execute("SELECT 1 FROM log WHERE seq = ?", (prepared.first_seq,)).fetchone()
        return found is not None

    def commit(self, batch: Sequence[Entry], world: World) -> None:
        """Prepare and write in one, where one thread does both and an error is the end."""
        self.write(self.prepare(batch, world))

    def cut(self, world: World, now_ms: int) -> Cut:
        """The World as all that was prepared so far made it, on the World's thread and before the next input."""
        if self._preparer is None:
            raise RuntimeError("only a store opened with migrate=True is written by the engine")
        return Cut(self._preparer.cut(), now_ms, take(world))

    def keep_checkpoint(self, kept: Encoded) -> None:
        """Store what `checkpoints.encode` made of a cut, once what was prepared before it is written."""
        with transaction(self._db, "write", self.path) as db:
            checkpoints.put(db, kept)

    def checkpointed_ms(self) -> int | None:
        """When the last checkpoint was taken."""
        with self._reading() as db:
            return checkpoints.last_ms(db)

    def origin(self, from_ms: int) -> Origin:
        """Where a fold that is to know the World at `from_ms` begins. Raises MissingError: too much is forgotten."""
        with self._reading() as db:
            try:
                found = checkpoints.origin(db, from_ms)
            except ValueError as error:
                hint = "replay from a later time, or restore a backup"
                raise CorruptError("replay", self.path, str(error), hint) from error
            earliest_ms = None if found is not None else checkpoints.earliest_ms(db)
        if found is None:
            hint = "it can be replayed from a later time on, once a checkpoint is kept: one is made every day"
            if earliest_ms is not None:
                hint = f"the earliest time to replay from is {_utc(earliest_ms)}"
            raise MissingError(
                "replay", self.path, f"what was known at {_utc(from_ms)} is no longer kept", hint
            )
        return found

    def log_span(self) -> tuple[int, int] | None:
        """When the first and the last chunk of the log begin; None where there is none."""
        with self._reading() as db:
            first, last = db.execute(
                "SELECT (SELECT at_ms FROM log ORDER BY seq LIMIT 1), (SELECT at_ms FROM log ORDER BY seq DESC LIMIT 1)"
            ).fetchone()
        return None if first is None else (int(first), int(last))

    def log(
        self, ruleset_of: Callable[[str], Ruleset], after_seq: int = 0
    ) -> Iterator[tuple[int, int, Input]]:
        """(seq, judged at, input) of every input kept, the oldest first. `ruleset_of` takes a digest.

        `after_seq` is that of an Origin, 0 for all of it.
        """
        with telling("read the log of", self.path):
            try:
                yield from read_log(self._db.conn, ruleset_of, after_seq)
            except LogDamageError as error:
                hint = "restore a backup to replay it; the daemon itself does not need the log"
                raise CorruptError("read the log of", self.path, str(error), hint) from error

    # Rules and limits

    def save_rules(self, sources: tuple[tuple[str, str], ...], digest: str, at_ms: int) -> None:
        """Keep an accepted text and make it the one in force. A committed RulesAccepted does so by itself."""
        with transaction(self._db, "write", self.path) as db:
            db.execute(PUT_RULES, (digest, to_json(sources), at_ms))
            db.execute(PUT_META, ("rules", digest))

    def accepted_rules(self) -> AcceptedRules | None:
        """The texts in force, None where none were ever accepted."""
        with self._reading() as db:
            found = db.execute("SELECT value FROM meta WHERE key = 'rules'").fetchone()
        return None if found is None else self.rules_of(found[0])

    def rules_of(self, digest: str) -> AcceptedRules | None:
        """The texts of any digest that the log names."""
        with self._reading() as db:
            found = db.execute(
                "SELECT sources, accepted_ms FROM rules WHERE digest = ?", (digest,)
            ).fetchone()
        return (
            None
            if found is None
            else AcceptedRules(digest, from_json(tuple[tuple[str, str], ...], found[0]), found[1])
        )

    def save_limits(self, scope: str, body: str, at_ms: int) -> None:
        """Keep what is spent of a venue's budget, as JSON text, for the next start (law 11)."""
        with transaction(self._db, "write", self.path) as db:
            db.execute(_PUT_LIMITS, (scope, body, at_ms))

    def limits(self, scope: str) -> str | None:
        """What `save_limits` kept last."""
        with self._reading() as db:
            found = db.execute("SELECT body FROM limits WHERE scope = ?", (scope,)).fetchone()
        return None if found is None else str(found[0])

    # The outbox

    def tell(self, notifications: Sequence[Notification]) -> None:
        """Queue what no input of the engine gave rise to, such as a test message."""
        with transaction(self._db, "write", self.path) as db:
            db.executemany(PUT_NOTIFICATION, [put_parameters(told) for told in notifications])

    def claim(
        self, notifier: str, now_ms: int, gather_ms: int, limit: int, silences: Sequence[Silence] = ()
    ) -> Message | None:
        """The next message to send, its id and members committed; None where nothing is due.

        At most `limit` rows, but for those of one batch, which go together. `silences` are those of the file.
        """
        with self._reading() as db:
            if not outbox.anything(db, notifier, now_ms):
                return None  # without the write lock, which others may hold
        with transaction(self._db, "claim from", self.path) as db:
            return outbox.claim(db, notifier, now_ms, gather_ms, limit, silences)

    def waits(self, notifier: str) -> bool:
        """Whether something is left that time alone may make due: without it nothing is until somebody commits."""
        with self._reading() as db:
            return outbox.anything(db, notifier)

    def shorten(self, message: Message, rows: int) -> Message:
        """Keep the first `rows` of a claimed message, as many as it can name; the others wait for the next one."""
        with transaction(self._db, "write", self.path) as db:
            return outbox.shorten(db, message, rows)

    # What people order

    def ack(self, alert_id: str, by: str, now_ms: int) -> bool:
        """Durable when it returns; False where no alert of that id is firing."""
        with transaction(self._db, "write", self.path) as db:
            return orders.ack(db, alert_id, by, now_ms)

    def note(self, alert_id: str, text: str, by: str, now_ms: int) -> bool:
        """Durable when it returns; False where there are too many of this alert."""
        with transaction(self._db, "write", self.path) as db:
            return orders.note(db, alert_id, text, by, now_ms)

    def silence(self, made: Silence, now_ms: int) -> Silence:
        """Durable when it returns; the silence with its id."""
        with transaction(self._db, "write", self.path) as db:
            return orders.silence(db, made, now_ms)

    def unsilence(self, silence_id: str, by: str, now_ms: int) -> bool:
        """Durable when it returns; False where there is none, or it is over."""
        with transaction(self._db, "write", self.path) as db:
            return orders.unsilence(db, silence_id, by, now_ms)

    def live_silences(self, now_ms: int) -> list[Silence]:
        """Those that people made and that are not over."""
        with self._reading() as db:
            return orders.live_silences(db, now_ms)

    def orders_after(self, seq: int) -> list[Order]:
        """What was ordered since."""
        with self._reading() as db:
            return orders.orders_after(db, seq)

    def rules_edited(self, digest: str, changed: str, now_ms: int) -> None:
        """Put on record, for people, what an edit of the file changed."""
        with transaction(self._db, "write", self.path) as db:
            orders.record(db, now_ms, "rules", digest[:12], "", changed)

    # What became of a message

    def delivered(self, message_id: str, now_ms: int) -> None:
        """It arrived."""
        self._settle(lambda db: outbox.settle(db, message_id, now_ms, "delivered"), message_id)

    def dead(self, message_id: str, now_ms: int, reason: str) -> None:
        """It is given up; it stays, and counts as dead."""
        self._settle(lambda db: outbox.settle(db, message_id, now_ms, "dead", reason), message_id)

    def failed(self, message_id: str, now_ms: int, reason: str, next_ms: int) -> None:
        """It did not arrive and is sent again at `next_ms`."""
        self._settle(
            lambda db: outbox.postpone(db, message_id, now_ms, next_ms, "failed", reason), message_id
        )

    def unknown(self, message_id: str, now_ms: int, reason: str, next_ms: int) -> None:
        """It perhaps arrived and is sent again at `next_ms` under the same id."""
        self._settle(
            lambda db: outbox.postpone(db, message_id, now_ms, next_ms, "unknown", reason), message_id
        )

    def revive(self, message_id: str, now_ms: int, by: str = "") -> None:
        """A dead one is sent again, because a person says so; that is on record."""

        def change(db: Connection) -> bool:
            orders.record(db, now_ms, "retry", message_id, by)
            return outbox.revive(db, message_id, now_ms)

        self._settle(change, message_id)

    def recover(self, now_ms: int) -> list[str]:
        """At a start, before any claim: messages in flight when the last run ended go again; their ids."""
        with transaction(self._db, "recover", self.path) as db:
            return outbox.recover(db, now_ms)

    def clock_set_back(self, now_ms: int, step_ms: int) -> None:
        """The wall clock was set back by `step_ms`, which is negative: what is to be told waits no longer for it."""
        with transaction(self._db, "write", self.path) as db:
            outbox.clock_set_back(db, now_ms, step_ms)

    def _settle(self, change: Callable[[Connection], bool], message_id: str) -> None:
        with transaction(self._db, "write", self.path) as db:
            if not change(db):
                hint = "`subtally notifications` lists them"
                raise MissingError("write", self.path, f"there is no such message {message_id}", hint)

    # Age

    def retention(self, now_ms: int, keep_ms: int, batch: int = 1000) -> int:
        """One bounded step of forgetting what is older than `keep_ms`; how much went, 0 when done."""
        with transaction(self._db, "clean", self.path) as db:
            gone = retention.forget(db, self._names, self._identities, now_ms - keep_ms, batch)
        with telling("clean", self.path):
            retention.vacuum(self._db.conn)
        return gone


def _utc(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
