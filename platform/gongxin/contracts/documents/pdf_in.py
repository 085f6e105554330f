"""An uploaded PDF as text, by a program of its own (`pdf_reader.py`) that may fail or be ended without harm."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from . import refusals

_PROGRAM: Final = (sys.executable, "-I", "-B", str(Path(__file__).with_name("pdf_reader.py")))
_SECONDS: Final = 30


def text(upload: bytes) -> str:
    """What a reader of the document can select. Raises Invalid for what cannot be read, runs something, or is only a
    picture of a paper."""
    try:
        # Our own program, without a shell; the upload goes in as data.
        done = subprocess.run(_PROGRAM, input=upload, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603
        told = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as fault:
        raise refusals.of("not_a_document") from fault
    if "text" not in told:
        raise refusals.of(told["refused"])
    return str(told["text"])
