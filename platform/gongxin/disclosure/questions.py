"""A look-up's body, read by hand. Well-formed batches are read whole; anything else item by item, to name the fault.

Per item this is the dearest Python of a batch: one walk, and tokens decoded all at once.
"""

import hashlib
import hmac
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Request

from gongxin.config import Config
from gongxin.errors import Invalid, bad_field
from gongxin.pii import refuse_pii
from gongxin.subjects import rules as subjects
from gongxin.subjects import service as subject_keys
from gongxin.web import guards

from . import rules

MAX_ITEMS = 1000
MAX_OFFICER = 64
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UUIDS = re.compile(rf"(?:{_UUID.pattern})+")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `keys` holds `width` subject keys of 32 bytes an item; `void` numbers (from 1) the items whose
    case number is another court's; `digest` is SHA-256 of the body in canonical form."""

    purpose: str
    grounds: list[str]
    keys: bytes
    width: int
    officer: str | None
    digest: bytes
    void: list[int]


def body_of(request: Request, config: Config) -> Any:
    """The body as JSON. orjson reads it where that is as strict as `guards.read_json`: names not repeated, which the
    number of quotation marks tells. Depth is bounded by the form that `read` demands."""
    if request.mimetype == "application/json":
        raw = guards.read_body(request, config.max_body_bytes)
        try:
            body = orjson.loads(raw)
            if raw.count(b'"') == _quotes(body):
                return body
        except (ValueError, TypeError, AttributeError, LookupError):
            pass
    return guards.read_json(request, config.max_body_bytes, config.max_json_depth, walk=False)


def _quotes(body: Any) -> int:
    """Quotation marks of a well-formed body whose texts hold none; anything else raises or differs."""
    items = body.get("items", (body,))
    entries = sum([len(item["subject"]) for item in items])
    officer = 0 if "officer" not in body else 2 if body["officer"] is None else 4
    return 4 + officer + (2 if "items" in body else 0) + 8 * len(items) + 6 * entries


def before(cursor: Sequence[str] | None) -> uuid.UUID | None:
    """The look-up a page begins after. Raises Invalid for a cursor that is not ours."""
    try:
        return uuid.UUID(cursor[0]) if cursor else None
    except ValueError as fault:
        raise Invalid("bad_cursor", zh="分页游标无效", en="The cursor is not one of ours", pointer="/cursor") from fault


def read(
    config: Config, open_epochs: Sequence[subjects.Epoch], body: Any, court_code: str | None, *, batch: bool
) -> Question:
    """The question in a body. Raises Invalid with the pointer of the field; personal data is named as such."""
    try:
        return _read(config, open_epochs, body, court_code, batch)
    except Invalid:
        refuse_pii(body)
        raise


def _read(
    config: Config, open_epochs: Sequence[subjects.Epoch], body: Any, court_code: str | None, batch: bool
) -> Question:
    wanted = {"purpose", "items"} if batch else {"purpose", "subject", "ground"}
    if not isinstance(body, dict) or body.keys() - {"officer"} != wanted:
        names = sorted(wanted)
        form = f"Give {', '.join(names)} and perhaps officer, no more"
        raise bad_field("", f"应恰有 {'、'.join(names)}，可有 officer", form)
    purpose = body["purpose"]
    if not isinstance(purpose, str) or purpose not in rules.LOOKUP_PURPOSES:
        raise bad_field("/purpose", "未知的用途", f"purpose is one of {', '.join(rules.LOOKUP_PURPOSES)}")
    officer = _officer(body.get("officer"), purpose)
    items = body["items"] if batch else [{"subject": body["subject"], "ground": body["ground"]}]
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_ITEMS:
        raise bad_field("/items", "应有 1 至 1000 项", "items holds 1 to 1000 entries")
    prefixes = {e.epoch: subject_keys.key_prefix("debtor", e.epoch) for e in open_epochs}
    field = "case_id" if purpose in rules.BY_CASE else "reference"
    read = _quickly(items, field, prefixes) or _carefully(items, field, prefixes, batch)
    epochs, tokens, grounds, width = read
    void: list[int] = []
    if field == "reference":
        grounds, void = _references(grounds, purpose, court_code, batch)
    elif (joined := "".join(grounds)) and (len(joined) != 36 * len(grounds) or not _UUIDS.fullmatch(joined)):
        _case_ids(grounds, batch)
    pepper = config.pepper
    keys = b"".join(
        [hmac.digest(pepper, prefixes[epoch] + token, "sha256") for epoch, token in zip(epochs, tokens, strict=True)]
    )
    digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()
    return Question(purpose, grounds, keys, width, officer, digest, void)


def about_oneself(reference: str, keys: Sequence[bytes], body: bytes) -> Question:
    """The subject's own question, through the association: `reference` is its file number, `body` canonical."""
    digest = hashlib.sha256(body).digest()
    return Question(rules.SUBJECT_ACCESS, [reference], b"".join(keys), len(keys), None, digest, [])


Read = tuple[list[int], list[bytes], list[str], int]


def _quickly(items: list[Any], field: str, prefixes: Mapping[int, bytes]) -> Read | None:
    """(epochs, tokens, grounds, width), or None at the first thing that is not plain."""
    epochs: list[int] = []
    texts: list[str] = []
    grounds: list[str] = []
    try:
        width = len(items[0]["subject"])
        for item in items:
            subject, ground = item["subject"], item["ground"]
            if len(item) != 2 or len(ground) != 1 or len(subject) != width:
                return None
            for entry in subject:
                if len(entry) != 2:
                    return None
                epochs.append(entry["epoch"])
                texts.append(entry["token"])
            grounds.append(ground[field])
        tokens = subjects.decode_tokens(texts)
        "".join(grounds)
    except (KeyError, TypeError, IndexError):
        return None
    if tokens is None or width > 2 or set(map(type, epochs)) != {int} or not prefixes.keys() >= set(epochs):
        return None
    if width == 2 and any(a == b for a, b in zip(epochs[::2], epochs[1::2], strict=True)):
        return None
    return epochs, tokens, grounds, width


def _carefully(items: list[Any], field: str, prefixes: Mapping[int, bytes], batch: bool) -> Read:
    accepted = frozenset(prefixes)
    pairs: list[list[tuple[int, bytes]]] = []
    grounds: list[str] = []
    for index, item in enumerate(items):
        at = f"/items/{index}" if batch else ""
        if not isinstance(item, dict) or item.keys() != {"subject", "ground"}:
            raise bad_field(at, "每项应恰有 subject 和 ground", "Each item has exactly subject and ground")
        pairs.append(subjects.check_subject(item["subject"], accepted, f"{at}/subject"))
        ground = item["ground"]
        if not isinstance(ground, dict) or ground.keys() != {field} or not isinstance(ground[field], str):
            raise bad_field(f"{at}/ground", f"此用途的依据为 {{{field}}}", f"The ground of this purpose is {{{field}}}")
        grounds.append(ground[field])
    width = max(map(len, pairs))
    # One epoch may be given where others give two: its key stands twice, which changes nothing.
    flat = [pair for given in pairs for pair in (given * width)[:width]]
    return [epoch for epoch, _ in flat], [token for _, token in flat], grounds, width


def _officer(value: Any, purpose: str) -> str | None:
    if value is None:
        if purpose == "supervision":
            raise bad_field("/officer", "监管查询须写明经办人", "supervision names the officer who asks")
        return None
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= MAX_OFFICER or not value.isprintable():
        raise bad_field("/officer", "经办人应为 1 至 64 个可见字符", "officer is 1 to 64 printable characters")
    refuse_pii(value, "/officer")
    return value.strip()


def _case_ids(grounds: Sequence[str], batch: bool) -> None:
    for index, ground in enumerate(grounds):
        if _UUID.fullmatch(ground) is None:
            at = f"/items/{index}/ground/case_id" if batch else "/ground/case_id"
            raise bad_field(at, "case_id 应为案件登记编号", "case_id is the identifier the registry gave the case")


def _references(
    grounds: Sequence[str], purpose: str, court_code: str | None, batch: bool
) -> tuple[list[str], list[int]]:
    found: list[str] = []
    void: list[int] = []
    for index, ground in enumerate(grounds):
        at = f"/items/{index}/ground/reference" if batch else "/ground/reference"
        refuse_pii(ground, at)
        if purpose == "judicial":
            normal, code = rules.court_case(ground, at)
            if code != court_code:
                void.append(index + 1)
        else:
            normal = rules.file_number(ground, at)
        found.append(normal)
    return found, void
