"""The machines of these tests: one image on which the real script has installed Subtally, and boots of it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.systemd.machine import PYTHON, Machine, booted, until, why_not

ROOT = Path(__file__).parents[2]
OFFLINE = {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
WORLD = "/srv/world"
VENUE_PORT, RECORDER_PORT = 18_001, 18_011

HEAD = f"""
[daemon]
listen = ""
poll_every = "1s"
gather = "1s"
[[exchange]]
name = "binance-main"
kind = "binance"
base_url = "http://127.0.0.1:{VENUE_PORT}"
api_key = {{ credential = "binance-key" }}
api_secret = {{ credential = "binance-secret" }}
[[notifier]]
name = "oncall"
url = {{ credential = "oncall-url" }}
min_severity = "info"
"""
DROP_IN = "[Service]\nRestartSec=500ms\n" + "".join(
    f"LoadCredential={name}:/etc/subtally/credentials/{name}\n"
    for name in ("binance-key", "binance-secret", "oncall-url")
)
DROP_INS = "/etc/systemd/system/subtally.service.d"


def rule(name: str, asset: str = "USDT") -> str:
    """A rule that fires at the first look."""
    return f'[[rule]]\nname = "{name}"\ntype = "high_balance"\nasset = "{asset}"\nabove = 0\nconfirm = 1\n'


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = why_not()
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(400))
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def wheels(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the installation asks the package index for; made once for each set of requirements."""
    lock = ROOT / "requirements.txt"
    version = subprocess.run([PYTHON, "-VV"], capture_output=True, text=True, check=True).stdout
    key = hashlib.sha256(version.encode() + lock.read_bytes()).hexdigest()[:12]
    assert pytestconfig.cache is not None
    kept = pytestconfig.cache.mkdir("systemd-wheels") / key
    if not kept.exists():
        work = tmp_path_factory.mktemp("wheels")
        subprocess.run([PYTHON, "-m", "venv", work / "venv"], check=True)
        pip = [work / "venv/bin/python", "-m", "pip", "--quiet"]
        # Wheels as they are published: one that is built here has another hash.
        subprocess.run(
            [*pip, "download", "--only-binary=:all:", "--require-hashes", "-r", lock, "-d", work / "made"],
            check=True,
        )
        shutil.copytree(work / "made", kept.with_suffix(".new"), dirs_exist_ok=True)
        kept.with_suffix(".new").rename(kept)
    return kept


@dataclass(frozen=True)
class Image:
    """A machine on which Subtally was installed, switched off again; `told` is what the script printed."""

    folder: Path
    upper: Path
    binds: dict[Path, str]
    told: str

    @contextmanager
    def boot(self, name: str) -> Iterator[Machine]:
        """A fresh one each time."""
        with booted(self.folder / name, [self.upper, Path("/")], self.binds) as machine:
            yield machine
        shutil.rmtree(self.folder / name, ignore_errors=True)


@pytest.fixture(scope="session")
def image(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """Installed by the real script, without any network."""
    folder = tmp_path_factory.mktemp("machines")
    # An overlay cannot write to an overlay, which the disk here may be.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    try:
        binds = {ROOT: "/src", wheels: "/wheels"}
        with booted(folder / "first", [Path("/")], binds) as machine:
            done = machine.run("/src/systemd/install", env=OFFLINE)
        yield Image(folder, folder / "first/upper", binds, done.stdout)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class Service:
    """The service on a machine, beside a simulated venue and somebody who is told."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def begin(self) -> None:
        """The world outside: it runs on when the service does not."""
        run = self.machine.run
        run("mkdir", "-p", WORLD)
        simulator = (
            f"exec /opt/subtally/venv/bin/subtally simulator --accounts 3 --port {VENUE_PORT} >{WORLD}/keys"
        )
        run("systemd-run", "--unit=venue", "sh", "-c", simulator)
        recorder = ("/usr/bin/python3", "/src/tests/systemd/recorder.py", WORLD, str(RECORDER_PORT))
        run("systemd-run", "--unit=recorder", *recorder)
        until(lambda: run("cat", f"{WORLD}/keys", check=False).stdout.endswith("\n"), "the simulator")
        given = json.loads(self.machine.read(f"{WORLD}/keys"))["binance"]
        self.secrets = {
            "binance-key": given["api_key"],
            "binance-secret": given["api_secret"],
            "oncall-url": f"json://127.0.0.1:{RECORDER_PORT}/?+X-Token=secret-of-the-url",
        }
        for name, value in self.secrets.items():
            self.machine.write(f"/etc/subtally/credentials/{name}", value, "600")

    def start_anew(self) -> None:
        """Without any past."""
        run = self.machine.run
        run("systemctl", "stop", "subtally")
        run("sh", "-c", f"rm -rf /var/lib/subtally/* {WORLD}/told {WORLD}/hang {DROP_INS}/*")
        self.write_rules(rule("first"))
        self.machine.write(f"{DROP_INS}/credentials.conf", DROP_IN)
        run("journalctl", "--rotate")
        run("journalctl", "--vacuum-time=1s")
        run("systemctl", "daemon-reload")
        run("systemctl", "reset-failed", "subtally", check=False)
        run("systemctl", "start", "subtally")

    def write_rules(self, text: str) -> None:
        # In place, as an editor may: owner and mode stay.
        self.machine.run("sh", "-c", "cat >/etc/subtally/rules.toml", text=HEAD + text)

    @property
    def pid(self) -> str:
        return self.machine.show("subtally", "MainPID")

    @property
    def status(self) -> str:
        return self.machine.show("subtally", "StatusText")

    @property
    def restarts(self) -> int:
        return int(self.machine.show("subtally", "NRestarts"))

    @property
    def active(self) -> bool:
        return self.machine.show("subtally", "ActiveState") == "active"

    def told(self, *words: str) -> list[dict[str, str]]:
        """The messages that hold all these words."""
        lines = self.machine.run("cat", f"{WORLD}/told", check=False).stdout.splitlines()
        found = [json.loads(line) for line in lines]
        return [one for one in found if all(word in one["title"] + one["message"] for word in words)]

    def settled(self) -> bool:
        """Whether everything that was to be told is on record as delivered."""
        return ", outbox 0" in self.status and bool(self.told())


@pytest.fixture(scope="session")
def shared(image: Image) -> Iterator[Service]:
    with image.boot("shared") as machine:
        service = Service(machine)
        service.begin()
        yield service


@pytest.fixture
def service(shared: Service) -> Service:
    """It runs, and nothing was ever told but what it tells now."""
    shared.start_anew()
    return shared
