"""`subtally backup`: the state in one file, as it is at this moment, while the daemon runs on."""

from __future__ import annotations

from pathlib import Path

import click

from daemon.commands.options import wants_json
from daemon.commands.output import note, print_json
from daemon.commands.state_file import existing_state


@click.command(epilog="Example: subtally backup /var/backups/subtally-monday.db")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.pass_context
def backup(context: click.Context, file: Path | None) -> None:
    """Copy the state into the new file FILE, or into one beside it, named by the time.

    The daemon may be running. The copy is one moment of it, complete, checked, and readable by you alone; it
    holds balances, rules and addresses, but no secret. Of those beside the state the newest five are kept.
    """
    from rich.console import Console

    from state.backup import back_up, back_up_beside

    path = existing_state(context)
    with Console(stderr=True).status(f"copying {path}…"):
        made = back_up_beside(path) if file is None else back_up(path, file)
    size = made.stat().st_size
    if wants_json(context):
        print_json({"file": str(made), "bytes": size})
        return
    click.echo(str(made))
    note(
        f"{size:,} bytes. To restore it: stop the daemon, remove -wal and -shm of the state, put it in its place"
    )
