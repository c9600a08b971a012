"""The daemon as a process on a rules file of the benchmark, and the rules of the mix in both languages."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.commands import SUBTALLY
from bench.peers import free_port, ready, threshold, until
from bench.process import as_service, started

LITERAL_OF_TEN = 7
LEVELS = {"warning": 0.5, "critical": 0.1}

HEAD = """
[daemon]
listen = "127.0.0.1:{port}"
poll_every = "{seconds}s"
gather = "{gather}"

[[exchange]]
name = "desk"
kind = "binance"
api_key = {{ env = "BENCH_KEY" }}
api_secret = {{ env = "BENCH_SECRET" }}
base_url = "{base_url}"
read = ["assets"]
budget = 1

[[notifier]]
name = "oncall"
url = {{ env = "BENCH_URL" }}
send_resolved = false
"""

FLOOR = """
[[rule]]
name = "{name}"
type = "low_balance"
account = {account}
asset = {asset}
below = {{ warning = 0.5, critical = 0.1 }}
"""

ONE_FLOOR = """
[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
below = 1
confirm = 1
"""


@dataclass(slots=True)
class House:
    """One rules file and its state, kept over restarts. `sink` is where its notifier calls."""

    folder: Path
    venue: Mapping[str, str]
    sink: str
    rules: Sequence[str]
    seconds: int
    gather: str = "0s"
    port: int = 0

    def __post_init__(self) -> None:
        self.port = free_port()
        head = HEAD.format(
            port=self.port, seconds=self.seconds, gather=self.gather, base_url=self.venue["base_url"]
        )
        (self.folder / "rules.toml").write_text(head + "".join(self.rules))

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """`subtally run`, as soon as it serves its page."""
        env = {
            **as_service(),
            "BENCH_KEY": self.venue["api_key"],
            "BENCH_SECRET": self.venue["api_secret"],
            "BENCH_URL": self.sink.replace("http:", "json:") + "/hook/ours",
        }
        with started((SUBTALLY, "-c", str(self.folder / "rules.toml"), "run"), env) as process:
            until(lambda: ready(f"http://127.0.0.1:{self.port}/healthz"), "subtally")
            yield process


def mix(accounts: Sequence[str], assets: Sequence[str], rules: int) -> tuple[list[str], list[str]]:
    """So many rules of ours, and the alerting rules that ask the same: one for each level.

    Seven of ten name account and asset; the others take a tenth or a hundredth of the accounts by a pattern.
    """
    chance = random.Random(2)
    ours, theirs = [], []
    for number in range(rules):
        name, asset = f"rule {number}", chance.choice(assets)
        if number % 10 < LITERAL_OF_TEN:
            account = chance.choice(accounts)
            selector = f'account="{account}",asset="{asset}"'
        else:
            account = f"sub-{chance.randrange(10)}{chance.randrange(10)}*"
            selector = f'account=~"{account[:-1]}.*",asset="{asset}"'
        ours.append(FLOOR.format(name=name, account=json.dumps(account), asset=json.dumps(asset)))
        theirs += [threshold(f"{name} {level}", selector, below) for level, below in LEVELS.items()]
    return ours, theirs
