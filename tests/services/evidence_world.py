"""What tests of evidence share: members and cases written straight into the tables, registrations made by the verbs."""

import hashlib
import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gongxin.config import Config
from gongxin.evidence import reading, service
from gongxin.evidence.queries import Found
from gongxin.web.caller import Caller
from gongxin_wire.evidence import CUSTODY_FIELDS
from tests.conftest import act_for
from tests.services.disclosure_world import World, build, token

_FILES = itertools.count(1)


@pytest.fixture(scope="module")
def world(owner_engine: Engine, config: Config) -> Iterator[World]:
    yield from build(owner_engine, config)


def a_file() -> bytes:
    """The SHA-256 of a file that nobody registered."""
    return hashlib.sha256(b"file %d %s" % (next(_FILES), uuid.uuid4().bytes)).digest()


def line(**change: Any) -> dict[str, Any]:
    """A registration as it comes in; None leaves a field out."""
    found = {
        "kind": "recording", "sha256": a_file().hex(), "size": 1024, "media_type": "audio/mpeg",
        "agent_licence": "HN-2026-1",
    } | change  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def register(session: Session, caller: Caller, **change: Any) -> Found:
    """Registered by the verb, for this member."""
    act_for(session, caller.member_id, caller.kind)
    found, _ = service.register(session, caller=caller, new=reading.evidence(line(**change)))
    return found


def record(session: Session, caller: Caller, found: Found, event: str, **more: Any) -> Found:
    """The next event of custody, at the version given by `found`."""
    act_for(session, caller.member_id, caller.kind)
    return service.record_custody(
        session, caller=caller, evidence_id=found[0].id, event=event, if_match=f'"{found[1].version}"', **more
    )


def case_of(world: World, creditor: Caller, **columns: Any) -> uuid.UUID:
    return world.case(creditor, token(), **columns)


def placed_with(world: World, creditor: Caller, agency: Caller) -> uuid.UUID:
    return world.case(creditor, token(), placement="accepted", agency_id=agency.member_id)


FIELDS = CUSTODY_FIELDS
