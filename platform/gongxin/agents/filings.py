"""The verbs on agencies' filings: file, decide; the officers' names lie sealed as agents' do."""

import secrets
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.transparency import service as transparency
from gongxin.web.caller import Caller
from gongxin_wire import licences

from . import identities, queries_filings, rules, rules_filings, watches
from .models_filings import AgencyFiling, AgencyFilingChange


def file(
    session: Session, *, config: Config, caller: Caller, scope: list[str], officers: list[dict[str, str]]
) -> AgencyFiling:
    """An agency's own filing; the one in force stays so until the association accepts this one."""
    assert caller.member_id is not None
    rules_filings.check_move("file", "draft", caller.kind)
    rules_filings.check_filing(scope, [(each["role"], each["name"]) for each in officers])
    filing_id, now = ids.new_id(), clock.now()
    sealed_key, sealed = identities.envelope(config, identities.filing_label(filing_id), officers)
    session.add(
        AgencyFiling(
            id=filing_id,
            agency_id=caller.member_id,
            number=licences.draw(secrets.randbelow, licences.FILING_PREFIX),
            state="draft",
            scope=scope,
            officers=len(officers),
            sealed_key=sealed_key,
            sealed=sealed,
            key_id=identities.key_id(config.master_key),
            version=0,
            filed_at=now,
            changed_at=now,
        )
    )
    session.flush()
    _change(session, queries_filings.get_filing(session, filing_id), "file", "机构备案 filing", caller)
    return queries_filings.get_filing(session, filing_id)


def move(
    session: Session, filing_id: uuid.UUID, *, caller: Caller, action: str, reason: str, version: int | None = None
) -> AgencyFiling:
    """A decision or an act on a filing: `rules_filings.MOVES`. What is accepted supersedes the filing in force; who
    watches the agency's people is told where it begins or ceases to be in force. Raises Conflict where it does not
    follow."""
    filing = queries_filings.get_filing(session, filing_id)
    rules.check_reason(reason)
    rules_filings.check_move(action, filing.state, caller.kind)
    standing = queries_filings.agency_states(session, [filing.agency_id])
    if action == "accept":
        before = queries_filings.find_in_force(session, filing.agency_id)
        if before is not None:
            _change(session, before, "supersede", f"由 {filing.number} 取代 superseded", caller)
    _change(session, filing, action, reason, caller, version)
    if queries_filings.agency_states(session, [filing.agency_id]) != standing:
        for agent_id in queries_filings.watched_at(session, filing.agency_id, clock.today_in_china()):
            watches.changed(session, agent_id, {"agency"})
    return queries_filings.get_filing(session, filing_id)


def officers(session: Session, config: Config, filing_id: uuid.UUID) -> Sequence[dict[str, str]]:
    """Who answers for it, unsealed. Raises NotFound for another agency's."""
    held = queries_filings.get_filing(session, filing_id)
    found: list[dict[str, str]] = identities.opened(
        config, identities.filing_label(filing_id), held.sealed_key, held.sealed
    )
    return found


def _change(
    session: Session, filing: AgencyFiling, action: str, reason: str, caller: Caller, version: int | None = None
) -> None:
    """The row that makes it so, and its leaf: about the agency, without a name."""
    change = AgencyFilingChange(
        id=ids.new_id(),
        filing_id=filing.id,
        version=(filing.version if version is None else version) + 1,
        action=action,
        previous=filing.state,
        state=rules_filings.MOVES[action].end,
        reason=reason,
        changed_by=caller.by,
        changed_at=clock.now(),
    )
    session.add(change)
    session.flush()
    record: dict[str, Any] = {
        "action": action,
        "changed_at": transparency.moment(change.changed_at),
        "changed_by": change.changed_by,
        "filing": filing.number,
        "member_id": str(filing.agency_id),
        "previous": change.previous,
        "reason": reason,
        "scope": sorted(filing.scope),
        "state": change.state,
        "version": change.version,
    }
    transparency.append(session, kind="member_state", record=record, leaf_id=change.id, owner=filing.agency_id)
