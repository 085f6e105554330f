"""Registering cases, linking references, adding keys of a new epoch: one or ten thousand by the same statements."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.errors import Conflict, Forbidden, GongxinError, Invalid, NotFound
from gongxin.subjects import rules as subject_rules
from gongxin.subjects import service as subjects
from gongxin.web import ndjson
from gongxin.web.caller import Caller

from .. import lines, queries, writes
from ..lines import NewCase, Reader, Reference
from ..models import Case
from .projecting import as_registry, project
from .reading import describe

Key = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case: registered now, there already with the same content, or refused."""

    case_id: uuid.UUID | None = None
    created: bool = False
    refusal: GongxinError | None = None


def reader(session: Session) -> Reader:
    """What the open epochs and the day make of a line."""
    epochs = subjects.open_epochs(session)
    return Reader(subject_rules.accepted(epochs), subject_rules.required(epochs), clock.today_in_china())


def register(session: Session, *, config: Config, caller: Caller, new: NewCase) -> tuple[Case, dict[str, Any], bool]:
    """(case, how it reads, whether it is new). Raises Conflict where the reference stands for another case."""
    lines.refuse_personal_ref(new.creditor_ref)
    (outcome,) = _register(session, config, caller, [new])
    if outcome.refusal is not None:
        raise outcome.refusal
    assert outcome.case_id is not None
    case = queries.get_case(session, outcome.case_id)
    return case, describe(session, case), outcome.created


def register_bulk(
    session: Session, *, config: Config, caller: Caller, bodies: Sequence[bytes]
) -> list[tuple[str | None, Outcome]]:
    """(creditor_ref, outcome) of each line, in their order; a refused line hinders no other."""
    read = reader(session)
    found: list[tuple[str | None, Outcome]] = []
    cases: list[tuple[int, NewCase]] = []
    seen: set[str] = set()
    for at, body in enumerate(bodies):
        try:
            new = read.case(ndjson.parse(body, config.max_json_depth))
            if new.creditor_ref in seen:
                raise lines.repeated("/creditor_ref")
        except GongxinError as refusal:
            found.append((None, Outcome(refusal=refusal)))
        else:
            seen.add(new.creditor_ref)
            found.append((new.creditor_ref, Outcome()))
            cases.append((at, new))
    if lines.with_personal_refs(seen):
        cases = _without_personal_refs(cases, found)
    outcomes = _register(session, config, caller, [new for _, new in cases])
    for (at, new), outcome in zip(cases, outcomes, strict=True):
        found[at] = (new.creditor_ref, outcome)
    return found


def _without_personal_refs(
    cases: list[tuple[int, NewCase]], found: list[tuple[str | None, Outcome]]
) -> list[tuple[int, NewCase]]:
    kept = []
    for at, new in cases:
        try:
            lines.refuse_personal_ref(new.creditor_ref)
        except Invalid as refusal:
            found[at] = (None, Outcome(refusal=refusal))
        else:
            kept.append((at, new))
    return kept


def _register(session: Session, config: Config, caller: Caller, cases: Sequence[NewCase]) -> list[Outcome]:
    if not cases:
        return []
    now = clock.now()
    creditor_id = _member(caller)
    refused = _unknown_mediators(session, cases)
    wanted = [
        (ids.new_id(), new, subjects.keys_of(config, "debtor", new.tokens))
        for at, new in enumerate(cases)
        if at not in refused
    ]
    links = [(case_id, item) for case_id, new, _ in wanted for item in new.references]
    _hold(session, (item for _, item in links))
    created = writes.insert_cases(
        session, creditor_id, [(i, new.creditor_ref, new.opened_on) for i, new, _ in wanted], now
    )
    writes.insert_keys(session, [(i, *key) for i, _, keys in wanted if i in created for key in keys])
    linked = writes.insert_references(session, [link for link in links if link[0] in created], now) if links else set()
    if linked:
        with as_registry(session, caller):
            project(session, queries.reached_by_courts(session, linked), clock.today_in_china(), now)
    there = [new.creditor_ref for case_id, new, _ in wanted if case_id not in created]
    known = queries.registered(session, creditor_id, there) if there else {}
    outcomes = iter(
        Outcome(case_id, True) if case_id in created else _compare(known.get(new.creditor_ref), new, keys)
        for case_id, new, keys in wanted
    )
    return [Outcome(refusal=refused[at]) if at in refused else next(outcomes) for at in range(len(cases))]


def _compare(there: Any, new: NewCase, keys: Sequence[Key]) -> Outcome:
    """The same content under the same reference is the same case: same subject wherever both name an epoch."""
    if there is not None:
        held = {int(epoch): key for epoch, key in (there.keys_ or {}).items()}
        common = [(held[epoch], key.hex()) for epoch, key in keys if epoch in held]
        links = {(kind, reference, member) for kind, reference, member in there.refs or ()}
        given = {(r.kind, r.reference, str(r.member_id) if r.member_id else None) for r in new.references}
        if there.opened_on == new.opened_on and common and all(a == b for a, b in common) and given <= links:
            return Outcome(there.id)
    return Outcome(
        refusal=Conflict(
            "creditor_ref_taken",
            zh="该 creditor_ref 已登记了另一内容的案件",
            en="This creditor_ref stands for a case with other content",
            fix_zh="核对内容，或为新案件使用新的编号。",
            fix_en="Check the content, or give the new case a new number.",
            pointer="/creditor_ref",
        )
    )


def _unknown_mediators(session: Session, cases: Sequence[NewCase]) -> dict[int, Invalid]:
    """Positions of cases that name a mediator who is none, each with its refusal."""
    named = {item.member_id for new in cases for item in new.references if item.member_id is not None}
    unknown = named - queries.active_members(session, named, "mediator") if named else set()
    if not unknown:
        return {}
    return {
        at: _no_mediator(f"/references/{place}/member_id")
        for at, new in enumerate(cases)
        for place, item in enumerate(new.references)
        if item.member_id in unknown
    }


def _no_mediator(pointer: str) -> Invalid:
    return Invalid(
        "mediator_not_found",
        zh="没有这家在册的调解机构",
        en="There is no such active mediator",
        fix_zh="按机构名录核对 member_id。",
        fix_en="Check member_id against the directory.",
        pointer=pointer,
    )


def _hold(session: Session, references: Iterable[Reference]) -> None:
    numbers = {item.reference for item in references if item.kind == "court_case"}
    if numbers:
        queries.hold_numbers(session, numbers, shared=True)


def link_reference(
    session: Session, *, caller: Caller, case_id: uuid.UUID, reference: Reference
) -> tuple[Case, dict[str, Any]]:
    """The case carries one more 案号 or mediation file; what courts asserted under the number reaches it at once."""
    now = clock.now()
    if reference.member_id is not None and not queries.active_members(session, [reference.member_id], "mediator"):
        raise _no_mediator("/member_id")
    _hold(session, [reference])
    queries.get_case(session, case_id, lock=True)
    if len(queries.references_of(session, [case_id]).get(case_id, ())) >= lines.MAX_REFERENCES * 2:
        raise Conflict(
            "too_many_references",
            zh="案件的编号过多",
            en="The case carries too many references",
            fix_zh="请核对；一案至多 20 个编号。",
            fix_en="Check them; a case carries at most 20.",
        )
    if writes.insert_references(session, [(case_id, reference)], now):
        with as_registry(session, caller):
            writes.touch(session, [case_id], now)
            project(session, [case_id], clock.today_in_china(), now)
    case = queries.get_case(session, case_id)
    return case, describe(session, case)


def unlink_reference(
    session: Session, *, caller: Caller, case_id: uuid.UUID, kind: str, reference: str
) -> tuple[Case, dict[str, Any]]:
    """A wrong reference ends: what courts assert under the number reaches the case no more. Raises NotFound."""
    now = clock.now()
    queries.get_case(session, case_id, lock=True)
    link = queries.find_reference(session, case_id, kind, reference)
    if link is None:
        raise NotFound(
            "reference_not_found",
            zh="案件没有这个编号",
            en="The case does not carry this reference",
            fix_zh="按案件的 references 核对。",
            fix_en="Check the case's references.",
        )
    link.ended_at, link.ended_by = now, _member(caller)
    session.flush()
    with as_registry(session, caller):
        writes.touch(session, [case_id], now)
        project(session, [case_id], clock.today_in_china(), now)
    case = queries.get_case(session, case_id)
    return case, describe(session, case)


# --- keys of a new epoch --------------------------------------------------------------------------------------------


def rekey_bulk(
    session: Session, *, config: Config, caller: Caller, bodies: Sequence[bytes]
) -> list[tuple[uuid.UUID | None, GongxinError | None]]:
    """(case, refusal) of each line. A key that is there stays as it is: the same is done, another is refused."""
    read = reader(session)
    found: list[tuple[uuid.UUID | None, GongxinError | None]] = []
    wanted: list[tuple[int, uuid.UUID, list[Key]]] = []
    seen: set[uuid.UUID] = set()
    for at, body in enumerate(bodies):
        try:
            case_id, tokens = read.keys(ndjson.parse(body, config.max_json_depth))
            if case_id in seen:
                raise lines.repeated("/case_id")
        except GongxinError as refusal:
            found.append((None, refusal))
        else:
            seen.add(case_id)
            found.append((case_id, None))
            wanted.append((at, case_id, subjects.keys_of(config, "debtor", tokens)))
    _rekey(session, _member(caller), wanted, found)
    return found


def _rekey(
    session: Session,
    creditor_id: uuid.UUID,
    wanted: Sequence[tuple[int, uuid.UUID, list[Key]]],
    found: list[tuple[uuid.UUID | None, GongxinError | None]],
) -> None:
    cases: Collection[Case] = queries.lock_cases(session, [case_id for _, case_id, _ in wanted]).values()
    own = {case.id for case in cases if case.creditor_id == creditor_id}
    held = queries.keys_of_cases(session, own)
    rows = []
    for at, case_id, keys in wanted:
        if case_id not in own:
            found[at] = (case_id, NotFound("case_not_found", zh="没有这个案件", en="There is no such case"))
        elif any(held.get((case_id, epoch), key) != key for epoch, key in keys):
            found[at] = (case_id, _another_subject())
        else:
            rows += [(case_id, epoch, key) for epoch, key in keys if (case_id, epoch) not in held]
    if rows:
        writes.insert_keys(session, rows)


def _another_subject() -> Conflict:
    return Conflict(
        "another_subject",
        zh="该密钥期已登记了另一主体",
        en="Under this epoch the case has another subject",
        fix_zh="案件的主体不能更改；请核对令牌。",
        fix_en="A case's subject does not change; check the token.",
        pointer="/subject",
    )


def _member(caller: Caller) -> uuid.UUID:
    if caller.member_id is None:
        raise Forbidden
    return caller.member_id
