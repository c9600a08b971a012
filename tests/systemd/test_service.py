"""The service as systemd runs it, on a machine of its own."""

from __future__ import annotations

import re
import time

from tests.systemd.conftest import DROP_INS, RECORDER_PORT, VENUE_PORT, Service, rule
from tests.systemd.machine import until

FRESH = re.compile(r"1/1 exchanges fresh, \d+ alerts? firing, oldest reading (under 1s|\d+s) ago, outbox 0")


def test_it_is_ready_and_its_status_line_tells_how_the_watch_is(service: Service) -> None:
    assert service.machine.show("subtally", "Type") == "notify"
    assert service.active
    until(lambda: FRESH.fullmatch(service.status), f"a fresh status line: {service.status}")
    until(lambda: "3 alerts firing" in service.status, "the alerts in it")


def test_a_reload_takes_up_a_good_file(service: Service) -> None:
    until(lambda: service.told("first"), "the first look")
    pid = service.pid
    service.write_rules(rule("first") + rule("second"))
    service.machine.run("systemctl", "reload", "subtally")
    until(lambda: service.told("second"), "the new rule")
    assert (service.pid, service.restarts) == (pid, 0)


def test_law_10_a_bad_file_changes_nothing_at_a_reload_and_at_a_restart(service: Service) -> None:
    until(service.settled, "the first look")
    pid = service.pid
    service.write_rules(rule("first").replace("above", "abvoe"))
    service.machine.run("systemctl", "reload", "subtally", check=False)
    until(lambda: service.told("/etc/subtally/rules.toml:", "abvoe"), "place and reason")
    until(lambda: "the rules file is refused" in service.status, "the status line")
    assert (service.pid, service.active) == (pid, True)
    service.machine.run("systemctl", "restart", "subtally")
    until(lambda: "1/1 exchanges fresh" in service.status, "the watch, on the last accepted rules")
    service.write_rules(rule("first"))
    service.machine.run("systemctl", "reload", "subtally")
    until(lambda: service.status and "refused" not in service.status, "the good file")


def test_the_watchdog_ends_a_hung_loop_and_lets_one_that_gets_on_live(service: Service) -> None:
    service.machine.write(f"{DROP_INS}/watchdog.conf", "[Service]\nWatchdogSec=3s\nRestartSec=100ms\n")
    service.machine.run("systemctl", "daemon-reload")
    service.machine.run("systemctl", "restart", "subtally")
    pid = service.pid
    time.sleep(7)  # more than two watchdogs: nothing tells that nothing happens
    assert (service.pid, service.restarts) == (pid, 0)
    service.machine.run("kill", "-STOP", pid)
    until(lambda: service.restarts == 1 and service.active, "a restart")
    assert service.pid != pid
    journal = service.machine.run("journalctl", "--no-pager", "-u", "subtally").stdout
    assert "Watchdog timeout" in journal
    assert "Fatal Python error: Aborted" in journal, "where it hung"


def test_law_7_a_kill_and_a_restart_tell_nothing_twice(service: Service) -> None:
    until(service.settled, "the first look")
    before = service.told()
    service.machine.run("kill", "-KILL", service.pid)
    until(lambda: service.restarts == 1 and service.active, "a restart")
    until(lambda: "1/1 exchanges fresh, 3 alerts firing" in service.status, "the watch goes on")
    service.write_rules(rule("first") + rule("second"))
    service.machine.run("systemctl", "reload", "subtally")
    until(lambda: service.told("second"), "what is new")
    assert [one for one in service.told() if one not in before] == service.told("second")
    assert service.told("first")[: len(before)] == before


def test_it_stops_within_20_s_though_a_message_hangs(service: Service) -> None:
    until(service.settled, "the first look")
    service.machine.run("touch", "/srv/world/hang")
    service.write_rules(rule("first") + rule("second"))
    service.machine.run("systemctl", "reload", "subtally")
    until(lambda: ", outbox 0" not in service.status, "a message under way")
    began = time.monotonic()
    service.machine.run("systemctl", "stop", "subtally")
    assert time.monotonic() - began < 20
    assert service.machine.show("subtally", "Result") == "success"
    assert "daemon.stopped" in service.machine.journal("subtally")
    service.machine.run("rm", "/srv/world/hang")
    service.machine.run("systemctl", "start", "subtally")
    until(lambda: service.told("second"), "the message that hung")


def test_law_12_another_user_reads_neither_credentials_nor_rules_nor_state(service: Service) -> None:
    kept = (
        "/run/credentials/subtally.service/binance-secret",
        "/etc/subtally/credentials/binance-secret",
        "/etc/subtally/rules.toml",
        "/var/lib/subtally/subtally.db",
        f"/proc/{service.pid}/environ",
        f"/proc/{service.pid}/maps",
    )
    run = service.machine.run
    run("grep", "-c", "", *kept)  # they are there
    refused = [run("runuser", "-u", "nobody", "--", "cat", path, check=False) for path in kept]
    assert [one.stdout for one in refused] == [""] * len(kept)
    assert ["Permission denied" in one.stderr for one in refused] == [True] * len(kept)


def test_law_12_no_secret_is_in_the_journal_the_arguments_or_the_unit(service: Service) -> None:
    until(service.settled, "the first look")
    run = service.machine.run
    shown = run("systemctl", "show", "subtally").stdout + service.machine.journal("subtally")
    shown += run("ps", "-ww", "-eo", "args").stdout
    shown += run("sh", "-c", "strings -a /var/lib/subtally/* || cat -v /var/lib/subtally/*").stdout
    assert [name for name, value in service.secrets.items() if value in shown] == []
    assert "secret-of-the-url" not in shown


def test_the_state_and_everything_beside_it_is_the_daemons_alone(service: Service) -> None:
    until(service.settled, "the first look")
    service.machine.run("subtally", "backup")
    listed = service.machine.run("find", "/var/lib/subtally", "-printf", "%u %m %y %f\n").stdout.splitlines()
    assert {tuple(line.split()[:3]) for line in listed} == {
        ("subtally", "700", "d"),
        ("subtally", "600", "f"),
    }
    assert sum("backup-" in line for line in listed) == 1


def test_the_command_works_for_root_as_the_daemons_user(service: Service) -> None:
    until(service.settled, "the first look")
    assert "binance-main" in service.machine.run("subtally", "status").stdout
    service.machine.run("subtally", "check")


def test_a_command_that_needs_the_secrets_gets_those_of_the_service(service: Service) -> None:
    done = service.machine.run("subtally", "check", "--online")
    assert "binance-main: the key only reads, is bound to an address" in done.stdout
    service.machine.run("subtally", "notify-test", "oncall")
    until(lambda: service.told("test"), "the test message")
    service.machine.write("/etc/subtally/credentials/binance-secret", "another", "600")
    try:
        refused = service.machine.run("subtally", "check", "--online", check=False)
    finally:
        secret = service.secrets["binance-secret"]
        service.machine.write("/etc/subtally/credentials/binance-secret", secret, "600")
    assert refused.returncode == 1
    assert 'exchange "binance-main"' in refused.stderr


def test_its_death_is_told_through_apprise(service: Service) -> None:
    service.machine.write("/etc/subtally/credentials/failed-url", f"json://127.0.0.1:{RECORDER_PORT}/", "600")
    dying = "[Unit]\nStartLimitBurst=2\n[Service]\nRestartSec=100ms\nExecStart=\nExecStart=/bin/false\n"
    service.machine.write(f"{DROP_INS}/dying.conf", dying)
    service.machine.run("systemctl", "daemon-reload")
    service.machine.run("systemctl", "restart", "subtally", check=False)
    until(lambda: service.told("Subtally is down", "subtally.service"), "that it is down")
    (told,) = service.told("Subtally is down")
    assert told["type"] == "failure"
    assert "journalctl -u subtally.service" in told["message"]


def test_setup_gives_the_service_sealed_secrets_and_the_rules_that_it_starts_on(service: Service) -> None:
    run = service.machine.run
    run("systemctl", "stop", "subtally")
    run(
        "sh",
        "-c",
        f"rm -rf {DROP_INS} /var/lib/subtally/* /etc/subtally/credentials/*; systemctl daemon-reload",
    )
    secrets = service.secrets
    answers = [
        "yes", "binance", "", f"http://127.0.0.1:{VENUE_PORT}", secrets["binance-key"], secrets["binance-secret"],
        "*", "USDT", "1000000000", "", secrets["oncall-url"],
    ]  # fmt: skip
    try:
        done = run("subtally", "setup", text="".join(f"{one}\n" for one in answers))
        assert "the key only reads, is bound to an address" in done.stderr
        assert "enable --now subtally" in done.stderr
        modes = run("stat", "--format=%n %U:%G %a", *done.stdout.split()).stdout.splitlines()
        found = dict(line.split(" ", 1) for line in modes)
        assert found["/etc/subtally/rules.toml"] == "root:subtally 640"
        kept = {name: mode for name, mode in found.items() if "/credentials/" in name}
        assert set(kept.values()) == {"root:root 600"}
        assert len(kept) == 3
        on_disk = run(
            "sh", "-c", f"cat /etc/subtally/rules.toml* /etc/subtally/credentials/* {DROP_INS}/*"
        ).stdout
        sealed = "LoadCredentialEncrypted=" in on_disk
        assert sealed == (run("which", "systemd-creds", check=False).returncode == 0)
        assert [name for name, value in secrets.items() if value in on_disk] == [] or not sealed
        owners = run("find", "/var/lib/subtally", "-not", "-user", "subtally").stdout
        assert owners == "", "the service could not write what root left here"
        service.machine.write(f"{DROP_INS}/port.conf", "[Service]\nRestartSec=500ms\n")
        run("systemctl", "daemon-reload")
        run("systemctl", "start", "subtally")
        until(lambda: service.told("USDT floor"), "the first rule")
        assert "binance-main: the key only reads" in run("subtally", "check", "--online").stdout
    finally:
        run("systemctl", "stop", "subtally")
        run("sh", "-c", "rm -rf /etc/subtally/credentials/* /etc/subtally/rules.toml.before-*")
        for name, value in secrets.items():
            service.machine.write(f"/etc/subtally/credentials/{name}", value, "600")


def test_an_edit_is_taken_up_without_being_asked_to(service: Service) -> None:
    until(service.settled, "the first look")
    pid = service.pid
    service.write_rules(rule("first") + rule("second"))
    until(lambda: "1 rule added" in service.status, "what changed, in the status line")
    until(lambda: service.told("second"), "the new rule")
    assert (service.pid, service.restarts) == (pid, 0)
    assert 'rule "second" added' in service.machine.run("subtally", "history").stdout
