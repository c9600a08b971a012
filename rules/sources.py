"""Which endpoint judges presence, where several list accounts."""

from __future__ import annotations

from collections.abc import Mapping

from rules.records import ListingState

PRIMARY = ("list", "virtual", "summary")
"""The one that lists identities comes first."""


def primary(listings: Mapping[str, ListingState]) -> str | None:
    """The source that judges presence on an exchange; None before any complete listing."""
    for name in PRIMARY:
        if name in listings and listings[name].ended_ms is not None:
            return name
    return None
