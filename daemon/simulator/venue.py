"""One fake venue over HTTP: from a raw request to an answer, in the order in which a venue refuses.

The order is: method, path, a block in force, maintenance, rate limit, key and signature, the endpoint itself.
What was counted against a limit is counted even when the request is refused afterwards.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from aiohttp import web

from daemon.simulator.clock import Clock
from daemon.simulator.faults import Faults
from daemon.simulator.keys import Key
from daemon.simulator.limits import Block, Limit, Limiter, Usage, WindowStyle
from daemon.simulator.model import Ledger
from daemon.simulator.records import Record, Records
from daemon.simulator.wire import Answer, deliver

__all__ = ["Call", "Endpoint", "Refusal", "Venue"]

NOT_FOUND_PAGE = b"<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it was sent: `target` and `query` are raw, `parameters` are form-decoded."""

    method: str
    target: str
    path: str
    query: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    now_ms: int


class Refusal(Exception):  # noqa: N818 - it is an answer, not a failure of the simulator
    """The venue says no. `reason` is a word for the records."""

    def __init__(self, answer: Answer, reason: str) -> None:
        super().__init__(reason)
        self.answer = answer
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers a path, what one call costs, and whether it needs a key."""

    answer: Callable[[Call], bytes]
    limit: Limit
    signed: bool = True


class Venue(Ledger):
    """The common part of the three venues. A subclass knows its paths, its checks and its words for no."""

    counts_refused: ClassVar[bool] = False
    """Whether calls beyond the limit use up the limit too."""
    json_type: ClassVar[str] = "application/json"

    def __init__(
        self, clock: Clock, key: Key, window: WindowStyle = "sliding", limits_scale: float = 1
    ) -> None:
        super().__init__(clock)
        self.base_url = ""
        self.clock_offset_ms = 0
        self.under_maintenance = False
        self.faults = Faults()
        self.records = Records()
        self.limiter = Limiter(clock, window, limits_scale, count_refused=self.counts_refused)
        self.block = Block(clock)
        self.stopping = asyncio.Event()
        self.use_key(key)
        self.endpoints = self.build_endpoints()

    # For each venue

    @abstractmethod
    def build_endpoints(self) -> dict[str, Endpoint]:
        """Path → endpoint, with the documented limit of each: data that tests may change."""

    @abstractmethod
    def authenticate(self, call: Call) -> None:
        """Raise Refusal unless key, signature and timestamp are right."""

    @abstractmethod
    def refuse_method(self, call: Call) -> Refusal:
        """The answer to anything but GET."""

    @abstractmethod
    def refuse_limit(self, call: Call, usage: Usage) -> Refusal:
        """The answer beyond the rate limit."""

    @abstractmethod
    def refuse_blocked(self, call: Call, remaining_ms: int) -> Refusal:
        """The answer while a ban or block is in force."""

    @abstractmethod
    def refuse_maintenance(self, call: Call) -> Refusal | None:
        """The answer under maintenance; None for what is served all the same."""

    @abstractmethod
    def set_rights(self, rights: Mapping[str, Any]) -> None:
        """Change what the key may do, in the venue's own words. Raises ValueError for a word it has not."""

    def usage_headers(self, call: Call, usage: Usage) -> dict[str, str]:
        """Headers that tell of the limit; OKX has none."""
        return {}

    def account_of(self, call: Call) -> str | None:
        """The account a request names, for faults."""
        return None

    def page_of(self, call: Call) -> int:
        """The page a request asks for, counted from 1, for faults."""
        return 1

    # For everybody

    def use_key(self, key: Key) -> None:
        """From now on this is the venue's only valid key."""
        self.key = key

    def set_limit(self, path: str, amount: int, window_seconds: int, cost: int = 1) -> None:
        """Replace the limit of one endpoint and start its count again."""
        endpoint = self.endpoints[path]
        self.endpoints[path] = Endpoint(endpoint.answer, Limit(amount, window_seconds, cost), endpoint.signed)

    def ban(self, seconds: int) -> None:
        """Refuse everything for so long, as after an abuse of the limits."""
        self.block.start(seconds)

    def recover(self) -> None:
        """End every fault, ban, maintenance and clock difference. Accounts and balances stay."""
        self.faults.clear()
        self.block.end()
        self.under_maintenance = False
        self.clock_offset_ms = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request and keep its record."""
        method, target, headers = request.method, request.raw_path, request.headers
        call = self._call(method, target, headers)
        fault = None
        if len(self.faults):
            fault = self.faults.take(call.path, self.account_of(call), self.page_of(call))
        if fault is not None and fault.request_delay_seconds:
            await self.clock.sleep(fault.request_delay_seconds)
            call = self._call(method, target, headers)
        answer = self.answer(call)
        status = (fault.status if fault is not None else None) or answer.status
        name = None if fault is None else fault.name
        self.records.add(Record(method, target, status, self.clock.now_ms(), answer.refused, name))
        return await deliver(request, answer, fault, self.clock, self.stopping)

    def answer(self, call: Call) -> Answer:
        """The honest answer, without faults."""
        headers: dict[str, str] = {}
        try:
            body = self._serve(call, headers)
        except Refusal as refusal:
            no = refusal.answer
            return Answer(no.status, no.body, no.content_type, {**headers, **no.headers}, refusal.reason)
        return Answer(200, body, self.json_type, headers)

    def _serve(self, call: Call, headers: dict[str, str]) -> bytes:
        if call.method != "GET":
            raise self.refuse_method(call)
        endpoint = self.endpoints.get(call.path)
        if endpoint is None:
            raise Refusal(Answer(404, NOT_FOUND_PAGE, "text/html"), "unknown_path")
        remaining_ms = self.block.remaining_ms
        if remaining_ms:
            raise self.refuse_blocked(call, remaining_ms)
        if self.under_maintenance and (refusal := self.refuse_maintenance(call)) is not None:
            raise refusal
        usage = self.count(call, endpoint.limit)
        headers.update(self.usage_headers(call, usage))
        if not usage.allowed:
            raise self.refuse_limit(call, usage)
        if endpoint.signed:
            self.authenticate(call)
        return endpoint.answer(call)

    def count(self, call: Call, limit: Limit) -> Usage:
        """Count one call; every venue counts each endpoint on its own."""
        return self.limiter.take(call.path, limit)

    def _call(self, method: str, target: str, headers: Mapping[str, str]) -> Call:
        path, _, query = target.partition("?")
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        return Call(
            method, target, path, query, parameters, headers, self.clock.now_ms() + self.clock_offset_ms
        )
