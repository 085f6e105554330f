"""A check's body. Plain ones are read in one walk, all at once; anything else by the schema and item by item, to name
the fault."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Request
from marshmallow import ValidationError

from gongxin.errors import Invalid, bad_field
from gongxin.subjects import rules as subjects
from gongxin.subjects import service as subject_keys
from gongxin.web import guards
from gongxin.web.blueprint import invalid
from gongxin.web.runtime import Runtime
from gongxin_wire import licences
from gongxin_wire.canonical import canonical

from . import rules
from .schemas.checks import ChecksIn
from .schemas.fields import REFERENCE

DATA_SET = "agent"
MAX_ITEMS = 1000
_REFERENCE = re.compile(REFERENCE[1:-1])
_SCHEMA = ChecksIn()


@dataclass(frozen=True, slots=True)
class Question:
    """Who is asked about: licence numbers and packed subject keys, each with its item's place; `digest` is SHA-256 of
    the body in canonical form."""

    purpose: str
    fields: tuple[str, ...]
    count: int
    places: list[int]
    numbers: list[str]
    key_places: list[int]
    epochs: list[int]
    keys: bytes
    consents: list[str]
    digest: bytes


def read(runtime: Runtime, request: Request, kind: str) -> Question:
    """Raises Invalid with the pointer of the field, and Forbidden where the purpose is not of this kind of member."""
    config = runtime.config
    body = None
    if request.mimetype == "application/json":
        raw = guards.read_body(request, config.max_body_bytes)
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            body = None
        found = _quickly(runtime, body, raw, kind) if body else None
        if found is not None:
            return found
    body = guards.read_json(request, config.max_body_bytes, config.max_json_depth, walk=False)
    return _carefully(runtime, body, kind)


def of(runtime: Runtime, body: Any, kind: str) -> Question:
    """The same of a body that is read already: what a page's form holds."""
    return _carefully(runtime, body, kind)


def _quickly(runtime: Runtime, body: Any, raw: bytes, kind: str) -> Question | None:
    """None at the first thing that is not plain. No name is repeated where the quotation marks are as many as a body of
    this form has; its depth is that of the form."""
    try:
        purpose, items = body["purpose"], body["items"]
        hiring = purpose == "hiring"
        fields = rules.FIELDS[purpose]
        if len(body) != 2 or not 1 <= len(items) <= MAX_ITEMS or type(items) is not list:
            return None
        walked = _walk(items, hiring)
        if walked is None:
            return None
        places, numbers, key_places, epochs, texts, consents = walked
        tokens = subjects.decode_tokens(texts) if texts else []
    except (KeyError, TypeError, AttributeError):
        return None
    prefixes = {
        e.epoch: subject_keys.key_prefix(DATA_SET, e.epoch) for e in subject_keys.open_epochs(runtime, DATA_SET)
    }
    quotes = 6 + 4 * len(places) + 2 * len(set(key_places)) + 6 * len(texts) + 4 * len(consents)
    if tokens is None or raw.count(b'"') != quotes or not prefixes.keys() >= set(epochs):
        return None
    if kind not in rules.PURPOSES[purpose]:
        rules.check_purpose(purpose, kind)
    pepper = runtime.config.pepper
    keys = [hmac.digest(pepper, prefixes[epoch] + token, "sha256") for epoch, token in zip(epochs, tokens, strict=True)]
    digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()
    return Question(
        purpose, fields, len(items), places, numbers, key_places, epochs, b"".join(keys), consents, digest
    )  # fmt: skip


_Walked = tuple[list[int], list[str], list[int], list[int], list[str], list[str]]


def _walk(items: Sequence[Any], hiring: bool) -> _Walked | None:
    places: list[int] = []
    numbers: list[str] = []
    key_places: list[int] = []
    epochs: list[int] = []
    texts: list[str] = []
    consents: list[str] = []
    size = 2 if hiring else 1
    for at, item in enumerate(items):
        if len(item) != size:
            return None
        number = item.get("licence")
        if number is not None:
            if not licences.is_plain(number):
                return None
            places.append(at)
            numbers.append(number)
        else:
            subject = item["subject"]
            if type(subject) is not list or not _entries(subject, epochs, texts):
                return None
            key_places += [at] * len(subject)
        if hiring:
            consents.append(item["consent"])
            if _REFERENCE.fullmatch(consents[-1]) is None:
                return None
    return places, numbers, key_places, epochs, texts, consents


def _entries(subject: Sequence[Any], epochs: list[int], texts: list[str]) -> bool:
    for entry in subject:
        if len(entry) != 2 or type(entry["epoch"]) is not int:
            return False
        epochs.append(entry["epoch"])
        texts.append(entry["token"])
    return len(subject) == 1 or (len(subject) == 2 and epochs[-1] != epochs[-2])


def _carefully(runtime: Runtime, as_sent: Any, kind: str) -> Question:
    try:
        body: Mapping[str, Any] = _SCHEMA.load(as_sent)
    except ValidationError as fault:
        raise invalid(fault.messages) from fault
    purpose, items = body["purpose"], body["items"]
    fields = rules.check_purpose(purpose, kind)
    places: list[int] = []
    numbers: list[str] = []
    key_places: list[int] = []
    pairs: list[tuple[int, bytes]] = []
    for at, item in enumerate(items):
        pointer = f"/items/{at}"
        _check_form(item, purpose, pointer)
        if "licence" in item:
            places.append(at)
            numbers.append(rules.check_licence(item["licence"], f"{pointer}/licence"))
        else:
            given = item["subject"]
            found = subject_keys.parse_subject(runtime.config, runtime, given, DATA_SET, pointer=f"{pointer}/subject")
            key_places += [at] * len(found)
            pairs += found
    return Question(
        purpose, fields, len(items), places, numbers, key_places, [epoch for epoch, _ in pairs],
        b"".join([key for _, key in pairs]), [item["consent"] for item in items if "consent" in item],
        hashlib.sha256(canonical(as_sent)).digest(),
    )  # fmt: skip


def _check_form(item: Mapping[str, Any], purpose: str, pointer: str) -> None:
    if ("licence" in item) == ("subject" in item):
        raise bad_field(pointer, "licence 与 subject 恰给其一", "Give exactly one of licence and subject")
    if (purpose == "hiring") != ("consent" in item):
        raise Invalid(
            "consent_reference",
            zh="招用核验须有本人同意书编号，其他用途不填",
            en="A check before hiring names the applicant's consent; other checks name none",
            fix_zh="consent 填写本机构保存的同意书编号。",
            fix_en="consent is the reference of the consent you keep.",
            pointer=f"{pointer}/consent",
        )
