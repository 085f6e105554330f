"""What an operator types: `gongxin …`. One module a domain."""

import click

from .db import db
from .members import members
from .serve import serve, worker


@click.group()
def main() -> None:
    """共信登记处 The registry's operators' commands."""


for command in (db, members, serve, worker):
    main.add_command(command)
