"""`subtally replay`: what would have been told, by the live engine over recorded history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.commands.instants import Moment
from daemon.commands.options import config_path, wants_json
from daemon.commands.output import Column, amount, counted, note, now_ms, print_json, print_table
from daemon.commands.state_file import open_state, rules_in_force
from daemon.errors import CannotRun
from daemon.plain import iso

if TYPE_CHECKING:
    from daemon.replay.fold import Judged, Replay, Window
    from daemon.replay.told import Told
    from rules.outcome import Transition
    from rules.ruleset import Ruleset

ENDLESS_MS = 1 << 62
_TITLES = ("at", "event", "severity", "rule", "subject", "figure", "told", "alert")


@click.command(
    epilog="Example: subtally replay --from 24h    "
    "Example: subtally replay --from 7d --rules candidate.toml --diff"
)
@click.option(
    "--from", "from_ms", type=Moment(), metavar="TIME", help="Begin here; default: the whole record."
)
@click.option(
    "--to", "to_ms", type=Moment(), metavar="TIME", help="End before here; default: the record's end."
)
@click.option(
    "--rules",
    "candidate",
    type=click.Path(path_type=Path),
    metavar="CANDIDATE",
    help="Judge under this rules file from the begin on; recorded edits are left out.",
)
@click.option(
    "--diff", is_flag=True, help="Print only what CANDIDATE tells differently from the rules in force."
)
@click.pass_context
def replay(
    context: click.Context, from_ms: int | None, to_ms: int | None, candidate: Path | None, *, diff: bool
) -> None:
    """Fold recorded history again and print what would have been told; nothing is sent and nothing is changed.

    Without --rules it is what the daemon lived, exactly. Times are absolute (2026-01-31T02:00:00Z) or how long ago
    (90m, 24h, 7d).
    """
    from daemon.config import load
    from daemon.replay.difference import differences
    from daemon.replay.fold import Replay

    if diff and candidate is None:
        raise click.UsageError(
            "--diff compares a candidate with the rules in force: name it with --rules FILE"
        )
    chosen = None if candidate is None else load(candidate).ruleset
    folder = config_path(context).absolute().parent
    with open_state(context) as store:
        fold = Replay(store, folder)
        window = _window(fold, from_ms, to_ms)
        if chosen is None:
            _print(context, window, _run(window, lambda hear: fold.recorded(window, hear)))
            return
        _note_strangers(store.exchanges(), chosen)
        if not diff:
            _print(context, window, _run(window, lambda hear: fold.under(chosen, window, hear)))
            return
        current = rules_in_force(store.accepted_rules(), folder)
        if current is None:
            raise CannotRun("there are no rules in force to compare with")
        now = _run(window, lambda hear: fold.under(current, window, hear))
        then = _run(window, lambda hear: fold.under(chosen, window, hear))
    found = differences(_told(now), _told(then))
    if wants_json(context):
        print_json({**_span(window), "differences": [{"side": d.side, **_plain(d.told)} for d in found]})
        return
    print_table([Column(title) for title in ("", *_TITLES)], [[d.side, *_cells(d.told)] for d in found])
    note(f"{counted(len(found), 'difference')}: - the rules in force, + {candidate}")


def _window(fold: Replay, from_ms: int | None, to_ms: int | None) -> Window:
    from daemon.replay.fold import Window

    span = fold.span()
    if span is None:
        raise CannotRun("nothing is on record yet: there is nothing to replay")
    window = Window(span[0] if from_ms is None else from_ms, ENDLESS_MS if to_ms is None else to_ms)
    if window.from_ms >= window.to_ms:
        raise click.BadParameter("it is not after --from", param_hint="--to")
    return window


def _run(window: Window, run: Callable[[Callable[[int], None]], Iterator[Judged]]) -> list[Judged]:
    """All of a fold, with a bar on a terminal."""
    with _bar(window) as hear:
        return list(run(hear))


@contextmanager
def _bar(window: Window) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("replay {task.fields[at]}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("replay", total=None, at="")
        first: list[int] = []
        seen = 0

        def hear(at_ms: int) -> None:
            nonlocal seen
            seen += 1
            if seen % 500 == 1:
                first[:] = first or [at_ms]
                end_ms = min(window.to_ms, now_ms())
                total = max(end_ms - first[0], 1)
                progress.update(task, total=total, completed=min(at_ms - first[0], total), at=iso(at_ms))

        yield hear


def _print(context: click.Context, window: Window, judged: list[Judged]) -> None:
    told = list(_told(judged))
    if wants_json(context):
        steps = [_plain_step(step) for one in judged for step in one.transitions]
        print_json({**_span(window), "told": [_plain(one) for one in told], "transitions": steps})
        return
    print_table([Column(title) for title in _TITLES], [_cells(one) for one in told])
    note("nothing would have been told" if not told else f"{counted(len(told), 'event')}; nothing was sent")


def _told(judged: Iterable[Judged]) -> Iterator[Told]:
    for one in judged:
        yield from one.told


def _note_strangers(known: Iterable[Any], chosen: Ruleset) -> None:
    names = {one.name for one in known}
    strange = [name for name in chosen.exchanges if name not in names]
    if strange:
        note(f"nothing is on record of {', '.join(strange)}: the candidate's rules there see nothing")


def _span(window: Window) -> dict[str, Any]:
    return {"from": iso(window.from_ms), "to": iso(window.to_ms) if window.to_ms < ENDLESS_MS else None}


def _cells(one: Told) -> list[str]:
    facts = one.facts
    subject = " ".join(part for part in (facts.exchange, facts.label, facts.wallet, facts.asset) if part)
    told = ", ".join(one.notifiers) or "nobody"
    return [
        iso(one.at_ms) or "",
        one.event,
        one.severity.value,
        facts.rule,
        subject,
        _figure(one),
        f"{told} (silenced by {one.silenced})" if one.silenced else told,
        one.alert,
    ]


def _figure(one: Told) -> str:
    facts = one.facts
    if facts.value is None:
        return facts.headline
    limit = f" {facts.sign} {amount(facts.threshold)}" if facts.sign and facts.threshold else ""
    if one.event in {"resolved", "closed"}:
        return f"{amount(facts.value)}{f': {facts.reason}' if facts.reason else ''}"
    words = (facts.headline, f"{facts.field} {amount(facts.value)}{limit}")
    return " ".join(word for word in words if word)


def _plain(one: Told) -> dict[str, Any]:
    facts = one.facts
    return {
        "at": iso(one.at_ms),
        "event": one.event,
        "alert": one.alert,
        "severity": one.severity.value,
        "rule": facts.rule,
        "type": facts.type,
        "exchange": facts.exchange or None,
        "account": facts.label or None,
        "wallet": facts.wallet or None,
        "asset": facts.asset or None,
        "field": facts.field or None,
        "value": facts.value,
        "threshold": facts.threshold,
        "headline": facts.headline or None,
        "reason": facts.reason or None,
        "notifiers": list(one.notifiers),
        "silenced": one.silenced or None,
    }


def _plain_step(step: Transition) -> dict[str, Any]:
    return {
        "at": iso(step.at_ms),
        "alert": step.alert,
        "rule": step.rule,
        "exchange": step.key.subject.exchange or None,
        "account_id": step.key.subject.account,
        "wallet": step.key.subject.wallet or None,
        "asset": step.key.subject.asset or None,
        "before": step.before or None,
        "after": step.after,
        "severity": step.severity.value,
        "value": step.value,
        "reason": step.reason or None,
    }
