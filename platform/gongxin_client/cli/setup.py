"""keys, profile, whoami: from a fresh machine to a member that the registry knows."""

import json
import os
from pathlib import Path

import click

from .. import keys as key_files
from .. import profile as profiles
from ..profile import Profile
from ..registry import Registry
from .base import Output, command, plain

PASSPHRASE = click.option(
    "--passphrase-file", type=click.Path(path_type=Path), help="口令文件 File whose first line is the key's passphrase."
)


@click.group()
def keys() -> None:
    """密钥 The member's own keys."""


@command("new")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--alg", type=click.Choice(key_files.ALGORITHMS), default="ES256", show_default=True)
@PASSPHRASE
def keys_new(out: Output, file: Path, alg: str, passphrase_file: Path | None) -> None:
    """生成密钥文件，并给出公钥 Make a key file (mode 0600) and print its public JWK.

    口令取自 GONGXIN_MEMBER_KEY_PASSPHRASE 或 --passphrase-file。 The passphrase, if any, comes from there.
    """
    key = key_files.generate(alg)
    key_files.save(key, file, profiles.passphrase(os.environ, passphrase_file))
    _show_key(out, file, key)


@command("show")
@click.argument("file", type=click.Path(path_type=Path))
@PASSPHRASE
def keys_show(out: Output, file: Path, passphrase_file: Path | None) -> None:
    """给出密钥文件的公钥 Print the public JWK of a key file."""
    _show_key(out, file, key_files.load(file, profiles.passphrase(os.environ, passphrase_file)))


@command("add")
@click.argument("file", type=click.Path(path_type=Path))
@PASSPHRASE
def keys_add(out: Output, file: Path, passphrase_file: Path | None) -> None:
    """登记新公钥以便轮换 Register a further key of this client, so that keys can rotate."""
    key = key_files.load(file, profiles.passphrase(os.environ, passphrase_file))
    with out.registry() as registry:
        found = registry.add_key(key.jwk)
    out.show(
        found,
        [
            f"已登记 Registered: {key.kid}",
            "改会员配置中的 key 后停用旧密钥。 Change `key` in the profile, then retire the old one.",
        ],
    )


@command("list")
def keys_list(out: Output) -> None:
    """列出已登记的公钥 List the registered keys of this client."""
    with out.registry() as registry:
        found = registry.client_keys()
    out.show(
        {"keys": found},
        [" ".join(str(v) for v in (k.get("kid"), k.get("state", ""), k.get("expires_at", ""))) for k in found],
    )


@command("retire")
@click.argument("kid")
def keys_retire(out: Output, kid: str) -> None:
    """停用一把公钥 Retire a registered key."""
    with out.registry() as registry:
        registry.retire_key(kid)
    out.show({"retired": kid}, [f"已停用 Retired: {kid}"])


@click.group()
def profile() -> None:
    """会员配置 The profile."""


@command("init")
@click.option("--registry", "address", required=True, help="登记处地址 The registry's address (its issuer).")
@click.option("--client-id", required=True, help="客户端编号 The client's id.")
@click.option("--key", "key_file", type=click.Path(path_type=Path), required=True, help="密钥文件 The key file.")
@click.option("--ca-file", type=click.Path(path_type=Path), help="登记处证书的 CA Certificate authority of its TLS.")
@click.option(
    "--strict-pins", is_flag=True, help="登记处的新密钥须人工确认 New keys of the registry need `profile trust`."
)
@click.option("--offline", is_flag=True, help="不连接登记处 Do not connect.")
@PASSPHRASE
def profile_init(
    out: Output, address: str, client_id: str, key_file: Path, ca_file: Path | None, strict_pins: bool, offline: bool,
    passphrase_file: Path | None,
) -> None:  # fmt: skip
    """写出会员配置，并固定登记处的密钥 Write the profile and pin the registry's keys."""
    path = profiles.find_path(out.profile_path)
    key = key_files.load(key_file, profiles.passphrase(os.environ, passphrase_file))
    made = Profile(
        address.rstrip("/"), client_id, key, key_path=key_file, ca_file=ca_file, passphrase_file=passphrase_file,
        strict_pins=strict_pins,
    )  # fmt: skip
    profiles.check_free(path)
    if not offline:
        with Registry(made) as registry:
            registry.trust_published_keys()
            registry.me()
    profiles.write(made, path)
    _show_profile(out, made)


@command("show")
def profile_show(out: Output) -> None:
    """显示会员配置 Print the profile."""
    _show_profile(out, out.profile())


@command("trust")
def profile_trust(out: Output) -> None:
    """信任登记处新公布的密钥（请先核对） Pin keys the registry publishes anew (compare them first)."""
    with out.registry() as registry:
        _show_profile(out, registry.trust_published_keys())


@command("whoami")
def whoami(out: Output) -> None:
    """我是谁 Who the registry takes us for."""
    with out.registry() as registry:
        me = registry.me()
    name = " ".join(part for part in (me.name_zh, me.name_en) if part)
    court = [f"法院代码 Court code: {me.court_code}"] if me.court_code else []
    out.show(
        {**plain(me), "registry": registry.profile.registry, "client_id": registry.profile.client_id},
        [
            f"机构 Member: {name}",
            f"编号 Id: {me.member_id}",
            f"类别 Kind: {me.kind}",
            f"状态 State: {me.state}",
            *court,
        ],
    )


def _show_key(out: Output, file: Path, key: key_files.SigningKey) -> None:
    out.show(
        {"file": str(file), "kid": key.kid, "jwk": key.jwk},
        [
            f"密钥文件 Key file: {file}",
            f"指纹 Thumbprint (kid): {key.kid}",
            "公钥（交给协会登记） Public key (give it to the association):",
            json.dumps(key.jwk),
        ],
    )


def _show_profile(out: Output, found: Profile) -> None:
    pins = found.pins
    value = {
        "registry": found.registry, "client_id": found.client_id, "member_id": found.member_id, "kid": found.key.kid,
        "strict_pins": found.strict_pins, "pins": {"receipts": pins.receipts, "subjects": pins.subjects},
    }  # fmt: skip
    out.show(
        value,
        [
            f"登记处 Registry: {found.registry}",
            f"客户端 Client: {found.client_id}",
            f"机构 Member: {found.member_id or '—'}",
            f"密钥 Key: {found.key.kid}",
            *(f"回执密钥 Receipt key: {kid} = {x}" for kid, x in sorted(pins.receipts.items())),
            *(f"盲化密钥 Blinding key: {name} = {x}" for name, x in sorted(pins.subjects.items())),
        ],
    )


for _group, _commands in (
    (keys, (keys_new, keys_show, keys_add, keys_list, keys_retire)),
    (profile, (profile_init, profile_show, profile_trust)),
):
    for _command in _commands:
        _group.add_command(_command)

COMMANDS = (keys, profile, whoami)
