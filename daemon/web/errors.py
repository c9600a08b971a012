"""Why the HTTP server did not start.

WebError        stop: what listens, and where, must be changed first
"""

from __future__ import annotations

import errno

__all__ = ["WebError"]

_HINTS = {
    errno.EADDRINUSE: (
        "something else listens there",
        "stop it (is Subtally running already?) or choose another port",
    ),
    errno.EADDRNOTAVAIL: ("this machine has no such address", "choose one of its own, as 127.0.0.1"),
    errno.EACCES: ("the port is reserved for root", "choose one above 1023, as 9464"),
    errno.EAFNOSUPPORT: ("this machine does not speak that kind of address", "choose 127.0.0.1"),
}


class WebError(Exception):
    """The server cannot listen; the text says where, why, and what to do."""

    def __init__(self, where: str, reason: str, hint: str) -> None:
        super().__init__(f"cannot listen on {where}: {reason}: {hint} (listen in [daemon])")
        self.where = where
        self.reason = reason
        self.hint = hint

    @classmethod
    def of(cls, where: str, error: OSError) -> WebError:
        """From what the system said."""
        reason, hint = _HINTS.get(error.errno or 0, (error.strerror or str(error), "choose another address"))
        return cls(where, reason, hint)
