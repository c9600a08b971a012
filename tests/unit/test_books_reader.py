"""Books as they are read: a file that changes, and commands that hang, fail, flood, or print nonsense."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from daemon.books import command as command_module
from daemon.books import reader as reader_module
from daemon.books.reader import CONFIRM_MS, BooksReader
from daemon.config import BooksConfig, Secret
from rules.statements import Books

HEADER = "exchange,account,asset,amount,as_of"
ROW = "binance-main,mm-1@desk.example,USDT,1.5,2026-01-02T03:04:05Z"
GOOD = f"{HEADER}\n{ROW}\n"


class Hands:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now_ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now_ms


def of_command(
    folder: Path, *command: str, timeout_ms: int = 20_000, env: tuple[tuple[str, str | Secret], ...] = ()
) -> BooksConfig:
    return BooksConfig("treasury", folder, None, command, env, 60_000, timeout_ms)


def of_file(path: Path) -> BooksConfig:
    return BooksConfig("treasury", path.parent, path, (), (), 300_000, 30_000)


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-c", code)


async def read(config: BooksConfig) -> Books:
    told = await BooksReader(config, Hands()).read_if_due()
    assert told is not None
    return told


async def gone(path: Path) -> None:
    """Wait for the process whose number the file holds to be no more."""
    async with asyncio.timeout(10):
        while _lives(path):  # noqa: ASYNC110  another process signals nothing
            await asyncio.sleep(0.01)


def _inside(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def _lives(path: Path) -> bool:
    pid = int(path.read_text())
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_command_prints_the_books(tmp_path: Path) -> None:
    told = await read(of_command(tmp_path, *python(f"print({GOOD!r}, end='')")))
    assert told.problem == ""
    assert [(row.account, row.amount, row.line) for row in told.rows] == [("mm-1@desk.example", "1.5", 2)]


async def test_there_is_no_shell(tmp_path: Path) -> None:
    told = await read(of_command(tmp_path, "/bin/echo", "$(touch boom); `touch boom` > boom"))
    assert [path.name for path in _inside(tmp_path)] == []
    assert told.problem.startswith("line 1, column $(touch boom)")


async def test_the_environment_is_what_is_given_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    monkeypatch.setenv("LEAKED", "from the daemon")
    secret = Secret("env", "DB_PASSWORD", "books", (), tmp_path)
    code = "import os; print(sorted((k, v) for k, v in os.environ.items() if k != 'LC_CTYPE'))"
    env = (("PGHOST", "db"), ("PGPASSWORD", secret))
    told = await read(of_command(tmp_path, *python(code), env=env))
    assert "[('PGHOST'" in told.problem
    assert "LEAKED" not in told.problem
    code = "import os, sys; sys.exit('no access for ' + os.environ['PGPASSWORD'])"
    told = await read(of_command(tmp_path, *python(code), env=env))
    assert told.problem == f"{sys.executable} ended with status 1: no access for ***"


async def test_a_secret_that_is_absent_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH", raising=False)
    secret = Secret("env", "NO_SUCH", 'books "treasury": env.PGPASSWORD', (), tmp_path)
    told = await read(of_command(tmp_path, "/bin/true", env=(("PGPASSWORD", secret),)))
    assert 'books "treasury": env.PGPASSWORD' in told.problem


async def test_a_command_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-I', '-c', 'import time; time.sleep(600)'])\n"
        "open('child.pid', 'w').write(str(child.pid))\n"
        "open('own.pid', 'w').write(str(os.getpid()))\n"
        f"print({HEADER!r}, flush=True)\n"
        "time.sleep(600)\n"
    )
    told = await read(of_command(tmp_path, *python(code), timeout_ms=3_000))
    assert "did not end within 3 s and was killed" in told.problem
    await gone(tmp_path / "own.pid")
    await gone(tmp_path / "child.pid")


async def test_a_command_whose_child_keeps_the_pipe_is_ended_too(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "sleep = [sys.executable, '-I', '-c', 'import time; time.sleep(600)']\n"
        "child = subprocess.Popen(sleep, stderr=subprocess.DEVNULL)\n"
        "open('child.pid', 'w').write(str(child.pid))\n"
        f"print({GOOD!r})\n"
    )
    told = await read(of_command(tmp_path, *python(code), timeout_ms=3_000))
    assert "did not end within 3 s" in told.problem
    await gone(tmp_path / "child.pid")


async def test_a_command_that_ignores_signals_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    told = await read(of_command(tmp_path, *python(code), timeout_ms=2_000))
    assert "did not end within 2 s" in told.problem


async def test_a_command_that_floods_is_killed(tmp_path: Path) -> None:
    code = f"import sys\nprint({HEADER!r})\nwhile True: sys.stdout.write('x' * 65536)"
    told = await read(of_command(tmp_path, *python(code)))
    assert told.problem == "it prints more than 4 MiB and was killed"


async def test_a_command_that_floods_its_complaints_is_heard_to_its_end(tmp_path: Path) -> None:
    code = f"import sys\nfor _ in range(500): sys.stderr.write('y' * 65536)\nprint({GOOD!r}, end='')"
    assert (await read(of_command(tmp_path, *python(code)))).problem == ""
    told = await read(of_command(tmp_path, *python(code + "\nsys.exit(3)")))
    assert "ended with status 3: yyy" in told.problem
    assert len(told.problem) < len(sys.executable) + command_module.COMPLAINT_CHARACTERS + 50


@pytest.mark.parametrize(
    "command, said",
    [
        (("/bin/false",), "/bin/false ended with status 1, and said nothing"),
        (("/no/such/program",), "/no/such/program cannot be run: No such file or directory"),
        (("/etc/passwd",), "/etc/passwd cannot be run: Permission denied"),
        (python("import os; os.kill(os.getpid(), 9)"), f"{sys.executable} was killed by signal 9"),
        (("/bin/true",), "there is nothing; the first line names the columns"),
        (python("import os; os.write(1, bytes([255, 254, 10]))"), "line 1: is not UTF-8 text"),
        (("/bin/echo", "ERROR: relation does not exist"), "line 1, column ERROR: relation does not exist"),
    ],
)
async def test_a_command_that_fails_or_prints_nonsense_is_a_problem_in_words(
    tmp_path: Path, command: tuple[str, ...], said: str
) -> None:
    told = await read(of_command(tmp_path, *command))
    assert told.rows == ()
    assert told.problem.startswith(said)


async def test_a_program_is_found_without_a_path_in_its_environment(tmp_path: Path) -> None:
    assert "there is nothing" in (await read(of_command(tmp_path, "true"))).problem


async def test_a_read_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    code = "import os, time; open('own.pid', 'w').write(str(os.getpid())); print(flush=True); time.sleep(600)"
    reading = asyncio.create_task(read(of_command(tmp_path, *python(code))))
    await _until(lambda: (tmp_path / "own.pid").exists() and (tmp_path / "own.pid").read_text())
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await gone(tmp_path / "own.pid")


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  another process signals nothing
            await asyncio.sleep(0.01)


async def amounts(reader: BooksReader) -> list[str] | None:
    told = await reader.read_if_due()
    return None if told is None else [row.amount for row in told.rows]


async def test_a_command_is_run_at_its_cadence_and_equal_rows_are_told_once_an_hour(tmp_path: Path) -> None:
    (tmp_path / "books.csv").write_text(GOOD)
    hands = Hands()
    reader = BooksReader(of_command(tmp_path, "cat", "books.csv"), hands)
    assert await amounts(reader) == ["1.5"]
    (tmp_path / "books.csv").write_text(GOOD.replace("1.5", "2.5"))
    hands.now_ms += 59_999
    assert await amounts(reader) is None
    hands.now_ms += 1
    assert await amounts(reader) == ["2.5"]
    hands.now_ms += 60_000
    assert await amounts(reader) is None
    hands.now_ms += 3_600_000
    assert await amounts(reader) == ["2.5"]


async def test_what_is_new_is_read_again_at_once_and_only_as_often_as_it_takes(tmp_path: Path) -> None:
    code = f"import random; print({GOOD!r}.replace('1.5', str(random.randrange(10**9))))"
    hands = Hands()
    reader = BooksReader(of_command(tmp_path, *python(code)), hands)
    reader.confirm = 3
    for pause_ms in (0, 5_000, 5_000):
        hands.now_ms += pause_ms
        assert await amounts(reader) is not None
    hands.now_ms += 59_999
    assert await amounts(reader) is None  # other figures at every run, and still no more runs than that
    hands.now_ms += 1
    assert await amounts(reader) is not None


async def test_what_changes_while_it_is_confirmed_is_confirmed_in_its_turn(tmp_path: Path) -> None:
    hands = Hands()
    reader = BooksReader(of_command(tmp_path, "cat", "books.csv"), hands)
    reader.confirm = 2
    (tmp_path / "books.csv").write_text(GOOD)
    assert await amounts(reader) == ["1.5"]
    (tmp_path / "books.csv").write_text(GOOD.replace("1.5", "2.5"))
    hands.now_ms += 5_000
    assert await amounts(reader) == ["2.5"]
    hands.now_ms += 60_000
    assert await amounts(reader) == ["2.5"]
    hands.now_ms += 60_000
    assert await amounts(reader) is None


async def test_rows_of_a_time_to_come_are_told_until_it_has_come(tmp_path: Path) -> None:
    hands = Hands()
    at = "2027-01-15T08:05:00Z"  # five minutes after the clock of this test
    (tmp_path / "books.csv").write_text(GOOD.replace("2026-01-02T03:04:05Z", at))
    reader = BooksReader(of_command(tmp_path, "cat", "books.csv"), hands)
    assert await amounts(reader) == ["1.5"]
    for _ in range(5):
        hands.now_ms += 60_000
        assert await amounts(reader) == ["1.5"]
    hands.now_ms += 60_000
    assert await amounts(reader) is None


@pytest.mark.parametrize("seconds", [3, 5, 8, 300])
async def test_what_a_time_to_come_brings_is_confirmed_soon_after_it_has_come(
    tmp_path: Path, seconds: int
) -> None:
    hands = Hands()
    start_ms, came_ms = hands.now_ms, hands.now_ms + seconds * 1000
    at = datetime.fromtimestamp(came_ms / 1000, UTC).isoformat()
    (tmp_path / "books.csv").write_text(GOOD.replace("2026-01-02T03:04:05Z", at))
    reader = BooksReader(of_command(tmp_path, "cat", "books.csv"), hands)
    reader.confirm = 2
    told = []
    while hands.now_ms < start_ms + 900_000:
        if (books := await reader.read_if_due()) is not None:
            told.append(books.at_ms)
        hands.now_ms += 1_000
    looks = [at_ms for at_ms in told if at_ms >= came_ms]
    assert len(looks) == reader.confirm
    assert looks[-1] - looks[0] == CONFIRM_MS


async def test_other_rules_are_told_everything_again(tmp_path: Path) -> None:
    (tmp_path / "books.csv").write_text(GOOD)
    reader = BooksReader(of_command(tmp_path, "cat", "books.csv"), Hands())
    assert await amounts(reader) == ["1.5"]
    assert await amounts(reader) is None
    reader.anew()
    assert await amounts(reader) == ["1.5"]


async def test_books_that_cannot_be_read_are_not_logged_as_read_after_an_edit_of_the_rules(
    tmp_path: Path,
) -> None:
    reader = BooksReader(of_file(tmp_path / "books.csv"), Hands())
    with capture_logs() as said:
        await reader.read_if_due()
        reader.anew()
        await reader.read_if_due()
    assert [line["event"] for line in said] == ["books.unreadable"]


async def test_a_file_is_read_when_it_changes(tmp_path: Path) -> None:
    path, hands = tmp_path / "books.csv", Hands()
    reader = BooksReader(of_file(path), hands)

    async def problem() -> str | None:
        told = await reader.read_if_due()
        return None if told is None else told.problem

    assert await problem() == "books.csv: there is no such file"
    assert await problem() is None
    path.write_text(GOOD)
    assert await problem() == ""
    assert await problem() is None
    path.write_text(GOOD + "nonsense\n")
    assert await problem() == "line 3: has 1 columns, the header has 5"
    path.unlink()
    assert await problem() == "books.csv: there is no such file"
    hands.now_ms += 600_000
    assert await problem() is None


async def test_what_fails_is_read_again_soon_and_less_and_less_often(tmp_path: Path) -> None:
    hands = Hands()
    runs, code = tmp_path / "runs", "open('runs', 'a').write('.'); import sys; sys.exit('no route')"
    reader = BooksReader(replace(of_command(tmp_path, *python(code)), every_ms=900_000), hands)
    told = []
    for number, wait_ms in enumerate((0, 60_000, 120_000, 240_000, 480_000, 900_000, 900_000)):
        if wait_ms:
            hands.now_ms += wait_ms - 1
            assert await reader.read_if_due() is None
            assert len(runs.read_text()) == number
            hands.now_ms += 1
        told.append(await reader.read_if_due() is not None)
        assert len(runs.read_text()) == number + 1
    assert told == [True, True, False, False, False, False, False]


async def test_a_file_system_that_hangs_is_a_problem_and_keeps_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, answer, looks = tmp_path / "books.csv", threading.Event(), []
    path.write_text(GOOD)
    content = reader_module._content

    def hanging(path: Path) -> bytes:
        looks.append(path)
        answer.wait(20)
        return content(path)

    monkeypatch.setattr(reader_module, "_content", hanging)
    hands = Hands()
    reader = BooksReader(replace(of_file(path), timeout_ms=20), hands)
    told = []
    try:
        for _ in range(3):
            told.append(await reader.read_if_due() is not None)
            assert reader.problem == "books.csv: the file system gives no answer within 0.02 s"
            hands.now_ms += 300_000
        assert told == [True, True, False]  # as whatever lasts
        assert looks == [path]
    finally:
        answer.set()
    await _until(lambda: reader._stuck is not None and reader._stuck.done())
    monkeypatch.setattr(reader_module, "_content", content)
    assert await amounts(reader) == ["1.5"]
    assert reader.problem == ""


async def test_a_pipe_a_folder_and_a_huge_file_are_no_books(tmp_path: Path) -> None:
    pipe, huge = tmp_path / "pipe.csv", tmp_path / "huge.csv"
    os.mkfifo(pipe)
    with huge.open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    assert (await read(of_file(pipe))).problem == "pipe.csv is not a regular file"
    assert "cannot be read" in (await read(of_file(tmp_path))).problem
    assert (await read(of_file(huge))).problem == "huge.csv is larger than 4 MiB"


async def test_a_clock_that_is_set_back_puts_off_no_read(tmp_path: Path) -> None:
    path, clock = tmp_path / "books.csv", Hands()
    path.write_text(GOOD)
    reader = BooksReader(of_file(path), clock)
    assert await reader.read_if_due() is not None
    assert await reader.read_if_due() is None
    path.write_text("nonsense")
    os.utime(path, ns=(0, 0))
    clock.now_ms -= 3_600_000
    reader._seen = reader_module._marks(path)
    told = await reader.read_if_due()
    assert told is not None
    assert told.problem
