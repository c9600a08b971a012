"""What became of the tests: for people, for CI (JUnit), and which rules no test fires."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from daemon.ruletest.compare import Fault, clock, faults_of, named
from daemon.ruletest.load import Story, Tests
from daemon.ruletest.run import Run, run_story

LINES_MOST = 60
"""Of a timeline: the last ones before it ends are the ones that explain it, the others are counted."""


@dataclass(frozen=True, slots=True)
class Result:
    """One case that was run."""

    file: str
    story: Story
    run: Run
    faults: tuple[Fault, ...]

    @property
    def passed(self) -> bool:
        return not self.faults


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of one rules file: its enabled rules in their order, and those that some test fired."""

    rules: str
    names: tuple[str, ...]
    fired: frozenset[str]

    @property
    def never(self) -> tuple[str, ...]:
        """The rules that no test fires."""
        return tuple(name for name in self.names if name not in self.fired)


def run_tests(tests: Tests) -> Iterator[Result]:
    """Each case of a file, as soon as it is done."""
    for story in tests.stories:
        run = run_story(tests.config.ruleset, story)
        yield Result(tests.file, story, run, tuple(faults_of(story, run)))


def coverage_of(ran: Iterable[tuple[Tests, Iterable[Result]]]) -> list[Coverage]:
    """One for each rules file under test."""
    names: dict[str, tuple[str, ...]] = {}
    fired: dict[str, set[str]] = {}
    for tests, results in ran:
        names[tests.rules] = tuple(rule.name for rule in tests.config.ruleset.rules if rule.enabled)
        fired.setdefault(tests.rules, set()).update(*(result.run.fired for result in results))
    return [Coverage(rules, names[rules], frozenset(fired[rules])) for rules in names]


def failure_text(result: Result) -> str:
    """What was expected, what happened, and everything that was heard, in the order of time."""
    lines = [f"  {result.file}:{fault.line or result.story.line}: {fault.text}" for fault in result.faults]
    return "\n".join([*lines, "  what happened:", *(f"    {line}" for line in timeline(result.run))])


def timeline(run: Run) -> list[str]:
    """Readings that brought news, and every step of every alert."""
    every = [(at_ms, f"{clock(at_ms):>9}  {text}") for at_ms, text in run.heard]
    every += [
        (one.at_ms, f"{'':>9}  → {named(one).removeprefix(clock(one.at_ms)).strip()}")
        if any(at_ms == one.at_ms for at_ms, _ in run.heard)
        else (one.at_ms, f"{clock(one.at_ms):>9}  → {named(one).removeprefix(clock(one.at_ms)).strip()}")
        for one in run.happened
    ]
    lines = [line for _, line in sorted(every, key=lambda pair: pair[0])]
    left_out = len(lines) - LINES_MOST
    return lines if left_out <= 0 else [f"({left_out} earlier lines)", *lines[left_out:]]


def junit(results: Iterable[Result]) -> str:
    """JUnit's XML: a suite for each file, a case for each test."""
    top = ET.Element("testsuites", name="subtally test")
    suites: dict[str, list[Result]] = {}
    for result in results:
        suites.setdefault(result.file, []).append(result)
    for file, found in suites.items():
        failed = sum(not result.passed for result in found)
        suite = ET.SubElement(
            top, "testsuite", name=file, tests=str(len(found)), failures=str(failed), errors="0"
        )
        for result in found:
            case = ET.SubElement(
                suite, "testcase", name=result.story.case.name, classname=file, line=str(result.story.line)
            )
            if not result.passed:
                first = result.faults[0].text.splitlines()[0]
                said = ET.SubElement(case, "failure", message=_xml(first), type="expectation")
                said.text = _xml(failure_text(result))
    ET.indent(top)
    return ET.tostring(top, encoding="unicode", xml_declaration=True) + "\n"


def plain(result: Result) -> dict[str, Any]:
    """One case as JSON has it."""
    return {
        "file": result.file,
        "line": result.story.line,
        "test": result.story.case.name,
        "passed": result.passed,
        "faults": [{"line": fault.line, "text": fault.text} for fault in result.faults],
        "happened": [
            {
                "at_ms": one.at_ms,
                "event": one.event,
                "rule": one.facts.rule,
                "severity": one.severity.value,
                "exchange": one.facts.exchange or None,
                "account": one.facts.label or None,
                "wallet": one.facts.wallet or None,
                "asset": one.facts.asset or None,
                "value": one.facts.value,
                "notifiers": list(one.notifiers),
                "texts": one.texts,
            }
            for one in result.run.happened
        ],
    }


def _xml(text: str) -> str:
    """XML 1.0 takes no control characters."""
    return "".join(char for char in text if char >= " " or char in "\n\t")
