"""One signed question to a peer and its signed answer, kept with both signatures whatever they say."""

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.access import registry_keys
from gongxin.config import Config
from gongxin.errors import Conflict, Unavailable
from gongxin_wire.canonical import canonical

from . import descriptions, messages, queries
from .messages import Question, Reply
from .models import Peer, PeerExchange

SECONDS = 10.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024
Transport = Callable[[Question, bytes], tuple[int, Mapping[str, str], bytes]]


def call(
    session: Session, config: Config, peer: Peer, operation: str, body: Any, *, transport: Transport | None = None
) -> Any:
    """The peer's answer to `operation`, verified under its pinned key. Raises Conflict where the peer is not active,
    Unavailable where it does not answer, Unauthenticated where the answer is not its own; silence is no answer."""
    if peer.state != "active":
        raise Conflict("peer_not_active", zh="该对等登记处未启用", en="The peer is not active")
    key = registry_keys.published(session, config, descriptions.USE)[0]
    raw, nonce = canonical(body), secrets.token_urlsafe(24)
    question = Question("POST", f"{peer.address}/federation/v1/{operation}", {"Content-Type": "application/json"})
    messages.sign_question(question, raw, kid=key.kid, private_key=key.private_key, nonce=nonce, now=clock.now())
    status, headers, answer = (transport or send)(question, raw)
    reply = Reply(status, question, messages.kept(headers))
    public, _ = descriptions.key_of(peer.public_jwk)
    messages.verify_reply(reply, answer, kid=peer.kid, public_key=public.public)
    _keep(session, peer, "asked", operation, nonce, (raw, question.headers), (status, answer, reply.headers))
    if status != 200:
        raise Unavailable(
            "peer_refused",
            zh="对方登记处拒绝回答",
            en="The peer refused to answer",
            fix_zh="查看往来记录中的答复。",
            fix_en="See its answer in the record of exchanges.",
        )
    return json.loads(answer)


def hear(
    session: Session, config: Config, *, operation: str, address: str, headers: Mapping[str, str], raw: bytes,
    answer: Callable[[Peer], Any],
) -> tuple[bytes, dict[str, str]]:  # fmt: skip
    """A peer's question: verified, answered, signed, kept. Raises Unauthenticated for an unknown or paused peer, for a
    signature that does not hold, and for a question asked before (a replay)."""
    peer = queries.peer_of_key(session, messages.key_id_of(headers))
    if peer is None:
        raise messages.refused()
    public, _ = descriptions.key_of(peer.public_jwk)
    question = Question("POST", address, messages.kept(headers))
    nonce = messages.verify_question(question, raw, kid=peer.kid, public_key=public.public)
    body = canonical(answer(peer))
    reply = Reply(200, question)
    key = registry_keys.published(session, config, descriptions.USE)[0]
    messages.sign_reply(reply, body, kid=key.kid, private_key=key.private_key, now=clock.now())
    _keep(session, peer, "answered", operation, nonce, (raw, question.headers), (200, body, reply.headers))
    return body, reply.headers


def send(question: Question, raw: bytes) -> tuple[int, Mapping[str, str], bytes]:
    """Over the network: no redirect, no proxy of the environment, one deadline, an answer of at most 4 MiB. Raises
    Unavailable."""
    try:
        with (
            httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", question.url, content=raw, headers=question.headers) as answer,
        ):
            body, until = b"", clock.monotonic() + SECONDS
            for part in answer.iter_bytes():
                body += part
                if len(body) > MAX_ANSWER_BYTES or clock.monotonic() > until:
                    raise _unreachable()
            return answer.status_code, answer.headers, body
    except httpx.HTTPError as fault:
        raise _unreachable() from fault


def _keep(
    session: Session, peer: Peer, direction: str, operation: str, nonce: str, question: tuple[bytes, Mapping[str, str]],
    answer: tuple[int, bytes, Mapping[str, str]],
) -> None:  # fmt: skip
    session.add(
        PeerExchange(
            id=ids.new_id(),
            peer_id=peer.id,
            direction=direction,
            operation=operation,
            nonce=nonce,
            question=question[0],
            question_signature=dict(question[1]),
            status=answer[0],
            answer=answer[1],
            answer_signature=dict(answer[2]),
            at=clock.now(),
        )
    )
    session.flush()


def _unreachable() -> Unavailable:
    return Unavailable(
        "peer_unreachable",
        zh="对方登记处没有应答",
        en="The peer does not answer",
        fix_zh="稍后再试；没有应答不等于没有记录。",
        fix_en="Try again later; no answer is not a clear one.",
    )
