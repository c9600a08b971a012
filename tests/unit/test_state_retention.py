from dataclasses import replace
from pathlib import Path

from rules.model import Start
from rules.outcome import Outcome
from rules.ruleset import RulesAccepted, Ruleset, Silence
from state import Entry, Store
from state.checkpoints import encode
from tests.unit.test_state_support import KEY, absorb, alert, fresh, notification, reading, transition

DAY = 86_400_000
OVER = Silence("", "works", "ann", until_ms=1)


def forget_all(store: Store, now_ms: int, batch: int = 1_000) -> int:
    steps = 0
    while store.retention(now_ms, DAY, batch):
        steps += 1
        assert steps < 1_000
    return steps


def test_the_log_stays_readable_when_its_beginning_is_deleted(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        inputs = []
        for day in range(6):
            read = reading({"BTC": (str(day), "0"), "ETH": ("7.000000000000000001", "0")}, day * DAY + 1_000)
            if day == 4:
                read = reading({"BTC": ("4", "0")}, day * DAY + 1_000)
            inputs.append(read)
            store.commit([absorb(world, read, read.ended_ms)], world)
        assert forget_all(store, 4 * DAY, batch=1) > 1
        kept = [entry for _, _, entry in store.log(lambda digest: Ruleset(digest=digest))]
    assert kept == inputs[3:]


def test_settled_things_go_and_unsettled_ones_stay(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        world.put_alert(alert("A0NEW"))
        outcome = Outcome(
            transitions=[
                transition("", "firing", "A0NEW", 1),
                transition("", "firing", "A0OLD", 1),
                transition("firing", "resolved", "A0OLD", 2, KEY._replace(rule="other")),
            ],
            notifications=[notification("A0OLD"), notification("A0NEW", "telegram")],
        )
        store.commit([Entry(Start(1), 1, outcome)], world)
        message = store.claim("slack", 10, 0, 10)
        assert message is not None
        store.failed(message.id, 11, "500", 12)
        assert store.claim("slack", 12, 0, 10) is not None
        store.delivered(message.id, 13)
        forget_all(store, 10 * DAY, batch=1)
        assert [row.alert.id for row in store.alerts().rows] == ["A0NEW"]
        assert store.transitions("A0OLD") == ()
        assert len(store.transitions("A0NEW")) == 1
        assert [row.state for row in store.notifications().rows] == ["queued"]
        assert store.attempts(message.id) == ()
        assert store._db["messages"].count == 0


def test_young_things_stay(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        for day in (1, 2):
            outcome = Outcome(transitions=[transition("", "firing", at_ms=day * DAY)])
            store.commit([Entry(Start(day * DAY), day * DAY, outcome)], world)
        assert store.retention(2 * DAY, DAY) == 0
        assert len(list(store.log(lambda digest: Ruleset(digest=digest)))) == 2


def test_the_numbers_of_the_log_do_not_come_again(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        for at_ms in (1, 2, 3):
            store.commit([Entry(Start(at_ms), at_ms, Outcome())], world)
        forget_all(store, 10 * DAY)
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        store.commit([Entry(Start(4), 4, Outcome())], world)
        assert [seq for seq, _, _ in store.log(lambda digest: Ruleset(digest=digest))] == [3, 4]


def test_what_the_log_behind_a_checkpoint_is_written_against_is_kept_no_more(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        kept = []
        for day in range(8):
            read = reading({"BTC": (str(day), "0"), "ETH": ("7", "0")}, day * DAY + 1_000)
            prepared = store.prepare([absorb(world, read, read.ended_ms)], world)
            cut = store.cut(world, read.ended_ms) if day == 4 else None
            store.write(prepared)
            if cut is not None:
                store.keep_checkpoint(encode(cut))
            if day > 4:
                kept.append(read)
        forget_all(store, 4 * DAY, batch=1)
        assert store._db["log_base"].count == 1
        forget_all(store, 6 * DAY, batch=1)
        assert store._db["log_base"].count == 0
        assert [entry for _, _, entry in store.log(lambda digest: Ruleset(digest=digest))] == kept


def test_a_damaged_log_does_not_hold_up_forgetting(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        for day in range(6):
            read = reading({"BTC": (str(day), "0")}, day * DAY + 1_000)
            store.commit([absorb(world, read, read.ended_ms)], world)
        store._db.conn.execute("UPDATE log SET body = x'0100' WHERE seq = 2")
        forget_all(store, 5 * DAY)
        assert store._db.conn.execute("SELECT min(seq), count(*) FROM log").fetchone() == (5, 2)


def test_texts_of_rules_go_when_neither_the_log_nor_a_checkpoint_names_them(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        for day in range(9):
            accepted = RulesAccepted(
                day * DAY, Ruleset(digest=f"d{day}", sources=(("rules.toml", str(day)),))
            )
            prepared = store.prepare([Entry(accepted, day * DAY, Outcome())], world)
            world.ruleset = accepted.ruleset
            cut = store.cut(world, day * DAY) if day == 3 else None
            store.write(prepared)
            if cut is not None:
                store.keep_checkpoint(encode(cut))
        forget_all(store, 7 * DAY, batch=1)
        left = [day for day in range(9) if store.rules_of(f"d{day}") is not None]
        assert left == [3, 4, 5, 6, 7, 8], (
            "the checkpoint's own, what follows it in the log, and what is in force"
        )
        assert [entry.ruleset.digest for _, _, entry in store.log(lambda digest: Ruleset(digest=digest))] == [
            f"d{day}" for day in range(4, 9)
        ]


def test_the_text_in_force_stays_however_old_it_is(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        accepted = RulesAccepted(1, Ruleset(digest="old", sources=(("rules.toml", ""),)))
        store.commit([Entry(accepted, 1, Outcome())], world)
        store.commit([Entry(Start(90 * DAY), 90 * DAY, Outcome())], world)
        forget_all(store, 99 * DAY)
        assert store.accepted_rules() is not None


def test_deleted_pages_return_to_the_disk(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        store.tell([notification(f"A{number}") for number in range(3_000)])
        message = store.claim("slack", 1, 0, 3_000)
        assert message is not None
        store.delivered(message.id, 2)
        before = store._db.conn.execute("PRAGMA page_count").fetchone()[0]
        forget_all(store, 10 * DAY)
        assert store._db.conn.execute("PRAGMA page_count").fetchone()[0] < before / 2


def test_orders_and_silences_are_forgotten_and_never_what_is_in_force(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        world.put_alert(alert("A0NEW"))
        world.orders_seq = 1_000
        store.commit([Entry(Start(1), 1, Outcome(transitions=[transition("", "firing", "A0NEW", 1)]))], world)
        store.ack("A0NEW", "ann", 2)
        store.note("A0NEW", "as long as its alert", "ann", 2)
        over = store.silence(replace(OVER, until_ms=DAY), 3)
        ended = store.silence(replace(OVER, until_ms=90 * DAY), 4)
        assert store.unsilence(ended.id, "bob", 5)
        gone = store.silence(replace(OVER, until_ms=None, until_resolved="A0GNE"), 6)
        long = store.silence(replace(OVER, until_ms=90 * DAY), 7)
        lasting = store.silence(replace(OVER, until_ms=None, until_resolved="A0NEW"), 8)
        young = store.silence(replace(OVER, until_ms=9 * DAY), 9)
        late = store.silence(replace(OVER, until_ms=9 * DAY), 9 * DAY)
        assert store.unsilence(young.id, "bob", int(8.5 * DAY))
        forget_all(store, int(9.5 * DAY), batch=1)
        left = {row.silence.id for row in store.silences().rows}
        assert left == {long.id, lasting.id, young.id, late.id}
        assert not left & {over.id, ended.id, gone.id}
        kept = [(one.kind, one.subject) for one in store.orders_after(0)]
        assert kept == [
            ("ack", "A0NEW"),
            ("note", "A0NEW"),
            *(("silence", one.id) for one in (long, lasting, young, late)),
            ("unsilence", young.id),
        ]
        assert {one.id for one in store.live_silences(int(9.5 * DAY))} == {long.id, lasting.id}


def test_an_order_that_the_engine_has_not_heard_of_stays(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        store.load(Ruleset())
        made = store.silence(replace(OVER, until_ms=DAY), 3)
        forget_all(store, 90 * DAY)
        assert [one.subject for one in store.orders_after(0)] == [made.id]
        assert [row.silence.id for row in store.silences().rows] == [made.id]


def test_the_orders_of_years_are_bounded_by_retention(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        world = store.load(Ruleset())
        for day in range(100):
            store.silence(replace(OVER, until_ms=day * DAY + 1_000), day * DAY)
        world.orders_seq = 100
        store.commit([Entry(Start(1), 1, Outcome(transitions=[transition("", "firing", at_ms=1)]))], world)
        forget_all(store, 100 * DAY, batch=7)
        assert store._db["orders"].count == store._db["silences"].count == 1
