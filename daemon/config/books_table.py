"""`[[books]]` for the shell, `[[expect]]` for the engine."""

from __future__ import annotations

from pathlib import Path

from daemon.config import books_models as written
from daemon.config.config import BooksConfig
from daemon.config.reach import check_exchange_names
from daemon.config.report import Scope
from daemon.config.secret import Secret
from daemon.config.silence_table import Around
from daemon.config.tables import SecretReference
from daemon.config.wording import shown
from rules.patterns import Patterns
from rules.ruleset import Expect

EXTERNAL = "external"


def books_of(table: written.Books, scope: Scope, folder: Path) -> BooksConfig:
    """Check and convert. The result counts only where the report holds no problem at the end."""
    both = {"file", "command"}
    given = both & (table.model_fields_set | scope.broken)
    if given == both:
        scope.problem_of_key(("command",), "file and command exclude each other", "keep one of them")
    elif not given:
        scope.problem_of_key(("file",), "is required and missing", "write file, or command for a program")
    elif "file" in given:
        for key in ("env", "timeout"):
            if key in table.model_fields_set:
                scope.warning((key,), "has no effect on a file")
    elif "timeout" not in scope.broken and table.timeout > table.every:
        scope.problem(("timeout",), "must not be longer than every")
    env = tuple(
        (name, given if isinstance(given, str) else _secret(given, scope, name, folder))
        for name, given in table.env.items()
    )
    return BooksConfig(
        name=table.name,
        folder=folder,
        file=None if table.file is None else folder / table.file,
        command=tuple(table.command or ()),
        env=env,
        every_ms=table.every,
        timeout_ms=table.timeout,
    )


def expect_of(table: written.Expect, scope: Scope, around: Around) -> Expect:
    """Check and convert. The result counts only where the report holds no problem at the end."""
    check_exchange_names(table.exchange, around.exchanges, scope, "it declares nothing")
    giver, taker = _side(table.from_, scope, "from"), _side(table.to, scope, "to")
    if giver is None and taker is None and not scope.broken & {"from", "to"}:
        scope.problem(("to",), "from and to are both external", "one of them is an account that is watched")
    if table.amount <= 0:
        scope.problem(("amount",), "must be more than 0", "from and to say which way it goes")
    elif table.tolerance >= table.amount:
        scope.problem(("tolerance",), "must be less than the amount")
    if table.due <= around.now_ms:
        scope.warning(("due",), "is past, so it is told as missing unless it came in time", "take it out")
    if "movements" not in around.checks:
        hint = 'one with type = "reconciliation" and check = "movements" does'
        scope.warning((), "no rule follows movements, so it is never looked for", hint)
    return Expect(
        name=table.name,
        asset=table.asset,
        amount=table.amount,
        due_ms=table.due,
        giver=giver,
        taker=taker,
        exchange=table.exchange,
        tolerance=table.tolerance,
        reason=table.reason,
    )


def _side(patterns: Patterns, scope: Scope, key: str) -> Patterns | None:
    """None is outside of the exchange, which is no account among others."""
    words = {text.casefold() for text in patterns.wanted}
    if EXTERNAL not in words:
        return patterns
    if len(words) > 1 or patterns.excluded:
        scope.problem((key,), f"{shown(EXTERNAL)} stands alone", "it is everything outside of the exchange")
    return None


def _secret(reference: SecretReference, scope: Scope, name: str, folder: Path) -> Secret:
    title = f"{scope.title}: env.{name}"
    return Secret(reference.kind, reference.name, title, (*scope.path, "env", name), folder)
