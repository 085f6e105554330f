"""互助金 The mutual-aid fund at the desk: claims, entries, levy runs, the bank's days, periods, disclosure."""

from flask import Flask

from ...menu import WORK
from . import bank, books, claims, entries, runs, work

__all__ = ["register"]
WORK["admin"].append(work.waiting)


def register(app: Flask) -> None:
    claims.register(app)
    entries.register(app)
    runs.register(app)
    bank.register(app)
    books.register(app)
