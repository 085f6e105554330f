"""Gongxin 共信: the registry. Start at `app.py`; the packages stand in the order of docs and import contracts.

Each domain package holds the same files: rules (pure decisions), models, queries (every SELECT), service (the verbs),
schemas (the wire) and api (parse, call, return).
"""

__version__ = "0.1.0"
