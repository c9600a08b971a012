"""What the contract names and this version cannot do yet: refused by name, never accepted and ignored."""

from __future__ import annotations

NOT_YET = "not supported yet by this version"

LATER_SECTIONS: tuple[str, ...] = ()
LATER_TYPES: tuple[str, ...] = ()
