"""Who is who: identities of the venue become accounts of ours, and a stable id learned late is adopted."""

from __future__ import annotations

from rules.changed import replace
from rules.model import MASTER, MASTER_IDENTITY, Identity
from rules.records import Account
from rules.step import Step
from rules.world import World


def find(world: World, exchange: str, identity: Identity) -> Account | None:
    """The account that an identity means: by the stable id first, then by e-mail or name.

    An e-mail or name whose account has another stable id means somebody else: names are used again. A
    sub-account that is called "master" is not the master: only the clients' own word for it is.
    """
    index, accounts = world.index.by_identifier, world.accounts
    if is_master(identity):
        key = index.get((exchange, "master", ""))
        return None if key is None else accounts[key]
    if identity.venue_id:
        key = index.get((exchange, "id", identity.venue_id))
        if key is not None:
            return accounts[key]
    for kind, value in (("email", identity.email), ("name", identity.name)):
        key = index.get((exchange, kind, value)) if value else None
        if key is None:
            continue
        known = accounts[key].identity.venue_id
        if known and known != identity.venue_id and (identity.venue_id or kind == "name"):
            continue  # another id, or a name alone where we know better: no proof
        return accounts[key]
    return None


def ensure(step: Step, exchange: str, identity: Identity, *, renames: bool = False) -> Account:
    """The account of an identity, made when it is new. What the identity adds is adopted: that is no event.

    Only a listing `renames`: a reading carries the names under which it was asked for, which may be old.
    """
    account = find(step.world, exchange, identity)
    if account is None:
        account = new(step, exchange, identity)
        step.world.put_account(account)
        return account
    return adopt(step, account, identity, renames=renames)


def new(
    step: Step,
    exchange: str,
    identity: Identity,
    *,
    listed_by: frozenset[str] = frozenset(),
    announced: bool = False,
    frozen: bool | None = None,
    freeze_run: int = 0,
) -> Account:
    """An account that nobody has met before, with what else is known of it; the caller puts it."""
    key = step.world.next_account
    step.world.next_account = key + 1
    step.outcome.accounts_changed.add(exchange)
    step.world.index.look_soon()  # it may be silent from now on, and nobody has looked when that is too long
    master = is_master(identity)
    return Account(
        key,
        exchange,
        identity,
        master=master,
        announced=announced or master,
        listed_by=listed_by,
        first_seen_ms=step.now_ms,
        frozen=frozen,
        freeze_run=freeze_run,
    )


def adopt(step: Step, account: Account, identity: Identity, *, renames: bool) -> Account:
    """The account that the identity means, with what that adds."""
    known = account.identity
    if known is identity or known == identity:
        return account
    merged = _merged(identity, known) if renames else _merged(known, identity)
    if merged != known:
        account = replace(account, identity=merged)
        step.world.put_account(account)
        step.outcome.accounts_changed.add(account.exchange)
    return account


def double_of(step: Step, account: Account, renamed: Identity) -> Account | None:
    """Another account that holds the new e-mail or name of a renamed one, and no stable id that would tell them apart.

    An endpoint that tells only the e-mail named it before the listing told whose it is now.
    """
    index = step.world.index.by_identifier
    for kind, value in (("email", renamed.email), ("name", renamed.name)):
        key = index.get((account.exchange, kind, value)) if value else None
        if key is not None and key != account.key:
            found = step.world.accounts[key]
            if found.present and not found.identity.venue_id:
                return found
    return None


def is_master(identity: Identity) -> bool:
    """Whether a client spoke of the master account itself."""
    return identity.name == MASTER and identity == MASTER_IDENTITY


def speaks_for_another(step: Step, account: Account) -> bool:
    """Whether the account's e-mail or name now belongs to another account.

    The venue's own call is made by that name: what it says is no longer about this account.
    """
    if not step.world.index.contested:
        return False
    index = step.world.index.by_identifier
    for kind, value in (("email", account.identity.email), ("name", account.identity.name)):
        if value and not account.master:
            owner = index.get((account.exchange, kind, value))
            if owner is not None and owner != account.key:
                return True
    return False


def _merged(first: Identity, second: Identity) -> Identity:
    """What the first says, completed by the second."""
    return Identity(
        first.venue_id or second.venue_id,
        first.email or second.email,
        first.name or second.name,
        first.alias or second.alias,
    )
