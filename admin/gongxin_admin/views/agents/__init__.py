"""催收员 Agents at the desk: applications, an agent with credit record, transfers, lapses, filings, statistics."""

from flask import Flask

from . import agent, filings, records, register, statistics


def register_all(app: Flask) -> None:
    for part in (register, records, filings, statistics, agent):
        part.register(app)
