"""The file: TOML into core values, with every error at its place.

Nothing heavy is imported before a file is read, so that whoever only names a type does not pay for pydantic.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from daemon.config.config import (
    BooksConfig,
    Config,
    DaemonConfig,
    ExchangeConfig,
    Listen,
    NotifierConfig,
)
from daemon.config.errors import ConfigError, Problem, SecretError
from daemon.config.secret import Secret

__all__ = [
    "BooksConfig",
    "Config",
    "ConfigError",
    "DaemonConfig",
    "ExchangeConfig",
    "Listen",
    "NotifierConfig",
    "Problem",
    "Secret",
    "SecretError",
    "load",
    "parse",
    "schema",
]


def load(path: str | os.PathLike[str], *, now_ms: int | None = None) -> Config:
    """Read the main file, its includes and its CSV files, and check them.

    Raises ConfigError with all problems at once. Absent secrets are no problem here: ask
    `Config.missing_secrets`. `now_ms` (default: the machine's clock) only decides of which silences and allows
    it is warned that they are past.
    """
    from daemon.config import loading  # noqa: PLC0415  pydantic is imported when a file is read

    return loading.load(Path(path), now_ms)


def parse(
    sources: tuple[tuple[str, str], ...], base_dir: str | os.PathLike[str], *, now_ms: int | None = None
) -> Config:
    """The same from texts that were accepted before (`Ruleset.sources`: name and text, the main one first).

    `base_dir` is the main file's folder, where relative paths start. Reads no file. Raises ConfigError.
    """
    from daemon.config import loading  # noqa: PLC0415  pydantic is imported when a file is read

    return loading.parse(sources, Path(base_dir), now_ms)


def schema() -> dict[str, Any]:
    """The JSON Schema of the main file, with a description and an example for every key."""
    from daemon.config import schemas  # noqa: PLC0415  pydantic is imported when it is asked for

    return schemas.schema()
