"""sd_notify: one datagram to systemd, and silence where there is none."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from time import monotonic_ns


def tell_systemd(*lines: str) -> None:
    """Send state lines such as READY=1; does nothing outside a unit of Type=notify."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            sender.connect(address)
            sender.sendall("\n".join(lines).encode())
        except OSError:
            return  # nobody listens: the service runs all the same


def heard_by_systemd() -> bool:
    """Whether there is somebody to tell."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def watchdog_seconds(environment: Mapping[str, str], pid: int) -> float | None:
    """How long systemd waits for WATCHDOG=1 before it kills; None where it does not watch this process."""
    given = environment.get("WATCHDOG_USEC", "")
    meant = environment.get("WATCHDOG_PID", "") or str(pid)
    if not given.isdecimal() or not int(given) or meant != str(pid):
        return None
    return int(given) / 1_000_000


def reloading() -> tuple[str, str]:
    """What systemd wants to hear before READY=1 when a reload begins."""
    return "RELOADING=1", f"MONOTONIC_USEC={monotonic_ns() // 1000}"
