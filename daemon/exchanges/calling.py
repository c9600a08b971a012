"""One call to a venue, from the slot it waits for to what it told or why it told nothing.

What happens next is split like this. The client waits wherever *many* calls would be refused: for a slot, for
Retry-After, for the end of a ban, and, after some failures in a row, for the outcome of a single probe. The
poller waits where *one task* failed: every `Failure` says in `until_ms` when it makes sense to try that task
again. The client repeats nothing by itself, but for one call after a clock error.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
from daemon.exchanges.gates import Outcome
from daemon.exchanges.http import Http, Response, Timeouts
from daemon.exchanges.limits import Pool, Ticket
from daemon.exchanges.reply import (
    OK,
    by_status,
    code_and_words,
    locally,
    retry_after_seconds,
)
from daemon.exchanges.standing import Standing, key_of
from daemon.exchanges.timeline import opened
from rules.model import FailureKind

T = TypeVar("T")

Params = Sequence[tuple[str, str]]


class Caller(Standing, ABC):
    """What the three venues have in common below the Protocol. A venue fills the slots."""

    CODES: ClassVar[Mapping[str, Verdict]]
    SUCCESS: ClassVar[str] = ""  # the code of a success, where there is one
    TIMEOUTS: ClassVar[Timeouts | None] = None

    def __init__(self, setup: Setup) -> None:
        self._http = Http(setup.base_url, self.TIMEOUTS)
        self._waiting = Counter[str]()  # ordinary calls that wait for a slot, by endpoint
        self._on_begun: Callable[[int], None] = _nobody
        super().__init__(setup, self._http.authority, VenueClock(setup.now_ms, self._ask_time))

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

    def _observe(self, ticket: Ticket, endpoint: Endpoint, response: Response) -> None:
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
        generation = (self._clock.generation or await self._clock.known()) if signed else 0
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
        if self._tries:
            self._tries.pop(key_of(name, task), None)
        self._told.discard(name)
        return said

    async def _once(
        self, name: str, params: Params, read: Callable[[bytes], T], *, urgent: bool, again: bool = False
    ) -> Said[T]:
        endpoint = self.ENDPOINTS[name]
        ticket, ip_ticket = await self._tickets(name, signed=endpoint.signed, urgent=urgent)
        outcome = Outcome.NEUTRAL
        try:
            if self._stopped is not None and endpoint.signed:
                raise CallError(replace(self._stopped, at_ms=self._now_ms()))
            began = self._timeline.time()
            try:
                said = await self._ask(endpoint, ticket, params, read)
            except Refused as refused:
                outcome = _outcome(refused.refusal.verdict.kind, again=again)
                self._act(endpoint, self._pools[name], refused.refusal, began)
                raise
            outcome = Outcome.ANSWERED
            self._passed(self._pools[name], began, signed=endpoint.signed)
            return said
        finally:
            ticket.close(outcome)
            if ip_ticket is not None:
                ip_ticket.close()

    async def _ask(
        self, endpoint: Endpoint, ticket: Ticket, params: Params, read: Callable[[bytes], T]
    ) -> Said[T]:
        target, headers = self._request(endpoint, params)
        began_ms = self._now_ms()
        try:
            response = await self._http.get(target, headers)
            ended_ms = self._now_ms()
            self._observe(ticket, endpoint, response)
            return Said(self._read(endpoint, response, read), began_ms, ended_ms)
        except Trouble as trouble:
            verdict = VENUE_DOWN if trouble.venue_wide else TRANSIENT
            raise Refused(Refusal(verdict, trouble.reason)) from None
        except Malformed as malformed:
            raise Refused(Refusal(MALFORMED, readable(str(malformed), self._secrets))) from None

    async def _tickets(self, name: str, *, signed: bool, urgent: bool) -> tuple[Ticket, Ticket | None]:
        """A slot of the endpoint's limit and one of the host's, where there is such a limit, while all gates are open.

        Pools are shared with other keys, so that their gates know none of these; and while one waits for a slot a gate
        may close, or the pool turn out to be another's.
        """
        if not signed or self._key_gate.until <= self._timeline.time():
            pool = self._pools[name]
            free = pool.take_free(urgent=urgent)
            if free is not None:
                if self._ip_pool is None:
                    return free, None
                ip_free = self._ip_pool.take_free(urgent=urgent)
                if ip_free is not None:
                    return free, ip_free
                pool.give_back(free)
        return await self._waited_for(name, signed=signed, urgent=urgent)

    async def _waited_for(self, name: str, *, signed: bool, urgent: bool) -> tuple[Ticket, Ticket | None]:
        gates = (self._key_gate,) if signed else ()
        self._waiting[name] += not urgent
        try:
            while True:
                for gate in gates:
                    if gate.until > self._timeline.time():
                        await opened(gate, self._timeline)
                pool = self._pools[name]
                ticket = await pool.take(urgent=urgent)
                try:
                    ip_ticket = None if self._ip_pool is None else await self._ip_pool.take(urgent=urgent)
                except BaseException:
                    pool.give_back(ticket)
                    raise
                now = self._timeline.time()
                if pool is self._pools[name] and all(gate.until <= now for gate in (*pool.gates, *gates)):
                    return ticket, ip_ticket
                pool.give_back(ticket)
                if self._ip_pool is not None and ip_ticket is not None:
                    self._ip_pool.give_back(ip_ticket)
        finally:
            self._waiting[name] -= not urgent
            if not urgent:
                self._on_begun(self._waiting[name])

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


def _nobody(_waiting: int) -> None:
    """Who listens."""


def _outcome(kind: FailureKind, *, again: bool) -> Outcome:
    """Only what the next call would meet as well counts as a failure of the pool."""
    if kind in {FailureKind.TRANSIENT, FailureKind.MALFORMED} or (kind is FailureKind.CLOCK and again):
        return Outcome.FAILED
    if kind in {FailureKind.DENIED, FailureKind.ACCOUNT, FailureKind.ENDPOINT, FailureKind.KEY}:
        return Outcome.ANSWERED
    return Outcome.NEUTRAL
