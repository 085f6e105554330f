"""Every SELECT on documents: what anyone may know of a content by its hash."""

import uuid
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

_SIGNED = text("select signed_on, leaves from contract_signed(:digest)")


def signed(session: Session, content_hash: bytes) -> tuple[date, list[uuid.UUID]] | None:
    """The day on which two members had signed the content of this hash, and the leaves of their signatures."""
    found = session.execute(_SIGNED, {"digest": content_hash}).first()
    return None if found is None else (found[0], list(found[1]))
