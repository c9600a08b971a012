"""What a message about one alert needs to know, taken at the moment of the transition that it tells."""

from __future__ import annotations

from dataclasses import dataclass

from rules.outlook import Outlook
from rules.words import Severity


@dataclass(frozen=True, slots=True)
class Facts:
    """Figures are exact decimal text, never rounded or grouped; times are UTC milliseconds.

    `wallet` is "" where the rule judges the sum of the wallets in `wallets`. `value` is the judged figure,
    `before` the one that it followed, with the end of its reading in `before_ms`. `readings` is how many
    readings in a row agree. `also` are other known figures of the same account as (wallet, asset, field,
    figure). `note` is the last one that a person wrote about the alert. `details` are further sentences of the rule
    type, complete and ready to be read.
    """

    rule: str
    type: str
    exchange: str
    severity: Severity
    raised_from: Severity | None = None
    aged_ms: int | None = None  # of a break that its age has raised
    grown_from: str | None = None  # of a break that has grown: the figure that was told before
    acked_by: str = ""  # who had acked what was raised
    unread_ms: int | None = None  # of a break that books tell: since when those cannot be read
    label: str = ""
    wallet: str = ""
    wallets: tuple[str, ...] = ()
    asset: str = ""
    field: str = ""
    quote: str = ""
    headline: str = ""  # for alerts without a figure: what happened, as "frozen by the venue"
    value: str | None = None
    perhaps: str | None = None  # of a break while movements are under way: the whole sum, where it is more
    sign: str = ""
    threshold: str | None = None
    clear_at: str | None = None
    granted: str | None = None  # by which [[allow]] has shifted both, of the amounts in `allowed` by name
    allowed: tuple[tuple[str, str], ...] = ()
    before: str | None = None
    before_ms: int | None = None
    since_ms: int | None = None
    held_ms: int = 0
    window_ms: int | None = None  # of a change; `threshold` is then the step, as "5000" or "10%"
    outlook: Outlook | None = None  # of a runway
    read_ms: int | None = None
    until_ms: int | None = None  # of a ban
    readings: int = 0
    reason: str = ""  # of an end, or of trouble
    fired_ms: int | None = None
    ended_ms: int | None = None
    also: tuple[tuple[str, str, str, str], ...] = ()
    not_watched: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    note: str = ""
    note_by: str = ""
    note_ms: int | None = None
    runbook: str = ""
    description: str = ""
