"""`gongxin delivery`: how delivery stands, endpoints, dead letters and sending them again, erasing what was told."""

from uuid import UUID

import click

from gongxin import clock
from gongxin.delivery import endpoints, queries, service

from .common import Group, json_option, opened, tell


@click.group(cls=Group)
def delivery() -> None:
    """投递 Delivery: events, endpoints, dead letters."""


@delivery.command()
@json_option
def status() -> None:
    """投递状况 What waits, what is owed, what failed."""
    with opened() as (session, _):
        found = dict(queries.figures(session, clock.now())._mapping)
    tell(found, *(f"{name}  {value}" for name, value in found.items()))


@delivery.command("endpoints")
@json_option
def list_endpoints() -> None:
    """列出端点 Every endpoint that is not removed."""
    with opened() as (session, _):
        found = [
            {"id": each.id, "member_id": each.member_id, "url": each.url, "state": each.state,
             "reason": each.reason, "failures": each.failures, "due_at": each.due_at}
            for each in queries.endpoints(session, None, 10_000)
        ]  # fmt: skip
    tell(found, *(f"{row['id']}  {row['state']}  {row['failures']}  {row['url']}" for row in found))


@delivery.command()
@json_option
@click.option("--endpoint", "endpoint_id", type=click.UUID, help="端点 the endpoint")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
def dead(endpoint_id: UUID | None, limit: int) -> None:
    """列出死信 What endpoints did not take within 72 hours."""
    with opened() as (session, _):
        found = [
            {"endpoint_id": send.endpoint_id, "position": send.position, "event_id": send.event_id,
             "attempts": send.attempts, "outcome": send.outcome, "first_at": send.first_at, "last_at": send.last_at}
            for send in queries.dead(session, endpoint_id, limit)
        ]  # fmt: skip
    tell(found, *(f"{row['endpoint_id']}  {row['position']}  {row['attempts']}  {row['outcome']}" for row in found))


@delivery.command()
@json_option
@click.argument("endpoint_id", type=click.UUID)
@click.option(
    "--position", "positions", multiple=True, type=int, help="只重发这些位置；默认全部 only these; all if none"
)
def replay(endpoint_id: UUID, positions: tuple[int, ...]) -> None:
    """重发死信 Sends dead letters of an endpoint again."""
    with opened() as (session, _):
        done = endpoints.replay(session, endpoint_id, positions)
    tell({"replayed": done}, f"已重新排队 {done} 件 Queued again: {done}")


@delivery.command()
@json_option
@click.argument("object_id", type=click.UUID)
@click.option("--type", "object_type", required=True, help="对象类别 what kind of object it is")
def erase(object_id: UUID, object_type: str) -> None:
    """擦除已告知内容 Blanks every event told of an object and tells those who were told."""
    with opened() as (session, _):
        event_id = service.erase(session, object_id=object_id, object_type=object_type)
    tell({"event_id": event_id}, f"擦除事件 {event_id or '无人被告知 nobody was told'}")
