"""Fingerprints, time stamps, verification (全链路留痕). Not built yet: its place in the layout."""
