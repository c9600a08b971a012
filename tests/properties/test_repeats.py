"""Law 13: a reading taken in without a judgement leaves what a judgement leaves, in memory, on disk and in the log."""

import random
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import repeats
from rules.checkpoint import restore
from rules.judge import Input, judge
from rules.model import (
    Contents,
    Failure,
    FailureKind,
    Identity,
    ListedAccount,
    Listing,
    Reading,
    Severity,
    Start,
    Tick,
)
from rules.outcome import Outcome, Transition
from rules.patterns import Patterns
from rules.repeats import Repeats, revised, take
from rules.rows import Revised
from rules.ruleset import Allow, ExchangeSettings, NotifierSettings, Rule, RulesAccepted, Ruleset
from rules.step import Step
from rules.types.account_status import AccountStatus
from rules.types.levels import Tier
from rules.types.low_balance import LowBalance
from rules.types.unexpected import Unexpected
from rules.world import World
from state import Entry, Store
from state.checkpoints import encode
from tests.properties.judge_moves import moves, new_engine, play
from tests.unit.test_state_support import FIELDS, same


def repeated(inputs: Iterable[tuple[Input, int]], chance: random.Random) -> list[tuple[Input, int]]:
    """Readings that tell what the last one told carry its contents, as clients do; some are made twice or thrice."""
    said: dict[object, Any] = {}
    found: list[tuple[Input, int]] = []
    for event, now_ms in inputs:
        if not isinstance(event, Reading):
            found.append((event, now_ms))
            continue
        place = (event.exchange, event.account, event.wallet, event.fields)
        contents = said[place] = said[place] if said.get(place) == event.contents else event.contents
        for number in range(chance.choice([1, 1, 2, 3])):
            later = 100 * number
            times = (event.began_ms + later, event.ended_ms + later)
            found.append((Reading((contents, *times)), now_ms + later))
    return found


@dataclass
class Client:
    """Rows with the names of the last ones, in their order, are made from those, as clients do (`Revised`)."""

    said: dict[object, tuple[Contents, Contents]] = field(default_factory=dict)

    def revised(self, inputs: Iterable[tuple[Input, int]]) -> Iterator[tuple[Input, int]]:
        """The inputs, each when it is asked for: by then the last one was taken in."""
        for event, now_ms in inputs:
            if not isinstance(event, Reading):
                yield event, now_ms
                continue
            place = (event.exchange, event.account, event.wallet, event.fields)
            told, made = self.said.get(place, (None, event.contents))
            if event.contents is not told:
                were = made.rows if told is not None else {}
                changed = {name: row for name, row in event.rows.items() if were.get(name) != row}
                alike = [*event.rows] == [*were]
                rows = Revised.by(were, changed) if alike and changed else event.rows
                made = replace(event.contents, rows=rows)
                self.said[place] = (event.contents, made)
            yield Reading((made, event.began_ms, event.ended_ms)), now_ms


def fold(world: World, inputs: Iterable[tuple[Input, int]]) -> list[Entry]:
    """As the daemon does it: a run of readings of which nothing follows is one entry."""
    found: list[Entry] = []
    for event, now_ms in inputs:
        last = found[-1].input if found else None
        run = last if isinstance(last, Repeats) else Repeats()
        if isinstance(event, Reading) and take(world, event, now_ms, run):
            if run is not last:
                found.append(Entry(run, now_ms, Outcome()))
        else:
            found.append(Entry(event, now_ms, judge(world, event, now_ms)))
    return found


@settings(max_examples=60)
@given(st.lists(moves(), min_size=1, max_size=40), st.randoms())
def test_law_13_a_reading_that_only_repeats_the_last_one_is_as_if_it_was_judged(
    sequence: list[tuple[Any, ...]], chance: random.Random
) -> None:
    engine = new_engine()
    for move in sequence:
        play(engine, move)
    lived, judged = World(), World()
    outcomes = []
    inputs = repeated(engine.inputs, chance)
    for entry in fold(lived, Client().revised(inputs)):
        many = len(entry.input) if isinstance(entry.input, Repeats) else 1
        outcomes += [entry.outcome] * many
    assert outcomes == [judge(judged, event, now_ms) for event, now_ms in inputs]
    assert same(lived, judged)
    assert lived.index.memory() == judged.index.memory()


RULES = Ruleset(
    exchanges={"okx-main": ExchangeSettings("okx-main", "okx", 60_000, ("funding",), ("funding", "trading"))},
    notifiers={"slack": NotifierSettings("slack")},
    rules=(
        Rule("floor", "low_balance", LowBalance((Tier(Decimal(5)),)), asset=Patterns.of("A"), for_ms=2_000),
    ),
    digest="first",
)
PEOPLE = tuple(Identity(email=f"mm-{number}@x") for number in range(70))  # of two blocks of times


def life(
    seed: int, count: int, people: Sequence[Identity] = PEOPLE, moving: float = 0.04
) -> list[tuple[Input, int]]:
    """Mostly the same again: what a desk is like. Times go on by some milliseconds."""
    chance = random.Random(seed)
    told = {
        (who, wallet): Contents("okx-main", who, wallet, FIELDS, {"A": ("9", "0"), "B": ("0", "0")})
        for who in people
        for wallet in ("funding", "trading")
    }
    listed = tuple(map(ListedAccount, people))
    found: list[tuple[Input, int]] = [
        (RulesAccepted(1_000, RULES), 1_000),
        (Start(1_001), 1_001),
        (Listing("okx-main", "list", 1_002, 1_003, complete=True, accounts=listed), 1_004),
    ]
    now_ms = 2_000
    for number in range(count):
        now_ms += chance.choice([0, 1, 7, 400])
        who = people[number % len(people)] if chance.random() < 0.9 else chance.choice(people)
        wallet = chance.choice(["funding", "funding", "trading"])
        if chance.random() < 0.04:
            rows = {"A": (chance.choice(["9", "4", "0"]), "0")}
            told[who, wallet] = replace(told[who, wallet], rows=rows)
        elif chance.random() < moving:  # its rows stay those that they were but for what they say
            rows = {name: (chance.choice(["9", "8", "4", "0", "0"]), "0") for name in told[who, wallet].rows}
            told[who, wallet] = replace(told[who, wallet], rows=rows)
        ended_ms = now_ms - chance.choice([0, 1, 30])
        reading = Reading((told[who, wallet], ended_ms - chance.choice([3, 90]), ended_ms))
        failed = Failure("okx-main", now_ms, FailureKind.TRANSIENT, "502", who, wallet)
        found.append((chance.choice([reading] * 40 + [failed, Tick(now_ms)]), now_ms))
    return found


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(1, 300), st.integers(1, 90), st.sets(st.integers(0, 9)))
def test_law_13_what_was_not_judged_is_logged_kept_and_replayed_as_if_it_was(
    seed: int, count: int, size: int, cuts: set[int]
) -> None:
    inputs, lived, client = life(seed, count), list[Transition](), Client()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "subtally.db"
        for number, part in enumerate((inputs[: count // 2], inputs[count // 2 :])):
            with Store.open(path, migrate=True) as store:
                world = store.load(RULES if store.accepted_rules() else Ruleset())
                for place, start in enumerate(range(0, len(part), size)):
                    batch = fold(world, client.revised(part[start : start + size]))
                    lived += (step for entry in batch for step in entry.outcome.transitions)
                    prepared = store.prepare(batch, world)
                    cut = store.cut(world, part[start][1]) if not number and place in cuts else None
                    store.write(prepared)
                    if cut is not None:
                        store.keep_checkpoint(encode(cut))
                assert same(store.load(world.ruleset), world)
        with Store.open(path, migrate=True) as store:
            kept = list(store.log(lambda _: RULES))
            assert [(event, now_ms) for _, now_ms, event in kept] == inputs
            judged, again = World(), list[Transition]()
            for _, now_ms, event in kept:
                again += judge(judged, event, now_ms).transitions
            assert again == lived
            assert same(judged, world)
            origin = store.origin(inputs[-1][1])
            if origin.checkpoint is not None:
                begun = restore(origin.checkpoint, RULES if origin.checkpoint.digest else Ruleset())
                for _, now_ms, event in store.log(lambda _: RULES, origin.seq):
                    judge(begun, event, now_ms)
                assert same(begun, world)
            last_ms = inputs[-1][1]
            while store.retention(last_ms, (last_ms - inputs[0][1]) // 2, batch=50):
                pass
            left = list(store.log(lambda _: RULES))
            assert left == kept[len(kept) - len(left) :]


@pytest.mark.parametrize("begun", ["before", "with it"])
@pytest.mark.parametrize("last", [1, 2, 3, 4])
def test_law_6_a_commit_keeps_the_last_times_of_a_wallet_however_they_came_about(
    tmp_path: Path, begun: str, last: int
) -> None:
    before = Contents("okx-main", PEOPLE[0], "funding", FIELDS, {"A": ("9", "0")})
    after, other = replace(before, rows={"A": ("8", "0")}), replace(before, wallet="trading")

    def read(at_ms: int, contents: Contents) -> tuple[Input, int]:
        return Reading((contents, at_ms - 5, at_ms)), at_ms

    told = Listing("okx-main", "list", 1_002, 1_003, complete=True, accounts=(ListedAccount(PEOPLE[0]),))
    begin: list[tuple[Input, int]] = [
        (RulesAccepted(1_000, RULES), 1_000),
        (Start(1_001), 1_001),
        (told, 1_004),
        read(2_000, before),
        read(3_000, other),
        read(3_500, before),
    ]
    with Store.open(tmp_path / "subtally.db", migrate=True) as store:
        world = store.load(Ruleset())
        batch = fold(world, begin)
        if begun == "before":
            store.commit(batch, world)
            batch = []
        more = [read(4_000, before), read(4_500, after), read(4_900, after), read(5_300, before)]
        batch += fold(world, more[:last])
        assert any(isinstance(entry.input, Repeats) for entry in batch)
        store.commit(batch, world)
        assert same(store.load(world.ruleset), world)


def test_law_6_what_another_account_told_is_never_taken_for_a_repetition() -> None:
    """A run that no commit took yet names wallets by their contents alone: whose they are must not change under it."""
    inputs = life(1, 400, PEOPLE[:4])
    assert any(isinstance(entry.input, Repeats) for entry in fold(World(), inputs))
    for event, _ in inputs:
        if isinstance(event, Reading):
            event.contents.owner = 99
    assert not any(isinstance(entry.input, Repeats) for entry in fold(World(), inputs))


def test_the_clients_of_these_tests_revise_rows() -> None:
    told = [event for event, _ in Client().revised(life(1, 2_000)) if isinstance(event, Reading)]
    assert sum(isinstance(event.rows, Revised) for event in told) > 20


def test_some_of_what_they_revise_takes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    short: list[bool] = []

    def found(step: Step, reading: Reading) -> Contents | None:
        last = revised(step, reading)
        if isinstance(reading.rows, Revised):
            short.append(last is not None)
        return last

    monkeypatch.setattr(repeats, "revised", found)
    fold(World(), Client().revised(life(1, 400, PEOPLE[:4], moving=0.3)))
    assert short.count(True) > 10


def test_a_few_revised_rows_that_leave_an_account_empty_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = Rule("empty", "account_status", AccountStatus(frozenset({"drained"})), confirm=1)
    begun = life(0, 0, PEOPLE[:1])
    inputs: list[tuple[Input, int]] = [
        (
            replace(event, ruleset=replace(RULES, rules=(rule,)))
            if isinstance(event, RulesAccepted)
            else event,
            at,
        )
        for event, at in begun
    ]
    empty, held = ({"A": (amount, "0"), "B": ("0", "0")} for amount in ("0", "9"))
    for at_ms, wallet, rows in (
        (3_000, "trading", empty),
        (4_000, "funding", held),
        (5_000, "funding", empty),
    ):
        told = Contents("okx-main", PEOPLE[0], wallet, FIELDS, rows)
        inputs.append((Reading((told, at_ms - 5, at_ms)), at_ms))
    short: list[Contents | None] = []

    def found(step: Step, reading: Reading) -> Contents | None:
        short.append(revised(step, reading))
        return short[-1]

    monkeypatch.setattr(repeats, "revised", found)
    outcomes = [entry.outcome for entry in fold(World(), Client().revised(inputs))]
    assert short[-1] is not None
    assert outcomes[-1].rechecks
    judged = World()
    assert outcomes == [judge(judged, event, at) for event, at in inputs]


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.booleans())
def test_law_13_a_reading_of_a_few_revised_rows_is_as_if_all_of_it_was_judged(
    seed: int,
    drained: bool,  # noqa: FBT001  hypothesis gives it by its place
) -> None:
    more = Rule("empty", "account_status", AccountStatus(frozenset({"drained"})), severity=Severity.INFO)
    allow = Allow("some", "free", Decimal(17), asset=Patterns.of("B"), until_ms=9_000)
    there = Rule("there", "unexpected_free", Unexpected("free"), asset=Patterns.of("B"))
    floor = replace(RULES.rules[0], spec=LowBalance((Tier(Decimal(14)),)), for_ms=0, confirm=1)
    rules = (floor, there, *((more,) if drained else ()))
    ruleset = replace(RULES, rules=rules, allows=(allow,) if seed % 2 else ())
    inputs = [
        (replace(event, ruleset=ruleset) if isinstance(event, RulesAccepted) else event, now_ms)
        for event, now_ms in life(seed, 150, PEOPLE[:4], moving=0.3)
    ]
    lived, judged, outcomes = World(), World(), list[Outcome]()
    for entry in fold(lived, Client().revised(inputs)):
        outcomes += [entry.outcome] * (len(entry.input) if isinstance(entry.input, Repeats) else 1)
    assert outcomes == [judge(judged, event, now_ms) for event, now_ms in inputs]
    assert same(lived, judged)
    assert lived.index.memory() == judged.index.memory()


def test_most_readings_of_a_quiet_desk_are_not_judged() -> None:
    entries = fold(World(), life(1, 2_000))
    runs = [entry.input for entry in entries if isinstance(entry.input, Repeats)]
    assert sum(map(len, runs)) > 1_000


def test_law_13_a_name_that_was_nobodys_and_is_anothers_now_ends_what_was_expected() -> None:
    """Account 9 is called n, as account 7 was for a while: whoever is called so next speaks under its name."""
    first, other = (
        Identity(venue_id="9", email="a@x", name="n"),
        Identity(venue_id="7", email="b@x", name="m"),
    )
    renamed, newcomer = replace(other, name="n"), Identity(name="n")

    def listing(at_ms: int, *who: Identity) -> tuple[Input, int]:
        accounts = tuple(map(ListedAccount, who))
        return Listing("okx-main", "list", at_ms - 2, at_ms - 1, complete=True, accounts=accounts), at_ms

    told = Contents("okx-main", first, "funding", FIELDS, {"A": ("9", "0")})
    its = replace(told, account=newcomer)

    def read(at_ms: int, contents: Contents) -> tuple[Input, int]:
        return Reading((contents, at_ms - 5, at_ms)), at_ms

    inputs = [
        (RulesAccepted(1_000, RULES), 1_000),
        (Start(1_001), 1_001),
        listing(2_000, first, other),
        listing(5_000, first, renamed),
        listing(8_000, first, other),
        read(9_000, told),
        (Tick(100_000), 100_000),
        read(100_050, told),
        read(100_100, told),
        read(100_200, its),
        read(100_300, told),
    ]
    lived, judged = World(), World()
    fold(lived, inputs)
    for event, now_ms in inputs:
        judge(judged, event, now_ms)
    assert same(lived, judged)
