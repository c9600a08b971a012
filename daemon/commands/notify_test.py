"""`subtally notify-test`: a message marked as a test, through the very pipeline that alerts take."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import click

from daemon.commands.options import config_path, is_verbose, wants_json
from daemon.commands.output import Column, counted, note, now_ms, print_json, print_table
from daemon.commands.state_file import PAGE_ROWS, every_row, open_state
from daemon.config import Config, NotifierConfig, SecretError, load
from daemon.config.wording import one_of, shown, suggestion
from daemon.deliver import SEND_SECONDS
from daemon.drill import About, about, drill_facts, example_of
from daemon.errors import CannotRun, FoundFault
from daemon.startup import make_sender
from notifiers.custom import BUILT_IN, Templates
from notifiers.message import Item, Message
from notifiers.outcome import Result, SendOutcome
from notifiers.way import Way
from notifiers.wording import word
from rules.facts import Facts
from rules.ids import derive
from rules.model import Severity
from rules.outcome import NotificationKind
from rules.ruleset import Rule, Settings
from state.errors import StateError

_WORDS = {
    SendOutcome.DELIVERED: "delivered",
    SendOutcome.FAILED: "failed",
    SendOutcome.UNKNOWN: "not known",
}


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one test message."""

    notifier: str
    address: str
    message: str
    seconds: float
    result: Result | None  # None where nothing was to be sent, because of `untold`
    untold: str = ""

    @property
    def outcome(self) -> str:
        return "not sent" if self.result is None else _WORDS[self.result.outcome]

    @property
    def reason(self) -> str:
        """Why it did not arrive, and what the service asks for."""
        if self.result is None:
            return self.untold
        wait = self.result.retry_after_seconds
        asked = "" if wait is None else f"the service asks to wait {counted(wait, 'second')}"
        return "; ".join(part for part in (self.result.reason, asked) if part)


@click.command(epilog="Example: subtally notify-test oncall")
@click.argument("names", metavar="[NAME]…", nargs=-1)
@click.option(
    "--drill",
    "rule_name",
    metavar="RULE",
    help="Send what the alert of this rule would look like, marked TEST, to whom it would be told.",
)
@click.pass_context
def notify_test(context: click.Context, names: tuple[str, ...], rule_name: str | None) -> None:
    """Send a test message through the notifiers NAME, or through all of them.

    It is worded and sent as alerts are. The daemon may be running or not; its state is not touched.
    """
    path = config_path(context)
    config = load(path)
    drill = None if rule_name is None else _drill(context, config, rule_name)
    chosen = _chosen(config, names, path)
    untold: list[Tried] = []
    if drill is not None:
        chosen, untold = _routed(chosen, drill)
    _set_up_logs(verbose=is_verbose(context))
    senders = _senders(chosen)
    with _progress(len(senders)):
        tried = asyncio.run(send_all(senders, config.ruleset.settings, drill))
    _show([*tried, *untold], as_json=wants_json(context))
    failed = sum(one.result is not None and one.result.outcome is not SendOutcome.DELIVERED for one in tried)
    if failed:
        raise FoundFault(f"{failed} of {counted(len(tried), 'test message')} not delivered")


@dataclass(frozen=True, slots=True)
class Drill:
    """What is told of a rule as if its alert had fired."""

    rule: Rule
    facts: Facts


def _drill(context: click.Context, config: Config, name: str) -> Drill:
    known = {rule.name: rule for rule in config.ruleset.rules}
    if name not in known:
        hint = suggestion(name, known) or one_of(known) if known else "there is no [[rule]]"
        raise click.BadParameter(f"there is no rule {shown(name)}; {hint}", param_hint="--drill")
    rule = known[name]
    if not rule.enabled:
        note(f"the rule {shown(name)} is not enabled: its alerts are told to nobody")
    subject = _subject(context, rule, config)
    if not subject.known:
        note("no account that the rule judges is known yet: the message is about an example")
    return Drill(rule, drill_facts(rule, subject, now_ms()))


def _subject(context: click.Context, rule: Rule, config: Config) -> About:
    try:
        with open_state(context) as store:
            accounts = list(every_row(lambda after: store.accounts(after=after, limit=PAGE_ROWS)))
            return about(rule, config.ruleset, accounts, store.balances(limit=PAGE_ROWS).rows)
    except (CannotRun, StateError):
        return example_of(rule, config.ruleset)


def _routed(chosen: Sequence[NotifierConfig], drill: Drill) -> tuple[list[NotifierConfig], list[Tried]]:
    """Those of the chosen that would hear of it, and of the others why they would not."""
    told: list[NotifierConfig] = []
    untold: list[Tried] = []
    rule = drill.rule
    for one in chosen:
        settings = one.settings
        if rule.notify is not None and settings.name not in rule.notify:
            escalated = settings.name in rule.escalate_to
            why = (
                "the rule does not name it"
                if not escalated
                else "it hears only of what nobody acked (escalate_to)"
            )
        elif drill.facts.severity.rank < settings.min_severity.rank:
            why = f"its min_severity is {settings.min_severity.value}, the alert's is {drill.facts.severity.value}"
        else:
            told.append(one)
            continue
        untold.append(Tried(settings.name, "", "", 0.0, None, why))
    return told, untold


def _chosen(config: Config, names: Sequence[str], path: Path) -> list[NotifierConfig]:
    known = {notifier.settings.name: notifier for notifier in config.notifiers}
    if not known:
        raise CannotRun(f"{path}: there is no [[notifier]], so nobody is told")
    for name in names:
        if name not in known:
            raise click.BadParameter(
                f"there is no notifier {name!r}; known: {', '.join(known)}", param_hint="NAME"
            )
    return [known[name] for name in dict.fromkeys(names or known)]


def _senders(chosen: Sequence[NotifierConfig]) -> list[Way]:
    """One for each; raises CannotRun with all that is wrong with their URLs."""
    senders: list[Way] = []
    faults: list[str] = []
    for notifier in chosen:
        try:
            senders.append(make_sender(notifier.settings.name, notifier.url.resolve()))
        except (SecretError, CannotRun) as error:
            faults.append(str(error))
    if faults:
        raise CannotRun("\n".join(faults))
    return senders


async def send_all(senders: Sequence[Way], settings: Settings, drill: Drill | None = None) -> list[Tried]:
    """A test message through each, side by side: a dead one does not hold up the others (law 8)."""
    try:
        return await asyncio.gather(*(_send(sender, settings, drill) for sender in senders))
    finally:
        for sender in senders:
            sender.close()


async def _send(sender: Way, settings: Settings, drill: Drill | None) -> Tried:
    message = message_of(sender.name, now_ms(), None if drill is None else drill.facts)
    wording = word(
        message,
        timezone=settings.timezone,
        public_url=settings.public_url,
        now_ms=message.items[0].created_ms,
        limit_units=sender.limit_units,
        templates=Templates(settings.title_template, settings.body_template) if drill else BUILT_IN,
    )
    if wording.fault:
        note(f"{sender.name}: {wording.fault}; the built-in words were sent")
    began = monotonic()
    result = await sender.send(wording, SEND_SECONDS, message)
    return Tried(sender.name, sender.address, message.id, monotonic() - began, result)


def message_of(notifier: str, at_ms: int, drill: Facts | None = None) -> Message:
    """A message that says of itself that it is a test, with an id like any other; of a drill with an alert's, too."""
    ident = derive("M", f"notify-test\x1f{notifier}\x1f{at_ms}", lambda _: False)
    facts = drill or Facts(rule="", type="subtally", exchange="", severity=Severity.INFO)
    alert = "" if drill is None else derive("A", f"drill\x1f{drill.rule}\x1f{at_ms}", lambda _: False)
    item = Item(alert, NotificationKind.TEST, facts.severity, facts, at_ms)
    return Message(ident, notifier, (item,))


def _set_up_logs(*, verbose: bool) -> None:
    if verbose:
        from daemon.logs import set_up

        set_up(stream=sys.stderr, level=logging.DEBUG)
    else:
        quieten()


def quieten() -> None:
    """The outcome tells what the libraries would say a second time."""
    logging.getLogger().addHandler(logging.NullHandler())


def _progress(count: int) -> AbstractContextManager[object]:
    from rich.console import Console

    return Console(stderr=True).status(f"sending to {counted(count, 'notifier')}…")


def _show(tried: Sequence[Tried], *, as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {
                    "notifier": one.notifier,
                    "outcome": "not sent" if one.result is None else one.result.outcome.value,
                    "reason": one.reason or None,
                    "address": one.address or None,
                    "message": one.message or None,
                    "milliseconds": round(one.seconds * 1000),
                }
                for one in tried
            ]
        )
        return
    titles = ("notifier", "outcome", "took", "message", "address", "reason")
    print_table(
        [Column(title, right=title == "took") for title in titles],
        [
            [
                one.notifier,
                one.outcome,
                "" if one.result is None else f"{one.seconds:.1f} s",
                one.message,
                one.address,
                one.reason,
            ]
            for one in tried
        ],
    )
