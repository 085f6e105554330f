"""Identifiers: UUIDv7 (RFC 9562 section 5.7), opaque to whoever receives them."""

import os
import random
import threading
import uuid

from . import clock

_lock = threading.Lock()
_at = 0


def new_id() -> uuid.UUID:
    """A UUIDv7; within one process each is greater than the one before, and 62 bits of each are random, so that two
    processes never meet, whatever their clocks do (RFC 9562 section 6.2, method 1: a counter of 12 bits, whose overflow
    and a clock that went back advance the milliseconds)."""
    global _at
    now = int(clock.now().timestamp() * 1000) << 12
    with _lock:
        at = _at = max(now, _at + 1)
    tail = int.from_bytes(os.urandom(8)) >> 2
    return uuid.UUID(int=at >> 12 << 80 | 0x7 << 76 | (at & 0xFFF) << 64 | 0x2 << 62 | tail)


def request_id() -> str:
    """32 hexadecimal digits for logs and the X-Request-Id header; no secret, so without the cost of a system call."""
    return f"{random.getrandbits(128):032x}"
