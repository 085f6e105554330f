"""`gongxin agents`: one licence as the public sees it, and names sealed anew when the master key changes."""

from pathlib import Path

import click

from gongxin.agents import identities, public

from .common import Group, json_option, opened, read_old_key, tell


@click.group(cls=Group)
def agents() -> None:
    """催收员 Agents: the public check of a licence, the keys of sealed names."""


@agents.command()
@json_option
@click.argument("licence")
def check(licence: str) -> None:
    """公开核验 What anyone may know of a licence."""
    with opened() as (session, _):
        told = public.licence(session, licence)
    tell(told, *(f"{name}  {value}" for name, value in told.items()))


@agents.command()
@json_option
@click.option(
    "--old-key-file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="旧主密钥文件 a file with the old master key, base64url",
)
def reseal(old_key_file: Path) -> None:
    """更换主密钥后重新封存 Seals the keys of names under the present master key; can run twice."""
    old_key, done = read_old_key(old_key_file), 0
    while True:
        with opened() as (session, config):
            count = identities.reseal(session, old_key=old_key, new_key=config.master_key)
        done += count
        if not count or old_key == config.master_key:
            break
    tell({"resealed": done}, f"已重新封存 {done} 份 Sealed anew: {done}")
