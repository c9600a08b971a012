"""The traps of issue 3, one test a row, over real HTTP: what is told, that nothing else is, and the recovery."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.exchanges import gates
from daemon.exchanges.bitget import Bitget
from daemon.exchanges.calling import Caller
from daemon.exchanges.http import Timeouts
from daemon.exchanges.okx import Okx
from daemon.simulator import Fault, named_fault
from tests.e2e.house import House, a_house
from tests.e2e.traps import (
    BALANCES,
    BROKEN,
    EMPTY_LIST,
    HTML,
    INCIDENT,
    LISTS,
    RULES,
    SPOILT,
    VENUES,
    doubled,
    numbers,
    token,
    torn_user,
    watching,
    widened,
)

SUMMARY = "/sapi/v1/sub-account/spotSummary"
WALLET = {"binance": "spot", "okx": "funding", "bitget": "spot"}
TRADING = "/api/v5/account/subaccount/balances"
HASTY = """
[[rule]]
name = "hasty"
type = "low_balance"
asset = "USDT"
below = 60000
confirm = 1
"""

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are tried again at once, patience with a slow answer is short, and slots are many.

    The windows of the limits stay as they are; `watching` widens the simulator's as well.
    """
    monkeypatch.setattr(gates, "BACKOFF_FIRST_SECONDS", 0.02)
    monkeypatch.setattr(Caller, "TIMEOUTS", Timeouts(connect=3, silence=2, total=3))
    for client in (Okx, Bitget):
        wide = {name: replace(one, limit=widened(one.limit)) for name, one in client.ENDPOINTS.items()}
        monkeypatch.setattr(client, "ENDPOINTS", wide)


# Answers that cannot be trusted


TRUST = [
    (f"{venue}-{trap}", venue, make(venue), says) for trap, (make, says) in SPOILT.items() for venue in VENUES
]
TRUST += [(trap, venue, make(), says) for trap, (venue, make, says) in BROKEN.items()]


@pytest.mark.parametrize("venue, spoilt, says", [pytest.param(*row[1:], id=row[0]) for row in TRUST])
async def test_law_1_an_answer_that_cannot_be_trusted_changes_nothing_and_tells_nobody(
    house: House, venue: str, spoilt: Fault, says: str
) -> None:
    async with watching(house, venue) as watch:
        figures, present = watch.figures, watch.present
        victim = None if venue == "bitget" else watch.model.accounts[-1].name
        fault = watch.spoil(BALANCES[venue], spoilt, victim)
        await watch.until(lambda: watch.hits >= 3 and any(says in reason for reason in watch.reasons))
        assert (watch.figures, watch.present, watch.told) == (figures, present, Counter())
        watch.model.faults.clear(fault)
        await watch.incident()
        await watch.incident(watch.labels[-1], "8.25")


async def test_law_1_one_row_of_a_bitget_page_that_cannot_be_read_concerns_its_account_only(
    house: House,
) -> None:
    async with watching(house, "bitget", stale_after="2s") as watch:
        fault = watch.spoil(BALANCES["bitget"], token("bitget", '"NaN"'))
        block = await watch.told_of("subtally/stale-account", watch.labels[-1])
        assert "'NaN' is not an amount" in block
        await watch.incident()
        watch.model.faults.clear(fault)
        await watch.told_of("RESOLVED", "subtally/stale-account")
        assert watch.told == {
            "WARNING subtally/stale-account": 1,
            "RESOLVED subtally/stale-account": 1,
            "WARNING floor": 1,
            "WARNING moves": 1,
        }


@pytest.mark.parametrize("venue", ["binance", "okx"])
async def test_one_account_with_500_for_five_polls_is_one_alert_with_the_reason(
    house: House, venue: str
) -> None:
    """Law 14: told of once; the others are judged as ever, and nothing of its figures changes (law 1)."""
    async with watching(house, venue, stale_after="3s") as watch:
        victim = watch.labels[-1]
        figures = watch.figures[victim, WALLET[venue]]
        fault = watch.spoil(BALANCES[venue], Fault(status=500, body=""), victim)
        block = await watch.told_of("subtally/stale-account", victim, patience=25)
        assert "HTTP 500" in block
        await watch.incident()
        await watch.until(lambda: watch.hits >= 5)
        assert watch.figures[victim, WALLET[venue]] == figures
        watch.model.faults.clear(fault)
        await watch.incident(victim, "8.25", alone=False)
        assert watch.told == {
            "WARNING subtally/stale-account": 1,
            "RESOLVED subtally/stale-account": 1,
            "WARNING floor": 2,
            "WARNING moves": 2,
        }


# Answers that are strange and true


@pytest.mark.parametrize("venue", VENUES)
async def test_numbers_in_place_of_strings_are_read_to_the_last_digit(house: House, venue: str) -> None:
    async with watching(house, venue) as watch:
        watch.spoil(BALANCES[venue], Fault(transform=numbers))
        await watch.sweeps(3)
        assert (watch.reasons, watch.told) == ([], Counter())
        await watch.incident(figure="0.123456789012345678")


@pytest.mark.parametrize("figure", ["-5.5", "0.12345678901234567890123456789"])
@pytest.mark.parametrize("venue", VENUES)
async def test_law_9_negative_and_30_digit_amounts_are_told_exactly(
    house: House, venue: str, figure: str
) -> None:
    async with watching(house, venue) as watch:
        await watch.incident(figure=figure)
        assert watch.reasons == []


async def test_law_9_30_digits_before_the_point_are_told_exactly(house: House) -> None:
    async with watching(house, "binance") as watch:
        watch.model.set_balance(watch.labels[0], "USDT", free="123456789012345678901234567890")
        await watch.told_of("moves", "123,456,789,012,345,678,901,234,567,890")
        assert watch.told == {"WARNING moves": 1}


@pytest.mark.parametrize("text", ['""', "null"])
@pytest.mark.parametrize("venue", ["okx", "bitget"])
async def test_law_4_an_empty_amount_is_unknown_and_named_where_the_page_allows_it(
    house: House, venue: str, text: str
) -> None:
    """Law 14 too: a rule that cannot see says so."""
    floor_only = RULES.replace('type = "balance_change"', 'type = "balance_change"\nasset = "BTC"')
    async with watching(house, venue, stale_after="4s", rules=floor_only) as watch:
        fault = watch.spoil(BALANCES[venue], token(venue, text), watch.labels[-1] if venue == "okx" else None)
        block = await watch.told_of("subtally/unknown")
        assert "free" in block
        assert "floor" in block
        assert watch.told == {"WARNING subtally/unknown": 1}
        watch.model.faults.clear(fault)
        await watch.told_of("RESOLVED", "subtally/unknown")
        watch.model.set_balance(watch.labels[-1], "USDT", free="7.5")
        await watch.told_of("floor", watch.labels[-1], "7.5 < 1,000")
        assert watch.told == {
            "WARNING subtally/unknown": 1,
            "RESOLVED subtally/unknown": 1,
            "WARNING floor": 1,
        }


@pytest.mark.parametrize("venue", VENUES)
async def test_an_asset_listed_twice_with_the_same_figures_is_one(house: House, venue: str) -> None:
    async with watching(house, venue) as watch:
        watch.spoil(BALANCES[venue], doubled(venue, None))
        await watch.sweeps(3)
        assert (watch.reasons, watch.told) == ([], Counter())
        await watch.incident()


@pytest.mark.parametrize("venue", VENUES)
async def test_an_asset_with_letters_beyond_ascii_is_told_under_its_name(house: House, venue: str) -> None:
    async with watching(house, venue) as watch:
        watch.model.set_balance(watch.labels[0], "币安人生", free="4.25")
        await watch.told_of("moves", "币安人生", "4.25")
        assert watch.reasons == []
        await watch.incident()


@pytest.mark.parametrize("venue", VENUES)
async def test_a_glitch_tells_nobody_and_is_counted(house: House, venue: str) -> None:
    """One low reading, and the confirming one is fine."""
    async with watching(house, venue) as watch:
        # The page that ends a pass of Bitget's has no amount to spoil.
        glitch = replace(token(venue, '"5"'), times=1, page=1 if venue == "bitget" else None)
        watch.spoil(BALANCES[venue], glitch, None if venue == "bitget" else watch.labels[-1])
        await watch.until(lambda: watch.poller.counters.glitches)
        await watch.sweeps(2)
        assert watch.told == Counter()
        await watch.incident()


async def test_a_dropped_keep_alive_is_no_more_than_a_failed_call(house: House) -> None:
    async with watching(house, "binance") as watch:
        watch.spoil(BALANCES["binance"], named_fault("close_after"))
        await watch.until(lambda: watch.hits >= 9)
        assert watch.told == Counter()
        watch.model.faults.clear()
        await watch.incident()
        assert house.refusals() == {}


# Presence


@pytest.mark.parametrize("venue", VENUES)
async def test_law_2_an_empty_list_with_200_makes_nobody_vanish(house: House, venue: str) -> None:
    async with watching(house, venue) as watch:
        present = watch.present
        fault = watch.spoil(LISTS[venue], Fault(status=200, body=EMPTY_LIST[venue]))
        await watch.until(lambda: watch.hits >= 4)
        assert (watch.present, watch.told) == (present, Counter())
        watch.model.faults.clear(fault)
        await watch.incident()


@pytest.mark.parametrize("venue", VENUES)
async def test_law_2_a_page_failing_in_the_middle_of_a_listing_makes_nobody_vanish(
    house: House, venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the account that is truly gone: that is told once a listing is complete again."""
    for number in range(5):
        held = {WALLET[venue]: {"USDT": "5000"}}
        house.simulator.venues[venue].add(f"extra{number}", created_ms=number + 1, balances=held)
    monkeypatch.setattr(f"daemon.exchanges.{venue}.LIST_PAGE", 3)
    async with watching(house, venue) as watch:
        assert len(watch.present) == 8
        fault = watch.model.faults.add(Fault(path=LISTS[venue], page=2, status=500, body="", name="trap"))
        gone = watch.labels[-1]
        watch.model.remove(gone)
        incomplete = watch.poller.counters.incomplete
        await watch.until(lambda: watch.hits >= 3 and watch.poller.counters.incomplete > incomplete + 2)
        assert gone in watch.present
        assert watch.told == Counter()
        watch.model.faults.clear(fault)
        await watch.told_of("gone", gone)
        assert watch.told == {"WARNING gone": 1}


async def test_law_2_a_total_that_moves_between_pages_makes_nobody_vanish(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the list is refused the summary is the listing, and its totalCount is the witness."""
    monkeypatch.setattr("daemon.exchanges.binance.SUMMARY_PAGE", 2)
    for number in range(4):
        house.simulator.binance.add(f"extra{number}@desk.example")
    house.simulator.binance.faults.add(
        Fault(path=LISTS["binance"], status=400, body='{"code":-1002,"msg":"not authorised"}')
    )
    async with watching(house, "binance") as watch:
        moving = Fault(
            path=SUMMARY, page=2, transform=lambda body: body.replace(b'Count":', b'Count":1'), name="trap"
        )
        watch.model.faults.add(moving)
        gone = watch.labels[0]
        watch.model.remove(gone)
        await watch.until(lambda: watch.poller.counters.incomplete >= 3)
        assert watch.hits >= 3
        assert watch.told == Counter()
        watch.model.faults.clear(moving)
        await watch.told_of("gone", gone)
        assert watch.told == {"WARNING gone": 1}


async def test_law_2_okx_accounts_of_one_instant_over_a_page_border_are_all_listed(tmp_path: Path) -> None:
    async with a_house(tmp_path, okx=130, binance=0, bitget=0) as house:
        for account in house.simulator.okx.accounts[20:80]:
            account.created_ms = house.simulator.okx.accounts[20].created_ms
        house.extra["okx"] = 'read = ["funding"]\naccounts = ["deskmm*"]\n'
        async with watching(house, "okx") as watch:
            assert watch.present == set(watch.labels)
            listings = watch.poller.counters.listings
            await watch.until(lambda: watch.poller.counters.listings > listings + 1)
            assert (watch.poller.counters.incomplete, watch.told) == (0, Counter())
            await watch.incident()


async def test_law_2_more_okx_accounts_of_one_instant_than_a_page_holds_make_nobody_vanish(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path, okx=110, binance=0, bitget=0) as house:
        house.extra["okx"] = 'read = ["funding"]\naccounts = ["deskmm*"]\n'
        async with watching(house, "okx") as watch:
            for account in watch.model.accounts:
                account.created_ms = watch.model.accounts[0].created_ms
            await watch.until(lambda: watch.poller.counters.incomplete >= 2)
            assert watch.present == set(watch.labels)
            assert watch.told == Counter()


@pytest.mark.parametrize("over_pages", [False, True], ids=["one-page", "two-pages"])
@pytest.mark.parametrize("amount", [None, "1.5"], ids=["disjoint", "conflicting"])
async def test_law_3_the_same_bitget_user_twice_merges_or_makes_the_pass_incomplete(
    house: House, monkeypatch: pytest.MonkeyPatch, amount: str | None, *, over_pages: bool
) -> None:
    if over_pages:
        monkeypatch.setattr("daemon.exchanges.bitget.PASS_PAGE", 2)
    async with watching(house, "bitget") as watch:
        figures = watch.figures
        for fault in torn_user(amount, over_pages=over_pages):
            watch.model.faults.add(fault)
        passes = watch.app.engine.world.exchanges["bitget-main"].passes
        incomplete = watch.poller.counters.incomplete
        if amount is None:
            await watch.until(lambda: watch.app.engine.world.exchanges["bitget-main"].passes > passes + 3)
            assert watch.poller.counters.incomplete == incomplete
        else:
            await watch.until(lambda: watch.poller.counters.incomplete > incomplete + 2)
            assert watch.app.engine.world.exchanges["bitget-main"].passes <= passes + 1
            # What is heard of a pass is durable, and commits wait a moment for what comes with them.
            await watch.until(
                lambda: any("listed twice with different amounts" in reason for reason in watch.reasons)
            )
        assert (watch.figures, watch.told) == (figures, Counter())
        watch.model.faults.clear()
        await watch.incident()


async def test_law_3_an_emptied_bitget_account_that_is_still_listed_is_drained_and_its_floor_told(
    house: House,
) -> None:
    async with watching(house, "bitget") as watch:
        label = watch.labels[0]
        watch.model.drain(label)
        block = await watch.told_of("floor", label, "free 0 < 1,000")
        assert "still listed" in block
        await watch.told_of("status", label, "was drained: every wallet read is empty")
        await watch.until(lambda: watch.told["WARNING moves"] == 4)
        assert watch.told == {"WARNING floor": 1, "WARNING status": 1, "WARNING moves": 4}
        await watch.incident(watch.labels[1])


async def test_law_3_an_emptied_bitget_account_without_a_list_is_drained_or_unlisted(house: House) -> None:
    house.simulator.bitget.set_rights({"ips": ""})
    async with watching(house, "bitget") as watch:
        label = watch.model.accounts[0].id
        watch.model.drain(label)
        block = await watch.told_of("floor", label, "free 0 < 1,000")
        assert "drained or unlisted" in block
        await watch.told_of("status", label, "was drained or unlisted")
        await watch.until(lambda: watch.told["WARNING moves"] == 4)
        assert watch.told == {"WARNING floor": 1, "WARNING status": 1, "WARNING moves": 4}


@pytest.mark.parametrize("tombstone", [False, True])
async def test_law_3_a_deleted_bitget_account_is_gone_and_nothing_else(
    house: House, *, tombstone: bool
) -> None:
    async with watching(house, "bitget") as watch:
        label = watch.labels[0]
        house.simulator.bitget.remove(label, tombstone=tombstone)
        await watch.told_of("gone", label, "disappeared")
        await watch.incident()
        assert watch.told == {"WARNING gone": 1, **INCIDENT}


@pytest.mark.parametrize("venue", VENUES)
async def test_law_3_a_frozen_account_is_frozen_and_nothing_else(house: House, venue: str) -> None:
    async with watching(house, venue) as watch:
        label = watch.labels[0]
        watch.model.freeze(label)
        await watch.told_of("status", label, "was frozen by the venue")
        await watch.incident(label)
        assert watch.told == {"WARNING status": 1, **INCIDENT}


@pytest.mark.parametrize("venue", VENUES)
async def test_law_3_a_new_name_under_the_same_id_is_a_rename_that_names_the_rules_it_leaves(
    house: House, venue: str
) -> None:
    first = {"binance": "mm-1@desk.example", "okx": "deskmm1", "bitget": "mm-1"}[venue]
    named = (
        f'[[rule]]\nname = "by name"\ntype = "low_balance"\naccount = "{first}"\nasset = "ETH"\nbelow = 0.5\n'
    )
    async with watching(house, venue, rules=RULES + named) as watch:
        assert watch.labels[0] == first
        if venue == "bitget":
            watch.model.rename(first, label="elsewhere")
        else:
            watch.model.rename(first, name="elsewhere", label="elsewhere")
        block = await watch.told_of("status", "elsewhere", f"it was {first} before")
        assert "by name" in block
        await watch.incident("elsewhere")
        assert watch.told == {"WARNING status": 1, **INCIDENT}


async def test_a_stable_id_learned_late_is_no_event_and_is_adopted(house: House) -> None:
    house.simulator.binance.shows_user_ids = False
    async with watching(house, "binance") as watch:
        house.simulator.binance.shows_user_ids = True
        ids = {account.id for account in watch.model.accounts}
        accounts = watch.app.engine.world.accounts
        await watch.until(lambda: {a.identity.venue_id for a in accounts.values() if not a.master} == ids)
        assert watch.told == Counter()
        watch.model.rename(watch.labels[0], name="renamed@desk.example")
        await watch.told_of("status", "renamed@desk.example")
        assert watch.told == {"WARNING status": 1}


KEY = {"okx": "/api/v5/account/config", "bitget": "/api/v2/spot/account/info"}


@pytest.mark.parametrize("silent", [0, 2], ids=["told-at-once", "told-late"])
@pytest.mark.parametrize("venue", ["okx", "bitget"])
async def test_a_key_of_another_master_stops_that_exchange_and_the_others_go_on(
    house: House, venue: str, silent: int
) -> None:
    other = "binance"
    async with watching(house, venue, also=(other,)) as watch:
        present, figures = watch.present, watch.figures
        await watch.until(lambda: watch.app.engine.world.exchanges[watch.name].master_id)
    watch.model.master.id = "987654321"
    if silent:
        watch.spoil(KEY[venue], Fault(status=500, body="", times=silent))
    for account in watch.model.accounts[1:]:
        watch.model.remove(account.name)
    async with house.daemon() as app:
        watch.app = app
        await house.recorder.until(
            lambda r: bool(r.blocks("subtally/stale-exchange", "987654321", f"{venue}-main"))
        )
        assert (watch.present, watch.figures) == (present, figures)
        watch.venue = other
        app.engine.on_commit.append(watch.heard)
        await watch.incident()
    assert watch.told == {"CRITICAL subtally/stale-exchange": 1, **INCIDENT}


# Time, limits and refusals


@pytest.mark.parametrize("offset_ms", [40_000, -40_000])
@pytest.mark.parametrize("venue", VENUES)
async def test_a_clock_40_s_off_is_one_alert_and_everything_works(
    house: House, venue: str, offset_ms: int
) -> None:
    house.simulator.venues[venue].clock_offset_ms = offset_ms
    async with watching(house, venue) as watch:
        way = "behind" if offset_ms > 0 else "ahead of"
        block = await watch.told_of("subtally/clock", way)
        (seconds,) = re.findall(r"([\d.]+) s\b", block)
        assert abs(float(seconds) - 40) < 1  # known to within half of a call's time
        await watch.incident()
        watch.model.clock_offset_ms = 0
        await watch.incident(watch.labels[1], "8.25")
        while not watch.house.recorder.blocks("RESOLVED", "subtally/clock"):
            await watch.poller.examine()  # on a busy machine the venue's time may not come in time
            await asyncio.sleep(0.5)
        assert watch.told["WARNING subtally/clock"] == 1


LIMITED = {
    "binance": (429, '{"code":-1003,"msg":"Too many requests"}'),
    "okx": (429, '{"msg":"Too Many Requests","code":"50011"}'),
    "bitget": (429, '{"code":"429","msg":"Too Many Requests"}'),
}


@pytest.mark.parametrize("venue", VENUES)
async def test_law_11_retry_after_means_no_call_on_that_pool_while_others_go_on(
    house: House, venue: str
) -> None:
    async with watching(house, venue) as watch:
        status, body = LIMITED[venue]
        watch.spoil(BALANCES[venue], Fault(status=status, body=body, headers={"Retry-After": "3"}, times=1))
        await watch.until(lambda: watch.hits and watch.reasons)
        refused = next(record for record in watch.asked(BALANCES[venue]) if record.status == status)
        under_way = len([r for r in watch.asked(BALANCES[venue]) if r.at_ms <= refused.at_ms + 50])
        await watch.incident()
        after = watch.asked(BALANCES[venue])[under_way:]
        assert min(record.at_ms for record in after) >= refused.at_ms + 3_000
        assert any(refused.at_ms < r.at_ms < refused.at_ms + 3_000 for r in watch.asked(LISTS[venue]))
        assert watch.told == INCIDENT


@pytest.mark.parametrize("venue, least_ms", [("okx", 2_000), ("bitget", 1_000)])
async def test_law_11_a_429_without_retry_after_waits_a_window(
    house: House, venue: str, least_ms: int
) -> None:
    async with watching(house, venue) as watch:
        status, body = LIMITED[venue]
        watch.spoil(BALANCES[venue], Fault(status=status, body=body, times=1))
        await watch.until(lambda: watch.hits and watch.reasons)
        refused = next(record for record in watch.asked(BALANCES[venue]) if record.status == status)
        under_way = len([r for r in watch.asked(BALANCES[venue]) if r.at_ms <= refused.at_ms + 50])
        await watch.incident()
        after = watch.asked(BALANCES[venue])[under_way:]
        assert min(record.at_ms for record in after) >= refused.at_ms + least_ms
        assert watch.told == INCIDENT


async def test_law_11_a_binance_429_without_retry_after_waits_a_minute(house: House) -> None:
    async with watching(house, "binance") as watch:
        status, body = LIMITED["binance"]
        watch.spoil(BALANCES["binance"], Fault(status=status, body=body, times=1))
        await watch.until(lambda: watch.hits and watch.reasons)
        count = len(watch.asked(BALANCES["binance"]))
        lists = len(watch.asked(LISTS["binance"]))
        await watch.until(lambda: len(watch.asked(LISTS["binance"])) >= lists + 2)
        assert len(watch.asked(BALANCES["binance"])) == count
        held = watch.poller.venue.spent()["holds"]
        assert any(50_000 < until - watch.app.engine.clock() <= 60_000 for until in held.values())  # type: ignore[attr-defined]
        assert watch.told == Counter()


async def test_law_11_a_ban_is_zero_calls_across_a_restart(house: House) -> None:
    async with watching(house, "binance") as watch:
        watch.model.ban(6)
        ends_ms = watch.model.clock.now_ms() + 6_000
        await watch.told_of("CRITICAL", "subtally/ban")
        count = len(watch.asked())
    async with house.daemon() as app:
        watch.app = app
        app.engine.on_commit.append(watch.heard)
        await house.until(lambda _: len(watch.asked()) > count)
        assert watch.asked()[count].at_ms >= ends_ms
        await watch.told_of("RESOLVED", "subtally/ban")
        await watch.incident()
    assert watch.told == {"CRITICAL subtally/ban": 1, "RESOLVED subtally/ban": 1, **INCIDENT}


async def test_law_11_a_ban_for_120_s_is_kept_for_120_s(house: House) -> None:
    async with watching(house, "binance") as watch:
        watch.model.ban(120)
        await watch.told_of("CRITICAL", "subtally/ban")
        held = watch.poller.venue.spent()["holds"]["host"]  # type: ignore[index]
        assert 115_000 < held - watch.app.engine.clock() <= 121_000
        count = len(watch.asked())
    async with house.daemon() as app:
        poller = app.pollers["binance-main"]
        assert abs(poller.venue.spent()["holds"]["host"] - held) < 1_000  # type: ignore[index]
        await house.until(lambda _: poller.counters.failures > 0)
        assert len(watch.asked()) == count
    assert watch.told == {"CRITICAL subtally/ban": 1}


@pytest.mark.parametrize("venue", VENUES)
async def test_a_451_page_stops_the_exchange_and_says_why(house: House, venue: str) -> None:
    async with watching(house, venue) as watch:
        figures, present = watch.figures, watch.present
        fault = watch.spoil(BALANCES[venue], Fault(status=451, body=HTML, content_type="text/html"))
        block = await watch.told_of("CRITICAL", "is stopped", "subtally/stale-exchange")
        assert "location" in block
        assert (watch.figures, watch.present) == (figures, present)
        watch.model.faults.clear(fault)
        assert await watch.app.reload()
        await watch.told_of("RESOLVED", "subtally/stale-exchange")
        await watch.incident()


@pytest.mark.parametrize("venue", VENUES)
async def test_a_403_page_of_a_firewall_is_a_ban_named_as_such(
    house: House, venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"daemon.exchanges.{venue}.{venue.title()}.BANNED_SECONDS", (2,))
    async with watching(house, venue) as watch:
        figures, present = watch.figures, watch.present
        watch.spoil("*", Fault(status=403, body=HTML, content_type="text/html", times=1))
        block = await watch.told_of("CRITICAL", "subtally/ban")
        assert "firewall" in block
        assert (watch.figures, watch.present) == (figures, present)
        await watch.told_of("RESOLVED", "subtally/ban")
        await watch.incident()


async def test_the_wrong_account_mode_is_named_as_such(house: House) -> None:
    async with watching(house, "bitget") as watch:
        watch.spoil(
            BALANCES["bitget"], Fault(status=400, body='{"code":"40085","msg":"unified","data":null}')
        )
        block = await watch.told_of("CRITICAL", "is stopped")
        assert "wrong account mode" in block
        assert watch.told == {"CRITICAL subtally/stale-exchange": 1}


@pytest.mark.parametrize(
    "venue, ends_first",
    [("binance", False), ("okx", False), ("binance", True)],
)
async def test_announced_maintenance_is_named_and_widens_staleness(
    house: House, venue: str, *, ends_first: bool
) -> None:
    """`ends_first`: its end is announced before a call succeeds."""
    async with watching(house, venue, stale_after="3s") as watch:
        figures, present = watch.figures, watch.present
        watch.model.under_maintenance = True
        await watch.poller.examine()
        state = watch.app.engine.world.exchanges[watch.name]
        assert state.maintenance in {"system_maintenance", "Trading account system upgrade"}
        began = watch.app.engine.clock()
        await watch.until(lambda: watch.app.engine.clock() > began + 4_000)
        assert (watch.figures, watch.present, watch.told) == (figures, present, Counter())
        watch.model.under_maintenance = False
        if ends_first:
            watch.spoil("*/sub*", Fault(status=503, body=""))
            await watch.poller.examine()
            ended = watch.app.engine.clock()
            await watch.until(lambda: watch.app.engine.clock() > ended + 1_500)
            assert watch.told == Counter()
            watch.model.faults.clear()
        await watch.incident()


async def test_okx_funding_emptied_into_trading_is_a_wallet_move_and_no_low_balance(house: House) -> None:
    rules = RULES.replace("below = 1000", "below = 60000")
    name = _both_wallets(house)
    async with watching(house, "okx", rules=rules) as watch:
        watch.model.faults.add(Fault(path=TRADING, delay_seconds=0.2))
        for source, target in (("funding", "trading"), ("trading", "funding")) * 2:
            watch.model.move(name, name, "USDT", "50000", wallet=source, to_wallet=target)
            await watch.sweeps(3)
        assert watch.told == Counter()
        watch.model.set_balance(name, "USDT", wallet="trading", free="7.5")
        await watch.told_of("floor", name, "50,007.5 < 60,000")


async def test_a_wallet_move_between_two_overlapping_calls_is_no_fall_with_confirm_1(house: House) -> None:
    """Trading is asked before funding and answers after it: the move lies between the two answers."""
    name = _both_wallets(house)
    house.simulator.okx.move(name, name, "USDT", "50000", wallet="funding", to_wallet="trading")
    async with watching(house, "okx", rules=HASTY) as watch:
        slow = Fault(path=TRADING, account=name, request_delay_seconds=0.35, times=1, name="trap")
        watch.model.faults.add(slow)
        await watch.until(lambda: watch.hits)
        await watch.sweeps(1)
        watch.model.move(name, name, "USDT", "50000", wallet="trading", to_wallet="funding")
        await house.until(lambda _: watch.figures[name, "trading"]["USDT"][0] == "50000")
        await watch.sweeps(4)
        assert watch.told == Counter()


def _both_wallets(house: House) -> str:
    """50,000 USDT in each wallet of each OKX account, both read; the name of the first."""
    house.extra["okx"] = 'read = ["funding", "trading"]\n'
    for account in house.simulator.okx.accounts:
        for wallet in ("funding", "trading"):
            house.simulator.okx.set_balance(account.name, "USDT", wallet=wallet, free="50000")
    return house.simulator.okx.accounts[0].name
