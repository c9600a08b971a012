"""`subtally setup`: from keys to a watch that has told its first message, by questions and answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import strftime
from typing import Final

import click

from daemon.commands.online import Found, look
from daemon.commands.options import HERE, SYSTEM_WIDE, named_config
from daemon.commands.output import note
from daemon.commands.setup_answers import Answers, Key, configured, rules_text
from daemon.commands.setup_asking import Asker, RefusedError, read_secret, read_word
from daemon.commands.setup_places import FolderPlace, Place, Planned, ServicePlace, service_here, write_all
from daemon.errors import CannotRun, FoundFault
from daemon.exchanges import KINDS

# Names of credentials are made of it, which are names of files, too.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_AGAIN: Final = ("again", "keep", "stop")


@click.command(epilog="Example: subtally setup    Example: subtally --config ~/watch/rules.toml setup")
@click.pass_context
def setup(context: click.Context) -> None:
    """Ask for an exchange, its key, a first rule and a notifier; write the rules file and the secrets.

    The key is tried and a test message is sent before anything is written. As root where the service is
    installed it sets the service up, with credentials that systemd encrypts; else it writes the rules file
    and a folder of secrets that only you can read. A secret is never shown; @FILE reads one from a file.
    Without a terminal, each line of standard input is one answer.
    """
    try:
        _converse(Asker(), named_config(context))
    except KeyboardInterrupt:
        note("\nInterrupted: nothing was written.")
        raise


def _converse(asker: Asker, named: Path | None) -> None:
    place = _place(asker, named)
    if place.rules_file.exists() and not asker.agrees(
        f"{place.rules_file} exists. Replace it? The one before is kept beside it"
    ):
        raise FoundFault("Nothing was written.")
    note("\nThe exchange: use a key that can only read, bound to the address of this machine.")
    kind = asker.choose("Venue", tuple(KINDS))
    name = asker.ask("Your name for it", _read_name, default=f"{kind}-main")
    answers = _with_key(asker, place, Answers(name, Key(kind, "", "", "")))
    note("\nA first rule: tell when a sub-account has less than this.")
    answers = replace(
        answers,
        accounts=asker.ask(
            "Sub-accounts: names or patterns, with commas between", _read_accounts, default="*"
        ),
        asset=asker.ask("Coin", _read_coin, default="USDT"),
        below=asker.ask("Free amount below which it is told", _read_amount),
    )
    note("\nWho is told: an Apprise URL, as slack://…, tgram://TOKEN/CHAT_ID or mailto://…")
    answers = _with_notifier(asker, answers)
    _write(asker, place, answers)


def _place(asker: Asker, named: Path | None) -> Place:
    if service_here() and named in (None, SYSTEM_WIDE):
        note(f"Setting up the service: {SYSTEM_WIDE}, and its secrets as credentials of systemd.")
        return ServicePlace(SYSTEM_WIDE)

    def read(text: str) -> Path:
        path = Path(text).expanduser()
        if path.is_dir() or not text.endswith(".toml"):
            raise RefusedError("name a file that ends in .toml, as in watch/rules.toml")
        return path

    return FolderPlace(named or asker.ask("Rules file", read, default=str(HERE)))


def _with_key(asker: Asker, place: Place, answers: Answers) -> Answers:
    """With a key that the venue takes, or that is kept all the same."""
    kind = answers.key.kind
    found: Found | None = None
    while True:
        host = asker.ask("Host of its API", _read_host, default=KINDS[kind].url)
        key = Key(
            kind,
            "" if host == KINDS[kind].url else host,
            asker.ask("API key (hidden)", read_word, hidden=True),
            asker.ask(
                "API secret, or @FILE of a private key (hidden)"
                if kind == "binance"
                else "API secret (hidden)",
                read_word,
                hidden=True,
            ),
            asker.ask("Passphrase (hidden)", read_secret, hidden=True)
            if KINDS[kind].needs_passphrase
            else "",
        )
        same_host = found is not None and key.host == answers.key.host
        answers = replace(answers, key=key)
        found = _looked(place, answers, {found.exchange: found.spent} if found and same_host else {})
        if not found.problems or _goes_on(asker, "Enter the key again, or keep it?"):
            return answers


def _looked(place: Place, answers: Answers, spent: Mapping[str, str]) -> Found:
    from rich.console import Console

    text = rules_text(answers, place.rules_file, place.reference, schema=False)
    config = configured(text, answers, place.rules_file.absolute().parent)
    with Console(stderr=True).status(f"asking {answers.exchange}…"), place.as_daemon():
        (found,) = look(config, spent)
    note(found.as_line())
    for warning in found.warnings:
        note(f"  warning: {warning}")
    for problem in found.problems:
        note(f"  {problem}")
    return found


def _with_notifier(asker: Asker, answers: Answers) -> Answers:
    name = asker.ask("Your name for it", _read_name, default=answers.notifier)
    while True:
        url = asker.ask("Apprise URL (hidden)", _read_url, hidden=True)
        answers = replace(answers, notifier=name, url=url)
        if _test_message_arrives(name, url) or _goes_on(asker, "Enter the URL again, or keep it?"):
            return answers


def _test_message_arrives(name: str, url: str) -> bool:
    from rich.console import Console

    from daemon.commands.notify_test import quieten, send_all
    from daemon.startup import make_sender
    from notifiers.outcome import SendOutcome
    from rules.ruleset import Settings

    quieten()
    with Console(stderr=True).status("sending a test message…"):
        (tried,) = asyncio.run(send_all([make_sender(name, url)], Settings()))
    if tried.result is not None and tried.result.outcome is SendOutcome.DELIVERED:
        note(f"Test message {tried.message} was delivered to {tried.address}: look whether it arrived.")
        return True
    note(f"  The test message was not delivered to {tried.address}: {tried.reason}")
    return False


def _goes_on(asker: Asker, question: str) -> bool:
    """Whether it is kept; False is another try."""
    match asker.choose(question, _AGAIN, default="again"):
        case "stop":
            raise FoundFault("Stopped: nothing was written.")
        case word:
            return word == "keep"


def _write(asker: Asker, place: Place, answers: Answers) -> None:
    schema = (place.rules_file.parent / "rules.schema.json").exists()
    text = rules_text(answers, place.rules_file, place.reference, schema=schema)
    configured(text, answers, place.rules_file.absolute().parent)  # as `check` checks it
    planned = place.plan(text, answers.secrets())
    *others, rules = planned
    taken = [str(one.path) for one in others if one.path.exists()]
    if taken and not asker.agrees(f"These exist and would be replaced: {', '.join(taken)}. Replace them?"):
        raise FoundFault("Nothing was written.")
    if rules.path.exists():
        kept = rules.path.with_name(f"{rules.path.name}.before-{strftime('%Y%m%dT%H%M%S')}")
        planned.insert(0, Planned(kept, rules.path.read_bytes(), rules.mode, rules.group))
    try:
        write_all(planned)
    except OSError as error:
        raise CannotRun(
            f"{error.filename or place.rules_file}: {error.strerror}; nothing was written"
        ) from error
    note("\nWritten:")
    for one in planned:
        click.echo(str(one.path))
    note("\nNext:")
    for command in place.finish():
        note(f"  {command}")


def _checked(check: Callable[[str], object], text: str) -> None:
    """As the rules file checks it. Raises RefusedError with its words."""
    from pydantic_core import PydanticCustomError

    try:
        check(text)
    except PydanticCustomError as error:
        said = error.context or {}
        raise RefusedError(
            "; ".join(part for part in (said.get("message"), said.get("hint")) if part)
        ) from None


def _read_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise RefusedError("a name has letters, digits, - _ and . only, as in binance-main")
    return text


def _read_host(text: str) -> str:
    from daemon.config.addresses import check_base_url

    _checked(check_base_url, text)
    return text.rstrip("/")


def _read_accounts(text: str) -> tuple[str, ...]:
    from daemon.config.scalars import check_pattern

    found = tuple(part.strip() for part in text.split(","))
    for one in found:
        _checked(check_pattern, one)
    return found


def _read_coin(text: str) -> str:
    from daemon.config.scalars import check_coin

    _checked(check_coin, text.upper())
    return text.upper()


def _read_amount(text: str) -> str:
    from daemon.config.scalars import read_amount_from_zero

    digits = text.replace("_", "")
    _checked(read_amount_from_zero, digits)
    if not digits.strip("0."):
        raise RefusedError("nothing is below 0: a floor is more than that, as in 1000")
    return digits


def _read_url(text: str) -> str:
    from notifiers.urls import check_url

    url = read_secret(text)
    reason = check_url(url)
    if reason:
        raise RefusedError(reason)
    return url
