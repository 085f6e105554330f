"""行业风险名单 The violations list at the desk: triage by clock, one matter with its committee room, corrections."""

from flask import Flask

from ...menu import WORK
from . import acts, lists, matter, work

__all__ = ["register"]
WORK["admin"].append(work.waiting)


def register(app: Flask) -> None:
    lists.register(app)
    matter.register(app)
    acts.register(app)
