"""What the log holds of an answer. The record of a look-up is written by the database, in the statement that answers;
here it is written again, to the byte, so that the receipt can carry the commitment (migration 0010)."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gongxin.transparency.service import Promise
from gongxin_wire.canonical import b64u
from gongxin_wire.commitments import commit_bytes

from . import receipts


def lookup_record(
    *,
    lookup_id: uuid.UUID,
    asked_at: datetime,
    member_id: uuid.UUID,
    purpose: str,
    fields_json: str,
    policy_version: int,
    question: bytes,
    outcomes: Sequence[int],
) -> bytes:
    """Canonical JSON. `fields_json`: the fields as canonical JSON; `outcomes` as `rules.pack`; `question`: a digest."""
    return (
        f'{{"asked_at":"{receipts.moment(asked_at)}","fields":{fields_json},"lookup_id":"{lookup_id}",'
        f'"member_id":"{member_id}","outcomes":[{",".join(map(str, outcomes))}],"policy_version":{policy_version},'
        f'"purpose":"{purpose}","question":"{b64u(question)}"}}'
    ).encode()


def refused_record(
    *,
    lookup_id: uuid.UUID,
    asked_at: datetime,
    member_id: uuid.UUID,
    purpose: str,
    policy_version: int,
    question: bytes,
    refusal: str,
) -> dict[str, Any]:
    """What a refused question's leaf commits to: as that of an answer, with no field told and the refusal's code."""
    return {
        "asked_at": receipts.moment(asked_at),
        "fields": [],
        "lookup_id": str(lookup_id),
        "member_id": str(member_id),
        "outcomes": [],
        "policy_version": policy_version,
        "purpose": purpose,
        "question": b64u(question),
        "refusal": refusal,
    }


def policy_leaf_id(version: int) -> uuid.UUID:
    """Where anyone finds the leaf of a version of the policy: receipts name the version alone."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"gongxin:disclosure-policy:{version}")


def promise(lookup_id: uuid.UUID, salt: bytes, record: bytes) -> Promise:
    """The leaf of a look-up; it has the look-up's own identifier."""
    return Promise(lookup_id, commit_bytes(salt, record))
