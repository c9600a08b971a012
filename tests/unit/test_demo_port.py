"""The page of a demo: where it is served, also when several demos start at once."""

from __future__ import annotations

import subprocess
import sys

LOOK = "from daemon.demo.show import free_port; print(free_port(), flush=True); input()"


def test_of_demos_that_start_at_once_no_two_take_the_same_port() -> None:
    demos = [
        subprocess.Popen(
            [sys.executable, "-c", LOOK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    ports = [demo.stdout.readline() for demo in demos if demo.stdout is not None]
    for demo in demos:
        demo.communicate("\n")
    assert len(set(ports)) == len(demos)
