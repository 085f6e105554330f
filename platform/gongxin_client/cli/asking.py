"""lookup, lookup-file, lookups, subject-access, verify."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click

from .. import profile as profiles
from .. import proofs, receipts
from ..errors import BadInput, NoGround, StaleAnswer, Withheld
from ..importing.columns import Mapping, fold
from ..importing.listing import Listing
from ..importing.sheet import examine, rows
from ..importing.values import clean
from ..lookups import BY_CASE, PURPOSES
from ..models import Answer, Identifier, Question
from ..registry import Registry
from .base import ID_FILE, KIND, PARTLY, Output, command, plain, read_identifier, save

PURPOSE = click.option("--purpose", type=click.Choice(PURPOSES), required=True, help="用途 Purpose.")
OFFICER = click.option("--officer", help="经办人（监管查询必填） Officer (needed for supervision).")
SAVE = click.option(
    "--save", "save_to", type=click.Path(path_type=Path), help="保存问、答与回执 Keep question, answer, receipt."
)
HEADER_ANSWERS = ("行号 row", "ground", "contact", "result", "stop_flags", "legal_class", "as_of", "lookup_id")
_WORDS = {
    "forbidden": "不得联系 MUST NOT be contacted",
    "not_forbidden": "未见停催标记 no stop flag",
    "unknown": "不确定，确认前不得联系 UNKNOWN: do not contact before it is clear",
}  # fmt: skip


@command("lookup")
@click.argument("ground")
@PURPOSE
@KIND
@ID_FILE
@OFFICER
@SAVE
def lookup(
    out: Output, ground: str, purpose: str, kind: str, id_file: Any, officer: str | None, save_to: Path | None
) -> int:
    """查询一人；GROUND 为案件登记编号、案号或卷号 Ask about one person; GROUND is a case id, 案号 or file number."""
    subject = read_identifier(kind, id_file)
    about = {"case_id": ground} if purpose in BY_CASE else {"reference": ground}
    with out.registry() as registry:
        answer = registry.lookup(subject, purpose=purpose, officer=officer, **about)
    save(answer.evidence, save_to)
    word = contact_word(answer)
    lines = [
        f"结果 Result: {answer.result}",
        f"停催标记 Stop flags: {'—' if not answer.stop_flags else ', '.join(answer.stop_flags)}"
        if answer.stop_flags is not None
        else "停催标记 Stop flags: 未告知 not told",
        f"司法 Legal: {answer.legal_class or '未告知 not told'}" + ("；有争议 contested" if answer.contested else ""),
        f"联系 Contact: {_WORDS[word]}",
        f"截至 As of: {answer.as_of.isoformat()}，有效至 fresh until {answer.fresh_until.isoformat()}",
        f"回执已核对 The receipt holds: {answer.lookup_id}" + (f" → {save_to}" if save_to else ""),
    ]
    out.show({**plain(answer), "contact": word}, lines)
    return PARTLY if answer.result == "no_ground" else 0


@command("lookup-file")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@PURPOSE
@OFFICER
def lookup_file(out: Output, file: Path, output: Path, purpose: str, officer: str | None) -> int:
    """批量查询 CSV，结果不含证件号码 Ask about the rows of a CSV file; the output holds no identifier.

    列 Columns: ground（案件登记编号、案号或卷号 case id, 案号, file number）、证件类型 id_kind、证件号码 id_number。
    """
    sheet = examine(file)
    header = [fold(name) for name in sheet.header]
    if not {"ground", "id_number"} <= _known(header).keys():
        raise BadInput("column_missing", "缺少 ground 或证件号码列", "A column ground or id_number is missing")
    counts = {"forbidden": 0, "not_forbidden": 0, "unknown": 0}
    with out.registry() as registry, Listing(output, HEADER_ANSWERS) as listing:
        for row, ground, answer in _ask_rows(registry, rows(sheet), header, purpose, officer):
            word = "unknown" if answer is None else contact_word(answer)
            counts[word] += 1
            listing.row(row, ground, word, *(["refused"] if answer is None else _told(answer)))
    out.show(counts, [f"{_WORDS[word]}: {count}" for word, count in counts.items()])
    return PARTLY if counts["unknown"] else 0


@command("lookups")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="最近几条 How many.")
def own_lookups(out: Output, last: int) -> None:
    """本机构的查询记录 One's own questions as recorded."""
    with out.registry() as registry:
        found = list(registry.own_lookups(at_most=last))
    lines = [
        f"{entry.asked_at.isoformat()} {entry.purpose} ×{entry.items} {entry.refusal or dict(entry.outcomes)}"
        f" {entry.lookup_id}"
        for entry in found
    ]
    out.show({"items": plain(found)}, lines)


@command("subject-access")
@click.option("--request", "reference", required=True, help="查阅申请卷号 File number of the subject's request.")
@KIND
@ID_FILE
@SAVE
def subject_access(out: Output, reference: str, kind: str, id_file: Any, save_to: Path | None) -> None:
    """（协会）谁问过此人 For the association: who asked about the subject."""
    subject = read_identifier(kind, id_file)
    with out.registry() as registry:
        found, evidence = registry.subject_access_with_evidence(subject, request_reference=reference)
    save(evidence, save_to)
    lines = [
        f"{a.asked_at.isoformat()} {a.member_name_zh} ({a.member_kind}) {a.purpose} {a.ground or '—'}: {a.outcome}"
        f" [{', '.join(a.fields)}]"
        for a in found
    ]
    out.show({"asked": plain(found)}, lines or ["无人查询过 Nobody has asked."])


@command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--keys", "keys_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="登记处的回执密钥（JWKS） The registry's keys (JWKS); else those of the profile.")  # fmt: skip
@click.option("--registry", "issuer", help="应为哪个登记处 Which registry it must be.")
@click.option("--member", "member_id", help="应给哪个会员 Which member it must have been given to.")
@click.option("--proof", "proof_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="日志证明（prove 所存） The proof from the log, as `prove` keeps it.")  # fmt: skip
@click.option("--log-key", "log_keys", multiple=True, help="日志公钥 vkey of the log; else those of the profile.")
@click.option("--witness", "witness_keys", multiple=True, help="见证公钥 vkey of a witness one trusts; repeatable.")
@click.option(
    "--quorum", type=click.IntRange(0), default=0, help="至少几家会员见证 How many members must have cosigned."
)
@click.option("--tsa-certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="时间戳机构的根证书 The time-stamping authority's root, PEM.")  # fmt: skip
def verify(
    out: Output, file: Path, keys_file: Path | None, issuer: str | None, member_id: str | None,
    proof_file: Path | None, log_keys: tuple[str, ...], witness_keys: tuple[str, ...], quorum: int,
    tsa_certificate: Path | None,
) -> None:  # fmt: skip
    """离线核对保存的回执 Verify a saved receipt without a network; with --proof also its place in the log."""
    keys, issuer = _trusted(out, keys_file, issuer)
    found: proofs.Found | None = None
    if proof_file is None:
        verdict = receipts.verify_offline(file, keys=keys, issuer=issuer, member_id=member_id)
    else:
        trust = proofs.read_trust(
            log_keys or _log_keys(out), witness_keys, quorum, tsa_certificate.read_bytes() if tsa_certificate else None
        )
        verdict, found = proofs.verify_receipt(
            file, proof_file, keys=keys, trust=trust, issuer=issuer, member_id=member_id
        )
    proven = [*verdict.proven, *(found.proven if found else ())]
    not_proven = [*verdict.not_proven, *(found.not_proven if found else ())]
    lines = ["回执成立 The receipt holds.", "证明 Proven:", *(f"  ✓ {zh} {en}" for zh, en in proven)]
    lines += ["不证明 Not proven:", *(f"  · {zh} {en}" for zh, en in not_proven)]
    value = {
        "holds": True, "receipt": plain(verdict.receipt),
        "proven": [en for _, en in proven], "not_proven": [en for _, en in not_proven],
    }  # fmt: skip
    if found is not None:
        value["log"] = {
            "origin": found.origin, "index": found.index, "size": found.size, "witnessed": dict(found.witnessed),
            "stamped_at": found.stamp.time if found.stamp else None,
        }  # fmt: skip
    out.show(value, lines)


@command("prove")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="默认 <回执>.proof.txt Default: beside it."
)
def prove(out: Output, file: Path, output: Path | None) -> None:
    """取得并保存回执在日志中的证明 Fetch the proof that the receipt's leaf stands in the log, and keep it.

    以后再取一次，可得到带时间戳的证明。 Run it again later: once the day is stamped, the proof carries the stamp.
    """
    with out.registry() as registry:
        kept = proofs.keep(registry, file, output)
    out.show(
        {"proof": str(kept)}, [f"已保存 Kept: {kept}", f"核对 Verify: gongxin-member verify {file} --proof {kept}"]
    )


def contact_word(answer: Answer) -> str:
    """forbidden, not_forbidden or unknown: a word, so that no script takes a missing answer for a `false`."""
    try:
        return "forbidden" if answer.must_not_contact else "not_forbidden"
    except (NoGround, Withheld, StaleAnswer):
        return "unknown"


def _trusted(out: Output, keys_file: Path | None, issuer: str | None) -> tuple[dict[str, str], str | None]:
    """The keys to verify with and the registry they are of: a JWKS file, else the profile's pins."""
    if keys_file is not None:
        try:
            return receipts.read_jwks(json.loads(keys_file.read_text("utf-8"))), issuer
        except (OSError, ValueError) as fault:
            raise BadInput("not_a_jwks", "密钥文件无法读取", "The key file cannot be read") from fault
    path = profiles.find_path(out.profile_path)
    pinned = profiles.pins_of(path) if path.exists() else None
    if pinned is None or not pinned[1]:
        raise BadInput(
            "no_trusted_keys", "没有可信的登记处密钥", "There are no trusted keys of the registry",
            "用 --keys 给出登记处公布的密钥，或先执行 gongxin-member profile init。",
            "Give the published keys with --keys, or run gongxin-member profile init first.",
        )  # fmt: skip
    return pinned[1], issuer or pinned[0]


def _log_keys(out: Output) -> list[str]:
    path = profiles.find_path(out.profile_path)
    pinned = profiles.log_pins_of(path) if path.exists() else []
    if not pinned:
        raise BadInput(
            "no_trusted_log_key", "没有可信的日志公钥", "There is no trusted key of the log",
            "用 --log-key 给出，或先执行 gongxin-member profile trust。",
            "Give it with --log-key, or run gongxin-member profile trust first.",
        )  # fmt: skip
    return pinned


def _known(header: list[str]) -> dict[str, int]:
    usual = {"ground": ("ground", "案件登记编号", "case_id", "案号", "卷号"), "id_kind": ("id_kind", "证件类型"),
             "id_number": ("id_number", "证件号码", "证件号", "身份证号")}  # fmt: skip
    return {
        name: next(header.index(word) for word in words if word in header)
        for name, words in usual.items()
        if set(words) & set(header)
    }


def _ask_rows(
    registry: Registry, source: Iterator[tuple[int, list[str]]], header: list[str], purpose: str, officer: str | None
) -> Iterator[tuple[int, str, Answer | None]]:
    """(row, ground, answer) in batches of 1,000; None where the row's identifier is none."""
    columns, mapping = _known(header), Mapping()
    while batch := list(islice(source, 1000)):
        asked: list[tuple[int, str, Question | None]] = []
        for row, cells in batch:
            cell = {name: clean(cells[at]) if at < len(cells) else "" for name, at in columns.items()}
            kind = mapping.kind_of(cell["id_kind"]) if cell.get("id_kind") else "cn_id"
            try:
                subject = Identifier(kind or "", cell["id_number"])
                ground = {"case_id": cell["ground"]} if purpose in BY_CASE else {"reference": cell["ground"]}
                asked.append((row, cell["ground"], Question(subject, **ground)))
            except BadInput:
                asked.append((row, cell["ground"], None))
        answers = registry.lookup_many([q for _, _, q in asked if q is not None], purpose=purpose, officer=officer)
        for row, text, question in asked:
            yield row, text, next(answers) if question is not None else None


def _told(answer: Answer) -> list[str]:
    flags, legal = " ".join(answer.stop_flags or ()), answer.legal_class or ""
    return [answer.result, flags, legal, answer.as_of.isoformat(), answer.lookup_id]


COMMANDS = (lookup, lookup_file, own_lookups, subject_access, verify, prove)
