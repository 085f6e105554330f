"""Migrations by Alembic, run as the owner role. The scripts stand in `alembic/` (in a wheel: `gongxin/_alembic`)."""

from functools import cache
from pathlib import Path

import alembic.command
from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from sqlalchemy import make_url

_HERE = Path(__file__).resolve().parent


def scripts() -> Path:
    """Where the migration scripts are."""
    packaged = _HERE / "_alembic"
    return packaged if packaged.exists() else _HERE.parents[1] / "alembic"


def alembic_config(owner_url: str) -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(scripts()))
    config.attributes["url"] = make_url(owner_url)
    return config


@cache
def head() -> str:
    """The newest version that this code knows."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(scripts()))
    found = ScriptDirectory.from_config(config).get_current_head()
    assert found is not None
    return found


def upgrade(owner_url: str, revision: str = "head") -> None:
    alembic.command.upgrade(alembic_config(owner_url), revision)


def downgrade(owner_url: str, revision: str) -> None:
    alembic.command.downgrade(alembic_config(owner_url), revision)
