"""What an accepted file means: defaults, rule types, exact amounts, quotes."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from daemon.config import Config, ConfigError, Listen, parse
from rules.model import Severity
from rules.patterns import EVERYTHING, Patterns
from rules.ruleset import ExchangeSettings, NotifierSettings, Rule, Settings
from rules.types.account_status import STATUSES, AccountStatus
from rules.types.balance_change import BalanceChange, Step
from rules.types.high_balance import HighBalance
from rules.types.levels import Floor, Tier
from rules.types.low_balance import LowBalance
from rules.types.presence import Presence
from rules.types.runway import Runway
from rules.types.stale import Stale
from rules.types.unexpected import Unexpected

SECRETS = 'api_key = { env = "KEY" }\napi_secret = { env = "SECRET" }\n'
BINANCE = f'[[exchange]]\nname = "binance-main"\nkind = "binance"\n{SECRETS}'
COINS = "they are in BTC (binance-main), USDT (binance-main)"
OKX = f'[[exchange]]\nname = "okx-main"\nkind = "okx"\npassphrase = {{ env = "PASS" }}\n{SECRETS}'
BITGET = f'[[exchange]]\nname = "bitget-main"\nkind = "bitget"\npassphrase = {{ env = "PASS" }}\n{SECRETS}'
ONCALL = '[[notifier]]\nname = "oncall"\nurl = { env = "URL" }\n'


def config_of(text: str, folder: Path = Path("/etc/subtally"), **others: str) -> Config:
    return parse((("rules.toml", text), *others.items()), folder)


def rule_of(body: str, before: str = "") -> Rule:
    return config_of(f'{before}\n[[rule]]\nname = "r"\n{body}').ruleset.rules[0]


def spec_of(body: str, before: str = "") -> Any:
    return rule_of(body, before).spec


def refusal(text: str, **others: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config_of(text, **others)
    return [problem.reason for problem in caught.value.problems]


def test_daemon_defaults_are_those_of_the_contract() -> None:
    config = config_of("")
    assert config.ruleset.settings == Settings(
        notify=None,
        poll_every_ms=60_000,
        stale_after_ms=300_000,
        repeat_every_ms=4 * 3_600_000,
        repeat_max_ms=24 * 3_600_000,
        gather_ms=15_000,
        give_up_after_ms=24 * 3_600_000,
        retention_ms=90 * 24 * 3_600_000,
        timezone="UTC",
        public_url="",
    )
    assert config.daemon.listen == Listen("127.0.0.1", 9464)
    assert (config.daemon.hosts, config.daemon.public_url) == ((), "")
    assert (config.daemon.api_token, config.daemon.heartbeat_url) == (None, None)
    assert (config.ruleset.allows, config.ruleset.silences) == ((), ())


def test_exchange_defaults_are_those_of_the_contract() -> None:
    config = config_of('[daemon]\npoll_every = "40s"\n' + BINANCE + OKX + BITGET)
    assert config.ruleset.exchanges == {
        "binance-main": ExchangeSettings(
            name="binance-main",
            kind="binance",
            poll_every_ms=40_000,
            read=("assets", "summary", "wallets"),
            wallets=("spot",),
            quote="USDT",
            accounts=EVERYTHING,
            confirm=2,
            own_call=True,
            lists_all_assets=True,
            read_us=25_000,
            not_watched=("futures", "margin", "funding", "earn"),
        ),
        "okx-main": ExchangeSettings(
            name="okx-main",
            kind="okx",
            poll_every_ms=40_000,
            read=("funding", "trading"),
            wallets=("funding", "trading"),
            read_us=416_667,
            not_watched=("earn",),
            master_not_watched=("trading", "earn"),
        ),
        "bitget-main": ExchangeSettings(
            name="bitget-main",
            kind="bitget",
            poll_every_ms=40_000,
            read=("spot",),
            wallets=("spot",),
            own_call=False,
            lists_all_assets=False,
            read_us=2_500,
            not_watched=("futures", "margin", "funding", "earn"),
            master_not_watched=("futures", "margin", "funding", "earn"),
        ),
    }
    assert [e.base_url for e in config.exchanges] == [
        "https://api.binance.com",
        "https://www.okx.com",
        "https://api.bitget.com",
    ]
    assert {e.budget for e in config.exchanges} == {Decimal("0.8")}


def test_notifier_defaults_are_those_of_the_contract() -> None:
    expected = NotifierSettings("oncall", Severity.WARNING, send_resolved=True)
    assert config_of(ONCALL).ruleset.notifiers == {"oncall": expected}


@pytest.mark.parametrize("written, charts", [("", None), ("charts = true", True), ("charts = false", False)])
def test_charts_are_as_written_or_left_to_the_kind_of_service(written: str, charts: bool | None) -> None:  # noqa: FBT001
    (notifier,) = config_of(f"{ONCALL}\n{written}").notifiers
    assert notifier.charts is charts


def test_rule_defaults_are_those_of_the_contract() -> None:
    assert rule_of('type = "low_balance"\nbelow = 5') == Rule(
        name="r",
        type="low_balance",
        spec=LowBalance((Tier(Decimal(5)),), field="free"),
        exchange=EVERYTHING,
        account=EVERYTHING,
        wallet=None,
        asset=EVERYTHING,
        severity=Severity.WARNING,
        confirm=2,
        for_ms=0,
        keep_firing_ms=0,
        repeat_every_ms=None,
        notify=None,
        enabled=True,
        sum_over=frozenset(),
        escalate_after_ms=None,
        escalate_to=(),
    )


@pytest.mark.parametrize(
    "body, expected",
    [
        ('type = "high_balance"\nabove = 5', HighBalance((Tier(Decimal(5)),), field="total")),
        ('type = "unexpected_frozen"', Unexpected("frozen", (Tier(Decimal(0)),))),
        ('type = "unexpected_withdrawing"', Unexpected("withdrawing", (Tier(Decimal(0)),))),
        ('type = "unexpected_locked"\nabove = 7', Unexpected("locked", (Tier(Decimal(7)),))),
        ('type = "account_appeared"', Presence(appeared=True)),
        ('type = "account_disappeared"', Presence(appeared=False)),
        ('type = "account_status"', AccountStatus(frozenset(STATUSES))),
        ('type = "account_status"\non = ["frozen"]', AccountStatus(frozenset({"frozen"}))),
        (
            'type = "balance_change"\nwithin = "10m"\ndrop = "10%"\nrise = 5',
            BalanceChange(600_000, Step(Decimal(10), percent=True), Step(Decimal(5)), field="total"),
        ),
        (
            'type = "runway"\nover = "6h"\nempties_within = "12h"',
            Runway(21_600_000, (Tier(Decimal(43_200_000)),), Decimal(0), field="free"),
        ),
        (
            'type = "runway"\nover = "6h"\nbelow = "0.5"\nempties_within = { warning = "24h", critical = "6h" }',
            Runway(
                21_600_000,
                (Tier(Decimal(86_400_000), Severity.WARNING), Tier(Decimal(21_600_000), Severity.CRITICAL)),
                Decimal("0.5"),
            ),
        ),
        ('type = "stale"\nafter = "15m"', Stale(900_000)),
    ],
)
def test_every_rule_type_becomes_its_core_value(body: str, expected: object) -> None:
    assert spec_of(body) == expected


def test_the_whole_example_of_the_contract_is_understood() -> None:
    rule = rule_of(
        """
        type     = "low_balance"
        exchange = "binance-*"
        account  = ["mm-*", "arb@desk.example", "!mm-test"]
        asset    = "USDT"
        field    = "free"
        below    = { warning = 50_000, critical = 20_000 }
        clear_at = 60_000
        for      = "2m"
        notify   = ["oncall"]
        runbook  = "https://wiki.example/mm-floor"
        """,
        ONCALL + BINANCE,
    )
    tiers = (Tier(Decimal(50_000), Severity.WARNING), Tier(Decimal(20_000), Severity.CRITICAL))
    assert rule == Rule(
        name="r",
        type="low_balance",
        spec=LowBalance(tiers, field="free", clear_at=Decimal(60_000)),
        exchange=Patterns(("binance-*",)),
        account=Patterns(("mm-*", "arb@desk.example"), ("mm-test",)),
        asset=Patterns(("USDT",)),
        for_ms=120_000,
        notify=("oncall",),
        runbook="https://wiki.example/mm-floor",
    )


@pytest.mark.parametrize(
    "written, exact",
    [
        ("0.123456789012345678", "0.123456789012345678"),
        ('"0.123456789012345678"', "0.123456789012345678"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        (
            '"123456789012345678901234567890.123456789012345678"',
            "123456789012345678901234567890.123456789012345678",
        ),
        (
            "123456789012345678901234567890.123456789012345678",
            "123456789012345678901234567890.123456789012345678",
        ),
        ("50_000", "50000"),
        ("1_000.000_1", "1000.0001"),
        ("5e3", "5000"),
        ("1.5E-3", "0.0015"),
        ("-12.5", "-12.5"),
        ("-0.0", "0"),
        ("0e99999", "0"),
        ("0x10", "16"),
        ("1.10", "1.10"),
    ],
)
def test_law_9_amounts_are_exact(written: str, exact: str) -> None:
    (tier,) = spec_of(f'type = "low_balance"\nbelow = {written}').tiers
    assert str(tier.threshold) == exact


@pytest.mark.parametrize(
    "written, milliseconds",
    [
        ('"90s"', 90_000),
        ('"2m"', 120_000),
        ('"1h30m"', 5_400_000),
        ('"1d"', 86_400_000),
        ('"0s"', 0),
        ("0", 0),
    ],
)
def test_durations_are_milliseconds(written: str, milliseconds: int) -> None:
    assert rule_of(f'type = "low_balance"\nbelow = 1\nkeep_firing = {written}').keep_firing_ms == milliseconds


def test_a_wait_before_reminders_beyond_the_default_maximum_raises_it() -> None:
    settings = config_of('[daemon]\nrepeat_every = "2d"').ruleset.settings
    assert (settings.repeat_every_ms, settings.repeat_max_ms) == (172_800_000, 172_800_000)


@pytest.mark.parametrize("kind", ['stale"\nafter = "5m', "account_appeared", "unexpected_frozen"])
def test_every_rule_may_escalate_also_one_about_events(kind: str) -> None:
    body = f'type = "{kind}"\nescalate_after = "15m"\nescalate_to = ["oncall", "oncall"]\n'
    rule = rule_of(body, ONCALL)
    assert (rule.escalate_after_ms, rule.escalate_to) == (900_000, ("oncall",))


def test_a_trial_escalates_to_nobody() -> None:
    body = 'type = "stale"\nafter = "5m"\nnotify = []\nescalate_after = "15m"\nescalate_to = ["oncall"]\n'
    config = config_of(f'{ONCALL}{BINANCE}[[rule]]\nname = "r"\n{body}')
    (rule,) = config.ruleset.rules
    assert (rule.escalate_after_ms, rule.escalate_to) == (None, ())
    assert 'rule "r": escalate_to: has no effect: notify = [] tells nobody' in [
        warning.reason for warning in config.warnings
    ]


@pytest.mark.parametrize(
    "exchanges, body, quote",
    [
        (BINANCE, "", "BTC"),
        (OKX, "", "USD"),
        (BINANCE, 'account = "master"', "USDT"),
        (BINANCE + 'quote = "ETH"\n', 'account = "master"', "ETH"),
        (BINANCE, 'account = "master"\nwallet = "Spot"\nquote = "BTC"', "BTC"),
        (BINANCE + OKX, 'exchange = "okx-main"', "USD"),
        (BINANCE + OKX, 'quote = "BTC"', "BTC"),
        (BINANCE + BITGET, "", "BTC"),
    ],
)
def test_the_quote_of_a_value_is_found_where_it_is_evident(exchanges: str, body: str, quote: str) -> None:
    assert spec_of(f'type = "low_balance"\nfield = "value"\nbelow = 5\n{body}', exchanges).quote == quote


def test_a_value_of_the_master_and_of_accounts_is_in_several_coins() -> None:
    text = BINANCE + '[[rule]]\nname="r"\ntype="low_balance"\nfield="value"\nbelow=5\naccount=["*", "master"]'
    assert refusal(text) == [
        'rule "r": quote: is required: the values are in several coins; ' + COINS,
    ]


def test_floors_by_account_keep_the_order_of_the_file() -> None:
    spec = spec_of(
        'type = "low_balance"\nbelow_by = { "mm-1@x" = 50_000, "mm-*" = { warning = 20, critical = 10 } }'
    )
    assert spec.floors == (
        Floor(Patterns(("mm-1@x",)), (Tier(Decimal(50_000)),)),
        Floor(
            Patterns(("mm-*",)), (Tier(Decimal(20), Severity.WARNING), Tier(Decimal(10), Severity.CRITICAL))
        ),
    )


def test_keys_that_look_like_tags_of_pydantic_are_keys() -> None:
    floor = '[[rule]]\nname = "r"\ntype = "low_balance"\n'
    assert refusal(f'{floor}below = 5\n"<0>" = 1\n"<tiers>" = 2\n')[0].startswith(
        'rule "r": "<0>": unknown key'
    )
    assert refusal(floor + 'below = { "<tiers>" = 5 }') == [
        'rule "r": below."<tiers>": unknown key; allowed: info, warning, critical'
    ]
    said = refusal(floor + 'below_by = { "<amount>" = "x", "[key]" = { "<csv>" = 1 } }')
    assert [reason.partition(";")[0] for reason in said] == [
        'rule "r": below_by."<amount>": "x" is not an amount',
        'rule "r": below_by."[key]"."<csv>": unknown key',
    ]
    assert refusal('[daemon]\napi_token = { "<amount>" = 1 }') == [
        'daemon: api_token."<amount>": unknown key; allowed: env, file, credential'
    ]
