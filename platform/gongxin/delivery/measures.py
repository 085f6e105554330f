"""What an operator watches of delivery, measured in the database as it is asked for."""

from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.config import Config

from . import queries


def measure(session: Session, _config: Config) -> dict[str, tuple[str, float]]:
    """Gauges: name → (what it is, value). No member, no endpoint."""
    found = queries.figures(session, clock.now())
    return {
        "gongxin_delivery_waiting_events": ("Events without a position yet", found.waiting),
        "gongxin_delivery_position": ("Position of the newest event", found.events),
        "gongxin_delivery_owed_calls": ("Calls of endpoints still owed", found.owed),
        "gongxin_delivery_dead_letters": ("Events an endpoint did not take in three days", found.dead),
        "gongxin_delivery_overdue_seconds": ("How long the oldest due endpoint has waited", found.overdue_seconds),
        "gongxin_delivery_endpoints": ("Active endpoints", found.endpoints),
        "gongxin_delivery_failing_endpoints": ("Active endpoints whose last call failed", found.failing),
    }
