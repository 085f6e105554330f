"""The name of an agent, sealed: a key of its own for each, which lies sealed under the master key. Changing the master
key seals the small keys anew; the names are not touched."""

import hashlib
import os
import uuid
from typing import Any

import orjson
from sqlalchemy.orm import Session

from gongxin.config import Config
from gongxin.sealed import seal, unseal

from . import queries
from .models import AgentIdentity


def key_id(master_key: bytes) -> str:
    """A name for a master key that tells nothing of it."""
    return hashlib.sha256(b"gongxin master key name\n" + master_key).hexdigest()[:16]


def keep(session: Session, config: Config, agent_id: uuid.UUID, identity: dict[str, Any]) -> None:
    """Seals the identity under a new key, in place of the one before."""
    data_key = os.urandom(32)
    sealed_key = seal(config.master_key, _key_label(agent_id), data_key)
    sealed = seal(data_key, _label(agent_id), orjson.dumps(identity))
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
    data_key = unseal(config.master_key, _key_label(agent_id), held.sealed_key)
    identity: dict[str, Any] = orjson.loads(unseal(data_key, _label(agent_id), held.sealed))
    return identity


def reseal(session: Session, *, old_key: bytes, new_key: bytes, limit: int = 500) -> int:
    """Seals keys that lie under the old master key under the new one; how many. Until none is left, run it again."""
    found = queries.identities_under(session, key_id(old_key), limit)
    for held in found:
        label = _key_label(held.agent_id)
        held.sealed_key, held.key_id = seal(new_key, label, unseal(old_key, label, held.sealed_key)), key_id(new_key)
    session.flush()
    return len(found)


def _key_label(agent_id: uuid.UUID) -> str:
    return f"agent-identity-key|{agent_id}"


def _label(agent_id: uuid.UUID) -> str:
    return f"agent-identity|{agent_id}"
