"""A photograph that is not one has no fingerprint."""

import hashlib
import struct
from pathlib import Path

import pytest

from gongxin_client.errors import BadInput
from gongxin_client.photos import fingerprint


def png(width: int = 300, height: int = 400) -> bytes:
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", width, height)
    return head + b"\x08\x02\0\0\0" + bytes(1500) + b"\0\0\0\0IEND\xaeB`\x82"


def jpeg(width: int = 300, height: int = 400) -> bytes:
    app = b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    frame = b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + bytes(10)
    return b"\xff\xd8" + app + frame + bytes(1500) + b"\xff\xd9"


@pytest.mark.parametrize("data", [png(), jpeg()])
def test_a_whole_picture_has_the_fingerprint_of_its_bytes(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "portrait"
    path.write_bytes(data)
    assert fingerprint(path) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"%PDF-1.7\n" + bytes(2000), "not_a_photo"),
        (b"GIF89a" + bytes(2000), "not_a_photo"),
        (png()[:-8], "not_a_photo"),
        (jpeg()[:-2], "not_a_photo"),
        (b"\xff\xd8\xff" + bytes(2000) + b"\xff\xd9", "not_a_photo"),
        (png(40, 400), "photo_too_small"),
        (jpeg(300, 90), "photo_too_small"),
        (b"", "photo_size"),
    ],
)
def test_what_is_no_photograph_is_refused_by_name(tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "portrait.jpg"
    path.write_bytes(data)
    with pytest.raises(BadInput) as caught:
        fingerprint(path)
    assert caught.value.code == code
