"""How a message reads: pure, from a message to its title and body.

The most complete form that fits is taken: every alert's block in full, then shorter blocks, then one line
each under headings, and then as many lines as fit, the most severe first, with the rest counted.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace

from notifiers.custom import BUILT_IN, Templates
from notifiers.message import Item, Message, Tone, Wording
from notifiers.phrasing import Phrasing
from notifiers.summary import gravest, heading, lines, one_line, summary_title, words_of
from notifiers.text import clip, units
from notifiers.times import zone
from notifiers.view import LABEL_UNITS, TEXT_UNITS, Reader, View, glance, in_brief, severity_of, view
from rules.model import Severity
from rules.outcome import NotificationKind

LIMIT_UNITS = 3_500
"""UTF-16 units of a body. Telegram takes 4,096, and the title stands before it."""

TITLE_UNITS = 60
_NAME_UNITS = (TEXT_UNITS, LABEL_UNITS, 24, 10)  # whole names where all alerts have room with them
_DETAILS = (3, 2, 1)
_LEAST_BLOCK_UNITS = 60  # hardly a block is shorter: more of them than this allows are not even tried

_LEAST_ROOM_FOR_NOTE = 400  # a service that takes less has no room for it; log and /readyz tell of it

LEAST_LINE_UNITS = 20
"""Hardly a line of one alert is shorter."""


def word(
    message: Message,
    *,
    timezone: str,
    public_url: str,
    now_ms: int,
    limit_units: int = LIMIT_UNITS,
    templates: Templates = BUILT_IN,
    charts: bool = False,
    drafts: Drafts | None = None,
) -> Wording:
    """The words of `message` as read at `now_ms`; the body has at most `limit_units`.

    With `charts` it links to the chart of its alert.
    `drafts` are those of a look at how many fit.
    `templates` are the user's own words. Where they fail the built-in ones stand in, and the message says so.
    Raises ValueError for a message without items: there is nothing to say.
    """
    if not message.items:
        raise ValueError("a message carries at least one alert")
    reader = Reader(zone(timezone), now_ms, public_url.rstrip("/"), charts=charts)
    phrasing = Phrasing(templates)
    drafts = drafts or Drafts()
    wording = _worded(message, reader, phrasing, limit_units, drafts)
    room = limit_units - units(phrasing.note) - 1
    if phrasing.note and room >= _LEAST_ROOM_FOR_NOTE:
        wording = _worded(message, reader, phrasing, room, drafts)
        wording = replace(wording, body=f"{wording.body}\n{phrasing.note}")
    return replace(wording, fault=phrasing.fault)


def _worded(message: Message, reader: Reader, phrasing: Phrasing, limit_units: int, known: Drafts) -> Wording:
    title, body, named = "", "", frozenset[str]()
    views: tuple[View, ...] = ()
    first = is_first_look(message.items)
    names = (name for item in message.items for name in (item.facts.label, item.facts.rule))
    longest = max(map(units, names))
    for name_units in _NAME_UNITS:
        if name_units > LABEL_UNITS >= longest:
            continue
        drafts = known.of(replace(reader, name_units=name_units))
        views = drafts.views(message.items, limit_units)
        title = _title(views, drafts, phrasing, first=first)
        if len(views) == 1:
            body, named = _single(message, views[0], phrasing, first=first, limit_units=limit_units)
        else:
            body, named = _several(message, views, drafts, phrasing, first=first, limit_units=limit_units)
        enough = named if name_units <= LABEL_UNITS else len(named) == len(views)
        if enough and units(body) <= limit_units:
            break
    return Wording(title, clip(body, limit_units) or title, _tone(views), named)


def fitting(
    items: Sequence[Item],
    *,
    timezone: str,
    public_url: str,
    now_ms: int,
    limit_units: int = LIMIT_UNITS,
    charts: bool = False,
    drafts: Drafts | None = None,
) -> int:
    """How many of the first of `items` one message can name; at least 1.

    A message that is to count for all its alerts (law 7) takes no more: the rest waits for the next one. What
    was worded for it stays in `drafts`, for `word` with the same arguments.
    """
    reader = Reader(zone(timezone), now_ms, public_url.rstrip("/"), charts=charts)
    seen = (drafts or Drafts()).of(reader)
    low, high = 1, min(len(items), limit_units // LEAST_LINE_UNITS)
    guess, step = high, 1
    while low < high:
        tried = min(max(guess, low + 1), high)
        alerts, named = seen.fit(items[:tried], limit_units)
        if alerts == named:
            low, guess, step = tried, tried + step, 2 * step
        else:  # those that had a line are hardly more than those that fit by themselves
            high, guess, step = tried - 1, named, 1
    return low


def _by_alert(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items of each alert, the last event last."""
    events: dict[str, list[Item]] = {}
    for item in items:
        events.setdefault(item.alert_id, []).append(item)
    return (sorted(group, key=lambda item: item.created_ms) for group in events.values())


def is_first_look(items: Sequence[Item]) -> bool:
    """Whether the message is the digest of a first judgement; what followed of its alerts may be in it, too."""
    batch_of: dict[str, str] = {}
    for item in items:
        batch_of.setdefault(item.alert_id, item.batch)
    (batch, *others) = set(batch_of.values())
    return bool(batch) and not others


def _single(
    message: Message, a: View, phrasing: Phrasing, *, first: bool, limit_units: int
) -> tuple[str, frozenset[str]]:
    above = heading((a,), first=True) + "\n" if first else ""
    for detail in _DETAILS:
        body = above + phrasing.block(a, detail, message.id)
        if units(body) <= limit_units:
            return body, frozenset({a.id})
    if phrasing.give_up_body():
        return _single(message, a, phrasing, first=first, limit_units=limit_units)
    body = f"{words_of(a)} {one_line(a, where=True)} {message.id}".strip()
    return body, frozenset({a.id}) if units(body) <= limit_units else frozenset()


def _several(
    message: Message,
    views: tuple[View, ...],
    drafts: _Drafts,
    phrasing: Phrasing,
    *,
    first: bool,
    limit_units: int,
) -> tuple[str, frozenset[str]]:
    above = heading(views, first=first)
    foot = " ".join(part for part in (drafts.link, message.id) if part)
    room = limit_units - units(above) - units(foot) - 4
    if not first:
        blocks = _fullest_blocks(views, phrasing, room)
        if blocks is not None:
            return "\n\n".join([above, *blocks, foot]), frozenset(a.id for a in views)
    shown, named = lines(views, room, link=drafts.link, line=drafts.line)
    rest = _unwatched(views, first=first)
    if rest and len(named) == len(views) and units(shown) + units(rest) + 2 <= room:
        shown = f"{shown}\n\n{rest}"
    return "\n\n".join(part for part in (above, shown, foot) if part), named


def _fullest_blocks(views: Sequence[View], phrasing: Phrasing, room: int) -> list[str] | None:
    """Every alert's block with as much as fits, None where even the least does not."""
    least = None
    if phrasing.is_builtin:
        # Most messages of many alerts end here: what has no room with the least has none with more.
        least = _blocks(views, phrasing, _DETAILS[-1], room)
        if least is None:
            return None
    for detail in _DETAILS:
        blocks = least if least and detail == _DETAILS[-1] else _blocks(views, phrasing, detail, room)
        if blocks is not None:
            return blocks
    return None


def _blocks(views: Sequence[View], phrasing: Phrasing, detail: int, room: int) -> list[str] | None:
    """Every alert's block, None where they do not fit."""
    if len(views) * _LEAST_BLOCK_UNITS > room:
        return None
    blocks = []
    for a in views:
        block = phrasing.block(a, detail, "")
        room -= units(block) + 2
        if room < 0:
            return None
        blocks.append(block)
    return blocks


class Drafts:
    """What was worded of the alerts of one message, by its reader. Whoever has them holds the items' facts."""

    def __init__(self) -> None:
        self._by_reader: dict[Reader, _Drafts] = {}

    def of(self, reader: Reader) -> _Drafts:
        """Those of one reader."""
        return self._by_reader.setdefault(reader, _Drafts(reader))


class _Drafts:
    """The alerts of a message as one reader sees them: each is looked at, and its line worded, at most once."""

    def __init__(self, reader: Reader) -> None:
        self.link = f"{reader.public_url}/" if reader.public_url else ""
        self._reader = reader
        self._groups: dict[str, list[Item]] = {}
        self._full: dict[tuple[Hashable, ...], View] = {}
        self._briefs: dict[tuple[Hashable, ...], View] = {}
        self._lines: dict[tuple[tuple[Hashable, ...], bool], str] = {}

    def views(self, items: Iterable[Item], limit_units: int) -> tuple[View, ...]:
        """One for each alert, which says no more than there is room for: a block, a line, or a place in counts."""
        groups = list(_by_alert(items))
        self._groups = {group[-1].alert_id: group for group in groups}
        if len(groups) * _LEAST_BLOCK_UNITS <= limit_units:
            return tuple(map(self._view, groups))
        if len(groups) * LEAST_LINE_UNITS <= limit_units:
            return tuple(map(self._brief, groups))
        return tuple(glance(group[-1], self._reader) for group in groups)

    def full(self, a: View) -> View:
        """All that there is to say of an alert of `views`."""
        return self._view(self._groups[a.id])

    def line(self, a: View, where: bool) -> str:  # noqa: FBT001  as `lines` calls it
        """One alert of `views` in one line."""
        group = self._groups[a.id]
        key = (tuple(map(_key, group)), where)
        if key not in self._lines:
            self._lines[key] = one_line(self._full.get(key[0]) or self._brief(group), where)
        return self._lines[key]

    def fit(self, items: Sequence[Item], limit_units: int) -> tuple[int, int]:
        """How many alerts they are, and how many of them get a line."""
        views = self.views(items, limit_units)
        room = limit_units - units(heading(views, first=is_first_look(items))) - units(self.link) - 20
        return len(views), len(lines(views, room, link=self.link, line=self.line)[1])

    def _brief(self, group: list[Item]) -> View:
        key = tuple(map(_key, group))
        if key not in self._briefs:
            self._briefs[key] = in_brief(group[-1], self._reader, group[:-1])
        return self._briefs[key]

    def _view(self, group: list[Item]) -> View:
        key = tuple(map(_key, group))
        if key not in self._full:
            self._full[key] = view(group[-1], self._reader, group[:-1])
        return self._full[key]


def _key(item: Item) -> Hashable:
    """By which an item is known again: of its many facts the identity has to do."""
    return item.alert_id, item.kind, item.severity, item.created_ms, id(item.facts)


def _unwatched(views: Sequence[View], *, first: bool) -> str:
    """What a digest is blind to, said once for all of it."""
    wallets = list(dict.fromkeys(wallet for a in views for wallet in a.not_watched)) if first else []
    return f"not watched here: {', '.join(wallets)}" if wallets else ""


def _title(views: Sequence[View], drafts: _Drafts, phrasing: Phrasing, *, first: bool) -> str:
    if len(views) == 1:
        return phrasing.title(views[0], TITLE_UNITS)
    if first:
        return clip(summary_title(views), TITLE_UNITS)
    more = f" +{len(views) - 1} more"
    return phrasing.title(drafts.full(gravest(views)), TITLE_UNITS - units(more)) + more


def _tone(views: Sequence[View]) -> Tone:
    """The colour of the gravest alert that still stands; ends alone are good news, or no news."""
    standing = [severity_of(a.severity) for a in views if not a.ended and a.kind is not NotificationKind.TEST]
    if standing:
        worst = max(standing, key=lambda severity: severity.rank)
        return {Severity.CRITICAL: Tone.FAILURE, Severity.WARNING: Tone.WARNING}.get(worst, Tone.INFO)
    all_resolved = all(a.kind is NotificationKind.RESOLVED for a in views)
    return Tone.SUCCESS if all_resolved else Tone.INFO


__all__ = ["LIMIT_UNITS", "TITLE_UNITS", "Drafts", "fitting", "is_first_look", "word"]
