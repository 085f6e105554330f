"""Signed HTTP messages between registries (RFC 9421, Ed25519), by http-message-signatures.

A question covers method, whole address and the digest of its content (RFC 9530); it lives a minute and carries a
nonce. An answer covers its status, the digest of its content, and the question's own signature, so that neither can be
put to another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    MappingKeyResolver,
    algorithms,
)

from gongxin.errors import Unauthenticated

from . import rules

LABEL = "gongxin"
QUESTION_TAG, ANSWER_TAG = "gongxin-federation", "gongxin-federation-answer"
LIFE = timedelta(seconds=60)
_QUESTION = ("@method", "@target-uri", "content-digest")
_ANSWER = ("@status", "content-digest", '"signature";req;key="gongxin"')
KEPT = ("Content-Digest", "Signature-Input", "Signature")


@dataclass
class Question:
    """A request as the library reads it."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Reply:
    """A response, with the request it answers."""

    status_code: int
    request: Question
    headers: dict[str, str] = field(default_factory=dict)


def sign_question(question: Question, body: bytes, *, kid: str, private_key: Any, nonce: str, now: datetime) -> None:
    _signer(kid, private_key).sign(
        question, key_id=kid, created=now, expires=now + LIFE, nonce=nonce, label=LABEL, tag=QUESTION_TAG,
        covered_component_ids=_QUESTION, body=body,
    )  # fmt: skip


def sign_reply(reply: Reply, body: bytes, *, kid: str, private_key: Any, now: datetime) -> None:
    _signer(kid, private_key).sign(
        reply, key_id=kid, created=now, expires=now + LIFE, label=LABEL, tag=ANSWER_TAG,
        covered_component_ids=_ANSWER, body=body,
    )  # fmt: skip


def key_id_of(headers: Mapping[str, str]) -> str:
    """Whose key a question claims, before anything is verified; empty where it names none."""
    claimed = headers.get("Signature-Input", "")
    return claimed.partition(';keyid="')[2].partition('"')[0][:64]


def verify_question(question: Question, body: bytes, *, kid: str, public_key: Any) -> str:
    """Its nonce. Raises Unauthenticated."""
    found = _verify(question, body, kid, public_key, QUESTION_TAG, _QUESTION)
    if not isinstance(found.nonce, str):
        raise refused()
    return found.nonce


def verify_reply(reply: Reply, body: bytes, *, kid: str, public_key: Any) -> None:
    """Raises Unauthenticated where it is not the peer's answer to this very question."""
    _verify(reply, body, kid, public_key, ANSWER_TAG, _ANSWER)


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that a third party needs to verify the message later."""
    return {name: headers[name] for name in KEPT if name in headers}


def refused() -> Unauthenticated:
    return Unauthenticated(
        "message_not_signed",
        zh="消息签名不成立",
        en="The message's signature does not hold",
        fix_zh="按 RFC 9421 以登记处的联邦密钥签名；核对双方时钟相差不超过一分钟。",
        fix_en="Sign by RFC 9421 with the registry's federation key; the clocks may differ by a minute.",
        oauth_error="",
        scheme="Signature",
    )


class _Verifier(HTTPMessageVerifier):
    max_clock_skew = rules.MAX_SKEW


def _signer(kid: str, private_key: Any) -> HTTPMessageSigner:
    resolver = MappingKeyResolver(public_keys={}, private_keys={kid: private_key})
    return HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=resolver)


def _verify(message: Any, body: bytes, kid: str, public_key: Any, tag: str, components: tuple[str, ...]) -> Any:
    resolver = MappingKeyResolver(public_keys={kid: public_key}, private_keys={})
    verifier = _Verifier(signature_algorithm=algorithms.ED25519, key_resolver=resolver)
    try:
        (found,) = verifier.verify(message, max_age=LIFE, expect_tag=tag, require_components=components, body=body)
    except (HTTPMessageSignaturesException, ValueError, KeyError, TypeError) as fault:
        raise refused() from fault
    return found
