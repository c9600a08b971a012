"""Books out of a real PostgreSQL through `psql --csv`: what a file says, a query says to the digit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.books.reader import BooksReader
from daemon.config import BooksConfig, Secret
from rules.statements import Books
from tests.postgres import PASSWORD, Postgres, a_postgres

COLUMNS = "exchange, account, asset, amount, as_of, wallet"
ROWS = [
    ("binance-main", "mm-1@desk.example", "USDT", "50000.000000000000000001", "2026-01-02T03:04:05Z", "spot"),
    ("binance-main", "master", "BTC", "-0.000000000000000001", "2026-01-02T03:04:05.250+01:00", ""),
    (
        "okx-main",
        "desk, the first",
        "ETH",
        "123456789012345678901234567890.5",
        "2026-01-02T00:00:00-05:00",
        "",
    ),
]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with a_postgres() as made:
        made.psql(
            "create table books (exchange text, account text, asset text, amount numeric, as_of timestamptz,"
            " wallet text)"
        )
        for row in ROWS:
            made.psql(f"insert into books ({COLUMNS}) values {row!r}")  # noqa: S608  our own table
        yield made


def of_query(postgres: Postgres, folder: Path, sql: str, *, password: str = PASSWORD) -> BooksConfig:
    (folder / "password").write_text(password)
    secret = Secret("file", "password", 'books "db": env.PGPASSWORD', (), folder)
    command = (str(postgres.binaries / "psql"), "--csv", "--no-psqlrc", "--command", sql)
    env = (*postgres.environment.items(), ("PGPASSWORD", secret))
    return BooksConfig("db", folder, None, command, env, 60_000, 20_000)


async def read(config: BooksConfig) -> Books:
    told = await BooksReader(config, lambda: 1_800_000_000_000).read_if_due()
    assert told is not None
    return told


async def test_a_file_and_a_query_give_the_same_rows(postgres: Postgres, tmp_path: Path) -> None:
    path = tmp_path / "books.csv"
    lines = [COLUMNS.replace(" ", ""), *(",".join(f'"{cell}"' for cell in row) for row in ROWS)]
    path.write_text("\n".join(lines) + "\n")
    of_file = await read(BooksConfig("db", tmp_path, path, (), (), 60_000, 20_000))
    of_psql = await read(of_query(postgres, tmp_path, "select * from books"))
    assert (of_file.problem, of_psql.problem) == ("", "")
    assert len(of_psql.rows) == 3
    assert of_psql == replace(of_file, name="db")


async def test_a_wrong_query_is_told_in_the_words_of_the_server(postgres: Postgres, tmp_path: Path) -> None:
    told = await read(of_query(postgres, tmp_path, "select * from boks"))
    assert 'psql ended with status 1: ERROR: relation "boks" does not exist' in told.problem


async def test_a_refused_password_is_told_and_never_shown(postgres: Postgres, tmp_path: Path) -> None:
    told = await read(of_query(postgres, tmp_path, "select 1", password="wrong-hunter2"))
    assert "password authentication failed" in told.problem
    assert "hunter2" not in told.problem


async def test_a_query_that_hangs_is_ended(postgres: Postgres, tmp_path: Path) -> None:
    config = replace(of_query(postgres, tmp_path, "select pg_sleep(600)"), timeout_ms=2_000)
    assert "did not end within 2 s" in (await read(config)).problem


async def test_an_unknown_amount_is_told_at_its_line(postgres: Postgres, tmp_path: Path) -> None:
    sql = "select * from books union all select 'b', 'a', 'X', null, now(), ''"
    told = await read(of_query(postgres, tmp_path, sql))
    assert told.problem.startswith('line 5, column amount: "" is not an amount')
    assert told.rows == ()
