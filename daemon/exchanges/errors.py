"""How a call can fail, and the verdict on each code of a venue.

    CallError        nothing was learned; carries the `Failure` that the poller is told
    Refused          the venue, or the way to it, refused one call; carries the verdict (inside this package)
    Trouble          the bytes did not come: DNS, connect, TLS, time, a broken connection
    Malformed        bytes came that cannot be trusted
    CredentialsError a secret has the wrong form; told before the first call

No text in them holds a secret or a signed address.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from rules.model import Failure, FailureKind

REASON_CHARACTERS = 200
_SIGNED = re.compile(r"(?i)(signature|sign|apikey|api_key|passphrase)=[^&\s\"']+")


class CallError(Exception):
    """One call told nothing; `failure` is for the poller."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class Trouble(Exception):  # noqa: N818  it is the venue's trouble, not a fault of the program
    """No complete answer. `venue_wide` tells that no account can be the cause."""

    def __init__(self, reason: str, *, venue_wide: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.venue_wide = venue_wide


class Malformed(Exception):  # noqa: N818  a property of the answer
    """An answer that cannot be trusted, and why."""


class CredentialsError(ValueError):
    """A secret that cannot be one, said without showing it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one code means.

    `permission` marks a want of rights: at an optional endpoint it concerns that endpoint only.
    `perhaps_banned` marks a code that venues also give during temporary bans: it does not stop a key that
    has worked before. `account_wide` is False where the code cannot be about one account.
    """

    kind: FailureKind
    hint: str = ""
    stops: bool = False
    permission: bool = False
    perhaps_banned: bool = False
    account_wide: bool = True


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused call: the verdict, the words for people, and what the venue said about waiting."""

    verdict: Verdict
    text: str
    retry_after_seconds: int | None = None
    until_venue_ms: int | None = None
    unknown_code: bool = False


class Refused(Exception):  # noqa: N818  control flow inside this package
    """Carries a `Refusal` from where it was read to where it is acted upon."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


TRANSIENT = Verdict(FailureKind.TRANSIENT)
VENUE_DOWN = Verdict(FailureKind.TRANSIENT, account_wide=False)
MALFORMED = Verdict(FailureKind.MALFORMED)
CLOCK = Verdict(FailureKind.CLOCK, "this machine's clock is off; check its time synchronisation")
LIMITED = Verdict(FailureKind.LIMITED)
BANNED = Verdict(FailureKind.BANNED)
MAINTENANCE = Verdict(FailureKind.MAINTENANCE)
DENIED = Verdict(FailureKind.DENIED)
ACCOUNT = Verdict(FailureKind.ACCOUNT)
LOCAL = Verdict(FailureKind.ENDPOINT, "it is done without", account_wide=False)
BUG = Verdict(FailureKind.ENDPOINT, "the venue refuses the form of our request; please report it")


def fatal(hint: str, *, permission: bool = False, perhaps_banned: bool = False) -> Verdict:
    """The key, its rights or the state of the account is refused: the exchange stops."""
    return Verdict(FailureKind.KEY, hint, stops=True, permission=permission, perhaps_banned=perhaps_banned)


def transient(hint: str) -> Verdict:
    """Worth another try, with a hint for who reads it."""
    return Verdict(FailureKind.TRANSIENT, hint)


def codes(groups: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """Spread a table whose keys hold several codes, separated by spaces."""
    table: dict[str, Verdict] = {}
    for names, verdict in groups.items():
        for code in names.split():
            if code in table:
                raise ValueError(f"code {code} is classified twice")
            table[code] = verdict
    return table


def readable(text: str, secrets: tuple[str, ...] = ()) -> str:
    """A venue's words, fit for a message: one line, bounded, without control characters or secrets."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    plain = "".join(
        " " if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Cs", "Co"} else c for c in text
    )
    plain = _SIGNED.sub(r"\1=…", " ".join(plain.split()))
    return plain if len(plain) <= REASON_CHARACTERS else plain[: REASON_CHARACTERS - 1] + "…"
