"""Erasing a record: its row, its leaf's opening, whatever was made of it. What stays is the leaf with its proof, a
tombstone, and a leaf that says so.

| kind of leaf | row that goes | kept by law until | besides |
|---|---|---|---|
| case_event, court_event | the event, with every correction of it | nothing | the state of its cases is made anew |
| lookup, subject_access | who looked, answered or refused | 5 years | |
| agent_check | who checked an agent | 5 years | |
| evidence | evidence with all its custody | its least retention | custody is not erased by itself |
| evidence_batch | the batch with all its custody | its least retention | |

Placements, members, agreements, keys, policies, money, and the roll of agents are not erased here: they hold no debtor,
and the law has them kept. The registry's operator erases, and the association; a legal hold refuses always.
"""

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.errors import Conflict
from gongxin.pii import refuse_pii
from gongxin.web.problems import CONSTRAINTS, translate
from gongxin_wire import commitments
from gongxin_wire.canonical import canonical

from . import queries, rules
from .service import Promise, moment, no_opening

Eraser = Callable[[Session, uuid.UUID], AbstractContextManager[Sequence[uuid.UUID]]]
"""Given a leaf: the leaves that go with it, in the order in which they can; after them, what was made of them is made
anew. A package whose records have such company registers one."""

ERASERS: dict[str, Eraser] = {}
FOLLOWERS: list[Callable[[Session, uuid.UUID], None]] = []
"""Packages that keep copies (what is delivered, projections) forget what they hold of a leaf's record."""

CONSTRAINTS.update(
    {
        "erasure_by": ("erasure_by", "只有登记处与协会可以擦除", "The registry and the association erase"),
        "erasure_kind": (
            "not_erasable",
            "这类记录不含被催收人的信息，或依法保存，不得擦除",
            "Records of this kind hold no debtor, or are kept by law",
        ),
        "erasure_held": ("erasure_held", "处于法律保全中，不得擦除", "It is under a legal hold and is not erased"),
        "erasure_clock": (
            "erasure_clock",
            "法定保存期限未满，只能依裁判或监管决定擦除",
            "The law still keeps it; before that only a court's or authority's order erases",
        ),
        "erasure_case_open": (
            "erasure_case_open",
            "案件未终结，处理目的尚未实现",
            "The case is not closed, so the purpose has not ended",
        ),
        "custody_erased_whole": (
            "erasure_of_custody",
            "保管链随证据一并擦除，不单独擦除",
            "Custody is erased with its evidence, not by itself",
        ),
        "log_erase_of_erasure": ("erasure_stands", "擦除记录本身不得擦除", "The record of an erasure is not erased"),
        "log_erase_present": ("no_opening", "没有可擦除的记录", "There is nothing there to erase"),
    }
)


def erase(session: Session, leaf_id: uuid.UUID, *, ground: str, because: str = rules.PURPOSE_ENDED) -> Promise:
    """Erases the record of a leaf for good, with what belongs to it; the promise of the leaf that says so. Raises
    NotFound where there is no such opening, Invalid for a ground that says nothing, Conflict where it must stay."""
    kept = rules.check_ground(ground)
    refuse_pii(kept, "/ground")
    rules.check_because(because)
    leaf = queries.find_leaf(session, leaf_id) or queries.find_waiting(session, leaf_id)
    if leaf is None or queries.find_opening(session, leaf_id) is None:
        raise no_opening(queries.find_erasure(session, leaf_id))
    promises: dict[uuid.UUID, Promise] = {}
    try:
        with session.begin_nested(), ERASERS.get(leaf.kind, _alone)(session, leaf_id) as leaves:
            for each in leaves:
                promises[each] = _erase(session, each, kept, because)
            session.expire_all()
    except DBAPIError as fault:
        refused = translate(fault)
        if refused is None:
            raise
        raise refused from fault
    return promises[leaf_id]


def _erase(session: Session, leaf_id: uuid.UUID, ground: str, because: str) -> Promise:
    promise_id, salt, now = ids.new_id(), os.urandom(commitments.SALT_BYTES), clock.now()
    record = canonical({"because": because, "erased_at": moment(now), "ground": ground, "leaf_id": str(leaf_id)})
    queries.erase(
        session,
        leaf_id,
        erasure_id=promise_id,
        salt=salt,
        record=record.decode(),
        because=because,
        ground=ground,
        at=now,
    )
    for forget in FOLLOWERS:  # only once the database has let it be erased
        forget(session, leaf_id)
    return Promise(promise_id, commitments.commit_bytes(salt, record))


@contextmanager
def _alone(_session: Session, leaf_id: uuid.UUID) -> Iterator[Sequence[uuid.UUID]]:
    yield [leaf_id]


@contextmanager
def _with_its_evidence(_session: Session, _leaf_id: uuid.UUID) -> Iterator[Sequence[uuid.UUID]]:
    code, zh, en = CONSTRAINTS["custody_erased_whole"]
    raise Conflict(code, zh=zh, en=en, fix_zh="擦除该证据本身。", fix_en="Erase the evidence itself.")
    yield []


ERASERS["custody"] = _with_its_evidence
