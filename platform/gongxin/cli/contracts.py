"""`gongxin contracts`: which live contracts a cap touches, and what a placement without a contract meets."""

from uuid import UUID

import click

from gongxin import clock
from gongxin.contracts import queries, rules, service
from gongxin.contracts.caps import queries as caps

from .common import Group, json_option, opened, tell


@click.group(cls=Group)
def contracts() -> None:
    """合同 Contracts: caps rechecked, the placement policy."""


@contracts.command()
@json_option
@click.argument("cap_id", metavar="CAP", type=click.UUID)
def touched(cap_id: UUID) -> None:
    """某上限触及的有效合同 Live contracts whose rate is above a cap."""
    with opened() as (session, _):
        found = [str(contract) for contract, _rate in queries.touched_by(session, caps.get_cap(session, cap_id))]
    tell({"touched": found}, *found, f"共 {len(found)} 份 in all: {len(found)}")


@contracts.command()
@json_option
@click.argument("policy", type=click.Choice(rules.POLICIES))
def policy(policy: str) -> None:
    """自今日起的委托政策 The placement policy from today on."""
    with opened() as (session, _):
        made = service.set_policy(session, policy=policy, effective_from=clock.today_in_china())
        body = {"policy": made.policy, "effective_from": made.effective_from}
    tell(body, f"{body['policy']}  {body['effective_from']}")
