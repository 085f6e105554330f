"""Time stamps of checkpoints: asked of the configured authority, checked against its certificate, kept.

No transaction is open while the authority is asked, and no job waits for it: `Stamper` asks on a thread of its own,
again with a growing pause where it failed. What an authority cannot do is reported, and holds up nothing else.
"""

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.errors import Unavailable
from gongxin.logs import log

from . import queries, rules_witnessing
from . import queries_witnessing as witnessing
from .models import LogCheckpoint
from .models_witnessing import Stamp

if TYPE_CHECKING:  # the library loads as a stamp is asked for or checked: most processes never do
    from gongxin_wire.stamps import StampFault

TIMEOUT = httpx.Timeout(connect=5.0, read=20.0, write=10.0, pool=5.0)


def stamp(engine: Engine, config: Config, *, witnessed: bool = False) -> Stamp:
    """Asks for a stamp of the newest checkpoint (`witnessed`: the newest that a quorum cosigned, where it is less than
    an hour behind), checks and keeps it. Raises Unavailable, with a code that says why."""
    from gongxin_wire import stamps

    if not config.tsa_url or config.tsa_certificate is None:
        raise Unavailable(
            "no_authority",
            zh="未配置时间戳机构",
            en="No time-stamping authority is configured",
            fix_zh="设置 GONGXIN_TSA_URL 与 GONGXIN_TSA_CERTIFICATE。",
            fix_en="Set GONGXIN_TSA_URL and GONGXIN_TSA_CERTIFICATE.",
        )
    with transaction(engine) as session:
        chosen = _to_stamp(session, config, witnessed)
        size, data = chosen.size, chosen.note.encode()
    try:
        trusted = stamps.certificates(config.tsa_certificate.read_bytes())
        asked = stamps.query(data)
        reply = _ask(config, asked.raw)
        found = stamps.check(reply, data, trusted, nonce=asked.nonce, policy=config.tsa_policy or None)
    except stamps.StampFault as fault:
        raise _failed(fault) from fault
    except (OSError, httpx.HTTPError) as fault:
        raise Unavailable(
            "authority_unreachable",
            zh="无法取得时间戳",
            en=f"The authority could not be asked ({type(fault).__name__})",
            fix_zh="核对 GONGXIN_TSA_URL、网络与证书文件；将自动重试。",
            fix_en="Check GONGXIN_TSA_URL, the network and the certificate's file; it is tried again by itself.",
        ) from fault
    with transaction(engine) as session:
        kept = Stamp(
            size=size, reply=reply, stamped_at=found.time, serial=str(found.serial), policy=found.policy,
            authority=found.authority, received_at=clock.now(),
        )  # fmt: skip
        session.add(kept)
        session.flush()
    log.info("log_stamped", count=size)
    return kept


def _to_stamp(session: Session, config: Config, witnessed: bool) -> LogCheckpoint:
    newest = queries.newest_checkpoint(session)
    if newest is None:
        raise Unavailable("log_not_started", zh="透明日志尚未启用", en="The log has not been started yet")
    size = witnessing.newest_witnessed(session, config.witness_quorum) if witnessed else None
    found = None if size is None else queries.checkpoint_of(session, size)
    return found if found is not None and newest.signed_at - found.signed_at < timedelta(hours=1) else newest


def _ask(config: Config, query: bytes) -> bytes:
    """RFC 3161 section 3.4. Never more of an answer than the longest stamp in memory."""
    from gongxin_wire import stamps

    headers = {"Content-Type": stamps.QUERY, "Accept": stamps.REPLY}
    with (
        httpx.Client(timeout=TIMEOUT, follow_redirects=False) as client,
        client.stream("POST", config.tsa_url, content=query, headers=headers) as answer,
    ):
        answer.raise_for_status()
        reply = b""
        for part in answer.iter_bytes():
            reply += part
            if len(reply) > stamps.MAX_REPLY:
                raise stamps.StampFault("stamp_too_long", "时间戳过长", "The stamp is too long")
    return reply


def _failed(fault: "StampFault") -> Unavailable:
    return Unavailable(
        fault.code,
        zh=fault.zh,
        en=fault.en,
        fix_zh="核对机构与 GONGXIN_TSA_CERTIFICATE；将自动重试。",
        fix_en="Check the authority and GONGXIN_TSA_CERTIFICATE; it is tried again by itself.",
    )


@dataclass
class Stamper:
    """Stamps once a day, beside the jobs: `turn` returns at once. One attempt at a time; after a failure a pause that
    doubles, an hour at most."""

    failures: int = 0
    not_before: float = 0.0
    _thread: threading.Thread | None = field(default=None, repr=False)

    def turn(self, session: Session, config: Config) -> int:
        """Begins an attempt where one is due; how many were begun."""
        busy = self._thread is not None and self._thread.is_alive()
        if not config.tsa_url or busy or clock.monotonic() < self.not_before:
            return 0
        last = witnessing.last_stamp(session)
        if not rules_witnessing.stamp_is_due(last.received_at if last else None, clock.now()):
            return 0
        engine = session.get_bind().engine
        self._thread = threading.Thread(target=self.attempt, args=(engine, config), daemon=True, name="stamper")
        self._thread.start()
        return 1

    def attempt(self, engine: Engine, config: Config) -> None:
        """One attempt; what comes of it is logged, never raised."""
        try:
            stamp(engine, config, witnessed=True)
            self.failures, self.not_before = 0, 0.0
        except Exception as fault:
            self.failures += 1
            self.not_before = clock.monotonic() + rules_witnessing.retry_after(self.failures)
            code = fault.code if isinstance(fault, Unavailable) else None
            log.warning("log_stamp_failed", code=code, error=type(fault).__name__, count=self.failures)

    def wait(self, seconds: float) -> None:
        """Until the attempt that runs has ended."""
        if self._thread is not None:
            self._thread.join(seconds)


def age(session: Session) -> tuple[bool, float]:
    """Whether the last good stamp is late, and its age in seconds (of the log, where there is none)."""
    last, first = witnessing.last_stamp(session), witnessing.checkpoint_after(session, -1)
    now, received, since = clock.now(), last.received_at if last else None, first.signed_at if first else None
    begun = received or since
    age = max(0.0, (now - begun) / timedelta(seconds=1)) if begun is not None else 0.0
    return rules_witnessing.stamp_is_late(received, since, now), age


def warn_of_stamps(session: Session, config: Config) -> int:
    """A warning where the last good stamp is older than 36 hours; how many warnings."""
    if not config.tsa_url or not age(session)[0]:
        return 0
    log.warning("log_stamp_late")
    return 1


def measures(session: Session, config: Config) -> dict[str, tuple[str, float]]:
    """For /metrics; nothing where no authority is configured."""
    if not config.tsa_url:
        return {}
    late, seconds = age(session)
    return {
        "gongxin_log_stamp_age_seconds": ("Age of the last good time stamp", seconds),
        "gongxin_log_stamp_late": ("1 where it is older than 36 hours", 1.0 if late else 0.0),
    }
