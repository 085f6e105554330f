"""Every SELECT on peers."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gongxin.errors import NotFound

from .models import Peer, PeerAgreement, PeerExchange, PeerStep


def get_peer(session: Session, address: str) -> Peer:
    """By its address, removed ones not counted; locked. Raises NotFound."""
    found = find_peer(session, address)
    if found is None:
        raise NotFound(
            "peer_not_found",
            zh="没有这个对等登记处",
            en="There is no such peer",
            fix_zh="用 gongxin peers list 查看。",
            fix_en="See gongxin peers list.",
        )
    return found


def find_peer(session: Session, address: str) -> Peer | None:
    return session.scalars(
        select(Peer).where(Peer.address == address, Peer.state != "removed").with_for_update()
    ).first()


def peer_of_key(session: Session, kid: str) -> Peer | None:
    """An active peer whose pinned key this is."""
    return session.scalars(select(Peer).where(Peer.kid == kid, Peer.state == "active")).first()


def peers(session: Session) -> Sequence[Peer]:
    """All, removed ones too, oldest first."""
    return session.scalars(select(Peer).order_by(Peer.id)).all()


def steps(session: Session, peer_id: uuid.UUID) -> Sequence[PeerStep]:
    return session.scalars(select(PeerStep).where(PeerStep.peer_id == peer_id).order_by(PeerStep.id)).all()


def approvals(session: Session, peer_id: uuid.UUID, kid: str) -> int:
    """How many people gave their word for this key."""
    return (
        session.scalar(
            select(func.count())
            .select_from(PeerStep)
            .where(PeerStep.peer_id == peer_id, PeerStep.what == "approved", PeerStep.kid == kid)
        )
        or 0
    )


def agreement_in_force(session: Session, peer_id: uuid.UUID) -> PeerAgreement | None:
    return session.scalars(
        select(PeerAgreement).where(PeerAgreement.peer_id == peer_id).order_by(PeerAgreement.version.desc()).limit(1)
    ).first()


def last_heard(session: Session) -> dict[uuid.UUID, datetime]:
    """When each peer's signature was last verified, in either direction."""
    rows: Sequence[Any] = session.execute(
        select(PeerExchange.peer_id, func.max(PeerExchange.at)).group_by(PeerExchange.peer_id)
    ).all()
    return {row[0]: row[1] for row in rows}


def exchanges(session: Session, peer_id: uuid.UUID, limit: int = 50) -> Sequence[PeerExchange]:
    """Newest first."""
    return session.scalars(
        select(PeerExchange).where(PeerExchange.peer_id == peer_id).order_by(PeerExchange.id.desc()).limit(limit)
    ).all()
