"""Our import packages have common names: no command runs where another distribution owns one of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from daemon.errors import CannotRun

PACKAGES: Final = ("daemon", "notifiers", "rules", "state")
OURS: Final = "subtally"

_REPAIR: Final = (
    "Subtally is an application: install it into a virtual environment of its own, as in: "
    "python3 -m venv /opt/subtally/venv && /opt/subtally/venv/bin/pip install subtally"
)
_METADATA: Final = (".dist-info", ".egg-info")
_RECORD_BYTES_MAX: Final = 64 * 1024 * 1024

# Plain finds: on every start nearly a megabyte is looked through, and a regular expression takes eight times as long.
_MARKS: Final = tuple((name, f"\n{name}/".encode(), f"\n{name}.py,".encode()) for name in PACKAGES)


def require_own_packages() -> None:
    """Raise CannotRun where a foreign distribution, or another place on the path, owns one of our packages."""
    for distribution, package, folder in foreign_owners(sys.path):
        raise CannotRun(
            f'the distribution {distribution} in {folder} also owns the Python package "{package}". {_REPAIR}'
        )
    homes = {name: _home(name) for name in PACKAGES}
    ours = homes["daemon"]
    for name, home in homes.items():
        if home != ours:
            found = f"is found in {home}" if home else "is not found"
            raise CannotRun(
                f'the Python package "{name}" {found}, but its sibling "daemon" is in {ours}: '
                f"something else stands before it on Python's path (PYTHONPATH?). {_REPAIR}"
            )


def foreign_owners(path: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(distribution, package, folder) for every distribution but ours that claims one of our package names."""
    for folder in dict.fromkeys(path):
        try:
            names = sorted(os.listdir(folder or "."))  # noqa: PTH208  names are all that is needed
        except OSError:
            continue  # a zip file, or a folder that is not there
        for name in names:
            distribution, suffix = os.path.splitext(name)  # noqa: PTH122  names are all that is needed
            if suffix in _METADATA and distribution.partition("-")[0].casefold() != OURS:
                for package in _claimed(f"{folder or '.'}/{name}"):
                    yield distribution.replace("-", " ", 1), package, folder


def _claimed(metadata: str) -> list[str]:
    """RECORD lists the files of a distribution; where an old one has none, top_level.txt lists its packages."""
    record = b"\n" + _read(f"{metadata}/RECORD")
    if record != b"\n":
        return [name for name, inside, module in _MARKS if inside in record or module in record]
    top_level = _read(f"{metadata}/top_level.txt").decode("utf-8", "replace").split()
    return [name for name in PACKAGES if name in top_level]


def _read(path: str) -> bytes:
    # Not open(): a file object for each of a hundred small files doubles the time.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, _RECORD_BYTES_MAX)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _home(package: str) -> Path | None:
    """The folder that a package is, or would be, imported from."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    folders = list(spec.submodule_search_locations or ())
    found = folders[0] if folders else spec.origin
    return None if found is None else Path(found).resolve().parent
