"""`subtally explain`: why it did, or did not, tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from daemon.commands.options import config_path, wants_json
from daemon.commands.output import now_ms, print_json
from daemon.commands.state_file import accounts_called, open_state, rules_in_force
from daemon.errors import CannotRun, FoundFault

if TYPE_CHECKING:
    from daemon.explain.explaining import Explainer, Explanation
    from rules.ruleset import Rule, Ruleset
    from state.store import Store


@click.command(
    epilog='Example: subtally explain A7F3    Example: subtally explain --rule "USDT floor" --account mm-1 --asset USDT'
)
@click.argument("alert", required=False)
@click.option("--rule", "rule_name", metavar="NAME", help="Why this rule does or does not tell …")
@click.option("--account", metavar="NAME", help="… of this account: any of its names, or our id; …")
@click.option(
    "--asset", metavar="COIN", help="… and of this asset. A rule that names a single one needs none."
)
@click.option(
    "--exchange", metavar="NAME", help="Which exchange, where several have an account of that name."
)
@click.pass_context
def explain(
    context: click.Context,
    alert: str | None,
    rule_name: str | None,
    account: str | None,
    asset: str | None,
    exchange: str | None,
) -> None:
    """Tell why an alert is as it is, or why a rule does or does not tell of an account, from the state alone.

    The rule's line, each condition, the readings, the comparison with both figures, pending time, silence, ack, and
    every attempt to deliver.
    """
    from daemon.explain.explaining import Explainer

    if (alert is None) == (rule_name is None):
        raise click.UsageError(
            "name an alert, as in A7F3, or a rule and an account with --rule and --account"
        )
    if rule_name is not None and account is None:
        raise click.UsageError("--rule asks about an account: name it with --account")
    with open_state(context) as store:
        ruleset = rules_in_force(store.accepted_rules(), config_path(context).absolute().parent)
        if ruleset is None:
            raise CannotRun("there are no rules in force that this version can read")
        explainer = Explainer(store, ruleset, now_ms())
        if alert is not None:
            found = [_of_alert(store, explainer, alert)]
        else:
            rule = _rule(ruleset, str(rule_name))
            coin = _asset(rule, asset)
            known = accounts_called(store, exchange, str(account))
            found = [one for who in known for one in explainer.subject(rule, who, coin)]
    if wants_json(context):
        print_json([_plain(one) for one in found])
        return
    for number, one in enumerate(found):
        _print(one, first=number == 0)


def _of_alert(store: Store, explainer: Explainer, ident: str) -> Explanation:
    row = store.alert(ident.strip().upper())
    if row is None:
        raise FoundFault(f"nothing is on record of an alert {ident!r}; `subtally alerts` lists them")
    return explainer.alert(row)


def _rule(ruleset: Ruleset, name: str) -> Rule:
    from daemon.config.wording import suggestion
    from rules.why import rule_called

    found = rule_called(ruleset, name)
    if found is None:
        names = [rule.name for rule in ruleset.rules]
        hint = suggestion(name, names) or f"there are: {', '.join(names) or 'none'}"
        raise click.BadParameter(f"there is no rule {name!r} in force; {hint}", param_hint="--rule")
    return found


def _asset(rule: Rule, asset: str | None) -> str:
    from rules.plan import FIGURES, is_valued, quote_of

    if rule.spec.family not in FIGURES:
        return asset or ""
    if asset is not None:
        return asset
    if is_valued(rule):
        return quote_of(rule)
    if rule.asset.only_literals and len(rule.asset.literals) == 1:
        return next(iter(rule.asset.literals)).upper()
    raise click.UsageError(f'rule "{rule.name}" judges {rule.asset}: name one with --asset')


def _print(one: Explanation, *, first: bool) -> None:
    from notifiers.text import clean

    if not first:
        click.echo()
    click.echo(click.style(clean(one.title), bold=True))
    width = max((len(line.topic) for line in one.lines), default=0)
    for line in one.lines:
        mark = {None: " ", True: click.style("✓", fg="green"), False: click.style("✗", fg="red")}[line.met]
        click.echo(f"  {mark} {line.topic:<{width}}  {clean(line.text)}")


def _plain(one: Explanation) -> dict[str, Any]:
    return {
        "title": one.title,
        "alert": one.alert,
        "lines": [{"topic": line.topic, "met": line.met, "text": line.text} for line in one.lines],
    }
