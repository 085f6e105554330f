"""The log's own signing key (Ed25519), sealed under the master key; and every key it ever signed with, public."""

from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.config import Config
from gongxin.errors import NotFound
from gongxin.sealed import seal, unseal
from gongxin_wire.notes import VerifierKey

from . import queries, rules
from .models import LogKey


def ensure(session: Session, config: Config) -> LogKey:
    """The key that signs now; made where there is none. The database admits one alone, whoever is quicker."""
    return queries.signing_key(session) or _add(session, config, rules.origin_of(config.issuer))


def rotate(session: Session, config: Config) -> LogKey:
    """A new key signs from the next checkpoint on, under the same name; the old one stays published for ever."""
    old = ensure(session, config)
    old.retired_at = clock.now()
    session.flush()
    return _add(session, config, old.origin)


def _add(session: Session, config: Config, origin: str) -> LogKey:
    private = Ed25519PrivateKey.generate()
    key = LogKey(
        id=ids.new_id(),
        origin=origin,
        public_key=private.public_key().public_bytes_raw(),
        sealed_private=b"",
        created_at=clock.now(),
    )
    key.sealed_private = seal(config.master_key, _label(key.public_key), private.private_bytes_raw())
    session.add(key)
    session.flush()
    return key


def private_key(config: Config, key: LogKey) -> Ed25519PrivateKey:
    """Opened once a process."""
    return _open(config.master_key, key.public_key, key.sealed_private)


@lru_cache(maxsize=16)
def _open(master_key: bytes, public_key: bytes, sealed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(unseal(master_key, _label(public_key), sealed))


def _label(public_key: bytes) -> str:
    return f"log-key|{public_key.hex()}"


def verifier(key: LogKey) -> VerifierKey:
    """As members configure it (a vkey, C2SP signed-note)."""
    return VerifierKey(key.origin, key.public_key)


def verifiers(session: Session) -> list[VerifierKey]:
    """Every key the log ever signed with, oldest first. Raises NotFound before the first."""
    found = [verifier(key) for key in queries.keys(session)]
    if not found:
        raise not_started()
    return found


def not_started() -> NotFound:
    """The log has neither key nor checkpoint."""
    return NotFound(
        "log_not_started",
        zh="透明日志尚未启用",
        en="The log has not been started yet",
        fix_zh="运营者请执行 gongxin db migrate 并启动 gongxin worker。",
        fix_en="The operator runs gongxin db migrate and starts gongxin worker.",
    )
