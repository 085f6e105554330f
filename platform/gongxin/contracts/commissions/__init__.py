"""Commissions (佣金): a recovery reported and confirmed, priced once, stated monthly, agreed line by line.

The chain is provable: signatures of the contract, each confirmed recovery and each settled statement have their leaf;
the levy's base in the fund names the statement. Amounts are fen; `rules.py` decides, `fees/pricing.py` prices one,
`queries.py` prices many in one statement of the database.
"""
