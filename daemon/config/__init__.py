"""The file: TOML into core values, with every error at its place.

Nothing heavy is imported before a file is read, so that whoever only names a type does not pay for pydantic.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from daemon.config.config import Config, DaemonConfig, ExchangeConfig, Listen, NotifierConfig
from daemon.config.errors import ConfigError, Problem, SecretError
from daemon.config.secret import Secret

__all__ = [
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


def load(path: str | os.PathLike[str]) -> Config:
    """Read the main file, its includes and its CSV files, and check them.

    Raises ConfigError with all problems at once. Absent secrets are no problem here: ask
    `Config.missing_secrets`.
    """
    from daemon.config import loading  # noqa: PLC0415  pydantic is imported when a file is read

    return loading.load(Path(path))


def parse(sources: tuple[tuple[str, str], ...], base_dir: str | os.PathLike[str]) -> Config:
    """The same from texts that were accepted before (`Ruleset.sources`: name and text, the main one first).

    `base_dir` is the main file's folder, where relative paths start. Reads no file. Raises ConfigError.
    """
    from daemon.config import loading  # noqa: PLC0415  pydantic is imported when a file is read

    return loading.parse(sources, Path(base_dir))


def schema() -> dict[str, Any]:
    """The JSON Schema of the main file, with a description and an example for every key."""
    from daemon.config import schemas  # noqa: PLC0415  pydantic is imported when it is asked for

    return schemas.schema()
