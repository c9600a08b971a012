"""One judgement under way: the world, the time, and the outcome that is being gathered."""

from __future__ import annotations

from dataclasses import dataclass, field

from rules.model import Severity
from rules.outcome import Note, Outcome, Transition
from rules.ruleset import ExchangeSettings, Rule, Ruleset, Settings, heard_by
from rules.world import Account, Alert, ExchangeState, World


@dataclass(slots=True)
class Step:
    """Passed through the core in place of a clock and of globals."""

    world: World
    now_ms: int
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def ruleset(self) -> Ruleset:
        return self.world.ruleset

    @property
    def settings(self) -> Settings:
        return self.world.ruleset.settings

    def exchange(self, name: str) -> ExchangeSettings | None:
        """The exchange as configured; None when the file no longer has it."""
        return self.world.ruleset.exchanges.get(name)

    def state(self, name: str) -> ExchangeState:
        """What is known of an exchange; a new one is known since now."""
        found = self.world.exchanges.get(name)
        return found if found is not None else ExchangeState(name, since_ms=self.now_ms)

    def accounts_of(self, exchange: str) -> list[Account]:
        """The accounts of an exchange in the order of their keys: iteration is part of the verdict's text."""
        return [self.world.accounts[key] for key in self.world.index.by_exchange.get(exchange, ())]

    def rule(self, key: str) -> Rule | None:
        """The enabled rule with this key; None for a built-in one and for one that is gone."""
        index = self.world.index
        if index.rules is None:
            index.rules = {rule.key: rule for rule in self.ruleset.rules if rule.enabled}
        return index.rules.get(key)

    def last_success_ms(self, exchange: str) -> int | None:
        """The last success of anything of an exchange, to the millisecond."""
        exact = self.world.index.last_success_ms.get(exchange)
        return self.state(exchange).last_success_ms if exact is None else exact

    def note(self, event: str, exchange: str, text: str = "") -> None:
        """Leave a line for the log and the metrics."""
        self.outcome.notes.append(Note(event, exchange, text))

    def moved(self, alert: Alert, before: str, after: str, reason: str = "") -> None:
        """Record one step of an alert's life."""
        self.outcome.transitions.append(
            Transition(
                alert.id,
                alert.key,
                alert.rule,
                self.now_ms,
                before,
                after,
                alert.severity,
                reason,
                alert.facts.value,
            )
        )


def selected(settings: ExchangeSettings, account: Account) -> bool:
    """Whether the account's quantities are read: the master where it is asked for, others by pattern."""
    if account.master:
        return bool({"master", "wallets", "summary"} & set(settings.read))
    return account.present and settings.accounts.match(*account.identity.identifiers)


def severities_from(severity: Severity) -> range:
    """The ranks that a figure of this severity also meets: a critical one is a warning, too."""
    return range(severity.rank + 1)


def routed(ruleset: Ruleset, rule: Rule | None, severity: Severity) -> list[str]:
    """The notifiers to tell, in the order of the file. A rule of None is a built-in one."""
    return heard_by(ruleset, ruleset.settings.notify if rule is None else rule.notify, severity)
