"""Questions and answers: on a terminal with hidden input and another try, from a pipe one answer on each line."""

from __future__ import annotations

import getpass
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import click

from daemon.commands.output import note
from daemon.config.secret import SECRET_BYTES_MAX
from daemon.errors import CannotRun, FoundFault

T = TypeVar("T")

LINE_CHARACTERS_MAX: Final = 8192
AT_FILE: Final = "@"


class RefusedError(ValueError):
    """Why an answer will not do, in words that are ready to be shown. It never holds the answer to a hidden one."""


class Asker:
    """Asks on stderr. A wrong answer is told and asked for again; from a pipe, where nobody reads, it ends."""

    def __init__(self) -> None:
        self._terminal = sys.stdin.isatty()

    def ask(self, question: str, read: Callable[[str], T], *, default: str = "", hidden: bool = False) -> T:
        """The answer as `read` makes it of the text; it raises RefusedError with the reason.

        Raises FoundFault for a wrong answer from a pipe, and CannotRun where there are no more answers.
        """
        shown = f"{question} [{default}]: " if default else f"{question}: "
        while True:
            text = self._line(shown, hidden=hidden).strip() or default
            try:
                return read(text)
            except RefusedError as error:
                if not self._terminal:
                    raise FoundFault(f"{question}: {error}") from None
                note(f"  {error}")

    def choose(self, question: str, words: Sequence[str], *, default: str = "") -> str:
        """One of these words, or what begins one of them alone."""

        def read(text: str) -> str:
            found = [word for word in words if text and word.startswith(text.casefold())]
            if len(found) != 1:
                raise RefusedError(f"answer with one of: {', '.join(words)}")
            return found[0]

        return self.ask(f"{question} ({', '.join(words)})", read, default=default)

    def agrees(self, question: str) -> bool:
        """Whether the answer is yes. No is the default."""
        return self.choose(question, ("yes", "no"), default="no") == "yes"

    def _line(self, shown: str, *, hidden: bool) -> str:
        if self._terminal and hidden:
            with warnings.catch_warnings():
                warnings.simplefilter("error", getpass.GetPassWarning)
                try:
                    return getpass.getpass(shown)
                except getpass.GetPassWarning:
                    raise CannotRun("this terminal cannot hide what is typed: use another one") from None
                except EOFError:
                    raise self._ended(shown) from None
        click.echo(shown, err=True, nl=False)
        line = sys.stdin.readline(LINE_CHARACTERS_MAX)
        if not self._terminal:
            note("")  # nobody's Enter ends the line
        if not line:
            raise self._ended(shown)
        return line

    def _ended(self, shown: str) -> BaseException:
        if self._terminal:
            return KeyboardInterrupt()  # Ctrl-D is another way to leave
        return CannotRun(
            f'there is no answer to "{shown.strip(" :")}": '
            "run it on a terminal, or give it one answer on each line of its standard input"
        )


def read_secret(text: str) -> str:
    """One line of printable characters as it is, or with @ before it the file that holds the secret.

    Raises RefusedError, which repeats nothing of it.
    """
    if text.startswith(AT_FILE):
        return _from_file(Path(text.removeprefix(AT_FILE)).expanduser())
    if not text:
        raise RefusedError("it is empty: paste it and press Enter; nothing is shown while you do")
    if not text.isprintable() or not text.isascii():
        raise RefusedError(
            "it holds characters that cannot be typed: copy it again; one of several lines goes by @FILE"
        )
    return text


def read_word(text: str) -> str:
    """A secret without a space inside, as keys are. Raises RefusedError."""
    secret = read_secret(text)
    if "-----BEGIN" not in secret and len(secret.split()) != 1:
        raise RefusedError("it holds a space: copy it again, the key alone")
    return secret


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(SECRET_BYTES_MAX + 1)
        text = raw.decode("ascii").strip()
    except UnicodeDecodeError:
        raise RefusedError(f"{path}: is no plain text") from None
    except OSError as error:
        raise RefusedError(f"{path}: {error.strerror} (what begins with @ names a file)") from None
    if not text or len(raw) > SECRET_BYTES_MAX:
        raise RefusedError(f"{path}: is {'empty' if not text else f'longer than {SECRET_BYTES_MAX} bytes'}")
    return text
