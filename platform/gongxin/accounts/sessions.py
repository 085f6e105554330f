"""Sessions of the pages: begun, resumed by the cookie's token, proven again, ended. As the registry, like `sign_in`."""

import secrets
import uuid
from datetime import timedelta

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.errors import NotFound

from . import queries, rules, service
from .models import Account, PageSession


def begin(session: Session, account: Account, *, face: str, method: str, device: str) -> str:
    """A new session; its token, which only the cookie holds."""
    token, now = secrets.token_urlsafe(32), clock.now()
    session.add(
        PageSession(
            id=ids.new_id(),
            account_id=account.id,
            token_digest=service.digest(token),
            face=face,
            method=method,
            device=(device.strip() or "?")[:80],
            began_at=now,
            seen_at=now,
            proven_at=now,
        )
    )
    session.flush()
    return token


def resume(session: Session, token: str, face: str) -> tuple[PageSession, Account] | None:
    """The live session of this cookie on this face, seen now; None where there is none or it is over."""
    found = queries.find_session(session, service.digest(token))
    if found is None:
        return None
    kept, account = found
    now = clock.now()
    if kept.face != face or account.state != "active" or rules.is_over(_signed(kept), now):
        return None
    if now - kept.seen_at > timedelta(minutes=1):  # a row a page would be a write a page
        kept.seen_at = now
    return kept, account


def must_prove_again(kept: PageSession) -> bool:
    return rules.must_prove_again(_signed(kept), clock.now())


def prove(session: Session, kept: PageSession) -> None:
    kept.proven_at = clock.now()
    session.flush()


def end(session: Session, account: Account, session_id: uuid.UUID) -> None:
    """Ends one of the account's own sessions. Raises NotFound for another's."""
    for kept in queries.live_sessions(session, account.id):
        if kept.id == session_id:
            kept.ended_at = clock.now()
            session.flush()
            return
    raise NotFound("session_not_found", zh="没有这个会话", en="There is no such session")


def end_all(session: Session, account: Account, but: uuid.UUID | None = None) -> int:
    """Ends the account's sessions, all or all but one; how many."""
    ended = [kept for kept in queries.live_sessions(session, account.id) if kept.id != but]
    for kept in ended:
        kept.ended_at = clock.now()
    session.flush()
    return len(ended)


def _signed(kept: PageSession) -> rules.Signed:
    return rules.Signed(kept.began_at, kept.seen_at, kept.proven_at, kept.ended_at)
