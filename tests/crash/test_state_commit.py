"""Law 6: killed before every SQL statement of a transaction, the process leaves all of it or nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from rules.ruleset import Ruleset
from state import Store
from tests.unit.test_state_support import fresh

ROOT = Path(__file__).parents[2]

# For each point a copy of the database and a process that ends itself there; the last one lives to the end.
DRIVER = """
import os, shutil, sys
from pathlib import Path
from rules.model import Start
from rules.outcome import Outcome
from rules.ruleset import Ruleset, RulesAccepted
from rules.world import Valuation
from state import Entry, Store
from tests.unit.test_state_support import KEY, absorb, alert, notification, reading, transition

def commit(store):
    world = store.load(Ruleset())
    ruleset = Ruleset(sources=(("rules.toml", "# other"),), digest="other")
    entries = [absorb(world, reading({"BTC": ("2", "0"), "ETH": ("0.5", "0")}, 2000), 2000)]
    entries += [absorb(world, reading({"BTC": ("1", "0")}, 2000, "new@x"), 2001)]
    world.put_valuation(1, "spot", Valuation({"BTC": "1"}, 1, 2))
    world.drop_alert(KEY, 0)
    world.put_alert(alert("A0NEW", KEY._replace(rule="other")))
    outcome = Outcome(
        transitions=[transition("firing", "resolved"), transition("", "firing", "A0NEW")],
        notifications=[notification("A0NEW"), notification("A0NEW", "telegram")],
        cancelled=["mail"],
    )
    entries += [Entry(RulesAccepted(2002, ruleset), 2002, outcome)]
    prepared = store.prepare(entries, world)
    return lambda: store.write(prepared)

def claim(store):
    return lambda: store.claim("slack", 90_000, 15_000, 10)

def delivered(store):
    message = store.claim("slack", 90_000, 15_000, 10)
    return lambda: store.delivered(message.id, 90_500)

def dead(store):
    message = store.claim("slack", 90_000, 15_000, 10)
    return lambda: store.dead(message.id, 90_500, "403")

def retention(store):
    return lambda: store.retention(10**12, 1, 1000)

def lead_up(path):
    with Store.open(path, migrate=True) as store:
        world = store.load(Ruleset())
        world.put_alert(alert())
        outcome = Outcome(
            transitions=[transition("", "firing")],
            notifications=[notification(), notification("A1B2C", "mail")],
        )
        entries = [absorb(world, reading({"BTC": ("1", "0")}), 1000), Entry(Start(1001), 1001, outcome)]
        store.commit(entries, world)
        store.commit([absorb(world, reading({"BTC": ("3", "0")}, 1500), 1500)], world)

def live(path, act, point):
    store = Store.open(path, migrate=True)
    act = act(store)
    if point < 0:
        shutil.copy(path, path.with_suffix(".before"))
        shutil.copy(f"{path}-wal", path.with_suffix(".before-wal"))
    count = 0
    def trace(_):
        nonlocal count
        if count == point:
            os._exit(7)
        count += 1
    store._db.conn.set_trace_callback(trace)
    act()
    os._exit(0)

def main(folder, name):
    base = folder / "base.db"
    lead_up(base)
    act = globals()[name]
    point = -1
    while True:
        path = folder / f"{point}.db"
        shutil.copy(base, path)
        child = os.fork()
        if not child:
            try:
                live(path, act, point)
            finally:
                os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, 7), code
        if code == 0 and point >= 0:
            break
        point += 1
    print(point)

main(Path(sys.argv[1]), sys.argv[2])
"""


def contents(path: Path) -> dict[str, list[dict[str, object]]]:
    with Store.open(path) as store:
        return {table.name: list(table.rows) for table in store._db.tables}


def killed_everywhere(folder: Path, act: str) -> list[dict[str, list[dict[str, object]]]]:
    """What each killed process left; the state before first, the state after last."""
    run = subprocess.run(
        [sys.executable, "-c", DRIVER, str(folder), act], cwd=ROOT, check=True, capture_output=True, text=True
    )
    points = int(run.stdout)
    (folder / "-1.before").rename(folder / "before.db")
    (folder / "-1.before-wal").rename(folder / "before.db-wal")
    left = [contents(folder / f"{point}.db") for point in range(points)]
    return [contents(folder / "before.db"), *left, contents(folder / f"{points}.db")]


@pytest.mark.parametrize("act", ["commit", "claim", "delivered", "dead", "retention"])
def test_law_6_a_kill_before_any_statement_leaves_all_or_none(tmp_path: Path, act: str) -> None:
    before, *left, after = killed_everywhere(tmp_path, act)
    assert before != after
    assert len(left) >= {"commit": 25}.get(act, 5)
    assert [found for found in left if found not in (before, after)] == []
    assert left[0] == before
    if act != "retention":  # which ends with a vacuum, after its COMMIT
        assert left[-1] == before  # the last statement is the COMMIT itself


def test_law_7_a_claim_that_was_committed_is_recovered_under_its_id(tmp_path: Path) -> None:
    killed_everywhere(tmp_path, "claim")
    last = max(int(path.stem) for path in tmp_path.glob("*.db") if path.stem.isdigit())
    ids = set()
    for point in range(last + 1):
        with Store.open(tmp_path / f"{point}.db", migrate=True) as store:
            store.load(Ruleset())
            recovered = store.recover(100_000)
            message = store.claim("slack", 100_000, 15_000, 10)
            assert message is not None
            assert recovered == ([message.id] if message.perhaps else [])
            ids.add(message.id)
    assert len(ids) == 1


def test_a_kill_before_any_statement_of_the_migration_leaves_a_file_that_can_be_opened(
    tmp_path: Path,
) -> None:
    script = (
        "import os, sys, sqlite3\n"
        "from pathlib import Path\n"
        "from state import Store, connection\n"
        "connect = connection.connect\n"
        "point, count = int(sys.argv[2]), 0\n"
        "def trace(_):\n"
        "    global count\n"
        "    if count == point: os._exit(7)\n"
        "    count += 1\n"
        "def traced(*args, **kwargs):\n"
        "    db = connect(*args, **kwargs)\n"
        "    db.conn.set_trace_callback(trace)\n"
        "    return db\n"
        "import state.store\n"
        "state.store.connect = traced\n"
        "Store.open(sys.argv[1], migrate=True).close()\n"
    )
    for point in range(0, 90, 6):
        folder = tmp_path / str(point)
        folder.mkdir()
        run = subprocess.run(
            [sys.executable, "-c", script, str(folder / "subtally.db"), str(point)], cwd=ROOT, check=False
        )
        assert run.returncode in (0, 7)
        with fresh(folder) as store:
            assert store.alerts().rows == ()
