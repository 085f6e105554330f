"""`gongxin db`: migrations, the embedded server, the roles of a production database."""

import click

from gongxin import embedded, migrate
from gongxin.access import service as access
from gongxin.app import database_urls
from gongxin.config import Config, load
from gongxin.db import AUDITOR_ROLE, OWNER_ROLE, WEB_ROLE, make_engine, transaction
from gongxin.disclosure import service as disclosure
from gongxin.subjects import service as subjects
from gongxin.transparency import service as transparency

ROLES_SQL = f"""\
create role {OWNER_ROLE} login nosuperuser nobypassrls;  -- 迁移 migrates, owns every table
create role {WEB_ROLE} login nosuperuser nobypassrls;    -- 网络进程 serves, owns nothing
create role {AUDITOR_ROLE} login nosuperuser nobypassrls;  -- 审计 reads the fund's books, changes nothing
create database gongxin owner {OWNER_ROLE};
"""


def prepare(config: Config) -> None:
    """Migrates to the newest version and makes what a registry must have: log, keys, epochs."""
    web_url, owner_url = database_urls(config)
    migrate.upgrade(owner_url)
    engine = make_engine(web_url, pool_size=1)
    try:
        with transaction(engine) as session:
            transparency.start(session, config)
            access.ensure_registry_keys(session, config)
            subjects.ensure_epochs(session, config)
            disclosure.prove_policy(session)
    finally:
        engine.dispose()


@click.group()
def db() -> None:
    """数据库 The database."""


@db.command("migrate")
def migrate_() -> None:
    """迁移到最新版本并生成登记处密钥 Migrates to the newest version; makes the registry's keys where there are none."""
    prepare(load())
    click.echo("数据库已就绪 The database is ready")


@db.command()
def stop() -> None:
    """停止内置数据库 Stops the embedded server."""
    embedded.stop(load().data_dir)


@db.command()
def roles() -> None:
    """打印生产库所需的角色 Prints the SQL that makes the two roles of a production database."""
    click.echo(ROLES_SQL, nl=False)
