"""Receipts: a compact JWS (RFC 7515), EdDSA (RFC 8037), over digests of question and answer. Form: docs/receipts.md."""

import hashlib
import uuid
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from gongxin.access import service as access
from gongxin.transparency.service import Promise
from gongxin.web.runtime import Runtime
from gongxin_wire.canonical import b64u

TYPE = "gongxin-receipt+jwt"


@lru_cache(maxsize=16)
def _header(alg: str, kid: str) -> bytes:
    return b64u(orjson.dumps({"alg": alg, "kid": kid, "typ": TYPE})).encode() + b"."


def sign(
    runtime: Runtime,
    *,
    member_id: uuid.UUID,
    lookup_id: uuid.UUID,
    purpose: str,
    question: bytes,
    answer: bytes,
    asked_at: datetime,
    fresh_until: datetime,
    policy_version: int,
    leaf: Promise,
) -> str:
    """`question` is SHA-256 of the canonical request body, `answer` the canonical bytes of the answers, `leaf` what the
    log promises."""
    key = access.signing_key(runtime, "receipt")
    payload = orjson.dumps(
        {
            "answer": b64u(hashlib.sha256(answer).digest()),
            "as_of": moment(asked_at),
            "fresh_until": moment(fresh_until),
            "iat": int(asked_at.timestamp()),
            "iss": runtime.config.issuer,
            "jti": str(lookup_id),
            "leaf": leaf.as_json(),
            "policy_version": policy_version,
            "purpose": purpose,
            "question": b64u(question),
            "sub": str(member_id),
        },
        option=orjson.OPT_SORT_KEYS,
    )
    signed = _header(key.alg, key.kid) + b64u(payload).encode()
    signature: bytes = key.private_key.sign(signed)
    return f"{signed.decode()}.{b64u(signature)}"


def moment(at: datetime) -> str:
    """RFC 3339 in UTC to the millisecond."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def canonical(value: Any) -> bytes:
    """RFC 8785 for what we send: names in ASCII, no fractions; orjson then writes the same bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
