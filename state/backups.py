"""Where the backups lie that were made without being asked for: beside the state, the newest first."""

from __future__ import annotations

from pathlib import Path


def automatic_backups(path: Path) -> list[Path]:
    """Those of the state at `path`. Their names hold the time, so that names tell their order."""
    real = path.resolve()
    prefix = f"{real.name}.backup-"
    try:
        found = [
            one for one in real.parent.iterdir() if one.name.startswith(prefix) and one.name.endswith("Z")
        ]
    except OSError:
        return []  # a folder that may not be listed has no way back to tell of
    return sorted(found, key=lambda one: one.name, reverse=True)


def way_back(path: Path) -> str:
    """What to do when the state is damaged, with the newest backup where there is one."""
    real = path.resolve()
    found = automatic_backups(path)
    backup = str(found[0]) if found else "YOUR-BACKUP"
    way = (
        f"the way back: stop the daemon; mv {real} {real}.damaged; rm -f {real}-wal {real}-shm; "
        f"cp -p {backup} {real}; start the daemon"
    )
    if found:
        return f"the newest backup here is {backup}; {way}"
    return (
        f"there is no backup beside it; with one made by `subtally backup`, {way}. "
        "Without one leave out the cp: it starts anew, and takes what it finds as the first state"
    )
