"""What the log says of an outage: one line when it begins, one when it ends, and the name of what fails alone."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from daemon.outage import ROW, Outage
from rules.model import Failure, FailureKind, Identity

ACCOUNTS = [Identity(name=f"desk{number}") for number in range(300)]


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as logged:
        yield logged


def failure(at_ms: int, account: Identity | None = None, **facts: Any) -> Failure:
    kind = facts.pop("kind", FailureKind.TRANSIENT)
    return Failure("okx-main", at_ms, kind, facts.pop("reason", "HTTP 500"), account=account, **facts)


def events(lines: list[Any]) -> list[str]:
    return [line["event"] for line in lines]


def test_300_failing_accounts_are_one_line_and_their_return_is_one(lines: list[Any]) -> None:
    outage = Outage("okx-main")
    for now in range(5):
        for account in ACCOUNTS:
            outage.failed(account, failure(now, account))
        outage.failed("listing", failure(now, reason=f"reason {now}"))
    assert events(lines) == ["exchange.failing"]
    for account in ACCOUNTS:
        outage.succeeded(account, "funding", began_ms=10)
    assert events(lines) == ["exchange.failing", "exchange.answers_again"]


def test_a_call_that_fails_while_the_others_succeed_is_named_once(lines: list[Any]) -> None:
    """A listing that failed for a day had two lines a minute: each reading seemed to be its end."""
    outage = Outage("okx-main")
    for now in range(0, 86_400, 60):
        outage.failed("listing", failure(now * 1000))
        outage.succeeded(ACCOUNTS[0], "funding", began_ms=now * 1000 + 1)
    assert [(line["event"], line["call"]) for line in lines] == [("call.failing", "listing")]
    outage.succeeded("listing", began_ms=86_400_000)
    assert events(lines) == ["call.failing", "call.answers_again"]


def test_one_failing_account_is_named_at_its_second_failure(lines: list[Any]) -> None:
    outage = Outage("okx-main")
    outage.failed(ACCOUNTS[0], failure(1, ACCOUNTS[0]))
    outage.succeeded(ACCOUNTS[1], "funding", began_ms=2)
    assert lines == []
    outage.failed(ACCOUNTS[0], failure(3, ACCOUNTS[0]))
    outage.failed(ACCOUNTS[0], failure(4, ACCOUNTS[0]))
    assert [(line["event"], line["account"]) for line in lines] == [("account.failing", "desk0")]
    outage.succeeded(ACCOUNTS[0], "funding", began_ms=5)
    assert events(lines)[-1] == "account.answers_again"


def test_a_failure_that_the_next_try_mends_is_no_line(lines: list[Any]) -> None:
    outage = Outage("okx-main")
    for now in range(20):
        outage.failed(ACCOUNTS[0], failure(now, ACCOUNTS[0]))
        outage.succeeded(ACCOUNTS[0], "funding", began_ms=now)
    assert lines == []


def test_an_answer_from_before_the_failure_does_not_tell_that_others_work(lines: list[Any]) -> None:
    outage = Outage("okx-main")
    outage.failed(ACCOUNTS[0], failure(100, ACCOUNTS[0]))
    outage.succeeded(ACCOUNTS[1], "funding", began_ms=90)
    outage.failed(ACCOUNTS[0], failure(200, ACCOUNTS[0]))
    assert lines == []


def test_an_exchange_of_few_calls_is_down_after_a_while(lines: list[Any]) -> None:
    outage = Outage("okx-main")
    outage.failed("listing", failure(0))
    outage.failed("listing", failure(60_000))
    assert events(lines) == ["exchange.failing"]


def test_a_ban_and_a_long_wait_are_said_at_once(lines: list[Any]) -> None:
    outage = Outage("okx-main")
    outage.failed("assets", failure(0, kind=FailureKind.LIMITED, until_ms=60_000))
    outage.failed("assets", failure(1, kind=FailureKind.BANNED, until_ms=120_000))
    assert events(lines) == ["call.failing", "exchange.failing"]


def test_a_flapping_exchange_has_no_line_for_every_call(lines: list[Any]) -> None:
    outage = Outage("okx-main")
    for now in range(ROW):
        outage.failed("listing", failure(now))
    for now in range(1_000):
        outage.succeeded(ACCOUNTS[now % 300], "funding", began_ms=now)
        outage.failed("listing", failure(now))
    assert events(lines) == ["exchange.failing"]


def test_an_account_that_is_read_no_more_is_forgotten() -> None:
    outage = Outage("okx-main")
    for account in ACCOUNTS[:4]:
        outage.failed(account, failure(1, account, kind=FailureKind.DENIED))
    outage.keep_only(set(ACCOUNTS[:1]))
    assert list(outage._parts) == ACCOUNTS[:1]
