"""Incident scripts: what they may say, what they are told when they may not, and that they play in time."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from daemon.simulator import DEMO, Incident, ManualClock, ScriptError, Simulator, load_script, parse_script

SET = 'exchange = "binance"\ndo = "set"\naccount = "mm-1@desk.example"\nasset = "USDT"\n'


def incident(rest: str) -> str:
    return f"[[incident]]\n{rest}\n"


async def played(text: str, simulator: Simulator) -> list[Incident]:
    """Play a script to its end by moving the clock only."""
    clock = simulator.clock
    assert isinstance(clock, ManualClock)
    heard: list[Incident] = []
    playing = asyncio.create_task(simulator.play(parse_script(text), heard.append))
    while not playing.done():
        await asyncio.sleep(0)
        clock.advance(0.25)
    await playing
    return heard


@pytest.mark.parametrize(
    "text, message",
    [
        ("[[incident]", "script: Expected"),
        ("[incident]\nat = 1", r"write \[\[incident\]\]"),
        ("incidents = []", "unknown key 'incidents'"),
        (incident(SET), "incident 1 (set): at = None is not a duration"),
        (incident('at = "5"\n' + SET), "not a duration"),
        (incident('at = ""\n' + SET), "not a duration"),
        (incident("at = 5\n" + SET), "not a duration"),
        (incident('at = "1s"\n' + SET + "fre = 1"), "unknown key 'fre'; did you mean 'free'?"),
        (
            incident('at = "1s"\n' + SET + "free = true"),
            "free = True must be text or a whole number or a number",
        ),
        (incident('at = "1s"\nexchange = "binance"\ndo = "set"\nasset = "USDT"'), "'account' is missing"),
        (incident('at = "1s"\nexchange = "binanc"\ndo = "clear"'), "did you mean 'binance'?"),
        (incident('at = "1s"\nexchange = "okx"\ndo = "frezee"'), "did you mean 'freeze'?"),
        (incident('at = "1s"\nexchange = "okx"'), "'do' is missing"),
        (incident('at = "1s"\nexchange = "okx"\ndo = "clear"\nsay = 1'), "say = 1 must be text"),
    ],
)
def test_a_wrong_script_is_told_where_and_what(text: str, message: str) -> None:
    with pytest.raises(ScriptError) as raised:
        parse_script(text)
    assert message.replace("\\", "") in str(raised.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"none\.toml"):
        load_script(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "rest, message",
    [
        ('do = "freeze"\naccount = "nobody"', "no account 'nobody'"),
        ('do = "set"\naccount = "deskmm1"\nasset = "USDT"\nfree = "many"', "not an amount"),
        ('do = "rename"\naccount = "deskmm1"', "name or a label"),
        ('do = "remove"\naccount = "deskmm1"\ntombstone = true', "only bitget"),
        ('do = "fault"\nkind = "magic"', "no fault 'magic'"),
        ('do = "rights"\nrights = { trade = true }', "keys have no"),
    ],
)
async def test_what_the_venue_does_not_allow_stops_the_script(rest: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message) as raised:
        await played(incident(f'at = "0s"\nexchange = "okx"\n{rest}'), Simulator(clock=ManualClock()))
    assert "incident 1" in str(raised.value)


async def test_incidents_happen_at_their_time_and_end_after_their_for() -> None:
    clock = ManualClock(0)
    simulator = Simulator(clock=clock)
    times: list[tuple[int, str, bool]] = []
    text = (
        incident('at = "2s"\nexchange = "okx"\ndo = "freeze"\naccount = "deskmm1"\nfor = "1.5s"')
        + incident('at = "1s"\nexchange = "bitget"\ndo = "outage"\nfor = "1m"\nsay = "down"')
        + incident('at = "1m30s"\nexchange = "binance"\ndo = "clear"')
    )
    playing = asyncio.create_task(
        simulator.play(parse_script(text), lambda i: times.append((clock.now_ms(), i.do, i.ends)))
    )
    while not playing.done():
        await asyncio.sleep(0)
        clock.advance(0.5)
    await playing
    assert times == [
        (1000, "outage", False),
        (2000, "freeze", False),
        (3500, "freeze", True),
        (61_000, "outage", True),
        (90_000, "clear", False),
    ]
    assert not simulator.okx.account("deskmm1").frozen
    assert len(simulator.bitget.faults) == 0


async def test_every_action_acts() -> None:
    simulator = Simulator(clock=ManualClock())
    lines = {
        "binance": [
            'do = "set"\naccount = "mm-1@desk.example"\nasset = "BTC"\nfree = 1.25\nwithdrawing = "0.5"',
            'do = "move"\naccount = "master"\nto = "mm-2@desk.example"\nasset = "USDT"\namount = 1000',
            'do = "remove"\naccount = "arb@desk.example"',
            'do = "drain"\naccount = "hedge@desk.example"',
            'do = "rights"\nrights = { enableWithdrawals = true }',
            'do = "ban"\nfor = "2m"',
            'do = "clock"\noffset_ms = 5000',
            'do = "maintenance"',
        ],
        "okx": [
            'do = "rename"\naccount = "deskmm1"\nname = "deskmm9"',
            'do = "unlist"\naccount = "deskmm2"',
            'do = "hold"\naccount = "deskmm2"\nasset = "USDT"\namount = 5\nas = "frozen"\nwallet = "trading"',
            'do = "rights"\nrights = { perm = "read_only,withdraw", ip = "" }',
            'do = "fault"\nkind = "truncate"\npath = "/api/v5/asset/*"\naccount = "deskarb"\ntimes = 2',
        ],
        "bitget": [
            'do = "add"\naccount = "new@virtual.example"\nlabel = "new"\nid = "42"\nbalances = { USDT = 5 }',
            'do = "freeze"\naccount = "mm-1"',
            'do = "remove"\naccount = "mm-2"\ntombstone = true',
            'do = "rights"\nrights = { authorities = ["stor", "wwow"], ips = "" }',
            'do = "clear"',
        ],
    }
    text = "".join(
        incident(f'at = "{number}s"\nexchange = "{exchange}"\n{line}')
        for exchange, rows in lines.items()
        for number, line in enumerate(rows)
    )
    heard = await played(text, simulator)
    binance, okx, bitget = simulator.binance, simulator.okx, simulator.bitget
    assert len(heard) == sum(map(len, lines.values()))
    assert binance.account("mm-1@desk.example").holdings("spot")["BTC"].total == Decimal("1.75")
    assert binance.master.holdings("Spot")["USDT"].free == Decimal(249_000)
    assert binance.named("arb@desk.example") is None
    assert binance.account("hedge@desk.example").holdings("spot") == {}
    assert binance.rights["enableWithdrawals"] is True
    assert binance.block.remaining_ms > 0
    assert (binance.clock_offset_ms, binance.under_maintenance) == (5000, True)
    assert okx.named("deskmm9") is not None
    assert okx.account("deskmm2").hidden == {"list"}
    assert okx.account("deskmm2").holdings("trading")["USDT"].frozen == Decimal(5)
    assert (okx.permissions, okx.ip) == ("read_only,withdraw", "")
    assert len(okx.faults) == 1
    assert bitget.account("42").label == "new"
    assert bitget.account("mm-1").frozen
    assert (bitget.authorities, bitget.ips) == (["stor", "wwow"], "")


DEMO_ENDS_SECONDS = 40


async def test_the_demo_plays_to_its_end_from_a_fresh_simulator() -> None:
    script = load_script(DEMO)
    simulator = Simulator(clock=ManualClock())
    heard = await played(DEMO.read_text(), simulator)
    assert simulator.bitget.account("grid-eu").hidden == {"list"}
    assert simulator.binance.account("grid-eu@desk.example").hidden == {"list", "summary"}
    assert len(heard) == len(script.incidents)
    assert script.duration_seconds <= DEMO_ENDS_SECONDS
    assert all(incident.say for incident in script.incidents)


def test_the_demo_has_each_kind_of_incident_from_each_venue_in_time() -> None:
    held = {"binance": {"frozen", "withdrawing", "locked"}, "okx": {"frozen"}, "bitget": {"frozen", "locked"}}
    begun = [incident for incident in load_script(DEMO).incidents if incident.at_seconds <= 25]
    for exchange in ("binance", "okx", "bitget"):
        here = [incident for incident in begun if incident.exchange == exchange]
        verbs = {incident.do for incident in here}
        assert {"set", "add", "remove", "freeze", "rename", "unlist", "drain", "move", "hold"} <= verbs
        assert {incident.arguments["as"] for incident in here if incident.do == "hold"} == held[exchange]
