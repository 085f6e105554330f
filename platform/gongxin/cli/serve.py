"""`gongxin serve` and `gongxin worker`: the two kinds of process a registry consists of."""

import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

import click

from gongxin import jobs, logs
from gongxin.app import database_urls
from gongxin.config import load
from gongxin.db import make_engine
from gongxin.delivery import sending

_ROOT = Path(__file__).resolve().parents[3]


@click.command()
@click.option("--bind", default="127.0.0.1:8080", show_default=True, help="监听地址 address and port")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="进程数 processes")
def serve(bind: str, workers: int) -> None:
    """启动接口服务 Serves the API with gunicorn, in the foreground."""
    config = load()
    database_urls(config)
    metrics = config.metrics_dir or tempfile.mkdtemp(prefix="gongxin-metrics-")
    os.environ["GONGXIN_METRICS_DIR"] = os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
    Path(metrics).mkdir(parents=True, exist_ok=True)
    for stale in Path(metrics).glob("*.db"):
        stale.unlink()
    arguments = ["-m", "gunicorn", "-c", "python:gongxin.serving", "--bind", bind, "--workers", str(workers)]
    os.execv(sys.executable, [sys.executable, *arguments, "--chdir", str(_ROOT)])


@click.command()
def worker() -> None:
    """运行后台任务 Runs the jobs, in the foreground; a second one stands by."""
    config = load()
    logs.configure()
    engine = make_engine(database_urls(config)[0], pool_size=4)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    beside = jobs.work_beside(engine, config, stop)
    senders = make_engine(database_urls(config)[0], pool_size=min(config.delivery_senders, 8))
    sending.run(senders, config, stop)
    jobs.work(engine, config, stop)
    beside.join(10)
    senders.dispose()
    engine.dispose()
