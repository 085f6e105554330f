"""The proof file: all that is needed beside the file itself to verify, offline and years later, what was registered.

    {"format": "gongxin-evidence-proof-1", "registry": …, "made_at": …, "member": {…},
     "file": {"name", "size", "sha256", "sm3"?},
     "batch": null | {"index", "count", "path": [hex, …]},
     "leaves": [{"id", "kind", "commitment", "salt", "record", "proof": tlog-proof}, …]   the registration, then custody
     "custody": [event, …], "keys": {"log": [vkey, …], "witnesses": [{"name", "vkey", "member_id"}, …]},
     "stamps": [{"size", "checkpoint", "reply", "time", "authority", "proof": tlog-proof at that size}, …]}

Keys inside the file are not trusted for being there (`verifying.py`).
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gongxin_wire import notes
from gongxin_wire.canonical import b64u
from gongxin_wire.evidence import batch_proof

from .. import clock, files
from ..errors import BadInput, Refused, VerificationFailed
from ..evidence import Opening
from ..log import StampEntry
from ..registry import Registry
from ..shapes import items, text
from .adding import read_list
from .hashing import Fingerprint, fingerprint

FORMAT = "gongxin-evidence-proof-1"
MAX_STAMPS = 3
MERGE_ATTEMPTS = 20


def prove(
    registry: Registry, path: Path, *, evidence_id: str | None = None, batch: Path | None = None, sm3: bool = True
) -> dict[str, Any]:
    """The proof of a file of ours. `evidence_id` where the file is registered for several matters; `batch`: the list of
    the batch it was registered in. Waits for a leaf that has just been promised. Raises BadInput where the file is not
    registered, what calls raise, and VerificationFailed where what comes back does not prove it."""
    sum_ = fingerprint(path, sm3=sm3)
    body: dict[str, Any] = {
        "format": FORMAT,
        "registry": registry.profile.registry,
        "made_at": clock.now().isoformat(timespec="seconds"),
        "member": _member(registry),
        "file": {"name": path.name, **{name: value for name, value in asdict(sum_).items() if value is not None}},
        "batch": None,
        "custody": [],
    }
    if batch is not None:
        openings = [_batch(registry, batch, sum_, body)]
    else:
        found = evidence_id or _find(registry, sum_)
        openings = registry.evidence_openings(found)
        body["custody"] = registry.custody(found)
    body["leaves"] = [_leaf(registry, opening) for opening in openings]
    index = notes.parse_proof(body["leaves"][0]["proof"]).index
    witnesses, cosigned = _witnesses(registry)
    if cosigned > index:
        body["leaves"][0]["proof"] = str(registry.proof(openings[0].leaf_id, size=cosigned))
    body["keys"] = {"log": [str(key) for key in registry.log_keys()], "witnesses": witnesses}
    body["stamps"] = _stamps(registry, openings[0].leaf_id, index)
    return body


def save(body: dict[str, Any], path: Path) -> None:
    """Writes the proof file; mode 0600, for it holds the salt."""
    files.replace(path, json.dumps(body, ensure_ascii=False, indent=1).encode() + b"\n")


def read(path: Path) -> dict[str, Any]:
    """A proof file, its shape checked and nothing else. Raises BadInput."""
    try:
        body = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise BadInput("file_unreadable", "证明文件无法读取", "The proof file cannot be read") from fault
    shape = {"registry": str, "made_at": str, "member": dict, "file": dict, "leaves": list, "custody": list,
             "keys": dict, "stamps": list}  # fmt: skip
    if not isinstance(body, dict) or body.get("format") != FORMAT or any(
        not isinstance(body.get(name), kind) for name, kind in shape.items()
    ):  # fmt: skip
        raise BadInput(
            "not_a_proof_file", "这不是 gongxin-member 写出的证明文件", "This is no proof file of gongxin-member",
            "使用 evidence prove 写出的文件。", "Give a file that evidence prove wrote.",
        )  # fmt: skip
    return body


def _find(registry: Registry, sum_: Fingerprint) -> str:
    found = list(registry.own_evidence(sha256=sum_.sha256))
    if not found:
        raise BadInput(
            "not_registered", "本机构没有登记过这个文件", "This file is not registered by us",
            "用 evidence add 登记；按批登记的，用 --batch 给出清单。文件若被改动，指纹就不同。",
            "Register it with evidence add; one registered in a batch needs --batch LIST. A changed file has another"
            " fingerprint.",
        )  # fmt: skip
    if len(found) > 1:
        raise BadInput(
            "registered_for_several", "该文件登记了多个事项", "The file is registered for several matters",
            "用 --evidence 指明：" + "、".join(each.evidence_id for each in found),
            "Name one with --evidence: " + ", ".join(each.evidence_id for each in found),
        )  # fmt: skip
    return found[0].evidence_id


def _batch(registry: Registry, list_file: Path, sum_: Fingerprint, body: dict[str, Any]) -> Opening:
    batch_id, order, _ = read_list(list_file)
    if sum_.sha256 not in order:
        raise BadInput("not_in_batch", "清单中没有这个文件", "The file is not on the list of the batch")
    index = order.index(sum_.sha256)
    path = batch_proof([bytes.fromhex(each) for each in order], index)
    body["batch"] = {"index": index, "count": len(order), "path": [each.hex() for each in path]}
    return registry.batch_opening(batch_id)


def _leaf(registry: Registry, opening: Opening) -> dict[str, Any]:
    return {
        "id": opening.leaf_id, "kind": opening.kind, "commitment": opening.commitment, "salt": b64u(opening.salt),
        "record": opening.record, "proof": str(_promised(lambda: registry.proof(opening.leaf_id))),
    }  # fmt: skip


def _promised(ask: Callable[[], notes.Proof]) -> notes.Proof:
    """The proof, waited for as long as a registry may take to keep its promise."""
    for attempt in range(MERGE_ATTEMPTS):
        try:
            return ask()
        except Refused as refused:
            if refused.status != 404 or attempt == MERGE_ATTEMPTS - 1:
                raise VerificationFailed(
                    "promise_not_kept", "日志中还没有这一叶", "The leaf does not stand in the log yet",
                    "稍后重试；长时间如此请联系登记处。", "Try again soon; if it stays so, call the registry.",
                ) from refused  # fmt: skip
            clock.sleep(0.25)
    raise AssertionError("the last attempt returns or raises")


def _member(registry: Registry) -> dict[str, Any]:
    me = registry.me()
    return {
        "member_id": me.member_id,
        "kind": me.kind,
        "name_zh": me.name_zh,
        "name_en": me.name_en,
        "uscc": me.more.get("uscc"),
    }


def _witnesses(registry: Registry) -> tuple[list[dict[str, str]], int]:
    """Those listed, and the size of the newest checkpoint that a quorum of them cosigned, else that any did; 0 where
    there is none."""
    found = registry.connection.read("GET", "/v1/log/witnesses", scope=None)
    entries = items(found, "items")
    sizes = [each["last_size"] for each in entries if isinstance(each.get("last_size"), int)]
    quorum = found.get("quorum_size")
    told = [{name: text(each, name) for name in ("name", "vkey", "member_id")} for each in entries]
    return told, quorum if isinstance(quorum, int) else max(sizes, default=0)


def _stamps(registry: Registry, leaf_id: str, index: int) -> list[dict[str, Any]]:
    """The first stamps that cover the leaf, each with the leaf's proof under the very checkpoint that was stamped."""
    try:
        found: list[StampEntry] = registry.stamps(from_size=index + 1)[:MAX_STAMPS]
        return [
            {
                "size": each.size, "checkpoint": each.checkpoint, "reply": b64u(each.reply),
                "time": each.time.isoformat(), "authority": each.authority,
                "proof": str(registry.proof(leaf_id, size=each.size)),
            }
            for each in found
        ]  # fmt: skip
    except Refused:
        return []
