"""How long `subtally check` takes, cold. Run it as: python bench/check.py.

Each figure is of the fastest of several fresh processes: seconds by the clock, and of CPU, which a busy machine
disturbs less. For a measure of the machine: an interpreter that does
nothing, and one that imports the asynchronous part of ccxt, where that is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "rules.example.toml"
RULE = """
[[rule]]
name = "floor {number}"
type = "low_balance"
account = ["mm-{number}", "arb-{number}@desk.example"]
asset = "USDT"
below = {{ warning = 50_000, critical = 20_000 }}
clear_at = 60_000
for = "2m"
"""


def seconds(*arguments: str, times: int) -> tuple[float, float]:
    """Wall and CPU of the fastest of so many fresh interpreters, from start to end."""
    return min(_once(arguments) for _ in range(times))


def _once(arguments: tuple[str, ...]) -> tuple[float, float]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, default=2_000, help="rules of the large file (2000)")
    parser.add_argument("--times", type=int, default=5, help="fresh processes a figure (5)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "rules.toml"
        rules = "".join(RULE.format(number=number) for number in range(given.rules))
        large.write_text(EXAMPLE.read_text(encoding="utf-8") + rules, encoding="utf-8")
        check = ("-m", "daemon.cli", "check")
        figures = {
            "python -c pass": seconds("-c", "pass", times=given.times),
            "check rules.example.toml": seconds(*check, str(EXAMPLE), times=given.times),
            f"check, {given.rules} rules more": seconds(*check, str(large), times=given.times),
        }
    if importlib.util.find_spec("ccxt") is not None:
        figures["import ccxt.async_support"] = seconds("-c", "import ccxt.async_support", times=given.times)
    for name, (wall, cpu) in figures.items():
        print(f"{name:<28} {wall * 1000:7.0f} ms {cpu * 1000:7.0f} ms of CPU")


if __name__ == "__main__":
    main()
