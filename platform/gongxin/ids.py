"""Identifiers: UUIDv7 (RFC 9562 section 5.7), opaque to whoever receives them."""

import os
import random
import threading
import uuid

from . import clock

_lock = threading.Lock()
_last = 0


def new_id() -> uuid.UUID:
    """A UUIDv7; within one process each is greater than the one before."""
    global _last
    stamp = int(clock.now().timestamp() * 1000)
    with _lock:
        value = (stamp << 80) | (0x7 << 76) | (int.from_bytes(os.urandom(10)) & ((1 << 76) - 1))
        value = (value & ~(0x3 << 62)) | (0x2 << 62)
        if value <= _last:
            value = (
                ((_last >> 64) + 1 << 64) | (value & ((1 << 64) - 1)) if (_last >> 64) & 0xFFF != 0xFFF else _last + 1
            )
        _last = value
    return uuid.UUID(int=value)


def request_id() -> str:
    """32 hexadecimal digits for logs and the X-Request-Id header; no secret, so without the cost of a system call."""
    return f"{random.getrandbits(128):032x}"
