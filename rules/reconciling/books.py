"""Whether the user's books can be read: what is told while they cannot (law 14), and what is known of them then."""

from __future__ import annotations

from rules.builtin import raise_alert, renew, settle
from rules.builtin_names import BOOKS
from rules.ledger import Failing
from rules.model import Severity
from rules.reconciling import expected
from rules.records import AlertKey, Subject
from rules.ruleset import Rule, Ruleset
from rules.statements import UNCHANGED_MS, Books
from rules.step import Step

READS_LEAST = 2
"""One read that fails may be a hiccup: the next one comes soon."""

NAMED_MOST = 5


def taken(step: Step, said: Books) -> None:
    """One read; one with a problem leaves the last good one in place, and nothing is compared with it."""
    failing = step.world.failing_books.get(said.name)
    if said.problem:
        step.note("books.unread", "", f"{said.name}: {said.problem}")
        since_ms, reads = (said.at_ms, 0) if failing is None else (failing.since_ms, failing.reads)
        step.world.failing_books[said.name] = Failing(since_ms, said.problem, reads + 1)
        _look(step, said.name)
        return
    if failing is not None:
        del step.world.failing_books[said.name]
        settle(step, BOOKS, _subject(said.name))
    before = step.world.books.get(said.name)
    if before is not None:
        expected.unread(step, before, None)
    step.world.books[said.name] = said
    expected.judge_books(step, said, before)


def due(step: Step) -> None:
    """What has not been readable for long enough is told."""
    for name in sorted(step.world.failing_books):
        _look(step, name)


def edited(step: Step, old: Ruleset) -> None:
    """Books that nobody compares any more, or that left the file, are missed by nobody."""
    gone = {*step.world.books, *step.world.failing_books} - {one.name for one in step.ruleset.books}
    _let_go(step, old, gone)
    for name in sorted(step.world.failing_books):
        if name in gone or not rules_of(step, name):
            del step.world.failing_books[name]
            reason = "the books were removed" if name in gone else "no rule compares these books any more"
            renew(step, BOOKS, _subject(name), reason)


def _let_go(step: Step, old: Ruleset, gone: set[str]) -> None:
    """What only books say that left the file, or that a rule compares no more, stays open no longer.

    Also of those that left it long ago: earlier versions kept what they had said.
    """
    before = {rule.key: rule for rule in old.rules}
    known = sorted(step.world.books.items())
    for name in [name for name, _ in known if name in gone]:
        del step.world.books[name]
    for rule in step.ruleset.rules:
        was = before.get(rule.key)
        for name, said in known:
            if was is None or not rule.enabled:
                continue
            if expected.compares(was, name) and (name in gone or not expected.compares(rule, name)):
                expected.close(step, rule, said)


def rules_of(step: Step, name: str) -> list[Rule]:
    """The rules that compare the books of this name, in the order of the file."""
    return [rule for rule in step.ruleset.rules if expected.compares(rule, name)]


def unheard(step: Step, name: str) -> tuple[int | None, str] | None:
    """Since when, and why, nobody can tell what the books say now; None where that is known."""
    failing, said = step.world.failing_books.get(name), step.world.books.get(name)
    if failing is not None:
        return failing.since_ms, f"books “{name}” cannot be read: {failing.reason}"
    known = next((one for one in step.ruleset.books if one.name == name), None)
    if known is None:
        return None
    if said is None:
        return None, f"books “{name}” were not read yet"
    if step.now_ms - said.at_ms > UNCHANGED_MS + 2 * known.every_ms:
        return said.at_ms, f"books “{name}” were not read since then: is the daemon running?"
    return None


def _look(step: Step, name: str) -> None:
    """Tell of books that have failed for `stale_after`, and not only once. Downtime does not count."""
    failing, rules = step.world.failing_books[name], rules_of(step, name)
    if not rules:
        return
    opened = AlertKey(BOOKS, _subject(name)) in step.world.alerts
    at_ms = max(failing.since_ms, step.world.started_ms) + step.settings.stale_after_ms
    if not opened and step.now_ms < at_ms:
        step.world.index.due(at_ms)
        return
    if not opened and failing.reads < READS_LEAST:
        return  # the next one that fails looks again
    said = step.world.books.get(name)
    never = () if said is not None else ("They were never read.",)
    if said is not None and not opened:
        expected.unread(step, said, failing.since_ms)
    raise_alert(
        step,
        BOOKS,
        _subject(name),
        Severity.WARNING,
        "cannot be read: nothing is compared with them",
        label=f"books “{name}”",
        since_ms=failing.since_ms,
        details=(failing.reason, *never, f"Until then nothing is judged by {_named(rules)}."),
    )


def _subject(name: str) -> Subject:
    return Subject("", asset=name)


def _named(rules: list[Rule]) -> str:
    named = ", ".join(f"“{rule.name}”" for rule in rules[:NAMED_MOST])
    more = len(rules) - NAMED_MOST
    return f"rule{'s' * (len(rules) > 1)} {named}" + (f" and {more} more" if more > 0 else "")
