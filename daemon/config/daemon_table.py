"""`[daemon]` into settings for the engine and for the shell."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from daemon.config.addresses import is_loopback, listen_of
from daemon.config.config import DaemonConfig
from daemon.config.models import Daemon, Templates
from daemon.config.report import Scope
from daemon.config.secret import Secret
from daemon.config.tables import SecretReference
from daemon.config.wording import either, shown
from rules.ruleset import Settings


def state_path(state: str, folder: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Under $STATE_DIRECTORY when systemd sets it (the first, where it names several), else beside it."""
    given = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given or folder) / state


def secret_of(reference: SecretReference, scope: Scope, key: str, folder: Path) -> Secret:
    """A reference of the file with the place where it stands."""
    title = f"{scope.title}: {key}"
    return Secret(reference.kind, reference.name, title, (*scope.path, key), folder)


def settings_of(daemon: Daemon, scope: Scope, notifiers: Collection[str]) -> Settings:
    """What the engine and the messages need."""
    repeat_max = daemon.repeat_max
    if daemon.repeat_every > repeat_max:
        if "repeat_max" in daemon.model_fields_set:
            scope.problem(
                ("repeat_every",), "is longer than repeat_max", "reminders double from one to the other"
            )
        repeat_max = daemon.repeat_every
    templates = _templates_of(daemon, scope)
    return Settings(
        notify=notified(daemon.notify, scope, notifiers),
        poll_every_ms=daemon.poll_every,
        stale_after_ms=daemon.stale_after,
        repeat_every_ms=daemon.repeat_every,
        repeat_max_ms=repeat_max,
        gather_ms=daemon.gather,
        give_up_after_ms=daemon.give_up_after,
        retention_ms=daemon.retention,
        timezone=daemon.timezone,
        public_url=daemon.public_url,
        title_template=templates.title,
        body_template=templates.body,
    )


def _templates_of(daemon: Daemon, scope: Scope) -> Templates:
    """A broken one is a warning: the alert is told in the built-in words, and no threshold waits for its repair."""
    for key, text in (("title", daemon.templates.title), ("body", daemon.templates.body)):
        if not text:
            continue
        from notifiers.custom import check_template  # noqa: PLC0415  few files have templates

        fault = check_template(text)
        if fault is not None:
            scope.warning(("templates", key), str(fault), "until it is mended the built-in words are used")
    return daemon.templates


def daemon_of(daemon: Daemon, scope: Scope, folder: Path) -> DaemonConfig:
    """What the shell needs."""
    listen = listen_of(daemon.listen)
    if listen is not None and not is_loopback(listen.host) and daemon.api_token is None:
        hint = 'as in api_token = { credential = "api-token" }, or listen on 127.0.0.1'
        if "api_token" not in scope.broken:
            scope.problem(("listen",), "beyond loopback api_token is required", hint)
    return DaemonConfig(
        state=state_path(daemon.state, folder),
        listen=listen,
        hosts=tuple(daemon.hosts),
        public_url=daemon.public_url,
        api_token=_optional(daemon.api_token, scope, "api_token", folder),
        heartbeat_url=_optional(daemon.heartbeat_url, scope, "heartbeat_url", folder),
        export_balances=daemon.export_balances,
    )


def notified(
    names: list[str] | None, scope: Scope, notifiers: Collection[str], key: str = "notify"
) -> tuple[str, ...] | None:
    """The notifiers that a key names; None where it is left out."""
    for index, name in enumerate(names or ()):
        if name not in notifiers:
            hint = either(name, notifiers) if notifiers else "there is no [[notifier]]"
            scope.problem((key, index), f"there is no notifier {shown(name)}", hint)
    return None if names is None else tuple(dict.fromkeys(names))


def _optional(reference: SecretReference | None, scope: Scope, key: str, folder: Path) -> Secret | None:
    return None if reference is None else secret_of(reference, scope, key, folder)
