"""A registry's description of itself: made and signed by every federation key of ours that is published, read and
verified under the key that was pinned (RFC 7515, general JSON serialisation)."""

import json
from collections.abc import Mapping
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.access import jose, registry_keys
from gongxin.config import Config
from gongxin.errors import Invalid
from gongxin.subjects import queries as subjects
from gongxin.transparency import keys as log_keys
from gongxin_wire.canonical import b64u, canonical, unb64u

from . import rules
from .rules import Description

TYPE = "gongxin-registry+jws"
USE = "federation"


def own(session: Session, config: Config) -> dict[str, Any]:
    """Ours, signed now: the newest key first, and each older one that peers may still have pinned."""
    signers = registry_keys.published(session, config, USE)
    now = clock.now()
    body = {
        "issuer": config.issuer,
        "name": config.registry_name,
        "serial": int(now.timestamp() * 1000),
        "issued_at": int(now.timestamp()),
        "expires_at": int((now + timedelta(days=rules.DESCRIPTION_DAYS)).timestamp()),
        "keys": [public_jwk(key) for key in signers[:1]],
        "epochs": [
            {"data_set": e.data_set, "epoch": e.epoch, "public_key": b64u(e.public_key)}
            for e in subjects.epochs(session)
        ],
        "log": {"vkey": str(log_keys.verifiers(session)[-1])},
        "endpoints": {"exchange": f"{config.issuer}/federation/v1"},
        "policy": {"answer_max_age_seconds": config.answer_max_age_seconds},
        "software": f"gongxin {version('gongxin')}",
    }
    payload = b64u(canonical(body))
    return {"payload": payload, "signatures": [_signature(key, payload) for key in signers]}


def read(document: Any, *, address: str, pinned: str | None, after: int = 0) -> tuple[Description, dict[str, str]]:
    """The description and the key to pin: signed by the pinned key, or where none is by the key it names itself.
    Raises Invalid."""
    try:
        payload, signatures = document["payload"], document["signatures"]
        body = jose.json_object(unb64u(payload))
        by_kid = {_header(each)["kid"]: each for each in signatures[:8]}
    except (KeyError, TypeError, ValueError, Invalid) as fault:
        raise unsigned() from fault
    found = rules.check_description(body, address=address, now=clock.now(), after=after)
    key = found.keys[0]
    keys = {each["kid"]: each for each in (*found.keys, *([_as_jwk(pinned, by_kid)] if pinned else []))}
    for kid in {key["kid"], pinned or key["kid"]}:
        if kid not in by_kid or kid not in keys or not _holds(keys[kid], by_kid[kid], payload):
            raise unsigned()
    return found, key


def payload(document: dict[str, Any]) -> bytes:
    """The canonical JSON inside."""
    return unb64u(document["payload"])


def public_jwk(key: registry_keys.SigningKey) -> dict[str, str]:
    return {**jose.export_jwk(key.private_key.public_key()), "kid": key.kid}


def key_of(jwk: Mapping[str, str]) -> tuple[jose.Key, dict[str, str]]:
    """A federation key as it stands in descriptions, `kid` beside it, read. Raises Invalid."""
    return jose.import_jwk({name: value for name, value in jwk.items() if name != "kid"})


def fingerprint(kid: str) -> str:
    """Of a key by its RFC 7638 thumbprint, to be read out."""
    return rules.fingerprint(unb64u(kid))


def _signature(key: registry_keys.SigningKey, payload: str) -> dict[str, str]:
    protected = b64u(
        canonical(
            {"alg": jose.EDDSA, "jwk": jose.export_jwk(key.private_key.public_key()), "kid": key.kid, "typ": TYPE}
        )
    )
    signed = f"{protected}.{payload}".encode()
    return {"protected": protected, "signature": b64u(jose.sign(key.private_key, jose.EDDSA, signed))}


def _header(signature: Any) -> dict[str, Any]:
    header = jose.json_object(unb64u(signature["protected"]))
    if header.get("typ") != TYPE or header.get("alg") != jose.EDDSA or not isinstance(header.get("kid"), str):
        raise ValueError
    return header


def _as_jwk(pinned: str, by_kid: dict[str, Any]) -> dict[str, str]:
    """The pinned key as its own signature's header carries it; whether it is that key its thumbprint says."""
    try:
        return {**_header(by_kid[pinned])["jwk"], "kid": pinned}
    except (KeyError, TypeError, ValueError, Invalid) as fault:
        raise unsigned() from fault


def _holds(jwk: dict[str, str], signature: Any, payload: str) -> bool:
    try:
        key, members = key_of(jwk)
        signed = f"{signature['protected']}.{payload}".encode()
        return jose.thumbprint(members) == jwk["kid"] and jose.verify(
            key, jose.EDDSA, signed, unb64u(signature["signature"])
        )
    except (KeyError, TypeError, ValueError, Invalid, json.JSONDecodeError):
        return False


def unsigned() -> Invalid:
    return Invalid(
        "description_not_signed",
        zh="自述未由应有的密钥签名",
        en="The description is not signed by the key it must be",
        fix_zh="密钥更换须由旧密钥宣布；若非对方所为，切勿批准。",
        fix_en="A new key is announced under the old one; if the other side did not do it, approve nothing.",
    )
