"""The mutual-aid fund and its ledger (互助基金). Not built yet: its place in the layout."""
