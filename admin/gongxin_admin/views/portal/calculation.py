"""How a charge came about, line by line: months, rate, coefficient. Reads what the run froze with it."""

import json
from typing import Any

from flask_babel import gettext as _

from ...formats import percent, yuan
from ..fund import wording

WHY = {
    "start": ("起点", "start"), "violation": ("违规记录", "violation on record"),
    "alleged_never_counts": ("指控不计", "alleged, never counts"), "past_its_term": ("已过期限", "past its term"),
    "clean_year": ("一年无违规", "a clean year"), "bounded": ("上下限调整", "held to its bounds"),
}  # fmt: skip


def of(charge: Any) -> dict[str, Any]:
    """Rows of the three tables, or the reason where the charge is no levy."""
    told = json.loads(charge.lines)
    if "months" not in told:
        return {"reason": told.get("reason", "")}
    found = told["coefficient"]
    return {
        "months": [
            [each["month"], *(yuan(each[f"{name}_fen"]) for name in ("agreed", "stated", "charged", "base"))]
            for each in told["months"]
        ],
        "steps": [
            [_("基数合计"), "—", yuan(told["base_fen"])],
            [_("乘以费率"), percent(told["rate_bp"]), yuan(told["before_fen"])],
            [_("乘以风险系数"), percent(found["bp"]), yuan(told["amount_fen"])],
        ],
        "coefficient": [
            [wording.of(WHY, line["why"]), line["severity"] or "—", percent(line["bp"])]
            for line in found["lines"]
        ],
    }  # fmt: skip
