"""Messages of every kind, and the texts that they must become.

`python -m tests.golden.wording_cases` writes the texts anew: read the difference before you commit it.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from notifiers.message import Item, Message, Wording
from notifiers.wording import word
from rules.facts import Facts
from rules.model import Severity
from rules.outcome import NotificationKind as Kind
from rules.outlook import Outlook

FOLDER = Path(__file__).parent / "wording"
ONSET_MS = 1_763_607_520_000  # 2025-11-20 02:58:40 UTC
NOW_MS = ONSET_MS + 134_000
HOUR_MS = 3_600_000
LATER_MS = ONSET_MS + 725_000
WARNING, CRITICAL, INFO = Severity.WARNING, Severity.CRITICAL, Severity.INFO

FLOOR = Facts(
    rule="market maker USDT floor",
    type="low_balance",
    exchange="binance-main",
    severity=CRITICAL,
    label="mm-1@desk.example",
    wallets=("spot",),
    asset="USDT",
    field="free",
    value="18250.50000000",
    sign="<",
    threshold="20000",
    clear_at="60000",
    before="51900.25",
    before_ms=ONSET_MS,
    since_ms=ONSET_MS,
    held_ms=130_000,
    read_ms=NOW_MS - 4_000,
    readings=2,
    also=(("spot", "USDT", "locked", "12000"), ("spot", "BTC", "total", "1.2")),
    not_watched=("futures", "margin"),
    details=("The master has 250,000 USDT free in spot.",),
    identifiers=("mm-1@desk.example", "8801"),
    runbook="https://wiki.example/mm-floor",
    fired_ms=ONSET_MS,
)
CEILING = replace(
    FLOOR,
    rule="hot wallet ceiling",
    type="high_balance",
    severity=WARNING,
    label="master",
    wallet="funding",
    wallets=("funding",),
    asset="",
    field="value",
    quote="BTC",
    value="12.000000000000000001",
    sign=">",
    threshold="12",
    clear_at=None,
    before="11.5",
    also=(),
    details=(),
    not_watched=(),
    identifiers=("master",),
    runbook="",
    description="Move the surplus to cold storage.",
)
FROZEN = replace(
    FLOOR,
    rule="nothing frozen",
    type="unexpected_frozen",
    exchange="okx-main",
    label="desk9",
    wallets=("funding", "trading"),
    field="frozen",
    value="500",
    sign=">",
    threshold="0",
    clear_at="0",
    before="0",
    also=(("funding", "USDT", "free", "-12.5"), ("trading", "USDT", "total", "9000")),
    details=(),
    runbook="",
)
DROP = replace(
    FLOOR,
    rule="sudden drop",
    type="balance_change",
    severity=WARNING,
    field="total",
    headline="fell",
    sign="",
    threshold="10%",
    clear_at=None,
    held_ms=0,
    window_ms=3_600_000,
    also=(),
    details=(),
    runbook="",
)
RUNWAY = replace(
    FLOOR,
    rule="fees run dry",
    type="runway",
    sign="",
    threshold=None,
    clear_at=None,
    before=None,
    before_ms=None,
    value="40000",
    also=(),
    details=(),
    not_watched=(),
    outlook=Outlook("0", 6 * HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS, "12000", 6 * HOUR_MS, 12_000_000),
)
EVENT = Facts(
    rule="accounts",
    type="account_status",
    exchange="bitget-main",
    severity=WARNING,
    label="deskmm9",
    since_ms=NOW_MS - 1_000,
    read_ms=NOW_MS - 1_000,
    fired_ms=NOW_MS - 1_000,
    identifiers=("deskmm9", "3344556677"),
)
MOVED = replace(
    EVENT,
    rule="inside the desk",
    type="reconciliation",
    label="",
    asset="USDT",
    headline="10,000 USDT moved from mm-1@desk.example to mm-2@desk.example",
    details=("The venue states it as transfer 118263407119.",),
    identifiers=("mm-1@desk.example", "mm-2@desk.example"),
)
LEAK = Facts(
    rule="the desk adds up",
    type="reconciliation",
    exchange="binance-main",
    severity=WARNING,
    label="sum of 12 accounts (cold-*)",
    asset="USDT",
    headline="is off by at least",
    perhaps="-30",
    value="-0.000000000000000001",
    since_ms=ONSET_MS,
    read_ms=NOW_MS - 4_000,
    readings=2,
    fired_ms=NOW_MS,
    details=("All changes add up to -30; movements under way may explain the rest.",),
)
GROWN = replace(
    LEAK,
    headline="is off by at least",
    value="-4821.37",
    perhaps="-5331.37",
    read_ms=LATER_MS - 4_000,
    readings=3,
    held_ms=12 * 60_000,
    grown_from="-1.37",
    acked_by="kim",
    details=(),
)
BOOKS = replace(
    LEAK,
    rule="the books",
    label="mm-1@desk.example",
    wallet="spot",
    headline="differs from the books by",
    perhaps=None,
    value="250",
    details=("We read 10,250; line 7 of “ledger” says 10,000.",),
    identifiers=("mm-1@desk.example", "8801"),
)
TOTAL = replace(
    BOOKS,
    rule="the venue's own total",
    asset="BTC",
    quote="BTC",
    headline="differs from the venue's total by",
    value="-2",
    details=("By the venue's prices what was read is worth 1.1 BTC; its own total is 3.1 BTC.",),
)
SHIFT = replace(
    EVENT,
    rule="stolen keys",
    type="composition_shift",
    severity=CRITICAL,
    label="mm-1@desk.example",
    asset="BTC",
    headline="turned 0.9 of its 1 BTC into 5,000,000 SHADY, never held before",
    details=(
        "It holds 0.1 BTC now, and nothing is being withdrawn.",
        "Stolen keys that may only trade are used so: look at the account's trades and revoke its keys.",
    ),
)
BUILT_IN = Facts(
    rule="subtally/stale-exchange",
    type="subtally",
    exchange="okx-main",
    severity=CRITICAL,
    headline="is not answering: 9 accounts are unwatched",
    since_ms=ONSET_MS,
    fired_ms=ONSET_MS,
    read_ms=ONSET_MS - 300_000,
    details=("HTTP 503 from /api/v5/asset/subaccount/balances",),
)
PLAIN_TEST = Facts(rule="", type="test", exchange="", severity=INFO)


def item(kind: Kind, facts: Facts, alert_id: str = "A7F3", created_ms: int = NOW_MS, batch: str = "") -> Item:
    return Item(alert_id, kind, facts.severity, facts, created_ms, batch)


def told(
    *items: Item,
    timezone: str = "UTC",
    public_url: str = "https://subtally.example",
    now_ms: int = NOW_MS,
    limit_units: int = 3_500,
) -> Callable[[], Wording]:
    message = Message("M19C", "oncall", items)
    return lambda: word(
        message, timezone=timezone, public_url=public_url, now_ms=now_ms, limit_units=limit_units
    )


def fallen(count: int, batch: str = "") -> tuple[Item, ...]:
    """Floors of `count` accounts, every fourth critical."""
    return tuple(
        item(
            Kind.FIRING,
            replace(
                FLOOR,
                label=f"mm-{number}@desk.example",
                value=f"{number * 250}.125",
                severity=WARNING if number % 4 else CRITICAL,
                threshold="50000" if number % 4 else "20000",
            ),
            f"A{1000 + number}",
            batch=batch,
        )
        for number in range(1, count + 1)
    )


ENDED = replace(FLOOR, value="61000.00", ended_ms=LATER_MS, read_ms=LATER_MS, details=(), also=())

CASES: dict[str, Callable[[], Wording]] = {
    "movement": told(item(Kind.EVENT, MOVED)),
    "movement_unmatched": told(
        item(
            Kind.EVENT,
            replace(
                MOVED,
                headline="10,000 USDT left mm-1@desk.example and arrived in no account that is read here within 10m",
                details=("The master's own quantities are not read here: it may have gone there.",),
            ),
        )
    ),
    "conservation_break": told(item(Kind.FIRING, LEAK)),
    "conservation_break_resolved": told(
        item(
            Kind.RESOLVED,
            replace(LEAK, headline="is off by", perhaps=None, value="0", details=(), ended_ms=LATER_MS),
            created_ms=LATER_MS,
        ),
        now_ms=LATER_MS,
    ),
    "conservation_break_grown": told(item(Kind.RAISED, GROWN), now_ms=LATER_MS),
    "expected_break": told(item(Kind.FIRING, BOOKS)),
    "expected_break_of_books_unread": told(
        item(Kind.REMINDER, replace(BOOKS, unread_ms=NOW_MS + 60_000), created_ms=LATER_MS), now_ms=LATER_MS
    ),
    "expected_break_grown_old": told(
        item(
            Kind.RAISED,
            replace(
                BOOKS,
                severity=CRITICAL,
                raised_from=WARNING,
                aged_ms=4 * HOUR_MS,
                held_ms=4 * HOUR_MS,
                acked_by="kim",
            ),
            created_ms=ONSET_MS + 4 * HOUR_MS,
        ),
        now_ms=ONSET_MS + 4 * HOUR_MS,
    ),
    "summary_break": told(item(Kind.FIRING, TOTAL)),
    "composition_shift": told(item(Kind.EVENT, SHIFT)),
    "breaks_merged": told(
        item(Kind.FIRING, LEAK), item(Kind.FIRING, BOOKS, "A8K2"), item(Kind.EVENT, MOVED, "A8K3")
    ),
    "breaks_grown_merged": told(*(item(Kind.RAISED, GROWN, f"A9{place}") for place in range(40))),
    "low_balance_firing": told(item(Kind.FIRING, FLOOR)),
    "low_balance_firing_without_public_url": told(item(Kind.FIRING, FLOOR), public_url=""),
    "low_balance_firing_first_reading": told(
        item(Kind.FIRING, replace(FLOOR, before=None, before_ms=None, held_ms=0, readings=1, clear_at=None))
    ),
    "low_balance_raised_after_an_ack": told(
        item(Kind.RAISED, replace(FLOOR, raised_from=WARNING, acked_by="kim"))
    ),
    "low_balance_raised": told(item(Kind.RAISED, replace(FLOOR, raised_from=WARNING))),
    "low_balance_reminder": told(
        item(Kind.REMINDER, replace(FLOOR, read_ms=NOW_MS + 14_396_000), created_ms=NOW_MS + 14_400_000),
        now_ms=NOW_MS + 14_400_000,
    ),
    "low_balance_reminder_with_a_note": told(
        item(
            Kind.REMINDER,
            replace(FLOOR, note="the desk tops up at 03:00", note_by="kim", note_ms=NOW_MS),
            created_ms=NOW_MS + 14_400_000,
        ),
        now_ms=NOW_MS + 14_400_000,
    ),
    "low_balance_resolved_with_a_note": told(
        item(
            Kind.RESOLVED,
            replace(ENDED, note="the desk\u202e tops up", note_by="kim", note_ms=NOW_MS),
            created_ms=LATER_MS,
        ),
        now_ms=LATER_MS,
    ),
    "books_firing": told(
        item(
            Kind.FIRING,
            replace(
                BUILT_IN,
                rule="subtally/books",
                exchange="",
                severity=WARNING,
                label="books “treasury”",
                headline="cannot be read: nothing is compared with them",
                read_ms=None,
                details=(
                    "books.csv: there is no such file",
                    "They were never read.",
                    "Until then nothing is judged by rule “treasury's books”.",
                ),
            ),
        )
    ),
    "books_resolved": told(
        item(
            Kind.RESOLVED,
            replace(
                BUILT_IN,
                rule="subtally/books",
                exchange="",
                severity=WARNING,
                label="books “treasury”",
                headline="cannot be read: nothing is compared with them",
                read_ms=None,
                ended_ms=LATER_MS,
            ),
            created_ms=LATER_MS,
        ),
        now_ms=LATER_MS,
    ),
    "low_balance_reminder_in_the_band": told(
        item(Kind.REMINDER, replace(FLOOR, value="55000", sign="≥", threshold="50000"))
    ),
    "low_balance_escalated": told(
        item(
            Kind.ESCALATED,
            replace(FLOOR, read_ms=ONSET_MS + 896_000),
            created_ms=ONSET_MS + 900_000,
        ),
        now_ms=ONSET_MS + 900_000,
    ),
    "low_balance_escalated_without_public_url": told(item(Kind.ESCALATED, FLOOR), public_url=""),
    "merged_escalated": told(
        item(Kind.ESCALATED, FLOOR), item(Kind.FIRING, FROZEN, "A8K2"), item(Kind.REMINDER, CEILING, "A8K3")
    ),
    "low_balance_resolved": told(item(Kind.RESOLVED, ENDED, created_ms=LATER_MS), now_ms=LATER_MS),
    "low_balance_closed": told(
        item(Kind.CLOSED, replace(ENDED, value="18250.5", reason="rule changed"), created_ms=LATER_MS),
        now_ms=LATER_MS,
    ),
    "low_balance_negative_with_18_decimals": told(
        item(Kind.FIRING, replace(FLOOR, value="-123456789012.000000000000000001", before="0.5"))
    ),
    "low_balance_sum": told(
        item(
            Kind.FIRING,
            replace(
                FLOOR,
                exchange="binance-main, okx-main",
                label="sum of 12 accounts (mm-*)",
                wallets=("funding", "spot"),
                also=(),
                not_watched=(),
                identifiers=(),
                details=(),
            ),
        )
    ),
    "low_balance_markup_in_the_label": told(
        item(Kind.FIRING, replace(FLOOR, label="<!channel> <b>x</b> *y* [z](http://e)"))
    ),
    "low_balance_controls_in_the_label": told(
        item(Kind.FIRING, replace(FLOOR, label="mm\x00-1\n\u202egro.live\u2028x 🦊"))
    ),
    "low_balance_in_another_zone_and_late": told(
        item(Kind.FIRING, FLOOR), timezone="America/New_York", now_ms=NOW_MS + 10_800_000
    ),
    "low_balance_in_a_zone_without_a_name": told(item(Kind.FIRING, FLOOR), timezone="Asia/Dubai"),
    "high_balance_firing": told(item(Kind.FIRING, CEILING)),
    "high_balance_resolved": told(
        item(
            Kind.RESOLVED,
            replace(CEILING, value="11", ended_ms=LATER_MS, read_ms=LATER_MS),
            created_ms=LATER_MS,
        ),
        now_ms=LATER_MS,
    ),
    "unexpected_frozen_firing": told(item(Kind.FIRING, FROZEN)),
    "unexpected_withdrawing_resolved": told(
        item(
            Kind.RESOLVED,
            replace(
                FROZEN,
                rule="nothing leaves",
                type="unexpected_withdrawing",
                field="withdrawing",
                value="0",
                ended_ms=LATER_MS,
                read_ms=LATER_MS,
                also=(),
                details=("Completed: total fell by it.",),
            ),
            created_ms=LATER_MS,
        ),
        now_ms=LATER_MS,
    ),
    "balance_change_drop": told(item(Kind.EVENT, DROP)),
    "balance_change_rise": told(
        item(Kind.EVENT, replace(DROP, headline="rose", value="60000", threshold="5000"))
    ),
    "runway": told(item(Kind.FIRING, RUNWAY)),
    "runway_down_already": told(
        item(
            Kind.FIRING,
            replace(
                RUNWAY,
                value="5000",
                outlook=Outlook("5000", 6 * HOUR_MS, 6 * HOUR_MS, 6 * HOUR_MS, "0", 0, 0),
            ),
        )
    ),
    "runway_raised": told(item(Kind.RAISED, replace(RUNWAY, raised_from=WARNING))),
    "runway_reminder": told(item(Kind.REMINDER, RUNWAY)),
    "runway_resolved": told(
        item(
            Kind.RESOLVED,
            replace(
                RUNWAY,
                value="250000.5",
                outlook=Outlook(
                    "0", 6 * HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS, "12000", 6 * HOUR_MS, 450_000_900
                ),
            ),
        )
    ),
    "runway_closed": told(item(Kind.CLOSED, replace(RUNWAY, reason="rule changed"))),
    "account_appeared": told(
        item(Kind.EVENT, replace(EVENT, type="account_appeared", headline="appeared: a new sub-account"))
    ),
    "account_disappeared": told(
        item(
            Kind.EVENT,
            replace(
                EVENT,
                type="account_disappeared",
                headline="disappeared: the venue no longer knows this sub-account",
            ),
        )
    ),
    "account_status_frozen": told(item(Kind.EVENT, replace(EVENT, headline="was frozen by the venue"))),
    "account_status_renamed": told(
        item(
            Kind.EVENT,
            replace(
                EVENT,
                headline="was renamed: it was deskmm8 before",
                details=("No longer matched by: rule “market maker USDT floor”.",),
            ),
        )
    ),
    "account_status_drained": told(
        item(
            Kind.EVENT,
            replace(
                EVENT,
                headline="was drained or unlisted: the venue does not tell which",
                not_watched=("futures",),
            ),
        )
    ),
    "stale_exchange_firing": told(item(Kind.FIRING, BUILT_IN)),
    "stale_exchange_resolved": told(
        item(Kind.RESOLVED, replace(BUILT_IN, ended_ms=LATER_MS), created_ms=LATER_MS),
        now_ms=LATER_MS,
    ),
    "ban_firing": told(
        item(
            Kind.FIRING,
            replace(
                BUILT_IN,
                rule="subtally/ban",
                headline="banned us: no call is made until the ban is over",
                read_ms=None,
                until_ms=NOW_MS + 86_400_000,
                details=("HTTP 418, Retry-After 86400",),
            ),
        )
    ),
    "rules_file_firing": told(
        item(
            Kind.FIRING,
            replace(
                BUILT_IN,
                rule="subtally/rules-file",
                exchange="",
                severity=WARNING,
                headline="the rules file was refused",
                read_ms=None,
                details=(
                    "/etc/subtally/rules.toml:12: unknown key",
                    "The last accepted rules stay in force.",
                ),
            ),
        )
    ),
    "unknown_firing": told(
        item(
            Kind.FIRING,
            replace(
                BUILT_IN,
                rule="subtally/unknown",
                severity=WARNING,
                label="desk9",
                wallet="funding",
                asset="USDT",
                field="frozen",
                headline="rule “nothing frozen” cannot see frozen of USDT in wallet funding",
                read_ms=None,
                details=("Unknown for desk9: the venue does not give it. The rule is silent there.",),
            ),
        )
    ),
    "test": told(item(Kind.TEST, PLAIN_TEST)),
    "test_drill": told(item(Kind.TEST, FLOOR)),
    "merged_few": told(
        item(Kind.FIRING, FLOOR),
        item(Kind.RESOLVED, replace(FROZEN, value="0", ended_ms=NOW_MS), "A8K2"),
        item(Kind.EVENT, replace(EVENT, headline="appeared: a new sub-account"), "A9B1"),
    ),
    "merged_end_with_its_untold_firing": told(
        item(Kind.FIRING, FLOOR), item(Kind.RESOLVED, ENDED, created_ms=LATER_MS), now_ms=LATER_MS
    ),
    "merged_lines": told(
        *fallen(30),
        item(Kind.RESOLVED, replace(FROZEN, value="0", ended_ms=NOW_MS), "A8K2"),
        item(Kind.CLOSED, replace(FROZEN, reason="rule changed"), "A8K3"),
        item(Kind.REMINDER, FROZEN, "A8K4"),
        item(Kind.EVENT, DROP, "A8K5"),
    ),
    "merged_too_many": told(*fallen(200)),
    "digest_of_one": told(item(Kind.FIRING, FLOOR, batch="first")),
    "digest": told(*fallen(5, batch="first")),
    "digest_too_many": told(*fallen(200, batch="first"), limit_units=900),
    "single_shorter": told(item(Kind.FIRING, FLOOR), limit_units=330),
    "single_short": told(item(Kind.FIRING, FLOOR), limit_units=160),
}


def text_of(wording: Wording) -> str:
    return f"{wording.title}\n[{wording.tone}]\n\n{wording.body}\n"


if __name__ == "__main__":
    for path in FOLDER.glob("*.txt"):
        path.unlink()
    for name, case in CASES.items():
        (FOLDER / f"{name}.txt").write_text(text_of(case()))
