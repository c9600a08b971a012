"""What people order by commands, as processes beside the running daemon: acks, silences, retries."""

from __future__ import annotations

import json
from pathlib import Path

from daemon.app import App
from tests.e2e.house import House
from tests.e2e.test_commands_process import subtally

FLOOR = '[[rule]]\nname = "floor"\ntype = "low_balance"\nasset = "USDT"\nwallet = ["spot", "funding"]\nbelow = 10\n'
WHO = ("--reason", "migration", "--by", "kim")


async def starve(house: House, index: int, figure: str) -> None:
    account = house.simulator.venues["okx"].accounts[index]
    house.simulator.venues["okx"].set_balance(account.name, "USDT", wallet="funding", free=figure)


def silences_of(app: App) -> set[str]:
    return set(app.engine.world.silences)


async def test_an_ack_beside_the_daemon_reaches_the_engine(house: House) -> None:
    house.write(FLOOR)
    async with house.daemon():
        await house.judged()
        await starve(house, 0, "1.25")
        await house.recorder.until(lambda told: bool(told.blocks("1.25")))
        alert = json.loads((await subtally("alerts", "-c", house.rules_file, "--json")).stdout)[0]["id"]
        assert f"ack: subtally ack {alert} --by NAME" in house.recorder.text
        acked = await subtally("ack", alert, "--by", "kim", "-c", house.rules_file)
        assert (acked.code, acked.stderr) == (0, "")
        await house.until(
            lambda app: (
                [one.acked_by for one in app.engine.world.alerts.values() if one.id == alert] == ["kim"]
            )
        )
        missing = await subtally("ack", "A99999", "--by", "kim", "-c", house.rules_file)
        assert (missing.code, missing.stdout) == (1, "")
        assert "Traceback" not in missing.stderr


async def test_a_silence_counts_once_the_command_has_returned_and_its_end_tells_what_still_fires(
    house: House,
) -> None:
    house.write(FLOOR)
    async with house.daemon() as app:
        await house.judged()
        quiet, loud = (house.simulator.venues["okx"].accounts[at].name for at in (0, 1))
        made = await subtally(
            "silence", "add", "--account", quiet, "--for", "2h", *WHO, "-c", house.rules_file, "--json"
        )
        assert (made.code, made.stderr) == (0, "")
        ident = json.loads(made.stdout)["id"]
        await starve(house, 0, "1.25")
        await house.until(
            lambda app: any(one.facts.value == "1.25" for one in app.engine.world.alerts.values())
        )
        await starve(house, 1, "2.5")
        await house.recorder.until(lambda told: bool(told.blocks(loud, "2.5")))
        assert not house.recorder.blocks(quiet)
        await house.until(lambda app: silences_of(app) == {ident})
        ended = await subtally("silence", "end", ident, "--by", "bob", "-c", house.rules_file)
        assert (ended.code, ended.stderr) == (0, "")
        await house.recorder.until(lambda told: bool(told.blocks(quiet, "1.25")))
        await house.until(lambda app: not silences_of(app))
        await app.engine.settled()
    told = json.loads((await subtally("history", "-c", house.rules_file, "--json")).stdout)
    ordered = [(one["event"], one["by"]) for one in told if one["event"] in {"silence", "unsilence"}]
    assert ordered == [("silence", "kim"), ("unsilence", "bob")]


async def test_a_dead_message_is_sent_again_under_its_id_when_a_person_says_so(house: House) -> None:
    house.write(FLOOR)
    async with house.daemon():
        await house.judged()
        house.recorder.answers.append(404)
        await starve(house, 0, "1.25")

        async def dead() -> list[dict[str, str]]:
            command = ("notifications", "--state", "dead", "--json")
            found: list[dict[str, str]] = json.loads(
                (await subtally(*command, "-c", house.rules_file)).stdout
            )
            return found

        await house.until(
            lambda app: any(one.rule == "subtally/notification" for one in app.engine.world.alerts.values())
        )
        message = (await dead())[0]["message"]
        assert not house.recorder.blocks("1.25", message)
        retried = await subtally("notifications", "retry", message, "--by", "kim", "-c", house.rules_file)
        assert (retried.code, retried.stdout.split()[0]) == (0, message)
        await house.recorder.until(lambda told: bool(told.blocks("1.25", message)))
    again = await subtally("notifications", "retry", message, "-c", house.rules_file)
    assert (again.code, again.stdout) == (1, "")
    assert again.stderr == f"nothing dead to send again: {message} is delivered\n"


async def test_wrong_usage_is_2_and_nothing_is_ordered(house: House, tmp_path: Path) -> None:
    house.write(FLOOR)
    file = house.rules_file
    for args in (
        ("ack", "A1B2C"),
        ("silence", "add", "--all", "--for", "2h", "--by", "kim"),
        ("silence", "add", "--all", *WHO),
        ("silence", "add", "--for", "2h", *WHO),
        ("silence",),
        ("notifications", "retry"),
        ("history", "--since", "x"),
    ):
        ended = await subtally("-c", file, *args)
        assert (ended.code, ended.stdout if args != ("silence",) else "") == (2, ""), args
        assert "Traceback" not in ended.stderr
    assert not (tmp_path / "subtally.db").exists()
