"""What an incident can do to a venue: one registry of actions by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from daemon.simulator.bitget import Bitget
from daemon.simulator.faults import Fault, named_fault
from daemon.simulator.money import exact
from daemon.simulator.venue import Venue

__all__ = ["ACTIONS", "Action", "Arguments"]

Arguments = Mapping[str, Any]
"""The keys of one incident beside `at`, `exchange`, `do`, `say`; durations are seconds already."""

AMOUNT: tuple[type, ...] = (str, int, Decimal)
TEXT: tuple[type, ...] = (str,)
FLAG: tuple[type, ...] = (bool,)
COUNT: tuple[type, ...] = (int,)
TABLE: tuple[type, ...] = (dict,)
SECONDS: tuple[type, ...] = (float,)


@dataclass(frozen=True, slots=True)
class Action:
    """A verb of the script: how it acts, which keys it needs and which it takes, with their types.

    `undo`, where there is one, ends the action after its `for`.
    """

    act: Callable[[Venue, Arguments], None]
    required: Mapping[str, tuple[type, ...]]
    optional: Mapping[str, tuple[type, ...]]
    undo: Callable[[Venue, Arguments], None] | None = None


def _set(venue: Venue, given: Arguments) -> None:
    rest = {name: value for name, value in given.items() if name not in ("account", "asset")}
    venue.set_balance(given["account"], given["asset"], **rest)


def _add(venue: Venue, given: Arguments) -> None:
    wallet = venue.wallets[0]
    venue.add(
        given["account"],
        label=given.get("label"),
        id=given.get("id"),
        balances={wallet: given.get("balances", {})},
    )


def _remove(venue: Venue, given: Arguments) -> None:
    if given.get("tombstone"):
        if not isinstance(venue, Bitget):
            raise ValueError("only bitget goes on listing a removed account")
        venue.remove(given["account"], tombstone=True)
    else:
        venue.remove(given["account"])


def _move(venue: Venue, given: Arguments) -> None:
    venue.move(
        given["account"],
        given["to"],
        given["asset"],
        given["amount"],
        wallet=given.get("wallet"),
        to_wallet=given.get("to_wallet"),
        recorded=given.get("recorded", True),
    )


def _deposit(venue: Venue, given: Arguments) -> None:
    rest = {name: value for name, value in given.items() if name in ("wallet", "recorded")}
    venue.deposit(given["account"], given["asset"], given["amount"], **rest)


def _withdraw(venue: Venue, given: Arguments) -> None:
    rest = {name: value for name, value in given.items() if name in ("wallet", "recorded", "fee")}
    venue.withdraw(given["account"], given["asset"], given["amount"], **rest)


def _price(venue: Venue, given: Arguments) -> None:
    venue.set_price(given["asset"], given["amount"])


def _lag(venue: Venue, given: Arguments) -> None:
    venue.movements.lag_ms = round(given["for"] * 1000)


def _hold(venue: Venue, given: Arguments) -> None:
    venue.hold(given["account"], given["asset"], given["amount"], given["as"], wallet=given.get("wallet"))


def _release(venue: Venue, given: Arguments) -> None:
    _hold(venue, {**given, "amount": -exact(given["amount"])})


def _rename(venue: Venue, given: Arguments) -> None:
    if not {"name", "label"} & set(given):
        raise ValueError("rename needs a name or a label")
    venue.rename(given["account"], given.get("name"), given.get("label"))


def _outage(venue: Venue, given: Arguments) -> None:
    path = given.get("path", "*")
    body = given.get("body", "<html><body>Service Unavailable</body></html>")
    venue.faults.add(
        Fault(path=path, status=given.get("status", 503), body=body, content_type="text/html", name="outage")
    )


def _fault(venue: Venue, given: Arguments) -> None:
    narrowed = {name: given[name] for name in ("path", "account", "page", "times") if name in given}
    venue.faults.add(replace(named_fault(given["kind"]), name=given["kind"], **narrowed))


def _maintenance(venue: Venue, given: Arguments) -> None:
    venue.under_maintenance = given.get("on", True)


def _clock(venue: Venue, given: Arguments) -> None:
    venue.clock_offset_ms = given["offset_ms"]


def _on_account(verb: str) -> Callable[[Venue, Arguments], None]:
    """The venue's own mutator of this name: looked up when it acts, because venues override some."""

    def act(venue: Venue, given: Arguments) -> None:
        getattr(venue, verb)(given["account"])

    return act


ACCOUNT = {"account": TEXT}
FOR = {"for": SECONDS}
HELD = {**ACCOUNT, "asset": TEXT, "amount": AMOUNT, "as": TEXT}
NARROWING = {"path": TEXT, "account": TEXT, "page": COUNT, "times": COUNT}

ACTIONS: dict[str, Action] = {
    "set": Action(
        _set,
        {**ACCOUNT, "asset": TEXT},
        {
            "wallet": TEXT,
            "free": AMOUNT,
            "locked": AMOUNT,
            "frozen": AMOUNT,
            "withdrawing": AMOUNT,
            "raw": TABLE,
        },
    ),
    "add": Action(_add, ACCOUNT, {"label": TEXT, "id": TEXT, "balances": TABLE}),
    "remove": Action(_remove, ACCOUNT, {"tombstone": FLAG}),
    "freeze": Action(_on_account("freeze"), ACCOUNT, FOR, _on_account("unfreeze")),
    "unfreeze": Action(_on_account("unfreeze"), ACCOUNT, {}),
    "rename": Action(_rename, ACCOUNT, {"name": TEXT, "label": TEXT}),
    "move": Action(
        _move,
        {**ACCOUNT, "to": TEXT, "asset": TEXT, "amount": AMOUNT},
        {"wallet": TEXT, "to_wallet": TEXT, "recorded": FLAG},
    ),
    "deposit": Action(
        _deposit, {**ACCOUNT, "asset": TEXT, "amount": AMOUNT}, {"wallet": TEXT, "recorded": FLAG}
    ),
    "withdraw": Action(
        _withdraw,
        {**ACCOUNT, "asset": TEXT, "amount": AMOUNT},
        {"wallet": TEXT, "fee": AMOUNT, "recorded": FLAG},
    ),
    "omit": Action(
        lambda venue, given: venue.omit(given["account"], given["asset"]),
        {**ACCOUNT, "asset": TEXT},
        FOR,
        lambda venue, given: venue.show(given["account"], given["asset"]),
    ),
    "price": Action(_price, {"asset": TEXT, "amount": AMOUNT}, {}),
    "lag": Action(_lag, FOR, {}),
    "hold": Action(_hold, HELD, {"wallet": TEXT, **FOR}, _release),
    "release": Action(_release, HELD, {"wallet": TEXT}),
    "drain": Action(_on_account("drain"), ACCOUNT, {}),
    "unlist": Action(_on_account("unlist"), ACCOUNT, FOR, _on_account("relist")),
    "relist": Action(_on_account("relist"), ACCOUNT, {}),
    "outage": Action(
        _outage,
        {},
        {"path": TEXT, "status": COUNT, "body": TEXT, **FOR},
        lambda venue, _: venue.faults.clear(name="outage"),
    ),
    "fault": Action(
        _fault,
        {"kind": TEXT},
        {**NARROWING, **FOR},
        lambda venue, given: venue.faults.clear(name=given["kind"]),
    ),
    "ban": Action(lambda venue, given: venue.ban(round(given["for"])), FOR, {}),
    "rights": Action(lambda venue, given: venue.set_rights(given["rights"]), {"rights": TABLE}, {}),
    "maintenance": Action(
        _maintenance, {}, {"on": FLAG, **FOR}, lambda venue, _: _maintenance(venue, {"on": False})
    ),
    "clock": Action(_clock, {"offset_ms": COUNT}, {}),
    "clear": Action(lambda venue, _: venue.recover(), {}, {}),
}
