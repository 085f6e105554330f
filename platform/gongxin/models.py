"""Every table, gathered for Alembic and for the test that holds the migrations against the models."""

import importlib

from .db import Base

for _package in (
    "web.idempotency",
    "transparency.models",
    "transparency.models_erasing",
    "transparency.models_witnessing",
    "members.models",
    "access.models",
    "accounts.models",
    "subjects.models",
    "delivery.models",
    "cases.models",
    "disclosure.models",
    "evidence.models",
    "fund.ledger.models",
    "fund.bank.models",
    "fund.bank.models_statements",
    "fund.income.models",
    "agents.models",
    "fund.claims.models",
    "fund.reports.models",
    "agents.models_badges",
    "contracts.caps.models",
    "contracts.standard.models",
    "contracts.models",
    "agents.models_filings",
    "blacklist.models",
    "contracts.commissions.models",
    "federation.models",
):
    importlib.import_module(f"gongxin.{_package}")

metadata = Base.metadata
