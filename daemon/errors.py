"""What stops a command, and the exit code it stops with.

CannotRun    exit 3: no accepted rules, a missing secret, a state that cannot be opened
FoundFault   exit 1: the thing asked for found fault
"""

from __future__ import annotations


class CommandError(Exception):
    """Ends a command with `code`; the text says what, where and what to do."""

    code = 3


class CannotRun(CommandError):  # noqa: N818  said as the user reads it
    """The daemon, or a command, cannot do its work at all."""

    code = 3


class FoundFault(CommandError):  # noqa: N818  said as the user reads it
    """It ran, and what it looked at is not in order."""

    code = 1
