"""The verbs on accounts, entries and holds; periods are in `periods.py`. Verbs flush, never commit; the database checks
again whatever they let through."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.errors import Conflict, Forbidden
from gongxin.pii import refuse_pii

from . import queries, rules, writes
from . import queries_verbs as verbs
from .models import Account, Entry, Hold
from .rules import Actor, Draft, NewLeg


def open_account(
    session: Session,
    *,
    code: str,
    name_zh: str,
    name_en: str,
    type: str,
    fund: str,
    restriction: str | None = None,
    minimum_fen: int | None = None,
) -> Account:
    """A new account. `minimum_fen`: no entry takes it below that; without it, only what is held is kept."""
    rules.check_code(code, rules.CODE_PATTERN, "/code")
    rules.check_words(name_zh, 120, "/name_zh")
    rules.check_words(name_en, 120, "/name_en")
    rules.check_choice(type, rules.TYPES, "/type")
    rules.check_choice(fund, rules.FUNDS, "/fund")
    if restriction is not None:
        rules.check_code(restriction, rules.RESTRICTION_PATTERN, "/restriction")
    if minimum_fen:
        rules.check_fen(minimum_fen, "/minimum_fen")
    refuse_pii([name_zh, name_en])
    if queries.accounts(session, [code]):
        raise Conflict(
            "account_exists",
            zh="该科目代码已在册",
            en="An account with this code is on record",
            fix_zh="换一个代码；已关闭的科目也保留在册。",
            fix_en="Choose another code; closed accounts stay on record.",
            pointer="/code",
        )
    account = Account(
        id=ids.new_id(),
        code=code,
        name_zh=name_zh,
        name_en=name_en,
        type=type,
        fund=fund,
        restriction=restriction,
        currency="CNY",
        normal_side=rules.NORMAL_SIDE[type],
        minimum_fen=minimum_fen,
        created_at=clock.now(),
    )
    session.add(account)
    session.flush()
    return account


def close_account(session: Session, code: str) -> Account:
    """Nothing is posted on it from now on. The database refuses it while anything is on it or held."""
    account = queries.get_account(session, code)
    if account.closed_at is None:
        account.closed_at = clock.now()
        session.flush()
    return account


def draft(session: Session, *, actor: Actor, new: Draft, submit: bool = False) -> tuple[Entry, bool]:
    """The entry, and whether it is new: the same key with the same content gives the same entry. Raises Conflict where
    the key was used for another."""
    found, created = draft_many(session, actor=actor, drafts=[new], submit=submit)
    return queries.get_entry(session, found[0]), created == 1


def draft_many(
    session: Session, *, actor: Actor, drafts: Sequence[Draft], submit: bool = False
) -> tuple[list[uuid.UUID], int]:
    """Many entries in a few statements: their ids in order, and how many are new."""
    for new in drafts:
        rules.check_draft(new)
        refuse_pii({"description": new.description, "reference": new.reference})
    hashes = {new.key: new.key_hash(actor.member_id) for new in drafts}
    known = {entry.key: entry for entry in queries.entries_with_keys(session, list(hashes))}
    if any(entry.key_hash != hashes[key] for key, entry in known.items()) or len(hashes) != len(drafts):
        raise _key_taken()
    fresh = [new for new in drafts if new.key not in known]
    made = {new.key: ids.new_id() for new in fresh}
    if fresh:
        _insert(session, actor, fresh, made, hashes, submit)
    return [known[new.key].id if new.key in known else made[new.key] for new in drafts], len(fresh)


def _insert(
    session: Session,
    actor: Actor,
    fresh: Sequence[Draft],
    made: Mapping[str, uuid.UUID],
    hashes: Mapping[str, bytes],
    submit: bool,
) -> None:
    accounts = _accounts(session, [leg for new in fresh for leg in new.legs])
    periods = {day: queries.period_of(session, day).number for day in {new.booked_on for new in fresh}}
    rows, legs = [], []
    for new in fresh:
        rules.check_accounts(new.legs, accounts)
        if submit:
            _check_balanced(new.legs, accounts)
        rows.append(
            {
                "id": str(made[new.key]),
                "key": new.key,
                "key_hash": hashes[new.key].hex(),
                "period": periods[new.booked_on],
                "booked_on": new.booked_on.isoformat(),
                "description": new.description,
                "reference": new.reference,
                "reverses": None if new.reverses is None else str(new.reverses),
                "hold_id": None if new.hold_id is None else str(new.hold_id),
            }
        )
        legs += _leg_rows(made[new.key], new.legs, accounts)
    now = clock.now()
    writes.insert_entries(session, actor, rows, now)
    writes.insert_legs(session, legs)
    if submit:
        writes.move(session, actor, list(made.values()), "submitted", now)


def revise(session: Session, entry_id: uuid.UUID, *, actor: Actor, legs: Sequence[NewLeg]) -> Entry:
    """Other legs for a draft, by its maker."""
    entry = queries.get_entry(session, entry_id, lock=True)
    if entry.state != "draft":
        raise Conflict(
            "entry_not_draft",
            zh="仅草稿可修改分录行",
            en="Legs change only while the entry is a draft",
            fix_zh="经办人可先将已提交的分录退回草稿。",
            fix_en="The maker takes a submitted entry back to a draft first.",
        )
    _only_maker(entry, actor)
    rules.check_draft(Draft(entry.key, entry.booked_on, entry.description, tuple(legs)))
    accounts = _accounts(session, legs)
    rules.check_accounts(legs, accounts)
    writes.remove_legs(session, entry_id)
    writes.insert_legs(session, _leg_rows(entry_id, legs, accounts))
    return entry


def move(session: Session, entry_id: uuid.UUID, *, actor: Actor, state: str, reason: str | None = None) -> Entry:
    """Submits an entry, takes it back to a draft, withdraws or rejects it."""
    rules.check_reason(state, reason)
    if reason is not None:
        refuse_pii(reason, "/reason")
    entry = queries.get_entry(session, entry_id, lock=True)
    rules.check_step(entry.state, state)
    if state == "rejected":
        _not_maker(entry, actor)
    else:
        _only_maker(entry, actor)
    if state == "submitted":
        found = queries.legs(session, [entry_id])
        rules.check_balanced(
            (leg.fund, account.restriction, rules.signed(leg.side, leg.amount_fen)) for leg, account in found
        )
    writes.move(session, actor, [entry_id], state, clock.now(), reason)
    return queries.get_entry(session, entry_id)


def approve(session: Session, entry_id: uuid.UUID, *, actor: Actor, content_hash: bytes) -> Entry:
    """An officer's yes to the content of this hash. The last one needed makes the entry approved."""
    entry = queries.get_entry(session, entry_id, lock=True)
    rules.check_step(entry.state, "approved")
    _not_maker(entry, actor)
    if content_hash != entry.content_hash:
        raise Conflict(
            "content_changed",
            zh="分录内容与所批准的不同",
            en="The content is not what is approved",
            fix_zh="重新读取分录，核对后以其 content_hash 批准。",
            fix_en="Read the entry again, check it, and approve its content_hash.",
            pointer="/content_hash",
        )
    if any(
        found.officer == actor.officer and found.content_hash == content_hash
        for found in queries.approvals(session, [entry_id])
    ):
        raise Conflict(
            "already_approved",
            zh="该人员已批准过此分录",
            en="This person has approved the entry already",
            fix_zh="由另一名复核人批准。",
            fix_en="Another approver is needed.",
            pointer="/officer",
        )
    verbs.approve(session, entry_id, actor, content_hash, clock.now())
    return queries.get_entry(session, entry_id)


def approve_many(session: Session, *, actor: Actor, hashes: Mapping[uuid.UUID, bytes]) -> None:
    """One officer's yes to many contents at once; refused by the database as a whole where one is not as it was."""
    writes.approve(session, actor, hashes, clock.now())


def post(session: Session, entry_id: uuid.UUID, *, actor: Actor) -> Entry:
    """Posts an approved entry: the database checks all, and writes balances, history and leaf."""
    entry = queries.get_entry(session, entry_id, lock=True)
    rules.check_step(entry.state, "posted")
    verbs.post(session, entry_id, actor, clock.now())
    return queries.get_entry(session, entry_id)


def book(session: Session, *, maker: Actor, approvers: Sequence[Actor], new: Draft) -> Entry:
    """An entry's whole life in one statement, where all has been decided before: drafted, approved by those named,
    posted. The same key with the same content gives the same entry."""
    rules.check_draft(new)
    refuse_pii({"description": new.description, "reference": new.reference})
    known = queries.entries_with_keys(session, [new.key])
    if any(entry.key_hash != new.key_hash(maker.member_id) for entry in known):
        raise _key_taken()
    if not known:
        accounts = _accounts(session, new.legs)
        rules.check_accounts(new.legs, accounts)
        _check_balanced(new.legs, accounts)
        queries.period_of(session, new.booked_on)
    return queries.get_entry(session, verbs.book(session, ids.new_id(), maker, approvers, new, clock.now()))


def post_many(session: Session, *, actor: Actor, entry_ids: Sequence[uuid.UUID]) -> None:
    """All of them or none."""
    writes.move(session, actor, entry_ids, "posted", clock.now())


def reverse(
    session: Session, entry_id: uuid.UUID, *, actor: Actor, key: str, booked_on: date, description: str
) -> tuple[Entry, bool]:
    """The entry that undoes a posted one, submitted: it needs approvals as any other. Raises Conflict for a reversal
    and for what is reversed already."""
    original = queries.get_entry(session, entry_id, lock=True)
    if original.reverses is not None or original.state != "posted":
        raise Conflict(
            "not_reversible",
            zh="该分录不能冲销",
            en="This entry cannot be reversed",
            fix_zh="仅可冲销已过账的原始分录；冲销分录有误时另做新分录。",
            fix_en="Only a posted original is reversed; where a reversal was wrong, make a new entry.",
        )
    legs = tuple(
        NewLeg(account.code, leg.fund, rules.other(leg.side), leg.amount_fen)
        for leg, account in queries.legs(session, [entry_id])
    )
    new = Draft(key, booked_on, description, legs, reference=original.reference, reverses=entry_id)
    return draft(session, actor=actor, new=new, submit=True)


def hold(session: Session, *, actor: Actor, account: str, amount_fen: int, reason: str) -> Hold:
    """Keeps part of an account for one entry. The database refuses more than there is above the minimum."""
    rules.check_fen(amount_fen, "/amount_fen")
    rules.check_words(reason, rules.MAX_WORDS, "/reason")
    refuse_pii(reason, "/reason")
    found = Hold(
        id=ids.new_id(),
        account_id=queries.get_account(session, account).id,
        amount_fen=amount_fen,
        reason=reason,
        state="held",
        member_id=actor.member_id,
        officer=actor.officer,
        placed_at=clock.now(),
    )
    session.add(found)
    session.flush()
    return found


def release(session: Session, hold_id: uuid.UUID) -> Hold:
    """Ends a hold that no entry stands on."""
    found = queries.get_hold(session, hold_id)
    if found.state != "held":
        raise Conflict(
            "hold_ended",
            zh="该冻结已结束",
            en="The hold has ended",
            fix_zh="无需再次解除。",
            fix_en="There is nothing left to release.",
        )
    found.state, found.ended_at = "released", clock.now()
    session.flush()
    return found


def _accounts(session: Session, legs: Sequence[NewLeg]) -> dict[str, Account]:
    return {account.code: account for account in queries.accounts(session, {leg.account for leg in legs})}


def _check_balanced(legs: Sequence[NewLeg], accounts: Mapping[str, Account]) -> None:
    rules.check_balanced(
        (leg.fund, accounts[leg.account].restriction, rules.signed(leg.side, leg.amount_fen)) for leg in legs
    )


def _leg_rows(entry_id: uuid.UUID, legs: Sequence[NewLeg], accounts: Mapping[str, Account]) -> list[dict[str, Any]]:
    return [
        {
            "entry_id": str(entry_id),
            "position": at,
            "account_id": str(accounts[leg.account].id),
            "fund": leg.fund,
            "side": leg.side,
            "amount_fen": leg.amount_fen,
        }
        for at, leg in enumerate(legs, 1)
    ]


def _only_maker(entry: Entry, actor: Actor) -> None:
    if actor.officer != entry.maker_officer:
        raise Forbidden(
            "not_the_maker",
            zh="仅经办人可进行此操作",
            en="Only the maker may do this",
            fix_zh="请由起草该分录的人员办理。",
            fix_en="Whoever drafted the entry does it.",
            pointer="/officer",
        )


def _not_maker(entry: Entry, actor: Actor) -> None:
    if actor.officer == entry.maker_officer:
        raise Forbidden(
            "maker_is_not_checker",
            zh="经办人不得复核自己的分录",
            en="The maker does not check their own entry",
            fix_zh="由另一人复核；换账号、换写法仍是同一人。",
            fix_en="Another person checks it; another account or spelling is the same person.",
            pointer="/officer",
        )


def _key_taken() -> Conflict:
    return Conflict(
        "entry_key_taken",
        zh="该键已用于另一内容",
        en="The key was used for another content",
        fix_zh="同一键须提交同一内容；新分录请用新键。",
        fix_en="Send the same content with the same key, or a new key for a new entry.",
        pointer="/key",
    )
