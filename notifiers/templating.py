"""The templates of the messages, loaded once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

_FOLDER = Path(__file__).parent / "templates"


def warm() -> None:
    """Compile every template now: at its first use it would hold up whoever waits for the words."""
    for path in sorted(_FOLDER.glob("*.txt")):
        _template(path.stem)


def render(name: str, **values: object) -> str:
    """The lines of the template `name` that are not empty."""
    text = _template(name).render(values)
    return "\n".join(line for line in map(str.strip, text.splitlines()) if line)


def render_macro(name: str, macro: str, *values: object) -> str:
    """What one macro of the template `name` gives."""
    return str(getattr(_template(name).module, macro)(*values)).strip()


@cache
def _template(name: str) -> Template:
    return _environment().get_template(f"{name}.txt")


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - plain text: what looks like markup is only letters
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
