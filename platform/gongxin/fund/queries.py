"""What the fund asks of the transaction itself."""

import uuid

from sqlalchemy import text
from sqlalchemy.orm import Session


def caller(session: Session) -> tuple[uuid.UUID, str]:
    """For whom this transaction acts."""
    row = session.execute(text("select gongxin_caller(), gongxin_kind()")).one()
    return row[0], row[1]
