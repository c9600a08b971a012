"""`subtally schema`: what an editor needs to complete and check the rules file."""

from __future__ import annotations

import click

from daemon.commands.output import print_json


@click.command(epilog="Example: subtally schema > rules.schema.json")
def schema() -> None:
    """Print the JSON Schema of the rules file.

    Editors with a TOML language server read it from the file's first line: #:schema ./rules.schema.json
    """
    from daemon import config

    print_json(config.schema())
