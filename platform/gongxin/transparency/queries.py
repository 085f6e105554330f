"""Every SELECT on the log, and the calls of its database functions."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from gongxin.db import one_statement, one_value

from .models import LogCheckpoint, LogKey, LogLeaf, LogOpening, LogTile, LogWaiting
from .models_erasing import Erasure

_APPEND = text("select log_append(cast(:ids as uuid[]), :kind, :salts, cast(:records as text), cast(:owner as uuid))")
# The note of checkpoint `c` as it is shown: what the log signed, and its witnesses' lines as they came; a note has at
# most 100 signatures.
_SHOWN = """c.note || coalesce((
    select string_agg('— ' || s.name || ' '
        || replace(encode(s.key_id || int8send(s.signed_at) || s.signature, 'base64'), chr(10), '') || chr(10), ''
        order by s.received_at, s.id)
    from (select x.signed_at, x.signature, x.received_at, w.id, w.name, w.key_id from log_cosignatures x
        join log_witnesses w on w.id = x.witness_id where x.size = c.size
        order by x.received_at, w.id limit 90) s), '')"""
_HEAD = f"select c.size, {_SHOWN} from log_checkpoints c order by c.size desc limit 1".encode()
_PATH = b"select coalesce((select log_path($1)), '')"
_TILE = b"select log_tile(%s, %s, %s)"


def append(
    session: Session,
    *,
    ids: Sequence[uuid.UUID],
    kind: str,
    salts: bytes,
    records: Sequence[str],
    owner: uuid.UUID | None,
) -> None:
    """Keeps the openings and lets the leaves wait."""
    session.execute(
        _APPEND, {"ids": list(ids), "kind": kind, "salts": salts, "records": "\n".join(records), "owner": owner}
    )


def erase(
    session: Session,
    leaf_id: uuid.UUID,
    *,
    erasure_id: uuid.UUID,
    salt: bytes,
    record: str,
    because: str,
    ground: str,
    at: datetime,
) -> None:
    """Deletes an opening and the row it is of, and lets the leaf that says so wait."""
    session.execute(
        text("select erase_record(:leaf, :id, :salt, :record, :because, :ground, :at)"),
        {
            "leaf": leaf_id,
            "id": erasure_id,
            "salt": salt,
            "record": record,
            "because": because,
            "ground": ground,
            "at": at,
        },
    )


def find_erasure(session: Session, leaf_id: uuid.UUID) -> Erasure | None:
    """The tombstone of a record: for the registry, the association and whose record it was."""
    return session.get(Erasure, leaf_id)


def integrate(session: Session, limit: int, empty_at: datetime | None = None) -> tuple[int, int, datetime] | None:
    """Gives up to `limit` waiting leaves their places: (size, added, when it looked). None while another transaction
    does. `empty_at`: when a look found nothing waiting; what is found now was promised after that."""
    if empty_at is not None:
        session.execute(text("select set_config('gongxin.log_empty_at', :at, true)"), {"at": empty_at.isoformat()})
    looked_at = session.execute(text("select clock_timestamp()")).scalar_one()
    size, added = session.execute(text("select size, added from log_integrate(:limit)"), {"limit": limit}).one()
    return None if size is None else (size, added, looked_at)


def merge_delays(session: Session) -> Any:
    """(leaves, seconds, counts up to each bound, longest since an hour ago, age of the oldest that waits)."""
    return session.execute(
        text(
            """
            select coalesce(sum(leaves), 0)::bigint as leaves, coalesce(sum(seconds), 0)::double precision as seconds,
                coalesce((
                    select array_agg(c.many order by c.n) from (
                        select n, sum(count)::bigint as many from log_merge_delays
                        cross join unnest(counts) with ordinality as u(count, n) group by n
                    ) c
                ), '{}') as counts,
                coalesce(max(longest) filter (where hour >= now() - interval '2 hours'), 0) as longest,
                coalesce((
                    select greatest(0, extract(epoch from clock_timestamp() - min(since)))::double precision
                    from log_waiting
                ), 0) as oldest
            from log_merge_delays
            """
        )
    ).one()


def root(session: Session) -> bytes:
    """Of all that is integrated."""
    found: bytes = session.execute(text("select log_root()")).scalar_one()
    return found


def find_leaf(session: Session, leaf_id: uuid.UUID) -> LogLeaf | None:
    return session.scalars(select(LogLeaf).where(LogLeaf.leaf_id == leaf_id)).first()


def find_waiting(session: Session, leaf_id: uuid.UUID) -> LogWaiting | None:
    return session.get(LogWaiting, leaf_id, populate_existing=True)


def find_opening(session: Session, leaf_id: uuid.UUID) -> LogOpening | None:
    """None where it was erased, where there is none, and where it is another's."""
    return session.get(LogOpening, leaf_id, populate_existing=True)


def newest_checkpoint(session: Session) -> LogCheckpoint | None:
    return session.scalars(select(LogCheckpoint).order_by(LogCheckpoint.size.desc()).limit(1)).first()


def shown_note(session: Session, size: int) -> str | None:
    """The note of the checkpoint of this size as it is shown; None where there is no such checkpoint."""
    found: str | None = session.execute(
        text(f"select {_SHOWN} from log_checkpoints c where c.size = :size"), {"size": size}
    ).scalar()
    return found


def checkpoint_of(session: Session, size: int) -> LogCheckpoint | None:
    return session.get(LogCheckpoint, size)


def head(engine: Engine) -> tuple[int, str] | None:
    """Size and note, as it is shown, of the newest checkpoint; None before the first."""
    found = one_statement(engine, _HEAD, ())
    return (found[0], found[1]) if found else None


def path(engine: Engine, leaf_id: uuid.UUID) -> tuple[int, list[bytes]] | None:
    """The place of a leaf and, where its tile is full, its siblings up to the tile's root; None where it has no place.
    The hot path of proofs: one statement, in PostgreSQL's text, which here is hexadecimal."""
    found = bytes.fromhex(one_value(engine, _PATH, (leaf_id,))[2:].decode())
    return (int.from_bytes(found[:8]), [found[at : at + 32] for at in range(8, len(found), 32)]) if found else None


def tile(engine: Engine, level: int, index: int, width: int) -> bytes:
    """The hashes of a tile, at most `width`; empty where there is none."""
    (found,) = one_statement(engine, _TILE, (level, index, width))
    return found or b""


def size(engine: Engine) -> int:
    """Of the newest checkpoint; 0 before the first."""
    found = one_statement(engine, b"select max(size) from log_checkpoints", ())
    return found[0] or 0


def signing_key(session: Session) -> LogKey | None:
    return session.scalars(select(LogKey).where(LogKey.retired_at.is_(None))).first()


def keys(session: Session) -> Sequence[LogKey]:
    """Every key the log ever signed with, oldest first."""
    return session.scalars(select(LogKey).order_by(LogKey.created_at, LogKey.id)).all()


def leaves(session: Session, start: int, end: int) -> Sequence[LogLeaf]:
    """Those at places start to end - 1, in order."""
    return session.scalars(
        select(LogLeaf).where(LogLeaf.leaf_index >= start, LogLeaf.leaf_index < end).order_by(LogLeaf.leaf_index)
    ).all()


def waiting_count(session: Session) -> int:
    found: int = session.execute(text("select count(*) from log_waiting")).scalar_one()
    return found


def leaf_rows(session: Session, start: int, end: int) -> Sequence[Any]:
    """(leaf_index, leaf_id, kind, commitment, leaf_hash, salt, record); the last two None where erased."""
    return session.execute(
        select(
            LogLeaf.leaf_index,
            LogLeaf.leaf_id,
            LogLeaf.kind,
            LogLeaf.commitment,
            LogLeaf.leaf_hash,
            LogOpening.salt,
            LogOpening.record,
        )
        .outerjoin(LogOpening, LogOpening.leaf_id == LogLeaf.leaf_id)
        .where(LogLeaf.leaf_index >= start, LogLeaf.leaf_index < end)
        .order_by(LogLeaf.leaf_index)
    ).all()


def checkpoints_between(session: Session, after: int, up_to: int) -> Sequence[LogCheckpoint]:
    """Of more than `after` and at most `up_to` leaves, in order."""
    return session.scalars(
        select(LogCheckpoint)
        .where(LogCheckpoint.size > after, LogCheckpoint.size <= up_to)
        .order_by(LogCheckpoint.size)
    ).all()


def find_tile(session: Session, level: int, index: int) -> LogTile | None:
    return session.get(LogTile, (level, index))


def size_of(session: Session) -> int:
    """Of the newest checkpoint; 0 before the first."""
    found = newest_checkpoint(session)
    return found.size if found else 0


def erased_ids(session: Session) -> set[str]:
    """The leaves that erasure leaves name."""
    return set(
        session.execute(
            text(
                "select o.record::jsonb ->> 'leaf_id' from log_openings o"
                " where o.leaf_id in (select leaf_id from log_leaves where kind = 'erasure'"
                " union all select leaf_id from log_waiting where kind = 'erasure')"
            )
        ).scalars()
    )
