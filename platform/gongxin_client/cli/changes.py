"""changes: follow, snapshot, ack; endpoints: list, add, verify, rotate, pause, resume, remove, sends."""

import json
import signal
import sqlite3
import threading
from pathlib import Path
from typing import Any

import click

from ..changes import Endpoint, Event
from ..consuming import Consumer
from .base import Output, command

DATABASE = click.option(
    "--database", type=click.Path(dir_okay=False, path_type=Path), default=Path("gongxin-changes.db"),
    show_default=True, help="本地 SQLite：事件与游标同一事务 The local SQLite: events and cursor in one transaction.",
)  # fmt: skip
_EVENTS = (
    "create table if not exists events (position integer primary key, event_id text not null unique,"
    " type text not null, object_id text not null, timestamp text not null, data text not null)"
)
_OBJECTS = (
    "create table if not exists objects (snapshot text not null, object_id text not null, data text not null,"
    " primary key (snapshot, object_id))"
)


@click.group("changes")
def changes() -> None:
    """变更流：跟随、快照、回执、端点 Changes: follow the feed, snapshots, acknowledgements, endpoints."""


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute(_EVENTS)
    connection.execute(_OBJECTS)
    connection.commit()
    return connection


@command("follow")
@DATABASE
@click.option("--type", "types", multiple=True, help="只要这些事件类型 Only these types of event.")
@click.option("--once", is_flag=True, help="追上即止 Stop once caught up.")
def follow(out: Output, database: Path, types: tuple[str, ...], once: bool) -> int:
    """跟随变更流，每个事件恰好写入一次 Follow the feed; each event is written exactly once.

    可随时中断，重新执行即接续。 Interrupt it at any time; the same command goes on where it was."""
    stop = threading.Event()
    if not once and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        signal.signal(signal.SIGINT, lambda *_: stop.set())
    count = 0

    def apply(cursor: Any, event: Event) -> None:
        cursor.execute(
            "insert into events values (?, ?, ?, ?, ?, ?)",
            (event.position, event.event_id, event.type, event.object_id, event.timestamp,
             json.dumps(event.data, ensure_ascii=False)),
        )  # fmt: skip
        if not out.as_json:
            click.echo(f"{event.position}  {event.timestamp}  {event.type}  {event.object_id}")

    with out.registry() as registry, _opened(database) as connection:
        consumer = Consumer(registry, connection, types=types or None)
        if once:
            while True:
                before = consumer.cursor()
                count += consumer.step(apply)
                if consumer.cursor() == before:
                    break
        else:
            count = consumer.follow(apply, until=stop.is_set)
        cursor = consumer.cursor()
    out.show({"events": count, "cursor": cursor}, [f"事件 Events: {count} → {database}"])
    return 0


@command("snapshot")
@click.argument("name")
@click.option("--scope", required=True, help="读取该快照的范围，如 members.read The scope that reads it.")
@DATABASE
def snapshot(out: Output, name: str, scope: str, database: Path) -> int:
    """取整份快照并从其游标接续 Take a whole snapshot; `follow` goes on from its cursor."""

    def load(cursor: Any, kind: str, object_id: str, data: Any) -> None:
        cursor.execute("insert into objects values (?, ?, ?)", (kind, object_id, json.dumps(data, ensure_ascii=False)))

    with out.registry() as registry, _opened(database) as connection:
        consumer = Consumer(registry, connection)
        count = consumer.snapshots(
            {name: scope}, load, begin=lambda cursor: cursor.execute("delete from objects where snapshot = ?", (name,))
        )
    out.show({"objects": count}, [f"对象 Objects: {count} → {database}"])
    return 0


@command("ack")
@click.argument("event_id")
@click.argument("did", type=click.Choice(["applied", "removed", "acted", "not_held", "disputed"]))
@click.option("--note", help="说明，勿含个人信息 A note without anything personal.")
def ack(out: Output, event_id: str, did: str, note: str | None) -> int:
    """对事件作出回执 Say what was done with an event."""
    with out.registry() as registry:
        registry.acknowledge(event_id, did, note=note)
    out.show({"event_id": event_id, "did": did}, [f"已回执 Acknowledged: {event_id} {did}"])
    return 0


@click.group("endpoints")
def endpoints() -> None:
    """回调端点 Webhook endpoints."""


def _shown(out: Output, found: list[Endpoint]) -> int:
    lines = [f"{each.endpoint_id}  {each.state}  {each.url}  {', '.join(each.types)}" for each in found]
    lines += [f"密钥（仅此一次）Secret, said this once: {each.secret}" for each in found if each.secret]
    out.show({"endpoints": found}, lines or ["没有端点 No endpoints"])
    return 0


@command("list")
def list_endpoints(out: Output) -> int:
    """列出本机构端点 Our own endpoints."""
    with out.registry() as registry:
        return _shown(out, registry.webhook_endpoints())


@command("add")
@click.argument("url")
@click.option("--type", "types", multiple=True, required=True, help="事件类型，可多次 A type of event; repeat.")
def add(out: Output, url: str, types: tuple[str, ...]) -> int:
    """登记端点 Register an endpoint."""
    with out.registry() as registry:
        return _shown(out, [registry.register_webhook_endpoint(url, types)])


@command("verify")
@click.argument("endpoint_id")
def verify(out: Output, endpoint_id: str) -> int:
    """重新验证 Ask for another challenge."""
    with out.registry() as registry:
        return _shown(out, [registry.verify_webhook_endpoint(endpoint_id)])


@command("rotate")
@click.argument("endpoint_id")
def rotate(out: Output, endpoint_id: str) -> int:
    """更换密钥 Rotate the secret."""
    with out.registry() as registry:
        return _shown(out, [registry.rotate_webhook_secret(endpoint_id)])


@command("set")
@click.argument("endpoint_id")
@click.argument("state", type=click.Choice(["active", "paused", "removed"]))
def set_state(out: Output, endpoint_id: str, state: str) -> int:
    """恢复、暂停、移除 Resume, pause, remove."""
    with out.registry() as registry:
        return _shown(out, [registry.set_webhook_endpoint(endpoint_id, state)])


@command("sends")
@click.argument("endpoint_id")
@click.option("--state", type=click.Choice(["waiting", "delivered", "dead", "dropped"]))
def sends(out: Output, endpoint_id: str, state: str | None) -> int:
    """投递记录 What an endpoint was or is owed."""
    with out.registry() as registry:
        found = registry.webhook_sends(endpoint_id, state=state)
    out.show(
        {"sends": found},
        [f"{row['position']}  {row['state']}  {row['attempts']}  {row['outcome'] or '—'}" for row in found],
    )
    return 0


for each in (follow, snapshot, ack, endpoints):
    changes.add_command(each)
for each in (list_endpoints, add, verify, rotate, set_state, sends):
    endpoints.add_command(each)
COMMANDS = (changes,)
