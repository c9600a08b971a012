"""`subtally setup` at a keyboard, against venues that verify keys and a notifier that records."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from daemon.commands.setup_places import Planned, write_all
from daemon.config import load
from tests.e2e.house import House
from tests.e2e.terminal import ROOT, Terminal, on_terminal
from tests.e2e.test_process import ended, subtally


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A folder with nothing in it."""
    folder = tmp_path / "watch"
    folder.mkdir()
    return folder


def modes(folder: Path) -> dict[str, int]:
    """Of everything below it."""
    return {str(path.relative_to(folder)): path.stat().st_mode & 0o777 for path in folder.rglob("*")}


async def give_key(terminal: Terminal, house: House, venue: str = "okx", **other: str) -> None:
    given = {**house.simulator.credentials()[venue], **other}
    await terminal.answer("Host of its API", given["base_url"])
    await terminal.hides("API key", given["api_key"])
    await terminal.hides("API secret", given["api_secret"])
    if "passphrase" in given:
        await terminal.hides("Passphrase", given["passphrase"])


async def give_rule(terminal: Terminal, below: str = "1000") -> None:
    await terminal.answer("Sub-accounts", "")
    await terminal.answer("Coin", "usdt")
    await terminal.answer("Free amount", below)


async def until_key(terminal: Terminal, venue: str = "okx") -> None:
    await terminal.answer("Rules file", "")
    await terminal.answer("Venue", venue)
    await terminal.answer("Your name for it", "")


@pytest.mark.parametrize("venue", ["binance", "okx", "bitget"])
async def test_from_nothing_to_a_watch_that_tells(house: House, fresh: Path, venue: str) -> None:
    async with on_terminal(fresh, "setup") as terminal:
        await until_key(terminal, venue)
        await give_key(terminal, house, venue)
        await terminal.shows("the key only reads, is bound to an address")
        await give_rule(terminal)
        await terminal.answer("Your name for it", "")
        await terminal.hides("Apprise URL", house.recorder.url)
        await terminal.shows("was delivered")
        assert await terminal.ended() == 0
        screen = terminal.screen
    assert "test" in house.recorder.text
    assert "subtally --config rules.toml run" in screen
    config = load(fresh / "rules.toml")
    assert config.warnings == ()
    assert config.missing_secrets() == []
    quiet = (fresh / "rules.toml").read_text().replace("[daemon]", '[daemon]\nlisten = ""\npoll_every = "1s"')
    (fresh / "rules.toml").write_text(quiet)  # the port may be taken here
    (rule,) = config.ruleset.rules
    assert (rule.name, rule.type, config.exchanges[0].settings.kind) == ("USDT floor", "low_balance", venue)
    name = house.simulator.venues[venue].accounts[0].name
    wallets = ("funding", "trading") if venue == "okx" else (None,)
    for wallet in wallets:
        house.simulator.venues[venue].set_balance(name, "USDT", free="1", wallet=wallet)
    async with subtally(fresh, "run"):
        await house.recorder.until(lambda told: f"USDT free {len(wallets)} < 1,000" in told.text, 60)


async def test_law_12_secrets_are_neither_shown_nor_in_the_file_and_their_files_are_the_owners_alone(
    house: House, fresh: Path
) -> None:
    async with on_terminal(fresh, "setup") as terminal:
        await until_key(terminal)
        await give_key(terminal, house)
        await give_rule(terminal)
        await terminal.answer("Your name for it", "desk")
        await terminal.hides("Apprise URL", house.recorder.url + "?+X-Token=secret-of-the-url")
        assert await terminal.ended() == 0
        screen = terminal.screen
    given = house.simulator.credentials()["okx"]
    secrets = {
        "okx-main-key": given["api_key"],
        "okx-main-secret": given["api_secret"],
        "okx-main-passphrase": given["passphrase"],
        "desk-url": house.recorder.url + "?+X-Token=secret-of-the-url",
    }
    told = screen + (fresh / "rules.toml").read_text()
    assert [name for name, value in secrets.items() if value in told] == []
    assert "secret-of-the-url" not in told
    assert {path.name: path.read_text() for path in (fresh / "secrets").iterdir()} == secrets
    assert modes(fresh) == {"rules.toml": 0o600, "secrets": 0o700} | {
        f"secrets/{name}": 0o600 for name in secrets
    }


async def test_a_wrong_key_is_told_and_may_be_entered_again(house: House, fresh: Path) -> None:
    async with on_terminal(fresh, "setup") as terminal:
        await until_key(terminal)
        await give_key(terminal, house, api_secret="wrong-secret")
        await terminal.shows("nothing is known of the key")
        await terminal.answer("Enter the key again, or keep it?", "again")
        await give_key(terminal, house)
        await terminal.shows("the key only reads")
        await give_rule(terminal)
        await terminal.answer("Your name for it", "")
        await terminal.hides("Apprise URL", house.recorder.url)
        assert await terminal.ended() == 0
        assert "wrong-secret" not in terminal.screen
    secret = house.simulator.credentials()["okx"]["api_secret"]
    assert (fresh / "secrets/okx-main-secret").read_text() == secret


async def test_a_key_that_may_do_more_is_named_and_may_be_kept(house: House, fresh: Path) -> None:
    house.simulator.venues["okx"].set_rights({"perm": "read_only,trade"})
    async with on_terminal(fresh, "setup") as terminal:
        await until_key(terminal)
        await give_key(terminal, house)
        await terminal.shows("beyond reading the key may: trade")
        await terminal.answer("Enter the key again, or keep it?", "keep")
        await give_rule(terminal)
        await terminal.answer("Your name for it", "")
        await terminal.hides("Apprise URL", house.recorder.url)
        assert await terminal.ended() == 0


async def test_wrong_answers_are_asked_again_with_the_reason(house: House, fresh: Path) -> None:
    async with on_terminal(fresh, "setup") as terminal:
        await terminal.answer("Rules file", "nowhere.txt")
        await terminal.shows("ends in .toml")
        await terminal.answer("Rules file", "")
        await terminal.answer("Venue", "kraken")
        await terminal.shows("answer with one of: binance, okx, bitget")
        await terminal.answer("Venue", "bin")
        await terminal.answer("Your name for it", "a b")
        await terminal.shows("letters, digits")
        await terminal.answer("Your name for it", "")
        await terminal.answer("Host of its API", "ftp://venue")
        await terminal.shows("http")
        await terminal.answer("Host of its API", house.simulator.credentials()["binance"]["base_url"])
        await terminal.hides("API key", "")
        await terminal.shows("it is empty")
        await terminal.hides("API key", "two words")
        await terminal.shows("it holds a space")
        await terminal.hides("API key", "@/nowhere/key")
        await terminal.shows("No such file")
        await terminal.hides("API key", house.simulator.credentials()["binance"]["api_key"])
        await terminal.hides("API secret", house.simulator.credentials()["binance"]["api_secret"])
        await terminal.answer("Sub-accounts", "mm-*,")
        await terminal.shows("is not a pattern")
        await terminal.answer("Sub-accounts", "mm-*, arb@desk.example")
        await terminal.answer("Coin", "U$")
        await terminal.shows("is not a coin")
        await terminal.answer("Coin", "")
        await terminal.answer("Free amount", "much")
        await terminal.shows("is not an amount")
        await terminal.answer("Free amount", "0")
        await terminal.shows("nothing is below 0")
        await terminal.answer("Free amount", "12_500.25")
        await terminal.answer("Your name for it", "")
        await terminal.hides("Apprise URL", "nonsense://secret-token-of-mine")
        await terminal.shows("no service is known as")
        await terminal.hides("Apprise URL", "alertmanager://127.0.0.1:1")
        await terminal.shows("connection refused")
        await terminal.answer("Enter the URL again, or keep it?", "a")
        await terminal.hides("Apprise URL", "json://127.0.0.1:1/")
        await terminal.shows("was not delivered")
        await terminal.answer("Enter the URL again, or keep it?", "a")
        await terminal.hides("Apprise URL", house.recorder.url)
        assert await terminal.ended() == 0
        assert "secret-token-of-mine" not in terminal.screen
    (rule,) = load(fresh / "rules.toml").ruleset.rules
    assert rule.account.wanted == ("mm-*", "arb@desk.example")
    assert "12500.25" in repr(rule.spec)


async def test_ctrl_d_is_a_way_to_leave(fresh: Path) -> None:
    async with on_terminal(fresh, "setup") as terminal:
        await until_key(terminal)
        await terminal.shows("Host of its API")
        await terminal.shows(": ")
        terminal.leave()
        assert await terminal.ended() == 130
        assert "nothing was written" in terminal.screen
        assert "run it on a terminal" not in terminal.screen
    assert modes(fresh) == {}


async def test_ctrl_c_leaves_nothing_behind(house: House, fresh: Path) -> None:
    async with on_terminal(fresh, "setup") as terminal:
        await until_key(terminal)
        await give_key(terminal, house)
        await give_rule(terminal)
        await terminal.answer("Your name for it", "")
        await terminal.shows("Apprise URL")
        terminal.interrupt()
        assert await terminal.ended() == 130
        assert "nothing was written" in terminal.screen
        assert "Traceback" not in terminal.screen
    assert modes(fresh) == {}


async def test_an_existing_file_is_kept_unless_its_replacement_is_agreed_to(
    house: House, fresh: Path
) -> None:
    (fresh / "rules.toml").write_text("# mine\n")
    async with on_terminal(fresh, "setup") as terminal:
        await terminal.answer("Rules file", "")
        await terminal.answer("rules.toml exists. Replace it?", "")
        assert await terminal.ended() == 1
    assert (fresh / "rules.toml").read_text() == "# mine\n"
    async with on_terminal(fresh, "--config", "rules.toml", "setup") as terminal:
        await terminal.answer("rules.toml exists. Replace it?", "yes")
        await terminal.answer("Venue", "okx")
        await terminal.answer("Your name for it", "")
        await give_key(terminal, house)
        await give_rule(terminal)
        await terminal.answer("Your name for it", "")
        await terminal.hides("Apprise URL", house.recorder.url)
        assert await terminal.ended() == 0
    (kept,) = [name for name in modes(fresh) if name.startswith("rules.toml.before-")]
    assert ((fresh / kept).read_text(), modes(fresh)[kept]) == ("# mine\n", 0o600)
    assert load(fresh / "rules.toml").exchanges[0].settings.kind == "okx"


async def piped(folder: Path, *answers: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "daemon.cli", "setup", cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(40):
        out, err = await process.communicate("".join(f"{one}\n" for one in answers).encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_without_a_terminal_each_line_is_one_answer(house: House, fresh: Path) -> None:
    given = house.simulator.credentials()["okx"]
    key = (given["base_url"], given["api_key"], given["api_secret"], given["passphrase"])
    rest = ("*", "USDT", "1000", "oncall", house.recorder.url)
    code, out, err = await piped(fresh, "rules.toml", "okx", "okx-main", *key, *rest)
    assert code == 0, err
    assert out.splitlines()[-1].endswith("rules.toml")
    assert given["api_secret"] not in out + err
    async with subtally(fresh, "check", "--online") as process:
        code, out, err = await ended(process)
    assert code == 0, err


async def test_without_a_terminal_a_wrong_or_a_missing_answer_ends_it_with_the_question(fresh: Path) -> None:
    code, _, err = await piped(fresh, "rules.toml", "kraken")
    assert (code, err.splitlines()[-1]) == (
        1,
        "Venue (binance, okx, bitget): answer with one of: binance, okx, bitget",
    )
    code, _, err = await piped(fresh, "rules.toml", "okx")
    assert (code, 'there is no answer to "Your name for it' in err) == (3, True)
    assert modes(fresh) == {}


def test_a_failure_half_way_through_writing_leaves_what_was(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text("before")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").write_text("")
    good = Planned(tmp_path / "rules.toml", b"after")
    with pytest.raises(OSError):  # noqa: PT011  whichever the system gives
        write_all([good, Planned(tmp_path / "taken/file/below", b"x")])
    assert (tmp_path / "rules.toml").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rules.toml", "taken"]
