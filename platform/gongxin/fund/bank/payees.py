"""Payees: details lie sealed, apart; nothing else of the registry holds an account number or a holder's name."""

import hashlib
import uuid

import orjson
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.sealed import seal, unseal

from ..ledger.rules import Actor
from . import queries, rules
from .models import Payee, PayeeDetails


def register(
    session: Session, config: Config, *, actor: Actor, holder: str, account: str, bank_code: str, bank_name: str
) -> Payee:
    """A payee of these details; the same details registered again give the payee there is."""
    details = rules.details(holder=holder, account=account, bank_code=bank_code, bank_name=bank_name)
    key = rules.account_key(config.pepper, details["account"])
    for known in queries.payees_of_account(session, key):
        if read(session, config, known.id) == details:
            return known
    payee = Payee(
        id=ids.new_id(),
        account_key=key,
        registered_member=actor.member_id,
        registered_officer=actor.officer,
        registered_at=clock.now(),
    )
    session.add(payee)
    session.flush()
    sealed = seal(config.master_key, _label(payee.id), orjson.dumps(details))
    session.add(PayeeDetails(payee_id=payee.id, sealed=sealed, key_id=key_id(config.master_key)))
    session.flush()
    return payee


def read(session: Session, config: Config, payee_id: uuid.UUID) -> dict[str, str]:
    """The details, for payers. Raises NotFound where the caller may not see them."""
    held = queries.find_details(session, payee_id)
    if held is None:
        raise queries.payee_not_found()
    details: dict[str, str] = orjson.loads(unseal(config.master_key, _label(payee_id), held.sealed))
    return details


def reseal(session: Session, *, old_key: bytes, new_key: bytes, limit: int = 500) -> int:
    """Seals details that lie under the old master key under the new one; how many. Until none is left, run it again."""
    found = queries.details_under(session, key_id(old_key), limit)
    for held in found:
        label = _label(held.payee_id)
        held.sealed, held.key_id = seal(new_key, label, unseal(old_key, label, held.sealed)), key_id(new_key)
    session.flush()
    return len(found)


def key_id(master_key: bytes) -> str:
    """A name for a master key that tells nothing of it."""
    return hashlib.sha256(b"gongxin master key name\n" + master_key).hexdigest()[:16]


def _label(payee_id: uuid.UUID) -> str:
    return f"fund-payee|{payee_id}"
