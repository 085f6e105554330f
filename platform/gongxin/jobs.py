"""What runs on a clock: `gongxin worker`. One process at a time holds the lease, a standby takes over when it dies.

Each job is a verb of a service in its own transaction; it can run twice, and what it takes it claims with SKIP LOCKED.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from . import clock
from .access import service as access
from .agents import service as agents
from .agents import watches
from .blacklist import clocks as blacklist
from .cases import service as cases
from .config import Config
from .db import transaction
from .delivery import service as delivery
from .disclosure import service as disclosure
from .fund import clocks as fund
from .logs import log
from .transparency import merging, stamps, witnesses
from .transparency import service as transparency
from .web import idempotency

_LEASE = 7203492
_PROMPT_LEASE = 7203494
IDEMPOTENCY_DAYS = 30


@dataclass(frozen=True)
class Job:
    """`run` does one portion and says how much; a full portion is followed by the next at once."""

    name: str
    every_seconds: float
    run: Callable[[Session, Config], int]
    portion: int = 1


def _index_lookups(session: Session, _config: Config) -> int:
    return disclosure.unpack_lookups(session)


def _forget_answers(session: Session, _config: Config) -> int:
    return idempotency.forget(session, clock.now() - timedelta(days=IDEMPOTENCY_DAYS))


def _forget_uses(session: Session, _config: Config) -> int:
    return access.cleanup(session)


def _warn_of_keys(session: Session, _config: Config) -> int:
    return access.warn_of_expiring_keys(session)


def _expire_mandates(session: Session, _config: Config) -> int:
    return cases.expire_mandates(session, clock.today_in_china())


def _apply_due_events(session: Session, _config: Config) -> int:
    return cases.apply_due_events(session, clock.today_in_china())


def _lapse_licences(session: Session, _config: Config) -> int:
    return agents.lapse(session, clock.today_in_china())


def _dun_charges(session: Session, _config: Config) -> int:
    return fund.dun(session, clock.today_in_china())


def _expire_entries(session: Session, _config: Config) -> int:
    return fund.expire_entries(session, clock.now())


def _end_watches(session: Session, _config: Config) -> int:
    return watches.lapse(session, clock.today_in_china())


def _blacklist_clocks(session: Session, _config: Config) -> int:
    return blacklist.run(session, clock.today_in_china())


def _blacklist_escalations(session: Session, _config: Config) -> int:
    return blacklist.escalate(session, clock.today_in_china())


def _chase_corrections(session: Session, _config: Config) -> int:
    return blacklist.chase(session, clock.today_in_china())


def _lift_relief(session: Session, _config: Config) -> int:
    return fund.lift_flags(session, clock.today_in_china())


_STAMPER = stamps.Stamper()


def _stamp(session: Session, config: Config) -> int:
    return _STAMPER.turn(session, config)


def _warn_of_witnessing(session: Session, config: Config) -> int:
    return witnesses.warn_of_quorum(session, config) + stamps.warn_of_stamps(session, config)


JOBS: tuple[Job, ...] = (
    Job("index_lookups", 1, _index_lookups, portion=500),
    Job("forget_answers", 3600, _forget_answers),
    Job("forget_used_proofs", 60, _forget_uses),
    Job("stamp_log", 30, _stamp),
    Job("warn_of_merge_delay", 60, merging.warn_of_delay),
    Job("warn_of_witnessing", 3600, _warn_of_witnessing),
    Job("warn_of_expiring_keys", 86_400, _warn_of_keys),
    Job("expire_mandates", 60, _expire_mandates, portion=500),
    Job("apply_due_events", 60, _apply_due_events, portion=500),
    Job("forget_events", 3600, delivery.forget, portion=delivery.PORTION),
    Job("lapse_licences", 60, _lapse_licences, portion=agents.PORTION),
    Job("dun_charges", 3600, _dun_charges, portion=fund.PORTION),
    Job("lift_relief_flags", 600, _lift_relief, portion=fund.PORTION),
    Job("expire_fund_entries", 3600, _expire_entries, portion=fund.PORTION),
    Job("end_watches", 3600, _end_watches, portion=watches.PORTION),
    Job("blacklist_clocks", 60, _blacklist_clocks, portion=blacklist.PORTION),
    Job("blacklist_escalations", 3600, _blacklist_escalations),
    Job("chase_corrections", 3600, _chase_corrections, portion=blacklist.PORTION),
)


# What must not wait for any other job: the log's maximum merge delay is a second. Runs beside the others, under a lease
# of its own; the database itself keeps two sequencers from forking the log.
PROMPT_JOBS: tuple[Job, ...] = (
    Job("sequence_log", 0.2, transparency.sequence, portion=transparency.PORTION),
    Job("sequence_events", 0.2, delivery.sequence, portion=delivery.PORTION),
)


def run_once(engine: Engine, config: Config, job: Job) -> int:
    """Portions until one is not full; how much was done."""
    done = 0
    while True:
        with transaction(engine) as session:
            count = job.run(session, config)
        done += count
        if count < job.portion or job.portion == 1:
            break
    if done and job.every_seconds >= 1:  # what runs five times a second would be most of the log
        log.info("job", job=job.name, count=done)
    return done


def work_beside(engine: Engine, config: Config, stop: threading.Event) -> threading.Thread:
    """The prompt jobs, in a thread until `stop` is set."""
    thread = threading.Thread(target=work, args=(engine, config, stop, PROMPT_JOBS, _PROMPT_LEASE), daemon=True)
    thread.start()
    return thread


def work(
    engine: Engine, config: Config, stop: threading.Event, jobs: Sequence[Job] = JOBS, lease: int = _LEASE
) -> None:
    """Until `stop` is set. A database that is away is waited for; a job that fails is tried again at its next turn."""
    while not stop.is_set():
        try:
            with engine.connect() as connection:
                connection.detach()  # so that it is closed at the end, and the lease with it
                if connection.scalar(text("select pg_try_advisory_lock(:lease)"), {"lease": lease}):
                    connection.commit()
                    log.info("worker_leads")
                    _turns(engine, config, stop, jobs, lambda: connection.execute(text("select 1")).connection.commit())
        except DBAPIError as fault:
            log.warning("worker_without_database", error=type(fault).__name__)
        stop.wait(2)


def _turns(
    engine: Engine, config: Config, stop: threading.Event, jobs: Sequence[Job], hold: Callable[[], object]
) -> None:
    """Runs what is due. `hold` raises once the lease's connection is lost: then another may lead."""
    due = dict.fromkeys(jobs, 0.0)
    while not stop.is_set():
        hold()
        for job in jobs:
            if due[job] <= clock.monotonic():
                try:
                    run_once(engine, config, job)
                except DBAPIError as fault:
                    log.warning("job_failed", job=job.name, error=type(fault).__name__)
                except Exception as fault:
                    log.error("job_failed", job=job.name, error=type(fault).__name__)
                due[job] = clock.monotonic() + job.every_seconds
        stop.wait(max(0.05, min(due.values()) - clock.monotonic()))
