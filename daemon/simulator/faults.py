"""Faults: what a test or a script puts between a venue's honest answer and the wire.

A fault matches requests by path and, where given, by account and page, skips the first `skip` of them, acts
on `times` of them (or until it is cleared), and says how the answer is spoiled. The first match acts, in the
order in which they were added. The honest answer is worked out first, so a fault never hides a bad signature
or a broken limit from the records.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

__all__ = ["End", "Fault", "Faults", "named_fault"]

End = Literal["answer", "hang", "reset", "close", "close_after", "cut", "drip"]
"""How the answer ends: whole; never; RST; closed unanswered; answered, then closed without a word; cut in
the middle of the body; sent byte by byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    `status`, `body`, `content_type` and `headers` replace those of the honest answer where given; `transform`
    rewrites the body that would go out. `request_delay_seconds` passes before the venue counts the request,
    `delay_seconds` after the answer is ready. `bomb_bytes` sends a gzip body that unpacks to as many spaces.
    """

    path: str = "*"
    account: str | None = None
    page: int | None = None
    skip: int = 0
    times: int | None = None
    name: str = "fault"
    status: int | None = None
    body: bytes | str | None = None
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    transform: Callable[[bytes], bytes] | None = None
    request_delay_seconds: float = 0
    delay_seconds: float = 0
    end: End = "answer"
    drip_seconds: float = 0.05
    bomb_bytes: int = 0

    def fits(self, path: str, account: str | None, page: int) -> bool:
        return (
            fnmatchcase(path, self.path)
            and (self.account is None or self.account == account)
            and (self.page is None or self.page == page)
        )


@dataclass(slots=True, eq=False)
class _Live:
    fault: Fault
    skip: int
    left: int | None


class Faults:
    """The faults in force at one venue."""

    def __init__(self) -> None:
        self._live: list[_Live] = []
        self._hits: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._live)

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force and give it back, as a handle for `clear`."""
        self._live.append(_Live(fault, fault.skip, fault.times))
        return fault

    def clear(self, fault: Fault | None = None, *, name: str | None = None) -> None:
        """End one fault, all of one name, or all."""
        self._live = [
            live
            for live in self._live
            if (fault is not None and live.fault is not fault)
            or (name is not None and live.fault.name != name)
        ]

    def hits(self, name: str = "fault") -> int:
        """How often faults of this name have acted."""
        return self._hits.get(name, 0)

    def take(self, path: str, account: str | None, page: int) -> Fault | None:
        """The fault that acts on this request, counted as used."""
        for live in self._live:
            if not live.fault.fits(path, account, page):
                continue
            if live.skip > 0:
                live.skip -= 1
                continue
            if live.left is not None:
                live.left -= 1
                if live.left <= 0:
                    self._live.remove(live)
            self._hits[live.fault.name] = self._hits.get(live.fault.name, 0) + 1
            return live.fault
        return None


def truncate(body: bytes) -> bytes:
    """Half of the body under an honest Content-Length: valid HTTP, invalid JSON."""
    return body[: len(body) // 2]


HTML_PAGE = "<html><head><title>Attention Required</title></head><body>Please wait…</body></html>"
KINDS: dict[str, Callable[[], Fault]] = {
    "hang": lambda: Fault(end="hang"),
    "reset": lambda: Fault(end="reset"),
    "close": lambda: Fault(end="close"),
    "close_after": lambda: Fault(end="close_after"),
    "cut": lambda: Fault(end="cut"),
    "drip": lambda: Fault(end="drip"),
    "truncate": lambda: Fault(transform=truncate),
    "html": lambda: Fault(status=200, body=HTML_PAGE, content_type="text/html"),
    "bomb": lambda: Fault(bomb_bytes=1 << 30),
    "latency": lambda: Fault(delay_seconds=2),
}
"""The common faults by name, as scripts say them."""


def named_fault(kind: str) -> Fault:
    """A common fault, to be narrowed with `dataclasses.replace`. Raises ValueError for an unknown kind."""
    if kind not in KINDS:
        raise ValueError(f"no fault {kind!r}: {', '.join(KINDS)}")
    return KINDS[kind]()
