"""What was answered, and the rules file that it makes: commented, and checked as every other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from daemon.config import Config, ExchangeConfig, Secret, parse

_HEAD = """\
{schema}# Written by `subtally setup`. Every key, with its default and a line on why: rules.example.toml.
# After a change: subtally check {file}. A running daemon takes a good file up by itself; a bad one
# changes nothing and is told.

# More files, with [[rule]], [[allow]] and [[silence]]. No match is no error.
include = ["rules.d/*.toml"]

[daemon]
# Who watches the watcher: a URL that is called while all is well; whoever waits there tells that it stopped.
# heartbeat_url = {{ env = "HEARTBEAT_URL" }}

[[exchange]]
name       = {exchange}
kind       = "{kind}"
{host}api_key    = {api_key}
api_secret = {api_secret}
{passphrase}
[[notifier]]
name         = {notifier}
url          = {url}      # any Apprise URL: one chat each
min_severity = "warning"  # info | warning | critical

# One alert for each sub-account that matches; "*" never means the master account: name it, "master".
[[rule]]
name    = {rule}
type    = "low_balance"
account = {accounts}
asset   = "{asset}"
field   = "free"
below   = {below}  # two thresholds are one alert that is raised: {{ warning = 60_000, critical = 20_000 }}
"""


@dataclass(frozen=True, slots=True)
class Key:
    """How an exchange is reached, secrets included; they are in no repr."""

    kind: str
    host: str  # "" is the usual one of the kind
    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    passphrase: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything that a first rules file needs."""

    exchange: str
    key: Key
    accounts: tuple[str, ...] = ("*",)
    asset: str = "USDT"
    below: str = "0"
    notifier: str = "oncall"
    url: str = field(repr=False, default="")

    def secrets(self) -> dict[str, str]:
        """Name → value of each credential."""
        found = {
            f"{self.exchange}-key": self.key.api_key,
            f"{self.exchange}-secret": self.key.api_secret,
        }
        if self.key.passphrase:
            found[f"{self.exchange}-passphrase"] = self.key.passphrase
        return found | ({f"{self.notifier}-url": self.url} if self.url else {})


@dataclass(frozen=True, slots=True)
class Given(Secret):
    """A secret that was just answered and is written nowhere yet."""

    value: str = field(repr=False, default="")

    def resolve(self) -> str:
        return self.value


def rules_text(answers: Answers, file: Path, reference: Callable[[str], str], *, schema: bool) -> str:
    """The file; `reference` makes the TOML value by which a credential of this name is found."""
    key = answers.key
    accounts = answers.accounts
    return _HEAD.format(
        schema="#:schema ./rules.schema.json\n" if schema else "",
        file=file,
        exchange=_quoted(answers.exchange),
        kind=key.kind,
        host=f"base_url   = {_quoted(key.host)}\n" if key.host else "",
        api_key=reference(f"{answers.exchange}-key"),
        api_secret=reference(f"{answers.exchange}-secret"),
        passphrase=f"passphrase = {reference(f'{answers.exchange}-passphrase')}\n" if key.passphrase else "",
        notifier=_quoted(answers.notifier),
        url=reference(f"{answers.notifier}-url"),
        rule=_quoted(f"{answers.asset} floor"),
        accounts=_quoted(accounts[0])
        if len(accounts) == 1
        else f"[{', '.join(_quoted(one) for one in accounts)}]",
        asset=answers.asset,
        below=f'"{answers.below}"' if Decimal(answers.below).adjusted() > 15 else answers.below,  # noqa: PLR2004  as the example quotes long ones
    )


def configured(text: str, answers: Answers, folder: Path) -> Config:
    """The file as the daemon will read it, with the secrets as they were answered. Raises ConfigError."""
    config = parse((("rules.toml", text),), folder)
    secrets = answers.secrets()

    def given(secret: Secret, value: str) -> Given:
        return Given(secret.kind, secret.name, secret.key, secret.path, secret.folder, value)

    def known(one: ExchangeConfig) -> ExchangeConfig:
        passphrase = one.passphrase
        return replace(
            one,
            api_key=given(one.api_key, secrets[f"{answers.exchange}-key"]),
            api_secret=given(one.api_secret, secrets[f"{answers.exchange}-secret"]),
            passphrase=None if passphrase is None else given(passphrase, answers.key.passphrase),
        )

    return replace(config, exchanges=tuple(known(one) for one in config.exchanges))


def _quoted(text: str) -> str:
    """A TOML string; what JSON escapes, TOML escapes alike."""
    return json.dumps(text, ensure_ascii=False)
