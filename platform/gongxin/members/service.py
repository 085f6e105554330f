"""The verbs on members and agreements. Verbs flush, never commit."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from gongxin import clock, config, ids
from gongxin.errors import Conflict
from gongxin.transparency import service as transparency

from . import queries, rules
from .models import Agreement, Member, MemberChange


def apply(
    session: Session,
    *,
    kind: str,
    name_zh: str,
    name_en: str | None = None,
    uscc: str,
    court_code: str | None = None,
    synthetic: bool | None = None,
) -> Member:
    """A new institution, in state `applied`. `synthetic`: whether test institutions are the ones taken here; by default
    what the configuration says. Raises Conflict where the code is on record or the court code is held."""
    rules.check_kind(kind)
    rules.check_names(name_zh, name_en)
    code = rules.check_uscc(uscc, synthetic=config.load().synthetic if synthetic is None else synthetic)
    rules.check_court_code(kind, court_code)
    if queries.find_member_by_uscc(session, code) is not None:
        raise Conflict(
            "member_exists",
            zh="该信用代码的机构已在册",
            en="A member with this code is on record",
            fix_zh="在名录中查找该机构；已退出的机构也保留在册。",
            fix_en="Find it in the directory; one that left stays on record.",
            pointer="/uscc",
        )
    if court_code is not None and queries.find_sitting_court(session, court_code) is not None:
        raise Conflict(
            "court_code_taken",
            zh="该法院代字已有法院使用",
            en="Another court holds this court code",
            fix_zh="核对代字；原法院退出后方可使用。",
            fix_en="Check the code; it is free once the other court has left.",
            pointer="/court_code",
        )
    now = clock.now()
    member = Member(
        id=ids.new_id(),
        kind=kind,
        name_zh=name_zh,
        name_en=name_en,
        uscc=code,
        state="applied",
        court_code=court_code,
        created_at=now,
        changed_at=now,
    )
    session.add(member)
    session.flush()
    transparency.append(
        session,
        kind="member_state",
        record={
            "changed_at": transparency.moment(now),
            "court_code": court_code,
            "kind": kind,
            "member_id": str(member.id),
            "name_en": name_en,
            "name_zh": name_zh,
            "state": "applied",
            "uscc": code,
        },
        leaf_id=member.id,
        owner=member.id,
    )
    return member


def change_state(session: Session, member_id: uuid.UUID, *, state: str, reason: str, changed_by: str) -> Member:
    """Moves the member to another state; whoever reads it next sees it. Raises Conflict where the state does not
    follow; the database does where another change was quicker."""
    member = queries.get_member(session, member_id)
    rules.check_change(member.state, state, reason)
    rules.check_text(changed_by, rules.MAX_BY, "/changed_by")
    change = MemberChange(
        id=ids.new_id(),
        member_id=member_id,
        previous=member.state,
        state=state,
        reason=reason,
        changed_by=changed_by,
        changed_at=clock.now(),
    )
    session.add(change)
    session.flush()
    transparency.append(
        session,
        kind="member_state",
        record={
            "changed_at": transparency.moment(change.changed_at),
            "changed_by": changed_by,
            "member_id": str(member_id),
            "previous": change.previous,
            "reason": reason,
            "state": state,
        },
        leaf_id=change.id,
        owner=member_id,
    )
    return queries.get_member(session, member_id)


def agree(
    session: Session,
    member_id: uuid.UUID,
    *,
    purposes: Iterable[str],
    data_types: Iterable[str],
    budgets: Mapping[str, int],
    contacts: Mapping[str, str],
    effective_from: datetime,
) -> Agreement:
    """The next version of the member's agreement, which supersedes the one before from `effective_from` on."""
    member = queries.get_member(session, member_id)
    newest = queries.find_newest_agreement(session, member_id)
    terms = rules.Terms(list(purposes), list(data_types), dict(budgets), dict(contacts), effective_from)
    now = clock.now()
    rules.check_terms(member.kind, member.state, terms, newest.effective_from if newest else None, now)
    agreement = Agreement(
        id=ids.new_id(),
        member_id=member_id,
        version=newest.version + 1 if newest else 1,
        purposes=terms.purposes,
        data_types=terms.data_types,
        budgets=terms.budgets,
        contacts=terms.contacts,
        effective_from=terms.effective_from.astimezone(UTC),
        created_at=now,
    )
    session.add(agreement)
    session.flush()
    # Without the contacts: their addresses are persons'.
    transparency.append(
        session,
        kind="agreement",
        record={
            "budgets": agreement.budgets,
            "created_at": transparency.moment(now),
            "data_types": agreement.data_types,
            "effective_from": transparency.moment(agreement.effective_from),
            "member_id": str(member_id),
            "purposes": agreement.purposes,
            "version": agreement.version,
        },
        leaf_id=agreement.id,
        owner=member_id,
    )
    return agreement
