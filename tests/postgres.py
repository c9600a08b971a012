"""A PostgreSQL of our own: a cluster in a folder, reached through a socket there, stopped by its process id."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PATIENCE_SECONDS = 60
PASSWORD = "not a secret: reader's"
USERS = ("postgres", "nobody")


@dataclass(frozen=True)
class Postgres:
    """A running server. Its only user is `reader`, who needs the password."""

    folder: Path
    binaries: Path

    def psql(self, sql: str) -> str:
        command = [self.binaries / "psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "-c", sql]
        environment = {**self.environment, "PGPASSWORD": PASSWORD}
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS
        ).stdout

    @property
    def environment(self) -> dict[str, str]:
        return {"PGHOST": str(self.folder), "PGUSER": "reader", "PGDATABASE": "postgres"}


def binaries() -> Path | None:
    """Where Debian puts the server, the newest first, or what the path has."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


@contextlib.contextmanager
def a_postgres() -> Iterator[Postgres]:
    """Start one. It refuses to run as root, so it runs as somebody else there."""
    where = binaries()
    if where is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is missing: .ci/run installs it")
        pytest.skip("PostgreSQL is not installed")
    user = _user()
    # Not under pytest's own folder, which others may not enter; a socket's path must be short, too.
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        folder = Path(name)
        password = folder / "password"
        password.write_text(PASSWORD)
        as_user: dict[str, object] = {}
        if user is not None:
            for path in (folder, password):
                os.chown(path, user.pw_uid, user.pw_gid)
            as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        _make(where, folder, as_user)
        with (folder / "server.log").open("wb") as log:
            server = subprocess.Popen(
                [where / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses="],
                cwd=folder,
                stdout=log,
                stderr=log,
                **as_user,  # type: ignore[call-overload]
            )
            try:
                made = Postgres(folder, where)
                _until_ready(made, server)
                yield made
            finally:
                server.send_signal(signal.SIGINT)
                server.wait(PATIENCE_SECONDS)


def _make(where: Path, folder: Path, as_user: dict[str, object]) -> None:
    subprocess.run(
        [
            where / "initdb",
            *("--pgdata", folder / "data"),
            *("--username", "reader"),
            *("--auth", "scram-sha-256"),
            *("--pwfile", folder / "password"),
            *("--encoding", "UTF8"),
            *("--locale", "C"),
            "--no-sync",
        ],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        **as_user,  # type: ignore[call-overload]
    )


def _user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError("no user to run PostgreSQL as")


def _until_ready(made: Postgres, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while subprocess.run(
        [made.binaries / "pg_isready", "--quiet"], env=made.environment, timeout=PATIENCE_SECONDS, check=False
    ).returncode:
        assert server.poll() is None, (made.folder / "server.log").read_text()
        assert time.monotonic() < deadline, (made.folder / "server.log").read_text()
