"""Receipts (docs/receipts.md): checked before an answer is handed out, and again from a file years later.

`verify` is pure: keys, question, answers and the present moment are passed in.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gongxin_wire.canonical import b64u, canonical, digest, unb64u

from . import clock, files
from .auth import Connection
from .errors import BadInput, ClientError, VerificationFailed
from .profile import Profile
from .shapes import items

TYPE, ALGORITHM = "gongxin-receipt+jwt", "EdDSA"
FORMAT = "gongxin-receipt-1"
SKEW = timedelta(seconds=120)
_CLAIMS = {
    "answer": str, "as_of": str, "fresh_until": str, "iat": int, "iss": str, "jti": str, "leaf": dict,
    "policy_version": int, "purpose": str, "question": str, "sub": str,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt proves: this registry told this member, at this moment, this answer to this question."""

    kid: str
    issuer: str
    member_id: str
    lookup_id: str
    purpose: str
    as_of: datetime
    fresh_until: datetime
    policy_version: int
    leaf_id: str
    commitment: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A question as sent, the whole reply, and the key that signed it: what is kept to prove it later. It holds
    tokens, never an identifier."""

    registry: str
    question: Mapping[str, Any]
    reply: Mapping[str, Any]
    keys: Mapping[str, str]

    def save(self, path: str | Path) -> None:
        """Writes the file that `gongxin-member verify` reads; mode 0600."""
        body = {
            "format": FORMAT, "registry": self.registry, "question": self.question, "reply": self.reply,
            "keys": {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x} for kid, x in self.keys.items()]},
        }  # fmt: skip
        files.replace(Path(path), json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n")


def verify(
    receipt: str,
    *,
    question: Any,
    answers: Any,
    keys: Mapping[str, str],
    issuer: str,
    now: datetime,
    member_id: str | None = None,
    purpose: str | None = None,
    reply: Mapping[str, Any] | None = None,
    asked_at: datetime | None = None,
) -> Receipt:
    """The receipt's content, where all of it holds; else VerificationFailed with a code of its own for each fault.

    `question`: the request body; `answers`: the array `answers` (`asked` in subject access); `keys`: kid → Ed25519
    public key in base64url; `member_id`, `purpose`, `reply`: what the receipt must agree with, where given;
    `asked_at`: when we sent the question: an answer older than that is a replay. Clocks may differ by SKEW."""
    kid, claims = _open(receipt, keys)
    as_of, fresh_until = _moment(claims["as_of"]), _moment(claims["fresh_until"])
    found = Receipt(
        kid,
        claims["iss"],
        claims["sub"],
        claims["jti"],
        claims["purpose"],
        as_of,
        fresh_until,
        claims["policy_version"],
        *_leaf(claims),
    )
    if found.issuer != issuer:
        raise _fault("other_issuer", "回执出自另一登记处", "The receipt is another registry's")
    if member_id is not None and found.member_id != member_id:
        raise _fault("other_member", "回执不是给本机构的", "The receipt was given to another member")
    if purpose is not None and found.purpose != purpose:
        raise _fault("other_purpose", "回执写的是另一用途", "The receipt states another purpose")
    if claims["question"] != _digest(question):
        raise _fault("other_question", "回执对应的不是这个问题", "The receipt is not for this question")
    if claims["answer"] != _digest(answers):
        raise _fault("other_answer", "回执对应的不是这个答复", "The receipt is not for this answer")
    if reply is not None:
        told = {"lookup_id": "jti", "as_of": "as_of", "fresh_until": "fresh_until", "policy_version": "policy_version"}
        if any(reply.get(name) != claims[claim] for name, claim in told.items()):
            raise _fault("reply_differs", "答复所写与回执不符", "The reply says otherwise than its receipt")
    if as_of > now + SKEW or fresh_until < as_of or claims["iat"] != int(as_of.timestamp()):
        raise _fault(
            "impossible_time", "回执的时间不可能成立", "The receipt's times are impossible",
            "核对本机时钟。", "Check this machine's clock.",
        )  # fmt: skip
    if asked_at is not None and as_of < asked_at - SKEW:
        raise _fault(
            "replayed_answer", "回执早于本次提问", "The receipt is older than the question",
            "核对本机时钟；若无误，请联系登记处。", "Check this machine's clock; if it is right, call the registry.",
        )  # fmt: skip
    if asked_at is not None and now > fresh_until:
        raise _fault("stale_answer", "答复已过有效时间", "The answer is past its time", "请重新查询。", "Ask again.")
    return found


def _open(receipt: str, keys: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """(kid, claims) of a compact JWS whose signature holds; header and payload exactly as documented."""
    try:
        head, body, signature = receipt.split(".")
        header, payload = json.loads(unb64u(head)), unb64u(body)
        raw = unb64u(signature)
        claims = json.loads(payload)
        sound = isinstance(header, dict) and isinstance(claims, dict) and canonical(claims) == payload
    except (ValueError, RecursionError):
        raise _fault("not_a_receipt", "这不是回执", "This is no receipt") from None
    if not sound or header.keys() != {"alg", "kid", "typ"} or (header["typ"], header["alg"]) != (TYPE, ALGORITHM):
        raise _fault("not_a_receipt", "这不是回执", "This is no receipt")
    kid = header["kid"]
    if not isinstance(kid, str) or kid not in keys:
        raise _fault(
            "unknown_receipt_key", "签名密钥不在信任之列", "The signing key is not among those trusted",
            "用登记处公布的回执密钥核对。", "Verify with the receipt keys the registry publishes.",
        )  # fmt: skip
    try:
        public = Ed25519PublicKey.from_public_bytes(unb64u(keys[kid]))
        public.verify(raw, f"{head}.{body}".encode("ascii"))
    except (InvalidSignature, ValueError):
        raise _fault("bad_signature", "回执签名不成立", "The receipt's signature does not hold") from None
    if claims.keys() != _CLAIMS.keys() or any(type(claims[name]) is not kind for name, kind in _CLAIMS.items()):
        raise _fault("not_a_receipt", "这不是回执", "This is no receipt")
    return kid, claims


def _leaf(claims: dict[str, Any]) -> tuple[str, str]:
    """The identifier (that of the look-up) and commitment of the leaf that the log promises."""
    promised = claims["leaf"]
    try:
        leaf_id, commitment = promised["id"], promised["commitment"]
        sound = len(promised) == 2 and leaf_id == claims["jti"] and len(unb64u(commitment)) == 32
    except (KeyError, TypeError, ValueError, AttributeError):
        sound = False
    if not sound:
        raise _fault("not_a_receipt", "这不是回执", "This is no receipt")
    return leaf_id, commitment


def _digest(value: Any) -> str:
    try:
        return b64u(digest(value))
    except (ValueError, TypeError, RecursionError):
        raise _fault("not_canonical", "内容没有规范形式", "The content has no canonical form") from None


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _fault("not_a_receipt", "这不是回执", "This is no receipt") from None
    if found.tzinfo is None:
        raise _fault("not_a_receipt", "这不是回执", "This is no receipt")
    return found


def _fault(code: str, zh: str, en: str, fix_zh: str = "", fix_en: str = "") -> VerificationFailed:
    return VerificationFailed(
        code,
        zh,
        en,
        fix_zh or "不要依赖这份答复；请联系登记处。",
        fix_en or "Do not rely on the answer; call the registry.",
    )


# --- the registry's keys ----------------------------------------------------------------------------------------------


def read_jwks(body: Any) -> dict[str, str]:
    """kid → x of the Ed25519 keys of a JWKS. Raises BadInput for what is none."""
    try:
        entries = items(body if isinstance(body, dict) else {}, "keys")
        found = {e["kid"]: e["x"] for e in entries if e.get("kty") == "OKP" and e.get("crv") == "Ed25519"}
        if not all(isinstance(kid, str) and len(unb64u(x)) == 32 for kid, x in found.items()):
            raise ValueError
    except (ClientError, KeyError, ValueError, TypeError) as fault:
        raise BadInput("not_a_jwks", "这不是密钥集（JWKS）", "This is no key set (JWKS)") from fault
    return found


def trust(profile: Profile, published: Mapping[str, str]) -> None:
    """Holds published receipt keys against those pinned and pins new ones. Raises VerificationFailed where a pinned
    key differs or is gone (retired keys stay published), or `strict_pins` is set and a key is new."""
    pinned = profile.pins.receipts
    if any(published.get(kid) != x for kid, x in pinned.items()):
        raise _fault(
            "pinned_key_differs",
            "登记处公布的回执密钥与首次所见不同",
            "The published receipt keys differ from those first seen",
            "停止使用并联系登记处。", "Stop, and call the registry.",
        )  # fmt: skip
    if profile.strict_pins:
        return
    profile.remember(receipts=published)


class ReceiptKeys:
    """The keys receipts are verified with: pinned ones, fetched where a `kid` is new."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def fetch(self) -> dict[str, str]:
        """What the registry publishes now: kid → x."""
        return read_jwks(self._connection.read("GET", "/v1/disclosure/receipt-keys", scope=None))

    def for_receipt(self, receipt: str) -> Mapping[str, str]:
        """Keys that may verify this receipt; pins on first use."""
        profile = self._connection.profile
        try:
            kid = json.loads(unb64u(receipt.split(".")[0])).get("kid")
        except (ValueError, AttributeError, RecursionError):
            raise _fault("not_a_receipt", "这不是回执", "This is no receipt") from None
        if kid not in profile.pins.receipts:
            trust(profile, self.fetch())
        return profile.pins.receipts


# --- from a file ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a receipt file proves and what it does not; pairs of Chinese and English sentences."""

    receipt: Receipt
    reply: Mapping[str, Any]
    proven: tuple[tuple[str, str], ...]
    not_proven: tuple[tuple[str, str], ...]


def verify_offline(
    file: str | Path, *, keys: Mapping[str, str], issuer: str | None = None, member_id: str | None = None
) -> Verdict:
    """Verifies a saved receipt file without a network. `keys` are those one trusts (pinned, or published and compared):
    keys inside the file are not trusted for being there. Raises BadInput, VerificationFailed."""
    body = read_file(Path(file))
    reply, question = body["reply"], body["question"]
    registry = body["registry"] if issuer is None else issuer
    answers = reply.get("answers", reply.get("asked"))
    receipt = reply.get("receipt")
    if not isinstance(receipt, str) or answers is None:
        raise _fault("no_receipt_inside", "文件中没有回执", "The file holds no receipt")
    purpose = question.get("purpose", "subject_access")
    now = clock.now()
    found = verify(
        receipt, question=question, answers=answers, keys=keys, issuer=registry, now=now, member_id=member_id,
        purpose=purpose, reply=reply,
    )  # fmt: skip
    if reply.get("purpose", purpose) != purpose:
        raise _fault("reply_differs", "答复所写与回执不符", "The reply says otherwise than its receipt")
    when = found.as_of.isoformat(timespec="milliseconds")
    proven = [
        (f"登记处 {found.issuer} 签发（密钥 {found.kid}）", f"Signed by {found.issuer} (key {found.kid})"),
        (f"答复给会员 {found.member_id}", f"Told to member {found.member_id}"),
        (f"时间 {when}，用途 {found.purpose}，披露规则第 {found.policy_version} 版",
         f"At {when}, for {found.purpose}, under policy version {found.policy_version}"),
        ("问题与答复正是文件中所存，未经改动", "Question and answer are those in the file, unchanged"),
    ]  # fmt: skip
    not_proven = [
        ("不证明被问者是谁：文件中只有盲化令牌；持有证件号码与登记处密钥期者方可对应",
         "Not who was asked about: the file holds a blind token; matching takes the identifier and the epoch"),
        ("不证明登记处所依据的事实为真，只证明它这样答复",
        "Not that what the registry relied on was true, only that it said so"),
        (f"不说明 {when} 之后的情况", f"Nothing about the time after {when}"),
    ]  # fmt: skip
    if now > found.fresh_until:
        not_proven.append(("答复已过有效时间，不得据以行事", "The answer is past its time: do not act on it"))
    if isinstance(answers, list) and any(isinstance(a, dict) and a.get("result") == "no_ground" for a in answers):
        not_proven.append(("no_ground 对该人没有任何说明", "no_ground says nothing about the person"))
    return Verdict(found, reply, tuple(proven), tuple(not_proven))


def read_file(path: Path) -> dict[str, Any]:
    """What `Evidence.save` wrote. Raises BadInput."""
    try:
        body = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise BadInput("file_unreadable", "回执文件无法读取", "The receipt file cannot be read") from fault
    shape = {"registry": str, "question": dict, "reply": dict}
    if not isinstance(body, dict) or body.get("format") != FORMAT or any(
        not isinstance(body.get(name), kind) for name, kind in shape.items()
    ):  # fmt: skip
        raise BadInput(
            "not_a_receipt_file", "这不是 gongxin-member 保存的回执文件", "This is no receipt file of gongxin-member",
            "用 lookup --save 保存的文件。", "Give a file that lookup --save wrote.",
        )  # fmt: skip
    return body
