"""gunicorn's settings (`gongxin serve`): threads in each worker, metrics of all workers together."""

import gc
import os
from typing import Any

from prometheus_client import multiprocess

wsgi_app = "wsgi:application"
worker_class = "gthread"
threads = 4
keepalive = 15
timeout = 60
graceful_timeout = 20
max_requests = 200_000
max_requests_jitter = 20_000
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 16 * 1024
accesslog = None
loglevel = "warning"


def post_worker_init(_worker: Any) -> None:
    """What the application consists of stays as long as the process: the collector need not walk it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def child_exit(_server: Any, worker: Any) -> None:
    """A worker that is gone takes its gauges with it; its counters stay."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
