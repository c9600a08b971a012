"""`check --online`: each exchange is asked what its key is and may do, by the daemon's own client."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from daemon import exchanges
from daemon.commands.output import now_ms
from daemon.config import Config, ExchangeConfig, Problem
from daemon.exchanges.base import Answer, Credentials
from daemon.exchanges.restart import Record
from daemon.exchanges.shared import Shared
from notifiers.times import duration
from rules.health import CLOCK_OFF_MS
from rules.model import ClockSeen, Failure, FailureKind, Maintenance, MasterSeen
from state.errors import StateError
from state.store import Store

PATIENCE_SECONDS: Final = 45.0


@dataclass(frozen=True, slots=True)
class Known:
    """What the state tells of one exchange before it is asked: spent budget, a ban, whose it is."""

    spent: str | None = None
    banned_until_ms: int | None = None
    master_id: str | None = None


@dataclass(slots=True)
class Found:
    """What one exchange told. None is not known; `problems` are faults of the key, `warnings` what may pass."""

    exchange: str
    clock_offset_ms: int | None = None
    master_id: str | None = None
    rights: tuple[str, ...] | None = None
    ip_bound: bool | None = None
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    limited: list[str] = field(default_factory=list)
    spent: str = "{}"  # as the client keeps it
    held: bool = False  # the venue wants us to wait

    def as_line(self) -> str:
        """`okx-main: the key only reads, is bound to an address, belongs to master 1234; clock off by 12 ms`."""
        parts = []
        if self.rights is not None:
            parts.append(
                "the key only reads" if not self.rights else f"the key may {', '.join(self.rights)}, too"
            )
            parts += ["is bound to an address"] if self.ip_bound else []
            parts += [f"belongs to master {self.master_id}"] if self.master_id else []
        told = ", ".join(parts) or "nothing is known of the key"
        clock = "" if self.clock_offset_ms is None else f"; this clock is off by {self.clock_offset_ms} ms"
        return f"{self.exchange}: {told}{clock}"

    def placed(self, file: str, texts: Sequence[str]) -> list[Problem]:
        """As faults of the file are told."""
        key = f'exchange "{self.exchange}"'
        return [Problem(file, None, None, None, key, text) for text in texts]


def look(config: Config, spent: Mapping[str, str] | None = None) -> list[Found]:
    """Ask all exchanges of a file whose secrets can be had, side by side. Nothing but GET is sent.

    `spent` holds by exchange what a look just before has spent, which the state does not know (law 11).
    """
    known = _known(config.daemon.state, [one.settings.name for one in config.exchanges])
    for name, record in (spent or {}).items():
        known[name] = replace(known.get(name, Known()), spent=record)
    found = asyncio.run(_ask_all(config, known))
    with contextlib.suppress(StateError):  # there is no state yet, or it is not ours to write
        _remember(config.daemon.state, found)
    return found


def _remember(path: Path, found: Sequence[Found]) -> None:
    """A ban that we were given is honoured by whoever asks next (law 11)."""
    held = [one for one in found if one.held]
    if held:
        with Store.open(path) as store:
            for one in held:
                store.save_limits(one.exchange, one.spent, now_ms())


def _known(path: Path, names: Sequence[str]) -> dict[str, Known]:
    """Nothing where there is no state, or none that may be read: then nothing was spent by this user."""
    try:
        with Store.open(path, readonly=True) as store:
            states = {one.name: one for one in store.exchanges()}
            return {
                name: Known(
                    store.limits(name),
                    states[name].banned_until_ms if name in states else None,
                    states[name].master_id if name in states else None,
                )
                for name in names
            }
    except StateError:
        return {}


async def _ask_all(config: Config, known: dict[str, Known]) -> list[Found]:
    shared = Shared()
    return await asyncio.gather(
        *(_ask(exchange, known.get(exchange.settings.name, Known()), shared) for exchange in config.exchanges)
    )


async def _ask(exchange: ExchangeConfig, known: Known, shared: Shared) -> Found:
    found = Found(exchange.settings.name)
    passphrase = exchange.passphrase.resolve() if exchange.passphrase else ""
    credentials = Credentials(exchange.api_key.resolve(), exchange.api_secret.resolve(), passphrase)
    try:
        venue = exchanges.make(
            exchange.settings, credentials, exchange.base_url, exchange.budget, now_ms, shared
        )
    except ValueError as error:
        found.problems.append(str(error))
        return found
    if known.spent is not None:
        venue.restore(json.loads(known.spent))
    holds = Record.of(venue.spent()).holds
    left_ms = max(known.banned_until_ms or 0, holds.get("host", 0), holds.get("key", 0)) - now_ms()
    if left_ms > 0:
        found.problems.append(f"the venue wants no call for another {duration(left_ms)}: it was not asked")
        return found
    await venue.open()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for answer in venue.examine():
                _note(found, answer, known)
    except TimeoutError:
        found.problems.append(f"no answer within {PATIENCE_SECONDS:.0f} s: it is slow, or wants us to wait")
    finally:
        found.spent = json.dumps(venue.spent(), sort_keys=True)
        await venue.close()
    # What was asked in vain of an endpoint that others share says nothing of a key that is known.
    (found.problems if found.rights is None else found.warnings).extend(found.limited)
    if found.rights is None and not found.problems:
        found.warnings.append("the venue does not tell what the key may do")
    return found


def _note(found: Found, answer: Answer, known: Known) -> None:
    match answer:
        case ClockSeen():
            found.clock_offset_ms = answer.offset_ms
            if abs(answer.offset_ms) >= CLOCK_OFF_MS:
                found.problems.append(
                    f"this machine's clock is off by {answer.offset_ms} ms: let something set it"
                )
        case Maintenance(active=True):
            found.warnings.append(f"the venue is under maintenance: {answer.reason}")
        case Failure():
            limited = answer.kind is FailureKind.LIMITED
            (found.limited if limited else found.problems).append(answer.reason)
            found.held = found.held or limited or answer.kind is FailureKind.BANNED
        case MasterSeen():
            found.master_id, found.rights, found.ip_bound = answer.master_id, answer.rights, answer.ip_bound
            found.problems += [f"beyond reading the key may: {right}" for right in answer.rights]
            if answer.ip_bound is False:
                found.problems.append("the key is not bound to an IP address: whoever steals it can use it")
            elif answer.ip_bound is None:
                found.warnings.append("the venue does not tell whether the key is bound to an IP address")
            if known.master_id and answer.master_id and known.master_id != answer.master_id:
                found.problems.append(
                    f"the key belongs to master {answer.master_id}, but the state is of master {known.master_id}"
                )
