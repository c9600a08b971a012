"""What the contract names and this version cannot do yet: refused by name, never accepted and ignored."""

from __future__ import annotations

NOT_YET = "not supported yet by this version"

LATER_SECTIONS = ("silence", "allow", "expect", "books")
LATER_TYPES = ("runway", "reconciliation", "composition_shift")
LATER_KEYS = {
    "daemon": ("heartbeat_url",),
    "rule": ("escalate_after", "escalate_to"),
}
