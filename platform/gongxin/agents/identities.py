"""Names of agents and of agencies' officers, sealed: a key of its own for each, which lies sealed under the master key.
Changing the master key seals the small keys anew; the names are not touched."""

import hashlib
import os
import uuid
from typing import Any

import orjson
from sqlalchemy.orm import Session

from gongxin.config import Config
from gongxin.sealed import seal, unseal

from . import queries, queries_filings
from .models import AgentIdentity
from .models_filings import AgencyFiling


def key_id(master_key: bytes) -> str:
    """A name for a master key that tells nothing of it."""
    return hashlib.sha256(b"gongxin master key name\n" + master_key).hexdigest()[:16]


def envelope(config: Config, label: str, secret: Any) -> tuple[bytes, bytes]:
    """(the key sealed under the master key, the secret sealed under that key)."""
    data_key = os.urandom(32)
    return seal(config.master_key, _key_label(label), data_key), seal(data_key, label, orjson.dumps(secret))


def opened(config: Config, label: str, sealed_key: bytes, sealed: bytes) -> Any:
    """What `envelope` sealed."""
    return orjson.loads(unseal(unseal(config.master_key, _key_label(label), sealed_key), label, sealed))


def keep(session: Session, config: Config, agent_id: uuid.UUID, identity: dict[str, Any]) -> None:
    """Seals the identity under a new key, in place of the one before."""
    sealed_key, sealed = envelope(config, _label(agent_id), identity)
    held = queries.find_identity(session, agent_id)
    if held is None:
        session.add(
            AgentIdentity(agent_id=agent_id, sealed_key=sealed_key, sealed=sealed, key_id=key_id(config.master_key))
        )
    else:
        held.sealed_key, held.sealed, held.key_id = sealed_key, sealed, key_id(config.master_key)
    session.flush()


def read(session: Session, config: Config, agent_id: uuid.UUID) -> dict[str, Any]:
    """The identity. Raises NotFound where the caller may not see the agent."""
    held = queries.find_identity(session, agent_id)
    if held is None:
        raise queries.unknown()
    identity: dict[str, Any] = opened(config, _label(agent_id), held.sealed_key, held.sealed)
    return identity


def reseal(session: Session, *, old_key: bytes, new_key: bytes, limit: int = 500) -> int:
    """Seals keys that lie under the old master key under the new one, agents' and filings'; how many. Until none is
    left, run it again."""
    names = queries.identities_under(session, key_id(old_key), limit)
    filings = queries_filings.filings_under(session, key_id(old_key), limit)
    pairs: list[tuple[AgentIdentity | AgencyFiling, str]] = [(each, _label(each.agent_id)) for each in names]
    pairs += [(each, filing_label(each.id)) for each in filings]
    for held, label in pairs:
        small = unseal(old_key, _key_label(label), held.sealed_key)
        held.sealed_key, held.key_id = seal(new_key, _key_label(label), small), key_id(new_key)
    session.flush()
    return len(names) + len(filings)


def filing_label(filing_id: uuid.UUID) -> str:
    return f"agency-filing|{filing_id}"


def _key_label(label: str) -> str:
    kind, _, identifier = label.partition("|")
    return f"{kind}-key|{identifier}"


def _label(agent_id: uuid.UUID) -> str:
    return f"agent-identity|{agent_id}"
