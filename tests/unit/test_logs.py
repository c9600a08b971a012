"""One pipeline for every line: what we say and what libraries say come out alike, and both without secrets."""

from __future__ import annotations

import json
import subprocess
import sys

SAID = """
import logging, structlog
from daemon.logs import set_up

set_up()
ours, theirs = structlog.get_logger("daemon.told"), logging.getLogger("library")
ours.info("100 % told", alert="A1", api_token="SENTINEL", value=None)
theirs.warning("100 %% told %s", "twice")
ours.debug("too quiet")
theirs.debug("too quiet")
ours.info("odd", rows={(1, 2): "a"}, api_token="SENTINEL")
for log in (ours, theirs):
    try:
        raise ValueError("ümlaut")
    except ValueError:
        log.exception("failed")
"""


def test_our_lines_and_those_of_libraries_come_out_alike_and_redacted() -> None:
    done = subprocess.run([sys.executable, "-c", SAID], capture_output=True, text=True, check=True)
    ours, theirs, odd, our_fault, their_fault = map(json.loads, done.stderr.splitlines())
    assert {"timestamp", "level", "event"} <= ours.keys() & theirs.keys()
    assert ours["event"] == "100 % told"
    assert (ours["alert"], ours["api_token"], ours["value"]) == ("A1", "…", None)
    assert (ours["level"], ours["logger"]) == ("info", "daemon.told")
    assert (theirs["event"], theirs["level"]) == ("100 % told twice", "warning")
    assert (odd["event"], odd["rows"]) == ("odd", "{(1, 2): 'a'}")
    assert "SENTINEL" not in done.stderr
    for fault in (our_fault, their_fault):
        assert (fault["event"], fault["level"]) == ("failed", "error")
        (raised,) = fault["exception"]
        assert (raised["exc_type"], raised["exc_value"]) == ("ValueError", "ümlaut")
        assert all("locals" not in frame for frame in raised["frames"])
