"""The verbs on peers. Verbs flush, never commit. `officer` is the login of the administrator who acts."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.errors import Conflict

from . import descriptions, queries, rules
from .models import Peer, PeerAgreement, PeerStep


def propose(session: Session, config: Config, *, address: str, document: Any, officer: str) -> Peer:
    """A new peer by its own description; nothing is asked of it until two administrators have compared the fingerprint.
    Raises Conflict where it is there already, or is ourselves."""
    rules.check_officer(officer)
    rules.check_address(address, production=config.production)
    if address == config.issuer or queries.find_peer(session, address) is not None:
        raise Conflict(
            "peer_exists",
            zh="该登记处已在册，或就是本登记处",
            en="This registry is a peer already, or is ourselves",
            fix_zh="用 gongxin peers list 查看。",
            fix_en="See gongxin peers list.",
            pointer="/address",
        )
    found, key = descriptions.read(document, address=address, pinned=None)
    peer = Peer(
        id=ids.new_id(),
        address=address,
        name=found.name,
        state="proposed",
        kid=key["kid"],
        public_jwk=key,
        description=found.body,
        serial=found.serial,
        seen_at=clock.now(),
        created_at=clock.now(),
    )
    session.add(peer)
    session.flush()
    _step(session, peer, "proposed", officer, "")
    return peer


def approve(session: Session, *, address: str, officer: str, fingerprint: str) -> Peer:
    """One administrator's word that the fingerprint is what the other side read out; the second makes the peer active.
    Raises Conflict for a second word of the same person."""
    rules.check_officer(officer)
    peer = queries.get_peer(session, address)
    rules.check_state(peer.state if peer.state == "proposed" else "removed", "active")
    rules.check_fingerprint(fingerprint, descriptions.fingerprint(peer.kid))
    if any(
        (step.what, step.officer, step.kid) == ("approved", officer, peer.kid)
        for step in queries.steps(session, peer.id)
    ):
        raise Conflict(
            "approved_already",
            zh="同一人不能批准两次",
            en="The same person does not approve twice",
            fix_zh="请另一位管理员核对指纹并批准。",
            fix_en="Another administrator compares the fingerprint and approves.",
        )
    _step(session, peer, "approved", officer, "")
    if queries.approvals(session, peer.id, peer.kid) >= rules.APPROVALS:
        peer.state = "active"
        session.flush()
    return peer


def change_state(session: Session, *, address: str, state: str, officer: str, reason: str) -> Peer:
    """Pauses, resumes or removes. Raises Conflict where that does not follow."""
    rules.check_officer(officer)
    peer = queries.get_peer(session, address)
    # A proposed peer becomes active by two approvals alone.
    rules.check_state("removed" if (peer.state, state) == ("proposed", "active") else peer.state, state)
    what = {"active": "resumed", "paused": "paused", "removed": "removed"}[state]
    _step(session, peer, what, officer, rules.check_reason(reason))
    peer.state = state
    session.flush()
    return peer


def refresh(session: Session, *, address: str, document: Any) -> Peer:
    """A newer description, signed by the pinned key. Where it names a new key, that one is pinned from now on: it was
    announced under the old. Raises Invalid where the pinned key did not sign."""
    peer = queries.get_peer(session, address)
    found, key = descriptions.read(document, address=address, pinned=peer.kid, after=peer.serial)
    peer.name, peer.description, peer.serial, peer.seen_at = found.name, found.body, found.serial, clock.now()
    if key["kid"] != peer.kid:
        peer.kid, peer.public_jwk = key["kid"], key
        _step(session, peer, "rekeyed", "registry", "announced under the key pinned before")
    session.flush()
    return peer


def agree(
    session: Session, *, address: str, purposes: dict[str, int], data_types: list[str], officer: str
) -> PeerAgreement:
    """The next version of what this peer may ask."""
    rules.check_officer(officer)
    rules.check_terms(purposes, data_types)
    peer = queries.get_peer(session, address)
    newest = queries.agreement_in_force(session, peer.id)
    agreement = PeerAgreement(
        peer_id=peer.id,
        version=newest.version + 1 if newest is not None else 1,
        purposes=purposes,
        data_types=data_types,
        officer=officer,
        agreed_at=clock.now(),
    )
    session.add(agreement)
    session.flush()
    return agreement


def _step(session: Session, peer: Peer, what: str, officer: str, reason: str) -> uuid.UUID:
    step = PeerStep(
        id=ids.new_id(), peer_id=peer.id, what=what, officer=officer, reason=reason, kid=peer.kid, at=clock.now()
    )
    session.add(step)
    session.flush()
    return step.id
