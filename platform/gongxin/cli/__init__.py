"""What an operator types: `gongxin …`. One module a domain."""

import click

from .access import clients, keys
from .db import db
from .disclosure import policy
from .log import log
from .members import members
from .serve import serve, worker
from .spec import spec
from .stamps import stamp
from .subjects import epochs


@click.group()
def main() -> None:
    """共信登记处 The registry's operators' commands."""


for command in (clients, db, epochs, keys, log, members, policy, serve, spec, worker):
    main.add_command(command)
log.add_command(stamp)
