"""Law 1 on the wire: whatever goes wrong on the way tells nothing but a Failure with its reason."""

import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from daemon.exchanges.base import Credentials
from daemon.exchanges.calling import Caller
from daemon.exchanges.http import Timeouts
from daemon.exchanges.shared import Shared
from daemon.simulator import Fault, Simulator
from rules.model import Failure, FailureKind, Identity, Listing, Pass, Reading
from tests.contract.clients_support import HastyTime, client_at, client_of, gathered, of, only

ASSETS = "/sapi/v4/sub-account/assets"
SUMMARY = "/sapi/v1/sub-account/spotSummary"
LIST = "/sapi/v1/sub-account/list"
PAGES = "/api/v2/spot/account/subaccount-assets"


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Caller, "TIMEOUTS", Timeouts(connect=1, silence=1, total=2))


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(45, 250, 120, limits_scale=1000) as simulator:
        yield simulator


@pytest.fixture
async def binance(simulator: Simulator) -> AsyncIterator[Any]:
    client = client_of(simulator, "binance")
    await client.open()
    yield client
    await client.close()


@pytest.fixture
async def bitget(simulator: Simulator) -> AsyncIterator[Any]:
    client = client_of(simulator, "bitget")
    await client.open()
    yield client
    await client.close()


@pytest.fixture
async def okx(simulator: Simulator) -> AsyncIterator[Any]:
    client = client_of(simulator, "okx", shared=Shared(HastyTime()))
    await client.open()
    yield client
    await client.close()


def task_of(simulator: Simulator, client: Any, number: int = 0) -> Any:
    account = Identity(email=simulator.binance.accounts[number].name)
    return next(task for task in client.tasks([account]) if task.account == account)


async def one(client: Any, task: Any) -> Any:
    answers = await gathered(client.perform(task))
    assert len(answers) == 1
    return answers[0]


@pytest.mark.parametrize(
    "fault, kind, reason",
    [
        (Fault(end="hang"), FailureKind.TRANSIENT, "no answer for 1 s"),
        (Fault(end="reset"), FailureKind.TRANSIENT, "the connection was reset"),
        (Fault(end="close"), FailureKind.TRANSIENT, "the connection was closed without an answer"),
        (Fault(end="cut"), FailureKind.TRANSIENT, "the answer broke off"),
        (Fault(end="drip"), FailureKind.TRANSIENT, "no complete answer within 2 s"),
        (Fault(transform=lambda b: b[: len(b) // 2]), FailureKind.MALFORMED, "not JSON"),
        (Fault(body=""), FailureKind.MALFORMED, "not JSON"),
        (Fault(body="{}"), FailureKind.MALFORMED, "another shape"),
        (Fault(body="<html>wait</html>", content_type="text/html"), FailureKind.MALFORMED, "not JSON"),
        (Fault(bomb_bytes=1 << 25), FailureKind.MALFORMED, "longer than 8388608 bytes"),
        (Fault(headers={"Content-Encoding": "gzip"}), FailureKind.MALFORMED, "gzip"),
        (Fault(headers={"Content-Encoding": "br"}), FailureKind.MALFORMED, "compressed in a way"),
        (Fault(status=302, headers={"Location": "http://127.0.0.1:9/"}), FailureKind.TRANSIENT, "HTTP 302"),
        (Fault(status=503, body="<html>503</html>"), FailureKind.TRANSIENT, "an HTML page"),
        (Fault(status=500, body='{"code":-1000,"msg":"unknown"}'), FailureKind.TRANSIENT, "code -1000"),
    ],
    ids=lambda value: value.end + str(value.status or "") if isinstance(value, Fault) else None,
)
async def test_law_1_a_spoiled_answer_is_a_failure_with_its_own_reason(
    simulator: Simulator, binance: Any, fault: Fault, kind: FailureKind, reason: str
) -> None:
    task = task_of(simulator, binance)
    assert isinstance(await one(binance, task), Reading)
    simulator.binance.faults.add(Fault(**{**_members(fault), "path": ASSETS, "times": 1}))
    failure = await one(binance, task)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.account, failure.wallet, failure.stops) == (
        kind,
        task.account,
        "spot",
        False,
    )
    assert reason in failure.reason
    assert failure.reason.startswith(f"Binance {ASSETS}: ")
    assert failure.until_ms is not None
    assert 0 <= failure.until_ms - failure.at_ms <= 1100
    for secret in ("signature", *simulator.credentials()["binance"].values()):
        assert secret not in failure.reason
    assert isinstance(await one(binance, task), Reading)


def _members(fault: Fault) -> dict[str, Any]:
    return {name: getattr(fault, name) for name in Fault.__dataclass_fields__}


async def test_a_slot_is_used_once_per_call_though_the_kept_connection_is_dropped(
    simulator: Simulator, binance: Any
) -> None:
    task = task_of(simulator, binance)
    await one(binance, task)
    before = simulator.binance.records.paths[ASSETS]
    simulator.binance.faults.add(Fault(path=ASSETS, end="close", times=2))
    assert isinstance(await one(binance, task), Failure)
    assert simulator.binance.records.paths[ASSETS] == before + 1
    simulator.binance.faults.clear()
    simulator.binance.faults.add(Fault(path=ASSETS, end="close_after", times=5))
    for _ in range(5):
        await one(binance, task)  # a connection that was closed meanwhile may fail the next call
    assert simulator.binance.records.paths[ASSETS] <= before + 6


@pytest.mark.parametrize(
    "url, reason",
    [
        ("http://127.0.0.1:9", "Connection refused"),
        ("http://nowhere.invalid", "not known (DNS)"),
        ("https://127.0.0.1:{port}", "TLS"),
    ],
)
async def test_an_unreachable_venue_is_named_by_its_trouble(
    simulator: Simulator, url: str, reason: str
) -> None:
    port = simulator.okx.base_url.rpartition(":")[2]
    client = client_at("okx", url.format(port=port), Credentials("k", "s", "p"))
    await client.open()
    try:
        failure = only(Failure, await gathered(client.examine()))
        assert (failure.kind, failure.account) == (FailureKind.TRANSIENT, None)
        assert reason in failure.reason
    finally:
        await client.close()


async def test_the_backoff_of_one_account_grows_and_is_forgotten_with_a_success(
    simulator: Simulator, binance: Any
) -> None:
    bad, good = task_of(simulator, binance, 0), task_of(simulator, binance, 1)
    fault = simulator.binance.faults.add(Fault(path=ASSETS, account=bad.account.email, status=500, body="{}"))
    waits = []
    for _ in range(8):
        failure = await one(binance, bad)
        waits.append((failure.until_ms - failure.at_ms) / 1000)
        assert isinstance(await one(binance, good), Reading)  # slowed down by nobody
    assert 0.7 <= waits[0] <= 1.1
    assert 22 <= waits[-1] <= 30.1  # law 11: max(poll_every, 10 s)
    assert waits[3] > waits[1]
    simulator.binance.faults.clear(fault)
    assert isinstance(await one(binance, bad), Reading)
    simulator.binance.faults.add(fault)
    failure = await one(binance, bad)
    assert failure.until_ms - failure.at_ms <= 1100


async def test_a_refused_timestamp_is_learned_again_and_tried_once_more(
    simulator: Simulator, binance: Any
) -> None:
    task = task_of(simulator, binance)
    assert isinstance(await one(binance, task), Reading)
    for step_ms in (60_000, -60_000):
        simulator.binance.clock_offset_ms += step_ms
        assert isinstance(await one(binance, task), Reading)
    assert simulator.binance.records.paths["/api/v3/time"] == 3

    simulator.binance.faults.add(Fault(path=ASSETS, status=400, body='{"code":-1021,"msg":"Timestamp"}'))
    before = simulator.binance.records.paths[ASSETS]
    failure = await one(binance, task)
    assert (failure.kind, failure.account, failure.stops) == (FailureKind.CLOCK, None, False)
    assert simulator.binance.records.paths[ASSETS] == before + 2


async def test_a_key_that_worked_may_be_banned_for_a_while_and_does_not_stop(
    simulator: Simulator, binance: Any
) -> None:
    task = task_of(simulator, binance)
    assert isinstance(await one(binance, task), Reading)
    simulator.binance.faults.add(
        Fault(path=ASSETS, status=401, body='{"code":-2015,"msg":"Invalid API-key"}')
    )
    failure = await one(binance, task)
    assert (failure.kind, failure.stops) == (FailureKind.KEY, False)
    assert 59_000 <= failure.until_ms - failure.at_ms <= 60_100
    assert binance.spent()["worked"] is True


@pytest.mark.parametrize(
    "said", ["0" * 5000, "9" * 5000, "-1", "", "٣"], ids=["zeros", "nines", "-1", "empty", "arabic"]
)
async def test_a_usage_header_without_sense_spoils_no_reading(
    simulator: Simulator, binance: Any, bitget: Any, said: str
) -> None:
    headers = {"x-mbx-used-remain-limit": said, "X-SAPI-USED-UID-WEIGHT-1M": said}
    simulator.bitget.faults.add(Fault(path=PAGES, page=1, times=1, headers=headers))
    simulator.binance.faults.add(Fault(path=ASSETS, times=1, headers=headers))
    assert isinstance(await one(binance, task_of(simulator, binance)), Reading)
    answers = bitget.perform(bitget.tasks([])[0])
    assert isinstance(await anext(answers), Reading)
    await answers.aclose()


def numbers(body: bytes) -> bytes:
    return re.sub(rb'"(free|locked|freeze|withdrawing)":\s*"([0-9.]+)"', rb'"\1":\2', body)


async def test_numbers_in_place_of_strings_keep_their_digits(simulator: Simulator, binance: Any) -> None:
    name = simulator.binance.accounts[0].name
    fine = "1234567890123.123456789012345678"
    simulator.binance.set_balance(name, "ETH", free=fine)
    simulator.binance.faults.add(Fault(path=ASSETS, transform=numbers))
    reading = await one(binance, task_of(simulator, binance))
    assert reading.rows["ETH"][0] == fine


def edited(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    def edit(body: bytes) -> bytes:
        data = json.loads(body)
        change(data)
        return json.dumps(data).encode()

    return edit


def _another_total(page: Any) -> None:
    page["totalCount"] += 1


def _repeat(page: Any) -> None:
    page["spotSubUserAssetBtcVoList"][0]["email"] = "mm-1@desk.example"


def _lose(page: Any) -> None:
    page["spotSubUserAssetBtcVoList"].pop()


@pytest.mark.parametrize(
    "change, reason",
    [(_another_total, "totalCount changed"), (_repeat, "two pages"), (_lose, "totalCount says 45")],
)
async def test_law_2_a_summary_that_shifts_under_us_is_incomplete(
    simulator: Simulator, binance: Any, change: Callable[[Any], None], reason: str
) -> None:
    simulator.binance.faults.add(Fault(path=SUMMARY, page=3, transform=edited(change)))
    listing = only(Listing, await gathered(binance.perform(binance.tasks([])[0])))
    assert listing.complete is False
    assert reason in listing.reason
    assert len(listing.accounts) >= 44


@pytest.mark.parametrize("page", [1, 2])
async def test_law_2_a_failing_page_makes_the_summary_incomplete(
    simulator: Simulator, binance: Any, page: int
) -> None:
    simulator.binance.faults.add(Fault(path=SUMMARY, page=page, status=500, body="{}"))
    answers = await gathered(binance.perform(binance.tasks([])[0]))
    listing = only(Listing, answers)
    assert (listing.complete, len(listing.accounts)) == (False, {1: 0, 2: 25}[page])
    assert only(Failure, answers).kind is FailureKind.TRANSIENT


async def test_law_2_a_failing_or_repeated_page_makes_the_list_incomplete(
    simulator: Simulator, binance: Any, okx: Any, bitget: Any
) -> None:
    for number in range(300):
        simulator.binance.add(f"more-{number}@desk.example")
    simulator.binance.faults.add(Fault(path=LIST, page=2, end="reset", times=1))
    answers = await gathered(binance.listing())
    assert (only(Listing, answers).complete, len(only(Listing, answers).accounts)) == (False, 200)
    assert len(of(Failure, answers)) == 1
    assert len(only(Listing, await gathered(binance.listing())).accounts) == 345

    simulator.okx.faults.add(
        Fault(path="*/list", page=2, status=503, body='{"code":"50001","msg":""}', times=1)
    )
    assert only(Listing, await gathered(okx.listing())).complete is False
    listing = only(Listing, await gathered(okx.listing()))
    assert (listing.complete, len(listing.accounts)) == (True, 250)

    simulator.bitget.faults.add(Fault(path="*virtual*", body="[]", times=1))
    assert only(Listing, await gathered(bitget.listing())).complete is False


async def test_law_3_a_pass_with_a_failing_page_is_incomplete(simulator: Simulator, bitget: Any) -> None:
    simulator.bitget.faults.add(Fault(path=PAGES, page=2, status=503, body="{}", times=1))
    answers = await gathered(bitget.perform(bitget.tasks([])[0]))
    done = only(Pass, answers)
    assert (done.complete, len(done.seen), done.reason) == (False, 50, "page 2 failed")
    assert only(Failure, answers).kind is FailureKind.TRANSIENT
    assert len(of(Reading, answers)) == 50


async def test_law_3_a_page_that_comes_again_ends_the_pass_incomplete(
    simulator: Simulator, bitget: Any
) -> None:
    pages: list[bytes] = []

    def again(body: bytes) -> bytes:
        pages.append(body)
        return pages[0]

    simulator.bitget.faults.add(Fault(path=PAGES, transform=again))
    answers = await gathered(bitget.perform(bitget.tasks([])[0]))
    done = only(Pass, answers)
    assert (done.complete, done.reason, len(done.seen)) == (False, "a page came again", 50)
    assert len(of(Reading, answers)) == 50  # each once: a second would count as a confirmation
    assert len(pages) == 2


async def test_law_3_rows_of_one_user_merge_and_contradictions_are_not_read(
    simulator: Simulator, bitget: Any
) -> None:
    def split(data: Any) -> None:
        if not data["data"]:
            return
        first, second, third, *rest = data["data"]
        second["userId"] = first["userId"]
        second["assetsList"] = [{"coin": "XYZ", "available": "1"}]
        twin = {"id": 10**9, "userId": third["userId"], "assetsList": [{"coin": "USDT", "available": "0.1"}]}
        data["data"] = [first, second, third, twin, *rest]

    simulator.bitget.faults.add(Fault(path=PAGES, page=1, transform=edited(split)))
    answers = await gathered(bitget.perform(bitget.tasks([])[0]))
    users = [account.id for account in reversed(simulator.bitget.accounts)][:3]
    readings = {r.account.venue_id: r for r in of(Reading, answers)}
    assert {"XYZ", "USDT"} <= set(readings[users[0]].rows)
    assert users[2] not in readings
    done = only(Pass, answers)
    assert done.complete is False
    assert f"USDT of {users[2]} is listed twice" in done.reason


async def test_law_3_a_user_on_two_pages_is_read_coin_by_coin_once(simulator: Simulator, bitget: Any) -> None:
    user = simulator.bitget.accounts[-1].id

    def elsewhere(data: Any) -> None:
        data["data"][0]["userId"] = int(user)
        data["data"][0]["assetsList"] = [{"coin": "XYZ", "available": "1"}]

    simulator.bitget.faults.add(Fault(path=PAGES, page=2, transform=edited(elsewhere)))
    answers = await gathered(bitget.perform(bitget.tasks([])[0]))
    done = only(Pass, answers)
    readings = [r for r in of(Reading, answers) if r.account.venue_id == user]
    assert done.complete is True
    assert "XYZ" in done.seen[user]
    assert len(readings) == 2
    assert not set(readings[0].rows) & set(readings[1].rows)


async def test_okx_accounts_of_one_instant_are_not_skipped_in_silence(simulator: Simulator, okx: Any) -> None:
    pages: list[bytes] = []

    def tie(body: bytes) -> bytes:
        pages.append(re.sub(rb'"ts":\s*"[0-9]+"', b'"ts":"1659334756000"', body))
        return pages[0]

    simulator.okx.faults.add(Fault(path="*/list", transform=tie))
    listing = only(Listing, await gathered(okx.listing()))
    assert (listing.complete, len(listing.accounts)) == (False, 100)
    assert "one instant" in listing.reason
