"""`gongxin clients` and `gongxin keys`: programs of members and their public keys; the registry's own signing keys."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import click
import orjson

from gongxin import clock
from gongxin.access import proofs, queries, registry_keys, rules, schemas, service
from gongxin.access.models import Client, ClientKey
from gongxin.errors import Invalid
from gongxin.web.permissions import SCOPES
from gongxin_wire.canonical import b64u

from .common import Group, Moment, json_option, member_named, opened, tell

_STATES = {"active": "有效", "revoked": "已撤销", "live": "有效", "expired": "已过期", "retired": "已停用"}
_CLIENT = click.argument("client_id", metavar="CLIENT", type=click.UUID)
_JWK = click.option(
    "--jwk", "jwk_file", type=click.File("rb"), help="公钥 JWK 文件，- 为标准输入 public key, - for stdin"
)
_CERTIFICATE = click.option("--certificate", type=click.Path(exists=True, path_type=Path), help="客户端证书 PEM file")
_EXPIRES = click.option("--expires", type=Moment(), help="到期时间，默认一年 when it expires; a year unless given")


# --- clients --------------------------------------------------------------------------------------------------------


@click.group(cls=Group)
def clients() -> None:
    """客户端 Programs of members that may ask for tokens."""


@clients.command()
@json_option
@click.argument("member", metavar="ID|USCC")
@click.option("--name", required=True, help="名称 what it is called")
@click.option("--auth-method", default="private_key_jwt", show_default=True, type=click.Choice(rules.AUTH_METHODS))
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(tuple(SCOPES)), help="可重复 again")
@_JWK
@_CERTIFICATE
@_EXPIRES
def create(
    member: str,
    name: str,
    auth_method: str,
    scopes: Sequence[str],
    jwk_file: BinaryIO | None,
    certificate: Path | None,
    expires: datetime | None,
) -> None:
    """登记客户端 Registers a client of a member, with its key where one is given. A secret is shown once."""
    secret, digest = service.new_secret() if auth_method == "client_secret_basic" else (None, None)
    with opened() as (session, _):
        client = service.create_client(
            session,
            member_id=member_named(session, member).id,
            name=name,
            auth_method=auth_method,
            scopes=scopes,
            secret_digest=digest,
        )
        body, lines = schemas.client_out(client), [_client_line(client)]
        if jwk_file is not None or certificate is not None:
            key = service.add_key(session, client.id, _jwk(jwk_file), certificate=_x5t(certificate), expires_at=expires)
            body["keys"] = [schemas.key_out(key, clock.now())]
            lines.append(_key_line(key))
        if secret is not None:
            body["client_secret"] = secret
            lines.append(f"密钥只显示这一次 the secret, shown only now: {secret}")
    tell(body, *lines)


@clients.command("list")
@json_option
@click.option("--member", metavar="ID|USCC", help="仅此机构 of this member only")
def list_clients(member: str | None) -> None:
    """列出客户端 Lists clients."""
    with opened() as (session, _):
        member_id = member_named(session, member).id if member else None
        found = queries.clients(session, member_id=member_id, limit=10_000)
        body, lines = [schemas.client_out(client) for client in found], [_client_line(client) for client in found]
    tell(body, *lines)


@clients.command()
@json_option
@_CLIENT
def revoke(client_id: Any) -> None:
    """撤销，令牌即刻失效 Revokes a client and its tokens, for good."""
    with opened() as (session, _):
        client = service.revoke_client(session, client_id)
        body, line = schemas.client_out(client), _client_line(client)
    tell(body, line)


def _client_line(client: Client) -> str:
    state = "active" if client.revoked_at is None else "revoked"
    scopes = " ".join(client.scopes)
    return f"{client.id}  {_STATES[state]} {state}  {client.name}  {client.auth_method}  {scopes}"


# --- keys -----------------------------------------------------------------------------------------------------------


@click.group(cls=Group)
def keys() -> None:
    """密钥 Clients' public keys; the registry's own signing keys; secrets of the configuration."""


@keys.command("list")
@json_option
@click.option("--client", "client_id", type=click.UUID, help="此客户端的密钥 of this client; else the registry's own")
def list_keys(client_id: Any) -> None:
    """列出密钥 Lists the registry's published keys, or a client's."""
    with opened() as (session, _):
        if client_id is not None:
            queries.get_client(session, client_id)
            found = queries.keys_of(session, client_id)
            body: list[Any] = [schemas.key_out(key, clock.now()) for key in found]
            lines = [_key_line(key) for key in found]
        else:
            held = queries.published_keys(session, clock.now())
            body = [
                {"kid": key.kid, "use": key.use, "alg": key.alg, "state": _registry_state(key.retired_at)}
                | {"created_at": key.created_at, "published_until": key.published_until}
                for key in held
            ]
            lines = [f"{r['kid']}  {r['use']}  {r['alg']}  {_STATES[r['state']]} {r['state']}" for r in body]
    tell(body, *lines)


def _registry_state(retired_at: datetime | None) -> str:
    return "live" if retired_at is None else "retired"


@keys.command()
@json_option
@_CLIENT
@_JWK
@_CERTIFICATE
@_EXPIRES
def add(client_id: Any, jwk_file: BinaryIO | None, certificate: Path | None, expires: datetime | None) -> None:
    """添加公钥或证书 Adds a public key or certificate to a client; two may be live at a time."""
    with opened() as (session, _):
        key = service.add_key(session, client_id, _jwk(jwk_file), certificate=_x5t(certificate), expires_at=expires)
        body, line = schemas.key_out(key, clock.now()), _key_line(key)
    tell(body, line)


@keys.command()
@json_option
@_CLIENT
@click.argument("kid")
def retire(client_id: Any, kid: str) -> None:
    """停用 Retires a client's key."""
    with opened() as (session, _):
        key = service.retire_key(session, client_id, kid)
        body, line = schemas.key_out(key, clock.now()), _key_line(key)
    tell(body, line)


@keys.command()
@json_option
@click.option("--days", default=30, show_default=True, type=click.IntRange(0, 3650), help="天数 within so many days")
def expiring(days: int) -> None:
    """即将到期的密钥 Lists clients' keys that expire soon or have expired, soonest first."""
    with opened() as (session, _):
        found = service.expiring_keys(session, days)
        body = [schemas.key_out(key, clock.now()) | {"client_id": str(client.id)} for key, client in found]
        lines = [f"{_key_line(key)}  {client.id} {client.name}" for key, client in found]
    tell(body, *lines)


@keys.command()
@json_option
@click.option("--use", required=True, type=click.Choice(tuple(registry_keys.USES)))
@click.option(
    "--withdraw",
    is_flag=True,
    help="旧密钥已泄露：其令牌或工牌立即失效 the old key leaked: its tokens or badges stop at once",
)
def rotate(use: str, withdraw: bool) -> None:
    """轮换登记处签名密钥 A new key signs; a token key stays published until its tokens end, the others for ever."""
    with opened() as (session, config):
        kid = service.rotate_registry_key(session, config, use, withdraw=withdraw)
    tell({"kid": kid, "use": use}, f"{kid}  {use}  现用 live")


@keys.command()
def secret() -> None:
    """生成配置所用的密钥 Prints 32 random bytes for GONGXIN_MASTER_KEY or GONGXIN_PEPPER; each needs its own."""
    made = b64u(secrets.token_bytes(32))
    while made.startswith("-"):  # else it reads as an option wherever it is typed
        made = b64u(secrets.token_bytes(32))
    click.echo(made)


def _jwk(file: BinaryIO | None) -> Any:
    if file is None:
        return None
    try:
        return orjson.loads(file.read(65_536))
    except orjson.JSONDecodeError as fault:
        raise _bad_file("JWK") from fault


def _x5t(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return proofs.pem_thumbprint(path.read_bytes())
    except ValueError as fault:
        raise _bad_file("PEM") from fault


def _bad_file(form: str) -> Invalid:
    return Invalid(
        "bad_credential_file",
        zh="文件无法读作公钥或证书",
        en="The file is no public key or certificate",
        fix_zh=f"给出 {form} 格式的文件。",
        fix_en=f"Give a file in {form} form.",
    )


def _key_line(key: ClientKey) -> str:
    state = schemas.key_out(key, clock.now())["state"]
    kind = "certificate" if key.public_jwk is None else key.public_jwk["crv"]
    return f"{key.kid}  {_STATES[state]} {state}  {kind}  → {key.expires_at:%Y-%m-%d}"
