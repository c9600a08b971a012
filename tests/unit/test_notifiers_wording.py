from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifiers.message import Item, Message, Tone, Wording
from notifiers.phrasing import Phrasing
from notifiers.summary import one_line
from notifiers.text import units
from notifiers.view import Reader, in_brief, view
from notifiers.wording import TITLE_UNITS, Drafts, fitting, word
from rules.facts import Facts
from rules.model import Severity
from rules.outcome import NotificationKind as Kind

NOW_MS = 1_763_607_654_000
LIMIT_UNITS = 3_500

texts = (
    st.sampled_from(["", "USDT", "spot", "x" * 400, "🦊" * 90, "a\x00b\n\u202e{{ a.id }}", "<!channel> *b*"])
    | st.text()
)
labels = st.text(min_size=1, max_size=200)
amounts = st.from_regex(r"-?[0-9]{1,30}(\.[0-9]{1,18})?", fullmatch=True)
times = st.none() | st.integers(1_500_000_000_000, 1_900_000_000_000)
lists = st.lists(texts, max_size=3).map(lambda found: tuple(found) * 5)

any_facts = st.builds(
    Facts,
    rule=texts,
    type=texts,
    exchange=texts,
    severity=st.sampled_from(Severity),
    raised_from=st.none() | st.sampled_from(Severity),
    label=texts,
    wallet=texts,
    wallets=lists,
    asset=texts,
    field=texts,
    quote=texts,
    headline=texts,
    value=st.none() | texts | amounts,
    sign=st.sampled_from(["<", "≥", ">", "≤", "", "?"]),
    threshold=st.none() | texts | amounts,
    clear_at=st.none() | texts | amounts,
    before=st.none() | texts | amounts,
    before_ms=times,
    since_ms=times,
    held_ms=st.integers(0, 10**12),
    window_ms=st.none() | st.integers(0, 10**10),
    until_ms=times,
    read_ms=times,
    readings=st.integers(0, 100),
    reason=texts,
    fired_ms=times,
    ended_ms=times,
    also=st.lists(st.tuples(texts, texts, texts, amounts), max_size=3).map(lambda found: tuple(found) * 5),
    not_watched=lists,
    details=lists,
    identifiers=lists,
    runbook=texts,
    description=texts,
)
any_items = st.builds(
    Item,
    alert_id=st.from_regex(r"A[0-9][0-9A-Z]{3,7}", fullmatch=True),
    kind=st.sampled_from(Kind),
    severity=st.sampled_from(Severity),
    facts=any_facts,
    created_ms=st.integers(NOW_MS - 10**10, NOW_MS),
    batch=st.sampled_from(["", "b1", "b2"]),
)

FACTS = Facts(
    rule="floor",
    type="low_balance",
    exchange="binance-main",
    severity=Severity.CRITICAL,
    label="mm-1@desk.example",
    wallets=("spot",),
    asset="USDT",
    field="free",
    value="18250.5",
    sign="<",
    threshold="20000",
    since_ms=NOW_MS - 130_000,
    read_ms=NOW_MS - 4_000,
    readings=2,
    fired_ms=NOW_MS,
)


def tell(
    items: Sequence[Item], limit_units: int = LIMIT_UNITS, public_url: str = "https://subtally.example"
) -> Wording:
    message = Message("M19C", "oncall", tuple(items))
    return word(message, timezone="UTC", public_url=public_url, now_ms=NOW_MS, limit_units=limit_units)


def item(alert_id: str, kind: Kind = Kind.FIRING, facts: Facts = FACTS, batch: str = "") -> Item:
    return Item(alert_id, kind, facts.severity, facts, NOW_MS, batch)


def many(count: int, batch: str = "") -> list[Item]:
    return [item(f"A{10_000 + n}", facts=replace(FACTS, label=f"mm-{n}"), batch=batch) for n in range(count)]


@settings(max_examples=200)
@given(any_items, st.lists(any_items, max_size=2))
def test_a_line_says_what_it_would_say_of_an_alert_that_was_looked_at_in_full(
    told: Item, earlier: list[Item]
) -> None:
    reader = Reader(UTC, NOW_MS, "https://subtally.example")
    for where in (True, False):
        line = one_line(in_brief(told, reader, earlier), where)
        assert line == one_line(view(told, reader, earlier), where)
        assert line == line.strip()
        assert len(line.splitlines()) == 1


@settings(max_examples=50)
@given(any_items, st.lists(any_items, max_size=2))
def test_a_block_of_less_detail_is_never_longer(told: Item, earlier: list[Item]) -> None:
    a = view(told, Reader(UTC, NOW_MS, "https://subtally.example"), earlier)
    phrasing = Phrasing()
    lengths = [units(phrasing.block(a, detail, "")) for detail in (1, 2, 3)]
    assert phrasing.is_builtin
    assert lengths == sorted(lengths)


def test_blocks_have_as_much_detail_as_there_is_room_for() -> None:
    facts = replace(FACTS, description="a description", details=("a detail",))
    two = [item("A1001", facts=facts), item("A1002", facts=facts)]
    bodies = [tell(two, limit).body for limit in range(700, 300, -10)]
    shown = dict.fromkeys((body.count("a description"), body.count("a detail")) for body in bodies)
    assert list(shown) == [(2, 2), (0, 2), (0, 0)]
    assert all(body.count("readings agree") == 2 for body in bodies if "a detail" in body)


@settings(max_examples=30)
@given(st.lists(any_items, min_size=2, max_size=40, unique_by=lambda one: one.alert_id))
def test_a_message_that_was_looked_at_before_reads_as_one_that_was_not(items: list[Item]) -> None:
    items = [replace(one, batch="") for one in items]
    drafts = Drafts()
    words = {"timezone": "UTC", "public_url": "https://subtally.example", "now_ms": NOW_MS}
    room = fitting(items, **words, drafts=drafts)  # type: ignore[arg-type]
    message = Message("M19C", "oncall", tuple(items[:room]))
    assert word(message, **words, drafts=drafts) == word(message, **words)  # type: ignore[arg-type]


@settings(max_examples=40)
@given(st.lists(any_items, min_size=1, max_size=6), st.sampled_from([3_500, 1_938, 500, 140]))
def test_any_message_is_bounded_sendable_and_never_empty(items: list[Item], limit_units: int) -> None:
    wording = tell(items, limit_units)
    assert 0 < units(wording.body) <= limit_units
    assert 0 < units(wording.title) <= TITLE_UNITS
    assert "\n" not in wording.title
    assert "\x00" not in wording.title + wording.body
    (wording.title + wording.body).encode()


@settings(max_examples=40)
@given(st.lists(any_items, min_size=1, max_size=4, unique_by=lambda item: item.alert_id))
def test_every_alert_is_named_while_it_fits(items: list[Item]) -> None:
    wording = tell(items)
    assert wording.named == {item.alert_id for item in items}
    assert all(alert_id in wording.body for alert_id in wording.named)


@pytest.mark.parametrize("count", [1, 5])
def test_a_long_name_is_told_whole_where_there_is_room(count: int) -> None:
    long = [
        replace(FACTS, rule=f"{n} " + "floor " * 30 + "end", label=f"{n}" + "x" * 240 + "@d")
        for n in range(count)
    ]
    wording = tell([item(f"A{10_000 + n}", facts=facts) for n, facts in enumerate(long)])
    for facts in long:
        assert facts.label in wording.body
        assert facts.rule in wording.body


def test_a_long_name_costs_no_alert_its_place() -> None:
    items = [item(f"A{10_000 + n}", facts=replace(FACTS, label=f"{n}" + "x" * 240)) for n in range(60)]
    room = fitting(items, timezone="UTC", public_url="", now_ms=NOW_MS)
    assert 20 < room < 60
    assert tell(items[:room], public_url="").named == {one.alert_id for one in items[:room]}


@given(st.sampled_from(Kind), amounts, labels)
def test_law_9_the_judged_figure_stands_in_full(kind: Kind, value: str, label: str) -> None:
    wording = tell([item("A7F3", kind, replace(FACTS, value=value, label=label))])
    digits = value.lstrip("-").lstrip("0")
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    if digits.startswith(".") or not digits:
        digits = f"0{digits}"
    assert digits in wording.body.replace(",", "")


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_names_rule_account_asset_figure_and_ids(kind: Kind) -> None:
    body = tell([item("A7F3", kind)]).body
    for part in ("floor", "binance-main", "mm-1@desk.example", "USDT", "18,250.5", "A7F3", "M19C"):
        assert part in body


def test_closed_is_never_called_resolved() -> None:
    wording = tell([item("A7F3", Kind.CLOSED, replace(FACTS, reason="rule changed"))])
    assert "closed: rule changed" in wording.body
    assert "resolved" not in (wording.title + wording.body).casefold()


def test_a_test_is_marked_in_title_and_body() -> None:
    for facts in (FACTS, Facts("", "", "", Severity.INFO)):
        wording = tell([item("A7F3", Kind.TEST, facts)])
        assert wording.title.startswith("TEST")
        assert wording.body.startswith("TEST")
        assert wording.tone is Tone.INFO


def test_several_alerts_have_each_id_once() -> None:
    for count in (2, 5, 20, 60):
        body = tell(many(count)).body
        assert all(body.count(f"A{10_000 + n}") == 1 for n in range(count))


def test_events_of_one_alert_become_one_truthful_block() -> None:
    fired = item("A7F3")
    ended = replace(
        item("A7F3", Kind.RESOLVED, replace(FACTS, value="61000", ended_ms=NOW_MS)), created_ms=NOW_MS + 1
    )
    for order in ([fired, ended], [ended, fired]):
        wording = tell(order)
        assert wording.title.startswith("RESOLVED")
        assert "61,000 ≥ 20,000" in wording.body
        assert "before that: firing CRITICAL 18,250.5 < 20,000" in wording.body


def test_what_does_not_fit_is_counted_and_linked() -> None:
    wording = tell(many(300))
    assert len(wording.named) < 300
    assert f"and {300 - len(wording.named)} more" in wording.body
    assert "https://subtally.example/" in wording.body
    assert all(alert_id in wording.body for alert_id in wording.named)


def test_the_most_severe_are_named_first() -> None:
    warnings = [
        replace(one, severity=Severity.WARNING, facts=replace(one.facts, severity=Severity.WARNING))
        for one in many(300)
    ]
    gravest = item("A99999")
    wording = tell([*warnings, gravest])
    assert "A99999" in wording.named
    assert wording.body.index("A99999") < wording.body.index("WARNING, rule")
    assert wording.tone is Tone.FAILURE


@given(st.integers(1, 400), st.integers(140, 3_500), st.sampled_from(["", "b"]))
@settings(max_examples=25)
def test_law_7_a_message_names_all_that_fitting_gives_it(count: int, limit_units: int, batch: str) -> None:
    items = many(count, batch)
    most = fitting(
        items, timezone="UTC", public_url="https://subtally.example", now_ms=NOW_MS, limit_units=limit_units
    )
    assert 1 <= most <= count
    assert tell(items[:most], limit_units).named == {one.alert_id for one in items[:most]}


@given(st.integers(1, 200), st.integers(140, 3_500), st.lists(st.integers(0, 199), max_size=20))
@settings(max_examples=25)
def test_what_was_worded_to_see_how_many_fit_changes_no_word(
    count: int, limit_units: int, ended: list[int]
) -> None:
    items = many(count)
    items += [replace(items[n % count], kind=Kind.RESOLVED, created_ms=NOW_MS) for n in ended]
    drafts = Drafts()
    reader: dict[str, Any] = {"timezone": "UTC", "public_url": "https://subtally.example", "now_ms": NOW_MS}
    most = fitting(items, **reader, limit_units=limit_units, drafts=drafts)
    message = Message("M19C", "oncall", tuple(items[:most]))
    worded = word(message, **reader, limit_units=limit_units, drafts=drafts)
    assert worded == word(message, **reader, limit_units=limit_units)
    assert worded == word(message, **reader, limit_units=limit_units, drafts=drafts)


def test_300_alerts_take_a_handful_of_messages_and_each_id_once() -> None:
    left, told = many(300), []
    while left:
        most = fitting(left, timezone="UTC", public_url="", now_ms=NOW_MS)
        told.append(tell(left[:most], public_url="").body)
        left = left[most:]
    assert len(told) <= 6
    assert all("".join(told).count(f"A{10_000 + n}") == 1 for n in range(300))


def test_a_first_judgement_is_one_digest() -> None:
    wording = tell(many(3, batch="first"))
    assert wording.body.startswith("First look at binance-main: 3 alerts are firing (3 CRITICAL)")
    assert wording.title == "3 CRITICAL binance-main: first look"


def test_a_figure_that_does_not_fit_a_title_is_left_out_whole() -> None:
    value = "123456789012345678901234567890.123456789012345678"
    title = tell([item("A7F3", facts=replace(FACTS, value=value))]).title
    assert title == "CRITICAL mm-1@desk.example USDT"


def test_a_message_without_alerts_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        tell([])


STANDING = (Kind.FIRING, Kind.RAISED, Kind.REMINDER, Kind.ESCALATED, Kind.EVENT)
HINT = "ack: https://subtally.example/alerts/A7F3 or: subtally ack A7F3 --by NAME\nA7F3 M19C"


@pytest.mark.parametrize("kind", STANDING)
def test_whatever_stands_says_at_its_end_how_to_ack_it(kind: Kind) -> None:
    assert tell([item("A7F3", kind)]).body.endswith(f"\n{HINT}")
    assert tell([item("A7F3", kind)], public_url="").body.endswith(
        "\nack: subtally ack A7F3 --by NAME\nA7F3 M19C"
    )


@pytest.mark.parametrize("kind", [Kind.RESOLVED, Kind.CLOSED, Kind.TEST])
def test_what_is_over_or_a_test_asks_for_no_ack(kind: Kind) -> None:
    assert "ack" not in tell([item("A7F3", kind)]).body


def test_several_alerts_and_short_messages_have_no_hint_for_each() -> None:
    assert "subtally ack" not in tell(many(3)).body
    assert "subtally ack" not in tell(many(3, batch="first")).body
    assert "subtally ack" not in tell([item("A7F3")], 150).body


def test_an_escalation_says_that_nobody_has_acked() -> None:
    facts = replace(FACTS, fired_ms=NOW_MS - 900_000)
    wording = tell([item("A7F3", Kind.ESCALATED, facts)])
    assert wording.title == "ESCALATED CRITICAL mm-1@desk.example USDT 18,250.5"
    assert "nobody has acked this CRITICAL, firing for 15m since 02:45:54 UTC" in wording.body
    assert wording.tone is Tone.FAILURE
