"""The verbs on cases: session first, keyword arguments; they flush, never commit."""

from . import erasing
from .asserting import (
    apply_due_events,
    assert_court_event,
    assert_event,
    correct_court_event,
    correct_event,
    court_events,
    withdraw_court_event,
    withdraw_event,
)
from .placing import expire_mandates, place, place_bulk
from .reading import get_case, history, list_cases, status_as_of
from .registering import link_reference, reader, register, register_bulk, rekey_bulk, unlink_reference

__all__ = [
    "apply_due_events",
    "assert_court_event",
    "assert_event",
    "correct_court_event",
    "correct_event",
    "court_events",
    "erasing",
    "expire_mandates",
    "get_case",
    "history",
    "link_reference",
    "list_cases",
    "place",
    "place_bulk",
    "reader",
    "register",
    "register_bulk",
    "rekey_bulk",
    "status_as_of",
    "unlink_reference",
    "withdraw_court_event",
    "withdraw_event",
]
