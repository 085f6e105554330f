"""Outbox, webhooks, the change feed (投递). Not built yet: its place in the layout."""
