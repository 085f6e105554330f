"""Idempotency-Key (IETF draft-ietf-httpapi-idempotency-key-header): same key and body, same answer.

The answer is stored in the transaction of the work itself, so that the two exist together or not at all. Another body
under the same key is 422; a key whose first request is still running is 409. Refusals (400 and above) are not stored:
their work was rolled back, and the same key may be sent again once the cause is mended.
"""

import hashlib
import uuid
from datetime import datetime

from flask import Response
from sqlalchemy import (
    CheckConstraint,
    DateTime,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Uuid,
    delete,
    func,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from gongxin.db import Base
from gongxin.errors import Conflict, Invalid

from .caller import Caller

_KEPT = ("Content-Type", "ETag", "Location")


class IdempotencyKey(Base):
    """One remembered answer. Kept 30 days; the worker deletes older ones."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        PrimaryKeyConstraint("member_id", "key"),
        CheckConstraint("octet_length(body_digest) = 32", name="digest"),
    )
    member_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    key: Mapped[str] = mapped_column(String(128))
    operation: Mapped[str] = mapped_column(String(64))
    body_digest: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(Integer)
    headers: Mapped[list[str]]
    answer: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))


def check_key(key: str) -> str:
    """1 to 128 visible ASCII characters, quotes of a structured-field string taken off."""
    bare = key[1:-1] if len(key) >= 2 and key[0] == key[-1] == '"' else key
    if not 1 <= len(bare) <= 128 or not all("!" <= c <= "~" for c in bare):
        raise Invalid(
            "bad_idempotency_key",
            zh="Idempotency-Key 无效",
            en="The Idempotency-Key is not acceptable",
            fix_zh="使用 1 至 128 个可见 ASCII 字符，例如 UUID。",
            fix_en="Use 1 to 128 visible ASCII characters, such as a UUID.",
        )
    return bare


def digest(operation: str, path: str, body: bytes) -> bytes:
    return hashlib.sha256(operation.encode() + b"\0" + path.encode() + b"\0" + body).digest()


def find_answer(session: Session, caller: Caller, key: str, body_digest: bytes) -> IdempotencyKey | None:
    """The remembered answer, or None with the key held until this transaction ends."""
    held = session.scalar(
        text("select pg_try_advisory_xact_lock(hashtextextended(:key, 7203))"), {"key": f"{caller.member_id}:{key}"}
    )
    if not held:
        raise Conflict(
            "request_in_progress",
            zh="同一 Idempotency-Key 的请求仍在处理",
            en="A request with this Idempotency-Key is still running",
            fix_zh="稍候用同一键重试。",
            fix_en="Wait, then retry with the same key.",
        )
    found = session.get(IdempotencyKey, (caller.member_id, key))
    if found is not None and found.body_digest != body_digest:
        raise Invalid(
            "idempotency_key_reused",
            zh="该 Idempotency-Key 已用于另一请求",
            en="This Idempotency-Key was used for another request",
            fix_zh="每个新请求使用新的键。",
            fix_en="Use a new key for each new request.",
        )
    return found


def remember(operation: str, caller: Caller, key: str, body_digest: bytes, response: Response) -> IdempotencyKey:
    """The row that keeps this answer, for the transaction of the work."""
    return IdempotencyKey(
        member_id=caller.member_id,
        key=key,
        operation=operation,
        body_digest=body_digest,
        status=response.status_code,
        headers=[f"{name}: {response.headers[name]}" for name in _KEPT if name in response.headers],
        answer=response.get_data(),
    )


def replay(kept: IdempotencyKey) -> Response:
    """The answer as it was, marked as said again."""
    response = Response(kept.answer, kept.status)
    for line in kept.headers:
        name, _, value = line.partition(": ")
        response.headers[name] = value
    response.headers["Idempotency-Replayed"] = "true"
    return response


def forget(session: Session, before: datetime) -> int:
    """Deletes answers remembered before this instant; how many. A job, acting as the registry."""
    gone = delete(IdempotencyKey).where(IdempotencyKey.created_at < before).returning(IdempotencyKey.member_id).cte()
    return session.scalar(select(func.count()).select_from(gone)) or 0
