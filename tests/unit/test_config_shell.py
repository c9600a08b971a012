"""What the shell takes from the file, what is warned of, and that the example is right."""

from pathlib import Path

import pytest

from daemon.config import Config, Listen, load, parse
from rules.types import TYPES

ROOT = Path(__file__).parents[2]
SECRETS = 'api_key = { env = "KEY" }\napi_secret = { env = "SECRET" }\n'
BINANCE = f'[[exchange]]\nname = "binance-main"\nkind = "binance"\n{SECRETS}'
STALE = "it would be told as stale between readings"
LISTINGS = "confirm of its [[exchange]] counts"
ONCALL = '[[notifier]]\nname = "oncall"\nurl = { env = "URL" }\n'


@pytest.fixture(autouse=True)
def _no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)


def config_of(text: str, folder: Path = Path("/etc/subtally"), **others: str) -> Config:
    return parse((("rules.toml", text), *others.items()), folder)


def low(name: str, below: str = "5") -> str:
    return f'[[rule]]\nname = "{name}"\ntype = "low_balance"\nbelow = {below}\n'


@pytest.mark.parametrize(
    "given, state, expected",
    [
        (None, "subtally.db", "/etc/subtally/subtally.db"),
        ("/var/lib/subtally", "subtally.db", "/var/lib/subtally/subtally.db"),
        ("/var/lib/a:/var/lib/b", "x/y.db", "/var/lib/a/x/y.db"),
        ("/var/lib/subtally", "/srv/s.db", "/srv/s.db"),
    ],
)
def test_the_state_lies_where_systemd_says(
    monkeypatch: pytest.MonkeyPatch, given: str | None, state: str, expected: str
) -> None:
    if given is not None:
        monkeypatch.setenv("STATE_DIRECTORY", given)
    assert config_of(f'[daemon]\nstate = "{state}"').daemon.state == Path(expected)


@pytest.mark.parametrize(
    "written, expected",
    [
        ("", None),
        ("localhost:80", Listen("localhost", 80)),
        ("[::1]:9464", Listen("::1", 9464)),
        ("127.0.0.2:0", Listen("127.0.0.2", 0)),
    ],
)
def test_listen_is_host_and_port(written: str, expected: Listen | None) -> None:
    assert config_of(f'[daemon]\nlisten = "{written}"').daemon.listen == expected


def test_beyond_loopback_a_token_opens() -> None:
    daemon = config_of(
        '[daemon]\nlisten = "0.0.0.0:1"\napi_token = { env = "T" }\nhosts = ["H.example:1"]'
    ).daemon
    assert daemon.listen == Listen("0.0.0.0", 1)  # noqa: S104
    assert daemon.hosts == ("h.example:1",)


def test_urls_lose_the_slash_at_their_end() -> None:
    config = config_of(
        '[daemon]\npublic_url = "https://s.example/x/"\n' + BINANCE + 'base_url = "http://127.0.0.1:1/"\n'
    )
    assert config.daemon.public_url == config.ruleset.settings.public_url == "https://s.example/x"
    assert config.exchanges[0].base_url == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    "text, expected",
    [
        (BINANCE + ONCALL, []),
        (
            "",
            [
                "there is no [[exchange]], so nothing is watched",
                "there is no [[notifier]], so nobody is told",
            ],
        ),
        (
            BINANCE + 'base_url = "http://10.0.0.1"\n' + ONCALL,
            [
                'exchange "binance-main": base_url: sends the API key in the clear; use https beyond this machine'
            ],
        ),
        (
            BINANCE + 'poll_every = "5m"\n' + ONCALL,
            [
                'exchange "binance-main": poll_every: is not shorter than stale_after; ' + STALE,
            ],
        ),
        (
            BINANCE + ONCALL + low("r") + 'exchange = "okx-*"\n',
            ['rule "r": exchange: no exchange matches, so the rule judges nothing; allowed: binance-main'],
        ),
        (
            BINANCE + ONCALL + '[[rule]]\nname = "r"\ntype = "account_appeared"\nconfirm = 3\nfor = "1m"\n',
            [
                'rule "r": confirm: has no effect on a rule of type account_appeared; ' + LISTINGS,
                'rule "r": for: has no effect on a rule of type account_appeared',
            ],
        ),
        (
            BINANCE + ONCALL + low("r", "{ warning = 5 }") + 'severity = "critical"\n',
            ['rule "r": severity: has no effect: each threshold has its own'],
        ),
    ],
)
def test_what_is_legal_and_likely_wrong_is_warned_of(text: str, expected: list[str]) -> None:
    assert [problem.reason for problem in config_of(text).warnings] == expected


def test_the_example_is_accepted_without_a_warning_and_shows_every_rule_type() -> None:
    config = load(ROOT / "rules.example.toml")
    assert config.warnings == ()
    assert {rule.type for rule in config.ruleset.rules} == set(TYPES)
    assert (ROOT / "rules.example.toml").read_text().startswith("#:schema ./rules.schema.json\n")


def test_the_example_shows_an_allow_a_weekly_silence_and_an_escalation() -> None:
    ruleset = load(ROOT / "rules.example.toml").ruleset
    assert [allow.field for allow in ruleset.allows] == ["frozen"]
    assert [silence.weekly is not None for silence in ruleset.silences] == [True]
    assert [rule.escalate_to for rule in ruleset.rules if rule.escalate_after_ms] == [("desk",)]


def test_the_example_says_why_at_each_rule_allow_and_silence() -> None:
    lines = (ROOT / "rules.example.toml").read_text().splitlines()
    whys = [line for line in lines if line.startswith(("[[rule]]", "[[allow]]", "[[silence]]"))]
    assert [line for line in whys if "# why: " not in line] == []
