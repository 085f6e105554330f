"""What tests of agents over HTTP share."""

from typing import Any

from tests.services.agents_world import YESTERDAY
from tests.services.disclosure_world import token


def application(**change: Any) -> dict[str, Any]:
    return {
        "subject": [{"epoch": 1, "token": token()}], "name": "测试员甲", "education": "college",
        "photo_sha256": "ab" * 32, "adult_as_of": YESTERDAY.isoformat(), "declared_on": YESTERDAY.isoformat(),
    } | change  # fmt: skip
