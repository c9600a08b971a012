"""End to end with unmodified slack:// and tgram:// URLs: the bytes that leave, and what the services would show.

`python -m tests.contract.test_apprise_tls` writes the golden payloads anew; look at what it changed.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from daemon.simulator import Simulator
from tests.contract.apprise_tls import Internet, Request, internet
from tests.e2e.house import House, Recorder

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/payloads"
LABEL = "<!channel> <b>x</b> *y* [z](http://e)"
SLACK = "slack://T0MADEUP0/B0MADEUP0/madeupmadeupmadeupmadeup"
TELEGRAM_TOKEN = "123456789:AAEmadeup_token_of_the_tests_0123456"
TELEGRAM = f"tgram://{TELEGRAM_TOKEN}/-1001234567890"

SENDING = """
import asyncio, sys
from notifiers.message import Item, Message
from notifiers.sending import Sender
from notifiers.wording import word
from rules.facts import Facts
from rules.model import Severity
from rules.outcome import NotificationKind

AT_MS = 1_790_000_000_000
LABEL = sys.argv[2]
facts = Facts(
    "market maker floor", "low_balance", "binance-main", Severity.CRITICAL, label=LABEL, wallet="spot",
    asset="USDT", field="free", value="18250.500000000000000001", sign="<", threshold="20000",
    before="51900.25", before_ms=AT_MS - 130_000, since_ms=AT_MS - 120_000, held_ms=120_000, read_ms=AT_MS - 4_000,
    readings=2, also=(("spot", "BTC", "free", "1.2"),), runbook="https://wiki.example/mm-floor",
)
item = Item("A7F3K", NotificationKind.FIRING, Severity.CRITICAL, facts, AT_MS)
message = Message("M19CD", "oncall", (item,))
wording = word(message, timezone="UTC", public_url="https://subtally.example", now_ms=AT_MS)
result = asyncio.run(Sender("oncall", sys.argv[1]).send(wording, 30))
print(result.outcome, result.reason)
"""


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Internet]:
    with internet(tmp_path) as made:
        yield made


def send(wire: Internet, url: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SENDING, url, LABEL],
        cwd=ROOT,
        env={**os.environ, **wire.environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def as_golden(request: Request) -> str:
    """The request in full, but for what differs from send to send and from release to release of a library."""
    payload = request.payload
    for attachment in payload.get("attachments", []):
        assert isinstance(attachment.pop("ts"), (int, float))
    told = {
        "request": request.line.replace(TELEGRAM_TOKEN, "TOKEN"),
        "host": request.headers["Host"],
        "content-type": request.headers["Content-Type"],
        "payload": payload,
    }
    return json.dumps(told, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


@pytest.mark.parametrize(
    "name,url,host", [("slack", SLACK, "hooks.slack.com"), ("telegram", TELEGRAM, "api.telegram.org")]
)
def test_the_exact_payload(wire: Internet, name: str, url: str, host: str) -> None:
    assert send(wire, url) == "delivered"
    (request,) = wire.requests
    assert request.host == host
    assert as_golden(request) == (GOLDEN / f"{name}.json").read_text(encoding="utf-8")


class Shown(HTMLParser):
    """The letters that Telegram shows of its HTML, and the tags that it would obey."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.letters = ""
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.letters += data


def test_slack_shows_a_label_as_its_letters_and_pings_nobody(wire: Internet) -> None:
    assert send(wire, SLACK) == "delivered"
    payload = wire.requests[0].payload
    # Slack obeys <!…>, <@…> and <url|…> only where the brackets themselves arrive; mrkdwn is off for the rest.
    # https://docs.slack.dev/messaging/formatting-message-text#escaping
    (attachment,) = payload["attachments"]
    assert payload["mrkdwn"] is False
    assert "mrkdwn_in" not in attachment
    for text in (attachment["title"], attachment["text"]):
        assert not re.search(r"[<>]", text)
        assert not re.search(r"&(?!amp;|lt;|gt;)", text)
    assert LABEL in unescape(attachment["text"])
    assert set(payload) == {"attachments", "mrkdwn"}, "no username, no link_names"


def test_telegram_shows_a_label_as_its_letters_and_pings_nobody(wire: Internet) -> None:
    assert send(wire, TELEGRAM) == "delivered"
    payload = wire.requests[0].payload
    assert payload["parse_mode"] == "HTML"
    shown = Shown()
    shown.feed(payload["text"])
    assert LABEL in shown.letters
    assert shown.tags == ["b"], "the title is bold, and nothing else is obeyed"


async def test_the_daemon_tells_slack_and_telegram_of_an_account_with_that_name(
    wire: Internet, tmp_path: Path
) -> None:
    rules = '[[rule]]\nname = "floor"\ntype = "low_balance"\nasset = "USDT"\nbelow = 1000\n'
    async with Simulator(1, 0, 0) as simulator:
        account = simulator.binance.accounts[0]
        simulator.binance.rename(account.name, LABEL)
        simulator.binance.set_balance(account.name, "USDT", free="1.5")
        house = House(tmp_path, simulator, Recorder())
        house.write(rules, venues=("binance",))
        text = house.rules_file.read_text().replace('name = "told"\n', 'name = "slack"\n')
        text += '[[notifier]]\nname = "telegram"\nurl = { file = "telegram.url" }\n'
        house.rules_file.write_text(text)
        (tmp_path / "told.url").write_text(SLACK)
        (tmp_path / "telegram.url").write_text(TELEGRAM)
        wire.statuses = {"hooks.slack.com": [500]}
        await daemon_tells(wire, house.rules_file)
    slack = wire.to("hooks.slack.com")[-1].payload["attachments"][0]
    assert LABEL in unescape(slack["text"])
    assert "1.5 &lt; 1,000" in slack["text"]
    shown = Shown()
    shown.feed(wire.to("api.telegram.org")[0].payload["text"])  # its chart may have followed
    assert LABEL in shown.letters
    assert "1.5 < 1,000" in shown.letters


async def daemon_tells(wire: Internet, rules_file: Path) -> None:
    """The program itself, until both services took a message."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "daemon.cli",
        "run",
        "-c",
        str(rules_file),
        cwd=ROOT,
        env={**os.environ, **wire.environment},
        stderr=subprocess.PIPE,
    )
    try:
        await asyncio.gather(
            asyncio.to_thread(wire.until, "hooks.slack.com", 2),
            asyncio.to_thread(wire.until, "api.telegram.org", 1),
        )
    finally:
        process.terminate()
        _, said = await process.communicate()
    assert process.returncode == 0
    for secret in ("madeupmadeup", TELEGRAM_TOKEN, "B0MADEUP0"):
        assert secret not in said.decode()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, internet(Path(folder)) as found:
        for at, (name, url) in enumerate({"slack": SLACK, "telegram": TELEGRAM}.items()):
            send(found, url)
            (GOLDEN / f"{name}.json").write_text(as_golden(found.requests[at]), encoding="utf-8")
