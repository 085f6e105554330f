"""What tests of members share: institutions made through the verbs, and the name of the constraint that refused."""

import itertools
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.members import service
from gongxin.members.models import Agreement, Member
from gongxin_wire.identifiers import synthetic_uscc

_NUMBERS = itertools.count(100_000_000)
REAL_USCC = "91310000400000001C"


def apply(session: Session, kind: str = "bank", **change: Any) -> Member:
    number = next(_NUMBERS)
    court = {"court_code": f"沪{number % 95 + 1:02d}{number % 99 + 1:02d}"} if kind == "court" else {}
    terms: dict[str, Any] = {"name_zh": f"测试机构{number % 1000}", "uscc": synthetic_uscc(number)}
    return service.apply(session, kind=kind, **(terms | court | change))


def move(session: Session, member: Member, *states: str) -> Member:
    for state in states:
        service.change_state(session, member.id, state=state, reason="按决定", changed_by="operator:lin")
    return member


def agree(session: Session, member: Member, **change: Any) -> Agreement:
    terms: dict[str, Any] = {
        "purposes": ["contact"],
        "data_types": ["case_status"],
        "budgets": {"contact": 100},
        "contacts": {"operations": "ops@member.example"},
        "effective_from": clock.now(),
    }
    return service.agree(session, member.id, **(terms | change))


def refused_by(session: Session, sql: str, **values: Any) -> str:
    """The name of the constraint that refuses this statement."""
    with pytest.raises(DBAPIError) as caught, session.begin_nested():
        session.execute(text(sql), values)
    return named(caught.value)


def named(error: DBAPIError) -> str:
    return error.orig.diag.constraint_name or str(error.orig)  # type: ignore[union-attr]


def new_code(last: str | None = None) -> str:
    code = synthetic_uscc(next(_NUMBERS))
    return code if last is None else code[:17] + last
