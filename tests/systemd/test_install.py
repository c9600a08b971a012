"""systemd/install and systemd/uninstall, run for real."""

from __future__ import annotations

from tests.systemd.conftest import OFFLINE, Image, Service, rule
from tests.systemd.machine import Machine, until


def modes(machine: Machine, *paths: str) -> dict[str, str]:
    told = machine.run("stat", "--format=%n %U:%G %a", *paths).stdout.splitlines()
    return dict(line.split(" ", 1) for line in told)


def test_it_makes_everything_with_the_right_modes_and_prints_the_next_three_commands(image: Image) -> None:
    commands = [line.strip() for line in image.told.splitlines() if line.startswith("  ")]
    assert [line.split()[0] for line in commands] == ["sudo", "sudoedit", "sudo"]
    with image.boot("modes") as machine:
        paths = {
            "/opt/subtally/venv/bin/subtally": "root:root 755",
            "/etc/subtally": "root:subtally 750",
            "/etc/subtally/rules.d": "root:subtally 750",
            "/etc/subtally/credentials": "root:root 700",
            "/etc/subtally/rules.toml": "root:subtally 640",
            "/var/lib/subtally": "subtally:subtally 700",
            "/etc/systemd/system/subtally.service": "root:root 644",
            "/etc/systemd/system/subtally-failed@.service": "root:root 644",
        }
        assert modes(machine, *paths) == paths
        user = machine.run("getent", "passwd", "subtally").stdout
        assert user.strip().endswith(":/usr/sbin/nologin")
        packages = "/opt/subtally/venv/lib/python3*/site-packages"
        assert machine.run("sh", "-c", f"ls {packages}/daemon/__pycache__/app.*.pyc").stdout
        assert machine.run("find", "/opt/subtally", "-perm", "/022", "-not", "-type", "l").stdout == ""
        # The example is valid; what it lacks are the credentials.
        assert "warning" in machine.run("subtally", "check").stderr


def test_again_it_upgrades_with_a_backup_and_keeps_the_configuration(image: Image) -> None:
    with image.boot("upgrade") as machine:
        service = Service(machine)
        service.begin()
        service.start_anew()
        until(service.settled, "the first look")
        pid, told = service.pid, service.told()
        before = machine.run("readlink", "-f", "/opt/subtally/venv").stdout.strip()
        rules = machine.read("/etc/subtally/rules.toml")
        done = machine.run("/src/systemd/install", env=OFFLINE)
        assert "the state is backed up: /var/lib/subtally/subtally.db.backup-" in done.stdout
        assert "Configuration and drop-ins are as they were" in done.stdout
        assert machine.read("/etc/subtally/rules.toml") == rules
        after = machine.run("readlink", "-f", "/opt/subtally/venv").stdout.strip()
        assert after != before
        machine.run("test", "-x", f"{before}/bin/subtally")  # the way back
        assert service.pid != pid
        assert f"{after}/bin/" in machine.run("cat", f"/proc/{service.pid}/cmdline").stdout
        until(lambda: "1/1 exchanges fresh, 3 alerts firing" in service.status, "the watch goes on")
        assert service.told() == told


def test_an_upgrade_that_fails_changes_nothing(image: Image) -> None:
    with image.boot("failed") as machine:
        before = machine.run("readlink", "-f", "/opt/subtally/venv").stdout
        done = machine.run("/src/systemd/install", env=OFFLINE | {"PIP_FIND_LINKS": "/nowhere"}, check=False)
        assert done.returncode != 0
        assert "what there was stays in force" in done.stderr
        assert machine.run("readlink", "-f", "/opt/subtally/venv").stdout == before
        assert len(machine.run("sh", "-c", "ls -d /opt/subtally/venv-*").stdout.splitlines()) == 1
        machine.run("subtally", "--version")


def test_a_package_with_another_hash_is_refused(image: Image) -> None:
    with image.boot("tampered") as machine:
        before = machine.run("readlink", "-f", "/opt/subtally/venv").stdout
        machine.run("mkdir", "/srv/src")
        machine.run(
            "sh",
            "-c",
            "cd /src && cp -r daemon notifiers rules state systemd *.md *.toml *.txt *.json /srv/src",
        )
        # All hashes of one package, as if another file were offered under its name.
        machine.run("sed", "-i", "/^click==/,/via/s/sha256:..../sha256:0000/", "/srv/src/requirements.txt")
        done = machine.run("/srv/src/systemd/install", env=OFFLINE, check=False)
        assert done.returncode != 0
        assert "DO NOT MATCH THE HASHES" in done.stderr
        assert "what there was stays in force" in done.stderr
        assert machine.run("readlink", "-f", "/opt/subtally/venv").stdout == before


def test_uninstall_keeps_state_and_configuration_unless_it_is_told(image: Image) -> None:
    with image.boot("uninstall") as machine:
        service = Service(machine)
        service.begin()
        service.start_anew()
        service.write_rules(rule("mine"))
        machine.run("/src/systemd/uninstall")
        assert machine.show("subtally", "LoadState") == "not-found"
        machine.run("test", "!", "-e", "/opt/subtally")
        assert "mine" in machine.read("/etc/subtally/rules.toml")
        machine.run("test", "-s", "/var/lib/subtally/subtally.db")
        machine.run("/src/systemd/uninstall", "--purge")
        left = machine.run("find", "/etc", "/opt", "/var/lib", "/usr/local", "-name", "*subtally*").stdout
        assert left == ""
        assert machine.run("getent", "passwd", "subtally", check=False).stdout == ""
