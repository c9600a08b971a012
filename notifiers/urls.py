"""Whether a notifier's URL can be used, found out without loading what sends to it."""

from __future__ import annotations

from notifiers import alertmanager_api, service
from notifiers.address import schema_of


def check_url(url: str) -> str | None:
    """Why `url` cannot be used, None where it can. Nothing is sent."""
    return (
        alertmanager_api.check(url) if schema_of(url) in alertmanager_api.SCHEMAS else service.check_url(url)
    )
