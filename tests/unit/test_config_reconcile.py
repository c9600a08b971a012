"""`reconciliation`, `composition_shift`, `[[books]]` and `[[expect]]`: what the file becomes, and warnings."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from daemon.config import Config, Secret, parse
from rules.patterns import EVERYTHING, Patterns
from rules.types.composition_shift import MAJORS, CompositionShift
from rules.types.reconciliation import Check, Reconciliation, Tell, Tolerance

HEAD = """
[[exchange]]
name = "binance-main"
kind = "binance"
api_key = { env = "KEY" }
api_secret = { env = "SECRET" }
[[notifier]]
name = "oncall"
url = { env = "URL" }
"""
FOLDER = Path("/etc/subtally")
NOW_MS = 1_800_000_000_000


def parsed(text: str) -> Config:
    return parse((("rules.toml", HEAD + text),), FOLDER, now_ms=NOW_MS)


def spec(keys: str, more: str = "") -> Reconciliation:
    text = f'[[rule]]\nname = "r"\ntype = "reconciliation"\n{keys}\n{more}'
    found = parsed(text).ruleset.rules[0].spec
    assert isinstance(found, Reconciliation)
    return found


def warnings(text: str) -> list[str]:
    return [str(problem).split(": ", 1)[1] for problem in parsed(text).warnings]


def test_without_a_tolerance_figures_must_be_equal() -> None:
    assert spec('check = "conservation"') == Reconciliation(Check.CONSERVATION, Tolerance())


def test_every_key_becomes_what_the_engine_takes() -> None:
    assert spec('check = "movements"\nwithin = "10m"\ntell = "all"') == Reconciliation(
        Check.MOVEMENTS, within_ms=600_000, tell=Tell.ALL
    )
    keys = """check = "expected"
tolerance = { abs = "0.000000000000000001", pct = "0.5%", dust_value = 5, quote = "USDC" }
max_skew = "15m"
books = ["treasury", "desk-*"]
escalate_age = "4h\""""
    made = spec(keys, '[[books]]\nname = "treasury"\nfile = "books.csv"')
    tolerance = Tolerance(Decimal("0.000000000000000001"), Decimal("0.5"), Decimal(5), "USDC")
    assert made == Reconciliation(
        Check.EXPECTED,
        tolerance,
        max_skew_ms=900_000,
        books=Patterns.of(["treasury", "desk-*"]),
        escalate_age_ms=14_400_000,
    )


@pytest.mark.parametrize(
    "keys, key",
    [
        ('check = "conservation"\nmax_skew = "1m"', "max_skew"),
        ('check = "summary"\ntell = "all"', "tell"),
        ('check = "summary"\nwithin = "1m"', "within"),
        ('check = "movements"\nescalate_age = "1h"', "escalate_age"),
        ('check = "conservation"\nfor = "1m"', "for"),
    ],
)
def test_a_key_that_counts_for_another_check_is_warned_of(keys: str, key: str) -> None:
    told = warnings(f'[[rule]]\nname = "r"\ntype = "reconciliation"\n{keys}')
    assert [line for line in told if f": {key}: has no effect" in line] == told
    assert len(told) == 1


@pytest.mark.parametrize("key", ["abs = 1", "dust_value = 5"])
def test_a_tolerance_of_outflows_counts(key: str) -> None:
    rule = f'[[rule]]\nname = "r"\ntype = "reconciliation"\ncheck = "movements"\ntolerance = {{ {key} }}\n'
    assert warnings(rule) == []


def test_a_composition_shift_has_defaults() -> None:
    text = '[[rule]]\nname = "r"\ntype = "composition_shift"\n'
    assert parsed(text).ruleset.rules[0].spec == CompositionShift(600_000, Decimal(50), MAJORS)
    more = text + 'fall = "80%"\nwithin = "5m"\nmajors = "BTC"'
    assert parsed(more).ruleset.rules[0].spec == CompositionShift(300_000, Decimal(80), Patterns.of("BTC"))


def test_books_are_a_file_or_a_command_with_the_environment_that_it_is_given() -> None:
    config = parsed("""[[books]]
name = "treasury"
command = ["psql", "--csv", "--file", "books.sql"]
env = { PGHOST = "db", PGPASSWORD = { credential = "db-password" } }
every = "15m"
[[books]]
name = "desk"
file = "desk.csv"
""")
    treasury, desk = config.books
    assert treasury.command == ("psql", "--csv", "--file", "books.sql")
    assert (treasury.file, treasury.folder) == (None, FOLDER)
    assert (treasury.every_ms, treasury.timeout_ms) == (900_000, 30_000)
    host, password = treasury.env
    assert host == ("PGHOST", "db")
    assert isinstance(password[1], Secret)
    assert password[1].reference == '{ credential = "db-password" }'
    assert password[1] in config.secrets()
    assert desk.file == FOLDER / "desk.csv"
    assert desk.command == ()


def test_an_absent_secret_of_books_is_told_at_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEY", "SECRET", "URL"):
        monkeypatch.setenv(name, "x")
    monkeypatch.delenv("NO_SUCH", raising=False)
    config = parsed('[[books]]\nname = "t"\ncommand = ["psql"]\nenv = { PGPASSWORD = { env = "NO_SUCH" } }')
    problem = config.missing_secrets()[0]
    assert problem.line == 13
    assert 'books "t": env.PGPASSWORD' in str(problem)


def test_a_declared_movement_goes_between_accounts_or_outside() -> None:
    config = parsed("""[[rule]]
name = "r"
type = "reconciliation"
check = "movements"
[[expect]]
name = "payout"
from = ["mm-*", "!mm-9"]
to = "External"
asset = "USDT"
amount = "10000.5"
tolerance = 1
due = 2030-12-31T18:00:00+01:00
reason = "ticket"
""")
    (expect,) = config.ruleset.expects
    assert (expect.giver, expect.taker) == (Patterns.of(["mm-*", "!mm-9"]), None)
    assert (expect.asset, expect.amount, expect.tolerance) == ("USDT", Decimal("10000.5"), Decimal(1))
    assert (expect.exchange, expect.reason) == (EVERYTHING, "ticket")
    assert expect.due_ms == 1_924_966_800_000
    assert config.warnings == ()


def test_a_declaration_that_nobody_looks_for_or_that_is_past_is_warned_of() -> None:
    told = warnings("""[[expect]]
name = "payout"
from = "mm-1"
to = "master"
asset = "USDT"
amount = 1
due = 2020-01-01T00:00:00Z
reason = "ticket"
""")
    assert any("no rule follows movements" in line for line in told)
    assert any("due: is past" in line for line in told)


def test_expects_may_stand_in_included_files() -> None:
    more = """[[expect]]
name = "payout"
from = "mm-1"
to = "master"
asset = "USDT"
amount = 1
due = 2030-01-01T00:00:00Z
reason = "ticket"
"""
    config = parse((("rules.toml", HEAD), ("more.toml", more)), FOLDER, now_ms=NOW_MS)
    assert [expect.name for expect in config.ruleset.expects] == ["payout"]


def test_a_share_of_a_movement_that_arrived_nowhere_is_said_to_have_no_effect() -> None:
    rule = '[[rule]]\nname = "r"\ntype = "reconciliation"\ncheck = "movements"\ntolerance = { pct = 1 }\n'
    (told,) = [line for line in warnings(rule) if "pct" in line]
    assert 'tolerance.pct: has no effect with check = "movements"' in told
    assert not [line for line in warnings(rule.replace("movements", "conservation")) if "pct" in line]
