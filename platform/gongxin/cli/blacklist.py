"""`gongxin blacklist`: what waits by its clock, who has not acknowledged, the figures, the rules in force."""

import click

from gongxin import clock
from gongxin.blacklist import pack, queries, records

from .common import Group, json_option, opened, tell

_LIMIT = click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))


@click.group(cls=Group)
def blacklist() -> None:
    """行业风险名单 The violations list: its queue, corrections, figures, rules."""


@blacklist.command()
@json_option
@_LIMIT
def queue(limit: int) -> None:
    """按期限列出事项 Matters by the clock that runs, the soonest first."""
    with opened() as (session, _):
        today = clock.today_in_china()
        found = [
            {"matter_id": str(each.id), "number": each.number, "state": each.state, "article": each.article,
             "due_on": each.due_on, "days": (each.due_on - today).days}
            for each in queries.by_clock(session, limit)
            if each.due_on is not None
        ]  # fmt: skip
    tell(found, *(f"{row['due_on']}  {row['days']:>4}  {row['number']}  {row['state']}" for row in found))


@blacklist.command()
@json_option
@_LIMIT
def defaulters(limit: int) -> None:
    """逾期未确认的机构 Members that let a correction's day pass without a word."""
    with opened() as (session, _):
        today = clock.today_in_china()
        rows = queries.corrections(session, overdue_by=today, limit=limit)[:limit]
        found = [records.correction_out(correction, listing, today) for correction, listing in rows]
    tell(found, *(f"{row['due_on']}  {row['told_member_id']}  {row['number']}  {row['cause']}" for row in found))


@blacklist.command()
@json_option
def statistics() -> None:
    """统计 Outcomes, hours in each state, appeals, acknowledgements, how each member files."""
    with opened() as (session, _):
        found = records.statistics(session)
    tell(found, *(f"{name}  {value}" for name, value in found.items()))


@blacklist.command()
@json_option
def rules() -> None:
    """现行规则 The rule pack: articles, clocks, limits, and where they come from."""
    found = pack.pack()
    tell(
        found,
        f"{found['pack']} v{found['version']}  {found['source_status']}  {found['source']}",
        *(f"{code}  {row['severity']}  {row['zh']} {row['en']}" for code, row in found["articles"].items()),
        *(f"{name}  {row.get('working_days', row.get('days'))}{' WD' if 'working_days' in row else ' d'}"
          for name, row in found["clocks"].items()),
    )  # fmt: skip
