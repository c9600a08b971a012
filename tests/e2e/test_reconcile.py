"""Does the money add up? The real daemon against the simulator, whose venues move, lose and hide coins."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from daemon.app import App
from daemon.simulator import Fault
from daemon.snapshots import snapshot
from rules.reconciling.finding import Finding, Standing
from rules.reconciling.report import findings
from tests.e2e.house import House, a_house
from tests.postgres import PASSWORD, Postgres, a_postgres

FIRST, SECOND, THIRD = ACCOUNTS = ("mm-1@desk.example", "mm-2@desk.example", "arb@desk.example")
ALL_READ = 'read = ["assets", "summary", "wallets", "master"]\n'
UNIT = Decimal("0.000000000000000001")
V4 = "/sapi/v4/sub-account/assets"
WINDOW_MS = 6_000

MOVEMENTS = """
[[rule]]
name = "movements"
type = "reconciliation"
check = "movements"
account = ["*", "master"]
tell = "all"
within = "6s"
"""
CONSERVATION = """
[[rule]]
name = "conservation"
type = "reconciliation"
check = "conservation"
account = ["*", "master"]
tolerance = { abs = "0.000000000000000001" }
within = "6s"
severity = "critical"
"""
SUMMARY = """
[[rule]]
name = "summary"
type = "reconciliation"
check = "summary"
tolerance = { pct = 0.5 }
max_skew = "30s"
"""


async def polls(house: House, count: int = 1) -> None:
    """Wait until the accounts and the master were read so many times more."""
    await house.polls(len(ACCOUNTS) + 1, count)


def found(app: App, check: str, *standings: Standing) -> list[Finding]:
    every = findings(app.engine.world, app.engine.clock())
    return [one for one in every if one.check == check and (not standings or one.standing in standings)]


def open_alerts(app: App, rule: str) -> list[Any]:
    return [alert for alert in app.engine.world.alerts.values() if alert.rule == rule]


async def test_100_random_transfers_are_told_once_each_and_break_nothing(tmp_path: Path) -> None:
    chance = random.Random(7)
    async with a_house(tmp_path, binance=3, okx=0, bitget=0) as house:
        house.extra["binance"] = ALL_READ
        house.write(MOVEMENTS + CONSERVATION, venues=("binance",))
        venue = house.simulator.venues["binance"]
        late: list[tuple[int, Callable[[], None]]] = []

        def arrive(poll: int) -> None:
            for due in [one for one in late if one[0] <= poll]:
                late.remove(due)
                due[1]()

        async with house.daemon() as app:
            await polls(house, 2)
            for number in range(100):
                giver, taker = chance.sample([*ACCOUNTS, "master"], 2)
                asset = chance.choice(["USDT", "BTC", "ETH"])
                amount, gap = chance.randrange(1, 10**15) * UNIT, chance.choice([0, 0, 1, 2])
                if gap:
                    venue.withdraw(giver, asset, amount, recorded=False)
                    coming = (taker, asset, amount)
                    late.append((number // 10 + gap, lambda a=coming: venue.deposit(*a, recorded=False)))
                else:
                    venue.move(giver, taker, asset, amount, recorded=chance.random() < 0.5)
                if number % 10 == 9:
                    await polls(house)
                    arrive(number // 10 + 1)
            await polls(house)
            arrive(100)
            await house.passing(2 * WINDOW_MS)
            assert len(house.recorder.blocks("conservation")) == 0
            assert found(app, "conservation", Standing.BREAK, Standing.PENDING) == []
            assert 0 < len(house.recorder.blocks('rule "movements"')) <= 100
            # One unit of the 18th decimal beyond the tolerance leaks.
            venue.withdraw(FIRST, "ETH", 2 * UNIT, recorded=False)
            await house.recorder.until(lambda r: len(r.blocks("conservation")) > 0)
            assert "-0.000000000000000002" in house.recorder.blocks("conservation")[0]
            (one,) = found(app, "conservation", Standing.BREAK)
            assert (one.asset, one.difference) == ("ETH", "-0.000000000000000002")
        assert house.refusals() == {}


async def test_a_leg_that_cannot_be_read_is_no_break_and_is_matched_later(tmp_path: Path) -> None:
    async with a_house(tmp_path, binance=3, okx=0, bitget=0) as house:
        house.extra["binance"] = ALL_READ
        house.write(MOVEMENTS + CONSERVATION, venues=("binance",))
        venue = house.simulator.venues["binance"]
        async with house.daemon() as app:
            await polls(house, 2)
            venue.faults.add(Fault(path=V4, account=SECOND, status=500, name="blind"))
            await house.until(lambda _: venue.faults.hits("blind") > 0)
            venue.move(FIRST, SECOND, "USDT", "1000.5", recorded=False)
            await house.passing(2 * WINDOW_MS)
            assert house.recorder.blocks('rule "movements"') == []
            assert house.recorder.blocks('rule "conservation"') == []
            assert found(app, "conservation", Standing.BREAK) == []
            assert found(app, "movements", Standing.INDETERMINATE)
            venue.faults.clear(name="blind")
            await house.recorder.until(lambda r: bool(r.blocks('rule "movements"')))
            (told,) = house.recorder.blocks('rule "movements"')
            assert "1,000.5" in told
            assert FIRST in told
            assert SECOND in told
            await polls(house, 2)
            assert house.recorder.blocks('rule "conservation"') == []


async def test_a_declared_payout_is_told_once_as_what_was_declared(tmp_path: Path) -> None:
    declared = """
[[rule]]
name = "fell"
type = "balance_change"
asset = "USDT"
within = "1m"
drop = 100
[[expect]]
name = "payout"
from = "mm-1@desk.example"
to = "external"
asset = "USDT"
amount = "1234.5"
due = 2999-12-31T18:00:00Z
reason = "ticket 4712"
"""
    async with a_house(tmp_path, binance=3, okx=0, bitget=0) as house:
        house.extra["binance"] = ALL_READ
        house.write(MOVEMENTS + declared, venues=("binance",))
        async with house.daemon():
            await polls(house, 2)
            house.simulator.venues["binance"].withdraw(FIRST, "USDT", "1234.5", recorded=False)
            await house.recorder.until(lambda r: bool(r.blocks('rule "movements"')))
            await house.passing(WINDOW_MS)
            (told,) = house.recorder.blocks('rule "movements"')
            assert f"1,234.5 USDT moved from {FIRST} to outside of the exchange" in told
            assert "Declared as “payout”: ticket 4712" in told
            (change,) = house.recorder.blocks('rule "fell"')
            assert "Declared as “payout”: ticket 4712" in change


async def test_a_history_that_refuses_or_lags_unmakes_no_match(tmp_path: Path) -> None:
    async with a_house(tmp_path, binance=3, okx=0, bitget=0) as house:
        house.extra["binance"] = ALL_READ
        house.write(MOVEMENTS, venues=("binance",))
        venue = house.simulator.venues["binance"]
        refusal = '{"code":-1002,"msg":"You are not authorized to execute this request."}'
        for path in ("/sapi/v1/sub-account/*", "/sapi/v1/capital/*"):
            if "capital" in path:
                venue.faults.add(Fault(path=path, status=401, body=refusal, name="refused"))
        for path in ("/sapi/v1/sub-account/universalTransfer", "/sapi/v1/sub-account/sub/transfer/history"):
            venue.faults.add(Fault(path=path, status=401, body=refusal, name="refused"))
        async with house.daemon() as app:
            await polls(house, 2)
            venue.move(FIRST, SECOND, "USDT", "77.25")
            await house.recorder.until(lambda r: bool(r.blocks('rule "movements"')))
            await house.passing(WINDOW_MS)
            assert len(house.recorder.blocks('rule "movements"')) == 1
            assert app.engine.world.exchanges["binance-main"].stopped == ""
            assert house.recorder.blocks("right") == []


async def test_a_hidden_asset_is_a_break_of_the_summary_with_its_sign(tmp_path: Path) -> None:
    async with a_house(tmp_path, binance=3, okx=0, bitget=0) as house:
        house.write(SUMMARY, venues=("binance",))
        venue = house.simulator.venues["binance"]
        async with house.daemon() as app:
            await polls_of_subs(house, 3)
            assert open_alerts(app, "summary") == []
            held = venue.account(FIRST).holdings("spot")["ETH"].total
            venue.omit(FIRST, "ETH")
            await house.recorder.until(lambda r: bool(r.blocks('rule "summary"')))
            (alert,) = open_alerts(app, "summary")
            expected = -held * venue.prices["ETH"] / venue.prices["BTC"]
            assert abs(Decimal(alert.facts.value) - expected) < Decimal("0.0001")
            assert FIRST in house.recorder.blocks('rule "summary"')[0]
            (one,) = found(app, "summary", Standing.BREAK)
            assert one.difference == alert.facts.value
            venue.show(FIRST, "ETH")
            await house.until(lambda app: open_alerts(app, "summary") == [])
        assert house.refusals() == {}


async def test_a_price_that_moves_by_5_percent_between_reads_is_no_break(tmp_path: Path) -> None:
    async with a_house(tmp_path, binance=3, okx=0, bitget=0) as house:
        house.write(SUMMARY, venues=("binance",))
        venue = house.simulator.venues["binance"]
        price = venue.prices["BTC"]
        async with house.daemon() as app:
            await polls_of_subs(house, 2)
            for turn in range(8):
                venue.set_price("BTC", price * (Decimal("1.05") if turn % 2 else Decimal("0.95")))
                venue.set_price(
                    "ETH", venue.prices["ETH"] * (Decimal("0.95") if turn % 2 else Decimal("1.05"))
                )
                await polls_of_subs(house)
            await polls_of_subs(house, 3)
            await house.until(lambda app: open_alerts(app, "summary") == [])
            assert house.recorder.blocks('rule "summary"') == []
            assert found(app, "summary", Standing.AGREES)


async def test_a_price_that_jumps_at_every_reading_is_no_break_and_what_is_omitted_is(tmp_path: Path) -> None:
    async with a_house(tmp_path, binance=3, okx=0, bitget=0) as house:
        house.write(SUMMARY, venues=("binance",))
        venue = house.simulator.venues["binance"]
        async with house.daemon() as app:
            await polls_of_subs(house, 2)
            for _ in range(40):  # upwards without end: nothing that was read together was worth the same
                seen = {key: one.began_ms for key, one in app.engine.world.valuations.items()}
                venue.set_price("BTC", venue.prices["BTC"] * Decimal("1.05"))
                await house.until(
                    lambda app, seen=seen: any(
                        one.began_ms > seen.get(key, 0) for key, one in app.engine.world.valuations.items()
                    )
                )
            assert house.recorder.blocks('rule "summary"') == []
            assert open_alerts(app, "summary") == []
            venue.omit(FIRST, "ETH")
            await house.recorder.until(lambda r: bool(r.blocks('rule "summary"')))
            (alert,) = open_alerts(app, "summary")
            held = venue.account(FIRST).holdings("spot")["ETH"].total
            assert abs(
                Decimal(alert.facts.value) + held * venue.prices["ETH"] / venue.prices["BTC"]
            ) < Decimal("0.0001")


async def polls_of_subs(house: House, count: int = 1) -> None:
    """As `polls`, where the master's wallets are not read."""
    await house.until(lambda app: len(app.engine.world.holdings) >= len(ACCOUNTS))
    assert house.app is not None
    for _ in range(count):
        began = house.app.engine.clock()
        await house.until(
            lambda app, began=began: all(one.began_ms > began for one in app.engine.world.holdings.values())
        )


# The user's own books


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with a_postgres() as made:
        made.psql(
            "create table books (exchange text, account text, asset text, amount numeric, as_of timestamptz)"
        )
        yield made


def expected_rule(name: str) -> str:
    return f"""
[[rule]]
name = "expected {name}"
type = "reconciliation"
check = "expected"
account = ["*", "master"]
books = "{name}"
tolerance = {{ abs = "0.000000000000000001" }}
max_skew = "10m"
"""


async def test_books_from_a_file_and_from_postgres_give_the_same_report(
    tmp_path: Path, postgres: Postgres
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    environment = ", ".join(f'{name} = "{text}"' for name, text in postgres.environment.items())
    psql = f"{postgres.binaries}/psql"
    books = f"""
[[books]]
name = "file"
file = "books.csv"
[[books]]
name = "database"
command = ["{psql}", "--csv", "--no-psqlrc", "--command", "table books"]
env = {{ {environment}, PGPASSWORD = {{ file = "password" }} }}
every = "5s"
timeout = "5s"
"""
    async with a_house(tmp_path, binance=3, okx=0, bitget=0) as house:
        house.extra["binance"] = ALL_READ
        venue = house.simulator.venues["binance"]
        held = {name: venue.account(name).holdings("spot")["USDT"].total for name in ACCOUNTS}
        house.write(books + expected_rule("file") + expected_rule("database"), venues=("binance",))
        async with house.daemon() as app:
            await polls(house, 2)
            as_of = datetime.now(UTC).isoformat()
            rows = [
                (FIRST, "USDT", held[FIRST] + UNIT),  # equal to the tolerance: agrees
                (SECOND, "USDT", held[SECOND] + 2 * UNIT),  # one unit beyond: a break
                (THIRD, "USDT", held[THIRD] - 10),  # more than the books say is a break, too
                (THIRD, "DOGE", Decimal(0)),  # never held, and zero in the books
                ("nobody@desk.example", "USDT", Decimal(1)),
            ]
            cells = [
                ("binance-main", account, asset, f"{amount:f}", as_of) for account, asset, amount in rows
            ]
            for row in cells:
                postgres.psql(f"insert into books values {row!r}")  # noqa: S608  our own table
            text = "\n".join(
                ",".join(row) for row in [("exchange", "account", "asset", "amount", "as_of"), *cells]
            )
            (tmp_path / "books.csv").write_text(text + "\n")
            await house.until(lambda app: len(open_alerts(app, "expected file")) == 2)
            await house.until(lambda app: len(open_alerts(app, "expected database")) == 2)
            await house.until(lambda app: len(found(app, "expected", Standing.BREAK)) == 4)
            by_file, by_database = (
                [plain(one) for one in of_rule(app, name)] for name in ("file", "database")
            )
            assert by_file == by_database
            differences = {(one.account, one.asset): one.difference for one in of_rule(app, "file")}
            assert differences[SECOND, "USDT"] == "-0.000000000000000002"
            assert Decimal(differences[THIRD, "USDT"] or 0) == 10
            told = house.recorder.text
            assert "-0.000000000000000002" in told
            assert app.engine.world.failing_books == {}
            # The file is mended, and the break ends by itself.
            (tmp_path / "books.csv").write_text(
                text.replace(f"{held[THIRD] - 10:f}", f"{held[THIRD]:f}") + "\n"
            )
            await house.until(lambda app: len(open_alerts(app, "expected file")) == 1)


def of_rule(app: App, name: str) -> list[Finding]:
    return [one for one in found(app, "expected") if one.rule == f"expected {name}"]


def plain(one: Finding) -> Finding:
    """Without what differs by nature: the rule, the id, when it was first seen, and where a row stands."""
    return replace(one, rule="", alert="", since_ms=None, reason="", as_of_ms=None)


async def test_books_that_hang_fail_flood_or_are_nonsense_are_a_warning_and_no_break(tmp_path: Path) -> None:
    def of(name: str, code: str, timeout: str = "30s") -> str:  # a busy machine starts a command late
        command = ", ".join(f"'{part}'" for part in (sys.executable, "-I", "-c", code))
        return f'[[books]]\nname = "{name}"\ncommand = [{command}]\nevery = "30s"\ntimeout = "{timeout}"\n'

    books = (
        of("hangs", "import time; time.sleep(600)", "3s")
        + of("fails", 'import sys; sys.exit("no route to the warehouse")')
        + of("floods", 'while True: print("x" * 65536)')
        + of("nonsense", 'print("<html>503</html>")')
    )
    async with a_house(tmp_path, binance=3, okx=0, bitget=0) as house:
        house.write(books + expected_rule("*"), venues=("binance",))
        async with house.daemon() as app:
            await polls_of_subs(house)
            await house.until(lambda app: len(app.engine.world.failing_books) == 4)
            warnings = (await snapshot(app)).warnings
            for name, one in app.engine.world.failing_books.items():
                assert f'books "{name}": {one.reason}' in warnings
            problems = "\n".join(warnings)
            assert 'books "hangs": ' in problems
            assert "did not end within 3 s and was killed" in problems
            assert "ended with status 1: no route to the warehouse" in problems
            assert "prints more than 4 MiB and was killed" in problems
            assert "line 1, column <html>503</html>: is no column of books" in problems
            await polls_of_subs(house, 2)
            assert open_alerts(app, "expected *") == []
            assert found(app, "expected", Standing.BREAK) == []
