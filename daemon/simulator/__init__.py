"""The fake venues: Binance, OKX and Bitget over real HTTP, faithful to their documents.

They share no code with the clients that are tested against them, so that a mistake in one is not agreed to by
the other.
"""

from daemon.simulator.clock import Clock, ManualClock, SystemClock
from daemon.simulator.faults import Fault, named_fault
from daemon.simulator.keys import Key
from daemon.simulator.script import DEMO, Incident, Script, ScriptError, load_script, parse_script
from daemon.simulator.server import Simulator, serve

__all__ = [
    "DEMO",
    "Clock",
    "Fault",
    "Incident",
    "Key",
    "ManualClock",
    "Script",
    "ScriptError",
    "Simulator",
    "SystemClock",
    "load_script",
    "named_fault",
    "parse_script",
    "serve",
]
