"""What a case expects against what happened: strict both ways."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.ruletest.load import Story
from daemon.ruletest.models import ExpectRow
from daemon.ruletest.run import MESSAGE_ID, Happened, Run
from notifiers.times import duration
from rules.builtin_names import PREFIX
from rules.patterns import Patterns

_SECOND_MS = 1_000
_STRICT = frozenset({"firing", "event", "raised", "escalated", "resolved", "closed"})
"""What nobody expected fails the case; reminders, and what only pends, do not."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as expected; `line` is where the file expects it, None for what nobody expects."""

    text: str
    line: int | None = None


def faults_of(story: Story, run: Run) -> list[Fault]:
    """Everything that differs, in the order of the file, then what nobody expected."""
    found: list[Fault] = []
    left = list(run.happened)
    for expect, line in sorted(
        zip(story.expects, story.expect_lines, strict=True), key=lambda pair: pair[0].at
    ):
        met = min(
            (one for one in left if _is_meant(expect, one) and abs(one.at_ms - expect.at) <= expect.within),
            key=lambda one: abs(one.at_ms - expect.at),
            default=None,
        )
        if met is None:
            found.append(Fault(_missed(expect, left), line))
            continue
        left.remove(met)
        found += (Fault(f"{named(met)}: {text}", line) for text in _differing(expect, met))
    scope = None if story.case.only is None else Patterns.of(story.case.only)
    for one in left:
        in_scope = not one.facts.rule.startswith(PREFIX) if scope is None else scope.match(one.facts.rule)
        if one.event in _STRICT and in_scope:
            found.append(Fault(f"nobody expected: {named(one)}"))
    return found


def named(one: Happened) -> str:
    """`2m firing critical "floor" mm-1 USDT 48,000`."""
    facts = one.facts
    subject = " ".join(part for part in (facts.exchange, facts.label, facts.wallet, facts.asset) if part)
    figure = "" if facts.value is None else f" {facts.field} {facts.value}"
    told = f" → {', '.join(one.notifiers)}" if one.notifiers else ""
    return f'{clock(one.at_ms)} {one.event} {one.severity.value} "{facts.rule}" {subject}{figure}{told}'


def clock(at_ms: int) -> str:
    """A time of a case as its file writes it."""
    if at_ms < 0:
        return "before 0s"
    return "0s" if at_ms < _SECOND_MS else duration(at_ms).replace(" ", "")


def _is_meant(expect: ExpectRow, one: Happened) -> bool:
    facts = one.facts
    if expect.event != one.event or expect.rule != facts.rule:
        return False
    names = {name.casefold() for name in (facts.label, *facts.identifiers)}
    return (
        (expect.exchange is None or expect.exchange == facts.exchange)
        and (expect.account is None or expect.account.casefold() in names)
        and (expect.wallet is None or expect.wallet == facts.wallet)
        and (expect.asset is None or expect.asset.casefold() == facts.asset.casefold() or not facts.asset)
    )


def _missed(expect: ExpectRow, left: list[Happened]) -> str:
    who = "".join(f" {part}" for part in (expect.account, expect.asset) if part)
    wanted = f'{clock(expect.at)} {expect.event} "{expect.rule}"{who}'
    near = [one for one in left if one.facts.rule == expect.rule]
    same = [one for one in near if one.event == expect.event]
    if not near:
        return f"expected {wanted}: nothing happened to this rule"
    closest = min(same or near, key=lambda one: abs(one.at_ms - expect.at))
    return f"expected {wanted}: the nearest is {named(closest)}"


def _differing(expect: ExpectRow, one: Happened) -> list[str]:
    found = []
    if expect.severity is not None and expect.severity != one.severity.value:
        found.append(f"expected severity {expect.severity}")
    if expect.value is not None and expect.value != one.facts.value:
        found.append(f"expected value {expect.value}")
    if expect.notify is not None and sorted(expect.notify) != sorted(one.notifiers):
        found.append(
            f"expected to be told: {', '.join(expect.notify) or 'nobody'}; told: {', '.join(one.notifiers) or 'nobody'}"
        )
    wanted = (*expect.text_contains, *(() if expect.text is None else (expect.text,)))
    if wanted and not one.texts:
        found.append("nobody is told, so that there is no text")
    for notifier, text in one.texts.items():
        absent = [part for part in expect.text_contains if _filled(part, one) not in text]
        if absent:
            parts = " and ".join(repr(part) for part in absent)
            found.append(f"the text to {notifier} does not contain {parts}; it is:\n{_indented(text)}")
        if expect.text is not None and _filled(expect.text, one).strip() != text.strip():
            found.append(f"the text to {notifier} is not the expected one; it is:\n{_indented(text)}")
    return found


def _filled(text: str, one: Happened) -> str:
    """Ids derive from the inputs: a test may leave them open."""
    return text.replace("{alert}", one.alert).replace("{message}", MESSAGE_ID)


def _indented(text: str) -> str:
    return "\n".join(f"      | {line}" for line in text.splitlines())
