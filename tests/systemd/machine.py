"""A machine to install things on: a real systemd as PID 1 on a throw-away copy of this one, without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PATIENCE_SECONDS = 60.0
PYTHON = "/usr/bin/python3"
"""The system's own: the service cannot see what lies in anybody's home."""

TOOLS = ("systemd-nspawn", "nsenter", "unshare", "systemctl")

# What a developer may run here for real, and what would only cost time.
_REMOVED = (
    "opt/subtally",
    "etc/subtally",
    "var/lib/subtally",
    "usr/local/bin/subtally",
    "etc/sysusers.d/subtally.conf",
)
_MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "man-db.timer", "systemd-networkd-wait-online.service",
    "NetworkManager-wait-online.service", "ifupdown-wait-online.service", "systemd-timesyncd.service",
)  # fmt: skip

_BOOT = """
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK" "$ROOT"
exec systemd-nspawn --quiet --directory="$ROOT" --machine="$NAME" --boot --register=no --keep-unit \
    --link-journal=no --private-network --console=pipe "$@" systemd.unit=basic.target
"""


def why_not() -> str:
    """Why no machine can be booted here; "" where one can."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"not here: {', '.join(missing)} (apt-get install systemd-container)"
    if os.geteuid() != 0:
        return "booting a machine needs root"
    usable = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"
    if not _succeeds(PYTHON, "-c", usable):
        return f"{PYTHON} is no Python 3.11 that makes virtual environments (apt-get install python3-venv)"
    if not _succeeds("unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"):
        return "this machine may not mount, as in an unprivileged container"
    return ""


def _succeeds(*words: str) -> bool:
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something to become true on a machine, which nobody here can be told of."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.1)


class Machine:
    """One booted machine. `run` runs a program on it."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.root = folder / "root"
        self._process = process
        self._leader = 0

    def run(
        self, *words: str, check: bool = True, text: str | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """As root, with a clean environment; standard error is told where it fails."""
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        given = [f"{key}={value}" for key, value in (env or {}).items()]
        inside = [
            "nsenter",
            "--target",
            str(self._leader),
            "--all",
            "--",
            "env",
            "-i",
            path,
            "HOME=/root",
            *given,
        ]
        done = subprocess.run(
            [*inside, *words], input=text, capture_output=True, text=True, check=False, timeout=150
        )
        if check:
            assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def read(self, path: str) -> str:
        return self.run("cat", path).stdout

    def write(self, path: str, text: str, mode: str = "644") -> None:
        self.run("install", "-D", "-m", mode, "/dev/stdin", path, text=text)

    def show(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()

    def journal(self, unit: str) -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", "--unit", unit).stdout

    def wait_until_up(self) -> None:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")

        def up() -> bool:
            assert self._process.poll() is None, f"the machine did not boot:\n{self._console()}"
            found = children.read_text().split()
            if not found or Path(f"/proc/{found[-1]}/comm").read_text().strip() != "systemd":
                return False
            self._leader = int(found[-1])
            state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
            return state in {"running", "degraded"}

        until(up, "boot")

    def power_off(self) -> None:
        if self._leader:
            self.run("systemctl", "--no-block", "poweroff", check=False)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _console(self) -> str:
        return (self.folder / "console").read_text(errors="replace")[-4000:]


@contextmanager
def booted(folder: Path, lower: list[Path], binds: Mapping[Path, str]) -> Iterator[Machine]:
    """A machine on the layers `lower`, the topmost first, that writes to `folder/upper`."""
    for name in ("root", "upper", "work"):
        (folder / name).mkdir(parents=True)
    _prepare(folder / "upper", first=len(lower) == 1)
    variables = {
        "LOWER": ":".join(str(layer) for layer in lower),
        "UPPER": str(folder / "upper"),
        "WORK": str(folder / "work"),
        "ROOT": str(folder / "root"),
        "NAME": f"subtally-{os.getpid()}-{folder.name}",
    }
    shares = [f"--bind-ro={source}:{target}" for source, target in binds.items()]
    with (folder / "console").open("wb") as console:
        # In a mount namespace of its own, so that nothing stays mounted whatever happens.
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-euc", _BOOT, "sh", *shares],
            env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
        )  # fmt: skip
    machine = Machine(folder, process)
    try:
        machine.wait_until_up()
        yield machine
    finally:
        machine.power_off()


def _prepare(upper: Path, *, first: bool) -> None:
    """What is another on this machine than here, written into its topmost layer."""
    if not first:
        return
    units = upper / "etc/systemd/system"
    units.mkdir(parents=True)
    for name in _MASKED:
        (units / name).symlink_to("/dev/null")
    (upper / "etc/machine-id").write_text(f"{os.urandom(16).hex()}\n")
    for name in _REMOVED:
        if os.path.lexists(f"/{name}"):
            _hide(upper / name)


def _hide(path: Path) -> None:
    """As overlayfs marks what is deleted: https://docs.kernel.org/filesystems/overlayfs.html"""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mknod(path, 0o020000, os.makedev(0, 0))
