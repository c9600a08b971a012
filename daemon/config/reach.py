"""Whether the exchanges of a rule can ever tell what it judges: none is blind from the start."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from daemon.config import kinds
from daemon.config.errors import KeyPath
from daemon.config.kinds import Offer
from daemon.config.report import Scope
from daemon.config.wording import either, one_of, shown
from daemon.exchanges import KINDS
from rules.patterns import Patterns
from rules.ruleset import ExchangeSettings
from rules.words import MASTER


@dataclass(frozen=True, slots=True)
class Need:
    """What a rule judges: a figure of some wallets, of sub-accounts or of the master."""

    field: str
    account: Patterns
    wallet: Patterns | None

    @property
    def of_master(self) -> bool:
        return self.account.names(MASTER)

    @property
    def of_sub_accounts(self) -> bool:
        return set(self.account.wanted) != {MASTER}

    def whose(self, offer: Offer) -> bool:
        return self.of_master if offer.master else self.of_sub_accounts

    def in_wallet(self, offer: Offer) -> bool:
        return self.wallet is None or offer.wallet == kinds.ANY_WALLET or self.wallet.match(offer.wallet)

    def met_by(self, offer: Offer) -> bool:
        return self.field in offer.fields and self.whose(offer) and self.in_wallet(offer)


def selected(patterns: Patterns, exchanges: Mapping[str, ExchangeSettings]) -> list[ExchangeSettings]:
    """The exchanges that a rule is about."""
    return [exchange for name, exchange in exchanges.items() if patterns.match(name)]


def check_exchange_names(
    patterns: Patterns, names: Collection[str], scope: Scope, effect: str = "the rule judges nothing"
) -> None:
    """A literal name must exist; a pattern that matches nothing is likely a slip."""
    folded = {name.casefold() for name in names}
    for text in (*patterns.wanted, *patterns.excluded):
        if not set(text) & set("*?[") and text.casefold() not in folded:
            hint = either(text, names) if names else "there is no [[exchange]]"
            scope.problem(("exchange",), f"there is no exchange {shown(text)}", hint)
            return
    if names and not any(patterns.match(name) for name in names):
        scope.warning(("exchange",), f"no exchange matches, so {effect}", one_of(names))


def check_reach(need: Need, patterns: Patterns, exchanges: list[ExchangeSettings], scope: Scope) -> None:
    """Each exchange named literally must tell what the rule needs, and of those matched at least one."""
    blind = [exchange for exchange in exchanges if not _usable(need, exchange)]
    named = [exchange for exchange in blind if patterns.names(exchange.name)]
    for exchange in named:
        _explain(need, f"exchange {shown(exchange.name)}", [exchange], scope)
    if blind and not named and len(blind) == len(exchanges):
        _explain(need, "any exchange of this rule", blind, scope)


def quotes_of(need: Need, exchanges: list[ExchangeSettings]) -> dict[str, dict[str, bool]]:
    """The coins in which the venues value what the rule needs: coin → exchange → whether it is evident."""
    quotes: dict[str, dict[str, bool]] = {}
    for exchange in exchanges:
        for offer in _usable(need, exchange):
            if offer.quote is not None:
                using = quotes.setdefault(offer.quote or exchange.quote, {})
                using[exchange.name] = using.get(exchange.name, False) or offer.evident
    return quotes


def _usable(need: Need, exchange: ExchangeSettings) -> list[Offer]:
    return [offer for offer in kinds.offers(exchange.kind, exchange.read) if need.met_by(offer)]


def _explain(need: Need, by: str, exchanges: list[ExchangeSettings], scope: Scope) -> None:
    """Say the first thing that is missing, from the widest to the narrowest."""
    whose = "the master" if need.of_master and not need.of_sub_accounts else "a sub-account"
    every = [o for e in exchanges for o in kinds.offers(e.kind, KINDS[e.kind].words) if need.whose(o)]
    unread = [offer.word for offer in every if need.met_by(offer)]
    key: KeyPath = ("field",) if need.wallet is None else ("wallet",)
    wallet = "" if need.wallet is None else f" in wallet {shown(str(need.wallet))}"
    what = f'"{need.field}"{wallet} of {whose}'
    if unread:
        scope.problem(key, f"{what} is not read by {by}", f'add "{unread[0]}" to its read')
    elif not any(need.in_wallet(offer) for offer in every):
        wallets = dict.fromkeys(offer.wallet for offer in every)
        scope.problem(
            key,
            f"no wallet {shown(str(need.wallet))} of {whose} is known to {by}",
            either(str(need.wallet), wallets),
        )
    else:
        told = [f for f in kinds.FIELDS if any(f in o.fields and need.in_wallet(o) for o in every)]
        scope.problem(("field",), f"{what} is not told by {by}", one_of(told))
