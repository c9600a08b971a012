"""The user's own words (`templates` in [daemon]): what they may do, and what a message must say all the same.

A template is text of the operator's, and text goes wrong: so it gets plain values, calls nothing, loops only over
short lists and may become only so long. Whatever fails is told, and the built-in words stand in for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from notifiers.summary import words_of
from notifiers.text import clean, tidy, units
from notifiers.view import View
from rules.outcome import NotificationKind

MOST_LETTERS: Final = 4_000
"""Of a template, as it is written."""

MOST_UNITS: Final = 8_000
"""Of whatever a template makes on its way, long before anything is sent."""

_LONGEST_REASON = 160
_DEEPEST_LOOP = 2
_LISTS: Final = ("wallets", "also", "not_watched", "details", "identifiers")
_TEXTS: Final = (
    *(
        "severity",
        "status",
        "kind",
        "rule",
        "exchange",
        "account",
        "wallet",
        "asset",
        "field",
        "quote",
        "headline",
    ),
    *(
        "value",
        "perhaps",
        "sign",
        "limit",
        "side",
        "ends",
        "step",
        "within",
        "empty",
        "empty_limit",
        "rate",
        "before",
        "before_at",
        "difference",
    ),
    *(
        "since",
        "held",
        "until",
        "read_ago",
        "fired",
        "lasted",
        "reason",
        "note",
        "history",
        "runbook",
        "description",
    ),
    *("happened", "delayed", "link", "id", "message", "builtin"),
)
VARIABLES: Final = (*_TEXTS, *_LISTS)

_NODES: Final = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.List, nodes.Tuple),
    *(nodes.If, nodes.For, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not),
    *(nodes.Filter, nodes.Test, nodes.Concat, nodes.Add, nodes.Getattr),
)
_LOOP_WORDS: Final = {"first", "last", "index", "index0", "length"}
_TESTS: Final = {"defined", "undefined", "in", "eq", "ne"}


@dataclass(frozen=True, slots=True)
class Templates:
    """The user's own words: of a title, and of one alert in a message. "" is the built-in wording."""

    title: str = ""
    body: str = ""


BUILT_IN: Final = Templates()


class TemplateFault(ValueError):  # noqa: N818 - as BadUrl: it is what the user wrote
    """A template that cannot be used. `line` is the template's own, counted from 1; None where it has none."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        self.reason = tidy(reason, _LONGEST_REASON)
        self.line = line
        super().__init__(self.reason if line is None else f"{self.reason} (its line {line})")


def check_template(text: str) -> TemplateFault | None:
    """What is wrong with a template before any alert; None where nothing is.

    It is tried with every value there and with none: the two sides of most conditions.
    """
    for word in ("x", ""):
        try:
            _rendered(text, dict.fromkeys(_TEXTS, word) | dict.fromkeys(_LISTS, [word] if word else []))
        except TemplateFault as fault:
            return fault.with_traceback(None)
    return None


def values_of(
    a: View, *, builtin: str, history: str, message_id: str, label: str | None = None
) -> dict[str, Any]:
    """What a template may use: text and lists of text, every one of them fit to be read."""
    relation = a.relation
    named: dict[str, Any] = {name: getattr(a, name) for name in (*_TEXTS, *_LISTS) if name in View._fields}
    return named | {
        "kind": a.kind.value,
        "status": words_of(a),
        "account": a.label if label is None else label,
        "sign": relation.sign,
        "limit": relation.limit,
        "side": relation.side,
        "ends": relation.ends,
        "history": history,
        "message": message_id,
        "builtin": builtin,
    }


def title_of(text: str, a: View, values: Mapping[str, Any]) -> str:
    """The user's title on one line; it always says of an end and of a test that they are. Raises TemplateFault."""
    title = clean(_rendered(text, values))
    if not title:
        raise TemplateFault("it gives nothing")
    return _marked(title, a, " ")


def body_of(text: str, a: View, values: Mapping[str, Any]) -> str:
    """The user's words of one alert, and under them what nobody may miss and they left out. Raises TemplateFault."""
    lines = (clean(line) for line in _rendered(text, values).splitlines())
    body = "\n".join(line for line in lines if line)
    if not body:
        raise TemplateFault("it gives nothing")
    body = _marked(body, a, "\n")
    left_out = " · ".join(_left_out(body, a, values))
    return f"{body}\n{left_out}" if left_out else body


def _left_out(body: str, a: View, values: Mapping[str, Any]) -> Iterable[str]:
    """What every message names (DESIGN §3): rule, account, asset or wallet, figure, id; and what was told late."""
    if a.rule and a.rule not in body:
        yield f'rule "{a.rule}"'
    subject = next((part for part in (a.asset, a.wallet) if part), "") if a.value or not a.headline else ""
    yield from (part for part in (a.label, subject, a.value, a.headline) if part and part not in body)
    if values["history"] and values["history"] not in body:
        yield str(values["history"])
    if a.delayed and a.delayed not in body:
        yield f"told late: it happened {a.happened}, {a.delayed} ago"
    yield from (ident for ident in (a.id, values["message"]) if ident and not _holds_id(body, ident))


def _holds_id(body: str, ident: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(ident)}(?!\w)", body) is not None


def _marked(text: str, a: View, glue: str) -> str:
    """An end that reads like an alert would wake somebody for nothing, and so would a test."""
    mark = ""
    if a.kind is NotificationKind.TEST:
        mark = "TEST"
    elif a.ended:
        mark = a.kind.value.upper()
    return text if not mark or mark.casefold() in text.casefold() else f"{mark}{glue}{text}"


def _rendered(text: str, values: Mapping[str, Any]) -> str:
    template = _compiled(text)
    if isinstance(template, TemplateFault):
        raise TemplateFault(
            template.reason, template.line
        )  # not itself: it is kept, and would gather tracebacks
    parts: list[str] = []
    length = 0
    try:
        for part in template.generate(values):
            length += units(part)
            _bounded(length)
            parts.append(part)
    except TemplateFault:
        raise
    except Exception as error:  # a template is a program of the user's: anything may come out of it
        raise TemplateFault(f"{type(error).__name__}: {error}") from error
    return "".join(parts)


@lru_cache(maxsize=16)
def _compiled(text: str) -> Template | TemplateFault:
    """The template, after every piece of it was found harmless."""
    if len(text) > MOST_LETTERS:
        return TemplateFault(f"it has {len(text)} letters: at most {MOST_LETTERS}")
    environment = _environment()
    try:
        _check(environment.parse(text))
        return environment.from_string(text)
    except TemplateFault as fault:
        return fault
    except TemplateError as error:
        return TemplateFault(error.message or "it cannot be read", getattr(error, "lineno", None))
    except (RecursionError, MemoryError, SyntaxError, ValueError, OverflowError):
        return TemplateFault("it cannot be read: it is nested too deeply")


def _check(tree: nodes.Template) -> None:
    """Only what is bounded by itself is let pass: no calls, no arithmetic, no loops but over the short lists."""
    for node, loops in _walk(tree, 0):
        if not isinstance(node, _NODES):
            raise TemplateFault(f"{type(node).__name__.lower()} is not possible here", node.lineno)
        match node:
            case nodes.For(iter=nodes.Name(name=name), recursive=False) if (
                name in _LISTS and loops < _DEEPEST_LOOP
            ):
                continue
            case nodes.For():
                lists = ", ".join(_LISTS)
                raise TemplateFault(
                    f"a loop goes over one of {lists}, at most {_DEEPEST_LOOP} deep", node.lineno
                )
            case nodes.Getattr(node=nodes.Name(name="loop"), attr=word) if loops and word in _LOOP_WORDS:
                continue
            case nodes.Getattr(attr=word):
                raise TemplateFault(f".{word} is not possible here: all values are plain text", node.lineno)
            case nodes.Filter(name=name) if name not in _FILTERS:
                raise TemplateFault(f"there is no filter {name!r}; known: {', '.join(_FILTERS)}", node.lineno)
            case nodes.Filter(name=name) if _argument_count(node) not in _ARGUMENTS.get(name, (0,)):
                counts = " or ".join(map(str, _ARGUMENTS.get(name, (0,))))
                raise TemplateFault(f"the filter {name!r} takes {counts} arguments", node.lineno)
            case nodes.Test(name=name) if name not in _TESTS:
                raise TemplateFault(f"there is no test {name!r}", node.lineno)
    _check_names(tree, frozenset())


def _walk(node: nodes.Node, loops: int) -> Iterable[tuple[nodes.Node, int]]:
    yield node, loops
    inner = loops + isinstance(node, nodes.For)
    for child in node.iter_child_nodes():
        yield from _walk(child, inner)


def _argument_count(node: nodes.Filter) -> int:
    return len(node.args) + len(node.kwargs)


def _check_names(node: nodes.Node, known: frozenset[str]) -> None:
    if isinstance(node, nodes.Name) and node.ctx == "load" and node.name not in known | set(VARIABLES):
        from difflib import get_close_matches  # noqa: PLC0415 - needed only where something is wrong

        near = get_close_matches(node.name, VARIABLES, 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(VARIABLES)}"
        raise TemplateFault(f"there is no variable {node.name!r}; {hint}", node.lineno)
    if isinstance(node, nodes.For):
        known |= {name.name for name in node.target.find_all(nodes.Name)} | {"loop"}
        if isinstance(node.target, nodes.Name):
            known |= {node.target.name}
    for child in node.iter_child_nodes():
        _check_names(child, known)


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's own sandbox; its filters and globals are replaced by the few that cannot grow a text beyond bounds."""


@lru_cache(maxsize=1)
def _environment() -> _Environment:
    made = _Environment(undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True)
    made.filters = dict(_FILTERS)
    made.globals = {}
    return made


def _join(values: Iterable[object], separator: str = ", ") -> str:
    parts = [str(value) for value in ([values] if isinstance(values, str) else values)]
    _bounded(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)


def _replace(value: str, old: str, new: str) -> str:
    _bounded(len(value) + value.count(old) * len(new))
    return value.replace(old, new)


def _bounded(length: int) -> None:
    if length > MOST_UNITS:
        raise _too_long()


def _too_long() -> TemplateFault:
    return TemplateFault(f"it becomes longer than {MOST_UNITS} letters")


_FILTERS: Final = {
    "upper": lambda value: str(value).upper(),
    "lower": lambda value: str(value).lower(),
    "capitalize": lambda value: str(value).capitalize(),
    "trim": lambda value: str(value).strip(),
    "default": lambda value, other: value or other,
    "join": _join,
    "length": len,
    "replace": _replace,
}

_ARGUMENTS: Final[Mapping[str, tuple[int, ...]]] = {"default": (1,), "join": (0, 1), "replace": (2,)}
"""How many arguments a filter takes; the others take none."""

__all__ = [
    "BUILT_IN",
    "VARIABLES",
    "TemplateFault",
    "Templates",
    "body_of",
    "check_template",
    "title_of",
    "units",
    "values_of",
]
