"""One call to a venue, from the slot it waits for to what it told or why it told nothing.

What happens next is split like this. The client waits wherever *many* calls would be refused: for a slot, for
Retry-After, for the end of a ban, and, after some failures in a row, for the outcome of a single probe. The
poller waits where *one task* failed: every `Failure` says in `until_ms` when it makes sense to try that task
again. The client repeats nothing by itself, but for one call after a clock error.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import ClassVar, TypeVar

from daemon.exchanges.base import Task
from daemon.exchanges.clock import VenueClock
from daemon.exchanges.endpoint import Endpoint, Said, Setup
from daemon.exchanges.errors import (
    MALFORMED,
    TRANSIENT,
    VENUE_DOWN,
    CallError,
    Malformed,
    Refusal,
    Refused,
    Trouble,
    Verdict,
    readable,
)
from daemon.exchanges.gates import Gate, Outcome, backoff_seconds
from daemon.exchanges.http import Http, Response, Timeouts
from daemon.exchanges.limits import Limit, Pool, Ticket, opened
from daemon.exchanges.reply import (
    OK,
    WAIT_MOST_SECONDS,
    by_status,
    code_and_words,
    locally,
    retry_after_seconds,
)
from daemon.exchanges.restart import Record
from daemon.exchanges.shared import Shared
from daemon.exchanges.signing import digest, header_safe
from rules.model import Failure, FailureKind

T = TypeVar("T")

Params = Sequence[tuple[str, str]]

BACKOFF_LEAST_SECONDS = 10
ENDPOINT_AGAIN_SECONDS = 600  # a right may be granted meanwhile
UNKNOWN_CODE_TRIES = 3
KEY_SECONDS = (60, 120, 240, 480, 600)  # of a key that worked before: perhaps banned for a while
MAINTENANCE_SECONDS = (30, 60, 120, 300)

_HELD = frozenset({FailureKind.LIMITED, FailureKind.BANNED, FailureKind.MAINTENANCE, FailureKind.KEY})
_OF_ALL = _HELD | {FailureKind.CLOCK, FailureKind.ENDPOINT}


class Caller(ABC):
    """What the three venues have in common below the Protocol. A venue fills the slots."""

    TITLE: ClassVar[str]
    ENDPOINTS: ClassVar[Mapping[str, Endpoint]]
    CODES: ClassVar[Mapping[str, Verdict]]
    SUCCESS: ClassVar[str] = ""  # the code of a success, where there is one
    LIMITED_SECONDS: ClassVar[Sequence[int]]  # without Retry-After, by the number of refusals in a row
    BANNED_SECONDS: ClassVar[Sequence[int]]
    LIMITED_MEANS_BANNED: ClassVar[int | None] = None  # so many refusals in a row: the host's limit
    IP_LIMIT: ClassVar[Limit | None] = None  # over all endpoints
    TIMEOUTS: ClassVar[Timeouts | None] = None

    def __init__(self, setup: Setup) -> None:
        self.settings = setup.settings
        self.name = setup.settings.name
        credentials = setup.credentials
        self._key = header_safe("api_key", credentials.api_key)
        self._secrets = tuple(
            filter(None, (self._key, credentials.api_secret.strip(), credentials.passphrase))
        )
        self._now_ms = setup.now_ms
        self._http = Http(setup.base_url, self.TIMEOUTS)
        self._clock = VenueClock(setup.now_ms, self._ask_time)
        self._worked = False
        self._stopped: Failure | None = None
        self._tries: dict[tuple[str, str], int] = {}
        self._refused_until: dict[str, float] = {}
        self._told: set[str] = set()
        self._known_holds: dict[Gate, float] = {}
        self._known: tuple[object, ...] = ()  # what the last record of the budget was made of
        self._spent = Record()
        self._most_seconds = max(self.settings.poll_every_ms / 1000, BACKOFF_LEAST_SECONDS)
        self._share(setup.shared, setup.budget)

    def _share(self, shared: Shared, budget: Decimal) -> None:
        kind, host, key = self.settings.kind, self._http.authority, digest(self._key)
        self._shared, self._timeline = shared, shared.timeline
        self._digest = key
        self._host_gate = shared.gate(kind, host, user=self)
        self._key_gate = shared.gate(kind, host, key, user=self)
        self._pools: dict[str, Pool] = {}
        for name, endpoint in self.ENDPOINTS.items():
            owner = key if endpoint.limit.per == "uid" else ""
            pool_key, gates = (kind, host, owner, endpoint.path), (self._host_gate,)
            self._pools[name] = shared.pool(
                pool_key, endpoint.limit, budget, gates, self._most_seconds, user=self
            )
        self._ip_pool: Pool | None = None
        if self.IP_LIMIT is not None:
            self._ip_pool = shared.pool(
                (kind, host), self.IP_LIMIT, budget, (), self._most_seconds, user=self
            )

    # Slots that a venue fills.

    @abstractmethod
    def _request(self, endpoint: Endpoint, params: Params) -> tuple[str, Mapping[str, str]]:
        """The target as it is signed and sent, and its headers."""

    @abstractmethod
    def _time(self, body: bytes) -> int:
        """The venue's time in ms, out of the answer of its endpoint "time"."""

    def _classify(self, code: str, words: str, status: int) -> Verdict | None:
        """The verdict on a code; None where it is not known."""
        return self.CODES.get(code) or self.CODES.get(code.partition("_")[0])

    def _observe(self, pool: Pool, endpoint: Endpoint, response: Response) -> None:  # noqa: B027  most send none
        """Obey the usage headers, where the venue sends them."""

    def _banned_until_venue_ms(self, words: str) -> int | None:
        """The end of a ban in the venue's time, where its words name one."""
        return None

    # The call.

    async def call(
        self,
        name: str,
        params: Params,
        read: Callable[[bytes], T],
        *,
        urgent: bool = False,
        task: Task | None = None,
    ) -> Said[T]:
        """Ask one endpoint and read its answer. Raises CallError, whose failure is what to tell the poller.

        `read` raises Malformed on an answer that is not a success; the code in it then decides.
        """
        signed = self.ENDPOINTS[name].signed
        self._tell_held(self._pools[name], signed=signed)
        generation = await self._clock.known() if signed else 0
        try:
            try:
                said = await self._once(name, params, read, urgent=urgent)
            except Refused as refused:
                if not signed or refused.refusal.verdict.kind is not FailureKind.CLOCK:
                    raise
                await self._clock.relearn(generation)
                said = await self._once(name, params, read, urgent=urgent, again=True)
        except Refused as refused:
            raise CallError(self._failure(name, refused.refusal, task)) from None
        self._tries.pop(_key_of(name, task), None)
        self._told.discard(name)
        return said

    async def _once(
        self, name: str, params: Params, read: Callable[[bytes], T], *, urgent: bool, again: bool = False
    ) -> Said[T]:
        endpoint, pool = self.ENDPOINTS[name], self._pools[name]
        ticket = await self._ticket(pool, signed=endpoint.signed, urgent=urgent)
        outcome, ip_ticket = Outcome.NEUTRAL, None
        try:
            ip_ticket = None if self._ip_pool is None else await self._ip_pool.take(urgent=urgent)
            if self._stopped is not None and endpoint.signed:
                raise CallError(replace(self._stopped, at_ms=self._now_ms()))
            began = self._timeline.time()
            try:
                said = await self._ask(endpoint, pool, params, read)
            except Refused as refused:
                outcome = _outcome(refused.refusal.verdict.kind, again=again)
                self._act(endpoint, pool, refused.refusal, began)
                raise
            outcome = Outcome.ANSWERED
            self._passed(pool, began, signed=endpoint.signed)
            return said
        finally:
            ticket.close(outcome)
            if ip_ticket is not None:
                ip_ticket.close()

    async def _ask(
        self, endpoint: Endpoint, pool: Pool, params: Params, read: Callable[[bytes], T]
    ) -> Said[T]:
        target, headers = self._request(endpoint, params)
        began_ms = self._now_ms()
        try:
            response = await self._http.get(target, headers)
            ended_ms = self._now_ms()
            self._observe(pool, endpoint, response)
            return Said(self._read(endpoint, response, read), began_ms, ended_ms)
        except Trouble as trouble:
            verdict = VENUE_DOWN if trouble.venue_wide else TRANSIENT
            raise Refused(Refusal(verdict, trouble.reason)) from None
        except Malformed as malformed:
            raise Refused(Refusal(MALFORMED, readable(str(malformed), self._secrets))) from None

    async def _ticket(self, pool: Pool, *, signed: bool, urgent: bool) -> Ticket:
        """A slot, while the key may be used: a pool per IP is shared with other keys, so its gates know none."""
        while True:
            if signed:
                await opened(self._key_gate, self._timeline)
            ticket = await pool.take(urgent=urgent)
            if not signed or self._key_gate.until <= self._timeline.time():
                return ticket
            pool.give_back(ticket)

    def _passed(self, pool: Pool, began: float, *, signed: bool) -> None:
        pool.gate.passed(began)
        self._host_gate.passed(began)
        if signed:
            self._worked = True
            self._key_gate.passed(began)

    def _read(self, endpoint: Endpoint, response: Response, read: Callable[[bytes], T]) -> T:
        malformed = Malformed("the answer is not a success")
        if response.status == OK:
            try:
                return read(response.body)
            except Malformed as error:
                malformed = error
        refusal = self._refusal(response)
        if refusal is None:
            raise malformed
        raise Refused(locally(refusal, response.status) if endpoint.local else refusal)

    def _refusal(self, response: Response) -> Refusal | None:
        """Why the venue refused: its code decides; the status does where there is none, or an unknown one."""
        code, words = code_and_words(response.body)
        status = response.status
        if code == self.SUCCESS:
            code = None
        if code is None and status == OK:
            return None
        verdict = None if code is None else self._classify(code, words, status)
        unknown = verdict is None and code is not None
        verdict = verdict or by_status(status)
        said = readable(words, self._secrets)
        text = f"HTTP {status}" if code is None else f"code {readable(code)} (HTTP {status})"
        return Refusal(
            verdict,
            f"{text}: {said}" if said else text,
            retry_after_seconds(response.headers, self._clock.venue_ms()),
            self._banned_until_venue_ms(words),
            unknown_code=unknown and verdict.kind is FailureKind.TRANSIENT,
        )

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
        tries_key = _key_of(name, task)
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

    async def _ask_time(self) -> tuple[int, int, int]:
        """For the clock. Where the endpoint is refused, our own clock has to do."""
        try:
            said = await self.call("time", (), self._time)
        except CallError as error:
            if error.failure.kind in {FailureKind.ENDPOINT, FailureKind.MALFORMED}:
                now_ms = self._now_ms()
                return now_ms + self._clock.offset_ms, now_ms, now_ms
            raise
        return said.value, said.began_ms, said.ended_ms


def _outcome(kind: FailureKind, *, again: bool) -> Outcome:
    """Only what the next call would meet as well counts as a failure of the pool."""
    if kind in {FailureKind.TRANSIENT, FailureKind.MALFORMED} or (kind is FailureKind.CLOCK and again):
        return Outcome.FAILED
    if kind in {FailureKind.DENIED, FailureKind.ACCOUNT, FailureKind.ENDPOINT, FailureKind.KEY}:
        return Outcome.ANSWERED
    return Outcome.NEUTRAL


def _key_of(name: str, task: Task | None) -> tuple[str, str]:
    return name, "" if task is None or task.account is None else task.account.label


def _nth(seconds: Sequence[int], strikes: int) -> int:
    return seconds[min(strikes, len(seconds)) - 1]
