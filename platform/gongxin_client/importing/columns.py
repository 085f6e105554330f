"""Which column holds which field: usual headers of core-banking exports, and a mapping file over them.

[columns]                      # our field = header of the file
creditor_ref = "借据号"
id_number = "客户证件号"
[id_kinds]                     # the file's word = cn_id, uscc or passport
"01" = "cn_id"
[file]
delimiter = "|"                # one character; a comma by default
default_kind = "cn_id"         # where no column tells the kind
reference_prefix = "L"         # put before each reference: digits alone may read as a bank card
"""

import hashlib
import json
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gongxin_wire.identifiers import KINDS

from ..errors import BadInput

REQUIRED = ("creditor_ref", "id_number", "opened_on")
# Field -> headers, the first that is there wins: a loan receipt is finer than its contract.
HEADERS: dict[str, tuple[str, ...]] = {
    "creditor_ref": (
        "借据号", "借据编号", "案件编号", "案件号", "债权编号", "合同号", "合同编号", "贷款合同号", "贷款合同编号",
        "业务编号", "creditor_ref",
    ),
    "id_kind": ("证件类型", "证件种类", "客户证件类型", "证件类别", "id_kind"),
    "id_number": (
        "证件号码", "证件号", "客户证件号码", "客户证件号", "身份证号码", "身份证号", "统一社会信用代码", "id_number",
    ),
    "id_country": ("签发国家", "护照签发国", "国籍", "证件签发国家", "id_country"),
    "opened_on": (
        "立案日期", "建案日期", "委案日期", "放款日期", "发放日期", "贷款发放日", "起息日", "借款日期", "opened_on",
    ),
    "court_case": ("案号", "法院案号", "court_case"),
    "mediation_file": ("调解案卷号", "调解号", "mediation_file"),
    "mediator_id": ("调解机构编号", "mediator_id"),
}  # fmt: skip
KIND_WORDS = {
    "身份证": "cn_id", "居民身份证": "cn_id", "二代身份证": "cn_id", "中国居民身份证": "cn_id", "临时身份证": "cn_id",
    "统一社会信用代码": "uscc", "营业执照": "uscc", "社会信用代码": "uscc",
    "护照": "passport", "外国护照": "passport", "中国护照": "passport",
    **{kind: kind for kind in KINDS},
}  # fmt: skip


@dataclass(frozen=True)
class Mapping:
    """`columns` field → header, over HEADERS; `id_kinds` word → kind, over KIND_WORDS."""

    columns: dict[str, str] = field(default_factory=dict)
    id_kinds: dict[str, str] = field(default_factory=dict)
    delimiter: str = ","
    default_kind: str = "cn_id"
    reference_prefix: str = ""

    @property
    def digest(self) -> str:
        """Of what it maps: a journal belongs to one mapping."""
        body = [self.columns, self.id_kinds, self.delimiter, self.default_kind, self.reference_prefix]
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()

    def kind_of(self, word: str) -> str | None:
        """cn_id, uscc or passport for a word of the file, None where it is not known."""
        folded = fold(word)
        return self.id_kinds.get(folded) or KIND_WORDS.get(folded)


def read_mapping(path: str | Path) -> Mapping:
    """A mapping file. Raises BadInput naming what is not known in it."""
    try:
        body = tomllib.loads(Path(path).read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise BadInput(
            "mapping_unreadable",
            "列映射文件无法读取",
            "The mapping file cannot be read",
            "应为 UTF-8 的 TOML。",
            "It is TOML in UTF-8.",
        ) from fault
    columns, kinds, file = (_table(body, name) for name in ("columns", "id_kinds", "file"))
    unknown = [*(body.keys() - {"columns", "id_kinds", "file"}), *(columns.keys() - HEADERS.keys())]
    unknown += [kind for kind in kinds.values() if kind not in KINDS]
    unknown += file.keys() - {"delimiter", "default_kind", "reference_prefix"}
    if unknown:
        raise _unknown(", ".join(sorted(unknown)))
    delimiter, default = file.get("delimiter", ","), file.get("default_kind", "cn_id")
    prefix = file.get("reference_prefix", "")
    sound = prefix == "" or (prefix.isascii() and prefix.isalnum() and len(prefix) <= 8)
    if len(delimiter) != 1 or delimiter in '"\r\n' or default not in KINDS or not sound:
        raise _unknown("file")
    return Mapping(columns, {fold(word): kind for word, kind in kinds.items()}, delimiter, default, prefix)


def _table(body: dict[str, Any], name: str) -> dict[str, str]:
    table = body.get(name, {})
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise _unknown(name)
    return table


def _unknown(what: str) -> BadInput:
    return BadInput(
        "mapping_unknown", f"列映射文件中有不认识的内容：{what}", f"The mapping file holds what is not known: {what}",
        f"[columns] 的字段为 {'、'.join(HEADERS)}；证件类型为 {'、'.join(KINDS)}。",
        f"Fields of [columns]: {', '.join(HEADERS)}; kinds: {', '.join(KINDS)}.",
    )  # fmt: skip


def find_columns(header: Sequence[str], mapping: Mapping) -> dict[str, int]:
    """Field → position. Raises BadInput where a required column is missing or a used header stands twice."""
    names = [fold(name) for name in header]
    found: dict[str, int] = {}
    missing: list[str] = []
    for name, usual in HEADERS.items():
        wanted = [mapping.columns[name]] if name in mapping.columns else usual
        there = [folded for folded in map(fold, wanted) if folded in names]
        if there:
            if names.count(there[0]) > 1:
                raise BadInput(
                    "header_repeated", f"表头“{there[0]}”出现两次", f"The header {there[0]} stands twice",
                    "在列映射文件中另指一列，或改表头。", "Map another column, or rename one.",
                )  # fmt: skip
            found[name] = names.index(there[0])
        elif name in REQUIRED or name in mapping.columns:
            missing.append(f"{name}（{'、'.join(wanted[:4])}）")
    if missing:
        raise BadInput(
            "column_missing", f"表头中找不到：{'；'.join(missing)}", f"Not among the headers: {'; '.join(missing)}",
            "用 --mapping 指明列名；若表头成乱码，用 --encoding 指明编码。",
            "Name the columns with --mapping; where headers are garbled, the encoding with --encoding.",
        )  # fmt: skip
    return found


def fold(text: str) -> str:
    """One form for headers and words: half width, no spaces, no BOM."""
    return "".join(unicodedata.normalize("NFKC", text).replace("\ufeff", "").split())
