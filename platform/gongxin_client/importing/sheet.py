"""The file: its encoding found strictly, its rows numbered as a spreadsheet does, read as a stream."""

import codecs
import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import BadInput

ENCODINGS = ("utf-8", "gb18030")
_BLOCK = 1 << 20
_LONGEST_FIELD = 32_768


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that reads from end to end. `rows` counts the header; `digest` is SHA-256 of the bytes, hexadecimal."""

    path: Path
    encoding: str
    delimiter: str
    digest: str
    size: int
    rows: int
    header: tuple[str, ...]


def examine(path: Path, delimiter: str = ",", encoding: str | None = None) -> Sheet:
    """Reads the whole file once. Raises BadInput: unreadable, an encoding that is neither UTF-8 nor GB18030, quotes
    that do not close, no header."""
    try:
        size, digest, found = _bytes(path, encoding)
    except OSError as fault:
        raise BadInput(
            "file_unreadable", "文件无法读取", "The file cannot be read", "核对路径与权限。", "Check path and rights."
        ) from fault
    header: tuple[str, ...] = ()
    rows = 0
    for number, cells in _records(path, found, delimiter):
        rows = number
        if number == 1:
            header = tuple(cells)
    if not any(header):
        raise BadInput(
            "no_header",
            "文件没有表头",
            "The file has no header",
            "第一行应为列名。",
            "The first row names the columns.",
        )
    return Sheet(path, found, delimiter, digest, size, rows, header)


def rows(sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
    """(row number, cells) from row 2 on; blank rows are counted and left out."""
    for number, cells in _records(sheet.path, sheet.encoding, sheet.delimiter):
        if number > 1 and any(cell.strip() for cell in cells):
            yield number, cells


def _records(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_LONGEST_FIELD)
    with _open(path, encoding) as source:
        reader = csv.reader(source, delimiter=delimiter, strict=True)
        number = 0
        try:
            for number, cells in enumerate(reader, 1):
                yield number, cells
        except csv.Error as fault:
            raise BadInput(
                "bad_csv",
                f"第 {number + 1} 行起引号不配对或内容过长",
                f"From row {number + 1} on quotes do not match, or a cell is too long",
                "在表格软件中另存为 CSV 后重试。", "Save it as CSV anew.",
            ) from fault  # fmt: skip


def _open(path: Path, encoding: str) -> IO[str]:
    return open(path, encoding="utf-8-sig" if encoding == "utf-8" else encoding, errors="strict", newline="")


def _bytes(path: Path, encoding: str | None) -> tuple[int, str, str]:
    """(size, digest, encoding): UTF-8 where every byte is, else GB18030 where every byte is, else refused."""
    digest, size = hashlib.sha256(), 0
    decoders = {name: codecs.getincrementaldecoder(name)("strict") for name in ENCODINGS if encoding in (None, name)}
    if not decoders:
        raise _encoding(f"--encoding 为 {' 或 '.join(ENCODINGS)}", f"--encoding is {' or '.join(ENCODINGS)}")
    faults: dict[str, int] = {}
    line = 1
    with open(path, "rb") as source:
        first = True
        while block := source.read(_BLOCK):
            if first and block[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                raise _encoding("文件是 UTF-16", "The file is UTF-16")
            if first and block.startswith(codecs.BOM_UTF8) and encoding is None:
                decoders.pop("gb18030")
            first = False
            digest.update(block)
            size += len(block)
            for name in list(decoders):
                try:
                    decoders[name].decode(block)
                except UnicodeDecodeError as fault:
                    faults[name] = line + fault.object[: fault.start].count(b"\n")
                    del decoders[name]
            line += block.count(b"\n")
    for name in list(decoders):
        try:
            decoders[name].decode(b"", final=True)
        except UnicodeDecodeError:
            faults[name] = line
            del decoders[name]
    if not decoders:
        where = "、".join(f"{name} 第 {at} 行" for name, at in faults.items())
        where_en = ", ".join(f"{name} at line {at}" for name, at in faults.items())
        raise _encoding(
            f"既不是完整的 UTF-8 也不是 GB18030（{where}）", f"Neither whole UTF-8 nor whole GB18030 ({where_en})"
        )
    return size, digest.hexdigest(), next(iter(decoders))


def _encoding(zh: str, en: str) -> BadInput:
    return BadInput(
        "bad_encoding",
        zh,
        en,
        "另存为“CSV UTF-8”或 GB18030 后重试。",
        "Save it as CSV in UTF-8 or GB18030 and try again.",
    )
