"""Status lists as published: read from how agents and agencies stand, signed, each later than the one before.

A list signed within `FRESH_SECONDS` by the key that signs now is served as it is; another is signed anew by whoever
asks first, under its row's lock, so that what is published later never says what was so earlier."""

from typing import Any, Final

from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.access import service as access
from gongxin.errors import NotFound
from gongxin.web.runtime import Runtime
from gongxin_wire import cose, status_lists
from gongxin_wire.badges import LISTS_PATH
from gongxin_wire.cose import Keys
from gongxin_wire.status_lists import StatusList

from . import queries_badges as queries
from .models_badges import BadgeList

SIZE: Final = 1 << 20
BITS: Final = 2
FRESH_SECONDS: Final = 2
# When to fetch it anew, and from when on it tells nothing.
TTL_SECONDS: Final = 300
EXPIRES_SECONDS: Final = 86_400


def uri(issuer: str, number: int) -> str:
    return f"{issuer}{LISTS_PATH}{number}"


def published(session: Session, runtime: Runtime, number: int) -> BadgeList:
    """The list, signed within the last seconds. Raises NotFound where no badge was ever put in it."""
    found = queries.find_list(session, number)
    if found is None:
        raise NotFound(
            "no_status_list",
            zh="没有这份状态清单",
            en="There is no such status list",
            fix_zh="清单列于 GET /badges/lists。",
            fix_en="GET /badges/lists names them.",
        )
    key = access.signing_key(runtime, "badge")
    if not _fresh(found, key.kid):
        held = queries.find_list(session, number, hold=True)
        assert held is not None
        if not _fresh(held, key.kid):
            _sign(session, runtime, held, key)
        found = held
    return found


def _fresh(found: BadgeList, kid: str) -> bool:
    return found.kid == kid and found.issued_at > clock.epoch_seconds() - FRESH_SECONDS


def _sign(session: Session, runtime: Runtime, held: BadgeList, key: access.SigningKey) -> None:
    issued_at = max(clock.epoch_seconds(), held.issued_at + 1)
    told = queries.statuses(session, held.list_no, clock.now(), clock.today_in_china())
    made = StatusList(
        uri(runtime.config.issuer, held.list_no), issued_at, issued_at + EXPIRES_SECONDS, TTL_SECONDS, BITS,
        status_lists.pack(SIZE, told, BITS),
    )  # fmt: skip
    held.issued_at, held.kid = issued_at, key.kid
    held.as_jwt = status_lists.to_jwt(made, key.kid, key.private_key.sign)
    held.as_cwt = status_lists.to_cwt(made, cose.signing_key(key.private_key, key.kid))
    session.flush()


def jwks(session: Session, issuer: str) -> dict[str, Any]:
    """The keys of badges and status lists, with the issuer whose they are."""
    return access.public_jwks(session, "badge") | {"issuer": issuer}


def keys(session: Session, issuer: str) -> Keys:
    return Keys(access.public_jwks(session, "badge")["keys"], issuer)
