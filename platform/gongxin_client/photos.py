"""A photograph's fingerprint. The picture stays with the agency; what is no picture has none."""

import hashlib
from pathlib import Path

from .errors import BadInput

LEAST_BYTES, MOST_BYTES = 1_024, 10 * 1024 * 1024
LEAST_PIXELS = 120
_PNG = b"\x89PNG\r\n\x1a\n"


def fingerprint(path: Path) -> str:
    """SHA-256 of a JPEG or PNG, hexadecimal. Raises BadInput for anything else, for one cut short, too small or too
    large: a name ending in .jpg proves nothing."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError as fault:
        raise BadInput("file_unreadable", "文件无法读取", "The file cannot be read") from fault
    if not LEAST_BYTES <= size <= MOST_BYTES:
        raise BadInput(
            "photo_size", "照片应在 1 KB 至 10 MB 之间", "A photograph is 1 KB to 10 MB",
            "换一张证件照。", "Use a portrait of that size.",
        )  # fmt: skip
    pixels = _png(data) if data.startswith(_PNG) else _jpeg(data)
    if pixels is None:
        raise BadInput(
            "not_a_photo", "文件不是完整的 JPEG 或 PNG 照片", "The file is no whole JPEG or PNG",
            "导出为 JPEG 或 PNG 后重试；改扩展名无效。", "Export it as JPEG or PNG; renaming does not help.",
        )  # fmt: skip
    if min(pixels) < LEAST_PIXELS:
        raise BadInput(
            "photo_too_small", f"照片边长不足 {LEAST_PIXELS} 像素", f"A side is under {LEAST_PIXELS} pixels",
            "换一张清晰的证件照。", "Use a larger portrait.",
        )  # fmt: skip
    return hashlib.sha256(data).hexdigest()


def _png(data: bytes) -> tuple[int, int] | None:
    """(width, height) of a PNG that begins with its header and ends with its end."""
    if data[12:16] != b"IHDR" or data[-8:-4] != b"IEND":
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """(width, height) of a JPEG: its segments are walked to the frame (ITU T.81, annex B)."""
    if not data.startswith(b"\xff\xd8\xff") or not data.rstrip(b"\0").endswith(b"\xff\xd9"):
        return None
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
            return width, height
        at += 2 + length
    return None
