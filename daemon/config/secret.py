"""A secret as the file names it: a reference to an environment variable, a file or a systemd credential."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from daemon.config.errors import KeyPath, SecretError
from daemon.config.wording import shown

SECRET_BYTES_MAX = 64 * 1024
PATH_CHARACTERS_MAX = 1024

SecretKind = Literal["env", "file", "credential"]

_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]{0,254}")


def check_reference(kind: SecretKind, name: str) -> str:
    """Why this cannot name a secret, or "". The name is not repeated: it may be the secret itself."""
    match kind:
        case "env":
            return (
                "" if _ENVIRONMENT_NAME.fullmatch(name) else "this is not the name of an environment variable"
            )
        case "credential":
            return "" if _CREDENTIAL_NAME.fullmatch(name) else "this is not the name of a systemd credential"
        case "file":
            fits = name == name.strip() and name.isprintable() and 0 < len(name) <= PATH_CHARACTERS_MAX
            return "" if fits else "this is not the path of a file"


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is, never what it is, so that it may be printed.

    `key` is where the file asks for it, as in `exchange "binance-main": api_key`; `path` is the same for
    machines. `folder` is where relative files start.
    """

    kind: SecretKind
    name: str
    key: str
    path: KeyPath
    folder: Path

    @property
    def reference(self) -> str:
        """As the file writes it; a name that looks like a key itself, put in the wrong place, is masked."""
        return f"{{ {self.kind} = {shown(self.name)} }}"

    def resolve(self) -> str:
        """Read the secret, less one newline at its end.

        Raises SecretError where there is none, or an empty one.
        """
        raw = self._from_environment() if self.kind == "env" else self._from_file(self._file())
        value = re.sub(r"\r?\n\Z", "", raw)
        if not value.strip():
            raise self._error("is empty")
        return value

    def _from_environment(self) -> str:
        value = os.environ.get(self.name)
        if value is None:
            raise self._error("this environment variable is not set")
        return value

    def _file(self) -> Path:
        if self.kind == "file":
            return self.folder / self.name
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise self._error(
                "there is no $CREDENTIALS_DIRECTORY: systemd sets it for a unit with LoadCredential="
            )
        return Path(folder) / self.name

    def _from_file(self, path: Path) -> str:
        try:
            if not path.is_file():
                raise self._error("there is no such file" if not path.exists() else "is not a regular file")
            with path.open("rb") as file:
                raw = file.read(SECRET_BYTES_MAX + 1)
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else None
            raise self._error(f"cannot be read: {said or 'not a usable path'}") from None
        if len(raw) > SECRET_BYTES_MAX:
            raise self._error(f"is longer than {SECRET_BYTES_MAX} bytes")
        try:
            return raw.decode()
        except UnicodeDecodeError:
            # The error would carry the bytes, so it is not chained.
            raise self._error("is not UTF-8 text") from None

    def _error(self, reason: str) -> SecretError:
        return SecretError(self.key, self.reference, reason)
