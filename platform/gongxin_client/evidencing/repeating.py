"""How each step is repeated without us: commands of sha256sum, openssl, base64 and xxd, to be pasted into a shell.

Each command carries its own bytes, so that the page alone is enough.
"""

import base64
from collections.abc import Callable, Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gongxin_wire import notes
from gongxin_wire.canonical import canonical
from gongxin_wire.evidence import CUSTODY_DOMAIN, CUSTODY_FIELDS

from .verifying import Step

Repeat = tuple[str, str, str]
"""(中文, English, command)."""


def repeats(step: Step) -> list[Repeat]:
    """The commands of one step; none where it has nothing to repeat."""
    make = _MAKERS.get(step.code)
    try:
        return list(make(step.data)) if make is not None else []
    except (KeyError, TypeError, ValueError, AttributeError):
        return []


def _file(data: Any) -> Iterator[Repeat]:
    name = _quoted(str(data["name"]))
    yield f"应得 {data['sha256']}", f"Must give {data['sha256']}", f"sha256sum {name}"
    if data.get("sm3"):
        yield f"应得 {data['sm3']}", f"Must give {data['sm3']}", f"openssl dgst -sm3 {name}"


def _batch(data: Any) -> Iterator[Repeat]:
    """The path of the batch's tree, from the file's fingerprint."""
    start = f"h=$( (printf '\\000'; printf %s '{data['sha256']}' | xxd -r -p) | sha256sum | cut -c1-64)"
    script = "\n".join([start, *_climb(data["index"], data["count"], data["path"]), "echo $h"])
    yield f"应得批次的根 {data['root']}", f"Must give the batch's root {data['root']}", script


def _record(data: Any) -> Iterator[Repeat]:
    raw = base64.b64encode(data["opened"]).decode()
    told = base64.urlsafe_b64decode(data["commitment"] + "=").hex()
    yield f"应得承诺 {told}", f"Must give the commitment {told}", f"printf %s '{raw}' | base64 -d | sha256sum"
    yield (
        "登记内容本身（其前是 21 字节域标识与 32 字节盐值）",
        "The record itself (before it: 21 bytes of domain, 32 of salt)",
        f"printf %s '{raw}' | base64 -d | tail -c +54",
    )  # fmt: skip


def _log(data: Any) -> Iterator[Repeat]:
    raw = base64.b64encode(data["entry"]).decode()
    start = f"h=$( (printf '\\000'; printf %s '{raw}' | base64 -d) | sha256sum | cut -c1-64)"
    script = "\n".join([start, *_climb(data["index"], data["size"], data["path"]), "echo $h"])
    yield (
        f"自这一叶逐层计算，应得检查点的根 {data['root']}",
        f"From the leaf up, level by level: must give the checkpoint's root {data['root']}", script,
    )  # fmt: skip
    yield from _signed(data["note"], data["key"])
    yield (
        "或以任何 C2SP tlog-proof 验证器核验此文本（日志公钥见下）",
        "Or with any verifier of C2SP tlog-proof, given this text and the log's key",
        f"cat > proof.txt <<'END'\n{data['proof']}END\n# {data['key']}",
    )  # fmt: skip


def _witness(data: Any) -> Iterator[Repeat]:
    yield from _signed(data["note"], data["key"])


def _signed(note: notes.Note, key: notes.VerifierKey) -> Iterator[Repeat]:
    line = next(each for each in note.signatures if (each.name, each.key_id) == (key.name, key.key_id))
    message = note.text
    if key.kind == notes.COSIGNATURE:
        message = f"cosignature/v1\ntime {int.from_bytes(line.signature[:8])}\n{note.text}"
    pem = Ed25519PublicKey.from_public_bytes(key.public).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    yield (
        f"{key.name} 的签名，应得 Signature Verified Successfully",
        f"The signature of {key.name}: must say Signature Verified Successfully",
        "\n".join(
            [
                f"cat > key.pem <<'END'\n{pem.decode()}END",
                f"printf %s '{base64.b64encode(message.encode()).decode()}' | base64 -d > signed.txt",
                f"printf %s '{base64.b64encode(line.signature[-64:]).decode()}' | base64 -d > signature.bin",
                "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in signed.txt -sigfile signature.bin",
            ]
        ),
    )


def _stamp(data: Any) -> Iterator[Repeat]:
    yield (
        "应得 Verification: OK；ca.pem 为时间戳机构公布的根证书",
        "Must say Verification: OK; ca.pem holds the root certificate that the authority publishes",
        "\n".join(
            [
                f"printf %s '{base64.b64encode(data['checkpoint']).decode()}' | base64 -d > checkpoint.txt",
                f"printf %s '{base64.b64encode(data['reply']).decode()}' | base64 -d > stamp.tsr",
                "openssl ts -verify -in stamp.tsr -data checkpoint.txt -CAfile ca.pem",
                "openssl ts -reply -in stamp.tsr -text",
            ]
        ),
    )


def _custody(data: Any) -> Iterator[Repeat]:
    lines = []
    for event in data["events"]:
        raw = CUSTODY_DOMAIN + canonical({name: event[name] for name in CUSTODY_FIELDS})
        lines.append(f"printf %s '{base64.b64encode(raw).decode()}' | base64 -d | sha256sum  # {event['position']}")
    last = data["events"][-1]["digest"]
    yield (
        f"每行的结果是下一事件的 previous；最后一行应得 {last}",
        f"Each line gives the `previous` of the next event; the last must give {last}",
        "\n".join(lines),
    )


def _climb(index: int, size: int, path: list[str]) -> Iterator[str]:
    """RFC 9162 section 2.1.3.2 as shell: `h` goes from the leaf's hash to the root."""
    place, last = index, size - 1
    for sibling in path:
        left = bool(place & 1) or place == last
        pair = f"{sibling}${{h}}" if left else f"${{h}}{sibling}"
        yield f'h=$(printf %s "01{pair}" | xxd -r -p | sha256sum | cut -c1-64)'
        if left:
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "'\\''") + "'"


_MAKERS: dict[str, Callable[[Any], Iterator[Repeat]]] = {
    "file": _file, "batch": _batch, "record": _record, "log": _log, "witness": _witness, "stamp": _stamp,
    "custody": _custody,
}  # fmt: skip
