"""Caps on fees (佣金上限) as bitemporal data: from when a rule holds, and from when it was on record here.

A verdict of a contract is asked as of its signing day, with what was known then; asked again with what is known now it
may differ, where a cap was recorded late for an earlier day (docs/adr/0009-bitemporal-caps.md). Only a rule with a
`verified` source binds; all others inform.
"""
