"""From nothing to a registry in service, the day on it, and everything stopped again whatever happened."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from gongxin.app import database_urls
from gongxin.cli.db import prepare
from gongxin.config import Config, load
from gongxin.db import make_engine
from gongxin.errors import ConfigError
from gongxin_client import ClientError

from . import authority, province
from .day import play_day, say_how_to_try
from .members import admit_all
from .processes import DemoError, Interrupted, Registry, environment, free_port, interruptible, uninterrupted
from .screen import Screen, StepFailed
from .town import Town

_REGISTRY = "登记处 Registry"


def play(data_dir: Path, port: int, cases: int, *, stay: bool) -> int:
    """The exit code: 0 where every step was done, 1 where one failed, 130 where it was interrupted before the end."""
    screen, done = Screen(), False
    screen.title("共信 · 一个工作日", "Gongxin: a working day")
    try:
        with interruptible(), opened(data_dir, port, cases, screen) as town:
            play_day(town, screen)
            done = True
            if stay:
                say_how_to_try(town, screen)
                watch(town.registry)
    except Interrupted:
        screen.note("收到中断，已全部停止。", "Interrupted; everything is stopped.")
        return 0 if done else 130
    except StepFailed as fault:
        return _failed(screen, str(fault))
    except ClientError as fault:
        return _failed(screen, f"{fault} {fault.fix_zh} {fault.fix_en}")
    except (DemoError, ConfigError) as fault:
        return _failed(screen, str(fault))
    screen.note("全部停止，没有进程留下。", "Everything is stopped; no process is left.")
    return 0


def _failed(screen: Screen, detail: str) -> int:
    where = screen.failed or _REGISTRY
    screen.failure(f"未完成：{where}", "was not done", detail)
    return 1


@contextmanager
def opened(data_dir: Path, port: int, cases: int, screen: Screen) -> Iterator[Town]:
    """A registry in service, with an authority that stamps its log; on leaving, all of it is stopped."""
    stamping = authority.Authority()
    with authority.serving(stamping) as address, _registry(data_dir, port, cases, screen, stamping, address) as town:
        yield town


@contextmanager
def _registry(
    data_dir: Path, port: int, cases: int, screen: Screen, stamping: authority.Authority, stamping_at: str
) -> Iterator[Town]:
    registry = Registry(data_dir, port)
    engine: Engine | None = None
    try:
        registry.lock()
        _choose_port(registry, screen)
        root = data_dir / "demo" / "stamping-authority.pem"
        root.parent.mkdir(parents=True, exist_ok=True)
        root.write_bytes(stamping.pem)
        registry.environ |= {"GONGXIN_TSA_URL": stamping_at, "GONGXIN_TSA_CERTIFICATE": str(root)}
        os.environ |= {name: value for name, value in registry.environ.items() if name.startswith("GONGXIN_")}
        config = load()
        if config.production:
            raise DemoError("演示不在生产模式下运行 The demonstration does not run in production mode")
        web_url, owner_url = _open_database(config, screen)
        engine = make_engine(web_url, pool_size=2)
        folder = data_dir / "demo"
        day = _next_day(folder)
        exports, files = _write_files(folder, cases, day, screen)
        with screen.step("协会 Association", "接纳会员机构", "admits the member institutions") as says:
            members = admit_all(engine, folder / "members", registry.address)
            says(
                f"{len(members)} 家机构，各有协议、客户端和自己生成的密钥（只上传公钥）",
                f"{len(members)} institutions with agreement, client and a key of their own (public part only)",
            )
        with screen.step(_REGISTRY, "开放接口", "opens the API") as says:
            registry.start_worker()
            registry.start_web()
            registry.check()
            says(
                f"gunicorn 两个进程在 {registry.address}，后台任务一个进程",
                f"gunicorn, two processes, on {registry.address}; one process of jobs",
            )
        try:
            yield Town(registry, config, engine, owner_url, members, exports, files, province.cast(day), folder, root)
        except ClientError:
            registry.check()  # a dead process says more than what its clients saw
            raise
    finally:
        with uninterrupted():
            if engine is not None:
                engine.dispose()
            registry.stop()


def _choose_port(registry: Registry, screen: Screen) -> None:
    port = free_port(registry.port)
    if port != registry.port:
        screen.note(f"端口 {registry.port} 已被占用，改用 {port}。", f"Port {registry.port} is busy; {port} is used.")
    registry.port = port
    registry.environ = environment(registry.data_dir, port)


def _open_database(config: Config, screen: Screen) -> tuple[str, str]:
    with screen.step(_REGISTRY, "启动数据库并迁移", "starts and migrates the database") as says:
        try:
            web_url, owner_url = database_urls(config)
        except RuntimeError as fault:
            raise DemoError(f"内置数据库未能启动 The embedded database did not start: {fault}") from fault
        prepare(config)
        engine = make_engine(owner_url, pool_size=1)
        with engine.connect() as connection:
            version = connection.scalar(text("show server_version"))
            revision = connection.scalar(text("select version_num from alembic_version"))
            tables = connection.scalar(text("select count(*) from pg_tables where schemaname = 'public'"))
        engine.dispose()
        says(
            f"PostgreSQL {version}，{tables} 张表，迁移到 {revision}；登记处密钥与密钥期就绪",
            f"PostgreSQL {version}, {tables} tables at revision {revision}; the registry's keys and epochs are there",
        )
    return web_url, owner_url


def _write_files(folder: Path, cases: int, day: int, screen: Screen) -> tuple[list[province.Export], dict[str, Path]]:
    with screen.step("三家银行 The banks", "从核心系统导出", "export from their core systems") as says:
        exports = province.exports(cases, day)
        files = {export.layout.bank: export.write(folder / "exports" / f"day-{day}") for export in exports}
        says(
            f"第 {day} 天：{cases:,} 件，GB18030，表头、日期写法各行其是；人物均为虚构",
            f"day {day}: {cases:,} cases, GB18030, headers and dates each bank's own; nobody in them exists",
        )
    return exports, files


def _next_day(folder: Path) -> int:
    """Each play is a day of its own, with new people on the data of the days before."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "day"
    day = int(path.read_text()) + 1 if path.exists() else 1
    path.write_text(str(day))
    return day


def watch(registry: Registry) -> None:
    """Until interrupted. Raises DemoError where a process dies."""
    while True:
        registry.check()
        time.sleep(0.5)
