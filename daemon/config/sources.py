"""Reading the texts of a configuration from disk: bounded, in a fixed order, each exactly as it is."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE_BYTES_MAX = 4 * 1024 * 1024
ALL_BYTES_MAX = 32 * 1024 * 1024
INCLUDES_MAX = 1000


class UnreadableError(Exception):
    """Why a file cannot be had, in words for the user."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Where the main file lies: other files are named relative to it."""

    path: Path
    main: str

    @classmethod
    def of(cls, main: Path) -> Folder:
        return cls(main.parent, main.name)

    def shown(self, name: str) -> str:
        """A source's name as a path that the user may open from where they are."""
        return str(self.path / name)

    def read(self, name: str) -> str:
        """The text of a file. Raises UnreadableError."""
        path = self.path / name
        try:
            if path.is_dir():
                raise UnreadableError("is a folder, not a file")
            with path.open("rb") as file:
                raw = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            raise UnreadableError("there is no such file") from None
        except (OSError, ValueError) as error:
            raise UnreadableError(
                f"cannot be read: {getattr(error, 'strerror', None) or 'not a usable path'}"
            ) from error
        if len(raw) > FILE_BYTES_MAX:
            raise UnreadableError(f"is larger than {FILE_BYTES_MAX // 1024 // 1024} MiB")
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise UnreadableError(f"is not UTF-8 text (line {line})") from None

    def included(self, pattern: str) -> Iterator[str]:
        """The names that one entry of `include` means, sorted; a plain path means itself, there or not."""
        if not glob.has_magic(pattern):
            yield normal(pattern)
            return
        try:
            # Path.glob refuses absolute patterns, and finds hidden files.
            found = sorted(glob.glob(pattern, root_dir=self.path, recursive=True))  # noqa: PTH207
        except (OSError, ValueError, RecursionError) as error:
            raise UnreadableError("cannot be searched") from error
        yield from (normal(name) for name in found if (self.path / name).is_file())

    def real(self, name: str) -> str:
        """The one path of a file that may be named in several ways."""
        return os.path.realpath(self.path / name)


def csv_names(tables: Iterable[dict[str, Any]]) -> list[str]:
    """The CSV files that rules name in `below_by`, before anything was checked."""
    rules = [rule for table in tables for rule in _list(table.get("rule")) if isinstance(rule, dict)]
    named = (rule.get("below_by") for rule in rules)
    return list(dict.fromkeys(normal(path) for path in named if isinstance(path, str) and is_csv(path)))


def normal(name: str) -> str:
    """One spelling of a relative path: it is the source's name."""
    return os.path.normpath(name)


def is_csv(name: str) -> bool:
    """CSV files are told from includes by their ending."""
    return name.casefold().endswith(".csv")


def digest_of(sources: Iterable[tuple[str, str]]) -> str:
    """One name for the texts: sha256 over names and texts, each with its length before it."""
    digest = hashlib.sha256()
    for source in sources:
        for part in source:
            raw = part.encode("utf-8", "surrogatepass")
            digest.update(b"%d:" % len(raw) + raw)
    return digest.hexdigest()


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
