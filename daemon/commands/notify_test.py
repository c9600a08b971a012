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
from daemon.commands.output import Column, counted, now_ms, print_json, print_table
from daemon.config import Config, NotifierConfig, SecretError, load
from daemon.deliver import SEND_SECONDS
from daemon.errors import CannotRun, FoundFault
from daemon.startup import make_sender
from notifiers.message import Item, Message
from notifiers.outcome import Result, SendOutcome
from notifiers.sending import Sender
from notifiers.wording import word
from rules.facts import Facts
from rules.ids import derive
from rules.model import Severity
from rules.outcome import NotificationKind
from rules.ruleset import Settings

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
    result: Result

    @property
    def reason(self) -> str:
        """Why it did not arrive, and what the service asks for."""
        wait = self.result.retry_after_seconds
        asked = "" if wait is None else f"the service asks to wait {counted(wait, 'second')}"
        return "; ".join(part for part in (self.result.reason, asked) if part)


@click.command(epilog="Example: subtally notify-test oncall")
@click.argument("names", metavar="[NAME]…", nargs=-1)
@click.pass_context
def notify_test(context: click.Context, names: tuple[str, ...]) -> None:
    """Send a test message through the notifiers NAME, or through all of them.

    It is worded and sent as alerts are. The daemon may be running or not; its state is not touched.
    """
    path = config_path(context)
    config = load(path)
    chosen = _chosen(config, names, path)
    _set_up_logs(verbose=is_verbose(context))
    senders = _senders(chosen)
    with _progress(len(senders)):
        tried = asyncio.run(send_all(senders, config.ruleset.settings))
    _show(tried, as_json=wants_json(context))
    failed = sum(one.result.outcome is not SendOutcome.DELIVERED for one in tried)
    if failed:
        raise FoundFault(f"{failed} of {counted(len(tried), 'test message')} not delivered")


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


def _senders(chosen: Sequence[NotifierConfig]) -> list[Sender]:
    """One for each; raises CannotRun with all that is wrong with their URLs."""
    senders: list[Sender] = []
    faults: list[str] = []
    for notifier in chosen:
        try:
            senders.append(make_sender(notifier.settings.name, notifier.url.resolve()))
        except (SecretError, CannotRun) as error:
            faults.append(str(error))
    if faults:
        raise CannotRun("\n".join(faults))
    return senders


async def send_all(senders: Sequence[Sender], settings: Settings) -> list[Tried]:
    """A test message through each, side by side: a dead one does not hold up the others (law 8)."""
    try:
        return await asyncio.gather(*(_send(sender, settings) for sender in senders))
    finally:
        for sender in senders:
            sender.close()


async def _send(sender: Sender, settings: Settings) -> Tried:
    message = message_of(sender.name, now_ms())
    wording = word(
        message,
        timezone=settings.timezone,
        public_url=settings.public_url,
        now_ms=message.items[0].created_ms,
        limit_units=sender.limit_units,
    )
    began = monotonic()
    result = await sender.send(wording, SEND_SECONDS)
    return Tried(sender.name, sender.address, message.id, monotonic() - began, result)


def message_of(notifier: str, at_ms: int) -> Message:
    """A message that says of itself that it is a test. It has an id like any other, and no alert."""
    ident = derive("M", f"notify-test\x1f{notifier}\x1f{at_ms}", lambda _: False)
    facts = Facts(rule="", type="subtally", exchange="", severity=Severity.INFO)
    item = Item("", NotificationKind.TEST, Severity.INFO, facts, at_ms)
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
                    "outcome": one.result.outcome.value,
                    "reason": one.reason or None,
                    "address": one.address,
                    "message": one.message,
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
                _WORDS[one.result.outcome],
                f"{one.seconds:.1f} s",
                one.message,
                one.address,
                one.reason,
            ]
            for one in tried
        ],
    )
