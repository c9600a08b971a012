"""Which files a rules file is made of, as far as it can be read: for whoever looks whether they change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from daemon.config.errors import ConfigError
from daemon.config.report import Report
from daemon.config.sources import INCLUDES_MAX, Folder, UnreadableError
from daemon.config.texts import texts_on_disk


@dataclass(frozen=True, slots=True)
class Named:
    """Names relative to the main file's folder: those of files, there or not, and patterns that may mean more."""

    names: tuple[str, ...]
    patterns: tuple[str, ...]

    def files(self, folder: Path) -> list[str]:
        """All of them that are meant now, each once, in a fixed order."""
        return sorted(dict.fromkeys((*self.names, *self._matching(Folder(folder, "")))))

    def _matching(self, folder: Folder) -> Iterator[str]:
        for pattern in self.patterns:
            try:
                yield from islice(folder.included(pattern), INCLUDES_MAX)
            except UnreadableError:
                continue


def named_by(path: Path) -> Named | None:
    """What the main file and its includes name now; None where the main file cannot be read."""
    try:
        texts = texts_on_disk(path, Report())
    except ConfigError:
        return None
    main, *others = texts.documents
    include = main.table.get("include")
    patterns = (
        [one for one in include if isinstance(one, str) and one and one.isprintable()]
        if isinstance(include, list)
        else []
    )
    names = (main.name, *(one.name for one in others), *texts.csv, *texts.csv_faults)
    return Named(tuple(dict.fromkeys(names)), tuple(patterns))
