"""The user's own words: what they may do, what a message says all the same, and what stands in for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifiers.custom import MOST_LETTERS, VARIABLES, Templates, check_template
from notifiers.message import Item, Message, Wording
from notifiers.text import units
from notifiers.wording import LIMIT_UNITS, TITLE_UNITS, word
from rules.facts import Facts
from rules.model import Severity
from rules.outcome import NotificationKind as Kind

NOW_MS = 1_790_000_000_000
FACTS = Facts(
    rule="market maker floor",
    type="low_balance",
    exchange="binance-main",
    severity=Severity.CRITICAL,
    label="mm-1@desk.example",
    wallet="spot",
    asset="USDT",
    field="free",
    value="18250.5",
    sign="<",
    threshold="20000",
    read_ms=NOW_MS - 4000,
    details=("one", "two"),
    runbook="https://wiki.example/floor",
)


def item(alert: str = "A7F3", kind: Kind = Kind.FIRING, at_ms: int = NOW_MS, **changes: Any) -> Item:
    return Item(alert, kind, Severity.CRITICAL, replace(FACTS, **changes), at_ms)


def worded(*items: Item, title: str = "", body: str = "", limit_units: int = LIMIT_UNITS) -> Wording:
    return word(
        Message("M19C", "oncall", items),
        timezone="UTC",
        public_url="https://subtally.example",
        now_ms=NOW_MS,
        limit_units=limit_units,
        templates=Templates(title, body),
    )


def test_own_words_replace_title_and_body_and_what_must_be_named_is_added() -> None:
    told = worded(
        item(), title="{{ status }} {{ account }} is at {{ value }}", body="Wake up, {{ account }}!"
    )
    assert told.title == "CRITICAL mm-1@desk.example is at 18,250.5"
    assert (
        told.body == 'Wake up, mm-1@desk.example!\nrule "market maker floor" · USDT · 18,250.5 · A7F3 · M19C'
    )
    assert (told.fault, told.named) == ("", {"A7F3"})


def test_own_words_that_name_everything_are_left_as_they_are() -> None:
    body = "{{ rule }}: {{ account }} {{ asset }} {{ value }} {{ sign }} {{ limit }} ({{ id }} {{ message }})"
    assert worded(item(), body=body).body == (
        "market maker floor: mm-1@desk.example USDT 18,250.5 < 20,000 (A7F3 M19C)"
    )


def test_an_id_inside_another_word_is_no_id() -> None:
    assert worded(item(), body="see A7F3X of {{ builtin }}").body.count("A7F3") >= 2
    assert worded(item(), body="XA7F3").body.endswith("A7F3 · M19C")


def test_the_builtin_words_can_be_extended() -> None:
    plain = worded(item())
    assert worded(item(), body="{{ builtin }}\nDesk 7").body == f"{plain.body}\nDesk 7"
    assert worded(item(), title="{{ builtin }}!").title == f"{plain.title}!"


@pytest.mark.parametrize(
    "kind, mark", [(Kind.RESOLVED, "RESOLVED"), (Kind.CLOSED, "CLOSED"), (Kind.TEST, "TEST")]
)
def test_an_end_and_a_test_say_so_whatever_the_template(kind: Kind, mark: str) -> None:
    told = worded(item(kind=kind), title="CRITICAL {{ account }}", body="CRITICAL {{ account }}")
    assert told.title.startswith(mark)
    assert told.body.startswith(mark)


def test_an_end_merged_with_its_untold_firing_tells_both() -> None:
    told = worded(item(at_ms=NOW_MS - 9000), item(kind=Kind.RESOLVED, value="30000"), body="{{ account }}")
    assert "before that: firing CRITICAL 18,250.5" in told.body


def test_several_alerts_have_one_block_of_own_words_each_and_each_id_once() -> None:
    told = worded(item("A111"), item("A222"), body="<{{ account }}>", title="{{ account }}")
    assert told.title == "mm-1@desk.example +1 more"
    assert told.body.count("<mm-1@desk.example>") == 2
    assert (told.body.count("A111"), told.body.count("A222"), told.body.count("M19C")) == (1, 1, 1)


def test_300_alerts_with_own_words_stay_within_the_limit() -> None:
    told = worded(*(item(f"A{number:04}") for number in range(300)), body="{{ builtin }}" * 3)
    assert units(told.body) <= LIMIT_UNITS
    assert told.fault is None


def test_a_long_account_gives_way_in_an_own_title_and_a_figure_does_not() -> None:
    told = worded(item(label="x" * 70), title="{{ account }} {{ value }}")
    assert units(told.title) == TITLE_UNITS
    assert told.title.endswith("… 18,250.5")


BROKEN = {
    "syntax": ("{{ account ", "unexpected end of template"),
    "unknown variable": ("{{ acount }}", "there is no variable 'acount'; did you mean account?"),
    "unknown filter": ("{{ account|eval }}", "there is no filter 'eval'"),
    "unknown tag": ("{% frobnicate %}", "unknown tag 'frobnicate'"),
    "attribute": ("{{ account.__class__.__mro__ }}", " is not possible here: all values are plain text"),
    "item": ("{{ account['__class__'] }}", "getitem is not possible here"),
    "call": ("{% for i in range(1000000000) %}x{% endfor %}", "a loop goes over one of wallets"),
    "method": ("{{ account.upper() }}", "call is not possible here"),
    "format": ("{{ '%1000000000d' % 1 }}", "mod is not possible here"),
    "power": ("{{ 9**9**9**9 }}", "pow is not possible here"),
    "multiple": ("{{ 'x' * 10000000000 }}", "mul is not possible here"),
    "loop over letters": ("{% for x in builtin %}{% endfor %}", "a loop goes over one of"),
    "deep loops": (
        "".join(f"{{% for a{n} in details %}}" for n in range(9)) + "x" + "{% endfor %}" * 9,
        "at most 2 deep",
    ),
    "endless recursion": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "macro is not possible here"),
    "own recursion": (
        "{% for x in details recursive %}{{ loop(details) }}{% endfor %}",
        "a loop goes over one of",
    ),
    "doubling": ("{% set a = builtin ~ builtin %}{{ a }}", "assign is not possible here"),
    "include": ("{% include '/etc/passwd' %}", "include is not possible here"),
    "import": ("{% import '/etc/passwd' as p %}", "import is not possible here"),
    "an argument too many": ("{{ severity|upper(3) }}", "the filter 'upper' takes 0 arguments"),
    "an argument too few": ("{{ severity|default }}", "the filter 'default' takes 1 arguments"),
    "an argument of another kind": ("{{ severity|replace(1, 2) }}", "TypeError"),
    "a value of another kind": ("{{ details|replace('a', 'b') }}", "AttributeError"),
    "of no value": ("{% if not runbook %}{{ runbook < 5 }}{% endif %}", "TypeError"),
    "too long to read": ("x" * (MOST_LETTERS + 1), "at most 4000"),
    "too deep": ("{{ " + "(" * 1900 + "id" + ")" * 1900 + " }}", "nested too deeply"),
}


@pytest.mark.parametrize("text, reason", BROKEN.values(), ids=list(BROKEN))
def test_a_broken_template_is_told_before_any_alert_and_the_builtin_words_stand_in(
    text: str, reason: str
) -> None:
    fault = check_template(text)
    assert fault is not None
    assert reason in str(fault)
    plain, told = worded(item()), worded(item(), title=text, body=text)
    assert told.title == plain.title
    assert told.fault is not None
    assert told.fault.startswith("templates.title: ")
    head, _, note = told.body.rpartition("\n")
    assert (head, note) == (plain.body, f"custom wording failed, these are the built-in words: {told.fault}")


FAILING = {
    "huge": ("{{ builtin }}" * 100, "longer than 8000"),
    "multiplied": ("{{ builtin|replace('e', builtin)|replace('e', builtin) }}", "longer than 8000"),
    "joined": ("{{ details|join(" + "~".join(["builtin"] * 40) + ") }}", "longer than 8000"),
    "nothing": ("{% if not rule %}x{% endif %}", "it gives nothing"),
    "longer than a message": ("{{ builtin }}" + "x" * 3_600, "longer than a message may be"),
}


@pytest.mark.parametrize("text, reason", FAILING.values(), ids=list(FAILING))
def test_what_fails_only_with_an_alert_is_told_in_the_message(text: str, reason: str) -> None:
    assert check_template(text) is None
    told = worded(item(), body=text)
    assert told.fault is not None
    assert reason in told.fault
    assert told.body.startswith(worded(item()).body[:40])
    assert told.body.endswith(told.fault)
    assert units(told.body) <= LIMIT_UNITS
    assert told.named == {"A7F3"}


def test_a_title_too_long_for_a_lock_screen_is_the_builtin_one() -> None:
    told = worded(item(), title="{{ rule }} " * 5)
    assert told.title == worded(item()).title
    assert "longer than the 60 letters" in (told.fault or "")


def test_a_service_without_room_hears_the_alert_and_not_the_fault() -> None:
    told = worded(item(), body="{{ nobody }}", limit_units=140)
    assert "A7F3" in told.body
    assert units(told.body) <= 140
    assert told.fault


def test_every_variable_is_there_and_foreign_text_stays_text() -> None:
    told = worded(
        item(label="{{ id }} <!channel>\x00\u202e"), body=" ".join(f"{{{{ {name} }}}}" for name in VARIABLES)
    )
    assert told.fault == ""
    assert "{{ id }} <!channel>" in told.body
    assert not set(told.body) & {"\x00", "\u202e"}


ODD = (
    "x",
    "builtin",
    "loop.index",
    "|replace('a',builtin)",
    "(",
    ")",
    "'",
    ".",
    "\n",
    "🦊",
    "\x00",
    "recursive",
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "{{ ",
                " }}",
                "{% ",
                " %}",
                "for x in details",
                "endfor",
                "if rule",
                "endif",
                "|join",
                "~",
                "id",
                *ODD,
            ]
        ),
        max_size=25,
    ).map("".join)
)
def test_no_template_breaks_a_message(text: str) -> None:
    told = worded(item(), item("A222"), title=text, body=text)
    assert told.named == {"A7F3", "A222"}
    assert 0 < units(told.title) <= TITLE_UNITS
    assert units(told.body) <= LIMIT_UNITS
    assert "A7F3" in told.body
    assert "A222" in told.body
