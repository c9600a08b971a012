"""What holds for every test: no network but loopback, the decimal context of the daemon, signals as on a terminal."""

import decimal
import ipaddress
import signal
import socket
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

# No deadline: how long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("subtally", deadline=None, print_blob=True)
hypothesis.settings.load_profile("subtally")

# A plain shell starts its background jobs with SIGINT ignored, and every command that a test starts would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

DECIMAL_PRECISION = 60
decimal.DefaultContext.prec = DECIMAL_PRECISION


@pytest.fixture(autouse=True)
def _decimal_context() -> None:
    """Money is counted as in the daemon, whatever the test before has set."""
    decimal.setcontext(decimal.DefaultContext)


def _is_loopback(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    if not isinstance(host, str):
        return host is None
    if host in {"", "localhost"} or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test that connects, sends or resolves beyond loopback.

    It fails at its end too, where the code under test swallowed the error. Programs that a test starts are
    beyond this guard.
    """
    attempts: list[str] = []

    def require_loopback(call: str, host: object) -> None:
        if not _is_loopback(host):
            attempts.append(f"{call} {host!r}")
            raise OSError(f"tests may only use loopback: {attempts[-1]}")

    def guard(call: str) -> None:
        original = getattr(socket.socket, call)

        def guarded(self: socket.socket, *args: Any) -> Any:
            address = args[-1]  # of sendto and sendmsg too; sendmsg on a connected socket has none
            if self.family in {socket.AF_INET, socket.AF_INET6} and isinstance(address, tuple):
                require_loopback(call, address[0])
            return original(self, *args)

        monkeypatch.setattr(socket.socket, call, guarded)

    for call in ("connect", "connect_ex", "sendto", "sendmsg"):
        guard(call)

    resolve = socket.getaddrinfo

    def guarded_resolve(host: Any, *args: Any, **options: Any) -> Any:
        if isinstance(host, str) and host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        require_loopback("getaddrinfo", host)
        return resolve(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)
    yield
    if attempts:
        pytest.fail("the test tried to leave loopback: " + "; ".join(attempts))
