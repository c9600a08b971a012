"""`check --online` against venues that verify signatures: what the key is, what it may do beyond reading."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from typing import Any

import pytest

from rules.model import Failure, FailureKind
from tests.e2e.house import House
from tests.e2e.test_process import ended, subtally

RULES = '[[rule]]\nname = "floor"\ntype = "low_balance"\nasset = "USDT"\nbelow = 1\n'


async def asked(house: House) -> tuple[int, dict[str, Any], str]:
    async with subtally(house.folder, "check", "--online", "--json") as process:
        code, out, err = await ended(process)
    return code, json.loads(out), err


async def test_keys_that_only_read_and_are_bound_are_in_order(house: House) -> None:
    house.write(RULES)
    code, told, err = await asked(house)
    assert (code, told["problems"], err) == (0, [], "")
    assert [(one["name"], one["ok"], one["rights"], one["ip_bound"]) for one in told["exchanges"]] == [
        (f"{venue}-main", True, [], True) for venue in ("binance", "okx", "bitget")
    ]
    assert all(abs(one["clock_offset_ms"]) < 1_000 for one in told["exchanges"])
    assert house.refusals() == {}


@pytest.mark.parametrize(
    "venue,rights,says",
    [
        (
            "binance",
            {"enableWithdrawals": True, "enableFutures": True},
            ["enableWithdrawals", "enableFutures"],
        ),
        ("binance", {"ipRestrict": False}, ["not bound to an IP address"]),
        ("okx", {"perm": "read_only,trade", "ip": ""}, ["trade", "not bound to an IP address"]),
        ("bitget", {"authorities": ["stow"]}, ["stow"]),
    ],
)
async def test_each_right_beyond_reading_and_a_missing_binding_are_faults(
    house: House, venue: str, rights: dict[str, Any], says: list[str]
) -> None:
    house.write(RULES)
    house.simulator.venues[venue].set_rights(rights)
    code, told, _ = await asked(house)
    assert code == 1
    problems = [one["message"] for one in told["problems"]]
    assert len(problems) == len(says)
    assert all(any(word in problem for problem in problems) for word in says)
    assert {one["key"] for one in told["problems"]} == {f'exchange "{venue}-main"'}
    assert not any("exchange" in problem for problem in problems)  # the key names it, and once is enough


async def test_a_wrong_key_is_a_fault_of_that_exchange_and_shows_no_secret(house: House) -> None:
    house.write(RULES)
    (house.folder / "okx.api_secret").write_text("wrong-secret-of-okx")
    code, told, err = await asked(house)
    assert code == 1
    assert {one["name"]: one["ok"] for one in told["exchanges"]} == {
        "binance-main": True, "okx-main": False, "bitget-main": True
    }  # fmt: skip
    assert "wrong-secret-of-okx" not in json.dumps(told) + err


async def test_an_absent_secret_is_a_fault_and_nobody_is_asked(house: House) -> None:
    house.write(RULES)
    (house.folder / "okx.passphrase").unlink()
    code, told, _ = await asked(house)
    assert (code, told["exchanges"]) == (1, [])
    assert "okx.passphrase" in told["problems"][0]["message"]
    assert all(venue.records.total == 0 for venue in house.simulator.venues.values())


async def test_law_11_a_ban_that_the_daemon_knows_is_zero_calls(house: House) -> None:
    house.write(RULES, venues=("binance",))
    async with house.daemon() as app:
        await house.judged()
        until_ms = time.time_ns() // 1_000_000 + 3_600_000
        app.engine.judge_now(
            Failure("binance-main", app.engine.clock(), FailureKind.BANNED, "banned", until_ms=until_ms)
        )
        await app.engine.settled()
    before = house.simulator.venues["binance"].records.total
    code, told, _ = await asked(house)
    assert code == 1
    assert "wants no call for another" in told["problems"][0]["message"]
    assert house.simulator.venues["binance"].records.total == before


async def test_law_11_a_ban_that_the_check_was_given_is_zero_calls_afterwards(house: House) -> None:
    house.write(RULES, venues=("binance",))
    async with house.daemon():
        await house.judged()
    venue = house.simulator.venues["binance"]
    venue.ban(120)
    code, told, _ = await asked(house)
    assert (code, len(told["problems"])) == (1, 1)
    calls = venue.records.total
    code, told, _ = await asked(house)
    assert code == 1
    assert "wants no call for another" in told["problems"][0]["message"]
    assert venue.records.total == calls


async def test_the_key_of_another_master_is_a_fault(house: House) -> None:
    house.write(RULES, venues=("okx",))
    async with house.daemon():
        await house.judged()
    async with subtally(house.folder, "check", "--online") as process:
        code, out, _ = await ended(process)
    assert code == 0
    assert out.startswith("okx-main: the key only reads, is bound to an address, belongs to master ")
    with closing(sqlite3.connect(house.folder / "subtally.db", isolation_level=None)) as db:
        db.execute("UPDATE exchanges SET body = json_set(body, '$.master_id', '4711')")
    code, told, _ = await asked(house)
    assert code == 1
    assert "but the state is of master 4711" in told["problems"][0]["message"]
