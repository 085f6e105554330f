"""Evidence as it comes in, read by hand: a line of ten thousand as strictly as a single body. Fingerprints are of a
closed form, so that the guard against personal numbers looks at the free texts alone."""

import re
import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NoReturn

import orjson

from gongxin.errors import Invalid, TooLarge
from gongxin.pii import refuse_pii
from gongxin_wire import evidence as words

# Letters, digits, Han, plain punctuation; a space only inside.
_CHARACTERS = "0-9A-Za-z\u4e00-\u9fff()（）_./:#+@="
_WORD = f"[{_CHARACTERS}-](?:[{_CHARACTERS} -]{{0,62}}[{_CHARACTERS}-])?"
WORD_PATTERN = f"^{_WORD}$"
# What a person reads: printable, no space at either end.
TEXT_PATTERN = r"^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f\u2028\u2029]*[^\s\x00-\x1f\x7f])?$"
HEX_PATTERN = "^[0-9a-f]{64}$"
MEDIA_PATTERN = f"^{words.MEDIA_TYPE}$"
MOMENT_PATTERN = (
    r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]{1,6})?(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])$"
)
UUID_PATTERN = "^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_MATCH = {
    pattern: re.compile(pattern.removesuffix("$"))
    for pattern in (WORD_PATTERN, HEX_PATTERN, MEDIA_PATTERN, MOMENT_PATTERN, UUID_PATTERN)
}
_NEEDED = {"kind", "sha256", "size", "media_type"}
_CONCERNS = ("case_id", "agent_licence", "complaint")
_ALL = _NEEDED | {"sm3", "made_by", "device", "made_at", *_CONCERNS}
_BATCH_NEEDED = {"kind"}
_BATCH_ALL = _BATCH_NEEDED | {"label", "made_from", "made_to", *_CONCERNS}
_HASH_LINES = re.compile(rb'(?:"[0-9a-f]{64}"\r?\n)*"[0-9a-f]{64}"\r?\n?')
_HASH = re.compile(rb'"([0-9a-f]{64})"\r?')


@dataclass(frozen=True, slots=True)
class Concerns:
    """What it concerns: at least one of a case, an agent by licence number, a complaint by its number."""

    case_id: uuid.UUID | None
    agent_licence: str | None
    complaint: str | None


@dataclass(frozen=True, slots=True)
class NewEvidence:
    """Evidence to register. `made_by`, `device`, `made_at` are the member's claims."""

    kind: str
    sha256: bytes
    sm3: bytes | None
    size: int
    media_type: str
    concerns: Concerns
    made_by: str | None
    device: str | None
    made_at: datetime | None

    @property
    def key(self) -> tuple[bytes, Concerns]:
        """What makes it the same registration: one file concerning one matter."""
        return self.sha256, self.concerns


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch to register: the files' SHA-256 in the owner's order."""

    kind: str
    fingerprints: list[bytes]
    concerns: Concerns
    label: str | None
    made_from: date | None
    made_to: date | None


def evidence(value: Any) -> NewEvidence:
    """One registration. Raises Invalid at the field."""
    if type(value) is not dict or not _NEEDED <= value.keys() <= _ALL:
        _refuse("", "应有 kind、sha256、size、media_type，可有 sm3、case_id、agent_licence、complaint、made_by、"
                "device、made_at",
                "Give kind, sha256, size, media_type and perhaps sm3, case_id, agent_licence, complaint, made_by,"
                " device, made_at")  # fmt: skip
    size = value["size"]
    if type(size) is not int or not 0 <= size <= words.MAX_SIZE:
        _refuse("/size", "应为字节数", "A number of bytes")
    made_at = value.get("made_at")
    return NewEvidence(
        _kind(value["kind"]),
        fingerprint(value["sha256"], "/sha256"),
        None if value.get("sm3") is None else fingerprint(value["sm3"], "/sm3"),
        size,
        _match(value["media_type"], MEDIA_PATTERN, "/media_type", "应为小写的媒体类型，如 audio/mpeg",
               "A media type in lower case, as audio/mpeg"),
        _concerns(value),
        word(value.get("made_by"), "/made_by"),
        word(value.get("device"), "/device"),
        None if made_at is None else moment(made_at, "/made_at"),
    )  # fmt: skip


def batch(lines: bytes) -> NewBatch:
    """The NDJSON of a batch: a line on the whole, then a line `"<sha256>"` for each file. Raises Invalid, TooLarge."""
    head, _, rest = lines.partition(b"\n")
    try:
        value = orjson.loads(head)
        keys = list(value) if type(value) is dict else None
    except ValueError:
        value, keys = None, None
    if keys is None or not _BATCH_NEEDED <= value.keys() <= _BATCH_ALL or _repeats(head, keys):
        _refuse("/0", "第一行应有 kind，可有 label、made_from、made_to、case_id、agent_licence、complaint",
                "The first line has kind and perhaps label, made_from, made_to, case_id, agent_licence,"
                " complaint")  # fmt: skip
    fingerprints = _fingerprints(rest)
    made_from, made_to = (
        None if value.get(name) is None else day(value[name], f"/0/{name}") for name in ("made_from", "made_to")
    )
    if made_from is not None and made_to is not None and made_to < made_from:
        _refuse("/0/made_to", "不得早于 made_from", "Not before made_from")
    return NewBatch(
        _kind(value["kind"], "/0/kind"),
        fingerprints,
        _concerns(value, "/0", needed=False),
        word(value.get("label"), "/0/label"),
        made_from,
        made_to,
    )


def _repeats(head: bytes, keys: list[str]) -> bool:
    """Whether the first line names something twice, or hides a name behind an escape."""
    return any(head.count(f'"{name}"'.encode()) != 1 for name in keys) or b"\\" in head or head.count(b":") < len(keys)


def _fingerprints(rest: bytes) -> list[bytes]:
    if not rest.strip():
        raise Invalid(
            "no_lines", zh="没有任何行", en="There are no lines", fix_zh="每行一个 JSON 对象。",
            fix_en="Send one JSON object a line.",
        )  # fmt: skip
    count = rest.count(b"\n") + (not rest.endswith(b"\n"))
    if count > words.MAX_BATCH:
        raise TooLarge(
            "batch_too_large",
            zh="批量指纹超过上限",
            en="The batch is over its limit",
            fix_zh=f"每批至多 {words.MAX_BATCH} 个指纹。",
            fix_en=f"At most {words.MAX_BATCH} fingerprints a batch.",
        )
    if _HASH_LINES.fullmatch(rest) is None:
        bad = next(at for at, line in enumerate(rest.split(b"\n"), 1) if _HASH.fullmatch(line) is None or at > count)
        _refuse(f"/{bad}", "每行应为一个引号内的 64 位小写十六进制 SHA-256",
                "Each line is one SHA-256 of 64 hexadecimal digits in lower case, in quotation marks")  # fmt: skip
    packed = bytes.fromhex(rest.translate(None, b'"\r\n').decode())
    found = [packed[at : at + 32] for at in range(0, len(packed), 32)]
    if len(set(found)) != len(found):
        first = {each: at for at, each in reversed(list(enumerate(found, 1)))}
        again = next(at for at, each in enumerate(found, 1) if first[each] != at)
        raise Invalid(
            "repeated_fingerprint",
            zh="同一指纹在批中出现两次",
            en="A fingerprint stands twice in the batch",
            fix_zh="每个文件只写一行。",
            fix_en="Write one line a file.",
            pointer=f"/{again}",
        )
    return found


def fingerprint(value: Any, pointer: str) -> bytes:
    """32 bytes as 64 hexadecimal digits in lower case."""
    return bytes.fromhex(
        _match(value, HEX_PATTERN, pointer, "应为 64 位小写十六进制", "64 hexadecimal digits in lower case")
    )


def moment(value: Any, pointer: str) -> datetime:
    """RFC 3339 with its offset."""
    text = _match(value, MOMENT_PATTERN, pointer, "应为带时区的 RFC 3339 时间", "An RFC 3339 time with its offset")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        _refuse(pointer, "应为带时区的 RFC 3339 时间", "An RFC 3339 time with its offset")


def day(value: Any, pointer: str) -> date:
    """YYYY-MM-DD, since 1980."""
    try:
        if type(value) is str and len(value) == 10 and value[4] == value[7] == "-":
            found = date.fromisoformat(value)
            if found.year >= 1980:
                return found
    except ValueError:
        pass
    _refuse(pointer, "应为 YYYY-MM-DD 形式的日期", "A date as YYYY-MM-DD")


def word(value: Any, pointer: str) -> str | None:
    """A number or name of 1 to 64 plain characters, no person's number."""
    if value is None:
        return None
    text = _match(value, WORD_PATTERN, pointer, "应为 1 至 64 个字母、数字、汉字或 ()_./:#+@=-，空格只可在中间",
                  "1 to 64 letters, digits, Han characters or ()_./:#+@=-; spaces only inside")  # fmt: skip
    refuse_pii(text, pointer)
    return text


def identifier(value: Any, pointer: str) -> uuid.UUID:
    return uuid.UUID(_match(value, UUID_PATTERN, pointer, "应为登记处给出的编号", "An identifier the registry gave"))


def _concerns(value: dict[str, Any], at: str = "", *, needed: bool = True) -> Concerns:
    case_id = value.get("case_id")
    found = Concerns(
        None if case_id is None else identifier(case_id, f"{at}/case_id"),
        word(value.get("agent_licence"), f"{at}/agent_licence"),
        word(value.get("complaint"), f"{at}/complaint"),
    )
    if needed and found == Concerns(None, None, None):
        raise Invalid(
            "concerns_nothing",
            zh="未写明证据关联什么",
            en="It does not say what the evidence concerns",
            fix_zh="填写 case_id、agent_licence、complaint 中至少一项；尚无关联的文件可按批登记。",
            fix_en="Give at least one of case_id, agent_licence, complaint; files of no matter yet go in a batch.",
            pointer=at,
        )
    return found


def _kind(value: Any, pointer: str = "/kind") -> str:
    if type(value) is not str or value not in words.KINDS:
        _refuse(pointer, f"应为 {'、'.join(words.KINDS)} 之一", f"One of {', '.join(words.KINDS)}")
    return value


def _match(value: Any, pattern: str, pointer: str, zh: str, en: str) -> str:
    if type(value) is not str or _MATCH[pattern].fullmatch(value) is None:
        _refuse(pointer, zh, en)
    return value


def _refuse(pointer: str, zh: str, en: str) -> NoReturn:
    raise Invalid(
        "invalid_field",
        zh=zh,
        en=en,
        fix_zh="按接口文档更正该字段。",
        fix_en="Correct the field as the documentation says.",
        pointer=pointer,
    )
