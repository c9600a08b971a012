"""How a client stands with its venue: its pools and gates, and what a refusal changes in them and tells the poller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

from daemon.exchanges.base import Task
from daemon.exchanges.clock import VenueClock
from daemon.exchanges.endpoint import Endpoint, Setup
from daemon.exchanges.errors import CallError, Refusal, Verdict
from daemon.exchanges.gates import Gate, backoff_seconds
from daemon.exchanges.limits import Limit, Pool
from daemon.exchanges.reply import WAIT_MOST_SECONDS
from daemon.exchanges.restart import Record
from daemon.exchanges.shared import Shared
from daemon.exchanges.signing import digest, header_safe
from rules.model import Failure, FailureKind

BACKOFF_LEAST_SECONDS = 10
ENDPOINT_AGAIN_SECONDS = 600  # a right may be granted meanwhile
UNKNOWN_CODE_TRIES = 3
KEY_SECONDS = (60, 120, 240, 480, 600)  # of a key that worked before: perhaps banned for a while
MAINTENANCE_SECONDS = (30, 60, 120, 300)

_HELD = frozenset({FailureKind.LIMITED, FailureKind.BANNED, FailureKind.MAINTENANCE, FailureKind.KEY})
_OF_ALL = _HELD | {FailureKind.CLOCK, FailureKind.ENDPOINT}


class Standing:
    """What a client knows of its pools, gates and refusals. A venue says how long it makes us wait."""

    TITLE: ClassVar[str]
    ENDPOINTS: ClassVar[Mapping[str, Endpoint]]
    LIMITED_SECONDS: ClassVar[Sequence[int]]  # without Retry-After, by the number of refusals in a row
    BANNED_SECONDS: ClassVar[Sequence[int]]
    LIMITED_MEANS_BANNED: ClassVar[int | None] = None  # so many refusals in a row: the host's limit
    IP_LIMIT: ClassVar[Limit | None] = None  # over all endpoints

    def __init__(self, setup: Setup, authority: str, clock: VenueClock) -> None:
        self.settings = setup.settings
        self.name = setup.settings.name
        credentials = setup.credentials
        self._key = header_safe("api_key", credentials.api_key)
        self._secrets = tuple(
            filter(None, (self._key, credentials.api_secret.strip(), credentials.passphrase))
        )
        self._now_ms = setup.now_ms
        self._clock = clock
        self._worked = False
        self._stopped: Failure | None = None
        self._tries: dict[tuple[str, str], int] = {}
        self._refused_until: dict[str, float] = {}
        self._told: set[str] = set()
        self._known_holds: dict[Gate, float] = {}
        self._known: tuple[object, ...] = ()  # what the last record of the budget was made of
        self._spent = Record()
        self._most_seconds = max(self.settings.poll_every_ms / 1000, BACKOFF_LEAST_SECONDS)
        self._share(setup.shared, setup.budget, authority)

    def _share(self, shared: Shared, budget: Decimal, host: str) -> None:
        kind, key = self.settings.kind, digest(self._key)
        self._shared, self._timeline = shared, shared.timeline
        self._digest = key
        self._host_gate = shared.gate(kind, host, user=self)
        self._key_gate = shared.gate(kind, host, key, user=self)
        self._budget, self._host = budget, host
        self._of_one_key = shared.join((kind, host, key), self)
        # The user id, where the venue has told it, to whomever.
        known = [one._user_id for one in self._of_one_key[:-1]]  # noqa: SLF001  ours
        self._user_id: str | None = known[0] if known else None
        self._pools: dict[str, Pool] = {}
        for name, endpoint in self.ENDPOINTS.items():
            self._pools[name] = self._pool(endpoint)
        self._ip_pool: Pool | None = None
        if self.IP_LIMIT is not None:
            self._ip_pool = shared.pool(
                (kind, host), self.IP_LIMIT, budget, (), self._most_seconds, user=self
            )

    def _pool(self, endpoint: Endpoint) -> Pool:
        owner = "" if endpoint.limit.per == "ip" else self._digest
        if owner and self._user_id is not None:
            owner = f"user {self._user_id}"
        key, gates = (self.settings.kind, self._host, owner, endpoint.path), (self._host_gate,)
        return self._shared.pool(key, endpoint.limit, self._budget, gates, self._most_seconds, user=self)

    def _belongs_to(self, user_id: str) -> None:
        """The venue said whose the key is: all keys of one user draw on the same budgets."""
        left: set[Pool] = set()
        for one in self._of_one_key:
            if one._user_id != user_id:  # noqa: SLF001  ours
                one._move(user_id, left)  # noqa: SLF001

    def _move(self, user_id: str, left: set[Pool]) -> None:
        """To the user's pools. Those of `left` were left by others before, with all that was spent there."""
        self._user_id = user_id
        for name, endpoint in self.ENDPOINTS.items():
            if endpoint.limit.per == "uid":
                before = self._pools[name]
                self._pools[name] = self._pool(endpoint)
                if before not in left:
                    self._pools[name].take_over(before)
                    left.add(before)
                before.evenly.discard(self)
                if before.gate in self._known_holds:
                    self._known_holds[self._pools[name].gate] = self._known_holds[before.gate]

    # What a refusal means for the calls of others.

    def _act(self, endpoint: Endpoint, pool: Pool, refusal: Refusal, began: float) -> None:
        kind, said = refusal.verdict.kind, refusal.retry_after_seconds
        if kind is FailureKind.LIMITED:
            strikes = pool.gate.strike(began)
            if said is None and self.LIMITED_MEANS_BANNED is not None and strikes > self.LIMITED_MEANS_BANNED:
                self._hold(self._host_gate, _nth(self.BANNED_SECONDS, strikes - self.LIMITED_MEANS_BANNED))
            self._hold(pool.gate, said or _nth(self.LIMITED_SECONDS, strikes))
        elif kind is FailureKind.BANNED:
            self._hold(self._host_gate, self._ban_seconds(refusal, self._host_gate.strike(began)))
        elif kind is FailureKind.MAINTENANCE or (
            kind is FailureKind.ENDPOINT and not refusal.verdict.account_wide
        ):
            self._hold(pool.gate, said or _nth(MAINTENANCE_SECONDS, pool.gate.strike(began)))
        elif self._perhaps_banned(refusal.verdict) and not endpoint.optional:
            self._hold(self._key_gate, _nth(KEY_SECONDS, self._key_gate.strike(began)))
        elif said is not None:
            self._hold(pool.gate, said)

    def _perhaps_banned(self, verdict: Verdict) -> bool:
        return verdict.perhaps_banned and self._worked

    def _hold(self, gate: Gate, seconds: float) -> None:
        gate.hold(self._timeline.time() + seconds)
        self._known_holds[gate] = gate.until

    def _ban_seconds(self, refusal: Refusal, strikes: int) -> float:
        """The longest that the venue names, else the venue's own growth."""
        named: list[float] = [] if refusal.retry_after_seconds is None else [refusal.retry_after_seconds]
        if refusal.until_venue_ms is not None:
            # Our idea of the venue's clock is off by up to half a round trip.
            named.append((refusal.until_venue_ms - self._clock.venue_ms()) / 1000 + 0.5)
        longest = min(max(named, default=0), WAIT_MOST_SECONDS)
        return longest if longest > 0 else _nth(self.BANNED_SECONDS, strikes)

    # What the poller is told.

    def _failure(self, name: str, refusal: Refusal, task: Task | None) -> Failure:
        verdict, endpoint = refusal.verdict, self.ENDPOINTS[name]
        tries_key = key_of(name, task)
        tries = self._tries[tries_key] = self._tries.get(tries_key, 0) + 1
        account = None if task is None else task.account
        kind = self._kind(endpoint, refusal, tries, about_account=account is not None)
        if kind in _OF_ALL or not verdict.account_wide:
            account = None
        stops = verdict.stops and kind is FailureKind.KEY and not self._perhaps_banned(verdict)
        failure = Failure(
            exchange=self.name,
            at_ms=self._now_ms(),
            kind=kind,
            reason=self._reason(endpoint.path, refusal.text, verdict.hint),
            account=account,
            wallet=task.wallet if task is not None and account is not None else None,
            until_ms=None if stops else self._until_ms(name, kind, tries),
            stops=stops,
        )
        if stops:
            self._stopped = failure
        return failure

    def _kind(self, endpoint: Endpoint, refusal: Refusal, tries: int, *, about_account: bool) -> FailureKind:
        verdict = refusal.verdict
        if verdict.kind is FailureKind.KEY and verdict.permission and endpoint.optional:
            return FailureKind.ENDPOINT
        if verdict.kind is FailureKind.LIMITED and self._host_gate.until > self._timeline.time():
            return FailureKind.BANNED  # refused so often that it is taken for the limit of the host
        if not about_account:
            return verdict.kind
        if verdict.kind is FailureKind.ENDPOINT and verdict.account_wide:
            return FailureKind.ACCOUNT  # the form of our request: the name of this account may be the cause
        if refusal.unknown_code and tries > UNKNOWN_CODE_TRIES:
            return FailureKind.ACCOUNT
        return verdict.kind

    def _reason(self, path: str, what: str, hint: str) -> str:
        text = f"{self.TITLE} {path}: {what}"
        return f"{text}; {hint}" if hint else text

    def _until_ms(self, name: str, kind: FailureKind, tries: int) -> int:
        now, pool = self._timeline.time(), self._pools[name]
        held = max(pool.gate.until, self._key_gate.until, self._host_gate.until, now) - now
        if kind is FailureKind.ENDPOINT:
            seconds = held or ENDPOINT_AGAIN_SECONDS
            self._refused_until[name] = now + seconds
        elif kind in _HELD:
            seconds = held
        else:
            seconds = max(backoff_seconds(tries, self._most_seconds), pool.breaker.until - now, held)
        return self._now_ms() + int(seconds * 1000) + 1

    def _stop(self, path: str, what: str, hint: str) -> Failure:
        """A failure that stops the exchange, found in an answer that was a success."""
        reason = self._reason(path, what, hint)
        self._stopped = Failure(self.name, self._now_ms(), FailureKind.KEY, reason, stops=True)
        return self._stopped

    def _refused(self, name: str) -> bool:
        """Whether an optional endpoint was refused not long ago."""
        return self._refused_until.get(name, 0) > self._timeline.time()

    def _is_news(self, name: str, failure: Failure) -> bool:
        """False for a refused endpoint of which it was told before: that is said once."""
        if failure.kind is not FailureKind.ENDPOINT:
            return True
        news = name not in self._told
        self._told.add(name)
        return news

    def _tell_held(self, pool: Pool, *, signed: bool = True) -> None:
        """A hold that others caused, before the restart or through another exchange, is told once.

        Who comes later waits for its end in the pool.
        """
        now = self._timeline.time()
        for gate in (*pool.gates, *((self._key_gate,) if signed else ())):
            if gate.until > now and self._known_holds.get(gate, now) < gate.until:
                self._known_holds[gate] = gate.until
                kind = {self._host_gate: FailureKind.BANNED, self._key_gate: FailureKind.KEY}.get(gate)
                reason = (
                    f"{self.TITLE}: no calls yet, as the venue asked another exchange or before the restart"
                )
                now_ms = self._now_ms()
                until_ms = now_ms + int((gate.until - now) * 1000) + 1
                failure = Failure(self.name, now_ms, kind or FailureKind.LIMITED, reason, until_ms=until_ms)
                raise CallError(failure)


def key_of(name: str, task: Task | None) -> tuple[str, str]:
    """Whose failures in a row are counted together: those of an endpoint, or of one account at it."""
    return name, "" if task is None or task.account is None else task.account.label


def _nth(seconds: Sequence[int], strikes: int) -> int:
    return seconds[min(strikes, len(seconds)) - 1]
