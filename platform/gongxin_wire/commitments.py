"""Salted commitments: what a leaf of the log holds in place of the record.

The salt is 256 random bits, kept apart from the log. Whoever has record and salt can show that the leaf is theirs; once
the salt is deleted nobody can tell any record from any other, guessing included (docs/adr/0007-commitments.md).
"""

import hashlib
import hmac
import re
from typing import Any
from uuid import UUID

from .canonical import b64u, canonical

DOMAIN = b"gongxin commitment 1\n"
SALT_BYTES = 32
KINDS = frozenset(
    {
        "member_state", "agreement", "client_key", "policy", "case_event", "court_event", "lookup", "subject_access",
        "epoch", "erasure", "evidence", "evidence_batch", "custody", "fund_entry", "fund_period", "fund_payment_file",
        "fund_day", "fund_report",
        "agent_state", "certificate", "agent_check", "agent_record", "badge",
        "fee_cap", "contract_template", "contract", "recovery", "statement",
        "fund_base", "fund_run", "fund_charge", "fund_objection", "fund_dunning", "fund_claim",
        "blacklist_act", "blacklist_vote", "blacklist_screening", "blacklist_correction",
    }
)  # fmt: skip
_KIND = re.compile(r"[a-z][a-z_]{0,31}")


def commit(salt: bytes, record: Any) -> bytes:
    """SHA-256(domain || salt || canonical record). Raises ValueError for what canonical JSON cannot carry."""
    return commit_bytes(salt, canonical(record))


def commit_bytes(salt: bytes, record: bytes) -> bytes:
    """The same over a record that is canonical JSON already."""
    if len(salt) != SALT_BYTES:
        raise ValueError("a salt has 32 bytes")
    return hashlib.sha256(DOMAIN + salt + record).digest()


def opens(commitment: bytes, salt: bytes, record: Any) -> bool:
    """Whether this record and salt are what was committed to."""
    return hmac.compare_digest(commit(salt, record), commitment)


def entry(leaf_id: UUID | str, kind: str, commitment: bytes) -> bytes:
    """The bytes of a leaf in the log: canonical JSON, nothing personal, nothing that could be guessed."""
    if _KIND.fullmatch(kind) is None or len(commitment) != 32:
        raise ValueError("not a leaf")
    return b'{"commitment":"%s","id":"%s","kind":"%s","v":1}' % (
        b64u(commitment).encode(),
        str(leaf_id).encode(),
        kind.encode(),
    )
