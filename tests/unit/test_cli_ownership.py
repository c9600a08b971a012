"""No command runs where another distribution owns one of our package names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.commands.ownership import foreign_owners
from tests.unit.test_cli_support import subtally


def install(folder: Path, distribution: str, record: str | None, top_level: str | None = None) -> None:
    metadata = folder / distribution
    metadata.mkdir()
    if record is not None:
        (metadata / "RECORD").write_text(record)
    if top_level is not None:
        (metadata / "top_level.txt").write_text(top_level)


@pytest.mark.parametrize(
    "command", [["schema"], ["status"], ["check", "rules.toml"], ["run"], ["run", "--help"]]
)
def test_every_command_refuses_beside_a_foreign_owner(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "python_daemon-3.1.2.dist-info", "daemon/__init__.py,sha256=x,1\ndaemon/pidfile.py,,\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    result = subtally(*command)
    assert result.exit_code == 3
    assert result.stdout == ""
    assert "python_daemon 3.1.2" in result.stderr
    assert '"daemon"' in result.stderr
    assert "virtual environment of its own" in result.stderr


@pytest.mark.parametrize(
    "distribution, record, top_level, owned",
    [
        ("rules-3.5.dist-info", "../../bin/x,,\nrules/apps.py,,\n", None, ["rules"]),
        ("state-1.dist-info", "state.py,,\n", None, ["state"]),
        ("both-1.dist-info", "notifiers/a.py,,\nstate/b.py,,\n", None, ["notifiers", "state"]),
        ("old-1.egg-info", None, "daemon\nother\n", ["daemon"]),
        ("listless-1.dist-info", None, "rules\n", ["rules"]),
        ("subtally-0.1.0.dist-info", "daemon/cli.py,,\nrules/judge.py,,\n", None, []),
        ("near-1.dist-info", "rules_engine/a.py,,\nmy/rules/b.py,,\ndaemonize.py,,\n", "statement\n", []),
        ("bare-1.dist-info", None, None, []),
    ],
)
def test_a_distribution_owns_what_it_records(
    distribution: str, record: str | None, top_level: str | None, owned: list[str], tmp_path: Path
) -> None:
    install(tmp_path, distribution, record, top_level)
    assert [package for _, package, _ in foreign_owners([str(tmp_path), "/nonexistent"])] == owned


def test_a_package_that_is_not_beside_its_siblings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "__init__.py").touch()
    before = os.environ.get("PYTHONPATH")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(tmp_path), before]))}
    script = "import sys\nfrom daemon.cli import main\nsys.argv = ['subtally', 'schema']\nmain()"
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 3
    assert f'"rules" is found in {tmp_path}' in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_look_reads_one_file_of_each_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        install(tmp_path, f"package{number}-1.0.dist-info", f"package/module_{number}.py,sha256=abc,1234\n")
    (tmp_path / "package.py").touch()
    opened, really = [], os.open

    def counted(path: str, flags: int) -> int:
        opened.append(path)
        return really(path, flags)

    monkeypatch.setattr(os, "open", counted)
    assert list(foreign_owners([str(tmp_path)])) == []
    assert len(opened) == len(set(opened)) == 60
