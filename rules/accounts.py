"""Who is who: identities of the venue become accounts of ours, and a stable id learned late is adopted."""

from __future__ import annotations

from dataclasses import replace

from rules.model import MASTER, MASTER_IDENTITY, Identity
from rules.step import Step
from rules.world import Account


def find(step: Step, exchange: str, identity: Identity) -> Account | None:
    """The account that an identity means: by the stable id first, then by e-mail or name.

    An e-mail or name whose account has another stable id means somebody else: names are used again.
    """
    index = step.world.index.by_identifier
    if identity.venue_id:
        key = index.get((exchange, "id", identity.venue_id))
        if key is not None:
            return step.world.accounts[key]
    for kind, value in (("email", identity.email), ("name", identity.name)):
        key = index.get((exchange, kind, value)) if value else None
        if key is None:
            continue
        account = step.world.accounts[key]
        known = account.identity.venue_id
        if known and identity.venue_id and known != identity.venue_id:
            continue
        if kind == "name" and account.identity.venue_id != identity.venue_id and account.identity.venue_id:
            continue  # a name without the id that we know is no proof
        return account
    return None


def ensure(step: Step, exchange: str, identity: Identity) -> Account:
    """The account of an identity, made when it is new. What the identity adds is adopted: that is no event."""
    account = find(step, exchange, identity)
    if account is None:
        account = _new(step, exchange, identity)
        step.world.put_account(account)
        step.outcome.accounts_changed.add(exchange)
        return account
    merged = _merged(account.identity, identity)
    if merged != account.identity:
        account = replace(account, identity=merged)
        step.world.put_account(account)
        step.outcome.accounts_changed.add(exchange)
    return account


def is_master(identity: Identity) -> bool:
    """Whether a client spoke of the master account itself."""
    return identity == MASTER_IDENTITY


def _new(step: Step, exchange: str, identity: Identity) -> Account:
    key = step.world.next_account
    step.world.next_account = key + 1
    master = is_master(identity)
    return Account(key, exchange, identity, master=master, announced=master, first_seen_ms=step.now_ms)


def _merged(known: Identity, said: Identity) -> Identity:
    if known.name == MASTER and known == said:
        return known
    return Identity(
        said.venue_id or known.venue_id,
        said.email or known.email,
        said.name or known.name,
        said.alias or known.alias,
    )
