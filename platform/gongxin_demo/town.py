"""What the day is played on."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from gongxin.config import Config

from . import province
from .members import Admitted
from .processes import Registry


@dataclass
class Town:
    """All that the day needs: the running registry, its members, the banks' files, the certificate of whoever stamps
    the log."""

    registry: Registry
    config: Config
    engine: Engine
    owner_url: str
    members: dict[str, Admitted]
    exports: list[province.Export]
    files: dict[str, Path]
    cast: province.Cast
    folder: Path
    stamping_root: Path
