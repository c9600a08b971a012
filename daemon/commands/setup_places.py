"""Where a set-up goes: into a folder of the user's, or to the service, whose secrets are systemd's credentials."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from daemon.commands.output import note
from daemon.commands.state_file import SYSTEMD_FOLDER
from daemon.errors import CannotRun

UNIT: Final = Path("/etc/systemd/system/subtally.service")
USER: Final = "subtally"
PATIENCE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Planned:
    """A file that is to be: either all of them come to be, or none."""

    path: Path
    content: bytes = field(repr=False)
    mode: int = 0o600
    group: int = -1


class Place(Protocol):
    """Where the rules file and its secrets go."""

    rules_file: Path

    def reference(self, name: str) -> str:
        """The TOML value by which the rules file finds the secret of this name."""

    def plan(self, text: str, secrets: Mapping[str, str]) -> list[Planned]:
        """The files to write, the rules file last."""

    def finish(self) -> list[str]:
        """Make what was written known, and tell the commands that come next."""

    def as_daemon(self) -> AbstractContextManager[object]:
        """With the rights of the daemon: what is made beside the state belongs to it."""


class FolderPlace:
    """A rules file where the user wants it, and beside it the folder `secrets`: for this user alone."""

    def __init__(self, rules_file: Path) -> None:
        self.rules_file = rules_file
        self._secrets = rules_file.absolute().parent / "secrets"

    def reference(self, name: str) -> str:
        return f'{{ file = "secrets/{name}" }}'

    def plan(self, text: str, secrets: Mapping[str, str]) -> list[Planned]:
        files = [Planned(self._secrets / name, value.encode()) for name, value in secrets.items()]
        return [*files, Planned(self.rules_file.absolute(), text.encode())]

    def finish(self) -> list[str]:
        return [f"subtally --config {self.rules_file} run"]

    def as_daemon(self) -> AbstractContextManager[object]:
        return nullcontext()


class ServicePlace:
    """The service as systemd/install made it. `encrypted` turns out when the first secret is."""

    def __init__(self, rules_file: Path) -> None:
        self.rules_file = rules_file
        self._user = pwd.getpwnam(USER)
        self._credentials = rules_file.parent / "credentials"
        # The state that is asked for spent budgets and bans is the service's (law 11).
        os.environ.setdefault("STATE_DIRECTORY", str(SYSTEMD_FOLDER))

    def reference(self, name: str) -> str:
        return f'{{ credential = "{name}" }}'

    def plan(self, text: str, secrets: Mapping[str, str]) -> list[Planned]:
        encrypted = _encrypted(secrets)
        files, lines = [], []
        for name, value in secrets.items():
            sealed = None if encrypted is None else encrypted[name]
            path = self._credentials / (name if sealed is None else f"{name}.cred")
            setting = "LoadCredential" if sealed is None else "LoadCredentialEncrypted"
            files.append(Planned(path, value.encode() if sealed is None else sealed))
            lines.append(f"{setting}={name}:{path}")
        told = (
            "# Written by `subtally setup`. Secrets are read at start: after a change, restart.\n[Service]\n"
        )
        drop_in = Planned(
            UNIT.with_name(f"{UNIT.name}.d") / "setup.conf", (told + "\n".join(lines) + "\n").encode(), 0o644
        )
        rules = Planned(self.rules_file, text.encode(), 0o640, self._user.pw_gid)
        return [*files, drop_in, rules]

    def finish(self) -> list[str]:
        reloaded = _systemctl("daemon-reload")
        start = "restart" if _systemctl("is-active", "--quiet", UNIT.name) else "enable --now"
        if not reloaded:
            return ["sudo systemctl daemon-reload", f"sudo systemctl {start} subtally"]
        return [f"sudo systemctl {start} subtally", "systemctl status subtally"]

    @contextmanager
    def as_daemon(self) -> Iterator[None]:
        group = os.getegid()
        os.setegid(self._user.pw_gid)
        os.seteuid(self._user.pw_uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(group)


def service_here() -> bool:
    """Whether whoever asks may set the service of this machine up."""
    with suppress(KeyError):
        return os.geteuid() == 0 and UNIT.exists() and bool(pwd.getpwnam(USER))
    return False


def write_all(planned: Sequence[Planned]) -> None:
    """Write all files, each complete before any takes its name. Raises OSError: then nothing has changed.

    Folders that are missing are made for their owner alone. A signal waits until the names are changed.
    """
    staged: list[tuple[Path, Path]] = []
    try:
        for one in planned:
            _make_folder(one.path.parent)
            staged.append((_staged(one), one.path))
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        try:
            for temporary, path in staged:
                temporary.replace(path)
            for folder in {path.parent for _, path in staged}:
                _sync_folder(folder)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    finally:
        for temporary, _ in staged:
            temporary.unlink(missing_ok=True)


def _staged(one: Planned) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{one.path.name}.", dir=one.path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if one.group >= 0:
                os.fchown(file.fileno(), -1, one.group)
            os.fchmod(file.fileno(), one.mode)
            file.write(one.content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        # systemd reads its own folders as anybody; ours are the owner's.
        folder.mkdir(mode=0o755 if folder.name.endswith(".service.d") else 0o700)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _systemctl(*words: str) -> bool:
    """Whether it succeeded."""
    done = subprocess.run(["systemctl", *words], check=False, timeout=PATIENCE_SECONDS)  # noqa: S603, S607  our own words, root's PATH
    return done.returncode == 0


def _encrypted(secrets: Mapping[str, str]) -> dict[str, bytes] | None:
    """Each secret sealed with the key of this machine or its TPM; None where systemd cannot. No plain text on disk."""
    program = shutil.which("systemd-creds")
    if program is None:
        note("There is no systemd-creds here: the credentials are plain files that root alone can read.")
        return None
    sealed = {}
    for name, value in secrets.items():
        try:
            done = subprocess.run(  # noqa: S603  our own words
                [program, "encrypt", f"--name={name}", "-", "-"],
                input=value.encode(),
                capture_output=True,
                check=False,
                timeout=PATIENCE_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise CannotRun(f"systemd-creds did not answer within {PATIENCE_SECONDS} s") from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            note(f"systemd-creds cannot encrypt here ({said[-1] if said else 'it does not say why'}):")
            note("the credentials are plain files that root alone can read.")
            return None
        sealed[name] = done.stdout
    return sealed
