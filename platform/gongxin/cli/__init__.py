"""What an operator types: `gongxin …`. One module a domain."""

import sys

import click

from gongxin import logs

from .access import clients, keys
from .accounts import accounts
from .agents import agents
from .blacklist import blacklist
from .contracts import contracts
from .db import db
from .delivery import delivery
from .disclosure import policy
from .fund_bank import bank as fund_bank
from .fund_office import fund
from .log import log
from .members import members
from .peers import peers
from .serve import serve, worker
from .spec import spec
from .stamps import stamp
from .subjects import epochs


@click.group()
def main() -> None:
    """共信登记处 The registry's operators' commands."""
    if sys.stderr is sys.__stderr__:  # what is logged stays out of the answer; a test's stream may be closed later
        logs.configure()


for command in (
    accounts, agents, blacklist, clients, contracts, db, delivery, epochs, fund, keys, log, members, peers,
    policy, serve, spec, worker,
):  # fmt: skip
    main.add_command(command)
fund.add_command(fund_bank)
log.add_command(stamp)
