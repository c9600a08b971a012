"""The words of one alert: the user's own where they can be had, the built-in ones where not."""

from __future__ import annotations

from notifiers.custom import BUILT_IN, TemplateFault, Templates, body_of, title_of, values_of
from notifiers.templating import render, render_macro
from notifiers.text import clip, units
from notifiers.view import View

SHORTEST_LABEL_UNITS = 10


class Phrasing:
    """For one message. `fault` is why the user's words failed, "" where they did not, None where none were wanted."""

    def __init__(self, templates: Templates = BUILT_IN) -> None:
        self.fault: str | None = None
        self._templates = templates
        self._too_long = False

    @property
    def note(self) -> str:
        """What the message itself says of words that failed."""
        return f"custom wording failed, these are the built-in words: {self.fault}" if self.fault else ""

    @property
    def is_builtin(self) -> bool:
        """Whether all words are ours: a block of less detail is never longer then, which nobody knows of the user's."""
        return not self._templates.body or self._too_long

    def block(self, a: View, detail: int, message_id: str) -> str:
        """Title line and all: what stands of one alert in a message."""
        builtin = render(a.kind.value, a=a, detail=detail, message_id=message_id)
        if self.is_builtin:
            return builtin
        history = render_macro("parts", "history", a)
        values = values_of(a, builtin=builtin, history=history, message_id=message_id)
        try:
            body = body_of(self._templates.body, a, values)
        except TemplateFault as fault:
            self._fail("body", fault)
            return builtin
        self.fault = self.fault or ""
        return body

    def give_up_body(self) -> bool:
        """The user's words do not fit into any message: the built-in ones do. False where none were wanted."""
        if self.is_builtin:
            return False
        self._too_long = True
        self._fail("body", TemplateFault("it becomes longer than a message may be"))
        return True

    def title(self, a: View, room: int) -> str:
        """Severity, account, asset and figure. The account gives way first; a figure is whole or not there."""
        builtin = _built_in_title(a, room)
        if not self._templates.title:
            return builtin
        try:
            title = self._own_title(a, room, builtin)
        except TemplateFault as fault:
            self._fail("title", fault)
            return builtin
        self.fault = self.fault or ""
        return title

    def _own_title(self, a: View, room: int, builtin: str) -> str:
        def made(label: str) -> str:
            values = values_of(a, builtin=builtin, history="", message_id="", label=label)
            return title_of(self._templates.title, a, values)

        title = made(a.label)
        over = units(title) - room
        if over > 0 and units(a.label) - over >= SHORTEST_LABEL_UNITS:
            title = made(clip(a.label, units(a.label) - over))
        if units(title) > room:
            raise TemplateFault(f"it becomes longer than the {room} letters that a lock screen shows")
        return title

    def _fail(self, key: str, fault: TemplateFault) -> None:
        self.fault = self.fault or f"templates.{key}: {fault}"


def _built_in_title(a: View, room: int) -> str:
    label = a.label or a.exchange or ("" if a.headline else a.rule)
    title = ""
    for full in (3, 2, 1, 0):
        title = render("title", a=a, label=label, full=full)
        over = units(title) - room
        if over <= 0:
            return title
        if units(label) - over >= SHORTEST_LABEL_UNITS:
            return render("title", a=a, label=clip(label, units(label) - over), full=full)
    return clip(title, room)
