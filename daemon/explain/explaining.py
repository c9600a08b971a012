"""One explanation put together: of an alert by its id, or of a rule × account × asset, alert or none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from daemon.explain import words
from daemon.explain.place import place_of
from daemon.explain.record import readings_around
from daemon.explain.words import Clock, Line
from rules.records import Account
from rules.ruleset import Rule, Ruleset
from rules.why import Why, rule_called, why
from rules.world import World
from state.queries import MOST_ROWS, AlertRow
from state.store import Store

EARLIER_MOST = 3


@dataclass(frozen=True, slots=True)
class Explanation:
    """`title` is the answer in one line. `alert` is its id where there is one."""

    title: str
    lines: tuple[Line, ...]
    alert: str | None = None


class Explainer:
    """Reads one state; `ruleset` is the accepted one, which the World was loaded with."""

    def __init__(self, store: Store, ruleset: Ruleset, now_ms: int) -> None:
        self._store = store
        self._ruleset = ruleset
        self._world: World | None = None
        self._clock = Clock(now_ms, ruleset.settings.timezone)

    @property
    def world(self) -> World:
        """Loaded when it is asked for."""
        if self._world is None:
            self._world = self._store.load(self._ruleset)
        return self._world

    def alert(self, row: AlertRow) -> Explanation:
        """Why this alert is, or was."""
        rule = rule_called(self._ruleset, row.alert.rule)
        title = f'{row.alert.id} is {row.state}: rule "{row.alert.rule}"'
        lines = [*self._rule_lines(rule, row.alert.rule), *self._alert_lines(row, rule)]
        return Explanation(title, tuple(lines), row.alert.id)

    def subject(self, rule: Rule, account: Account, asset: str) -> list[Explanation]:
        """Why the rule does or does not tell of the account, one for each of its subjects."""
        found = why(self.world, rule, account, asset, self._clock.now_ms)
        return [self._of(rule, account, asset, one) for one in found]

    def _of(self, rule: Rule, account: Account, asset: str, one: Why) -> Explanation:
        where = " ".join(part for part in (account.exchange, account.label, self._wallet(one), asset) if part)
        lines = [*self._rule_lines(rule, rule.name), *words.condition_lines(one)]
        lines += words.figure_lines(one, self._clock)
        lines += words.earlier_lines(self._earlier(rule, account, one), self._clock)
        row = None if one.alert is None else self._store.alert(one.alert.id)
        if row is None:
            title = f'rule "{rule.name}" on {where}: no alert, {_because(rule, one)}'
            return Explanation(title, tuple(lines))
        lines += self._alert_lines(row, rule)
        return Explanation(
            f'rule "{rule.name}" on {where}: {row.alert.id} is {row.state}', tuple(lines), row.alert.id
        )

    def _earlier(self, rule: Rule, account: Account, one: Why) -> list[AlertRow]:
        """The last alerts of the same subject that are over, of the newest on record."""
        found = []
        for row in self._store.alerts(limit=MOST_ROWS).rows:
            key = row.alert.key
            same = key.subject._replace(event="") == one.key.subject if one.key is not None else True
            owned = one.key is not None or key.subject.account == account.key
            if row.ended_ms is not None and key.rule == rule.key and same and owned:
                found.append(row)
        return found[:EARLIER_MOST]

    def _wallet(self, one: Why) -> str:
        return "" if one.key is None else one.key.subject.wallet

    def _rule_lines(self, rule: Rule | None, name: str) -> Iterator[Line]:
        place = None if rule is None else place_of(self._ruleset.sources, rule.name)
        yield from words.rule_lines(rule, place, name)

    def _alert_lines(self, row: AlertRow, rule: Rule | None) -> Iterator[Line]:
        alert = row.alert
        yield from words.alert_lines(row, self._clock)
        if rule is not None and row.ended_ms is None and alert.expires_ms is None:
            yield from words.pending_lines(alert, rule, self._clock)
        steps = self._store.transitions(alert.id)
        subject = alert.key.subject
        account = None if subject.account is None else self.world.accounts.get(subject.account)
        if rule is not None and account is not None and hasattr(rule.spec, "field"):
            heard = readings_around(self._store, self.world, rule, account, subject, steps)
            yield from words.reading_lines(heard, self._clock)
        yield from words.life_lines(steps, self._clock)
        messages = {one.id: one for one in self._store.messages_of(alert.id)}
        attempts = {ident: self._store.attempts(ident) for ident in messages}
        rows = self._store.notifications(alert_id=alert.id).rows
        yield from words.told_lines(rows, messages, attempts, self._ruleset.settings, self._clock)
        silences = (*self._store.live_silences(self._clock.now_ms), *self._ruleset.silences)
        yield from words.muted_lines(alert, row.notes, silences, self._clock)


def _because(rule: Rule, one: Why) -> str:
    if one.unmet:
        return one.unmet[0].text
    if one.verdict is not None:
        line = next((line for line in words.figure_lines(one, Clock(0)) if line.topic == "comparison"), None)
        return "the figure does not qualify" if line is None or line.met else line.text
    if rule.type == "balance_change":
        return "no change inside the window was large enough"
    return "nothing that it is about has happened, or it was told and is over"
