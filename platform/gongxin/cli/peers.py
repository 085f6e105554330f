"""`gongxin peers …`: other registries: describe ourselves, add, compare and approve, agree, ask, pause, remove."""

import json
from typing import Any

import click
import httpx

from gongxin.clock import SHANGHAI
from gongxin.errors import GongxinError, Unavailable
from gongxin.federation import descriptions, exchange, queries, rules, service
from gongxin.federation.models import Peer

from .common import Group, json_option, opened, tell

_officer = click.option("--officer", required=True, help="经办人登录名 login of the administrator who acts")
_address = click.argument("address")


@click.group(cls=Group)
def peers() -> None:
    """联邦 Other registries, their keys, and what they may ask."""


@peers.command()
@json_option
def describe() -> None:
    """本登记处的指纹与自述 Our own fingerprint, to be read out to the other side, and our description."""
    with opened() as (session, config):
        found = descriptions.own(session, config)
        body = json.loads(descriptions.payload(found))
    shown = descriptions.fingerprint(body["keys"][0]["kid"])
    tell({"fingerprint": shown, "description": body}, f"{body['issuer']}  {body['name']}", shown)


@peers.command()
@_address
@_officer
@json_option
def add(address: str, officer: str) -> None:
    """添加 Proposes the registry at ADDRESS by its published description. Nothing is asked of it before two approve."""
    with opened() as (session, config):
        rules.check_address(address, production=config.production)
        peer = service.propose(session, config, address=address, document=_fetch(address), officer=officer)
        told = _told(peer, 0)
    tell(
        told,
        f"{peer.address}  {peer.name}",
        f"指纹 fingerprint  {told['fingerprint']}",
        "请两位管理员各自与对方核对指纹后批准 Two administrators compare it with the other side, then approve",
    )


@peers.command()
@_address
@_officer
@click.option("--fingerprint", required=True, help="对方读出的指纹 as the other side read it out")
@json_option
def approve(address: str, officer: str, fingerprint: str) -> None:
    """批准 One administrator's word on the fingerprint; the second makes the peer active."""
    with opened() as (session, _config):
        peer = service.approve(session, address=address, officer=officer, fingerprint=fingerprint)
        told = _told(peer, queries.approvals(session, peer.id, peer.kid))
    tell(told, f"{peer.address}  {peer.state}  {told['approvals']}/{rules.APPROVALS}")


@peers.command("list")
@json_option
def list_peers() -> None:
    """列出 Every peer, removed ones too."""
    with opened() as (session, _config):
        found = [_told(peer, queries.approvals(session, peer.id, peer.kid)) for peer in queries.peers(session)]
    tell(found, *(f"{row['state']:<9} {row['address']}  {row['name']}  {row['fingerprint'][:19]}…" for row in found))


@peers.command()
@json_option
def status() -> None:
    """状况 Asks every active peer how it stands: answered, unreachable or refused, its lag in seconds."""
    rows = []
    with opened() as (session, config):
        for peer in queries.peers(session):
            if peer.state == "active":
                rows.append(_asked(session, config, peer))
    tell(rows, *(f"{row['outcome']:<12} {row['address']}  {row['detail']}" for row in rows))


@peers.command()
@_address
@_officer
@click.option("--purpose", "purposes", multiple=True, required=True, help="用途=每日次数 purpose=look-ups a day")
@click.option("--data-type", "data_types", multiple=True, required=True, help="数据类型 such as case_status")
@json_option
def agree(address: str, officer: str, purposes: tuple[str, ...], data_types: tuple[str, ...]) -> None:
    """协议 The next version of what the peer may ask us."""
    with opened() as (session, _config):
        found = service.agree(
            session,
            address=address,
            purposes=dict(map(_purpose, purposes)),
            data_types=list(data_types),
            officer=officer,
        )
        told = {"version": found.version, "purposes": found.purposes, "data_types": found.data_types}
    tell(told, f"v{told['version']}  {told['purposes']}  {', '.join(found.data_types)}")


@peers.command()
@_address
@json_option
def refresh(address: str) -> None:
    """更新自述 Takes the peer's newer description; a new key counts where the one pinned announced it."""
    with opened() as (session, _config):
        peer = service.refresh(session, address=address, document=_fetch(address))
        told = _told(peer, queries.approvals(session, peer.id, peer.kid))
    tell(told, f"{peer.address}  {peer.name}  {told['fingerprint']}")


def _move(name: str, state: str, words: str) -> None:
    @peers.command(name, help=words)
    @_address
    @_officer
    @click.option("--reason", required=True, help="理由 why")
    @json_option
    def move(address: str, officer: str, reason: str) -> None:
        with opened() as (session, _config):
            peer = service.change_state(session, address=address, state=state, officer=officer, reason=reason)
            told = {"address": peer.address, "state": peer.state}
        tell(told, f"{told['address']}  {told['state']}")


_move("pause", "paused", "暂停 Neither asks nor answers the peer until resumed.")
_move("resume", "active", "恢复 Asks and answers it again.")
_move("remove", "removed", "移除 For good; the same registry is added anew, its fingerprint compared again.")


def _told(peer: Peer, approvals: int) -> dict[str, Any]:
    return {
        "address": peer.address,
        "name": peer.name,
        "state": peer.state,
        "fingerprint": descriptions.fingerprint(peer.kid),
        "approvals": approvals,
        "seen_at": peer.seen_at.astimezone(SHANGHAI).isoformat(timespec="seconds"),
    }


def _asked(session: Any, config: Any, peer: Peer) -> dict[str, Any]:
    try:
        answer = exchange.call(session, config, peer, "status", {})
    except GongxinError as fault:
        return {"address": peer.address, "outcome": fault.code, "detail": f"{fault.zh} {fault.en}"}
    return {
        "address": peer.address,
        "outcome": "answered",
        "detail": answer["as_of"],
        "checkpoint": answer["checkpoint"],
    }


def _purpose(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not number.isascii() or not number.isdigit():
        rules.check_terms({"": 0}, [])
    return name, int(number)


def _fetch(address: str) -> Any:
    """The description that a registry publishes. Raises Unavailable, or Invalid where it is none."""
    try:
        with (
            httpx.Client(timeout=exchange.SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", f"{address}/.well-known/gongxin-registry") as answer,
        ):
            body = b""
            for part in answer.iter_bytes():
                body += part
                if len(body) > rules.MAX_DESCRIPTION_BYTES:
                    raise descriptions.unsigned()
        return json.loads(body)
    except httpx.HTTPError as fault:
        raise Unavailable(
            "peer_unreachable", zh="对方登记处没有应答", en="The registry does not answer",
            fix_zh="核对地址，稍后再试。", fix_en="Check the address and try again later.",
        ) from fault  # fmt: skip
    except ValueError as fault:
        raise descriptions.unsigned() from fault
